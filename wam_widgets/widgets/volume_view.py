"""A volume with its attribution, to be turned, cut and read off: what a browser shows of it."""

from __future__ import annotations

from typing import Any

from .base import Checked
from .settings import between, one_of, require_numbers, require_weights, some_of, whole
from .view import View

LOOKS = ("volume", "maximum", "surface")
ORIENTATIONS = ("aad", "ada", "add", "daa", "dad", "dda", "ddd")

#: How the camera looks at first: turned and raised by so many degrees.
ROTATION = (35.0, 25.0)

#: A clipped box has at least this part of every axis.
_THINNEST = 0.01


class VolumeView(View, trio=__file__):
    """What `VolumeViewer` shows, as traits."""

    # ------------------------------------------------------------------------------------------------- what is allowed

    def _require_weights(self, name: str, value: Any) -> list[float]:
        return require_weights(name, value, [scale["name"] for scale in self._signal["scales"]])

    def _require_voxel(self, name: str, value: Any) -> list[int]:
        size = self._signal["size"]
        if len(require_numbers(name, value, [0.0, 0.0, 0.0])) != 3:
            axes = ", ".join(self._signal["grid"]["axes"])
            raise ValueError(
                f"`{name}` must be three indices, along {axes}; got {value!r}. Pass e.g. `{[n // 2 for n in size]}`."
            )
        return [whole(0, most - 1)(self, name, each) for each, most in zip(value, size, strict=True)]

    def _require_rotation(self, name: str, value: Any) -> list[float]:
        angles = require_numbers(name, value, list(ROTATION))
        if len(angles) != 2:
            raise ValueError(
                f"`{name}` must be two angles in degrees, how far the camera is turned round and raised; got "
                f"{value!r}. Pass e.g. `{list(ROTATION)}`."
            )
        return [between(-360.0, 360.0)(self, name, angles[0]), between(-90.0, 90.0)(self, name, angles[1])]

    def _require_pan(self, name: str, value: Any) -> list[float]:
        if len(require_numbers(name, value, [0.0, 0.0])) != 2:
            raise ValueError(
                f"`{name}` must be two fractions of the longest side, right and up; got {value!r}. Pass e.g. `[0, 0]`."
            )
        return [between(-2.0, 2.0)(self, name, each) for each in value]

    def _require_clip(self, name: str, value: Any) -> list[float]:
        ends = require_numbers(name, value, [0.0, 1.0] * 3)
        if len(ends) != 6:
            raise ValueError(
                f"`{name}` must be a begin and an end per axis, as fractions, six numbers; got {value!r}. Pass e.g. "
                f"`[0, 1, 0, 0.5, 0, 1]`, the first half of the second axis."
            )
        ends = [between(0.0, 1.0)(self, name, each) for each in ends]
        for axis, (begin, end) in enumerate(zip(ends[::2], ends[1::2], strict=True)):
            if end - begin < _THINNEST - 1e-9:  # hundredths are no binary fractions
                raise ValueError(
                    f"`{name}` must end at least {_THINNEST:g} after it begins; got {begin:g} to {end:g} along axis "
                    f"{axis}. Pass e.g. `[0, 1, 0, 0.5, 0, 1]`."
                )
        return ends

    # --------------------------------------------------------------------------------------- what is looked at, and how
    look = Checked[str](
        "volume",
        one_of(*LOOKS),
        help="Colours in a fog of the input; the largest value along every line of sight; or the surface at "
        "`threshold`.",
    )
    weights = Checked[list[float]](
        [],
        _require_weights,
        help="Weight of each scale, coarse to fine, from 0 to 2; back to 1 when the number of scales changes.",
    )
    orientations = Checked[list[str]](
        list(ORIENTATIONS),
        some_of(*ORIENTATIONS),
        help="The detail bands that are shown: a low-pass (a) or high-pass filter (d) along each axis.",
    )
    per = Checked[str](
        "cell",
        one_of("cell", "sample"),
        help='"sample" spreads each coefficient over its cell, so that maps add up to `Explanation.heatmap` (usual for '
        'contributions); "cell" draws it at full strength all over it, so that scales can be compared (usual for '
        "sensitivities).",
    )
    threshold = Checked[float](
        0.2, between(0.0, 1.0), help="What is weaker, as a fraction of the colour scale's end, is not drawn in 3-D."
    )
    curve = Checked[float](
        2.0,
        between(0.5, 6.0),
        help="Power of a value that its opacity grows with: the larger, the more the strongest stand out of the rest.",
    )
    density = Checked[float](0.5, between(0.0, 1.0), help="How dense the fog of the input is.")
    clip = Checked[list[float]](
        [0.0, 1.0, 0.0, 1.0, 0.0, 1.0], _require_clip, help="Begin and end of what is drawn along each axis, 0 to 1."
    )
    up = Checked[int](
        0,
        whole(0, 2),
        help="Number of the axis that points up; at first the one named so, else the first.",
    )
    rotation = Checked[list[float]](
        list(ROTATION), _require_rotation, help="How far the camera is turned round and raised, in degrees."
    )
    zoom = Checked[float](1.0, between(0.2, 16.0), help="Magnification.")
    pan = Checked[list[float]](
        [0.0, 0.0], _require_pan, help="How far the camera is moved right and up, in longest sides."
    )
    cursor = Checked[list[int]](
        [0, 0, 0], _require_voxel, help="The voxel that is read off, and that the slices go through."
    )
