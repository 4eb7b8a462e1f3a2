"""Numbers by scale: how much of something each scale holds, as bars, or as dots where models are compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from wam_widgets.attribution import Explanation
from wam_widgets.evaluation import ScaleProfile

from .canvas import BLUE, FAINT, INK, LOOKS, ORANGE, SIZE, TEXT, clean, foot, head, new_figure, say, title
from .words import heading, number, percent, require_item, scale_words


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """One number per scale, with what is said about it.

    Parameters
    ----------
    title, axis : str
        What the numbers are; their unit.
    names, said : sequence of str
        Per scale, its name and its number in words.
    values : float array, shape (scale,)
        The numbers.
    intervals : float array, shape (scale, 2), or None
        Their lower and upper ends.
    tick : callable
        Writes a number beside the axis.
    """

    title: str
    axis: str
    names: Sequence[str]
    values: NDArray[np.float64]
    said: Sequence[str]
    intervals: NDArray[np.float64] | None = None
    tick: Callable[[float], str] = percent

    def draw(self, axes: Axes, *, names: bool = True) -> None:
        """Draw the bars, coarse scales at the top."""
        clean(axes, frame=False)
        title(axes, self.title)
        rows = np.arange(len(self.values))
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_yticks(rows, list(self.names) if names else [""] * len(rows), fontsize=SIZE - 1, **TEXT)
        axes.tick_params(axis="y", length=0)
        axes.set_xlabel(self.axis, fontsize=SIZE - 1, labelpad=2, **TEXT)
        if not np.isfinite(self.values).all():
            axes.set_xticks([])
            say(axes, "not finite")
            return
        colours = [BLUE if value >= 0 else ORANGE for value in self.values]
        axes.barh(rows, self.values, height=0.68, color=colours, edgecolor="none", hatch="")
        ends = self.intervals if self.intervals is not None else np.stack([self.values, self.values], axis=1)
        if self.intervals is not None:
            errors = np.abs(ends - self.values[:, None]).T
            axes.errorbar(
                self.values, rows, xerr=errors, fmt="none", ecolor=INK, elinewidth=1.2, capsize=3, capthick=1.2
            )
        low, high = min(0.0, float(ends.min())), max(0.0, float(ends.max()))
        room = 0.32 * (high - low or 1.0)  # for the words
        axes.set_xlim(low - room if low < 0 else 0, high + room)
        for row, (value, (left, right), said) in enumerate(zip(self.values, ends, self.said, strict=True)):
            outwards = 1 if value >= 0 else -1
            axes.annotate(
                said,
                (max(value, right) if outwards > 0 else min(value, left), row),
                (4 * outwards, 0),
                textcoords="offset points",
                ha="left" if outwards > 0 else "right",
                va="center",
                fontsize=SIZE - 1.5,
                **TEXT,
            )
        if low < 0:
            axes.axvline(0, color=INK, linewidth=0.8, linestyle="-")
        ticks = [tick for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high]
        axes.set_xticks(ticks, [self.tick(tick) for tick in ticks], fontsize=SIZE - 1, **TEXT)
        if not self.values.any():
            axes.set_xticks([])
            say(axes, "all zero")


def has_significance(explanation: Explanation) -> bool:
    """Whether it can be said which of its coefficients differ from zero."""
    return explanation.has_errors and explanation.aggregate == "mean"


def _is_finite(explanation: Explanation, item: int) -> bool:
    return bool(explanation.attribution.flatten()[item].isfinite().all())


def share_bars(explanation: Explanation, item: int, confidence: float) -> Bars:
    """Return the shares of the scales, with intervals where there are standard errors."""
    shares = explanation.scale_shares()[item].double().cpu().numpy()
    if not _is_finite(explanation, item):
        shares = np.full_like(shares, np.nan)
    intervals, about = None, "energy of the attribution, a sum over all coefficients"
    if explanation.kind == "contribution":
        about = (
            "energy of the attribution: a scale's contributions\nof both signs count, though they cancel in the score"
        )
    if explanation.has_errors and np.isfinite(shares).all():
        intervals = explanation.scale_share_intervals(confidence)[item].double().cpu().numpy()
        about = f"energy, noise subtracted;\n{number(100 * confidence)} % jackknife intervals"
    said = [percent(share) for share in shares]
    return Bars("Share of each scale", about, scale_words(explanation), shares, said, intervals)


def significance_bars(explanation: Explanation, item: int, rate: float) -> Bars:
    """Return the share of each scale's coefficients that can be told from zero."""
    shares, said = np.full(len(explanation.scales), np.nan), ["unknown"] * len(explanation.scales)
    if _is_finite(explanation, item):
        for index, (_, bands) in enumerate(explanation.significant(rate).by_scale()):
            flags = np.concatenate([band[item].flatten().cpu().numpy() for band in bands.values()])
            shares[index] = flags.mean()
            said[index] = f"{percent(shares[index])} ({int(flags.sum())})"
    return Bars(
        "Coefficients told from zero",
        f"share of the scale's coefficients (number);\nof all found, at most {number(100 * rate)} % by chance",
        scale_words(explanation),
        shares,
        said,
    )


def contribution_bars(explanation: Explanation, item: int) -> Bars:
    """Return what each scale adds to the score's difference from the baseline's."""
    added = explanation.completeness_by_scale()[item].double().cpu().numpy()
    gap = float(explanation.completeness_gap()[item])
    difference = number(float(added.sum()) - gap)
    return Bars(
        "What each scale adds to the score",
        f"score; sum {number(float(added.sum()))}, to explain {difference},\ncompleteness gap {number(gap)}",
        scale_words(explanation),
        added,
        [number(value) for value in added],
        tick=number,
    )


def scale_shares(explanation: Explanation, item: int = 0, *, confidence: float = 0.95) -> Figure:
    """Draw how the energy of the attribution is divided between the scales.

    Parameters
    ----------
    explanation : Explanation
        From `explain`.
    item : int
        Which item of the batch.
    confidence : float
        Of the jackknife intervals, drawn where there are standard errors; their energy is subtracted.

    Returns
    -------
    matplotlib.figure.Figure

    Examples
    --------
    >>> import wam_widgets as wam
    >>> model, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal
    >>> figure = scale_shares(wam.explain(model, three, level=2, progress=False))
    >>> [label.get_text() for label in figure.axes[0].get_yticklabels()]
    ['approximation', 'detail 2', 'detail 1']
    """
    item = require_item(explanation, item)
    return _bars_figure(explanation, item, share_bars(explanation, item, confidence))


def significance(explanation: Explanation, item: int = 0, *, rate: float = 0.05) -> Figure:
    """Draw which share of each scale's coefficients can be told from zero.

    Parameters
    ----------
    explanation : Explanation
        Made with SmoothGrad, which has standard errors.
    item : int
        Which item of the batch.
    rate : float
        False discovery rate: which share of those found may be there by chance.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there are no standard errors.

    Examples
    --------
    >>> import wam_widgets as wam
    >>> model, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal
    >>> figure = significance(wam.explain(model, three, level=2, progress=False), rate=0.01)
    >>> len(figure.axes)
    1
    """
    item = require_item(explanation, item)
    return _bars_figure(explanation, item, significance_bars(explanation, item, rate))


def scale_contributions(explanation: Explanation, item: int = 0) -> Figure:
    """Draw what each scale adds to the score's difference from the baseline's, and by how much the sum misses it.

    Parameters
    ----------
    explanation : Explanation
        Made with Integrated Gradients.
    item : int
        Which item of the batch.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        Unless the method is Integrated Gradients.

    Examples
    --------
    >>> import wam_widgets as wam
    >>> model, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal
    >>> path = wam.explain(model, three, method="integrated_gradients", level=2, progress=False)
    >>> len(scale_contributions(path).axes)
    1
    """
    item = require_item(explanation, item)
    return _bars_figure(explanation, item, contribution_bars(explanation, item))


def scale_profiles(profiles: Mapping[str, ScaleProfile]) -> Figure:
    """Draw how models spread their importance over scales, beside each other.

    Parameters
    ----------
    profiles : dict of str to ScaleProfile
        By the model's name, from `scale_profile` by one method; one to six.

    Returns
    -------
    matplotlib.figure.Figure
        Dots are means over the items, with their intervals where there are groups enough. Intervals that overlap don't
        say that models are alike: `profile.rows(minus=other)` compares them item by item.

    Raises
    ------
    TypeError, ValueError
        For anything but profiles of the same scales.

    Examples
    --------
    >>> import torch, wam_widgets as wam
    >>> from wam_widgets.evaluation import Explainer, scale_profile
    >>> pictures = torch.cat([digit.signal for digit in wam.samples.digits().values()])
    >>> models = {"plain": wam.samples.digit_model(), "robust": wam.samples.robust_digit_model()}
    >>> saliency = Explainer("saliency", level=2)
    >>> profiles = {name: scale_profile(model, pictures, saliency, progress=False) for name, model in models.items()}
    >>> [label.get_text() for label in scale_profiles(profiles).axes[0].get_yticklabels()]
    ['approximation', 'detail 2', 'detail 1']
    """
    if not 1 <= len(profiles) <= len(LOOKS):
        raise ValueError(f"`profiles` must be 1 to {len(LOOKS)}; got {len(profiles)}. Draw more in several figures.")
    for name, profile in profiles.items():
        if not isinstance(profile, ScaleProfile):
            raise TypeError(
                f"`profiles[{name!r}]` must be a ScaleProfile; got {type(profile).__name__}. Pass what `scale_profile` "
                f"returned."
            )
    first = next(iter(profiles.values()))
    if any((each.scales, each.method) != (first.scales, first.method) for each in profiles.values()):
        raise ValueError(
            f"`profiles` must be by one method, in the same scales; got {list(profiles.values())!r}. Call "
            f"`scale_profile` with the same method for all models."
        )
    figure = new_figure(6.0, 1.6 + 0.3 * len(first.scales))
    about = first.method
    head(figure, f"Share of importance by scale: {about.method}, {about.wavelet}")
    panel = figure.subplots()
    draw_profiles(panel, profiles)
    panel.legend(fontsize=SIZE - 2, frameon=False)
    intervals = f"; lines: {number(100 * first.confidence)} % intervals" if first.enough_groups else ""
    foot(figure, f"Dots: means over {len(first.items)} items{intervals}.")
    return figure


def draw_profiles(axes: Axes, profiles: Mapping[str, ScaleProfile], *, names: bool = True) -> None:
    """Draw a row of dots per scale, coarse scales at the top."""
    clean(axes, frame=False)
    scales = next(iter(profiles.values())).scales
    spread = 0.4 / len(profiles)
    for place, ((name, profile), look) in enumerate(zip(profiles.items(), LOOKS, strict=False)):
        rows = np.arange(len(scales)) + spread * (place - (len(profiles) - 1) / 2)
        found = profile.rows()
        axes.plot([row["share"] for row in found], rows, look.marker, color=look.colour, markersize=5, label=name)
        for height, row in zip(rows, found, strict=True):
            if row["low"] is not None:
                axes.plot([row["low"], row["high"]], [height, height], color=look.colour, linewidth=1.5)
    axes.set_ylim(len(scales) - 0.5, -0.5)
    axes.set_yticks(range(len(scales)), list(scales) if names else [""] * len(scales), fontsize=SIZE - 1, **TEXT)
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(lambda share, _: percent(share))
    axes.grid(visible=True, axis="x", color=FAINT, alpha=0.2, linewidth=0.6)


def _bars_figure(explanation: Explanation, item: int, bars: Bars) -> Figure:
    figure = new_figure(6.0, 0.5 + bars_height(bars))
    head(figure, heading(explanation, item))
    bars.draw(figure.subplots())
    return figure


def bars_height(bars: Bars) -> float:
    """Return the height of bars in inches, with what stands above and below."""
    return 0.28 * len(bars.names) + 1.0
