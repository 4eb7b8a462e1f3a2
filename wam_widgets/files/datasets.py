"""Data sets in the folders that people have them in: pictures in a folder per class, and ESC-50."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.data import Dataset

from wam_widgets.checks import optional_module, whole_number

from .limits import refused
from .sound import load_sound

#: Suffixes of pictures.
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm")

#: ESC-50's own partition, which keeps clips of one recording together.
_FOLDS = (1, 2, 3, 4, 5)
_COLUMNS = ("filename", "fold", "target", "category", "src_file")


class ImageFolder(Dataset[tuple[Tensor, int]]):
    """Pictures in a folder per class, as ImageNet's validation set and torchvision's `ImageFolder` have them.

    Every picture is turned upright as its camera says, resized until its shorter side is `resize`, and its central
    square of `size` is taken: the usual preparation for ImageNet. Nothing is read before it is asked for.

    Parameters
    ----------
    root : str or Path
        The folder of the classes' folders: `root/tabby/17.jpg`. Classes are numbered in the order of their names.
    size : int
        Height and width in pixels.
    resize : int, optional
        Length of the shorter side before; 8/7 of `size` by default, rounded, as 256 for 224.

    Raises
    ------
    FileNotFoundError, ValueError
        If there are no classes, or no pictures in them; or for sizes that can't be.
    ImportError
        If Pillow is not installed.

    Examples
    --------
    >>> data = ImageFolder("imagenet/val")  # doctest: +SKIP
    >>> wam.benchmark(model, data, methods, target="label", store="run.sqlite")  # doctest: +SKIP
    """

    def __init__(self, root: str | Path, *, size: int = 224, resize: int | None = None) -> None:
        optional_module("PIL", "ImageFolder", "samples")
        self._size, self._resize = _require_sizes(size, resize)
        folder = _require_folder(root)
        self.classes: tuple[str, ...] = tuple(sorted(each.name for each in folder.iterdir() if each.is_dir()))
        """Names of the classes: those of their folders."""
        self.files: tuple[Path, ...] = tuple(
            file
            for name in self.classes
            for file in sorted((folder / name).rglob("*"))
            if file.suffix.lower() in PICTURES and file.is_file()
        )
        """The pictures, class by class."""
        if not self.files:
            raise ValueError(
                f"`root` must hold a folder per class with pictures ({', '.join(PICTURES[:4])}, …); there are none in "
                f"{str(folder)!r}. Pass the folder whose folders are the classes."
            )
        numbers = {name: number for number, name in enumerate(self.classes)}
        self.labels: tuple[int, ...] = tuple(numbers[file.relative_to(folder).parts[0]] for file in self.files)
        """The class of every picture."""

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Float[Tensor, "3 y x"], int]:
        """Return a picture, RGB from 0 to 1, and its class."""
        from PIL import Image, ImageOps

        file, size = self.files[index], self._size
        with refused(repr(str(file)), "Leave it out, or convert it to PNG."), Image.open(file) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
            factor = self._resize / min(picture.size)
            width, height = (max(self._resize, round(each * factor)) for each in picture.size)
            left, top = (width - size) // 2, (height - size) // 2
            picture = picture.resize((width, height), Image.Resampling.BILINEAR)
            values = np.asarray(picture.crop((left, top, left + size, top + size)), np.float32)
        return torch.from_numpy(values / 255).permute(2, 0, 1).contiguous(), self.labels[index]


class ESC50(Dataset[tuple[Tensor, int]]):
    """ESC-50, 2,000 sounds of the surroundings in 50 classes, in the folders that it is published in.

    Parameters
    ----------
    root : str or Path
        The folder with `meta/esc50.csv` and `audio`.
    folds : sequence of int, optional
        Which of the five parts, 1 to 5, such as the one that the model was not trained on; all by default.
    sample_rate : int, optional
        Resample to so many samples per second; by default the files' own 44,100.

    Raises
    ------
    FileNotFoundError, ValueError
        If these files aren't there, or aren't such files; or there is no such part.

    References
    ----------
    Piczak, ESC: Dataset for Environmental Sound Classification, ACM Multimedia 2015.

    Examples
    --------
    >>> data = ESC50("ESC-50-master", folds=[5])  # doctest: +SKIP
    >>> wam.benchmark(  # doctest: +SKIP
    ...     model, data, methods, target="label", groups=data.groups, store="run.sqlite"
    ... )
    """

    def __init__(self, root: str | Path, *, folds: Sequence[int] | None = None, sample_rate: int | None = None) -> None:
        folder, wanted = _require_folder(root), _FOLDS if folds is None else tuple(folds)
        if not wanted or not set(wanted) <= set(_FOLDS):
            raise ValueError(f"`folds` must be some of 1 to 5; got {folds!r}. Pass e.g. `folds=[5]`.")
        table = folder / "meta" / "esc50.csv"
        if not table.is_file():
            raise FileNotFoundError(
                f"`root` must be the folder of ESC-50, with 'meta/esc50.csv' and 'audio'; there is no {str(table)!r}. "
                f"Pass the folder that its archive was unpacked to, 'ESC-50-master'."
            )
        with refused(repr(str(table)), "Unpack the archive of ESC-50 anew."), table.open(newline="") as file:
            rows = list(csv.DictReader(file))
            missing = [name for name in _COLUMNS if not rows or name not in rows[0]]
            if missing:
                raise ValueError(f"it has no column {missing[0]!r}")
            classes = {int(row["target"]): row["category"] for row in rows}
            chosen = [row for row in rows if int(row["fold"]) in wanted]
        self._rate = sample_rate
        self.classes: tuple[str, ...] = tuple(classes.get(number, "") for number in range(max(classes) + 1))
        """Names of the classes."""
        self.files: tuple[Path, ...] = tuple(folder / "audio" / row["filename"] for row in chosen)
        """The clips."""
        self.labels: tuple[int, ...] = tuple(int(row["target"]) for row in chosen)
        """The class of every clip."""
        self.groups: tuple[str, ...] = tuple(row["src_file"] for row in chosen)
        """The recording that every clip was cut from: clips of one aren't independent of each other."""
        if not chosen:
            raise ValueError(f"{str(table)!r} has no clip of the folds {wanted}. Pass others.")

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Float[Tensor, "1 time"], int]:
        """Return a clip, from -1 to 1, and its class."""
        signal, _ = load_sound(self.files[index], sample_rate=self._rate, mono=True)
        return signal[0], self.labels[index]


def _require_folder(root: object) -> Path:
    if not isinstance(root, str | Path):
        raise TypeError(f"`root` must be the path of a folder; got {type(root).__name__}. Pass e.g. `root='data'`.")
    if not (folder := Path(root)).is_dir():
        raise FileNotFoundError(f"`root` must be a folder; there is none at {str(root)!r}. Check the path.")
    return folder


def _require_sizes(size: object, resize: object) -> tuple[int, int]:
    square = whole_number(size)
    shorter = whole_number(resize) if resize is not None else None if square is None else round(square * 8 / 7)
    if square is None or shorter is None or not 1 <= square <= shorter:
        raise ValueError(
            f"`size` must be a whole number of pixels, and `resize` one that is not smaller; got size={size!r} and "
            f"resize={resize!r}. Pass e.g. `size=224, resize=256`."
        )
    return square, shorter
