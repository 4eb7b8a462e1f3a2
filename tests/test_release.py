"""What is packed is what the repository holds. (`make release` installs and tries it.)"""

from __future__ import annotations

import re
import tarfile
import tomllib
from pathlib import Path

import pytest

from wam_widgets import __version__

from . import release

PROJECT = release.PROJECT


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A wheel, by way of the sdist, and that sdist."""
    return release.build(tmp_path_factory.mktemp("dist"))


def test_the_wheel_holds_the_package_and_nothing_else(built: tuple[Path, Path]) -> None:
    wheel, _ = built
    assert release.packed(wheel) == release.tracked()


def test_every_view_has_its_javascript_and_styles_in_the_wheel(built: tuple[Path, Path]) -> None:
    wheel, _ = built
    packed = release.packed(wheel)
    views = [path.stem for path in (PROJECT / "wam_widgets/widgets").glob("*.js")]
    assert len(views) >= 5
    for view in views:
        for kind in ("py", "js", "css"):
            assert f"wam_widgets/widgets/{view}.{kind}" in packed
    assert "wam_widgets/py.typed" in packed


def test_the_sdist_holds_what_a_packager_needs(built: tuple[Path, Path]) -> None:
    _, source = built
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"LICENSE", "NOTICE", "README.md", "CHANGELOG.md", "pyproject.toml", "tests/conftest.py"} <= names
    assert not [name for name in names if re.search(r"\.venv|__pycache__|node_modules|^demo/|^bench/|^dist/", name)]


@pytest.mark.parametrize(("place", "limit"), [(0, 20), (1, 80)], ids=["wheel", "sdist"])
def test_it_stays_small(built: tuple[Path, Path], place: int, limit: int) -> None:
    assert built[place].stat().st_size < limit * 1e6


def test_every_extra_is_tried_alone() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(release.TRIALS) == {""} | set(project["optional-dependencies"]) - {"all"}


def test_the_version_is_the_same_wherever_it_stands(built: tuple[Path, Path]) -> None:
    wheel, source = built
    assert f"-{__version__}-" in wheel.name
    assert source.name.endswith(f"-{__version__}.tar.gz")
    assert re.search(
        rf"^version: {re.escape(__version__)}$", (PROJECT / "CITATION.cff").read_text("utf-8"), re.MULTILINE
    )
