"""An image with its attribution: what a browser shows of it."""

from __future__ import annotations

from typing import Any

import traitlets

from .base import Checked, Widget
from .settings import between, flag, one_of, require_numbers, require_weights, some_of, whole

LOOKS = ("heatmap", "image", "mosaic")
ORIENTATIONS = ("horizontal", "vertical", "diagonal")

#: Colour maps of matplotlib that the colour-blind can read: from light to dark for magnitudes, about zero for signs.
SEQUENTIAL = ("magma", "viridis", "cividis", "Greys")
DIVERGING = ("RdBu", "PuOr", "BrBG")

#: False discovery rates to choose from.
RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


class ImageView(Widget, trio=__file__):
    """What `ImageExplorer` shows, as traits: arrays come from there, settings from Python or from the controls."""

    # ------------------------------------------------------------------------------------------------- what is allowed

    def _require_item(self, name: str, value: Any) -> int:
        return whole(0, max(len(self._items) - 1, 0))(self, name, value)

    def _require_weights(self, name: str, value: Any) -> list[float]:
        return require_weights(name, value, [scale["name"] for scale in self._signal["scales"]])

    def _require_pixel(self, name: str, value: Any) -> list[int]:
        if len(require_numbers(name, value, [0.0, 0.0])) not in {0, 2}:
            raise ValueError(f"`{name}` must be a row and a column, or [] for none; got {value!r}. Pass e.g. `[0, 0]`.")
        return [whole(0, most - 1)(self, name, each) for each, most in zip(value, self._signal["size"], strict=False)]

    def _require_place(self, name: str, value: Any) -> list[float]:
        if len(require_numbers(name, value, [0.5, 0.5])) != 2:
            raise ValueError(f"`{name}` must be two fractions, down and right; got {value!r}. Pass e.g. `[0.5, 0.5]`.")
        return [between(0.0, 1.0)(self, name, each) for each in value]

    # --------------------------------------------------------------------------------------- what is looked at, and how
    item = Checked[int](0, _require_item, help="Number of the item shown.")
    look = Checked[str](
        "heatmap",
        one_of(*LOOKS),
        help="Heat map over the image; the image rebuilt from its weighted scales; or all coefficients, the mosaic.",
    )
    weights = Checked[list[float]](
        [],
        _require_weights,
        help="Weight of each scale, coarse to fine, from 0 to 2; back to 1 when the number of scales changes.",
    )
    orientations = Checked[list[str]](
        list(ORIENTATIONS), some_of(*ORIENTATIONS), help="The detail bands that are shown."
    )
    signed = Checked[bool](
        default=False,
        check=flag,
        help="Sums over channels and bands with their sign, rather than of magnitudes.",
    )
    per = Checked[str](
        "cell",
        one_of("cell", "sample"),
        help="Each coefficient spread over its cell, so that maps add up to `Explanation.heatmap` (usual for "
        "contributions), or at full strength all over it, so that scales can be compared (usual for sensitivities).",
    )
    opacity = Checked[float](1.0, between(0.0, 1.0), help="Of the heat map; at 0 the photo itself is seen.")
    colours = Checked[str]("magma", one_of(*SEQUENTIAL), help="Colour map of magnitudes.")
    signed_colours = Checked[str]("RdBu", one_of(*DIVERGING), help="Colour map of signed values.")
    limit = Checked[float](
        0.0,
        between(0.0),
        help="Value at the end of the colour scale; 0 for the 99.5th percentile at weights of 1. Set it alike in two "
        "explorers to compare them.",
    )
    significant = Checked[bool](default=False, check=flag, help="Hide what can't be told from zero.")
    rate = Checked[float](0.05, one_of(*RATES), help="False discovery rate of what is not hidden.")
    denoised = Checked[bool](default=False, check=flag, help="Show what is left of it without noise.")
    cursor = Checked[list[int]]([], _require_pixel, help="Row and column of the pixel that is read off; [] for none.")
    zoom = Checked[float](1.0, between(1.0, 32.0), help="Magnification of the picture.")
    centre = Checked[list[float]](
        [0.5, 0.5], _require_place, help="What is in the middle, as fractions down and right."
    )

    # -------------------------------------------------------------------------------------------- what is to be drawn
    _signal = traitlets.Dict(help="The item's arrays that no pass changes: see `explorers.arrays.signal_of`.").tag(
        sync=True
    )
    _values = traitlets.Dict(help="What the passes found: see `explorers.arrays.values_of`.").tag(sync=True)
    _errors = traitlets.Dict(help="Arrays of their errors, a moment later: see `explorers.arrays.errors_of`.").tag(
        sync=True
    )
    _items: traitlets.List[dict[str, Any]] = traitlets.List(help="Title and thumbnail of every item.").tag(sync=True)
    _tables = traitlets.Dict(help="Colour tables, sequential and diverging, by name: 1024 x RGBA.").tag(sync=True)
    _rates = traitlets.List(list(RATES), help="What `rate` can be.").tag(sync=True)
