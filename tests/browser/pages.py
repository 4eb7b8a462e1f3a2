"""Exported pages in a browser, each in a context of its own that is offline and watched."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext, FloatRect, Locator, Page, Request

from tests.chromium import PATIENCE
from wam_widgets.export import page as page_of
from wam_widgets.widgets.base import Widget
from wam_widgets.widgets.explorers.explorer import Explorer

_PIXELS = """canvas => {
  // A copy, because Chromium complains of canvases that are read often.
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  let text = "";
  for (const byte of data) text += String.fromCharCode(byte);
  return [canvas.height, canvas.width, btoa(text)];
}"""
_STATE = """place => Object.fromEntries(Object.entries(place.model.state).filter(([name]) => !name.startsWith("_")))"""
_UNTIL = f"""place => new Promise((done, give_up) => {{
  const asked = performance.now();
  const look = () => {{
    if ((CONDITION)(place.model)) done();
    else if (performance.now() - asked > {PATIENCE}) give_up(new Error("in vain"));
    else requestAnimationFrame(look);
  }};
  look();
}})"""
_FROM_THE_SHELF = """model => model.get("_values") === model.shelf.find(
  each => each.item === model.get("item") && each.wavelet === model.get("wavelet")
)._values"""
_TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


@dataclass
class Watched:
    """What a page asked for beyond its own file, and what it complained of."""

    context: BrowserContext
    address: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.context.on("request", self._asked)
        self.context.on("weberror", lambda error: self.complaints.append(f"uncaught: {error.error}"))
        self.context.on(
            "console",
            lambda said: (
                self.complaints.append(f"{said.type}: {said.text}") if said.type in {"error", "warning"} else None
            ),
        )

    def _asked(self, request: Request) -> None:
        if request.url != self.address and not request.url.startswith("blob:"):
            self.requests.append(request.url)

    def require_quiet(self) -> None:
        """Fail if there is anything."""
        assert not self.requests, f"The page asked for {self.requests}"
        assert not self.complaints, f"The page complained: {self.complaints}"


class View:
    """One widget of an exported page."""

    def __init__(self, page: Page, watched: Watched, number: int = 0) -> None:
        self.page, self.watched = page, watched
        self.place: Locator = page.locator("[data-wam]").nth(number)

    def nth(self, number: int) -> View:
        """Return another widget of the same page."""
        return View(self.page, self.watched, number)

    @property
    def state(self) -> dict[str, Any]:
        """The settings, as the page's model has them."""
        found: dict[str, Any] = self.place.evaluate(_STATE)
        return found

    @property
    def saves(self) -> int:
        """How often a kernel would have been told."""
        return int(self.place.evaluate("place => place.model.saves"))

    @property
    def picture(self) -> Locator:
        """What can be pointed at."""
        return self.place.get_by_role("application")

    @property
    def canvas(self) -> Locator:
        return self.picture.locator("canvas")

    def set(self, **traits: Any) -> None:
        """Set traits as a kernel would."""
        self.place.evaluate("(place, traits) => place.model.update(traits)", traits)

    def settled(self) -> None:
        """Wait until what was asked for is drawn."""
        self.page.evaluate(_TWO_FRAMES)

    def until(self, condition: str) -> None:
        """Wait for something to be true of the model: a function in JavaScript."""
        self.place.evaluate(_UNTIL.replace("CONDITION", condition))

    def answered(self) -> None:
        """Wait until the chosen item in the chosen wavelet is shown."""
        self.until(_FROM_THE_SHELF)

    def pixels(self) -> NDArray[np.uint8]:
        """Return the picture, (row, column, red-green-blue-opacity), once it is drawn."""
        self.settled()
        height, width, data = self.canvas.evaluate(_PIXELS)
        return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)

    def drawn_box(self, row: int, column: int) -> FloatRect:
        """Return where on the screen a pixel of the canvas is drawn: parts of it may lie outside the picture."""
        box = self.canvas.bounding_box()
        assert box is not None
        height, width = self.canvas.evaluate("canvas => [canvas.height, canvas.width]")
        tall, wide = box["height"] / height, box["width"] / width
        return {"x": box["x"] + column * wide, "y": box["y"] + row * tall, "width": wide, "height": tall}

    def point_at(self, row: int, column: int, *, down: float = 0.5, right: float = 0.5) -> None:
        """Move the mouse to a pixel of the canvas, `down` and `right` of its corner by fractions of its size."""
        box = self.drawn_box(row, column)
        self.page.mouse.move(box["x"] + right * box["width"], box["y"] + down * box["height"])


class Mount:
    """Opens widgets in pages of their own."""

    def __init__(self, browser: Browser, folder: Path) -> None:
        self._browser, self._folder = browser, folder
        self._widgets: list[Widget] = []
        self._open: list[tuple[Watched, bool]] = []

    def __call__(
        self,
        *parts: Widget | str,
        wavelets: Sequence[str | None] = (),
        picture: bool = False,
        forgiving: bool = False,
        clock: bool = False,
        script: str = "",
        **context: Any,
    ) -> View:
        """Export widgets to one page, and open it.

        Parameters
        ----------
        *parts, wavelets
            As `wam_widgets.export.page` takes them.
        picture : bool
            Whether to draw the pictures for places without JavaScript, which takes longest.
        forgiving : bool
            Whether the page may complain and ask.
        clock : bool
            Whether its time stands still until `page.clock` moves it. (Nothing is drawn meanwhile.)
        script : str
            What runs in the page before anything else.
        **context
            As `Browser.new_context` takes it.
        """
        self._widgets += [part for part in parts if isinstance(part, Widget)]
        with nullcontext() if picture else patch.object(Explorer, "picture", lambda _: None):
            html = page_of(parts, title="A test", wavelets=wavelets)
        return self.open(html, forgiving=forgiving, clock=clock, script=script, **context)

    def open(
        self, html: str, *, forgiving: bool = False, clock: bool = False, script: str = "", **context: Any
    ) -> View:
        """Open a page; options as above."""
        path = self._folder / f"{len(self._open)}.html"
        path.write_text(html, encoding="utf-8")
        options: dict[str, Any] = {"offline": True, "viewport": {"width": 1100, "height": 1000}} | context
        opened = self._browser.new_context(**options)
        opened.set_default_timeout(PATIENCE)
        watched = Watched(opened, path.resolve().as_uri())
        self._open.append((watched, forgiving))
        page = opened.new_page()
        if clock:
            page.clock.install(time=0)
            page.clock.pause_at(1000)  # any moment ahead
        if script:
            page.add_init_script(script)
        page.goto(watched.address)
        return View(page, watched)

    def close(self) -> None:
        """Close all pages, and fail if one was not quiet."""
        for watched, _ in self._open:
            for page in watched.context.pages:
                page.evaluate("0")  # what it has said so far arrives before the answer
            watched.context.close()
        for widget in self._widgets:
            widget.close()
        for watched, forgiving in self._open:
            if not forgiving:
                watched.require_quiet()
