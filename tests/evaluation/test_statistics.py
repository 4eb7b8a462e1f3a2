"""Intervals of means over values that come in clusters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from wam_widgets.evaluation import cluster_interval


def test_clusters_of_one_value_each_are_scipy_s_bootstrap_of_the_mean() -> None:
    values = np.random.default_rng(0).gamma(2, size=40)
    found = cluster_interval(values, range(40), resamples=20_000, confidence=0.9)
    expected = scipy.stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, confidence_level=0.9, rng=np.random.default_rng(1)
    ).confidence_interval
    assert found.mean == pytest.approx(values.mean())
    width = expected.high - expected.low
    assert found.low == pytest.approx(expected.low, abs=0.03 * width)
    assert found.high == pytest.approx(expected.high, abs=0.03 * width)


def test_the_interval_holds_the_true_mean_as_often_as_documented_and_ignoring_clusters_does_not() -> None:
    chance = np.random.default_rng(1)
    held = naive = 0
    for seed in range(300):
        clusters = np.repeat(np.arange(27), chance.integers(1, 10, 27))
        values = chance.normal(size=27)[clusters] + chance.normal(size=len(clusters))
        low, high = cluster_interval(values, clusters.tolist(), resamples=499, seed=seed)[1:]
        held += low <= 0 <= high
        half = 1.96 * values.std(ddof=1) / math.sqrt(len(values))
        naive += abs(values.mean()) <= half
    assert 0.87 < held / 300 < 0.96  # 0.91 in 1,000; three standard errors of 300 are 0.05
    assert naive / 300 < 0.75


def test_repeating_every_take_tells_nothing_new() -> None:
    values = np.random.default_rng(0).normal(size=15).tolist()
    clusters = list("aabcdddefghiijk")
    once, thrice = cluster_interval(values, clusters), cluster_interval(values * 3, clusters * 3)
    assert tuple(thrice) == pytest.approx(tuple(once))


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
    values, clusters = [0.1, 0.4, 0.2, 0.9], ["a", "b", "b", "c"]
    state = np.random.get_state(legacy=False)["state"]["key"]  # noqa: NPY002  # it is what must not change
    assert cluster_interval(values, clusters, seed=3) == cluster_interval(values, clusters, seed=3)
    assert np.array_equal(np.random.get_state(legacy=False)["state"]["key"], state)  # noqa: NPY002


@pytest.mark.parametrize("values", [[0.3] * 4, [0.0] * 4])
def test_clusters_of_one_mean_have_an_interval_of_no_width(values: list[float]) -> None:
    assert cluster_interval(values, ["a", "a", "b", "c"]) == (values[0],) * 3


@pytest.mark.parametrize("values", [[0.0, 1.0], [0.0, 0.0, 0.0, 1e-9], [1.0, -1.0, 1e12, 0.0]])
def test_few_or_lopsided_clusters_still_have_ends_in_order(values: list[float]) -> None:
    found = cluster_interval(values, range(len(values)))
    assert min(values) <= found.low <= found.high <= max(values)


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cluster_interval([1, 2], ["a", "a"]), r"at least 2 clusters.*got 1. Add recordings of other families"),
        (lambda: cluster_interval([1, 2], ["a"]), r"`clusters` name one for each; got values of shape \(2,\) and 1"),
        (lambda: cluster_interval([], []), r"`values` must be numbers in a row"),
        (lambda: cluster_interval([1, math.nan], ["a", "b"]), r"`values` must be finite; got 1 NaN or inf of 2"),
        (lambda: cluster_interval([1, 2], [0, 1], confidence=95), r"`confidence` must be between 0 and 1; got 95"),
        (lambda: cluster_interval([1, 2], [0, 1], resamples=0), r"`resamples` must be a whole number from 1; got 0"),
        (lambda: cluster_interval([1, 2], [0, 1], seed=-1), r"`seed` must be a whole number from 0; got -1"),
    ],
)
def test_what_has_no_interval_is_refused(call: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
