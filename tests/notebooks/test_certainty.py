from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d

import wam_widgets as wam
from notebooks import checks

from .exercises import explain, said

LABELS = [f"cat {column}" for column in range(282)] + ["tabby cat"] + [f"dog {column}" for column in range(17)]


def test_a_standard_error_of_nine_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    nine = [4.0, 1, 3, 5, 9, 2, 6, 5, 3]
    answers = torch.tensor([*nine, 7, 1, 8, 2, 8, 1, 8, 2, 8, 4, 5, 9, 0, 4, 5, 2])
    mean = sum(nine) / 9
    spread = (sum((each - mean) ** 2 for each in nine) / 8) ** 0.5
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected one number", "small"),
        ("Not yet: expected one number", True),
        ("Not yet: expected one number", answers),
        ("Not yet: the standard error is", mean),
        ("Nearly: that is of all 25 copies", answers.std() / 5),
        ("Nearly: that is the spread", spread),
        ("Nearly: divide by the root of 9, not by 9", spread / 9),
        ("Nearly: in the spread, divide by n − 1, here 8", np.std(nine) / 3),
        ("Nearly: in the spread, divide by n − 1, here 8", answers[:9].std(unbiased=False) / 3),
        ("Nearly: only 9 were asked", spread / 5),
        ("Nearly: take the spread of the nine", answers.std() / 3),
        ("Right: ", spread / 3),
        ("Right: ", torch.tensor([spread / 3])),
        ("Right: ", np.float32(spread / 3)),
    ]:
        checks.error_computed(answers, given)
        assert said(capsys).startswith(answer)


def test_what_denoising_leaves_of_the_finest_scale_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    def model(signal: torch.Tensor) -> torch.Tensor:
        """Be steady in what is coarse, and restless in every pixel."""
        return (avg_pool2d(signal, 4).flatten(1).sum(1) + (9 * signal).sin().flatten(1).sum(1))[:, None]

    signal = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(4))
    explanation = wam.explain(model, signal, 0, level=2, samples=16, progress=False)

    def magnitudes(bands: dict[str, torch.Tensor]) -> float:
        return sum(float(band.abs().sum()) for band in bands.values())

    plain, clean = (dict(each.attribution.by_scale()) for each in (explanation, explanation.denoised()))
    before, after = magnitudes(plain["detail 1"]), magnitudes(clean["detail 1"])
    everything = sum(map(magnitudes, clean.values())) / sum(map(magnitudes, plain.values()))
    squares = [sum(float(band.square().sum()) for band in each["detail 1"].values()) for each in (plain, clean)]
    assert 0.1 < after / before < 0.9  # else wrong answers are right
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected one number", [after / before]),
        ("Not yet: `.map(torch.abs)", 0.01),
        ("Not yet: that is before divided by after", before / after),
        ("Not yet: that is the magnitude that is left", after),
        ("Nearly: that is the share in all scales", everything),
        ("Nearly: those are the squares", squares[1] / squares[0]),
        ("Nearly: that is the share that is gone", 1 - after / before),
        (f"Right: {after / before:.0%}", after / before),
        ("Right: ", torch.tensor(after / before)),
    ]:
        checks.left_over(explanation, given)
        assert said(capsys).startswith(answer)


def test_a_refined_path_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    path = {"method": "integrated_gradients", "level": 2, "labels": LABELS}
    rough = explain(282, tolerance=0.1, **path)
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: the answer should be what `wam.explain` returns", rough.attribution),
        ("Not yet: that is 'smoothgrad'", explain(282, level=2, labels=LABELS)),
        ("Not yet: that explains 'cat 3'", explain(3, tolerance=0.1, **path)),
        ("Not yet: 64 steps miss", explain(282, samples=64, **path)),
        ("Not yet: it misses -", dataclasses.replace(rough, score=rough.score + 1)),
        ("Right: ", rough),
    ]:
        checks.path_refined(given)
        assert said(capsys).startswith(answer)
