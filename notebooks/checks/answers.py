"""How a check of an exercise answers: it says what is right, or what to look at again, and never raises."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

_P = ParamSpec("_P")


def said(check: Callable[_P, str]) -> Callable[_P, None]:
    """Print what a check returns; dots are no answer yet."""

    @wraps(check)
    def say(*answers: _P.args, **options: _P.kwargs) -> None:
        missing = any(answer is ... for answer in answers)
        print("Still to do: replace the dots." if missing else check(*answers, **options))

    return say
