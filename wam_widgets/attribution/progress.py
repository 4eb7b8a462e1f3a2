"""What whoever waits is told, and how they stop it."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Literal

from tqdm.auto import tqdm

Progress = Callable[[int, int], object]
"""Called with the passes done and planned after every sub-batch; returning False stops."""


class Meter:
    """Counts passes, and shows or reports them."""

    def __init__(self, progress: Progress | Literal[False] | None) -> None:
        self._done = self._planned = 0
        self._report = progress if callable(progress) else None
        self._bar = tqdm(total=0, unit="pass", delay=1, leave=False, disable=progress is not None)

    def __enter__(self) -> Meter:  # noqa: PYI034  # beartype does not know Self
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    @property
    def done(self) -> int:
        """How many passes are done."""
        return self._done

    def expect(self, count: int) -> None:
        """Note that `count` passes more are planned."""
        self._planned += count
        self._bar.total = self._planned

    def advance(self, count: int) -> bool:
        """Note that `count` passes more are done; False if whoever watches wants to stop."""
        self._done += count
        self._bar.update(count)
        return self._report is None or self._report(self._done, self._planned) is not False
