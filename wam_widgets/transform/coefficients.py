"""The wavelet coefficients of a batch of signals, and the three maps between the two.

One code path serves sound, images and volumes: every transform is a one-dimensional transform along each spatial axis
in turn (which for long filters is also far cheaper than dense filters in three dimensions).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import ptwt
import pywt
import torch
from jaxtyping import Float
from torch import Tensor

from wam_widgets.checks import nearest

from .grid import dimensions, require_signal
from .wavelet import Mode, dual, find_wavelet, require_level, require_mode, scale_names


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Coefficients:
    r"""One number per wavelet, scale, orientation and place.

    Parameters
    ----------
    approximation : Tensor, shape (item, channel, \*band)
        What is left after `level` decompositions; the signal itself where `wavelet` is None.
    details : tuple of dict of str to Tensor, shape (item, channel, \*band)
        For every detail scale, coarse to fine, its bands by orientation: {"d"} in 1-D; {"horizontal", "vertical",
        "diagonal"} in 2-D, as PyWavelets means them ("horizontal" answers to horizontal edges); {"aad" … "ddd"} in
        3-D, one letter per axis.
    wavelet : str or None
        Name of the wavelet; None for the signal's own samples (which are the approximation after 0 decompositions).
    level : int
        Number of decompositions.
    mode : str
        How the signal was continued beyond its border.
    size : tuple of int
        Spatial size of the signal.

    Examples
    --------
    >>> coefficients = decompose(torch.tensor([[[1.0, 3.0, 5.0, 5.0]]]), "haar", level=1)
    >>> coefficients.approximation
    tensor([[[2.8284, 7.0711]]])
    >>> coefficients.scales, tuple(coefficients.details[0])
    (('approximation', 'detail 1'), ('d',))
    """

    approximation: Tensor
    details: tuple[dict[str, Tensor], ...]
    wavelet: str | None
    level: int
    mode: Mode
    size: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.details) != self.level:
            raise ValueError(f"`details` must hold one dict per level, {self.level}; got {len(self.details)}.")
        known = tuple(dimensions(len(self.size)).orientations.values())
        for detail in self.details:
            if tuple(detail) != known:
                raise ValueError(f"`details` must hold the orientations {known} in this order; got {tuple(detail)}.")

    @property
    def scales(self) -> tuple[str, ...]:
        """Names of the scales, coarse to fine: ("approximation", "detail J", …, "detail 1")."""
        return scale_names(self.level)

    def by_scale(self) -> Iterator[tuple[str, dict[str, Tensor]]]:
        """Iterate over (scale, {orientation: band}), coarse to fine; the approximation's is its own."""
        return zip(self.scales, ({"approximation": self.approximation}, *self.details), strict=True)

    def bands(self) -> Iterator[tuple[str, str, Tensor]]:
        """Iterate over (scale, orientation, band), coarse to fine."""
        for scale, detail in self.by_scale():
            for orientation, band in detail.items():
                yield scale, orientation, band

    def map(self, fn: Callable[..., Tensor], *others: Coefficients) -> Coefficients:
        """Return coefficients whose bands are `fn(band, *bands of the others)`.

        Parameters
        ----------
        fn : callable
            Takes as many bands as there are coefficients, returns one.
        *others : Coefficients
            Further coefficients of the same structure.

        Examples
        --------
        >>> decompose(torch.ones(1, 1, 8), "haar", level=1).map(torch.zeros_like).total()
        tensor([0.])
        """
        for other in others:
            if (other.wavelet, other.level, other.size) != (self.wavelet, self.level, self.size):
                raise ValueError(
                    f"Coefficients that are mapped together must have the same structure; got {self!r} and {other!r}. "
                    f"Decompose both with the same wavelet and level."
                )
        return Coefficients(
            fn(self.approximation, *(other.approximation for other in others)),
            tuple(
                {name: fn(band, *(other.details[index][name] for other in others)) for name, band in detail.items()}
                for index, detail in enumerate(self.details)
            ),
            self.wavelet,
            self.level,
            self.mode,
            self.size,
        )

    def flatten(self) -> Tensor:
        """Return all coefficients side by side, shape (item, channel, n), in the order of `bands`."""
        return torch.cat([band.flatten(2) for *_, band in self.bands()], dim=2)

    def unflatten(self, flat: Tensor) -> Coefficients:
        """Return coefficients of this structure that hold the values of `flat`, shape (item, channel, n).

        The inverse of `flatten`; the numbers of items and channels may be others than here.
        """
        counts = [band[0, 0].numel() for *_, band in self.bands()]
        if flat.ndim != 3 or flat.shape[2] != sum(counts):
            raise ValueError(
                f"`flat` must have the shape (item, channel, {sum(counts)}); got {tuple(flat.shape)}. "
                f"Pass what `flatten` of coefficients of this structure returned."
            )
        pieces = flat.split(counts, dim=2)
        following = iter(pieces)
        return self.map(lambda band: next(following).unflatten(2, band.shape[2:]))

    def total(self) -> Tensor:
        """Return the sum of all coefficients of each item, shape (item,)."""
        return self.total_by_scale().sum(1)

    def total_by_scale(self) -> Tensor:
        """Return the sum of each scale's coefficients of each item, shape (item, scale)."""
        sums = [sum(band.flatten(1).sum(1) for band in detail.values()) for _, detail in self.by_scale()]
        return torch.stack(sums, dim=1)  # type: ignore[arg-type]  # no scale is without a band

    def keep(self, which: float | Coefficients) -> Coefficients:
        """Set all but some coefficients to zero.

        Parameters
        ----------
        which : float or Coefficients of bool
            A fraction between 0 and 1 keeps each item's largest positions; a position is kept or dropped with all its
            channels, by the sum of their magnitudes, and of equal ones the coarser comes first. A mask keeps where it
            is true; its bands have this structure, or one channel for all.

        Returns
        -------
        Coefficients
            Same structure.

        Raises
        ------
        ValueError
            If the fraction is not between 0 and 1.
        """
        mask = which if isinstance(which, Coefficients) else self.map(torch.abs).largest(which)
        if mask.approximation.dtype != torch.bool:
            raise TypeError(
                f"A mask must be coefficients of bool; got {mask.approximation.dtype}. "
                f"Pass e.g. `coefficients.map(lambda band: band.abs() > 0.1)`."
            )
        return self.map(lambda band, keep: torch.where(keep, band, 0), mask)

    def largest(self, fraction: float, scales: Sequence[str] | None = None) -> Coefficients:
        """Return a mask, one channel, of the positions of each item whose sum over channels is largest.

        Parameters
        ----------
        fraction : float
            How many of the positions, between 0 and 1; of equal ones the coarser comes first.
        scales : sequence of str, optional
            Names of the scales to choose from; all by default.

        Raises
        ------
        ValueError
            If the fraction is not between 0 and 1, or a scale is unknown.
        """
        if not 0 <= fraction <= 1:
            raise ValueError(f"`fraction` must be between 0 and 1; got {fraction!r}. Pass e.g. 0.05 for five per cent.")
        chosen = self.scales if scales is None else (scales,) if isinstance(scales, str) else tuple(scales)
        if unknown := [scale for scale in chosen if scale not in self.scales]:
            raise ValueError(
                f"`scales` must be among {', '.join(map(repr, self.scales))}; got {unknown[0]!r}."
                f"{nearest(unknown[0], self.scales)}"
            )
        allowed = torch.cat(
            [torch.full((band[0, 0].numel(),), scale in chosen, device=band.device) for scale, _, band in self.bands()]
        )
        importance = self.flatten().sum(1, keepdim=True).masked_fill(~allowed, -torch.inf)
        count = round(fraction * sum(band[0, 0].numel() for scale, _, band in self.bands() if scale in chosen))
        order = importance.argsort(dim=2, descending=True, stable=True)[..., :count]
        mask = torch.zeros_like(importance, dtype=torch.bool).scatter(2, order, value=True)
        return self.unflatten(mask)

    def __repr__(self) -> str:
        items, channels = self.approximation.shape[:2]
        if self.approximation.dtype == torch.bool and not self.approximation.is_meta:
            flags = self.flatten()
            return f"Coefficients({int(flags.sum())} of {flags.numel()} true, size {self.size}, {self.wavelet})"
        return (
            f"Coefficients({items} item(s), {channels} channel(s), size {self.size}, {self.wavelet}, "
            f"level {self.level}, mode {self.mode!r})"
        )


def decompose(
    signal: Float[Tensor, "item channel *space"], wavelet: str | None = "haar", *, level: int = 3, mode: str = "reflect"
) -> Coefficients:
    r"""Split every item into `level` detail scales and one approximation.

    Parameters
    ----------
    signal : Tensor, shape (item, channel, \*space)
        Float32 or float64, with one to three spatial axes of any size.
    wavelet : str or None
        Any discrete wavelet of PyWavelets; None returns the samples themselves as the approximation after 0 levels.
    level : int
        Number of decompositions; ignored without a wavelet.
    mode : {"reflect", "zero", "symmetric", "periodic", "constant"}
        How the signal is continued beyond its border.

    Returns
    -------
    Coefficients
        On the signal's device and in its dtype.

    Raises
    ------
    TypeError, ValueError
        For a signal of the wrong type or shape, an unknown wavelet or mode, or a level that is too deep.

    Examples
    --------
    >>> coefficients = decompose(torch.arange(8.0).reshape(1, 1, 8), "haar", level=1)
    >>> coefficients.details[0]["d"].shape
    torch.Size([1, 1, 4])
    """
    signal = require_signal(signal)
    mode = require_mode(mode)
    size = tuple(signal.shape[2:])
    if wavelet is None:
        return Coefficients(signal, (), None, 0, mode, size)
    bank = find_wavelet(wavelet)
    level = require_level(level, size, bank, mode)
    return Coefficients(*_analyse(signal, bank, level, mode), wavelet, level, mode, size)


def pull_back(
    gradient: Float[Tensor, "item channel *space"],
    wavelet: str | None = "haar",
    *,
    level: int = 3,
    mode: str = "reflect",
) -> Coefficients:
    r"""Carry a gradient with respect to a signal to the signal's wavelet coefficients.

    The signal is the synthesis of its coefficients, x = W⁻¹z, so by the chain rule ∂f/∂z = (W⁻¹)ᵀ ∂f/∂x, whoever
    computed ∂f/∂x. For orthogonal wavelets this adjoint is the analysis of the zero-padded gradient; for biorthogonal
    ones it is that with the dual wavelet.

    Parameters
    ----------
    gradient : Tensor, shape (item, channel, \*space)
        Derivative of a score with respect to the signal.
    wavelet, level, mode
        As in `decompose`. The synthesis has no boundary mode, so `mode` does not change the values; it is kept with
        the result, for the coefficients of the signal that they may be multiplied with.

    Returns
    -------
    Coefficients
        Derivative of the score with respect to every coefficient.

    Raises
    ------
    TypeError, ValueError
        As in `decompose`.

    References
    ----------
    Kasmi, Brunetto, Fel, Parekh, One Wave To Explain Them All, ICML 2025, eq. 1.

    Examples
    --------
    >>> pull_back(torch.ones(1, 1, 8), "haar", level=3).approximation
    tensor([[[2.8284]]])
    """
    gradient = require_signal(gradient, "gradient")
    mode = require_mode(mode)
    size = tuple(gradient.shape[2:])
    if wavelet is None:
        return Coefficients(gradient, (), None, 0, mode, size)
    bank = find_wavelet(wavelet)
    level = require_level(level, size, bank, mode)
    return Coefficients(*_analyse(gradient, dual(bank), level, "zero"), wavelet, level, mode, size)


def reconstruct(coefficients: Coefficients) -> Float[Tensor, "item channel *space"]:
    r"""Put the signal together again.

    Parameters
    ----------
    coefficients : Coefficients
        From `decompose`, possibly changed. The result is linear in them.

    Returns
    -------
    Tensor, shape (item, channel, \*space)
        Exactly the signal that was decomposed (to 5e-3 for "dmey", whose filters only approximate a wavelet).

    Examples
    --------
    >>> signal = torch.arange(7.0).reshape(1, 1, 7)
    >>> torch.allclose(reconstruct(decompose(signal, "db2", level=1)), signal, atol=1e-6)
    True
    """
    if coefficients.wavelet is None:
        return coefficients.approximation
    return _synthesise(coefficients, find_wavelet(coefficients.wavelet))


def undo_pull_back(coefficients: Coefficients) -> Float[Tensor, "item channel *space"]:
    """Return the gradient that `pull_back` carries to these coefficients, or the nearest thing to one.

    W⁻¹W = I also reads Wᵀ(W⁻¹)ᵀ = I, so the transpose of the zero-padded analysis is a left inverse of the pull-back.
    Coefficients that are no pull-back (shrunken ones, at the border) are projected.
    """
    if coefficients.wavelet is None:
        return coefficients.approximation
    return _synthesise(coefficients, dual(find_wavelet(coefficients.wavelet)))


def _analyse(
    signal: Tensor, wavelet: pywt.Wavelet, level: int, extension: Mode
) -> tuple[Tensor, tuple[dict[str, Tensor], ...]]:
    """Decompose along one axis after the other, level by level."""
    space = signal.ndim - 2
    orientations = dimensions(space).orientations
    details = []
    for _ in range(level):
        bands = signal[None]  # (band, item, channel, *space); every axis splits each band in two
        for axis in range(3, 3 + space):
            if extension == "zero":
                low, high = _split(bands, wavelet, axis)
            else:
                with full_precision(signal.device):
                    low, high = ptwt.wavedec(bands, wavelet, mode=extension, level=1, axis=axis)
            bands = torch.stack([low, high], dim=1).flatten(0, 1)
        named = dict(zip(_filters(space), bands.unbind(), strict=True))
        signal = named["a" * space]
        details.append({name: named[filters] for filters, name in orientations.items()})
    return signal, tuple(reversed(details))


def _synthesise(coefficients: Coefficients, wavelet: pywt.Wavelet) -> Tensor:
    """Undo `_analyse` along one axis after the other, cropping what was padded."""
    space = len(coefficients.size)
    orientations = dimensions(space).orientations
    finer_sizes = [detail[next(iter(detail))].shape[2:] for detail in coefficients.details[1:]]
    signal = coefficients.approximation
    for detail, size in zip(coefficients.details, [*finer_sizes, coefficients.size], strict=True):
        bands = torch.stack(
            [signal if filters == "a" * space else detail[orientations[filters]] for filters in _filters(space)]
        )
        for axis in reversed(range(space)):
            low, high = bands.unflatten(0, (-1, 2)).unbind(1)
            bands = _merge(low, high, wavelet, 3 + axis).narrow(3 + axis, 0, size[axis])
        signal = bands[0]
    return signal


def _split(signal: Tensor, wavelet: pywt.Wavelet, axis: int) -> tuple[Tensor, Tensor]:
    """Do one level along one axis, of a signal that is zero beyond its border: of every pull-back."""
    length, count = wavelet.dec_len, (signal.shape[axis] + wavelet.dec_len - 1) // 2
    before, after = length - 2, length - 2 + signal.shape[axis] % 2
    padded = torch.nn.functional.pad(signal, (0, 0) * (signal.ndim - 1 - axis) + (before, after))
    halves = [half.contiguous() for half in padded.unflatten(axis, (-1, 2)).unbind(axis + 1)]
    bands = []
    for filter_ in (wavelet.dec_lo, wavelet.dec_hi):
        band = torch.zeros_like(halves[0].narrow(axis, 0, count))
        for tap in range(length):
            band.add_(halves[tap % 2].narrow(axis, tap // 2, count), alpha=filter_[length - 1 - tap])
        bands.append(band)
    return bands[0], bands[1]


def _merge(low: Tensor, high: Tensor, wavelet: pywt.Wavelet, axis: int) -> Tensor:
    """Undo one level along one axis: the even samples, and the odd ones, are sums of a few shifted bands.

    What ptwt's transposed convolutions compute, three to ten times as fast on a CPU: every input that a curve of
    insertion or deletion runs is synthesised anew.
    """
    taps = wavelet.dec_len // 2
    count = low.shape[axis] - taps + 1
    halves = []
    for first in (0, 1):
        terms = [
            (band.narrow(axis, taps - 1 - tap, count), filter_[2 * tap + first])
            for tap in range(taps)
            for band, filter_ in ((low, wavelet.rec_lo), (high, wavelet.rec_hi))
        ]
        (band, weight), *others = terms
        half = band * weight
        for band, weight in others:
            half.add_(band, alpha=weight)
        halves.append(half)
    if axis == halves[0].ndim - 1:
        # Single samples take turns, as the parts of complex numbers do: eight times as fast as `stack`.
        return torch.view_as_real(torch.complex(*halves)).flatten(axis)
    return torch.stack(halves, dim=axis + 1).flatten(axis, axis + 1)


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Keep the caller's autocast, and TF32 on CUDA (whose convolutions are off by 1e-3), out of the transform."""
    with ExitStack() as stack:
        if device.type != "meta":
            stack.enter_context(torch.autocast(device.type, enabled=False))
        if device.type == "cuda":
            cudnn = torch.backends.cudnn
            stack.enter_context(
                cudnn.flags(
                    enabled=cudnn.enabled,
                    benchmark=cudnn.benchmark,
                    deterministic=cudnn.deterministic,
                    allow_tf32=False,
                )
            )
        yield


def _filters(space: int) -> list[str]:
    """Name the bands of one level by the filter along each axis, in the order that `_analyse` leaves them in."""
    return ["".join(letters) for letters in itertools.product("ad", repeat=space)]
