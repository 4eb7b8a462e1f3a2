"""What the end of a cell shows: in JupyterLab, in Notebook 7, in a terminal, and where there is no kernel any more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbconvert import HTMLExporter
from playwright.sync_api import Browser, Page, Route, expect

from .jupyter import PROJECT, Cell, Notebook, Server

EXPLAINED = "wam.explain(model, photo(), 1, level=2)"


def assert_shows_its_explorer(cell: Cell) -> None:
    colours, _ = cell.pixels()
    assert colours > 100
    expect(cell.view.locator("[data-weight]")).to_have_count(3)
    expect(cell.view.get_by_text("dog").first).to_be_visible()
    expect(cell.place.get_by_role("alert")).to_be_hidden()


def test_an_explanation_at_the_end_of_a_cell_shows_its_explorer(notebook: Notebook) -> None:
    cell = notebook.show(EXPLAINED)
    assert_shows_its_explorer(cell)
    (output,) = cell.outputs
    assert set(output["data"]) == {"application/vnd.jupyter.widget-view+json", "image/png", "text/plain"}
    assert output["data"]["text/plain"].startswith("ImageExplorer of dog: heatmap, haar, level 2")
    assert output["data"]["image/png"].startswith("iVBORw0KGgo")


def test_an_explanation_shows_its_explorer_in_notebook_7(browser: Browser, server: Server) -> None:
    notebook = server.open(browser, "seven", lab=False)
    cell = notebook.show(f"explorer = wam.show({EXPLAINED})\nexplorer")
    assert_shows_its_explorer(cell)
    cell.view.locator("[data-weight='2']").fill("0.25")
    notebook.until("explorer.weights == [1, 1, 0.25]")
    notebook.page.close()


def test_a_terminal_shows_only_the_short_text() -> None:
    code = f"import wam_widgets as wam\nfrom tests.lab.models import *\nmodel = Counted()\n{EXPLAINED}"
    command = [sys.executable, "-m", "IPython", "--colors=NoColor", "--no-banner", "-c", code]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    (line,) = done.stdout.strip().splitlines()
    assert line.removeprefix("Out[0]: ") == (
        "Explanation of 1 item (dog): smoothgrad, sensitivity, in haar, level 2; 25 passes per item"
    )


@pytest.fixture
def offline(browser: Browser) -> Page:
    """A page that reaches nothing but the file it is opened from."""

    def refuse(route: Route) -> None:
        if route.request.url.startswith("file:"):
            route.continue_()
        else:
            route.abort()

    page = browser.new_page()
    page.route("**/*", refuse)
    return page


def test_an_iframe_is_live_in_jupyterlab_and_in_nbconverts_page_without_a_network(
    notebook: Notebook, offline: Page, tmp_path: Path
) -> None:
    cell = notebook.run(f"wam.to_iframe({EXPLAINED}, height=700)")
    exported = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("…", outputs=[nbformat.from_dict(cell.outputs[0])])]
    )
    path = tmp_path / "page.html"
    exporter = HTMLExporter()  # type: ignore[no-untyped-call]
    path.write_text(exporter.from_notebook_node(exported)[0], encoding="utf-8")
    offline.goto(path.as_uri(), wait_until="domcontentloaded")
    for frame in (cell.place.frame_locator("iframe"), offline.frame_locator("iframe")):
        view = frame.locator(".wam-image[data-drawn]")
        number = view.locator(".wam-scale .wam-number").first
        expect(number).to_have_text("1.00 ×")
        view.locator("[data-weight='0']").fill("0.5")
        expect(number).to_have_text("0.50 ×")
    offline.close()


def test_broken_javascript_is_seen_in_the_cell(notebook: Notebook) -> None:
    cell = notebook.run("""
        class Broken(wam.ImageExplorer):
            _esm = wam.ImageExplorer._esm.replace("paint[look](image);", "throw new Error('by intent');")
        Broken(wam.explain(model, photo(), 1, level=2))
    """)
    expect(cell.place.get_by_role("alert")).to_contain_text("This view failed in the browser: Error: by intent")
    expect(cell.view).to_have_count(0)  # what every other test waits for
