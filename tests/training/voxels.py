"""The volumes that models of volumes are trained and judged on."""

import hashlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .common import FOLDER, Split


class Voxels(NamedTuple):
    """Volumes of one size with what they are."""

    signals: Float[Tensor, "volume 1 z y x"]  # from 0 to 1
    targets: Int[Tensor, " volume"]
    labels: tuple[str, ...]
    rows: tuple[int, ...]
    """Place of each in the file."""

    sources: tuple[int, ...]
    """Of which drawn digit, or group of like models, each was made."""


def read(collection: str, split: Split) -> Voxels:
    """Read one part of `tests/data/<collection>.npz`; no source is in both parts."""
    with np.load(archive(collection), allow_pickle=False) as file:
        arrays: dict[str, Any] = dict(file)
    rows = np.flatnonzero(arrays["split"] == split)
    if "voxels_packed" in arrays:  # full or empty: eight in a byte
        size = arrays["shape"][1:]
        voxels = np.unpackbits(arrays["voxels_packed"][rows], axis=1).reshape(-1, *size)
        labels, sources = arrays["label_names"].tolist(), arrays["group"]
    else:
        voxels = arrays["voxels"][rows].astype(np.float32) / 255
        labels, sources = [str(digit) for digit in range(10)], arrays["source_index"]
    return Voxels(
        torch.from_numpy(voxels.astype(np.float32))[:, None],
        torch.from_numpy(arrays["label"][rows].astype(np.int64)),
        tuple(labels),
        tuple(rows.tolist()),
        tuple(sources[rows].tolist()),
    )


def archive(collection: str) -> Path:
    """Return where a collection lies."""
    return FOLDER / f"{collection}.npz"


def fingerprint(collection: str) -> str:
    """Return the SHA-256 of a collection: which data a model was trained on."""
    return hashlib.sha256(archive(collection).read_bytes()).hexdigest()
