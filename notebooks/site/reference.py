"""The API reference: every public name, from its docstring, by Sphinx."""

from __future__ import annotations

import importlib
import inspect
import shutil
import tempfile
from pathlib import Path

from sphinx.cmd.build import build_main

#: The modules whose names are public, and a heading for each.
MODULES = {
    "wam_widgets": "Explain, show, keep",
    "wam_widgets.evaluation": "Is it true?",
    "wam_widgets.plots": "Figures",
    "wam_widgets.samples": "Signals and models to try it with",
    "wam_widgets.transform": "Wavelets",
}

_INDEX = """
Reference
=========

Every public name, with an example. ``import wam_widgets as wam`` makes all of them available: ``wam.explain``,
``wam.evaluation.scale_profile``. Modules load when they are first used.
"""

_LIST = """
.. autosummary::
   :toctree: names
   :nosignatures:
"""


def public_names() -> dict[str, object]:
    """Return everything public that isn't a module, by its full name; what several modules list, by the shortest."""
    found: dict[str, object] = {}
    for module in MODULES:
        for name in importlib.import_module(module).__all__:
            value = getattr(importlib.import_module(module), name)
            if not inspect.ismodule(value) and not any(value is known for known in found.values()):
                found[f"{module}.{name}"] = value
    return found


def make_reference(out: Path) -> int:
    """Write the pages, and return their size. Any warning of Sphinx is an error."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        source.mkdir()
        (source / "index.rst").write_text(_index(), encoding="utf-8")
        settings = Path(__file__).parent / "api"
        given = ["-c", settings, "-d", Path(folder) / "doctrees", "-W", "--keep-going", "-q", source, out]
        if build_main([str(each) for each in given]):
            raise RuntimeError("Sphinx complains of the lines above; repair the docstrings that they name.")
    for left in ("objects.inv", ".buildinfo"):  # for other builds
        (out / left).unlink(missing_ok=True)
    shutil.rmtree(out / "_sources", ignore_errors=True)  # empty folders
    return sum(path.stat().st_size for path in out.rglob("*") if path.is_file())


def _index() -> str:
    """Return the list of names, from which autosummary makes a page for each."""
    text = _INDEX
    for module, heading in MODULES.items():
        names = [name for name in public_names() if name.rpartition(".")[0] == module]
        listed = "\n".join(f"   ~{name}" for name in names)
        text += f"\n{heading}\n{'-' * len(heading)}\n{_LIST}\n{listed}\n"
    return text
