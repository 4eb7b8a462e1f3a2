import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
LAYERS = "Imports point one way BROKEN"
TRIOS = "(explorers may) BROKEN"
EXPLORERS = "not the reverse BROKEN"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Check the package in `folder` against the contracts in its pyproject.toml."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    # The report wraps at the width of the terminal.
    environment = {"COLUMNS": "200", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def house(folder: Path, module: str, statement: str) -> Path:
    """Make a tiny wam_widgets in `folder` under our own contracts, with one `statement` in one `module`."""
    shutil.copy(PROJECT / "pyproject.toml", folder)
    package = folder / "wam_widgets"
    for layer in (".", "transform", "attribution", "widgets", "samples"):
        (package / layer).mkdir()
        (package / layer / "__init__.py").touch()
    for file in ("widgets/explorers.py", "widgets/image_view.py", "plots.py", "demo.py"):
        (package / file).touch()
    (package / "attribution/__init__.py").write_text("import torch\nimport wam_widgets.transform\n")
    (package / module).write_text(statement)
    return folder


def test_imports_point_one_way() -> None:
    found = lint(PROJECT)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize(
    ("module", "statement"),
    [
        ("widgets/scale_sliders.py", "import numpy"),
        ("widgets/explorers.py", "import torch, wam_widgets.attribution"),
        ("demo.py", "from wam_widgets import samples, attribution"),
        ("__main__.py", "from wam_widgets import demo, samples"),
    ],
)
def test_the_contracts_allow_what_the_design_allows(tmp_path: Path, module: str, statement: str) -> None:
    found = lint(house(tmp_path, module, statement))
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize(
    ("module", "statement", "broken"),
    [
        ("transform/__init__.py", "from wam_widgets import attribution", LAYERS),
        ("transform/__init__.py", "def late():\n    from wam_widgets.attribution import explain", LAYERS),
        ("attribution/__init__.py", "from wam_widgets import plots", LAYERS),
        ("attribution/__init__.py", "from wam_widgets import samples", LAYERS),
        ("plots.py", "from wam_widgets import demo", LAYERS),
        ("stray.py", "", LAYERS),
        ("widgets/scale_sliders.py", "import torch", TRIOS),
        ("widgets/scale_sliders.py", "import ptwt", TRIOS),
        ("widgets/scale_sliders.py", "from wam_widgets import attribution", TRIOS),
        ("widgets/scale_sliders.py", "from wam_widgets.widgets import explorers", EXPLORERS),
        ("widgets/scale_sliders.py", "from wam_widgets.widgets import image_view", EXPLORERS),
        ("widgets/stray.py", "", EXPLORERS),
    ],
)
def test_the_contracts_forbid_the_rest(tmp_path: Path, module: str, statement: str, broken: str) -> None:
    found = lint(house(tmp_path, module, statement))
    assert found.returncode == 1
    assert broken in found.stdout
