"""What a class sees: every page of the site, offline, with live views, on a telephone and on paper."""

from __future__ import annotations

import html.parser
import re
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from .conftest import Site, Visitor

THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

_TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
_STATE = """place => JSON.stringify(Object.entries(place.model.state).filter(([name]) => !name.startsWith("_")))"""
_AFTER = "each => getComputedStyle(each, '::after').content"
_OPEN = "document.querySelectorAll('details').forEach(each => { each.open = true; })"
_CUT_OFF = """() => [...document.querySelectorAll("main :is(pre, table, .scroll, .wam-scroll, .wam-strip)")]
  .filter(each => each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).overflowX !== "visible")
  .map(each => each.outerHTML.slice(0, 200))"""


class References(html.parser.HTMLParser):
    """What a page refers to, and what can be referred to in it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        # Views hold megabytes that refer to nothing.
        text = re.sub(r"(?s)<script.*?</script>|data:[^\"]*", "", path.read_text("utf-8"))
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"href", "src"} and value:
                self.links.append(value)
            elif name == "id" and value:
                self.anchors.add(value)


def serious(page: Page) -> list[str]:
    """Return what axe-core finds that is serious or critical."""
    found = Axe().run(page, options={"preload": False}).response["violations"]  # it would fetch the style sheets again
    return [
        f"{each['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for each in found
        if each["impact"] in {"serious", "critical"}
        for node in each["nodes"]
    ]


def first_control(place: Locator) -> Locator:
    """Return a slider of a view, or else a button."""
    sliders = place.locator("input[type=range]:enabled:visible")
    return sliders.first if sliders.count() else place.locator("button:enabled:visible, select:visible").first


def test_every_lesson_is_there_and_named_by_its_question(site: Site, visit: Visitor) -> None:
    lessons = sorted(site.folder.glob("[0-9][0-9]_*.html"))
    assert lessons
    with visit(site.folder / "index.html") as page:
        for lesson in lessons:
            question = re.search(r"<h1[^>]*>(.*?)</h1>", lesson.read_text("utf-8"))
            assert question
            expect(page.locator(f"main a[href='{lesson.name}']").first).to_have_text(question[1])
        for path in ("Student", "Analyst", "Teacher", "Researcher"):
            expect(page.get_by_role("heading", name=re.compile(path))).to_be_visible()
        expect(page.get_by_text(re.compile(r"\d MB in all"))).to_be_visible()


def test_every_page_is_quiet_fits_a_telephone_and_everyone_can_read_it(site: Site, visit: Visitor) -> None:
    for path in site.pages:
        with visit(path, viewport={"width": 480, "height": 900}) as page:
            if path.name != "search.html":  # which has a heading when something was found
                expect(page.locator("h1")).to_have_count(1)
            page.evaluate(_OPEN)
            for theme in THEMES:
                page.emulate_media(color_scheme=theme)
                page.evaluate(_TWO_FRAMES)
                assert page.evaluate("document.scrollingElement.scrollWidth") <= 480, path.name
                assert serious(page) == [], (path.name, theme)


def test_the_reference_can_be_searched(site: Site, visit: Visitor) -> None:
    with visit(site.folder / "api/index.html") as page:
        box = page.get_by_role("textbox", name="Search").or_(page.get_by_role("searchbox")).first
        box.fill("wavelet")
        box.press("Enter")
        expect(page.locator("#search-results a").first).to_be_visible()


def test_names_in_the_tables_of_the_reference_are_whole(site: Site, visit: Visitor) -> None:
    names = 0
    for path in [page for page in site.pages if page.parent.name == "api"]:
        with visit(path, viewport={"width": 480, "height": 900}) as page:
            words = "all => all.filter(each => !/\\s/.test(each.textContent)).map(each => each.getClientRects().length)"
            found = page.locator("td:first-child a").evaluate_all(words)
            assert set(found) <= {1}, path.name
            names += len(found)
    assert names > 50


def test_what_is_wrong_would_be_found_in_either_theme(visit: Visitor, tmp_path: Path) -> None:
    style = "body { color-scheme: light dark; color: light-dark(#000, #333); background: light-dark(#fff, #222); }"
    (tmp_path / "page.html").write_text(
        f"<!DOCTYPE html><html lang='en'><title>A page</title><style>{style}</style><main><h1>Read me</h1></main>"
    )
    with visit(tmp_path / "page.html") as page:
        for theme, found in zip(THEMES, [[], ["color-contrast"]], strict=True):
            page.emulate_media(color_scheme=theme)
            assert [each.split(":")[0] for each in serious(page)] == found


def test_every_view_is_alive_and_answers(site: Site, visit: Visitor) -> None:
    kinds = set()
    for path in site.alive:
        with visit(path) as page:
            for place in page.locator("[data-wam]").all():
                kinds.add(place.get_attribute("data-wam"))
                expect(place.locator("figure")).to_have_count(0)  # the picture that stands there without JavaScript
                expect(place.get_by_role("alert")).to_be_hidden()
                before, control = place.evaluate(_STATE), first_control(place)
                if control.get_attribute("type") == "range":
                    control.press("ArrowRight")
                    if place.evaluate(_STATE) == before:  # it was at its end
                        control.press("ArrowLeft")
                else:
                    control.click()
                assert place.evaluate(_STATE) != before, (path.name, place.get_attribute("data-wam"))
    assert kinds >= {"ImageView", "SpectrogramView", "VolumeView", "CurveView", "ScaleSliders"}


def test_what_a_cell_did_with_a_view_above_a_button_does(site: Site, visit: Visitor) -> None:
    pressed = 0
    for path in site.alive:
        with visit(path) as page:
            page.evaluate(_OPEN)  # solutions
            for button in page.locator("[data-view]").all():
                button.click()
                wanted, found = button.evaluate(
                    """button => {
                      const wanted = JSON.parse(button.dataset.settings);
                      const { state } = document.querySelector(`#${button.dataset.view} [data-wam]`).model;
                      return [wanted, Object.fromEntries(Object.keys(wanted).map(name => [name, state[name]]))];
                    }"""
                )
                assert found == wanted, path.name
                pressed += 1
    assert pressed


def test_every_link_leads_somewhere_and_none_depends_on_where_the_site_is(site: Site) -> None:
    everything = {path.resolve(): References(path) for path in site.folder.rglob("*.html")}
    for path, found in everything.items():
        for link in found.links:
            parts = urlsplit(link)
            if parts.scheme:
                assert parts.scheme in {"https", "http", "mailto"}, (path.name, link)
                continue
            assert not parts.netloc, (path.name, link)
            assert not parts.path.startswith("/"), (path.name, link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), (path.name, link)
            assert target.is_relative_to(site.folder.resolve()), (path.name, link)
            if parts.fragment and target.suffix == ".html":
                assert unquote(parts.fragment) in everything[target].anchors, (path.name, link)


def test_without_javascript_pictures_and_sentences_stand_where_views_would(site: Site, visit: Visitor) -> None:
    pictures = 0
    for path in site.alive:
        with visit(path, java_script_enabled=False) as page:
            page.evaluate(_OPEN)
            views = page.locator("[data-wam]")
            for sentence in views.get_by_text("A live view stands here in browsers that run JavaScript").all():
                expect(sentence).to_be_visible()
            expect(views.locator("figcaption")).to_have_count(views.count())
            for picture in views.locator("img").all():
                box = picture.bounding_box()
                assert box
                assert min(box["width"], box["height"]) > 200, path.name
                pictures += 1
            expect(page.locator("button[data-view]:visible")).to_have_count(0)
    assert pictures


def test_on_paper_nothing_is_cut_off_and_views_and_links_can_be_seen(site: Site, visit: Visitor) -> None:
    paper = {"width": 700, "height": 1000}  # A4 between its margins
    for path in site.pages:
        with visit(path, viewport=paper, color_scheme="dark") as page:
            page.emulate_media(media="print")
            page.evaluate(_TWO_FRAMES)
            assert page.evaluate("document.scrollingElement.scrollWidth") <= 700, path.name
            if path.parent != site.folder:
                continue  # the theme of the reference cares for the rest
            assert page.evaluate(_CUT_OFF) == [], path.name
            assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
            expect(page.get_by_role("navigation")).to_be_hidden()
            for view in page.locator("[data-wam]:visible").all():
                expect(view.locator("canvas:visible, svg:visible, input:visible, button:visible").first).to_be_visible()
            for folded in page.locator("main details:not([open], .printed, .wam *) > summary:visible").all():
                assert "open it before you print" in folded.evaluate(_AFTER), path.name
            outside = page.locator("main a[href^='https:']:visible")
            if outside.count():
                assert "https:" in outside.first.evaluate(_AFTER), path.name
