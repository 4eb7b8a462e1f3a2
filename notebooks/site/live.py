"""An extension of IPython: what cells show of widgets lives without a kernel, in the pages that `build.py` makes."""

from __future__ import annotations

import copy
import html
import json
from collections.abc import Iterable
from typing import Any

import ipywidgets
from anywidget import AnyWidget
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import publish_display_data
from ipywidgets.widgets.widget_link import DirectionalLink, Link

from wam_widgets.export import drawing, place
from wam_widgets.widgets.explorers.explorer import Explorer

#: Beside the markup of a view: the module and the style that draw it, by name.
DRAWN_BY = "application/vnd.wam.drawn-by+json"

#: What a view can't follow without a kernel, so that it is shown again.
_NEEDS_A_KERNEL = {"wavelet", "level", "mode", "kind"}


class Views:
    """The views that a notebook has shown, and how each was when the reader last saw it."""

    def __init__(self) -> None:
        self._shown: dict[AnyWidget, tuple[str, dict[str, Any], object]] = {}
        self._linked: set[Link] = set()
        self._count = 0

    def show(self, *widgets: AnyWidget) -> dict[str, Any]:
        """Return the output of a cell that shows views, as they are now."""
        markup, drawn_by = "", {}
        for widget in widgets:
            self._count += 1
            name = f"view-{self._count}"
            markup += f'<div class="view" id="{name}">{place(widget)}</div>'
            self._shown[widget] = name, _settings(widget), _passes(widget)
            drawn_by |= dict([drawing(widget)])
        return {"text/html": markup, "text/plain": "", DRAWN_BY: drawn_by}

    def follow(self, _: object) -> None:
        """After a cell, offer to do with the views that are there what it did, and link what it linked."""
        for widget, (name, before, passes) in list(self._shown.items()):
            now = _settings(widget)
            changed = {each: value for each, value in now.items() if value != before[each]}
            asked_anew = _passes(widget) != passes and "item" not in changed
            if asked_anew or (isinstance(widget, Explorer) and changed.keys() & _NEEDS_A_KERNEL):
                publish_display_data(self.show(widget))
            elif changed:
                held = html.escape(json.dumps(changed))
                label = "Do this in the view above"
                publish_display_data(
                    {"text/html": f'<button hidden data-view="{name}" data-settings="{held}">{label}</button>'}
                )
                self._shown[widget] = name, now, passes
        for link in _links():
            ends = [(self._shown.get(widget), trait) for widget, trait in (link.source, link.target)]
            if link not in self._linked and all(shown for shown, _ in ends):
                self._linked.add(link)
                held = json.dumps([[shown[0], trait] for shown, trait in ends if shown])
                one_way = " data-one-way" if isinstance(link, DirectionalLink) else ""
                markup = f'<script type="application/json" data-link{one_way}>{held}</script>'
                publish_display_data({"text/html": markup})


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Let every widget be shown by its page's code, and what changes in it later as a button."""
    views = Views()
    bundles = shell.display_formatter.mimebundle_formatter
    bundles.for_type(AnyWidget, views.show)
    bundles.for_type(ipywidgets.Box, lambda box: views.show(*_inside(box)))
    Explorer._repr_mimebundle_ = lambda self, **_: views.show(self)  # what an explanation asks for
    shell.events.register("post_run_cell", views.follow)


def _inside(box: ipywidgets.Box) -> Iterable[AnyWidget]:
    """Iterate over what can be drawn of a box."""
    for child in box.children:
        if isinstance(child, AnyWidget):
            yield child
        elif isinstance(child, ipywidgets.Box):
            yield from _inside(child)


def _settings(widget: AnyWidget) -> dict[str, Any]:
    """Return what Python and the reader can change in a view."""
    own = set(widget.trait_names(sync=True)) - set(AnyWidget.class_trait_names())
    return {name: copy.copy(getattr(widget, name)) for name in sorted(own) if not name.startswith("_")}


def _passes(widget: AnyWidget) -> object:
    """Return what tells the numbers that are drawn from those of another run."""
    return getattr(widget, "_values", {}).get("key")


def _links() -> list[Link]:
    """Return the links of `jslink` and `jsdlink` that there are."""
    return [each for each in ipywidgets.widgets.widget._instances.values() if isinstance(each, Link)]  # noqa: SLF001
