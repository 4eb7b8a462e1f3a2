"""Wavelets, boundary modes and the arithmetic of levels."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal, get_args

import pywt

from wam_widgets.checks import nearest, whole_number

Mode = Literal["zero", "reflect", "symmetric", "periodic", "constant"]
"""How a signal is continued beyond its border, in the words of PyWavelets (and ptwt)."""

#: A signal of 2**64 samples doesn't exist, so no scale beyond this one does. Only modes whose padding never fails
#: (zero, symmetric, constant, periodic) come near it: they go on when nothing is left to halve.
_DEEPEST = 64


def find_wavelet(name: str) -> pywt.Wavelet:
    """Return the discrete wavelet called `name`.

    Raises
    ------
    TypeError, ValueError
        If PyWavelets has no discrete wavelet of that name; the nearest name is given.
    """
    if not isinstance(name, str):
        raise TypeError(f"`wavelet` must be a name such as 'haar' or 'db4'; got {type(name).__name__}.")
    return _find_wavelet(name)


@lru_cache(maxsize=256)
def _find_wavelet(name: str) -> pywt.Wavelet:
    known = pywt.wavelist(kind="discrete")
    if name not in known:
        raise ValueError(
            f"`wavelet` must be one of PyWavelets' {len(known)} discrete wavelets; got {name!r}."
            f"{nearest(name, known)} `pywt.wavelist(kind='discrete')` lists them."
        )
    return pywt.Wavelet(name)


@lru_cache(maxsize=256)
def dual(wavelet: pywt.Wavelet) -> pywt.Wavelet:
    """Return the wavelet whose zero-padded analysis is the adjoint of the synthesis with `wavelet`.

    Synthesis upsamples, filters with `rec_lo` and `rec_hi` and crops. Its adjoint pads with zeros, filters with the
    same filters reversed in time and downsamples: an analysis whose filters are the reversed synthesis filters. For
    an orthogonal wavelet these are the wavelet's own (Mallat, A Wavelet Tour of Signal Processing, section 7.3).
    """
    bank = (wavelet.rec_lo[::-1], wavelet.rec_hi[::-1], wavelet.dec_lo[::-1], wavelet.dec_hi[::-1])
    return pywt.Wavelet(f"dual of {wavelet.name}", filter_bank=bank)


def require_mode(mode: str) -> Mode:
    """Return `mode` if it is a boundary mode, else raise with the nearest name."""
    known = get_args(Mode)
    if mode not in known:
        raise ValueError(f"`mode` must be one of {', '.join(map(repr, known))}; got {mode!r}.{nearest(mode, known)}")
    return mode  # type: ignore[return-value]  # narrowed by the check above


def coarser_size(samples: int, taps: int) -> int:
    """Return how many coefficients an analysis with filters of `taps` taps leaves of `samples` samples."""
    return (samples + taps - 1) // 2


def _can_pad(samples: int, taps: int, mode: Mode) -> bool:
    """Whether `samples` samples suffice to continue the signal as far as the filters reach beyond the border."""
    padding = taps - 2 + samples % 2
    if mode == "reflect":  # a reflection doesn't repeat the border sample
        return padding < samples
    return mode != "periodic" or padding <= samples


def deepest_level(size: tuple[int, ...], wavelet: pywt.Wavelet, mode: Mode) -> int:
    """Return the largest level whose padding is possible along every axis; 64 where there is no limit."""
    for level in range(_DEEPEST):
        if not all(_can_pad(samples, wavelet.dec_len, mode) for samples in size):
            return level
        coarser = tuple(coarser_size(samples, wavelet.dec_len) for samples in size)
        if coarser == size:  # nothing is left to halve, so that nothing changes any more
            break
        size = coarser
    return _DEEPEST


def require_any_level(level: object) -> int:
    """Return `level` if some signal can be decomposed so often."""
    count = whole_number(level)
    if count is None:
        raise TypeError(f"`level` must be a whole number of decompositions; got {level!r}. Pass e.g. `level=3`.")
    if count < 1:
        raise ValueError(
            f"`level` must be at least 1; got {level}. Pass e.g. `level=3`, or `wavelet=None` for the samples."
        )
    return count


def require_level(level: object, size: tuple[int, ...], wavelet: pywt.Wavelet, mode: Mode) -> int:
    """Return `level` if a signal of `size` can be decomposed so often, else raise with the deepest possible level."""
    count = require_any_level(level)
    deepest = deepest_level(size, wavelet, mode)
    if count > deepest:
        remedies = []
        if deepest:
            remedies.append(f"`level={deepest}`")
        elif deepest_level(size, find_wavelet("haar"), mode):
            remedies.append("a wavelet with a shorter filter, such as 'haar'")
        if mode not in {"zero", "symmetric", "constant"}:
            remedies.append("`mode='symmetric'`, which can go deeper")
        raise ValueError(
            f"`level={level}` is too deep: a signal of size {size} can be decomposed at most {deepest} times with "
            f"{wavelet.name!r} ({wavelet.dec_len} taps) in mode {mode!r}. Pass {', or '.join(remedies)}."
        )
    return count


def scale_names(level: int) -> tuple[str, ...]:
    """Return the names of the scales of a decomposition, coarse to fine.

    Examples
    --------
    >>> scale_names(2)
    ('approximation', 'detail 2', 'detail 1')
    """
    return ("approximation", *(f"detail {scale}" for scale in range(level, 0, -1)))
