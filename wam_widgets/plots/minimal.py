"""What is enough for the class: the kept signals of several orders, and their sparsity curves."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from wam_widgets.checks import whole_number
from wam_widgets.evaluation import MinimalSignal
from wam_widgets.transform import Grid

from .canvas import LOOKS, SIZE, TEXT, WIDTH, Look, clean, foot, new_figure, title
from .planes import Plane, array_of
from .words import number, percent, plain

#: More panels in a row would be smaller than what they show.
_MOST = len(LOOKS)


def minimal_signals(found: Mapping[str, MinimalSignal], item: int = 0, *, grid: Grid | None = None) -> Figure:
    """Draw the smallest kept signal in each of several orders, above the probability as more and more is kept.

    Parameters
    ----------
    found : dict of str to MinimalSignal
        By name, up to six, of the same signal: from `wam_widgets.evaluation.minimal_signal`.
    item : int
        Which item.
    grid : Grid, optional
        What the signal's axes mean.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for each order; below, a curve for each, over kept fractions on a logarithmic axis: thick where the
        class is kept at both ends, with a marker at the smallest set. Of a volume, the central slice along its first
        axis.

    Raises
    ------
    TypeError, ValueError
        For anything but minimal signals of one size, for none or more than six, and for an item that they don't have.

    Examples
    --------
    >>> import wam_widgets as wam
    >>> model, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal
    >>> explanation = wam.explain(model, three, level=2, progress=False)
    >>> figure = minimal_signals({"WAM": wam.evaluation.minimal_signal(model, three, explanation)})
    >>> len(figure.axes) > 1
    True
    """
    _require_found(found)
    first = next(iter(found.values()))
    number_of, size = _require_item(first, item), tuple(first.signal.shape[2:])
    plane = Plane(grid or Grid.default(len(size)), size, 0 if len(size) == 3 else None)
    height = 0.7 + min(plane.ratio * WIDTH / len(found), 4)
    figure = new_figure(WIDTH, height + 3)
    upper, lower = np.ravel(figure.subfigures(2, 1, squeeze=False, height_ratios=[height, 3]))
    panels = np.ravel(upper.subplots(1, len(found), squeeze=False))
    curves = clean(lower.subplots())
    for axes, look, (name, each) in zip(panels, LOOKS, found.items(), strict=False):
        plane.show_signal(axes, array_of(each.signal[number_of]))
        if axes is not panels[0]:
            axes.set_ylabel("")
        fraction, probability = float(each.fraction[number_of]), float(each.probability[number_of])
        label = textwrap.fill(plain(name), 72 // len(found))
        title(axes, f"{label}\n{percent(fraction)} kept, p = {number(probability)}")
        _draw(curves, each, number_of, look, plain(name))
    curves.set_xscale("log")
    curves.set_ylim(0, 1.05)
    curves.xaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(float(value))))
    curves.xaxis.set_minor_formatter(NullFormatter())
    curves.set_xlabel("positions kept", fontsize=SIZE - 1, labelpad=2, **TEXT)
    curves.set_ylabel("probability", fontsize=SIZE - 1, labelpad=2, **TEXT)
    for text in curves.legend(frameon=False, fontsize=SIZE - 1.5, loc="upper left").get_texts():
        text.set(**TEXT)
    foot(figure, "Thick: the class is kept. The marker is the smallest set found, the first in that order.")
    return figure


def _draw(axes: Axes, found: MinimalSignal, item: int, look: Look, label: str) -> None:
    """Draw a curve, but for none kept, which has no logarithm."""
    at, curve, kept = found.fractions[1:], found.probabilities[item, 1:], found.holds[item, 1:]
    axes.plot(at, curve, color=look.colour, linestyle=look.line, linewidth=0.8, marker="")
    for start in np.flatnonzero(kept[:-1] & kept[1:]):
        part = slice(start, start + 2)
        axes.plot(at[part], curve[part], color=look.colour, linestyle=look.line, linewidth=2.4, marker="")
    smallest = max(float(found.fraction[item]), at[0])
    axes.plot(
        [smallest],
        [float(found.probability[item])],
        color=look.colour,
        marker=look.marker,
        markersize=8,
        linestyle=look.line,
        label=label,
        zorder=3,
    )


def _require_found(found: object) -> None:
    if not isinstance(found, Mapping) or not all(isinstance(each, MinimalSignal) for each in found.values()):
        raise TypeError(
            f"`found` must be a dict from names to minimal signals; got {type(found).__name__}. Pass e.g. "
            f"`{{'WAM': minimal_signal(model, signal, explanation)}}`."
        )
    shapes = {tuple(each.signal.shape) for each in found.values()}
    if not 1 <= len(found) <= _MOST or len(shapes) > 1:
        raise ValueError(
            f"`found` must hold one to {_MOST} minimal signals of one signal; got {len(found)}, of the shapes "
            f"{sorted(shapes)}. Draw the others in a figure of their own."
        )


def _require_item(found: MinimalSignal, item: object) -> int:
    given, items = whole_number(item), len(found.signal)
    if given is None or not 0 <= given < items:
        raise ValueError(f"`item` must be a whole number from 0 to {items - 1}; got {item!r}. Pass e.g. `item=0`.")
    return given
