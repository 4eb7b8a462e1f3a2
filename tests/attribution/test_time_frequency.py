"""Where in time and frequency an explanation of a sound is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import wam_widgets as wam
from wam_widgets.attribution.time_frequency import sampling_rate, tiles
from wam_widgets.transform.octaves import draw_tiles

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


@pytest.mark.parametrize("axis", ["linear", "log", "mel"])
@pytest.mark.parametrize("wavelet", ["haar", "db4", "sym8", "coif5"])
@pytest.mark.parametrize(("hertz", "low", "high"), [(2828.0, 2000, 4000), (707.0, 500, 1000), (177.0, 125, 250)])
def test_a_model_that_listens_for_a_tone_is_explained_in_its_octave(
    wavelet: str, axis: Any, hertz: float, low: float, high: float
) -> None:
    found = wam.time_frequency_map(explained(tone(hertz), wavelet), axis=axis, rows=256)
    inside = (found.frequency_edges[:-1] >= low - 1e-6) & (found.frequency_edges[1:] <= high + 1e-6)
    below, above = found.frequency_edges[1:] <= low + 1e-6, found.frequency_edges[:-1] >= high - 1e-6
    profile = found.values.mean(1)
    assert profile[inside].min() > max([0.0, *profile[below], *profile[above]])


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
    assert [(tiling.scale, tiling.band.low, tiling.band.high) for tiling in found] == [
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
            r"comes from a grid in seconds; got steps of 1 sample\. Explain with `grid=Grid\(",
        ),
        (
            lambda: explained(tone(300.0), grid=wam.Grid(("time",), (0.125,), ("ms",))),
            r"got steps of 0\.125 ms",
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


def test_an_item_that_does_not_exist_is_refused() -> None:
    with pytest.raises(IndexError, match=r"has 2 item\(s\), numbered from 0; got 2"):
        wam.time_frequency_map(explained(tone(300.0)), 2)
