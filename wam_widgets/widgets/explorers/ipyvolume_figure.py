"""A volume and a surface of its attribution as a figure of ipyvolume, for those who work with that library."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ipywidgets
import numpy as np
from numpy.typing import NDArray

from wam_widgets.attribution import Explanation
from wam_widgets.checks import finite_number, nearest, optional_module, whole_number
from wam_widgets.plots.planes import array_of
from wam_widgets.plots.words import require_item, scale_words
from wam_widgets.widgets.volume_view import ROTATION

from .volume import require_volume

_ALL = "all scales"

#: How dense the fog of the input is at its brightest, and how light its grey.
_DENSEST, _GREY = 0.06, 0.35

#: What the slider of the threshold offers.
_LOWEST, _HIGHEST = 0.01, 0.99

#: Pixels of a side of the figure: fewer show nothing, and browsers draw no more.
_SMALLEST, _LARGEST = 50, 4096


def to_ipyvolume(
    explanation: Explanation, item: int = 0, *, scale: str | None = None, threshold: float = 0.5, size: int = 480
) -> ipywidgets.VBox:
    """Return an ipyvolume figure: the input as a fog, and in it the surface where the attribution crosses a threshold.

    Parameters
    ----------
    explanation : Explanation
        Of a volume.
    item : int
        Which item of the batch.
    scale : str, optional
        Name of the scale whose map has the surface; by default all scales together. A list beside the figure changes
        it.
    threshold : float
        Where the surface lies, as a fraction of the map's largest value, from 0.01 to 0.99. A slider changes it.
    size : int
        Pixels of a side of the figure, from 50 to 4096.

    Returns
    -------
    ipywidgets.VBox
        The controls, and the figure as its last child: an `ipyvolume.Figure` with one volume and one mesh, whose axes
        are distances from the first voxel in the units of the explanation's grid, or voxels where units differ.

    Raises
    ------
    TypeError, ValueError
        For anything but an explanation of volumes, an unknown scale, or a threshold or size that can't be right.
    ImportError
        If ipyvolume, or what it needs, is not installed.

    Notes
    -----
    What ipyvolume can't do, and `VolumeViewer` can: two volumes in one picture (so the attribution is a surface),
    standard errors, mixed scales, a page without a kernel, JupyterLab's dark theme. Each change computes a surface in
    the kernel and sends it. An input of more than 256 voxels a side is drawn from the means of neighbours.

    References
    ----------
    W. E. Lorensen and H. E. Cline, "Marching Cubes", SIGGRAPH 1987; scikit-image's is C. Lewiner's variant.

    Examples
    --------
    >>> import wam_widgets as wam
    >>> model, chair = wam.samples.furniture_model(), wam.samples.furniture()["armchair"]
    >>> explanation = wam.explain(model, chair.signal, grid=chair.grid, samples=4, progress=False)
    >>> type(to_ipyvolume(explanation, scale="detail 2")).__name__
    'VBox'

    At the end of a cell::

        wam.to_ipyvolume(explanation, scale="detail 2", threshold=0.4)
    """
    require_volume(explanation)
    require_item(explanation, item)
    names = [_ALL, *scale_words(explanation)]
    chosen = _ALL if scale is None else scale
    if chosen not in names:
        raise ValueError(
            f"`scale` must be one of {', '.join(map(repr, names[1:]))}, or None for all; got {scale!r}."
            f"{nearest(scale, names)}"
        )
    fraction = finite_number(threshold)
    if fraction is None or not _LOWEST <= fraction <= _HIGHEST:
        raise ValueError(
            f"`threshold` must be from {_LOWEST} to {_HIGHEST}; got {threshold!r}. Pass e.g. `threshold=0.5`."
        )

    pixels = whole_number(size)
    if pixels is None or not _SMALLEST <= pixels <= _LARGEST:
        raise ValueError(
            f"`size` must be a whole number of pixels from {_SMALLEST} to {_LARGEST}; got {size!r}. Pass e.g. "
            f"`size=480`."
        )

    one = explanation[item]
    maps = array_of(one.maps()[0])
    by_name = dict(zip(names, [maps.sum(0), *maps], strict=True))
    comparable = len(set(one.grid.units)) == 1
    spacing, units = (np.array(one.grid.spacing), one.grid.units) if comparable else (np.ones(3), ("voxel",) * 3)
    with _quiet_ipyvolume() as ipyvolume:
        figure, mesh = _figure(ipyvolume, array_of(one.signal[0]).mean(0), spacing, pixels)
    axes = [f"{name} ({unit})" for name, unit in zip(one.grid.axes, units, strict=True)]
    figure.zlabel, figure.ylabel, figure.xlabel = axes

    scales = ipywidgets.Dropdown(options=names, value=chosen, description="scale")
    level = ipywidgets.FloatSlider(
        value=fraction, min=_LOWEST, max=_HIGHEST, step=0.01, description="threshold", continuous_update=False
    )
    said = ipywidgets.HTML()

    def draw(_: object = None) -> None:
        found = _surface(by_name[scales.value], level.value, spacing)
        said.value = "" if found else f"The map of {scales.value} is zero: there is no surface."
        with mesh.hold_sync():
            mesh.visible = bool(found)
            if found:
                corners, triangles = found
                mesh.z, mesh.y, mesh.x = corners.T
                mesh.triangles = triangles

    draw()
    for control in (scales, level):
        control.observe(draw, "value")
    return ipywidgets.VBox([ipywidgets.HBox([scales, level]), said, figure])


@contextmanager
def _quiet_ipyvolume() -> Iterator[Any]:
    """Give ipyvolume, without the deprecations that it warns of, and leave its current figure as it was."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ipyvolume = optional_module("ipyvolume", "to_ipyvolume", "ipyvolume")
        optional_module("skimage.measure", "to_ipyvolume", "ipyvolume")  # what it forgets to declare
        current = ipyvolume.pylab.current
        before = {name: getattr(current, name) for name in ("figure", "container", "material")}
        known = set(current.figures)
        try:
            yield ipyvolume
        finally:
            for name, value in before.items():
                setattr(current, name, value)
            for key in set(current.figures) - known:
                del current.figures[key], current.containers[key]


def _figure(ipyvolume: Any, volume: NDArray[np.float64], spacing: NDArray[np.float64], size: int) -> tuple[Any, Any]:
    """Return a figure with the volume, and a mesh that has no surface yet."""
    figure = ipyvolume.figure(width=size, height=size)
    starts, sides = -spacing / 2, spacing * volume.shape  # a voxel's middle is its place
    fog = np.full((256, 4), _GREY, np.float32)
    fog[:, 3] = _DENSEST * np.linspace(0, 1, 256) ** 2
    for flat in np.flatnonzero(np.array(volume.shape) == 1):  # it takes slopes, which need two voxels
        volume = volume.repeat(2, int(flat))  # in the same place
    ipyvolume.volshow(
        volume,
        tf=ipyvolume.TransferFunction(rgba=fog),
        controls=False,
        extent=[(start, start + side) for start, side in zip(starts[::-1], sides[::-1], strict=True)],
    )
    corner = np.zeros(3)
    mesh = ipyvolume.plot_trisurf(corner, corner, corner, triangles=np.array([[0, 1, 2]], np.uint32), color="#d55e00")
    ipyvolume.view(*ROTATION)
    for axis, start in zip(("zlim", "ylim", "xlim"), starts, strict=True):  # a cube, so that nothing is stretched
        setattr(figure, axis, (float(start), float(start + max(sides))))
    return figure, mesh


def _surface(
    map_: NDArray[np.float64], threshold: float, spacing: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.uint32]] | None:
    """Return the corners, (corner, axis), and triangles, (triangle, 3), of the surface at a fraction of the peak."""
    from skimage.measure import marching_cubes

    peak = map_.max()
    if not peak > 0:
        return None
    # A shell of zeros closes the surface where the map reaches the border.
    corners, triangles, *_ = marching_cubes(np.pad(map_, 1), threshold * peak)
    return (corners - 1) * spacing, triangles.astype(np.uint32)
