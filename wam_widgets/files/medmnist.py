"""MedMNIST's volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from wam_widgets.checks import nearest

from .arrays import read_npz
from .limits import MOST_VOXELS, as_signal, require_file

if TYPE_CHECKING:
    from pathlib import Path

_SPLITS = ("train", "val", "test")


class LabelledVolumes(NamedTuple):
    """Volumes with what they are."""

    signal: Float[Tensor, "item 1 z y x"]
    target: Int[Tensor, " item"]


def load_medmnist(path: str | Path, *, split: str = "test", most_voxels: int = MOST_VOXELS) -> LabelledVolumes:
    """Read one part of a data set of MedMNIST's volumes (OrganMNIST3D, AdrenalMNIST3D, VesselMNIST3D and so on).

    Parameters
    ----------
    path : str or Path
        The `.npz` file, at any of its resolutions, e.g. "adrenalmnist3d.npz".
    split : {"test", "val", "train"}
        Which part.
    most_voxels : int, default 512³
        Size limit of the part, as in `load_volume`; the training parts at 64³ exceed it.

    Returns
    -------
    signal : Tensor, shape (item, 1, z, y, x)
        float32 from 0 to 1: the file's 8-bit values divided by 255, as MedMNIST's own loader gives them to models.
    target : Tensor, shape (item,)
        Class of each volume, counted from 0.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no MedMNIST file of volumes, damaged or larger than the limit; if the split is another.
    TypeError
        If the path is none.

    References
    ----------
    J. Yang et al., "MedMNIST v2 - A large-scale lightweight benchmark for 2D and 3D biomedical image classification",
    Scientific Data 10, 2023.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> path = Path(tempfile.mkdtemp()) / "small.npz"
    >>> volumes, classes = np.zeros((5, 28, 28, 28), np.uint8), np.zeros((5, 1), np.uint8)
    >>> np.savez(path, test_images=volumes, test_labels=classes)
    >>> signal, target = load_medmnist(path)
    >>> tuple(signal.shape), tuple(target.shape)
    ((5, 1, 28, 28, 28), (5,))
    """
    file = require_file(path)
    if split not in _SPLITS:
        raise ValueError(f"`split` must be 'train', 'val' or 'test'; got {split!r}.{nearest(split, _SPLITS)}")
    what = repr(str(path))

    def choose(names: tuple[str, ...], wanted: str) -> str:
        if wanted in names:
            return wanted
        raise ValueError(
            f"{what} must be a file of MedMNIST, with the arrays {f'{split}_images'!r} and {f'{split}_labels'!r}; it "
            f"has {', '.join(map(repr, names[:12])) or 'none'}. Read other files with `wam.load_volume`."
        )

    images = read_npz(file, most_voxels, lambda names: choose(names, f"{split}_images"))
    labels = read_npz(file, most_voxels, lambda names: choose(names, f"{split}_labels"))
    if images.ndim != 4 or len(set(images.shape[1:])) > 1 or images.dtype != "uint8":
        raise ValueError(
            f"{f'{split}_images'!r} in {what} must be 8-bit volumes, cubes of shape (item, z, y, x); it is "
            f"{images.dtype} of shape {images.shape}. Load one of MedMNIST's 3-D files, e.g. adrenalmnist3d.npz."
        )
    if labels.shape not in {(len(images),), (len(images), 1)} or labels.dtype.kind not in "iu":
        raise ValueError(
            f"{f'{split}_labels'!r} in {what} must hold one class for each of {len(images)} volumes; it is "
            f"{labels.dtype} of shape {labels.shape}. Load one of MedMNIST's 3-D files, e.g. adrenalmnist3d.npz."
        )
    if (labels < 0).any():
        raise ValueError(
            f"{f'{split}_labels'!r} in {what} must hold classes counted from 0; the least is {labels.min()}. Load one "
            f"of MedMNIST's 3-D files, e.g. adrenalmnist3d.npz."
        )
    signal = as_signal(images, what, None, ("item", "z", "y", "x")).div_(255)[:, None]
    return LabelledVolumes(signal, torch.from_numpy(labels.reshape(-1).astype("int64")))
