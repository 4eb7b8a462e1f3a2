"""Where a coefficient sits on the signal's grid, and how a band is drawn there.

Both are properties of one axis at a time, because the transform is. A coefficient's *position* is the energy centroid
of its synthesis atom, the signal that this coefficient alone reconstructs. Its *cell* is the tile of the grid that
holds the centroid: tiles of a scale J are 2^J samples wide and centred on the atoms away from the border. Near the
border long filters have more coefficients than there are tiles, so that several share one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .coefficients import Coefficients, reconstruct
from .grid import dimensions
from .wavelet import coarser_size, find_wavelet

#: Number of float64 samples that are synthesised at once to find centroids (64 MiB).
_CHUNK = 2**23


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The tiling of one axis by the coefficients of one band.

    Parameters
    ----------
    tile : integer array, shape (coefficient,)
        The tile that each coefficient is drawn in.
    edges : float array, shape (tile + 1,)
        Where the tiles meet, in samples; sample s reaches from s - 0.5 to s + 0.5, so the first edge is -0.5.
    """

    tile: NDArray[np.int64]
    edges: NDArray[np.float64]

    def overlaps(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return, per sample, the first tile that it overlaps and how much of it lies there; the rest is in the next.

        Tiles are at least one sample wide, so a sample overlaps two at most.
        """
        starts = np.arange(-0.5, self.edges[-1] - 0.5)
        first = np.searchsorted(self.edges, starts, side="right") - 1
        return first, np.minimum(self.edges[first + 1] - starts, 1)


def positions(samples: int, wavelet: str, scale: int, kind: str) -> NDArray[np.float64]:
    """Return the energy centroid of every synthesis atom of a band, along one axis.

    Parameters
    ----------
    samples : int
        Length of the signal along this axis.
    wavelet : str
        Name of the wavelet.
    scale : int
        Number of decompositions that lead to the band.
    kind : {"a", "d"}
        The low-pass or the high-pass band along this axis.

    Returns
    -------
    float array, shape (coefficient,)
        Positions in samples, from 0 to samples - 1.
    """
    taps, step = find_wavelet(wavelet).dec_len, 2**scale
    # Far from the border, atoms are translates of each other. So a shorter signal, cut by a multiple of the step, has
    # the same atoms at both ends, and what is cut out of the middle moves on by one step per coefficient.
    cut = max(0, samples // step - 4 * taps)
    short = _centroids(samples - cut * step, wavelet, scale, kind)
    half = len(short) // 2
    middle = short[half] + step * np.arange(cut)
    return np.concatenate([short[:half], middle, short[half:] + cut * step])


@lru_cache(maxsize=1024)
def cells(samples: int, wavelet: str, scale: int, kind: str) -> Cells:
    """Return the tiles that the coefficients of a band are drawn in, along one axis (parameters as in `positions`)."""
    place, step = positions(samples, wavelet, scale, kind), 2**scale
    middle = place[len(place) // 2]
    number = np.floor((place - middle) / step + 0.5).astype(np.int64)
    used = np.unique(number)
    inner = middle + step * (used[1:] + used[:-1]) / 2
    # A border tile of less than half the width would draw what it holds as a bright line: it joins its neighbour.
    inner = inner[(inner >= step / 2 - 0.5) & (inner <= samples - 0.5 - step / 2)]
    edges = np.concatenate([[-0.5], inner, [samples - 0.5]])
    return Cells(np.searchsorted(inner, place, side="right"), edges)


def spread(magnitudes: Coefficients, *, orientations: bool = True) -> Tensor:
    r"""Draw every band on the signal's grid, each coefficient spread evenly over its cell.

    Parameters
    ----------
    magnitudes : Coefficients
        What to draw; channels are added up.
    orientations : bool
        Whether to keep the orientations of a scale apart or to add them up too.

    Returns
    -------
    Tensor, shape (item, scale, orientation, \*space), or (item, scale, \*space)
        Sums over the space are those of the bands. The approximation, which has no orientation, stands in the place
        of the first, and the others are zero there.
    """
    names = dimensions(len(magnitudes.size)).orientations
    filters_of = {name: filters for filters, name in names.items()} | {"approximation": "a" * len(magnitudes.size)}
    place_of = {"approximation": 0} | {name: place for place, name in enumerate(names.values())}
    decompositions = dict(zip(magnitudes.scales, [magnitudes.level, *range(magnitudes.level, 0, -1)], strict=True))
    number_of = {scale: number for number, scale in enumerate(magnitudes.scales)}
    shape = (len(magnitudes.approximation), len(number_of), len(names) if orientations else 1, *magnitudes.size)
    drawn = magnitudes.approximation.new_zeros(shape)
    for scale, orientation, band in magnitudes.bands():
        place = place_of[orientation] if orientations else 0
        drawn[:, number_of[scale], place] += _spread_band(
            band.sum(1), magnitudes, decompositions[scale], filters_of[orientation]
        )
    return drawn if orientations else drawn[:, :, 0]


def _spread_band(band: Tensor, coefficients: Coefficients, scale: int, filters: str) -> Tensor:
    """Draw one band, shape (item, *band), on the grid, shape (item, *space)."""
    if coefficients.wavelet is None:
        return band
    for axis, (samples, kind) in enumerate(zip(coefficients.size, filters, strict=True), start=1):
        band = _spread_axis(band, cells(samples, coefficients.wavelet, scale, kind), axis)
    return band


def _spread_axis(band: Tensor, tiling: Cells, axis: int) -> Tensor:
    """Spread the coefficients along one axis over their tiles."""
    widths = torch.as_tensor(np.diff(tiling.edges), dtype=band.dtype, device=band.device)
    tile = torch.as_tensor(tiling.tile, device=band.device)
    along_last = band.movedim(axis, -1)
    density = along_last.new_zeros((*along_last.shape[:-1], len(widths))).index_add_(-1, tile, along_last) / widths
    first, part = tiling.overlaps()
    share = torch.as_tensor(part, dtype=band.dtype, device=band.device)
    first_tile = torch.as_tensor(first, device=band.device)
    next_tile = (first_tile + 1).clamp(max=len(widths) - 1)
    return (density[..., first_tile] * share + density[..., next_tile] * (1 - share)).movedim(-1, axis)


@lru_cache(maxsize=1024)
def _centroids(samples: int, wavelet: str, scale: int, kind: str) -> NDArray[np.float64]:
    """Synthesise every atom of a one-dimensional band and return the centroids of their energies."""
    taps = find_wavelet(wavelet).dec_len
    sizes = [samples]
    for _ in range(scale):
        sizes.append(coarser_size(sizes[-1], taps))
    place, energy = [], []
    for atoms in np.array_split(np.eye(sizes[-1]), max(1, sizes[-1] * samples // _CHUNK)):
        unit = torch.from_numpy(atoms)[:, None]
        nothing = torch.zeros_like(unit)
        details = [{"d": unit.new_zeros(len(unit), 1, size)} for size in reversed(sizes[1:-1])]
        low, high = (unit, nothing) if kind == "a" else (nothing, unit)
        signals = reconstruct(Coefficients(low, ({"d": high}, *details), wavelet, scale, "zero", (samples,)))
        squares = signals[:, 0].square().numpy()
        energy.append(squares.sum(1))
        place.append(squares @ np.arange(samples) / np.maximum(energy[-1], np.finfo(float).tiny))
    centroids, heard = np.concatenate(place), np.concatenate(energy) > 0
    # Some border coefficients of biorthogonal wavelets reconstruct nothing on the grid: they join their neighbours.
    index = np.arange(len(centroids))
    return np.asarray(np.clip(np.interp(index, index[heard], centroids[heard]), 0, samples - 1))
