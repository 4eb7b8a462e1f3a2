"""Where the passes go: noisy copies of the signal, or points on the line from a baseline to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wam_widgets.checks import nearest

from .passes import Plan

Rule = Literal["gauss-legendre", "midpoint", "trapezoid", "power", "adaptive"]
"""How points and weights are chosen on the line."""

#: The power rule puts its points at alpha = u ** 8. A score behind decibels has an integrand like 1 / alpha, of which
#: rules with evenly spread points miss more than half (`1 / alpha` is spread evenly over the octaves of alpha).
POWER = 8

#: The adaptive rule divides the line here: evenly, and by factors of four near the baseline, for such integrands.
SEGMENTS = (0.0, *(2.0**-octave for octave in range(17, 3, -2)), *(eighth / 8 for eighth in range(1, 9)))

#: Copies are keyed on 32 bits, half of them for the copy.
MOST_COPIES = 2**16


def copy_seed(seed: int, copy: int) -> int:
    """Return the generator's seed for one noisy copy: 32 bits (torch's CPU generator ignores any beyond).

    Below 65,536 the map from (seed, copy) is one to one, so that different seeds share no copy, as seed + copy would.
    """
    high, low = divmod(seed, MOST_COPIES)
    return _mix(_mix(high) ^ (low << 16 | copy)) if high else _mix(low << 16 | copy)


def _mix(bits: int) -> int:
    """Scatter 32 bits, one to one: shifts and odd multipliers, each of which can be undone."""
    bits = (bits ^ bits >> 16) * 0x7FEB352D & 0xFFFFFFFF
    bits = (bits ^ bits >> 15) * 0x846CA68B & 0xFFFFFFFF
    return bits ^ bits >> 16


@dataclass(frozen=True, slots=True, eq=False)
class NoisyCopies:
    r"""Copies of every item with Gaussian noise (SmoothGrad; saliency is one copy without noise).

    Parameters
    ----------
    signal : Tensor, shape (item, channel, \*space)
        The items.
    deviation : Tensor, shape (item,)
        Standard deviation of the noise, in the signal's units.
    seeds : sequence of int
        One per item; items of equal seed and shape get the same noise, scaled by their deviation.
    """

    signal: Tensor
    deviation: Tensor
    seeds: Sequence[int]

    def inputs(self, part: Plan, item: Tensor, _: Tensor) -> Tensor:
        r"""Return the copies of a part of a plan, shape (pass, channel, \*space)."""
        copies = torch.empty((len(part), *self.signal.shape[1:]), dtype=self.signal.dtype, device=self.signal.device)
        drawn: dict[int, int] = {}
        for row, (owner, copy) in enumerate(zip(part.item.tolist(), part.place.tolist(), strict=True)):
            seed = copy_seed(self.seeds[owner], copy)
            if seed in drawn:
                copies[row] = copies[drawn[seed]]
            elif not copies.is_meta:
                copies[row].normal_(generator=torch.Generator(copies.device).manual_seed(seed))
            drawn.setdefault(seed, row)
        deviation = self.deviation[item].reshape(-1, *[1] * (copies.ndim - 1))
        # One item is broadcast; of several, `index_select` is several times as fast as `[item]`.
        signal = self.signal if len(self.signal) == 1 else self.signal.index_select(0, item)
        return torch.addcmul(signal, copies, deviation, out=copies)

    def plan(self, first: NDArray[np.int64], last: NDArray[np.int64], groups: int) -> Plan:
        """Plan copies `first[i]` … `last[i]` - 1 of every item i, copy by copy; copy c goes to group c mod `groups`."""
        copies = np.arange(first.min(), max(last.max(), first.min()))
        copy, item = np.meshgrid(copies, np.arange(len(first)), indexing="ij")
        wanted = (copy >= first) & (copy < last)
        copy, item = copy[wanted], item[wanted]
        return Plan(item, copy, copy % groups, np.ones(len(item)))


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    r"""The straight line from a baseline to the signal (Integrated Gradients).

    Parameters
    ----------
    signal, baseline : Tensor, shape (item, channel, \*space)
        Its ends.
    """

    signal: Tensor
    baseline: Tensor

    def inputs(self, _: Plan, item: Tensor, fraction: Tensor) -> Tensor:
        r"""Return the points of a part of a plan, shape (pass, channel, \*space)."""
        ends = (self.baseline.index_select(0, item), self.signal.index_select(0, item))
        return torch.lerp(*ends, fraction.reshape(-1, *[1] * (self.signal.ndim - 1)))

    def plan(self, rule: Rule, count: int) -> Plan:
        """Plan `count` points of a fixed rule for every item; their weights sum to 1."""
        points, weights = quadrature(rule, count)
        items = len(self.signal)
        point, item = np.meshgrid(np.arange(count), np.arange(items), indexing="ij")
        return Plan(item.ravel(), points[point.ravel()], np.zeros(count * items, np.int64), weights[point.ravel()])

    def ends(self, *fractions: float) -> Plan:
        """Plan a look at some fractions of the way, for every item, fraction by fraction."""
        place, item = np.meshgrid(fractions, np.arange(len(self.signal)), indexing="ij")
        return Plan(item.ravel(), place.ravel(), np.zeros(item.size, np.int64), np.ones(item.size))

    def segment_plan(self, first: NDArray[np.int64], last: NDArray[np.int64]) -> Plan:
        """Plan nested points `first[s, i]` … `last[s, i]` - 1 of segment s for every item i.

        Within a segment all points weigh the same, so that a running mean is a quadrature at every moment and no
        pass is ever thrown away.
        """
        segment, item = np.nonzero(last > first)
        counts = (last - first)[segment, item]
        run_starts = np.cumsum(counts) - counts
        number = np.arange(counts.sum()) + np.repeat(first[segment, item] - run_starts, counts)
        segment, item = np.repeat(segment, counts), np.repeat(item, counts)
        edges = np.asarray(SEGMENTS)
        place = edges[segment] + (edges[segment + 1] - edges[segment]) * nested_points(number)
        return Plan(item, place, segment, np.ones(len(item)))


@lru_cache(maxsize=64)
def quadrature(rule: Rule, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return `count` points in [0, 1] and their weights, which sum to 1."""
    if rule == "midpoint":
        return (np.arange(count) + 0.5) / count, np.full(count, 1 / count)
    if rule == "trapezoid":
        weights = np.full(count, 1 / (count - 1))
        weights[[0, -1]] /= 2
        return np.linspace(0, 1, count), weights
    nodes, weights = np.polynomial.legendre.leggauss(count)
    points, weights = (nodes + 1) / 2, weights / 2
    if rule == "power":
        weights = weights * POWER * points ** (POWER - 1)
        return points**POWER, weights / weights.sum()
    return points, weights


def nested_points(number: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return points of [0, 1] of which the first 3^k are those of the midpoint rule, for every k.

    A van der Corput sequence to base 3 with the digits 0 and 1 exchanged (Niederreiter, Random Number Generation and
    Quasi-Monte Carlo Methods, section 3.1): 1/2, 1/6, 5/6, 7/18, …
    """
    place = np.full(number.shape, 0.5)  # the digits after the last one are all 0, exchanged for 1: 0.111… is a half
    scale = 1.0
    while number.any():
        number, digit = np.divmod(number, 3)
        scale /= 3
        place += scale * (np.array([1, 0, 2])[digit] - 1)
    return place


def require_rule(rule: str | None, tolerance: float | None) -> Rule:
    """Return the rule, or what is best if None; raise with the nearest name for an unknown one."""
    if rule is None:
        return "gauss-legendre" if tolerance is None else "adaptive"
    known = get_args(Rule)
    if rule not in known:
        raise ValueError(f"`rule` must be one of {', '.join(map(repr, known))}; got {rule!r}.{nearest(rule, known)}")
    if tolerance is not None and rule != "adaptive":
        raise ValueError(
            f"`tolerance` needs a rule that can be refined; got rule={rule!r}. Pass `rule='adaptive'` or leave it out."
        )
    return rule  # type: ignore[return-value]  # narrowed by the check above


def make_baseline(baseline: float | Tensor | str | None, signal: Tensor) -> Tensor:
    """Return the baseline of every item, of the signal's shape.

    Raises
    ------
    TypeError, ValueError
        If it is not None, a finite number, "blur", "mean", or a finite tensor that broadcasts to the signal.
    """
    if baseline is None:
        return torch.zeros_like(signal)
    if isinstance(baseline, str):
        makers: dict[str, Callable[[Tensor], Tensor]] = {"blur": _blur, "mean": _mean}
        if baseline not in makers:
            raise ValueError(
                f"`baseline` must be None, a number, a tensor, 'blur' or 'mean'; got {baseline!r}."
                f"{nearest(baseline, makers)}"
            )
        return makers[baseline](signal)
    if not isinstance(baseline, (int, float, torch.Tensor)):
        raise TypeError(
            f"`baseline` must be None, a number, a tensor, 'blur' or 'mean'; got {type(baseline).__name__}. "
            f"Pass e.g. `baseline=0.5`."
        )
    values = torch.as_tensor(baseline, dtype=signal.dtype, device=signal.device).detach()
    try:
        full = values.expand(signal.shape).clone()
    except RuntimeError:
        raise ValueError(
            f"`baseline` must broadcast to the signal's shape {tuple(signal.shape)}; got {tuple(values.shape)}. "
            f"Pass one value per channel as `baseline.reshape(-1{', 1' * (signal.ndim - 2)})`."
        ) from None
    if not full.is_meta and not bool(torch.isfinite(full).all()):
        raise ValueError("`baseline` must be finite; got NaN or inf. Pass e.g. `baseline=0.0`.")
    return full


def _mean(signal: Tensor) -> Tensor:
    """Fill every channel of every item with its mean."""
    return signal.mean(dim=tuple(range(2, signal.ndim)), keepdim=True).expand_as(signal).clone()


def _blur(signal: Tensor) -> Tensor:
    """Blur every axis with a Gaussian whose standard deviation is a twentieth of its length."""
    for axis in range(2, signal.ndim):
        samples = signal.shape[axis]
        # The signal and its mirror image are periodic without a jump: no darkening towards the border.
        spectrum = torch.fft.rfft(torch.cat([signal, signal.flip(axis)], dim=axis).movedim(axis, -1))
        frequency = torch.fft.rfftfreq(2 * samples, dtype=signal.dtype, device=signal.device)
        spectrum = spectrum * torch.exp(-0.5 * (2 * torch.pi * frequency * samples / 20) ** 2)
        signal = torch.fft.irfft(spectrum, n=2 * samples)[..., :samples].movedim(-1, axis)
    return signal.contiguous()
