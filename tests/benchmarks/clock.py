"""Times that can be compared, on a machine whose speed drifts."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

Name = TypeVar("Name")
Work = Callable[[], object]


def seconds(work: Work) -> float:
    """Time one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def turns(names: Iterable[Name], rounds: int) -> Iterator[Name]:
    """Yield every name once a round, every second round in reverse, so that drift meets all alike."""
    order = list(names)
    for number in range(rounds):
        yield from reversed(order) if number % 2 else order


def interleaved(contestants: Mapping[Name, Work], rounds: int) -> dict[Name, list[float]]:
    """Time every contestant once a round."""
    times: dict[Name, list[float]] = {name: [] for name in contestants}
    for name in turns(contestants, rounds):
        times[name].append(seconds(contestants[name]))
    return times


def ratios(times: list[float], reference: list[float]) -> list[float]:
    """Return the ratio of every round: each compares what ran within the same minute."""
    return [mine / theirs for mine, theirs in zip(times, reference, strict=True)]


def fastest(candidates: Mapping[int, Work]) -> int:
    """Return the size that is fastest; the first of two rounds also warms up."""
    times = interleaved(candidates, 2)
    return min(times, key=lambda size: min(times[size]))
