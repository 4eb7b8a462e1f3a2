"""Where in time and frequency an explanation of a sound is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

import wam_widgets as wam
from wam_widgets.attribution.time_frequency import sampling_rate, tiles
from wam_widgets.transform.octaves import TimeFrequencyMap, draw_tiles

from .networks import linear, signal_of

RATE = 8000
GRID = wam.Grid(("time",), (1 / RATE,), ("s",))


def explained(weights: Tensor, wavelet: str | None = "db4", **options: Any) -> wam.Explanation:
    """Explain a linear model, whose gradient is its weights, whatever the signal is."""
    signal = signal_of(weights.shape[-1], channels=1)
    given: dict[str, Any] = {"method": "saliency", "level": 5, "grid": GRID, **options}
    return wam.explain(linear(weights), signal, 0, wavelet=wavelet, **given)


def tone(hertz: float, samples: int = 2000) -> Tensor:
    time = torch.arange(samples, dtype=torch.float64) / RATE
    return (torch.sin(2 * math.pi * hertz * time) * torch.hann_window(samples, dtype=torch.float64))[None, None]


def inside_and_outside(found: TimeFrequencyMap, low: float, high: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Find the rows that lie wholly within a band, and those wholly beyond it; a row on its border shows both."""
    begin, end = found.frequency_edges[:-1], found.frequency_edges[1:]
    return (begin >= low - 1e-6) & (end <= high + 1e-6), (end <= low + 1e-6) | (begin >= high - 1e-6)


@pytest.mark.parametrize("axis", ["linear", "log", "mel"])
@pytest.mark.parametrize("wavelet", ["haar", "db4", "sym8", "coif5"])
@pytest.mark.parametrize("scale", [1, 2, 3, 4, 5])
def test_a_model_that_listens_for_a_tone_is_explained_in_its_octave(wavelet: str, axis: Any, scale: int) -> None:
    low, high = RATE / 2 ** (scale + 1), RATE / 2**scale
    hertz = math.sqrt(low * high)
    found = wam.time_frequency_map(explained(tone(hertz), wavelet), axis=axis, rows=256)
    inside, outside = inside_and_outside(found, low, high)
    profile = found.values.mean(1)
    assert profile[inside].min() > profile[outside].max()


@pytest.mark.parametrize("axis", ["linear", "log", "mel"])
@pytest.mark.parametrize("wavelet", ["haar", "db4", "sym8", "coif5"])
def test_a_model_that_listens_at_a_moment_is_explained_within_a_cell_of_it_at_every_scale(
    wavelet: str, axis: Any
) -> None:
    for place in (700, 1001):
        click = torch.zeros(1, 1, 2000, dtype=torch.float64)
        click[0, 0, place] = 1
        explanation = explained(click, wavelet)
        found = wam.time_frequency_map(explanation, columns=2000, axis=axis, rows=256)
        for tiling, scale in zip(tiles(explanation), [5, 5, 4, 3, 2, 1], strict=True):
            rows, _ = inside_and_outside(found, tiling.octave.low, tiling.octave.high)
            assert rows.any(), tiling.scale
            profile = found.values[rows].sum(0)
            loud = found.times[profile >= profile.max() * (1 - 1e-12)]
            assert np.abs(loud - place / RATE).min() <= 2**scale / RATE, tiling.scale


@pytest.mark.parametrize("axis", ["linear", "log", "mel"])
@pytest.mark.parametrize("wavelet", ["haar", "db4", "sym8", "coif5"])
def test_a_model_that_listens_for_a_chirp_is_explained_along_it(wavelet: str, axis: Any) -> None:
    # An octave every 0.25 s, from 125 Hz to 4 kHz: f = 125 · 2^(4t)
    time = torch.arange(round(1.25 * RATE), dtype=torch.float64) / RATE
    chirp = torch.sin(2 * math.pi * 125 / (4 * math.log(2)) * (2 ** (4 * time) - 1))[None, None]
    explanation = explained(chirp, wavelet)
    found = wam.time_frequency_map(explanation, columns=1250, axis=axis, rows=512)
    for octave, tiling in enumerate(tiles(explanation)[1:]):
        around = np.abs(found.times - 0.25 * (octave + 0.5)) < 0.05
        low, high = 125 * 2**octave, 250 * 2**octave
        assert (tiling.octave.low, tiling.octave.high) == (low, high)
        within, beyond = inside_and_outside(found, low, high)
        profile = found.values[:, around].mean(1)
        assert profile[within].min() > profile[beyond].max()


@pytest.mark.parametrize("wavelet", ["haar", "db4", None])
def test_a_model_that_listens_at_a_moment_is_explained_there(wavelet: str | None) -> None:
    click = torch.zeros(1, 1, 2000, dtype=torch.float64)
    click[0, 0, 700] = 1
    found = wam.time_frequency_map(explained(click, wavelet), columns=2000, axis="linear", rows=32)
    when = found.times[found.values.sum(0).argmax()]
    assert abs(when - 700 / RATE) <= 2 / RATE


def test_it_is_drawn_from_the_coefficients_of_its_item() -> None:
    signal = signal_of(300)
    explanation = wam.explain(
        lambda batch: batch.square().flatten(1).sum(1), signal, 0, method="saliency", level=3, grid=GRID
    )
    options: dict[str, Any] = {"axis": "mel", "rows": 20, "columns": 50, "lowest": 100.0, "pool": "mean"}
    found = wam.time_frequency_map(explanation, 1, **options)
    alone = wam.pull_back(2 * signal[1:], "haar", level=3)
    expected = draw_tiles(alone.map(torch.abs), float(RATE), **options)
    np.testing.assert_allclose(found.values, expected.values)
    np.testing.assert_allclose(found.frequencies, expected.frequencies)
    np.testing.assert_allclose(found.times, expected.times)


def test_its_tiles_are_cells_in_seconds_times_octaves() -> None:
    found = tiles(explained(tone(300.0, 400), "haar", level=2))
    assert [(tiling.scale, tiling.octave.low, tiling.octave.high) for tiling in found] == [
        ("approximation", 0, 1000),
        ("detail 2", 1000, 2000),
        ("detail 1", 2000, 4000),
    ]
    np.testing.assert_allclose(found[1].edges, (np.arange(101) * 4 - 0.5) / RATE)
    assert sampling_rate(explained(tone(300.0, 400))) == pytest.approx(RATE)


@pytest.mark.parametrize(
    ("explanation", "words"),
    [
        (
            lambda: explained(tone(300.0), grid=None),
            r"comes from a grid in seconds; got steps of 1 sample\. Explain with e\.g\. `grid=Grid\.sound\(",
        ),
        (
            lambda: explained(tone(300.0), grid=wam.Grid(("depth",), (0.125,), ("mm",))),
            r"got steps of 0\.125 mm",
        ),
        (
            lambda: wam.explain(linear(signal_of(8, 8, items=1)), signal_of(8, 8), 0, method="saliency", level=1),
            r"those of a sound, which has one spatial axis; got axes \('y', 'x'\) of size \(8, 8\)",
        ),
    ],
)
def test_what_has_no_frequencies_says_so(explanation: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        wam.time_frequency_map(explanation())


def test_milliseconds_are_time_too() -> None:
    assert sampling_rate(explained(tone(300.0, 400), grid=wam.Grid(("time",), (0.125,), ("ms",)))) == 8000


def test_by_default_a_sound_has_the_rate_that_its_model_is_made_for() -> None:
    model = linear(signal_of(400, items=1, channels=1))
    model.sample_rate = 8000
    found = wam.explain(model, signal_of(400, items=1, channels=1), 0, method="saliency", level=1)
    assert found.grid == wam.Grid(("time",), (1 / 8000,), ("s",))


def test_an_item_that_does_not_exist_is_refused() -> None:
    with pytest.raises(IndexError, match=r"has 2 item\(s\), numbered from 0; got 2"):
        wam.time_frequency_map(explained(tone(300.0)), 2)
