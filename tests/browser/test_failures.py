"""What a reader sees when something fails, and that these tests see it too."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

import wam_widgets as wam
from wam_widgets.export import page
from wam_widgets.widgets.base import Widget

from .explanations import explained
from .pages import Mount

NO_CANVAS = "HTMLCanvasElement.prototype.getContext = () => null;"
NO_MEMORY = "CanvasRenderingContext2D.prototype.createImageData = () => { throw new RangeError('Out of memory'); };"


def explorer() -> wam.ImageExplorer:
    return wam.ImageExplorer(explained((12, 10), wavelet="haar"))


@pytest.mark.parametrize(
    ("script", "error", "cause"),
    [
        (NO_CANVAS, "This browser draws no 2-D canvas.", "the browser is too old"),
        (NO_MEMORY, "RangeError: Out of memory", "not enough memory for a signal of this size"),
    ],
)
def test_a_view_that_cannot_be_drawn_says_why_beside_its_picture(
    mount: Mount, script: str, error: str, cause: str
) -> None:
    view = mount(explorer(), picture=True, script=script, forgiving=True)
    alert = view.place.get_by_role("alert")
    expect(alert).to_contain_text("This view failed in the browser: ")
    expect(alert).to_contain_text(error)
    expect(alert).to_contain_text(cause)
    expect(view.place.get_by_role("img", name="ImageExplorer of column")).to_be_visible()
    assert any(error in each for each in view.watched.complaints)


def test_values_that_the_code_does_not_understand_are_named_with_what_to_do(mount: Mount) -> None:
    view = mount(explorer(), forgiving=True)
    expect(view.place.get_by_role("alert")).to_have_count(0)
    view.set(_values={"key": "from the future"})
    alert = view.place.get_by_role("alert")
    expect(alert).to_contain_text("This view failed in the browser: TypeError")
    expect(alert).to_contain_text("reload the page and run the cell again. wam.plot(explanation) shows the same")


def test_an_error_while_painting_is_drawn_too(mount: Mount) -> None:
    view = mount(explorer(), forgiving=True)
    view.set(colours="no such colours")
    view.settled()
    expect(view.place.get_by_role("alert")).to_contain_text("This view failed in the browser: TypeError")


def test_what_went_wrong_in_the_kernel_is_drawn_until_it_is_mended(mount: Mount) -> None:
    view = mount(explorer(), wam.ScaleSliders(["a", "b"]))
    for each in (view, view.nth(1)):
        each.set(_problem="ValueError: <b>no</b> such class")
        expect(each.place.get_by_role("alert")).to_have_text("ValueError: <b>no</b> such class")
        each.set(_problem="")
        expect(each.place.get_by_role("alert")).to_have_count(0)


def test_a_module_that_cannot_be_read_is_noticed(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "broken.js").write_text("const render = (;\nexport default { render };\n")
    (tmp_path / "broken.css").write_text("")

    class Broken(Widget, trio=str(tmp_path / "broken.py")):
        pass

    html = page([Broken()], title="Broken")
    mount = Mount(browser, tmp_path)
    mount.open(html)
    with pytest.raises(AssertionError, match=r"The page complained: .*Unexpected token"):
        mount.close()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("console.warn('hm')", "complained: .*hm"),
        ("setTimeout(() => { throw new Error('late') })", "complained: .*late"),
        ("new Image().src = 'https://example.org/x.png'", "asked for .*example.org"),
    ],
)
def test_a_page_that_is_not_quiet_is_noticed(browser: Browser, tmp_path: Path, code: str, message: str) -> None:
    mount = Mount(browser, tmp_path)
    view = mount.open("<!DOCTYPE html><title>A page</title><div data-wam></div>")
    view.page.evaluate(f"() => {{ {code} }}")
    view.settled()
    with pytest.raises(AssertionError, match=message):
        mount.close()
