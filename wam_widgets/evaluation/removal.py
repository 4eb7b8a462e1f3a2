"""Taking random parts out of signals: which ones, what methods say of them, and what the model says without them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from wam_widgets.attribution import Explanation
from wam_widgets.attribution.passes import Model
from wam_widgets.attribution.paths import copy_seed
from wam_widgets.attribution.progress import Progress
from wam_widgets.attribution.score import require_finite_scores
from wam_widgets.checks import finite_number, require_count
from wam_widgets.transform import Coefficients
from wam_widgets.transform.geometry import spread

from .protocols import Baseline, Protocol
from .ranking import GroupedDomain, Importance, Terms, require_explanations, require_segments
from .selection import CoefficientDomain, shuffled
from .statistics import Values
from .tracing import Scorer, Task

RULE = Protocol("removal", "What does the model say without some parts of a signal?", order="signed", quantity="logit")


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One item in some terms: what methods say of its units, and what the model says without some of them."""

    worth: Float[Tensor, "method unit"]
    missing: Bool[Tensor, "subset unit"]
    scores: Callable[[Bool[Tensor, "row unit"]], Float[Tensor, " row"]]


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """Explanations and the subsets of units that they are tried on, checked before any pass."""

    task: Task
    fraction: float
    subsets: int
    methods: dict[GroupedDomain, list[str]]
    importance: dict[str, Float[Tensor, "item position"]]
    _missing: dict[int, Bool[Tensor, "subset unit"]] = field(default_factory=dict, init=False)

    @classmethod
    def of(
        cls,
        signal: Tensor,
        explanations: object,
        *,
        target: object,
        fraction: object,
        subsets: object,
        fewest: int,
        blocks: object,
        segments: Tensor | None,
        baseline: Baseline,
        seed: int,
        quantity: str = "logit",
        probability: str = "softmax",
    ) -> Trial:
        """Check arguments as users give them; there must be the `fewest` subsets, or more."""
        share, number = require_fraction(fraction), require_count("subsets", subsets, 200, at_least=fewest)
        most = require_count("blocks", blocks, 81)
        named = require_explanations(explanations)
        if segments is not None:
            named = {name: _in_samples(given) for name, given in named.items()}
        task = Task.of(signal, named, target, RULE, probability, seed, baseline=baseline, quantity=quantity)
        labels = None
        if segments is not None:
            rule = dataclasses.replace(RULE, unit="superpixel")
            labels = require_segments(segments, task.signal, rule, alike=False)
        importance: dict[str, Tensor] = {}
        methods: dict[GroupedDomain, list[str]] = {}
        domains: dict[CoefficientDomain, GroupedDomain] = {}
        for name, given in named.items():
            inner: Any = task.rankings[name].domain
            if inner not in domains:
                domains[inner] = _grouped(inner, task.signal, labels, most)
                _require_two_units(name, domains[inner])
            importance[name] = _contribution(task, name, given)
            methods.setdefault(domains[inner], []).append(name)
        return cls(task, share, number, methods, importance)

    def run(
        self,
        model: Model,
        measure: Callable[[Case], Values],
        passes: int,
        batch_size: int | Literal["auto"],
        progress: Progress | Literal[False] | None,
    ) -> dict[str, Values]:
        """Measure every item in all terms, one number per method, shape (item,)."""
        items = len(self.task.signal)
        values = {name: np.empty(items) for name in self.importance}
        with self.task.scorer(model, batch_size, progress) as scorer:
            scorer.meter.expect(items * len(self.methods) * passes)
            for item in range(items):
                for domain, names in self.methods.items():
                    for name, value in zip(names, measure(self._case(item, domain, names, scorer)), strict=True):
                        values[name][item] = value
        return values

    def _case(self, item: int, domain: GroupedDomain, names: list[str], scorer: Scorer) -> Case:
        one, own = slice(item, item + 1), domain.of_item(item)
        signal = self.task.signal[one]
        parts = own.analyse(signal - self.task.baseline("deletion", domain, one))

        def scores(missing: Tensor) -> Tensor:
            kept_out = (own.keep(parts, rows) for rows in _sub_batches(missing, scorer, signal))
            found = torch.cat([scorer.score(partial(torch.sub, signal, each), item) for each in kept_out])
            return require_finite_scores(found, lambda row: without(item, part=bool(missing[row].any())))

        worth = torch.cat([own.grouped(self.importance[name][one].double()) for name in names])
        return Case(worth, self._subsets_of(worth.shape[1]).to(worth.device), scores)

    def _subsets_of(self, units: int) -> Bool[Tensor, "subset unit"]:
        """Draw the subsets: the same for all items, and methods, of as many units."""
        if units not in self._missing:
            count = min(max(round(self.fraction * units), 1), units - 1)
            like = torch.empty(1, units)
            drawn = [shuffled(like, copy_seed(self.task.seed, subset + 1)) < count for subset in range(self.subsets)]
            self._missing[units] = torch.cat(drawn)
        return self._missing[units]


def _sub_batches(rows: Tensor, scorer: Scorer, like: Tensor) -> Iterator[Tensor]:
    """Divide rows, an input like one each, into as many at once as is best, which may change from one to the next."""
    done = 0
    while done < len(rows):
        yield (part := rows[done : done + scorer.at_once(like)])
        done += len(part)


def without(item: int, *, part: bool) -> str:
    """Return what an error calls an item from which a part was taken, or none."""
    return f"item {item} without a part" if part else f"item {item}"


def _grouped(inner: CoefficientDomain, signal: Tensor, labels: Tensor | None, most: int) -> GroupedDomain:
    """Make units of positions: superpixels, if there are labels of them, or blocks of bands."""
    if labels is not None:
        return GroupedDomain(inner, labels, "superpixel")
    numbers: list[Tensor] = []
    first = 0
    for *_, band in inner.analyse(signal[:1, :1]).bands():
        sides = band.shape[2:]
        along = max(count for count in range(1, max(sides) + 1) if count ** len(sides) <= most)
        number = torch.zeros((), dtype=torch.long)
        for side in sides:
            pieces = min(along, side)
            number = number[..., None] * pieces + torch.arange(side) * pieces // side
        numbers.append(first + number.flatten())
        first = int(numbers[-1].max()) + 1
    return GroupedDomain(inner, torch.cat(numbers).to(signal.device).expand(len(signal), -1), "block")


def _in_samples(given: Importance) -> Importance:
    """See in the signal's samples what is in coefficients, with its sign."""
    if isinstance(given, Explanation):
        return given.view(wavelet=None)
    return spread(given, orientations=False).sum(1) if isinstance(given, Coefficients) else given


def _contribution(task: Task, name: str, given: Importance) -> Tensor:
    """Return what every position contributes, shape (item, position): a sensitivity times what is taken away."""
    ranking = task.rankings[name]
    if task.protocol.deletion_baseline is None or not isinstance(given, Explanation) or given.kind != "sensitivity":
        return ranking.importance
    measured = dataclasses.replace(given, baseline=task.baseline("deletion", ranking.domain, slice(None)))
    return Terms(task.signal, task.protocol, None).ranking(name, measured).importance


def require_fraction(fraction: object) -> float:
    """Return a fraction that is neither nothing nor everything."""
    share = finite_number(fraction)
    if share is None or not 0 < share < 1:
        raise ValueError(f"`fraction` must be between 0 and 1; got {fraction!r}. Pass e.g. 0.2 for a fifth.")
    return share


def _require_two_units(name: str, domain: GroupedDomain) -> None:
    units = domain.labels.amax(1) + 1
    if int(units.min()) > 1:
        return
    remedy = "Divide it further" if domain.what == "superpixel" else "Pass more, e.g. `blocks=81`"
    raise ValueError(
        f"There must be at least two units, of which some are taken out and some stay; of item "
        f"{int(units.argmin())}, `explanations[{name!r}]` has one {domain.what} only. {remedy}."
    )
