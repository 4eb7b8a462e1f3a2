"""What a class sees: every page of the site, offline, with live views, on a telephone and on paper."""

from __future__ import annotations

import html.parser
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from .conftest import Site, Visitor

_TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
_STATE = """place => JSON.stringify(Object.entries(place.model.state).filter(([name]) => !name.startsWith("_")))"""
_CUT_OFF = """() => [...document.querySelectorAll("main pre, main .scroll, main table")]
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
    for number, path in enumerate(site.pages):
        theme = ("light", "dark")[number % 2]
        with visit(path, viewport={"width": 480, "height": 900}, color_scheme=theme) as page:
            if path.name != "search.html":  # which has a heading when something was found
                expect(page.locator("h1")).to_have_count(1)
            page.evaluate(_TWO_FRAMES)
            assert page.evaluate("document.scrollingElement.scrollWidth") <= 480, path.name
            assert serious(page) == [], path.name


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
            page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")  # solutions
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
    with visit(site.folder / "gallery.html", java_script_enabled=False) as page:
        sentence = page.get_by_text("A live view stands here in browsers that run JavaScript")
        expect(sentence).to_have_count(page.locator("[data-wam]").count())
        expect(sentence.last).to_be_visible()
        for picture in page.locator("[data-wam] img").all():
            box = picture.bounding_box()
            assert box
            assert min(box["width"], box["height"]) > 200
        expect(page.locator("button[data-view]:visible")).to_have_count(0)


def test_on_paper_nothing_is_cut_off_and_links_can_be_read(site: Site, visit: Visitor) -> None:
    for path in site.folder.glob("*.html"):
        with visit(path, viewport={"width": 700, "height": 1000}) as page:  # A4 between its margins
            page.emulate_media(media="print")
            assert page.evaluate(_CUT_OFF) == [], path.name
            expect(page.get_by_role("navigation")).to_be_hidden()
            outside = page.locator("main a[href^='https:']:visible")
            if outside.count():
                shown = outside.first.evaluate("link => getComputedStyle(link, '::after').content")
                assert "https:" in shown, path.name
