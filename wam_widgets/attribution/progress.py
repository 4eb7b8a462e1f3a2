"""What whoever waits is told, and how they stop it."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Literal

from tqdm.auto import tqdm

Progress = Callable[[int, int], object]
"""Called with the passes done and planned after every sub-batch; returning False stops."""


class Bar(tqdm):  # type: ignore[type-arg]  # of nothing in particular
    """A bar of what takes more than a second, in a terminal or a notebook, which leaves nothing behind.

    tqdm closes its widget, but not the output that shows it: a notebook that is then saved, or served by Voilà, says
    that there is no such widget.
    """

    _shown: Any = None

    def __init__(self, total: int | None, unit: str, *, done: int = 0, hidden: bool) -> None:
        super().__init__(total=total, initial=done, unit=unit, delay=1, leave=False, disable=hidden)

    def display(self, *given: Any, check_delay: bool = True, **options: Any) -> None:
        """Draw the bar; in a notebook, in an output that can be emptied."""
        if not hasattr(self, "container"):  # in a terminal
            super().display(*given, **options)
            return
        super().display(*given, check_delay=False, **options)  # type: ignore[call-arg]  # the notebook's
        if check_delay and self._shown is None:
            from IPython.display import display

            self._shown = display(self.container, display_id=True)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Take the bar away, and what showed it."""
        super().close()
        if self._shown is not None:
            self._shown.update({"text/html": ""}, raw=True)
            self._shown = None


class Meter:
    """Counts passes, and shows or reports them."""

    def __init__(self, progress: Progress | Literal[False] | None) -> None:
        self._done = self._planned = 0
        self._report = progress if callable(progress) else None
        self._bar = Bar(0, "pass", hidden=progress is not None)

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
