"""How soon does a browser show it? Software rendering, in a page and in JupyterLab; goals are for an idle machine."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator

import wam_widgets as wam
from tests.chromium import chromium
from tests.lab.jupyter import Notebook, jupyter
from tests.lab.models import Counted, photo

from .rows import Row

SIZES = (224, 512)
LEVEL = 4  # and so five scales

#: Note when a picture is drawn: how long after the first movement that it shows, and how long that took to compute.
_HOOKS = """
window.bench = { drawn: [], moved: 0, began: 0, frames: 0, times: {} };
const put = CanvasRenderingContext2D.prototype.putImageData;
CanvasRenderingContext2D.prototype.putImageData = function (...given) {
  put.apply(this, given);
  if (!bench.moved || !this.canvas.closest(".wam-sheet")) return;
  const now = performance.now();
  bench.drawn.push([now - bench.moved, now - bench.began]);
  bench.moved = 0;
};
const ask = window.requestAnimationFrame;
window.requestAnimationFrame = (draw) => ask.call(window, (time) => {
  bench.began = performance.now();
  draw(time);
});
const note = (name) => (bench.times[name] ??= (performance.timeOrigin + performance.now()) / 1000);
const context = HTMLCanvasElement.prototype.getContext; // among the first that a view does
HTMLCanvasElement.prototype.getContext = function (...given) {
  note("rendering");
  return context.apply(this, given);
};
bench.watch = () => {
  bench.times = {};
  const look = () => document.querySelector(".wam[data-drawn]") && note("drawn");
  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributeFilter: ["data-drawn"] });
};
"""

#: Move a slider as a mouse does, 125 times a second, for five seconds; count what the browser could have drawn.
_DRAG = """async (slider) => {
  bench.drawn = [];
  let frames = 0;
  const count = () => {
    frames += 1;
    counting = requestAnimationFrame(count);
  };
  let counting = requestAnimationFrame(count);
  let step = 0;
  const began = performance.now();
  await new Promise((done) => {
    const moving = setInterval(() => {
      const now = performance.now();
      if (now > began + 5000) {
        clearInterval(moving);
        done();
        return;
      }
      step = (step + 1) % 400;
      slider.value = String(Math.abs(step - 200) / 100); // to and fro, never twice the same
      bench.moved ||= now;
      slider.dispatchEvent(new Event("input", { bubbles: true }));
    }, 8);
  });
  const seconds = (performance.now() - began) / 1000;
  cancelAnimationFrame(counting);
  return { frames: frames / seconds, drawn: bench.drawn.length / seconds, times: bench.drawn };
}"""

#: Choose another wavelet and wait for the canvas: milliseconds.
_SWITCH = """async (list, wanted) => {
  const view = list.closest(".wam-image");
  const redrawn = new Promise((done) => {
    new MutationObserver(done).observe(view, { attributeFilter: ["data-drawn"] });
  });
  list.value = [...list.options].find((each) => each.textContent === wanted).value;
  const began = performance.now();
  list.dispatchEvent(new Event("change", { bubbles: true }));
  await redrawn;
  return performance.now() - began;
}"""

#: Note what the kernel does, and when.
_NOTED = """
import functools
from wam_widgets.widgets import explorers
from wam_widgets.widgets.explorers import explorer as module

spans = {}
def noted(name, function):
    @functools.wraps(function)
    def wrapper(*given, **named):
        began = time.time()
        try:
            return function(*given, **named)
        finally:
            spans[name] = [began, time.time()]
    return wrapper

explorers.bundle = noted("bundle", explorers.bundle)
module.glance = noted("picture", module.glance)
module.Explorer._draw = noted("arrays", module.Explorer._draw)
"""


def rows(rounds: int) -> Sequence[Row]:
    """Measure dragging, the first picture, and switching wavelets; nothing where there is no browser."""
    try:
        with tempfile.TemporaryDirectory() as folder, chromium() as browser:
            found = [row for size in SIZES for row in _page(browser, Path(folder), size)]
            with jupyter(Path(folder) / "jupyter") as server:
                notebook = server.open(browser, "bench", init=_HOOKS)
                return [*found, *_first_pictures(notebook, rounds), *_lab(notebook, rounds)]
    except pytest.skip.Exception as missing:
        print(missing)
        return []


def _page(browser: Browser, folder: Path, size: int) -> Sequence[Row]:
    """Drag in an exported page."""
    explanation = wam.explain(Counted(), photo(size), 1, level=LEVEL, samples=9, progress=False)
    page = browser.new_page(viewport={"width": 1400, "height": 1200})
    page.add_init_script(_HOOKS)
    page.goto(wam.export_html(explanation, folder / "page.html").as_uri())
    found = _drag(f"exported page, {size} x {size}", page.locator(".wam-image[data-drawn]"))
    page.close()
    return found


def _drag(where: str, view: Locator) -> Sequence[Row]:
    found = view.locator("[data-weight='2']").evaluate(_DRAG)
    waits, works = zip(*found["times"], strict=True)
    return [
        _row(f"{where}: frames that the browser offers while dragging", found["frames"], "1/s"),
        _row(f"{where}: frames drawn", found["drawn"], "1/s", ">= 60"),
        _row(f"{where}: from a movement to the canvas, median", median(waits), "ms", "<= 17"),
        _row(f"{where}: from a movement to the canvas, 95 % within", quantiles(waits, n=20)[-1], "ms", "<= 17"),
        _row(f"{where}: of it computing, median", median(works), "ms"),
    ]


def _first_pictures(notebook: Notebook, rounds: int) -> Sequence[Row]:
    """Show explanations in new cells: the first of a kernel and a page, and later ones."""
    notebook.run(_NOTED)
    first = _first_picture(notebook)
    later = [_first_picture(notebook) for _ in range(max(3, rounds))]
    return [
        *(
            _row(f"JupyterLab, 224 x 224: {name}, first in its kernel and page", seconds, "ms", _goal(name))
            for name, seconds in first.items()
        ),
        *(
            _row(f"JupyterLab, 224 x 224: {name}, later", median(each[name] for each in later), "ms", _goal(name))
            for name in first
        ),
    ]


def _goal(name: str) -> str:
    return "" if name.startswith("of it") else "<= 300"


def _first_picture(notebook: Notebook) -> dict[str, float]:
    notebook.run("for each in list(module._OPEN): each.wait()")  # the errors of the last are no part of it
    notebook.clear()
    notebook.page.evaluate("() => bench.watch()")
    notebook.show(f"""
        explanation = wam.explain(model, photo(224), 1, level={LEVEL}, progress=False)
        returned = time.time()
        explanation
    """)
    spans = notebook.value("spans")
    returned = notebook.value("returned")
    seen = notebook.page.evaluate("() => bench.times")
    (asked, answered), picture = spans["bundle"], spans["picture"]
    parts = {
        "from explain's return to pixels": seen["drawn"] - returned,
        "of it until the kernel is asked for a view": asked - returned,
        "of it the kernel's arrays": spans["arrays"][1] - spans["arrays"][0],
        "of it the picture for places without JavaScript": picture[1] - picture[0],
        "of it the rest of the kernel's work": picture[0] - asked - (spans["arrays"][1] - spans["arrays"][0]),
        "of it on the way to the view's code": seen["rendering"] - answered,
        "of it building and drawing": seen["drawn"] - seen["rendering"],
    }
    return {name: 1000 * seconds for name, seconds in parts.items()}


def _lab(notebook: Notebook, rounds: int) -> Sequence[Row]:
    """Drag and switch wavelets in JupyterLab."""
    found: list[Row] = []
    for size in SIZES:
        notebook.clear()
        cell = notebook.show(f"""
            explorer = wam.show(wam.explain(model, photo({size}), 1, level={LEVEL}, progress=False), model=model)
            explorer.wait()
            explorer
        """)
        found += _drag(f"JupyterLab, {size} x {size}", cell.view)
        wavelets = ("db4", "sym5", "haar", "coif2", "db2")
        wavelet = cell.view.get_by_role("combobox", name="wavelet")
        times, works = [], []
        for number in range(2 + max(3, rounds)):
            notebook.run("explorer.wait()")
            cell.view.get_by_text("can be told from zero;").wait_for()  # the errors of the last are no part of it
            milliseconds: Any = wavelet.evaluate(_SWITCH, wavelets[number % len(wavelets)])
            began, ended = notebook.value("spans['arrays']")
            times.append(milliseconds)
            works.append(1000 * (ended - began))
        goal = "<= 100" if size == SIZES[0] else ""
        where = f"JupyterLab, {size} x {size}: from another wavelet to pixels"
        found += [
            _row(f"{where}, first in the kernel", times[0], "ms"),
            _row(f"{where}, later", median(times[1:]), "ms", goal),
            _row(f"{where}, of it the kernel's arrays", median(works[1:]), "ms"),
        ]
    return found


def _row(what: str, value: float, unit: str, goal: str = "") -> Row:
    return Row("view_live", what, value, unit, goal=goal)
