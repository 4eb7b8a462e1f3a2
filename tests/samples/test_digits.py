import re
from collections.abc import Callable
from importlib.resources import files

import pytest
import torch
from torch import Tensor

from tests.training.common import Judgement, judge
from tests.training.digits import RADII, STEPS, attacked, read, shuffled
from tests.training.voxels import Voxels, fingerprint
from wam_widgets.samples import (
    DigitNet,
    digit_model,
    digits,
    front_view,
    record,
    robust_digit_model,
    shuffled_digit_model,
    volumes,
)

MODELS: dict[str, Callable[[], DigitNet]] = {"digit_model": digit_model, "robust_digit_model": robust_digit_model}
every_model = pytest.mark.parametrize(
    "load", [*MODELS.values(), shuffled_digit_model], ids=[*MODELS, "shuffled_digit_model"]
)


@pytest.fixture(scope="module", params=list(MODELS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(name: str) -> DigitNet:
    return MODELS[name]()


@pytest.fixture(scope="module")
def held_out() -> Voxels:
    return read("digits", "test")


@pytest.fixture(scope="module")
def judged(model: DigitNet, held_out: Voxels) -> Judgement:
    return judge(model, held_out)


# ---------------------------------------------------------------------------------------------------------- pictures


def test_a_picture_is_the_sum_along_depth_with_the_top_first() -> None:
    volume = torch.zeros(1, 1, 3, 2, 2)
    volume[0, 0, :, 1, 0] = torch.tensor([0.25, 0.5, 0.0])  # above, on the left
    volume[0, 0, :, 0, 1] = 1  # below, on the right: three full voxels
    assert front_view(volume)[0, 0].tolist() == [[0.375, 0], [0, 1]]


def test_every_digit_is_that_of_the_volumes_and_recognised_by_both_models() -> None:
    pictures = digits()
    assert [picture.target for picture in pictures.values()] == list(range(10))
    for name, picture in pictures.items():
        assert (picture.name, picture.grid) == (name, None)
        assert (picture.signal.shape, picture.signal.dtype) == ((1, 1, 16, 16), torch.float32)
        assert 0 == picture.signal.min() < 0.9 < picture.signal.max() <= 1
        assert picture.signal.equal(front_view(volumes()[name].signal))
        for load in MODELS.values():
            probability = load()(picture.signal).softmax(1)[0]
            assert int(probability.argmax()) == picture.target
            assert probability.max() > 0.5, f"{name} is no close call"


def test_every_digit_names_its_author_and_what_was_made_of_it() -> None:
    for picture in digits().values():
        assert picture.title
        assert picture.credit.startswith("Digits from MNIST (Y. LeCun")
        assert picture.credit.endswith("seen from the front")
        assert picture.licence == "none stated; commonly given as CC BY-SA 3.0"


def test_no_drawn_digit_is_on_both_sides_of_the_split(held_out: Voxels) -> None:
    training = read("digits", "train")
    assert not set(training.sources) & set(held_out.sources)
    contents = [{picture.numpy().tobytes() for picture in part.signals} for part in (training, held_out)]
    assert not contents[0] & contents[1]
    shipped = {picture.signal[0].numpy().tobytes() for picture in digits().values()}
    assert shipped <= contents[1]


# ------------------------------------------------------------------------------------------------------------ models


def test_the_accuracy_on_record_is_that_on_what_was_held_out(name: str, judged: Judgement, held_out: Voxels) -> None:
    on_record = record(name)
    shipped = on_record["runs"][0]["test"]
    assert judged.accuracy == pytest.approx(shipped["accuracy"], abs=1.01 / len(held_out.targets) + 5e-4)
    assert set(judged.by_label) == set(shipped["by_label"])
    assert on_record["data_sha256"] == fingerprint("digits"), "these are the data of the record"
    assert on_record["digits"] == {"train": 2000, "test": len(held_out.targets)}


@pytest.mark.parametrize("radius", RADII)
def test_the_accuracy_under_attack_is_that_on_record(
    name: str, model: DigitNet, held_out: Voxels, radius: float
) -> None:
    some = held_out._replace(signals=held_out.signals[:200], targets=held_out.targets[:200])
    changed = attacked(model, some.signals, some.targets, radius, STEPS)
    accuracy = judge(model, some._replace(signals=changed)).accuracy
    on_record = record(name)["runs"][0]["attacked"][str(radius)]
    assert accuracy == pytest.approx(on_record, abs=4 * (max(on_record * (1 - on_record), 0.01) / 200) ** 0.5)


@pytest.mark.parametrize(
    ("name", "promised", "under_attack"), [("digit_model", 0.95, 0.0), ("robust_digit_model", 0.92, 0.75)]
)
def test_what_was_held_out_is_recognised_as_often_as_promised(name: str, promised: float, under_attack: float) -> None:
    on_record = record(name)
    accuracies = [run["test"]["accuracy"] for run in on_record["runs"]]
    assert [run["seed"] for run in on_record["runs"]] == [0, 1, 2]
    assert on_record["shipped_seed"] == 0
    assert sum(accuracies) / 3 >= promised
    assert on_record["mean_test_accuracy"] == pytest.approx(sum(accuracies) / 3, abs=1e-3)
    strongest = [run["attacked"]["0.15"] for run in on_record["runs"]]
    assert min(strongest) >= under_attack
    assert on_record["mean_attacked_accuracy"]["0.15"] == pytest.approx(sum(strongest) / 3, abs=1e-3)


def test_training_against_attacks_is_what_the_two_differ_by() -> None:
    plain, robust = (record(name) for name in MODELS)
    assert {key for key in plain["recipe"] if plain["recipe"][key] != robust["recipe"][key]} == {"radius"}
    assert plain["recipe"]["radius"] == 0
    for before, after in zip(plain["runs"], robust["runs"], strict=True):
        assert after["attacked"]["0.15"] > before["attacked"]["0.15"] + 0.5


def test_shuffled_labels_are_known_by_heart_and_help_no_more_than_chance(held_out: Voxels) -> None:
    model, on_record = shuffled_digit_model(), record("shuffled_digit_model")
    training = read("digits", "train")
    by_heart, true = judge(model, shuffled(training)), judge(model, training)
    assert by_heart.accuracy == on_record["runs"][0]["train"]["accuracy"] == 1
    # The share of labels that the random order left as they were.
    assert true.accuracy == float((shuffled(training).targets == training.targets).double().mean()) < 0.13
    assert judge(model, held_out).accuracy == pytest.approx(on_record["runs"][0]["test"]["accuracy"], abs=1.5e-3)
    assert on_record["recipe"]["shuffled"]
    for run in on_record["runs"]:
        assert run["train"]["accuracy"] > 0.99
        assert 0.07 < run["test"]["accuracy"] < 0.13, "three standard errors about a tenth"
        assert "attacked" not in run


def test_shuffling_keeps_pictures_and_how_many_there_are_of_each_label() -> None:
    training = read("digits", "train")
    found, again = shuffled(training), shuffled(training)
    assert found.signals is training.signals
    assert found.targets.equal(again.targets)
    assert found.targets.bincount().equal(training.targets.bincount())
    assert not found.targets.equal(training.targets)


def test_labels_and_size_are_those_of_the_data(name: str, model: DigitNet, held_out: Voxels) -> None:
    assert model.labels == held_out.labels
    assert held_out.signals.shape[1:] == (1, *[record(name)["size"]] * 2)


def test_the_model_is_ready_to_be_explained(model: DigitNet) -> None:
    assert not any(module.training for module in model.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_gradients_flow_to_the_pixels_and_are_those_of_finite_differences(name: str) -> None:
    model = MODELS[name]().double()
    chance = torch.Generator().manual_seed(0)
    # Off the corners of ReLU and maximum, on which empty paper lies: there is a derivative to compare with.
    paper = 0.01 * torch.rand(1, 1, 16, 16, generator=chance, dtype=torch.float64)
    signal = (digits()["three"].signal.double() + paper).requires_grad_()
    (gradient,) = torch.autograd.grad(model(signal)[0, 3], signal)
    direction = torch.randn(signal.shape, generator=chance, dtype=torch.float64)
    step = 1e-8
    difference = model(signal + step * direction) - model(signal - step * direction)
    torch.testing.assert_close((gradient * direction).sum(), difference[0, 3] / (2 * step), rtol=1e-3, atol=1e-6)


def test_an_item_does_not_depend_on_its_neighbours(model: DigitNet, held_out: Voxels) -> None:
    batch = held_out.signals[:4]
    together, alone = model(batch), torch.cat([model(item[None]) for item in batch])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (16, 32), (28, 28), (33, 15)])
def test_pictures_of_other_sizes_are_taken(size: tuple[int, int]) -> None:
    assert digit_model()(torch.rand(2, 1, *size)).shape == (2, 10)


@every_model
def test_loading_leaves_the_random_numbers_alone(load: Callable[[], DigitNet]) -> None:
    before = torch.get_rng_state()
    load()
    assert torch.get_rng_state().equal(before)


@every_model
def test_a_call_returns_a_model_of_its_own(load: Callable[[], DigitNet]) -> None:
    kept = load()
    for parameter in load().parameters():
        torch.nn.init.zeros_(parameter)
    assert all(bool(parameter.any()) for parameter in kept.parameters())


def test_weights_are_small() -> None:
    for name, most in (*((name, 300_000) for name in MODELS), ("shuffled_digit_model", 200_000)):
        assert len(files("wam_widgets.samples").joinpath("data", f"{name}.safetensors").read_bytes()) < most


@pytest.mark.usefixtures("as_a_user")
@every_model
@pytest.mark.parametrize(
    ("signal", "error", "words"),
    [
        (
            torch.zeros(2, 3, 16, 16),
            ValueError,
            (
                "`signal` must have one channel, shape (2, 1, 16, 16); got shape (2, 3, 16, 16). This model was "
                "trained on ink without colour: pass one channel, e.g. `signal.mean(1, keepdim=True)`."
            ),
        ),
        (
            torch.zeros(1, 1, 16, 16, 16),
            ValueError,
            "`signal` must be pictures, with the axes (item, channel, row, column); got shape (1, 1, 16, 16, 16).",
        ),
        (torch.zeros(1, 16, 16), ValueError, "needs both, `signal[None, None]`"),
        (torch.zeros(1, 1, 16, 16, dtype=torch.uint8), TypeError, "got torch.uint8. Pass `signal.float()`"),
        ([0.0, 0.1], TypeError, "got list"),
    ],
)
def test_what_is_no_picture_of_one_channel_is_refused_with_the_remedy(
    load: Callable[[], DigitNet], signal: Tensor, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=re.escape(words)):
        load()(signal)
