"""Captum's methods carried to wavelets, and our methods inside Captum."""

from __future__ import annotations

import sys
from typing import Any

import captum.attr
import captum.metrics
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.testing import assert_close

import wam_widgets as wam
from tests.attribution.networks import CONVOLUTIONS, SmallNet, linear, signal_of
from wam_widgets.evaluation import Explainer, as_captum

SIZES = [(37,), (13, 18), (7, 9, 6)]
WAVELETS = ["haar", "db2", "bior2.2"]

# Captum tells which hooks it sets.
pytestmark = pytest.mark.filterwarnings("ignore:Setting (forward, )?backward hooks:UserWarning")


def rectified(size: tuple[int, ...]) -> nn.Module:
    """A network of modules only, so that Captum's hooks see every activation."""
    torch.manual_seed(1)
    convolution = CONVOLUTIONS[len(size) - 1]
    return nn.Sequential(
        convolution(2, 4, 3, padding=1), nn.ReLU(), convolution(4, 3, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(3)
    ).double()


class OnBands(nn.Module):
    """A model behind the synthesis: from a tuple of bands to what the model says of their signal."""

    def __init__(self, model: nn.Module, like: wam.Coefficients) -> None:
        super().__init__()
        self.model, self.like = model, like

    def forward(self, *bands: Tensor) -> Tensor:
        following = iter(bands)
        output: Tensor = self.model(wam.reconstruct(self.like.map(lambda _: next(following))))
        return output


def bands_of(coefficients: wam.Coefficients) -> tuple[Tensor, ...]:
    return tuple(band for *_, band in coefficients.bands())


def assert_same_bands(found: Any, expected: Any) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        assert_close(ours, theirs, rtol=1e-6, atol=1e-10)


# ------------------------------------------------------------------------------------------ their gradients in wavelets


@pytest.mark.parametrize("wavelet", WAVELETS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_guided_backprop_of_bands_is_that_of_the_signal_pulled_back(size: tuple[int, ...], wavelet: str) -> None:
    model, signal = rectified(size), signal_of(*size)
    z = wam.decompose(signal, wavelet, level=1)
    given = tuple(band.clone().requires_grad_() for band in bands_of(z))
    expected = captum.attr.GuidedBackprop(OnBands(model, z)).attribute(given, target=1)
    gradient = captum.attr.GuidedBackprop(model).attribute(signal.requires_grad_(), target=1)
    assert_same_bands(bands_of(wam.pull_back(gradient, wavelet, level=1)), expected)


@pytest.mark.parametrize("wavelet", WAVELETS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_deeplift_of_bands_is_that_of_the_signal_pulled_back_and_complete(size: tuple[int, ...], wavelet: str) -> None:
    model, signal = rectified(size), signal_of(*size)
    baseline = 0.1 * signal_of(*size).flip(-1)
    z, z0 = (wam.decompose(each, wavelet, level=1) for each in (signal, baseline))
    given = tuple(band.clone().requires_grad_() for band in bands_of(z))
    expected = captum.attr.DeepLift(OnBands(model, z)).attribute(given, bands_of(z0), target=1)
    slope = captum.attr.DeepLift(model, multiply_by_inputs=False).attribute(
        signal.clone().requires_grad_(), baseline, target=1
    )
    found = wam.pull_back(slope, wavelet, level=1).map(lambda a, b, c: a * (b - c), z, z0)
    assert_same_bands(bands_of(found), expected)
    assert_close(found.total(), (model(signal) - model(baseline))[:, 1].detach())


# -------------------------------------------------------------------------------------------- our methods inside theirs


@pytest.mark.parametrize("wavelet", [*WAVELETS, None])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_tunnel_around_saliency_in_a_wavelet_is_the_same_tunnel_in_samples_pulled_back(
    size: tuple[int, ...], wavelet: str | None
) -> None:
    model, signal = SmallNet(len(size)), signal_of(*size)
    options: dict[str, Any] = {"nt_samples": 6, "stdevs": 0.3, "target": torch.tensor([2, 0])}
    torch.manual_seed(3)
    method = as_captum(model, Explainer("saliency", wavelet=wavelet, level=1))
    found = captum.attr.NoiseTunnel(method).attribute(signal, **options)
    torch.manual_seed(3)
    mean = captum.attr.NoiseTunnel(captum.attr.Saliency(model)).attribute(signal, abs=False, **options)
    expected = bands_of(wam.pull_back(mean, wavelet, level=1))
    assert_same_bands([found] if wavelet is None else found, expected)


def test_a_tunnel_takes_what_captums_methods_take() -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    method = as_captum(model, Explainer("saliency", level=1))
    assert isinstance(method, captum.attr.Attribution)
    assert method.forward_func is model
    tunnel = captum.attr.NoiseTunnel(method)
    for kind in ("smoothgrad", "smoothgrad_sq", "vargrad"):
        bands = tunnel.attribute(signal, kind, nt_samples=4, nt_samples_batch_size=3, target=1)
        assert [band.shape for band in bands] == [(2, 2, 7, 9)] * 4


def test_every_method_can_be_an_attribution() -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    path = Explainer("integrated_gradients", level=2, contribution=True)
    expected = wam.explain(model, signal, [2, 0], method="integrated_gradients", level=2).attribution
    assert_same_bands(as_captum(model, path).attribute(signal, target=[2, 0]), bands_of(expected))
    cam = as_captum(model, Explainer("gradcam", layer="convolution")).attribute(signal, 1)
    assert_close(cam, wam.gradcam(model, signal, 1, model.convolution))


def test_the_model_and_the_random_numbers_are_left_as_they_were() -> None:
    model, signal = SmallNet(2).train(), signal_of(13, 18)
    before = torch.random.get_rng_state()
    as_captum(model, Explainer("smoothgrad", level=1)).attribute(signal, target=1)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.random.get_rng_state(), before)


def test_without_captum_the_error_says_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(ImportError, match=r'`as_captum` needs the package .* "wam-widgets\[evaluation\]"'):
        as_captum(SmallNet(2), Explainer("saliency"))


@pytest.mark.usefixtures("as_a_user")
def test_what_can_be_no_attribution_is_refused() -> None:
    with pytest.raises(TypeError, match=r"`method` must be an Explainer; got str. Pass e.g. `Explainer\('smoothgrad'"):
        as_captum(SmallNet(2), "saliency")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`model` must be callable; got int"):
        as_captum(3, Explainer("saliency"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"`layer` must be the name of a layer.*Did you mean 'convolution'"):
        as_captum(SmallNet(2), Explainer("gradcam", layer="convolutoin")).attribute(signal_of(13, 18), target=1)
    with pytest.raises(TypeError, match=r"`signal` must be a torch tensor .* got tuple"):
        as_captum(SmallNet(2), Explainer("saliency", level=1)).attribute((signal_of(13, 18),), target=1)
    with pytest.raises(TypeError, match=r"`attribute` takes `inputs` and `target`; got baselines. What `explain`"):
        as_captum(SmallNet(2), Explainer("saliency", level=1)).attribute(signal_of(13, 18), target=1, baselines=0)


# --------------------------------------------------------------------------------------------------- metrics on bands


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32), wavelet=st.sampled_from(WAVELETS))
def test_the_sensitivity_of_a_linear_score_has_no_infidelity_and_never_moves(seed: int, wavelet: str) -> None:
    signal = signal_of(13, 18)
    weights = torch.randn(1, 2, 13, 18, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    model = linear(weights)
    z = wam.decompose(signal, wavelet, level=2)
    bands = tuple(band.contiguous() for band in bands_of(z))  # as `sensitivity_max` needs them

    def on_bands(*bands: Tensor) -> Any:
        following = iter(bands)
        return model(wam.reconstruct(z.map(lambda _: next(following))))

    def explained(bands: tuple[Tensor, ...], **_: Any) -> tuple[Tensor, ...]:
        following = iter(bands)
        rebuilt = wam.reconstruct(z.map(lambda _: next(following)))
        return bands_of(wam.explain(model, rebuilt, 0, method="saliency", wavelet=wavelet, level=2).attribution)

    def shaken(bands: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        changes = tuple(torch.randn_like(band) for band in bands)
        return changes, tuple(band - change for band, change in zip(bands, changes, strict=True))

    error = captum.metrics.infidelity(on_bands, shaken, bands, explained(bands), target=0)
    assert_close(error, torch.zeros(2, dtype=torch.float64))
    moved = captum.metrics.sensitivity_max(explained, bands, target=0, n_perturb_samples=3)
    assert_close(moved, torch.zeros_like(moved), atol=1e-9, rtol=0)
