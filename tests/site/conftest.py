"""A site for all tests of the folder, made once; and pages that are offline and watched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from notebooks.site import build
from tests.chromium import PATIENCE, chromium

#: Small lessons, one of which has a view of its own making. `python -m tests.site` looks at all.
CHOSEN = ("05_what_makes_it_a_chair", "09_build_your_own_view")


@dataclass(frozen=True)
class Site:
    """Pages in a folder."""

    folder: Path
    everything: bool

    @property
    def pages(self) -> list[Path]:
        """Every page; of a reference that isn't to be seen in full, every twentieth."""
        names = sorted((self.folder / "api/names").glob("*.html"))
        reference = [*sorted((self.folder / "api").glob("*.html")), *(names if self.everything else names[::20])]
        return [*sorted(self.folder.glob("*.html")), *reference]

    @property
    def alive(self) -> list[Path]:
        """The pages with views."""
        return [page for page in self.pages if "data-wam=" in page.read_text("utf-8")]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Site:
    """Return a site: that of the variable WAM_SITE, or one of few lessons, which all processes of pytest share."""
    if folder := os.environ.get("WAM_SITE"):
        return Site(Path(folder), everything=True)
    base = tmp_path_factory.getbasetemp()
    out = (base if worker_id == "master" else base.parent) / "site"
    with FileLock(out.with_suffix(".lock")):
        if not (out / "index.html").exists():  # which is written last
            chosen = [path.stem for path in build.lessons() if path.stem in CHOSEN]
            subprocess.run([sys.executable, "-m", "notebooks.site.build", "--out", str(out), *chosen], check=True)
    return Site(out, everything=False)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


class Visitor:
    """Opens pages of a folder, and fails if one asks for anything outside it or complains."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser

    @contextmanager
    def __call__(self, path: Path, **options: Any) -> Iterator[Page]:
        """Open a page; options as `Browser.new_context` takes them."""
        asked: list[str] = []
        said: list[str] = []
        inside = path.parents[2 if path.parent.name == "names" else 1 if path.parent.name == "api" else 0].as_uri()

        def note(request: Request) -> None:
            if not request.url.startswith((inside, "blob:", "data:", "about:srcdoc")):
                asked.append(request.url)

        def hear(line: ConsoleMessage) -> None:
            slow = "GL Driver Message (OpenGL, Performance" in line.text  # of a graphics card made of software
            if line.type in {"error", "warning"} and not slow:
                said.append(line.text)

        given: dict[str, Any] = {"offline": True, "viewport": {"width": 1100, "height": 1000}} | options
        context = self._browser.new_context(**given)
        context.set_default_timeout(PATIENCE)
        context.on("request", note)
        context.on("weberror", lambda error: said.append(f"uncaught: {error.error}"))
        context.on("console", hear)
        page = context.new_page()
        page.goto(path.as_uri())
        yield page
        page.evaluate("0")  # what it has said so far arrives before the answer
        context.close()
        assert not asked, f"{path.name} asked for {asked}"
        assert not said, f"{path.name} complained: {said}"


@pytest.fixture
def visit(browser: Browser) -> Visitor:
    return Visitor(browser)
