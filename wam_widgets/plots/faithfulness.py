"""Insertion and deletion curves of several methods, beside controls that saw no model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from wam_widgets.checks import require_one_of, whole_number
from wam_widgets.evaluation import FaithfulnessReport, cluster_interval
from wam_widgets.evaluation.faithfulness import DIRECTIONS
from wam_widgets.evaluation.tracing import KINDS, Kind

from .canvas import CONTROLS, FAINT, LOOKS, SIZE, TEXT, WIDTH, Look, clean, head, new_figure, title
from .words import number, percent, plain

#: Resamples of the groups for a band, which is drawn, not tested.
_RESAMPLES = 999

_QUANTITIES = {"probability": "probability", "logit": "score", "contrast": "p(A) / (p(A) + p(B))"}


def faithfulness_curves(
    report: FaithfulnessReport, methods: Sequence[str] | None = None, *, item: int | None = None
) -> Figure:
    """Draw what the model says while a signal is put together and taken apart, in the order of each method.

    Parameters
    ----------
    report : FaithfulnessReport
        From `evaluate`.
    methods : sequence of str, optional
        Which of its methods; all by default.
    item : int, optional
        One item; by default the mean of all.

    Returns
    -------
    matplotlib.figure.Figure
        Insertion and deletion side by side, a row for each domain, explanations in colours and controls in grey. With
        10 groups or more, bands are pointwise intervals of the mean, by bootstrap over groups; with fewer, thin lines
        are the items.

    Raises
    ------
    TypeError, ValueError
        For anything but a report, or a method or item that it doesn't have.

    Examples
    --------
    >>> import wam_widgets as wam
    >>> model, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal
    >>> maps = {"WAM": wam.explain(model, three, level=2, progress=False)}
    >>> report = wam.evaluate(model, three, maps, progress=False)
    >>> len(faithfulness_curves(report).axes)  # insertion and deletion
    2
    """
    if not isinstance(report, FaithfulnessReport):
        raise TypeError(
            f"`report` must be a FaithfulnessReport; got {type(report).__name__}. Pass what `evaluate` returned."
        )
    wanted = list(report.methods if methods is None else methods)
    for method in wanted:
        require_one_of("methods", method, report.methods)
    if not wanted:
        raise ValueError("`methods` must name at least one; got none. Leave it out for all.")
    number_of = None if item is None else _require_item(report, item)
    looks, rows = looks_of(report), [report.methods.index(method) for method in wanted]
    domains = list(dict.fromkeys(report.domains[row] for row in rows))
    bands = bands_of(report, rows) if number_of is None else None
    figure = new_figure(WIDTH, 1.75 + 2.6 * len(domains))
    head(figure, _heading(report, number_of))
    panels = figure.subplots(len(domains), 2, sharex=True, sharey=True, squeeze=False)
    for line, domain in enumerate(domains):
        for panel, kind in zip(panels[line], KINDS, strict=True):
            better = DIRECTIONS[kind]
            title(clean(panel), f"{kind}: {better} is better" + (f"\n{plain(domain)}" if len(domains) > 1 else ""))
            for at, row in enumerate(rows):
                if report.domains[row] == domain:
                    _draw(panel, report, kind, row, looks[row], number_of, None if bands is None else bands[kind][at])
            for axis in (panel.xaxis, panel.yaxis):
                axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
            panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: percent(float(value))))
            panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(float(value))))
            if line == len(domains) - 1:
                done = "inserted" if kind == "insertion" else "deleted"
                panel.set_xlabel(f"{report.protocol.axis} {done}", fontsize=SIZE - 1, labelpad=2, **TEXT)
        panels[line][0].set_ylabel(_QUANTITIES[report.protocol.quantity], fontsize=SIZE - 1, labelpad=2, **TEXT)
    _scale(panels[0][0], report)
    _legend(figure, _about(report, rows, number_of), {label_of(report, row): looks[row] for row in rows})
    return figure


def bands_of(report: FaithfulnessReport, rows: Sequence[int] | None = None) -> dict[Kind, NDArray[np.float64]] | None:
    """Return pointwise intervals of the mean curves, (method, 2, step + 1); None where groups are too few for them.

    Parameters
    ----------
    report : FaithfulnessReport
        From `evaluate`.
    rows : sequence of int, optional
        Which of its methods, in this order; all by default.

    Returns
    -------
    dict of Kind to float array, or None
        As those of the areas, with the report's confidence and fewer draws (see `cluster_interval`).
    """
    if not report.enough_groups:
        return None
    wanted = range(len(report.methods)) if rows is None else rows
    return {kind: np.stack([_band(report, report.scores[kind][row]) for row in wanted]) for kind in KINDS}


def _band(report: FaithfulnessReport, curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return low and high ends of the mean of curves, (2, step + 1)."""
    found = [
        cluster_interval(values, report.groups, confidence=report.confidence, resamples=_RESAMPLES, seed=report.seed)
        for values in curves.T
    ]
    return np.array([[each.low for each in found], [each.high for each in found]])


def label_of(report: FaithfulnessReport, row: int) -> str:
    """Return a method's name; a control's without that of its domain, beside which it stands."""
    name, domain = report.methods[row], report.domains[row]
    return name if report.controls[row] is None else name.removesuffix(f", {domain}")


def looks_of(report: FaithfulnessReport) -> list[Look]:
    """Return the look of every method: a colour of its own for each explanation, grey for controls."""
    looks: list[Look] = []
    explained = 0
    for control in report.controls:
        looks.append(LOOKS[explained % len(LOOKS)] if control is None else CONTROLS[control])
        explained += control is None
    return looks


def _draw(
    panel: Axes,
    report: FaithfulnessReport,
    kind: Kind,
    row: int,
    look: Look,
    item: int | None,
    band: NDArray[np.float64] | None,
) -> None:
    """Draw the curve of a method: of an item, or the mean."""
    energy, scores = report.energy[kind][row], report.scores[kind][row]
    by_units = report.protocol.axis == "units"
    x = report.units[row] if by_units else energy.mean(0) if item is None else energy[item]
    explained = report.controls[row] is None
    if band is not None:
        panel.fill_between(x, *band, color=look.colour, alpha=0.18 if explained else 0.12, linewidth=0)
    elif item is None and explained and len(scores) > 1:
        for each in range(len(scores)):
            own = report.units[row] if by_units else energy[each]
            panel.plot(own, scores[each], color=look.colour, linewidth=0.5, alpha=0.5, linestyle="-", marker="")
    apart = max(1, len(x) // 8)
    panel.plot(
        x,
        scores.mean(0) if item is None else scores[item],
        color=look.colour,
        linestyle=look.line,
        linewidth=1.6 if explained else 1.3,
        marker=look.marker,
        markersize=4.5,
        markevery=(row % apart, apart),
        zorder=3 if explained else 2.5,
    )


def _scale(panel: Axes, report: FaithfulnessReport) -> None:
    """Let probabilities begin at 0."""
    panel.set_xlim(0, 1)
    if report.protocol.quantity != "logit" and all(
        ((scores >= 0) & (scores <= 1)).all() for scores in report.scores.values()
    ):
        panel.set_ylim(0, 1.05)  # intervals of few items may reach beyond what is possible


def _legend(figure: Figure, about: str, looks: dict[str, Look]) -> None:
    handles = [
        Line2D([], [], color=look.colour, marker=look.marker, linestyle=look.line, markersize=4.5, label=plain(label))
        for label, look in sorted(looks.items(), key=lambda each: each[1] not in LOOKS)  # controls last
    ]
    legend = figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=4,
        frameon=False,
        fontsize=SIZE - 1.5,
        title=about,
        title_fontproperties={"size": SIZE - 1.5},
    )
    for text in [legend.get_title(), *legend.get_texts()]:
        text.set(**TEXT)
    legend.get_title().set(color=FAINT)


def _heading(report: FaithfulnessReport, item: int | None) -> str:
    items, groups = len(report.groups), len(set(report.groups))
    of_groups = "" if groups == items else f" in {groups} groups"
    shown = f"item {item} of {items}" if item is not None else f"mean of {items} items{of_groups}"
    return f"Protocol {plain(report.protocol.name)} · {'1 item' if items == 1 else shown}"


def _about(report: FaithfulnessReport, rows: Sequence[int], item: int | None) -> str:
    """Say how to read it."""
    grey = "Grey: orders that no model had a part in. " if any(report.controls[row] for row in rows) else ""
    if item is not None or len(report.groups) == 1:
        return f"{grey}One item has no interval."
    if report.enough_groups:
        level = number(100 * report.confidence)
        return f"{grey}Bands: {level} % intervals of the mean, pointwise, by bootstrap over groups."
    return f"{grey}Too few groups for intervals: thin lines are the items."


def _require_item(report: FaithfulnessReport, item: object) -> int:
    found, items = whole_number(item), len(report.groups)
    if found is None or not 0 <= found < items:
        raise ValueError(
            f"`item` must be a whole number from 0 to {items - 1}; got {item!r}. Leave it out for the mean."
        )
    return found
