"""What a run over a data set needs, whatever it measures: arguments, seeds, failures and progress."""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from wam_widgets.attribution import Contrast, Score
from wam_widgets.attribution.passes import Model
from wam_widgets.attribution.progress import Bar, Progress
from wam_widgets.checks import require_count, whole_number

Target = int | Contrast | Score | Literal["label"] | None
"""What is explained of every item."""

#: If so many items fail before any succeeds, all will.
FAILURES_AT_FIRST = 5

#: How `explain` begins to say that it was interrupted, where it returns what is complete: no result of an item.
_INTERRUPTED = ("Stopped early", "Interrupted after")


class ItemMeter:
    """Counts items, or whatever else is done one by one, and shows or reports them."""

    def __init__(
        self, progress: Progress | Literal[False] | None, done: int, total: int | None, *, unit: str = "item"
    ) -> None:
        self._report = progress if callable(progress) else None
        self._done, self._total = done, total
        self._bar = Bar(total, unit, done=done, hidden=progress is not None)

    def advance(self) -> None:
        """Note that an item is done.

        Raises
        ------
        KeyboardInterrupt
            If whoever watches wants to stop.
        """
        self._done += 1
        self._bar.update()
        if self._report is not None and self._report(self._done, self._total or self._done) is False:
            raise KeyboardInterrupt("`progress` returned False.")

    def close(self) -> None:
        """Take the bar away."""
        self._bar.close()


def require_run_seed(seed: object) -> int:
    """Return the seed of a run; those of its items are larger, and SQLite's numbers have 64 bits."""
    number = require_count("seed", seed, 0, at_least=0)
    if number >= 2**31:
        raise ValueError(f"`seed` must be less than 2**31; got {number}. Pass e.g. `seed=0`.")
    return number


def require_dataset_target(target: object) -> object:
    """Return what is to be explained of every item, if it can be."""
    if target is None or target == "label" or callable(target) or whole_number(target) is not None:
        return target
    raise TypeError(
        f"`target` must be None (the predicted class), 'label', one column for all items, or a callable on the model's "
        f"output; got {target!r}. Give the data set labels, and pass `target='label'`, for one per item."
    )


def device_of(model: Model, signal: Tensor) -> torch.device:
    """Return where a module's parameters are; of other callables, where the signal is."""
    if isinstance(model, torch.nn.Module):
        for parameter in model.parameters():
            return parameter.device
    return signal.device


def raise_if_interrupted(caught: Sequence[warnings.WarningMessage]) -> None:
    """Raise if `explain` has returned what was complete when somebody pressed Ctrl-C."""
    for each in caught:
        if str(each.message).startswith(_INTERRUPTED):
            raise KeyboardInterrupt(str(each.message))


def error_in_words(error: Exception) -> str:
    """Return an error as a line: its kind, what it says, and what was noted of it."""
    return " ".join([f"{type(error).__name__}: {error}", *(f"({note})" for note in getattr(error, "__notes__", ()))])


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Start all global random generators from a seed, and leave them as they were."""
    python, numpy, bits = random.getstate(), np.random.get_state(), seed % 2**32  # noqa: NPY002  # the caller's
    with torch.random.fork_rng(devices=[]):
        try:
            torch.default_generator.manual_seed(bits)  # no other device's, which would not be given back
            np.random.seed(bits)  # noqa: NPY002
            random.seed(bits)
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
