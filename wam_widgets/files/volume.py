"""One volume from a file: NIfTI, or an array of NumPy's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from torch import Tensor

from wam_widgets.checks import nearest, whole_number
from wam_widgets.transform import Grid

from .arrays import read_npy, read_npz
from .limits import MOST_VOXELS, as_signal, require_file, require_fill
from .nifti import read_nifti

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_AXES = ("channel", "z", "y", "x")
_MESHES = (".glb", ".obj", ".off", ".ply", ".stl", ".xyz")
#: More channels than this are rather an axis of space or time, or stand last.
_MOST_CHANNELS = 8


def load_volume(
    path: str | Path,
    *,
    index: int | None = None,
    array: str | None = None,
    spacing: Sequence[float] | None = None,
    fill: float | None = None,
    most_voxels: int = MOST_VOXELS,
) -> tuple[Float[Tensor, "1 channel z y x"], Grid]:
    """Read one volume, and what its axes mean, from a NIfTI file (`.nii`, `.nii.gz`) or one of NumPy (`.npy`, `.npz`).

    Parameters
    ----------
    path : str or Path
        The suffix says what is in the file. Meshes and point clouds: `voxelise`. Whole data sets: `load_medmnist`.
    index : int, optional
        Which volume to take of a file with several: along the fourth axis of NIfTI (time, usually), along the first of
        an array, which is otherwise that of channels.
    array : str, optional
        Name of the array in an `.npz` file with several.
    spacing : sequence of float, optional
        Distance between voxels along z, y and x, in mm. None: what a NIfTI file says; 1 voxel for arrays.
    fill : float, optional
        Put this number in the place of NaN and inf. None: a file with such voxels is refused.
    most_voxels : int, default 512³
        Size limit. Files are compressed, and a small one may unpack to more than there is memory: what the header
        declares is compared with the limit before anything is unpacked. A `.nii.gz` is read to its end, where its
        checksum is, but what lies behind the volume is not kept, and no more of it than a series declares or the limit
        allows is unpacked.

    Returns
    -------
    signal : Tensor, shape (1, channel, z, y, x)
        float32, with the values of the file as they are; nothing is normalised.
    grid : Grid
        Axes z, y and x. Of NIfTI: spacing in mm, and the affine from places in the tensor's order (z, y, x) to
        world coordinates in mm (x, y, z).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError
        If the values are no real numbers, or an argument is of the wrong type.
    ValueError
        If the file is of another kind, damaged or too large, doesn't hold one volume, or has NaN or inf where no `fill`
        is given (how many, and where the first); if the spacing is not positive.
    ImportError
        If nibabel, which reads NIfTI, is not installed (`pip install "wam-widgets[volumes]"`).

    Notes
    -----
    A NIfTI volume is turned by quarters so that x grows to the right, y to the front and z upwards of the person (the
    closest of its axes; nothing is resampled), whichever order it was stored in. A model that was trained on arrays
    as they are stored needs them so: `torch.from_numpy(nibabel.load(path).get_fdata(dtype="float32"))[None, None]`.
    An array has the axes (z, y, x) or (channel, z, y, x). No file is unpickled.

    References
    ----------
    NIfTI-1 data format, https://nifti.nimh.nih.gov/nifti-1

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> path = Path(tempfile.mkdtemp()) / "box.npy"
    >>> np.save(path, np.zeros((4, 5, 6), np.float32))
    >>> signal, grid = load_volume(path)
    >>> tuple(signal.shape)
    (1, 1, 4, 5, 6)
    """
    file = require_file(path)
    steps = None if spacing is None else _require_spacing(spacing)
    number = require_fill(fill)
    place = None if index is None else whole_number(index)
    if index is not None and place is None:
        raise TypeError(f"`index` must be None or a whole number; got {index!r}. Pass e.g. `index=0`.")
    name = file.name.lower()
    what = repr(str(path))
    if name.endswith((".nii", ".nii.gz")):
        values, grid = read_nifti(file, place, most_voxels, steps)
        return as_signal(values, what, number, grid.axes)[None, None], grid
    if name.endswith(".npy"):
        values = read_npy(file, most_voxels)
    elif name.endswith(".npz"):
        values = read_npz(file, most_voxels, lambda names: _choose(names, array, what))
    else:
        remedy = "convert DICOM and other scans to NIfTI (e.g. with dcm2niix)"
        if name.endswith(_MESHES):
            remedy = f"pass meshes and point clouds to `wam.voxelise({str(path)!r})`"
        raise ValueError(
            f"`path` must end in .nii, .nii.gz, .npy or .npz; got {str(path)!r}. Rename it if it is such a file; "
            f"{remedy}."
        )
    signal = as_signal(_one_volume(values, place, what), what, number, _AXES)
    grid = Grid.default(3) if steps is None else Grid(_AXES[1:], steps, ("mm",) * 3)
    return signal[None], grid


def _one_volume(values: np.ndarray, index: int | None, what: str) -> np.ndarray:
    """Return the volume at `index`, with its axis of channels."""
    if index is not None:
        if values.ndim not in {4, 5}:
            raise ValueError(
                f"`index` takes one of several volumes, of an array with 4 or 5 axes; the array in {what} has the "
                f"shape {values.shape}. Leave it out."
            )
        if not -len(values) <= index < len(values):
            raise ValueError(
                f"`index` must be from 0 to {len(values) - 1} for {what}; got {index}. Pass e.g. `index=0`."
            )
        values = values[index]
    if values.ndim == 3:
        return values[None]
    if values.ndim != 4:
        several = values.ndim == 5
        raise ValueError(
            f"The array in {what} must have the axes (z, y, x) or (channel, z, y, x); its shape is {values.shape}. "
            + (
                "Pass e.g. `index=0` to take the first volume."
                if several
                else "Save a volume, or pass images as they are."
            )
        )
    if len(values) > _MOST_CHANNELS:
        raise ValueError(
            f"The first of four axes in {what} must be that of at most {_MOST_CHANNELS} channels; its shape is "
            f"{values.shape}. Pass `index=0` to take the first of several volumes; if channels are last, save "
            f"`np.moveaxis(array, -1, 0)`."
        )
    return values


def _choose(names: tuple[str, ...], wanted: str | None, what: str) -> str:
    """Return the name of the only array, or of the wanted one."""
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted is not None and wanted in names:
        return wanted
    shown = ", ".join(map(repr, names[:12])) + (" and more" if len(names) > 12 else "") or "none"
    medmnist = " For MedMNIST, call `wam.load_medmnist`." if "test_images" in names else ""
    got = f"`array={wanted!r}` was asked for.{nearest(wanted, names)}" if wanted is not None else "none was chosen."
    example = names[0] if names else "volume"
    raise ValueError(
        f"`array` must name one of the arrays in {what}, which has {shown}; {got} Pass e.g. "
        f"`array={example!r}`.{medmnist}"
    )


def _require_spacing(spacing: Sequence[float]) -> tuple[float, float, float]:
    """Return three positive distances."""
    steps = np.ravel(np.asarray(spacing, dtype=object)).tolist()
    good = [step for step in steps if isinstance(step, int | float | np.number) and np.isfinite(step) and step > 0]
    if len(steps) != 3 or len(good) != 3:
        raise ValueError(
            f"`spacing` must be three positive distances along z, y and x, in mm; got {spacing!r}. Pass e.g. "
            f"`spacing=(2.0, 1.0, 1.0)`."
        )
    return float(steps[0]), float(steps[1]), float(steps[2])
