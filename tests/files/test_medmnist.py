"""MedMNIST's files of volumes: small ones with the names, shapes and types of the published."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import wam_widgets as wam

COUNTS = {"train": 7, "val": 2, "test": 3}


@pytest.fixture
def arrays() -> dict[str, Any]:
    chance = np.random.default_rng(0)
    images = {f"{split}_images": chance.integers(0, 256, (n, 28, 28, 28), np.uint8) for split, n in COUNTS.items()}
    return images | {f"{split}_labels": np.arange(n, dtype=np.uint8)[:, None] for split, n in COUNTS.items()}


@pytest.mark.parametrize("split", COUNTS)
def test_each_part_has_its_volumes_from_0_to_1_and_their_classes(
    tmp_path: Path, arrays: dict[str, Any], split: str
) -> None:
    np.savez_compressed(tmp_path / "adrenalmnist3d.npz", **arrays)
    signal, target = wam.load_medmnist(tmp_path / "adrenalmnist3d.npz", split=split)
    assert (signal.shape, signal.dtype) == ((COUNTS[split], 1, 28, 28, 28), torch.float32)
    np.testing.assert_allclose(signal[:, 0].numpy(), arrays[f"{split}_images"] / np.float32(255), rtol=1e-6)
    assert target.tolist() == list(range(COUNTS[split]))
    assert target.dtype == torch.int64


def test_the_test_part_is_explained_at_the_papers_three_levels(tmp_path: Path, arrays: dict[str, Any]) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    signal, target = wam.load_medmnist(str(tmp_path / "a.npz"))
    found = wam.explain(lambda x: x.flatten(1)[:, :3].square(), signal, target, method="saliency", level=3)
    assert found.attribution.scales == ("approximation", "detail 3", "detail 2", "detail 1")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"test_images": np.zeros((3, 28, 28), np.uint8)}, r"must be 8-bit volumes, .*; it is uint8 of shape \(3, 28,"),
        (
            {"test_images": np.zeros((3, 28, 28, 3))},
            r"is float64 of shape \(3, 28, 28, 3\)\. Load one of MedMNIST's 3",
        ),
        (
            {"test_images": np.zeros((3, 28, 28, 3), np.uint8)},
            r"must be 8-bit volumes, cubes of shape \(item, z, y, x\); it is uint8 of shape \(3, 28, 28, 3\)\.",
        ),
        (
            {"test_labels": np.array([0, -1, 2])},
            r"'test_labels' in .* must hold classes counted from 0; the least is -1\. Load one",
        ),
        (
            {"test_labels": np.zeros((2, 1), np.uint8)},
            r"one class for each of 3 volumes; .* uint8 of shape \(2, 1\)",
        ),
        ({"test_labels": np.zeros((3, 4), np.uint8)}, r"it is uint8 of shape \(3, 4\)\."),
        ({"test_labels": np.zeros(3)}, r"it is float64 of shape \(3,\)\."),
        ({"test_images": None}, r"arrays 'test_images' and 'test_labels'; it has .*'train_images'.*`wam\.load_volume`"),
        ({"test_labels": None}, r"with the arrays 'test_images' and 'test_labels'"),
    ],
)
def test_another_file_is_refused_with_what_is_missing(
    tmp_path: Path, arrays: dict[str, Any], changes: dict[str, Any], words: str
) -> None:
    changed = {name: values for name, values in (arrays | changes).items() if values is not None}
    np.savez(tmp_path / "a.npz", **changed)
    with pytest.raises(ValueError, match=words):
        wam.load_medmnist(tmp_path / "a.npz")


def test_another_split_size_or_path_is_refused(tmp_path: Path, arrays: dict[str, Any]) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ValueError, match=r"must be 'train', 'val' or 'test'; got 'tset'\. Did you mean 'test'\?"):
        wam.load_medmnist(tmp_path / "a.npz", split="tset")
    with pytest.raises(ValueError, match=r"'test_images' in .* at most 65855 voxels; its header declares 65856, shape"):
        wam.load_medmnist(tmp_path / "a.npz", most_voxels=3 * 28**3 - 1)
    with pytest.raises(FileNotFoundError, match="there is nothing at"):
        wam.load_medmnist(tmp_path / "b.npz")
