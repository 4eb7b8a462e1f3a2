"""One figure with everything, and what a notebook displays."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from wam_widgets.attribution import Explanation
from wam_widgets.evaluation import FaithfulnessReport

from .bars import bars_height, contribution_bars, has_significance, share_bars, significance_bars
from .canvas import SIZE, TEXT, WIDTH, head, new_figure, png, title
from .faithfulness import faithfulness_curves
from .maps import draw_heat, draw_maps, heatmap, maps_height
from .planes import array_of, planes_of
from .spectrograms import spectrogram
from .words import Per, heading, require_item, what_is_explained


def plot(
    explanation: Explanation | FaithfulnessReport,
    item: int | None = None,
    *,
    per: Per | None = None,
    rate: float = 0.05,
    confidence: float = 0.95,
) -> Figure:
    """Draw an explanation: the input, where it matters, at which scales, and how sure that is. Or a report's curves.

    Parameters
    ----------
    explanation : Explanation or FaithfulnessReport
        From `explain`; or from `evaluate`, which is drawn by `plots.faithfulness_curves`.
    item : int, optional
        Which item of the batch; by default the first, and of a report the mean of all.
    per : {"cell", "sample"}, optional
        As in `scale_maps`.
    rate : float
        False discovery rate of the coefficients that are told from zero.
    confidence : float
        Of the intervals of the scales' shares.

    Returns
    -------
    matplotlib.figure.Figure
        The input with the predicted class; the heat map over it; a map per scale on one shared colour scale; the
        scales' shares, with jackknife intervals where there are standard errors; and, as far as it is known, which
        share of each scale's coefficients can be told from zero (SmoothGrad) or what each scale adds to the score
        (Integrated Gradients). Of a volume, maps show the central slice along its first axis.

    Raises
    ------
    ValueError
        If there is no such item, or a rate is not between 0 and 1.

    Examples
    --------
    >>> import torch
    >>> from wam_widgets import explain
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 3))
    >>> figure = plot(explain(model, torch.rand(1, 1, 16, 16), level=2, samples=16, progress=False))
    >>> figure.savefig("explanation.pdf")  # doctest: +SKIP
    """
    if isinstance(explanation, FaithfulnessReport):
        return faithfulness_curves(explanation, item=item)
    item = require_item(explanation, 0 if item is None else item)
    plane = planes_of(explanation)[0]
    bars = [share_bars(explanation, item, confidence)]
    if has_significance(explanation):
        bars.append(significance_bars(explanation, item, rate))
    elif explanation.baseline_score is not None:
        bars.append(contribution_bars(explanation, item))
    sound = len(explanation.size) == 1
    caption = "\n".join(part for part in (what_is_explained(explanation, item), plane.name) if part)
    top = 3.9 if sound else min(plane.ratio * 3.1, 6) + 1.0 + 0.2 * caption.count("\n")
    heights = [top, maps_height(plane, len(explanation.scales)), bars_height(bars[0])]
    figure = new_figure(WIDTH, 0.4 + sum(heights))
    head(figure, heading(explanation, item))
    upper, middle, lower = np.ravel(figure.subfigures(3, 1, squeeze=False, height_ratios=heights))
    left, right = np.ravel(upper.subplots(2, 1) if sound else upper.subplots(1, 2))
    note = plane.show_signal(left, array_of(explanation.signal[item]))
    title(left, caption)
    if note:
        left.set_xlabel(f"{left.get_xlabel()}\n{note}", fontsize=SIZE - 1.5, **TEXT)
    draw_heat(upper, [right], explanation, item, length=(top - 1) / (2 if sound else 1))
    draw_maps(middle, explanation, item, per)
    for index, (axes, each) in enumerate(zip(np.ravel(lower.subplots(1, len(bars))), bars, strict=True)):
        each.draw(axes, names=index == 0)
    return figure


def glance(explanation: Explanation) -> bytes | None:
    """Return what stands beside a live view, for places without JavaScript: the first item's heat map as a PNG.

    Of a sound, whose grid is in seconds, it is the spectrogram with the attribution on it.

    Examples
    --------
    >>> import wam_widgets as wam
    >>> model, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal
    >>> glance(wam.explain(model, three, level=2, progress=False))[1:4]
    b'PNG'
    """
    return _safe_png(explanation, heatmap if explanation.grid.sample_rate is None else spectrogram)


def picture(explanation: Explanation) -> bytes | None:
    """Return what a notebook displays: the figure of the first item as a PNG; None, with a warning, if it can't.

    Examples
    --------
    >>> import wam_widgets as wam
    >>> model, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal
    >>> picture(wam.explain(model, three, level=2, progress=False))[1:4]
    b'PNG'
    """
    return _safe_png(explanation, plot)


def _safe_png(explanation: Explanation, figure: Callable[[Explanation], Figure]) -> bytes | None:
    """Draw a figure; None, with a warning, if it can't be drawn."""
    try:
        return png(figure(explanation), dpi=100)
    except Exception as error:  # noqa: BLE001  # a display must not hide the object that it displays
        warnings.warn(f"No picture: {type(error).__name__}: {error}", RuntimeWarning, stacklevel=2)
        return None
