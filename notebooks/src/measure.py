"""Measure every lesson as Binder runs it, on one core in a fresh kernel: `make lesson-times`.

Writes the table in notebooks/README.md, and fails where a lesson is above its limits. Needs Linux.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Set as AbstractSet
from pathlib import Path

import psutil

from . import generate

#: What a lesson may take: seconds, with the start of its kernel, and megabytes. A Binder machine has 2 GB.
MOST_SECONDS, MOST_MEGABYTES = 60, 1500

README = generate.LESSONS / "README.md"

_TABLE = re.compile(r"(?<=<!-- lesson-times -->\n).*(?=<!-- end of lesson-times -->)", re.DOTALL)
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)
_PACE = 0.1  # seconds between two looks at the memory; a process keeps its own peak meanwhile


def measure(source: Path) -> tuple[float, float]:
    """Run a lesson, and return what it takes.

    Returns
    -------
    seconds : float
        From before its kernel starts until the kernel has ended.
    megabytes : float
        The most that its kernel and the processes started there held: the sum of their own peaks.
    """
    peaks = [0.0]
    others = {process.pid for process in psutil.Process().children(recursive=True)}
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_PACE):
            peaks.append(_megabytes(others))

    watching = threading.Thread(target=watch)
    watching.start()
    began = time.perf_counter()
    try:
        generate.run(generate.notebook_of(source), generate.LESSONS)
        seconds = time.perf_counter() - began
    finally:
        ended.set()
        watching.join()
    return seconds, max(peaks)


def _megabytes(others: AbstractSet[int]) -> float:
    """Add up the peaks of the processes that this one has started, but for some others."""
    peaks = []
    for process in psutil.Process().children(recursive=True):
        try:
            status = Path(f"/proc/{process.pid}/status").read_text("utf-8")
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            continue
        peak = _PEAK.search(status)  # one that is ending has none
        if peak and process.pid not in others:
            peaks.append(int(peak[1]))
    return sum(peaks) * 1024 / 1e6


def table(measured: dict[str, tuple[float, float]]) -> str:
    """Write what the lessons take as a table in Markdown."""
    rows = [f"| [{name}]({name}.ipynb) | {took[0]:.0f} | {took[1]:,.0f} |" for name, took in measured.items()]
    return "\n".join(["| lesson | seconds | peak memory, MB |", "|---|---|---|", *rows, ""])


def too_much(measured: dict[str, tuple[float, float]]) -> list[str]:
    """Return a sentence for every lesson that takes more than it may."""
    return [
        f"{name} takes {seconds:.0f} s and {megabytes:,.0f} MB; a lesson may take {MOST_SECONDS} s and "
        f"{MOST_MEGABYTES:,} MB. Ask fewer passes, or keep fewer explanations."
        for name, (seconds, megabytes) in measured.items()
        if seconds > MOST_SECONDS or megabytes > MOST_MEGABYTES
    ]


def main() -> None:
    """Measure all lessons, one after the other, and write the table."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # the kernels inherit it
    measured = {}
    for source in generate.sources():
        measured[source.stem] = measure(source)
        print(f"{source.stem}: {measured[source.stem][0]:.0f} s, {measured[source.stem][1]:,.0f} MB", flush=True)
    README.write_text(_TABLE.sub(table(measured), README.read_text("utf-8")), encoding="utf-8")
    sys.exit("\n".join(too_much(measured)) or None)


if __name__ == "__main__":
    main()
