"""A slider per scale: what it sets, what it shows, how often it tells the kernel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

import wam_widgets as wam

from .explanations import explained
from .pages import Mount, View

NAMES = ["approximation", "detail 2", "detail 1"]
REST = 150  # milliseconds after which the kernel is told


def slider(view: View, name: str) -> Locator:
    return view.place.get_by_role("slider", name=f"weight of {name}", exact=True)


def press(view: View, what: str, name: str) -> None:
    """Click a button twice named: "mute detail 1"."""
    view.place.get_by_role("button", name=f"{what} {name}", exact=True).click()


def pressed(view: View) -> set[str]:
    """Return the names of the buttons that are pressed."""
    return set(view.place.locator("[data-solo], [data-mute]").evaluate_all(
        "buttons => buttons.filter(each => each.ariaPressed === 'true').map(each => each.ariaLabel)"
    ))  # fmt: skip


@pytest.fixture(scope="module")
def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[View]:
    mount = Mount(browser, tmp_path_factory.mktemp("sliders"))
    yield mount(wam.ScaleSliders(NAMES), clock=True)
    mount.close()


@pytest.fixture
def view(page: View) -> View:
    """One page for all tests here, as it was at first."""
    page.page.reload()
    return page


def test_there_is_a_native_slider_per_scale(view: View) -> None:
    sliders = view.place.get_by_role("slider")
    expect(sliders).to_have_count(3)
    for name in NAMES:
        assert slider(view, name).evaluate("each => [each.tagName, each.type, each.min, each.max, each.step]") == [
            "INPUT", "range", "0", "2", "0.01",
        ]  # fmt: skip
        expect(slider(view, name)).to_have_attribute("aria-valuetext", "1.00 times")


def test_keys_move_a_slider(view: View) -> None:
    slider(view, "detail 2").focus()
    for key, weight in [("ArrowRight", 1.01), ("ArrowUp", 1.02), ("ArrowLeft", 1.01), ("Home", 0), ("End", 2)]:
        view.page.keyboard.press(key)
        assert view.state["weights"] == [1, pytest.approx(weight), 1], key
    expect(view.place.get_by_text("2.00 ×")).to_be_visible()


def test_many_movements_are_one_message_with_the_last_value(view: View) -> None:
    slider(view, "detail 1").focus()
    for _ in range(30):
        view.page.keyboard.press("ArrowRight")
        view.page.clock.run_for(20)
    assert view.state["weights"] == [1, 1, pytest.approx(1.3)]  # the page knows at once, …
    assert view.saves == 0
    view.page.clock.run_for(REST - 21)
    assert view.saves == 0
    view.page.clock.run_for(2)  # … the kernel when the finger rests
    assert view.saves == 1
    view.page.clock.run_for(10 * REST)
    assert view.saves == 1


def test_a_finger_that_drags_sends_one_message(view: View) -> None:
    moved = slider(view, "approximation")
    box = moved.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    view.page.mouse.move(box["x"] + box["width"] / 2, middle)
    view.page.mouse.down()
    view.page.mouse.move(box["x"] + box["width"] + 50, middle, steps=25)
    view.page.mouse.up()
    assert view.state["weights"] == [2, 1, 1]
    view.page.clock.run_for(REST + 1)
    assert view.saves == 1


def test_the_last_value_arrives_even_if_the_view_is_closed(view: View) -> None:
    slider(view, "approximation").focus()
    view.page.keyboard.press("Home")
    assert view.saves == 0
    view.place.evaluate("place => place.close()")
    assert view.saves == 1
    view.page.clock.run_for(10 * REST)
    assert view.saves == 1
    assert view.state["weights"] == [0, 1, 1]


def test_weights_that_are_set_elsewhere_move_the_sliders(view: View) -> None:
    view.set(weights=[0.25, 0, 1.5])
    for name, weight in zip(NAMES, ["0.25", "0", "1.5"], strict=True):
        expect(slider(view, name)).to_have_value(weight)
    expect(slider(view, "approximation")).to_have_attribute("aria-valuetext", "0.25 times")
    assert pressed(view) == {"mute detail 2"}
    assert view.saves == 0  # what came from the kernel isn't sent back


def test_solo_leaves_one_scale_and_gives_the_others_back(view: View) -> None:
    view.set(weights=[0.5, 1, 2])
    press(view, "solo", "detail 1")
    assert view.state["weights"] == [0, 0, 2]
    assert pressed(view) == {"solo detail 1", "mute approximation", "mute detail 2"}
    press(view, "solo", "approximation")
    assert view.state["weights"] == [0.5, 0, 0]
    press(view, "solo", "approximation")
    assert view.state["weights"] == [0.5, 1, 2]
    assert pressed(view) == set()


def test_solo_of_a_muted_scale_makes_it_heard(view: View) -> None:
    view.set(weights=[0, 1, 1])
    press(view, "solo", "approximation")
    assert view.state["weights"] == [1, 0, 0]
    press(view, "solo", "approximation")
    assert view.state["weights"] == [0, 1, 1]


def test_after_a_reset_solo_gives_back_what_was_reset_and_nothing_older(view: View) -> None:
    view.set(weights=[0.5, 1, 1])
    press(view, "solo", "detail 1")
    view.place.get_by_role("button", name="reset weights").click()
    assert view.state["weights"] == [1, 1, 1]
    press(view, "mute", "approximation")
    press(view, "mute", "detail 2")
    assert pressed(view) == {"solo detail 1", "mute approximation", "mute detail 2"}
    press(view, "solo", "detail 1")
    assert view.state["weights"] == [1, 1, 1]


def test_mute_silences_a_scale_and_gives_its_weight_back(view: View) -> None:
    view.set(weights=[1, 0.3, 1])
    press(view, "mute", "detail 2")
    assert view.state["weights"] == [1, 0, 1]
    assert pressed(view) == {"mute detail 2"}
    press(view, "mute", "detail 2")
    assert view.state["weights"] == [1, 0.3, 1]
    assert pressed(view) == set()


def test_reset_makes_all_weights_one(view: View) -> None:
    view.set(weights=[0, 0.3, 2])
    view.place.get_by_role("button", name="reset weights").click()
    assert view.state["weights"] == [1, 1, 1]


def test_buttons_and_sliders_answer_to_the_keyboard(view: View) -> None:
    view.place.get_by_role("button", name="mute detail 1").focus()
    view.page.keyboard.press("Space")
    assert view.state["weights"] == [1, 1, 0]
    view.place.get_by_role("button", name="reset weights").focus()
    view.page.keyboard.press("Enter")
    assert view.state["weights"] == [1, 1, 1]


def test_names_are_text_and_never_markup(mount: Mount) -> None:
    name = '</script><img src=x onerror="window.broken = true">'
    view = mount(wam.ScaleSliders([name, "<b>bold</b>"]))
    expect(slider(view, name)).to_be_visible()
    expect(view.place.get_by_text("<b>bold</b>")).to_be_visible()
    assert view.page.evaluate("document.querySelectorAll('img, b').length") == 0
    assert view.page.evaluate("'broken' in window") is False


def test_a_slider_of_the_explorer_changes_the_picture(mount: Mount) -> None:
    explanation = explained((16, 12), wavelet="haar")
    view = mount(wam.ImageExplorer(explanation))
    before = view.pixels()
    slider(view, "detail 1").focus()
    view.page.keyboard.press("Home")
    assert view.state["weights"] == [1, 1, 0]
    after = view.pixels()
    assert (before != after).any()
    view.set(weights=[1, 1, 1])
    assert (view.pixels() == before).all()
