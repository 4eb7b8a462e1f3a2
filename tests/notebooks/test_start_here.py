from __future__ import annotations

import pytest
import torch

import wam_widgets as wam
from notebooks import checks

from .exercises import Cats, explain, photos, said


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


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_a_mix_is_right_in_any_precision(dtype: torch.dtype, capsys: pytest.CaptureFixture[str]) -> None:
    explanation = explain(level=3, samples=8)
    checks.mixed(explanation, explanation.rebuild(scales=["approximation", "detail 3"]).to(dtype))
    assert said(capsys).startswith("Right: ")


def test_a_mix_of_whole_numbers_is_named_by_its_type(capsys: pytest.CaptureFixture[str]) -> None:
    checks.mixed(explain(level=3, samples=8), torch.zeros(1, 3, 16, 16, dtype=torch.uint8))
    assert "holds floats, from 0 to 1; got a Tensor of shape (1, 3, 16, 16) and type torch.uint8" in said(capsys)


def test_a_count_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    few, many = explain(level=2, samples=25), explain(level=2, samples=100)
    another = wam.explain(Cats(), photos(seed=3), 285, level=2, samples=100, progress=False)
    several = wam.explain(Cats(), photos(2), 285, level=2, samples=100, progress=False)
    counts = many.significant(rate=0.05).total_by_scale()[0]
    assert 0 < counts[-1] < counts.sum()
    for answer, explanation, count in [
        ("Still to do", ..., ...),
        ("Not yet: the first answer should be", 7, 7),
        ("Not yet: that explains another photo, or several. Pass `cat`", another, 0),
        ("Not yet: that explains another photo, or several. Pass `cat`", several, 0),
        (
            "Not yet: expected 100 copies of noise; got the method 'integrated_gradients'. Pass no `method`.",
            explain(level=2, method="integrated_gradients"),
            0,
        ),
        ("Not yet: expected 100 copies of noise; got the method 'saliency'", explain(level=2, method="saliency"), 0),
        ("Not yet: expected 100 copies of noise; got 25 passes. Set `samples=100`.", few, 0),
        ("Not yet: expected wavelet 'haar' and level 2; got wavelet None", many.view(wavelet=None), 5),
        (
            "Not yet: expected wavelet 'haar' and level 2; got wavelet 'haar' and level 3. Pass `level=2`",
            many.view(level=3),
            5,
        ),
        ("Nearly: that is the number in all scales together", many, int(counts.sum())),
        ("Nearly: those are the numbers of all scales, coarse to fine. Take the last, detail 1", many, counts),
        ("Not yet: the second answer should be one number", many, counts[:-1]),
        ("Not yet: the second answer should be one number", many, "many"),
        ("Not yet: add up", many, int(counts[-1]) + 1),
        ("Right: ", many, counts[-1]),
        ("Right: ", many, int(counts[-1])),
    ]:
        checks.counted(few, explanation, count)
        assert said(capsys).startswith(answer)


def test_a_contrast_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    other = "Not yet: that explains another photo, or several. Pass `cat`"
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: the answer should be what `wam.explain` returns", 285),
        ("Not yet: that explains 'column 285' alone", explain(285)),
        (other, wam.explain(Cats(), photos(seed=3), wam.Contrast(285, 287), progress=False)),
        (other, wam.explain(Cats(), photos(2), wam.Contrast(285, 287), progress=False)),
        ("Not yet: those are two other classes", explain(wam.Contrast(285, 281))),
        ("Nearly: ", explain(wam.Contrast(287, 285))),
        ("Right: ", explain(wam.Contrast(285, 287))),
    ]:
        checks.asked(explain(), given)
        assert said(capsys).startswith(answer)
