"""Fidelity, beside linear models that can be worked by hand, PyWavelets and SciPy on what the model saw, and Captum."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import captum.metrics
import numpy as np
import pytest
import pywt
import scipy.special
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.testing import assert_close

import wam_widgets as wam
from tests.attribution.networks import SmallNet, linear, signal_of
from tests.attribution.test_untouched import Fragile, assert_untouched, state_of
from wam_widgets.evaluation import (
    Explainer,
    cluster_interval,
    infidelity,
    max_sensitivity,
    mu_fidelity,
    paired_test,
    part_fidelity,
)
from wam_widgets.evaluation.ranking import Importance

Array = NDArray[np.float64]
SIZES = ((37,), (9, 14), (7, 6, 9))


class Recorder:
    """A model that keeps what it was shown."""

    def __init__(self, model: Callable[[Tensor], Tensor]) -> None:
        self.model = model
        self.shown: list[Tensor] = []

    def __call__(self, batch: Tensor) -> Tensor:
        self.shown.extend(batch.clone())
        return self.model(batch)

    def inputs(self) -> Array:
        return torch.stack(self.shown).numpy()


def drop(network: nn.Module, signal: Tensor, seen: Array, column: int) -> float:
    with torch.no_grad():
        return float((network(signal) - network(torch.from_numpy(seen)[None]))[0, column])


def weights_of(*size: int) -> Tensor:
    return torch.randn(2, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(99))


# ------------------------------------------------------------------------------------------------------- linear models


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("wavelet", ["haar", "db3", None])
@pytest.mark.parametrize("method", ["saliency", "smoothgrad", "integrated_gradients"])
@pytest.mark.parametrize("baseline", [None, "mean"])
def test_exact_contributions_of_a_linear_model_are_faithful_in_all_respects(
    size: tuple[int, ...], wavelet: str | None, method: Any, baseline: str | None
) -> None:
    signal, model = signal_of(*size), linear(weights_of(*size))
    options: Any = {"baseline": baseline} if method == "integrated_gradients" else {}
    explained = wam.explain(model, signal, 0, method=method, wavelet=wavelet, level=1, samples=4, **options)
    for correlation in ("pearson", "spearman"):
        found = mu_fidelity(model, signal, {"it": explained}, subsets=20, baseline=baseline, correlation=correlation)
        assert_allclose(found["it"], [1, 1], atol=1e-9)
    assert_allclose(infidelity(model, signal, {"it": explained}, subsets=20, baseline=baseline)["it"], 0, atol=1e-18)


@settings(max_examples=15)
@given(
    size=st.lists(st.integers(9, 12), min_size=1, max_size=3).map(tuple),
    wavelet=st.sampled_from(["haar", "db2", "bior2.2", None]),
    mode=st.sampled_from(["reflect", "zero", "symmetric", "periodic", "constant"]),
    blocks=st.integers(8, 100),
    fraction=st.floats(0.05, 0.95),
    seed=st.integers(0, 1000),
)
def test_a_linear_model_is_explained_whatever_is_taken_out(
    size: tuple[int, ...], wavelet: str | None, mode: str, blocks: int, fraction: float, seed: int
) -> None:
    signal, model = signal_of(*size), linear(weights_of(*size))
    slope = wam.pull_back(weights_of(*size).expand_as(signal), wavelet, level=1)
    exact = wam.decompose(signal, wavelet, level=1, mode=mode).map(torch.mul, slope)
    options: Any = {"target": 0, "fraction": fraction, "subsets": 5, "seed": seed, "blocks": blocks}
    missed = infidelity(model, signal, {"it": exact}, **options)["it"]
    assert_allclose(missed, 0, atol=1e-18)
    found = mu_fidelity(model, signal, {"it": exact, "reverse": exact.map(torch.neg)}, **options)
    known = ~np.isnan(found["it"])  # few units may be drawn alike every time
    assert_allclose(found["it"][known], 1, atol=1e-6)
    assert_allclose(found["reverse"], -found["it"], atol=1e-9)


def test_two_samples_by_hand() -> None:
    # Of 3a + 5b at (2, 3), either a goes, and 6 of 21, or b, and 15. The map says 4 of a and 8 of b.
    model, signal = linear(torch.tensor([3.0, 5.0]).double()), torch.tensor([[[2.0, 3.0]]]).double()
    explanations = {"map": torch.tensor([[4.0, 8.0]]), "wrong": torch.tensor([[8.0, 4.0]])}
    options: Any = {"target": 0, "fraction": 0.5, "subsets": 40}
    record = Recorder(model)
    assert mu_fidelity(record, signal, explanations, **options)["map"] == pytest.approx([1])
    assert mu_fidelity(record, signal, explanations, **options)["wrong"] == pytest.approx([-1])
    share = float(np.mean(record.inputs()[1:41, 0, 0] == 0))  # how often a went
    assert 0.2 < share < 0.8
    missed = infidelity(model, signal, explanations, **options)
    assert_allclose(missed["map"], [share * (4 - 6) ** 2 + (1 - share) * (8 - 15) ** 2])
    assert_allclose(missed["wrong"], [share * (8 - 6) ** 2 + (1 - share) * (4 - 15) ** 2])


# --------------------------------------------------------------------------------- what the model saw, and what follows


def test_xplique_s_rule_is_its_rule() -> None:
    # Patches of a 9 x 9 grid, a fifth of them, zero in their place, 200 times, the raw output, correlation of ranks.
    network, signal = SmallNet(2), signal_of(18, 27, items=1)
    heat = torch.randn(1, 18, 27, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    record = Recorder(network)
    found = mu_fidelity(record, signal, {"map": heat}, target=1, correlation="spearman", batch_size=7)["map"]
    whole, *others = record.inputs()
    assert_array_equal(whole, signal[0].numpy())
    gone = np.stack(others)[:, 0] == 0
    patches = gone[:, ::2, ::3]
    assert patches.shape == (200, 9, 9)
    assert_array_equal(gone, np.kron(patches, np.ones((1, 2, 3), dtype=bool)))
    assert_array_equal(np.stack(others), np.where(gone[:, None], 0, signal.numpy()))
    assert set(patches.sum((1, 2))) == {16}
    assert len({each.tobytes() for each in patches}) == 200
    drops = [drop(network, signal, each, 1) for each in others]
    expected = scipy.stats.spearmanr((gone * heat.numpy()).sum((1, 2)), drops).statistic
    assert_allclose(found, [expected], atol=1e-12)


@pytest.mark.parametrize("correlation", ["pearson", "spearman"])
def test_in_coefficients_blocks_of_bands_go(correlation: Any) -> None:
    network, signal = SmallNet(2), signal_of(16, 24, items=1)
    explained = wam.explain(network, signal, 1, method="integrated_gradients", level=1, samples=8, wavelet="haar")
    contribution = explained.attribution
    record = Recorder(network)
    options: Any = {"subsets": 30, "blocks": 17, "fraction": 0.3, "correlation": correlation}
    found = mu_fidelity(record, signal, {"WAM": explained}, **options)["WAM"]
    inputs = record.inputs()[1:]  # the first is the whole
    approximation, details = pywt.dwt2(inputs, "haar", axes=(2, 3))
    own_approximation, own_details = pywt.dwt2(signal.numpy(), "haar", axes=(2, 3))
    said = np.zeros(len(inputs))
    gone_blocks = np.zeros(len(inputs), dtype=int)
    bands = (contribution.approximation, *contribution.details[0].values())
    whole = (own_approximation, *own_details)
    for band, seen, own in zip(bands, (approximation, *details), whole, strict=True):
        gone = np.isclose(seen, 0, atol=1e-9).all(1)
        assert_allclose(seen, np.where(gone[:, None], 0, own), atol=1e-9)
        # 17 blocks at most are 4 along each axis: of 8 and of 12 coefficients
        corners = gone[:, ::2, ::3]
        assert_array_equal(gone, np.kron(corners, np.ones((1, 2, 3), dtype=bool)))
        gone_blocks += corners.sum((1, 2))
        said += (gone * band.sum(1).numpy()).sum((1, 2))
    assert set(gone_blocks) == {round(0.3 * 4 * 16)}
    drops = [drop(network, signal, each, 1) for each in inputs]
    correlate: Any = getattr(scipy.stats, f"{correlation}r")
    assert_allclose(found, [correlate(said, drops).statistic], atol=1e-9)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scaled", [False, True])
def test_infidelity_is_captum_s_of_flattened_coefficients(size: tuple[int, ...], *, scaled: bool) -> None:
    network, signal = SmallNet(len(size)), signal_of(*size, items=1)
    explained = wam.explain(network, signal, 2, method="smoothgrad", level=1, samples=8, wavelet="haar")
    record = Recorder(network)
    found = infidelity(record, signal, {"WAM": explained}, subsets=60, blocks=30, scaled=scaled, batch_size=4)["WAM"]
    own = wam.decompose(signal, "haar", level=1)
    rows = torch.stack(record.shown)
    seen = wam.decompose(rows, "haar", level=1).flatten()
    # 60 subsets in two parts, and after each the whole
    altered = torch.cat([seen[:50], seen[51:61]])
    assert_close(rows[[50, 61]], signal.expand(2, *[-1] * (signal.ndim - 1)))
    perturbed = iter(altered)
    calls: list[Tensor] = []

    def take(inputs: Tensor) -> tuple[Tensor, Tensor]:
        calls.append(inputs)
        new = torch.stack([next(perturbed) for _ in inputs])
        return (inputs - new), new

    expected = captum.metrics.infidelity(
        lambda flat: network(wam.reconstruct(own.unflatten(flat)))[:, 2],
        take,
        own.flatten(),
        explained.attribution.flatten(),  # of a gradient, perturbations are differences
        n_perturb_samples=60,
        normalize=scaled,
    )
    assert_allclose(found, expected.detach(), rtol=1e-6)


def test_scaled_infidelity_is_that_of_the_best_multiple() -> None:
    network, signal = SmallNet(2), signal_of(9, 14)
    explained = wam.explain(network, signal, 1, method="saliency", level=1).contribution().attribution
    options: Any = {"target": 1, "subsets": 30}
    scaled = infidelity(network, signal, {"it": explained}, scaled=True, **options)["it"]
    other = infidelity(network, signal, {"it": explained.map(lambda band: -7 * band)}, scaled=True, **options)["it"]
    assert_allclose(scaled, other)
    # The infidelity of a multiple is a parabola, and three of its values tell its lowest point.
    values = [
        infidelity(network, signal, {"it": explained.map(lambda band, k=k: k * band)}, **options)["it"]
        for k in (-1, 0, 1)
    ]
    curvature, slope = (values[0] + values[2]) / 2 - values[1], (values[2] - values[0]) / 2
    assert_allclose(scaled, values[1] - slope**2 / (4 * curvature), rtol=1e-6)


# ------------------------------------------------------------------------------------------------------- what is summed


def test_of_a_sensitivity_the_contribution_is_summed_and_of_coefficients_they_themselves() -> None:
    network, signal = SmallNet(2), signal_of(9, 14)
    explained = wam.explain(network, signal, 1, method="saliency", level=1)
    by_name: dict[str, Importance] = {
        "sensitivity": explained,
        "contribution": explained.contribution(),
        "products": explained.attribution.map(torch.mul, wam.decompose(signal, level=1)),
        "gradient": explained.attribution,
    }
    found = mu_fidelity(network, signal, by_name, target=1, subsets=30)
    assert_array_equal(found["sensitivity"], found["contribution"])
    assert_allclose(found["sensitivity"], found["products"], atol=1e-12)
    assert (np.abs(found["sensitivity"] - found["gradient"]) > 0.01).all()


@pytest.mark.parametrize("baseline", ["mean", "blur", "noise", "band_mean", 0.3])
def test_a_slope_is_multiplied_by_what_is_taken_away(baseline: Any) -> None:
    signal, model = signal_of(9, 14), linear(weights_of(9, 14))
    explained = wam.explain(model, signal, 0, method="saliency", wavelet="db2", level=1)
    given = {"sensitivity": explained, "from zero": explained.contribution()}
    found = mu_fidelity(model, signal, given, subsets=30, baseline=baseline)
    assert_allclose(found["sensitivity"], 1, atol=1e-9)
    if baseline != "blur":
        assert (found["from zero"] < 0.99999).all()


def test_superpixels_go_as_a_whole_and_explanations_are_seen_in_samples() -> None:
    network, signal = SmallNet(2), signal_of(9, 14)
    labels = torch.randint(0, 20, (2, 9, 14), generator=torch.Generator().manual_seed(3))
    labels[1].clamp_(max=11)  # items may have different numbers of them
    explained = wam.explain(network, signal, 1, method="integrated_gradients", level=2, samples=8)
    in_samples = explained.view(wavelet=None).attribution.approximation.sum(1)
    record = Recorder(network)
    assert explained.target is not None
    found = mu_fidelity(record, signal, {"WAM": explained, "map": in_samples}, target=1, segments=labels, subsets=30)
    assert_allclose(found["WAM"], found["map"], atol=1e-12)
    for item, units in enumerate((20, 12)):
        inputs = record.inputs()[31 * item + 1 : 31 * (item + 1)]
        gone = (inputs == 0).all(1)
        said, drops = [], []
        for missing, seen in zip(gone, inputs, strict=True):
            out = set(labels[item].numpy()[missing].tolist())
            assert len(out) == round(0.2 * units)
            assert_array_equal(missing, np.isin(labels[item].numpy(), list(out)))
            said.append(in_samples[item].numpy()[missing].sum())
            drops.append(drop(network, signal[item : item + 1], seen, int(explained.target[item])))
        assert_allclose(found["map"][item], scipy.stats.pearsonr(said, drops).statistic, atol=1e-9)


def test_coefficients_are_spread_over_superpixels_with_their_sign() -> None:
    signal = signal_of(8, 8)
    model = linear(torch.ones(8, 8, dtype=torch.float64))
    # Of the sum of all samples, haar's approximation says all: each coefficient a quarter for each of its four.
    contribution = wam.pull_back(torch.ones_like(signal), level=1).map(torch.mul, wam.decompose(signal, level=1))
    labels = torch.arange(8)[:, None] // 2 * 4 + torch.arange(8) // 2
    found = mu_fidelity(model, signal, {"WAM": contribution}, target=0, segments=labels, subsets=30)
    assert_allclose(found["WAM"], 1, atol=1e-9)


# ------------------------------------------------------------------------------------------------- what is measured


def test_a_contrast_and_a_callable_are_measured_by_their_own_value() -> None:
    network, signal = SmallNet(2), signal_of(9, 14)
    contrast = wam.Contrast(2, 0)
    explained = wam.explain(network, signal, contrast, method="saliency", level=1)
    options: Any = {"subsets": 30}
    for measure in (mu_fidelity, infidelity):
        found = measure(network, signal, {"it": explained}, target=contrast, **options)["it"]
        by_hand = measure(
            lambda batch: network(batch)[:, [2]] - network(batch)[:, [0]],
            signal,
            {"it": explained.contribution().attribution},
            target=0,
            **options,
        )["it"]
        assert_allclose(found, by_hand, atol=1e-12)
    pairs = mu_fidelity(network, signal, {"it": explained}, quantity="contrast", **options)["it"]
    shares = mu_fidelity(
        lambda batch: network(batch)[:, [2, 0]].softmax(1)[:, [0]],
        signal,
        {"it": explained.contribution().attribution},
        target=0,
        **options,
    )["it"]
    assert_allclose(pairs, shares, atol=1e-9)


def test_without_a_target_it_is_what_explanations_explain_else_the_predicted_class() -> None:
    network, signal = SmallNet(2), signal_of(9, 14)
    explained = wam.explain(network, signal, [0, 2], method="saliency", level=1)
    options: Any = {"subsets": 10}
    own = mu_fidelity(network, signal, {"it": explained}, **options)["it"]
    assert_array_equal(own, mu_fidelity(network, signal, {"it": explained}, target=[0, 2], **options)["it"])
    heat = torch.rand(2, 9, 14)
    predicted = network(signal).argmax(1)
    assert_array_equal(
        mu_fidelity(network, signal, {"map": heat}, **options)["map"],
        mu_fidelity(network, signal, {"map": heat}, target=predicted, **options)["map"],
    )
    logits = mu_fidelity(network, signal, {"map": heat}, target=1, quantity="probability", **options)["map"]
    softmax = mu_fidelity(lambda batch: network(batch).softmax(1), signal, {"map": heat}, target=1, **options)["map"]
    assert_allclose(logits, softmax, atol=1e-9)


def test_where_nothing_varies_a_correlation_is_undefined() -> None:
    network, signal = SmallNet(2).float(), signal_of(9, 9).float()
    heat = torch.rand(2, 9, 9)
    flat = lambda batch: network(batch) * 0 + 0.25  # noqa: E731
    everything = lambda batch: (batch == 0).sum((1, 2, 3))[:, None].float()  # noqa: E731  # as much of all subsets
    for model in (flat, everything):
        assert np.isnan(mu_fidelity(model, signal, {"map": heat}, target=0, subsets=10)["map"]).all()
    found = mu_fidelity(network, signal, {"map": heat, "even": torch.full_like(heat, 0.1)}, target=0, subsets=10)
    assert np.isnan(found["even"]).all()
    assert np.isfinite(found["map"]).all()
    half = torch.stack([heat[0], torch.ones(9, 9)])
    assert_array_equal(np.isnan(mu_fidelity(network, signal, {"map": half}, target=0)["map"]), [False, True])


# -------------------------------------------------------------------------------------------- subsets, seeds, batches


def both(network: Any, signal: Tensor, given: Any, **options: Any) -> list[dict[str, Array]]:
    return [measure(network, signal, given, **options) for measure in (mu_fidelity, infidelity)]


@pytest.mark.parametrize("size", SIZES)
def test_neither_the_sub_batch_nor_neighbours_nor_other_methods_matter(size: tuple[int, ...]) -> None:
    network, signal = SmallNet(len(size)), signal_of(*size, items=3)
    heat = torch.randn(3, *size, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    given: Any = {"WAM": wam.decompose(signal, "db2", level=1), "map": heat, "squares": heat.square()}
    options: Any = {"target": 1, "subsets": 12, "baseline": "noise"}
    expected = both(network, signal, given, **options)
    for batch_size in (1, 5, 100):
        for found, known in zip(both(network, signal, given, batch_size=batch_size, **options), expected, strict=True):
            for name in given:
                assert_allclose(found[name], known[name], rtol=1e-6, atol=1e-9)
    alone = {"WAM": wam.decompose(signal[2:], "db2", level=1), "map": heat[2:]}
    for found, known in zip(both(network, signal[2:], alone, **options), expected, strict=True):
        for name in alone:
            assert_allclose(found[name], known[name][2:], rtol=1e-6, atol=1e-9)


def test_methods_in_the_same_terms_share_subsets_and_passes_and_more_subsets_go_on() -> None:
    network, signal = SmallNet(2), signal_of(9, 14)
    heat = torch.rand(2, 9, 14)

    def seen(names: int, subsets: int, seed: int = 0) -> Array:
        record = Recorder(network)
        given = {str(number): heat + number for number in range(names)}
        mu_fidelity(record, signal, given, target=0, subsets=subsets, seed=seed, batch_size=3)
        return record.inputs()

    assert_array_equal(seen(1, 20), seen(3, 20))
    assert seen(1, 20).shape[0] == 2 * 21
    assert_array_equal(seen(1, 20)[:21], seen(1, 50)[:21])
    assert not np.array_equal(seen(1, 20), seen(1, 20, seed=1))
    first, second = seen(1, 20)[1:21] == 0, seen(1, 20)[22:] == 0
    assert_array_equal(first, second)  # of every item the same ones go


def test_with_many_blocks_every_coefficient_is_one() -> None:
    network, signal, heat = SmallNet(2), signal_of(9, 14), torch.rand(2, 9, 14, dtype=torch.float64)
    record = Recorder(network)
    found = mu_fidelity(record, signal, {"map": heat}, target=0, subsets=10, blocks=10**9)["map"]
    gone = (record.inputs()[1:11] == 0).all(1)
    assert set(gone.sum((1, 2))) == {round(0.2 * 9 * 14)}
    drops = [drop(network, signal[:1], each, 0) for each in record.inputs()[1:11]]
    said = [float(heat[0].numpy()[each].sum()) for each in gone]
    assert_allclose(found[0], scipy.stats.pearsonr(said, drops).statistic, atol=1e-9)


def test_values_are_what_intervals_and_tests_take() -> None:
    network, signal = SmallNet(2), signal_of(9, 14, items=12)
    given: Any = {"saliency": wam.explain(network, signal, 1, method="saliency", level=1), "magnitude": None}
    given["magnitude"] = given["saliency"].signal_coefficients().map(torch.abs)
    for found in both(network, signal, given, subsets=10):
        assert list(found) == ["saliency", "magnitude"]
        for values in found.values():
            assert values.dtype == np.float64
            assert values.shape == (12,)
        cluster_interval(found["saliency"], range(12))
        assert 0 <= paired_test(found["saliency"] - found["magnitude"], range(12)) <= 1


def test_progress_counts_to_what_was_planned_and_may_stop() -> None:
    network, signal = SmallNet(2), signal_of(9, 14)
    given: Any = {"WAM": wam.decompose(signal, level=1), "map": torch.rand(2, 9, 14)}
    told: list[tuple[int, int]] = []
    for removing, passes in ((mu_fidelity, 61), (infidelity, 62)):
        told.clear()
        removing(network, signal, given, target=0, subsets=60, progress=lambda *counts: told.append(counts))
        assert {planned for _, planned in told} == {2 * 2 * passes}
        assert told[-1][0] == told[-1][1]
    part: Any = {"map": 0.5 * signal}
    told.clear()
    part_fidelity(network, signal, part, target=0, progress=lambda *counts: told.append(counts))
    assert told[-1] == (8, 8)  # the rest and the whole for their scores, the part and the whole for their classes
    told.clear()
    methods: Any = {"a": Explainer("saliency", level=1), "b": lambda _, batch, __: batch[:, 0]}
    max_sensitivity(network, signal, methods, target=0, samples=3, progress=lambda *counts: told.append(counts))
    assert told == [(done, 16) for done in (4, 8, 12, 16)]
    calls: list[tuple[Any, Any]] = [
        (mu_fidelity, given), (infidelity, given), (part_fidelity, part), (max_sensitivity, methods)
    ]  # fmt: skip
    for measure, explanations in calls:
        with pytest.raises(KeyboardInterrupt, match="`progress` returned False"):
            measure(network, signal, explanations, target=0, progress=lambda *_: False)


# ------------------------------------------------------------------------------------------------------------- parts


def test_a_part_and_the_rest_by_hand() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False, dtype=torch.float64))
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([[1.0, 1, 0, 0], [0, 0, 1, 1]]))  # type: ignore[operator]
    signal = torch.tensor([[[2.0, 1, 1, 1]], [[0, 1, 3, 0]]]).double()
    parts = {
        "first": signal * torch.tensor([1.0, 0, 0, 0]),
        "third": signal * torch.tensor([0.0, 0, 1, 0]),
        "all": signal,
        "none": 0 * signal,
    }
    found = part_fidelity(model, signal, parts)
    sigmoid = scipy.special.expit
    # p of the larger sum: 3 to 2, and 3 to 1
    assert_allclose(found["first"].drop, [sigmoid(1) - sigmoid(-1), 0])
    assert_array_equal(found["first"].same_class, [1, 0])  # of nothing at all the first class is the largest
    assert_allclose(found["third"].drop, [sigmoid(1) - sigmoid(2), sigmoid(2) - sigmoid(-1)])
    assert_array_equal(found["third"].same_class, [0, 1])
    assert_allclose(found["all"].drop, [sigmoid(1) - 0.5, sigmoid(2) - 0.5])
    assert_array_equal(found["all"].same_class, [1, 1])
    assert_array_equal(found["none"].drop, [0, 0])
    assert found["none"].drop.dtype == found["none"].same_class.dtype == np.float64


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("wavelet", ["db2", None])
def test_an_explanation_keeps_what_it_rebuilds(size: tuple[int, ...], wavelet: str | None) -> None:
    network, signal = SmallNet(len(size)), signal_of(*size, items=4)
    target = [0, 1, 2, 1]
    of_path = wam.explain(
        network, signal, target, method="integrated_gradients", wavelet=wavelet, level=1, samples=8, baseline="mean"
    )
    slope = wam.explain(network, signal, target, method="saliency", wavelet=wavelet, level=1)
    found = part_fidelity(network, signal, {"path": of_path, "slope": slope}, fraction=0.3)

    def p(batch: Tensor) -> Array:
        return scipy.special.softmax(network(batch).detach().numpy(), axis=1)[range(4), target]  # type: ignore[no-any-return]

    kept = of_path.rebuild(fraction=0.3)
    assert of_path.baseline is not None
    assert_allclose(found["path"].drop, p(signal) - p(signal - (kept - of_path.baseline)), atol=1e-12)
    assert_array_equal(found["path"].same_class, (network(kept).argmax(1) == network(signal).argmax(1)).double())
    kept = slope.rebuild(fraction=0.3)
    assert_allclose(found["slope"].drop, p(signal) - p(signal - kept), atol=1e-12)
    for batch_size in (1, 3):
        again = part_fidelity(network, signal, {"path": of_path}, fraction=0.3, batch_size=batch_size)["path"]
        assert_allclose(again.drop, found["path"].drop, atol=1e-12)
        assert_array_equal(again.same_class, found["path"].same_class)


def test_of_a_part_a_contrast_may_drop() -> None:
    network, signal = SmallNet(2), signal_of(9, 14)
    found = part_fidelity(network, signal, {"half": 0.5 * signal}, target=wam.Contrast(1, 0))["half"]
    logits = [network(each).detach().numpy() for each in (signal, 0.5 * signal)]
    assert_allclose(found.drop, np.diff(logits[0])[:, 0] - np.diff(logits[1])[:, 0], atol=1e-12)


# ------------------------------------------------------------------------------------------------------- sensitivity


def test_a_constant_gradient_is_steady_and_its_contribution_moves_with_the_signal() -> None:
    weights = weights_of(9, 14)
    model, signal = linear(weights), signal_of(9, 14)
    seen: list[Tensor] = []

    def product(_: Any, batch: Tensor, target: Any) -> Tensor:
        assert target == 0
        seen.append(batch)
        return (batch * weights).sum(1)

    methods: Any = {"slope": Explainer("saliency", level=1), "product": product}
    found = max_sensitivity(model, signal, methods, target=0, radius=0.1, samples=6)
    assert_allclose(found["slope"], 0, atol=1e-12)
    for item in range(2):
        batches = torch.cat(seen[2 * item : 2 * item + 2])
        assert_close(batches[:1], signal[item : item + 1])
        moved = (batches[1:] - signal[item]).abs()
        reach = 0.1 * float(signal[item].max() - signal[item].min())
        assert len(moved) == 6
        assert 0.9 * reach < float(moved.max()) <= reach
        maps = (batches * weights).sum(2 - 1).flatten(1).numpy()
        changes = np.linalg.norm(maps[1:] - maps[:1], axis=1) / np.linalg.norm(maps[0])
        assert_allclose(found["product"][item], changes.max())


def test_max_sensitivity_leaves_the_gradients_of_the_weights_as_they_were() -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))

    def backwards(given: Any, signal: torch.Tensor, _target: Any) -> torch.Tensor:
        signal.requires_grad_()
        given(signal)[:, 0].sum().backward()
        assert signal.grad is not None
        return signal.grad[:, 0]

    max_sensitivity(model, torch.rand(1, 1, 8, 8), {"it": backwards}, target=0, samples=2, progress=False)
    assert all(each.grad is None for each in model.parameters())


@pytest.mark.parametrize("size", SIZES)
def test_max_sensitivity_is_captum_s_of_flattened_coefficients(size: tuple[int, ...]) -> None:
    network, signal = SmallNet(len(size)), signal_of(*size, items=1)
    shaken: list[Tensor] = []
    explainer = Explainer("smoothgrad", wavelet="db2", level=1, options={"samples": 8})

    def watched(model: Any, batch: Tensor, target: Any) -> Any:
        shaken.append(batch)
        return explainer(model, batch, target)

    found = max_sensitivity(network, signal, {"it": watched}, samples=5)["it"]

    def flat(inputs: Any) -> tuple[Tensor, ...]:
        batch = inputs[0] if isinstance(inputs, tuple) else inputs
        column = int(network(signal).argmax())
        found = wam.explain(network, batch, column, wavelet="db2", level=1, samples=8, progress=False)
        return (found.attribution.flatten(),)

    expected = captum.metrics.sensitivity_max(flat, signal, lambda _: torch.cat(shaken[1:]), n_perturb_samples=5)
    assert_allclose(found, expected, rtol=1e-9)


def test_shaking_does_not_depend_on_neighbours_and_goes_on_with_more_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    network, signal = SmallNet(2), signal_of(9, 14, items=3)
    methods: Any = {"slope": Explainer("saliency", level=1), "map": lambda _, batch, __: batch[:, 0]}
    options: Any = {"target": 1, "samples": 7}
    found = max_sensitivity(network, signal, methods, **options)
    alone = max_sensitivity(network, signal[2:], {"slope": methods["slope"]}, **options)
    assert_allclose(alone["slope"], found["slope"][2:])
    more = max_sensitivity(network, signal, methods, target=1, samples=20)
    other = max_sensitivity(network, signal, methods, seed=1, **options)
    for name in methods:
        assert (more[name] >= found[name]).all()
        assert (other[name] != found[name]).all()
        assert found[name].dtype == np.float64
        assert found[name].shape == (3,)
    monkeypatch.setattr("wam_widgets.evaluation.fidelity._SAMPLES_AT_ONCE", 1)
    one_by_one = max_sensitivity(network, signal, methods, **options)
    for name in methods:
        assert_allclose(one_by_one[name], found[name])


def test_what_is_the_same_everywhere_has_no_range_to_be_shaken_by() -> None:
    network, signal = SmallNet(2), signal_of(9, 14)
    signal[1] = 0.5
    found = max_sensitivity(network, signal, {"slope": Explainer("saliency", level=1)}, target=1)["slope"]
    assert np.isnan(found).tolist() == [False, True]


def test_a_method_may_differentiate_by_itself() -> None:
    def gradient(model: Any, batch: Tensor, target: Any) -> Tensor:
        inputs = batch.clone().requires_grad_()
        return torch.autograd.grad(target(model(inputs)).sum(), inputs)[0].sum(1)

    network, signal = SmallNet(2), signal_of(9, 14)
    contrast = wam.Contrast(1, 0)
    found = max_sensitivity(network, signal, {"it": gradient}, target=contrast)["it"]

    def ours(model: Any, batch: Tensor, target: Any) -> Tensor:
        return wam.explain(model, batch, target, method="saliency", wavelet=None).gradient.sum(1)

    assert_allclose(found, max_sensitivity(network, signal, {"it": ours}, target=contrast)["it"])


# ------------------------------------------------------------------------------------------------- the caller's things

CALLS: dict[str, Callable[..., Any]] = {
    "mu_fidelity": lambda model, signal, **options: mu_fidelity(
        model, signal, {"it": signal.detach()[:, 0]}, baseline="noise", batch_size=4, **options
    ),
    "infidelity": lambda model, signal, **options: infidelity(
        model, signal, {"it": wam.decompose(signal.detach())}, batch_size=4, **options
    ),
    "part_fidelity": lambda model, signal, **options: part_fidelity(
        model, signal, {"it": 0.5 * signal.detach(), "other": 0.2 * signal}, batch_size=1, **options
    ),
    "max_sensitivity": lambda model, signal, **options: max_sensitivity(
        model, signal, {"it": Explainer("smoothgrad", level=1, options={"samples": 4})}, **options
    ),
}


@pytest.mark.usefixtures("as_a_user")  # the checker of annotations draws from the global generator
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("failed", [False, True])
def test_a_call_leaves_everything_as_it_was(name: str, *, failed: bool) -> None:
    model, signal = Fragile(), signal_of(13, 18).requires_grad_()
    model.fail, model.good = (ZeroDivisionError("mine") if failed else None), 3
    before = state_of(model, signal)
    if failed:
        with pytest.raises(ZeroDivisionError, match="mine"):
            CALLS[name](model, signal)
    else:
        CALLS[name](model, signal)
    assert_untouched(before, state_of(model, signal))


def test_a_model_that_changes_its_input_changes_nothing_of_ours() -> None:
    network, signal = SmallNet(2), signal_of(9, 14)
    kept, part = signal.clone(), 0.5 * signal
    careless = lambda batch: network(batch.mul_(0.5))  # noqa: E731
    careful = lambda batch: network(0.5 * batch)  # noqa: E731
    given: Any = {"it": wam.decompose(signal, level=1)}
    for measure in (mu_fidelity, infidelity):
        assert_array_equal(
            measure(careless, signal, given, subsets=5)["it"], measure(careful, signal, given, subsets=5)["it"]
        )
    found = [part_fidelity(model, signal, {"it": part})["it"] for model in (careless, careful)]
    assert_array_equal(found[0].drop, found[1].drop)
    methods: Any = {"it": lambda _, batch, __: batch.mul_(0.5)[:, 0]}, {"it": lambda _, batch, __: 0.5 * batch[:, 0]}
    shaken = [max_sensitivity(network, signal, each, target=0)["it"] for each in methods]
    assert_array_equal(shaken[0], shaken[1])
    assert_close(signal, kept, rtol=0, atol=0)
    assert_close(part, 0.5 * kept, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["infidelity", "max_sensitivity"])
def test_a_missing_captum_is_answered_with_the_command_that_installs_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "captum.metrics", None)
    words = r'needs the package that `captum.metrics` is part of.*pip install "wam-widgets\[evaluation\]"'
    with pytest.raises(ImportError, match=words):
        CALLS[name](refuse, signal_of(13, 18))


# ------------------------------------------------------------------------------------------------------------- errors

NET = SmallNet(2)
SIGNAL = signal_of(8, 8)
HEAT = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0))
SALIENCY = wam.explain(NET, SIGNAL, 0, method="saliency")
ROWS = torch.arange(8)[:, None].expand(8, 8)


def refuse(_: Tensor) -> Tensor:
    pytest.fail("the model was run")


def ask(measure: Any, given: Any = HEAT, **options: Any) -> Any:
    named = options.pop("explanations", {"it": given})
    return measure(options.pop("model", refuse), options.pop("signal", SIGNAL), named, **options)


REMOVALS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"model": 3, "target": 0}, TypeError, r"`model` must be callable; got int"),
    ({"signal": SIGNAL / 0}, ValueError, r"`signal` must be finite"),
    (
        {"explanations": {}},
        TypeError,
        r"`explanations` must be a dict of name and explanation with at least one; got a",
    ),
    ({"explanations": HEAT}, TypeError, r"`explanations` must be a dict.*got Tensor"),
    ({"given": 3}, TypeError, r"`explanations\['it'\]` must be an Explanation, Coefficients or a map.*got int"),
    ({"given": None}, TypeError, r"`explanations\['it'\]` must be an Explanation, Coeff.*got NoneType"),
    ({"given": np.array(["a"])}, TypeError, r"`explanations\['it'\]` must be an Explanation, Coeff.*got ndarray"),
    (
        {"given": HEAT.to(torch.complex64)},
        TypeError,
        r"`explanations\['it'\]` must be an Explanation, Coeff.*got Tensor",
    ),
    ({"given": HEAT / 0}, ValueError, r"`explanations\['it'\]` must be finite"),
    ({"given": wam.decompose(SIGNAL[:1])}, ValueError, r"must be of `signal`, 2 item\(s\) of size"),
    ({"target": "cat"}, TypeError, r"`target` must be None \(the predicted class\)"),
    ({"fraction": 0}, ValueError, r"`fraction` must be between 0 and 1; got 0. Pass e.g. 0.2 for a fifth"),
    ({"fraction": 1.0}, ValueError, r"`fraction` must be between 0 and 1; got 1.0"),
    ({"fraction": "0.2"}, ValueError, r"`fraction` must be between 0 and 1; got '0.2'"),
    ({"subsets": 0}, ValueError, r"`subsets` must be a whole number of at least \d; got 0"),
    ({"blocks": 0}, ValueError, r"`blocks` must be a whole number of at least 1; got 0"),
    (
        {"blocks": 1},
        ValueError,
        r"at least two units, of which some.*of item 0, `explanations\['it'\]` has one block only. Pass more, e.g. `bl",
    ),
    (
        {"segments": torch.stack([torch.arange(64).reshape(8, 8), torch.zeros(8, 8).long()])},
        ValueError,
        r"at least two units.*of item 1, `explanations\['it'\]` has one superpixel only. Divide it further",
    ),
    (
        {"segments": torch.stack([ROWS, 2 * ROWS])},
        ValueError,
        r"must number 0 … n - 1 without gaps; item 1 has 8 of 15. Renumber each item's with `torch.unique\(….*`\.$",
    ),
    ({"segments": torch.zeros(8, 9).long()}, ValueError, r"`segments` must be whole numbers from 0, of shape"),
    ({"segments": "felzenszwalb"}, TypeError, r"`segments` must be whole numbers from 0, .*; got str. Number the"),
    ({"baseline": "nose"}, ValueError, r"`baseline` must be None.*Did you mean 'noise'"),
    ({"seed": -1}, ValueError, r"`seed` must be a whole number of at least 0"),
    ({"batch_size": 0, "target": 0}, ValueError, r"`batch_size` must be"),
    ({"progress": 1, "target": 0}, TypeError, r"`progress` must be"),
    (
        {"given": wam.explain(NET, SIGNAL, 0, samples=8, aggregate="mean_abs")},
        ValueError,
        r"A contribution needs the signed mean of the gradient",
    ),
    (
        {"given": wam.explain(NET, SIGNAL, wam.Contrast(1, 0), method="saliency")},
        ValueError,
        r"theirs differ, or are callables. Pass what is to be measured",
    ),
]


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(("options", "kind", "words"), REMOVALS)
@pytest.mark.parametrize("measure", [mu_fidelity, infidelity])
def test_what_cannot_be_taken_apart_is_refused_before_any_pass(
    measure: Any, options: dict[str, Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        ask(measure, **options)


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: ask(mu_fidelity, subsets=2), ValueError, r"`subsets` must be a whole number of at least 3; got 2"),
        (
            lambda: ask(mu_fidelity, correlation="spearmen"),
            ValueError,
            r"`correlation` must be one of 'pearson', 'spearman'; got 'spearmen'. Did you mean 'spearman'\?",
        ),
        (lambda: ask(mu_fidelity, quantity="logits"), ValueError, r"`quantity` must be one of.*Did you mean 'logit'"),
        (lambda: ask(mu_fidelity, quantity="contrast", target=1), ValueError, r"A contrast needs two columns per item"),
        (lambda: ask(mu_fidelity, probability="softmacs"), ValueError, r"`probability` must be one of"),
        (
            lambda: ask(part_fidelity),
            ValueError,
            r"must have the shape of the signal, \(2, 2, 8, 8\), as the part of it that is kept; got \(2, 8, 8\). Of a",
        ),
        (
            lambda: ask(part_fidelity, wam.decompose(SIGNAL)),
            TypeError,
            r"`parts\['it'\]` must be an Explanation or the part that is kept, a tensor; got Coefficients. Pass e.g.",
        ),
        (lambda: ask(part_fidelity, SIGNAL / 0), ValueError, r"`parts\['it'\]` must be finite; got NaN or inf"),
        (lambda: ask(part_fidelity, fraction=2), ValueError, r"`fraction` must be between 0 and 1; got 2"),
        (lambda: ask(part_fidelity, 3), TypeError, r"an Explanation or the part that is kept, a tensor; got int"),
        (lambda: ask(part_fidelity, np.array(["a"])), TypeError, r"`parts\['it'\]` must be an Expl.*got ndarray"),
        (lambda: ask(part_fidelity, SALIENCY, signal=SIGNAL + 1), ValueError, r"`parts\['it'\]` .* or of other values"),
        (lambda: ask(part_fidelity, explanations={}), TypeError, r"`parts` must be a dict .*; got an empty one"),
        (lambda: ask(part_fidelity, explanations=SIGNAL), TypeError, r"`parts` must be a dict .*; got Tensor"),
        (lambda: ask(infidelity, scaled="no"), TypeError, r"`scaled` must be True or False; got 'no'"),
        (lambda: ask(max_sensitivity, model=3, target=0), TypeError, r"`model` must be callable; got int"),
        (lambda: ask(max_sensitivity, explanations=3), TypeError, r"`methods` must be a dict of name and callable"),
        (lambda: ask(max_sensitivity, None), TypeError, r"`methods\['it'\]` must be callable, .*; got NoneType"),
        (lambda: ask(max_sensitivity, SALIENCY), TypeError, r"`methods\['it'\]` must be callable, .*; got Explanation"),
        (
            lambda: ask(max_sensitivity, lambda _, batch, __: np.array(["a"]), target=0),
            TypeError,
            r"`methods\['it'\]` must return an Explanation, Coefficients or a map.*; got ndarray",
        ),
        (
            lambda: ask(max_sensitivity, lambda _, batch, __: batch[:, 0] / 0, target=0),
            ValueError,
            r"What `methods\['it'\]` returns must be finite; got NaN or inf. Look at the model's gradient",
        ),
        (lambda: ask(max_sensitivity, signal=SIGNAL / 0), ValueError, r"`signal` must be finite"),
        (lambda: ask(max_sensitivity, target="cat"), TypeError, r"`target` must be None"),
        (
            lambda: ask(max_sensitivity, radius=0),
            ValueError,
            r"`radius` must be a positive fraction of the item's range; got 0. Pass e.g. 0.02",
        ),
        (lambda: ask(max_sensitivity, radius=float("inf")), ValueError, r"`radius` must be a positive fraction"),
        (lambda: ask(max_sensitivity, samples=0), ValueError, r"`samples` must be a whole number of at least 1; got 0"),
        (lambda: ask(max_sensitivity, seed=-1), ValueError, r"`seed` must be a whole number of at least 0"),
        (
            lambda: ask(max_sensitivity, lambda *_: "cat", target=0),
            TypeError,
            r"`methods\['it'\]` must return an Explanation, Coefficients or a map of shape \(item, \*space\); got str",
        ),
    ],
)
def test_what_cannot_be_measured_is_refused_before_any_pass(
    call: Callable[[], Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        call()


def broken_by(which: Tensor, value: float) -> Callable[[Tensor], Tensor]:
    """A model that gives one value for all classes of inputs that are this one, or of those with a sample of zero."""
    return lambda batch: torch.where((batch == which).flatten(1).sum(1)[:, None] >= which.numel(), value, NET(batch))


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("measure", [mu_fidelity, infidelity])
def test_a_score_that_is_not_finite_says_so(measure: Any, value: float) -> None:
    for which, named in ((SIGNAL[1:], "item 1"), (torch.zeros(()), "item 0 without a part")):
        words = f"The model must give finite scores; that of {named} is {value}. Look for divisions and logarithms"
        with pytest.raises(ValueError, match=words):
            ask(measure, model=broken_by(which, value), target=0, segments=ROWS)
    with pytest.raises(ValueError, match=r"`target` must be a column of the model's output, 0 to 2"):
        ask(measure, model=NET, target=3)


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_neither_a_part_nor_the_rest_may_have_a_score_that_is_not_finite(value: float) -> None:
    part = 0.3 * SIGNAL
    # Infinite logits of all classes have no probability.
    for which, named, found in (
        (SIGNAL[1:], "item 1", torch.nan),
        ((SIGNAL - part)[1:], "item 1 without a part", torch.nan),
        (part[1:], r"`parts\['it'\]` of item 1", value),
    ):
        words = f"The model must give finite scores; that of {named} is {found}. Look for divisions and logarithms"
        with pytest.raises(ValueError, match=words):
            ask(part_fidelity, part, model=broken_by(which, value), target=0)
    with pytest.raises(ValueError, match=r"`target` must be a column of the model's output, 0 to 2"):
        ask(part_fidelity, part, model=NET, target=3)


@pytest.mark.usefixtures("as_a_user")
def test_a_class_that_is_ruled_out_is_no_failure_and_nan_is_no_even_contrast() -> None:
    ruled_out = lambda batch: torch.cat([NET(batch), torch.full((len(batch), 1), -torch.inf)], 1)  # noqa: E731
    found = ask(part_fidelity, 0.3 * SIGNAL, model=ruled_out)["it"]
    assert_array_equal(found.same_class, (NET(0.3 * SIGNAL).argmax(1) == NET(SIGNAL).argmax(1)).double())
    with pytest.raises(ValueError, match="that of item 0 is nan"):
        ask(mu_fidelity, model=lambda batch: NET(batch) * torch.nan, quantity="contrast", target=wam.Contrast(1, 0))
    # Where no class has a probability, a contrast is even: that is the same everywhere.
    nothing = ask(
        mu_fidelity, model=lambda batch: 0 * NET(batch), quantity="contrast", probability="none", target=[[1, 0]] * 2
    )
    assert np.isnan(nothing["it"]).all()
