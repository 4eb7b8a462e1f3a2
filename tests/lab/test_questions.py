"""What costs no pass costs none, and what costs passes shows them, refines and can be stopped."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from .jupyter import Cell, Notebook

#: What the picture is named after, and what is said of the run, whenever either changes.
WATCH = """(view) => {
  const said = view.querySelector(".wam-working").previousElementSibling.lastElementChild;
  window.seen = [];
  new MutationObserver(() => window.seen.push([view.dataset.drawn, said.textContent])).observe(
    view.parentElement, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-drawn"] });
}"""

#: Change what a list has chosen, and wait for the canvas to be redrawn: how many milliseconds that took.
CHOOSE = """async (list) => {
  const view = list.closest(".wam-image");
  const option = [...list.options].find((each) => each.textContent === list.dataset.wanted);
  const redrawn = new Promise((done) => {
    new MutationObserver(done).observe(view, { attributes: true, attributeFilter: ["data-drawn"] });
  });
  list.value = option.value;
  const began = performance.now();
  list.dispatchEvent(new Event("change", { bubbles: true }));
  await redrawn;
  return performance.now() - began;
}"""


def choose(cell: Cell, name: str, option: str) -> float:
    chosen = cell.view.get_by_role("combobox", name=name, exact=True)
    chosen.evaluate("(list, option) => (list.dataset.wanted = option)", option)
    milliseconds: float = chosen.evaluate(CHOOSE)
    return milliseconds


def test_another_wavelet_is_drawn_soon_and_without_the_model(
    notebook: Notebook, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = notebook.show("""
        explorer = wam.show(wam.explain(model, photo(224), 1, level=5, samples=9), model=model)
        explorer.wait()
        calls = model.calls
        explorer
    """)
    times = []
    pictures = {cell.pixels()[1]}
    for name, option in (("wavelet", "db4"), ("level", "3"), ("wavelet", "haar"), ("kind", "contribution")):
        times.append(choose(cell, name, option))
        pictures.add(cell.pixels()[1])
    assert len(pictures) == 5
    assert notebook.value("[explorer.wavelet, explorer.level, explorer.kind]") == ["haar", 3, "contribution"]
    assert notebook.value("model.calls - calls") == 0
    with capsys.disabled():
        took = ", ".join(f"{each:.0f}" for each in times)
        print(f"\n  from a choice to the redrawn canvas, 224 x 224: {took} ms")  # noqa: T201  # asserted loosely
    assert min(times) < 1000  # the goal is 100, on a machine that does nothing else


def test_a_level_that_is_too_deep_for_the_wavelet_is_named(notebook: Notebook) -> None:
    cell = notebook.show("explorer = wam.show(wam.explain(model, photo(36), 1, level=6))\nexplorer")
    choose(cell, "wavelet", "db4")
    expect(cell.view.get_by_text("is the deepest for db4 at this size")).to_be_visible()
    assert notebook.value("explorer.level") == 5


@pytest.mark.parametrize("method", ["SmoothGrad", "Integrated Gradients"])
def test_another_class_contrast_or_method_is_explained_and_refines_while_it_runs(
    notebook: Notebook, method: str
) -> None:
    cell = notebook.show("""
        model.seconds = 0.03
        explorer = wam.show(wam.explain(model, photo(), 1, level=2, samples=9), model=model)
        explorer.wait()
        items = model.items
        explorer
    """)
    ask = cell.view.get_by_role("group", name="Ask the model")
    ask.get_by_role("combobox", name="class", exact=True).select_option("owl")
    ask.get_by_role("combobox", name="rather than").select_option("cat")
    ask.get_by_role("combobox", name="method").select_option(method)
    ask.get_by_role("spinbutton", name="samples").fill("60")
    cell.view.evaluate(WATCH)
    ask.get_by_role("button", name="explain").click()
    expect(ask.get_by_role("progressbar")).to_be_visible()
    expect(ask.get_by_role("button", name="explain")).to_be_disabled()
    notebook.until("not explorer.running")
    expect(ask.get_by_role("progressbar")).to_be_hidden()
    told = [re.fullmatch(r"(\d+) of \d+ passes(?:, .+ left)?", said) for _, said in cell.page.evaluate("window.seen")]
    done = [int(each[1]) for each in told if each]
    assert done == sorted(done)
    assert len(set(done)) >= 4
    pictures = {drawn for drawn, said in cell.page.evaluate("window.seen") if " left" in said}
    assert len(pictures) >= 2  # not only what was there before
    expect(cell.view.get_by_text("owl").first).to_be_visible()
    assert notebook.value("explorer.explanation.names()[0]") == "owl rather than cat"
    assert notebook.value("explorer.explanation.method") == method.lower().replace(" ", "_")
    assert notebook.value("model.items - items") > 60
    expect(cell.view).to_have_attribute("data-drawn", notebook.value("explorer._values['key']"))


def test_stop_ends_a_run_after_the_present_sub_batch_and_keeps_what_is_complete(notebook: Notebook) -> None:
    cell = notebook.show("""
        explorer = wam.show(wam.explain(model, photo(), 1, level=2, samples=9), model=model, samples=400)
        explorer.wait()
        model.seconds, items = 0.02, model.items
        calls_at_stop = []
        def look(change):
            if "stopping" in change.new:
                calls_at_stop.append(model.calls)
        explorer.observe(look, "_work")
        explorer
    """)
    ask = cell.view.get_by_role("group", name="Ask the model")
    ask.get_by_role("button", name="explain").click()
    expect(ask.get_by_text(re.compile(r"^[2-9]\d of 400 passes"))).to_be_visible()
    ask.get_by_role("button", name="stop").click()
    expect(ask.get_by_role("button", name="explain")).to_be_enabled()
    notebook.until("not explorer.running")
    passes = notebook.value("int(explorer.explanation.passes[0])")
    assert 20 <= passes < 400
    assert passes == notebook.value("model.items - items") - 1  # one tells the score of the image itself
    assert notebook.value("model.calls - calls_at_stop[0]") <= 1
    expect(cell.view.get_by_text(f"{passes} passes").first).to_be_visible()
    expect(cell.place.get_by_role("alert")).to_be_hidden()


def test_what_is_stopped_before_anything_is_complete_says_so_and_shows_what_was(notebook: Notebook) -> None:
    cell = notebook.show("""
        explorer = wam.show(wam.explain(model, photo(), 1, level=2, samples=9), model=model, samples=60)
        explorer.wait()
        explorer.method, model.seconds = "integrated_gradients", 0.3
        explorer
    """)
    _, before = cell.pixels()
    cell.view.get_by_role("button", name="explain").click()
    cell.view.get_by_role("button", name="stop").click()
    expect(cell.place.get_by_role("alert")).to_contain_text("Stopped before anything was complete.")
    assert cell.pixels()[1] == before
    assert notebook.value("int(explorer.explanation.passes[0])") == 9


def test_a_real_model_answers_about_another_class(notebook: Notebook) -> None:
    cell = notebook.show("""
        network, cat = wam.samples.image_model(), wam.samples.images()["cat"].signal
        explorer = wam.show(wam.explain(network, cat, level=5, samples=2), model=network)
        explorer
    """)
    (before,) = notebook.value("explorer.explanation.names()")
    ask = cell.view.get_by_role("group", name="Ask the model")
    ask.get_by_role("combobox", name="class", exact=True).select_option("lynx")
    ask.get_by_role("combobox", name="method").select_option("Saliency")
    ask.get_by_role("button", name="explain").click()
    expect(cell.view.locator(".wam-title")).to_contain_text("lynx")
    notebook.until("not explorer.running")
    assert notebook.value("[explorer.explanation.names(), explorer.explanation.method]") == [["lynx"], "saliency"]
    assert before != "lynx"
