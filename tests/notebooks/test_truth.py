from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import wam_widgets as wam
from notebooks import checks
from wam_widgets.evaluation import FaithfulnessReport
from wam_widgets.evaluation.protocols import find_protocol

from .exercises import said

UNITS = np.linspace(0, 1, 5)


def report() -> FaithfulnessReport:
    """Return a report of twelve items with curves that are easy to read."""
    rising = {  # of the first item
        "sensitivity": [0, 0, 0.4, 0.5, 0.6],
        "contribution": [0, 0.3, 0.5, 0.6, 0.6],
        "random, haar, level 1": [0, 0, 0.1, 0.4, 0.6],
        "magnitude, haar, level 1": [0.5, 0.5, 0.6, 0.6, 0.6],
    }
    curves = np.array([[row] * 12 for row in rising.values()])
    wobble = np.linspace(-0.05, 0.05, 12)
    areas = np.array([[0.3], [0.4], [0.15], [0.5]]) + wobble * np.array([[1], [2], [3], [4]])
    return FaithfulnessReport(
        protocol=find_protocol("wam"),
        methods=tuple(rising),
        domains=("haar, level 1",) * 4,
        controls=(None, None, "random", "magnitude"),
        units=np.tile(UNITS, (4, 1)),
        energy={"insertion": curves, "deletion": curves},
        scores={"insertion": curves, "deletion": curves[:, :, ::-1]},
        areas={"insertion": areas, "deletion": np.zeros_like(areas)},
        groups=tuple(range(12)),
        seed=0,
        confidence=0.95,
    )


def test_a_fraction_read_off_a_curve_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected one number", UNITS),
        ("Not yet: expected one number", "three quarters"),
        ("Not yet: expected one number", True),
        ("Nearly: that is 'sensitivity'", 0.5),
        ("Nearly: that is 'magnitude, haar, level 1'", 0),
        ("Not yet: that is more than all", 3),
        ("Not yet: find the first step", 0.9),
        ("Right: 75%", 0.75),
        ("Right: 75%", UNITS[3]),
        ("Right: 75%", np.float32(0.75)),
        ("Right: 75%", torch.tensor(0.75)),
        ("Right: 76%", 0.755),  # as far off as 88 % from 0.875
    ]:
        checks.curve_read(report(), given)
        assert said(capsys).startswith(answer)


def test_a_paired_difference_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    found, random = report(), "random, haar, level 1"
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected what `.interval", 0.1),
        ("Nearly: that is how much better contribution is", found.interval("contribution", minus="sensitivity")),
        ("Nearly: that is one of the two alone", found.interval("contribution")),
        ("Nearly: that is one of the two alone", found.interval("sensitivity")),
        ("Not yet: that is another pair or measure", found.interval("sensitivity", minus=random)),
        ("Right: zero lies outside, and contribution is better", found.interval("sensitivity", minus="contribution")),
    ]:
        checks.compared(found, given)
        assert said(capsys).startswith(answer)


def test_a_difference_that_may_be_none_is_called_so(capsys: pytest.CaptureFixture[str]) -> None:
    wobble = np.linspace(-0.1, 0.11, 12)
    found = report()
    found.areas["insertion"][1] = found.areas["insertion"][0] + wobble
    checks.compared(found, found.interval("sensitivity", minus="contribution"))
    assert said(capsys).startswith("Right: zero lies within")


def test_a_map_that_never_asked_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    def smooth(model: Any, signal: torch.Tensor, target: Any) -> wam.Explanation:
        return wam.explain(model, signal, target, samples=8, level=2, progress=False)

    noise = torch.Generator().manual_seed(0)

    def dice(_model: Any, signal: torch.Tensor, _target: Any) -> torch.Tensor:
        return torch.rand(len(signal), 16, 16, generator=noise)

    def careless(_model: Any, _signal: torch.Tensor, _target: Any) -> torch.Tensor:
        raise IndexError("no such row")

    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected a function", torch.zeros(10, 16, 16)),
        ("Not yet: it was called, and then: IndexError: no such row", careless),
        ("Not yet: it was called, and then: TypeError: `methods['yours']` must return", lambda *_: None),
        ("Not yet: its map is the same everywhere", lambda _model, signal, _target: torch.ones_like(signal[:, 0])),
        ("Not yet: it passes, with ", smooth),
        ("Right: it fails, with 1.00", lambda _model, signal, _target: signal[:, 0]),
    ]:
        checks.unmasked(given)
        assert said(capsys).startswith(answer)
    checks.unmasked(dice)
    assert "or it is another map at every call (random numbers pass, too" in said(capsys)
