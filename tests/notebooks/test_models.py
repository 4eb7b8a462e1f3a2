from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import wam_widgets as wam
from notebooks import checks

from .exercises import said

Answer = Callable[[torch.Tensor], Any]


def theirs(photos: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"scores": wam.samples.digit_model()(photos.movedim(3, 1) / 255)}


WRAPPERS: list[tuple[str, Any]] = [
    ("Still to do", ...),
    ("Not yet: expected a function; got str", "theirs"),
    ("Not yet: given shape (2, 1, 16, 16), it raises ValueError: `signal` must have one channel", theirs),
    ("Nearly: it returns the dictionary", lambda signal: theirs(255 * signal.movedim(1, 3))),
    (
        "Not yet: given shape (2, 1, 16, 16), expected shape (2, 10) back; got shape (10,)",
        lambda signal: theirs(255 * signal.movedim(1, 3))["scores"][0],
    ),
    (
        "Not yet: given shape (2, 1, 16, 16), expected shape (2, 10) back; got list",
        lambda signal: theirs(255 * signal.movedim(1, 3))["scores"].tolist(),
    ),
    ("Nearly: to the network these photos", lambda signal: theirs(signal.movedim(1, 3))["scores"]),
    ("Not yet: those are other scores", lambda signal: theirs(255 - 255 * signal.movedim(1, 3))["scores"]),
    ("Nearly: the scores are right, but", lambda signal: theirs(255 * signal.detach().movedim(1, 3))["scores"]),
    ("Right: ", lambda signal: theirs(255 * signal.movedim(1, 3))["scores"]),
]

SCORES: list[tuple[str, Any]] = [
    ("Still to do", ...),
    ("Not yet: expected a function; got int", 2),
    ("Not yet: given shape (7, 10), it raises IndexError", lambda output: output[:, :, 2]),
    ("Not yet: given shape (7, 10), expected shape (7,) back; got shape ()", lambda output: output.mean()),
    ("Nearly: that is odd", lambda output: output[:, 1::2].mean(1) - output[:, ::2].mean(1)),
    ("Nearly: those are sums", lambda output: output[:, ::2].sum(1) - output[:, 1::2].sum(1)),
    ("Nearly: those are the even digits alone", lambda output: output[:, ::2].mean(1)),
    ("Not yet: `output[:, ::2]`", lambda output: output[:, :5].mean(1) - output[:, 5:].mean(1)),
    ("Right: ", lambda output: output[:, [0, 2, 4, 6, 8]].mean(1) - output[:, [1, 3, 5, 7, 9]].mean(1)),
]


def from_zero_to_one(signal: torch.Tensor) -> torch.Tensor:
    output: torch.Tensor = wam.samples.digit_model()((signal + 1) / 2)
    return output


def explain(signal: torch.Tensor, target: int = 3, **options: Any) -> wam.Explanation:
    return wam.explain(from_zero_to_one, signal, target, level=1, samples=100, progress=False, **options)


@pytest.mark.parametrize(("answer", "given"), WRAPPERS)
def test_a_wrapper_is_told_from_others(capsys: pytest.CaptureFixture[str], answer: str, given: Answer) -> None:
    checks.wrapped(given)
    assert said(capsys).startswith(answer)


@pytest.mark.parametrize(("answer", "given"), SCORES)
def test_a_score_of_even_digits_is_told_from_others(
    capsys: pytest.CaptureFixture[str], answer: str, given: Answer
) -> None:
    checks.even(given)
    assert said(capsys).startswith(answer)


def test_a_path_from_paper_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    picture = wam.samples.digits()["three"].signal
    path: dict[str, Any] = {"method": "integrated_gradients"}
    paper = path | {"baseline": -1.0}
    two = torch.cat([picture, picture])
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: the answer should be what `wam.explain` returns", -1),
        ("Not yet: 'smoothgrad' has no baseline", explain(2 * picture - 1)),
        ("Not yet: that is a picture from 0 to 1", explain(picture, **path)),
        ("Not yet: that begins from 0, which is grey", explain(2 * picture - 1, **path)),
        ("Not yet: that begins from 1.0 on average", explain(2 * picture - 1, baseline=1.0, **path)),
        ("Nearly: from paper, but the score of a three is 4.6; got -", explain(2 * picture - 1, target=8, **paper)),
        ("Nearly: from paper, but the score of a three is 4.6; got 4.6, 4.6", explain(2 * two - 1, **paper)),
        ("Right: ", explain(2 * picture - 1, **paper)),
        ("Right: ", explain(2 * picture - 1, **path | {"baseline": (2 * picture - 1).min()})),
    ]:
        checks.from_paper(given)
        assert said(capsys).startswith(answer)
