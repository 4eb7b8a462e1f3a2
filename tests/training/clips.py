"""The recordings that models of sound are trained and judged on."""

import csv
import hashlib
import io
import zipfile
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from wam_widgets.samples.sounds import decoded

FOLDER = Path(__file__).parents[1] / "data"
#: Of every collection here.
SAMPLE_RATE = 16_000


class Clips(NamedTuple):
    """Sounds of one length with what they are."""

    signals: Float[Tensor, "clip 1 time"]
    targets: Int[Tensor, " clip"]
    labels: tuple[str, ...]
    files: tuple[str, ...]
    families: tuple[str, ...]


def read(collection: str, split: Literal["train", "test"]) -> Clips:
    """Read one part of `tests/data/<collection>.zip`; no family of recordings is in both parts."""
    with zipfile.ZipFile(archive(collection)) as bundle:
        rows = list(csv.DictReader(io.TextIOWrapper(bundle.open("clips.csv"), "utf-8")))
        labels = tuple(sorted({row["label"] for row in rows}))
        part = [row for row in rows if row["split"] == split]
        signals = [_sound(bundle.read(row["file"])) for row in part]
    return Clips(
        torch.stack(signals),
        torch.tensor([labels.index(row["label"]) for row in part]),
        labels,
        tuple(row["file"] for row in part),
        tuple(f"{row['label']}/{row['family']}" for row in part),
    )


def archive(collection: str) -> Path:
    """Return where a collection lies."""
    return FOLDER / f"{collection}.zip"


def fingerprint(collection: str) -> str:
    """Return the SHA-256 of a collection: which data a model was trained on."""
    return hashlib.sha256(archive(collection).read_bytes()).hexdigest()


def _sound(file: bytes) -> Float[Tensor, "1 time"]:
    signal, sample_rate = decoded(file)
    if sample_rate != SAMPLE_RATE:
        raise ValueError(f"Every clip must have {SAMPLE_RATE} samples per second; got one of {sample_rate}.")
    return signal
