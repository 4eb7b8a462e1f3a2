"""The mean gradient over noisy copies, to a tolerance if one is asked for; and what every average begins with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wam_widgets.transform import pull_back
from wam_widgets.transform.grid import require_signal

from .explanation import Aggregate
from .passes import FrontEnd, Inputs, Model, Plan, Scored, SubBatch, Sums, run, run_model
from .paths import NoisyCopies
from .progress import Meter
from .score import Score, columns_of, require_classes, require_finite_scores, require_rows, score_of
from .uncertainty import FEWEST_GROUPS, GroupMeans, relative_error

#: More groups tell the standard errors more precisely, and cost memory: sixteen know them to a fifth.
MOST_GROUPS = 16

#: Group means may take this many bytes (1 GiB); for larger signals there are fewer.
GROUPS_MEMORY = 2**30

#: More are rows of an image, whose item axis was forgotten.
_MOST_CHANNELS = 16

#: Whoever watches is shown what is complete whenever passes have run for so many seconds.
WATCH_EVERY = 0.5

Reducer = Callable[[Tensor], Tensor]
"""What an aggregate that isn't linear does to the gradients of a sub-batch."""


@dataclass(frozen=True, slots=True, eq=False)
class Average:
    r"""What the passes came to.

    Parameters
    ----------
    gradient : Tensor, shape (item, channel, \*space)
        The mean gradient.
    passes : Tensor, shape (item,)
        How many it is the mean of.
    groups : GroupMeans or None
        Means over groups of copies.
    baseline_score : Tensor, shape (item,), or None
        The score where the line begins.
    settings : dict
        What else is worth noting; "error_reached" is the relative error of each item, if it was asked for.
    features : Average or None
        What the same passes came to in the output of a front end.
    """

    gradient: Tensor
    passes: Tensor
    groups: GroupMeans | None
    baseline_score: Tensor | None
    settings: dict[str, Any]
    features: Average | None = None


@dataclass(slots=True, eq=False)
class Runner:
    """A model with what is asked of it, how many passes at once, and who is told.

    Parameters
    ----------
    scored : Scored
        The model and its score.
    sub_batch : SubBatch
        How many passes to run at once.
    meter : Meter
        Who is told.
    watch : callable, optional
        Who is shown what is complete while passes still run.
    stopped : bool
        Whether the work was stopped or interrupted before it was complete.
    shown : float
        When something was last shown, or when the work began.
    """

    scored: Scored
    sub_batch: SubBatch
    meter: Meter
    watch: Callable[[Average], object] | None = None
    stopped: bool = False
    shown: float = field(init=False)

    def __post_init__(self) -> None:
        self.shown = time.perf_counter()

    def run(
        self, plan: Plan, inputs: Inputs, sums: list[Sums], so_far: Callable[[], Average | None] = lambda: None
    ) -> bool:
        """Run a plan (see `passes.run`) and return whether another may follow.

        `so_far` makes an average of the sums, sharing no memory with them, or None while a part of it is missing.
        """
        self.meter.expect(len(plan))
        done, go_on = run(
            plan,
            inputs,
            self.scored,
            sums,
            sub_batch=self.sub_batch,
            before=lambda: self._show(so_far),
            after=self.meter.advance,
        )
        self.stopped = done < len(plan)
        return go_on

    def _show(self, so_far: Callable[[], Average | None]) -> bool:
        """Show what is complete if somebody watches and it is time; False if that was interrupted."""
        if self.watch is None or time.perf_counter() - self.shown < WATCH_EVERY:
            return True
        try:
            average = so_far()
            # A pass that gave NaN is not shown: after the last one it will be named.
            if average is not None and (average.gradient.is_meta or bool(average.gradient.isfinite().all())):
                self.watch(average)
        except KeyboardInterrupt:
            return False
        self.shown = time.perf_counter()  # what watching takes is not the passes' time
        return True

    def forward(self, plan: Plan, inputs: Inputs, like: Tensor) -> Tensor:
        """Return the scores of the inputs of a plan, shape (pass,), without gradients, in the dtype of `like`."""
        item, place = plan.on(like.device, like.dtype)
        step = self.sub_batch.size
        scores = []
        for at in range(0, len(plan), step):
            part = slice(at, at + step)
            _, found = self.scored.values(inputs(plan[part], item[part], place[part]), item[part])
            scores.append(found.to(like.dtype))
        return require_finite_scores(
            torch.cat(scores),
            lambda row: f"a point of its path for item {plan.item[row]}",
            ", or pass another `baseline`",
        )


@dataclass(frozen=True, slots=True)
class Budget:
    """How many passes per item to begin with, how many to make at most, and the relative error to reach."""

    start: int
    most: int
    tolerance: float | None


#: On the CPU, torch convolves a single volume of few voxels by a way that takes six times as long as two of them.
_SMALL_VOLUME = 2**18


def look(
    model: Model, signal: Tensor, wanted: Score | Tensor | None, precision: torch.dtype | None, step: int
) -> tuple[Tensor | None, Score | Tensor, Tensor]:
    """Run the model on the signal itself: its output, what is explained of it, and the score of that."""
    if isinstance(wanted, torch.Tensor):
        wanted = wanted.to(signal.device)
    outputs: list[Tensor] = []
    scores = []
    parts = torch.arange(len(signal), device=signal.device).split(step)
    if signal.ndim == 5 and len(signal) == 1 and signal.device.type == "cpu" and signal.numel() < _SMALL_VOLUME:
        parts = (parts[0].expand(2),)
    for part in parts:
        try:
            output = run_model(model, signal[part], precision)
        except Exception as error:
            error.add_note(_how_it_was_read(signal, len(part.unique())))
            raise
        if callable(wanted):
            scores.append(score_of(output, wanted, part))
        try:
            found = require_rows(columns_of(output), len(part))
        except (TypeError, ValueError):
            if not callable(wanted):
                raise
            continue  # only the target can read it
        outputs.append(found.float() if precision is not None else found)
    widths = {found.shape[1] for found in outputs}
    readable = len(outputs) == len(parts) and len(widths) == 1
    if callable(wanted):
        score = torch.cat(scores).detach()[: len(signal)].to(signal.dtype)
        kept = torch.cat(outputs).detach()[: len(signal)] if readable else None
        return kept, wanted, require_finite_scores(score, lambda item: f"the signal for item {item}")
    if not readable:
        raise ValueError(
            f"The model's output must have as many columns for every item; got {sorted(widths)}. "
            f"Pass a callable as `target` that picks one number per item."
        )
    columns = torch.cat(outputs).detach()[: len(signal)]
    column = columns.argmax(1) if wanted is None else require_classes(wanted, columns.shape[1])
    score = columns.gather(1, column[:, None])[:, 0].to(signal.dtype)
    return columns, column, require_finite_scores(score, lambda item: f"the signal for item {item}")


def _how_it_was_read(signal: Tensor, at_once: int) -> str:
    """Tell what a model was given that it didn't take, and what is most often wrong with it."""
    channels, axes = signal.shape[1], signal.ndim - 2
    told = (
        f"The model raised this. It was given {at_once} of the {len(signal)} item(s) of the signal, with "
        f"{channels} channel(s), {axes} spatial {'axis' if axes == 1 else 'axes'} of size "
        f"{tuple(signal.shape[2:])} and {signal.dtype}."
    )
    if channels > _MOST_CHANNELS and axes < 3:
        told += " A single item needs its item axis: `signal[None]`."
    elif channels == 2 or (channels > 1 and axes == 1):
        told += " For a model of mono sound, mix down: `signal.mean(1, keepdim=True)`."
    if signal.dtype == torch.float64:
        told += " For a model in float32, pass `signal.float()`."
    return told


def through(front_end: FrontEnd, signal: Tensor, step: int) -> Tensor:
    """Return what the front end makes of the signal, `step` items at once, if it can be explained.

    Raises
    ------
    TypeError, ValueError
        If it is no batch of as many items, with axes of its own, that is finite.
    """
    parts = [front_end(signal[part]) for part in torch.arange(len(signal), device=signal.device).split(step)]
    for part in parts:
        require_signal(part, "front_end(signal)")
    features = torch.cat(parts).detach()
    if len(features) != len(signal):
        raise ValueError(
            f"`front_end` must return one row per item; it was given {len(signal)} items and returned shape "
            f"{tuple(features.shape)}. Wrap it so that the first axis of its output is the item."
        )
    if not features.is_meta and not bool(torch.isfinite(features).all()):
        raise ValueError(
            "`front_end` must return finite values; what it made of the signal holds NaN or inf. Look for logarithms "
            "of zero in it: decibels need a floor."
        )
    return features


def over_copies(
    runner: Runner,
    copies: NoisyCopies,
    budget: Budget,
    reduce: tuple[Reducer | None, Reducer | None],
    features: Tensor | None = None,
) -> Average:
    """Average gradients over noisy copies, with more copies until the tolerance is met.

    `features` are what a front end makes of the signal; `reduce` is for the gradients of both.
    """
    signal, items, tolerance = copies.signal, len(copies.signal), budget.tolerance
    groups = _count_groups([signal] if features is None else [signal, features], budget.start)
    if tolerance is not None and groups < FEWEST_GROUPS:
        raise ValueError(
            f"A tolerance needs {FEWEST_GROUPS} group means of the signal within {GROUPS_MEMORY} bytes; got "
            f"shape {tuple(signal.shape)}. Explain fewer items at once, or leave `tolerance` out."
        )
    sums = _zeros(groups, signal, reduce[0], stage=0)
    further = [] if features is None else _zeros(groups, features, reduce[1], stage=1)

    def so_far() -> Average | None:
        average = _so_far(sums, budget)
        return replace(average, features=_so_far(further, budget)) if average is not None and further else average

    first, last = np.zeros(items, np.int64), np.full(items, budget.start)
    while True:
        go_on = runner.run(copies.plan(first, last, groups), copies.inputs, [*sums, *further], so_far)
        if runner.stopped or tolerance is None:
            break
        # The squared error falls with the number of copies; a tenth more than foreseen saves a round of few.
        error = np.nan_to_num(relative_error(_means(sums[-1])).double().cpu().numpy(), nan=np.inf)
        needed = np.where(
            error > tolerance, np.ceil(np.minimum(1.1 * last * (error / tolerance) ** 2, budget.most)), last
        )
        first, last = last, np.maximum(last, np.minimum(needed.astype(np.int64), 4 * last))
        if (first == last).all():
            break
        if not go_on:
            runner.stopped = True
            break
    average = so_far()
    if average is None:
        raise KeyboardInterrupt("Stopped before every item had a complete pass.")
    return average


def _zeros(groups: int, like: Tensor, reduce: Reducer | None, *, stage: int) -> list[Sums]:
    """Start sums of gradients, and of what they are reduced to if they are."""
    sums = [Sums.zeros(groups, like, stage=stage)]
    if reduce is not None:
        sums.append(Sums.zeros(groups, reduce(like), reduce, stage))
    return sums


def _so_far(sums: list[Sums], budget: Budget) -> Average | None:
    """Return the mean over the copies so far: of the gradient, then of what it is reduced to; None if an item has none.

    It shares no memory with the sums.
    """
    count, groups = sums[0].weight.sum(0), len(sums[0].weight)
    if not count.all():
        return None
    means = _means(sums[-1])
    settings: dict[str, Any] = {"groups": groups}
    if budget.tolerance is not None and means.groups >= FEWEST_GROUPS:
        settings["error_reached"] = relative_error(means).tolist()
    if groups < min(MOST_GROUPS, budget.start) and budget.start >= FEWEST_GROUPS:
        settings["groups_limited_by"] = f"memory, {GROUPS_MEMORY} bytes"
    gradient = sums[0].values.sum(0)
    gradient /= per_item(count, gradient)
    kept = means if means.groups >= FEWEST_GROUPS or len(sums) > 1 else None
    return Average(gradient, torch.as_tensor(count.astype(np.int64)), kept, None, settings)


def reducer(aggregate: Aggregate, wavelet: str | None, level: int, mode: str) -> Reducer | None:
    """Return what an aggregate that isn't linear does to the gradients of a sub-batch; None for the plain mean."""
    if aggregate == "mean":
        return None
    measure = torch.abs if aggregate == "mean_abs" else torch.square
    return lambda gradient: measure(pull_back(gradient, wavelet, level=level, mode=mode).flatten())


def _count_groups(kept: list[Tensor], samples: int) -> int:
    """Return how many group means to keep: 16, or as many as there are copies, or as fit; one if that is below 8."""
    fitting = GROUPS_MEMORY // sum(each.numel() * each.element_size() for each in kept)
    groups = min(MOST_GROUPS, samples, fitting)
    return groups if groups >= FEWEST_GROUPS else 1


def _means(sums: Sums) -> GroupMeans:
    """Turn sums into means; what is in groups that still lack an item joins the first that doesn't."""
    values, weight = sums.values, sums.weight
    whole = (weight > 0).all(1)
    if not whole.all():
        kept = np.flatnonzero(whole) if whole.sum() >= FEWEST_GROUPS else np.array([0])
        rest = np.setdiff1d(np.arange(len(weight)), kept)
        joined, joined_weight = values[kept], weight[kept]
        joined[0] += values[rest].sum(0)
        joined_weight[0] += weight[rest].sum(0)
        values, weight = joined, joined_weight
    counts = torch.tensor(weight, dtype=values.dtype, device=values.device)  # a copy, of float64 too
    return GroupMeans(values / per_item(counts, values[0]), counts)


def per_item(numbers: Tensor | NDArray[np.float64], like: Tensor) -> Tensor:
    """Give numbers, shape (…, item), the axes that multiply a tensor shaped as `like`, (item, …), from the left."""
    given = torch.as_tensor(numbers, dtype=like.dtype, device=like.device)
    return given.reshape(*given.shape, *[1] * (like.ndim - 1))
