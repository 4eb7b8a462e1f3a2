"""Explanations against literal autograd, hand calculation and their own axioms."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

import wam_widgets as wam
from wam_widgets.attribution.paths import copy_seed

from .networks import SmallNet, linear, signal_of

SIZES = [(37,), (13, 18), (7, 9, 6)]
WAVELETS = ["haar", "db4", "bior2.2", "sym5"]


def through_synthesis(model: Any, signal: Tensor, column: int, wavelet: str, level: int, mode: str) -> wam.Coefficients:
    """The definition: d score / d coefficients by autograd through the synthesis (the paper's eq. 1)."""
    leaves = wam.decompose(signal, wavelet, level=level, mode=mode).map(lambda band: band.detach().requires_grad_())
    score = model(wam.reconstruct(leaves))[:, column].sum()
    gradients = iter(torch.autograd.grad(score, [band for *_, band in leaves.bands()]))
    return leaves.map(lambda band: next(gradients))


def noisy(signal: Tensor, noise: float, copy: int, seed: int = 0) -> Tensor:
    """A copy as the engine should make it, one item at a time."""
    copies = []
    for item in signal:
        generator = torch.Generator().manual_seed(copy_seed(seed, copy))
        deviation = noise * (item.max() - item.min())
        copies.append(item + deviation * torch.empty_like(item).normal_(generator=generator))
    return torch.stack(copies)


def assert_same(found: wam.Coefficients, expected: wam.Coefficients, tolerance: float = 1e-9) -> None:
    assert found.scales == expected.scales
    for (*_, a), (*_, b) in zip(found.bands(), expected.bands(), strict=True):
        assert_close(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("wavelet", WAVELETS)
@pytest.mark.parametrize("mode", ["reflect", "zero", "periodic"])
def test_saliency_is_the_gradient_through_the_synthesis(size: tuple[int, ...], wavelet: str, mode: str) -> None:
    model, signal = SmallNet(len(size)), signal_of(*size)
    level = 2 if wavelet == "haar" else 1
    if mode != "zero" and wavelet in {"db4", "sym5"} and min(size) < 9:
        mode = "symmetric"
    found = wam.explain(model, signal, 1, method="saliency", wavelet=wavelet, level=level, mode=mode)
    assert_same(found.attribution, through_synthesis(model, signal, 1, wavelet, level, mode))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("wavelet", ["haar", "bior2.2"])
def test_smoothgrad_is_the_mean_over_noisy_copies(size: tuple[int, ...], wavelet: str) -> None:
    model, signal = SmallNet(len(size)), signal_of(*size)
    found = wam.explain(model, signal, 2, samples=9, noise=0.2, wavelet=wavelet, level=1, seed=5)
    copies = [through_synthesis(model, noisy(signal, 0.2, c, 5), 2, wavelet, 1, "reflect") for c in range(9)]
    assert_same(found.attribution, copies[0].map(lambda *bands: torch.stack(bands).mean(0), *copies[1:]))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("wavelet", ["haar", "bior2.2"])
@pytest.mark.parametrize("mode", ["reflect", "zero"])
def test_integrated_gradients_is_the_difference_of_coefficients_times_the_path_integral(
    size: tuple[int, ...], wavelet: str, mode: str
) -> None:
    model, signal = SmallNet(len(size)), signal_of(*size)
    found = wam.explain(
        model, signal, 0, method="integrated_gradients", samples=6, baseline=0.3, wavelet=wavelet, level=1, mode=mode
    )
    z = wam.decompose(signal, wavelet, level=1, mode=mode)
    z0 = wam.decompose(torch.full_like(signal, 0.3), wavelet, level=1, mode=mode)
    expected = z.map(torch.zeros_like)
    for node, weight in zip(*np.polynomial.legendre.leggauss(6), strict=True):
        alpha = (node + 1) / 2
        point = z0.map(lambda start, end, alpha=alpha: start + alpha * (end - start), z)
        gradient = through_synthesis(model, wam.reconstruct(point), 0, wavelet, 1, mode)
        expected = expected.map(lambda total, g, a, b, weight=weight: total + weight / 2 * (a - b) * g, gradient, z, z0)
    assert_same(found.attribution, expected)


@pytest.mark.parametrize(("aggregate", "measure"), [("mean_abs", torch.abs), ("mean_square", torch.square)])
def test_other_aggregates_measure_the_coefficients_of_each_copy(
    aggregate: Any, measure: Callable[[Tensor], Tensor]
) -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    found = wam.explain(model, signal, 2, samples=9, noise=0.2, wavelet="db2", level=2, aggregate=aggregate)
    copies = [through_synthesis(model, noisy(signal, 0.2, c), 2, "db2", 2, "reflect").map(measure) for c in range(9)]
    assert_same(found.attribution, copies[0].map(lambda *bands: torch.stack(bands).mean(0), *copies[1:]))


@given(
    size=st.sampled_from(SIZES),
    wavelet=st.sampled_from([*WAVELETS, None]),
    mode=st.sampled_from(["zero", "symmetric", "constant"]),
    rule=st.sampled_from(["gauss-legendre", "midpoint", "trapezoid", "power", "adaptive"]),
)
def test_a_linear_score_is_explained_completely(
    size: tuple[int, ...], wavelet: str | None, mode: Any, rule: Any
) -> None:
    signal = signal_of(*size)
    weights = torch.linspace(-1, 1, signal[0].numel(), dtype=signal.dtype).reshape(signal.shape[1:])
    found = wam.explain(
        linear(weights), signal, 0, method="integrated_gradients", wavelet=wavelet, level=2, mode=mode, rule=rule
    )
    assert_close(found.attribution.total(), (signal * weights).flatten(1).sum(1))
    assert_close(found.completeness_by_scale().sum(1), found.attribution.total())
    assert found.completeness_gap().abs().max() < 1e-9


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("baseline", [None, 0.3, "blur", "mean", torch.tensor([0.1, 0.2])], ids=str)
def test_attributions_sum_to_the_difference_of_scores_up_to_the_gap(size: tuple[int, ...], baseline: Any) -> None:
    model, signal = SmallNet(len(size)), signal_of(*size)
    if isinstance(baseline, Tensor):
        baseline = baseline.reshape(-1, *[1] * len(size))
    found = wam.explain(model, signal, 1, method="integrated_gradients", baseline=baseline, tolerance=0.01, level=1)
    assert found.baseline is not None
    assert found.baseline_score is not None
    difference = model(signal)[:, 1] - model(found.baseline)[:, 1]
    assert_close(found.score - found.baseline_score, difference.detach())
    assert_close(found.attribution.total(), difference.detach() + found.completeness_gap())
    assert found.completeness_gap(relative=True).abs().max() <= 0.01
    assert max(found.settings["error_reached"]) <= 0.01


def test_baselines_are_what_they_say() -> None:
    signal = signal_of(13, 18)
    for name, expected in [("mean", signal.mean((2, 3), keepdim=True).expand_as(signal)), (0.5, signal * 0 + 0.5)]:
        found = wam.explain(SmallNet(2), signal, 0, method="integrated_gradients", baseline=name, tolerance=0.5)  # type: ignore[arg-type]
        assert_close(found.baseline, expected)


def test_the_blurred_baseline_is_scipys_gaussian_with_mirrored_borders() -> None:
    scipy_ndimage = pytest.importorskip("scipy.ndimage")
    signal = signal_of(40, 60)
    found = wam.explain(SmallNet(2), signal, 0, method="integrated_gradients", baseline="blur", tolerance=0.5)
    expected = scipy_ndimage.gaussian_filter(signal.numpy(), (0, 0, 2, 3), mode="reflect", truncate=8)
    assert_close(found.baseline, torch.from_numpy(expected), atol=1e-3, rtol=0)


@pytest.mark.parametrize("method", ["saliency", "smoothgrad", "integrated_gradients"])
@pytest.mark.parametrize("wavelet", ["db4", "bior2.2", None])
def test_a_view_is_what_explaining_again_gives(method: Any, wavelet: str | None) -> None:
    model, signal = SmallNet(2), signal_of(21, 26)
    options: dict[str, Any] = {"method": method, "samples": 8}
    again = wam.explain(model, signal, 1, wavelet=wavelet, level=1, mode="zero", **options)
    seen = wam.explain(model, signal, 1, **options).view(wavelet=wavelet, level=1, mode="zero")
    assert_same(seen.attribution, again.attribution)
    if method == "smoothgrad":
        assert_same(seen.standard_error(), again.standard_error())


def test_pull_back_of_somebody_elses_gradient_is_the_same_view() -> None:
    model, signal = SmallNet(2), signal_of(21, 26).requires_grad_()
    (gradient,) = torch.autograd.grad(model(signal)[:, 1].sum(), signal)
    found = wam.explain(model, signal, 1, method="saliency", wavelet="db4", level=1)
    assert_same(wam.pull_back(gradient, "db4", level=1), found.attribution)


# -------------------------------------------------------------------------------------------------------------- targets


@pytest.mark.parametrize(
    "target",
    [1, [1, 1], torch.tensor([1, 1]), torch.tensor(1), lambda output: output[:, 1]],
    ids=["int", "list", "tensor", "scalar tensor", "callable"],
)
def test_every_form_of_target_asks_the_same(target: Any) -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    expected = wam.explain(model, signal, 1, method="saliency")
    found = wam.explain(model, signal, target, method="saliency")
    assert_close(found.gradient, expected.gradient)
    assert_close(found.score, expected.score)
    assert_close(found.output, model(signal).detach())


def test_no_target_is_the_predicted_class_of_each_item() -> None:
    model, signal = SmallNet(1), 3 * signal_of(37, items=6)
    found = wam.explain(model, signal, method="saliency", labels=["a", "b", "c"])
    predicted = model(signal).argmax(1)
    assert_close(found.target, predicted)
    assert found.names() == ["abc"[column] for column in predicted.tolist()]


def test_a_contrast_is_the_difference_of_two_explanations() -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    first, second = (wam.explain(model, signal, column, method="saliency").gradient for column in (2, 0))
    found = wam.explain(model, signal, wam.Contrast(2, 0), method="saliency")
    assert_close(found.gradient, first - second)
    assert found.settings["score"] == "Contrast(first=2, second=0)"
    named = wam.explain(model, signal, wam.Contrast(2, 0), method="saliency", labels=["a", "b", "c"])
    assert named.names() == ["c rather than a"] * 2


@pytest.mark.parametrize(
    "wrap",
    [
        lambda output: (output, "hidden states"),
        lambda output: [output],
        lambda output: SimpleNamespace(logits=output),
        lambda output: {"logits": output},
        lambda output: (SimpleNamespace(logits=output), 0),
    ],
    ids=["tuple", "list", "object", "dict", "tuple of object"],
)
def test_models_may_return_tuples_and_objects_with_logits(wrap: Callable[[Tensor], Any]) -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    expected = wam.explain(model, signal, wam.Contrast(1, 0), method="saliency")
    found = wam.explain(lambda x: wrap(model(x)), signal, wam.Contrast(1, 0), method="saliency")
    assert_close(found.gradient, expected.gradient)


def test_one_number_per_item_is_a_single_column() -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    found = wam.explain(lambda x: model(x)[:, 1], signal, method="saliency")
    assert_close(found.gradient, wam.explain(model, signal, 1, method="saliency").gradient)
    assert found.target is not None
    assert found.target.tolist() == [0, 0]


# ------------------------------------------------------------------------------------- independence and reproducibility


@pytest.mark.parametrize("method", ["saliency", "smoothgrad", "integrated_gradients"])
@pytest.mark.parametrize("batch_size", [1, 3, 7, 100, "auto"])
def test_the_result_does_not_depend_on_the_sub_batch(method: Any, batch_size: Any) -> None:
    model, signal = SmallNet(2), signal_of(13, 18, items=3)
    options: dict[str, Any] = {"method": method, "samples": 17, "level": 2}
    expected = wam.explain(model, signal, 1, batch_size=2, **options)
    found = wam.explain(model, signal, 1, batch_size=batch_size, **options)
    assert_close(found.gradient, expected.gradient, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("method", ["smoothgrad", "integrated_gradients"])
@pytest.mark.parametrize("tolerance", [None, 0.2])
def test_the_result_does_not_depend_on_neighbours_or_place(method: Any, tolerance: float | None) -> None:
    model, signal = SmallNet(2), signal_of(13, 18, items=4) * torch.tensor([1.0, 3, 0.1, 2]).reshape(4, 1, 1, 1)
    options: dict[str, Any] = {"method": method, "level": 2, "tolerance": tolerance, "samples": 25}
    if method == "smoothgrad":
        options["noise"] = 0.05
    together = wam.explain(model, signal, 1, **options)
    for item in (0, 3):
        alone = wam.explain(model, signal[item : item + 1], 1, **options)
        assert_close(alone.gradient[0], together.gradient[item], rtol=1e-9, atol=1e-12)
        assert alone.passes[0] == together.passes[item]


def test_each_item_may_have_its_own_seed() -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    together = wam.explain(model, signal, 1, seed=[3, 9])
    for item, seed in enumerate((3, 9)):
        alone = wam.explain(model, signal[item : item + 1], 1, seed=seed)
        assert_close(alone.gradient[0], together.gradient[item])
    other = wam.explain(model, signal, 1, seed=4)
    assert not torch.allclose(other.gradient[0], together.gradient[0])


def test_bfloat16_runs_the_model_in_half_precision_and_sums_in_full() -> None:
    seen = []
    model = torch.nn.Sequential(torch.nn.Conv2d(2, 4, 3), torch.nn.Flatten(), torch.nn.LazyLinear(3))

    def watched(signal: Tensor) -> Tensor:
        output: Tensor = model(signal)
        seen.append(output.dtype)
        return output

    signal = signal_of(13, 18).float()
    full = wam.explain(watched, signal, 1)
    seen.clear()
    half = wam.explain(watched, signal, 1, precision="bfloat16")
    assert set(seen) == {torch.bfloat16}
    assert half.gradient.dtype == torch.float32
    assert half.output is not None
    assert half.output.dtype == torch.float32
    assert_close(half.gradient, full.gradient, rtol=0.05, atol=0.02)
    assert not torch.equal(half.gradient, full.gradient)


# ----------------------------------------------------------------------------------------------------------- refinement


def test_a_fixed_rule_that_misses_much_says_so() -> None:
    signal = signal_of(37)
    with pytest.warns(RuntimeWarning, match=r"2 passes \(midpoint\).*gap of .*Pass `tolerance=0.05`"):
        wam.explain(
            lambda x: (x**8).flatten(1).sum(1), signal, method="integrated_gradients", samples=2, rule="midpoint"
        )


def test_a_tolerance_that_cannot_be_met_says_so_and_spends_all() -> None:
    signal = signal_of(37)
    with pytest.warns(RuntimeWarning, match=r"1e-09 was not met after \d+ passes.*Raise `max_samples`"):
        found = wam.explain(
            lambda x: (20 * x).sin().flatten(1).sum(1),
            signal,
            method="integrated_gradients",
            tolerance=1e-9,
            max_samples=50,
        )
    assert all(40 < passes <= 50 for passes in found.passes.tolist())


def test_a_score_behind_decibels_needs_the_adaptive_or_the_power_rule() -> None:
    """The integrand is like 1 / alpha: uniform rules miss most of it (facts of the method)."""

    def decibels(signal: Tensor) -> Tensor:
        return 10 * torch.log10(signal.square().mean((1, 2)) + 1e-10)

    signal = signal_of(64)
    gaps = {}
    rules: list[Any] = ["midpoint", "power", "gauss-legendre"]
    for rule in rules:
        with pytest.warns(RuntimeWarning, match="gap") if rule != "power" else contextlib.nullcontext():
            found = wam.explain(decibels, signal, method="integrated_gradients", rule=rule, samples=25)
        gaps[rule] = found.completeness_gap(relative=True).abs().max().item()
    adaptive = wam.explain(decibels, signal, method="integrated_gradients", tolerance=0.02)
    assert gaps["midpoint"] > 0.4
    assert gaps["gauss-legendre"] > 0.3
    assert gaps["power"] < 0.03
    assert adaptive.completeness_gap(relative=True).abs().max() <= 0.02
    assert adaptive.passes.max() < 150


def test_smoothgrad_takes_as_many_copies_as_the_tolerance_needs() -> None:
    model, signal = SmallNet(2), signal_of(13, 18) * torch.tensor([1.0, 0.2]).reshape(2, 1, 1, 1)
    found = wam.explain(model, signal, 1, samples="auto", tolerance=0.15, noise=0.1, max_samples=2000)
    assert max(found.settings["error_reached"]) <= 0.15
    assert found.passes.min() >= 16
    # The error reached is the error made: against very many copies of another seed.
    truth = wam.explain(model, signal, 1, samples=2000, noise=0.1, seed=1).gradient
    error = (found.gradient - truth).flatten(1).norm(dim=1) / truth.flatten(1).norm(dim=1)
    assert_close(error, torch.tensor(found.settings["error_reached"], dtype=error.dtype), rtol=0.35, atol=0.02)
    assert found.groups is not None
    assert found.groups.counts.sum(0).tolist() == found.passes.tolist()


@pytest.mark.parametrize("tolerance", [0.003, 1e-4])
def test_gaps_of_one_sign_are_refined_too(tolerance: float) -> None:
    """All segments of a convex score miss in the same direction, so that small gaps add up."""
    signal = torch.ones(1, 1, 8, dtype=torch.float64)
    found = wam.explain(
        lambda x: (x**3).flatten(1).sum(1), signal, method="integrated_gradients", tolerance=tolerance, level=2
    )
    assert found.completeness_gap(relative=True).abs().item() <= tolerance
    assert 15 < found.passes.item() <= 400


@pytest.mark.parametrize("factor", [1e-20, 1e20])
def test_the_unit_of_the_score_does_not_matter(factor: float) -> None:
    signal, model = signal_of(13, 18).float(), SmallNet(2).float()
    options: dict[str, Any] = {"samples": 16, "tolerance": 0.5, "noise": 0.1, "level": 2, "batch_size": 4}
    plain = wam.explain(model, signal, 1, **options)
    scaled = wam.explain(lambda x: factor * model(x), signal, 1, **options)
    assert scaled.passes.tolist() == plain.passes.tolist()
    assert_close(scaled.denoised().gradient / factor, plain.denoised().gradient, rtol=1e-3, atol=1e-6)


def test_labels_are_one_per_column() -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    with pytest.raises(ValueError, match=r"`labels` must be one name per column of the output, 3; got 2"):
        wam.explain(model, signal, 2, labels=["a", "b"])
    model.labels = ("other", "names")  # type: ignore[assignment]
    assert wam.explain(model, signal, 2).labels is None
    model.labels = ("a", "b", "c")  # type: ignore[assignment]
    assert wam.explain(model, signal, 2).names() == ["c", "c"]


def test_a_callable_target_may_ask_of_an_output_that_only_it_can_read() -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    expected = wam.explain(model, signal, 1, method="saliency")
    found = wam.explain(
        lambda x: (torch.zeros(7, 4), model(x)), signal, lambda output: output[1][:, 1], method="saliency"
    )
    assert found.output is None
    assert_close(found.gradient, expected.gradient)


def test_one_class_in_a_tensor_is_not_one_per_item(as_a_user: None) -> None:
    with pytest.raises(ValueError, match=r"one class per item, shape \(2,\); got shape \(1,\)"):
        wam.explain(SmallNet(2), signal_of(13, 18), torch.tensor([1]))


def test_numbers_may_be_numpys(as_a_user: None) -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    options: dict[str, Any] = {"level": np.int64(2), "samples": np.int64(9), "batch_size": np.int64(4)}
    expected = wam.explain(model, signal, 1, level=2, samples=9, seed=3)
    found = wam.explain(model, signal, np.array([1, 1]), seed=np.array([3, 3]), **options)  # type: ignore[arg-type]
    assert_close(found.gradient, expected.gradient)
    assert (found.level, found.seed) == (2, (3, 3))


def test_a_constant_item_has_no_noise_and_says_so() -> None:
    signal = signal_of(13, 18)
    signal[1] = 0.5
    with pytest.warns(RuntimeWarning, match=r"^Item\(s\) \[1\] are constant"):
        found = wam.explain(SmallNet(2), signal, 1)
    assert not found.standard_error().flatten()[1].gt(1e-12).any()


@pytest.mark.parametrize("layout", ["channels last", "transposed", "expanded"])
def test_the_layout_of_the_signal_does_not_matter(layout: str) -> None:
    signal = signal_of(13, 18)
    made = {
        "channels last": signal.contiguous(memory_format=torch.channels_last),
        "transposed": signal.mT.contiguous().mT,
        "expanded": signal[:1].expand(2, -1, -1, -1),
    }[layout]
    found = wam.explain(SmallNet(2), made, 1, level=2)
    assert_close(found.attribution.flatten(), wam.explain(SmallNet(2), made.clone(), 1, level=2).attribution.flatten())


@pytest.mark.parametrize("method", ["saliency", "smoothgrad", "integrated_gradients"])
def test_models_may_change_their_input_in_place(method: Any) -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    expected = wam.explain(lambda x: model(torch.relu(x)), signal, 1, method=method)
    found = wam.explain(lambda x: model(torch.relu_(x)), signal, 1, method=method)
    assert_close(found.gradient, expected.gradient)
    assert_close(signal, signal_of(13, 18))
