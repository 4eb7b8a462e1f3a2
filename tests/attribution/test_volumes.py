"""Explanations of volumes against literal autograd through the synthesis, at the sizes of MedMNIST and at odd ones."""

from __future__ import annotations

import ptwt
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

import wam_widgets as wam
from tests.transform.cases import SHORT_WAVELETS, literal_gradient, ptwt_can
from wam_widgets.samples import former_model, furniture, furniture_model, volume_model, volumes

from .networks import SmallNet, signal_of

MEDMNIST, UNEVEN = (28, 28, 28), (16, 20, 13)


def input_gradient(model: nn.Module, signal: Tensor, column: int) -> Tensor:
    signal = signal.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(signal)[:, column].sum(), signal)
    return gradient


def assert_is_autograd_through_the_synthesis(signal: Tensor, wavelet: str, level: int, mode: str) -> None:
    model = SmallNet(3, channels=signal.shape[1])
    found = wam.explain(model, signal, 1, method="saliency", wavelet=wavelet, level=level, mode=mode)
    coefficients = wam.decompose(signal, wavelet, level=level, mode=mode)
    expected = literal_gradient(coefficients, input_gradient(model, signal, 1))
    assert found.attribution.scales == expected.scales
    for (*_, a), (*_, b) in zip(found.attribution.bands(), expected.bands(), strict=True):
        assert_close(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("wavelet", SHORT_WAVELETS)
def test_saliency_is_the_gradient_through_the_synthesis_with_every_short_wavelet(wavelet: str) -> None:
    mode = "reflect" if ptwt_can(MEDMNIST, wavelet, 3, "reflect") else "symmetric"
    assert_is_autograd_through_the_synthesis(signal_of(*MEDMNIST, items=1, channels=1), wavelet, 3, mode)
    mode = "reflect" if ptwt_can(UNEVEN, wavelet, 2, "reflect") else "symmetric"
    assert_is_autograd_through_the_synthesis(signal_of(*UNEVEN, items=1, channels=3), wavelet, 2, mode)


@pytest.mark.parametrize("wavelet", ["haar", "db4", "bior2.2"])
@pytest.mark.parametrize(("size", "channels"), [(MEDMNIST, 1), (UNEVEN, 3)], ids=str)
def test_smoothgrad_is_that_of_the_mean_gradient_through_ptwts_own_synthesis(
    wavelet: str, size: tuple[int, ...], channels: int
) -> None:
    level = 3 if size == MEDMNIST else 1
    model, signal = SmallNet(3, channels), signal_of(*size, items=1, channels=channels)
    found = wam.explain(model, signal, 2, samples=4, noise=0.1, wavelet=wavelet, level=level, progress=False)
    start = wam.decompose(signal, wavelet, level=level)
    # Channels are items to ptwt, and its synthesis in three dimensions at once is another way than ours, axis by axis.
    leaves = start.map(lambda band: band.detach().flatten(0, 1).requires_grad_())
    whole = ptwt.waverec3((leaves.approximation, *leaves.details), wavelet)
    whole = whole[:, : size[0], : size[1], : size[2]].reshape_as(signal)
    assert_close(whole, signal, rtol=0, atol=1e-9)
    bands = [band for *_, band in leaves.bands()]
    expected = torch.autograd.grad(whole, bands, found.gradient)
    for (*_, a), b in zip(found.attribution.bands(), expected, strict=True):
        assert_close(a, b.reshape_as(a), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("wavelet", ["haar", "db4"])
def test_medmnists_volumes_have_three_levels(wavelet: str) -> None:
    found = wam.explain(SmallNet(3, 1), signal_of(*MEDMNIST, items=1, channels=1), wavelet=wavelet, samples=8, level=3)
    assert found.maps().shape == (1, 4, *MEDMNIST)
    shares = found.scale_shares()
    assert_close(shares.sum(1), torch.ones_like(shares[:, 0]))


@pytest.mark.parametrize("load", [volume_model, former_model, furniture_model], ids=lambda load: load.__name__)
@pytest.mark.parametrize("wavelet", ["haar", "db4"])
def test_a_trained_network_is_explained_by_convolutions_and_by_attention(load: type, wavelet: str) -> None:
    model = load().double()
    samples = (furniture if load is furniture_model else volumes)().values()
    sample = list(samples)[3]
    signal = sample.signal.double()
    found = wam.explain(model, signal, sample.target, method="saliency", wavelet=wavelet, level=3, grid=sample.grid)
    leaves = wam.decompose(signal, wavelet, level=3)
    expected = literal_gradient(leaves, input_gradient(model, signal, sample.target))
    for (*_, a), (*_, b) in zip(found.attribution.bands(), expected.bands(), strict=True):
        assert_close(a, b, rtol=1e-9, atol=1e-12)
    assert found.grid == sample.grid


@pytest.mark.parametrize("load", [volume_model, former_model], ids=lambda load: load.__name__)
def test_integrated_gradients_of_a_digit_add_up_to_its_score(load: type) -> None:
    digit = volumes()["three"]
    found = wam.explain(
        load(), digit.signal, digit.target, method="integrated_gradients", tolerance=0.02, level=2, progress=False
    )
    assert float(found.completeness_gap(relative=True).abs()) <= 0.02
