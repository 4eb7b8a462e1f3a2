"""Kernel and browser show the same: settings, links, several views, and what goes wrong."""

from __future__ import annotations

from playwright.sync_api import expect

from .jupyter import Notebook

EXPLORER = """
    explorer = wam.show(wam.explain(model, photo(), 1, level=2), model=model)
    explorer
"""


def test_what_the_browser_sets_python_reads(notebook: Notebook) -> None:
    cell = notebook.show(EXPLORER)
    _, before = cell.pixels()
    cell.view.locator("[data-weight='1']").fill("0.4")
    notebook.until("explorer.weights != [1, 1, 1]")
    assert notebook.run("print(explorer.weights)").text == "[1.0, 0.4, 1.0]"
    assert cell.pixels()[1] != before
    cell.view.get_by_role("radio", name="mosaic").check()
    cell.view.get_by_role("checkbox", name="hide what can't be told from zero").check()
    cell.view.get_by_role("checkbox", name="vertical").uncheck()
    cell.view.get_by_role("slider", name="false discovery rate").fill("2")
    notebook.until("explorer.rate == 0.005")
    assert notebook.value("[explorer.look, explorer.significant, explorer.orientations]") == [
        *("mosaic", True),
        ["horizontal", "diagonal"],
    ]


def test_what_python_sets_the_browser_shows(notebook: Notebook) -> None:
    cell = notebook.show(EXPLORER)
    _, before = cell.pixels()
    notebook.run(
        "explorer.weights = [0, 1.5, 0.25]\nexplorer.look, explorer.opacity = 'image', 0.5\nexplorer.samples = 12"
    )
    expect(cell.view).to_have_attribute("data-look", "image")
    assert cell.pixels()[1] != before
    for scale, weight in enumerate(("0", "1.5", "0.25")):
        expect(cell.view.locator(f"[data-weight='{scale}']")).to_have_value(weight)
    expect(cell.view.get_by_role("radio", name="rebuilt image")).to_be_checked()
    expect(cell.view.get_by_role("spinbutton", name="samples")).to_have_value("12")


def test_sliders_linked_in_the_browser_move_each_other(notebook: Notebook) -> None:
    cell = notebook.show("""
        explorer = wam.show(wam.explain(model, photo(), 1, level=2))
        sliders = wam.ScaleSliders(explorer.explanation.scales)
        link = ipywidgets.jslink((sliders, "weights"), (explorer, "weights"))
        ipywidgets.VBox([sliders, explorer])
    """)
    own, explorers = (
        cell.place.locator(f"{view} [data-weight='1']") for view in (":not(.wam-image).wam", ".wam-image")
    )
    _, before = cell.pixels()
    own.fill("0.5")
    expect(explorers).to_have_value("0.5")
    assert cell.pixels()[1] != before
    explorers.fill("1.75")
    expect(own).to_have_value("1.75")
    notebook.until("explorer.weights == sliders.weights == [1, 1.75, 1]")


def test_two_views_of_one_explorer_follow_each_other(notebook: Notebook) -> None:
    first = notebook.show(EXPLORER)
    second = notebook.show("explorer")
    first.view.locator("[data-weight='0']").fill("0.25")
    expect(second.view.locator("[data-weight='0']")).to_have_value("0.25")
    second.view.get_by_role("radio", name="mosaic").check()
    expect(first.view).to_have_attribute("data-look", "mosaic")
    expect(first.view.get_by_role("radio", name="mosaic")).to_be_checked()
    assert first.pixels() == second.pixels()


def test_two_explorers_are_separate(notebook: Notebook) -> None:
    first = notebook.show(EXPLORER)
    second = notebook.show("other = wam.show(explorer.explanation)\nother")
    first.view.locator("[data-weight='0']").fill("0.25")
    second.view.get_by_role("radio", name="mosaic").check()
    notebook.until("explorer.weights[0] == 0.25 and other.look == 'mosaic'")
    assert notebook.value("[other.weights, explorer.look]") == [[1, 1, 1], "heatmap"]
    expect(first.view.get_by_role("radio", name="heat map")).to_be_checked()
    expect(second.view.locator("[data-weight='0']")).to_have_value("1")


def test_closing_an_explorer_clears_its_views(notebook: Notebook) -> None:
    first = notebook.show(EXPLORER)
    second = notebook.show("explorer")
    notebook.run("explorer.close()")
    for cell in (first, second):
        expect(cell.place.locator(".wam")).to_have_count(0)


def test_an_error_of_the_kernel_is_shown_under_the_view_until_something_works(notebook: Notebook) -> None:
    cell = notebook.show(EXPLORER)
    alert = cell.place.get_by_role("alert")
    for name in ("class", "rather than"):
        cell.view.get_by_role("combobox", name=name, exact=True).select_option("owl")
    cell.view.get_by_role("button", name="explain").click()
    expect(alert).to_contain_text("ValueError: ")
    expect(alert).to_contain_text("'owl' twice")
    cell.view.get_by_role("combobox", name="rather than").select_option("cat")
    cell.view.get_by_role("button", name="explain").click()
    expect(alert).to_be_hidden()
    notebook.until("not explorer.running")


def test_the_kernel_refuses_what_cannot_be_right_says_why_and_sends_back_what_holds(notebook: Notebook) -> None:
    cell = notebook.show(EXPLORER)
    alert = cell.place.get_by_role("alert")
    samples = cell.view.get_by_role("spinbutton", name="samples")
    samples.evaluate("(samples) => (samples.max = 99999)")  # as in a page that was tampered with
    samples.fill("50000")
    samples.blur()
    expect(alert).to_contain_text("ValueError: `samples` must be between 1 and 10000; got 50000.")
    expect(samples).to_have_value("25")
    slider = cell.view.locator("[data-weight='1']")
    slider.evaluate("(slider) => (slider.max = 5)")
    slider.fill("4")
    expect(alert).to_contain_text("ValueError: `weights` must be between 0 and 2; got 4 for 'detail 2'")
    assert notebook.value("[explorer.samples, explorer.weights]") == [25, [1, 1, 1]]
    slider.fill("1.5")
    expect(alert).to_be_hidden()
    notebook.until("explorer.weights == [1, 1.5, 1]")


def test_a_busy_kernel_is_named_and_what_was_chosen_meanwhile_follows(notebook: Notebook) -> None:
    cell = notebook.show(EXPLORER)
    _, before = cell.pixels()
    busy = cell.view.get_by_text("The kernel is busy or gone")
    waiting = notebook.start("time.sleep(60)")
    cell.view.get_by_role("combobox", name="wavelet").select_option("db4")
    cell.view.locator("[data-weight='0']").fill("0.25")
    expect(busy).to_be_visible()
    number = cell.view.locator(".wam-scale .wam-number").first
    expect(number).to_have_text("0.25 ×")
    assert cell.pixels()[1] != before
    notebook.interrupt()
    expect(busy).to_be_hidden()
    notebook.until("explorer.wavelet == 'db4' and explorer.weights[0] == 0.25")
    expect(waiting.place).to_contain_text("KeyboardInterrupt")
