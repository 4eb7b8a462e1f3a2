"""Make the notebooks of the lessons from their sources: `make notebooks`.

The same source gives the same file, byte for byte: cells are numbered, nothing of the machine is kept, and outputs only
where a cell's tags ask for it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import jupytext
import nbformat
import nbstripout
from nbclient import NotebookClient
from nbformat import NotebookNode

#: Where the notebooks stand, with what they import.
LESSONS = Path(__file__).parents[1]

#: What is set up for a machine of Binder.
BINDER = LESSONS.parent / "binder"

#: Seconds that a cell may take, here and where nbval runs it.
CELL_TIMEOUT = 60

#: An output that is kept is compared by nbval, and the other way round.
COMPARED = {"keep_output", "nbval-check-output"}

_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def sources() -> list[Path]:
    """Return the sources of all lessons, in their order."""
    return sorted((LESSONS / "src").glob("[0-9][0-9]_*.py"))


def notebook_of(source: Path) -> NotebookNode:
    """Return the notebook that a source stands for, before it is run."""
    written = jupytext.read(source)
    cells = [{**cell, "id": f"cell-{number:02}"} for number, cell in enumerate(written.cells)]
    notebook = nbformat.from_dict({"cells": cells, "metadata": _METADATA, "nbformat": 4, "nbformat_minor": 5})
    nbformat.validate(notebook)
    return notebook


def run(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Run a notebook in a folder, with none of the user's settings, and keep the outputs that are compared.

    Raises
    ------
    CellExecutionError
        If a cell raises.
    ValueError
        If a cell warns, or an output that is kept isn't printed text.
    """
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,  # how often a kernel flushes depends on its speed
        resources={"metadata": {"path": str(folder)}},
    )
    with tempfile.TemporaryDirectory() as nowhere:
        client.execute(env=environment(Path(nowhere)), stderr=subprocess.DEVNULL)  # the kernel's own log
    for cell in notebook.cells:
        complaints = [output.text for output in cell.get("outputs", []) if output.get("name") == "stderr"]
        if complaints:
            raise ValueError(f"A lesson must not warn; {cell.id} does:\n\n{cell.source}\n\n{''.join(complaints)}")
    notebook.metadata = nbformat.from_dict(_METADATA)  # the kernel has added its version
    stripped: NotebookNode = nbstripout.strip_output(notebook, keep_output=False, keep_count=True, keep_id=True)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type != "stream":
                raise ValueError(
                    f"What a lesson keeps must be printed, for anything else differs from run to run; got "
                    f"{output.output_type} in {cell.id}. Print it, or move what shows it (a progress bar?) to another "
                    f"cell:\n\n{cell.source}"
                )
    return stripped


def environment(nowhere: Path) -> dict[str, str]:
    """Return the environment in which lessons are run: Binder's, with an IPython of its own in an empty folder."""
    command = [BINDER / "start", sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]
    written = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603  # ours
    found: dict[str, str] = json.loads(written)
    return found | {"IPYTHONDIR": str(nowhere)}


def generate(source: Path, path: Path) -> None:
    """Make the notebook of a source, and run it where it will stand."""
    nbformat.write(run(notebook_of(source), path.parent), path)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the lessons that were asked for, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    names = [source.stem for source in sources()]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"lessons to make (default: all): {', '.join(names)}")
    chosen = parser.parse_args(arguments).names
    unknown = sorted(set(chosen) - set(names))
    if unknown:
        parser.error(f"no such lesson: {', '.join(unknown)}; there is {', '.join(names)}")
    for source in sources():
        if not chosen or source.stem in chosen:
            began = time.perf_counter()
            path = LESSONS / f"{source.stem}.ipynb"
            generate(source, path)
            print(f"{path.name}: {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
