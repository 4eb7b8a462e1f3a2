"""Every setting and its control: what one side sets, the other shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, expect

import wam_widgets as wam
from wam_widgets.plots.words import percent
from wam_widgets.widgets.view import DIVERGING, RATES, SEQUENTIAL

from .expected import Settings, picture
from .explanations import explained
from .pages import Mount, View

WAVELETS = ["haar", "db4", None]


@pytest.fixture(scope="module")
def explanation() -> wam.Explanation:
    return explained((24, 20), items=2, wavelet="haar", labels=["tabby", "tiger", "moped"], channels=3)


@pytest.fixture(scope="module")
def page(browser: Browser, explanation: wam.Explanation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[View]:
    mount = Mount(browser, tmp_path_factory.mktemp("controls"))
    yield mount(wam.ImageExplorer(explanation, per="sample"), wavelets=WAVELETS)
    mount.close()


@pytest.fixture
def view(page: View) -> View:
    """One page for all tests here, its settings as they were at first."""
    page.page.reload()
    return page


def settings(view: View, **expected: Any) -> None:
    state = view.state
    assert {name: state[name] for name in expected} == expected


def boxes(view: View, group: str) -> list[str]:
    """Return what is checked in a group."""
    checked: list[str] = view.place.get_by_role("group", name=group).get_by_role("checkbox", checked=True).evaluate_all(
        "boxes => boxes.map(each => each.parentElement.textContent)"
    )  # fmt: skip
    return checked


RADIOS = {
    "look": {"heat map": "heatmap", "rebuilt image": "image", "mosaic": "mosaic"},
    "per": {"per pixel": "sample", "per coefficient": "cell"},
}


@pytest.mark.parametrize("trait", RADIOS)
def test_one_of_a_few_is_chosen_from_either_side(view: View, trait: str) -> None:
    group = view.place.get_by_role("radiogroup", name={"look": "look", "per": "amounts"}[trait])
    for name, value in reversed(RADIOS[trait].items()):
        group.get_by_role("radio", name=name).check()
        settings(view, **{trait: value})
    for name, value in RADIOS[trait].items():
        view.set(**{trait: value})
        expect(group.get_by_role("radio", name=name)).to_be_checked()
        expect(group.get_by_role("radio", checked=True)).to_have_count(1)


@pytest.mark.parametrize(
    ("trait", "name"),
    [
        ("signed", "with sign"),
        ("significant", "hide what can't be told from zero"),
        ("denoised", "denoised"),
    ],
)
def test_what_is_on_or_off_is_switched_from_either_side(view: View, trait: str, name: str) -> None:
    box = view.place.get_by_role("checkbox", name=name)
    expect(box).not_to_be_checked()
    box.check()
    settings(view, **{trait: True})
    view.set(**{trait: False})
    expect(box).not_to_be_checked()
    view.set(**{trait: True})
    expect(box).to_be_checked()
    box.press("Space")
    settings(view, **{trait: False})


def test_orientations_are_switched_one_by_one_and_keep_their_order(view: View) -> None:
    group = view.place.get_by_role("group", name="orientations")
    assert boxes(view, "orientations") == ["horizontal", "vertical", "diagonal"]
    group.get_by_role("checkbox", name="horizontal").uncheck()
    settings(view, orientations=["vertical", "diagonal"])
    group.get_by_role("checkbox", name="vertical").uncheck()
    group.get_by_role("checkbox", name="diagonal").uncheck()
    settings(view, orientations=[])
    group.get_by_role("checkbox", name="diagonal").check()
    group.get_by_role("checkbox", name="horizontal").check()
    settings(view, orientations=["horizontal", "diagonal"])
    view.set(orientations=["vertical"])
    assert boxes(view, "orientations") == ["vertical"]


def test_opacity_is_set_from_either_side(view: View) -> None:
    slider = view.place.get_by_role("slider", name="opacity")
    expect(slider).to_have_attribute("aria-valuetext", "100 %")
    slider.press("ArrowLeft")
    settings(view, opacity=0.99)
    slider.press("Home")
    settings(view, opacity=0)
    view.set(opacity=0.37)
    expect(slider).to_have_value("37")
    expect(slider).to_have_attribute("aria-valuetext", "37 %")
    slider.press("ArrowRight")
    settings(view, opacity=0.38)


def test_the_rate_takes_the_values_that_python_offers(view: View) -> None:
    slider = view.place.get_by_role("slider", name="false discovery rate")
    slider.press("Home")
    for rate in RATES:
        settings(view, rate=rate)
        expect(slider).to_have_attribute("aria-valuetext", percent(rate))
        slider.press("ArrowRight")
    view.set(rate=0.01)
    expect(slider).to_have_value(str(RATES.index(0.01)))


def test_colours_are_picked_from_those_for_magnitudes_or_signs(view: View) -> None:
    for trait, names, hidden in [("colours", SEQUENTIAL, DIVERGING), ("signed_colours", DIVERGING, SEQUENTIAL)]:
        view.set(signed=trait == "signed_colours")
        lists = view.place.get_by_role("combobox", name="colours")  # the other one is hidden
        expect(lists).to_have_count(1)
        assert lists.get_by_role("option").all_inner_texts() == list(names)
        assert not set(names) & set(hidden)
        lists.select_option(names[-1])
        settings(view, **{trait: names[-1]})
        view.set(**{trait: names[1]})
        assert lists.evaluate("list => list.selectedOptions[0].textContent") == names[1]


def test_the_end_of_the_colour_scale_is_written_and_can_be_made_automatic(
    view: View, explanation: wam.Explanation
) -> None:
    ticks = view.place.locator(".wam-ticks")
    view.set(limit=0.25)
    expect(ticks).to_have_text("00.125≥ 0.25")
    view.set(signed=True, limit=12345)
    expect(ticks).to_have_text("≤ −123000≥ 12300")
    view.place.get_by_role("button", name="whole-map colours").click()
    settings(view, limit=0)


def test_an_item_is_chosen_from_its_strip(view: View, explanation: wam.Explanation) -> None:
    strip = view.place.get_by_role("group", name="items").get_by_role("button")
    expect(strip).to_have_count(2)
    for item in (1, 0):
        strip.nth(item).click()
        settings(view, item=item)
        expect(strip.nth(item)).to_have_attribute("aria-pressed", "true")
        expect(strip.nth(1 - item)).to_have_attribute("aria-pressed", "false")
        view.answered()
        right = picture(explanation[item], Settings((1.0,) * len(explanation.scales)))
        assert np.abs(view.pixels() - right).max() <= 1.01


def test_a_wavelet_that_is_in_the_page_is_chosen_without_a_kernel(view: View, explanation: wam.Explanation) -> None:
    wavelets = view.place.get_by_role("combobox", name="wavelet")
    assert wavelets.get_by_role("option").all_inner_texts() == ["haar", "db4", "none: the pixels"]
    for name, label in [(None, "none: the pixels"), ("db4", "db4"), ("haar", "haar")]:
        seen = explanation[0].view(wavelet=name)
        view.set(weights=[0.5] * len(view.state["weights"]))
        wavelets.select_option(label)
        settings(view, wavelet=name)
        view.answered()
        assert len(view.state["weights"]) == len(seen.scales)
        expect(view.place.get_by_role("slider", name="weight of ")).to_have_count(len(seen.scales))
        weights = tuple(view.state["weights"])
        assert np.abs(view.pixels() - picture(seen, Settings(weights))).max() <= 1.01
        expect(view.place.get_by_role("group", name="orientations")).to_have_count(0 if name is None else 1)


def transform(view: View) -> str:
    return str(view.place.locator(".wam-sheet").evaluate("sheet => sheet.style.transform"))


def test_the_picture_is_zoomed_with_buttons_and_keys(view: View) -> None:
    def button(name: str) -> Locator:
        return view.place.get_by_role("group", name="zoom").get_by_role("button", name=name)

    whole = transform(view)
    button("zoom in").click()
    settings(view, zoom=2, centre=[0.5, 0.5])
    button("zoom in").click()
    settings(view, zoom=4)
    button("zoom out").click()
    settings(view, zoom=2)
    view.picture.focus()
    for key, zoom in [("+", 4), ("-", 2), ("-", 1), ("-", 1), ("=", 2), ("0", 1)]:
        view.page.keyboard.press(key)
        settings(view, zoom=zoom)
    assert transform(view) == whole
    for _ in range(7):
        button("zoom in").click()
    settings(view, zoom=32)
    button("whole picture").click()
    settings(view, zoom=1, centre=[0.5, 0.5])


def test_a_zoom_that_is_set_elsewhere_shows_that_part_of_the_picture(view: View) -> None:
    pane = view.picture.bounding_box()
    assert pane is not None
    view.set(zoom=4, centre=[0.25, 0.75])
    middle = view.drawn_box(6, 15)  # a quarter down of 24 rows, three quarters across 20 columns
    assert middle["x"] == pytest.approx(pane["x"] + pane["width"] / 2, abs=2)
    assert middle["y"] == pytest.approx(pane["y"] + pane["height"] / 2, abs=2)


def test_the_wheel_zooms_about_the_pointer_and_a_drag_moves_the_picture(view: View) -> None:
    view.point_at(4, 15)
    before = view.drawn_box(4, 15)
    view.page.keyboard.down("Control")
    view.page.mouse.wheel(0, -200)
    view.page.keyboard.up("Control")
    view.until("model => model.get('zoom') === 2")
    after = view.drawn_box(4, 15)
    assert after["x"] + after["width"] / 2 == pytest.approx(before["x"] + before["width"] / 2, abs=2)
    assert after["y"] + after["height"] / 2 == pytest.approx(before["y"] + before["height"] / 2, abs=2)
    view.point_at(8, 14)
    held = view.drawn_box(8, 14)
    view.page.mouse.down()
    view.page.mouse.move(held["x"] - 20, held["y"] - 30, steps=5)
    view.page.mouse.up()
    moved = view.drawn_box(8, 14)
    assert moved["x"] + moved["width"] / 2 == pytest.approx(held["x"] - 20, abs=2)
    assert moved["y"] + moved["height"] / 2 == pytest.approx(held["y"] - 30, abs=2)
    settings(view, cursor=[])  # a drag is no click


def test_a_cursor_that_is_set_elsewhere_is_drawn_and_read_off(view: View) -> None:
    marks = view.picture.locator("svg rect")
    expect(marks).to_have_count(0)
    view.set(cursor=[3, 7])
    assert marks.first.evaluate("rect => [rect.getAttribute('y'), rect.getAttribute('x')]") == ["3", "7"]
    assert "x 7 px, y 3 px" in view.place.inner_text()
    view.set(cursor=[])
    expect(marks).to_have_count(0)


def test_the_numbers_told_from_zero_and_by_chance_are_pythons(view: View, explanation: wam.Explanation) -> None:
    one = explanation[0]
    of_all = f"{one.attribution.flatten().numel():,}"
    for rate in RATES:
        view.set(rate=rate)
        found = int(one.significant(rate).flatten().sum())
        chance = int(np.floor(found * rate + 0.5))
        by_chance = f"about {chance:,}" if found * rate >= 1 else "fewer than 1"
        sentence = f"{found:,} of {of_all} coefficients can be told from zero; {by_chance} of them by chance."
        expect(view.place.get_by_text(sentence)).to_be_visible()


def test_shares_of_the_scales_and_their_intervals_are_pythons(view: View, explanation: wam.Explanation) -> None:
    one = explanation[0]
    intervals = one.scale_share_intervals()[0].tolist()
    for share, (low, high) in zip(one.scale_shares()[0].tolist(), intervals, strict=True):
        expect(view.place.get_by_text(f"{percent(share)} ({percent(low)} to {percent(high)})")).to_be_visible()


def test_predicted_classes_are_listed_with_their_probabilities(view: View, explanation: wam.Explanation) -> None:
    assert explanation.output is not None
    assert explanation.target is not None
    chances = explanation.output[0].softmax(0)
    rows = view.place.get_by_role("list", name="predicted classes").get_by_role("listitem")
    order = chances.argsort(descending=True).tolist()
    for row, column in zip(rows.all_inner_texts(), order, strict=True):
        label = ["tabby", "tiger", "moped"][column]
        said = f"{label} explained" if column == int(explanation.target[0]) else label
        assert row.split() == [*said.split(), *percent(float(chances[column])).split()]


def test_what_a_look_has_no_use_for_is_not_offered(view: View) -> None:
    opacity = view.place.get_by_role("slider", name="opacity")
    fit = view.place.get_by_role("button", name="fit colours")
    for look, has_opacity, has_colours in [("mosaic", 0, 1), ("image", 0, 0), ("heatmap", 1, 1)]:
        view.set(look=look)
        expect(opacity).to_have_count(has_opacity)
        expect(fit).to_have_count(has_colours)


def test_without_errors_nothing_about_noise_is_offered(mount: Mount) -> None:
    view = mount(wam.ImageExplorer(explained((12, 10), wavelet="haar", method="saliency")))
    for name in ("hide what can't be told from zero", "denoised"):
        expect(view.place.get_by_role("checkbox", name=name)).to_have_count(0)
    expect(view.place.get_by_role("slider", name="false discovery rate")).to_have_count(0)
    expect(view.place.get_by_text("A saliency map is one gradient: nothing says how sure it is.")).to_be_visible()


def test_magnitudes_have_no_sign_to_show(mount: Mount) -> None:
    view = mount(wam.ImageExplorer(explained((12, 10), wavelet="haar", aggregate="mean_abs")))
    expect(view.place.get_by_role("checkbox", name="with sign")).to_have_count(0)
    expect(view.place.get_by_role("checkbox", name="hide what can't be told from zero")).to_have_count(0)


def test_what_a_control_sets_is_told_once_and_what_is_set_elsewhere_never(mount: Mount) -> None:
    view = mount(wam.ImageExplorer(explained((12, 10), wavelet="haar")), clock=True)
    view.set(look="mosaic", signed=True, opacity=0.5)
    view.page.clock.run_for(1000)
    assert view.saves == 0
    view.place.get_by_role("radio", name="heat map").check()
    view.place.get_by_role("checkbox", name="with sign").uncheck()
    view.place.get_by_role("slider", name="opacity").press("Home")
    assert view.saves == 0
    view.page.clock.run_for(1000)
    assert view.saves == 1
    settings(view, look="heatmap", signed=False, opacity=0)
