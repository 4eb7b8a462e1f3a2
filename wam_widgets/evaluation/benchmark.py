"""Faithfulness over a whole data set: results on disk as they arrive, alone or on a cluster, continued when killed."""

from __future__ import annotations

import inspect
import itertools
import time
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.parameter import is_lazy

import wam_widgets
from wam_widgets.attribution import Contrast, Score
from wam_widgets.attribution.arguments import require_batch_size, require_model, require_progress
from wam_widgets.attribution.passes import Model, predicted, undisturbed
from wam_widgets.attribution.progress import Progress
from wam_widgets.checks import optional_module, require_count, require_flag, require_one_of

from .explainer import Explainer, Method, ask, require_methods
from .faithfulness import FaithfulnessReport, trace
from .fingerprint import fingerprint
from .items import Data, Groups, Item, Items, target_in_words
from .protocols import Axis, Baseline, DomainName, Order, Protocol, Quantity, Unit, find_protocol, given_baseline
from .ranking import METHODS, Importance
from .running import (
    FAILURES_AT_FIRST,
    ItemMeter,
    Target,
    device_of,
    error_in_words,
    raise_if_interrupted,
    require_dataset_target,
    require_run_seed,
    seeded,
)
from .statistics import data_frame, require_confidence
from .store import Record, Row, Store, Table
from .tracing import KINDS, Probability, Task

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What is done with every item: all that a worker needs but the model."""

    methods: Mapping[str, Method]
    protocols: tuple[Protocol, ...]
    target: int | Contrast | Score | None
    probability: Probability
    controls: int
    batch_size: int | Literal["auto"]

    def measure(self, model: Model, item: Item) -> Record:
        """Explain an item by every method and trace its curves under every protocol.

        Returns
        -------
        Record
            With an error instead of rows if any of that failed.

        Raises
        ------
        KeyboardInterrupt
            If interrupted: an unfinished item has no record.
        """
        began, where = time.perf_counter(), "the model"
        rows: list[Row] = []
        error: str | None = None
        target = item.target if self.target is None else self.target
        with warnings.catch_warnings(record=True) as caught, seeded(item.seed):
            warnings.simplefilter("always")
            try:
                signal = item.signal.to(device_of(model, item.signal))
                if target is None:
                    with undisturbed(model, signal.device):
                        target = int(predicted(model, signal))
                found: dict[str, Importance] = {}
                passes: dict[str, Any] = {}
                for name, method in self.methods.items():
                    where = f"method {name!r}"
                    found[name] = self._explain(method, model, signal, target, item.seed, passes)
                    raise_if_interrupted(caught)
                for protocol in self.protocols:
                    where = f"protocol {protocol.name!r}"
                    rows += self._rows(model, signal, found, target, protocol, item.seed)
            except Exception as failure:  # noqa: BLE001  # whatever it is, it is this item's, and told
                rows, error = [], f"{where}: {error_in_words(failure)}"
        return Record(
            item=item.index,
            seed=item.seed,
            group=item.group,
            target=target_in_words(target),
            digest=item.digest,
            rows=tuple(rows),
            error=error,
            warnings=tuple(dict.fromkeys(str(each.message) for each in caught)),
            seconds=time.perf_counter() - began,
        )

    def _explain(
        self, method: Method, model: Model, signal: Tensor, target: Any, seed: int, passes: dict[str, Any]
    ) -> Importance:
        if isinstance(method, Explainer) and method.shared is not None:
            if method.shared not in passes:
                passes[method.shared] = method.passes(model, signal, target, seed=seed, batch_size=self.batch_size)
            return method.seen(passes[method.shared])
        options = {"seed": seed, "batch_size": self.batch_size}
        taken = _parameters(method)
        given = {name: value for name, value in options.items() if name in taken}
        with seeded(seed):
            found: Importance = ask(method, model, signal, target, **given)
        return found

    def _rows(
        self,
        model: Model,
        signal: Tensor,
        found: Mapping[str, Importance],
        target: Any,
        protocol: Protocol,
        seed: int,
    ) -> list[Row]:
        wanted = measured(target, protocol)
        task = Task.of(signal, found, wanted, protocol, self.probability, seed, argument=METHODS)
        report = trace(
            model, task, controls=self.controls, batch_size=self.batch_size, progress=False, argument=METHODS
        )
        energy, scores, areas = (
            [part[kind] for kind in KINDS] for part in (report.energy, report.scores, report.areas)
        )
        return [
            Row(
                protocol=report.protocol.name,
                method=name,
                domain=report.domains[index],
                control=report.controls[index],
                insertion=float(areas[0][index, 0]),
                deletion=float(areas[1][index, 0]),
                curves=np.stack([report.units[index], *(each[index, 0] for each in (*energy, *scores))]),
            )
            for index, name in enumerate(report.methods)
        ]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class BenchmarkReport:
    """What `benchmark` has found so far: a store, read when it is asked. `BenchmarkReport(path)` opens one.

    Parameters
    ----------
    store : Path
        The SQLite file.
    confidence : float
        Of the intervals.

    Examples
    --------
    >>> import tempfile
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    >>> data = [(torch.rand(1, 8, 8), number % 3) for number in range(4)]
    >>> methods = {"WAM": Explainer("saliency", level=2)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = benchmark(model, data, methods, store=f"{folder}/run.sqlite", steps=4, progress=False)
    ...     print(BenchmarkReport(run.store).items)  # opened again
    4
    """

    store: Path
    confidence: float = 0.95
    configuration: dict[str, Any] = field(init=False)
    """What the results depend on: model, data set, methods, protocols, seed and so on."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "confidence", require_confidence(self.confidence))
        with self._open() as store:
            object.__setattr__(self, "store", store.path)
            object.__setattr__(self, "configuration", store.configuration)

    @property
    def protocols(self) -> tuple[str, ...]:
        """Names of the protocols."""
        return tuple(self.configuration["protocols"])

    @property
    def items(self) -> int:
        """How many items were measured."""
        with self._open() as store:
            return store.done() - len(store.failed())

    @property
    def failed(self) -> dict[int, str]:
        """Why items have no results, by their place in the data set."""
        with self._open() as store:
            return store.failed()

    @property
    def warned(self) -> dict[int, tuple[str, ...]]:
        """What methods warned of, by the item's place in the data set."""
        with self._open() as store:
            return store.warned()

    @property
    def seconds(self) -> float:
        """How long the items took, one after the other, on whatever machine."""
        with self._open() as store:
            return store.seconds()

    def faithfulness(self, protocol: str | None = None, *, curves: bool = True) -> FaithfulnessReport:
        """Return the report of one protocol, as `evaluate` would return it for all items.

        Parameters
        ----------
        protocol : str, optional
            One of `protocols`; the first by default.
        curves : bool
            Whether to read the curves too. Without, those of the report are empty, and it takes little memory.

        Returns
        -------
        FaithfulnessReport
            Of the items that were measured, in the order of the data set.

        Raises
        ------
        ValueError
            If there is no such protocol or no item, or methods gave other kinds of results for some items.
        """
        name = self.protocols[0] if protocol is None else require_one_of("protocol", protocol, self.protocols)
        return self._report(name, self._table(name, curves=curves))

    def rows(self) -> list[dict[str, Any]]:
        """Return the table, `FaithfulnessReport.rows`, of all protocols, one below the other."""
        return [row for name in self.protocols for row in self.faithfulness(name, curves=False).rows()]

    def item_rows(self) -> list[dict[str, Any]]:
        """Return one dict per protocol, method and item; "item" is its place in the data set."""
        found = []
        for name in self.protocols:
            table = self._table(name, curves=False)
            found += [row | {"item": table.items[row["item"]]} for row in self._report(name, table).item_rows()]
        return found

    def to_dataframe(self, *, items: bool = False) -> pd.DataFrame:
        """Return `rows()`, or `item_rows()`, as a pandas DataFrame.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return data_frame(self.item_rows() if items else self.rows())

    def __str__(self) -> str:
        failed, warned = self.failed, self.warned
        lines = [f"{self.items} item(s) measured, {len(failed)} failed, {self.seconds:.0f} s of work: {self.store}"]
        lines += [f"  item {item} failed, {why}" for item, why in list(failed.items())[:5]]
        lines += ["  …"] if len(failed) > 5 else []
        if warned:
            item, texts = next(iter(warned.items()))
            lines.append(f"  {len(warned)} item(s) came with warnings; item {item}: {texts[0]}")
        if self.items:
            lines += ["", *(str(self.faithfulness(name, curves=False)) for name in self.protocols)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        names = ", ".join(map(repr, self.protocols))
        return f"BenchmarkReport of {self.items} items, {len(self.failed)} failed, protocols {names}: {self.store}"

    def _table(self, name: str, *, curves: bool) -> Table:
        with self._open() as store:
            return store.table(name, curves=curves)

    def _report(self, name: str, table: Table) -> FaithfulnessReport:
        return FaithfulnessReport(
            protocol=Protocol(**self._rule(name)),
            methods=table.methods,
            domains=table.domains,
            controls=table.controls,
            units=table.units,
            energy={kind: table.curves[number] for number, kind in enumerate(KINDS)},
            scores={kind: table.curves[2 + number] for number, kind in enumerate(KINDS)},
            areas={kind: table.areas[number] for number, kind in enumerate(KINDS)},
            groups=table.groups,
            seed=self.configuration["seed"],
            confidence=self.confidence,
        )

    def _rule(self, name: str) -> dict[str, Any]:
        """Return the fields of a protocol; a baseline that was a tensor is only named."""
        fields: dict[str, Any] = dict(self.configuration["protocols"][name])
        fields.pop("class")
        for end in ("insertion_baseline", "deletion_baseline"):
            if isinstance(fields[end], dict):
                fields[end] = given_baseline(fields[end]["digest"])
        return fields

    def _open(self) -> Store:
        return Store(self.store)


def benchmark(
    model: Model,
    dataset: Data,
    methods: Mapping[str, Method],
    *,
    store: str | Path,
    protocol: str | Protocol | Sequence[str | Protocol] = "wam",
    target: Target = None,
    groups: Groups = None,
    client: Any = None,
    seed: int = 0,
    steps: int | None = None,
    domain: DomainName | None = None,
    baseline: Baseline = None,
    order: Order | None = None,
    unit: Unit | None = None,
    axis: Axis | None = None,
    quantity: Quantity | None = None,
    probability: Probability = "softmax",
    controls: int = 8,
    confidence: float = 0.95,
    batch_size: int | Literal["auto"] = "auto",
    retry: bool = False,
    progress: Progress | Literal[False] | None = None,
) -> BenchmarkReport:
    r"""Measure the faithfulness of several methods over a data set, item by item, into a file.

    A run that was killed, or interrupted, is continued by the same call: items that are in the store are read, to see
    that they are the same, but not done again, and the rows are those of a run without interruption. Memory doesn't
    grow with the number of items.

    Parameters
    ----------
    model : callable
        (item, channel, \*space) -> output, as for `explain`. Items go to the device of a module's parameters.
    dataset : torch.utils.data.Dataset, iterable or dict
        Of (signal, label), where the signal is a tensor (channel, \*space); of signals alone; or of samples, such as
        `wam.samples.images()`. Of `Pairs`: `list(zip(pairs.signal, pairs.classes))`, with `groups=pairs.groups`.
    methods : dict of str to callable
        By name: an `Explainer`, `standard_methods()`, or any function of (model, signal, target), where the signal is
        one item, (1, channel, \*space), that returns an Explanation, Coefficients or a map, shape (1, \*space). One
        that has parameters `seed` or `batch_size` is given these; for all, the global random generators start from the
        item's seed. The model is in evaluation mode, and is left as it was.
    store : str or Path
        An SQLite file: new, or of the same run. Its tables are documented in itself (`.schema`); others may read it
        while the run goes on.
    protocol : str or Protocol, or several
        See `evaluate`.
    target : None, "label", int, Contrast or callable
        What is explained and measured: the predicted class, the item's label, one column, or a score. A label of two
        classes stands for a contrast, which the protocol "contrast" needs; protocols of one class measure the first.
    groups : sequence or callable, optional
        The group of every item, or a function that finds it in an item as the data set gives it; see `evaluate`.
    client : dask.distributed.Client, optional
        A cluster to spread the items over. Each worker loads the model once; what a lost worker was doing is done
        again. Rows are the same as without. Threads of one process take turns, so one per worker is best:
        `Client(LocalCluster(n_workers=2, threads_per_worker=1))`.
    seed : int
        Every item draws from a seed of its own, `seed << 32 | index`, so that its rows don't depend on the others.
    steps, domain, baseline, order, unit, axis, quantity, probability, controls, confidence
        As for `evaluate`, for every protocol; but units can't be superpixels, as every item has segments of its own.
    batch_size : int or "auto"
        Inputs at once, of one item. With a number (and the same number of threads) the rows are the same to the bit.
    retry : bool
        Whether to try items again that failed in an earlier run.
    progress : callable, False or None
        Called with (items done, items in all); returning False raises KeyboardInterrupt. By default a bar with the
        time that is left.

    Returns
    -------
    BenchmarkReport
        `print(report)` shows the table; `report.faithfulness("wam")` is as if from `evaluate`; `report.failed` names
        the items that failed, and why.

    Raises
    ------
    TypeError, ValueError
        Before any pass: for a store of another run (what differs is said), a data set without labels where labels are
        needed, methods that can't work for the first item that can be read, a model without values for its weights, one
        that can't be sent to workers, and all that `evaluate` refuses. Told later: of a stream, that an item isn't the
        one that was measured; and that a run with other settings has begun in the same file.
    OSError
        If the store can't be opened or written, is damaged, or stays locked by another program.
    RuntimeError
        If the first five items all fail, or all do; or the cluster ends, where what was finished is in the store.
    KeyboardInterrupt
        If interrupted: all that was finished is in the store.

    Notes
    -----
    Whether a run is the same is seen by its settings and items; for modules by class, `forward`, `repr` and weights;
    for functions by their code, defaults, and what they use of variables around them: numbers, words, tensors, modules,
    and in your own code functions, lists, tuples, dicts, sets and arrays, six deep; for other objects by `__call__` and
    their attributes, or what their `__getstate__` returns: leave counters and caches out there. Not seen are a module's
    attributes that neither its weights nor its `extra_repr` show, the `forward` of its submodules, further methods of a
    class, classes and single objects that a function uses, files, and environment variables.

    Dask has its workers give memory back to the system at once (`MALLOC_TRIM_THRESHOLD_`), so that on Linux the output
    of every large layer is mapped anew: EfficientNet-Lite0 takes 3.5 times as long on a CPU. Said before the cluster is
    made, `dask.config.set({"distributed.nanny.pre-spawn-environ": {"OMP_NUM_THREADS": 1}})` leaves that out.

    Examples
    --------
    >>> import tempfile
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    >>> data = [(torch.rand(1, 8, 8), number % 3) for number in range(4)]
    >>> methods = {"WAM": Explainer("saliency", level=2)}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = benchmark(model, data, methods, store=f"{folder}/run.sqlite", steps=4, progress=False)
    ...     print(report.items, report.faithfulness().methods[0])
    4 WAM
    """
    require_model(model)
    _require_weights(model)
    require_progress(progress)
    require_flag("retry", retry)
    require_batch_size(batch_size)
    require_confidence(confidence)
    number = require_run_seed(seed)
    items = Items(dataset, groups, labelled=require_dataset_target(target) == "label", seed=number)
    overrides = {
        "steps": steps, "domain": domain, "baseline": baseline, "order": order, "unit": unit, "axis": axis,
        "quantity": quantity,
    }  # fmt: skip
    require_methods(methods)
    named = {str(name): method for name, method in methods.items()}
    rules = _require_rules(model, items.first, named, target, protocol, probability, number, overrides)
    job = Job(
        methods=named,
        protocols=rules,
        target=None if target == "label" else target,
        probability=probability,
        controls=require_count("controls", controls, 8),
        batch_size=batch_size,
    )
    configuration = {
        "version": wam_widgets.__version__,
        "model": fingerprint(model),
        **items.about,
        "methods": {name: fingerprint(method) for name, method in named.items()},
        "protocols": {rule.name: fingerprint(rule) for rule in rules},
        "target": "label" if target == "label" else target_in_words(target),
        "probability": probability,
        "controls": job.controls,
        "seed": number,
    }
    with Store(store, configuration) as kept:
        if retry:
            kept.forget_failures()
        _run(model, job, items, kept, client, progress)
    return BenchmarkReport(Path(store), confidence)


def _require_weights(model: Model) -> None:
    """Raise if a module has parameters or buffers without values."""
    if not isinstance(model, torch.nn.Module):
        return
    for name, each in itertools.chain(model.named_parameters(), model.named_buffers()):
        if is_lazy(each):
            raise ValueError(
                f"`model` must have all its weights; {name!r}, of a lazy layer, gets its shape from the first input. "
                f"Run the model once: `model(signal)`."
            )
        if each.is_meta:
            raise ValueError(
                f"`model` must have all its weights; {name!r} is on the device 'meta', which holds no values. Load "
                f"them on another: e.g. `model.to_empty(device='cpu')`, then `model.load_state_dict(...)`."
            )


def _run(
    model: Model, job: Job, items: Items, store: Store, client: Any, progress: Progress | Literal[False] | None
) -> None:
    """Measure what isn't in the store yet, and put it there."""
    todo = _todo(items, store)
    spread = None if client is None else _cluster().spread(client, model, job)
    meter = ItemMeter(progress, store.done(), items.total)
    failures, any_good = 0, store.done() > len(store.failed())
    with closing(meter), closing(_records(model, job, todo, spread)) as records:
        for record in records:
            store.add(record)
            meter.advance()
            failures += record.error is not None
            any_good |= record.error is None
            if not any_good and failures >= FAILURES_AT_FIRST:
                break
    if not any_good:
        errors = list(store.failed().values())
        raise RuntimeError(
            f"The first {len(errors)} item(s) all failed; the last one: {errors[-1]} If that is put right without "
            f"changing any setting, pass `retry=True`."
        )


def _records(
    model: Model, job: Job, todo: Iterator[Item | Record], spread: Callable[[Iterator[Item | Record]], Any] | None
) -> Generator[Record, None, None]:
    """Yield what is found of every item: here, or as it comes back from a cluster."""
    if spread is not None:
        yield from spread(todo)
        return
    for item in todo:
        yield item if isinstance(item, Record) else job.measure(model, item)


def _todo(items: Items, store: Store) -> Iterator[Item | Record]:
    """Yield the items that aren't done; those that can't be read as records of that."""
    if items.by_number:  # all are compared before any is measured
        for index, read in items:
            if before := store.digest(index):
                _require_same(_read(index, read), before)
    for index, read in items:
        before = store.digest(index)
        if before is None:
            yield _read(index, read)
        elif before and not items.by_number:
            _require_same(_read(index, read), before)


def _read(index: int, read: Callable[[], Item]) -> Item | Record:
    try:
        return read()
    except Exception as error:  # noqa: BLE001  # whatever it is, it is this item's, and told
        return Record(index, 0, index, None, "", error=f"reading it: {error_in_words(error)}")


def _require_same(item: Item | Record, before: str) -> None:
    """Raise if an item that can be read isn't the one of this digest, which was measured."""
    if item.digest and item.digest != before:
        index = item.index if isinstance(item, Item) else item.item
        raise ValueError(
            f"`store` must be of the same data set: item {index} of `dataset` is not the one that was measured. Name "
            f"another file, or pass the items in the same order, with the same labels and groups and the same, fixed, "
            f"transform."
        )


def measured(target: Any, protocol: Protocol) -> Any:
    """Return what `evaluate` measures of one item, where `target` is explained."""
    if not isinstance(target, Contrast):
        return target
    return torch.tensor([[target.first, target.second]]) if protocol.quantity == "contrast" else target.first


def _cluster() -> Any:
    optional_module("distributed", "`client=`", "evaluation")
    from . import cluster

    return cluster


def _require_rules(
    model: Model,
    first: Item,
    methods: Mapping[str, Method],
    target: Target,
    protocol: object,
    probability: str,
    seed: int,
    overrides: Mapping[str, Any],
) -> tuple[Protocol, ...]:
    """Return the protocols, with their overrides, if they and the methods can work for the first item."""
    given = [protocol] if isinstance(protocol, (str, Protocol)) else protocol
    if not isinstance(given, Sequence) or not given:
        raise TypeError(f"`protocol` must be a protocol or several; got {protocol!r}. Pass e.g. `protocol='wam'`.")
    asked: Any = first.target if target == "label" else target
    like = torch.rand(first.signal.shape, generator=torch.Generator().manual_seed(0), dtype=first.signal.dtype)
    found: dict[str, Importance] = {}
    for name, method in methods.items():
        if isinstance(method, Explainer):
            if method.layer is not None and callable(asked) and not isinstance(asked, Contrast):
                raise TypeError(f"Grad-CAM, {name!r}, explains a column; `target` is a callable. Leave one out.")
            found[name] = method.require_for(model, like)
    like_signals = {
        name: importance if isinstance(importance, Tensor) else importance.attribution  # type: ignore[union-attr]
        for name, importance in found.items()
    }
    rules = []
    for each in given:
        wanted = measured(0 if asked is None else asked, find_protocol(each))
        if (overrides["unit"] or find_protocol(each).unit) == "superpixel":
            raise ValueError(
                "`unit` can't be 'superpixel' over a data set, as every item has segments of its own. Pass e.g. "
                "`unit='position'`; or call `evaluate` with `segments=` for each item, and `FaithfulnessReport.joined`."
            )
        try:
            task = Task.of(like, like_signals, wanted, each, probability, seed, argument=METHODS, **overrides)
        except ValueError as error:
            if find_protocol(each).quantity == "contrast" and not isinstance(asked, Contrast):
                error.add_note(
                    "Of a data set: pass `target='label'` with items (signal, (A, B)), A the class that is asked for."
                )
            raise
        rules.append(task.protocol)
    names = [rule.name for rule in rules]
    if len(set(names)) < len(names):
        raise ValueError(f"`protocol` must name different protocols; got {', '.join(map(repr, names))}.")
    return tuple(rules)


def _parameters(method: Method) -> set[str]:
    """Return the names of the parameters that a method takes."""
    try:
        return set(inspect.signature(method).parameters)
    except (TypeError, ValueError):  # some callables don't tell
        return set()
