"""What `explain` returns: a gradient, and everything that can be seen in it without the model."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import EllipsisType
from typing import TYPE_CHECKING, Any, Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from wam_widgets.checks import nearest, whole_number
from wam_widgets.transform import Coefficients, Grid, decompose, pull_back, reconstruct
from wam_widgets.transform.coefficients import undo_pull_back
from wam_widgets.transform.geometry import spread
from wam_widgets.transform.wavelet import Mode, find_wavelet, require_level, require_mode, scale_names

from .score import require_names
from .uncertainty import (
    FEWEST_GROUPS,
    GroupMeans,
    completeness_unit,
    jackknife_error,
    lowest_rates,
    shrink_band,
    standard_error_of_mean,
    student_quantile,
    unit_of,
)

if TYPE_CHECKING:
    import xarray

Method = Literal["saliency", "smoothgrad", "integrated_gradients"]
"""How the gradient is averaged over passes."""

Aggregate = Literal["mean", "mean_abs", "mean_square"]
"""What is averaged: signed gradients, or magnitudes or squares of the coefficients'."""

Selection = Literal["hard", "soft", "modulating"]
"""What is made of a signal's coefficients: the important ones, all by their importance, or by its sign too."""

Kind = Literal["sensitivity", "contribution"]
"""A gradient, or a gradient times the coefficients (which sums to a score)."""


#: So many samples of group means are carried to coefficients at once: the transform needs several times their memory.
_AT_ONCE = 2**22


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Explanation:
    r"""A gradient seen in a wavelet, with everything that is needed to say how it was made, and never the model.

    Make one with `explain`. Changing the wavelet, the level or the mode is a new `view` of the same passes.

    Parameters
    ----------
    signal : Tensor, shape (item, channel, \*space)
        What was explained.
    gradient : Tensor, shape (item, channel, \*space)
        Mean of d score / d signal over the passes; score units per signal unit.
    output : Tensor, shape (item, column), or None
        What the model returned for the signal; None if only a target that is a callable can read it.
    target : Tensor, shape (item,), or None
        The explained column of the output per item; None where the target was a callable.
    score : Tensor, shape (item,)
        The score of the signal.
    passes : Tensor, shape (item,)
        How many forward and backward passes went into each item's gradient.
    method : {"saliency", "smoothgrad", "integrated_gradients"}
        How the gradient was averaged.
    kind : {"sensitivity", "contribution"}
        Whether `attribution` is a gradient, or a gradient times coefficients.
    wavelet : str or None
        The wavelet that the gradient is seen in; None for the signal's own samples.
    level : int
        Number of decompositions.
    mode : str
        How the signal is continued beyond its border.
    grid : Grid
        What the axes mean.
    baseline : Tensor, shape (item, channel, \*space), or None
        What contributions are measured from; None for zero.
    baseline_score : Tensor, shape (item,), or None
        The score of the baseline (Integrated Gradients).
    labels : tuple of str, or None
        Names of the output's columns.
    seed : tuple of int
        One per item.
    groups : GroupMeans or None
        Means over groups of noisy copies, from which standard errors come.
    aggregate : {"mean", "mean_abs", "mean_square"}
        What was averaged. For all but "mean" the groups hold flattened coefficients of this one wavelet.
    settings : dict
        The other arguments of the call, and what came of them, as JSON can hold it.
    features : Explanation or None
        The same passes at the output of a front end, if `explain` was given one: an explanation of what it made of the
        signal, such as a log-mel spectrogram. Views of one don't change the other.

    Examples
    --------
    >>> import wam_widgets as wam
    >>> model, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal
    >>> explanation = wam.explain(model, three, level=2, progress=False)
    >>> explanation.scales, tuple(explanation.heatmap().shape)
    (('approximation', 'detail 2', 'detail 1'), (1, 16, 16))
    >>> explanation.view(wavelet="db2", level=1)  # the same passes in another wavelet
    Explanation of 1 item (3): smoothgrad, sensitivity, in db2, level 1; 25 passes per item
    """

    signal: Float[Tensor, "item channel *space"]
    gradient: Float[Tensor, "item channel *space"]
    output: Float[Tensor, "item column"] | None
    target: Int[Tensor, " item"] | None
    score: Float[Tensor, " item"]
    passes: Int[Tensor, " item"]
    method: Method
    kind: Kind
    wavelet: str | None
    level: int
    mode: Mode
    grid: Grid
    baseline: Float[Tensor, "item channel *space"] | None
    baseline_score: Float[Tensor, " item"] | None
    labels: tuple[str, ...] | None
    seed: tuple[int, ...]
    groups: GroupMeans | None
    aggregate: Aggregate
    settings: dict[str, Any]
    features: Explanation | None = None

    def __post_init__(self) -> None:
        items, columns = len(self.signal), None if self.output is None else self.output.shape[1]
        shapes = {"gradient": self.signal.shape, "baseline": self.signal.shape, "output": (items, columns)}
        shapes |= dict.fromkeys(("target", "score", "passes", "baseline_score"), (items,))
        for name, shape in shapes.items():
            value = getattr(self, name)
            if value is not None and tuple(value.shape) != tuple(shape):
                raise ValueError(f"`{name}` must have shape {tuple(shape)}; got {tuple(value.shape)}.")
            if value is not None and (name in {"target", "passes"}) == value.is_floating_point():
                raise ValueError(f"`{name}` must not be of dtype {value.dtype}.")
        require_names(self.labels, self.output, given=True)
        if len(self.seed) != items or len(self.grid.axes) != self.signal.ndim - 2:
            raise ValueError(
                f"`seed` must have one entry per item, {items}, and `grid` one axis per spatial axis, "
                f"{self.signal.ndim - 2}; got {len(self.seed)} and {len(self.grid.axes)}."
            )

    @property
    def attribution(self) -> Coefficients:
        """Importance of every coefficient: signed, per channel; nothing normalised."""
        return self._to_attribution(self.gradient if self.aggregate == "mean" else self._group_means().mean())

    @property
    def has_errors(self) -> bool:
        """Whether there are enough groups of noisy copies for standard errors."""
        return self.groups is not None and self.groups.groups >= FEWEST_GROUPS

    @property
    def size(self) -> tuple[int, ...]:
        """Spatial size of the signal."""
        return tuple(self.signal.shape[2:])

    @property
    def scales(self) -> tuple[str, ...]:
        """Names of the scales, coarse to fine."""
        return scale_names(0 if self.wavelet is None else self.level)

    def view(
        self,
        *,
        wavelet: str | EllipsisType | None = ...,
        level: int | EllipsisType = ...,
        mode: str | EllipsisType = ...,
    ) -> Explanation:
        """See the same passes in another wavelet, at no model cost.

        Parameters
        ----------
        wavelet : str or None, optional
            Any discrete wavelet of PyWavelets; None for the signal's own samples (pixel-domain SmoothGrad, say).
        level, mode : optional
            As in `explain`. What is left out stays as it is.

        Returns
        -------
        Explanation

        Raises
        ------
        TypeError, ValueError
            As `explain`; also for an aggregate other than "mean", which isn't linear and so belongs to one wavelet.
        """
        changed = dataclasses.replace(
            self,
            wavelet=self.wavelet if wavelet is ... else wavelet,
            level=self.level if level is ... else level,
            mode=self.mode if mode is ... else require_mode(mode),
        )
        if changed.wavelet is not None:
            depth = require_level(changed.level, self.size, find_wavelet(changed.wavelet), changed.mode)
            changed = dataclasses.replace(changed, level=depth)
        if self.aggregate != "mean" and (changed.wavelet, changed.level) != (self.wavelet, self.level):
            raise ValueError(
                f"A view in another wavelet or level needs an aggregate that is linear; got {self.aggregate!r}, whose "
                f"passes were reduced in {self.wavelet!r}, level {self.level}. Call `explain` again with that wavelet, "
                f"or with `aggregate='mean'`."
            )
        return changed

    def contribution(self) -> Explanation:
        """Multiply a sensitivity by the signal's coefficients (gradient times input, in the wavelet).

        Returns
        -------
        Explanation
            Of kind "contribution"; unchanged if it already is.

        Raises
        ------
        ValueError
            For an aggregate other than "mean", which has no sign.
        """
        if self.aggregate != "mean":
            raise ValueError(
                f"A contribution needs the signed mean of the gradient; got aggregate={self.aggregate!r}. "
                f"Call `explain` with `aggregate='mean'`."
            )
        return dataclasses.replace(self, kind="contribution")

    def maps(self, *, orientations: bool = False) -> Tensor:
        r"""Draw the importance of every scale on the signal's grid.

        Returns
        -------
        Tensor, shape (item, scale, \*space), or (item, scale, orientation, \*space)
            Magnitudes, summed over channels (and orientations), each spread over its coefficient's cell, so that a
            map's sum is its scale's. The approximation has no orientation: its map stands in the place of the first.
            Nothing is normalised.
        """
        return spread(self.attribution.map(torch.abs), orientations=orientations)

    def heatmap(self) -> Float[Tensor, " item *space"]:
        r"""Return the maps of all scales together, shape (item, \*space)."""
        return self.maps().sum(1)

    def maps_standard_error(self) -> Float[Tensor, "item scale *space"]:
        r"""Return the jackknife standard error of `maps()`, shape (item, scale, \*space)."""
        template = self._template()
        return jackknife_error(
            self._coefficient_groups(self._error_groups()),
            lambda groups: spread(template.unflatten(groups.mean().abs()), orientations=False),
        )

    def scale_shares(self) -> Float[Tensor, "item scale"]:
        """Return how the energy of the attribution is divided between the scales, noise subtracted.

        Returns
        -------
        Tensor, shape (item, scale)
            Σ(attribution² - standard error²) per scale, in the order of `scales`, floored at 0 and divided by its sum
            over the scales; the plain energy where there are no standard errors. Rows sum to 1, or are zero where
            nothing stands out.

        Notes
        -----
        A share is a sum over all coefficients, and in images three quarters of them belong to detail 1: many weak ones,
        of which hardly any is certain, can add up to the largest share. Quote the shares of the plain explanation:
        those of a `denoised` one have been shrunken band by band, fine ones most.
        """
        if not self.has_errors:
            attribution = self.attribution.flatten()
            return _shares_of(self._template(), (attribution / unit_of(attribution)[:, None, None]).square())
        return _shares_of(self._template(), _noise_free_energy(self._coefficient_groups(self._error_groups())))

    def scale_share_intervals(self, confidence: float = 0.95) -> Float[Tensor, "item scale 2"]:
        """Return jackknife intervals for `scale_shares`.

        Parameters
        ----------
        confidence : float
            Between 0 and 1.

        Returns
        -------
        Tensor, shape (item, scale, 2)
            Lower and upper end, within 0 and 1.

        Raises
        ------
        ValueError
            If there are no standard errors, or the confidence is not between 0 and 1.
        """
        _require_between("confidence", confidence)
        groups = self._coefficient_groups(self._error_groups())
        template = self._template()
        error = jackknife_error(groups, lambda each: _shares_of(template, _noise_free_energy(each)))
        half = error * student_quantile(confidence, groups.groups)
        shares = _shares_of(template, _noise_free_energy(groups))
        return torch.stack([shares - half, shares + half], dim=-1).clamp(0, 1)

    def rebuild(
        self, *, fraction: float = 1.0, scales: Sequence[str] | None = None, selection: Selection = "hard"
    ) -> Tensor:
        r"""Make a signal of the most important coefficients only.

        Parameters
        ----------
        fraction : float
            How many of the positions to keep, by the magnitude of their attribution summed over channels; a position
            is kept with all its channels.
        scales : sequence of str, optional
            Names of the scales to choose from; all by default. `fraction` then counts positions of these scales.
        selection : {"hard", "soft", "modulating"}
            What the coefficients that are kept are multiplied with. "hard": 1. "soft": a weight from 0 to 1, the
            magnitude of the position's attribution divided by the largest of the item. "modulating": a weight from -1
            to 1, the attribution with its sign, divided by the largest magnitude; what speaks against the score is
            turned over.

        Returns
        -------
        Tensor, shape (item, channel, \*space)
            The baseline plus what was kept of the signal's difference from it; the signal itself for fraction 1 and
            the hard selection.

        Raises
        ------
        ValueError
            If the fraction is not between 0 and 1, or a scale or selection is unknown; also for a modulating selection
            and an aggregate other than "mean", which has no sign.

        Notes
        -----
        A position has one weight for all its channels, so that colours and places between loudspeakers stay: of the
        sum of their magnitudes, or of the sum of their signed attributions. It doesn't depend on `fraction` and
        `scales`: what is rebuilt of different scales adds up. Soft and modulated sounds are faint, because few
        attributions come near the largest: `wam_widgets.to_wav` has a `level` for that.
        """
        weights = self._weights(selection)
        keep = self.attribution.map(torch.abs).largest(fraction, scales)
        kept = self.signal_coefficients().keep(keep)
        rebuilt = reconstruct(kept if weights is None else kept.map(torch.mul, weights))
        return rebuilt if self.baseline is None else self.baseline + rebuilt

    def completeness_gap(self, *, relative: bool = False) -> Float[Tensor, " item"]:
        """Return by how much the attributions of each item miss the score that they should sum to.

        Parameters
        ----------
        relative : bool
            Divide by the absolute value of f(x) - f(x₀), or by 1 % of the larger score where that is more.

        Returns
        -------
        Tensor, shape (item,)
            Σ attribution - (f(x) - f(x₀)), signed, in score units (or relative).

        Raises
        ------
        ValueError
            Unless the method is Integrated Gradients.

        References
        ----------
        Sundararajan, Taly, Yan, Axiomatic Attribution for Deep Networks, ICML 2017, proposition 1.
        """
        gap = self.completeness_by_scale().sum(1) - (self.score - self._baseline_score())
        return gap / completeness_unit(self.score, self._baseline_score()) if relative else gap

    def completeness_by_scale(self) -> Float[Tensor, "item scale"]:
        """Return what each scale contributes to f(x) - f(x₀), shape (item, scale), in the order of `scales`.

        Raises
        ------
        ValueError
            Unless the method is Integrated Gradients.
        """
        self._baseline_score()
        return self.attribution.total_by_scale()

    def signal_coefficients(self) -> Coefficients:
        """Return the coefficients of the signal's difference from the baseline: z - z₀ = W(x - x₀)."""
        difference = self.signal if self.baseline is None else self.signal - self.baseline
        return decompose(difference, self.wavelet, level=self.level, mode=self.mode)

    def standard_error(self, *, channel_sums: bool = False) -> Coefficients:
        """Return the standard error of every attribution.

        Parameters
        ----------
        channel_sums : bool
            Of the sums over channels, which vary together; the result has one channel.

        Returns
        -------
        Coefficients
            That of the group means, carried to coefficients as the gradient is, with G - 1 degrees of freedom.

        Raises
        ------
        ValueError
            If the gradient isn't the mean of at least 8 noisy copies.
        """
        groups = self._coefficient_groups(self._error_groups())
        values = groups.values.sum(2, keepdim=True) if channel_sums else groups.values
        return self._template().unflatten(standard_error_of_mean(values, groups.counts))

    def significant(self, rate: float = 0.05) -> Coefficients:
        """Find the coefficients whose attribution can be told from zero.

        Parameters
        ----------
        rate : float
            False discovery rate: the share of false ones that is expected among those found. In a signal without any
            true attribution, the chance that anything at all is found.

        Returns
        -------
        Coefficients of bool
            True where the attribution differs from zero: Student's t, and Benjamini and Hochberg over an item's
            coefficients. Every scale gets the same share of the error budget; otherwise the many fine coefficients,
            mostly noise, would drown the few coarse ones.

        Raises
        ------
        ValueError
            If there are no standard errors, the rate is not between 0 and 1, or the aggregate has no sign.
        """
        _require_between("rate", rate)
        return self.lowest_rate().map(lambda lowest: lowest <= rate)

    def lowest_rate(self) -> Coefficients:
        """Return the lowest false discovery rate at which each coefficient is `significant`; inf where at none.

        Raises
        ------
        ValueError
            If there are no standard errors, or the aggregate has no sign.
        """
        groups = self._error_groups()
        self._require_signed("Significance")
        attribution = self.attribution
        counts = [sum(band[0, 0].numel() for band in detail.values()) for _, detail in attribution.by_scale()]
        equal = sum(counts) / len(counts)
        weight = torch.cat([attribution.approximation.new_full((count,), equal / count) for count in counts])
        lowest = lowest_rates(attribution.flatten(), self.standard_error().flatten(), groups.groups, weight)
        return attribution.unflatten(lowest)

    def denoised(self) -> Explanation:
        """Shrink every band towards zero as far as it is noise.

        Twenty-five copies leave the fine scales mostly noise; wavelets separate them from what is known. Per item and
        band, c becomes c · p / (p + v): v is the band's mean squared standard error, p what is left of its mean square.

        Returns
        -------
        Explanation
            With the gradient of the shrunken coefficients, and no standard errors (the shrinkage has a bias that they
            wouldn't show). For long filters the border's redundant coefficients are made consistent.

        Raises
        ------
        ValueError
            If there are no standard errors, or the aggregate has no sign.

        References
        ----------
        James, Stein, Estimation with Quadratic Loss, 1961; Efron, Morris, JASA 68, 1973 (empirical Bayes).
        """
        self._error_groups()
        self._require_signed("Denoising")
        sensitivity = dataclasses.replace(self, kind="sensitivity")
        shrunken = sensitivity.attribution.map(shrink_band, sensitivity.standard_error())
        return dataclasses.replace(
            self,
            gradient=undo_pull_back(shrunken),
            groups=None,
            settings=self.settings | {"denoised": f"{self.wavelet}, level {self.level}"},
        )

    def save(self, path: str | Path) -> None:
        """Write the explanation to a file: safetensors with a JSON header, never a pickle.

        Parameters
        ----------
        path : str or Path
            Usually ending in ".safetensors". Read it again with `wam_widgets.load`. The group means make up most of
            it: 16 times the signal.

        Raises
        ------
        OSError
            If the file can't be written.
        """
        from .storage import save  # storage builds explanations, so it imports this module

        save(self, path)

    def to_xarray(self) -> xarray.Dataset:
        """Return signal, gradient, maps, shares and scores as an xarray Dataset with the grid's coordinates.

        Raises
        ------
        ImportError
            If xarray is not installed.
        """
        from .storage import to_xarray

        return to_xarray(self)

    def __len__(self) -> int:
        return len(self.signal)

    def __getitem__(self, item: int) -> Explanation:
        """Return the explanation of one item, by its number; negative ones count from the end."""
        number = whole_number(item)
        if number is None:
            raise TypeError(f"An item of an explanation is asked for by its number; got {item!r}. Pass e.g. `[0]`.")
        if not -len(self) <= number < len(self):
            raise IndexError(f"The explanation has {len(self)} item(s), numbered from 0; got {number}.")
        one = slice(number % len(self), number % len(self) + 1)
        parts = ("signal", "gradient", "output", "target", "score", "passes", "baseline", "baseline_score", "seed")
        own: dict[str, Any] = {name: None if (value := getattr(self, name)) is None else value[one] for name in parts}
        if self.groups is not None:
            own["groups"] = GroupMeans(self.groups.values[:, one], self.groups.counts[:, one])
        if self.features is not None:
            own["features"] = self.features[item]
        if "error_reached" in self.settings:
            own["settings"] = self.settings | {"error_reached": self.settings["error_reached"][one]}
        return dataclasses.replace(self, **own)

    def names(self) -> list[str]:
        """Return what is explained of each item: the label of its target, or the description of the score."""
        if self.target is None:
            return [str(self.settings.get("score", "score"))] * len(self.signal)
        return [self.labels[column] if self.labels else f"column {column}" for column in self.target.tolist()]

    def __repr__(self) -> str:
        items = len(self.signal)
        seen = "its own samples" if self.wavelet is None else f"{self.wavelet}, level {self.level}"
        shown = ", ".join(self.names()[:3]) + (", …" if items > 3 else "")
        return (
            f"Explanation of {items} {'item' if items == 1 else 'items'} ({shown}): {self.method}, {self.kind}, in "
            f"{seen}; {passes_in_words(self.passes.tolist())} per item"
        )

    def _repr_mimebundle_(self, **_: Any) -> Any:
        """Show the explorer in a notebook, with a static picture beside it; elsewhere the short text of `repr`."""
        # The one place where a lower layer asks for an upper one: only when a notebook displays the explanation.
        shown: Any = importlib.import_module("wam_widgets.widgets.explorers").bundle(self)
        return shown

    # ------------------------------------------------------------------ what the methods above share

    def _weights(self, selection: str) -> Coefficients | None:
        """Return what a selection multiplies coefficients with, one channel for all; None for 1."""
        if selection not in get_args(Selection):
            raise ValueError(
                f"`selection` must be one of {', '.join(map(repr, get_args(Selection)))}; got {selection!r}."
                f"{nearest(selection, get_args(Selection))}"
            )
        if selection == "hard":
            return None
        if selection == "modulating":
            self._require_signed("A modulating selection")
        amounts = self.attribution if selection == "modulating" else self.attribution.map(torch.abs)
        sums = amounts.flatten().sum(1, keepdim=True)
        largest = sums.abs().amax(2, keepdim=True)
        return amounts.unflatten(torch.where(largest == 0, 0, sums / largest))

    def _template(self) -> Coefficients:
        """Return coefficients of the right structure, without any values."""
        return _structure(self.size, self.wavelet, self.level, self.mode)

    def _to_attribution(self, mean: Tensor) -> Coefficients:
        r"""Carry a mean over passes, (item, channel, \*), to coefficients, times those of the signal if asked for."""
        if self.aggregate != "mean":
            return self._template().unflatten(mean)
        sensitivity = pull_back(mean, self.wavelet, level=self.level, mode=self.mode)
        if self.kind == "sensitivity":
            return sensitivity
        repeats = len(mean) // len(self.signal)  # several groups of all items at once
        return sensitivity.map(
            lambda band, difference: band * difference.repeat(repeats, *[1] * (band.ndim - 1)),
            self.signal_coefficients(),
        )

    def _coefficient_groups(self, groups: GroupMeans) -> GroupMeans:
        """Carry the group means of the gradient to attributions, shape (group, item, channel, n)."""
        at_once = max(1, _AT_ONCE // groups.values[0].numel())
        parts = [self._to_attribution(part.flatten(0, 1)).flatten() for part in groups.values.split(at_once)]
        return GroupMeans(torch.cat(parts).unflatten(0, groups.values.shape[:2]), groups.counts)

    def _error_groups(self) -> GroupMeans:
        """Return the groups if there are enough for a standard error, else say why not."""
        if self.groups is not None and self.has_errors:
            return self.groups
        if "denoised" in self.settings:
            raise ValueError(
                "Standard errors belong to the plain mean; this explanation is denoised, which adds a bias that they "
                "wouldn't show. Ask the explanation that `denoised()` was called on."
            )
        limited = "; a signal this large leaves no memory for more" if "groups_limited_by" in self.settings else ""
        raise ValueError(
            f"Standard errors need method 'smoothgrad' and at least {FEWEST_GROUPS} groups of copies; got "
            f"{self.method!r} with {self.groups.groups if self.groups else 'no'} groups "
            f"({passes_in_words(self.passes.tolist())}{limited}). Pass `method='smoothgrad', samples=25`."
        )

    def _group_means(self) -> GroupMeans:
        if self.groups is None:
            raise ValueError(f"An aggregate of {self.aggregate!r} needs its group means; this explanation lost them.")
        return self.groups

    def _require_signed(self, what: str) -> None:
        if self.aggregate != "mean":
            raise ValueError(
                f"{what} asks what differs from zero, and a mean of magnitudes always does; got "
                f"aggregate={self.aggregate!r}. Call `explain` with `aggregate='mean'`."
            )

    def _baseline_score(self) -> Tensor:
        if self.baseline_score is None:
            raise ValueError(
                f"Completeness is a property of Integrated Gradients; got method {self.method!r}. "
                f"Pass `method='integrated_gradients'`."
            )
        return self.baseline_score


@lru_cache(maxsize=64)
def _structure(size: tuple[int, ...], wavelet: str | None, level: int, mode: Mode) -> Coefficients:
    """Return coefficients without any values: all explanations of a size, seen in a wavelet, share their structure."""
    return pull_back(torch.empty(1, 1, *size, device="meta"), wavelet, level=level, mode=mode)


def _shares_of(template: Coefficients, energy: Tensor) -> Tensor:
    """Add up the energy of coefficients, shape (item, channel, n), by scale and divide it by its sum."""
    by_scale = template.unflatten(energy).total_by_scale().clamp(min=0)
    total = by_scale.sum(1, keepdim=True)
    return torch.where(total == 0, 0, by_scale / total)


def _noise_free_energy(groups: GroupMeans) -> Tensor:
    """Return mean² - standard error², shape (item, channel, n), in units that differ from item to item."""
    mean, error = groups.mean(), standard_error_of_mean(groups.values, groups.counts)
    unit = unit_of(mean)[:, None, None]
    return (mean / unit).square() - (error / unit).square()


def _require_between(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise ValueError(f"`{name}` must be between 0 and 1; got {value}. Pass e.g. `{name}=0.05`.")


def passes_in_words(passes: list[int]) -> str:
    """Write "25 passes", or "15 to 81 passes" where items differ."""
    least, most = min(passes), max(passes)
    number = str(most) if least == most else f"{least} to {most}"
    return f"{number} {'pass' if most == 1 else 'passes'}"
