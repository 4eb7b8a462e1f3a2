"""Volumes in a real JupyterLab: our viewer's traits both ways, and ipyvolume's figure."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import expect

from tests.chromium import PATIENCE

from .jupyter import Cell, Notebook

#: A ball of importance in a box: what the score hangs on is known.
BALL = """
    steps = torch.linspace(-1, 1, 16)
    z, y, x = torch.meshgrid(steps, steps, steps, indexing="ij")
    ball = torch.exp(-8 * (z**2 + y**2 + x**2))
    box = torch.zeros(1, 1, 16, 16, 16)
    box[..., 2:14, 2:14, 2:14] = 1
    score = lambda volume: torch.stack([(volume[:, 0] * ball).sum((1, 2, 3)), volume.mean((1, 2, 3, 4))], 1)
    explanation = wam.explain(score, box, 0, level=2, samples=8, noise=0.1, progress=False)
"""


def test_the_viewer_and_its_traits_follow_each_other(notebook: Notebook) -> None:
    notebook.run(BALL)
    cell = notebook.show("viewer = wam.show(explanation, model=score)\nviewer")
    cell.view.get_by_role("radio", name="surface").check()
    cell.view.locator(".wam-camera").press("ArrowRight")
    cell.view.get_by_role("slider", name="slice along y").fill("3")
    cell.view.locator("[data-weight='2']").fill("0")
    notebook.until("viewer.rotation == [30, 25] and viewer.weights[2] == 0 and viewer.cursor[1] == 3")
    assert notebook.value("viewer.look") == "surface"
    notebook.run("viewer.look, viewer.zoom, viewer.cursor, viewer.threshold = 'maximum', 2.0, [1, 2, 3], 0.5")
    expect(cell.view).to_have_attribute("data-look", "maximum")
    expect(cell.view.get_by_role("slider", name="slice along x")).to_have_value("3")
    expect(cell.view.get_by_role("slider", name="threshold")).to_have_value("50")
    expect(cell.view.get_by_text("Voxel [1, 2, 3]")).to_be_visible()


def looks(cell: Cell) -> NDArray[np.uint8]:
    """Return what ipyvolume's canvas looks like, (row, column, red-green-blue)."""
    png = cell.place.locator(".jupyter-widgets canvas").first.screenshot()
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def changed(cell: Cell, before: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """Return what the canvas looks like once it shows something that it didn't show before."""
    end = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < end:
        now = looks(cell)
        if before is None:
            orange = (now[..., 0] > 1.5 * now[..., 2]) & (now[..., 0] > 90)
            if orange.mean() > 0.005:
                return now
        elif now.shape == before.shape and np.abs(now.astype(int) - before).mean() > 0.3:
            return now
        cell.page.evaluate("() => new Promise(requestAnimationFrame)")
    pytest.fail("The canvas of ipyvolume shows nothing new.")


def test_ipyvolume_shows_the_volume_and_a_surface_that_the_threshold_moves(notebook: Notebook) -> None:
    notebook.run(BALL)
    cell = notebook.run('figure = wam.show(explanation, backend="ipyvolume", threshold=0.5)\nfigure')
    cell.place.locator(".jupyter-widgets canvas").first.wait_for()
    both = changed(cell, None)
    notebook.run("figure.children[0].children[1].value = 0.1")
    lower = changed(cell, both)
    notebook.run("figure.children[-1].volumes = []")
    without_the_box = changed(cell, lower)
    assert without_the_box.shape == lower.shape
    notebook.run("figure.children[0].children[0].value = 'detail 1'")
    changed(cell, without_the_box)
