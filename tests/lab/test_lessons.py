"""Every lesson in a real JupyterLab: it runs, its views are alive, and its exercises answer whatever is typed."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Browser, Locator, expect

from .jupyter import PROJECT, Cell, Notebook, Server

LESSONS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
LIMIT = 300  # seconds after which a lesson hangs; alone it takes less than 60 (notebooks/README.md)

#: What a view can be moved by, the more telling first.
CONTROLS = ("input[type=range]", "select", "input[type=checkbox]", "input[type=number]", "button")
WIDGET = "application/vnd.jupyter.widget-view+json"
IN_THE_KERNEL = "__import__('tests.lab.lesson').lab.lesson"


@pytest.fixture(scope="module")
def lab(browser: Browser, server: Server) -> Iterator[Notebook]:
    """JupyterLab, with copies of the lessons and of what they use."""
    shutil.copytree(PROJECT / "notebooks", server.folder / "notebooks", ignore=shutil.ignore_patterns("__pycache__"))
    (server.folder / "tests").mkdir()
    (server.folder / "tests" / "data").symlink_to(PROJECT / "tests" / "data")
    opened = server.open_lab(browser)
    yield opened
    opened.page.close()


def other_end(slider: Locator) -> str:
    """Return the end of a slider where it isn't."""
    end: str = slider.evaluate("({ min, max, value }) => (value === (min || '0') ? max || '100' : min || '0')")
    return end


def move(view: Locator, turn: int) -> None:
    """Use a control of a view, each turn another; without one, click on it."""
    for kind in CONTROLS:
        controls = view.locator(f"{kind}:enabled:visible")
        if not controls.count():
            continue
        control = controls.nth(turn % controls.count())
        match kind:
            case "input[type=range]":
                control.fill(other_end(control))
            case "select":
                control.select_option(index=int(control.evaluate("(list) => (list.selectedIndex ? 0 : 1)")))
            case "input[type=number]":
                control.press("ArrowUp")
            case _:
                control.click()
        return
    view.click()


def assert_alive(lab: Notebook, name: str, view: Locator, turn: int) -> None:
    """Assert that a view is drawn, and that the kernel hears when it is moved, for the first time or another."""
    expect(view).to_be_visible()
    if view.locator(".wam-explorer").count():
        view.locator(".wam-explorer[data-drawn], [role=alert]:visible").first.wait_for()
    expect(view.get_by_role("alert")).to_be_hidden()
    settings = f"{IN_THE_KERNEL}.settings({name!r})"
    before = lab.value(settings)
    move(view, turn)
    lab.until(f"{settings} != {before!r}")
    expect(view.get_by_role("alert")).to_be_hidden()


def assert_views_are_alive(lab: Notebook, cell: Cell, seen: Counter[str]) -> None:
    """Assert that every view in the outputs of a cell is alive, and count the views of every widget."""
    for output, area in zip(cell.outputs, cell.place.locator(".jp-OutputArea-child").all(), strict=True):
        if WIDGET not in output.get("data", {}):
            continue
        names = lab.value(f"{IN_THE_KERNEL}.views({output['data'][WIDGET]['model_id']!r})")
        shown = area.locator(".jp-OutputArea-output .lm-Widget:not(:has(.lm-Widget))")
        expect(shown).to_have_count(len(names))
        for (name, is_ours), view in zip(names, shown.all(), strict=True):
            if is_ours:
                assert_alive(lab, name, view, seen[name])
                seen[name] += 1


def assert_explains(lab: Notebook, stub: str) -> None:
    """Assert that the check of an exercise says what is wrong with whatever it is given."""
    for call, answer in lab.value(f"{IN_THE_KERNEL}.explained({stub!r}, globals())"):
        assert answer, call
        assert not answer.startswith("Right"), call


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_runs_and_its_views_and_exercises_answer(lab: Notebook, path: Path) -> None:
    told = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    lab.complaints.clear()
    lab.logged.clear()
    with lab.visit(f"notebooks/{path.name}"):
        cells = lab.run_all(LIMIT)
        errors = [output["traceback"] for cell in cells for output in cell.outputs if output["output_type"] == "error"]
        assert not errors, "\n".join(errors[0])
        assert lab.page.evaluate("() => wam.counts()") == list(range(1, len(told) + 1))
        seen = Counter[str]()
        for cell in cells:
            assert_views_are_alive(lab, cell, seen)
        assert seen, "It shows no view."
        for cell, source in zip(cells, told, strict=True):
            if "exercise" in source.metadata.get("tags", []):
                assert cell.text == "Still to do: replace the dots."
                assert_explains(lab, source.source)
    assert lab.complaints == lab.logged == []
