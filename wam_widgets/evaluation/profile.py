"""How a model spreads its importance over scales: over a data set, to compare models."""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from wam_widgets.attribution import Explanation
from wam_widgets.attribution.arguments import require_batch_size, require_model, require_progress
from wam_widgets.attribution.passes import Model
from wam_widgets.attribution.progress import Progress
from wam_widgets.checks import require_one_of

from .explainer import Explainer
from .items import Data, Groups, Items
from .running import (
    FAILURES_AT_FIRST,
    ItemMeter,
    Target,
    device_of,
    error_in_words,
    raise_if_interrupted,
    require_dataset_target,
    require_run_seed,
    seeded,
)
from .statistics import (
    FEWEST_CLUSTERS,
    Interval,
    cluster_interval,
    data_frame,
    enough_clusters,
    holm,
    paired_test,
    require_confidence,
    require_enough_groups,
)

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ScaleProfile:
    """What share of a model's importance each scale has. Make one with `scale_profile`.

    Parameters
    ----------
    method : Explainer
        What importance is.
    scales : tuple of str
        Coarse to fine.
    shares : float array, shape (item, scale)
        `Explanation.scale_shares` of every item: rows sum to 1.
    items : tuple of int
        Places in the data set: items that failed, or in which nothing stands out from the noise, are missing.
    groups : tuple
        Per item, which group it belongs to.
    failed : dict of int to str
        Why the others are missing.
    warned : dict of int to tuple of str
        What the method warned of, by the item's place in the data set.
    seed : int
        Of the run and of the bootstrap.
    confidence : float
        Of the intervals.

    Examples
    --------
    >>> from wam_widgets import samples
    >>> digits = [each.signal[0] for each in samples.digits().values()]
    >>> profile = scale_profile(samples.digit_model(), digits, Explainer("saliency", level=2), progress=False)
    >>> profile.shares.shape  # ten items; the approximation and two details
    (10, 3)
    """

    method: Explainer
    scales: tuple[str, ...]
    shares: Float[np.ndarray, "item scale"]
    items: tuple[int, ...]
    groups: tuple[Hashable, ...]
    failed: dict[int, str]
    warned: dict[int, tuple[str, ...]]
    seed: int
    confidence: float

    @property
    def enough_groups(self) -> bool:
        """Whether there are groups enough for intervals and tests."""
        return enough_clusters(self.groups)

    def interval(self, scale: str, *, minus: ScaleProfile | None = None) -> Interval:
        """Return the mean share of a scale over the items, with its interval over the groups.

        Parameters
        ----------
        scale : str
            One of `scales`.
        minus : ScaleProfile, optional
            Of another model, over the same data set and in the same terms: the mean of the differences, item by item,
            over the items that both have.

        Returns
        -------
        Interval
            See `cluster_interval`.

        Raises
        ------
        ValueError
            If there is no such scale, there are fewer than 10 groups, or the other profile is of other items or another
            method.
        """
        values, groups = self._paired(scale, minus)
        require_enough_groups(groups, "profile.shares")
        return cluster_interval(values, groups, confidence=self.confidence, seed=self.seed)

    def test(self, scale: str, *, minus: ScaleProfile) -> float:
        """Return how often chance alone gives as large a difference from another model's share, a p-value.

        Parameters
        ----------
        scale, minus
            As for `interval`.

        Returns
        -------
        float
            See `paired_test`. Correct several with `holm`, as `rows` does.

        Raises
        ------
        ValueError
            As `interval`.
        """
        values, groups = self._paired(scale, minus)
        require_enough_groups(groups, "profile.shares")
        return paired_test(values, groups, seed=self.seed)

    def rows(self, *, minus: ScaleProfile | None = None) -> list[dict[str, Any]]:
        """Return the table, one dict per scale: "scale", "share", "low", "high", "items", "groups".

        With `minus`, of the differences from another profile, and with "p", corrected for the number of scales (Holm).
        The ends and p are None below 10 groups.
        """
        found = []
        for scale in self.scales:
            values, groups = self._paired(scale, minus)
            interval = None
            if enough_clusters(groups):
                interval = self.interval(scale, minus=minus)
            found.append(
                {
                    "scale": scale,
                    "share": float(values.mean()),
                    "low": None if interval is None else interval.low,
                    "high": None if interval is None else interval.high,
                    "items": len(values),
                    "groups": len(set(groups)),
                }
            )
        if minus is not None:
            tested = found[0]["low"] is not None
            p_values = holm([self.test(scale, minus=minus) for scale in self.scales]) if tested else ()
            for row, p in zip_longest(found, p_values):
                row["p"] = None if p is None else float(p)
        return found

    def to_dataframe(self, *, minus: ScaleProfile | None = None) -> pd.DataFrame:
        """Return `rows()` as a pandas DataFrame.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return data_frame(self.rows(minus=minus))

    def _paired(self, scale: str, minus: ScaleProfile | None) -> tuple[NDArray[np.float64], tuple[Hashable, ...]]:
        """Return the shares of a scale, or their differences, and the groups of these items."""
        column = self.scales.index(require_one_of("scale", scale, self.scales))
        if minus is None:
            return self.shares[:, column], self.groups
        other = dict(zip(minus.items, zip(minus.groups, minus.shares, strict=True), strict=True))
        both = [place for place, item in enumerate(self.items) if item in other]
        same = (minus.method, minus.scales) == (self.method, self.scales)
        if not same or any(other[self.items[place]][0] != self.groups[place] for place in both):
            raise ValueError(
                f"`minus` must be a profile over the same items, of the same groups, by the same method; got {minus!r} "
                f"beside {self!r}. Call `scale_profile` with the same data set, groups and method for both models."
            )
        if not both:
            raise ValueError("`minus` has no item in common with this profile. Look at `failed` of both.")
        differences = [self.shares[place, column] - other[self.items[place]][1][column] for place in both]
        return np.array(differences), tuple(self.groups[place] for place in both)

    def __str__(self) -> str:
        lines = [repr(self)]
        if self.warned:
            item, texts = next(iter(self.warned.items()))
            lines.append(f"  {len(self.warned)} item(s) came with warnings; item {item}: {texts[0]}")
        width = max(map(len, self.scales))
        for row in self.rows():
            ends = "" if row["low"] is None else f"  [{row['low']:.3f}, {row['high']:.3f}]"
            lines.append(f"{row['scale']:<{width}}  {row['share']:.3f}{ends}")
        if not self.enough_groups:
            lines.append(f"Fewer than {FEWEST_CLUSTERS} groups: no intervals.")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return (
            f"ScaleProfile of {len(self.items)} items in {len(set(self.groups))} groups, {len(self.failed)} failed: "
            f"{self.method.method}, {self.method.wavelet}, level {self.method.level}"
        )


def scale_profile(
    model: Model,
    dataset: Data,
    method: Explainer | None = None,
    *,
    target: Target = None,
    groups: Groups = None,
    seed: int = 0,
    confidence: float = 0.95,
    batch_size: int | Literal["auto"] = "auto",
    progress: Progress | Literal[False] | None = None,
) -> ScaleProfile:
    """Measure how a model spreads its importance over scales, over a data set.

    Parameters
    ----------
    model, dataset, target, groups, seed, batch_size, progress
        As for `benchmark`. Items may differ in size, but all are seen at one level.
    method : Explainer, optional
        What importance is, in which wavelet and how deep: SmoothGrad in haar, level 3, by default.
    confidence : float
        Of the intervals.

    Returns
    -------
    ScaleProfile
        `print(profile)` shows the mean share of every scale; `profile.interval(scale, minus=other)` compares two
        models. Items that failed are named in `profile.failed`, and what the method warned of in `profile.warned`.

    Raises
    ------
    TypeError, ValueError
        As `benchmark`, before any pass.
    RuntimeError
        If the first five items all fail, or all do.

    Notes
    -----
    A share is one of energy, noise subtracted, see `Explanation.scale_shares`: compare models by one method, with the
    same number of copies.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    >>> profile = scale_profile(model, torch.rand(12, 1, 8, 8), Explainer("saliency", level=2), progress=False)
    >>> profile.scales, profile.shares.shape
    (('approximation', 'detail 2', 'detail 1'), (12, 3))
    """
    require_model(model)
    require_progress(progress)
    require_batch_size(batch_size)
    chosen = _require_explainer(method)
    level, number = require_confidence(confidence), require_run_seed(seed)
    items = Items(dataset, groups, labelled=require_dataset_target(target) == "label", seed=number)
    explained = chosen.require_for(model, items.first.signal)
    if not isinstance(explained, Explanation):  # Grad-CAM
        raise TypeError("`method` must explain in scales; Grad-CAM is a map. Pass e.g. `Explainer('saliency')`.")
    shares: list[NDArray[np.float64]] = []
    places: list[int] = []
    of_items: list[Hashable] = []
    failed: dict[int, str] = {}
    warned: dict[int, tuple[str, ...]] = {}
    meter = ItemMeter(progress, 0, items.total)
    try:
        for index, read in items:
            caught: list[warnings.WarningMessage] = []
            try:
                item = read()
                with warnings.catch_warnings(record=True) as caught, seeded(item.seed):
                    warnings.simplefilter("always")
                    signal = item.signal.to(device_of(model, item.signal))
                    asked: Any = item.target if target == "label" else target
                    explanation = chosen(model, signal, asked, seed=item.seed, batch_size=batch_size)
                    raise_if_interrupted(caught)
                    found = explanation.scale_shares()[0]  # type: ignore[union-attr]  # as the first one was
                if not bool(found.any()):
                    raise ValueError("nothing stands out from the noise: there are no shares")  # noqa: TRY301
            except Exception as error:  # noqa: BLE001  # whatever it is, it is this item's, and told
                failed[index] = error_in_words(error)
            else:
                shares.append(found.double().cpu().numpy())
                places.append(index)
                of_items.append(item.group)
            if caught:
                warned[index] = tuple(dict.fromkeys(str(each.message) for each in caught))
            meter.advance()
            if not shares and len(failed) >= FAILURES_AT_FIRST:
                break
    finally:
        meter.close()
    if not shares:
        raise RuntimeError(f"The first {len(failed)} item(s) all failed; the last one: {list(failed.values())[-1]}")
    return ScaleProfile(
        chosen, explained.scales, np.stack(shares), tuple(places), tuple(of_items), failed, warned, number, level
    )


def _require_explainer(method: object) -> Explainer:
    if method is None:
        return Explainer()
    if not isinstance(method, Explainer) or method.wavelet is None:
        raise TypeError(
            f"`method` must be an Explainer in a wavelet, which has scales; got {method!r}. Pass e.g. "
            f"`Explainer('smoothgrad', wavelet='haar', level=5)`."
        )
    return method
