"""How sure is it? What the group means of the passes tell about the error of their mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

#: With fewer groups a standard error says too little of itself to be reported.
FEWEST_GROUPS = 8


@dataclass(frozen=True, slots=True, eq=False)
class GroupMeans:
    r"""Means of the gradient over disjoint groups of noisy copies.

    Parameters
    ----------
    values : Tensor, shape (group, item, channel, \*)
        One mean per group and item.
    counts : Tensor, shape (group, item)
        How many copies each is the mean of, at least 1.
    """

    values: Float[Tensor, "group item channel *space"]
    counts: Float[Tensor, "group item"]

    @property
    def groups(self) -> int:
        """Number of groups."""
        return self.values.shape[0]

    def mean(self) -> Tensor:
        r"""Return the mean over all copies, shape (item, channel, \*)."""
        return weighted_mean(self.values, self.counts)

    def left_out(self) -> Iterator[GroupMeans]:
        """Iterate over what is left without each of the groups."""
        for group in range(self.groups):
            others = [index for index in range(self.groups) if index != group]
            yield GroupMeans(self.values[others], self.counts[others])


def weighted_mean(values: Tensor, counts: Tensor) -> Tensor:
    r"""Average group means, shape (group, item, \*), over the groups, each as often as it has copies."""
    weights = _beside(counts / counts.sum(0), values)
    return (values * weights).sum(0)


def standard_error_of_mean(values: Tensor, counts: Tensor) -> Tensor:
    r"""Return the standard error of `weighted_mean`, shape (item, \*).

    A group of n copies varies with the n-th part of one copy's variance, so that squared deviations weighted by n
    estimate the latter with G - 1 degrees of freedom.
    """
    deviation = values - weighted_mean(values, counts)
    unit = _beside(unit_of(deviation.transpose(0, 1)), deviation[0])
    # In place: of a minute of sound, every copy of the groups takes 170 MB.
    squares = deviation.div_(unit).square_().mul_(_beside(counts, values)).sum(0)
    variance_of_one = squares / (len(counts) - 1)
    return (variance_of_one / _beside(counts.sum(0), squares)).sqrt() * unit


def unit_of(values: Tensor) -> Tensor:
    """Return each item's largest magnitude, or 1 if all is zero, shape (item,).

    Squares of very large or very small gradients overflow or vanish; squares of their ratios to it don't.
    """
    peak = values.abs().flatten(1).amax(1)
    return torch.where(peak == 0, 1, peak)


def completeness_unit(score: Tensor, baseline_score: Tensor) -> Tensor:
    """Return what gaps are measured in: |f(x) - f(x₀)|, but at least 1 % of the larger score, shape (item,)."""
    floor = 0.01 * torch.maximum(score.abs(), baseline_score.abs())
    return torch.maximum((score - baseline_score).abs(), floor).clamp(min=torch.finfo(score.dtype).tiny)


def jackknife_error(groups: GroupMeans, statistic: Callable[[GroupMeans], Tensor]) -> Tensor:
    r"""Return the standard error of any smooth statistic of the mean, by leaving out one group at a time.

    Groups may differ in size: the delete-a-group jackknife of Busing, Meijer and van der Leeden (Statistics and
    Computing 9, 1999), whose pseudo-values weigh each group by the inverse of its share of the copies.

    Parameters
    ----------
    groups : GroupMeans
        At least two groups.
    statistic : callable
        From group means to a tensor of shape (item, \*).

    Returns
    -------
    Tensor
        Of the statistic's shape.
    """
    whole = statistic(groups)
    partial = torch.stack([statistic(rest) for rest in groups.left_out()])
    inverse_share = _beside(groups.counts.sum(0) / groups.counts, partial)
    pseudo = inverse_share * whole - (inverse_share - 1) * partial
    estimate = (pseudo / inverse_share).sum(0)
    return ((pseudo - estimate).square() / (inverse_share - 1)).mean(0).sqrt()


def student_quantile(confidence: float, groups: int) -> float:
    """Return how many standard errors on either side make an interval of this confidence (Student's t)."""
    from scipy.special import stdtrit

    return float(stdtrit(groups - 1, 0.5 + confidence / 2))


def lowest_rates(
    mean: Float[Tensor, "item channel n"],
    error: Float[Tensor, "item channel n"],
    groups: int,
    weight: Float[Tensor, " n"],
) -> Float[Tensor, "item channel n"]:
    """Return the lowest false discovery rate at which each number of an item is found to differ from zero.

    Student's t with G - 1 degrees of freedom, two-sided, and the step-up procedure of Benjamini and Hochberg over all
    numbers of an item, each p-value divided by its weight (Genovese, Roeder, Wasserman, False discovery control with
    p-value weighting, Biometrika 93, 2006). What is zero in every group is found at no rate, and gets inf; what is the
    same in all is found at any.

    Parameters
    ----------
    mean, error : Tensor, shape (item, channel, n)
        Estimates and their standard errors.
    groups : int
        How many group means they come from.
    weight : Tensor, shape (n,)
        Share of the error budget, 1 on average; fixed before the estimates are seen.
    """
    # 60 MiB that the passes don't need
    from scipy.special import stdtr
    from scipy.stats import false_discovery_control

    # What is left of rounding is the same in all groups, and yet no discovery.
    rounding = 4 * torch.finfo(mean.dtype).eps * _beside(unit_of(mean), mean)
    ratio = torch.where(mean == 0, 0, mean.abs() / torch.maximum(error, rounding))
    t = ratio.double().cpu().numpy()
    p = np.minimum(2 * stdtr(groups - 1, -t) / weight.double().cpu().numpy(), 1)
    adjusted = false_discovery_control(p.reshape(len(p), -1), axis=1, method="bh").reshape(p.shape)
    return torch.from_numpy(np.where(t > 0, adjusted, np.inf)).to(mean.device)


def shrink_band(mean: Tensor, error: Tensor) -> Tensor:
    r"""Pull a band, shape (item, channel, \*band), towards zero as far as it is noise: James-Stein, per item.

    With v the mean squared standard error of the band and p = max(mean of c² - v, 0) the power that is left, the best
    linear estimate of a coefficient is c · p / (p + v).
    """
    unit = _beside(unit_of(mean), mean)
    inside = tuple(range(1, mean.ndim))
    noise = (error / unit).square().mean(dim=inside, keepdim=True)
    power = ((mean / unit).square().mean(dim=inside, keepdim=True) - noise).clamp(min=0)
    return mean * torch.where(power > 0, power / (power + noise), 0)


def relative_error(groups: GroupMeans) -> Float[Tensor, " item"]:
    """Return the size of the mean's standard error in units of the true mean's, as estimated, shape (item,).

    √(Σ SE² / max(Σ mean² - Σ SE², 0)): inf while the mean can't be told from noise.
    """
    mean, error = groups.mean(), standard_error_of_mean(groups.values, groups.counts)
    unit = _beside(unit_of(mean), mean)
    squares, noise = ((each / unit).flatten(1).square().sum(1) for each in (mean, error))
    return torch.where(noise == 0, 0, (noise / (squares - noise).clamp(min=0)).sqrt())


def _beside(counts: Tensor, values: Tensor) -> Tensor:
    """Give `counts` as many axes as `values`, so that they multiply from the left."""
    return counts.reshape(*counts.shape, *[1] * (values.ndim - counts.ndim))
