"""What explanations keep of a mixture: method by method, and as the mixture or the kept energy changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from wam_widgets.checks import nearest
from wam_widgets.evaluation import SeparationReport
from wam_widgets.evaluation.separation import Measure

from .canvas import (
    BLUE,
    CONTROLS,
    FAINT,
    LOOKS,
    SIZE,
    TEXT,
    WIDTH,
    Look,
    clean,
    foot,
    head,
    new_figure,
    title,
)
from .words import number, percent, plain

_NAMES: dict[Measure, str] = {
    "corruption_left": "corruption left",
    "clean_kept": "clean signal kept",
    "si_sdr_improvement": "SI-SDR improvement",
}
_UNITS: dict[Measure, str] = {
    "corruption_left": "share of its energy",
    "clean_kept": "share of its energy",
    "si_sdr_improvement": "dB",
}
_MINUS = "_minus_random"


def separation_bars(
    report: SeparationReport,
    *,
    kept: float | None = None,
    measures: Sequence[str] = ("corruption_left", "si_sdr_improvement", "si_sdr_improvement_minus_random"),
    about: str = "",
) -> Figure:
    """Draw what every method leaves of the corruption, with intervals, beside orders that no model had a part in.

    Parameters
    ----------
    report : SeparationReport
        From `wam_widgets.separation`.
    kept : float, optional
        One of the report's fractions of energy; the first by default.
    measures : sequence of str
        What to show, side by side: "corruption_left", "clean_kept", "si_sdr_improvement", or one of these with
        "_minus_random", for the paired difference from the random order.
    about : str
        What was mixed, for the heading.

    Returns
    -------
    matplotlib.figure.Figure
        Methods by domain, explanations as dots and controls as rings; a dotted line stands at the random order of the
        domain.

    Raises
    ------
    TypeError, ValueError
        For anything but a report, or a fraction or measure that it doesn't have.

    Examples
    --------
    >>> import torch
    >>> import wam_widgets as wam
    >>> mixture = wam.overlap(torch.randn(4, 1, 64), torch.randn(4, 1, 64), weight=0.5)
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    >>> report = wam.separation(mixture, {"WAM": wam.explain(model, mixture.signal, method="saliency")})
    >>> len(separation_bars(report, measures=["clean_kept"]).axes)
    1
    """
    report = _require_report(report)
    shown = [(measure, name.endswith(_MINUS)) for name in measures for measure in [_require_measure(name)]]
    if not shown:
        raise ValueError("`measures` must name at least one; got none. Pass e.g. `measures=['corruption_left']`.")
    fraction = report.kept[0] if kept is None else kept
    domains = list(dict.fromkeys(report.domains))
    # Downwards: a line for the name of each domain, its methods, and half a line of space.
    lines: dict[str, float] = {}
    heads: dict[str, float] = {}
    line = 0.0
    for domain in domains:
        heads[domain] = line
        for method in _of(report, domain):
            line += 1
            lines[method] = line
        line += 1.5
    figure = new_figure(WIDTH, 1.3 + 0.185 * line)
    head(figure, _heading(report, about, fraction))
    axes = np.ravel(figure.subplots(1, len(shown), sharey=True))
    for panel, (measure, minus) in zip(axes, shown, strict=True):
        clean(panel)
        unit = f"({_UNITS[measure]})" + (", minus random order" if minus else "")
        panel.set_xlabel(f"{_NAMES[measure]}\n{unit}", fontsize=SIZE - 1, labelpad=2, **TEXT)
        for domain in domains:
            places = [lines[method] for method in _of(report, domain)]
            random = report.values(report.random(_of(report, domain)[0]), measure, kept=fraction)
            chance = 0.0 if minus else float(random.mean())
            panel.plot([chance] * 2, [places[0] - 0.5, places[-1] + 0.5], color=FAINT, linewidth=1, linestyle=":")
        for method, place in lines.items():
            found = report.interval(method, measure, kept=fraction, minus=report.random(method) if minus else None)
            explained = report.controls[report.methods.index(method)] is None
            colour = BLUE if explained else FAINT
            panel.plot([found.low, found.high], [place] * 2, color=colour, linewidth=1.4, linestyle="-")
            panel.plot(
                found.mean, place, "o", markersize=5, color=colour, markerfacecolor=colour if explained else "white"
            )
        _scale(panel, "x", measure, signed=minus)
    axes[0].set_ylim(line - 0.9, -0.8)
    ticks = sorted([*((place, method) for method, place in lines.items()), *((at, name) for name, at in heads.items())])
    axes[0].set_yticks([at for at, _ in ticks], [plain(_label(report, name)) for _, name in ticks])
    axes[0].tick_params(axis="y", length=0)
    for (_, name), label in zip(ticks, axes[0].get_yticklabels(), strict=True):
        label.set(fontsize=SIZE - 2, fontweight="bold" if name in heads else "normal", **TEXT)
    for panel in axes[1:]:
        panel.tick_params(axis="y", length=0)
    foot(
        figure,
        f"Rings: orders without a model; dotted: random order. {_about_intervals(report)}",
    )
    return figure


def separation_curves(
    reports: SeparationReport | Mapping[float, SeparationReport],
    methods: Sequence[str] | None = None,
    *,
    name: str = "",
    measure: Measure = "corruption_left",
    about: str = "",
) -> Figure:
    """Draw how a measure changes with the mixture, or with the kept energy.

    Parameters
    ----------
    reports : dict of float to SeparationReport, or SeparationReport
        By the amount that was swept, such as the weight of the other sound or the SNR in dB: drawn at the first
        fraction of kept energy. One report is drawn over its fractions.
    methods : sequence of str, optional
        Which ones, in this order; by default the first four explanations of each domain, and the controls.
    name : str
        What was swept, with its unit: the name of the horizontal axis.
    measure : {"corruption_left", "clean_kept", "si_sdr_improvement"}
        What is shown.
    about : str
        What was mixed, for the heading.

    Returns
    -------
    matplotlib.figure.Figure
        A panel for every domain, on the same axes, with the intervals as bars.

    Raises
    ------
    TypeError, ValueError
        For anything but reports of the same methods, or a method or measure that they don't have.

    Examples
    --------
    >>> import torch
    >>> import wam_widgets as wam
    >>> mixture = wam.overlap(torch.randn(4, 1, 64), torch.randn(4, 1, 64), weight=0.5)
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    >>> report = wam.separation(mixture, {"WAM": wam.explain(model, mixture.signal, method="saliency")})
    >>> len(separation_curves({0.5: report}, name="weight").axes)
    1
    """
    measure = _require_measure(measure)
    curves = _curves(reports)
    first = curves[0][1]
    wanted = _default_methods(first) if methods is None else list(methods)
    for method in wanted:
        first.random(method)  # raises for an unknown one
    domains = [domain for domain in dict.fromkeys(first.domains) if {*_of(first, domain)} & {*wanted}]
    looks = _looks(first, wanted)
    columns = min(2, len(domains))
    rows = -(-len(domains) // columns)
    figure = new_figure(WIDTH if columns == 2 else WIDTH * 0.62, 1.6 + 2.6 * rows)
    head(figure, _heading(first, about, None if isinstance(reports, SeparationReport) else first.kept[0]))
    axes = np.ravel(figure.subplots(rows, columns, sharex=True, sharey=True))
    amounts = np.array([amount for amount, *_ in curves])
    step = 0.012 * float(np.ptp(amounts) or 1.0)  # side by side, so that intervals can be told apart
    for panel, domain in zip(axes, domains, strict=False):
        title(clean(panel), plain(domain))
        drawn = [method for method in wanted if method in _of(first, domain)]
        for index, method in enumerate(drawn):
            look = looks[_label(first, method)]
            found = np.array([report.interval(method, measure, kept=fraction) for _, report, fraction in curves])
            panel.errorbar(
                amounts + step * (index - (len(drawn) - 1) / 2),
                found[:, 0],
                yerr=np.maximum(np.abs(found[:, 1:] - found[:, :1]).T, 0),
                color=look.colour,
                marker=look.marker,
                markersize=4.5,
                linestyle=look.line,
                linewidth=1.3,
                elinewidth=0.9,
                capsize=0,
            )
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(float(value))))
        if len(amounts) <= 6:
            panel.set_xticks(amounts)
    for panel in axes[len(domains) :]:
        panel.set_visible(False)
    swept = name or ("kept energy (fraction of the mixture's)" if isinstance(reports, SeparationReport) else "amount")
    for place, panel in enumerate(axes[: len(domains)]):
        if place + columns >= len(domains):
            panel.tick_params(labelbottom=True)
            panel.set_xlabel(plain(swept), fontsize=SIZE - 1, labelpad=2, **TEXT)
        _scale(panel, "y", measure)  # after all are drawn, as they share it
        if place % columns == 0:
            panel.set_ylabel(f"{_NAMES[measure]} ({_UNITS[measure]})", fontsize=SIZE - 1, labelpad=2, **TEXT)
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
        title=_about_intervals(first),
        title_fontproperties={"size": SIZE - 1.5},
    )
    for text in [legend.get_title(), *legend.get_texts()]:
        text.set(**TEXT)
    return figure


def _of(report: SeparationReport, domain: str) -> list[str]:
    """Return the methods of a domain."""
    return [method for method, own in zip(report.methods, report.domains, strict=True) if own == domain]


def _label(report: SeparationReport, name: str) -> str:
    """Return a method's name without that of its domain, beside which it stands; or the name of a domain."""
    if name not in report.methods:
        return name
    return name.removesuffix(f", {report.domains[report.methods.index(name)]}")


def _looks(report: SeparationReport, methods: Sequence[str]) -> dict[str, Look]:
    """Give every label its look, the same in all panels."""
    looks: dict[str, Look] = {}
    for method in methods:
        control = report.controls[report.methods.index(method)]
        explained = sum(look in LOOKS for look in looks.values())
        if _label(report, method) not in looks:
            looks[_label(report, method)] = LOOKS[explained % len(LOOKS)] if control is None else CONTROLS[control]
    return looks


def _default_methods(report: SeparationReport) -> list[str]:
    found = []
    for domain in dict.fromkeys(report.domains):
        own = _of(report, domain)
        explained = [method for method in own if report.controls[report.methods.index(method)] is None]
        found += [*explained[:4], *(method for method in own if method not in explained)]
    return found


def _curves(reports: object) -> list[tuple[float, SeparationReport, float]]:
    """Return amount, report and fraction of every point of the curves, from left to right."""
    if isinstance(reports, SeparationReport):
        return [(fraction, reports, fraction) for fraction in sorted(reports.kept)]
    if not isinstance(reports, Mapping) or not reports:
        raise TypeError(
            f"`reports` must be a SeparationReport, or a dict from amounts to them; got {type(reports).__name__}. Pass "
            f"e.g. `{{0.1: report, 0.2: another}}`."
        )
    curves = [(float(amount), each := _require_report(reports[amount]), each.kept[0]) for amount in sorted(reports)]
    first = curves[0][1]
    for amount, each, fraction in curves:
        if (each.methods, fraction) != (first.methods, first.kept[0]):
            raise ValueError(
                f"`reports` must be of the same methods, at the same kept energy; that of {amount:g} differs from that "
                f"of {curves[0][0]:g}. Call `separation` with the same names and `kept`."
            )
    return curves


def _heading(report: SeparationReport, about: str, kept: float | None) -> str:
    pairs = f"{len(report.groups)} pairs of {len(set(report.groups))} groups"
    at = "" if kept is None else f", {percent(kept)} of the mixture's energy kept"
    return "\n".join([*(plain(line) for line in about.splitlines()), pairs + at])


def _about_intervals(report: SeparationReport) -> str:
    return f"Lines are {number(100 * report.confidence)} % intervals, by bootstrap over groups."


def _scale(panel: Axes, axis: str, measure: Measure, *, signed: bool = False) -> None:
    """Let shares begin at 0, and write numbers as everywhere."""
    own = panel.xaxis if axis == "x" else panel.yaxis
    own.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    own.set_major_formatter(FuncFormatter(lambda value, _: number(float(value))))
    if measure != "si_sdr_improvement" and not signed:
        panel.set(**{f"{axis}lim": (0, None)})
    elif axis == "x":
        panel.axvline(0, color=FAINT, linewidth=0.6, linestyle="-")
    else:
        panel.axhline(0, color=FAINT, linewidth=0.6, linestyle="-")


def _require_report(report: object) -> SeparationReport:
    if isinstance(report, SeparationReport):
        return report
    raise TypeError(
        f"`report` must be a SeparationReport; got {type(report).__name__}. Pass what `separation` returned."
    )


def _require_measure(name: str) -> Measure:
    """Return the measure that a name begins with."""
    for measure in get_args(Measure):
        if name.removesuffix(_MINUS) == measure:
            found: Measure = measure
            return found
    raise ValueError(
        f"A measure must be one of {', '.join(map(repr, get_args(Measure)))}; got {name!r}."
        f"{nearest(name, get_args(Measure))}"
    )
