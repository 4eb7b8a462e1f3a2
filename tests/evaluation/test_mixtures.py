"""What is added to a signal, and the ratio of what is left."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import wam_widgets as wam
from wam_widgets.evaluation import Mixture


def sound(items: int = 3, channels: int = 1, samples: int = 500, seed: int = 0) -> Tensor:
    return torch.randn(items, channels, samples, generator=torch.Generator().manual_seed(seed))


def rms(signal: Tensor) -> Tensor:
    return signal.flatten(1).double().square().mean(1).sqrt()


# --------------------------------------------------------------------------------------------------------- mixtures


def test_an_overlap_is_the_weighted_sum_and_keeps_its_parts() -> None:
    signal, other = sound(seed=0), sound(seed=1)
    mixture = wam.overlap(signal, other, 0.2)
    torch.testing.assert_close(mixture.signal, signal + 0.2 * other)
    torch.testing.assert_close(mixture.clean, signal)
    torch.testing.assert_close(mixture.corruption, 0.2 * other)
    expected = 20 * (rms(signal) / rms(0.2 * other)).log10()
    torch.testing.assert_close(mixture.snr, expected.float())


def test_the_parts_do_not_change_with_what_they_were_made_of() -> None:
    signal, other = sound(seed=0), sound(seed=1)
    overlap, noise = wam.overlap(signal, other), wam.add_noise(signal)
    before = signal.clone()
    signal.zero_()
    other.zero_()
    for mixture in (overlap, noise):
        torch.testing.assert_close(mixture.clean, before)
        assert mixture.corruption.any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("snr", [-5.0, 0.0, 12.5])
def test_noise_has_the_asked_ratio_in_every_item(snr: float, dtype: torch.dtype) -> None:
    signal = (sound(channels=2) * torch.tensor([1.0, 0.01, 100.0]).reshape(3, 1, 1)).to(dtype)
    mixture = wam.add_noise(signal, snr)
    assert mixture.corruption.dtype == dtype
    torch.testing.assert_close(rms(signal) / rms(mixture.corruption), torch.full((3,), 10 ** (snr / 20)).double())


def test_noise_is_normal_and_white() -> None:
    noise = wam.add_noise(torch.ones(1, 1, 2**14)).corruption[0, 0].double().numpy()
    assert scipy.stats.kstest(noise, "norm").pvalue > 0.01
    octaves = np.abs(np.fft.rfft(noise)[1:]) ** 2
    # Powers of white noise are exponential with one mean: of 32 equal bands, each with 256 lines.
    bands = octaves.reshape(32, -1).mean(1) / octaves.mean()
    assert np.abs(bands - 1).max() < 4 / math.sqrt(256)


def test_noise_belongs_to_the_seed_and_not_to_the_batch() -> None:
    signal = sound()
    together = wam.add_noise(signal, seed=[7, 8, 9]).corruption
    torch.testing.assert_close(wam.add_noise(signal[1:2], seed=8).corruption, together[1:2])
    assert not torch.allclose(together[0] / rms(together)[0], together[1] / rms(together)[1])


def test_the_global_generators_are_left_alone() -> None:
    before, state = torch.get_rng_state(), np.random.get_state(legacy=False)["state"]["key"]  # noqa: NPY002  # it is what must not change
    wam.add_noise(sound())
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state(legacy=False)["state"]["key"], state)  # noqa: NPY002


def test_images_are_mixed_too() -> None:
    image = torch.rand(2, 3, 8, 9)
    assert wam.add_noise(image, 10.0).signal.shape == wam.overlap(image, image.flip(0)).signal.shape == image.shape


# ----------------------------------------------------------------------------------------------------------- SI-SDR


def test_si_sdr_is_the_ratio_of_the_two_sides_of_a_right_angle() -> None:
    # 3 s along s = (1, 0, 0), and a distortion of length 0.3 at a right angle: 20 dB, by hand.
    estimate, reference = torch.tensor([[[3.0, 0.3, 0.0]]]), torch.tensor([[[1.0, 0.0, 0.0]]])
    torch.testing.assert_close(wam.si_sdr(estimate, reference), torch.tensor([20.0]))


def test_si_sdr_is_the_formula_of_its_paper() -> None:
    estimate, reference = sound(seed=3)[:, :, :50].double(), sound(seed=4)[:, :, :50].double()
    for item, found in enumerate(wam.si_sdr(estimate, reference).tolist()):
        given, wanted = estimate[item, 0].numpy(), reference[item, 0].numpy()
        alpha = given @ wanted / np.linalg.norm(wanted) ** 2  # Le Roux et al. 2019, eq. 3
        expected = 10 * np.log10(np.linalg.norm(alpha * wanted) ** 2 / np.linalg.norm(alpha * wanted - given) ** 2)
        assert found == pytest.approx(expected, abs=1e-9)


@given(scale=st.floats(0.01, 100), sign=st.sampled_from([-1, 1]), level=st.floats(-40, 40))
def test_si_sdr_does_not_depend_on_the_scale(scale: float, sign: int, level: float) -> None:
    reference = sound(1).double()
    beside = sound(1, seed=1).double()
    beside -= (beside * reference).sum() / reference.square().sum() * reference
    beside *= reference.norm() / beside.norm() * 10 ** (-level / 20)
    found = wam.si_sdr(sign * scale * (reference + beside), reference)
    torch.testing.assert_close(found, torch.tensor([level], dtype=torch.float64), atol=1e-6, rtol=0)


def test_si_sdr_of_a_copy_is_infinite_and_at_a_right_angle_minus_infinity() -> None:
    reference = torch.tensor([[[1.0, 0.0]], [[1.0, 0.0]]])
    found = wam.si_sdr(torch.tensor([[[2.0, 0.0]], [[0.0, 2.0]]]), reference)
    assert found.tolist() == [math.inf, -math.inf]


# -------------------------------------------------------------------------------------------------------- bad input

SILENT = torch.cat([sound(1), torch.zeros(1, 1, 500)])
NAN = sound(2).index_fill(2, torch.tensor([3]), math.nan)


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (
            lambda: wam.overlap(sound(), sound(samples=400)),
            ValueError,
            r"`signal` and `other` must have the same shape; got \(3, 1, 500\) and \(3, 1, 400\). Crop.*\[..., :400\]",
        ),
        (
            lambda: wam.overlap(sound(), sound(channels=2)),
            ValueError,
            r"same shape; got .* and \(3, 2, 500\). Pass one `other` per item",
        ),
        (lambda: wam.overlap(sound(), sound().double()), TypeError, r"same dtype and device.*`other.to\(signal\)`"),
        (lambda: wam.overlap(sound(), sound(), 0.0), ValueError, r"`weight` must be a positive number; got 0.0"),
        (lambda: wam.overlap(sound(), sound(), -1), ValueError, r"positive number; got -1. Pass e.g. `weight=0.2`"),
        (lambda: wam.overlap(sound(), sound(), math.nan), ValueError, r"positive number; got nan"),
        (
            lambda: wam.overlap(SILENT, sound(2)),
            ValueError,
            r"`signal` must not be silent.*its SI-SDR.*in item\(s\) \[1\]",
        ),
        (lambda: wam.overlap(sound(2), SILENT), ValueError, r"`other` must not be silent"),
        (lambda: wam.overlap(sound(2), NAN), ValueError, r"`other` must be finite; got 2 NaN.*first in item 0"),
        (lambda: wam.overlap(sound().numpy(), sound()), TypeError, r"`signal` must be a torch tensor"),  # type: ignore[arg-type]
        (lambda: wam.overlap(sound(), sound()[0]), ValueError, r"`other` must have the axes \(item, channel"),
        (lambda: wam.overlap(sound().int(), sound()), TypeError, r"`signal` must be of dtype float32"),
        (lambda: wam.overlap(sound(), -4 * sound(), 0.25), ValueError, r"`clean \+ corruption` must not be silent"),
        (lambda: wam.add_noise(SILENT), ValueError, r"not be silent, as no noise has a given ratio to silence"),
        (lambda: wam.add_noise(NAN), ValueError, r"`signal` must be finite"),
        (lambda: wam.add_noise(sound(), math.inf), ValueError, r"`snr` must be a signal-to-noise ratio.*got inf"),
        (lambda: wam.add_noise(sound(), seed=-1), ValueError, r"`seed` must be a whole number from 0"),
        (lambda: wam.add_noise(sound(), seed=[1, 2]), ValueError, r"one per item \(3\)"),
        (lambda: wam.si_sdr(sound(2), SILENT), ValueError, r"`reference`.*SI-SDR against silence is undefined"),
        (lambda: wam.si_sdr(SILENT, sound(2)), ValueError, r"`estimate`.*SI-SDR of silence is undefined"),
        (lambda: wam.si_sdr(sound(2), sound(3)), ValueError, r"`estimate` and `reference` must have the same shape"),
        (lambda: Mixture(sound(2), SILENT), ValueError, r"`corruption` must not be silent"),
        (lambda: Mixture(sound(2), None), TypeError, r"`corruption` must be a torch tensor.*got NoneType"),  # type: ignore[arg-type]
        (lambda: wam.overlap(sound(), None), TypeError, r"`other` must be a torch tensor.*got NoneType"),  # type: ignore[arg-type]
        (lambda: wam.overlap(sound(), sound(), "0.2"), ValueError, r"positive number; got '0.2'"),  # type: ignore[arg-type]
        (
            lambda: wam.overlap(sound(), sound(), grids=16_000),  # type: ignore[arg-type]
            TypeError,
            r"`grids` must be two Grids, that of `signal` and that of `other`; got 16000. Pass",
        ),
        (lambda: wam.overlap(sound(), sound(), grids=(wam.Grid.sound(8000),)), TypeError, r"`grids` must be two Grids"),  # type: ignore[arg-type]
        (lambda: wam.si_sdr(sound(2), "sound"), TypeError, r"`reference` must be a torch tensor.*got str"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_mixed_or_measured_is_refused(
    call: Callable[[], Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        call()


def test_sounds_of_different_rates_are_refused() -> None:
    slow, fast = (wam.Grid(("time",), (1 / rate,), ("s",)) for rate in (16_000, 44_100))
    wam.overlap(sound(), sound(seed=1), grids=(slow, slow))
    with pytest.raises(ValueError, match=r"must have the same grid.*Resample one to the rate of the other"):
        wam.overlap(sound(), sound(seed=1), grids=(slow, fast))
