"""An exported page: small, alone with its browser, and of text that stays text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

import wam_widgets as wam
from tests.attribution.networks import SmallNet
from wam_widgets import samples
from wam_widgets.export import export_html, page, to_iframe

from .expected import Settings, picture
from .explanations import explained
from .pages import Mount

VILLAIN = '</script><img src=x onerror="window.broken=1"><b>a</b>'


@pytest.fixture(scope="module")
def photo() -> wam.Explanation:
    """A real photo in its real size; whose gradient it is makes no difference to the page."""
    pytest.importorskip("skimage")
    signal = samples.images()["cat"].signal
    return wam.explain(SmallNet(2, 3).float(), signal, wavelet="haar", level=5, samples=8, progress=False)


def test_the_page_of_a_photo_takes_less_than_5_mb_and_is_right(mount: Mount, photo: wam.Explanation) -> None:
    html = page([wam.ImageExplorer(photo, per="sample")], title="A photo")
    assert len(html.encode()) < 5e6
    view = mount.open(html)
    weights = (1.0, 0.5, 2.0, 1.0, 0.0, 1.0)
    for look in ("heatmap", "image", "mosaic"):
        view.set(look=look, weights=weights)
        right = picture(photo, Settings(weights, look=look))
        assert np.abs(view.pixels() - right).max() <= 1.01


def test_the_page_runs_no_code_but_its_own_and_asks_for_nothing(mount: Mount) -> None:
    view = mount(wam.ScaleSliders(["a"]), forgiving=True)
    found = view.page.evaluate("""async () => {
      const refused = [];
      const told = new Promise(done => document.addEventListener("securitypolicyviolation", event => {
        refused.push(event.effectiveDirective);
        if (new Set(refused).size === 5) done();
      }));
      const script = document.createElement("script");
      script.textContent = "window.broken = 1";
      document.body.append(script);
      const button = document.createElement("button");
      button.setAttribute("onclick", "window.broken = 2");
      document.body.append(button);
      button.click();
      const style = document.createElement("style");
      document.head.append(style);
      style.textContent = "main { display: none }";
      const image = new Image();
      const failed = new Promise(done => (image.onerror = done));
      image.src = "https://example.org/x.png";
      await failed;
      const fetched = await fetch("https://example.org").then(() => "fetched", () => "refused");
      await Promise.race([told, new Promise(done => setTimeout(done, 5000))]);
      return [refused, fetched, window.broken ?? null, getComputedStyle(document.querySelector("main")).display];
    }""")
    refused, fetched, broken, display = found
    assert set(refused) == {"script-src-elem", "script-src-attr", "style-src-elem", "img-src", "connect-src"}
    assert (fetched, broken, display) == ("refused", None, "block")


def test_what_users_write_is_text_and_never_markup(mount: Mount) -> None:
    labels = [VILLAIN, VILLAIN.replace("a", "b"), VILLAIN.replace("a", "c")]
    grid = wam.Grid((VILLAIN, "<i>x</i>"), (1.0, 1.0), ("<i>m</i>", "px"))
    explanation = explained((12, 10), wavelet="haar", items=2, labels=labels, grid=grid)
    explorer = wam.ImageExplorer(explanation, cursor=[2, 3])
    view = mount.open(page([explorer], title=f"</title>{VILLAIN}"))
    assert view.page.title() == f"</title>{VILLAIN}"
    assert view.page.evaluate("[...document.querySelectorAll('b, i, main img')].length") == 0
    assert view.page.evaluate("'broken' in window") is False
    head = view.place.locator(".wam-title")
    assert head.inner_text().startswith("</script><img src=x onerror=")
    assert "<i>x</i> 3 px" in view.place.locator(".wam-readout").inner_text()
    expect(view.place.get_by_role("list", name="predicted classes")).to_contain_text("</script><img")
    expect(view.place.get_by_role("group", name="items")).to_contain_text("</script><img")


def test_what_needs_a_kernel_is_absent(mount: Mount) -> None:
    model = SmallNet(2, 3)
    explanation = explained((12, 10), wavelet="haar")
    view = mount(wam.ImageExplorer(explanation, model=model, kind="contribution"))
    for group in ("Ask the model", "Wavelet"):
        expect(view.place.get_by_role("group", name=group)).to_have_count(0)
    for name in ("explain", "stop"):
        expect(view.place.get_by_role("button", name=name, exact=True)).to_have_count(0)
    names = view.place.get_by_role("combobox").evaluate_all("lists => lists.map(each => each.ariaLabel)")
    assert names == ["colours"]
    assert "contribution" in view.place.inner_text()


def test_two_views_of_one_page_have_nothing_in_common(mount: Mount) -> None:
    explanation = explained((12, 10), wavelet="haar")
    explorers = [wam.ImageExplorer(explanation), wam.ImageExplorer(explanation, look="mosaic")]
    first = mount(explorers[0], "<h2>and</h2>", explorers[1], wam.ScaleSliders(["a", "b"]))
    second, third = first.nth(1), first.nth(2)
    expect(first.page.get_by_role("heading", name="and")).to_be_visible()
    before = first.pixels()
    second.place.get_by_role("radio", name="rebuilt image").check()
    second.place.get_by_role("slider", name="weight of detail 1").press("Home")
    third.place.get_by_role("slider", name="weight of b").press("End")
    assert (first.state["look"], second.state["look"]) == ("heatmap", "image")
    assert [each.state["weights"] for each in (first, second, third)] == [[1, 1, 1], [1, 1, 0], [1, 2]]
    expect(first.place.get_by_role("radio", name="heat map")).to_be_checked()
    np.testing.assert_array_equal(first.pixels(), before)


def test_settings_of_the_explorer_are_where_the_page_begins(mount: Mount) -> None:
    explanation = explained(items=2)
    settings: dict[str, Any] = {
        "item": 1,
        "wavelet": "haar",
        "level": 1,
        "weights": [0.5, 2.0],
        "signed": True,
        "zoom": 2.0,
    }
    view = mount(wam.ImageExplorer(explanation, **settings))
    state = view.state
    assert {name: state[name] for name in settings} == settings
    seen = explanation[1].view(wavelet="haar", level=1)
    assert np.abs(view.pixels() - picture(seen, Settings((0.5, 2.0), signed=True))).max() <= 1.01


def test_without_javascript_a_picture_and_a_sentence_stand_there(mount: Mount) -> None:
    view = mount(wam.ImageExplorer(explained((12, 10))), picture=True, java_script_enabled=False)
    image = view.page.get_by_role("img", name="ImageExplorer of column")
    expect(image).to_be_visible()
    box = image.bounding_box()
    assert box is not None
    assert min(box["width"], box["height"]) > 300
    expect(view.page.get_by_text("A live view stands here in browsers that run JavaScript")).to_be_visible()
    expect(view.page.get_by_role("application")).to_have_count(0)


def test_where_the_view_lives_the_picture_is_gone(mount: Mount) -> None:
    view = mount(wam.ImageExplorer(explained((12, 10))), picture=True)
    expect(view.page.get_by_role("img")).to_have_count(0)
    expect(view.page.locator("figure")).to_have_count(0)


def test_the_output_of_a_cell_is_live_in_a_frame(mount: Mount) -> None:
    frame = to_iframe(explained((12, 10), wavelet="haar"), height=700)
    view = mount.open(f"<!DOCTYPE html><html lang='en'><title>A notebook</title>{frame._repr_html_()}")
    inside = view.page.frame_locator("iframe[title='live explanation']")
    inside.get_by_role("radio", name="mosaic").check()
    assert inside.locator("[data-wam]").evaluate("place => place.model.state.look") == "mosaic"
    expect(inside.get_by_role("application")).to_be_visible()


def test_the_file_is_what_was_asked_for(mount: Mount, tmp_path: object) -> None:
    explanation = explained((12, 10), wavelet="haar")
    path = export_html(explanation, f"{tmp_path}/it.html", wavelets=["db2"], title="Ein Titel & mehr")
    view = mount.open(path.read_text(encoding="utf-8"))
    assert view.page.title() == "Ein Titel & mehr"
    expect(view.place.get_by_role("combobox", name="wavelet")).to_be_visible()
    assert view.state["weights"] == [1, 1, 1]
