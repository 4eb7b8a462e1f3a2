"""Recordings as they come: read as soundfile and librosa read them, or refused in words."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
import torch

import wam_widgets as wam


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(1).uniform(-0.9, 0.9, (4410, 2)).astype("float32")


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
def test_a_recording_is_read_as_soundfile_reads_it(tmp_path: Path, noise: np.ndarray, suffix: str) -> None:
    path = tmp_path / f"noise.{suffix}"
    soundfile.write(path, noise, 44_100)
    signal, grid = wam.load_sound(path)
    assert signal.dtype == torch.float32
    np.testing.assert_array_equal(signal[0].T, soundfile.read(path, dtype="float32")[0])
    assert grid.sample_rate == pytest.approx(44_100)
    mono, _ = wam.load_sound(str(path), mono=True)
    np.testing.assert_allclose(mono[0, 0], signal[0].mean(0), atol=1e-7)


def test_a_tone_is_the_same_tone_at_another_rate(tmp_path: Path) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100)
    soundfile.write(tmp_path / "tone.wav", tone, 44_100, subtype="FLOAT")
    signal, grid = wam.load_sound(tmp_path / "tone.wav", sample_rate=16_000)
    assert grid.sample_rate == pytest.approx(16_000)
    assert signal.shape == (1, 1, 16_000)
    expected = librosa.resample(tone.astype("float32"), orig_sr=44_100, target_sr=16_000, res_type="polyphase")
    np.testing.assert_allclose(signal[0, 0, 200:-200], expected[200:-200], atol=1e-4)


def test_a_stretch_is_read_alone(tmp_path: Path, noise: np.ndarray) -> None:
    path = tmp_path / "noise.wav"
    soundfile.write(path, noise, 8000)
    whole, _ = wam.load_sound(path)
    part, _ = wam.load_sound(path, start=0.1, duration=0.25, most_samples=4000)
    torch.testing.assert_close(part, whole[..., 800:2800])
    rest, _ = wam.load_sound(path, start=0.5, duration=60)
    torch.testing.assert_close(rest, whole[..., 4000:])
    for options in ({"start": 0.6}, {"start": -1.0}, {"duration": 0.0}, {"duration": float("nan")}):
        with pytest.raises(ValueError, match="must be seconds of the file, which has 0"):
            wam.load_sound(path, **options)  # type: ignore[arg-type]


def test_what_to_wav_wrote_is_read_again(tmp_path: Path) -> None:
    sound = torch.linspace(-0.5, 0.5, 1001)[None]
    signal, _ = wam.load_sound(wam.to_wav(sound, tmp_path / "line.wav", 8000))
    torch.testing.assert_close(signal[0], sound, atol=0.5 / 2**15, rtol=0)


def test_what_cannot_be_read_is_refused_in_words(tmp_path: Path, noise: np.ndarray) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is nothing at .*missing\.wav"):
        wam.load_sound(tmp_path / "missing.wav")
    (tmp_path / "text.wav").write_text("no sound at all")
    with pytest.raises(ValueError, match=r"text\.wav' can't be read: .*Convert it, e\.g\. to WAV"):
        wam.load_sound(tmp_path / "text.wav")
    soundfile.write(tmp_path / "noise.wav", noise, 8000)
    with pytest.raises(ValueError, match="at most 1000 samples, times channels; its header declares 8820, 1 s"):
        wam.load_sound(tmp_path / "noise.wav", most_samples=1000)
    with pytest.raises(ValueError, match="`sample_rate` must be a whole number of samples per second; got 0"):
        wam.load_sound(tmp_path / "noise.wav", sample_rate=0)
    soundfile.write(tmp_path / "nothing.wav", noise[:0], 8000)
    with pytest.raises(ValueError, match="must hold at least one sample"):
        wam.load_sound(tmp_path / "nothing.wav")
    broken = noise.copy()
    broken[3, 1] = np.nan
    soundfile.write(tmp_path / "broken.wav", broken, 8000, subtype="FLOAT")
    with pytest.raises(ValueError, match="1 of 8820 are NaN or inf"):
        wam.load_sound(tmp_path / "broken.wav")
