"""The explorer of images."""

from __future__ import annotations

import math
from typing import Any

import traitlets

from wam_widgets.attribution import Explanation
from wam_widgets.attribution.passes import Model
from wam_widgets.plots.words import usual_per
from wam_widgets.transform.grid import dimensions
from wam_widgets.widgets.image_view import ImageView

from .arrays import errors_of, item_of, signal_of, tables, values_of
from .explorer import Explorer

#: Pixels of an image; more would make a page that hardly opens. And of a side: browsers draw no larger canvas.
MOST_PIXELS, MOST_SIDE = 2**20, 2**13

_MOST_CHANNELS = 4


class ImageExplorer(Explorer, ImageView):
    """Play with the explanation of an image: mix scales, hide noise, change the wavelet, ask the model again.

    Parameters
    ----------
    explanation : Explanation
        Of one or more images of at most 4 channels and 2**20 pixels.
    model : callable, optional
        What was explained. With it, the explorer can ask about another class, a contrast of two or by another method.
    **settings
        Any of the traits, each of which can also be read and set later: item, look, weights, orientations, signed,
        per, opacity, colours, signed_colours, limit, significant, rate, denoised, cursor, zoom, centre; wavelet,
        level, mode, kind (no model passes); target, against, method, samples (used by `run`).

    Raises
    ------
    TypeError, ValueError
        For anything but an explanation of images, for a setting that doesn't exist or can't be right.

    Examples
    --------
    At the end of a cell::

        explorer = ImageExplorer(explanation, model=model)
        explorer

    and in another::

        explorer.weights = [0, 0, 0, 1, 1, 1]  # the finest three details of five
        explorer.target, explorer.against = 282, 285
        explorer.run()
    """

    def __init__(self, explanation: Explanation, *, model: Model | None = None, **settings: Any) -> None:
        super().__init__(explanation, model=model, **settings)
        self._tables = tables()

    @traitlets.observe("kind")
    def _refer(self, _: object) -> None:
        """Let amounts refer to what makes scales comparable, as in figures."""
        self.per = usual_per(self.kind)

    def _require(self, explanation: object) -> Explanation:
        return require_image(explanation)

    def _item_of(self, explanation: Explanation) -> dict[str, Any]:
        return item_of(explanation)

    def _signal_of(self, explanation: Explanation) -> dict[str, Any]:
        return signal_of(explanation)

    def _values_of(self, explanation: Explanation, key: str) -> dict[str, Any]:
        return values_of(explanation, key)

    def _errors_of(self, explanation: Explanation, key: str) -> dict[str, Any]:
        return errors_of(explanation, key)


def require_image(explanation: object) -> Explanation:
    """Return an explanation that an image explorer can show, else say which view can."""
    if not isinstance(explanation, Explanation):
        raise TypeError(
            f"An explorer shows an Explanation; got {type(explanation).__name__}. Pass what `explain` returned."
        )
    size, channels = explanation.size, explanation.signal.shape[1]
    if len(size) != 2:
        raise ValueError(
            f"ImageExplorer shows images, which have 2 spatial axes; got a {dimensions(len(size)).name} with "
            f"{len(size)}, of size {size}. Use `plot(explanation)`."
        )
    if channels > _MOST_CHANNELS:
        raise ValueError(
            f"ImageExplorer shows images of at most {_MOST_CHANNELS} channels; got {channels}. Use `plot(explanation)`."
        )
    if size[0] * size[1] > MOST_PIXELS or max(size) > MOST_SIDE:
        factor = min((MOST_PIXELS / (size[0] * size[1])) ** 0.5, MOST_SIDE / max(size))
        raise ValueError(
            f"ImageExplorer shows images of at most {MOST_PIXELS:,} pixels and {MOST_SIDE:,} on a side; got "
            f"{size[0]} x {size[1]}. Explain a smaller one: `torch.nn.functional.interpolate(signal, "
            f"scale_factor={math.floor(1000 * factor) / 1000}, mode='area')`."
        )
    return explanation
