"""Sounds that are written are those that are read, by others."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io.wavfile
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

import wam_widgets as wam

STEP = 2.0**-15


def noise(channels: int = 1, samples: int = 1000, scale: float = 0.2) -> Tensor:
    return scale * torch.randn(channels, samples, generator=torch.Generator().manual_seed(channels))


def read(path: Path) -> tuple[NDArray[np.int16], int]:
    """Let SciPy read the steps of a file, (channel, time), and its sample rate."""
    rate, steps = scipy.io.wavfile.read(path)
    assert steps.dtype == np.int16
    return steps.reshape(len(steps), -1).T, rate


def rms(sound: Any) -> float:
    return float(np.sqrt(np.mean(np.square(np.asarray(sound, dtype=np.float64)))))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
@pytest.mark.parametrize("channels", [1, 2, 5])
def test_what_is_read_is_what_was_written_to_a_step(tmp_path: Path, channels: int, dtype: torch.dtype) -> None:
    sound = noise(channels).clamp(-1, 1).to(dtype)
    path = wam.to_wav(sound, tmp_path / "noise.wav", 22_050)
    steps, rate = read(path)
    assert (path, rate, steps.shape) == (tmp_path / "noise.wav", 22_050, (channels, 1000))
    assert np.abs(steps * STEP - sound.double().numpy()).max() <= STEP / 2
    theirs, their_rate = soundfile.read(path)
    np.testing.assert_array_equal(theirs.reshape(1000, -1).T, steps * STEP)
    assert their_rate == 22_050
    assert soundfile.info(path).subtype == "PCM_16"


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=40))
def test_every_value_is_within_a_step(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    path = tmp_path_factory.mktemp("wav") / "any.wav"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wam.to_wav(torch.tensor([values], dtype=torch.float64), path, 8000)
    assert np.abs(read(path)[0][0] * STEP - np.array(values)).max() <= STEP


def test_the_ends_of_the_range_are_not_clipping(tmp_path: Path) -> None:
    steps, _ = read(wam.to_wav(torch.tensor([[-1.0, 0.0, 1.0]]), tmp_path / "ends.wav", 8000))
    assert steps.tolist() == [[-32768, 0, 32767]]


def test_channels_stay_apart(tmp_path: Path) -> None:
    steps, _ = read(wam.to_wav(torch.tensor([[0.5, 0.25], [-0.5, 0.0]]), tmp_path / "two.wav", 8000))
    assert steps.tolist() == [[16384, 8192], [-16384, 0]]


def test_clipping_is_reported_with_a_level_that_avoids_it(tmp_path: Path) -> None:
    sound = noise(2, 4000, scale=0.7)
    beyond = int((sound.abs() > 1).sum())
    with pytest.warns(
        RuntimeWarning, match=rf"^{beyond} of 8000 samples .* were clipped\. Pass `level=(-\d+\.\d)`"
    ) as told:
        wam.to_wav(sound, tmp_path / "loud.wav", 16_000)
    level = float(str(told[0].message).split("level=")[1].split("`")[0])
    steps, _ = read(wam.to_wav(sound, tmp_path / "fits.wav", 16_000, level=level))
    assert 0.98 < np.abs(steps).max() * STEP <= 1
    with pytest.warns(RuntimeWarning, match="brought to that level"):
        wam.to_wav(sound, tmp_path / "loud.wav", 16_000, level=level + 0.2)


@pytest.mark.parametrize("decibels", [-40.0, -20.0])
def test_a_level_is_a_root_mean_square_in_decibels(tmp_path: Path, decibels: float) -> None:
    steps, _ = read(wam.to_wav(noise(2), tmp_path / "level.wav", 16_000, level=decibels))
    assert 20 * np.log10(rms(steps * STEP)) == pytest.approx(decibels, abs=0.01)


def test_the_level_of_another_sound_is_taken(tmp_path: Path) -> None:
    other = noise(1, 300, scale=0.15)
    steps, _ = read(wam.to_wav(1e-3 * noise(2), tmp_path / "level.wav", 16_000, level=other))
    assert rms(steps * STEP) == pytest.approx(rms(other), rel=1e-3)


@pytest.mark.parametrize("level", [None, -20.0])
def test_silence_stays_silent(tmp_path: Path, level: float | None) -> None:
    steps, _ = read(wam.to_wav(torch.zeros(1, 10), tmp_path / "silence.wav", 16_000, level=level))
    assert not steps.any()


def test_the_rate_of_a_grid_s_spacing_will_do(tmp_path: Path) -> None:
    for rate in (8000, 11_025, 16_000, 22_050, 44_100, 48_000):
        assert read(wam.to_wav(noise(), tmp_path / "rate.wav", 1 / (1 / rate)))[1] == rate


def test_the_caller_s_sound_is_left_as_it_was(tmp_path: Path) -> None:
    sound = noise().requires_grad_()
    before = sound.detach().clone()
    wam.to_wav(sound, tmp_path / "a.wav", 8000, level=-30.0)
    assert sound.detach().equal(before)
    assert sound.requires_grad


def test_the_same_sound_is_the_same_file(tmp_path: Path) -> None:
    files = [wam.to_wav(noise(), tmp_path / name, 8000) for name in ("a.wav", "b.wav")]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"sound": np.zeros((1, 5))}, TypeError, r"must be a torch tensor of shape \(channel, time\); got ndarray"),
        (
            {"sound": torch.zeros(1, 5, dtype=torch.int16)},
            TypeError,
            r"floating-point.*torch\.int16\. .*`sound / 32768`",
        ),
        ({"sound": torch.zeros(5)}, ValueError, r"shape \(channel, time\).*got \(5,\)\. Pass `sound\[None\]`"),
        ({"sound": torch.zeros(1, 1, 5)}, ValueError, r"got \(1, 1, 5\)\. Pass one item, `sound\[0\]`"),
        ({"sound": torch.zeros(1, 0)}, ValueError, r"at least one of each; got \(1, 0\)"),
        ({"sound": torch.zeros(1, 5, device="meta")}, ValueError, r"must have values; .* 'meta'"),
        (
            {"sound": torch.tensor([[0, 0], [1, torch.nan]])},
            ValueError,
            r"must be finite; got 1 NaN or inf value\(s\), the first in channel 1 at sample 1\. Pass e\.g\.",
        ),
        (
            {"sound": torch.zeros(2**16, 1)},
            ValueError,
            r"got \(65536, 1\), which looks like \(time, channel\)\. Pass `sound\.T`",
        ),
        (
            {"sound": torch.zeros(64, 3), "sample_rate": 2**26},
            ValueError,
            r"must fit into the 4 GiB of a WAV file; got 64 channel",
        ),
        ({"sample_rate": 0}, ValueError, r"`sample_rate` must be a whole number of samples per second; got 0\. Pass"),
        ({"sample_rate": 11_025.5}, ValueError, r"got 11025\.5"),
        ({"sample_rate": "16k"}, ValueError, r"got '16k'"),
        ({"sample_rate": float("nan")}, ValueError, r"got nan"),
        (
            {"level": "loud"},
            TypeError,
            r"`level` must be None, decibels relative to 1, or a sound.*got 'loud'\. Pass e",
        ),
        ({"level": float("inf")}, TypeError, r"got inf"),
        ({"level": torch.zeros(3)}, ValueError, r"`level` must have the shape \(channel, time\)"),
    ],
    ids=str,
)
def test_what_cannot_be_written_is_refused_and_no_file_is_touched(
    options: dict[str, Any], error: type[Exception], words: str, as_a_user: None, tmp_path: Path
) -> None:
    path = tmp_path / "kept.wav"
    path.write_text("kept")
    given: dict[str, Any] = {"sound": torch.zeros(1, 5), "sample_rate": 8000} | options
    with pytest.raises(error, match=words):
        wam.to_wav(given.pop("sound"), path, given.pop("sample_rate"), **given)
    assert path.read_text() == "kept"


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        wam.to_wav(noise(), tmp_path / "nowhere" / "a.wav", 8000)
