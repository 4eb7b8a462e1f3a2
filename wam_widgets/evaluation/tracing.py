"""Tracing curves: perturbed copies of the items, built and run a sub-batch at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wam_widgets.attribution import Contrast, Explanation, Score
from wam_widgets.attribution.arguments import require_batch_size, require_finite, require_model, require_progress
from wam_widgets.attribution.passes import Model, SubBatch, predicted, run_model, sub_batch_for, undisturbed
from wam_widgets.attribution.paths import copy_seed, make_baseline
from wam_widgets.attribution.progress import Meter, Progress
from wam_widgets.attribution.score import (
    columns_of,
    require_classes,
    require_finite_scores,
    require_rows,
    require_target,
    score_of,
)
from wam_widgets.checks import nearest, require_count, require_one_of
from wam_widgets.transform import Coefficients, reconstruct
from wam_widgets.transform.grid import energy, require_signal

from .protocols import Baseline, Protocol, find_protocol, require_baseline
from .ranking import EXPLANATIONS, GroupedDomain, Importance, Ranking, Terms, require_segments
from .selection import SAMPLES, Domain, rank, shuffled

#: So many samples of inputs are made at once, though the model may run fewer: with less, calling torch takes longer
#: than what it does, and memory that comes and goes between passes makes those slower. Eight megabytes in float32.
_SMALL = 2**21

Kind = Literal["insertion", "deletion"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Probability = Literal["softmax", "sigmoid", "none"]
"""What makes probabilities of the output's columns; "none" if they are probabilities."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Curve:
    """What the model says of every item while it is put together (insertion) or taken apart (deletion).

    Parameters
    ----------
    kind : {"insertion", "deletion"}
        Which of them.
    protocol : Protocol
        By which rule.
    units : float array, shape (step + 1,)
        The fraction of the units that are inserted, or deleted, from 0 to 1.
    energy : float array, shape (item, step + 1)
        The same as a fraction of the energy of the signal's difference from the baseline, measured on the signals.
    scores : float array, shape (item, step + 1)
        What the protocol measures of the model's output.

    Examples
    --------
    >>> import wam_widgets as wam
    >>> model, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal
    >>> curve = wam.insertion(model, three, wam.explain(model, three, level=2, progress=False), steps=4)
    >>> curve.units.round(2).tolist(), curve.scores.shape
    ([0.0, 0.25, 0.5, 0.75, 1.0], (1, 5))
    """

    kind: Kind
    protocol: Protocol
    units: NDArray[np.float64]
    energy: NDArray[np.float64]
    scores: NDArray[np.float64]

    @property
    def area(self) -> NDArray[np.float64]:
        """The area under the curve by the protocol's rule, shape (item,). High is good for insertion, low else."""
        return self.protocol.area_under(self.scores, self.units if self.protocol.axis == "units" else self.energy)

    def __repr__(self) -> str:
        return f"Curve({self.kind} of {len(self.scores)} item(s), mean area {self.area.mean():.4g}; {self.protocol})"


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    r"""Everything that curves of some methods share, checked before any pass.

    Parameters
    ----------
    signal : Tensor, shape (item, channel, \*space)
        The items.
    target : Tensor or callable, or None
        A column per item, two of them for a contrast, or a score; None for the predicted class.
    protocol : Protocol
        The rule, with its overrides.
    probability : {"softmax", "sigmoid", "none"}
        Of the output.
    seed : int
        Of everything drawn.
    rankings : dict of str to Ranking
        Of every method.
    """

    signal: Tensor
    target: Tensor | Score | None
    protocol: Protocol
    probability: Probability
    seed: int
    rankings: dict[str, Ranking]
    _tie_orders: dict[int, Tensor] = field(default_factory=dict, init=False)

    @classmethod
    def of(
        cls,
        signal: Tensor,
        importances: Mapping[str, Importance],
        target: object,
        protocol: str | Protocol,
        probability: str,
        seed: int,
        *,
        segments: Tensor | None = None,
        scored: bool = True,
        argument: str = EXPLANATIONS,
        **overrides: Any,
    ) -> Task:
        """Check arguments as users give them; what is not to be scored, as for frames, needs no target.

        Errors call the importances by the `argument` that they were given as.
        """
        signal = require_finite(require_signal(signal).detach())
        require_one_of("probability", probability, get_args(Probability))
        rule = _told_apart(_overridden(find_protocol(protocol), overrides), probability)
        number = require_count("seed", seed, 0, at_least=0)
        terms = Terms(signal, rule, require_segments(segments, signal, rule), argument)
        rankings = {name: terms.ranking(name, importance) for name, importance in importances.items()}
        wanted = _wanted(target, importances, signal, rule) if scored else None
        task = cls(signal, wanted, rule, probability, number, rankings)  # type: ignore[arg-type]  # narrowed above
        for kind in KINDS:  # a baseline that can't be is told before any pass
            given = isinstance(require_baseline(getattr(rule, f"{kind}_baseline")), torch.Tensor)
            task.baseline(kind, SAMPLES, slice(None) if given else slice(0, 1))
        return task

    def baseline(self, kind: Kind, domain: Domain, items: slice) -> Tensor:
        r"""Return what stands in the place of missing units, shape (item, channel, \*space)."""
        asked: Baseline = getattr(self.protocol, f"{kind}_baseline")
        signal = self.signal[items]
        if asked == "noise":
            deviation, mean = torch.std_mean(signal.flatten(2), dim=2, correction=0)
            chance = torch.Generator(signal.device).manual_seed(copy_seed(self.seed, 0))
            noise = torch.empty_like(signal[:1]).normal_(generator=chance)
            shape = (*mean.shape, *[1] * (signal.ndim - 2))
            return noise * deviation.reshape(shape) + mean.reshape(shape)
        if asked == "band_mean":
            whole = getattr(domain, "inner", domain)
            parts: Coefficients = whole.analyse(signal)
            axes = tuple(range(2, signal.ndim))
            return reconstruct(parts.map(lambda band: band.mean(axes, keepdim=True).expand_as(band)))
        if isinstance(asked, torch.Tensor) and asked.ndim == self.signal.ndim and len(asked) == len(self.signal) > 1:
            asked = asked[items]
        return make_baseline(asked, signal)

    def controls(self, domain: Domain, count: int) -> dict[str, list[Ranking]]:
        """Return the orders that no model had a part in: random ones, and that of the signal's own magnitudes.

        Parameters
        ----------
        domain : Domain
            In which terms.
        count : int
            Of random orders.
        """
        everything = self.signal - self.baseline("deletion", domain, slice(None))
        own = domain.energy(domain.analyse(everything))
        random = []
        for number in range(count):
            order = shuffled(own, copy_seed(self.seed, number + 1))
            random.append(Ranking(domain, order.to(own.dtype)))
        return {"random": random, "magnitude": [Ranking(domain, own)]}

    def run(
        self,
        model: Model,
        rankings: Mapping[Any, Ranking],
        *,
        kinds: tuple[Kind, ...] = KINDS,
        batch_size: int | Literal["auto"] = "auto",
        progress: Progress | Literal[False] | None = None,
    ) -> dict[Any, dict[Kind, Curve]]:
        """Trace the curves of some rankings.

        Parameters
        ----------
        model : callable
            As for `insertion`.
        rankings : dict of Ranking
            By any name.
        kinds : tuple
            Which curves.
        batch_size, progress
            As for `insertion`.

        Returns
        -------
        dict of dict of Curve
            By name and kind.

        Raises
        ------
        KeyboardInterrupt
            If `progress` asked to stop.
        """
        items = len(self.signal)
        by_domain: dict[Domain, list[Any]] = {}
        for name, ranking in rankings.items():
            by_domain.setdefault(ranking.domain, []).append(name)
        found: dict[Domain, list[NDArray[np.float64]]] = {domain: [] for domain in by_domain}
        with self.scorer(model, batch_size, progress) as scorer:
            for names in by_domain.values():
                steps = len(self._interior(rankings[names[0]]))
                scorer.meter.expect(items * (1 + len(kinds) * (1 + len(names) * steps)))
            for item in range(items):
                for domain, names in by_domain.items():
                    found[domain].append(self._run_item(item, [rankings[name] for name in names], kinds, scorer))
        curves: dict[Any, dict[Kind, Curve]] = {}
        for domain, names in by_domain.items():
            values, energies = np.stack(found[domain], axis=-2)  # (kind, row, item, step + 1) each
            for row, name in enumerate(names):
                counts = self._counts(rankings[name])
                curves[name] = {
                    kind: Curve(kind, self.protocol, counts / counts[-1], energies[number, row], values[number, row])
                    for number, kind in enumerate(kinds)
                }
        return curves

    @contextmanager
    def scorer(
        self, model: Model, batch_size: int | Literal["auto"], progress: Progress | Literal[False] | None
    ) -> Iterator[Scorer]:
        """Check how the model is to be run, and give what scores its inputs; the model is in evaluation mode within."""
        require_model(model)
        require_batch_size(batch_size)
        require_progress(progress)
        sub_batch = sub_batch_for(model, self.signal, None, batch_size, forward_only=True)
        with undisturbed(model, self.signal.device), Meter(progress) as meter:
            target = self.target if self.target is not None else predicted(model, self.signal, sub_batch)
            yield Scorer(model, self.protocol, self.probability, target, sub_batch, meter)

    def frames(self, ranking: Ranking, kind: Kind, item: int) -> tuple[Tensor, Tensor]:
        r"""Return what the model sees at every step, (step + 1, channel, \*space), and its energy, (step + 1,)."""
        builder = _Builder(self, ranking.domain, item, (kind,))
        counts = torch.as_tensor(self._counts(ranking))
        ranks = builder.comparable(self._ranks(ranking, item)).expand(len(counts), -1)
        made, energies = builder.perturbed(builder.first(counts, ranks))[kind]
        start, end = builder.baselines[kind], builder.signal
        if kind == "deletion":
            start, end = end, start
        made[counts == 0], made[counts == counts[-1]] = start, end
        energies[counts == 0], energies[counts == counts[-1]] = 0, 1
        return made, energies

    def _ranks(self, ranking: Ranking, item: int) -> Tensor:
        """Return the place of every unit of an item, shape (1, unit)."""
        importance = ranking.importance[item : item + 1]
        return rank(importance, self._ties(importance.shape[1]).to(importance.device))

    def ranks(self, ranking: Ranking) -> Tensor:
        """Return the place of every unit, shape (item, unit): an item's is the same whatever other items there are."""
        return torch.cat([self._ranks(ranking, item) for item in range(len(self.signal))])

    def _ties(self, units: int) -> Tensor:
        """Return the order of units that are equally important, shape (1, unit): the same for all items and methods."""
        if units not in self._tie_orders:
            self._tie_orders[units] = shuffled(torch.empty(1, units), copy_seed(self.seed, 0))
        return self._tie_orders[units]

    def _counts(self, ranking: Ranking) -> NDArray[np.int64]:
        """Return how many units are inserted or deleted at every step."""
        return self.protocol.counts(ranking.importance.shape[1])

    def _interior(self, ranking: Ranking) -> NDArray[np.int64]:
        """Return the different counts between none and all: what has to be run."""
        counts = self._counts(ranking)
        return np.unique(counts[(counts > 0) & (counts < counts[-1])])

    def _run_item(
        self, item: int, rankings: list[Ranking], kinds: tuple[Kind, ...], scorer: Scorer
    ) -> NDArray[np.float64]:
        """Return scores and energies of rankings in one domain, shape (2, kind, ranking, step + 1)."""
        builder = _Builder(self, rankings[0].domain, item, kinds)
        whole_and_none = [builder.signal, *builder.baselines.values()]
        ends = scorer.score(partial(torch.cat, whole_and_none), item).cpu().numpy()
        counts, interior = self._counts(rankings[0]), self._interior(rankings[0])
        table = np.empty((2, len(kinds), len(rankings), len(interior) + 2))
        table[1, ..., 0], table[1, ..., -1] = 0, 1
        for number, kind in enumerate(kinds):
            first, last = (ends[1 + number], ends[0]) if kind == "insertion" else (ends[0], ends[1 + number])
            table[0, number, :, 0], table[0, number, :, -1] = first, last
        if len(interior):
            ranks = builder.comparable(torch.cat([self._ranks(ranking, item) for ranking in rankings]))
            row = torch.arange(len(rankings), device=ranks.device).repeat_interleave(len(interior))
            count = torch.as_tensor(interior, device=ranks.device).repeat(len(rankings))
            done, found = 0, []
            while done < len(row):
                part = slice(done, done + scorer.at_once(builder.signal, len(kinds)))
                which = builder.first(count[part], ranks.index_select(0, row[part]))
                pairs = [
                    (scorer.score(partial(builder.inputs, kind, which), item, made=inputs), energies)
                    for kind, (inputs, energies) in builder.perturbed(which).items()
                ]
                found.append(torch.stack([torch.stack([score, energy.to(score)]) for score, energy in pairs], dim=1))
                done += len(which)
            table[..., 1:-1] = torch.cat(found, dim=2).unflatten(2, (len(rankings), -1)).cpu().numpy()
        table = table[..., np.searchsorted(np.concatenate([[0], interior, [counts[-1]]]), counts)]

        def named(row: int) -> str:
            number, _, step = np.unravel_index(row, table[0].shape)
            return f"item {item} at step {step} of {kinds[number]}"

        scores = require_finite_scores(torch.from_numpy(table[0]).flatten(), named)
        if self.protocol.area == "published" and bool((scores < 0).any()):
            lowest = int(scores.argmin())
            raise ValueError(
                f"`area='published'` divides by a curve's largest value, so that no score may be below 0; that of "
                f"{named(lowest)} is {float(scores[lowest]):.4g}. Measure a probability, or pass a protocol of another "
                f"area, e.g. `protocol='wam'`."
            )
        return table


class _Builder:
    """Makes the perturbed copies of one item, in one domain."""

    def __init__(self, task: Task, domain: Domain, item: int, kinds: tuple[Kind, ...]) -> None:
        one = slice(item, item + 1)
        self.signal = task.signal[one]
        self._domain = domain = domain.of_item(item) if isinstance(domain, GroupedDomain) else domain
        self._stretched = task.protocol.stretched
        self.baselines = {kind: task.baseline(kind, domain, one) for kind in kinds}
        rules = {kind: getattr(task.protocol, f"{kind}_baseline") for kind in kinds}
        self._shared = len({id(rule) for rule in rules.values()}) == 1
        self._from_nothing = {kind: rule is None for kind, rule in rules.items()}
        #: What is put in, or taken out, unit by unit.
        self._whole = {kind: self.signal - baseline for kind, baseline in self.baselines.items()}
        least = torch.finfo(torch.float64).tiny
        self._totals = {kind: energy(whole).clamp(min=least) for kind, whole in self._whole.items()}
        self._parts: dict[Kind, Any] = {}
        for kind, whole in self._whole.items():
            shared = self._shared and self._parts
            self._parts[kind] = next(iter(self._parts.values())) if shared else domain.analyse(whole)

    def comparable(self, ranks: Tensor) -> Tensor:
        """Return ranks as floats, as which they are compared several times as fast: as large as they have to be."""
        return ranks.to(torch.float32 if ranks.shape[1] < 2**24 else torch.float64)

    def first(self, counts: Tensor, ranks: Tensor) -> Tensor:
        """Return 1 where a unit is among the first so many, else 0, shape (row, unit): quicker than truth values."""
        return torch.lt(ranks, counts.to(ranks)[:, None], out=self.signal.new_empty(ranks.shape))

    def perturbed(self, which: Tensor) -> dict[Kind, tuple[Tensor, Tensor]]:
        r"""Insert, and delete, some units: inputs, shape (row, channel, \*space), and energies, shape (row,).

        The energy is what was inserted or deleted, as a fraction.
        """
        made: dict[Kind, tuple[Tensor, Tensor]] = {}
        kept: Tensor | None = None
        for kind, parts in self._parts.items():
            if kept is None or not self._shared:  # what is kept is what is missing from the other curve
                kept = self._domain.keep(parts, which)
            present = kept if kind == "insertion" else self._whole[kind] - kept
            left = energy(present) / self._totals[kind]
            inputs = present if self._from_nothing[kind] else self.baselines[kind] + present
            made[kind] = self._stretch(inputs), left if kind == "insertion" else 1 - left
        return made

    def inputs(self, kind: Kind, which: Tensor) -> Tensor:
        """Make the inputs of one curve once more."""
        return self.perturbed(which)[kind][0]

    def _stretch(self, inputs: Tensor) -> Tensor:
        if not self._stretched:
            return inputs
        flat = inputs.flatten(1)
        shape = (-1, *[1] * (inputs.ndim - 1))
        low, high = (end.reshape(shape) for end in torch.aminmax(flat, dim=1))
        least, most = self.signal.amin(), self.signal.amax()
        # What taking everything out leaves is rounding, which must not be stretched to a picture of noise.
        flat_to = 64 * torch.finfo(torch.float32).eps * (most - least)
        spread_out = torch.where(high - low > flat_to, (inputs - low) / (high - low), 0)
        return spread_out * (most - least) + least


@dataclass(frozen=True, slots=True, eq=False)
class Scorer:
    """Runs the model on inputs of one item, as many at once as is fastest, and measures its output."""

    model: Model
    protocol: Protocol
    probability: Probability
    target: Tensor | Score
    sub_batch: SubBatch
    meter: Meter

    def at_once(self, like: Tensor, kinds: int = 1) -> int:
        r"""Return how many inputs of each kind, like one of shape (1, channel, \*space), to make at once.

        They are whole sub-batches.
        """
        size = self.sub_batch.size
        return size * max(1, _SMALL // (size * like.numel() * kinds))

    def score(self, make: Callable[[], Tensor], item: int, made: Tensor | None = None) -> Tensor:
        """Return the score of every input that `make` makes, or has `made` already, shape (row,).

        They are made again after memory ran out, since a model may have changed them in place by then.
        """
        inputs, spoilt, done, found = make() if made is None else made, False, 0, []
        while done < len(inputs):
            if spoilt:
                inputs, spoilt = make(), False
            part = inputs[done : done + min(len(inputs) - done, self.sub_batch.size)]
            try:
                with self.sub_batch.timed(len(part), inputs.device):
                    output = run_model(self.model, part, None)
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                self.sub_batch.shrink(len(part), error)
                spoilt = True
                continue
            found.append(self._measured(output, len(part), item).detach().double())
            done += len(part)
            self.advance(len(part))
        return torch.cat(found)

    def advance(self, count: int) -> None:
        """Note that `count` passes more are done.

        Raises
        ------
        KeyboardInterrupt
            If whoever watches wants to stop.
        """
        if not self.meter.advance(count):
            raise KeyboardInterrupt("`progress` returned False.")

    def _measured(self, output: Any, rows: int, item: int) -> Tensor:
        if not isinstance(self.target, torch.Tensor):
            return score_of(output, self.target, torch.full((rows,), item))
        columns = require_rows(columns_of(output), rows).double()
        wanted = require_classes(self.target[item].to(columns.device).reshape(-1), columns.shape[1])
        if self.protocol.quantity == "logit":
            return columns[:, wanted[0]]
        if columns.shape[1] == 1 and self.probability == "softmax":
            raise ValueError(
                "The softmax of one column is always 1; the model's output has one. Pass `probability='sigmoid'`, or "
                "'none' if it is a probability."
            )
        columns = probabilities(columns, self.probability)
        if self.protocol.quantity == "probability":
            return columns[:, wanted[0]]
        first, second = columns[:, wanted].unbind(1)
        if self.probability == "none" and bool((torch.minimum(first, second) < 0).any()):
            raise ValueError(
                f"A contrast is a share of two probabilities, from 0 to 1; with `probability='none'` the model "
                f"gives {float(torch.minimum(first, second).min()):.4g}. Pass 'softmax' or 'sigmoid', which makes them."
            )
        total = first + second
        return torch.where(total == 0, 0.5, first / total)  # of neither there is nothing


def probabilities(columns: Tensor, made_by: Probability) -> Tensor:
    """Make probabilities of the output's columns, shape (row, column) both, in float64."""
    columns = columns.double()
    if made_by == "none":
        return columns
    return columns.softmax(1) if made_by == "softmax" else columns.sigmoid()


def _overridden(rule: Protocol, overrides: Mapping[str, Any]) -> Protocol:
    """Apply what users override; None leaves a setting as it is."""
    known = ("steps", "domain", "baseline", "order", "unit", "axis", "quantity")
    if unknown := [name for name in overrides if name not in known]:
        raise TypeError(
            f"A protocol has no setting {unknown[0]!r}; it has {', '.join(map(repr, known))}."
            f"{nearest(unknown[0], known)}"
        )
    # in one order, so that a rule has one name
    return rule.with_overrides(**{name: overrides[name] for name in known if overrides.get(name) is not None})


def _told_apart(rule: Protocol, probability: str) -> Protocol:
    """Name a rule, as after an override, after what makes its probabilities, if it measures any: usually softmax."""
    words = [word for word in rule.name.split(", ") if not word.startswith("probability=")]
    if probability != "softmax" and rule.quantity != "logit":
        words.append(f"probability={probability}")
    return dataclasses.replace(rule, name=", ".join(words))


def _wanted(
    target: object, importances: Mapping[str, Importance], signal: Tensor, rule: Protocol
) -> Tensor | Score | None:
    """Return what is measured: a column per item, two of them for a contrast, or a score; None for the predicted."""
    items = len(signal)
    explained = [given for given in importances.values() if isinstance(given, Explanation)]
    if rule.quantity == "contrast":
        if target is None:
            asked = {tuple(given.settings.get("contrast", ())) for given in explained}
            if len(asked) > 1:
                raise ValueError(
                    "The explanations must be of one contrast; theirs differ, or are of a class. Pass what is to be "
                    "measured, e.g. `target=Contrast(1, 0)`."
                )
            target = Contrast(*pair) if (pair := next(iter(asked), ())) else None
        if isinstance(target, Contrast):
            return torch.tensor([[target.first, target.second]]).expand(items, 2)
        pairs = None
        if isinstance(target, (Sequence, torch.Tensor, np.ndarray)):
            with suppress(TypeError, ValueError, RuntimeError, OverflowError):  # words, rows of unequal length
                pairs = torch.as_tensor(target)
        if pairs is None or tuple(pairs.shape) != (items, 2) or pairs.is_floating_point() or pairs.dtype == torch.bool:
            raise ValueError(
                f"A contrast needs two columns per item, whole numbers of shape ({items}, 2), the one that is asked "
                f"for first; got {target!r}. Pass e.g. `target=Contrast(1, 0)` for all items."
            )
        if bool((same := pairs[:, 0] == pairs[:, 1]).any()):
            item = int(same.nonzero()[0])
            raise ValueError(
                f"A contrast needs two different columns; got {pairs[item].tolist()} for item {item}. Name the class "
                f"that is asked for, and the one that it is told from."
            )
        return pairs.long()
    if target is not None or not explained:
        return require_target(target, items)
    columns = [given.target for given in explained if given.target is not None]
    if len(columns) < len(explained) or any(not torch.equal(columns[0], each) for each in columns):
        raise ValueError(
            "The explanations must be of one target, a column of the output per item; theirs differ, or are callables. "
            "Pass what is to be measured, e.g. `target=3`."
        )
    return columns[0]
