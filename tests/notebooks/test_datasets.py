from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import wam_widgets as wam
from notebooks import checks
from wam_widgets.evaluation import BenchmarkReport, Explainer, scale_profile

from .exercises import said


def share(model: Any, method: Any, wavelet: str) -> float:
    data = [(sample.signal[0], sample.target) for sample in wam.samples.digits().values()]
    found = scale_profile(model, data, Explainer(method, wavelet=wavelet, level=2), target="label", progress=False)
    return found.rows()[-1]["share"]  # type: ignore[no-any-return]  # a dict holds anything


def test_a_share_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    plain, robust = wam.samples.digit_model(), wam.samples.robust_digit_model()
    answers: list[tuple[str, Any]] = [
        ("Still to do", ...),
        ("Not yet: expected one number, the mean over the items; got Tensor", torch.rand(10)),
        ("Not yet: expected one number", "0.66"),
        ("Nearly: that is the plain network", share(plain, "saliency", "db2")),
        ("Nearly: that is in haar", share(robust, "saliency", "haar")),
        ("Nearly: that is by SmoothGrad", share(robust, "smoothgrad", "db2")),
        ("Not yet: `scale_profile(…).shares[:, -1]`", 0.9),
        ("Right: ", share(robust, "saliency", "db2")),
        ("Right: ", 0.664),
    ]
    for answer, given in answers:
        checks.finest(given)
        assert said(capsys).startswith(answer)


def test_what_stops_a_run_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    answers: list[tuple[str, Any]] = [
        ("Still to do", ...),
        ("Not yet: expected a function", 7),
        ("Not yet: called with (1, 10) and so on, it raises TypeError", lambda done: done < 7),
        ("Not yet: it never returns False", lambda done, of: None),
        ("Not yet: it stops when 8 items are done, not 7", lambda done, of: done <= 7),
        ("Nearly: it stops at 7, but not at 8", lambda done, of: done != 7),
        ("Right: ", lambda done, of: done < 7),
        ("Right: ", lambda done, of: False if done >= 7 else None),
    ]
    for answer, given in answers:
        checks.stops(given)
        assert said(capsys).startswith(answer)


class Table(BenchmarkReport):
    """Rows as a run might have found them."""

    def __init__(self) -> None:
        """Open no file."""

    def rows(self) -> list[dict[str, Any]]:
        names = [("wam", "SmoothGrad", ""), ("contrast", "SmoothGrad", ""), ("contrast", "Saliency", "")]
        names += [("contrast", "random", "random")]
        ends = [0.1, -0.2, -0.1, -0.3]
        return [
            {"protocol": protocol, "method": method, "control": control, "deletion_difference_high": high}
            for (protocol, method, control), high in zip(names, ends, strict=True)
        ]


def test_rows_of_a_table_are_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    right = [("contrast", "SmoothGrad"), ("contrast", "Saliency")]
    answers: list[tuple[str, Any]] = [
        ("Still to do", ...),
        ("Not yet: expected a list of (protocol, method)", "contrast"),
        ("Not yet: expected a list of (protocol, method)", ["contrast", "SmoothGrad"]),
        ("Not yet: expected a list of (protocol, method)", 2),
        ("Nearly: leave out the controls", [*right, ("contrast", "random")]),
        ("Not yet: 1 more", right[:1]),
        ("Not yet: 2 more", []),
        ("Not yet: 1 too many", [*right, ("wam", "SmoothGrad")]),
        ("Right: ", right),
        ("Right: ", set(right)),
    ]
    for answer, given in answers:
        checks.told(Table(), given)
        assert said(capsys).startswith(answer)


def test_a_real_table_has_what_is_asked_for(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    digits = [(sample.signal[0], sample.target) for sample in wam.samples.digits().values()]
    methods = {"Saliency": Explainer("saliency", level=2)}
    settings: dict[str, Any] = {"target": "label", "steps": 4, "controls": 1, "progress": False}
    report = wam.benchmark(wam.samples.digit_model(), digits, methods, store=tmp_path / "run.sqlite", **settings)
    found = report.faithfulness()
    control = found.better_control("Saliency", "deletion")
    sure = found.interval("Saliency", "deletion", minus=control).high < 0
    checks.told(report, [(report.protocols[0], "Saliency")])
    assert said(capsys).startswith("Right: " if sure else "Not yet: 1 too many")
