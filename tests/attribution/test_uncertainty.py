"""Standard errors, intervals, significance and denoising against brute force and against what is actually seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor
from torch.testing import assert_close

import wam_widgets as wam
from wam_widgets.attribution.uncertainty import GroupMeans, jackknife_error, lowest_rates, standard_error_of_mean

from .networks import SmallNet, signal_of


def smoothgrad(samples: int = 25, **options: Any) -> wam.Explanation:
    return wam.explain(SmallNet(2), signal_of(13, 18), 1, samples=samples, noise=0.3, level=2, **options)


def by_hand(explanation: wam.Explanation, wavelet: str | None, level: int) -> list[Tensor]:
    """Standard errors band by band from one explanation per group, in NumPy, weighted as the groups are sized."""
    assert explanation.groups is not None
    counts = explanation.groups.counts.numpy()
    groups = [wam.pull_back(values, wavelet, level=level) for values in explanation.groups.values]
    errors = []
    for bands in zip(*([band.numpy() for *_, band in group.bands()] for group in groups), strict=True):
        stack = np.stack(bands)
        weights = counts.reshape(*counts.shape, *[1] * (stack.ndim - 2))
        mean = (stack * weights).sum(0) / weights.sum(0)
        one = (weights * (stack - mean) ** 2).sum(0) / (len(stack) - 1)
        errors.append(torch.from_numpy(np.sqrt(one / weights.sum(0))))
    return errors


@pytest.mark.parametrize("samples", [8, 16, 25, 50])
@pytest.mark.parametrize("seen", [("haar", 2), ("db4", 1), ("bior2.2", 1), (None, 1)], ids=str)
def test_standard_errors_are_those_of_the_groups_before_and_after_a_view(
    samples: int, seen: tuple[str | None, int]
) -> None:
    explanation = smoothgrad(samples).view(wavelet=seen[0], level=seen[1])
    assert explanation.groups is not None
    assert explanation.groups.groups == min(16, samples)
    assert explanation.groups.counts.sum(0).tolist() == [samples] * 2
    for (*_, band), expected in zip(explanation.standard_error().bands(), by_hand(explanation, *seen), strict=True):
        assert_close(band, expected)


@pytest.mark.parametrize("kind", ["sensitivity", "contribution"])
def test_groups_of_a_large_signal_are_carried_in_parts(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    explanation = smoothgrad() if kind == "sensitivity" else smoothgrad().contribution()
    expected = explanation.standard_error().flatten()
    monkeypatch.setattr("wam_widgets.attribution.explanation._AT_ONCE", 5 * explanation.signal.numel())
    assert_close(explanation.standard_error().flatten(), expected, rtol=0, atol=0)


def test_standard_errors_leave_the_groups_as_they_are() -> None:
    explanation = smoothgrad().view(wavelet=None)
    assert explanation.groups is not None
    before = explanation.groups.values.clone()
    explanation.standard_error()
    explanation.denoised()
    assert explanation.groups.values.equal(before)


def test_group_means_average_the_copies_of_their_group() -> None:
    explanation = smoothgrad(25)
    assert explanation.groups is not None
    assert_close(explanation.groups.mean(), explanation.gradient)
    first = smoothgrad(1)  # copy 0, alone in group 0 but for copy 16
    seventeen, sixteen = smoothgrad(17).gradient * 17, smoothgrad(16).gradient * 16
    assert_close(explanation.groups.values[0], (first.gradient + seventeen - sixteen) / 2)


def test_standard_errors_of_contributions_are_scaled_by_the_coefficients() -> None:
    explanation = smoothgrad()
    signal = wam.decompose(explanation.signal, level=2)
    expected = explanation.standard_error().map(lambda error, z: error * z.abs(), signal)
    for (*_, band), (*_, hand) in zip(
        explanation.contribution().standard_error().bands(), expected.bands(), strict=True
    ):
        assert_close(band, hand)
    total = explanation.contribution().attribution.total()
    assert_close(total, (explanation.gradient * explanation.signal).flatten(1).sum(1))


def test_standard_errors_are_the_spread_actually_seen() -> None:
    """Over 200 repetitions with other seeds; the squared error is unbiased, so its mean is what is compared."""
    runs = [smoothgrad(20, seed=seed) for seed in range(200)]
    seen = torch.stack([run.attribution.flatten() for run in runs]).var(0)
    told = torch.stack([run.standard_error().flatten().square() for run in runs]).mean(0)
    ratio = (told / seen).log()
    assert ratio.mean().abs() < 0.05
    assert ratio.abs().max() < 0.6  # a variance of 200 numbers is known to a tenth


def test_few_copies_have_no_standard_error() -> None:
    explanation = smoothgrad(7)
    assert explanation.groups is None
    for ask in (
        explanation.standard_error,
        explanation.significant,
        explanation.denoised,
        explanation.maps_standard_error,
    ):
        with pytest.raises(
            ValueError, match=r"need method 'smoothgrad' and at least 8 groups.*got 'smoothgrad' with no"
        ):
            ask()
    with pytest.raises(ValueError, match="got 'saliency' with no groups"):
        wam.explain(SmallNet(2), signal_of(13, 18), 1, method="saliency").standard_error()


# ------------------------------------------------------------------------------------------------------------ jackknife


def test_the_jackknife_of_the_mean_is_its_standard_error() -> None:
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(16, 2, 1, 30, dtype=torch.float64, generator=generator)
    equal = GroupMeans(values, torch.full((16, 2), 3.0, dtype=torch.float64))
    assert_close(jackknife_error(equal, GroupMeans.mean), standard_error_of_mean(values, equal.counts))


@pytest.mark.parametrize("counts", [[1] * 16, [2] * 9 + [1] * 7, [4] * 8 + [1] * 8])
def test_the_jackknife_finds_the_spread_of_a_curved_statistic(counts: list[int]) -> None:
    """exp of a mean of unit normals: by the delta method its deviation is close to 1 / sqrt(n)."""
    generator = torch.Generator().manual_seed(2)
    sizes = torch.tensor(counts, dtype=torch.float64)[:, None].expand(16, 4000).contiguous()
    values = torch.randn(16, 4000, 1, 1, dtype=torch.float64, generator=generator) / sizes.sqrt()[..., None, None]
    groups = GroupMeans(values, sizes)
    seen = groups.mean().exp().std()
    told = jackknife_error(groups, lambda each: each.mean().exp()).square().mean().sqrt()
    assert_close(told, seen, rtol=0.1, atol=0)


def test_intervals_of_scale_shares_hold_the_truth_as_often_as_they_say() -> None:
    truth = smoothgrad(4000, seed=10_000).scale_shares()
    inside = []
    for seed in range(100):
        low, high = smoothgrad(16, seed=seed).scale_share_intervals(0.9).unbind(-1)
        inside.append((low <= truth) & (truth <= high))
    covered = torch.stack(inside).double().mean(0)
    assert covered.mean() > 0.82
    assert covered.mean() < 0.97


def test_map_errors_are_the_spread_of_the_maps_and_too_large_rather_than_too_small() -> None:
    for noise, least, most in [(0.03, 0.8, 1.3), (0.3, 0.9, 3.0)]:  # magnitudes of what is near zero vary less
        runs = [
            wam.explain(SmallNet(2), signal_of(13, 18), 1, samples=16, noise=noise, level=2, seed=s) for s in range(40)
        ]
        seen = torch.stack([run.maps() for run in runs]).var(0).mean()
        told = torch.stack([run.maps_standard_error().square() for run in runs]).mean()
        assert least < told / seen < most


# --------------------------------------------------------------------------------------------------------- significance


def test_p_values_and_the_step_up_procedure_are_scipys() -> None:
    generator = torch.Generator().manual_seed(3)
    mean = torch.randn(2, 1, 500, dtype=torch.float64, generator=generator) * 2
    error = torch.rand(2, 1, 500, dtype=torch.float64, generator=generator) + 0.5
    found = lowest_rates(mean, error, 16, torch.ones(500, dtype=torch.float64)) <= 0.1
    for item in range(2):
        p = 2 * scipy.stats.t.sf((mean / error)[item].abs().numpy().ravel(), 15)
        limit = 0.1 * np.arange(1, 501) / 500
        below = np.flatnonzero(np.sort(p) <= limit)
        cut = np.sort(p)[below[-1]] if len(below) else -1
        assert found[item].numpy().ravel().tolist() == (p <= cut).tolist()


@pytest.mark.parametrize("wavelet", ["haar", None])
def test_pure_noise_passes_at_the_stated_rate(wavelet: str | None) -> None:
    """Without any true attribution, the rate is the chance that anything at all is found."""
    signal = signal_of(8, 8, items=1)

    def noise_only(copy: Tensor) -> Tensor:
        return (copy - signal).square().flatten(1).sum(1)  # its gradient is twice the noise, whose mean is zero

    rate, repetitions, anything = 0.2, 300, 0
    for seed in range(repetitions):
        found = wam.explain(noise_only, signal, samples=16, level=2, wavelet=wavelet, seed=seed, batch_size=16)
        anything += int(found.significant(rate).flatten().any())
    low, high = scipy.stats.binom.interval(0.999, repetitions, rate)
    assert low <= anything <= high


def test_what_is_found_is_true_at_the_stated_rate() -> None:
    """Half of the numbers lie four standard errors off zero: the false share among those found is below the rate."""
    generator = torch.Generator().manual_seed(4)
    truth = torch.zeros(1, 1, 400, dtype=torch.float64)
    truth[..., :200] = 1.0
    weight = torch.ones(400, dtype=torch.float64)
    false, power = [], []
    for _ in range(200):
        values = truth + torch.randn(16, 1, 1, 400, dtype=torch.float64, generator=generator)
        groups = GroupMeans(values, torch.ones(16, 1, dtype=torch.float64))
        error = standard_error_of_mean(values, groups.counts)
        found = lowest_rates(groups.mean(), error, 16, weight) <= 0.1
        false.append(float(found[..., 200:].sum() / found.sum().clamp(min=1)))
        power.append(float(found[..., :200].double().mean()))
    assert np.mean(false) < 0.1 * 0.5 + 0.02  # Benjamini and Hochberg: rate times the share of true zeros
    assert np.mean(false) > 0.02
    assert np.mean(power) > 0.5


def test_the_lowest_rate_of_a_coefficient_is_where_it_becomes_significant() -> None:
    explanation = smoothgrad()
    lowest = explanation.lowest_rate().flatten()
    for rate in (0.01, 0.2, 0.6):
        assert torch.equal(explanation.significant(rate).flatten(), lowest <= rate)
    assert set(lowest.isinf().unique().tolist()) <= {False, True}


def test_the_standard_error_of_a_sum_over_channels_knows_that_they_vary_together() -> None:
    explanation = smoothgrad()
    assert explanation.groups is not None
    one_channel = dataclasses.replace(
        explanation,
        signal=explanation.signal.sum(1, keepdim=True),
        gradient=explanation.gradient.sum(1, keepdim=True),
        groups=GroupMeans(explanation.groups.values.sum(2, keepdim=True), explanation.groups.counts),
    )
    found = explanation.standard_error(channel_sums=True)
    assert_close(found.flatten(), one_channel.standard_error().flatten())


def test_coefficients_that_all_copies_agree_on_are_significant_and_zeros_are_not() -> None:
    weights = torch.zeros(1, 1, 4, 4, dtype=torch.float64)
    weights[..., 0, 0] = 1
    found = wam.explain(lambda x: (x * weights).flatten(1).sum(1), signal_of(4, 4, channels=1), wavelet=None)
    assert torch.equal(found.significant().approximation, (weights != 0).expand(2, 1, 4, 4))


@pytest.mark.parametrize("rate", [0, 1, -0.1, 2.0])
def test_a_rate_is_between_0_and_1(rate: float, as_a_user: None) -> None:
    with pytest.raises(ValueError, match=f"`rate` must be between 0 and 1; got {rate}"):
        smoothgrad().significant(rate)
    with pytest.raises(ValueError, match="`confidence` must be between 0 and 1"):
        smoothgrad().scale_share_intervals(rate)


# ------------------------------------------------------------------------------------------------------------ denoising


@pytest.mark.parametrize("wavelet", ["haar", "db2", None])
def test_denoising_shrinks_each_band_by_its_share_of_power(wavelet: str | None) -> None:
    explanation = wam.explain(SmallNet(2), signal_of(16, 16), 1, noise=0.3, level=2, wavelet=wavelet)
    attribution, error = explanation.attribution, explanation.standard_error()

    def shrunken(band: Tensor, error: Tensor) -> Tensor:
        rows = []
        for c, e in zip(band, error, strict=True):
            v = float((e**2).mean())
            p = max(float((c**2).mean()) - v, 0.0)
            rows.append(c * p / (p + v))
        return torch.stack(rows)

    expected = attribution.map(shrunken, error)
    denoised = explanation.denoised()
    if wavelet != "db2":  # as many coefficients as samples: any coefficients are those of some gradient
        assert_close(denoised.attribution.flatten(), expected.flatten())
    # The transpose of the zero-padded analysis, by autograd: what its coefficients' inner product changes by.
    leaf = torch.zeros_like(explanation.gradient, requires_grad=True)
    product = (wam.decompose(leaf, wavelet, level=2, mode="zero").flatten() * expected.flatten()).sum()
    assert_close(denoised.gradient, torch.autograd.grad(product, leaf)[0])
    assert denoised.gradient.norm() < explanation.gradient.norm()
    assert denoised.groups is None
    assert denoised.kind == "sensitivity"
    assert explanation.contribution().denoised().kind == "contribution"
    with pytest.raises(ValueError, match="Standard errors belong to the plain mean; this explanation is denoised"):
        denoised.standard_error()


def test_denoised_copies_are_nearer_to_the_truth() -> None:
    truth = smoothgrad(6000, seed=77).gradient
    plain, denoised = [], []
    for seed in range(20):
        run = smoothgrad(16, seed=seed)
        plain.append((run.gradient - truth).norm())
        denoised.append((run.denoised().gradient - truth).norm())
    assert torch.stack(denoised).mean() < 0.9 * torch.stack(plain).mean()


@pytest.mark.parametrize("aggregate", ["mean_abs", "mean_square"])
def test_magnitudes_have_errors_but_no_sign(aggregate: Any) -> None:
    explanation = smoothgrad(aggregate=aggregate)
    assert (explanation.standard_error().flatten() > 0).all()
    questions: list[tuple[Callable[[], object], str]] = [
        (explanation.significant, "Significance asks what differs from zero"),
        (explanation.denoised, "Denoising asks"),
        (explanation.contribution, "A contribution needs the signed mean"),
        (lambda: explanation.view(wavelet="db2"), "needs an aggregate that is linear"),
    ]
    for ask, words in questions:
        with pytest.raises(ValueError, match=words):
            ask()
    assert explanation.view(mode="zero").mode == "zero"
    few = smoothgrad(4, aggregate=aggregate)
    assert (few.attribution.flatten() > 0).all()


def test_scale_shares_subtract_the_noise() -> None:
    """A gradient that is pure noise fills the finest scales; a true share is found in spite of it."""
    explanation = smoothgrad(16)
    attribution, error = explanation.attribution, explanation.standard_error()
    energy = []
    for scale in attribution.scales:
        terms = [
            (a**2 - e**2).flatten(1).sum(1)
            for (name, _, a), (*_, e) in zip(attribution.bands(), error.bands(), strict=True)
            if name == scale
        ]
        energy.append(torch.stack(terms).sum(0).clamp(min=0))
    expected = torch.stack(energy, 1) / torch.stack(energy, 1).sum(1, keepdim=True)
    assert_close(explanation.scale_shares(), expected)
    assert_close(explanation.scale_shares().sum(1), torch.ones(2, dtype=torch.float64))


def test_a_share_that_is_only_noise_is_not_reported() -> None:
    """A known gradient in the approximation alone, seen through white noise of known size."""
    whole = smoothgrad(16)
    y, x = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    truth = torch.sin(0.3 * y + 0.2 * x).expand(2, 2, 16, 16).double()
    exact = wam.pull_back(truth, level=2).map(torch.square)
    finest = torch.stack([band.sum((1, 2, 3)) for band in exact.details[1].values()]).sum(0) / exact.total()
    generator = torch.Generator().manual_seed(6)
    plain, corrected = [], []
    for _ in range(40):
        values = truth + 2.0 * torch.randn(16, *truth.shape, dtype=torch.float64, generator=generator)
        groups = GroupMeans(values, torch.ones(16, 2, dtype=torch.float64))
        seen = dataclasses.replace(whole, signal=truth, gradient=groups.mean(), groups=groups)
        corrected.append(seen.scale_shares()[:, -1])
        plain.append(dataclasses.replace(seen, groups=None).scale_shares()[:, -1])
    assert (torch.stack(plain).mean(0) > finest + 0.2).all()  # a quarter noise power: most of it is in detail 1
    assert_close(torch.stack(corrected).mean(0), finest, atol=0.05, rtol=0)


def test_rounding_is_no_discovery() -> None:
    """A network that averages 2 x 2 pixels first has no gradient in haar's finest scale but what rounding leaves."""
    network = SmallNet(2).float()
    pool = torch.nn.AvgPool2d(2)
    signal = signal_of(16, 16).float()
    found = wam.explain(lambda x: network(pool(x)), signal, 1, level=2, samples=32, noise=0.1)
    significant = found.significant()
    assert not any(band.any() for band in significant.details[1].values())
    assert significant.approximation.any()
