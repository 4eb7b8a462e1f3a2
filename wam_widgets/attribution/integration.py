"""Integrated Gradients: the mean gradient along a line, by a fixed rule, or refined where it is missed most."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .averages import Average, Budget, Runner, per_item
from .passes import Sums
from .paths import SEGMENTS, Line, Rule
from .uncertainty import completeness_unit


def along_the_line(runner: Runner, line: Line, budget: Budget, rule: Rule, score: Tensor) -> Average:
    """Average gradients along the line, by a fixed rule or an adaptive one."""
    if rule == "adaptive":
        return _adaptively(runner, line, budget, score)
    start = runner.forward(line.ends(0.0), line.inputs, line.signal)
    sums = Sums.zeros(1, line.signal)
    runner.run(line.plan(rule, budget.start), line.inputs, [sums])
    if runner.stopped:
        raise KeyboardInterrupt("Stopped before the rule was complete; a part of it has no meaning.")
    return Average(sums.values[0], torch.full((len(line.signal),), budget.start), None, start, {})


def _adaptively(runner: Runner, line: Line, budget: Budget, score: Tensor) -> Average:
    """Put passes into the segments of the line where they are missed most, until the gap is within the tolerance.

    A segment's integral should be the difference of the score between its ends, so that every segment knows its own
    gap. It is not enough that their sum is small, which happens by luck (gaps have signs): the root of the sum of
    their squares has to be, too.
    """
    signal, items, segments = line.signal, len(line.signal), len(SEGMENTS) - 1
    most = budget.start if budget.tolerance is None else budget.most
    lengths = np.diff(SEGMENTS)
    ends = runner.forward(line.ends(*SEGMENTS[:-1]), line.inputs, signal).reshape(segments, items)
    differences = torch.diff(torch.cat([ends, score[None]]), dim=0).double().cpu().numpy()
    unit = completeness_unit(score, ends[0]).double().cpu().numpy()
    allowed = (budget.tolerance or 0) * unit
    difference = signal - line.baseline

    sums = Sums.zeros(segments, signal)

    def shares() -> Tensor:
        """Return what part of the line each pass so far stands for, shape (segment, item)."""
        return torch.as_tensor(lengths[:, None] / sums.weight, dtype=signal.dtype, device=signal.device)

    def gaps_so_far() -> NDArray[np.float64]:
        """Return by how much each segment misses its difference of the score, shape (segment, item)."""
        along = torch.stack([(segment * difference).flatten(1).sum(1) for segment in sums.values]) * shares()
        gaps: NDArray[np.float64] = along.double().cpu().numpy() - differences
        return gaps

    def average(gaps: NDArray[np.float64]) -> Average:
        gradient = (sums.values * per_item(shares(), signal)).sum(0)
        passes = torch.as_tensor(sums.weight.sum(0).astype(np.int64))
        return Average(gradient, passes, None, ends[0], {"error_reached": (_error(gaps) / unit).tolist()})

    def so_far() -> Average | None:
        return average(gaps_so_far()) if sums.weight.all() else None

    first, last = np.zeros((segments, items), np.int64), np.ones((segments, items), np.int64)
    while True:
        go_on = runner.run(line.segment_plan(first, last), line.inputs, [sums], so_far)
        if not sums.weight.all():
            raise KeyboardInterrupt("Stopped before every part of the line had a pass.")
        gaps = gaps_so_far()
        first, last = last, _refined(last, gaps, _error(gaps) > allowed, allowed, most)
        if (first == last).all():
            break
        if not go_on:
            runner.stopped = True
            break
    return average(gaps)


def _error(gaps: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the error of each item, shape (item,): the sum of its segments' gaps, or the root of that of squares."""
    error: NDArray[np.float64] = np.maximum(np.abs(gaps.sum(0)), np.sqrt(np.square(gaps).sum(0)))
    return error


def _refined(
    points: NDArray[np.int64],
    gaps: NDArray[np.float64],
    unfinished: NDArray[np.bool_],
    allowed: NDArray[np.float64],
    most: int,
) -> NDArray[np.int64]:
    """Triple the points of the segments whose gaps matter, shape (segment, item), within what is left to spend."""
    refined = points.copy()
    for item in np.flatnonzero(unfinished):
        left = most - int(points[:, item].sum())
        kept = gaps[:, item].copy()
        for segment in np.argsort(-np.abs(kept), kind="stable"):
            if max(abs(kept.sum()), np.sqrt(np.square(kept).sum())) <= allowed[item] / 2:
                break
            more = 2 * int(points[segment, item])
            if more > left:  # a part of it would leave the points uneven
                continue
            refined[segment, item] += more
            left -= more
            kept[segment] = 0
    return refined
