"""Contributions of a real sound, from silence, sum to what the model's score changes by."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import pytest
import torch

import wam_widgets as wam
from wam_widgets.samples import audio, audio_model, instrument_model, instruments

#: Clips of which evenly spread points miss much: decibels make the integrand steep near silence.
CLIPS = ["elephant", "alarm", "storm", "flute"]


@cache
def explain(clip: str, **options: Any) -> wam.Explanation:
    of_events = clip in audio()
    model, sample = (audio_model(), audio()[clip]) if of_events else (instrument_model(), instruments()[clip])
    given: dict[str, Any] = {"wavelet": "db4", "level": 6, "grid": sample.grid, "progress": False, "batch_size": 4}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if "rule" in options else "error", RuntimeWarning)  # of a fixed rule's gap
        return wam.explain(model, sample.signal, sample.target, method="integrated_gradients", **given | options)


@pytest.mark.parametrize("tolerance", [0.05, 0.01])
@pytest.mark.parametrize("clip", CLIPS)
def test_the_tolerance_is_met_from_silence_and_said(clip: str, tolerance: float) -> None:
    found = explain(clip, tolerance=tolerance)
    difference = float(found.score[0] - explain(clip, rule="midpoint", samples=1).baseline_score[0])  # type: ignore[index]  # a path has one
    missed = abs(float(found.attribution.total()[0]) - difference) / abs(difference)
    assert missed <= tolerance
    (reached,) = found.settings["error_reached"]
    assert missed - 1e-4 <= reached <= tolerance, "what is reported is no better than what was reached"
    passes = int(found.passes)
    assert 15 <= passes <= 200
    assert f"{passes} passes" in repr(found)


@pytest.mark.parametrize("tolerance", [0.05, 0.01])
@pytest.mark.parametrize("clip", CLIPS)
def test_as_many_evenly_spread_passes_miss_more(clip: str, tolerance: float) -> None:
    found = explain(clip, tolerance=tolerance)
    for rule in ("midpoint", "trapezoid"):
        even = explain(clip, rule=rule, samples=int(found.passes))
        gap = even.completeness_gap(relative=True).abs()
        assert gap > 5 * found.completeness_gap(relative=True).abs()
        assert gap > tolerance


def test_the_baseline_is_silence_as_the_model_hears_it() -> None:
    found = explain("alarm", tolerance=0.05)
    silence = audio_model()(torch.zeros_like(found.signal))
    assert found.baseline is not None
    assert not found.baseline.any()
    assert found.target is not None
    assert found.baseline_score is not None
    torch.testing.assert_close(found.baseline_score, silence[:, int(found.target)])
    torch.testing.assert_close(found.score, audio_model()(found.signal)[:, int(found.target)])


def test_every_wavelet_adds_up_to_the_same() -> None:
    found = explain("alarm", tolerance=0.01)
    total = found.attribution.total()
    for wavelet in ("haar", "sym8", None):
        torch.testing.assert_close(found.view(wavelet=wavelet).attribution.total(), total, rtol=1e-3, atol=1e-3)


def test_a_tolerance_that_is_missed_is_said() -> None:
    sample = audio()["mine"]
    with pytest.warns(RuntimeWarning, match=r"tolerance 0\.001 was not met after \d+ passes.* Raise `max_samples`"):
        wam.explain(
            audio_model(),
            sample.signal,
            sample.target,
            method="integrated_gradients",
            tolerance=0.001,
            max_samples=40,
            progress=False,
        )
