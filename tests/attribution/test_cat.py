"""The main job on the real thing: EfficientNet-Lite0 and a photo of a cat."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

import wam_widgets as wam
from wam_widgets.attribution.score import columns_of


@pytest.fixture(scope="module")
def model() -> torch.nn.Module:
    found: torch.nn.Module = wam.samples.image_model()
    return found


@pytest.fixture(scope="module")
def cat() -> Tensor:
    return wam.samples.images()["cat"].signal


def test_twenty_five_points_are_not_enough_and_say_so(model: torch.nn.Module, cat: Tensor) -> None:
    with pytest.warns(
        RuntimeWarning, match=r"with 25 passes \(gauss-legendre\) has a relative completeness gap of 0\.6"
    ):
        found = wam.explain(model, cat, 285, method="integrated_gradients", batch_size=4)
    assert_close(found.completeness_gap(relative=True), torch.tensor([0.675]), atol=0.02, rtol=0)
    assert_close(found.score - (found.baseline_score or 0), torch.tensor([8.81]), atol=0.02, rtol=0)


def test_a_tolerance_is_reached_by_reusing_passes(model: torch.nn.Module, cat: Tensor) -> None:
    calls: list[int] = []

    def counted(signal: Tensor) -> Tensor:
        if signal.requires_grad:
            calls.append(len(signal))
        return columns_of(model(signal))

    found = wam.explain(counted, cat, 285, method="integrated_gradients", tolerance=0.05, batch_size=4)
    assert found.completeness_gap(relative=True).abs().item() <= 0.05
    assert found.passes.item() == sum(calls)  # every pass that was made is in the result
    assert found.passes.item() < 200
    view = found.view(wavelet="db4", level=4)
    assert_close(view.attribution.total(), found.attribution.total(), rtol=1e-4, atol=1e-4)


def test_the_result_depends_on_the_sub_batch_only_as_far_as_the_model_does(model: torch.nn.Module, cat: Tensor) -> None:
    """The network's own kernels round differently for other batches: its gradients differ as much as ours."""
    options = {"samples": 8, "noise": 0.05}
    alone = wam.explain(model, cat, 285, batch_size=1, **options)  # type: ignore[arg-type]
    together = wam.explain(model, cat, 285, batch_size=8, **options)  # type: ignore[arg-type]
    difference = (alone.gradient - together.gradient).norm() / alone.gradient.norm()

    copies = torch.cat([cat + 0.05 * torch.randn_like(cat) for _ in range(8)]).requires_grad_()
    (at_once,) = torch.autograd.grad(columns_of(model(copies))[:, 285].sum(), copies)
    singly = [torch.autograd.grad(columns_of(model(copy[None]))[0, 285], copy)[0] for copy in copies]
    models_own = (torch.stack(singly).mean(0) - at_once.mean(0)).norm() / at_once.mean(0).norm()
    assert difference <= 3 * models_own + 1e-6
    assert difference < 1e-4


def test_the_coarse_scales_are_known_first(model: torch.nn.Module, cat: Tensor) -> None:
    found = wam.explain(model, cat, 285, level=5, samples=48, batch_size=8)
    known = [band.double().mean().item() for _, _, band in found.significant().bands()]
    assert known[0] > 0.1  # the approximation
    assert known[-1] < 0.01  # detail 1
    shares, denoised = found.scale_shares(), found.denoised().scale_shares()
    assert_close(shares.sum(), torch.tensor(1.0))
    assert denoised[0, -1] < 0.5
