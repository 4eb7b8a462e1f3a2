"""What a player has to draw, from the engine and NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import wam_widgets as wam
from wam_widgets.attribution.time_frequency import sampling_rate, tiles
from wam_widgets.plots.spectrograms import decibels_of, edges_of
from wam_widgets.transform.octaves import AXES

from .expected import TABLES

Array = NDArray[np.float64]

ROWS, COLUMNS = 300, 1000


@dataclass(frozen=True)
class Settings:
    """Settings of a player that change its picture, by the names of its traits."""

    look: str = "tiles"
    axis: str = "log"
    span: tuple[float, ...] = ()
    only_kept: bool = False
    fraction: float = 0.05
    signed: bool = False
    opacity: float = 1.0
    colours: str = "magma"
    signed_colours: str = "RdBu"
    limit: float = 0.0
    significant: bool = False
    rate: float = 0.05
    denoised: bool = False


def picture(explanation: wam.Explanation, settings: Settings) -> Array:
    """Return what is drawn of an explanation of one sound: (row, column, red-green-blue), from 0 to 255."""
    level = _loudest(explanation, settings)
    viridis = TABLES["viridis"]  # from bright to dark
    photo = viridis[np.round((255 - level) / 255 * (len(viridis) - 1)).astype(int), :3]
    opacity = settings.opacity
    base = (1 - opacity) * photo + opacity * (255 - 0.5 * level)[..., None]
    end = settings.limit or limit(explanation, settings.look, settings.axis, signed=settings.signed)
    table = TABLES[settings.signed_colours if settings.signed else settings.colours]
    share = heat(explanation, settings) / end
    place = (share + 1) / 2 if settings.signed else share
    colour = table[np.round(np.clip(place, 0, 1) * (len(table) - 1)).astype(int)]
    strength = opacity * colour[..., 3:] / 255
    return np.asarray((1 - strength) * base + strength * colour[..., :3])


@cache
def limit(explanation: wam.Explanation, look: str, axis: str, *, signed: bool) -> float:
    """Return where the colour scale ends: at the 99.5th percentile of all that could be shown."""
    return float(np.percentile(np.abs(heat(explanation, Settings(look=look, axis=axis, signed=signed))), 99.5))


def heat(explanation: wam.Explanation, settings: Settings) -> Array:
    """Return the attribution on the picture's grid, (row, column).

    A row shows the scale, or the row of the features, that its middle lies in. A column shows what is largest of the
    tiles, or frames, that it covers a part of.
    """
    begin, end = settings.span or (0.0, explanation.size[0] / sampling_rate(explanation))
    columns = np.linspace(begin, end, COLUMNS + 1)
    drawn = np.zeros((ROWS, COLUMNS))
    middles = _frequencies(explanation, settings.axis, np.arange(ROWS) + 0.5)
    if settings.look == "features":
        features = explanation.features
        assert features is not None
        frames, hertz = edges_of(features)
        amounts = _amounts(features, settings).reshape(features.size)
        for row, values in enumerate(amounts):
            inside = (hertz[row] <= middles) & (middles < hertz[row + 1])
            drawn[inside] = _largest_of(values, frames, columns)
        return drawn
    flat, start = _amounts(explanation, settings), 0
    for tiling in tiles(explanation):
        values = np.zeros(len(tiling.edges) - 1)
        np.add.at(values, tiling.tile, flat[start : start + len(tiling.tile)])
        start += len(tiling.tile)
        inside = (tiling.octave.low <= middles) & (middles < tiling.octave.high)
        drawn[inside] = _largest_of(values, tiling.edges, columns)
    return drawn


def _amounts(explanation: wam.Explanation, settings: Settings) -> Array:
    """Return the attribution of each position that is not hidden: signed, or its magnitudes, summed over channels."""
    attribution = (explanation.denoised() if settings.denoised else explanation).attribution
    flat = attribution.flatten()[0].double().numpy().copy()
    if settings.only_kept:
        kept = attribution.map(torch.abs).largest(settings.fraction)
        flat *= kept.flatten()[0].numpy()
    if settings.significant:
        flat *= explanation.significant(settings.rate).flatten()[0].numpy()
    return np.asarray((flat if settings.signed else np.abs(flat)).sum(0))


def _largest_of(values: Array, edges: Array, columns: Array) -> Array:
    """Return for every column the value of largest magnitude whose cell overlaps it; to touch is not to overlap."""
    hair = 1e-6 * (columns[1] - columns[0])
    first = np.searchsorted(columns, edges[:-1] + hair, side="right") - 1
    last = np.searchsorted(columns, edges[1:] - hair, side="left") - 1
    strip = np.zeros(len(columns) - 1)
    for value, begin, end in zip(values, first, last, strict=True):
        part = strip[max(0, begin) : max(0, end + 1)]
        part[np.abs(part) < abs(value)] = value
    return strip


def _frequencies(explanation: wam.Explanation, axis: str, rows: NDArray[Any]) -> Array:
    """Return the frequency at places counted in rows from the top."""
    there, back = AXES[axis]
    rate = sampling_rate(explanation)
    octaves = len(explanation.scales) + 1 if explanation.wavelet is not None else 9
    lowest = rate / 2**octaves if axis == "log" else 0.0
    bottom, top = there(np.array([lowest, rate / 2]))
    return back(bottom + (1 - rows / ROWS) * (top - bottom))


def _loudest(explanation: wam.Explanation, settings: Settings) -> Array:
    """Return the spectrogram, in 255ths of 80 dB: of the cells that a pixel covers, the loudest."""
    decibels, hop, step = decibels_of(explanation.signal[0], sampling_rate(explanation))
    levels = np.round(255 * (1 + decibels / 80))
    begin, end = settings.span or (0.0, explanation.size[0] / sampling_rate(explanation))
    frames = np.linspace(begin, end, COLUMNS + 1) / hop + 0.5  # a frame reaches half a step to both sides
    bins = _frequencies(explanation, settings.axis, np.arange(ROWS + 1.0)) / step + 0.5
    rows = _loudest_of(levels, np.floor(bins[1:]), np.floor(bins[:-1]) - 1)
    return _loudest_of(rows.T, np.floor(frames[:-1]), np.ceil(frames[1:]) - 1).T


def _loudest_of(levels: Array, first: Array, last: Array) -> Array:
    """Return the maxima of rows from `first` to `last`, at least one."""
    begin = np.clip(first, 0, len(levels) - 1).astype(int)
    end = np.maximum(begin, np.clip(last, 0, len(levels) - 1).astype(int))
    padded = np.concatenate([levels, levels[-1:]])
    return np.asarray(np.maximum.reduceat(padded, np.stack([begin, end + 1], axis=1).ravel(), axis=0)[::2])
