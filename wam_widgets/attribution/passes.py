"""The one loop: run the model on a stream of inputs and add up the gradients of its score.

Every method is such a stream. A *pass* is one forward and backward of one item; the stream is cut into sub-batches,
and nothing of a pass is kept but its share in a few sums. It knows nothing of wavelets.
"""

from __future__ import annotations

import math
import random
import signal as signals
import statistics
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.graph import get_gradient_edge

from .score import Score, columns_of, require_finite_scores, require_rows, score_of

Model = Callable[[Tensor], Any]
FrontEnd = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A stream of passes, one entry per pass, known on the host before it runs.

    Parameters
    ----------
    item : integer array, shape (pass,)
        Which item of the signal is passed.
    place : array, shape (pass,)
        Where on its path: the number of a noisy copy, or the fraction of the way from the baseline.
    group : integer array, shape (pass,)
        Which of the sums the gradient is added to.
    weight : float array, shape (pass,)
        What it is multiplied with before.
    """

    item: NDArray[np.int64]
    place: NDArray[Any]
    group: NDArray[np.int64]
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.item)

    def __getitem__(self, part: slice) -> Plan:
        return Plan(self.item[part], self.place[part], self.group[part], self.weight[part])

    def on(self, device: torch.device, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Return `item` and `place` on the device where they are used, shape (pass,) each."""
        return torch.as_tensor(self.item, device=device), torch.as_tensor(self.place, device=device, dtype=dtype)


Inputs = Callable[[Plan, Tensor, Tensor], Tensor]
"""From a part of a plan, and its `item` and `place` on the device, to (pass, channel, *space)."""


@dataclass(slots=True, eq=False)
class Sums:
    r"""Weighted sums of gradients, per group and item, and the weights that went into them.

    Parameters
    ----------
    values : Tensor, shape (group, item, channel, \*)
        The sums.
    weight : float array, shape (group, item)
        Sum of the weights.
    reduce : callable
        What is done to the gradients of a sub-batch, (pass, channel, \*space), before they are added up.
    stage : int
        Of which gradient: 0 for that in the inputs, 1 for that in what the front end makes of them.
    """

    values: Tensor
    weight: NDArray[np.float64]
    reduce: Callable[[Tensor], Tensor]
    stage: int = 0

    @classmethod
    def zeros(
        cls, groups: int, like: Tensor, reduce: Callable[[Tensor], Tensor] = lambda gradient: gradient, stage: int = 0
    ) -> Sums:
        r"""Start with nothing, for reduced gradients of the shape of `like`, (item, channel, \*)."""
        return cls(like.new_zeros((groups, *like.shape)), np.zeros((groups, len(like))), reduce, stage)

    def weigh(self, gradient: Tensor, weight: Tensor | None) -> Tensor:
        """Reduce the gradients of a sub-batch and multiply them by their weights, if not all 1: what needs memory."""
        reduced = self.reduce(gradient).to(self.values.dtype)
        if weight is None:
            return reduced
        return reduced * weight.to(reduced.dtype).reshape(-1, *[1] * (reduced.ndim - 1))

    def add(self, weighted: Tensor, row: Tensor) -> None:
        """Add weighted gradients, in place; `row` counts group by group, item by item."""
        self.values.flatten(0, 1).index_add_(0, row, weighted)

    def record(self, plan: Plan) -> None:
        """Note the weights of the passes that were added."""
        np.add.at(self.weight, (plan.group, plan.item), plan.weight)


class _Watched(torch.autograd.Function):
    """Makes a tensor an intermediate result, in place.

    Some models change their input in place, which a leaf forbids; the gradient asked for is that of the edge into it.
    """

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, _: Tensor) -> Tensor:
        ctx.mark_dirty(inputs)
        return inputs

    @staticmethod
    def backward(_ctx: Any, *_: Tensor) -> tuple[None, None]:
        return None, None


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    r"""A model and what is asked of it.

    Parameters
    ----------
    model : callable
        (item, channel, \*space) -> output.
    target : Score or Tensor, shape (item,)
        A callable on the output, or a column of it per item.
    precision : torch.dtype, optional
        Run the model under autocast in this dtype.
    front_end : callable, optional
        What makes the model's inputs of those of a pass, (item, channel, \*space) both; not under autocast.
    """

    model: Model
    target: Score | Tensor
    precision: torch.dtype | None = None
    front_end: FrontEnd | None = None

    def values(self, inputs: Tensor, item: Tensor) -> tuple[Any, Tensor]:
        """Return the output and the scores, shape (row,), of the model's `inputs`, whose rows belong to `item`."""
        output = run_model(self.model, inputs, self.precision)
        return output, score_of(output, self.target, item)

    def gradient(self, inputs: Tensor, item: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return d score / d inputs, and the scores, shape (row,).

        With a front end, d score / d its output comes second in the list: what the chain rule meets on the way.

        Raises
        ------
        ValueError
            If the score doesn't depend on the inputs by differentiable operations.
        """
        with torch.enable_grad():
            inputs = _Watched.apply(inputs, torch.zeros((), requires_grad=True))  # type: ignore[no-untyped-call]  # torch leaves it untyped
            stages = [get_gradient_edge(inputs)]
            if self.front_end is not None:
                inputs = self.front_end(inputs)
                if inputs.requires_grad:
                    stages.append(get_gradient_edge(inputs))
                    inputs = inputs.clone()  # what made it may need it for its own gradient
            _, scores = self.values(inputs, item)
            found: tuple[Tensor | None, ...] = ()
            if inputs.requires_grad and scores.requires_grad:
                found = torch.autograd.grad(scores.sum(), stages, allow_unused=True)
        gradients = [gradient for gradient in found if gradient is not None]
        if len(gradients) <= (self.front_end is not None):
            raise ValueError(
                "The score must depend on the signal by differentiable operations; no path of autograd leads from "
                "one to the other. Look for `.detach()`, `torch.no_grad()`, `.numpy()` or `argmax` in the model, its "
                "front end or the target."
            )
        return gradients, scores.detach()


def run_model(model: Model, inputs: Tensor, precision: torch.dtype | None) -> Any:
    """Call the model, under autocast if a precision is given."""
    if precision is None:
        return model(inputs)
    with torch.autocast(inputs.device.type, dtype=precision):
        return model(inputs)


def predicted(
    model: Model, signal: Tensor, sub_batch: SubBatch | None = None, named: Callable[[int], str] = "item {}".format
) -> Tensor:
    """Return the column that is largest for every item, shape (item,); to be called within `undisturbed`.

    Without a sub-batch the items are run one by one.

    Raises
    ------
    MemoryError
        If a single item, or a fixed sub-batch, doesn't fit.
    ValueError
        If it isn't finite: of NaN none is the largest. The error calls the item as `named` does.
    """
    sub_batch = SubBatch(fixed=True) if sub_batch is None else sub_batch
    done, found = 0, []
    while done < len(signal):
        part = signal[done : done + sub_batch.size]
        try:
            output = run_model(model, part.clone(), None)  # a copy: a model may change its input in place
        except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
            sub_batch.shrink(len(part), error)
            continue
        found.append(require_rows(columns_of(output), len(part)).max(1))
        done += len(part)
    require_finite_scores(torch.cat([largest for largest, _ in found]), named)
    return torch.cat([column for _, column in found])


def run(
    plan: Plan,
    inputs: Inputs,
    scored: Scored,
    sums: list[Sums],
    *,
    sub_batch: SubBatch,
    before: Callable[[], bool],
    after: Callable[[int], bool],
) -> tuple[int, bool]:
    r"""Run the passes of a plan and add their gradients to the sums.

    Parameters
    ----------
    plan : Plan
        The passes, in the order in which they are run.
    inputs : Inputs
        Makes the model's inputs, (pass, channel, \*space), for a part of the plan.
    scored : Scored
        The model and its score.
    sums : list of Sums
        What to add the gradients to.
    sub_batch : SubBatch
        How many passes to run at once.
    before, after : callable
        Called before each sub-batch, and after it with the number of its passes; the sums are then whole. The loop ends
        when one returns False.

    Returns
    -------
    int
        How many passes of the plan are in the sums.
    bool
        Whether more may follow: False if `before`, `after` or an interrupt said stop, be it after the last.

    Raises
    ------
    ValueError
        If the model or its gradient gave NaN or inf: the first such pass is named.
    """
    device = sums[0].values.device
    # The whole plan travels to the device once, so that no sub-batch waits for the host or the host for it.
    item, place = plan.on(device, sums[0].values.dtype)
    row = torch.as_tensor(plan.group * sums[0].weight.shape[1] + plan.item, device=device)
    weight = None
    if (plan.weight != 1).any():
        weight = torch.as_tensor(plan.weight, device=device, dtype=sums[0].values.dtype)
    first_bad = torch.full((), len(plan), device=device)
    done = 0
    go_on = True
    with _deferred_interrupt() as interrupted:
        while done < len(plan) and go_on and before() and not interrupted:
            part = slice(done, done + sub_batch.next(len(plan) - done))
            passes = plan[part]
            try:
                with sub_batch.timed(len(passes), device):
                    gradients, scores = scored.gradient(inputs(passes, item[part], place[part]), item[part])
                    # Nothing is added before everything is there: memory that runs out must not leave a half.
                    share = None if weight is None else weight[part]
                    weighted = [each.weigh(gradients[each.stage], share) for each in sums]
                    for each, gradient in zip(sums, weighted, strict=True):
                        each.add(gradient, row[part])
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                sub_batch.shrink(len(passes), error)
                continue
            except KeyboardInterrupt:
                break
            for each in sums:
                each.record(passes)
            finite = torch.isfinite(scores)
            for gradient in gradients:
                finite = finite & torch.isfinite(gradient.flatten(1).sum(1))
            number = torch.arange(part.start, part.stop, device=device)
            first_bad = torch.minimum(first_bad, torch.where(finite, len(plan), number).min())
            done = part.stop
            go_on = after(len(passes)) and not interrupted
    if interrupted and done == len(plan):
        warnings.warn("Interrupted after the last pass: the result is complete.", RuntimeWarning, stacklevel=2)
    if not first_bad.is_meta and int(first_bad) < len(plan):
        bad = plan[int(first_bad) : int(first_bad) + 1]
        raise ValueError(
            f"The model must give finite scores and gradients; pass {int(first_bad)} of item {int(bad.item[0])} (at "
            f"{bad.place[0]:g} of its path) gave NaN or inf. Look for divisions, logarithms and square roots at zero "
            f"in the model; `torch.autograd.set_detect_anomaly(True)` finds the place."
        )
    return done, go_on and done == len(plan)


#: On the CPU, "auto" runs no more samples at once. Where one pass is that large, more at once only take memory: of a
#: minute of sound at 44.1 kHz, 16 took 4.5 GB.
_MOST_SAMPLES = 2**22


#: Up to this size "auto" goes on though a size seems a little slower than the one before.
_LEAST_TRIED = 4


#: So often the two sizes that seem best take turns at the end, if the second takes at most so many times as long.
_TURNS, _CLOSE = 4, 1.15


@dataclass(slots=True, eq=False)
class SubBatch:
    """How many passes to run at once: a fixed number, or what turns out fastest.

    "auto" starts with one pass and doubles, up to `most`, while the time per pass falls, and up to four if it doesn't
    rise much: a lucky first time must not end the search. The best two then take turns, as the machine may have been
    slower while one of them was tried. On two cores and EfficientNet-Lite0 four are the fastest: more no longer fit the
    caches. It halves when memory runs out.
    """

    size: int = 1
    settled: bool = False
    fixed: bool = False
    most: float = math.inf
    times: dict[int, list[float]] = field(default_factory=dict)  # size -> seconds per pass, of every time
    growing: bool = True  # until the best two take turns

    def next(self, left: int) -> int:
        """Return how many of the passes that are left to run at once; the last sub-batches are alike, not one tiny."""
        if left <= self.size or self.fixed or not self.settled:
            return min(left, self.size)
        return math.ceil(left / math.ceil(left / self.size))

    @contextmanager
    def timed(self, count: int, device: torch.device) -> Iterator[None]:
        """Time a sub-batch of `count` passes while the best size is still looked for."""
        measured = not (self.settled or self.fixed) and count == self.size
        if measured:
            _synchronise(device)
        start = time.perf_counter()
        yield
        if measured:
            _synchronise(device)
            self._learn((time.perf_counter() - start) / count)

    def _learn(self, seconds: float) -> None:
        """Take note of the seconds per pass that the present size took, and choose the next size."""
        self.times.setdefault(self.size, []).append(seconds)
        if self.growing:
            self._grow({size: min(each) for size, each in self.times.items()})
        if not self.growing:
            self._take_turns()

    def _grow(self, best: dict[int, float]) -> None:
        least = min((each for size, each in best.items() if size < self.size), default=math.inf)
        tries = len(self.times[self.size])
        faster = best[self.size] < 0.97 * least and tries > 1  # the first of each size warms up
        if not faster and tries < 3:  # thrice no faster: not the machine's fault
            return
        near = self.size < _LEAST_TRIED and best[self.size] < 1.25 * least
        if (faster or near) and 2 * self.size <= self.most:
            self.size *= 2
        else:
            first, *others = sorted(best, key=lambda size: best[size])
            self.times = {size: [] for size in (first, *others[:1]) if best[size] <= _CLOSE * best[first]}
            self.growing = False

    def _take_turns(self) -> None:
        self.size = min(self.times, key=lambda size: len(self.times[size]))
        if len(self.times) == 1:
            self.settled = True
        elif len(self.times[self.size]) == _TURNS:
            usual = {size: statistics.median(each) for size, each in self.times.items()}
            self.size = min(size for size, each in usual.items() if each <= 1.03 * min(usual.values()))
            self.settled = True

    def shrink(self, count: int, error: BaseException) -> None:
        """Halve after `error` if memory ran out, else raise it again.

        Raises
        ------
        MemoryError
            If a single pass, or the fixed number of them, doesn't fit.
        """
        if not (isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)):
            raise error
        if self.fixed or count == 1:
            remedy = "Pass a smaller signal" if count == 1 else f"Pass `batch_size={max(1, count // 2)}` or 'auto'"
            raise MemoryError(f"{count} pass(es) at once must fit into memory; they don't. {remedy}.") from error
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.size, self.settled = max(1, min(self.size // 2, count - 1)), True


#: The size that was found best, per model, for as long as the model lives.
_FOUND: weakref.WeakKeyDictionary[Any, dict[tuple[Any, ...], SubBatch]] = weakref.WeakKeyDictionary()


def sub_batch_for(
    model: Model, signal: Tensor, precision: torch.dtype | None, batch_size: int | str, *, forward_only: bool = False
) -> SubBatch:
    """Return the sub-batch for a call: a fixed one, or the one remembered for this model, shape and device."""
    if batch_size != "auto":
        return SubBatch(int(batch_size), fixed=True)
    shape, device = tuple(signal.shape[1:]), str(signal.device)
    key = (shape, signal.dtype, device, precision, torch.get_num_threads(), forward_only)
    new = SubBatch(most=float(max(1, _MOST_SAMPLES // signal[0].numel())) if signal.device.type == "cpu" else math.inf)
    try:
        return _FOUND.setdefault(model, {}).setdefault(key, new)
    except TypeError:  # a callable that can't be hashed or referred to weakly is not remembered
        return new


def _keep_freed_memory() -> None:
    """Let the C library keep what one pass frees for the next.

    Glibc keeps up to twice the largest block that was ever freed, of at most 32 MiB, and gives what is more back to
    the system, from which the next pass fetches it page by page: passes of small volumes took half as long again.
    """
    torch.empty(2**25 - 2**14, dtype=torch.uint8)  # with room for what glibc writes around it; never touched


@contextmanager
def undisturbed(model: Model, device: torch.device, front_end: FrontEnd | None = None) -> Iterator[None]:
    """Put the model into evaluation mode, and leave it, the random generators and torch's modes as they were."""
    if device.type == "cpu":
        _keep_freed_memory()
    modes: list[AbstractContextManager[Any]] = [torch.inference_mode(mode=False), torch.no_grad(), _generators(device)]
    if device.type != "meta":
        modes.append(torch.autocast(device.type, enabled=False))
    with ExitStack() as stack:
        for mode in modes:
            stack.enter_context(mode)
        stack.enter_context(_evaluating(model))
        stack.enter_context(_evaluating(front_end))
        yield


@contextmanager
def _generators(device: torch.device) -> Iterator[None]:
    """Leave the global random generators as they were; in a thread of its own, as others have left them meanwhile."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numpy_state, python_state = np.random.get_state(), random.getstate()  # noqa: NPY002  # the caller's
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            np.random.set_state(numpy_state)  # noqa: NPY002
            random.setstate(python_state)


#: How many calls are using a module, and the mode to give back after the last: two threads may explain one model, or
#: one of them a part of it.
_IN_USE: dict[int, tuple[int, bool]] = {}
_LOCK = threading.Lock()


@contextmanager
def _evaluating(model: Model | None) -> Iterator[None]:
    """Put a module, or the module that a method belongs to, into evaluation mode while anybody uses it."""
    owner = getattr(model, "__self__", model)
    if not isinstance(owner, torch.nn.Module):
        yield
        return
    modules = [module for module in owner.modules() if hasattr(module, "training")]  # a frozen script module has none
    with _LOCK:
        for module in modules:
            users, mode = _IN_USE.get(id(module), (0, module.training))
            _IN_USE[id(module)] = users + 1, mode
            module.training = False
    try:
        yield
    finally:
        with _LOCK:
            for module in modules:
                users, mode = _IN_USE.pop(id(module))
                if users > 1:
                    _IN_USE[id(module)] = users - 1, mode
                else:
                    module.training = mode


@contextmanager
def _deferred_interrupt() -> Iterator[list[int]]:
    """Let Ctrl-C act after the current sub-batch, so that sums stay whole; a second one acts at once."""
    arrived: list[int] = []

    def note(number: int, _: Any) -> None:
        if arrived:
            raise KeyboardInterrupt
        arrived.append(number)

    if (
        threading.current_thread() is not threading.main_thread()
        or signals.getsignal(signals.SIGINT) is not signals.default_int_handler
    ):
        yield arrived
        return
    signals.signal(signals.SIGINT, note)
    try:
        yield arrived
    finally:
        signals.signal(signals.SIGINT, signals.default_int_handler)


def _synchronise(device: torch.device) -> None:
    """Wait for the device, so that a clock means something."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
