"""Maps over the signal's grid: all scales together, and each by itself."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, FigureBase

from wam_widgets.attribution import Explanation

from .canvas import SIZE, TEXT, WIDTH, Colours, foot, head, new_figure, title, wrapped
from .planes import Plane, array_of, cells_of, planes_of
from .words import Per, heading, require_item, require_per, scale_words, unit


def heatmap(explanation: Explanation, item: int = 0) -> Figure:
    """Draw the importance of all scales together over the input, which is in grey.

    Parameters
    ----------
    explanation : Explanation
        From `explain`.
    item : int
        Which item of the batch.

    Returns
    -------
    matplotlib.figure.Figure
        Where the map is transparent, nothing matters. Three central slices of a volume.

    Examples
    --------
    >>> import wam_widgets as wam
    >>> model, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal
    >>> figure = heatmap(wam.explain(model, three, level=2, progress=False))
    >>> figure.axes[0].get_title()
    'heat map: all scales'
    """
    item = require_item(explanation, item)
    planes = planes_of(explanation)
    sound, widths = len(explanation.size) == 1, [plane.width for plane in planes]
    width = WIDTH if sound or len(planes) > 1 else 5.6
    across = (width - 1.0 - 0.6 * len(planes)) / sum(widths)  # inches per unit of the grid
    height = 1.6 if sound else min(max(plane.ratio * plane.width for plane in planes) * across, 7.0)
    figure = new_figure(width, height + 1.3)
    head(figure, heading(explanation, item) + ("\nheat map: all scales, central slices" if len(planes) > 1 else ""))
    panels = np.ravel(figure.subplots(1, len(planes), width_ratios=widths))
    draw_heat(figure, list(panels), explanation, item, length=height)
    if len(planes) > 1:
        for axes, plane in zip(panels, planes, strict=True):
            room = max(across * plane.width + 0.3, 0.7)  # inches, with a part of the gap beside the panel
            title(axes, wrapped(plane.place, room, SIZE))
    return figure


def scale_maps(explanation: Explanation, item: int = 0, *, per: Per | None = None) -> Figure:
    """Draw the importance of each scale on the signal's grid, all on one colour scale.

    Parameters
    ----------
    explanation : Explanation
        From `explain`.
    item : int
        Which item of the batch.
    per : {"cell", "sample"}, optional
        "sample" shows `Explanation.maps()`, where a coefficient is spread over its cell: coarse scales are thin, and
        maps add up to the heat map. "cell" shows every coefficient's whole magnitude all over its cell. By default
        "cell" for a sensitivity, which is a derivative with respect to a coefficient, and "sample" for a
        contribution, whose sum over the samples counts.

    Returns
    -------
    matplotlib.figure.Figure
        One panel per scale, coarse to fine. The central slice along the first axis of a volume.

    Examples
    --------
    >>> import wam_widgets as wam
    >>> model, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal
    >>> figure = scale_maps(wam.explain(model, three, level=2, progress=False))
    >>> [axes.get_title() for axes in figure.axes if axes.get_title()]
    ['approximation', 'detail 2', 'detail 1']
    """
    item = require_item(explanation, item)
    plane = planes_of(explanation)[0]
    figure = new_figure(WIDTH, 0.5 + maps_height(plane, len(explanation.scales)))
    head(figure, heading(explanation, item) + (f"\n{plane.name}" if plane.name else ""))
    draw_maps(figure, explanation, item, per)
    return figure


def draw_heat(figure: FigureBase, panels: list[Axes], explanation: Explanation, item: int, *, length: float) -> None:
    """Draw the heat map over the faint signal, one panel per plane, with a colour bar of about `length` inches.

    A panel that is alone says what it is; of several, the caller does.
    """
    values = array_of(explanation.heatmap()[item])
    planes = planes_of(explanation)[: len(panels)]
    colours = Colours.shared_by([plane.cut(values) for plane in planes], signed=False, see_through=True)
    for axes, plane in zip(panels, planes, strict=True):
        plane.show_signal(axes, array_of(explanation.signal[item]), faint=True)
        plane.lay_over(axes, values, colours)
        if len(panels) == 1:
            named = ("heat map: all scales", plane.name, plane.reduced)
            title(axes, (", " if len(plane.size) == 1 else "\n").join(part for part in named if part))
    if not colours.empty:
        colours.bar(figure, panels, unit(explanation, "sample"), length=length)


def draw_maps(figure: FigureBase, explanation: Explanation, item: int, per: Per | None) -> None:
    """Draw a panel per scale (of a sound, a strip) with one colour bar for all."""
    chosen = require_per(explanation, per)
    plane = planes_of(explanation)[0]
    arrays = [array_of(scale) for scale in explanation.maps()[item]]
    if chosen == "cell":
        arrays = [array * cell for array, cell in zip(arrays, cells_of(explanation), strict=True)]
    colours = Colours.shared_by([plane.cut(array) for array in arrays], signed=False)
    sound = len(explanation.size) == 1
    columns = 1 if sound else _columns(len(arrays))
    panels = figure.subplots(math.ceil(len(arrays) / columns), columns, squeeze=False).ravel()
    for axes in panels[len(arrays) :]:
        axes.set_visible(False)
    for axes, array, name in zip(panels, arrays, scale_words(explanation), strict=False):
        last = axes is panels[len(arrays) - 1]
        plane.show(axes, array, colours, ticks=sound and last)
        if sound:
            axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=SIZE - 1, **TEXT)
        else:
            title(axes, name)
    if not colours.empty:
        what = unit(explanation, chosen)
        what += f" ({plane.reduced})" if plane.reduced else ""
        length = maps_height(plane, len(arrays)) - 1.0
        colours.bar(figure, list(panels[: len(arrays)]), what, length=length)
    if explanation.wavelet is not None:
        foot(
            figure,
            "Every coefficient's magnitude, drawn all over its cell; channels and orientations added up."
            if chosen == "cell"
            else "Every coefficient's magnitude, spread over its cell: the maps add up to the heat map.",
        )


def maps_height(plane: Plane, scales: int) -> float:
    """Return the height of the panels of so many scales in inches, with what stands above and below."""
    if len(plane.size) == 1:  # strips
        return 0.36 * scales + 1.4
    columns = _columns(scales)
    width = 7.3 / columns if columns > 1 else 4.0
    return math.ceil(scales / columns) * (min(plane.ratio * width, 6) + 0.3) + 0.4


def _columns(panels: int) -> int:
    return panels if panels <= 4 else 3 if panels <= 9 else 4
