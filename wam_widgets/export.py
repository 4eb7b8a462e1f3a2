"""Pages that stay alive: one file, no kernel, no network."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget

from wam_widgets.attribution import Explanation
from wam_widgets.checks import require_count, require_place
from wam_widgets.widgets.base import Widget, joined
from wam_widgets.widgets.explorers import show
from wam_widgets.widgets.explorers.explorer import Explorer

_SHIM = Path(__file__).with_suffix(".js")

#: Bytes as `_encode` writes them, if they are long enough to be worth a reference.
_BYTES = re.compile(r'\{"\$bytes": "([^"]{200,})"\}')

_STYLE = """
:root { color-scheme: light dark; }
body { background: light-dark(#fff, #16181b); color: light-dark(#1a1a1a, #e8e8e8); margin: 0 auto; max-width: 72rem;
  padding: 1rem; font: 1rem/1.5 system-ui, sans-serif; }
@media print { :root { color-scheme: light; } }
[data-wam] { margin: 1rem 0; }
[data-wam] figure { margin: 0; }
[data-wam] img { background: #fff; height: auto; max-width: 100%; }
"""


def export_html(
    shown: Widget | Explanation, path: str | Path, *, wavelets: Sequence[str | None] = (), title: str | None = None
) -> Path:
    """Write one file that does in any browser what the view does here: no kernel, no network, nothing to install.

    Parameters
    ----------
    shown : Widget or Explanation
        An explorer, with its present settings, or an explanation, shown by its explorer.
    path : str or Path
        The file, usually ending in ".html". Replaced if it exists.
    wavelets : sequence of str or None
        Other wavelets that the reader can switch to; each adds to the size what the first takes.
    title : str, optional
        Of the page; by default what is explained.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    TypeError, ValueError
        For what can't be shown, a wavelet that doesn't exist or doesn't fit, or a path that is none.
    IsADirectoryError, FileNotFoundError
        If the path is a folder, or in a folder that doesn't exist.
    OSError
        If the file can't be written.

    Notes
    -----
    The page forbids itself any request (Content-Security-Policy) and runs only its own code. What needs a kernel or the
    model is absent. Without JavaScript it shows a picture.

    Examples
    --------
    >>> import tempfile
    >>> import wam_widgets as wam
    >>> model, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal
    >>> explanation = wam.explain(model, three, level=2, progress=False)
    >>> export_html(explanation, Path(tempfile.mkdtemp()) / "three.html", wavelets=["db2"]).name
    'three.html'
    """
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"`path` must name a file; got {path!r}. Pass e.g. `path='page.html'`.")
    path = require_place(Path(path))
    path.write_bytes(_page_of(shown, wavelets, title).encode("utf-8", "replace"))  # made before the file is opened
    return path


class Iframe:
    """A live view as the output of a cell, which survives being saved, shared and turned into a page by nbconvert."""

    def __init__(self, page: str, height: int) -> None:
        self._page, self._height = page, height

    def _repr_html_(self) -> str:
        return (
            f'<iframe title="live explanation" srcdoc="{html.escape(self._page)}" '
            f'style="border: 0; width: 100%; height: {self._height}px;"></iframe>'
        )

    def __repr__(self) -> str:
        return f"Iframe({len(self._page) / 1e6:.1f} MB, live without a kernel)"


def to_iframe(shown: Widget | Explanation, *, wavelets: Sequence[str | None] = (), height: int = 1100) -> Iframe:
    """Return a cell output that stays live without a kernel: the page of `export_html` inside the notebook.

    Parameters
    ----------
    shown, wavelets
        As in `export_html`.
    height : int
        In pixels.

    Returns
    -------
    Iframe
        Put it at the end of a cell. The notebook file grows by the size of the page.

    Raises
    ------
    TypeError, ValueError
        As `export_html`; also for a height that is no whole number of pixels.

    Examples
    --------
    At the end of a cell:

    >>> import wam_widgets as wam
    >>> model, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal
    >>> to_iframe(wam.explain(model, three, level=2, progress=False), height=700)
    Iframe(... MB, live without a kernel)
    """
    height = require_count("height", height, 1100)
    return Iframe(_page_of(shown, wavelets, None), height)


def page(parts: Sequence[Widget | str], *, title: str, style: str = "", wavelets: Sequence[str | None] = ()) -> str:
    """Return a page of live views.

    Parameters
    ----------
    parts : sequence of Widget or str
        What stands there, one below the other; a str is markup and has to be safe.
    title : str
        Of the page: text.
    style : str
        Additional CSS.
    wavelets : sequence of str or None
        Other wavelets that the reader can switch to, in every explorer.

    Returns
    -------
    str
        HTML that makes no request.
    """
    drawn_by = dict(drawing(part) for part in parts if isinstance(part, Widget))
    code = script({name: module for name, (module, _) in drawn_by.items()})
    sheet = "".join([_STYLE, *dict.fromkeys(css for _, css in drawn_by.values()), style])
    body = shared("\n".join(part if isinstance(part, str) else place(part, wavelets) for part in parts))
    rules = (
        f"default-src 'none'; script-src '{digest(code)}'; style-src '{digest(sheet)}'; img-src data:; "
        f"base-uri 'none'; form-action 'none'"
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{rules}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{sheet}</style>
</head>
<body>
<main>
{body}
</main>
<script type="module">{code}</script>
</body>
</html>
"""


def _page_of(shown: object, wavelets: Sequence[str | None], title: str | None) -> str:
    """Return the page of one view."""
    view: object = show(shown) if isinstance(shown, Explanation) else shown
    if not isinstance(view, Widget):
        raise TypeError(
            f"A page shows an Explanation or one of our widgets; got {type(shown).__name__}. Pass what `explain` "
            f"returned, or e.g. an ImageExplorer."
        )
    if isinstance(wavelets, str) or not isinstance(wavelets, Sequence):
        raise TypeError(f"`wavelets` must be a list of names; got {wavelets!r}. Pass e.g. `wavelets=['db4']`.")
    if wavelets and not isinstance(view, Explorer):
        raise ValueError(f"Only explorers can switch wavelets; got {type(view).__name__}. Leave `wavelets` out.")
    try:
        return page([view], title=title or repr(view), wavelets=wavelets)
    finally:
        if view is not shown:
            view.close()


def place(widget: anywidget.AnyWidget, wavelets: Sequence[str | None] = ()) -> str:
    """Return where a widget is drawn, with all that it needs, and the picture that stands there until then.

    Any widget of anywidget will do whose module asks its model alone.
    """
    shelf: list[dict[str, Any]] = []
    picture = None
    if isinstance(widget, Widget):
        (state, shelf), picture = widget.page_state(wavelets), widget.picture()
    else:
        own = set(widget.trait_names(sync=True)) - set(anywidget.AnyWidget.class_trait_names())
        state = {name: getattr(widget, name) for name in sorted(own) if not name.startswith("_")}
    held = json.dumps({"state": state, "shelf": shelf}, default=_encode, allow_nan=False).replace("<", "\\u003c")
    sentence = "A live view stands here in browsers that run JavaScript modules and draw on a canvas."
    image = ""
    if picture is not None:
        source = f"data:image/png;base64,{base64.b64encode(picture).decode()}"
        image = f'<img src="{source}" alt="{html.escape(repr(widget), quote=True)}">'
        if isinstance(widget, Explorer):
            sentence += " The picture shows the whole map, whatever the view is set to."
    figure = f"<figure>{image}<figcaption>{sentence}</figcaption></figure>"
    return f'<div data-wam="{_trio(widget).__name__}">{figure}<script type="application/json">{held}</script></div>'


def shared(body: str) -> str:
    """Return a body in which arrays that several views hold stand once, at its end."""
    counts = Counter(_BYTES.findall(body))
    places = {held: place for place, held in enumerate(held for held, count in counts.items() if count > 1)}
    if not places:
        return body
    body = _BYTES.sub(lambda found: f'{{"$shared": {places[found[1]]}}}' if found[1] in places else found[0], body)
    return f'{body}\n<script type="application/json" id="wam-shared">{json.dumps(list(places))}</script>'


def drawing(widget: anywidget.AnyWidget) -> tuple[str, tuple[str, str]]:
    """Return the name of what draws a widget, and its module and style."""
    trio = _trio(widget)
    return trio.__name__, (str(trio._esm), str(getattr(trio, "_css", "")))  # noqa: SLF001  # anywidget's names


def script(modules: Mapping[str, str]) -> str:
    """Return the code that draws every widget of a page, given the modules of all that occur there by name."""
    # What a module exports is what its function returns: only a file of its own can export.
    bodies = [
        f"const {name} = (() => {{\n{code.replace('export default', 'return')}\n}})();"
        for name, code in modules.items()
    ]
    shim = joined(_SHIM).replace("export function", "function")
    return "\n".join([*bodies, shim, f"mount({{ {', '.join(modules)} }});"])


def _trio(widget: anywidget.AnyWidget) -> type[anywidget.AnyWidget]:
    """Return the class whose code draws a widget."""
    return next(each for each in type(widget).__mro__ if isinstance(vars(each).get("_esm"), str))


def _encode(value: object) -> dict[str, str]:
    """Return bytes as JSON can hold them."""
    if not isinstance(value, (bytes, memoryview)):
        raise TypeError(f"A page holds numbers, text and bytes; got {type(value).__name__}.")
    return {"$bytes": base64.b64encode(value).decode()}


def digest(content: str) -> str:
    """Name content as a Content-Security-Policy does."""
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"
