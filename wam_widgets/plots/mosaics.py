"""All coefficients of an image side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from wam_widgets.attribution import Explanation
from wam_widgets.transform import Coefficients
from wam_widgets.transform.grid import dimensions

from .canvas import FAINT, SIZE, TEXT, Colours, clean, foot, head, new_figure, say
from .planes import array_of, cells_of
from .words import Per, heading, require_item, require_per, unit

_Block = tuple[str, str, tuple[int, int], NDArray[np.float64]]
"""Scale, orientation, place of the first row and column, and values of a band in the mosaic."""


def mosaic(explanation: Explanation, item: int = 0, *, signed: bool | None = None, per: Per | None = None) -> Figure:
    """Draw all coefficients of an image side by side: the dyadic mosaic.

    The approximation is at the top left; around it, scale by scale outwards to the finest, the horizontal details at
    the bottom left, the vertical ones at the top right, the diagonal ones at the bottom right (as in
    `pywt.coeffs_to_array`). Bands of long filters, which hold more than half of the samples, leave gaps.

    Parameters
    ----------
    explanation : Explanation
        Of images.
    item : int
        Which item of the batch.
    signed : bool, optional
        Sums over the channels with their sign rather than of magnitudes. By default for contributions, whose sign says
        whether something speaks for the class or against it.
    per : {"cell", "sample"}, optional
        As in `scale_maps`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the signal is no image.

    Examples
    --------
    >>> import wam_widgets as wam
    >>> model, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal
    >>> figure = mosaic(wam.explain(model, three, level=2, progress=False))
    >>> len(figure.axes)  # the bands, and what their colours mean
    2
    """
    item = require_item(explanation, item)
    if len(explanation.size) != 2:
        raise ValueError(
            f"The dyadic mosaic is a picture of 2 spatial axes; got a signal of {len(explanation.size)}. "
            f"Use `scale_maps(explanation)`."
        )
    signed = explanation.kind == "contribution" if signed is None else signed
    chosen = require_per(explanation, per)
    blocks = _mosaic_blocks(explanation, item, signed=signed, per=chosen)
    height, width = (max(place[axis] + band.shape[axis] for *_, place, band in blocks) for axis in (0, 1))
    picture = np.full((height, width), np.nan)
    for _, _, (top, left), band in blocks:
        picture[top : top + band.shape[0], left : left + band.shape[1]] = band
    colours = Colours.shared_by([band for *_, band in blocks], signed=signed)
    length = min(max(5.2 * height / width, 2.0), 9.0)
    figure = new_figure(6.6, length + 1.3)
    head(figure, heading(explanation, item))
    axes = clean(figure.subplots())
    axes.imshow(
        np.ma.masked_invalid(picture), norm=colours.norm, cmap=colours.cmap, origin="upper", interpolation="nearest"
    )
    axes.set(xticks=[], yticks=[])
    _draw_lines(axes, blocks, picture.shape)
    bad = sum(int((~np.isfinite(band)).sum()) for *_, band in blocks)
    if bad:
        say(axes, f"{bad} coefficients are not finite")
    elif colours.empty:
        say(axes, "all zero")
    if not colours.empty:
        sums = "sum over channels" if signed else "sum of magnitudes over channels"
        what = unit(explanation, chosen) + ("" if explanation.signal.shape[1] == 1 else f", {sums}")
        colours.bar(figure, [axes], what, length=length)
    if explanation.wavelet is not None:
        signs = "\nRed speaks for what is explained, blue against it." if signed else ""
        foot(figure, f"Top left: approximation; outwards: details, coarse to fine, one dot per coefficient.{signs}")
    return figure


def corners(coefficients: Coefficients) -> dict[tuple[str, str], tuple[int, int]]:
    """Return the first row and column of every band, by scale and orientation, as in `pywt.coeffs_to_array`."""
    filters = {name: letters for letters, name in dimensions(2).orientations.items()}
    places: dict[tuple[str, str], tuple[int, int]] = {}
    corner = (0, 0)
    for scale, bands in coefficients.by_scale():
        for orientation in bands:
            down, right = (letter == "d" for letter in filters.get(orientation, "aa"))
            places[scale, orientation] = (corner[0] * down, corner[1] * right)
        rows, columns = next(iter(bands.values())).shape[2:]
        corner = (corner[0] + rows, corner[1] + columns)
    return places


def _mosaic_blocks(explanation: Explanation, item: int, *, signed: bool, per: Per) -> list[_Block]:
    """Return every band's values in their place."""
    cells = dict(zip(explanation.scales, cells_of(explanation), strict=True))
    attribution = explanation.attribution
    places = corners(attribution)
    blocks: list[_Block] = []
    for scale, orientation, band in attribution.bands():
        values = array_of(band[item] if signed else band[item].abs()).sum(0)
        values = values / cells[scale] if per == "sample" else values
        blocks.append((scale, orientation, places[scale, orientation], values))
    return blocks


def _draw_lines(axes: Axes, blocks: list[_Block], shape: tuple[int, ...]) -> None:
    """Draw the lines between the bands, and name those that are large enough for it."""
    for scale, orientation, (top, left), band in blocks:
        rows, columns = band.shape
        if orientation == "diagonal":
            style: dict[str, Any] = {"color": "white", "linewidth": 1.4, "linestyle": "-"}
            effects = [withStroke(linewidth=2.6, foreground=FAINT)]
            axes.plot([left - 0.5] * 2, [-0.5, top + rows - 0.5], path_effects=effects, **style)
            axes.plot([-0.5, left + columns - 0.5], [top - 0.5] * 2, path_effects=effects, **style)
        if columns >= 0.2 * shape[1] and rows >= 0.1 * shape[0]:
            name = orientation if orientation == "approximation" else f"{scale}\n{orientation}"
            name = "samples" if len(blocks) == 1 else name
            outline = [withStroke(linewidth=2.5, foreground="white")]
            place = (left + 0.02 * shape[1], top + 0.02 * shape[0])
            axes.text(*place, name, ha="left", va="top", fontsize=SIZE - 1.5, path_effects=outline, **TEXT)
    axes.set_xlim(-0.5, shape[1] - 0.5)
    axes.set_ylim(shape[0] - 0.5, -0.5)
