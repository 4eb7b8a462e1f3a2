"""The controls of a player, its words and numbers, and that everyone can read and reach them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

import wam_widgets as wam
from tests.widgets.cases import RATE, sound
from tests.widgets.test_player import GRID, Listener, behind
from wam_widgets.attribution.time_frequency import tiles
from wam_widgets.plots.words import number, percent
from wam_widgets.widgets.spectrogram_view import FRACTIONS

from .pages import Mount, View
from .test_accessibility import KEYS, ROLES, serious

LABELS = ["hum, and whatever else hums in a long name that hardly fits a line", "hiss", "<img src=x onerror=alert(1)>"]


def explained() -> wam.Explanation:
    options: dict[str, Any] = {"samples": 16, "noise": 0.1, "level": 3, "grid": GRID, "progress": False}
    return wam.explain(Listener(), sound(1500, items=2).signal, [0, 2], labels=LABELS, **options)


@pytest.fixture(scope="module")
def explanation() -> wam.Explanation:
    return explained()


@pytest.fixture(scope="module")
def page(browser: Browser, explanation: wam.Explanation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[View]:
    mount = Mount(browser, tmp_path_factory.mktemp("desk"))
    yield mount(wam.SpectrogramPlayer(explanation, model=Listener()), wavelets=["db2", None])
    mount.close()


@pytest.fixture
def view(page: View) -> View:
    page.page.reload()
    return page


def settings(view: View, **expected: Any) -> None:
    state = view.state
    assert {name: state[name] for name in expected} == expected


def test_what_is_heard_is_chosen_from_either_side(view: View) -> None:
    group = view.place.get_by_role("radiogroup", name="heard")
    for name, value in [("only what mattered", "kept"), ("only the rest", "rest"), ("original", "original")]:
        group.get_by_role("radio", name=name).check()
        settings(view, heard=value)
    view.set(heard="rest")
    expect(group.get_by_role("radio", name="only the rest")).to_be_checked()


@pytest.mark.parametrize(
    ("trait", "name"),
    [("only_kept", "draw only the largest"), ("matched", "as loud as the original"), ("signed", "with sign")],
)
def test_what_is_on_or_off_is_switched_from_either_side(view: View, trait: str, name: str) -> None:
    box = view.place.get_by_role("checkbox", name=name)
    before = view.state[trait]
    box.press("Space")
    settings(view, **{trait: not before})
    view.set(**{trait: before})
    expect(box).to_be_checked(checked=before)


@pytest.mark.parametrize(
    ("trait", "name", "values"),
    [
        ("fraction", "coefficients kept", FRACTIONS),
        ("speed", "speed (and pitch)", (0.25, 0.5, 0.75, 1, 1.25, 1.5, 2)),
        ("volume", "volume", [each / 100 for each in range(101)]),
    ],
)
def test_sliders_take_their_values_from_either_side(view: View, trait: str, name: str, values: Any) -> None:
    slider = view.place.get_by_role("slider", name=name)
    slider.press("Home")
    for value in values[:8]:
        assert view.state[trait] == pytest.approx(value)
        slider.press("ArrowRight")
    slider.press("End")
    assert view.state[trait] == values[-1]
    view.set(**{trait: values[2]})
    expect(slider).to_have_value("2")
    if trait != "speed":
        expect(slider).to_have_attribute("aria-valuetext", percent(values[2]))


def test_the_axis_is_picked_and_named_and_octaves_divide_the_picture(view: View, explanation: wam.Explanation) -> None:
    pick = view.place.get_by_role("combobox", name="frequency axis")
    for name, value in [("linear", "linear"), ("mel", "mel"), ("logarithmic", "log")]:
        pick.select_option(name)
        settings(view, axis=value)
        assert view.place.locator(".wam-octaves line.wam-over").count() == len(explanation.scales) - 1
    assert "frequency (Hz)" in view.place.inner_text()
    assert "time (s)" in view.place.inner_text()
    heights = view.place.locator(".wam-octaves line.wam-over").evaluate_all(
        "lines => lines.map(line => 1 - line.getAttribute('y1'))"
    )
    lowest = tiles(explanation)[1].octave.low / 2
    highest = RATE / 2
    expected = [np.log2(each.octave.low / lowest) / np.log2(highest / lowest) for each in tiles(explanation)[1:]]
    assert heights == pytest.approx(expected)


def test_the_coefficients_of_a_moment_are_those_of_the_engine(view: View, explanation: wam.Explanation) -> None:
    given = explanation[0]
    moment = 0.1037
    view.set(position=moment)
    view.settled()
    rows = view.place.locator(".wam-readout tbody tr")
    expect(rows).to_have_count(len(given.scales))
    errors = [band[0, 0].tolist() for _, _, band in given.standard_error().bands()]
    for at, (tiling, (_, _, band)) in enumerate(zip(tiles(given), given.attribution.bands(), strict=True)):
        tile = int(np.searchsorted(tiling.edges, moment, side="right")) - 1
        (index,) = np.flatnonzero(tiling.tile == tile)
        wanted = f"{number(float(band[0, 0, index]))} ± {number(errors[at][index])}"
        cells = rows.nth(at).get_by_role("cell").all_inner_texts()
        octave = tiling.octave
        assert cells == [f"{number(octave.low)} to {number(octave.high)}", percent(octave.share), wanted]
    assert "0.104 s" in view.place.locator(".wam-readout").inner_text()


def test_pointing_reads_off_time_frequency_and_loudness(view: View) -> None:
    view.set(axis="linear")
    view.point_at(150, 500)
    view.settled()
    said = view.place.locator(".wam-readout").inner_text()
    seconds = 1500 / RATE / 2
    assert said.startswith(f"{seconds:.3f} s, ")
    assert " Hz: −" in said
    here = view.place.locator(".wam-readout tr.wam-here th").all_inner_texts()
    assert here in (["detail 2"], ["detail 1"])  # about 2 kHz, where they meet
    view.page.mouse.move(5, 5)
    view.settled()
    assert "At the cursor" in view.place.locator(".wam-readout").inner_text()


def verdict(view: View) -> dict[str, list[str]]:
    """Return the columns of the table of probabilities, by their names."""
    view.settled()
    table = view.place.locator(".wam-verdict")
    names = table.locator("thead th").all_inner_texts()
    rows = [row.locator("th, td").all_inner_texts() for row in table.locator("tbody tr").all()]
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}


def test_the_model_s_words_on_what_is_kept_and_the_rest_are_shown(view: View) -> None:
    kept = view.place.evaluate("place => place.model.get('_kept')")
    for fraction in (0.05, 0.001):
        view.set(fraction=fraction, heard="kept")
        said = verdict(view)
        at = FRACTIONS.index(fraction)
        assert said[f"what mattered, {percent(fraction)}"] == [percent(each) for each in kept["kept"][at]]
        assert said["the rest"] == [percent(each) for each in kept["rest"][at]]
        assert set(said) == {
            "class",
            "original",
            f"what mattered, {percent(fraction)}",
            "the rest",
        }  # no kernel, no mix
    marked = view.place.locator(".wam-verdict thead .wam-here")
    assert marked.all_inner_texts() == ["what mattered, 0.1 %"]
    view.set(fraction=0.04)
    assert verdict(view)["the rest"] == ["…"] * 3
    assert "at another fraction, only the model knows" in view.place.inner_text()


def test_other_items_and_wavelets_come_with_their_own(view: View, explanation: wam.Explanation) -> None:
    before = verdict(view)["the rest"]
    view.place.get_by_role("group", name="items").get_by_role("button").nth(1).click()
    view.answered()
    assert verdict(view)["the rest"] != before
    view.set(gains=[0, 1, 1, 1])
    view.place.get_by_role("combobox", name="wavelet").select_option("none: the samples")
    view.answered()
    settings(view, gains=[1])
    expect(view.place.get_by_role("slider", name="gain of")).to_have_count(1)
    assert verdict(view)["class"][0].startswith(LABELS[int(explanation[1].output[0].argmax())][:4])  # type: ignore[index]  # it has one
    expect(view.place.get_by_role("alert")).to_be_hidden()


def test_text_from_users_stays_text(view: View) -> None:
    assert view.place.locator(".wam-explorer img").count() == 0
    assert LABELS[2] in verdict(view)["class"]


def test_every_control_has_a_name_of_its_own(view: View) -> None:
    tree = view.page.context.new_cdp_session(view.page).send("Accessibility.getFullAXTree")["nodes"]
    controls: dict[str, list[str]] = {}
    for node in tree:
        role = node.get("role", {}).get("value")
        if role in ROLES and not node["ignored"]:
            controls.setdefault(role, []).append(node["name"]["value"])
    assert set(controls) == ROLES
    for role, names in controls.items():
        assert all(names), (role, names)
        if role != "button":  # of which each item has one, maybe of the same class
            assert len(set(names)) == len(names), (role, names)
    assert controls["application"][0].endswith("spectrogram. Space plays, arrow keys move, Escape ends the loop.")


STOP = """() => {
  const { tagName, type, role, textContent, ariaLabel } = document.activeElement;
  return { tag: tagName.toLowerCase(), type, role, name: ariaLabel ?? textContent };
}"""


def test_tab_reaches_every_control_and_leaves(view: View) -> None:
    view.set(loop=[0.02, 0.1], span=[0.01, 0.12], opacity=0.5)
    reached = []
    while True:
        view.page.keyboard.press("Tab")
        at = view.page.evaluate(STOP)
        if at["tag"] == "body":
            break
        reached.append(at["name"])
        assert len(reached) < 100, "Tab never leaves the view"
        assert at["role"] in {"region", "application"} or at["type"] in KEYS, at
    for name in (
        "play",
        "stop",
        "no loop",
        "zoom to loop",
        "whole sound",
        "volume",
        "gain of detail 1",
        "solo detail 1",
    ):
        assert reached.count(name) == 1, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(mount: Mount, scheme: Any) -> None:
    view = mount(wam.SpectrogramPlayer(behind(), loop=[0.05, 0.2]), wavelets=["db2"], color_scheme=scheme)
    for look in ("tiles", "features"):
        view.set(look=look, significant=look == "tiles", gains=[1, 0, 1, 1], heard="kept", playing=look == "features")
        view.settled()
        assert serious(view) == []


def test_where_the_reader_chooses_the_colours_nothing_gets_lost(mount: Mount) -> None:
    view = mount(wam.SpectrogramPlayer(explained(), loop=[0.05, 0.1]), forced_colors="active")
    colours = [
        view.place.locator(part).evaluate(
            "part => getComputedStyle(part)[part.closest('svg') ? 'fill' : 'borderColor']"
        )
        for part in (".wam-wave-all", ".wam-wave-heard", ".wam-region")
    ]
    assert len(set(colours)) == 3
    assert serious(view) == []


@pytest.mark.parametrize("width", [480, 360])
def test_nothing_sticks_out_of_a_narrow_page(mount: Mount, explanation: wam.Explanation, width: int) -> None:
    player = wam.SpectrogramPlayer(explanation, model=Listener(), loop=[0.05, 0.1], span=[0.02, 0.12])
    view = mount(player, wavelets=["db2", None], viewport={"width": width, "height": 800})
    view.settled()
    assert view.page.evaluate("document.scrollingElement.scrollWidth") <= width
    for control in view.place.get_by_role("slider").all():
        box = control.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["width"] >= 50
    expect(view.picture).to_be_in_viewport()
