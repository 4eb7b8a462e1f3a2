"""How little of a signal keeps its class: the first positions of an order, or those that an optimiser chooses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from wam_widgets.attribution.passes import Model, Scored, SubBatch, run_model, sub_batch_for
from wam_widgets.attribution.progress import Progress
from wam_widgets.attribution.score import columns_of, require_classes, require_finite_scores, require_rows
from wam_widgets.checks import finite_number, require_count
from wam_widgets.transform import Coefficients, pull_back, reconstruct

from .protocols import Baseline, Order
from .ranking import ALONE, Importance
from .selection import coefficient_domain
from .tracing import Probability, Scorer, Task, probabilities

#: How far a position's weight may move in a step of the optimiser: from kept to dropped in twenty.
_RATE = 0.05


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MinimalSignal:
    r"""The smallest kept set that keeps the class, and how the probability grew towards it. Made by `minimal_signal`.

    Parameters
    ----------
    signal : Tensor, shape (item, channel, \*space)
        The baseline plus what is kept of the signal's difference from it.
    mask : Coefficients of bool
        Which positions are kept, one channel for all.
    target : Tensor of int, shape (item,)
        The class that is kept: a column of the model's output.
    count : Tensor of int, shape (item,)
        How many positions are kept.
    probability : Tensor, shape (item,)
        That of the class in the kept signal.
    fractions : float array, shape (point,)
        The sparsity curve's axis: kept fractions, from none to all.
    probabilities : float array, shape (item, point)
        The sparsity curve: the probability at each of them.
    holds : bool array, shape (item, point)
        Whether the class is kept at each of them.

    Examples
    --------
    >>> from wam_widgets import decompose, samples
    >>> model, three = samples.digit_model(), samples.digits()["three"].signal
    >>> found = minimal_signal(model, three, decompose(three, level=2), target=3, progress=False)
    >>> bool(found.fraction < 0.1), found.signal.shape
    (True, torch.Size([1, 1, 16, 16]))
    """

    signal: Float[Tensor, "item channel *space"]
    mask: Coefficients
    target: Int[Tensor, " item"]
    count: Int[Tensor, " item"]
    probability: Float[Tensor, " item"]
    fractions: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    holds: NDArray[np.bool_]

    @property
    def fraction(self) -> Float[Tensor, " item"]:
        """How many of the positions are kept, from 0 to 1, shape (item,)."""
        return self.count.double() / self.mask.flatten().shape[2]

    @property
    def lasting(self) -> Float[Tensor, " item"]:
        """The smallest fraction of the curve from which on the class is kept at every point, shape (item,)."""
        lasts = np.logical_and.accumulate(self.holds[:, ::-1], axis=1)[:, ::-1]
        return torch.from_numpy(self.fractions[lasts.argmax(1)])

    def __repr__(self) -> str:
        kept = ", ".join(f"{fraction:.3g}" for fraction in self.fraction[:3].tolist())
        more = ", …" if len(self.signal) > 3 else ""
        return f"MinimalSignal of {len(self.signal)} item(s): fractions kept {kept}{more}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OptimisedMask:
    """Masks that give up as many positions as the probability can spare, at rising prices. Made by `optimise_mask`.

    Parameters
    ----------
    prices : tuple of float
        What keeping everything costs, in nats of the probability's logarithm.
    masks : tuple of Coefficients
        For every price, the weight of each position, from 0 to 1; one channel for all.
    target : Tensor of int, shape (item,)
        The class that is kept.
    fractions : float array, shape (item, price)
        The sparsity curve's axis: the mean weight.
    probabilities : float array, shape (item, price)
        The sparsity curve: the probability of the class in the weighted signal.
    holds : bool array, shape (item, price)
        Whether the class is kept.

    Examples
    --------
    >>> from wam_widgets import decompose, samples
    >>> model, three = samples.digit_model(), samples.digits()["three"].signal
    >>> found = optimise_mask(model, three, decompose(three, level=2), target=3, steps=5, progress=False)
    >>> found.fractions.shape == found.probabilities.shape == found.holds.shape
    True
    """

    prices: tuple[float, ...]
    masks: tuple[Coefficients, ...]
    target: Int[Tensor, " item"]
    fractions: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    holds: NDArray[np.bool_]

    @property
    def importance(self) -> Coefficients:
        """How dear a position is: the number of the last price at which it was kept, from 0, plus its weight there.

        From 0, never kept, to the number of prices, kept whole at the highest: it ranks positions anywhere.
        """

        def dearest(*weights: Tensor) -> Tensor:
            reached = [torch.where(each > 0, number + each, 0) for number, each in enumerate(weights)]
            return torch.stack(reached).amax(0)

        return self.masks[0].map(dearest, *self.masks[1:])

    def __repr__(self) -> str:
        return f"OptimisedMask of {len(self.target)} item(s) at {len(self.prices)} prices"


def minimal_signal(
    model: Model,
    signal: Float[Tensor, "item channel *space"],
    importance: Importance,
    *,
    target: int | Sequence[int] | Tensor | None = None,
    at_least: float | None = None,
    order: Order = "magnitude",
    baseline: Baseline = None,
    steps: int = 32,
    probability: Probability = "softmax",
    seed: int = 0,
    batch_size: int | Literal["auto"] = "auto",
    progress: Progress | Literal[False] | None = None,
) -> MinimalSignal:
    r"""Find how few positions, the first in an order, are enough to keep the class.

    Parameters
    ----------
    model : callable
        (item, channel, \*space) -> output, as for `explain`.
    signal : Tensor, shape (item, channel, \*space)
        The items.
    importance : Explanation, Coefficients or Tensor
        What ranks the positions, in its own terms, as for `insertion`: coefficients of an explanation's wavelet, or
        samples; each is kept or not with all its channels. `decompose(signal)` is the order that has seen no model.
    target : None, int, sequence of int or Tensor
        The class; None is the one that an explanation explains, else the predicted one.
    at_least : float, optional
        By default the class is kept where it is more probable than any other. A number from 0 to 1 asks instead that
        its probability be at least this fraction of that in the whole signal.
    order : {"magnitude", "signed"}
        By magnitude, or by contribution, so that what speaks against the class comes last.
    baseline : None, number, Tensor or str
        What is there where nothing is kept, see `evaluate`; None is zero.
    steps : int
        The curve has at most as many points above zero, whose logarithms are equally spaced from one position to all.
    probability : {"softmax", "sigmoid", "none"}
        What makes probabilities of the model's output; "none" if it returns them.
    seed : int
        Of the order of equal positions. Global generators aren't touched.
    batch_size : int or "auto"
        How many inputs to run at once.
    progress : callable, False or None
        As for `explain`; returning False raises KeyboardInterrupt.

    Returns
    -------
    MinimalSignal
        With the curve. One position fewer, in this order, loses the class (unless none is kept: the baseline alone may
        have it).

    Raises
    ------
    TypeError, ValueError
        For what isn't a model, a signal, a ranking of it or a class; before any pass. Also if the whole signal doesn't
        have the class, or the model's output isn't finite.

    Notes
    -----
    A class that is kept with some positions may be lost with more, and come back: there is no smallest count short of
    trying all. So the curve's points are tried, then bisection goes on between the first at which the class is kept
    and the one before. What is found is a witness: this signal, of so few positions, has the class. It says neither
    that fewer can't be enough, chosen otherwise or between points, nor that more always are; `lasting` is the point
    from which on they are, on the curve.

    What is small says little of the explanation by itself: the order of the coefficients' own magnitudes, which has
    seen no model, is hard to beat. Smallest fractions of `image_model` on the sample photos (haar, level 5; 100 passes
    of Integrated Gradients, 50 of SmoothGrad), and in brackets `lasting`:

    ========================  ============  ===========  ===========  ===========
    order                     coffee        camera       cat          motorcycle
    ========================  ============  ===========  ===========  ===========
    Integrated Gradients      2.7 % (3.1)   1.6 % (2.2)  6.6 % (25)   5.3 % (6.1)
    SmoothGrad                20 % (25)     5.0 % (6.1)  23 % (25)    28 % (35)
    SmoothGrad, denoised      8.7 % (8.7)   2.7 % (6.1)  30 % (35)    12 % (12)
    SmoothGrad × coefficient  3.4 % (4.3)   1.5 % (1.5)  8.0 % (8.7)  4.5 % (6.1)
    own magnitude             3.0 % (3.1)   1.1 % (1.5)  4.3 % (4.3)  3.4 % (8.7)
    ========================  ============  ===========  ===========  ===========

    In random order the cat needs 82 to 92 %. By `optimise_mask` it needs 2 to 6 %, depending on where that begins and
    on its steps.

    References
    ----------
    Kasmi, Brunetto, Fel, Parekh, One Wave To Explain Them All, ICML 2025 (minimal image).

    Examples
    --------
    >>> import torch
    >>> from wam_widgets import decompose
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    >>> signal = torch.rand(1, 1, 8, 8)
    >>> found = minimal_signal(model, signal, decompose(signal, "haar", level=2), at_least=0.9)
    >>> found.signal.shape, bool(found.holds[0, -1])
    (torch.Size([1, 1, 8, 8]), True)
    """
    require_count("steps", steps, 32, at_least=2)
    share = _require_share(at_least)
    task = _task(signal, importance, target, probability, seed, order=order, baseline=baseline)
    with _asking(model, task, share, batch_size, progress) as (asked, whole):
        ranks = task.ranks(*task.rankings.values())
        items, units = ranks.shape
        counts = np.unique(np.rint([0, *np.geomspace(1, units, steps)]).astype(np.int64))

        def first(rows: Tensor, count: Tensor) -> Tensor:
            return (ranks[rows] < count.to(ranks.device)[:, None]).to(task.signal)

        def ask(rows: Tensor, count: Tensor) -> _Answer:
            asked.scorer.meter.expect(len(rows))
            return asked.ask(rows, lambda part: first(rows[part], count[part]))

        every = torch.arange(items)
        tried = ask(every.repeat_interleave(len(counts) - 1), torch.from_numpy(counts[:-1]).repeat(items))
        curve, holds = (
            torch.cat([part.unflatten(0, (items, -1)), last[:, None]], dim=1).numpy()
            for part, last in zip(tried, whole, strict=True)
        )
        enough = holds.argmax(1)
        high = torch.from_numpy(counts[enough])
        low = torch.from_numpy(counts[np.maximum(enough - 1, 0)])
        while len(rows := (high - low > 1).nonzero()[:, 0]):
            middle = (low[rows] + high[rows]) // 2
            kept = ask(rows, middle).holds
            high[rows[kept]], low[rows[~kept]] = middle[kept], middle[~kept]
        return MinimalSignal(
            signal=torch.cat([asked.kept(row, first(row, high[row])) for row in every.split(1)]),
            mask=asked.parts.unflatten(first(every, high)[:, None] > 0),
            target=asked.target,
            count=high,
            probability=ask(every, high).probability,
            fractions=counts / units,
            probabilities=curve,
            holds=holds,
        )


def optimise_mask(
    model: Model,
    signal: Float[Tensor, "item channel *space"],
    importance: Importance,
    *,
    target: int | Sequence[int] | Tensor | None = None,
    prices: Sequence[float] = (3.0, 10.0, 30.0, 100.0, 300.0),
    steps: int = 30,
    baseline: Baseline = None,
    probability: Probability = "softmax",
    seed: int = 0,
    batch_size: int | Literal["auto"] = "auto",
    progress: Progress | Literal[False] | None = None,
) -> OptimisedMask:
    r"""Optimise which positions to keep, for the class to stay as probable as it is: few, in any combination.

    Every position has a weight from 0 to 1. Adam lowers, for every item,

        max(0, log p(whole signal) - log p(weighted signal)) + price · mean(weights),

    first at the lowest price, then from there at the next. That is a forward and backward pass for every step at every
    price, where `minimal_signal` takes some fifty forward ones.

    Parameters
    ----------
    model, signal, baseline, probability, batch_size, progress
        As for `minimal_signal`.
    importance : Explanation, Coefficients or Tensor
        In which terms positions are kept, and where the weights begin: from 1 for the first position in the order of
        magnitude down to 1 / n for the last of n.
    target : None, int, sequence of int or Tensor
        The class; None is the one that an explanation explains, else the predicted one.
    prices : sequence of float
        What keeping everything costs, in nats, rising from above 0. At 100, a hundredth of the positions costs as much
        as a probability that is smaller by a factor of e.
    steps : int
        Of Adam, at every price. A weight moves by about 0.05 a step, and so needs twenty from kept to dropped.
    seed : int
        Of the order of equal positions. Nothing else is drawn: with a number as `batch_size`, the same call gives the
        same bits.

    Returns
    -------
    OptimisedMask
        With the curve. `minimal_signal(model, signal, mask.importance, target=mask.target)` makes a set of the weights.

    Raises
    ------
    TypeError, ValueError
        As `minimal_signal`; also for prices that don't rise from above 0, and if no path of autograd leads from the
        signal to the class.

    Notes
    -----
    What it finds may be a pattern for the model, and not what the model looked at: coefficients are faded to any
    strength, and a few of them can make a class more probable than the whole signal does. On the sample cat a mean
    weight of 0.7 % has p = 0.5, all has 0.38. An explanation isn't worse because an optimiser needs less.

    References
    ----------
    Kasmi, Brunetto, Fel, Parekh, One Wave To Explain Them All, ICML 2025 (minimal image). Kolek, Nguyen, Levie, Bruna,
    Kutyniok, Cartoon Explanations of Image Classifiers, ECCV 2022 (masks of wavelet coefficients). Kingma, Ba, Adam,
    ICLR 2015.

    Examples
    --------
    >>> import torch
    >>> from wam_widgets import decompose
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    >>> signal = torch.rand(1, 1, 8, 8)
    >>> found = optimise_mask(model, signal, decompose(signal, "haar", level=2), prices=[1.0, 10.0], steps=5)
    >>> found.fractions.shape, found.importance.flatten().shape
    ((1, 2), torch.Size([1, 1, 64]))
    """
    require_count("steps", steps, 30)
    rising = _require_prices(prices)
    task = _task(signal, importance, target, probability, seed, baseline=baseline)
    with _asking(model, task, None, batch_size, progress) as (asked, whole):
        ranks = task.ranks(*task.rankings.values()).to(task.signal)
        items, units = ranks.shape
        passes = sub_batch_for(model, task.signal, None, batch_size)
        asked.scorer.meter.expect(items * len(rising) * (steps + 1))
        done, found = 0, []
        while done < items:
            rows = torch.arange(done, done + min(items - done, passes.size))
            before = asked.scorer.meter.done
            try:
                wanted = whole.probability[rows].log()
                found.append(asked.optimise(rows, 1 - ranks[rows] / units, wanted, rising, steps, passes))
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                passes.shrink(len(rows), error)
                asked.scorer.meter.expect(asked.scorer.meter.done - before)  # what is lost has to be done again
                continue
            done += len(rows)
        weights, probabilities, holds = (torch.cat(each) for each in zip(*found, strict=True))
        return OptimisedMask(
            prices=rising,
            masks=tuple(asked.parts.unflatten(each[:, None]) for each in weights.unbind(1)),
            target=asked.target,
            fractions=weights.double().mean(2).cpu().numpy(),
            probabilities=probabilities.numpy(),
            holds=holds.numpy(),
        )


class _Answer(NamedTuple):
    """What the model says of some inputs, on the host."""

    probability: Float[Tensor, " row"]
    holds: Bool[Tensor, " row"]


@contextmanager
def _asking(
    model: Model,
    task: Task,
    share: float | None,
    batch_size: int | Literal["auto"],
    progress: Progress | Literal[False] | None,
) -> Iterator[tuple[_Asked, _Answer]]:
    """Take the items apart and ask about the whole signals first; the model is undisturbed until the end.

    Raises
    ------
    ValueError
        If a whole signal doesn't have its class.
    """
    (ranking,) = task.rankings.values()
    with task.scorer(model, batch_size, progress) as scorer:
        target = torch.as_tensor(scorer.target).cpu()  # never a callable, see `_task`
        baseline = task.baseline("insertion", ranking.domain, slice(None)).expand_as(task.signal)
        parts = ranking.domain.analyse(task.signal - baseline)
        asked = _Asked(task, scorer, target, baseline, parts)
        every = torch.arange(len(task.signal))
        scorer.meter.expect(len(every))
        whole = asked.ask(every, lambda part: task.signal.new_ones(len(every[part]), parts.flatten().shape[2]))
        if share is not None:
            asked.least = share * whole.probability
            whole = whole._replace(holds=torch.ones_like(whole.holds))
        elif not bool(whole.holds.all()):
            item = int(whole.holds.long().argmin())
            raise ValueError(
                f"The class must be the most probable one of the whole signal, or it can't be kept; got column "
                f"{int(target[item])} for item {item}, which isn't. Pass the predicted class as `target`; or, to "
                f"`minimal_signal`, e.g. `at_least=0.5`, which keeps half of its probability."
            )
        yield asked, whole


@dataclass(slots=True, eq=False)
class _Asked:
    """A model, and items that it is asked about, of which parts are kept.

    Without `least`, shape (item,), the class holds where it is the most probable; else with at least this probability.
    """

    task: Task
    scorer: Scorer
    target: Int[Tensor, " item"]
    baseline: Float[Tensor, "item channel *space"]
    parts: Coefficients
    least: Float[Tensor, " item"] | None = None

    def kept(self, rows: Int[Tensor, " row"], weights: Float[Tensor, "row position"]) -> Tensor:
        """Return the baseline plus the parts of some items times weights; the signal itself where all are 1."""
        parts = self.parts.map(lambda band: band[rows])
        made = self.baseline[rows] + reconstruct(parts.map(torch.mul, parts.unflatten(weights[:, None])))
        whole = (weights == 1).all(1).reshape(-1, *[1] * (made.ndim - 1))
        return torch.where(whole, self.task.signal[rows], made)

    def ask(self, rows: Int[Tensor, " row"], weights: Callable[[slice], Tensor]) -> _Answer:
        """Ask about items with weights that are made a sub-batch at a time."""
        done, found = 0, []
        while done < len(rows):
            part = slice(done, done + min(len(rows) - done, self.scorer.sub_batch.size))
            try:
                inputs = self.kept(rows[part], weights(part))
                with self.scorer.sub_batch.timed(len(inputs), inputs.device):
                    output = run_model(self.scorer.model, inputs, None)
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                self.scorer.sub_batch.shrink(len(rows[part]), error)
                continue
            found.append(self._answer(output, rows[part]))
            done += len(inputs)
            self.scorer.advance(len(inputs))
        return _Answer(*(torch.cat(each) for each in zip(*found, strict=True)))

    def optimise(
        self,
        rows: Int[Tensor, " row"],
        weights: Float[Tensor, "row position"],
        wanted: Float[Tensor, " row"],
        prices: tuple[float, ...],
        steps: int,
        passes: SubBatch,
    ) -> tuple[Float[Tensor, "row price position"], Float[Tensor, "row price"], Bool[Tensor, "row price"]]:
        """Return the weights of some items after the steps at every price, and what the model says then.

        The adjoint carries the model's gradient to coefficients, and so to their weights. `wanted` are logarithms.
        """
        see = coefficient_domain(self.parts)
        parts = self.parts.flatten()[rows]
        scored = Scored(self.scorer.model, lambda output: self._log_probability(output, rows))
        wanted = wanted.to(weights.device)
        adam = torch.optim.Adam([weights], _RATE)
        kept, answers = [], []
        for price in prices:
            for _ in range(steps):
                with passes.timed(len(rows), weights.device):
                    (gradient,), score = scored.gradient(self.kept(rows, weights), rows)
                require_finite_scores(score, self._named(rows))
                pulled = pull_back(gradient, see.wavelet, level=see.level, mode=see.mode).flatten()
                falls_short = (score < wanted)[:, None]
                weights.grad = price / weights.shape[1] - torch.where(falls_short, (pulled * parts).sum(1), 0)
                adam.step()
                weights.clamp_(0, 1)
                self.scorer.advance(len(rows))
            kept.append(weights.clone())
            answers.append(self.ask(rows, lambda part: kept[-1][part]))
        probability, holds = (torch.stack(each, dim=1) for each in zip(*answers, strict=True))
        return torch.stack(kept, dim=1), probability, holds

    def _answer(self, output: Any, rows: Int[Tensor, " row"]) -> _Answer:
        columns = require_rows(columns_of(output), len(rows))
        if columns.shape[1] < 2 and (self.least is None or self.task.probability == "softmax"):
            raise ValueError(
                "A class is kept against others: the model's output must have at least two columns; got one. Pass a "
                "model that returns both classes, e.g. `lambda signal: torch.cat([-model(signal), model(signal)], 1)`."
            )
        require_finite_scores(columns, self._named(rows))
        require_classes(self.target, columns.shape[1])
        own = columns.gather(1, self._column(rows, columns))
        most_probable = ((columns >= own).sum(1) == 1).cpu()  # a tie is no class
        probability = probabilities(columns, self.task.probability).gather(1, self._column(rows, columns))[:, 0].cpu()
        holds = most_probable if self.least is None else probability >= self.least[rows]
        return _Answer(probability, holds)

    def _log_probability(self, output: Any, rows: Int[Tensor, " row"]) -> Float[Tensor, " row"]:
        """Return the logarithm of the class's probability: what can be optimised where the probability is tiny."""
        columns = columns_of(output).double()
        if self.task.probability == "softmax":
            columns = columns.log_softmax(1)
        elif self.task.probability == "sigmoid":
            columns = torch.nn.functional.logsigmoid(columns)
        else:
            columns = columns.clamp(min=torch.finfo(columns.dtype).tiny).log()
        return columns.gather(1, self._column(rows, columns))[:, 0]

    def _named(self, rows: Int[Tensor, " row"]) -> Callable[[int], str]:
        return lambda row: f"item {int(rows[row])}, or a part of it,"

    def _column(self, rows: Int[Tensor, " row"], columns: Tensor) -> Int[Tensor, "row 1"]:
        return self.target[rows, None].to(columns.device)


def _task(
    signal: Tensor, importance: Importance, target: object, probability: str, seed: int, **overrides: Any
) -> Task:
    """Check what the two functions share."""
    if callable(target):
        raise TypeError(
            f"`target` must be a class, one per item, or None: only a class can be the most probable; got "
            f"{type(target).__name__}. Pass e.g. `target=3`."
        )
    return Task.of(signal, {ALONE: importance}, target, "wam", probability, seed, **overrides)


def _require_share(at_least: object) -> float | None:
    share = None if at_least is None else finite_number(at_least)
    if at_least is not None and (share is None or not 0 < share <= 1):
        raise ValueError(
            f"`at_least` must be a fraction of the probability, above 0 and up to 1; got {at_least!r}. Pass e.g. "
            f"`at_least=0.5`, or None for the most probable class."
        )
    return share


def _require_prices(prices: object) -> tuple[float, ...]:
    given = list(prices) if isinstance(prices, Sequence) else [prices]
    rising = tuple(number for each in given if (number := finite_number(each)) is not None)
    if not rising or len(rising) < len(given) or not all(a < b for a, b in zip((0.0, *rising), rising, strict=False)):
        raise ValueError(
            f"`prices` must be numbers that rise from above 0; got {prices!r}. Pass e.g. `prices=(10, 100)`."
        )
    return rising
