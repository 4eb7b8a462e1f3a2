"""In the pixel domain the engine is Captum's Saliency and IntegratedGradients."""

from __future__ import annotations

from typing import Any

import captum.attr
import pytest
import torch
from torch.testing import assert_close

import wam_widgets as wam

from .networks import SmallNet, signal_of

SIZES = [(37,), (13, 18), (7, 9, 6)]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_saliency_is_captums(size: tuple[int, ...]) -> None:
    model, signal = SmallNet(len(size)), signal_of(*size)
    found = wam.explain(model, signal, 1, method="saliency", wavelet=None)
    expected = captum.attr.Saliency(model).attribute(signal.requires_grad_(), target=1, abs=False)
    assert_close(found.attribution.approximation, expected, rtol=1e-5, atol=1e-12)
    assert_close(found.heatmap(), expected.abs().sum(1))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("gauss-legendre", "gausslegendre"), ("midpoint", "riemann_middle"), ("trapezoid", "riemann_trapezoid")],
)
def test_integrated_gradients_is_captums(size: tuple[int, ...], ours: Any, theirs: str) -> None:
    model, signal = SmallNet(len(size)), signal_of(*size)
    found = wam.explain(
        model, signal, 1, method="integrated_gradients", wavelet=None, rule=ours, samples=40, baseline="mean"
    )
    method = captum.attr.IntegratedGradients(model)
    expected = method.attribute(signal, found.baseline, target=1, n_steps=40, method=theirs)
    if theirs == "riemann_trapezoid":
        expected *= 40 / 39  # Captum spaces 40 points by 1/39 and weighs them by 1/40
    assert_close(found.attribution.approximation, expected, rtol=1e-5, atol=1e-10)


def test_a_wavelet_view_is_captums_integrated_gradients_over_a_tuple_of_bands() -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    found = wam.explain(model, signal, 1, method="integrated_gradients", wavelet="db2", level=2, samples=20)
    z = wam.decompose(signal, "db2", level=2)
    names = [band for *_, band in z.bands()]

    def on_bands(*bands: torch.Tensor) -> torch.Tensor:
        following = iter(bands)
        output: torch.Tensor = model(wam.reconstruct(z.map(lambda _: next(following))))
        return output

    method = captum.attr.IntegratedGradients(on_bands)
    expected = method.attribute(tuple(names), target=1, n_steps=20, method="gausslegendre")
    for (*_, band), theirs in zip(found.attribution.bands(), expected, strict=True):
        assert_close(band, theirs, rtol=1e-5, atol=1e-10)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_gradcam_is_captums_enlarged(size: tuple[int, ...]) -> None:
    model, signal = SmallNet(len(size)).train(), signal_of(*size)
    found = wam.gradcam(model, signal, None, model.convolution)
    target = model(signal).argmax(1)
    expected = captum.attr.LayerGradCam(model, model.convolution).attribute(signal, target, relu_attributions=True)
    assert_close(found, expected[:, 0].detach())  # this layer keeps the signal's size
    assert model.training
    assert not model.convolution._forward_hooks  # Captum's hook is gone


def test_gradcam_refuses_foreign_layers_and_callables(as_a_user: None) -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    with pytest.raises(ValueError, match=r"must be a module of the model; got Conv2d"):
        wam.gradcam(model, signal, 0, torch.nn.Conv2d(1, 1, 1))
    with pytest.raises(TypeError, match="got a callable"):
        wam.gradcam(model, signal, lambda output: output[:, 0], model.convolution)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"must keep the signal's 2 spatial axes"):
        wam.gradcam(model, signal, 0, model.linear)
