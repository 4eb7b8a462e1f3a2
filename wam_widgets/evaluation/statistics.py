"""How sure a mean is, where recordings come in families that are alike."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike, NDArray

from wam_widgets.checks import finite_number, whole_number

#: Resamples of the families; the ends of a 95 % interval then vary by about 1 % of its width from seed to seed.
RESAMPLES = 9999


class Interval(NamedTuple):
    """A mean and the ends of its confidence interval, in one unit."""

    mean: float
    low: float
    high: float


def cluster_interval(
    values: ArrayLike,
    clusters: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return the mean of values that come in clusters, with a bootstrap interval over the clusters.

    Takes of one recording resemble each other, so that ten of them tell less than ten recordings. Whole clusters are
    therefore drawn, with replacement, and the mean is taken over all values in those that were drawn: BCa,
    bias-corrected and accelerated, by `scipy.stats.bootstrap`.

    Parameters
    ----------
    values : array_like, shape (value,)
        One number each; differences between two methods of the same items, for a paired comparison.
    clusters : sequence
        Which cluster each value belongs to, such as the family of its recording.
    confidence : float
        Between 0 and 1.
    resamples : int
        How many times the clusters are drawn.
    seed : int
        Of the draws. NumPy's global generator is not touched.

    Returns
    -------
    Interval
        The mean over all values (not over clusters: a large one counts for more), and the interval's ends. Both are the
        mean where all clusters have the same one.

    Raises
    ------
    ValueError
        For values that aren't finite, a cluster missing for some, fewer than 2 clusters, or options that can't be
        right.

    Notes
    -----
    Few clusters make the interval too short. Of 1,000 simulations with clusters of one to nine values, whose means vary
    as much as the values within, 95 % intervals held the true mean in 93 % with 50 clusters, in 91 % with 27 and with
    20, in 86 % with 10 and in 80 % with 5.

    References
    ----------
    Efron, Better Bootstrap Confidence Intervals, JASA 82, 1987. Davison, Hinkley, Bootstrap Methods and their
    Application, 1997, section 3.8 (whole clusters are drawn, without drawing again within).

    Examples
    --------
    >>> interval = cluster_interval([0.1, 0.2, 0.2, 0.5], ["dog", "dog", "cat", "owl"])
    >>> round(interval.mean, 2), interval.low < interval.mean < interval.high
    (0.25, True)
    """
    given = np.asarray(values, dtype=np.float64)
    _require_values(given, clusters)
    names = list(dict.fromkeys(clusters))
    if len(names) < 2:
        raise ValueError(
            f"`clusters` must name at least 2 clusters, as an interval measures how they differ; got {len(names)}. Add "
            f"recordings of other families."
        )
    level, draws, start = finite_number(confidence), whole_number(resamples), whole_number(seed)
    if level is None or not 0 < level < 1:
        raise ValueError(f"`confidence` must be between 0 and 1; got {confidence!r}. Pass e.g. `confidence=0.95`.")
    if draws is None or draws < 1:
        raise ValueError(f"`resamples` must be a whole number from 1; got {resamples!r}. Pass e.g. `resamples=9999`.")
    if start is None or start < 0:
        raise ValueError(f"`seed` must be a whole number from 0; got {seed!r}. Pass e.g. `seed=0`.")
    number = np.array([names.index(each) for each in clusters])
    counts, sums = np.bincount(number).astype(np.float64), np.bincount(number, given)
    mean = float(given.mean())
    if np.ptp(sums / counts) <= 1e-12 * np.abs(given).max():
        return Interval(mean, mean, mean)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # that BCa is undefined, which is answered below
        found = scipy.stats.bootstrap(
            (sums, counts),
            _mean_of,
            paired=True,
            vectorized=True,
            n_resamples=draws,
            batch=draws,
            confidence_level=level,
            method="BCa",
            random_state=np.random.default_rng(start),
        )
    low, high = map(float, found.confidence_interval)
    if not np.isfinite([low, high]).all():  # all draws on one side of the mean: the plain percentiles are what is left
        tails = [(1 - level) / 2, (1 + level) / 2]
        low, high = map(float, np.quantile(found.bootstrap_distribution, tails))
    return Interval(mean, low, high)


def _mean_of(sums: NDArray[np.float64], counts: NDArray[np.float64], axis: int = -1) -> Any:
    return sums.sum(axis=axis) / counts.sum(axis=axis)


def _require_values(values: NDArray[np.float64], clusters: Sequence[Hashable]) -> None:
    if values.ndim != 1 or len(values) != len(clusters) or not len(values):
        raise ValueError(
            f"`values` must be numbers in a row, and `clusters` name one for each; got values of shape {values.shape} "
            f"and {len(clusters)} names. Pass e.g. `values=[0.1, 0.2], clusters=['dog', 'cat']`."
        )
    if not np.isfinite(values).all():
        raise ValueError(
            f"`values` must be finite; got {int((~np.isfinite(values)).sum())} NaN or inf of {len(values)}. Leave "
            f"their items out of `values` and `clusters`."
        )
