"""Every pixel of every look, beside what NumPy draws of the same explanation."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import pywt

import wam_widgets as wam

from .expected import ALL, Settings, limit, photo, picture
from .explanations import explained
from .pages import Mount, View

#: Sizes that aren't square and odd; 1 to 4 channels; short, long and biorthogonal filters, and none; with and without
#: errors, baselines and signs.
CASES: dict[str, dict[str, Any]] = {
    "long filters": {"size": (21, 34), "wavelet": "db4"},
    "grey, tall": {"size": (40, 17), "channels": 1, "wavelet": "haar", "level": 3},
    "four channels, biorthogonal": {"size": (21, 34), "channels": 4, "wavelet": "bior2.2"},
    "pixels of two channels": {"size": (40, 17), "channels": 2, "wavelet": None},
    "a photo's range": {"size": (23, 23), "wavelet": "rbio3.1", "bright": True, "mode": "symmetric"},
    "integrated gradients": {"size": (40, 17), "wavelet": "haar", "method": "integrated_gradients"},
    "from a baseline": {
        "size": (21, 34), "channels": 2, "wavelet": "bior2.2", "method": "integrated_gradients", "baseline": "blur",
    },
    "saliency of a tiny image": {"size": (9, 8), "channels": 1, "wavelet": "db2", "level": 1, "method": "saliency"},
    "mean of magnitudes": {"size": (16, 19), "wavelet": "sym3", "aggregate": "mean_abs"},
}  # fmt: skip
WITH_ERRORS = [name for name, case in CASES.items() if not {"method", "aggregate"} & set(case)]


def agree(view: View, explanation: wam.Explanation, settings: Settings) -> None:
    """Compare all pixels, which may differ by one step of 255: the browser's numbers have 32 bits."""
    view.set(**dataclasses.asdict(settings))
    drawn, right = view.pixels(), picture(explanation, settings)
    assert drawn.shape == right.shape, settings
    np.testing.assert_allclose(drawn, right, rtol=0, atol=1.01, err_msg=str(settings))


@pytest.mark.parametrize("case", CASES)
def test_every_pixel_is_what_numpy_makes_of_the_explanation(mount: Mount, case: str) -> None:
    explanation = explained(**CASES[case])
    view = mount(wam.ImageExplorer(explanation, per="sample"))
    plain = (1.0,) * len(explanation.scales)
    mixed = (0.3, 1.7, 0.0, 1.2)[: len(plain)]
    for look in ("heatmap", "mosaic"):
        agree(view, explanation, Settings(plain, look=look))
        agree(view, explanation, Settings(mixed, look=look, per="cell", colours="viridis", opacity=0.6))
        agree(view, explanation, Settings(mixed, look=look, orientations=("vertical",), colours="Greys", opacity=0.25))
        agree(view, explanation, Settings(plain, look=look, limit=limit(explanation, Settings(plain)) / 3))
        if explanation.aggregate == "mean":
            agree(view, explanation, Settings(mixed, look=look, signed=True))
            signed = Settings(plain, look=look, signed=True, per="cell", signed_colours="PuOr", opacity=0.5)
            agree(view, explanation, signed)
    agree(view, explanation, Settings(mixed, opacity=0))
    agree(view, explanation, Settings(mixed, look="image"))
    agree(view, explanation, Settings(mixed, look="image", orientations=("horizontal", "diagonal")))
    agree(view, explanation, Settings(mixed, look="image", orientations=()))


@pytest.mark.parametrize("case", WITH_ERRORS)
def test_what_cannot_be_told_from_zero_is_hidden_pixel_by_pixel(mount: Mount, case: str) -> None:
    explanation = explained(**CASES[case])
    view = mount(wam.ImageExplorer(explanation, per="sample"))
    weights = (1.5, 0.5, 1.0, 0.7)[: len(explanation.scales)]
    counts = []
    for rate in (0.001, 0.05, 0.5):
        counts.append(int(explanation.significant(rate).flatten().sum()))
        for look in ("heatmap", "mosaic", "image"):
            agree(view, explanation, Settings(weights, look=look, significant=True, rate=rate))
    assert 0 < counts[0] < counts[1] < counts[2] < explanation.attribution.flatten().numel()
    both = Settings(weights, significant=True, denoised=True, orientations=("diagonal",), signed=True)
    agree(view, explanation, both)
    for look in ("heatmap", "mosaic", "image"):
        agree(view, explanation, Settings(weights, look=look, denoised=True))


def test_a_photo_is_itself_without_heat_and_when_all_of_it_is_put_together(mount: Mount) -> None:
    explanation = explained((24, 20), bright=True)
    view = mount(wam.ImageExplorer(explanation, per="sample", look="image"))
    assert np.abs(view.pixels()[..., :3] - photo(explanation)).max() <= 1
    view.set(look="heatmap", opacity=0)
    np.testing.assert_array_equal(view.pixels()[..., :3], photo(explanation))


def test_the_rebuilt_image_without_its_details_is_what_pywavelets_makes_of_the_approximation(mount: Mount) -> None:
    explanation = explained((24, 40), channels=1, wavelet="bior2.2", bright=True)
    view = mount(wam.ImageExplorer(explanation, per="sample", look="image", weights=[1, 0, 0]))
    approximation, *details = pywt.wavedec2(explanation.signal[0, 0].numpy(), "bior2.2", mode="reflect", level=2)
    silent = [tuple(np.zeros_like(band) for band in detail) for detail in details]
    rebuilt = pywt.waverec2([approximation, *silent], "bior2.2", mode="reflect")
    assert np.abs(view.pixels()[..., 0] - np.clip(255 * rebuilt, 0, 255)).max() <= 1


def test_the_colour_scale_ends_at_the_percentile_that_numpy_finds(mount: Mount) -> None:
    explanation = explained()
    view = mount(wam.ImageExplorer(explanation, per="sample"))
    end = np.percentile(explanation.heatmap().numpy(), 99.5)
    view.set(limit=float(end))
    written = view.place.locator(".wam-ticks").inner_text()
    fixed = view.pixels()
    view.place.get_by_role("button", name="whole-map colours").click()
    assert view.state["limit"] == 0
    np.testing.assert_array_equal(view.pixels(), fixed)
    assert view.place.locator(".wam-ticks").inner_text() == written

    view.set(weights=[0, 0.5, 0])  # what a weight takes away shows, …
    weak = view.pixels()
    view.place.get_by_role("button", name="fit colours").click()  # … until the colours are made to fit
    fitted = np.percentile(0.5 * explanation.maps()[0, 1].numpy(), 99.5)
    assert view.state["limit"] == pytest.approx(fitted, rel=1e-5)
    assert view.pixels()[..., :3].mean() < weak[..., :3].mean()  # dark is strong


def test_nothing_but_zeros_is_drawn_in_the_colour_of_zero(mount: Mount) -> None:
    explanation = explained((8, 9), channels=1, wavelet="haar", level=1)
    nothing = dataclasses.replace(explanation, gradient=0 * explanation.gradient, groups=None)
    view = mount(wam.ImageExplorer(nothing, per="sample"))
    for signed in (False, True):
        view.set(signed=signed)
        pale = 255 * 0.35 + 0.65 * photo(nothing)
        assert np.abs(view.pixels()[..., :3] - pale).max() <= 1
    assert "all zero" in view.place.inner_text()


def test_every_orientation_is_switched_by_itself(mount: Mount) -> None:
    explanation = explained((12, 18), channels=1, wavelet="haar")
    view = mount(wam.ImageExplorer(explanation, per="sample", opacity=0.9))
    for orientation in ALL:
        agree(view, explanation, Settings((0.0, 1.0, 1.0), orientations=(orientation,), opacity=0.9))
