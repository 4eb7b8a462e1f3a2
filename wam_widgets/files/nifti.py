"""NIfTI, through nibabel: the header first, then one volume of the data."""

from __future__ import annotations

import gzip
import io
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from wam_widgets.checks import optional_module
from wam_widgets.transform import Grid

from .limits import refused, require_size

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_REMEDY = "Export it anew, or check it with `nib-ls`."
#: Millimetres of each unit that NIfTI knows; a file that doesn't say means mm.
_MILLIMETRES = {"mm": 1.0, "meter": 1000.0, "micron": 0.001, "unknown": 1.0}
#: Bytes between header and data, where extensions (DICOM headers and the like) may stand.
_MOST_EXTENSIONS = 2**24
#: Bytes that are unpacked at a time where only their checksum is wanted.
_CHUNK = 2**20


def read_nifti(
    path: Path, index: int | None, most_voxels: int, spacing: Sequence[float] | None
) -> tuple[np.ndarray, Grid]:
    """Return one volume, axes (z, y, x), turned by quarters to be closest to right, front and up, and its grid."""
    nibabel = optional_module("nibabel", "Reading NIfTI", "volumes")
    errors = (nibabel.filebasedimages.ImageFileError, nibabel.spatialimages.HeaderDataError)
    what = repr(str(path))
    with refused(what, _REMEDY, *errors):
        header = _header(path, nibabel)
        shape = tuple(map(int, header.get_data_shape()))
    _require_one_volume(shape, index, what)
    require_size(shape[:3], most_voxels, what)
    with refused(what, _REMEDY, *errors):
        written = np.array(header["pixdim"][1:4], dtype=float)
        header.check_fix()
        unit = _MILLIMETRES.get(header.get_xyzt_units()[0], 1.0)
        affine = header.get_best_affine()
    # Without a matrix, nibabel takes the distances in the header, after mending those that are not positive.
    steps = np.linalg.norm(affine[:3, :3], axis=0) if int(header["sform_code"]) else written
    good = _spans(affine) and np.isfinite(steps).all() and (steps > 0).all()
    if not good and spacing is None:
        shown = tuple(round(float(step), 6) for step in steps)
        raise ValueError(
            f"The voxel spacing in {what} must be positive, along axes that differ; it is {shown} along x, y and z. "
            f"Pass it, `spacing=(1.0, 1.0, 1.0)` along z, y and x in mm."
        )
    with refused(what, _REMEDY, *errors):
        if spacing is not None:
            affine = _respaced(header, np.asarray(spacing) / unit, nibabel)
        # The file's data alone: `nibabel.load` reads what lies before them too, however long it says that it is.
        with _opened(path) as stream:
            proxy = nibabel.arrayproxy.ArrayProxy(stream, header, mmap=False)
            values = proxy[(..., *_beyond_space(shape, index))]
            if isinstance(stream, gzip.GzipFile):
                _read_to_the_end(stream, proxy.offset + proxy.dtype.itemsize * max(prod(shape), most_voxels))
    affine[:3] *= unit
    turns = nibabel.io_orientation(affine)
    values = nibabel.apply_orientation(values, turns).transpose(2, 1, 0)
    # Of the turned axes, and then of the tensor's order: z first.
    affine = (affine @ nibabel.orientations.inv_ornt_aff(turns, shape[:3]))[:, [2, 1, 0, 3]]
    distances = np.linalg.norm(affine[:3, :3], axis=0) if spacing is None else spacing
    return values, Grid(("z", "y", "x"), tuple(distances), ("mm",) * 3, tuple(map(tuple, affine)))


def _opened(path: Path) -> io.BufferedIOBase:
    """Open a file, compressed if its name says so."""
    return gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")


def _read_to_the_end(stream: gzip.GzipFile, most: int) -> None:
    """Unpack the rest, without keeping it: only behind the last byte are the checksum and the length compared."""
    while stream.read(_CHUNK):
        if stream.tell() > most:
            raise ValueError(f"it goes on after {most} bytes, more than it declares and than `most_voxels` allows")


def _header(path: Path, nibabel: Any) -> Any:
    """Read the header alone, of which a compressed file unpacks only the first bytes."""
    with _opened(path) as stream:
        start = stream.read(540)
    version = {348: (nibabel.Nifti1Header, 344, b"n+1"), 540: (nibabel.Nifti2Header, 4, b"n+2")}
    kind, place, magic = next(
        (
            version[size]
            for size in (int.from_bytes(start[:4], order) for order in ("little", "big"))
            if size in version
        ),
        (None, 0, b""),
    )
    if kind is None or start[place : place + 3] != magic:
        raise ValueError("it does not begin with the header of a NIfTI file")
    if len(start) < kind.template_dtype.itemsize:
        raise ValueError("it ends within its header")
    header = kind(start[: kind.template_dtype.itemsize], check=False)
    if not 0 <= float(header["vox_offset"]) <= _MOST_EXTENSIONS:
        raise ValueError(f"its header declares extensions up to byte {float(header['vox_offset']):.0f}")
    return header


def _require_one_volume(shape: tuple[int, ...], index: int | None, what: str) -> None:
    """Check that the file holds one volume, or several of which one is taken."""
    several = shape[3] if len(shape) > 3 else 1
    if len(shape) < 3 or any(length != 1 for length in shape[4:]):
        raise ValueError(
            f"{what} must hold volumes, with the axes (x, y, z) or (x, y, z, time); its shape is {shape}. Save one "
            f"volume of it, e.g. with `nibabel.four_to_three`."
        )
    if index is None and several != 1:
        raise ValueError(
            f"{what} must hold one volume; it holds {several}, shape {shape}. Pass which one to take, `index=0` to "
            f"`index={several - 1}`."
        )
    if index is not None and not -several <= index < several:
        raise ValueError(
            f"`index` must be from 0 to {several - 1} for {what}, shape {shape}; got {index}. Pass e.g. `index=0`."
        )


def _beyond_space(shape: tuple[int, ...], index: int | None) -> tuple[int, ...]:
    """Return the place along every axis after the third."""
    return (index or 0, *(0 for _ in shape[4:])) if len(shape) > 3 else ()


def _spans(affine: np.ndarray) -> bool:
    """Tell whether the axes have a length and differ."""
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not np.isfinite(affine).all() or not (lengths > 0).all():
        return False
    return bool(abs(np.linalg.det(affine[:3, :3] / lengths)) > 1e-6)


def _respaced(header: Any, spacing: np.ndarray, nibabel: Any) -> np.ndarray:
    """Return the affine with other distances along z, y and x, in the header's unit; directions are the file's."""
    header["pixdim"][1:4] = 1
    while not _spans(affine := header.get_best_affine()):  # of no use; without both, a file has directions of its own
        header["sform_code" if int(header["sform_code"]) else "qform_code"] = 0
    steps = spacing[::-1][nibabel.io_orientation(affine)[:, 0].astype(int)]  # along the axes as they are stored
    if int(header["sform_code"]):
        affine[:3, :3] *= steps / np.linalg.norm(affine[:3, :3], axis=0)
        return np.asarray(affine)
    header["pixdim"][1:4] = steps
    return np.asarray(header.get_best_affine())
