import dataclasses
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import pywt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text
from torch import Tensor

import wam_widgets as wam
from wam_widgets import plots
from wam_widgets.plots import canvas, overview
from wam_widgets.plots.words import number, percent, plain

LABELS = ["tabby", "tiger", "moped"]


def explain(shape: tuple[int, ...], **options: Any) -> wam.Explanation:
    """Explain noise of this spatial shape, two channels, by a model with a gradient that isn't constant."""
    size = 2 * int(np.prod(shape))
    weights = torch.randn(3, size, generator=torch.Generator().manual_seed(1))
    signal = options.pop("signal", torch.rand(2, 2, *shape, generator=torch.Generator().manual_seed(2)))
    options = {"samples": 16, "level": 2, "labels": LABELS, "progress": False} | options
    if options.get("method") == "integrated_gradients":
        options = {"tolerance": 0.05} | options

    def model(batch: Tensor) -> Tensor:
        return torch.tanh(batch.flatten(1) @ weights.T / size**0.5)

    return wam.explain(model, signal, **options)


def panels(figure: Figure) -> list[Axes]:
    """Return what is no colour bar and not hidden."""
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>" and axes.get_visible()]


def bars(figure: Figure) -> list[Axes]:
    return [axes for axes in figure.axes if axes.get_label() == "<colorbar>"]


def image(axes: Axes) -> AxesImage:
    """Return the map of a panel: the last image drawn."""
    return axes.images[-1]


def shown(axes: Axes) -> np.ndarray[Any, Any]:
    array = image(axes).get_array()
    assert array is not None
    return np.asarray(np.ma.filled(array, np.nan))


def words(figure: Figure) -> str:
    """Return all text of a figure, drawn."""
    figure.draw_without_rendering()
    texts: list[Any] = figure.findobj(Text)
    return "\n".join(text.get_text() for text in texts if text.get_visible())


def widths(axes: Axes) -> list[float]:
    return [patch.get_width() for patch in axes.patches if hasattr(patch, "get_width")]


# ------------------------------------------------------------------------------------------------- what is drawn


@pytest.mark.parametrize("wavelet", ["haar", "db4", "bior2.2"])
def test_a_panel_per_scale_shows_its_map_on_one_colour_scale(wavelet: str) -> None:
    explanation = explain((33, 46), wavelet=wavelet)
    figure = plots.scale_maps(explanation, 1, per="sample")
    drawn = panels(figure)
    assert [axes.get_title() for axes in drawn] == ["approximation", "detail 2", "detail 1"]
    for axes, expected in zip(drawn, explanation.maps()[1], strict=True):
        np.testing.assert_allclose(shown(axes), expected.numpy())
    assert len({id(image(axes).norm) for axes in drawn}) == 1
    assert len(bars(figure)) == 1
    assert "score units per signal unit, per px" in " ".join(words(figure).split())


def test_per_cell_draws_the_magnitude_of_a_coefficient_all_over_its_cell() -> None:
    explanation = explain((16, 24))
    first, *_ = panels(plots.scale_maps(explanation))
    expected = explanation.attribution.approximation[0].abs().sum(0)
    np.testing.assert_allclose(shown(first), expected.repeat_interleave(4, 0).repeat_interleave(4, 1), rtol=1e-5)


def test_a_contribution_is_drawn_per_sample_in_score_units() -> None:
    explanation = explain((16, 24), method="integrated_gradients")
    figure = plots.scale_maps(explanation)
    np.testing.assert_allclose(shown(panels(figure)[2]), explanation.maps()[0, 2].numpy())
    assert "score per px" in words(figure)


def test_the_heat_map_lies_over_the_input_with_real_values_on_its_bar() -> None:
    explanation = explain((20, 31))
    figure = plots.heatmap(explanation)
    (axes,) = panels(figure)
    assert len(axes.images) == 2
    np.testing.assert_allclose(shown(axes), explanation.heatmap()[0].numpy())
    end = np.percentile(explanation.heatmap()[0].numpy(), 99.5)
    assert bars(figure)[0].get_ylim() == pytest.approx((0, end), rel=1e-6)
    assert "% clipped" in words(figure)


@pytest.mark.parametrize(
    ("wavelet", "shape"), [("haar", (32, 32)), ("haar", (33, 21)), ("db4", (40, 27)), ("sym3", (17, 35))]
)
def test_the_mosaic_is_laid_out_as_pywavelets_does(wavelet: str, shape: tuple[int, int]) -> None:
    explanation = explain(shape, wavelet=wavelet)
    bands = explanation.attribution.map(lambda band: band[0].sum(0)[None, None])
    tuples = [
        tuple(detail[name][0, 0].numpy() for name in ("horizontal", "vertical", "diagonal")) for detail in bands.details
    ]
    expected, _ = pywt.coeffs_to_array([bands.approximation[0, 0].numpy(), *tuples])
    figure = plots.mosaic(explanation, signed=True)
    np.testing.assert_allclose(np.nan_to_num(shown(panels(figure)[0])), expected, rtol=1e-5, atol=1e-7)
    low, high = bars(figure)[0].get_ylim()
    assert low == -high  # diverging, symmetric


def test_the_lines_of_the_mosaic_part_the_scales() -> None:
    (axes,) = panels(plots.mosaic(explain((32, 48))))
    ends = [np.asarray(line.get_xdata(), dtype=float) for line in axes.lines]
    vertical = sorted({float(left) for left, right in ends if left == right})
    assert vertical == [11.5, 23.5]
    assert {"detail 1\nhorizontal", "detail 1\nvertical", "detail 1\ndiagonal", "approximation"} <= {
        text.get_text() for text in axes.texts
    }


def test_the_bars_are_the_scale_shares_with_their_jackknife_intervals() -> None:
    explanation = explain((32, 32))
    (axes,) = panels(plots.scale_shares(explanation, 1, confidence=0.9))
    assert widths(axes) == pytest.approx(explanation.scale_shares()[1].tolist())
    assert [label.get_text() for label in axes.get_yticklabels()] == list(explanation.scales)
    (segments,) = [np.asarray(collection.get_segments()) for collection in axes.collections]  # type: ignore[attr-defined]
    np.testing.assert_allclose(segments[:, :, 0], explanation.scale_share_intervals(0.9)[1], rtol=1e-5)
    assert "90 % jackknife" in axes.get_xlabel()


def test_significance_is_the_share_of_each_scales_coefficients() -> None:
    explanation = explain((32, 32))
    found = explanation.significant(0.1)
    (axes,) = panels(plots.significance(explanation, 1, rate=0.1))
    expected = [float(found.approximation[1].double().mean())]
    expected += [float(torch.stack(list(detail.values()))[:, 1].double().mean()) for detail in found.details]
    assert widths(axes) == pytest.approx(expected)
    assert "at most 10 % by chance" in axes.get_xlabel()


def test_what_each_scale_adds_is_drawn_with_its_sign_and_the_gap() -> None:
    explanation = explain((32, 32), method="integrated_gradients")
    (axes,) = panels(plots.scale_contributions(explanation))
    assert widths(axes) == pytest.approx(explanation.completeness_by_scale()[0].tolist())
    assert f"gap {number(float(explanation.completeness_gap()[0]))}" in axes.get_xlabel()


def test_the_overview_shows_what_is_known_of_each_method() -> None:
    assert "Coefficients told from zero" in words(plots.plot(explain((16, 16))))
    integrated = words(plots.plot(explain((16, 16), method="integrated_gradients")))
    assert "What each scale adds to the score" in integrated
    assert "Coefficients told from zero" not in integrated
    saliency = words(plots.plot(explain((16, 16), method="saliency", samples=25)))
    assert "Share of each scale" in saliency
    assert "jackknife" not in saliency
    squares = words(plots.plot(explain((16, 16), aggregate="mean_square")))
    assert "(score units per signal unit)²" in squares
    assert "Coefficients told from zero" not in squares


# ----------------------------------------------------------------------------------------------- what is written


def test_the_input_is_titled_with_the_predicted_class_and_its_probability() -> None:
    explanation = explain((16, 16))
    assert explanation.output is not None
    assert explanation.target is not None
    chance = float(torch.softmax(explanation.output[0], 0).max())
    title = panels(plots.plot(explanation))[0].get_title()
    assert title == f"{LABELS[int(explanation.target[0])]}, {percent(chance)} (softmax)"


def test_a_class_that_is_not_predicted_is_named_beside_the_predicted_one() -> None:
    explanation = explain((16, 16))
    assert explanation.output is not None
    least, most = int(explanation.output[0].argmin()), int(explanation.output[0].argmax())
    title = panels(plots.plot(explain((16, 16), target=least)))[0].get_title()
    assert f"explained: {LABELS[least]}" in title
    assert f"predicted: {LABELS[most]}" in title


def test_an_output_of_probabilities_is_shown_as_it_is() -> None:
    explanation = explain((16, 16))
    output = torch.tensor([[0.2, 0.5, 0.3]]).repeat(2, 1)
    sure = dataclasses.replace(explanation, output=output, target=torch.tensor([1, 1]))
    assert panels(plots.plot(sure))[0].get_title() == "tiger, 50 %"


def test_a_callable_score_is_shown_by_its_name_and_value() -> None:
    explanation = explain((16, 16), target=wam.Contrast(0, 2))
    title = panels(plots.plot(explanation))[0].get_title()
    assert title == f"tabby rather than moped = {number(float(explanation.score[0]))}"


@pytest.mark.parametrize("label", [r"$\frac{", "a$b$c", "<b>bold</b>", "_x^2", "two\nlines\x00", "long " * 40])
def test_a_label_is_text_and_never_markup(label: str) -> None:
    figure = plots.plot(explain((16, 16), labels=[label] * 3))
    title = panels(figure)[0].title
    assert title.get_text().startswith(plain(label))
    assert not title.get_parse_math()
    assert len(plain(label)) <= 60
    assert "\n" not in plain(label)
    canvas.png(figure, dpi=30)  # malformed mathematics would raise here


@pytest.mark.parametrize(("value", "written"), [(0.0, "0 %"), (1.0, "100 %"), (0.9999, "> 99 %"), (1e-7, "< 0.01 %")])
def test_a_percentage_never_rounds_to_nothing_or_everything(value: float, written: str) -> None:
    assert percent(value) == written


# --------------------------------------------------------------------------------------- one, two and three dimensions


def test_a_sound_is_a_waveform_with_strips_over_time_in_seconds() -> None:
    grid = wam.Grid(("time",), (1 / 100,), ("s",))
    explanation = explain((301,), wavelet="db2", grid=grid)
    figure = plots.plot(explanation)
    wave, heat, *strips = panels(figure)[:5]
    assert wave.get_xlabel() == "time (s)\nmean of 2 channels"
    drawn = np.asarray(wave.lines[0].get_ydata(), dtype=float)
    np.testing.assert_allclose(drawn, explanation.signal[0].mean(0).numpy(), rtol=1e-5)
    np.testing.assert_allclose(shown(heat)[0], explanation.heatmap()[0])
    assert image(heat).get_extent()[:2] == pytest.approx((-0.005, 3.005))
    assert [axes.get_ylabel() for axes in strips] == list(explanation.scales)
    assert strips[-1].get_xlabel() == "time (s)"


def test_a_long_sound_is_drawn_by_its_peaks_and_says_so() -> None:
    explanation = explain((9001,), method="saliency")
    figure = plots.heatmap(explanation)
    drawn = shown(panels(figure)[0])
    assert drawn.shape == (1, 2000)
    assert drawn.max() == pytest.approx(float(explanation.heatmap()[0].max()))
    assert "peaks in 2000 columns" in words(figure)


def test_a_volume_is_cut_in_the_middle_and_says_where() -> None:
    grid = wam.Grid(("z", "y", "x"), (2.0, 0.5, 0.5), ("mm", "mm", "mm"))
    explanation = explain((9, 12, 10), method="saliency", grid=grid)
    first, second, third = panels(plots.heatmap(explanation))
    heat = explanation.heatmap()[0]
    for axes, expected in [(first, heat[4]), (second, heat[:, 6]), (third, heat[:, :, 5])]:
        np.testing.assert_allclose(shown(axes), expected)
    assert (first.get_title(), second.get_title(), third.get_title()) == ("z = 8 mm", "y = 3 mm", "x = 2.5 mm")
    assert "heat map: all scales, central slices" in words(plots.heatmap(explanation))
    assert (second.get_xlabel(), second.get_ylabel()) == ("x (mm)", "z (mm)")
    assert image(second).get_extent() == pytest.approx((-0.25, 4.75, 17, -1))
    assert "central slice, z = 8 mm" in words(plots.scale_maps(explanation))


@pytest.mark.parametrize("shape", [(32, 32, 32), (8, 10, 30), (30, 8, 8), (6, 8, 40)])
def test_the_titles_of_a_volume_touch_neither_each_other_nor_the_colour_bar(shape: tuple[int, ...]) -> None:
    grid = wam.Grid(("up", "depth", "width"), (1.0, 1.0, 1.0), ("voxel", "voxel", "voxel"))
    figure = plots.heatmap(explain(shape, grid=grid, method="saliency", level=1))
    canvas.png(figure, dpi=100)  # lays it out
    titles = [axes.title.get_window_extent() for axes in panels(figure)]
    (bar,) = (axes.get_tightbbox() for axes in bars(figure))
    assert bar is not None
    for left, right in pairwise([*titles, bar]):
        assert not left.overlaps(right)
    assert titles[0].x0 >= 0


def test_axes_of_different_units_are_not_drawn_to_scale() -> None:
    grid = wam.Grid(("frequency", "time"), (10.0, 0.01), ("Hz", "s"))
    (axes,) = panels(plots.heatmap(explain((16, 20), grid=grid)))
    assert axes.get_aspect() == "auto"
    assert axes.get_ylabel() == "frequency (Hz)"


@pytest.mark.parametrize("shape", [(40,), (12, 15), (6, 7, 8)])
def test_without_a_wavelet_there_is_one_scale_the_samples(shape: tuple[int, ...]) -> None:
    explanation = explain(shape, wavelet=None)
    figure = plots.scale_maps(explanation)
    (axes,) = panels(figure)
    assert "samples" in {axes.get_title(), axes.get_ylabel()}
    assert "approximation" not in words(figure)
    assert "samples" in words(plots.plot(explanation))


@pytest.mark.parametrize(
    "drawer", [plots.plot, plots.heatmap, plots.scale_maps, plots.scale_shares, plots.significance]
)
@pytest.mark.parametrize("shape", [(50,), (5, 70), (21, 20), (6, 8, 7)])
def test_every_figure_of_every_dimension_can_be_saved(shape: tuple[int, ...], drawer: Callable[..., Figure]) -> None:
    picture = canvas.png(drawer(explain(shape, wavelet="sym2", level=1), 1), dpi=30)
    assert picture.startswith(b"\x89PNG")


# ------------------------------------------------------------------------------------------- nothing to be seen


@pytest.mark.parametrize("shape", [(40,), (16, 18), (6, 8, 7)])
def test_all_zero_is_said_and_has_no_colour_bar(shape: tuple[int, ...]) -> None:
    explanation = explain(shape)
    assert explanation.groups is not None
    groups = dataclasses.replace(explanation.groups, values=torch.zeros_like(explanation.groups.values))
    zero = dataclasses.replace(explanation, gradient=torch.zeros_like(explanation.gradient), groups=groups)
    figure = plots.plot(zero)
    assert not bars(figure)
    assert words(figure).count("all zero") == 6  # heat map, three scales, shares, significance
    assert "nan" not in words(figure)
    canvas.png(figure, dpi=30)
    if len(shape) == 2:
        assert "all zero" in words(plots.mosaic(zero))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_counted_and_left_out(bad: float) -> None:
    explanation = explain((16, 16), wavelet=None)
    gradient = explanation.gradient.clone()
    gradient[0, 0, 3, 4] = bad
    broken = dataclasses.replace(explanation, gradient=gradient)
    figure = plots.plot(broken)
    assert "1 of 256 values\nare not finite" in words(figure)
    assert "not finite" in words(plots.significance(broken))
    assert np.isfinite(bars(figure)[0].get_ylim()).all()
    assert "1 coefficients are not finite" in words(plots.mosaic(broken))
    canvas.png(figure, dpi=30)


def test_values_of_any_size_are_drawn_without_a_warning() -> None:
    explanation = explain((16, 16), method="saliency")
    for factor in (1e-30, 1e30):
        canvas.png(plots.plot(dataclasses.replace(explanation, gradient=explanation.gradient * factor)), dpi=30)


def test_a_signal_beyond_0_and_1_is_stretched_and_says_so() -> None:
    signal = torch.linspace(-3, 5, 3 * 256).reshape(1, 3, 16, 16)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(768, 2))
    figure = plots.plot(wam.explain(model, signal, method="saliency", level=2))
    axes = panels(figure)[0]
    assert "shown from −3 to 5" in axes.get_xlabel()
    assert (shown(axes).min(), shown(axes).max()) == pytest.approx((0, 1))


# ---------------------------------------------------------------------------------------------------- the house


def test_figures_leave_matplotlib_as_it_was() -> None:
    code = """
import sys, matplotlib, torch, wam_widgets as wam

def state():  # asking for the setting "backend" would choose one
    settings = {name: matplotlib.rcParams[name] for name in matplotlib.rcParams if name != "backend"}
    return settings, matplotlib.get_backend(auto_select=False)

before = state()
model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 3))
figure = wam.plot(wam.explain(model, torch.rand(1, 1, 16, 16), level=2, samples=16, progress=False))
figure._repr_png_()
print(state() == before, "matplotlib.pyplot" in sys.modules)
import matplotlib.pyplot
print(matplotlib.pyplot.get_fignums())
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split("\n")
    assert found[:2] == ["True False", "[]"]


def test_a_style_of_the_users_changes_neither_ink_nor_paper() -> None:
    explanation = explain((16, 16))
    dark: dict[Any, Any] = {
        "figure.facecolor": "black",
        "axes.facecolor": "black",
        "savefig.facecolor": "black",
        "text.color": "white",
        "axes.labelcolor": "white",
        "xtick.color": "white",
        "ytick.color": "white",
        "axes.grid": True,
        "image.cmap": "jet",
        "image.origin": "lower",
        "lines.linestyle": "--",
    }
    plain_picture = canvas.png(plots.plot(explanation), dpi=50)
    with mpl.rc_context(dark):
        assert canvas.png(plots.plot(explanation), dpi=50) == plain_picture


def test_the_colours_of_magnitudes_darken_evenly_and_those_of_signs_are_symmetric() -> None:
    array = [np.linspace(-1, 1, 101)]
    magnitudes = canvas.Colours.shared_by(array, signed=False)
    signs = canvas.Colours.shared_by(array, signed=True)
    luminance = np.asarray(magnitudes.cmap(np.linspace(0, 1, 64)))[:, :3] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) < 0).all()
    assert signs.norm(0.0) == 0.5


def test_a_notebook_shows_figures() -> None:
    explanation = explain((16, 16))
    glance = plots.glance(explanation)
    assert glance is not None
    assert glance.startswith(b"\x89PNG")
    assert plots.plot(explanation)._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]


def test_a_display_that_fails_leaves_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> Figure:
        raise RuntimeError("no ink")

    monkeypatch.setattr(overview, "plot", fail)
    explanation = explain((16, 16))
    with pytest.warns(RuntimeWarning, match="No picture: RuntimeError: no ink"):
        assert plots.picture(explanation) is None


@pytest.mark.parametrize("item", [-1, 2, True])
def test_an_item_that_is_not_there_is_refused(item: int) -> None:
    with pytest.raises(ValueError, match=r"`item` must be a whole number from 0 to 1"):
        plots.plot(explain((16, 16)), item)


def test_an_unknown_reference_is_refused(as_a_user: None) -> None:
    with pytest.raises(ValueError, match=r"`per` must be 'cell', 'sample' or None; got 'pixel'"):
        plots.scale_maps(explain((16, 16)), per="pixel")  # type: ignore[arg-type]


def test_the_mosaic_is_for_images() -> None:
    with pytest.raises(ValueError, match=r"2 spatial axes; got a signal of 1"):
        plots.mosaic(explain((40,)))


def test_parts_that_need_standard_errors_or_completeness_say_so() -> None:
    with pytest.raises(ValueError, match="Standard errors need method 'smoothgrad'"):
        plots.significance(explain((16, 16), method="saliency"))
    with pytest.raises(ValueError, match="Completeness is a property of Integrated Gradients"):
        plots.scale_contributions(explain((16, 16)))
