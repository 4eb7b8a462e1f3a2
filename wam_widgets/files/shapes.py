"""Meshes and point clouds as voxels."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from wam_widgets.checks import finite_number, optional_module, whole_number
from wam_widgets.transform import Grid

from .limits import refused, require_file

if TYPE_CHECKING:
    from collections.abc import Sequence

_SUFFIXES = (".glb", ".obj", ".off", ".ply", ".stl", ".xyz")
_MOST_BYTES = 2**28
_LARGEST = 512
#: Bytes of a binary .stl file, the last four of which count the triangles, and of a triangle.
_STL_HEADER, _STL_TRIANGLE = 84, 50
#: Points on a surface per cell of one side of the cube: so many that hardly a cell that it crosses is missed.
_DENSITY = 60


def voxelise(
    shape: object, *, size: int = 32, axes: Sequence[str] = ("z", "y", "x"), share: float = 0.92
) -> tuple[Float[Tensor, "1 1 depth height width"], Grid]:
    """Return the surface of a mesh, or a cloud of points, as a cube of voxels that are empty (0) or met (1).

    Parameters
    ----------
    shape : str, Path, array, Tensor, or trimesh object
        A file (.glb, .obj, .off, .ply, .stl, .xyz); points, shape (point, 3) in the order x, y, z; or what `trimesh`
        has loaded: a mesh, a cloud or a scene.
    size : int
        Voxels along each axis of the cube.
    axes : sequence of str, default ("z", "y", "x")
        Which coordinate each axis of the tensor is. ("y", "z", "x") puts height first for files in which y is up.
    share : float, default 0.92
        The shape lies in the middle of the cube; its longest side takes this share of the cube's.

    Returns
    -------
    signal : Tensor, shape (1, 1, size, size, size)
        float32.
    grid : Grid
        The axes, the edge of a voxel in the shape's own unit, and the affine from places in the tensor's order to the
        coordinates (x, y, z).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If it is none of these.
    ValueError
        If there is no surface and no point, or one without extent; if coordinates are NaN or inf (how many, and where
        the first); if the file is of another kind, damaged or larger than 256 MiB; if another argument is out of range.
    ImportError
        If trimesh, which reads meshes, is not installed (`pip install "wam-widgets[volumes]"`). Points don't need it.

    Notes
    -----
    A surface is met where one of 60 · size² points, drawn evenly over its area with a fixed seed, lies in a voxel. The
    furniture of the samples was made in this way.

    Examples
    --------
    >>> turn = torch.linspace(0, 6.28, 200)
    >>> ring = torch.stack([turn.cos(), turn.sin(), 0 * turn], 1)
    >>> signal, grid = voxelise(ring, size=8)
    >>> signal[0, 0].sum((1, 2))
    tensor([ 0.,  0.,  0.,  0., 28.,  0.,  0.,  0.])
    """
    cells = whole_number(size)
    if cells is None or not 2 <= cells <= _LARGEST:
        raise ValueError(f"`size` must be a whole number from 2 to {_LARGEST}; got {size!r}. Pass e.g. `size=32`.")
    taken = finite_number(share)
    if taken is None or not 0 < taken <= 1:
        raise ValueError(f"`share` must be more than 0 and at most 1; got {share!r}. Pass e.g. `share=0.92`.")
    names = tuple(map(str, np.ravel(axes)))
    if sorted(names) != ["x", "y", "z"]:
        raise ValueError(
            f"`axes` must be 'x', 'y' and 'z' in some order; got {axes!r}. Pass e.g. `axes=('y', 'z', 'x')`."
        )
    points, outline = _points(shape, cells)
    _require_points(points)
    low, high = outline.min(0), outline.max(0)
    extent = float((high - low).max())
    if extent == 0:
        raise ValueError(
            f"`shape` must have an extent; all {len(points)} point(s) lie at {tuple(low.tolist())}. Pass a whole shape."
        )
    edge = extent / taken / cells
    corner = (low + high) / 2 - edge * cells / 2
    places = np.floor((points - corner) / edge).astype(np.int64).clip(0, cells - 1)
    order = ["xyz".index(name) for name in names]
    voxels = torch.zeros(1, 1, cells, cells, cells)
    voxels[0, 0][tuple(torch.from_numpy(places[:, axis]) for axis in order)] = 1
    affine = np.eye(4)
    affine[:3, :3] = edge * np.eye(3)[:, order]
    affine[:3, 3] = corner + edge / 2
    return voxels, Grid(names, (edge,) * 3, ("unit",) * 3, tuple(map(tuple, affine)))


def _points(shape: Any, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points, axes (point, xyz), and some that reach as far: of a cloud, or of a surface and its corners."""
    if isinstance(shape, np.ndarray | torch.Tensor | list | tuple):
        with refused("`shape`", "Pass points of three coordinates each, shape (point, 3)."):
            array = np.asarray(shape.detach().cpu() if isinstance(shape, torch.Tensor) else shape)
        if array.ndim != 2 or array.shape[1] != 3 or array.dtype.kind not in "iuf":
            raise ValueError(
                f"`shape` must be points of three real coordinates, shape (point, 3); got {array.dtype} of shape "
                f"{array.shape}. Transpose it if coordinates come first; a volume needs no voxelising."
            )
        return (points := array.astype(float)), points
    if isinstance(shape, str | Path):
        shape = _loaded(require_file(shape))
    if hasattr(shape, "to_mesh") and hasattr(shape, "geometry"):  # a scene: its parts where they stand in it
        return _scene(shape, size)
    if not hasattr(shape, "vertices"):
        raise TypeError(
            f"`shape` must be the path of a mesh, points of shape (point, 3), or an object of trimesh; got "
            f"{type(shape).__name__}. Pass e.g. `trimesh.Trimesh(vertices, faces)`."
        )
    if not hasattr(shape, "faces"):
        return (points := np.asarray(shape.vertices, dtype=float)), points
    if not len(shape.faces):
        raise ValueError(
            f"`shape` must have a surface; got a mesh of {len(shape.vertices)} vertices and no faces. Pass its points, "
            f"`voxelise(mesh.vertices)`, or check the file."
        )
    corners = np.asarray(shape.vertices, dtype=float)[np.unique(shape.faces)]
    _require_points(corners)
    if not shape.area > 0:
        raise ValueError(
            f"`shape` must have a surface; the {len(shape.faces)} face(s) of the mesh have no area. Pass its points, "
            f"`voxelise(mesh.vertices)`, or check the file."
        )
    sample = optional_module("trimesh", "Voxelising a mesh", "volumes").sample.sample_surface
    return np.asarray(sample(shape, _DENSITY * size**2, seed=0)[0], dtype=float), corners


def _scene(scene: Any, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points of every part of a scene, each where it stands."""
    parts = scene.dump(concatenate=False)
    meshes = [part for part in parts if hasattr(part, "faces") and len(part.faces)]
    if meshes:
        return _points(optional_module("trimesh", "Voxelising a mesh", "volumes").util.concatenate(meshes), size)
    clouds = [np.asarray(part.vertices, dtype=float) for part in parts if hasattr(part, "vertices")]
    points = np.concatenate(clouds) if clouds else np.empty((0, 3))
    return points, points


def _loaded(path: Path) -> Any:
    """Return what trimesh finds in a file, without following what the file refers to."""
    what = repr(str(path))
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        volumes = " Volumes are read by `wam.load_volume`." if suffix in {".nii", ".gz", ".npy", ".npz"} else ""
        raise ValueError(
            f"`shape` must be a file that ends in {', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]}; got {what}. Export "
            f"the shape to one of them.{volumes}"
        )
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(
            f"`shape` must be a file of at most {_MOST_BYTES >> 20} MiB; {what} has {path.stat().st_size >> 20} MiB. "
            f"Simplify the mesh, or pass what `trimesh.load` returns."
        )
    trimesh = optional_module("trimesh", "Reading meshes and point clouds", "volumes")
    # A damaged file can raise anything in a parser of text; memory and recursion count as damage too.
    with refused(what, "Export it anew, or check it with `trimesh.load`.", Exception):
        content = path.read_bytes()
        found = trimesh.load(io.BytesIO(content), file_type=suffix[1:], process=False)
        _require_whole(found, content, suffix)
        return found


def _require_whole(found: Any, content: bytes, suffix: str) -> None:
    """Check that something was found in a file, and that its places are in space."""
    parts = list(found.geometry.values()) if hasattr(found, "geometry") else [found]
    vertices = [np.asarray(part.vertices) for part in parts if hasattr(part, "vertices")]
    if any(each.ndim != 2 or each.shape[1] != 3 for each in vertices if len(each)):
        raise ValueError("it ends, or is damaged, within a vertex, which has three coordinates")
    if any(map(len, vertices)):
        return
    if suffix == ".stl" and len(content) >= _STL_HEADER and not content.lstrip().lower().startswith(b"solid"):
        declared = int.from_bytes(content[_STL_HEADER - 4 : _STL_HEADER], "little")
        raise ValueError(
            f"it declares {declared} triangles, for which it must have {_STL_HEADER + _STL_TRIANGLE * declared} bytes; "
            f"it has {len(content)}, so that it is damaged or of another kind"
        )
    raise ValueError(f"no surface and no point was found, so that it is empty, damaged or no {suffix} file")


def _require_points(points: np.ndarray) -> None:
    """Check that there are points and all are finite."""
    if not len(points):
        raise ValueError("`shape` must have a surface or points; it has neither. Check the file.")
    bad = ~np.isfinite(points).all(1)
    if bad.any():
        raise ValueError(
            f"`shape` must have finite coordinates; {int(bad.sum())} of {len(points)} points have NaN or inf, the "
            f"first at row {int(bad.argmax())}. Leave them out, `points[np.isfinite(points).all(1)]`."
        )
