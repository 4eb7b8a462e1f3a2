"""An image with its attribution: what a browser shows of it."""

from __future__ import annotations

from typing import Any

from .base import Checked
from .settings import between, one_of, require_numbers, require_weights, some_of, whole
from .view import View

LOOKS = ("heatmap", "image", "mosaic")
ORIENTATIONS = ("horizontal", "vertical", "diagonal")


class ImageView(View, trio=__file__):
    """What `ImageExplorer` shows, as traits."""

    # ------------------------------------------------------------------------------------------------- what is allowed

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
    per = Checked[str](
        "cell",
        one_of("cell", "sample"),
        help='"sample" spreads each coefficient over its cell, so that maps add up to `Explanation.heatmap` (usual for '
        'contributions); "cell" draws it at full strength all over it, so that scales can be compared (usual for '
        "sensitivities).",
    )
    cursor = Checked[list[int]]([], _require_pixel, help="Row and column of the pixel that is read off; [] for none.")
    zoom = Checked[float](1.0, between(1.0, 32.0), help="Magnification of the picture.")
    centre = Checked[list[float]](
        [0.5, 0.5], _require_place, help="What is in the middle, as fractions down and right."
    )
