"""What a view has to draw, from the engine and NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

import wam_widgets as wam
from wam_widgets.transform import Coefficients
from wam_widgets.transform.geometry import spread
from wam_widgets.widgets.explorers.arrays import tables

Array = NDArray[np.float64]

TABLES = {
    name: np.frombuffer(table, np.uint8).reshape(-1, 4).astype(float)
    for kind in tables().values()
    for name, table in kind.items()
}
ALL = ("horizontal", "vertical", "diagonal")


@dataclass(frozen=True)
class Settings:
    """Settings of a view, by the names of its traits."""

    weights: tuple[float, ...]
    look: str = "heatmap"
    orientations: tuple[str, ...] = ALL
    signed: bool = False
    per: str = "sample"
    opacity: float = 1.0
    colours: str = "magma"
    signed_colours: str = "RdBu"
    limit: float = 0.0
    significant: bool = False
    rate: float = 0.05
    denoised: bool = False


def picture(explanation: wam.Explanation, settings: Settings) -> Array:
    """Return what is drawn of an explanation of one image: (row, column, red-green-blue-opacity), from 0 to 255."""
    if settings.look == "mosaic":
        return _mosaic(explanation, settings)
    colours = _rebuilt(explanation, settings) if settings.look == "image" else _heat_over_photo(explanation, settings)
    return np.concatenate([colours, np.full((*colours.shape[:2], 1), 255.0)], axis=2)


def heat(explanation: wam.Explanation, settings: Settings) -> Array:
    """Return the weighted sum of the maps of the scales."""
    maps = spread(_shown(explanation, settings), orientations=False)[0].double().numpy()
    if settings.per == "cell":
        maps = maps * _cells(explanation)[:, None, None]
    return np.tensordot(settings.weights, maps, axes=1)


@cache
def limit(explanation: wam.Explanation, settings: Settings) -> float:
    """Return where the colour scale ends: at the 99.5th percentile of all that could be shown."""
    if settings.limit:
        return settings.limit
    plain = Settings((1.0,) * len(settings.weights), look=settings.look, signed=settings.signed, per=settings.per)
    arrays = [heat(explanation, plain)]
    if settings.look == "mosaic":
        arrays = [block for _, block in _blocks(explanation, plain)]
    return float(max(np.percentile(np.abs(array), 99.5) for array in arrays))


@cache
def photo(explanation: wam.Explanation) -> Array:
    """Return the signal as a screen shows it, red, green and blue, whole numbers from 0 to 255."""
    return np.round(_on_screen(explanation, explanation.signal))


def _heat_over_photo(explanation: wam.Explanation, settings: Settings) -> Array:
    below = photo(explanation)
    pale = 255 * 0.35 + 0.65 * below.mean(2, keepdims=True)
    opacity = settings.opacity
    base = (1 - opacity) * below + opacity * pale
    colour = _colours(heat(explanation, settings), explanation, settings)
    strength = opacity * colour[..., 3:] / 255
    return np.asarray((1 - strength) * base + strength * colour[..., :3])


def _rebuilt(explanation: wam.Explanation, settings: Settings) -> Array:
    kept = _weighted(_of_orientations(explanation.signal_coefficients(), settings), settings)
    if settings.significant:
        kept = kept.keep(_found(explanation, settings.rate))
    rebuilt = wam.reconstruct(kept)
    return _on_screen(explanation, rebuilt if explanation.baseline is None else explanation.baseline + rebuilt)


def _mosaic(explanation: wam.Explanation, settings: Settings) -> Array:
    blocks = _blocks(explanation, settings)
    height, width = (max(start[axis] + block.shape[axis] for start, block in blocks) for axis in (0, 1))
    drawn = np.zeros((height, width, 4))
    for (top, left), block in blocks:
        colours = _colours(block, explanation, settings)
        colours[..., 3] = 255
        drawn[top : top + block.shape[0], left : left + block.shape[1]] = colours
    return drawn


def _blocks(explanation: wam.Explanation, settings: Settings) -> list[tuple[tuple[int, int], Array]]:
    """Return every band with its first row and column: as in `pywt.coeffs_to_array`, but long filters leave gaps."""
    blocks = []
    corner = (0, 0)
    cells = _cells(explanation)
    for number, (_, bands) in enumerate(_weighted(_shown(explanation, settings), settings).by_scale()):
        for orientation, band in bands.items():
            block = band[0].sum(0).double().numpy() / (cells[number] if settings.per == "sample" else 1)
            down, right = orientation in {"horizontal", "diagonal"}, orientation in {"vertical", "diagonal"}
            blocks.append(((corner[0] * down, corner[1] * right), block))
        rows, columns = next(iter(bands.values())).shape[2:]
        corner = (corner[0] + rows, corner[1] + columns)
    return blocks


def _shown(explanation: wam.Explanation, settings: Settings) -> Coefficients:
    """Return the attribution that is not hidden, signed or its magnitudes."""
    attribution = (explanation.denoised() if settings.denoised else explanation).attribution
    if settings.significant:
        attribution = attribution.keep(_found(explanation, settings.rate))
    return _of_orientations(attribution if settings.signed else attribution.map(torch.abs), settings)


@cache
def _found(explanation: wam.Explanation, rate: float) -> Coefficients:
    return explanation.significant(rate)


def _of_orientations(coefficients: Coefficients, settings: Settings) -> Coefficients:
    """Set the detail bands of other orientations to zero."""
    flags = [
        torch.full_like(band, orientation in {"approximation", *settings.orientations}, dtype=torch.bool).flatten(2)
        for _, orientation, band in coefficients.bands()
    ]
    return coefficients.keep(coefficients.unflatten(torch.cat(flags, dim=2)))


def _weighted(coefficients: Coefficients, settings: Settings) -> Coefficients:
    """Multiply every scale by its weight."""
    weighted = [
        weight * band.flatten(2)
        for weight, (_, bands) in zip(settings.weights, coefficients.by_scale(), strict=True)
        for band in bands.values()
    ]
    return coefficients.unflatten(torch.cat(weighted, dim=2))


def _cells(explanation: wam.Explanation) -> Array:
    """Return how many pixels the cell of a coefficient of each scale covers."""
    level = len(explanation.scales) - 1
    return np.array([np.prod([min(2**j, n) for n in explanation.size]) for j in (level, *range(level, 0, -1))], float)


def _on_screen(explanation: wam.Explanation, image: torch.Tensor) -> Array:
    """Return an image's colours, from 0 to 255; of two channels, their mean; of four, the first three."""
    channels = image.shape[1]
    chosen = slice(0, 3) if channels > 2 else slice(None)
    mixed, signal = image[0, chosen].double().numpy(), explanation.signal[0, chosen].double().numpy()
    if channels <= 2:
        mixed, signal = (np.repeat(each.mean(0, keepdims=True), 3, axis=0) for each in (mixed, signal))
    low, high = (0, 1) if signal.min() >= 0 and signal.max() <= 1 else (signal.min(), signal.max())
    return np.asarray(np.moveaxis(np.clip(255 * (mixed - low) / (high - low), 0, 255), 0, 2))


def _colours(values: Array, explanation: wam.Explanation, settings: Settings) -> Array:
    """Return the colours of values, each with its opacity."""
    table = TABLES[settings.signed_colours if settings.signed else settings.colours]
    share = values / limit(explanation, settings)
    place = (share + 1) / 2 if settings.signed else share
    return np.asarray(table[np.round(np.clip(place, 0, 1) * (len(table) - 1)).astype(int)])
