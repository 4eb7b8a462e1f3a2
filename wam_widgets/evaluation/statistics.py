"""How sure a mean is, and a difference, where items come in clusters that are alike."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike, NDArray

from wam_widgets.checks import finite_number, optional_module, require_count

if TYPE_CHECKING:
    import pandas as pd

Report = TypeVar("Report")

Values = NDArray[np.float64]
"""One number per item: what intervals and tests take."""

#: Resamples of the clusters; the width of a 95 % interval then varies by about 1 % from seed to seed.
RESAMPLES = 9999

FEWEST_CLUSTERS = 10
"""With fewer clusters a report of faithfulness, or of scales, lists its items and shows neither an interval nor a test.

Examples
--------
>>> FEWEST_CLUSTERS
10
"""

#: Draws in one piece of work: what comes of them stays in the processor's cache.
DRAWS = 2**17

#: A resample's standard error is taken to be at least this fraction of that of the values.
LEAST_ERROR = 0.1


class Interval(NamedTuple):
    """A mean and the ends of its confidence interval, in one unit.

    Examples
    --------
    >>> _, low, high = Interval(mean=0.5, low=0.4, high=0.6)
    >>> low, high
    (0.4, 0.6)
    """

    mean: float
    low: float
    high: float


class Own(int):
    """The number of an item that is a cluster of its own."""


def cluster_names(argument: str, given: object) -> tuple[Hashable, ...]:
    """Return the names of clusters, one per item, as what can be compared: numbers are taken out of their tensors.

    Examples
    --------
    >>> cluster_names("groups", np.array([3, 3, 4]))
    (3, 3, 4)
    """
    listed = given.tolist() if hasattr(given, "tolist") else given
    if isinstance(listed, (AbstractSet, Mapping)) or not isinstance(listed, Iterable):
        raise TypeError(
            f"`{argument}` must be a list with one name or number per item; got {type(given).__name__}. Pass e.g. "
            f"`{argument}=['dog', 'dog', 'cat']`."
        )
    names = tuple(each.item() if getattr(each, "ndim", None) == 0 else each for each in listed)
    if wrong := [name for name in names if not isinstance(name, Hashable) or hasattr(name, "ndim")]:
        raise TypeError(f"`{argument}` must hold names or numbers; got {wrong[0]!r}. Pass one for each item.")
    if any(name != name for name in names):  # noqa: PLR0124  # only NaN is unequal to itself
        raise ValueError(
            f"`{argument}` must hold names or numbers; got NaN, which belongs to no other. Name its items."
        )
    return names


def require_groups(groups: object, items: int) -> tuple[Hashable, ...]:
    """Return the group of every item; of none, each item is its own.

    Examples
    --------
    >>> require_groups(None, 3), require_groups(["dog", "dog", "cat"], 3)
    ((0, 1, 2), ('dog', 'dog', 'cat'))
    """
    names = tuple(map(Own, range(items))) if groups is None else cluster_names("groups", groups)
    if len(names) != items:
        raise ValueError(
            f"`groups` must name the group of every item, {items}; got {len(names)}. Pass e.g. the family of each "
            f"recording."
        )
    return names


def require_reports(reports: object, kind: type[Report], made_by: str) -> list[Report]:
    """Return the reports that are to be joined, at least one, all of one kind."""
    given: list[Any] = list(reports) if isinstance(reports, Iterable) else [reports]
    wrong = [each for each in given if not isinstance(each, kind)]
    if wrong or not isinstance(reports, Iterable):
        raise TypeError(
            f"`reports` must be a list of reports; got {type(wrong[0] if wrong else reports).__name__}. Pass e.g. "
            f"`[first, second]` of what `{made_by}` returned."
        )
    if not given:
        raise ValueError(f"`reports` must hold at least one report; got none. Pass what `{made_by}` returned.")
    return given


def data_frame(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the rows of a report as a pandas DataFrame.

    Raises
    ------
    ImportError
        If pandas is not installed.
    """
    frame: pd.DataFrame = optional_module("pandas", "A table", "evaluation").DataFrame(rows)
    return frame


def joined_clusters(parts: Iterable[Sequence[Hashable]]) -> tuple[Hashable, ...]:
    """Return the clusters of the items of several reports; an item that is its own in its report is so among all.

    Examples
    --------
    >>> joined_clusters([[Own(0), Own(1)], [Own(0)], ["dog"]])
    (0, 1, 2, 'dog')
    """
    together = [cluster for part in parts for cluster in part]
    return tuple(Own(number) if isinstance(cluster, Own) else cluster for number, cluster in enumerate(together))


def require_confidence(confidence: object) -> float:
    """Return a level of confidence, between 0 and 1."""
    level = finite_number(confidence)
    if level is None or not 0 < level < 1:
        raise ValueError(f"`confidence` must be between 0 and 1; got {confidence!r}. Pass e.g. `confidence=0.95`.")
    return level


def enough_clusters(clusters: Sequence[Hashable]) -> bool:
    """Tell whether there are clusters enough for a report to show intervals and tests: `FEWEST_CLUSTERS`.

    Examples
    --------
    >>> enough_clusters(["dog", "cat", "owl"] * 100)
    False
    """
    return len(set(clusters)) >= FEWEST_CLUSTERS


def require_enough_groups(groups: Sequence[Hashable], looked_at: str) -> None:
    """Raise if a report has too few groups for an interval or a test; say where to look at its items instead."""
    if not enough_clusters(groups):
        raise ValueError(
            f"An interval or a test needs at least {FEWEST_CLUSTERS} groups, as fewer make it too sure of itself; got "
            f"{len(set(groups))}. Look at the items, `{looked_at}`, or add items."
        )


def cluster_interval(
    values: ArrayLike,
    clusters: Sequence[Hashable],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    r"""Return the mean of values that come in clusters, with a studentised bootstrap interval over the clusters.

    Takes of one recording resemble each other, so that ten of them tell less than ten recordings. Whole clusters are
    therefore drawn, with replacement. Of every draw it is noted how many standard errors its mean is away from the mean
    of the values, and the interval reaches as many standard errors to both sides as `confidence` of the draws stay
    within.

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
        The mean over all values (not over clusters: a large one counts for more), and the interval's ends, equally far
        from it. They may lie beyond what is possible, below 0 for a share. Both are the mean where all clusters have
        the same one.

    Raises
    ------
    ValueError
        For values that aren't finite, a cluster missing for some, fewer than 2 clusters, or options that can't be
        right.

    Notes
    -----
    How many of 2,000 simulations each had the true mean in their 95 % interval, in per cent:

    ==================  ======  ===========  ======  ====
    values in clusters  normal  exponential  scores  rare
    ==================  ======  ===========  ======  ====
    50 alone              94.4         94.6    94.3  97.6
    50 clusters of 1–9    95.1         94.3    95.4  94.7
    27 clusters of 1–9    95.2         94.3    95.8  93.9
    50 in 20              95.8         93.5    96.0  95.5
    50 in 15              95.8         94.2    96.1  94.9
    50 in 12              96.7         93.2    96.4  93.5
    10 clusters of 1–9    95.8         92.8    95.8  92.3
    10 alone              96.3         93.3    96.6  75.1
    ==================  ======  ===========  ======  ====

    Scores are from -1 to 1 and mostly near 0; rare ones are 85 % near 0, and the others anywhere up to 1. Values in a
    cluster correlate by 0.5, "50 in 15" is very uneven, and chance alone varies these numbers by 0.5. Of 50 values in
    15 clusters, BCa holds 85 to 87 %, and Student's t with cluster-robust errors 89 to 91 %, of rare scores 83 %. Few
    clusters of rare values are beyond any method, as often none is among them: hence `FEWEST_CLUSTERS` for reports.

    The standard error is the jackknife's, which leaves out one cluster at a time. Within the draws it is the linear
    one, :math:`\sqrt{G/(G-1) \sum_g (s_g - \bar x n_g)^2} / N` for G clusters of n values that sum to s: the same for
    clusters of one size. An interval is never shorter than Student's with G - 1 degrees of freedom, and the error of a
    draw is at least a tenth of that of the values: draws of almost equal clusters would else reach to infinity.

    References
    ----------
    Hall, On Symmetric Bootstrap Confidence Intervals, JRSS B 50, 1988. Davison, Hinkley, Bootstrap Methods and their
    Application, 1997, sections 2.4 (studentised) and 3.8 (whole clusters are drawn, without drawing again within).
    Cameron, Gelbach, Miller, Bootstrap-Based Improvements for Inference with Clustered Errors, Review of Economics and
    Statistics 90, 2008. MacKinnon, Nielsen, Webb, Cluster-Robust Inference: A Guide to Empirical Practice, Journal of
    Econometrics 232, 2023 (the jackknife where clusters are unequal).

    Examples
    --------
    >>> interval = cluster_interval([0.1, 0.2, 0.2, 0.5], ["dog", "dog", "cat", "owl"])
    >>> round(interval.mean, 2), interval.low < interval.mean < interval.high
    (0.25, True)
    """
    given = np.asarray(values, dtype=np.float64)
    sums, counts = _by_cluster("values", given, clusters)
    level, (draws, start) = require_confidence(confidence), _require_draws(resamples, seed)
    mean, size, total = float(given.mean()), len(sums), counts.sum()
    if np.ptp(sums / counts) <= 1e-12 * np.abs(given).max():
        return Interval(mean, mean, mean)
    rest = sums - mean * counts
    error = math.sqrt((size - 1) / size * np.sum((rest / (total - counts)) ** 2))
    within = np.quantile(_distances(rest, counts, draws, start), level, method="weibull")
    half = error * max(float(within), float(scipy.stats.t.ppf((1 + level) / 2, size - 1)))
    return Interval(mean, mean - half, mean + half)


def paired_test(
    differences: ArrayLike, clusters: Sequence[Hashable], *, seed: int = 0, resamples: int = RESAMPLES
) -> float:
    """Return how often chance alone gives differences whose mean is as far from zero: a two-sided p-value.

    If two methods are alike, their difference may as well have the other sign, and so may all differences of a cluster
    together. The signs of whole clusters are flipped at random; the p-value is the share of flips whose mean is at
    least as far from zero as the one found.

    Parameters
    ----------
    differences : array_like, shape (item,)
        One method's number minus another's, of the same item.
    clusters : sequence
        Which cluster each item belongs to, such as the family of its recording.
    seed : int
        Of the flips. NumPy's global generator is not touched.
    resamples : int
        How many flips. If there are no more than that many ways to flip (with 9999: up to 13 clusters), each is taken
        once, and the p-value is exact.

    Returns
    -------
    float
        Above 0, at most 1; at least 2 / 2^G with G clusters: with 10 of them 0.002.

    Raises
    ------
    ValueError
        For differences that aren't finite, a cluster missing for some, fewer than 2 clusters, or options that can't be
        right.

    Notes
    -----
    What is tested is whether the methods are alike, so that the differences are as likely of either sign. How many of
    2,000 simulations each were called different at 0.05, in per cent, though their mean was zero:

    ==================  =========  ======  ======  ===========  ====
    items in clusters   symmetric  normal  scores  exponential  rare
    ==================  =========  ======  ======  ===========  ====
    50 alone                  5.8     5.7     6.1          7.2   9.4
    50 clusters of 1–9        4.9     5.0     5.2          6.6   8.6
    50 in 20                  4.9     4.9     5.6          7.2  12.5
    50 in 15                  5.1     4.8     4.6          6.2  12.8
    50 in 12                  4.3     4.6     5.3          7.6  13.4
    10 alone                  4.4     4.7     8.9          9.4  27.9
    ==================  =========  ======  ======  ===========  ====

    The values are those of `cluster_interval`, less their mean; symmetric are an exponential's two sides. Methods that
    are alike have symmetric differences, of which 5 % is exact for any number of clusters. A mean of zero made of many
    small losses and a few large gains is called different too often: then look whether the interval holds zero, which
    of 50 exponential values it doesn't in 5.4 % alone and in 5.8 % in 15 clusters. Dividing by a standard error would
    change these numbers by less than 1, as a flip leaves the squares what they are.

    References
    ----------
    Fisher, The Design of Experiments, 1935, section 21. Canay, Santos, Shaikh, The Wild Bootstrap with a "Small" Number
    of "Large" Clusters, Review of Economics and Statistics 103, 2021 (signs of whole clusters). Phipson, Smyth,
    Permutation P-values Should Never Be Zero, 2010 (the flips that were drawn and the one found).

    Examples
    --------
    >>> paired_test([0.1, 0.2, 0.2, 0.5], ["dog", "dog", "cat", "owl"])  # 2 of the 8 ways to flip 3 clusters
    0.25
    """
    sums, _ = _by_cluster("differences", np.asarray(differences, dtype=np.float64), clusters)
    flips, start = _require_draws(resamples, seed)
    size, bound = len(sums), abs(sums.sum()) - 1e-12 * np.abs(sums).sum()  # what is equal but for rounding counts
    ways = 2**size if 2**size <= flips else None
    chance, extreme = np.random.default_rng(start), 0
    for first, last in _pieces(ways or flips, size):
        if ways:
            flipped = np.arange(first, last)[:, None] >> np.arange(size) & 1
        else:
            flipped = chance.integers(2, size=(last - first, size), dtype=np.uint8)
        extreme += int(np.count_nonzero(np.abs(sums.sum() - 2 * (flipped @ sums)) >= bound))
    return extreme / ways if ways else (extreme + 1) / (flips + 1)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return p-values corrected for their number: reject those up to 0.05, and one false rejection has a chance of 5 %.

    Holm's step-down procedure, which holds however the comparisons depend on each other and is never weaker than
    Bonferroni's: the smallest of m is multiplied by m, the next by m - 1 and so on; none gets below a smaller one.

    Parameters
    ----------
    p_values : array_like, shape (comparison,)
        All comparisons among which one would be pointed out.

    Returns
    -------
    ndarray, shape (comparison,)
        In the order given, at most 1.

    Raises
    ------
    ValueError
        For what is no row of numbers from 0 to 1.

    References
    ----------
    Holm, A Simple Sequentially Rejective Multiple Test Procedure, Scandinavian Journal of Statistics 6, 1979.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03, 0.005]).round(3).tolist()
    [0.03, 0.06, 0.06, 0.02]
    """
    given = np.asarray(p_values, dtype=np.float64)
    if given.ndim != 1 or not ((given >= 0) & (given <= 1)).all():
        raise ValueError(
            f"`p_values` must be numbers from 0 to 1 in a row; got {p_values!r}. Leave out comparisons without a test, "
            f"and pass e.g. `holm([0.01, 0.04])`."
        )
    order = np.argsort(given)
    found = np.empty_like(given)
    found[order] = np.minimum(np.maximum.accumulate(given[order] * np.arange(len(given), 0, -1)), 1)
    return found


def _distances(rest: NDArray[np.float64], counts: NDArray[np.float64], draws: int, seed: int) -> NDArray[np.float64]:
    """Return by how many of its standard errors the mean of every draw of the clusters is away from that of the values.

    `rest` is what the clusters' sums are more than the mean of all values would have them be.
    """
    size, chance = len(rest), np.random.default_rng(seed)
    columns = np.stack([rest, counts, rest**2, rest * counts, counts**2], axis=1)
    least = LEAST_ERROR * math.sqrt(np.sum(rest**2)) / counts.sum()
    found = []
    for first, last in _pieces(draws, size):
        places = chance.integers(size, size=(last - first, size)) + size * np.arange(last - first)[:, None]
        times = np.bincount(places.ravel(), minlength=places.size).reshape(places.shape)
        off, total, squares, mixed, square_counts = (times.astype(np.float64) @ columns).T
        off /= total
        spread = np.sqrt(np.maximum(squares - 2 * off * mixed + off**2 * square_counts, 0)) / total
        found.append(np.abs(off) / np.maximum(spread, least))
    return np.concatenate(found) * math.sqrt((size - 1) / size)


def _pieces(total: int, size: int) -> Iterator[tuple[int, int]]:
    """Split `total` resamples of `size` clusters, so that one piece of them has about `DRAWS` draws."""
    rows = max(1, DRAWS // size)
    return ((first, min(first + rows, total)) for first in range(0, total, rows))


def _by_cluster(
    name: str, values: NDArray[np.float64], clusters: Sequence[Hashable]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sum and the number of the values of every cluster, in the order in which they come."""
    names = cluster_names("clusters", clusters)
    if values.ndim != 1 or len(values) != len(names) or not len(values):
        raise ValueError(
            f"`{name}` must be numbers in a row, and `clusters` name one for each; got {name} of shape {values.shape} "
            f"and {len(names)} names. Pass e.g. `{name}=[0.1, 0.2], clusters=['dog', 'cat']`."
        )
    if not np.isfinite(values).all():
        raise ValueError(
            f"`{name}` must be finite; got {int((~np.isfinite(values)).sum())} NaN or inf of {len(values)}. Leave "
            f"their items out of `{name}` and `clusters`."
        )
    numbers = {each: place for place, each in enumerate(dict.fromkeys(names))}
    if len(numbers) < 2:
        raise ValueError(
            f"`clusters` must name at least 2 clusters, as what is measured is how they differ; got {len(numbers)}. "
            f"Add items of other clusters, such as recordings of other families."
        )
    number = np.array([numbers[each] for each in names])
    return np.bincount(number, weights=values).astype(np.float64), np.bincount(number).astype(np.float64)


def _require_draws(resamples: int, seed: int) -> tuple[int, int]:
    return require_count("resamples", resamples, RESAMPLES), require_count("seed", seed, 0, at_least=0)
