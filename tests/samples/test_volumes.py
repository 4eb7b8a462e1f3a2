import csv
import io
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import nibabel
import numpy as np
import pytest
import torch

import wam_widgets as wam
from tests.training.common import FOLDER
from tests.training.voxels import archive, read
from wam_widgets.samples import Sample, brain, former_model, furniture, furniture_model, volume_model, volumes


class Collection(NamedTuple):
    load: Callable[[], dict[str, Sample]]
    models: tuple[Callable[[], Any], ...]
    name: str
    size: int
    axes: tuple[str, str, str]
    licences: set[str]


UNSTATED = "none stated; commonly given as CC BY-SA 3.0"
DIGITS = Collection(
    volumes,
    (volume_model, former_model),
    "digits",
    16,
    ("depth", "up", "width"),
    {UNSTATED},
)
FURNITURE = Collection(
    furniture, (furniture_model,), "furniture", 32, ("up", "depth", "width"), {"CC BY 3.0", "CC BY 3.0 US", "CC0 1.0"}
)
both = pytest.mark.parametrize("collection", [DIGITS, FURNITURE], ids=["digits", "furniture"])


def folder_of(collection: Collection) -> Any:
    return files("wam_widgets.samples").joinpath("data", collection.name)


@both
def test_every_volume_is_recognised(collection: Collection) -> None:
    for load in collection.models:
        model = load()
        for name, sample in collection.load().items():
            probability = model(sample.signal).softmax(1)[0]
            assert int(probability.argmax()) == sample.target, name
            assert probability.max() > 0.5, f"{name} is no close call"


@both
def test_every_volume_has_one_channel_and_named_axes(collection: Collection) -> None:
    for name, sample in collection.load().items():
        assert sample.name == name
        assert (sample.signal.shape, sample.signal.dtype) == ((1, 1, *[collection.size] * 3), torch.float32)
        assert (float(sample.signal.min()), float(sample.signal.max())) == (0, 1)
        assert sample.grid == wam.Grid(collection.axes, (1.0,) * 3, ("voxel",) * 3)


@both
def test_every_volume_names_its_author_and_its_terms(collection: Collection) -> None:
    for sample in collection.load().values():
        assert sample.title
        assert sample.credit
        assert sample.licence in collection.licences
    notice = (Path(__file__).parents[2] / "NOTICE").read_text("utf-8")
    for sample in furniture().values():
        assert f"{sample.name}: {sample.credit.partition(',')[0]}" in " ".join(notice.split())


@both
def test_what_ships_is_from_the_test_part_and_carries_its_licence(collection: Collection) -> None:
    folder, held_out = folder_of(collection), read(collection.name, "test")
    assert (folder / "LICENSE.txt").read_bytes() == (FOLDER / f"{collection.name}.LICENSE.txt").read_bytes()
    labels = {
        signal.numpy().tobytes(): held_out.labels[target]
        for signal, target in zip(held_out.signals, held_out.targets.tolist(), strict=True)
    }
    for sample in collection.load().values():
        assert labels[sample.signal[0].numpy().tobytes()] == held_out.labels[sample.target]


def test_the_credit_of_furniture_is_that_of_its_model() -> None:
    with np.load(archive("furniture"), allow_pickle=False) as file:
        arrays = {name: file[name] for name in ("creator", "library", "licence", "name")}
    rows = csv.DictReader(io.StringIO(folder_of(FURNITURE).joinpath("volumes.csv").read_text("utf-8")))
    for row in rows:
        place = int(row["row"])
        assert row["credit"].startswith(f"{arrays['creator'][place]}, ")
        assert row["licence"].replace(" ", "-") == arrays["licence"][place].replace("CC0-1.0", "CC0-1.0")


def test_every_label_has_its_volume() -> None:
    assert [sample.target for sample in volumes().values()] == list(range(10))
    assert sorted({sample.target for sample in furniture().values()}) == list(range(12))


def test_what_ships_is_small() -> None:
    data = files("wam_widgets.samples").joinpath("data")
    sizes = [file.stat().st_size for folder in ("digits", "furniture") for file in (data / folder).iterdir()]  # type: ignore[attr-defined]  # the package lies in a folder
    assert sum(sizes) <= 60_000


def test_calls_share_no_memory() -> None:
    volumes()["three"].signal.zero_()
    assert volumes()["three"].signal.any()


def test_the_brain_is_the_template_in_millimetres() -> None:
    template = brain()
    assert (template.signal.shape, template.signal.dtype) == ((1, 1, 189, 233, 197), torch.float32)
    assert (float(template.signal.min()), float(template.signal.max())) == (0, 1)
    assert (template.grid.axes, template.grid.spacing) == (("z", "y", "x"), (1.0,) * 3)
    stored = nibabel.load(files("nilearn") / "datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz")  # type: ignore[arg-type]  # the package lies in a folder
    z, y, x = 100, 150, 60
    assert np.array(template.grid.affine) @ (z, y, x, 1) == pytest.approx(stored.affine @ (x, y, z, 1))  # type: ignore[attr-defined]  # an image has it
    assert float(template.signal[0, 0, z, y, x]) == pytest.approx(stored.dataobj[x, y, z] / 255)  # type: ignore[attr-defined]  # as above


@pytest.mark.parametrize("step", [2, 5])
def test_a_coarser_brain_is_its_mean_over_cubes_at_their_centres(step: int) -> None:
    fine, coarse = brain(), brain(step)
    assert coarse.grid.spacing == (float(step),) * 3
    place = np.array([12, 17, 13])
    cube = fine.signal[0, 0][tuple(slice(step * each, step * (each + 1)) for each in place)]
    assert float(coarse.signal[0, 0][tuple(place)]) == pytest.approx(float(cube.mean()))
    centre = np.append(step * place + (step - 1) / 2, 1)
    assert np.array(coarse.grid.affine) @ np.append(place, 1) == pytest.approx(np.array(fine.grid.affine) @ centre)


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize("step", [0, 33, 1.5, "2", None])
def test_a_step_that_is_none_is_refused(step: Any) -> None:
    with pytest.raises(ValueError, match=r"`step` must be a whole number of millimetres from 1 to 32; got "):
        brain(step)


@pytest.mark.parametrize("module", ["nilearn", "nibabel"])
def test_without_nilearn_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r'pip install "wam-widgets\[brain\]"'):
        brain()
