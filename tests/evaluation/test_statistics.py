"""Means and differences of values that come in clusters: how sure they are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from wam_widgets.evaluation.statistics import (
    FEWEST_CLUSTERS,
    cluster_interval,
    enough_clusters,
    holm,
    paired_test,
)

Quantiles = Callable[[NDArray[np.float64]], NDArray[np.float64]]

#: Distributions by their quantiles, and their means.
DISTRIBUTIONS: dict[str, tuple[Quantiles, float]] = {
    "normal": (ndtri, 0.0),
    "exponential": (lambda u: -np.log1p(-u), 1.0),
    # from -1 to 1: a tenth below, three tenths above, the rest near 0
    "scores": (
        lambda u: np.where(u < 0.1, 10 * u - 1, np.where(u < 0.7, near_zero(u, 0.1, 0.7), (u - 0.7) / 0.3)),
        0.1,
    ),
    # an exponential's two sides: the difference of two methods that are alike is symmetric
    "differences": (lambda u: np.sign(u - 0.5) * -np.log1p(-np.abs(2 * u - 1)), 0.0),
    # 85 % near 0
    "rare": (lambda u: np.where(u < 0.85, near_zero(u, 0.0, 0.85), (u - 0.85) / 0.15), 0.075),
}

#: Sizes of clusters.
SIZES: dict[str, Callable[[np.random.Generator], NDArray[np.int64]]] = {
    "50 alone": lambda chance: np.ones(50, np.int64),
    "50 in 20": lambda chance: unequal(50, 20, chance),
    "50 in 15": lambda chance: unequal(50, 15, chance),
    "50 in 12": lambda chance: unequal(50, 12, chance),
    "50 of 1 to 9": lambda chance: chance.integers(1, 10, 50),
    "27 of 1 to 9": lambda chance: chance.integers(1, 10, 27),
    "10 of 1 to 9": lambda chance: chance.integers(1, 10, 10),
    "10 alone": lambda chance: np.ones(10, np.int64),
}


def near_zero(u: NDArray[np.float64], first: float, last: float) -> NDArray[np.float64]:
    return 0.02 * ndtri(np.clip((u - first) / (last - first), 1e-9, 1 - 1e-9))


def unequal(items: int, clusters: int, chance: np.random.Generator) -> NDArray[np.int64]:
    return 1 + chance.multinomial(items - clusters, chance.dirichlet(np.full(clusters, 1.5)))


def simulate(
    sizes: str, distribution: str, *, times: int = 2000, resamples: int = 399, seed: int = 0
) -> dict[str, float]:
    """Return how often the interval holds the true mean, and how often the test rejects it, which is false.

    Values in a cluster correlate by 0.5 before they get their distribution.
    """
    quantiles, mean = DISTRIBUTIONS[distribution]
    chance = np.random.default_rng(seed)
    held = rejected = 0
    for each in range(times):
        clusters = np.repeat(np.arange(len(drawn := SIZES[sizes](chance))), drawn)
        normal = (chance.normal(size=len(drawn))[clusters] + chance.normal(size=len(clusters))) / math.sqrt(2)
        values, names = quantiles(ndtr(normal)), clusters.tolist()
        found = cluster_interval(values, names, resamples=resamples, seed=each)
        held += found.low <= mean <= found.high
        rejected += paired_test(values - mean, names, resamples=resamples, seed=each) <= 0.05
    return {"held": held / times, "rejected": rejected / times}


@pytest.mark.parametrize("distribution", ["normal", "exponential", "scores", "differences"])
@pytest.mark.parametrize("sizes", ["50 alone", "50 in 15"])
def test_of_2000_simulations_the_interval_holds_the_true_mean_and_the_test_rejects_it_as_often_as_they_say(
    sizes: str, distribution: str
) -> None:
    found = simulate(sizes, distribution)
    assert 0.925 <= found["held"] <= 0.97
    # Of methods that are alike, differences are symmetric, and flipping their signs is exact. A lopsided mean of zero
    # is rejected more often, as the test says: of exponentials 7.2 % alone and 6.3 % in 15 clusters, and also by
    # Student's t (7.0 and 7.8) and Mammen's weights (6.6 and 3.8, but 1.3 of normal ones in clusters). The interval's
    # own bootstrap would hold 7 % (5.2 and 5.6); of symmetric ones it has 5.0 and 3.4, and in 12 clusters 2.7.
    assert 0.033 <= found["rejected"] <= (0.08 if distribution == "exponential" else 0.07)


def test_ignoring_clusters_does_not_hold_the_true_mean() -> None:
    chance = np.random.default_rng(1)
    held = 0
    for _ in range(300):
        clusters = np.repeat(np.arange(27), chance.integers(1, 10, 27))
        values = chance.normal(size=27)[clusters] + chance.normal(size=len(clusters))
        held += abs(values.mean()) <= 1.96 * values.std(ddof=1) / math.sqrt(len(values))
    assert held / 300 < 0.75


def test_the_interval_is_the_one_of_a_bootstrap_that_draws_and_measures_clusters_one_by_one() -> None:
    def plain_error(groups: list[NDArray[np.float64]]) -> float:
        every = np.concatenate(groups)
        share = [np.sum(group - every.mean()) for group in groups]
        return math.sqrt(len(groups) / (len(groups) - 1) * np.sum(np.square(share))) / len(every)

    chance = np.random.default_rng(0)
    groups = [chance.gamma(2, size=size) + chance.normal() for size in chance.integers(1, 10, 14)]
    mean = np.concatenate(groups).mean()
    without = [np.concatenate([*groups[:place], *groups[place + 1 :]]).mean() for place in range(14)]
    error = math.sqrt(13 / 14 * np.sum(np.square(without - mean)))
    distances = []
    for _ in range(10_000):
        drawn = [groups[place] for place in chance.integers(14, size=14)]
        distances.append(abs(np.concatenate(drawn).mean() - mean) / plain_error(drawn))
    names = np.repeat(np.arange(14), [len(group) for group in groups]).tolist()
    for confidence in (0.8, 0.95):
        found = cluster_interval(np.concatenate(groups), names, confidence=confidence)
        half = error * float(np.quantile(distances, confidence))
        assert tuple(found) == pytest.approx((mean, mean - half, mean + half), abs=0.04 * half)


def test_many_normal_values_have_student_s_interval_and_almost_the_one_of_bca() -> None:
    values = np.random.default_rng(0).normal(2, 3, size=200)
    found = cluster_interval(values, range(200), confidence=0.9)
    student = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.9)
    bca = scipy.stats.bootstrap((values,), np.mean, confidence_level=0.9, random_state=1).confidence_interval
    width = float(student.high - student.low)
    assert tuple(found[1:]) == pytest.approx(tuple(student), abs=0.02 * width)
    assert tuple(found[1:]) == pytest.approx(tuple(bca), abs=0.03 * width)


def test_two_clusters_have_student_s_interval() -> None:
    # The mean 1/2, its error 1/2, and 12.706 is Student's quantile with one degree of freedom.
    found = cluster_interval([0.0, 1.0], ["a", "b"])
    assert tuple(found) == pytest.approx((0.5, 0.5 - 12.706 / 2, 0.5 + 12.706 / 2), abs=1e-3)


def test_repeating_every_take_tells_nothing_new() -> None:
    values = np.random.default_rng(0).normal(size=15).tolist()
    clusters = list("aabcdddefghiijk")
    once, thrice = cluster_interval(values, clusters), cluster_interval(values * 3, clusters * 3)
    assert tuple(thrice) == pytest.approx(tuple(once))
    assert paired_test(values, clusters) == paired_test(values * 3, clusters * 3)


@given(order=st.permutations(range(12)), shift=st.floats(-5, 5))
def test_the_order_of_values_is_immaterial_and_a_shift_shifts(order: list[int], shift: float) -> None:
    values = np.random.default_rng(0).normal(size=12)
    clusters = np.array(list("aabbbccddeef"))
    known = cluster_interval(values, clusters.tolist(), resamples=99)
    # Clusters are numbered as they come: keep the first of each in place by sorting the reordered by its letter.
    order = sorted(order, key=lambda place: clusters[place])
    found = cluster_interval(values[order] + shift, clusters[order].tolist(), resamples=99)
    assert tuple(found) == pytest.approx(tuple(np.array(known) + shift), abs=1e-9)


def test_the_seed_alone_decides() -> None:
    values, clusters = np.random.default_rng(0).normal(0.3, size=20), range(20)
    state = np.random.get_state(legacy=False)["state"]["key"]  # noqa: NPY002  # it is what must not change
    for function in (cluster_interval, paired_test):
        assert function(values, clusters, seed=3) == function(values, clusters, seed=3)
        assert function(values, clusters, seed=3) != function(values, clusters, seed=4)
    assert np.array_equal(np.random.get_state(legacy=False)["state"]["key"], state)  # noqa: NPY002


@pytest.mark.parametrize("values", [[0.3] * 4, [0.0] * 4])
def test_clusters_of_one_mean_have_an_interval_of_no_width(values: list[float]) -> None:
    assert cluster_interval(values, ["a", "a", "b", "c"]) == (values[0],) * 3


@pytest.mark.parametrize(
    "values",
    [
        [0.0, 1.0],
        [0.0, 0.0, 0.0, 1e-9],
        [1.0, -1.0, 1e12, 0.0],
        [0.0] * 11 + [1.0],
        [1e-12 * k for k in range(11)] + [1],
    ],
)
@pytest.mark.parametrize("resamples", [1, 99, 9999])
def test_few_or_lopsided_clusters_still_have_ends_that_are_finite(values: list[float], resamples: int) -> None:
    found = cluster_interval(values, range(len(values)), resamples=resamples)
    reach = 20 * np.ptp(values)  # draws of almost equal clusters would else reach to infinity
    assert found.mean - reach < found.low < found.mean < found.high < found.mean + reach


def test_one_of_few_clusters_may_hold_almost_everything() -> None:
    found = cluster_interval([1.0] * 98 + [0.0, 0.5], ["a"] * 98 + ["b", "c"])
    assert -np.inf < found.low < found.mean < found.high < np.inf


def test_flipping_four_clusters_worked_by_hand() -> None:
    # Sums 3, 1, 1, -1: of the 16 ways to flip them, those that add up to ±4 (found) or ±6 are as far from zero: the
    # signs of the three ones add up to 1 in three ways and to 3 in one, with either sign of the three: 2 · (3 + 1).
    assert paired_test([1.0, 2.0, 1.0, 1.0, -1.0], ["a", "a", "b", "c", "d"]) == 8 / 16


@pytest.mark.parametrize("clusters", [2, 7, 13])
def test_few_clusters_are_flipped_in_every_way_and_many_at_random_as_by_scipy(clusters: int) -> None:
    chance = np.random.default_rng(clusters)
    numbers = np.repeat(np.arange(clusters), chance.integers(1, 6, clusters))
    values = chance.normal(0.3, size=len(numbers))
    sums = np.bincount(numbers, values)
    expected = np.mean(
        [abs(np.dot(signs, sums)) >= abs(sums.sum()) - 1e-9 for signs in itertools.product([-1, 1], repeat=clusters)]
    )
    assert paired_test(values, numbers.tolist()) == pytest.approx(expected)
    assert paired_test(values, numbers.tolist(), seed=5) == pytest.approx(expected)
    by_scipy = scipy.stats.permutation_test((sums,), np.sum, permutation_type="samples", n_resamples=9999)
    assert by_scipy.pvalue == pytest.approx(expected)
    if clusters > 2:
        drawn = paired_test(values, numbers.tolist(), resamples=2**clusters - 1)
        assert drawn != expected
        assert drawn == pytest.approx(expected, abs=4 * math.sqrt(expected / 2**clusters))


def test_many_clusters_are_flipped_at_random_and_the_p_value_is_that_of_scipy() -> None:
    values = np.random.default_rng(2).normal(0.25, size=60)
    by_scipy = scipy.stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=20_000, random_state=1
    )
    found = paired_test(values, range(60), resamples=20_000)
    assert found == pytest.approx(by_scipy.pvalue, abs=0.006)
    assert found == pytest.approx(scipy.stats.ttest_1samp(values, 0).pvalue, abs=0.01)


def test_a_difference_that_no_flip_reaches_has_the_smallest_p_value_and_none_at_all_has_one() -> None:
    assert paired_test([1.0] * 10, range(10)) == 2 / 2**10
    assert paired_test([1.0] * 40, range(40), resamples=999) == 1 / 1000
    assert paired_test([0.0] * 40, range(40)) == 1
    assert paired_test([1.0, -1.0] * 20, range(40)) == 1
    # Tenths don't add up exactly: flips that differ from the one found by rounding alone count.
    assert paired_test([0.1, 0.2, 0.3, -0.6], range(4)) == 1


def test_holm_worked_by_hand() -> None:
    # 4 · 0.005, 3 · 0.01, 2 · 0.03, and 1 · 0.04, which mustn't be below the one before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == pytest.approx([1, 1])
    assert holm([0.03]) == pytest.approx([0.03])
    assert holm([]).shape == (0,)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closed_test_of_all_sets_of_hypotheses_by_bonferroni(p_values: list[float]) -> None:
    # A hypothesis falls when every set that holds it does (Marcus, Peritz, Gabriel, 1976).
    places = range(len(p_values))
    sets = [chosen for size in places for chosen in itertools.combinations(places, size + 1)]
    falls = {chosen: min(1, len(chosen) * min(p_values[place] for place in chosen)) for chosen in sets}
    expected = [max(falls[chosen] for chosen in sets if place in chosen) for place in places]
    assert holm(p_values) == pytest.approx(expected)


def test_ten_clusters_are_enough_however_many_items_there_are() -> None:
    assert FEWEST_CLUSTERS == 10
    assert not enough_clusters([*range(9)] * 100)
    assert enough_clusters(range(10))


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cluster_interval([1, 2], ["a", "a"]), r"at least 2 clusters.*got 1. Add items of other clusters"),
        (lambda: cluster_interval([1, 2], ["a"]), r"`clusters` name one for each; got values of shape \(2,\) and 1"),
        (lambda: cluster_interval([], []), r"`values` must be numbers in a row"),
        (lambda: cluster_interval([1, math.nan], ["a", "b"]), r"`values` must be finite; got 1 NaN or inf of 2"),
        (lambda: cluster_interval([1, 2], [0, 1], confidence=95), r"`confidence` must be between 0 and 1; got 95"),
        (lambda: cluster_interval([1, 2], [0, 1], resamples=0), r"`resamples` must be .* of at least 1; got 0"),
        (lambda: cluster_interval([1, 2], [0, 1], seed=-1), r"`seed` must be a whole number of at least 0; got -1"),
        (lambda: paired_test([1, 2], ["a", "a"]), r"`clusters` must name at least 2 clusters, .*; got 1. Add items"),
        (lambda: paired_test([[1, 2]], ["a"]), r"`differences` must be numbers.*got differences of shape \(1, 2\)"),
        (
            lambda: paired_test([1, math.inf], ["a", "b"]),
            r"`differences` must be finite; got 1 .* out of `differences`",
        ),
        (lambda: paired_test([1, 2], [0, 1], resamples=True), r"`resamples` must be .* of at least 1; got True"),
        (lambda: paired_test([1, 2], [0, 1], seed=-2), r"`seed` must be a whole number of at least 0; got -2"),
        (lambda: holm([0.1, 1.1]), r"`p_values` must be numbers from 0 to 1 in a row; got \[0.1, 1.1\]. Leave out"),
        (lambda: holm([0.1, math.nan]), r"`p_values` must be numbers from 0 to 1 in a row; got \[0.1, nan\]"),
        (lambda: holm(0.1), r"`p_values` must be numbers from 0 to 1 in a row; got 0.1"),
    ],
)
def test_what_has_no_answer_is_refused(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.usefixtures("as_a_user")
def test_clusters_named_by_numbers_in_tensors_are_the_same_clusters() -> None:
    numbers = [1, 1, 2, 2]
    expected = cluster_interval([1, 2, 3, 4.5], numbers)
    given: list[Any] = [torch.tensor(numbers), list(torch.tensor(numbers)), np.array(numbers), list(np.array(numbers))]
    for clusters in given:
        assert cluster_interval([1, 2, 3, 4.5], clusters) == expected


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("clusters", "kind", "words"),
    [
        (3, TypeError, "`clusters` must be a list with one name or number per item; got int"),
        ({1, 2}, TypeError, "got set. Pass e.g."),
        ([[1], [2]], TypeError, r"must hold names or numbers; got \[1\]"),
        ([torch.ones(2), 1], TypeError, "must hold names or numbers; got tensor"),
        ([math.nan, 1], ValueError, "got NaN, which belongs to no other"),
    ],
)
def test_what_names_no_clusters_is_refused(clusters: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        cluster_interval([1.0, 2.0], clusters)
