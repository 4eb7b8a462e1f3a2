"""A sound's spectrogram, with its attribution on it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import scipy.signal
import torch
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from torch import Tensor, nn

import wam_widgets as wam
from wam_widgets import plots

from .test_plots import bars, panels, words

RATE, SAMPLES = 8000, 4000
GRID = wam.Grid(("time",), (1 / RATE,), ("s",))


def sound(items: int = 1, channels: int = 1) -> Tensor:
    time = torch.arange(SAMPLES) / RATE
    noise = torch.randn(items, channels, SAMPLES, generator=torch.Generator().manual_seed(0))
    return torch.sin(2 * math.pi * 1000 * time) + 0.01 * noise


def explain(**options: Any) -> wam.Explanation:
    signal = options.pop("signal", sound())
    weights = torch.randn(3, signal[0].numel(), generator=torch.Generator().manual_seed(1)) / 60

    def model(batch: Tensor) -> Tensor:
        return torch.tanh(batch.flatten(1) @ weights.T)

    given: dict[str, Any] = {"wavelet": "db4", "level": 4, "samples": 8, "grid": GRID, "progress": False, **options}
    return wam.explain(model, signal, **given)


def behind(**options: Any) -> wam.Explanation:
    """Explain a model behind a log-mel spectrogram."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Tanh(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(8, 3))
    front_end = wam.LogMel(RATE, n_fft=512, hop_length=200, n_mels=20)
    given: dict[str, Any] = {"level": 4, "samples": 8, "grid": GRID, "progress": False, "front_end": front_end}
    return wam.explain(network, sound(2), 1, **given | options)


def meshes(axes: Axes) -> list[QuadMesh]:
    return [each for each in axes.collections if isinstance(each, QuadMesh)]


def values(mesh: QuadMesh) -> np.ndarray[Any, Any]:
    array = mesh.get_array()
    assert array is not None
    return np.asarray(array)


def edges(mesh: QuadMesh) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    corners = np.asarray(mesh.get_coordinates())
    return corners[0, :, 0], corners[:, 0, 1]


def dividing(axes: Axes) -> list[float]:
    """Return the frequencies of the horizontal lines."""
    return sorted(float(np.asarray(line.get_ydata())[0]) for line in axes.lines)


def test_the_spectrogram_is_scipy_s_in_decibels_below_its_largest() -> None:
    upper, _ = panels(plots.spectrogram(explain(), n_fft=512))
    (mesh,) = meshes(upper)
    padded = np.pad(sound()[0, 0].double().numpy(), 256)
    hertz, _, expected = scipy.signal.stft(padded, RATE, "hann", 512, 512 - 128, boundary=None, padded=False)
    power = np.abs(expected) ** 2
    np.testing.assert_allclose(values(mesh), np.maximum(10 * np.log10(power / power.max()), -80), rtol=0, atol=0.01)
    time, frequency = edges(mesh)
    np.testing.assert_allclose((frequency[1:-2] + frequency[2:-1]) / 2, hertz[1:-1], rtol=1e-6)
    np.testing.assert_allclose((time[1:] + time[:-1]) / 2, np.arange(len(time) - 1) * 128 / RATE, atol=1e-9)


@pytest.mark.parametrize("axis", ["linear", "log", "mel"])
def test_the_attribution_lies_on_it_where_it_belongs(axis: Any) -> None:
    explanation = explain(signal=sound(2, 2))
    _, lower = panels(plots.spectrogram(explanation, 1, axis=axis))
    _, over = meshes(lower)
    drawn = wam.time_frequency_map(explanation, 1, axis=axis)
    np.testing.assert_allclose(values(over), drawn.values)
    time, frequency = edges(over)
    np.testing.assert_allclose(time, drawn.time_edges)
    np.testing.assert_allclose(frequency, drawn.frequency_edges)
    assert lower.get_ylim() == pytest.approx((drawn.frequency_edges[0], RATE / 2))
    assert lower.get_xlim() == pytest.approx((-0.5 / RATE, (SAMPLES - 0.5) / RATE))


@pytest.mark.parametrize("axis", ["linear", "log", "mel"])
def test_axes_scales_and_octaves_are_named(axis: Any) -> None:
    figure = plots.spectrogram(explain(), axis=axis)
    said = " ".join(words(figure).split())
    for part in (
        "frequency (Hz)",
        "time (s)",
        "dB below the largest",
        "score units per signal unit",
        "SmoothGrad, 8 passes",
        "db4, level 4",
        "91 %",  # of an atom's energy lies in the octave of db4's finest detail
    ):
        assert part in said
    assert len(bars(figure)) == 2
    _, lower = panels(figure)
    assert dividing(lower) == [250, 500, 1000, 2000]


def test_a_lower_limit_leaves_out_what_lies_below() -> None:
    _, lower = panels(plots.spectrogram(explain(), axis="mel", lowest=600.0))
    assert lower.get_ylim()[0] == 600
    assert dividing(lower) == [1000, 2000]


def test_without_a_wavelet_there_are_no_octaves() -> None:
    _, lower = panels(plots.spectrogram(explain(wavelet=None)))
    assert not lower.lines
    assert not lower.texts


def test_the_front_end_s_side_is_drawn_on_the_same_axes() -> None:
    explanation = behind()
    figure = plots.spectrogram(explanation, 1, axis="mel")
    _, lower, further = panels(figure)
    _, over = meshes(further)
    assert explanation.features is not None
    np.testing.assert_allclose(values(over), explanation.features.heatmap()[1].numpy())
    time, frequency = edges(over)
    np.testing.assert_allclose((time[1:] + time[:-1]) / 2, np.arange(21) * 200 / RATE, atol=1e-9)
    peaks = wam.LogMel(RATE, n_fft=512, hop_length=200, n_mels=20).frequencies
    assert ((frequency[:-1] < peaks) & (peaks < frequency[1:])).all()
    np.testing.assert_allclose(frequency[1:-1], (peaks[1:] + peaks[:-1]) / 2)
    assert further.get_ylim() == lower.get_ylim()
    assert "attribution at the output of LogMel, from the same passes" in words(figure)


def test_features_without_frequencies_are_left_out() -> None:
    assert len(panels(plots.spectrogram(behind(front_end=lambda x: x.unflatten(2, (40, 100)).square())))) == 2


def test_figures_of_features_say_where_they_are() -> None:
    features = behind().features
    assert features is not None
    assert "at the output of LogMel; noise is the signal's" in words(plots.plot(features))


def test_it_is_saved_without_a_word(tmp_path: Any) -> None:
    figure = plots.spectrogram(behind())
    figure.savefig(tmp_path / "a.png")
    figure.savefig(tmp_path / "a.pdf")
    assert isinstance(figure, Figure)
    assert (tmp_path / "a.pdf").stat().st_size < 500_000, "meshes are pictures, not thousands of rectangles"


def test_silence_and_short_sounds_are_drawn_too() -> None:
    silent = dataclasses.replace(explain(), signal=torch.zeros(1, 1, SAMPLES))
    words(plots.spectrogram(silent))
    words(plots.spectrogram(explain(signal=sound()[..., :40], level=1), n_fft=1024))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_fft": 1}, r"`n_fft` must be a whole number of at least 2; got 1\. Pass e\.g\. `n_fft=1024`"),
        ({"axis": "bark"}, r"`axis` must be one of"),
        ({"item": 1}, r"`item` must be a whole number from 0 to 0; got 1"),
        ({"lowest": 4000.0}, r"`lowest` must be a frequency above 0 and below 4000 Hz"),
    ],
    ids=str,
)
def test_impossible_options_are_refused(options: dict[str, Any], words: str, as_a_user: None) -> None:
    with pytest.raises(ValueError, match=words):
        plots.spectrogram(explain(), **options)


def test_a_grid_without_seconds_is_refused() -> None:
    with pytest.raises(ValueError, match="comes from a grid in seconds"):
        plots.spectrogram(explain(grid=None))
