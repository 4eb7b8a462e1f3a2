"""The scrubber in a page: a drag shows what was stored for that step, and what the model said to it."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from playwright.sync_api import Locator, expect

import wam_widgets as wam
from tests.attribution.networks import SmallNet, signal_of
from wam_widgets.evaluation import FaithfulnessReport, frames
from wam_widgets.evaluation.ranking import Importance
from wam_widgets.evaluation.tracing import Kind
from wam_widgets.plots.words import percent
from wam_widgets.widgets import CurveScrubber

from .pages import _PIXELS, Mount, View
from .test_accessibility import serious

STEPS = 16
INSERTION: Kind = "insertion"
DELETION: Kind = "deletion"


@cache
def case(
    *size: int, channels: int = 3, items: int = 1, rate: float | None = None
) -> tuple[FaithfulnessReport, torch.Tensor, dict[str, Importance]]:
    """Return a report of two methods in different terms, and what it was made of."""
    signal = signal_of(*size, items=items, channels=channels).sigmoid()
    model = SmallNet(len(size), channels)
    grid = None if rate is None else wam.Grid.sound(rate)
    given = wam.explain(
        model, signal, 0, method="saliency", level=2, grid=grid, labels=["cat", "dog", "cup"], progress=False
    )
    named: dict[str, Importance] = {"waves": given, "map": signal.mean(1)}
    return wam.evaluate(model, signal, named, target=0, steps=STEPS, controls=2, progress=False), signal, named


def scrubber(*size: int, channels: int = 3, items: int = 1, rate: float | None = None, **options: Any) -> CurveScrubber:
    report, signal, named = case(*(size or (20, 28)), channels=channels, items=items, rate=rate)
    return CurveScrubber(report, signal, named, **options)


def row(view: View, kind: Kind) -> Locator:
    return view.place.locator(f"[data-kind={kind}]")


def chart(view: View, kind: Kind) -> Locator:
    return row(view, kind).get_by_role("slider")


def drawn(view: View, kind: Kind, number: int = 0) -> NDArray[np.uint8]:
    """Return a picture, (row, column, red-green-blue), once it is drawn."""
    state = view.state
    expected = f" {state['method']} {state['step']}"
    view.page.wait_for_function("([place, end]) => place.querySelector('.wam').dataset.drawn?.endsWith(end)",
                                arg=[view.place.element_handle(), expected])  # fmt: skip
    view.settled()
    height, width, data = row(view, kind).locator("canvas").nth(number).evaluate(_PIXELS)
    pixels = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)
    assert (pixels[..., 3] == 255).all()
    return pixels[..., :3]


def stored(made: tuple[Any, ...], method: str, kind: Kind, step: int, item: int = 0) -> NDArray[np.float64]:
    """Return what the model saw, (channel, *space), as a screen shows it before it is rounded: by evaluation alone."""
    report, signal, named = made
    seen = frames(signal, named[method], kind, protocol=report.protocol, item=item, seed=report.seed)[step]
    return np.asarray(255 * seen.clamp(0, 1).double().numpy())


def drag(view: View, kind: Kind, fraction: float, *, begin: float = 0.9) -> None:
    """Drag the cursor, between places as fractions of the axis."""
    box = chart(view, kind).bounding_box()
    assert box is not None
    left, wide = box["x"] + 62, box["width"] - 74  # as ROOM in charts.js
    view.page.mouse.move(left + begin * wide, box["y"] + 60)
    view.page.mouse.down()
    view.page.mouse.move(left + (begin + fraction) / 2 * wide, box["y"] + 90)
    view.page.mouse.move(left + fraction * wide, box["y"] + 90, steps=4)
    view.page.mouse.up()


# -------------------------------------------------------------------------------------------------- what a drag shows


@pytest.mark.parametrize("kind", [INSERTION, DELETION])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_drag_shows_the_stored_frame_of_that_step_and_its_probability(
    mount: Mount, kind: Kind, channels: int
) -> None:
    made = case(20, 28, channels=channels)
    view = mount(scrubber(20, 28, channels=channels))
    for step in (5, 0, STEPS, 11):
        drag(view, kind, step / STEPS)
        assert view.state["step"] == step
        for each in (INSERTION, DELETION):  # both curves are at one step
            pixels = drawn(view, each)
            wanted = np.moveaxis(stored(made, "waves", each, step), 0, -1)
            assert np.abs(pixels - wanted).max() < 0.501
            chance = percent(float(made[0].scores[each][0, 0, step]))
            expect(row(view, each).locator(".wam-score")).to_have_text(f"probability {chance}")
            done = "inserted" if each == "insertion" else "deleted"
            units, energy = made[0].units[0, step], made[0].energy[each][0, 0, step]
            said = (
                f"Step {step} of {STEPS}: {percent(units)} of the coefficients {done}, {percent(energy)} of the energy"
            )
            expect(row(view, each)).to_contain_text(said)
    assert view.saves > 0  # a kernel would know


def test_along_the_energy_a_drag_goes_to_the_step_with_that_energy(mount: Mount) -> None:
    report, *_ = case(20, 28)
    view = mount(scrubber(axis="energy"))
    for step in (2, 9):
        drag(view, INSERTION, float(report.energy["insertion"][0, 0, step]))
        assert view.state["step"] == step


def test_a_key_goes_on_from_the_step_that_was_set_though_it_is_not_drawn_yet(mount: Mount) -> None:
    view = mount(scrubber(step=STEPS))
    chart(view, DELETION).focus()
    view.place.evaluate("""place => {
        place.model.update({ step: 3 });
        document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
    }""")
    assert view.state["step"] == 4


def test_keys_move_the_cursor_and_say_what_is_there(mount: Mount) -> None:
    view = mount(scrubber(step=8))
    keys = {"ArrowRight": 9, "ArrowUp": 10, "ArrowLeft": 9, "ArrowDown": 8, "PageUp": 16, "PageDown": 6, "Home": 0,
            "End": 16}  # fmt: skip
    for kind in (INSERTION, DELETION):
        view.set(step=8)
        for key, step in keys.items():
            chart(view, kind).press(key)
            assert view.state["step"] == step
            expect(chart(view, kind)).to_have_attribute("aria-valuenow", str(step))
        chart(view, kind).press("ArrowRight")
        assert view.state["step"] == STEPS
        expect(chart(view, kind)).to_have_attribute("aria-valuetext", f"step 16 of 16: 100 % of the coefficients "
            f"{'inserted' if kind == 'insertion' else 'deleted'}, 100 % of the energy, "
            f"probability {percent(float(case(20, 28)[0].scores[kind][0, 0, -1]))}")  # fmt: skip


def test_the_cursor_stands_on_the_curve(mount: Mount) -> None:
    report, *_ = case(20, 28)
    view = mount(scrubber(step=8))
    drawn(view, INSERTION)
    middle = row(view, INSERTION).locator(".wam-at-chosen").bounding_box()
    box = chart(view, INSERTION).bounding_box()
    assert middle is not None
    assert box is not None
    x = (middle["x"] + middle["width"] / 2 - box["x"] - 62) / (box["width"] - 74)
    assert abs(x - report.units[0, 8]) < 0.01


def test_another_method_shows_its_own_frames(mount: Mount) -> None:
    made = case(20, 28)
    view = mount(scrubber(step=6))
    before = drawn(view, DELETION)
    view.place.get_by_role("radio", name="map").check()
    pixels = drawn(view, DELETION)
    assert np.abs(pixels - np.moveaxis(stored(made, "map", DELETION, 6), 0, -1)).max() < 0.501
    assert not np.array_equal(pixels, before)
    expect(row(view, DELETION)).to_contain_text("of the pixels deleted")
    view.place.get_by_role("radio", name="magnitude, haar, level 2").check()
    energy = made[0].energy["deletion"][made[0].methods.index("magnitude, haar, level 2"), 0, 6]
    expect(row(view, DELETION)).to_contain_text(f"{percent(float(energy))} of the energy")
    expect(view.place.get_by_role("radio", name="random, haar, level 2")).to_be_disabled()


def test_the_table_says_what_every_method_has_here_and_in_all(mount: Mount) -> None:
    report, *_ = case(20, 28)
    view = mount(scrubber(step=3))
    drawn(view, INSERTION)
    rows = view.place.locator(".wam-methods tbody tr")
    expect(rows).to_have_count(len(report.methods))
    for at in range(len(report.methods)):
        chances = [percent(float(report.scores[kind][at, 0, 3])) for kind in (INSERTION, DELETION)]
        areas = [report.insertion[at, 0], report.deletion[at, 0], report.faithfulness[at, 0]]
        expect(rows.nth(at).locator("td")).to_have_text(
            [*chances, *(f"{each:.3f}".replace("-", "−") for each in areas)]
        )


def test_another_item_is_shown_without_a_kernel(mount: Mount) -> None:
    made = case(20, 28, items=10)
    view = mount(scrubber(20, 28, items=10, step=4, methods=["waves"]))
    view.place.get_by_role("combobox", name="item").select_option(index=7)
    view.page.wait_for_function("() => document.querySelector('.wam').dataset.drawn.startsWith('7 ')")
    pixels = drawn(view, INSERTION)
    assert np.abs(pixels - np.moveaxis(stored(made, "waves", INSERTION, 4, item=7), 0, -1)).max() < 0.501
    expect(view.place.locator(".wam-title")).to_contain_text("item 7: ")
    assert row(view, INSERTION).locator(".wam-band").count() == 4  # its controls are those of its own terms
    view.place.get_by_role("checkbox", name="95 % intervals of the mean of 10 items").uncheck()
    expect(row(view, INSERTION).locator(".wam-band")).to_have_count(0)


def test_python_moves_the_cursor_too_and_chooses_the_curves(mount: Mount) -> None:
    made = case(20, 28)
    view = mount(scrubber())
    view.set(step=13, kind="deletion")
    pixels = drawn(view, DELETION)
    assert np.abs(pixels - np.moveaxis(stored(made, "waves", DELETION, 13), 0, -1)).max() < 0.501
    expect(chart(view, DELETION)).to_have_attribute("aria-valuenow", "13")
    expect(row(view, INSERTION)).to_be_hidden()
    expect(row(view, DELETION)).to_be_visible()


def test_steps_run_by_themselves_and_stop(mount: Mount) -> None:
    view = mount(scrubber(step=STEPS - 3))
    button = view.place.get_by_role("button", name="run through the steps")
    button.click()
    view.until(f"model => model.get('step') === {STEPS}")
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    view.until("model => model.get('step') === 2")  # from the beginning
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")


# ------------------------------------------------------------------------------------------------- volumes and sounds


def test_three_slices_of_a_volume_are_shown(mount: Mount) -> None:
    made = case(6, 8, 10, channels=1)
    view = mount(scrubber(6, 8, 10, channels=1, step=5))
    volume = stored(made, "waves", INSERTION, 5)[0]
    for number, plane in enumerate((volume[3], volume[:, 4], volume[:, :, 5])):
        assert np.abs(drawn(view, INSERTION, number) - plane[..., None]).max() < 0.501
    expect(row(view, INSERTION).locator(".wam-seen")).to_contain_text("across z")


def test_a_sound_is_drawn_and_plays_while_the_cursor_moves(mount: Mount) -> None:
    view = mount(scrubber(4000, channels=1, rate=8000, step=4))
    view.until("model => document.querySelector('.wam').dataset.drawn !== undefined")
    path = row(view, DELETION).locator(".wam-seen-wave")
    before = path.get_attribute("d")
    button = row(view, DELETION).get_by_role("button", name="listen")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    chart(view, DELETION).press("ArrowRight")
    view.settled()
    assert path.get_attribute("d") != before
    expect(button).to_have_attribute("aria-pressed", "true")
    other = row(view, INSERTION).get_by_role("button", name="listen")
    other.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    other.click()
    expect(other).to_have_attribute("aria-pressed", "false")


def test_what_is_no_sound_cannot_be_played(mount: Mount) -> None:
    view = mount(scrubber(300, channels=1))
    expect(row(view, DELETION)).to_be_visible()
    expect(view.place.locator(".wam-listen").first).to_be_hidden()


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("delete window.AudioContext;", "this browser has no Web Audio."),
        ("window.AudioContext = class { constructor() { throw new Error(); } };", "this browser doesn't play 8,000"),
    ],
)
def test_where_no_sound_can_be_played_the_curves_stay_and_that_is_said(mount: Mount, script: str, reason: str) -> None:
    view = mount(scrubber(4000, channels=1, rate=8000, step=4), script=script)
    view.until("model => document.querySelector('.wam').dataset.drawn !== undefined")
    button = row(view, DELETION).locator(".wam-listen")
    if button.is_visible():
        button.click()
    expect(button).to_be_hidden()
    expect(row(view, DELETION).get_by_text(f"To be seen, not heard: {reason}")).to_be_visible()
    chart(view, DELETION).press("ArrowRight")
    assert view.state["step"] == 5


# ------------------------------------------------------------------------------------------------------- for everyone


def test_two_on_one_page_do_not_know_each_other(mount: Mount) -> None:
    made = case(20, 28)
    first = mount(scrubber(step=3), scrubber(step=3), picture=True)
    second = first.nth(1)
    drag(first, INSERTION, 12 / STEPS, begin=0.3)
    first.place.get_by_role("radio", name="map").check()
    assert (first.state["step"], second.state["step"]) == (12, 3)
    assert (first.state["method"], second.state["method"]) == ("map", "waves")
    for view, method, step in ((first, "map", 12), (second, "waves", 3)):
        pixels = drawn(view, INSERTION)
        assert np.abs(pixels - np.moveaxis(stored(made, method, INSERTION, step), 0, -1)).max() < 0.501


def test_a_page_without_javascript_shows_the_curves(mount: Mount) -> None:
    view = mount(scrubber(), java_script_enabled=False, forgiving=True)
    picture = view.place.get_by_role("img")
    expect(picture).to_have_attribute("alt", repr(scrubber()))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(mount: Mount, scheme: str) -> None:
    view = mount(scrubber(20, 28, items=10, methods=["waves"]), color_scheme=scheme)
    drawn(view, INSERTION)
    assert serious(view) == []


@pytest.mark.parametrize("width", [480, 360])
def test_nothing_sticks_out_of_a_narrow_page(mount: Mount, width: int) -> None:
    view = mount(scrubber(20, 28, items=10, methods=["waves"]), viewport={"width": width, "height": 800})
    drawn(view, INSERTION)
    assert view.page.evaluate("document.scrollingElement.scrollWidth") <= width
    drag(view, INSERTION, 0.5)
    assert view.state["step"] == STEPS // 2


def test_a_closed_view_is_gone_and_complains_of_nothing(mount: Mount) -> None:
    view = mount(scrubber())
    drawn(view, INSERTION)
    view.place.get_by_role("button", name="run through the steps").click()
    view.place.evaluate("place => place.close()")
    step = view.state["step"]
    view.page.wait_for_timeout(300)
    assert view.state["step"] == step
    expect(view.place.locator(".wam")).to_have_count(0)
