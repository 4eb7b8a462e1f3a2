from __future__ import annotations

import pytest

import wam_widgets as wam
from notebooks import checks

from .exercises import Cats, explain, said


def test_a_mix_of_scales_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    explanation = explain(level=3, samples=8)
    answers = {
        "Still to do: replace the dots.": ...,
        "Not yet: expected a photo, a tensor of shape (1, 3, 16, 16).": "coarse",
        "Not yet: the finest scale that is left is detail 1; the last should be detail 3.": explanation.signal,
        "Not yet: the photo should hold the scales approximation, detail 3": explanation.rebuild(scales=["detail 2"]),
        "Right: ": explanation.rebuild(scales=["approximation", "detail 3"]),
    }
    for answer, given in answers.items():
        checks.mixed(explanation, given)
        assert said(capsys).startswith(answer)


def test_a_count_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    few, many = explain(level=2, samples=25), explain(level=2, samples=100)
    counts = many.significant(rate=0.05).total_by_scale()[0]
    assert 0 < counts[-1] < counts.sum()
    for answer, explanation, count in [
        ("Still to do", ..., ...),
        ("Not yet: the first answer should be", 7, 7),
        ("Not yet: expected 100 copies of noise; got 25 passes", few, 0),
        ("Nearly: that is the number in all scales together", many, int(counts.sum())),
        ("Nearly: those are the numbers of all scales, coarse to fine. Take the last, detail 1", many, counts),
        ("Not yet: the second answer should be one number", many, counts[:-1]),
        ("Not yet: the second answer should be one number", many, "many"),
        ("Not yet: add up", many, int(counts[-1]) + 1),
        ("Right: ", many, counts[-1]),
        ("Right: ", many, int(counts[-1])),
    ]:
        checks.counted(explanation, count)
        assert said(capsys).startswith(answer)


def test_a_contrast_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: the answer should be what `wam.explain` returns", 285),
        ("Not yet: that explains 'column 285' alone", explain(285)),
        ("Not yet: those are two other classes", explain(wam.Contrast(285, 281))),
        ("Nearly: ", explain(wam.Contrast(287, 285))),
        ("Right: ", explain(wam.Contrast(285, 287))),
    ]:
        checks.asked(Cats(), given)
        assert said(capsys).startswith(answer)
