"""How a check of an exercise answers: it says what is right, or what to look at again, and never raises."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import numpy as np
import torch

from wam_widgets.checks import finite_number

_P = ParamSpec("_P")


def said(check: Callable[_P, str]) -> Callable[_P, None]:
    """Print what a check returns; dots are no answer yet, and what it can't read (its last argument) is named."""

    @wraps(check)
    def say(*answers: _P.args, **options: _P.kwargs) -> None:
        if any(answer is ... for answer in answers):
            print("Still to do: replace the dots.")
            return
        try:
            print(check(*answers, **options))
        except Exception:  # noqa: BLE001  # a student can answer anything
            answer = [*answers, *options.values()][-1]
            print(f"Not yet: expected an answer of another type or shape; got {named(answer)}.")

    return say


def number(answer: object) -> float | None:
    """Return an answer as a float if it is one finite number, of Python, NumPy or torch (no bool), else None."""
    if isinstance(answer, torch.Tensor | np.ndarray) and math.prod(answer.shape) == 1:
        answer = answer.item()
    return finite_number(answer)


def named(answer: object) -> str:
    """Name an answer in a few words, on one line."""
    if isinstance(answer, torch.Tensor | np.ndarray) and answer.ndim:
        return f"a {type(answer).__name__} of shape {tuple(answer.shape)} and type {answer.dtype}"
    return " ".join(reprlib.repr(answer).split())
