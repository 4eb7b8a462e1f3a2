"""A thread for long work, so that the kernel hears the stop button."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from wam_widgets.attribution.progress import Progress

#: Seconds between two reports of progress: a reader sees no more.
REPORT_EVERY = 0.1


class Worker:
    """Does one job at a time in a thread of its own.

    Parameters
    ----------
    tell : callable
        Is told how far the work is: {"done", "planned", "left" (seconds, or None if unknown), "stopping"}; {} at its
        end.
    """

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self._tell = tell
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()
        self._last: dict[str, Any] = {}
        self._telling = threading.Lock()  # nothing is told of a job after its end

    @property
    def busy(self) -> bool:
        """Whether a job is being done."""
        return self._thread is not None and self._thread.is_alive()

    def begin(self, job: Callable[[Progress], None], planned: int) -> None:
        """Begin a job, which is given what to call with its progress; that returns False when the job should end.

        Raises
        ------
        ValueError
            If the last job isn't done.
        """
        if self.busy:
            raise ValueError("One run at a time; one is in progress. Call `stop()`, or `wait()` for its end.")
        self._stopped.clear()
        self._report({"done": 0, "planned": planned, "left": None})
        self._thread = threading.Thread(target=self._do, args=(job, planned), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the job to end."""
        self._stopped.set()
        with self._telling:
            if self._last:
                self._report({**self._last, "stopping": True})

    def wait(self, seconds: float | None) -> None:
        """Wait for the end of the job, at most so many seconds."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _do(self, job: Callable[[Progress], None], planned: int) -> None:
        try:
            job(self._progress(planned))
        finally:
            with self._telling:
                self._report({})

    def _report(self, work: dict[str, Any]) -> None:
        self._last = work
        self._tell(work)

    def _progress(self, expected: int) -> Progress:
        began = time.monotonic()
        reported = -math.inf

        def progress(done: int, planned: int) -> bool:
            nonlocal reported
            now = time.monotonic()
            if now - reported >= REPORT_EVERY:
                reported = now
                whole = max(planned, expected)  # some methods plan as they go
                left = (now - began) * (whole - done) / done
                with self._telling:  # or it could take back that the job is stopping
                    if not self._stopped.is_set():
                        self._report({"done": done, "planned": whole, "left": left})
            return not self._stopped.is_set()

        return progress


class Latest:
    """Does a job again and again in a thread of its own whenever it is asked for, and once for many times at once."""

    def __init__(self, job: Callable[[], None]) -> None:
        self._job = job
        self._thread: threading.Thread | None = None
        self._asked = False
        self._deciding = threading.Lock()

    def ask(self) -> None:
        """Ask for the job to be done, from now on: what was begun before doesn't count."""
        with self._deciding:
            self._asked = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._do, daemon=True)
                self._thread.start()

    def wait(self, seconds: float | None) -> None:
        """Wait until nothing is asked for, at most so many seconds."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _do(self) -> None:
        while True:
            with self._deciding:
                if not self._asked:
                    self._thread = None
                    return
                self._asked = False
            self._job()
