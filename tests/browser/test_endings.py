"""A view that is closed leaves nothing behind."""

from __future__ import annotations

from typing import Any

import pytest

import wam_widgets as wam
from tests.widgets.cases import sound
from wam_widgets.widgets.base import Widget

from .explanations import explained
from .pages import Mount, View

#: Keeps who listens to what; adding twice or removing what was never there counts for nothing. Playwright listens too,
#: on the window.
COUNTED = """
const kept = new Map();
const key = (target, type, listener, options) => {
  for (const each of [target, listener]) if (!kept.has(each)) kept.set(each, kept.size);
  return `${kept.get(target)} ${type} ${kept.get(listener)} ${Boolean(options?.capture ?? options)}`;
};
window.listening = new Set();
const { addEventListener, removeEventListener } = EventTarget.prototype;
EventTarget.prototype.addEventListener = function (type, listener, options) {
  const playwrights = this === window && (options?.capture || type.startsWith("__playwright"));
  if (!playwrights) window.listening.add(key(this, type, listener, options));
  return addEventListener.call(this, type, listener, options);
};
EventTarget.prototype.removeEventListener = function (type, listener, options) {
  window.listening.delete(key(this, type, listener, options));
  return removeEventListener.call(this, type, listener, options);
};
"""

LIVES = """async (place, [code, times]) => {
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const { default: widget } = await import(address); // as anywidget does it
  URL.revokeObjectURL(address);
  for (let life = 0; life < times; life++) {
    const el = document.createElement("div");
    place.append(el);
    const close = widget.render({ model: place.model, el });
    place.model.update({ weights: place.model.get("weights").map((_, at) => (life + at) % 2) });
    close();
    el.remove();
  }
}"""


def widgets() -> dict[str, Widget]:
    return {
        "explorer": wam.ImageExplorer(explained((12, 10), wavelet="haar", items=2), cursor=[1, 1]),
        "player": wam.SpectrogramPlayer(sound(400, items=2), loop=[0.01, 0.04]),
        "sliders": wam.ScaleSliders(["a", "b"]),
    }


def followed(view: View) -> int:
    """Return how many listeners the model has."""
    return sum(view.place.evaluate("place => [...place.model.listeners.values()].map(each => each.size)"))


@pytest.mark.parametrize("name", ["explorer", "player", "sliders"])
def test_closing_a_view_removes_every_listener_and_element(mount: Mount, name: str) -> None:
    view = mount(widgets()[name], script=COUNTED)
    assert followed(view) > 2
    assert view.page.evaluate("window.listening.size") > 2
    view.place.evaluate("place => place.close()")
    assert followed(view) == 0
    assert view.page.evaluate("window.listening.size") == 0
    assert view.place.evaluate("place => place.querySelectorAll('*').length") == 1  # what it was drawn in
    per_scale = "gains" if name == "player" else "weights"
    view.set(**{per_scale: [0.5] * len(view.state[per_scale])})
    view.place.evaluate("place => place.close()")  # a second time does no harm


def test_what_was_asked_for_before_the_end_is_not_drawn_after_it(mount: Mount) -> None:
    view = mount(widgets()["explorer"])
    view.place.evaluate("""place => {
      window.drawn = 0;
      const { putImageData } = CanvasRenderingContext2D.prototype;
      CanvasRenderingContext2D.prototype.putImageData = function (...given) {
        window.drawn += 1;
        return putImageData.apply(this, given);
      };
      place.model.update({ opacity: 0.5 });
      place.close();
    }""")
    view.settled()
    assert view.page.evaluate("window.drawn") == 0


@pytest.mark.parametrize("name", ["explorer", "sliders"])
def test_two_hundred_views_later_the_page_is_as_before(mount: Mount, name: str) -> None:
    widget = widgets()[name]
    view = mount(widget, bypass_csp=True)
    browser = view.page.context.new_cdp_session(view.page)

    def counts() -> dict[str, Any]:
        view.settled()
        browser.send("HeapProfiler.collectGarbage")
        return dict(browser.send("Memory.getDOMCounters"))

    code = str(widget._esm)
    view.place.evaluate(LIVES, [code, 3])
    listeners, before = followed(view), counts()
    view.place.evaluate(LIVES, [code, 200])
    after = counts()
    assert followed(view) == listeners
    assert after["jsEventListeners"] <= before["jsEventListeners"]
    assert after["nodes"] <= before["nodes"] + 50  # the one view that lives may have changed its marks
