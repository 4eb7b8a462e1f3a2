"""What every reader of volumes checks: that a file is there, fits, and holds numbers."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from wam_widgets.checks import finite_number, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

#: What a file may hold unless the caller allows more: 512 along each axis, which is half a GiB of float32.
MOST_VOXELS = 512**3

#: What readers raise at files that are damaged, or no such files.
DAMAGE: tuple[type[Exception], ...] = (
    ValueError,
    TypeError,
    OSError,
    EOFError,
    KeyError,
    IndexError,
    OverflowError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    RecursionError,
    MemoryError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)

#: A reader may quote what it stumbled over, which may be the whole file.
_LONGEST_REASON = 250


def require_file(path: object) -> Path:
    """Return the path of a file that is there."""
    if not isinstance(path, str | Path):
        raise TypeError(
            f"`path` must be the path of a file; got {type(path).__name__}. Pass e.g. `path='scan.nii.gz'`."
        )
    found = Path(path)
    if not found.is_file():
        what = "a folder" if found.is_dir() else "nothing"
        raise FileNotFoundError(f"`path` must name a file; there is {what} at {str(path)!r}. Check it and its suffix.")
    return found


def require_size(shape: Sequence[int], most: object, what: str) -> None:
    """Check that so many voxels may be read, before any is."""
    limit = whole_number(most)
    if limit is None or limit < 1:
        raise ValueError(
            f"`most_voxels` must be a whole number of at least 1; got {most!r}. Pass e.g. `most_voxels=512**3`."
        )
    if any(length < 1 for length in shape):
        raise ValueError(
            f"{what} must hold at least one voxel along each axis; its shape is {tuple(shape)}. Export it anew."
        )
    if prod(shape) > limit:
        raise ValueError(
            f"{what} must have at most {limit} voxels; its header declares {prod(shape)}, shape {tuple(shape)}. "
            f"If you trust the file and have {prod(shape) * 4 / 2**30:.1f} GiB of memory, pass "
            f"`most_voxels={prod(shape)}`."
        )


def require_fill(fill: object) -> float | None:
    """Return the number in the place of those that are not finite, or None."""
    number = finite_number(fill)
    if fill is not None and number is None:
        raise ValueError(f"`fill` must be None or a finite number; got {fill!r}. Pass e.g. `fill=0.0`.")
    return number


@contextmanager
def refused(what: str, remedy: str, *errors: type[Exception]) -> Iterator[None]:
    """Answer `DAMAGE`, and a reader's own `errors`, with the rule, the file and what to do about it."""
    try:
        yield
    except (*DAMAGE, *errors) as error:
        reason = str(error).strip().rstrip(".")[:_LONGEST_REASON] or type(error).__name__
        raise ValueError(f"{what} can't be read: {reason}. {remedy}") from error


def as_signal(values: np.ndarray, what: str, fill: float | None, axes: Sequence[str]) -> Tensor:
    """Return an array of real numbers as float32, if all of them are finite.

    Parameters
    ----------
    values
        As it was read.
    what
        The file, for errors.
    fill
        None, or the number in the place of those that are not finite (`require_fill`).
    axes
        Names of the array's axes, for errors.
    """
    if values.dtype.kind not in "biuf":
        raise TypeError(
            f"{what} must hold real numbers; its values are {values.dtype}. Save one real channel, e.g. "
            f"`np.save('volume.npy', np.abs(values).astype('float32'))`."
        )
    with np.errstate(over="ignore"):  # what float32 can't hold is answered below, as inf
        found = torch.from_numpy(np.require(values, np.float32, ["C", "W"]))
    bad = ~torch.isfinite(found)
    count = int(bad.sum())
    if not count:
        return found
    if fill is not None:
        return found.masked_fill_(bad, fill)
    first = ", ".join(f"{axis} {int(place)}" for axis, place in zip(axes, bad.nonzero()[0], strict=True))
    raise ValueError(
        f"{what} must hold finite numbers; {count} of {found.numel()} voxels are NaN or inf, the first at {first}. "
        f"Pass `fill=0.0` to put that number in their place."
    )
