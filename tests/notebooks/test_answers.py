from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

import wam_widgets as wam
from notebooks import checks
from notebooks.checks.answers import named, number, said

from .exercises import Cats, explain, sound
from .exercises import said as printed
from .test_datasets import Table
from .test_gradients import Espressos
from .test_truth import report
from .test_views import Bars

WRONG = {
    "none": None,
    "word": "coarse",
    "number": -7,
    "list": [1, "two"],
    "tensor": torch.zeros(2, 3),
    "nothing in a tensor": torch.zeros(0),
    "long tensor": torch.zeros(1, 3, 224, 225),
    "array": np.zeros((20, 30)),
}

#: What an exercise has at hand before the learner's answer, for the checks that take it too.
AT_HAND: dict[str, Callable[[], object]] = {
    "asked": explain,
    "barred": lambda: explain(level=4, samples=8),
    "coarsest_found": lambda: wam.explain(Cats(), torch.rand(3, 3, 16, 16), 0, level=4, samples=8, progress=False),
    "compared": report,
    "counted": lambda: explain(level=2, samples=100),
    "curve_read": report,
    "error_computed": lambda: torch.linspace(0, 1, 25),
    "gradient_written": Espressos,
    "left_over": lambda: explain(level=2, samples=8),
    "linked": lambda: Bars(names=["a"], weights=[1.0]),
    "mixed": lambda: explain(level=3, samples=8),
    "passes_reused": lambda: explain(level=2, samples=8),
    "path_walked": lambda: explain(level=2, method="integrated_gradients"),
    "side_separated": lambda: explain(level=2, samples=8),
    "told": Table,
    "without_pitch": sound,
}


@cache
def at_hand(name: str) -> list[object]:
    return [AT_HAND[name]()] if name in AT_HAND else []


@said
def longer(known: str, answer: Any) -> str:
    return "Right." if len(answer) > len(known) else "Not yet: longer."


def test_what_a_check_cannot_read_is_named_by_type_and_shape(capsys: pytest.CaptureFixture[str]) -> None:
    for answer, expected in [
        (..., "Still to do: replace the dots."),
        ("longer", "Right."),
        ("", "Not yet: longer."),
        (7, "Not yet: expected an answer of another type or shape; got 7."),
        (None, "Not yet: expected an answer of another type or shape; got None."),
        (torch.tensor(2), "Not yet: expected an answer of another type or shape; got tensor(2)."),
        (np.array(2), "Not yet: expected an answer of another type or shape; got array(2)."),
        (torch.Tensor, "Not yet: expected an answer of another type or shape; got <class 'torch.Tensor'>."),
    ]:
        longer("four", answer)
        assert printed(capsys) == expected


def test_arrays_are_named_by_what_tells_them_apart() -> None:
    assert named(torch.zeros(2, 3).double()) == "a Tensor of shape (2, 3) and type torch.float64"
    assert named(np.zeros((2, 3), "uint8")) == "a ndarray of shape (2, 3) and type uint8"


@pytest.mark.parametrize(
    "answer",
    [8, 8.0, np.int64(8), np.float32(8), np.array([[8]]), torch.tensor(8), torch.tensor([8.0], requires_grad=True)],
)
def test_one_number_is_read_whatever_type_it_has(answer: Any) -> None:
    assert number(answer) == 8.0
    assert type(number(answer)) is float


@pytest.mark.parametrize(
    "answer",
    [None, "8", True, np.True_, torch.tensor(True), torch.tensor([8, 8]), np.array([]), [8], math.nan],
)
def test_what_is_not_one_finite_number_is_none(answer: Any) -> None:
    assert number(answer) is None


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("name", checks.__all__)
def test_whatever_the_answer_is_a_check_explains_in_a_sentence(
    name: str, wrong: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    check, given = getattr(checks, name), at_hand(name)
    answers = check.__wrapped__.__code__.co_argcount - len(given)
    check(*given, *answers * [wrong])
    answered = printed(capsys)
    assert re.fullmatch(r"(Not yet|Nearly): \S.{10,200}[.?]", answered), answered
    assert "another type or shape" not in answered  # which doesn't say of what type or shape


@pytest.mark.parametrize("name", checks.__all__)
def test_dots_are_no_answer_yet_and_none_is_known_before(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    check = getattr(checks, name)
    arguments = check.__wrapped__.__code__.co_argcount
    check(*arguments * [...])
    assert printed(capsys) == "Still to do: replace the dots."
    check(*arguments * ["coarse"])  # as if an earlier cell hadn't been run rightly
    assert printed(capsys).startswith("Not yet: ")
