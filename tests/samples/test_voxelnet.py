import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from tests.training.common import Judgement, judge
from tests.training.voxels import Voxels, fingerprint, read
from wam_widgets.samples import (
    VoxelFormer,
    VoxelNet,
    former_model,
    furniture,
    furniture_model,
    record,
    volume_model,
    volumes,
)

Model = VoxelNet | VoxelFormer
MODELS: dict[str, Callable[[], Model]] = {
    "volume_model": volume_model,
    "former_model": former_model,
    "furniture_model": furniture_model,
}
COLLECTIONS = {"volume_model": "digits", "former_model": "digits", "furniture_model": "furniture"}
every_model = pytest.mark.parametrize("load", MODELS.values(), ids=MODELS)


@pytest.fixture(scope="module", params=list(MODELS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(name: str) -> Model:
    return MODELS[name]()


@pytest.fixture(scope="module")
def held_out(name: str) -> Voxels:
    return read(COLLECTIONS[name], "test")


@pytest.fixture(scope="module")
def judged(model: Model, held_out: Voxels) -> Judgement:
    return judge(model, held_out)


def test_the_accuracy_on_record_is_that_on_what_was_held_out(name: str, judged: Judgement, held_out: Voxels) -> None:
    on_record = record(name)
    shipped = on_record["runs"][0]["test"]
    one_volume = 1 / len(held_out.targets)
    assert judged.accuracy == pytest.approx(shipped["accuracy"], abs=1.01 * one_volume + 5e-4)
    assert judged.balanced_accuracy == pytest.approx(shipped["balanced_accuracy"], abs=0.03)
    assert set(judged.by_label) == set(shipped["by_label"])
    assert on_record["data_sha256"] == fingerprint(COLLECTIONS[name]), "these are the data of the record"


@pytest.mark.parametrize(("name", "promised"), [("volume_model", 0.93), ("furniture_model", 0.60)])
def test_what_was_held_out_is_recognised_as_often_as_promised(name: str, promised: float) -> None:
    on_record = record(name)
    accuracies = [run["test"]["accuracy"] for run in on_record["runs"]]
    assert [run["seed"] for run in on_record["runs"]] == [0, 1, 2]
    assert on_record["shipped_seed"] == 0
    assert sum(accuracies) / 3 >= promised
    assert on_record["mean_test_accuracy"] == pytest.approx(sum(accuracies) / 3, abs=1e-3)


def test_attention_reads_digits_nearly_as_well_as_convolutions_do() -> None:
    assert record("former_model")["mean_test_accuracy"] > record("volume_model")["mean_test_accuracy"] - 0.05


@pytest.mark.parametrize("collection", ["digits", "furniture"])
def test_no_source_is_on_both_sides_of_the_split(collection: str) -> None:
    training, held_out = read(collection, "train"), read(collection, "test")
    assert not set(training.sources) & set(held_out.sources)
    assert not set(training.rows) & set(held_out.rows)
    contents = [{volume.numpy().tobytes() for volume in part.signals} for part in (training, held_out)]
    assert not contents[0] & contents[1]
    for name, trained_on in COLLECTIONS.items():
        if trained_on == collection:
            counts = {"train": len(training.targets), "test": len(held_out.targets)}
            assert record(name)["volumes"] == counts


def test_labels_and_size_are_those_of_the_data(model: Model, held_out: Voxels) -> None:
    assert model.labels == held_out.labels
    assert held_out.signals.shape[1:] == (1, *[model.size] * 3)


def test_the_model_is_ready_to_be_explained(model: Model) -> None:
    assert not any(module.training for module in model.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_gradients_flow_to_the_voxels_and_are_those_of_finite_differences(name: str) -> None:
    model = MODELS[name]().double()
    sample = next(iter((furniture if name == "furniture_model" else volumes)().values()))
    # Off the corners of ReLU and maximum, on which empty space lies: there is a derivative to compare with.
    signal = sample.signal.double() + 0.01 * torch.rand(sample.signal.shape, dtype=torch.float64)
    signal.requires_grad_()
    (gradient,) = torch.autograd.grad(model(signal)[0, sample.target], signal)
    assert gradient.isfinite().all()
    assert (gradient != 0).double().mean() > 0.5
    direction = torch.randn_like(signal)
    step = 1e-8
    difference = model(signal + step * direction) - model(signal - step * direction)
    torch.testing.assert_close(
        (gradient * direction).sum(), difference[0, sample.target] / (2 * step), rtol=1e-3, atol=1e-6
    )


def test_an_item_does_not_depend_on_its_neighbours(model: Model, held_out: Voxels) -> None:
    batch = held_out.signals[:4]
    together, alone = model(batch), torch.cat([model(item[None]) for item in batch])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1, 1), (16, 20, 13), (33, 32, 31)])
@pytest.mark.parametrize("load", [volume_model, furniture_model])
def test_convolutions_take_volumes_of_other_sizes(load: Callable[[], VoxelNet], size: tuple[int, ...]) -> None:
    model = load()
    assert model(torch.rand(2, 1, *size)).shape == (2, len(model.labels))


@every_model
def test_loading_leaves_the_random_numbers_alone(load: Callable[[], Model]) -> None:
    before = torch.get_rng_state()
    load()
    assert torch.get_rng_state().equal(before)


@every_model
def test_a_call_returns_a_model_of_its_own(load: Callable[[], Model]) -> None:
    kept = load()
    for parameter in load().parameters():
        torch.nn.init.zeros_(parameter)
    assert all(bool(parameter.any()) for parameter in kept.parameters())


@pytest.mark.usefixtures("as_a_user")
@every_model
@pytest.mark.parametrize(
    ("signal", "error", "words"),
    [
        (
            torch.zeros(2, 3, 16, 16, 16),
            ValueError,
            (
                "`signal` must have one channel, shape (2, 1, 16, 16, 16); got shape (2, 3, 16, 16, 16). This model "
                "was trained on voxels that are empty or full: pass one channel, e.g. `signal.mean(1, keepdim=True)`."
            ),
        ),
        (
            torch.zeros(1, 1, 16, 16),
            ValueError,
            "`signal` must be volumes, with the axes (item, channel, z, y, x); got shape (1, 1, 16, 16).",
        ),
        (torch.zeros(16, 16, 16), ValueError, "needs both, `signal[None, None]`"),
        (torch.zeros(1, 1, 16, 16, 16, dtype=torch.uint8), TypeError, "got torch.uint8. Pass `signal.float()`"),
        ([0.0, 0.1], TypeError, "got list"),
    ],
)
def test_what_is_no_volume_of_one_channel_is_refused_with_the_remedy(
    load: Callable[[], Model], signal: Tensor, error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as caught:
        load()(signal)
    assert words in str(caught.value)


def test_attention_takes_its_own_size_only_and_says_how_to_resample() -> None:
    words = "16 voxels along each axis, shape (2, 1, 16, 16, 16); got shape (2, 1, 28, 28, 28). Resample it"
    with pytest.raises(ValueError, match=re.escape(words)) as caught:
        former_model()(torch.rand(2, 1, 28, 28, 28))
    assert "interpolate(signal, size=(16, 16, 16), mode='trilinear')" in str(caught.value)
    resampled = torch.nn.functional.interpolate(torch.rand(2, 1, 28, 28, 28), size=(16, 16, 16), mode="trilinear")
    assert former_model()(resampled).shape == (2, 10)
