"""One item of a data set after the other, whatever shape the set has."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from wam_widgets.attribution import Contrast, Score
from wam_widgets.checks import whole_number
from wam_widgets.transform.grid import require_signal

from .fingerprint import digest, fingerprint
from .running import FAILURES_AT_FIRST
from .statistics import cluster_names

Data = Any
"""A torch data set, or any iterable, of (signal, label), of signals, or of samples with `.signal` and `.target`."""

Groups = Sequence[Hashable] | Callable[[Any], Hashable] | None
"""The group of every item, or a function that finds it in an item as the data set gives it."""


@dataclass(frozen=True, slots=True, eq=False)
class Item:
    """One item of a data set."""

    index: int
    """Its place in the data set."""
    seed: int
    """Of everything drawn for it: of the run and the index, so that neighbours, order and worker don't matter."""
    signal: Float[Tensor, "1 channel *space"]
    """Its signal."""
    target: int | Contrast | None
    """What its label asks for; None if labels aren't asked."""
    group: Any
    """The group that it belongs to."""
    digest: str
    """Of its signal, label and group."""


class Items:
    r"""The items of a data set, read one at a time.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset, iterable or dict
        Of (signal, label), where the signal has the shape (channel, \*space); of signals alone; or of samples, which
        have `.signal`, shape (1, channel, \*space), and `.target`. Of a dict, its values.
    groups : sequence or callable, optional
        The group of every item, or a function of what the data set gives.
    labelled : bool
        Whether labels are needed.
    seed : int
        Of the run.

    Raises
    ------
    TypeError, ValueError
        For what is no data set, is empty, or whose first five items can't be read.
    """

    def __init__(self, dataset: Data, groups: Groups, *, labelled: bool, seed: int) -> None:
        if isinstance(dataset, DataLoader):
            raise TypeError(
                "`dataset` must give single items; got a DataLoader, which gives batches. Pass its dataset."
            )
        if isinstance(dataset, (str, bytes)) or not (hasattr(dataset, "__getitem__") or isinstance(dataset, Iterable)):
            raise TypeError(
                f"`dataset` must be a torch data set or an iterable of (signal, label); got {type(dataset).__name__}. "
                f"Pass e.g. `torch.utils.data.TensorDataset(signals, labels)`."
            )
        values = list(dataset.values()) if isinstance(dataset, Mapping) else dataset
        self._labelled, self._seed = labelled, seed
        self.total: int | None = None
        if isinstance(values, Sized):
            try:
                self.total = len(values)
            except (TypeError, NotImplementedError):  # an IterableDataset may have none
                self.total = None
        by_number = hasattr(values, "__getitem__") and self.total is not None
        self._by_number: Any = values if by_number and not isinstance(values, IterableDataset) else None
        self._stream: Iterator[Any] = iter(()) if self._by_number is not None else iter(values)
        self._groups = self._require_groups(groups)
        named = isinstance(self._groups, tuple)
        self.about = {
            "dataset": f"{type(dataset).__module__}.{type(dataset).__qualname__}",
            "items": self.total,
            "groups": digest(*map(repr, self._groups)) if named else fingerprint(groups),
        }
        self.first = self._first()

    def __iter__(self) -> Iterator[tuple[int, Callable[[], Item]]]:
        """Yield the number of every item, and how to read it; once."""
        if self._by_number is not None:
            for index in range(self.total or 0):
                yield index, lambda index=index: self._read(index, self._by_number[index])  # type: ignore[misc]
            return
        for index, raw in enumerate(self._stream):
            yield index, lambda index=index, raw=raw: self._read(index, raw)  # type: ignore[misc]

    @property
    def by_number(self) -> bool:
        """Whether an item can be read without those before it."""
        return self._by_number is not None

    def _first(self) -> Item:
        """Read the first item that can be read, so that what is wrong with all is told before any work."""
        stream, begun = self._stream, list[Any]()
        self._stream = _noted(stream, begun)
        error: Exception | None = None
        try:
            for _, read in itertools.islice(self, FAILURES_AT_FIRST):
                try:
                    return read()
                except Exception as failure:  # noqa: BLE001  # whatever it is, another may be readable
                    error = failure if error is None else error
        finally:
            self._stream = itertools.chain(begun, stream)
        raise ValueError("`dataset` must hold at least one item; got an empty one.") if error is None else error

    def _read(self, index: int, raw: Any) -> Item:
        signal, label = _parts(raw)
        signal = require_signal(signal[None]).detach()
        target = _target(label) if self._labelled else None
        if callable(self._groups):
            group = _group(self._groups(raw), index)
        else:
            group = index if self._groups is None else self._groups[index]
        seed = self._seed << 32 | index
        return Item(index, seed, signal, target, group, digest(signal, repr(target), repr(group)))

    def _require_groups(self, groups: Any) -> Any:
        """Return the groups, if they are as many as the items, as JSON can hold them."""
        if groups is None or callable(groups):
            return groups
        if not isinstance(groups, (Sequence, np.ndarray, torch.Tensor)) or isinstance(groups, str):
            raise TypeError(
                f"`groups` must name the group of every item, or be a function of an item; got "
                f"{type(groups).__name__}. Pass e.g. `groups=lambda item: item[1]`."
            )
        if self.total is not None and len(groups) != self.total:
            raise ValueError(
                f"`groups` must name the group of every item, {self.total}; got {len(groups)}. Pass e.g. the family of "
                f"each recording."
            )
        return tuple(_group(group, index) for index, group in enumerate(cluster_names("groups", groups)))


def _group(given: Any, item: int) -> Any:
    """Return a group as JSON can hold it: a word, a number of Python, or a tuple of these."""
    if isinstance(given, tuple):
        return tuple(_group(part, item) for part in given)
    number = whole_number(given)
    group = number if number is not None else given.item() if isinstance(given, np.generic) else given
    if not isinstance(group, (str, int, float)):
        raise TypeError(f"A group must be a word or a number; item {item} has {given!r}. Pass e.g. its `str`.")
    if group != group:  # noqa: PLR0124  # only NaN is unequal to itself
        raise ValueError(
            f"A group must be a word or a number; item {item} has NaN, which belongs to no other. Name it."
        )
    return group


def _noted(stream: Iterator[Any], begun: list[Any]) -> Iterator[Any]:
    """Yield what a stream gives, and keep it in a list."""
    for raw in stream:
        begun.append(raw)
        yield raw


def target_in_words(target: int | Contrast | Score | None) -> Any:
    """Describe what is explained as JSON can hold it: a column, two columns, None, or a word for a callable."""
    if isinstance(target, Contrast):
        return [target.first, target.second]
    return target if target is None or isinstance(target, int) else fingerprint(target)


def _parts(raw: Any) -> tuple[Tensor, Any]:
    r"""Return the signal of an item, shape (channel, \*space), and its label, None if it has none."""
    if hasattr(raw, "signal"):
        signal, label = raw.signal, getattr(raw, "target", None)
        if isinstance(signal, torch.Tensor) and len(signal) == 1:
            return signal[0], label
        raise ValueError(f"The `signal` of a sample must be one item, (1, channel, *space); got {_shape(signal)}.")
    signal, label = raw, None
    if isinstance(raw, (tuple, list)) and raw:
        signal, label = raw[0], raw[1] if len(raw) > 1 else None
    if isinstance(signal, np.ndarray):
        signal = torch.as_tensor(signal)
    if not isinstance(signal, torch.Tensor):
        raise TypeError(
            f"`dataset` must give (signal, label) with a signal that is a torch tensor, (channel, *space); got "
            f"{_shape(signal)}. Give it a transform that makes tensors, such as torchvision's `ToTensor()`."
        )
    return signal, label


def _shape(signal: Any) -> str:
    return f"shape {tuple(signal.shape)}" if hasattr(signal, "shape") else type(signal).__name__


def _target(label: Any) -> int | Contrast:
    """Return the class, or the two classes, that a label names."""
    if isinstance(label, Contrast):
        return label
    values = np.asarray(label).reshape(-1) if label is not None else np.empty(0)
    numbers = [whole_number(each) for each in values]
    if numbers and None not in numbers and len(numbers) <= 2:
        first, *rest = (int(each) for each in numbers if each is not None)
        return Contrast(first, rest[0]) if rest else first
    raise ValueError(
        f"`target='label'` needs items (signal, label), whose label is a class, or two for a contrast; got "
        f"{'no label' if label is None else repr(label)}. Pass `target=None` for the predicted class, or a data set "
        f"with labels."
    )
