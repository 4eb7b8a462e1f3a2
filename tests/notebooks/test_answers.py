from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from notebooks import checks
from notebooks.checks.answers import number, said

from .exercises import said as printed

WRONG = {"none": None, "word": "coarse", "number": -7, "tensor": torch.zeros(2, 3), "list": [1, "two"]}


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
    ]:
        longer("four", answer)
        assert printed(capsys) == expected


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
def test_no_check_raises_whatever_it_is_given(name: str, wrong: Any, capsys: pytest.CaptureFixture[str]) -> None:
    check = getattr(checks, name)
    given = check.__wrapped__.__code__.co_argcount * [wrong]
    check(*given)
    assert printed(capsys).startswith(("Not yet: ", "Nearly: "))
    check(*[... for _ in given])
    assert printed(capsys) == "Still to do: replace the dots."
