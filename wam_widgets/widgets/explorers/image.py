"""The explorer of images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import traitlets
from numpy.typing import NDArray

from wam_widgets.attribution import Explanation
from wam_widgets.plots.mosaics import corners
from wam_widgets.plots.planes import array_of, cells_of
from wam_widgets.plots.words import usual_per, what_is_explained
from wam_widgets.transform.grid import dimensions
from wam_widgets.widgets.image_view import ImageView

from .arrays import mixture_of, signal_of, thumbnail, tiled_bands
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
    >>> import wam_widgets as wam
    >>> model, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal
    >>> explorer = ImageExplorer(wam.explain(model, three, level=2, progress=False), weights=[1, 1, 0])
    >>> explorer.weights = [0, 0, 1]
    >>> explorer
    ImageExplorer of 3: heatmap, haar, level 2

    At the end of a cell::

        explorer = ImageExplorer(explanation, model=model)
        explorer

    and in another::

        explorer.weights = [0, 0, 0, 1, 1, 1]  # the finest three details of five
        explorer.target, explorer.against = 282, 285
        explorer.run()
    """

    @traitlets.observe("kind")
    def _refer(self, _: object) -> None:
        """Let amounts refer to what makes scales comparable, as in figures."""
        self.per = usual_per(self.kind)

    def _require(self, explanation: object) -> Explanation:
        return require_image(explanation)

    def _item_of(self, explanation: Explanation) -> dict[str, Any]:
        title = what_is_explained(explanation, 0).split("\n")[0]
        return {"title": title, **thumbnail(_photo(explanation.signal[0]))}

    def _signal_of(self, explanation: Explanation) -> dict[str, Any]:
        return picture_of(explanation)


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


def picture_of(explanation: Explanation) -> dict[str, Any]:
    """Return the arrays of an image that the image and the wavelet decide, but not the passes.

    Parameters
    ----------
    explanation : Explanation
        Of one image, in the wavelet to be shown.

    Returns
    -------
    dict
        As `arrays.signal_of` and `arrays.tiled_bands`, with what the browser needs of images (shared/images.js): a
        band begins at row and column `corner` in the mosaic; `cells` has the pixels of each scale's cells; `photo` is
        (row, column, RGBA) uint8, with black and white at `range`.
    """
    signal = explanation.signal[0]
    coefficients = explanation.signal_coefficients()
    places, tiled = corners(coefficients), tiled_bands(coefficients)
    bands = [
        band | {"corner": list(places[scale, orientation])}
        for band, (scale, orientation, _) in zip(tiled["bands"], coefficients.bands(), strict=True)
    ]
    return signal_of(explanation, coefficients, mixture_of(tuple(signal.shape))) | {
        "cells": cells_of(explanation),
        "bands": bands,
        "axes": tiled["axes"],
        "mosaic": [max(band["corner"][axis] + band["shape"][axis] for band in bands) for axis in (0, 1)],
        "photo": _photo(signal).tobytes(),
        "range": ends_of(signal),
    }


def ends_of(signal: torch.Tensor) -> tuple[float, float]:
    """Return what is black and white on a screen: 0 and 1, or the ends of a signal, mixed, that leaves them."""
    mixed = _mixed(signal)
    finite = mixed[np.isfinite(mixed)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)


def _photo(signal: torch.Tensor) -> NDArray[np.uint8]:
    """Return an image as a screen shows it, (row, column, red-green-blue-opacity)."""
    mixed, (low, high) = _mixed(signal), ends_of(signal)
    bright = np.clip(np.nan_to_num((mixed - low) / (high - low or 1.0), posinf=1, neginf=0), 0, 1)
    photo = np.full((*mixed.shape[1:], 4), 255, np.uint8)
    photo[..., :3] = np.round(255 * np.moveaxis(bright, 0, -1))
    return photo


def _mixed(signal: torch.Tensor) -> NDArray[np.float64]:
    return np.tensordot(mixture_of(tuple(signal.shape)), array_of(signal), axes=1)
