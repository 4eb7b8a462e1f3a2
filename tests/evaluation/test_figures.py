"""Figures of what is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import wam_widgets as wam
from wam_widgets.evaluation import SeparationReport
from wam_widgets.plots.canvas import png
from wam_widgets.plots.separation import separation_bars, separation_curves


def report(weight: float = 0.5) -> SeparationReport:
    chance = torch.Generator().manual_seed(0)
    clean, other = torch.randn(2, 6, 1, 400, generator=chance)
    mixture = wam.overlap(clean, other, weight)
    map_, signed = torch.rand(6, 400, generator=chance), wam.decompose(mixture.clean)
    explanations: dict[str, torch.Tensor | wam.Coefficients] = {"mine": map_, "$x^2$, haar, level 3": signed}
    return wam.separation(mixture, explanations, kept=[0.5, 0.3], groups=list("aabbcc"), resamples=99)


def test_every_method_is_drawn_at_its_mean_with_its_interval() -> None:
    found = report()
    figure = separation_bars(found, measures=["corruption_left", "si_sdr_improvement_minus_random"])
    left, right = figure.axes
    labels = [label.get_text() for label in left.get_yticklabels()]
    assert labels == ["samples", "mine", "random", "magnitude", "oracle", "haar, level 3", "$x^2$", *labels[2:5]]
    dots = [float(np.asarray(line.get_xdata())[0]) for line in left.lines if line.get_marker() == "o"]
    assert dots == pytest.approx([found.interval(method).mean for method in found.methods])
    differences = [float(np.asarray(line.get_xdata())[0]) for line in right.lines if line.get_marker() == "o"]
    expected = [
        found.interval(method, "si_sdr_improvement", minus=found.random(method)).mean for method in found.methods
    ]
    assert differences == pytest.approx(expected)
    assert png(figure, dpi=30).startswith(b"\x89PNG")


def test_a_sweep_has_a_panel_per_domain_and_a_point_per_amount() -> None:
    swept = {1.0: report(1.0), 0.2: report(0.2)}
    figure = separation_curves(swept, name="weight", about="a <b>mixture</b>")
    assert [axes.get_title() for axes in figure.axes] == ["samples", "haar, level 3"]
    curve = np.asarray(figure.axes[0].containers[0].lines[0].get_ydata())  # type: ignore[attr-defined]
    assert curve.tolist() == pytest.approx([swept[amount].interval("mine").mean for amount in (0.2, 1.0)])
    assert png(figure, dpi=30).startswith(b"\x89PNG")


def test_one_report_is_swept_over_its_kept_energy() -> None:
    found = report()
    figure = separation_curves(found, ["mine", "random, samples"], measure="clean_kept")
    (axes,) = figure.axes
    curve = np.asarray(axes.containers[0].lines[0].get_ydata())  # type: ignore[attr-defined]
    expected = [found.interval("mine", "clean_kept", kept=kept).mean for kept in (0.3, 0.5)]
    assert curve.tolist() == pytest.approx(expected)


@pytest.mark.usefixtures("as_a_user")
def test_what_is_no_report_is_refused() -> None:
    with pytest.raises(TypeError, match=r"must be a SeparationReport; got int. Pass what `separation` returned"):
        separation_bars(3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"or a dict from amounts to them; got list"):
        separation_curves([])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"A measure must be one of.*Did you mean 'clean_kept'"):
        separation_bars(report(), measures=["clean_kep"])
    with pytest.raises(ValueError, match=r"`measures` must name at least one"):
        separation_bars(report(), measures=[])
    with pytest.raises(ValueError, match=r"`method` must be one of"):
        separation_curves(report(), ["yours"])
