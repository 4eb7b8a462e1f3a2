"""The explorer of volumes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import traitlets

from wam_widgets.attribution import Explanation
from wam_widgets.attribution.passes import Model
from wam_widgets.plots.planes import array_of, cells_of
from wam_widgets.plots.words import usual_per, what_is_explained
from wam_widgets.transform import pull_back
from wam_widgets.widgets.volume_view import VolumeView

from .arrays import known_of, thumbnail, tiled_bands, to_bytes
from .explorer import Explorer

#: Voxels of a volume, times channels; more would make a page that hardly opens. And of a side: browsers take no longer
#: texture.
MOST_SHOWN, MOST_SIDE = 2**22, 2**11

_MOST_CHANNELS = 4


class VolumeViewer(Explorer, VolumeView):
    """See inside the explanation of a volume: turn it, cut it, mix its scales, read values off its slices.

    Parameters
    ----------
    explanation : Explanation
        Of one or more volumes of at most 4 channels, 2**22 voxels (times channels) and 2,048 voxels on a side; or of
        videos, whose first axis is time.
    model : callable, optional
        What was explained. With it, the viewer can ask about another class, a contrast of two or by another method.
    **settings
        Any of the traits, each of which can also be read and set later: item, look, weights, orientations, signed,
        per, threshold, opacity, curve, density, clip, up, rotation, zoom, pan, cursor, colours, signed_colours, limit,
        significant, rate, denoised; wavelet, level, mode, kind (no model passes); target, against, method, samples
        (used by `run`).

    Raises
    ------
    TypeError, ValueError
        For anything but an explanation of volumes, for a setting that doesn't exist or can't be right.

    Notes
    -----
    Where the browser has no WebGL 2, and for more than 8 scales, the slices are shown alone. The axis that the grid
    names "up" points up, else the first. Where the grid has an affine, places are read off in world coordinates.

    Examples
    --------
    >>> import wam_widgets as wam
    >>> model, chair = wam.samples.furniture_model(), wam.samples.furniture()["armchair"]
    >>> explanation = wam.explain(model, chair.signal, grid=chair.grid, samples=4, progress=False)
    >>> viewer = VolumeViewer(explanation, look="surface")
    >>> viewer.rotation = [90, 10]

    At the end of a cell::

        viewer = VolumeViewer(explanation, model=model)
        viewer

    and in another::

        viewer.weights = [1, 1, 0, 0]  # coarse scales only
        viewer.look, viewer.threshold = "surface", 0.4
        viewer.rotation = [90, 10]
    """

    def __init__(self, explanation: Explanation, *, model: Model | None = None, **settings: Any) -> None:
        require_volume(explanation)
        axes, middle = explanation.grid.axes, [samples // 2 for samples in explanation.size]
        upward = axes.index("up") if "up" in axes else 0
        super().__init__(explanation, model=model, **({"cursor": middle, "up": upward} | settings))

    @traitlets.observe("kind")
    def _refer(self, _: object) -> None:
        """Let amounts refer to what makes scales comparable, as in figures."""
        self.per = usual_per(self.kind)

    def _require(self, explanation: object) -> Explanation:
        return require_volume(explanation)

    def _item_of(self, explanation: Explanation) -> dict[str, Any]:
        shadow, axes = _grey(explanation), explanation.grid.axes
        if "up" in axes:
            shadow = np.moveaxis(shadow, axes.index("up"), 1)[:, ::-1]  # as a picture, whose rows go down
        shadow = shadow.max(0)
        low, high = shadow.min(), shadow.max()
        bright = np.uint8(255 * (shadow - low) / ((high - low) or 1.0))
        picture = np.dstack([bright, bright, bright, np.full_like(bright, 255)])
        return {"title": what_is_explained(explanation, 0).split("\n")[0], **thumbnail(picture)}

    def _signal_of(self, explanation: Explanation) -> dict[str, Any]:
        return volume_of(explanation)


def require_volume(explanation: object) -> Explanation:
    """Return an explanation that a volume viewer can show, else say which view can."""
    if not isinstance(explanation, Explanation):
        raise TypeError(
            f"An explorer shows an Explanation; got {type(explanation).__name__}. Pass what `explain` returned."
        )
    size, channels = explanation.size, explanation.signal.shape[1]
    if len(size) != 3:
        raise ValueError(
            f"VolumeViewer shows volumes, which have 3 spatial axes; got {len(size)}, of size {size}. Use "
            f"`show(explanation)`, which finds the right view, or `plot(explanation)`."
        )
    if channels > _MOST_CHANNELS:
        raise ValueError(
            f"VolumeViewer shows volumes of at most {_MOST_CHANNELS} channels; got {channels}. Use `plot(explanation)`."
        )
    voxels = size[0] * size[1] * size[2] * channels
    if voxels > MOST_SHOWN or max(size) > MOST_SIDE:
        factor = _factor(size, channels)
        raise ValueError(
            f"VolumeViewer shows volumes of at most {MOST_SHOWN:,} voxels, times channels, and {MOST_SIDE:,} on a "
            f"side; got {' x '.join(map(str, size))} in {channels} channel(s), {voxels:,}. Explain a smaller one: "
            f"`torch.nn.functional.avg_pool3d(signal, {factor})`, with `grid=grid.coarser({factor})`."
        )
    return explanation


def _factor(size: tuple[int, ...], channels: int) -> int | tuple[int, ...]:
    """Return what to pool by: the same along all axes, or, where one is too short for that, a number per axis."""
    voxels = math.prod(size) * channels
    factor: int = max(-(-max(size) // MOST_SIDE), math.ceil((voxels / MOST_SHOWN) ** (1 / 3)))
    if factor <= min(size):
        return factor
    choices = (tuple(-(-side // longest) for side in size) for longest in range(MOST_SIDE, 0, -1))
    return next(
        each
        for each in choices
        if math.prod(side // by for side, by in zip(size, each, strict=True)) * channels <= MOST_SHOWN
    )


def volume_of(explanation: Explanation) -> dict[str, Any]:
    """Return the arrays of a volume that the volume and the wavelet decide, but not the passes.

    Parameters
    ----------
    explanation : Explanation
        Of one volume, in the wavelet to be shown.

    Returns
    -------
    dict
        As `arrays.known_of` and `arrays.tiled_bands`, without the signal's coefficients, which a viewer doesn't need;
        `cells` has the voxels of each scale's cells; `grey` is the volume, the mean of its channels, float32.
    """
    nothing = torch.empty(1, 1, *explanation.size, device="meta")  # which is decomposed at no cost
    structure = pull_back(nothing, explanation.wavelet, level=explanation.level, mode=explanation.mode)
    return {
        **known_of(explanation, structure),
        **tiled_bands(structure),
        "coefficients": b"",
        "cells": cells_of(explanation),
        "grey": to_bytes(_grey(explanation)),
    }


def _grey(explanation: Explanation) -> Any:
    return array_of(explanation.signal[0]).mean(0)
