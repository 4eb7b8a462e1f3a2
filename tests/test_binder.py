"""What Binder is told fits what is tested. (`make release` resolves it, and asks repo2docker.)"""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

from notebooks.src import generate

PROJECT = Path(__file__).parents[1]
BINDER = PROJECT / "binder"

#: Stands for conda's Python: it lists what conda brought, and writes down what it is asked and under which pins.
STAND_IN = """\
#!/usr/bin/env bash
echo "$@" >> asked
case "$*" in
  *list*) printf 'numpy==2.0.0\\nTorch==2.5.1\\nsafetensors @ file:///feedstock\\n' ;;
  *constraint*) cp "$(sed 's/.*--constraint \\([^ ]*\\).*/\\1/' <<< "$*")" pins ;;
esac
"""


@pytest.fixture
def conda() -> dict[str, Requirement | None]:
    """What conda is to install, by name."""
    written = yaml.safe_load((BINDER / "environment.yml").read_text("utf-8"))
    assert written["channels"] == ["conda-forge"]
    found = [Requirement(re.sub(r"(?<![<>=])=(?!=)", "==", each)) for each in written["dependencies"]]
    return {each.name: each for each in found}


def pinned() -> dict[str, str]:
    lines = (PROJECT / ".ci/constraints.txt").read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def test_conda_brings_versions_that_are_tested(conda: dict[str, Requirement]) -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    (torch,) = [Requirement(each) for each in project["dependencies"] if each.startswith("torch")]
    assert conda["pytorch-cpu"].specifier == torch.specifier
    assert conda["pytorch-cpu"].specifier.contains(pinned()["torch"])
    tested = re.search(r"on Python (3\.\d+)", (PROJECT / ".ci/constraints.txt").read_text("utf-8"))
    assert tested
    assert str(conda["python"].specifier) == f"=={tested[1]}"
    assert Version(tested[1]) in Requirement(f"python{project['requires-python']}").specifier


def test_after_the_build_the_repository_is_installed_in_the_tested_versions(tmp_path: Path) -> None:
    """But for what conda has brought, whatever case or address pip lists it with."""
    python = tmp_path / "bin/python"
    python.parent.mkdir()
    python.write_text(STAND_IN, encoding="utf-8")
    python.chmod(0o755)
    (tmp_path / ".ci").symlink_to(PROJECT / ".ci")
    path = {"PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([BINDER / "postBuild"], cwd=tmp_path, env=os.environ | path, check=True)
    _, install, *checks = (tmp_path / "asked").read_text("utf-8").splitlines()
    assert install.startswith("-m pip install ")
    assert install.endswith(" .[all]")
    assert checks == ["-m pip check", "-m wam_widgets doctor"]
    left = {line.split("==")[0] for line in (tmp_path / "pins").read_text("utf-8").splitlines() if line[0] != "#"}
    assert set(pinned()) - left == {"numpy", "torch", "safetensors"}


def test_what_is_started_may_use_one_thread_and_gives_memory_back(tmp_path: Path) -> None:
    shown = 'echo "$OMP_NUM_THREADS $MALLOC_MMAP_THRESHOLD_ $0"'
    command = [str(BINDER / "start"), "bash", "-c", shown, "a word"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert found.stdout == "1 4000000 a word\n"
    lessons = generate.environment(tmp_path)
    assert (lessons["OMP_NUM_THREADS"], lessons["MALLOC_MMAP_THRESHOLD_"]) == ("1", "4000000")
    assert lessons["PATH"] == os.environ["PATH"]


def test_what_binder_runs_can_be_run() -> None:
    for name in ("postBuild", "start"):
        assert os.access(BINDER / name, os.X_OK), name


def test_the_badge_opens_the_first_lesson() -> None:
    readme = (PROJECT / "README.md").read_text("utf-8")
    (lesson,) = re.findall(r"mybinder\.org/v2/gh/[\w-]+/[\w-]+/HEAD\?labpath=([\w./-]+)\)", readme)
    assert (PROJECT / lesson).exists()
    assert Path(lesson).name.startswith("00_")
