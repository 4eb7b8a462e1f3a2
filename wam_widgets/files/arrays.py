"""NumPy's files, read no further than their headers before what they declare is known to fit."""

from __future__ import annotations

import io
import zipfile
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.lib import format as npy

from .limits import refused, require_size

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_REMEDY = "Save it anew, `np.save(path, array)`, without Python objects."
#: Bytes of the longest header that is read; NumPy's own for numbers have about 120.
_LONGEST_HEADER = 10_000


def read_npy(path: Path, most_voxels: object) -> np.ndarray:
    """Return the array in an `.npy` file, if it has at most `most_voxels` numbers."""
    with path.open("rb") as stream:
        return _read(stream, repr(str(path)), most_voxels)


def read_npz(path: Path, most_voxels: object, choose: Callable[[tuple[str, ...]], str]) -> np.ndarray:
    """Return one array of an `.npz` file, if it has at most `most_voxels` numbers; `choose` names it."""
    with refused(repr(str(path)), _REMEDY):
        bundle = zipfile.ZipFile(path)
    with bundle:
        members = {name.removesuffix(".npy"): name for name in bundle.namelist() if name.endswith(".npy")}
        name = choose(tuple(members))
        what = f"{name!r} in {str(path)!r}"
        with refused(what, _REMEDY):
            stream = bundle.open(members[name])
        with stream:
            values = _read(stream, what, most_voxels)
            with refused(what, _REMEDY):
                if stream.read(1):  # at the end, the archive's checksum is compared
                    raise ValueError("it goes on after the array that its header declares")
        return values


def _read(stream: IO[bytes] | io.BufferedIOBase, what: str, most_voxels: object) -> np.ndarray:
    """Read an array, once its header is known to declare neither objects nor more than fits."""
    with refused(what, _REMEDY):
        shape = _header(stream)
    require_size(shape or (1,), most_voxels, what)
    with refused(what, _REMEDY):
        stream.seek(0)
        values: np.ndarray = npy.read_array(stream, allow_pickle=False)
    return values


def _header(stream: IO[bytes] | io.BufferedIOBase) -> tuple[int, ...]:
    """Return the shape that the header declares, of numbers."""
    version = npy.read_magic(stream)
    width = 2 if version == (1, 0) else 4
    length = int.from_bytes(stream.read(width), "little")
    if length > _LONGEST_HEADER:
        raise ValueError(f"its header declares to be {length} bytes long, more than {_LONGEST_HEADER}")
    stream.seek(-width, 1)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(stream)
    if dtype.kind not in "biufc":
        kind = "Python objects, which could run code when they are read" if dtype.hasobject else f"{dtype}, no numbers"
        raise ValueError(f"it holds {kind}")
    return tuple(shape)
