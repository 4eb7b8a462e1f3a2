"""Data sets in the folders that people have them in."""

from __future__ import annotations

import csv
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import TensorDataset

from wam_widgets.evaluation import Explainer, benchmark
from wam_widgets.files import load_medmnist
from wam_widgets.files.datasets import ESC50, ImageFolder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A picture of one colour per class and file, with a part that the crop must leave out."""
    for name, colour in (("tabby", (255, 0, 51)), ("ant", (0, 102, 255))):
        (tmp_path / name).mkdir()
        wide = np.zeros((64, 128, 3), np.uint8)
        wide[:, 32:96] = colour
        Image.fromarray(wide).save(tmp_path / name / "2.png")
        Image.fromarray(np.full((70, 64), 51, np.uint8)).save(tmp_path / name / "1.PNG")
        (tmp_path / name / "notes.txt").write_text("no picture")
    return tmp_path


def test_pictures_are_found_by_class_and_cropped_in_the_middle(pictures: Path) -> None:
    data = ImageFolder(pictures, size=32)
    assert (data.classes, data.labels, len(data)) == (("ant", "tabby"), (0, 0, 1, 1), 4)
    assert [file.name for file in data.files] == ["1.PNG", "2.png"] * 2
    grey, label = data[0]
    assert (grey.shape, grey.dtype, label) == ((3, 32, 32), torch.float32, 0)
    torch.testing.assert_close(grey, torch.full((3, 32, 32), 0.2))
    colour, label = data[3]
    assert label == 1
    torch.testing.assert_close(colour, torch.tensor([1, 0, 0.2])[:, None, None].expand(3, 32, 32))


def test_pictures_are_turned_upright(pictures: Path) -> None:
    lying = Image.fromarray(np.repeat(np.array([[0, 255]], np.uint8), 8, 0).repeat(4, 1))
    exif = lying.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees, clockwise
    lying.save(pictures / "ant/0.png", exif=exif)
    upright, _ = ImageFolder(pictures, size=8, resize=8)[0]
    assert upright[0, 0].mean() < 0.1
    assert upright[0, -1].mean() > 0.9


def test_a_damaged_picture_is_one_items_failure(pictures: Path, tmp_path: Path) -> None:
    (pictures / "ant/1.PNG").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, 2))
    options: dict[str, Any] = {"steps": 2, "progress": False, "store": tmp_path / "a.sqlite", "target": "label"}
    (pictures / "ant/0.png").write_bytes((pictures / "ant/2.png").read_bytes())
    report = benchmark(model, ImageFolder(pictures, size=16), {"WAM": Explainer("saliency", level=2)}, **options)
    assert report.items == 4
    assert "can't be read" in report.failed[1]


@pytest.fixture
def esc50(tmp_path: Path) -> Path:
    """Four clips in the layout of ESC-50."""
    for name in ("meta", "audio"):
        (tmp_path / name).mkdir()
    rows = [
        {"filename": f"{fold}-{source}-A-{target}.wav", "fold": fold, "target": target, "category": category}
        | {"esc10": "False", "src_file": source, "take": "A"}
        for fold, source, target, category in ((1, 100032, 0, "dog"), (1, 100038, 2, "pig"), (5, 9, 2, "pig"))
    ]
    with (tmp_path / "meta/esc50.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    for number, row in enumerate(rows):
        with wave.open(str(tmp_path / "audio" / str(row["filename"])), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(44_100)
            sound.writeframes(np.full(4410, (number + 1) * 4096, "<i2").tobytes())
    return tmp_path


def test_esc50_is_read_by_its_table(esc50: Path) -> None:
    data = ESC50(esc50)
    assert (len(data), data.classes, data.labels) == (3, ("dog", "", "pig"), (0, 2, 2))
    assert data.groups == ("100032", "100038", "9")
    signal, label = data[1]
    assert label == 2
    torch.testing.assert_close(signal, torch.full((1, 4410), 0.25))


def test_esc50_is_divided_and_resampled(esc50: Path) -> None:
    data = ESC50(esc50, folds=[5], sample_rate=22_050)
    assert (len(data), data.groups) == (1, ("9",))
    assert data[0][0].shape == (1, 2205)


def test_medmnist_is_a_data_set_of_tensors(tmp_path: Path) -> None:
    volumes = np.arange(2 * 8**3, dtype=np.uint8).reshape(2, 8, 8, 8)
    arrays = {f"{split}_images": volumes for split in ("train", "val", "test")}
    arrays |= {f"{split}_labels": np.array([[0], [1]], np.uint8) for split in ("train", "val", "test")}
    np.savez(tmp_path / "organmnist3d.npz", **arrays)  # type: ignore[arg-type]  # numpy's stubs
    data = TensorDataset(*load_medmnist(tmp_path / "organmnist3d.npz"))
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(8**3, 2))
    options: dict[str, Any] = {"steps": 2, "progress": False, "store": tmp_path / "a.sqlite", "target": "label"}
    assert benchmark(model, data, {"WAM": Explainer("saliency", level=2)}, **options).items == 2


@pytest.mark.usefixtures("as_a_user")
def test_what_is_no_such_folder_is_refused(pictures: Path, tmp_path: Path) -> None:
    for kind in (ImageFolder, ESC50):
        with pytest.raises(FileNotFoundError, match="must be a folder; there is none at"):
            kind(tmp_path / "none")
        with pytest.raises(TypeError, match="path of a folder; got int"):
            kind(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a folder per class with pictures"):
        ImageFolder(pictures / "ant")
    with pytest.raises(FileNotFoundError, match=r"folder of ESC-50.*'ESC-50-master'"):
        ESC50(pictures)
    for sizes in ({"size": 0}, {"size": 32, "resize": 31}, {"size": 2.5}):
        with pytest.raises(ValueError, match="`size=224, resize=256`"):
            ImageFolder(pictures, **sizes)


@pytest.mark.usefixtures("as_a_user")
def test_a_table_of_something_else_is_refused(esc50: Path) -> None:
    for folds in ([], [0], [1, 6]):
        with pytest.raises(ValueError, match="some of 1 to 5"):
            ESC50(esc50, folds=folds)
    with pytest.raises(ValueError, match="no clip of the folds"):
        ESC50(esc50, folds=[3])
    (esc50 / "meta/esc50.csv").write_text("name,class\na.wav,0\n")
    with pytest.raises(ValueError, match=r"can't be read: it has no column 'filename'.*Unpack"):
        ESC50(esc50)
