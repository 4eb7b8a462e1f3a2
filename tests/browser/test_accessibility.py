"""Views that can be read, reached and used by everyone."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

import wam_widgets as wam

from .explanations import explained
from .pages import Mount, View

LOOKS = ("heatmap", "image", "mosaic")
LABELS = ["tabby", "tiger cat, of which there are many kinds and names that hardly fit a line", "moped"]

#: Every control in sight that Tab should stop at: of radio buttons, the one that is on.
STOPS = """() => [...document.querySelectorAll("input, select, button, a[href], [tabindex]")]
  .filter(each => each.checkVisibility() && !each.disabled && (each.type !== "radio" || each.checked)).length"""
DESCRIBED = """() => {
  const { tagName, type, role, textContent, ariaPressed, ariaLabel } = document.activeElement;
  const chosen = ariaPressed === "true" && document.activeElement.closest("[aria-label=items]") !== null;
  return { tag: tagName.toLowerCase(), type, role, chosen, name: ariaLabel ?? textContent };
}"""
ROLES = {"slider", "checkbox", "radio", "button", "combobox", "application", "region"}
KEYS = {"range": "ArrowRight", "checkbox": "Space", "radio": "ArrowRight", "select-one": "ArrowDown", "button": "Enter"}


def explorer(**settings: Any) -> wam.ImageExplorer:
    explanation = explained((24, 30), wavelet="haar", level=3, items=2, labels=LABELS)
    return wam.ImageExplorer(explanation, cursor=[3, 4], **settings)


def serious(view: View) -> list[str]:
    """Return what axe-core finds that is serious or critical."""
    found = Axe().run(view.page).response["violations"]
    return [
        f"{each['id']}: {node['html']}: {node['failureSummary']}"
        for each in found
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_any_look(mount: Mount, scheme: str) -> None:
    view = mount(explorer(), wam.ScaleSliders(["a", "b"]), wavelets=["db2"], color_scheme=scheme)
    background = view.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 27)"}[scheme]
    for look in LOOKS:
        view.set(look=look, significant=look != "image", weights=[1, 0, 1, 1])
        view.settled()
        assert serious(view) == []
    view.set(_problem="ValueError: something went wrong")
    assert serious(view) == []


def test_axe_finds_what_is_wrong(mount: Mount) -> None:
    view = mount.open("<!DOCTYPE html><html lang='en'><title>A page</title><div data-wam><input type='range'></div>")
    assert [each.split(":")[0] for each in serious(view)] == ["label"]


def test_every_control_has_a_name(mount: Mount) -> None:
    view = mount(explorer(), wavelets=["db2"])
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


def test_tab_reaches_every_control_and_a_key_works_each(mount: Mount) -> None:
    view = mount(explorer(limit=1e-3, zoom=4.0, weights=[0.5, 1, 1, 1], opacity=0.5, rate=0.01), wavelets=["db2"])
    stops = view.page.evaluate(STOPS)
    reached = []
    while True:
        view.page.keyboard.press("Tab")
        at = view.page.evaluate(DESCRIBED)
        if at["tag"] == "body":
            break
        reached.append(at["name"])
        assert len(reached) <= stops, "Tab never leaves the view"
        if at["role"] == "region" or at["chosen"]:
            continue  # what scrolls; the item that is there already
        key = "ArrowRight" if at["role"] == "application" else KEYS[at["type"]]
        before = view.state
        view.page.keyboard.press(key)
        assert view.state != before, at
        if at["type"] == "radio":  # back, so that nothing disappears
            view.page.keyboard.press("ArrowLeft")
    assert len(reached) == stops
    assert reached.count("weight of detail 1") == 1


def test_keys_that_a_control_takes_do_not_reach_the_notebook(mount: Mount) -> None:
    view = mount(explorer())
    view.page.evaluate("() => { window.heard = []; document.onkeydown = event => window.heard.push(event.key); }")
    for control in (view.picture, view.place.get_by_role("slider", name="opacity")):
        for key in ("ArrowDown", "a", "Enter", "Escape"):
            control.press(key)
    assert view.page.evaluate("window.heard") == ["Escape", "Escape"]


@pytest.mark.parametrize("width", [480, 360])
def test_nothing_sticks_out_of_a_narrow_page(mount: Mount, width: int) -> None:
    view = mount(explorer(), wam.ScaleSliders(LABELS), wavelets=["db2", None], viewport={"width": width, "height": 800})
    for look in LOOKS:
        view.set(look=look, signed=look == "mosaic")
        view.settled()
        assert view.page.evaluate("document.scrollingElement.scrollWidth") <= width, look
    for control in view.place.get_by_role("slider").all():
        box = control.bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["width"] >= 50
    expect(view.picture).to_be_in_viewport()
