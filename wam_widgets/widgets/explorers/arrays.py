"""An explanation as the arrays that a browser draws: attributions, errors, colours.

Arrays travel as bytes, once; the browser spreads coefficients over the grid, since that is where it takes less.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.colors import Colormap
from numpy.typing import ArrayLike, NDArray

from wam_widgets.attribution import Explanation
from wam_widgets.plots.canvas import opacities
from wam_widgets.plots.planes import array_of
from wam_widgets.plots.words import (
    class_name,
    percent,
    plain,
    probability,
    scale_words,
    seen_as,
    unit,
    what_is_explained,
)
from wam_widgets.transform import Coefficients
from wam_widgets.transform.geometry import cells, positions
from wam_widgets.transform.grid import dimensions
from wam_widgets.transform.wavelet import find_wavelet
from wam_widgets.widgets.view import DIVERGING, RATES, SEQUENTIAL

#: Entries of a colour table, as in colours.js.
_STEPS = 1024

#: Classes that are listed with their probabilities.
_LISTED = 5

#: Sums of numbers up to here stay within float32.
_LARGEST = 1e30

#: Pixels of a thumbnail's longer side.
_THUMBNAIL = 64

#: Colour maps of matplotlib that needn't be turned round: dark is strong, warm is positive.
_AS_THEY_ARE = ("Greys",)

_ERRORLESS = {
    "saliency": "A saliency map is one gradient: nothing says how sure it is. SmoothGrad has standard errors.",
    "integrated_gradients": "Integrated Gradients have no standard errors; how well they add up is their check.",
    "smoothgrad": "Standard errors need at least 8 noisy copies.",
}


def known_of(explanation: Explanation, coefficients: Coefficients) -> dict[str, Any]:
    """Return what is known of one item before anything is painted or heard.

    Parameters
    ----------
    explanation : Explanation
        Of one item, in the wavelet to be shown.
    coefficients : Coefficients
        Of its structure; their values are not looked at.

    Returns
    -------
    dict
        Numbers and names: the `size` and `channels` of the signal, the `count` of coefficients per channel, the
        `scales`, and the `grid` with its `affine`, or None.
    """
    levels = [explanation.level, *range(explanation.level, 0, -1)]
    grid = explanation.grid
    return {
        "size": list(explanation.size),
        "channels": explanation.signal.shape[1],
        "count": sum(math.prod(band.shape[2:]) for _, _, band in coefficients.bands()),
        "scales": [
            {"name": name, "level": level} for name, level in zip(scale_words(explanation), levels, strict=False)
        ],
        "grid": {
            "axes": [plain(name) for name in grid.axes],
            "spacing": list(grid.spacing),
            "units": [plain(name) for name in grid.units],
            "affine": grid.affine and [list(row) for row in grid.affine],
        },
    }


def signal_of(explanation: Explanation, coefficients: Coefficients, mixture: NDArray[np.float64]) -> dict[str, Any]:
    """Return the arrays of one item that the signal and the wavelet decide, but not the passes.

    Parameters
    ----------
    explanation : Explanation
        Of one item, in the wavelet to be shown.
    coefficients : Coefficients
        The signal's, from `Explanation.signal_coefficients`.
    mixture : float array, shape (output, channel)
        What channels are mixed into, to be painted or heard.

    Returns
    -------
    dict
        As `known_of`, with what the browser paints or sounds (shared/arrays.js). `coefficients`, (channel, n) float32,
        in the order of `Coefficients.bands`; `sizes` of the signal, of what one decomposition leaves of it, and so on;
        `filters` of the synthesis; `baseline`, (output, sample) float32, what the coefficients are a difference from.
    """
    wavelet = None if explanation.wavelet is None else find_wavelet(explanation.wavelet)
    return known_of(explanation, coefficients) | {
        "coefficients": to_bytes(coefficients.flatten()[0]),
        "baseline": None
        if explanation.baseline is None
        else to_bytes(np.tensordot(mixture, array_of(explanation.baseline[0]), axes=1)),
        "filters": None if wavelet is None else {"low": wavelet.rec_lo, "high": wavelet.rec_hi},
        "sizes": [list(explanation.size), *(list(shape_of(detail)) for detail in reversed(coefficients.details))],
        "mixture": mixture.tolist(),
    }


def tiled_bands(coefficients: Coefficients) -> dict[str, Any]:
    """Return what is to be known of every band of an image or a volume, and the axes that they lie along, by name.

    Returns
    -------
    dict
        `bands`, in their order: a band begins at `start` among the coefficients, and lies along `axes` (none without a
        wavelet: a coefficient is a sample). `axes` has the tilings by name (shared/wavelets.js).
    """
    filters = {name: letters for letters, name in dimensions(len(coefficients.size)).orientations.items()}
    wavelet, bands, axes, start = coefficients.wavelet, [], {}, 0
    for number, (_, detail) in enumerate(coefficients.by_scale()):
        level = coefficients.level + 1 - max(number, 1)
        for orientation, band in detail.items():
            names = []
            for samples, kind in zip(coefficients.size, filters.get(orientation, "aaa"), strict=False):
                if wavelet is not None:
                    names.append(f"{samples} {level} {kind}")
                    if names[-1] not in axes:
                        axes[names[-1]] = _axis(samples, wavelet, level, kind)
            shape = list(band.shape[2:])
            bands.append(
                {"scale": number, "orientation": orientation, "shape": shape, "start": start, "axes": names or None}
            )
            start += math.prod(shape)
    return {"bands": bands, "axes": axes}


def _axis(samples: int, wavelet: str, level: int, kind: str) -> dict[str, bytes]:
    """Return the tiling of an axis (see `Axis` in shared/wavelets.js)."""
    tiling = cells(samples, wavelet, level, kind)
    first, share = tiling.overlaps()
    return {
        "tile": tiling.tile.astype(np.uint16).tobytes(),
        "width": to_bytes(np.diff(tiling.edges)),
        "first": first.astype(np.uint16).tobytes(),
        "share": to_bytes(share),
        "at": (np.searchsorted(tiling.edges, np.arange(samples), side="right") - 1).astype(np.uint16).tobytes(),
        "place": to_bytes(positions(samples, wavelet, level, kind)),
    }


def shape_of(detail: dict[str, torch.Tensor]) -> torch.Size:
    """Return the size of a scale's bands, which are alike."""
    return next(iter(detail.values())).shape[2:]


def values_of(explanation: Explanation, key: str) -> dict[str, Any]:
    """Return what the passes found of one item: all but the errors, which take longer.

    Parameters
    ----------
    explanation : Explanation
        Of one item, in the wavelet to be shown.
    key : str
        A name, so that errors find their values.

    Returns
    -------
    dict
        `attribution`, (channel, n) float32 in the order of `Coefficients.bands`; the shares of the scales if they need
        no errors; and what is said about it all.
    """
    predictions, how = predictions_of(explanation)
    return {
        "key": key,
        "attribution": to_bytes(explanation.attribution.flatten()[0]),
        "units": {per: unit(explanation, per) for per in ("cell", "sample")},
        "signable": explanation.aggregate == "mean",
        "shares": None if explanation.has_errors else to_lists(explanation.scale_shares()[0]),
        "title": what_is_explained(explanation, 0).replace("\n", "; "),
        "subtitle": " · ".join([seen_as(explanation), *_gap(explanation)]),
        "predictions": predictions,
        "how": how,
        "errorless": "" if explanation.has_errors else _errorless(explanation),
    }


def errors_of(explanation: Explanation, key: str) -> dict[str, Any]:
    """Return what is known of the errors of one item; nothing where there are none.

    Returns
    -------
    dict
        `error` is the standard error of each position's sum over channels, (n,) float32; `rank`, (channel, n) uint8,
        the number of the first rate in `RATES` at which a coefficient can be told from zero, their count if at none;
        `found` how many are found at each rate; `denoised` as the attribution. `shares` of the scales, (scale,), and
        their 95 % `intervals`, (scale, 2).
    """
    if not explanation.has_errors:
        return {}
    return found_of(explanation) | {
        "key": key,
        "shares": to_lists(explanation.scale_shares()[0]),
        "intervals": to_lists(explanation.scale_share_intervals()[0]),
    }


def found_of(explanation: Explanation) -> dict[str, Any]:
    """Return what is known of the errors of coefficients: a part of `errors_of`."""
    found: dict[str, Any] = {"error": to_bytes(explanation.standard_error(channel_sums=True).flatten()[0, 0])}
    if explanation.aggregate == "mean":
        rank = np.searchsorted(RATES, array_of(explanation.lowest_rate().flatten()[0])).astype(np.uint8)
        found |= {
            "rank": rank.tobytes(),
            "found": [int((rank <= index).sum()) for index in range(len(RATES))],
            "denoised": to_bytes(explanation.denoised().attribution.flatten()[0]),
        }
    return found


@cache
def tables() -> dict[str, dict[str, bytes]]:
    """Return the colour tables, (step, red-green-blue-opacity) uint8: the weaker a value, the more transparent."""
    steps = np.linspace(0, 1, _STEPS)
    made: dict[str, dict[str, bytes]] = {"sequential": {}, "diverging": {}}
    for kind, names, strength in (("sequential", SEQUENTIAL, steps), ("diverging", DIVERGING, np.abs(2 * steps - 1))):
        for name in names:
            # Dark is strong, as on paper, and warm colours speak for what is explained.
            turned = name not in _AS_THEY_ARE
            table = _colours(mpl.colormaps[f"{name}_r" if turned else name], steps)
            table[:, 3] = np.round(255 * opacities(strength))
            made[kind][name] = table.tobytes()
    return made


def predictions_of(explanation: Explanation) -> tuple[list[dict[str, Any]], str]:
    """Return the classes with the highest outputs, and the explained one, with their probabilities and whence."""
    if explanation.output is None or explanation.output.shape[1] < 2:
        return [], ""
    row = explanation.output[0]
    listed = row.topk(min(_LISTED, len(row))).indices.tolist()
    explained = None if explanation.target is None else int(explanation.target[0])
    listed += [explained] if explained is not None and explained not in listed else []
    found, how = [], ""
    for column in listed:
        chance, how = probability(explanation, 0, column) or (math.nan, "")
        known = chance if math.isfinite(chance) else None
        found.append(
            {
                "column": column,
                "label": class_name(explanation, column),
                "probability": known,
                "explained": column == explained,
            }
        )
    return found, how


def _gap(explanation: Explanation) -> list[str]:
    """Say by how much Integrated Gradients miss the score that they should add up to."""
    if explanation.baseline_score is None:
        return []
    gap = abs(float(explanation.completeness_gap(relative=True)[0]))
    return [f"misses {percent(gap)} of the score: more samples miss less"]


def _errorless(explanation: Explanation) -> str:
    """Say why there are no standard errors."""
    if "denoised" in explanation.settings:
        return "This explanation is denoised already: its standard errors belong to the plain one."
    if "groups_limited_by" in explanation.settings:
        return "Standard errors need more memory than there is for a signal of this size."
    return _ERRORLESS[explanation.method]


def mixture_of(shape: tuple[int, ...]) -> NDArray[np.float64]:
    r"""Return what each channel that is shown, or heard, is made of: colours, left and right, or the mean.

    Parameters
    ----------
    shape : tuple of int
        Of one item's signal, (channel, \*space).

    Returns
    -------
    float array, shape (shown, channel)
    """
    channels, dimensions_ = shape[0], len(shape) - 1
    if dimensions_ == 2 and channels in {3, 4}:  # of four the last is left out: how opaque it is
        return np.eye(channels)[:3]
    if dimensions_ == 1 and channels <= 2:
        return np.eye(channels)
    return np.full((1, channels), 1 / channels)


def thumbnail(picture: NDArray[np.uint8]) -> dict[str, Any]:
    """Return a small picture, (row, column, RGBA) uint8: the mean of blocks of pixels."""
    step = math.ceil(max(picture.shape[:2]) / _THUMBNAIL)
    small = picture[: picture.shape[0] // step * step or None, : picture.shape[1] // step * step or None]
    rows, columns = max(small.shape[0] // step, 1), max(small.shape[1] // step, 1)
    blocks = small[: rows * step, : columns * step].reshape(rows, -1, columns, small.shape[1] // columns, 4)
    return {"size": [rows, columns], "photo": blocks.mean((1, 3)).round().astype(np.uint8).tobytes()}


def _colours(cmap: Colormap, steps: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Return 8-bit colours between the entries of a colour map, of which matplotlib has 256."""
    known = np.asarray(cmap(np.arange(cmap.N)))
    places = np.linspace(0, 1, cmap.N)
    return np.stack([np.round(255 * np.interp(steps, places, known[:, c])) for c in range(4)], axis=1).astype(np.uint8)


def to_bytes(values: torch.Tensor | ArrayLike) -> bytes:
    """Return numbers as float32; what isn't finite becomes zero, which a browser can add up."""
    array = array_of(values) if isinstance(values, torch.Tensor) else np.asarray(values)
    return np.clip(np.nan_to_num(array, posinf=0, neginf=0), -_LARGEST, _LARGEST).astype("<f4").tobytes()


def to_lists(values: torch.Tensor) -> Any:
    """Return nested lists that JSON can hold."""
    return np.nan_to_num(array_of(values)).tolist()
