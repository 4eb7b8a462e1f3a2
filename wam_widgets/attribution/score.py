"""What is explained: one differentiable number per item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from wam_widgets.checks import whole_number


@runtime_checkable
class Score(Protocol):
    """How strongly the model says what we want explained: one differentiable number per item.

    Any callable on the model's output will do, a lambda too.

    Examples
    --------
    >>> score: Score = lambda output: output[:, :2].mean(1)
    >>> score(torch.tensor([[1.0, 3.0, 9.0]]))
    tensor([2.])
    """

    def __call__(self, output: Any) -> Float[Tensor, " item"]:
        """Return the score of every item of the output, shape (item,)."""
        ...


@dataclass(frozen=True, slots=True)
class Contrast:
    """Why `first` rather than `second`: the difference of two columns of the output.

    Parameters
    ----------
    first, second : int
        Columns of the model's output, usually classes.

    Examples
    --------
    >>> Contrast(1, 0)(torch.tensor([[0.5, 2.0]]))
    tensor([1.5000])
    """

    first: int
    second: int

    def __post_init__(self) -> None:
        for name in ("first", "second"):
            if whole_number(getattr(self, name)) is None:
                raise TypeError(
                    f"`{name}` of a contrast must be a column of the output; got {getattr(self, name)!r}. "
                    f"Pass a number, e.g. `labels.index('cat')`."
                )
        if self.first == self.second:
            raise ValueError(
                f"A contrast needs two different columns; got {self.first} twice. Pass e.g. `Contrast(1, 0)`."
            )

    def __call__(self, output: Any) -> Float[Tensor, " item"]:
        """Return output[:, first] - output[:, second], shape (item,)."""
        columns = columns_of(output)
        first, second = (require_classes(torch.tensor([c]), columns.shape[1])[0] for c in (self.first, self.second))
        return columns[:, first] - columns[:, second]


def columns_of(output: Any) -> Float[Tensor, "item column"]:
    """Find the (item, column) tensor in what a model returned: itself, its `.logits`, or a tuple's first entry.

    Raises
    ------
    TypeError, ValueError
        If there is no such tensor.
    """
    found = output
    if hasattr(found, "logits"):
        found = found.logits
    elif isinstance(found, dict) and "logits" in found:
        found = found["logits"]
    elif isinstance(found, (tuple, list)) and found:
        return columns_of(found[0])
    remedy = "Pass a callable as `target` that picks one number per item, e.g. `target=lambda output: {}`."
    if not isinstance(found, torch.Tensor):
        picked = f"output[{next(iter(found), 'scores')!r}][:, 3]" if isinstance(found, dict) else "output.scores[:, 3]"
        raise TypeError(
            f"The model must return a tensor, an object with `.logits`, a dict with 'logits', or a tuple that starts "
            f"with one of them; got {type(output).__name__}. {remedy.format(picked)}"
        )
    if found.ndim == 1:
        found = found[:, None]
    if found.ndim != 2 or found.shape[1] == 0 or not found.is_floating_point():
        picked = "output[:, 3].flatten(1).mean(1)" if found.ndim > 2 else "output[:, 3].float()"
        raise ValueError(
            f"The model's output must have the axes (item, column) and a floating dtype; got shape "
            f"{tuple(found.shape)} and {found.dtype}. {remedy.format(picked)}"
        )
    return found


def require_classes(classes: Tensor, count: int) -> Tensor:
    """Return `classes` if all lie in 0 … count - 1, else raise."""
    if not classes.is_meta and bool(((classes < 0) | (classes >= count)).any()):
        raise ValueError(
            f"`target` must be a column of the model's output, 0 to {count - 1}; got {classes.tolist()}. "
            f"Pass e.g. `target={count - 1}`, or None for the predicted class."
        )
    return classes


def require_target(target: object, items: int) -> Score | Int[Tensor, " item"] | None:
    """Bring the `target` argument of `explain` into one of three forms, before any model pass.

    Raises
    ------
    TypeError, ValueError
        If it is none of None, int, one int per item, or a callable.
    """
    if target is None or callable(target):
        return target
    column = whole_number(target)
    if column is not None:
        return torch.full((items,), min(max(column, -(2**31)), 2**31))  # no output has so many columns
    if isinstance(target, (Sequence, torch.Tensor, np.ndarray)) and not isinstance(target, str):
        try:
            classes = torch.as_tensor(target)
        except (TypeError, ValueError, RuntimeError, OverflowError):
            raise TypeError(
                f"`target` must hold one whole number per item; got {target!r}. Pass e.g. `target=[3] * {items}`."
            ) from None
        if classes.shape != (items,):
            raise ValueError(
                f"`target` must be one class per item, shape ({items},); got shape {tuple(classes.shape)}. "
                f"To explain class 3 for every item, pass `target=3`."
            )
        if classes.is_floating_point() or classes.is_complex() or classes.dtype == torch.bool:
            raise TypeError(f"`target` must hold whole numbers; got {classes.dtype}. Pass `target.long()`.")
        return classes.long()
    raise TypeError(
        f"`target` must be None (the predicted class), a class, one class per item, or a callable on the model's "
        f"output; got {type(target).__name__}. Pass e.g. `target=3`, or `target=labels.index('cat')` for a name."
    )


def score_of(output: Any, target: Score | Tensor, item: Tensor) -> Float[Tensor, " row"]:
    """Score every row of an output; row r belongs to item `item[r]`.

    Raises
    ------
    TypeError, ValueError
        If a callable target doesn't return one number per row.
    """
    if isinstance(target, torch.Tensor):
        columns = columns_of(output)
        require_rows(columns, len(item))
        return columns.gather(1, target[item][:, None])[:, 0]
    values = target(output)
    if not isinstance(values, torch.Tensor):
        raise TypeError(
            f"A score must return a tensor of one number per item; got {type(values).__name__}. "
            f"Pass e.g. `target=lambda output: output[:, 3]`."
        )
    if values.shape != item.shape or not values.is_floating_point():
        raise ValueError(
            f"A score must return one number per item, shape ({len(item)},) and a floating dtype; got shape "
            f"{tuple(values.shape)} and {values.dtype}. Pass e.g. `target=lambda output: output[:, 3]`."
        )
    return values


def require_rows(columns: Tensor, rows: int) -> Tensor:
    """Return the columns if the model returned one row per item that it was given, else raise."""
    if len(columns) != rows:
        raise ValueError(
            f"The model must return one row per item; it was given {rows} item(s) and returned "
            f"{len(columns)} row(s). Wrap it so that the first axis of its output is the item."
        )
    return columns


def require_finite_scores(scores: Tensor, named: Callable[[int], str], remedy: str = "") -> Tensor:
    """Return what the model said, a row per input, if all of it is finite; else raise and name the first that isn't.

    `named` says what the input of a row was, such as "item 3".
    """
    if scores.is_meta or bool(torch.isfinite(scores).all()):
        return scores
    first = tuple((~torch.isfinite(scores)).nonzero()[0].tolist())
    raise ValueError(
        f"The model must give finite scores; that of {named(first[0])} is {float(scores[first])}. Look for divisions "
        f"and logarithms of zero in the model{remedy}."
    )


def require_names(names: tuple[str, ...] | None, output: Tensor | None, *, given: bool) -> tuple[str, ...] | None:
    """Return the names if there is one per column; the model's own may be of something else, given ones may not."""
    if names is None or output is None or len(names) == output.shape[1]:
        return names
    if not given:
        return None
    raise ValueError(
        f"`labels` must be one name per column of the output, {output.shape[1]}; got {len(names)}. "
        f"Pass all of them, in the order of the columns."
    )
