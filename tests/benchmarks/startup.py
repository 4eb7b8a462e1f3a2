"""How long until the package is there? Timed inside fresh processes, so that Python's own start is left out."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from .rows import Row

_TIMED = """
import json, sys, time
began = time.perf_counter()
{statement}
print(json.dumps([time.perf_counter() - began, "torch" in sys.modules]))
"""
STATEMENTS = {
    "torch": "import torch",
    "ours": "import wam_widgets",
    "first use": "import wam_widgets; wam_widgets.explain",
}


def rows(rounds: int) -> Sequence[Row]:
    """Take turns importing the package (often) and, in some of the turns, torch and the package with its first name."""
    times: dict[str, list[float]] = {name: [] for name in STATEMENTS}
    torch_loaded = False
    for turn in range(10):
        for name, statement in STATEMENTS.items():
            if name != "ours" and turn >= rounds:  # each takes seconds
                continue
            taken, torch_there = _fresh(statement)
            times[name].append(taken)
            torch_loaded |= name == "ours" and torch_there
    unit = median(times["torch"])
    ours, first_use = median(times["ours"]), median(times["first use"])
    against = "import torch"
    return [
        Row("startup", "import torch", unit, "s", 1.0, against=against),
        Row("startup", "import wam_widgets", ours, "s", ours / unit, against=against, goal="< 0.2 s"),
        Row("startup", "import wam_widgets; wam_widgets.explain", first_use, "s", first_use / unit, against=against),
        Row("startup", "import wam_widgets: torch loaded (0 no, 1 yes)", int(torch_loaded), "", goal="0"),
    ]


def _fresh(statement: str) -> tuple[float, bool]:
    done = subprocess.run(
        [sys.executable, "-c", _TIMED.format(statement=statement)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    taken, torch_there = json.loads(done.stdout)
    return taken, torch_there
