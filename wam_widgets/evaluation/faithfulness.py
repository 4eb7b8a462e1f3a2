"""Are explanations faithful? Insertion and deletion of several methods beside controls that saw no model."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from wam_widgets.attribution import Contrast, Score
from wam_widgets.attribution.passes import Model
from wam_widgets.attribution.progress import Progress
from wam_widgets.checks import require_count, require_one_of

from .protocols import Axis, Baseline, DomainName, Order, Protocol, Quantity, Unit
from .ranking import EXPLANATIONS, Importance, Ranking, require_explanations
from .selection import Domain
from .statistics import (
    FEWEST_CLUSTERS,
    Interval,
    cluster_interval,
    data_frame,
    enough_clusters,
    holm,
    joined_clusters,
    paired_test,
    require_confidence,
    require_enough_groups,
    require_groups,
    require_reports,
)
from .tracing import KINDS, Curve, Kind, Probability, Task

if TYPE_CHECKING:
    import pandas as pd

Measure = Literal["insertion", "deletion", "faithfulness"]
MEASURES: tuple[Measure, ...] = get_args(Measure)

DIRECTIONS: dict[Measure, Literal["higher", "lower"]] = {
    "insertion": "higher",
    "deletion": "lower",
    "faithfulness": "higher",
}
"""Which end of a measure is the good one."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class FaithfulnessReport:
    """Insertion, deletion and their difference, per item and method. Make one with `evaluate`.

    Parameters
    ----------
    protocol : Protocol
        By which rule; its name stands with every number.
    methods : tuple of str
        The names given to the explanations, and for each domain its controls, such as "random, haar, level 3".
    domains : tuple of str
        Per method, the terms in which units were inserted and deleted.
    controls : tuple of (str or None)
        Per method, which control it is: "random" (the mean over several orders) or "magnitude", the model-free ranking
        by the unit's own energy; None for an explanation.
    units : float array, shape (method, step + 1)
        Fractions of the units, from 0 to 1.
    energy : dict of Kind to float array, shape (method, item, step + 1)
        The same as fractions of the energy, measured on the signals.
    scores : dict of Kind to float array, shape (method, item, step + 1)
        The curves.
    areas : dict of Kind to float array, shape (method, item)
        The areas under them, by the protocol's rule.
    groups : tuple
        Per item, which group it belongs to.
    seed : int
        Of the random orders, of equal units, and of the statistics.
    confidence : float
        Of the intervals.

    Examples
    --------
    >>> import wam_widgets as wam
    >>> model, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal
    >>> report = wam.evaluate(model, three, {"WAM": wam.explain(model, three, level=2, progress=False)}, progress=False)
    >>> report.scores["deletion"].shape[:2]  # the explanation and two controls; one item
    (3, 1)
    """

    protocol: Protocol
    methods: tuple[str, ...]
    domains: tuple[str, ...]
    controls: tuple[str | None, ...]
    units: NDArray[np.float64]
    energy: dict[Kind, NDArray[np.float64]]
    scores: dict[Kind, NDArray[np.float64]]
    areas: dict[Kind, NDArray[np.float64]]
    groups: tuple[Hashable, ...]
    seed: int
    confidence: float

    @classmethod
    def joined(cls, reports: Sequence[FaithfulnessReport]) -> FaithfulnessReport:
        """Return one report of the items of several, such as of the parts of a data set.

        Parameters
        ----------
        reports : sequence of FaithfulnessReport
            Of the same methods, by one protocol. Each part should have a seed of its own, so that the random orders
            differ from part to part. A group may have items in several parts; where none were given to `evaluate`,
            every item stays a group of its own.

        Returns
        -------
        FaithfulnessReport
            With the seed and confidence of the first.

        Raises
        ------
        TypeError, ValueError
            If one is no report, if there are none, or their methods, terms or protocols differ.
        """
        given = require_reports(reports, FaithfulnessReport, "evaluate")
        first = given[0]
        same = (first.methods, first.domains, first.controls, first.protocol.name)
        for each in given:
            if (each.methods, each.domains, each.controls, each.protocol.name) != same:
                raise ValueError(
                    f"`reports` must be of the same methods, in the same terms, and of one protocol; got {each!r} and "
                    f"{first!r}. Call `evaluate` with the same names and settings for each part."
                )

        def together(name: str) -> dict[Kind, NDArray[np.float64]]:
            return {kind: np.concatenate([getattr(each, name)[kind] for each in given], axis=1) for kind in KINDS}

        return dataclasses.replace(
            first,
            energy=together("energy"),
            scores=together("scores"),
            areas=together("areas"),
            groups=joined_clusters(each.groups for each in given),
        )

    @property
    def insertion(self) -> NDArray[np.float64]:
        """Area under each insertion curve, shape (method, item). Higher is better."""
        return self.areas["insertion"]

    @property
    def deletion(self) -> NDArray[np.float64]:
        """Area under each deletion curve, shape (method, item). Lower is better."""
        return self.areas["deletion"]

    @property
    def faithfulness(self) -> NDArray[np.float64]:
        """Insertion minus deletion, shape (method, item). Higher is better."""
        return self.insertion - self.deletion

    @property
    def enough_groups(self) -> bool:
        """Whether there are groups enough for intervals and tests; else items are listed."""
        return enough_clusters(self.groups)

    def values(self, method: str, measure: Measure = "faithfulness", *, minus: str | None = None) -> Any:
        """Return a measure of every item, or its paired difference from another method, shape (item,)."""
        require_one_of("measure", measure, MEASURES)
        found = getattr(self, measure)[self._index(method)]
        return found if minus is None else found - getattr(self, measure)[self._index(minus)]

    def interval(self, method: str, measure: Measure = "faithfulness", *, minus: str | None = None) -> Interval:
        """Return the mean of a measure over the items, with its interval over the groups.

        Parameters
        ----------
        method : str
            One of `methods`.
        measure : {"insertion", "deletion", "faithfulness"}
            What of it.
        minus : str, optional
            Another method, whose measure of the same item is subtracted: a paired difference.

        Returns
        -------
        Interval
            See `cluster_interval`; where scores are probabilities, cut at what the measure can be, beyond which the
            interval of a few groups may reach.

        Raises
        ------
        ValueError
            If there is no such method or measure, or there are fewer than 10 groups.
        """
        require_enough_groups(self.groups, "report.item_rows()")
        values = self.values(method, measure, minus=minus)
        mean, low, high = cluster_interval(values, self.groups, confidence=self.confidence, seed=self.seed)
        if self._of_probabilities:
            least, most = (-1.0, 1.0) if measure == "faithfulness" else (0.0, 1.0)
            least, most = (least, most) if minus is None else (least - most, most - least)
            low, high = max(low, least), min(high, most)
        return Interval(mean, low, high)

    @property
    def _of_probabilities(self) -> bool:
        """Whether all areas are from 0 to 1; those of logits, or of a score of the user's, may be anything."""
        inside = all(area.min() >= 0 and area.max() <= 1 for area in self.areas.values())
        return self.protocol.quantity != "logit" and inside

    def p_value(self, method: str, measure: Measure = "faithfulness", *, minus: str) -> float:
        """Return how likely so large a mean difference is if signs were a matter of chance: one test, uncorrected.

        Raises
        ------
        ValueError
            As `interval`.
        """
        require_enough_groups(self.groups, "report.item_rows()")
        return paired_test(self.values(method, measure, minus=minus), self.groups, seed=self.seed)

    def better_control(self, method: str, measure: Measure = "faithfulness") -> str:
        """Return the control in the terms of a method whose mean is the better one: what has to be beaten."""
        domain = self.domains[self._index(method)]
        candidates = [
            name
            for name, where, control in zip(self.methods, self.domains, self.controls, strict=True)
            if where == domain and control is not None
        ]
        best = max if DIRECTIONS[require_one_of("measure", measure, MEASURES)] == "higher" else min
        return best(candidates, key=lambda name: float(self.values(name, measure).mean()))

    def rows(self) -> list[dict[str, Any]]:
        """Return the table: one dict per method.

        Returns
        -------
        list of dict
            "protocol", "method", "domain", "control", "items", "groups"; and for every measure its mean and the ends of
            its interval ("…_low", "…_high"), and for explanations the better control ("…_control"), the paired
            difference from it ("…_difference", "…_difference_low", "…_difference_high") and its p-value, corrected
            after Holm for the number of explanations ("…_p"). Ends and p-values are None below 10 groups.
        """
        corrected = {measure: self._corrected(measure) for measure in MEASURES}
        return [
            {
                "protocol": self.protocol.name,
                "method": method,
                "domain": domain,
                "control": control or "",
                "items": len(self.groups),
                "groups": len(set(self.groups)),
                **{
                    key: value
                    for measure in MEASURES
                    for key, value in self._columns(method, control, measure, corrected[measure]).items()
                },
            }
            for method, domain, control in zip(self.methods, self.domains, self.controls, strict=True)
        ]

    def item_rows(self) -> list[dict[str, Any]]:
        """Return one dict per method and item: "protocol", "method", "item", "group" and the measures."""
        return [
            {
                "protocol": self.protocol.name,
                "method": method,
                "item": item,
                "group": group,
                **{measure: float(getattr(self, measure)[index, item]) for measure in MEASURES},
            }
            for index, method in enumerate(self.methods)
            for item, group in enumerate(self.groups)
        ]

    def to_dataframe(self, *, items: bool = False) -> pd.DataFrame:
        """Return `rows()`, or `item_rows()`, as a pandas DataFrame.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return data_frame(self.item_rows() if items else self.rows())

    def plot(self) -> Any:
        """Draw the curves of all methods, as `wam.plot(report)` does; returns the matplotlib figure."""
        # As for an explanation's display: a lower layer asks for an upper one only when it is called.
        return importlib.import_module("wam_widgets.plots").plot(self)

    def __str__(self) -> str:
        lines = [str(self.protocol), f"Question: {self.protocol.question}"]
        directions = ", ".join(f"{measure} ({DIRECTIONS[measure]} is better)" for measure in MEASURES)
        count, groups = len(self.groups), len(set(self.groups))
        lines.append(f"{count} items in {groups} groups; {directions}")
        width = max(len(method) for method in self.methods)
        if not self.enough_groups:
            lines.append(f"Fewer than {FEWEST_CLUSTERS} groups: no interval and no test; the items are listed.")
            for row in self.item_rows():
                numbers = "  ".join(f"{row[measure]:+.3f}" for measure in MEASURES)
                lines.append(f"{row['method']:<{width}}  item {row['item']}  {numbers}")
            return "\n".join(lines)
        lines.append(
            f"In brackets {100 * self.confidence:g} % intervals over groups; at the end faithfulness minus that of the "
            f"better control, and its p by Holm."
        )
        for row in self.rows():
            numbers = "  ".join(
                f"{row[measure]:+.3f} [{row[f'{measure}_low']:+.3f}, {row[f'{measure}_high']:+.3f}]"
                for measure in MEASURES
            )
            against = ""
            if not row["control"]:
                against = (
                    f"  {row['faithfulness_difference']:+.3f} [{row['faithfulness_difference_low']:+.3f}, "
                    f"{row['faithfulness_difference_high']:+.3f}] from {row['faithfulness_control']!r}, "
                    f"p = {row['faithfulness_p']:.3g}"
                )
            lines.append(f"{row['method']:<{width}}  {numbers}{against}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        explained = self.controls.count(None)
        return (
            f"FaithfulnessReport of {explained} {'method' if explained == 1 else 'methods'} and "
            f"{len(self.methods) - explained} controls, {len(self.groups)} items in {len(set(self.groups))} groups, "
            f"protocol {self.protocol.name!r}"
        )

    def _index(self, method: str) -> int:
        require_one_of("method", method, self.methods)
        return self.methods.index(method)

    def _corrected(self, measure: Measure) -> dict[str, float]:
        """Return Holm's p-values of all explanations, each against the better control in its terms."""
        explained = [name for name, control in zip(self.methods, self.controls, strict=True) if control is None]
        if not self.enough_groups or not explained:
            return {}
        found = [self.p_value(name, measure, minus=self.better_control(name, measure)) for name in explained]
        return dict(zip(explained, map(float, holm(found)), strict=True))

    def _columns(
        self, method: str, control: str | None, measure: Measure, corrected: Mapping[str, float]
    ) -> dict[str, Any]:
        columns: dict[str, Any] = self._mean_and_ends(measure, method, measure, None)
        if control is None:
            against = self.better_control(method, measure)
            columns |= {f"{measure}_control": against, f"{measure}_p": corrected.get(method)}
            columns |= self._mean_and_ends(f"{measure}_difference", method, measure, against)
        return columns

    def _mean_and_ends(self, name: str, method: str, measure: Measure, minus: str | None) -> dict[str, Any]:
        if not self.enough_groups:
            mean = float(self.values(method, measure, minus=minus).mean())
            return {name: mean, f"{name}_low": None, f"{name}_high": None}
        found = self.interval(method, measure, minus=minus)
        return {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}


def evaluate(
    model: Model,
    signal: Float[Tensor, "item channel *space"],
    explanations: Mapping[str, Importance],
    *,
    target: int | Sequence[int] | Sequence[Sequence[int]] | Tensor | Contrast | Score | None = None,
    protocol: str | Protocol = "wam",
    groups: Sequence[Hashable] | None = None,
    seed: int = 0,
    steps: int | None = None,
    domain: DomainName | None = None,
    baseline: Baseline = None,
    order: Order | None = None,
    unit: Unit | None = None,
    segments: Tensor | None = None,
    axis: Axis | None = None,
    quantity: Quantity | None = None,
    probability: Probability = "softmax",
    controls: int = 8,
    confidence: float = 0.95,
    batch_size: int | Literal["auto"] = "auto",
    progress: Progress | Literal[False] | None = None,
) -> FaithfulnessReport:
    r"""Insert and delete what each method finds important, beside controls that saw no model.

    Parameters
    ----------
    model : callable
        (item, channel, \*space) -> output, as for `explain`.
    signal : Tensor, shape (item, channel, \*space)
        The items.
    explanations : dict of str to Explanation, Coefficients or Tensor
        By name. In a magnitude order an explanation is ranked by the magnitude of its attribution, summed over
        channels; in a signed one by its contribution. Coefficients and tensors are taken as they are. A tensor is a map
        of the signal's samples, shape (item, \*space).
    target : None, int, sequence of int, Tensor, Contrast or callable
        What is measured; None is what the explanations explain, else the predicted class. The protocol "contrast"
        needs two columns per item: a `Contrast`, or whole numbers of shape (item, 2), the one that is asked for first.
    protocol : str or Protocol
        "wam", "wam-paper", "rise", "xplique", "torch-cam" or "contrast": what their numbers mean is in `PROTOCOLS`.
    groups : sequence, optional
        Per item, the group it belongs to, such as the family of a recording; by default every item is its own. Items of
        a group resemble each other, so that groups are what intervals and tests count.
    seed : int
        Of the random orders, of the order of equal units, of the baseline "noise", and of the statistics. Global
        generators aren't touched. An item's random orders also depend on its place in the batch; `benchmark` gives
        every item a seed of its own.
    steps, domain, baseline, order, unit, axis, quantity
        Override the protocol, and rename it: None leaves it as it is. `baseline` is 0, a number, a tensor, "mean",
        "blur", "noise" or "band_mean" (every coefficient becomes the mean of its band).
    segments : Tensor of int, shape (item, \*space) or (\*space), optional
        Number of every sample's superpixel, from 0 without gaps, as many in every item; with `unit="superpixel"`.
    probability : {"softmax", "sigmoid", "none"}
        What makes probabilities of the output's columns; "none" if the model returns them. Unless it is the softmax, it
        stands in the protocol's name.
    controls : int
        How many random orders the random control is the mean of.
    confidence : float
        Of the intervals, between 0 and 1.
    batch_size : int or "auto"
        How many inputs to run at once.
    progress : callable, False or None
        As for `explain`; returning False raises KeyboardInterrupt.

    Returns
    -------
    FaithfulnessReport
        With two controls in each domain that occurs: "random", and "magnitude", which ranks units by their own energy
        and has never seen the model. `print(report)` shows the table.

    Raises
    ------
    TypeError, ValueError
        For what isn't a model, a signal, a ranking of it, a target or a rule; before any pass. Also if the model's
        score isn't finite.

    Notes
    -----
    Under the protocols of one object the model-free ranking ties with the best explanation: their numbers measure how
    few coefficients hold the signal as much as what the model looked at. Compare with the controls, not with zero. In
    the protocol "contrast" it can't win: the magnitude of a coefficient doesn't say for whom it speaks.

    References
    ----------
    Petsiuk, Das, Saenko, RISE, BMVC 2018 (insertion and deletion). Kasmi, Brunetto, Fel, Parekh, One Wave To Explain
    Them All, ICML 2025 (in the wavelet domain; faithfulness as their difference).

    Examples
    --------
    >>> import torch
    >>> from wam_widgets import explain
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    >>> signal = torch.rand(2, 1, 8, 8)
    >>> report = evaluate(model, signal, {"WAM": explain(model, signal, method="saliency", level=2)}, steps=8)
    >>> report.methods
    ('WAM', 'random, haar, level 2', 'magnitude, haar, level 2')
    """
    overrides: dict[str, Any] = {
        "steps": steps, "domain": domain, "baseline": baseline, "order": order, "unit": unit, "axis": axis,
        "quantity": quantity,
    }  # fmt: skip
    named = require_explanations(explanations)
    number = require_count("controls", controls, 8)
    level = require_confidence(confidence)
    task = Task.of(signal, named, target, protocol, probability, seed, segments=segments, **overrides)
    return trace(
        model, task, groups=groups, controls=number, confidence=level, batch_size=batch_size, progress=progress
    )


def trace(
    model: Model,
    task: Task,
    *,
    groups: Sequence[Hashable] | None = None,
    controls: int,
    confidence: float = 0.95,
    batch_size: int | Literal["auto"],
    progress: Progress | Literal[False] | None,
    argument: str = EXPLANATIONS,
) -> FaithfulnessReport:
    """Trace the curves of what was checked, and of the controls; errors call it by the `argument` it was given as."""
    of_items = require_groups(groups, len(task.signal))
    rankings: dict[tuple[str, int], Ranking] = {(name, 0): ranking for name, ranking in task.rankings.items()}
    rows: list[tuple[str, Domain, str | None]] = [(name, each.domain, None) for name, each in task.rankings.items()]
    for place in dict.fromkeys(each.domain for each in task.rankings.values()):
        for control, orders in task.controls(place, controls).items():
            name = f"{control}, {place.name}"
            if name in task.rankings:
                raise ValueError(f"`{argument}` must not have the name of a control; got {name!r}. Rename it.")
            rows.append((name, place, control))
            rankings |= {(name, index): ranking for index, ranking in enumerate(orders)}
    curves = task.run(model, rankings, batch_size=batch_size, progress=progress)
    by_name: dict[str, list[dict[Kind, Curve]]] = {}
    for (name, _), found in curves.items():
        by_name.setdefault(name, []).append(found)

    def mean(field: str) -> dict[Kind, NDArray[np.float64]]:
        """Average over the orders of each method: several for the random control, one else."""
        return {
            kind: np.stack(
                [np.mean([getattr(each[kind], field) for each in by_name[name]], axis=0) for name, *_ in rows]
            )
            for kind in KINDS
        }

    return FaithfulnessReport(
        protocol=task.protocol,
        methods=tuple(name for name, *_ in rows),
        domains=tuple(place.name for _, place, _ in rows),
        controls=tuple(control for *_, control in rows),
        units=np.stack([by_name[name][0]["insertion"].units for name, *_ in rows]),
        energy=mean("energy"),
        scores=mean("scores"),
        areas=mean("area"),
        groups=of_items,
        seed=task.seed,
        confidence=confidence,
    )
