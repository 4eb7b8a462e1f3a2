"""What the settings of widgets may be: each check returns what is kept, or says the rule, what came and a remedy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wam_widgets.checks import finite_number, nearest, require_flag, whole_number

#: The largest weight of a scale: twice as strong as it is.
MOST_WEIGHT = 2.0


def require_names(_: object, name: str, value: Any) -> list[str]:
    """Return names of scales as a list."""
    names = None if isinstance(value, str) or not isinstance(value, Sequence) else list(value)
    if not names or not all(isinstance(each, str) for each in names) or len(set(names)) < len(names):
        raise ValueError(
            f"`{name}` must be different names, at least one; got {value!r}. Pass e.g. `explanation.scales`."
        )
    return names


def require_weights(name: str, value: Any, scales: Sequence[str]) -> list[float]:
    """Return one weight per scale, within 0 and 2."""
    weights = require_numbers(name, value, [1.0] * len(scales))
    if len(weights) != len(scales):
        raise ValueError(
            f"`{name}` must have one entry per scale ({', '.join(scales)}), {len(scales)}; got {len(weights)}: "
            f"{value!r}. Pass e.g. `{[1.0] * len(scales)}`."
        )
    for scale, weight in zip(scales, weights, strict=True):
        if not 0 <= weight <= MOST_WEIGHT:
            raise ValueError(
                f"`{name}` must be between 0 and {MOST_WEIGHT:g}; got {weight:g} for {scale!r}. A scale is left out "
                f"with 0 and left as it is with 1."
            )
    return weights


def require_numbers(name: str, value: Any, example: Sequence[float]) -> list[float]:
    """Return numbers as a list of float."""
    try:
        if not isinstance(value, (str, dict, set)):
            return [float(each) for each in value]
    except (TypeError, ValueError):
        pass
    raise TypeError(f"`{name}` must be a list of numbers; got {value!r}. Pass e.g. `{example}`.")


def flag(_: object, name: str, value: Any) -> bool:
    """Return a bool."""
    return require_flag(name, value)


def between(low: float, high: float | None = None) -> Callable[[object, str, Any], float]:
    """Return a check for finite numbers from `low` to `high`."""

    def check(_: object, name: str, value: Any) -> float:
        bounds = f"at least {low:g}" if high is None else f"between {low:g} and {high:g}"
        number = finite_number(value)
        if number is None:
            raise TypeError(f"`{name}` must be a finite number, {bounds}; got {value!r}. Pass e.g. `{name}={low:g}`.")
        if number < low or (high is not None and number > high):
            raise ValueError(f"`{name}` must be {bounds}; got {value!r}.")
        return number

    return check


def whole(low: int, high: int | None = None) -> Callable[[object, str, Any], int]:
    """Return a check for whole numbers from `low` to `high`."""

    def check(_: object, name: str, value: Any) -> int:
        count = whole_number(value)
        if count is None:
            raise TypeError(f"`{name}` must be a whole number; got {value!r}. Pass e.g. `{name}={low}`.")
        if count < low or (high is not None and count > high):
            bounds = f"at least {low}" if high is None else f"between {low} and {high}"
            raise ValueError(f"`{name}` must be {bounds}; got {count}.")
        return count

    return check


def one_of(*known: Any) -> Callable[[object, str, Any], Any]:
    """Return a check for one of a few values."""

    def check(_: object, name: str, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)) or value not in known:
            raise ValueError(
                f"`{name}` must be one of {', '.join(map(repr, known))}; got {value!r}."
                f"{nearest(value, known) if isinstance(known[0], str) else ''}"
            )
        return value

    return check


def some_of(*known: str) -> Callable[[object, str, Any], list[str]]:
    """Return a check for any of a few names, which are kept in their own order."""

    def check(_: object, name: str, value: Any) -> list[str]:
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise TypeError(f"`{name}` must be a list of names; got {value!r}. Pass e.g. `{name}={list(known[:1])!r}`.")
        for each in value:
            if each not in known:
                raise ValueError(
                    f"`{name}` must be among {', '.join(map(repr, known))}; got {each!r}.{nearest(each, known)}"
                )
        return [each for each in known if each in value]

    return check
