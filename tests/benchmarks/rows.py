"""What a benchmark reports, as a table and as CSV."""

import csv
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path
from statistics import median


@dataclass(frozen=True)
class Row:
    """One figure. `goal` is what the project asks of it: printed beside it, and left to the reader.

    `spread` tells the smallest and the largest ratio of any round.
    """

    part: str
    what: str
    value: float
    unit: str
    ratio: float | None = None
    spread: str = ""
    against: str = ""
    goal: str = ""


def compared(part: str, what: str, ratios: Sequence[float], *, value: float, unit: str, against: str, goal: str) -> Row:
    """Report the median of the rounds' ratios and how far they spread."""
    spread = f"{min(ratios):.3g} to {max(ratios):.3g}"
    return Row(part, what, value, unit, median(ratios), spread, against, goal)


def table(rows: Iterable[Row]) -> str:
    """Align the rows in columns, numbers to the right."""
    titles = ("", "value", "unit", "ratio", "of all rounds", "against", "goal")
    cells = [
        (
            row.what,
            _number(row.value),
            row.unit,
            "" if row.ratio is None else f"{row.ratio:.3g}",
            row.spread,
            row.against,
            row.goal,
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(titles, *cells, strict=True)]
    aligns = "<><>><<"
    lines = [
        "  ".join(f"{cell:{align}{width}}" for cell, align, width in zip(line, aligns, widths, strict=True)).rstrip()
        for line in [titles, *cells]
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def machine() -> dict[str, str]:
    """Say what the figures were measured on."""
    import torch  # late: the start-up part wants a parent that is small

    return {
        "cores": str(os.cpu_count()),
        "threads": str(torch.get_num_threads()),
        "torch": torch.__version__,
        "captum": version("captum"),
        "python": platform.python_version(),
        "processor": f"{platform.system()} {platform.machine()}, {torch.backends.cpu.get_cpu_capability()}",
    }


def write(rows: Sequence[Row], about: dict[str, str], path: Path) -> None:
    """Write the rows as CSV, each with what all have in common."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*(field.name for field in fields(Row)), *about])
        writer.writeheader()
        writer.writerows(asdict(row) | about for row in rows)


def _number(value: float) -> str:
    """Write integers in full and everything else with three digits that matter."""
    return f"{value:.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:.3g}"
