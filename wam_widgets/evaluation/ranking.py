"""How important a method finds every unit: what is ranked, and in which terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor

from wam_widgets.attribution import Explanation
from wam_widgets.transform import Coefficients, decompose
from wam_widgets.transform.geometry import spread
from wam_widgets.transform.grid import real_numbers

from .protocols import Protocol
from .selection import SAMPLES, CoefficientDomain, Domain, coefficient_domain

Importance = Explanation | Coefficients | Tensor
"""What units are ranked by; a tensor is a map of the signal's samples."""

#: What the argument is called that importances come in, or functions that return them.
EXPLANATIONS, METHODS = "explanations", "methods"

#: The name of an importance that is given by itself, as the argument `importance`, and not in a dict.
ALONE = ""


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """How important a method finds every unit.

    Parameters
    ----------
    domain : Domain
        In which terms.
    importance : Tensor, shape (item, unit)
        The larger, the earlier.
    """

    domain: Domain
    importance: Float[Tensor, "item unit"]


@dataclass(frozen=True, slots=True, eq=False)
class GroupedDomain:
    """Units of several positions each: bands of coefficients, or segments of a signal's samples.

    Parameters
    ----------
    inner : CoefficientDomain
        Whose positions are grouped.
    labels : Tensor, shape (item, position)
        The number of each position's unit.
    what : str
        What a unit is called.
    """

    inner: CoefficientDomain
    labels: Int[Tensor, "item position"]
    what: str

    @property
    def name(self) -> str:
        """That of the inner domain, and what is kept at once."""
        return f"{self.inner.name}, by {self.what}"

    def of_item(self, item: int) -> GroupedDomain:
        """Return the units of one item."""
        return GroupedDomain(self.inner, self.labels[item : item + 1], self.what)

    def analyse(self, signal: Tensor) -> Any:
        """Return the signal in the inner terms."""
        return self.inner.analyse(signal)

    def energy(self, parts: Any) -> Float[Tensor, "item position"]:
        """Return the energy of every unit."""
        return self.grouped(self.inner.energy(parts))

    def keep(self, parts: Any, which: Shaped[Tensor, "item position"]) -> Tensor:
        """Return the signal made of these units only."""
        return self.inner.keep(parts, which.gather(1, self.labels.expand(len(which), -1)))

    def grouped(self, values: Float[Tensor, "item position"]) -> Float[Tensor, "item unit"]:
        """Add up what the positions of one unit hold."""
        sums = values.new_zeros(len(values), int(self.labels.max()) + 1)
        return sums.scatter_add_(1, self.labels, values)


class Terms:
    """Which domain each method is ranked in; methods in the same terms share one."""

    def __init__(self, signal: Tensor, rule: Protocol, segments: Tensor | None, argument: str = EXPLANATIONS) -> None:
        self._signal, self._rule, self._segments, self._argument = signal, rule, segments, argument
        self._grouped: dict[CoefficientDomain, GroupedDomain] = {}

    def ranking(self, name: str, given: Importance) -> Ranking:
        """Return how a method ranks the units of this rule."""
        inner, importance = self._positions(name, given)
        if not importance.is_meta and not bool(torch.isfinite(importance).all()):
            raise ValueError(f"{self._called(name)} must be finite; got NaN or inf. Look at the model's gradient.")
        if self._rule.unit == "position":
            return Ranking(inner, importance)
        domain = self._grouped.setdefault(inner, GroupedDomain(inner, self._labels(name, inner), self._rule.unit))
        return Ranking(domain, domain.grouped(importance))

    def _positions(self, name: str, given: Importance) -> tuple[CoefficientDomain, Tensor]:
        signal, magnitude = self._signal, self._rule.order == "magnitude"
        items, size = len(signal), tuple(signal.shape[2:])
        in_pixels = self._rule.domain == "pixel" or self._rule.unit == "superpixel"
        if isinstance(given, (Explanation, Coefficients)):
            self._require_same_signal(name, given)
            if in_pixels:
                heat = given.heatmap() if isinstance(given, Explanation) else spread(given.map(torch.abs)).sum((1, 2))
                return SAMPLES, heat.flatten(1)
            if given.wavelet is None and (self._rule.domain == "wavelet" or self._rule.unit == "band"):
                raise ValueError(self._no_coefficients(name))
            if isinstance(given, Coefficients):
                flat = given.flatten()
            else:
                flat = (given if magnitude else given.contribution()).attribution.flatten()
            return coefficient_domain(given), (flat.abs() if magnitude else flat).sum(1)
        values = real_numbers(given)
        if values is None:
            raise TypeError(
                f"{self._called(name)} must be an Explanation, Coefficients or a map of the samples; got "
                f"{type(given).__name__}. Pass what `explain`, `pull_back` or `gradcam` returned."
            )
        if tuple(values.shape) != (items, *size):
            raise ValueError(
                f"{self._called(name)} must have the shape (item, *space) of the signal, {(items, *size)}; got "
                f"{tuple(values.shape)}. Add up its channels, e.g. `map.sum(1)`."
            )
        if self._rule.domain == "wavelet" or self._rule.unit == "band":
            raise ValueError(self._no_coefficients(name))
        # Ranked as precisely as it is given: a signal's dtype may hold neither its smallest values nor its largest.
        flat = values.to(signal.device, torch.promote_types(values.dtype, signal.dtype)).flatten(1)
        return SAMPLES, flat.abs() if magnitude else flat

    def _called(self, name: str) -> str:
        """Begin an error: with the argument as users know it, and what they call the importance."""
        if name == ALONE:
            return "`importance`"
        given = f"`{self._argument}[{name!r}]`"
        return f"What {given} returns" if self._argument == METHODS else given

    def _no_coefficients(self, name: str) -> str:
        return (
            f"{self._called(name)} is a map of the signal's samples, which has no order of coefficients, and "
            f"{self._rule.name!r} removes coefficients. If it is a gradient, carry it to them with `pull_back`, or see "
            f"an explanation in a wavelet, `explanation.view(wavelet='haar', level=3)`; else use "
            f"{'`unit=' + repr('position') + '`' if self._rule.unit == 'band' else '`domain=' + repr('pixel') + '`'}."
        )

    def _require_same_signal(self, name: str, given: Explanation | Coefficients) -> None:
        items = len(given) if isinstance(given, Explanation) else len(given.approximation)
        same = (items, given.size) == (len(self._signal), tuple(self._signal.shape[2:]))
        if same and isinstance(given, Explanation) and not self._signal.is_meta:
            same = given.signal.shape == self._signal.shape and torch.equal(given.signal.to(self._signal), self._signal)
        if not same:
            raise ValueError(
                f"{self._called(name)} must be of `signal`, {len(self._signal)} item(s) of size "
                f"{tuple(self._signal.shape[2:])}; got one of {items} item(s) of size {given.size}, or of other "
                f"values. Pass `explanation.signal`."
            )

    def _labels(self, name: str, inner: CoefficientDomain) -> Tensor:
        """Return the number of every position's unit."""
        signal = self._signal
        if self._segments is not None:
            return self._segments
        parts = decompose(signal[:1, :1], inner.wavelet, level=inner.level, mode=inner.mode)
        sizes = torch.tensor([band.numel() for *_, band in parts.bands()], device=signal.device)
        if len(sizes) < 2:
            raise ValueError(self._no_coefficients(name))
        return torch.arange(len(sizes), device=signal.device).repeat_interleave(sizes).expand(len(signal), -1)


def require_explanations(explanations: object, argument: str = EXPLANATIONS) -> dict[str, Importance]:
    """Return explanations by name, at least one."""
    if not isinstance(explanations, Mapping) or not explanations:
        raise TypeError(
            f"`{argument}` must be a dict of name and explanation with at least one; got "
            f"{'an empty one' if isinstance(explanations, Mapping) else type(explanations).__name__}. Pass e.g. "
            f"`{{'WAM': explanation}}`."
        )
    named = {str(name): given for name, given in explanations.items()}
    if len(named) < len(explanations):
        raise ValueError(
            f"`{argument}` must have names that differ as words; got {list(explanations)!r}. Rename one of those alike."
        )
    return named


def require_segments(segments: Tensor | None, signal: Tensor, rule: Protocol, *, alike: bool = True) -> Tensor | None:
    r"""Return the number of every sample's segment, shape (item, position); with `alike`, all items have as many."""
    if (segments is None) != (rule.unit != "superpixel"):
        raise ValueError(
            "`segments` and `unit='superpixel'` belong together: whole numbers from 0 of shape (item, *space), such as "
            "`skimage.segmentation.slic` returns minus 1. Pass both or neither."
        )
    if segments is None:
        return None
    labels = real_numbers(segments)
    shape = (len(signal), *signal.shape[2:])
    if labels is None:
        raise TypeError(
            f"`segments` must be whole numbers from 0, of shape {shape} or {shape[1:]}; got {type(segments).__name__}. "
            f"Number the segments 0, 1, 2, …"
        )
    if labels.shape == signal.shape[2:]:
        labels = labels.expand(shape)
    if tuple(labels.shape) != shape or labels.is_floating_point() or int(labels.min()) < 0:
        raise ValueError(
            f"`segments` must be whole numbers from 0, of shape {shape} or {shape[1:]}; got {labels.dtype} of shape "
            f"{tuple(labels.shape)}. Number the segments 0, 1, 2, …"
        )
    return _require_no_gaps(labels.long().to(signal.device).flatten(1), alike=alike)


def _require_no_gaps(labels: Tensor, *, alike: bool) -> Tensor:
    """Return the numbers of segments if none is missing: it would be a unit that nothing is in."""
    items, samples = labels.shape
    # There can't be more segments than samples, so that larger numbers need no place of their own.
    present = torch.zeros(items, samples + 1, dtype=torch.bool, device=labels.device)
    present.scatter_(1, labels.clamp(max=samples), value=True)
    numbers = labels.amax(1) + 1
    wanted = numbers.amax().expand(items) if alike else numbers
    if bool((gaps := present.sum(1) != wanted).any()):
        item = int(gaps.long().argmax())
        remedy = (
            "; where items differ in number, call `evaluate` for each and `FaithfulnessReport.joined`" if alike else ""
        )
        raise ValueError(
            f"`segments` must number 0 … n - 1 without gaps{', n the same in every item' if alike else ''}; item "
            f"{item} has {len(labels[item].unique())} of {int(wanted[item])}. Renumber each item's with "
            f"`torch.unique(…, return_inverse=True)[1]`{remedy}."
        )
    return labels
