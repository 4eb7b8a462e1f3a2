"""The figure of insertion and deletion curves: what is drawn is what the report says."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D

import wam_widgets as wam
from tests.attribution.networks import SmallNet, signal_of
from wam_widgets import plots
from wam_widgets.evaluation import FaithfulnessReport, cluster_interval
from wam_widgets.evaluation.tracing import KINDS, Kind
from wam_widgets.plots.canvas import FAINT
from wam_widgets.plots.faithfulness import bands_of, looks_of

from .test_plots import panels, words

STEPS = 6


@cache
def report(items: int = 12, groups: int = 12, protocol: str = "wam") -> FaithfulnessReport:
    """Return a report of two methods in different terms."""
    signal = signal_of(12, 16, items=items, channels=1).sigmoid()
    model = SmallNet(2, 1)
    given = wam.explain(model, signal, 0, method="saliency", level=2, progress=False)
    return wam.evaluate(
        model, signal, {"waves $x$": given, "map": signal[:, 0]}, target=0, steps=STEPS, controls=2, progress=False,
        groups=[item % groups for item in range(items)], protocol=protocol,
    )  # fmt: skip


def curves(panel: Axes) -> list[Line2D]:
    """Return the curves, and not the items behind them."""
    return [line for line in panel.get_lines() if line.get_linewidth() > 1]


def of_domain(given: FaithfulnessReport, domain: str) -> list[int]:
    return [row for row, own in enumerate(given.domains) if own == domain]


@pytest.mark.parametrize("item", [None, 3])
def test_a_panel_of_each_kind_and_domain_shows_its_curves(item: int | None) -> None:
    given = report()
    drawn = panels(wam.plot(given, item))
    for line, domain in enumerate(("haar, level 2", "samples")):
        for column, kind in enumerate(KINDS):
            panel, rows = drawn[2 * line + column], of_domain(given, domain)
            assert panel.get_title() == f"{kind}: {('higher', 'lower')[column]} is better\n{domain}"
            assert len(curves(panel)) == len(rows) == 3
            for row, curve in zip(rows, curves(panel), strict=True):
                scores = given.scores[kind][row]
                assert np.allclose(curve.get_xdata(), given.units[row])
                assert np.allclose(curve.get_ydata(), scores.mean(0) if item is None else scores[item])


def test_controls_are_grey_and_explanations_are_not() -> None:
    given = report()
    colours = [to_hex(look.colour) for look in looks_of(given)]
    assert [colour == FAINT for colour in colours] == [control is not None for control in given.controls]
    assert len(set(colours[:2])) == 2
    assert [to_hex(str(curve.get_color())) for curve in curves(panels(wam.plot(given))[0])] == [
        colours[row] for row in of_domain(given, "haar, level 2")
    ]


def test_over_the_energy_if_the_protocol_says_so() -> None:
    signal = signal_of(12, 16, items=2, channels=1)
    given = wam.evaluate(SmallNet(2, 1), signal, {"map": signal[:, 0]}, axis="energy", steps=4, progress=False)
    panel = panels(plots.faithfulness_curves(given, ["map"]))[0]
    assert np.allclose(curves(panel)[0].get_xdata(), given.energy["insertion"][0].mean(0))
    assert panel.get_xlabel() == "energy inserted"


@pytest.mark.parametrize("kind", KINDS)
def test_bands_are_intervals_over_groups(kind: Kind) -> None:
    given = report(24, 12)
    bands = bands_of(given)
    assert bands is not None
    for row in (0, 1, 3):
        low, high = bands[kind][row]
        for step in (0, 2, STEPS - 1):
            wanted = cluster_interval(given.scores[kind][row, :, step], given.groups, confidence=given.confidence)
            width = wanted.high - wanted.low
            assert abs(low[step] - wanted.low) < 0.15 * width + 1e-9  # other draws, and a tenth as many
            assert abs(high[step] - wanted.high) < 0.15 * width + 1e-9
            assert low[step] - 1e-12 <= given.scores[kind][row, :, step].mean() <= high[step] + 1e-12


def test_where_all_items_agree_the_band_is_a_line() -> None:
    signal = torch.ones(12, 1, 8, 8)
    given = wam.evaluate(SmallNet(2, 1).float(), signal, {"map": signal[:, 0]}, target=0, steps=3, progress=False)
    bands = bands_of(given)
    assert bands is not None
    assert np.allclose(bands["insertion"][0], given.scores["insertion"][0].mean(0), atol=1e-6)


def test_of_few_groups_the_items_are_drawn_instead() -> None:
    enough, few = wam.plot(report()), wam.plot(report(12, 3))
    assert all(sum(isinstance(each, PolyCollection) for each in panel.collections) == 3 for panel in panels(enough))
    assert "95 % intervals of the mean" in words(enough)
    assert "mean of 12 items in 3 groups" in words(few)
    assert "thin lines are the items" in words(few)
    for panel in panels(few):
        assert not panel.collections
        thin = [line for line in panel.get_lines() if line.get_linewidth() < 1]
        assert len(thin) == 12  # of the explanation, not of its controls
    one = wam.plot(report(), 0)
    assert "item 0 of 12" in words(one)
    assert not panels(one)[0].collections


def test_text_of_users_is_text_and_the_protocol_is_named() -> None:
    said = words(wam.plot(report()))
    assert "waves $x$" in said
    assert "Protocol wam, steps=6 · mean of 12 items" in said
    assert "random" in said
    assert "random, haar" not in said  # it stands beside its domain


def test_what_is_no_report_or_not_in_it_is_refused(as_a_user: None) -> None:
    given = report()
    with pytest.raises(TypeError, match="`report` must be a FaithfulnessReport; got int"):
        plots.faithfulness_curves(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"`methods` must be one of .*; got 'mapp'\. Did you mean 'map'\?"):
        plots.faithfulness_curves(given, ["mapp"])
    with pytest.raises(ValueError, match="`methods` must name at least one"):
        plots.faithfulness_curves(given, [])
    for wrong in (12, -1, 0.5, True):
        with pytest.raises(ValueError, match="`item` must be a whole number from 0 to 11"):
            wam.plot(given, wrong)  # type: ignore[arg-type]


def test_a_report_draws_itself() -> None:
    assert words(report().plot()) == words(wam.plot(report()))
