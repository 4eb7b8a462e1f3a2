"""In Voilà, where a reader sees views and no code, both sides still hear each other."""

from __future__ import annotations

import nbformat
from playwright.sync_api import Browser, Page, expect

from tests.chromium import PATIENCE

from .jupyter import PREPARED, Server

APPLICATION = """\
explorer = wam.show(wam.explain(model, photo(), 1, level=2))
heard = ipywidgets.Label()
reset = ipywidgets.Button(description="all at half")
explorer.observe(lambda change: setattr(heard, "value", f"heard {change.new}"), "weights")
reset.on_click(lambda _: setattr(explorer, "weights", [0.5, 0.5, 0.5]))
ipywidgets.VBox([explorer, heard, reset])
"""


def test_a_view_in_voila_is_heard_by_the_kernel_and_hears_it(browser: Browser, server: Server) -> None:
    cells = [nbformat.v4.new_code_cell(source) for source in (PREPARED, APPLICATION)]
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), server.folder / "application.ipynb")
    page: Page = browser.new_page(viewport={"width": 1200, "height": 1200})
    page.set_default_timeout(PATIENCE)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{server.address}/voila/render/application.ipynb?token={server.token}")
    view = page.locator(".wam-explorer[data-drawn]")
    slider = view.locator("[data-weight='2']")
    slider.fill("0.25")
    expect(page.get_by_text("heard [1.0, 1.0, 0.25]")).to_be_visible()
    page.get_by_role("button", name="all at half").click()
    expect(slider).to_have_value("0.5")
    expect(page.get_by_text("explorer.observe")).to_have_count(0)
    assert not errors
    page.close()
