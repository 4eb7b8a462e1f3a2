"""A kernel that is gone takes with it only what needs it."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from .jupyter import PREPARED, Cell, Server

EXPLORER = """
    explorer = wam.show(wam.explain(model, photo(), 1, level=2), model=model)
    explorer
"""


def assert_needs_its_kernel(cell: Cell, *, gone: bool) -> None:
    said = cell.view.get_by_text("The kernel is gone")
    expect(said).to_be_visible(visible=gone)
    expect(cell.view.get_by_role("button", name="explain")).to_be_enabled(enabled=not gone)
    expect(cell.view.get_by_role("combobox", name="wavelet")).to_be_enabled(enabled=not gone)
    _, before = cell.pixels()
    cell.view.locator("[data-weight='0']").fill("0.25")
    expect(cell.view.locator(".wam-scale .wam-number").first).to_have_text("0.25 ×")
    assert cell.pixels()[1] != before
    expect(cell.place.get_by_role("alert")).to_be_hidden()


def test_without_a_kernel_what_needs_it_is_disabled_and_the_rest_works_on(browser: Browser, server: Server) -> None:
    notebook = server.open(browser, "dying")
    first = notebook.show(EXPLORER)
    assert_needs_its_kernel(first, gone=False)
    notebook.start("import os\nos._exit(1)")
    notebook.page.get_by_role("dialog", name="Kernel Restarting").get_by_role("button", name="Ok").click()
    expect(first.view.get_by_text("The kernel is gone")).to_be_visible()
    first.view.get_by_role("button", name="reset weights").click()
    assert_needs_its_kernel(first, gone=True)
    notebook.run(PREPARED)  # in the kernel that JupyterLab has started instead
    again = notebook.show(EXPLORER)
    assert_needs_its_kernel(again, gone=False)
    notebook.page.evaluate("() => wam.panel().sessionContext.shutdown()")
    expect(again.view.get_by_text("The kernel is gone")).to_be_visible()
    again.view.get_by_role("button", name="reset weights").click()
    assert_needs_its_kernel(again, gone=True)
    assert not notebook.complaints
    notebook.page.close()
