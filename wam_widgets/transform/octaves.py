"""Where a coefficient of a sound sits in time and in frequency, and how a decomposition is drawn there.

Detail j answers to the octave from rate / 2^(j + 1) to rate / 2^j, the approximation to what lies below the last. That
is nominal: filters of few taps overlap, and the *share* says how much of an atom's energy lies within. In time a
coefficient sits in its cell (`geometry`). So every coefficient has a tile of the time-frequency plane, and all tiles
away from the border have the same area, a half: drawn all over its tile, a magnitude is a density too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from wam_widgets.checks import require_count, require_one_of

from .coefficients import Coefficients
from .geometry import cells
from .logmel import hz_to_mel, mel_to_hz
from .wavelet import find_wavelet, scale_names

Axis = Literal["linear", "log", "mel"]
"""In what the rows of a map are evenly spaced: Hz, octaves, or mel (Slaney's)."""

Pool = Literal["peak", "mean"]
"""What a map shows of several tiles in one of its cells: the largest, or the mean by the area that each covers."""

#: The shares of coarser scales are those of this one: an atom is then a continuous wavelet to 1e-6 (rbio3.1: 1e-3).
_COARSEST = 12

#: A map has so many rows where nothing else is asked for: per octave, or in all.
_ROWS_PER_OCTAVE, _ROWS = 12, 128

#: What a map may have, rows times columns: 128 MiB.
_MOST_CELLS = 2**24

#: A map has no more columns than a screen has pixels.
_COLUMNS = 1024

#: From Hz to what rows are evenly spaced in, and back.
AXES: dict[str, tuple[Callable[[NDArray[np.float64]], NDArray[np.float64]], ...]] = {
    "linear": (np.asarray, np.array),
    "log": (np.log2, np.exp2),
    "mel": (hz_to_mel, mel_to_hz),
}


@dataclass(frozen=True, slots=True)
class Octave:
    """The frequencies that a scale answers to.

    Parameters
    ----------
    low, high : float
        Its nominal octave, in Hz; that of the approximation reaches down to 0.
    share : float
        How much of the energy of one of its synthesis atoms lies between them, from 0 to 1.

    Examples
    --------
    >>> Octave(low=500.0, high=1000.0, share=0.8).high
    1000.0
    """

    low: float
    high: float
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class Tiling:
    """The tiles of the time-frequency plane that the coefficients of one scale are drawn in.

    Parameters
    ----------
    scale : str
        Name of the scale.
    octave : Octave
        Its frequencies: the tiles' lower and upper side.
    tile : integer array, shape (coefficient,)
        The tile of each coefficient; near the border several share one.
    edges : float array, shape (tile + 1,)
        Where the tiles meet, in seconds. Sample s, at s / rate, reaches half a sample to both sides.
    """

    scale: str
    octave: Octave
    tile: NDArray[np.int64]
    edges: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TimeFrequencyMap:
    """Magnitudes on a regular grid of time and frequency.

    Parameters
    ----------
    values : float array, shape (frequency, time)
        Magnitudes, low frequencies first.
    frequency_edges : float array, shape (frequency + 1,)
        Where rows meet, in Hz, ascending.
    time_edges : float array, shape (time + 1,)
        Where columns meet, in seconds.
    axis : {"linear", "log", "mel"}
        In what the rows are evenly spaced.
    """

    values: NDArray[np.float64]
    frequency_edges: NDArray[np.float64]
    time_edges: NDArray[np.float64]
    axis: Axis

    @property
    def frequencies(self) -> NDArray[np.float64]:
        """The middle of every row in Hz, as the axis counts: on a log axis the geometric mean of its edges."""
        there, back = AXES[self.axis]
        return back(_middles(there(self.frequency_edges)))

    @property
    def times(self) -> NDArray[np.float64]:
        """The middle of every column in seconds."""
        return _middles(self.time_edges)


def octaves(wavelet: str | None, level: int, rate: float) -> tuple[Octave, ...]:
    """Return the frequencies that every scale answers to.

    Parameters
    ----------
    wavelet : str or None
        Any discrete wavelet of PyWavelets; None for the samples, which have all frequencies.
    level : int
        Number of decompositions; ignored without a wavelet.
    rate : float
        Samples per second, in Hz.

    Returns
    -------
    tuple of Octave
        Coarse to fine, as `scale_names` does: 0 to rate / 2^(level + 1) for the approximation, and
        rate / 2^(j + 1) to rate / 2^j for detail j.

    References
    ----------
    Mallat, A Wavelet Tour of Signal Processing, section 7.1; PyWavelets' `scale2frequency` gives a wavelet's centre.

    Examples
    --------
    >>> for octave in octaves("haar", 2, 16_000.0):
    ...     print(f"{octave.low:g} to {octave.high:g} Hz: {octave.share:.3f}")
    0 to 2000 Hz: 0.784
    2000 to 4000 Hz: 0.546
    4000 to 8000 Hz: 0.818
    """
    if wavelet is None:
        return (Octave(0.0, rate / 2, 1.0),)
    details = [Octave(rate / 2 ** (j + 1), rate / 2**j, energy_share(wavelet, j, "d")) for j in range(level, 0, -1)]
    return (Octave(0.0, rate / 2 ** (level + 1), energy_share(wavelet, level, "a")), *details)


@lru_cache(maxsize=1024)
def energy_share(wavelet: str, scale: int, kind: str) -> float:
    """Return how much of the energy of a synthesis atom lies within its nominal octave, away from the border.

    Parameters
    ----------
    wavelet : str
        Name of the wavelet.
    scale : int
        Number of decompositions that lead to the band; beyond 12 the share is that of 12.
    kind : {"a", "d"}
        The low-pass or the high-pass band.

    Returns
    -------
    float
        From 0 to 1. Of Haar's finest detail it is 1/2 + 1/π, and a half of the coarser ones.

    Notes
    -----
    With the autocorrelation r of the atom, its energy between ω₁ and ω₂ is the integral of the spectrum
    r₀ + 2 Σ rₖ cos kω, which is (ω₂ − ω₁) r₀ + 2 Σ rₖ (sin kω₂ − sin kω₁) / k: exact, without a grid of frequencies.
    """
    scale = min(scale, _COARSEST)
    atom = _atom(wavelet, scale, kind)
    spectrum = np.fft.rfft(atom, 2 * len(atom))
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, 2 * len(atom))[: len(atom)]
    low, high = (np.pi / 2**scale, np.pi / 2 ** (scale - 1)) if kind == "d" else (0.0, np.pi / 2**scale)
    lag = np.arange(1, len(atom))
    waves = (np.sin(lag * high) - np.sin(lag * low)) / lag
    return float(((high - low) * correlation[0] + 2 * correlation[1:] @ waves) / (np.pi * correlation[0]))


def _atom(wavelet: str, scale: int, kind: str) -> NDArray[np.float64]:
    """Return what one coefficient away from the border reconstructs, shape (sample,)."""
    bank = find_wavelet(wavelet)
    low = np.asarray(bank.rec_lo)
    atom = np.asarray(bank.rec_lo if kind == "a" else bank.rec_hi)
    for _ in range(scale - 1):
        finer = np.zeros(2 * len(atom) - 1)
        finer[::2] = atom
        atom = np.convolve(finer, low)
    return atom


def tilings(samples: int, wavelet: str | None, level: int, rate: float) -> tuple[Tiling, ...]:
    """Return the tiles of every scale of a sound.

    Parameters
    ----------
    samples : int
        Length of the sound.
    wavelet, level, rate
        As in `octaves`.

    Returns
    -------
    tuple of Tiling
        Coarse to fine.
    """
    scales = octaves(wavelet, level, rate)
    if wavelet is None:
        edges = np.asarray((np.arange(samples + 1) - 0.5) / rate)
        return (Tiling("approximation", scales[0], np.arange(samples), edges),)
    kinds = [(level, "a"), *((j, "d") for j in range(level, 0, -1))]
    axis = [cells(samples, wavelet, scale, kind) for scale, kind in kinds]
    return tuple(
        Tiling(name, octave, cell.tile, cell.edges / rate)
        for name, octave, cell in zip(scale_names(level), scales, axis, strict=True)
    )


def draw_tiles(
    magnitudes: Coefficients,
    rate: float,
    *,
    axis: Axis = "log",
    rows: int | None = None,
    columns: int | None = None,
    lowest: float | None = None,
    pool: Pool = "peak",
) -> TimeFrequencyMap:
    """Draw the coefficients of one sound on a regular grid of time and frequency.

    Parameters
    ----------
    magnitudes : Coefficients
        Of one item with one spatial axis; channels, and coefficients that share a tile, are added up.
    rate : float
        Samples per second, in Hz.
    axis : {"linear", "log", "mel"}
        In what the rows are evenly spaced.
    rows : int, optional
        By default 12 per octave on a log axis, so that octaves begin where rows do, and 128 on others.
    columns : int, optional
        By default one per sample, and 1024 at most.
    lowest : float, optional
        Where the frequencies begin, in Hz: by default at 0, and on a log axis an octave below the coarsest detail.
    pool : {"peak", "mean"}
        What a cell shows of the tiles that it covers.

    Returns
    -------
    TimeFrequencyMap
        Every coefficient's whole magnitude all over its tile.

    Raises
    ------
    TypeError, ValueError
        For coefficients of anything but one sound, or options that can't be right.

    Examples
    --------
    >>> import torch
    >>> from wam_widgets.transform import decompose
    >>> tone = torch.sin(2 * torch.pi * 3000 * torch.arange(1600) / 16_000).reshape(1, 1, -1)  # 3 kHz
    >>> drawn = draw_tiles(decompose(tone, "db4", level=4).map(torch.abs), 16_000.0)
    >>> print(f"{drawn.frequencies[drawn.values.sum(1).argmax()]:.0f} Hz")  # the lowest row of its octave
    2059 Hz
    """
    band = magnitudes.approximation
    if len(magnitudes.size) != 1 or len(band) != 1 or band.is_meta:
        raise ValueError(
            f"A map of time and frequency needs the coefficients of one sound, with values; got {magnitudes!r}"
            f"{' without values' if band.is_meta else ''}. Pass e.g. `decompose(sound[:1], …).map(torch.abs)`."
        )
    require_one_of("axis", axis, get_args(Axis))
    require_one_of("pool", pool, get_args(Pool))
    (samples,) = magnitudes.size
    level = 0 if magnitudes.wavelet is None else magnitudes.level
    begin = _require_lowest(lowest, axis, rate, level)
    if rows is None:
        rows = max(1, round(_ROWS_PER_OCTAVE * math.log2(rate / 2 / begin))) if axis == "log" else _ROWS
    wanted_rows = require_count("rows", rows, _ROWS)
    wanted_columns = require_count("columns", min(samples, _COLUMNS) if columns is None else columns, 512)

    if wanted_rows * wanted_columns > _MOST_CELLS:
        raise ValueError(
            f"A map must have at most {_MOST_CELLS:,} cells; got rows={wanted_rows}, columns={wanted_columns}. Pass "
            f"e.g. `rows=512, columns=4096`."
        )
    there, back = AXES[axis]
    bottom, top = there(np.array([begin, rate / 2])).tolist()
    row_edges = np.linspace(bottom, top, wanted_rows + 1)
    column_edges = np.linspace(0, samples, wanted_columns + 1) - 0.5  # in samples
    scales = tilings(samples, magnitudes.wavelet, level, 1.0)
    strips = [
        _pooled(_per_tile(tiling, detail), tiling.edges, column_edges, pool)
        for tiling, (_, _, detail) in zip(scales, magnitudes.bands(), strict=True)
    ]
    sides = rate * np.array([scales[0].octave.low, *(tiling.octave.high for tiling in scales)])
    values = _pooled(np.stack(strips), there(np.maximum(sides, begin)), row_edges, pool)
    hertz = back(row_edges)
    hertz[[0, -1]] = begin, rate / 2  # exactly
    return TimeFrequencyMap(values, hertz, column_edges / rate, axis)


def _middles(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    return (edges[:-1] + edges[1:]) / 2


def _per_tile(tiling: Tiling, band: Tensor) -> NDArray[np.float64]:
    """Add up what shares a tile, and channels, shape (tile,)."""
    values = band[0].detach().double().sum(0).cpu().numpy()
    tiles = np.zeros(len(tiling.edges) - 1)
    np.add.at(tiles, tiling.tile, values)
    return tiles


def _pooled(
    values: NDArray[np.float64], edges: NDArray[np.float64], wanted: NDArray[np.float64], pool: Pool
) -> NDArray[np.float64]:
    """Draw tiles between `edges`, shape (tile, …), in cells between `wanted` edges, shape (cell, …).

    Tiles may have no width: then nobody sees them.
    """
    if pool == "mean":
        width = np.diff(edges).reshape(-1, *[1] * (values.ndim - 1))
        integral = np.concatenate([np.zeros_like(values[:1]), np.cumsum(values * width, axis=0)])
        columns = [np.interp(wanted, edges, column) for column in integral.reshape(len(integral), -1).T]
        reached = np.stack(columns, axis=1).reshape(len(wanted), *values.shape[1:])
        return np.diff(reached, axis=0) / np.diff(wanted).reshape(-1, *[1] * (values.ndim - 1))
    hair = 1e-9 * (wanted[-1] - wanted[0]) / len(wanted)  # to touch is not to cover
    last = len(values) - 1
    first = np.clip(np.searchsorted(edges, wanted[:-1] + hair, side="right") - 1, 0, last)
    end = np.clip(np.searchsorted(edges, wanted[1:] - hair, side="left") - 1, first, last)
    # `reduceat` takes from each index to the next: every second one is what lies between two cells.
    padded = np.concatenate([values, values[-1:]])
    return np.maximum.reduceat(padded, np.stack([first, end + 1], axis=1).ravel(), axis=0)[::2]


def _require_lowest(lowest: float | None, axis: Axis, rate: float, level: int) -> float:
    """Return where the frequencies begin, in Hz."""
    if lowest is None:
        return rate / 2 ** (level + 2) if axis == "log" else 0.0
    if not 0 <= lowest < rate / 2 or (axis == "log" and lowest == 0):
        least = "above 0" if axis == "log" else "from 0"
        raise ValueError(
            f"`lowest` must be a frequency {least} and below {rate / 2:g} Hz, half the sampling rate; got {lowest!r}. "
            f"Pass e.g. `lowest={rate / 64:g}`."
        )
    return float(lowest)
