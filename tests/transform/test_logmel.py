"""The log-mel spectrogram, against librosa's."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import librosa
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.testing import assert_close

import wam_widgets as wam
from wam_widgets.transform import Grid, LogMel
from wam_widgets.transform.logmel import hz_to_mel, mel_to_hz

from .cases import noise

RATE = 16_000

#: Our words for what librosa calls by other names.
SCALES = {"slaney": False, "htk": True}


def sounds(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Noise whose level rises by 60 dB over time and differs by 40 dB from item to item, so that floors matter."""
    quiet = torch.logspace(-2, 0, shape[0], dtype=torch.float64)[:, None, None]
    return (noise(*shape) * quiet * torch.logspace(-3, 0, shape[2], dtype=torch.float64)).to(dtype)


def expected(signal: Tensor, rate: float = RATE, **settings: Any) -> NDArray[np.float64]:
    """Ask librosa, item by item: its floor would otherwise depend on the whole batch."""
    given: dict[str, Any] = {"n_fft": 1024, "scale": "slaney", "ref": 1.0, "amin": 1e-10, "top_db": 80.0} | settings
    decibels: dict[str, Any] = {name: given.pop(name) for name in ("ref", "amin", "top_db")}
    decibels["ref"] = np.max if decibels["ref"] == "max" else decibels["ref"]
    scale = given.pop("scale")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "n_fft=.* is too large for input signal")  # short clips are a point here
        powers = [
            librosa.feature.melspectrogram(y=item, sr=rate, htk=SCALES[scale], dtype=np.float64, **given)
            for item in signal.double().numpy()
        ]
    return np.stack([librosa.power_to_db(power, **decibels) for power in powers])


def difference(signal: Tensor, rate: float = RATE, **settings: Any) -> float:
    """Return the largest deviation from librosa, in dB."""
    found = LogMel(rate, **settings)(signal)
    reference = expected(signal, rate, **settings)
    assert found.shape == reference.shape
    return float(np.abs(found.double().numpy() - reference).max())


# ------------------------------------------------------------------------------------------------- the same as librosa


@pytest.mark.parametrize(
    ("scale", "norm", "pad_mode"), list(itertools.product(["slaney", "htk"], ["slaney", None], ["constant", "reflect"]))
)
@pytest.mark.parametrize(("n_fft", "hop_length", "n_mels"), [(1024, 512, 128), (512, 160, 40), (1000, 333, 64)])
def test_it_is_librosa_s_on_a_grid_of_settings(
    scale: str, norm: str | None, pad_mode: str, n_fft: int, hop_length: int, n_mels: int
) -> None:
    lowest = 300.0 if n_mels == 128 else 0.0  # HTK's lowest bands would fall between frequencies
    settings: dict[str, Any] = {"scale": scale, "norm": norm, "pad_mode": pad_mode, "fmin": lowest}
    settings |= {"n_fft": n_fft, "hop_length": hop_length, "n_mels": n_mels}
    assert difference(sounds(2, 2, 9000), **settings) < 1e-4
    assert difference(sounds(2, 2, 9000, dtype=torch.float32), **settings) < 1e-4


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100.0])
@pytest.mark.parametrize(("fmin", "fmax"), [(0.0, None), (50.0, 3_400.0), (20.0, 4_000.0)])
def test_it_is_librosa_s_at_every_rate_and_range(rate: float, fmin: float, fmax: float | None) -> None:
    settings: dict[str, Any] = {"n_fft": 2048, "n_mels": 64, "fmin": fmin, "fmax": fmax}
    assert difference(sounds(1, 1, 12_000), rate, **settings) < 1e-4


@pytest.mark.parametrize("ref", [1.0, 1e-3, 40.0, "max"])
@pytest.mark.parametrize("top_db", [80.0, 30.0, 0.0, None])
@pytest.mark.parametrize("amin", [1e-10, 1e-2])
def test_its_floor_and_reference_are_librosa_s(ref: float | str, top_db: float | None, amin: float) -> None:
    settings: dict[str, Any] = {"ref": ref, "top_db": top_db, "amin": amin, "n_mels": 32}
    assert difference(sounds(3, 1, 6000), **settings) < 1e-4
    assert difference(sounds(3, 2, 6000, dtype=torch.float32), **settings) < 1e-4


@pytest.mark.filterwarnings("ignore:The clip has")
@pytest.mark.parametrize("win_length", [400, 401, 1024])
@pytest.mark.parametrize("samples", [1, 300, 513, 1023, 4097])
def test_it_is_librosa_s_for_short_windows_and_clips(win_length: int, samples: int) -> None:
    assert difference(sounds(2, 1, samples), win_length=win_length, n_mels=40) < 1e-4


def test_digital_silence_is_the_lowest_that_there_is() -> None:
    assert_close(LogMel(RATE)(torch.zeros(1, 1, 4096)), torch.full((1, 1, 128, 9), -100.0))
    assert difference(torch.zeros(1, 1, 4096)) == 0


@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_mel_is_librosa_s_and_back_again(scale: Any) -> None:
    hertz = np.concatenate([[0.0, 999.9, 1000.0], np.geomspace(1, 24_000, 200)])
    np.testing.assert_allclose(hz_to_mel(hertz, scale), librosa.hz_to_mel(hertz, htk=SCALES[scale]), rtol=1e-12)
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hertz, scale), scale), hertz, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_the_frequencies_are_the_peaks_of_the_filters(scale: Any) -> None:
    front_end = LogMel(RATE, n_fft=65_536, n_mels=40, fmin=60.0, fmax=7000.0, scale=scale)
    peaks = np.asarray(front_end.filters.argmax(1)) * RATE / 65_536
    np.testing.assert_allclose(peaks, front_end.frequencies, rtol=0, atol=RATE / 65_536)
    np.testing.assert_allclose(
        front_end.frequencies, librosa.mel_frequencies(42, fmin=60, fmax=7000, htk=SCALES[scale])[1:-1]
    )


@pytest.mark.parametrize("n_fft", [512, 511])
def test_a_click_is_loudest_in_the_frame_at_its_time(n_fft: int) -> None:
    front_end = LogMel(RATE, n_fft=n_fft, hop_length=160, n_mels=20)
    for place in (800, 3200, 7840):
        click = torch.zeros(1, 1, 8000)
        click[0, 0, place] = 1
        found, times = front_end(click)[0, 0].sum(0), front_end.times(8000)
        assert len(times) == len(found)
        assert times[int(found.argmax())] == pytest.approx(place / RATE)


def test_its_grid_counts_in_mel_and_seconds() -> None:
    front_end = LogMel(8000, hop_length=200, n_mels=41, fmax=1000.0)
    assert front_end.grid == Grid(("mel", "time"), (15 / 42, 0.025), ("mel", "s"))
    mel = hz_to_mel(front_end.frequencies)
    np.testing.assert_allclose(mel - mel[0], np.arange(41) * front_end.grid.spacing[0], atol=1e-12)


# -------------------------------------------------------------------------------------------------- differentiable


def test_its_gradient_is_that_of_finite_differences() -> None:
    front_end = LogMel(2000, n_fft=64, hop_length=32, n_mels=6, top_db=None)
    assert torch.autograd.gradcheck(front_end, sounds(2, 1, 160).requires_grad_())
    floored = LogMel(2000, n_fft=64, hop_length=32, n_mels=6, top_db=10.0, ref="max")
    assert torch.autograd.gradcheck(floored, sounds(2, 1, 160).requires_grad_())


@pytest.mark.parametrize("signal", [torch.zeros(1, 1, 4096), torch.eye(1, 4096)[None]], ids=["silence", "click"])
def test_silence_has_a_finite_gradient(signal: Tensor) -> None:
    leaf = signal.clone().requires_grad_()
    gradient = torch.autograd.grad(LogMel(RATE)(leaf).sum(), leaf)[0]
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("ref", [1.0, "max"])
def test_an_item_does_not_depend_on_its_batch(ref: Any) -> None:
    front_end, signal = LogMel(RATE, ref=ref, top_db=20.0, n_mels=40), sounds(3, 2, 5000)
    alone = torch.cat([front_end(item[None]) for item in signal])
    assert_close(front_end(signal), alone, rtol=0, atol=1e-9)


# ---------------------------------------------------------------------------------------------------- where and in what


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_shapes_suffice_so_nothing_is_copied_to_the_host(dtype: torch.dtype) -> None:
    front_end, nowhere = LogMel(RATE), torch.empty(2, 3, 9000, dtype=dtype, device="meta")
    for module in (front_end, LogMel(RATE).to("meta")):
        found = module(nowhere)
        assert (found.is_meta, found.dtype, found.shape) == (True, dtype, (2, 3, 128, 18))
    assert front_end(sounds(1, 1, 9000, dtype=dtype)).dtype == dtype


def test_it_has_no_state_to_be_saved() -> None:
    front_end = LogMel(RATE)
    assert dict(front_end.state_dict()) == {}
    assert not list(front_end.parameters())
    assert front_end.double()(sounds(1, 1, 2000)).dtype == torch.float64


def test_autocast_does_not_make_it_less_exact() -> None:
    front_end, signal = LogMel(RATE), sounds(1, 1, 5000, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = front_end(signal)
    assert_close(found, front_end(signal), rtol=0, atol=0)


def test_its_repr_holds_its_settings() -> None:
    assert repr(LogMel(RATE, n_mels=40)) == (
        "LogMel(16000 Hz, n_fft=1024, hop_length=512, n_mels=40, 0 to 8000 Hz, scale='slaney', norm='slaney', "
        "top_db=80.0)"
    )


def test_it_is_a_public_name() -> None:
    assert wam.LogMel is LogMel


# -------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sample_rate": 0}, r"`sample_rate` must be a positive number; got 0\. Pass e\.g\. `sample_rate=16_000`"),
        ({"sample_rate": "16 kHz"}, r"`sample_rate` must be a positive number; got '16 kHz'"),
        ({"sample_rate": float("nan")}, r"`sample_rate` must be a positive number; got nan"),
        ({"n_fft": 1}, r"`n_fft` must be a whole number of at least 2; got 1\. Pass e\.g\. `n_fft=1024`"),
        ({"n_fft": 1024.0}, r"`n_fft` must be a whole number of at least 2; got 1024\.0"),
        ({"hop_length": 0}, r"`hop_length` must be a whole number of at least 1; got 0\. Pass e\.g\."),
        ({"n_mels": True}, r"`n_mels` must be a whole number of at least 1; got True"),
        ({"win_length": 2048}, r"`win_length` must be at most `n_fft`, 1024; got 2048\. Pass `n_fft=2048`"),
        ({"fmin": -1.0}, r"0 <= fmin < fmax <= 8000 Hz, half the sample rate; got -1\.0 and None\. Pass e\.g\."),
        ({"fmin": 4000.0, "fmax": 400.0}, r"got 4000\.0 and 400\.0"),
        ({"fmax": 8001}, r"got 0\.0 and 8001"),
        ({"scale": "hkt"}, r"`scale` must be one of 'slaney', 'htk'; got 'hkt'\. Did you mean 'htk'\?"),
        ({"norm": "l1"}, r"`norm` must be one of 'slaney'; got 'l1'"),
        ({"pad_mode": "reflec"}, r"`pad_mode` must be one of 'constant', 'reflect'; .* Did you mean 'reflect'\?"),
        ({"amin": 0.0}, r"`amin` must be a positive number; got 0\.0\. Pass e\.g\. `amin=1e-10`"),
        ({"ref": -1.0}, r"`ref` must be a positive number; got -1\.0\. Pass e\.g\. `ref=1\.0, or 'max'`"),
        ({"top_db": -1.0}, r"`top_db` must be None or decibels from 0; got -1\.0\. Pass e\.g\. `top_db=80\.0`"),
    ],
    ids=str,
)
def test_impossible_settings_are_refused(settings: dict[str, Any], words: str, as_a_user: None) -> None:
    with pytest.raises(ValueError, match=words):
        LogMel(**{"sample_rate": RATE} | settings)


def test_bands_between_two_frequencies_are_reported() -> None:
    with pytest.warns(RuntimeWarning, match=r"^\d+ of 128 mel bands are narrower than .* 62\.5 Hz .* Raise `n_fft`"):
        front_end = LogMel(RATE, n_fft=256)
    with pytest.warns(UserWarning, match="Empty filters"):
        filters = librosa.filters.mel(sr=RATE, n_fft=256)
    np.testing.assert_array_equal(np.asarray(front_end.filters).max(1) == 0, filters.max(1) == 0)


@pytest.mark.parametrize(
    ("signal", "error", "words"),
    [
        (torch.zeros(1, 1, 512), ValueError, r"at least 513 samples for n_fft=1024 .* got 512\. Pass a longer sound"),
        (torch.zeros(3, 4000), ValueError, r"must have the axes \(item, channel, \*space\).*`signal\[:, None\]`"),
        (
            torch.zeros(2, 1, 40, 40),
            ValueError,
            r"must be sound, with the axes .*got shape \(2, 1, 40, 40\)\. .*\(0, 1\)",
        ),
        (torch.zeros(1, 0, 4000), ValueError, r"at least one item, channel and sample"),
        (torch.zeros(1, 1, 4000, dtype=torch.int16), TypeError, r"dtype float32 or float64; got torch\.int16"),
        (np.zeros((1, 1, 4000)), TypeError, r"must be a torch tensor .* got ndarray"),
    ],
    ids=str,
)
def test_what_is_no_sound_is_refused_before_any_computation(
    signal: Any, error: type[Exception], words: str, as_a_user: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    front_end = LogMel(RATE, pad_mode="reflect")
    monkeypatch.setattr(torch, "stft", lambda *_, **__: pytest.fail("computed"))
    with pytest.raises(error, match=words):
        front_end(signal)


def test_a_clip_shorter_than_a_window_is_said_to_be_mostly_padding() -> None:
    with pytest.warns(RuntimeWarning, match=r"The clip has 100 sample\(s\), fewer than a window of 1024: most of what"):
        LogMel(16_000, n_fft=1024)(torch.zeros(1, 1, 100))


@pytest.mark.filterwarnings("ignore:The clip has")
def test_the_shortest_sound_that_can_be_mirrored_is_accepted() -> None:
    assert difference(sounds(1, 1, 513), pad_mode="reflect", n_mels=40) < 1e-4
