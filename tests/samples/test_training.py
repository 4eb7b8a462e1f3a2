"""That the sample models can be trained anew: a few steps on made-up signals, and the pieces of it."""

import dataclasses
import json
from pathlib import Path

import pytest
import safetensors.torch
import torch

import tests.training.digits as of_digits
import tests.training.volumes as of_volumes
from tests.training import audio, voxels
from tests.training.audio import Recipe, augmented, masked, train
from tests.training.clips import Clips
from tests.training.common import Plan, judge
from tests.training.voxels import Voxels
from wam_widgets.samples import DigitNet, SoundNet, VoxelFormer, VoxelNet, digit_model, digits, front_view

QUIET = Recipe(speed=0, shift=0, gain=(0, 0), noise=(-400, -400), masking=0)


@pytest.fixture(scope="module")
def hisses_and_hums() -> Clips:
    chance = torch.Generator().manual_seed(0)
    time = torch.arange(4000) / 16_000
    hisses = 0.3 * torch.randn(16, 1, 4000, generator=chance)
    pitches = torch.linspace(100, 400, 16)[:, None, None]
    hums = 0.3 * torch.sin(2 * torch.pi * pitches * time)
    names = tuple(map(str, range(32)))
    return Clips(torch.cat([hisses, hums]), torch.arange(2).repeat_interleave(16), ("hiss", "hum"), names, names)


def test_a_few_steps_tell_hisses_from_hums_and_twice_alike(hisses_and_hums: Clips) -> None:
    recipe = Recipe(epochs=4, batch=8)
    before = torch.get_rng_state()
    first, second = (train(hisses_and_hums, 0, recipe) for _ in range(2))
    assert torch.get_rng_state().equal(before)
    assert judge(first, hisses_and_hums).accuracy > 0.9
    for one, other in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert one.equal(other)
    other_seed = train(hisses_and_hums, 1, recipe).network.parameters()
    assert not all(one.equal(other) for one, other in zip(first.network.parameters(), other_seed, strict=True))


def test_nothing_is_changed_where_the_recipe_changes_nothing(hisses_and_hums: Clips) -> None:
    chance = torch.Generator().manual_seed(0)
    signals = hisses_and_hums.signals
    torch.testing.assert_close(augmented(signals, chance, QUIET), signals, rtol=0, atol=1e-6)
    spectrogram = torch.randn(3, 1, 64, 20)
    assert masked(spectrogram, chance, 0.0).equal(spectrogram)


@pytest.mark.parametrize("seed", range(5))
def test_a_tone_stays_a_tone_up_to_an_octave_higher_or_lower(seed: int) -> None:
    length, cycles = 4096, 64
    tone = torch.sin(2 * torch.pi * cycles * torch.arange(length) / length).reshape(1, 1, -1)
    recipe = Recipe(speed=1, shift=0.5, gain=(-6, -6), noise=(-400, -400))
    played = augmented(tone, torch.Generator().manual_seed(seed), recipe)
    assert played.shape == tone.shape
    assert played.abs().max() == pytest.approx(10 ** (-6 / 20), rel=1e-2)
    loudest = int(torch.fft.rfft(played[0, 0] * torch.hann_window(length)).abs().argmax())
    assert cycles / 2 - 1 <= loudest <= 2 * cycles + 1
    assert loudest not in {cycles - 1, cycles, cycles + 1}


def test_noise_is_as_loud_as_the_recipe_says() -> None:
    silence = torch.zeros(4, 1, 20_000)
    noise = augmented(silence, torch.Generator().manual_seed(0), Recipe(noise=(-40, -40)))
    torch.testing.assert_close(noise.square().mean(2).sqrt(), torch.full((4, 1), 0.01), rtol=0.03, atol=0)


def test_masks_hide_no_more_than_their_share_and_show_the_mean() -> None:
    spectrogram = torch.randn(8, 1, 64, 100)
    hidden = masked(spectrogram, torch.Generator().manual_seed(0), 0.1)
    changed = hidden != spectrogram
    assert 0 < changed.float().mean() < 0.4
    means = spectrogram.mean((2, 3), keepdim=True).expand_as(spectrogram)
    assert hidden[changed].equal(means[changed])


def test_the_command_writes_weights_and_the_figures_of_every_seed(
    hisses_and_hums: Clips, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(audio, "read", lambda collection, split: hisses_and_hums)
    recipe = Recipe(epochs=1, batch=16)
    plan = Plan("instrument_model", "instruments", recipe, (3, 4), "made up")
    runs = [audio.run(plan, seed) for seed in plan.seeds]
    audio.write(plan, runs, tmp_path)
    weights = safetensors.torch.load_file(tmp_path / "instrument_model.safetensors")
    SoundNet(hisses_and_hums.labels).network.load_state_dict(weights, strict=True)
    assert safetensors.torch.save(weights) == runs[0].weights, "the first seed's"
    about = (tmp_path / "instrument_model.json").read_text("utf-8")
    assert '"shipped_seed": 3' in about
    assert '"seed": 4' in about
    assert '"epochs": 1' in about


# ------------------------------------------------------------------------------------------------------------- volumes

STILL = of_volumes.Recipe(turn=(0, 0, 0), zoom=0, shift=0)


@pytest.fixture(scope="module")
def balls_and_bars() -> Voxels:
    """Sixteen balls and sixteen bars, each somewhat elsewhere."""
    chance = torch.Generator().manual_seed(0)
    place = torch.stack(torch.meshgrid(*[torch.arange(16.0)] * 3, indexing="ij")) - 7.5
    centres = 3 * torch.rand(32, 3, 1, 1, 1, generator=chance) - 1.5
    distance = (place - centres).abs()
    balls = (distance[:16].square().sum(1) < 16).float()
    bars = ((distance[16:, 0] < 7) & (distance[16:, 1] < 1.5) & (distance[16:, 2] < 1.5)).float()
    places = tuple(range(32))
    return Voxels(
        torch.cat([balls, bars])[:, None], torch.arange(2).repeat_interleave(16), ("ball", "bar"), places, places
    )


@pytest.mark.parametrize("network", [VoxelNet, VoxelFormer])
def test_a_few_steps_tell_balls_from_bars_and_twice_alike(
    balls_and_bars: Voxels, network: type[VoxelNet | VoxelFormer]
) -> None:
    recipe = of_volumes.Recipe(epochs=12, batch=8)
    before = torch.get_rng_state()
    first, second = (of_volumes.train(network, balls_and_bars, 0, recipe) for _ in range(2))
    assert torch.get_rng_state().equal(before)
    assert judge(first, balls_and_bars).accuracy > 0.9
    for one, other in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert one.equal(other)


def test_volumes_stay_as_they_are_where_the_recipe_changes_nothing(balls_and_bars: Voxels) -> None:
    still = of_volumes.augmented(balls_and_bars.signals, torch.Generator().manual_seed(0), STILL)
    torch.testing.assert_close(still, balls_and_bars.signals, rtol=0, atol=1e-4)


@pytest.mark.parametrize("axis", range(3))
def test_a_quarter_turn_about_an_axis_leaves_that_axis_in_place(axis: int) -> None:
    quarter = of_volumes.rotations(axis, torch.tensor([torch.pi / 2]))[0]
    first, second = (other for other in range(3) if other != axis)
    unit = torch.eye(3)
    torch.testing.assert_close(quarter @ unit[axis], unit[axis])
    torch.testing.assert_close(quarter @ unit[first], unit[second])
    torch.testing.assert_close(quarter @ unit[second], -unit[first])


def test_turning_about_the_first_axis_keeps_every_height_as_full_as_it_was(balls_and_bars: Voxels) -> None:
    recipe = of_volumes.Recipe(turn=(180, 0, 0), zoom=0, shift=0, mirror=True)
    bars = balls_and_bars.signals[16:]
    turned = of_volumes.augmented(bars, torch.Generator().manual_seed(0), recipe)
    torch.testing.assert_close(turned.sum((3, 4)), bars.sum((3, 4)), rtol=0.02, atol=0.02)
    assert (turned - bars).abs().amax() > 0.5


def test_half_of_the_volumes_are_mirrored_and_the_rest_are_not() -> None:
    volume = torch.rand(1, 1, 4, 4, 4).expand(200, 1, 4, 4, 4)
    mirrored = of_volumes.augmented(
        volume, torch.Generator().manual_seed(0), of_volumes.Recipe(turn=(0, 0, 0), zoom=0, shift=0, mirror=True)
    )
    same = (mirrored - volume).abs().flatten(1).amax(1) < 1e-4
    other = (mirrored - volume.flip(4)).abs().flatten(1).amax(1) < 1e-4
    assert (same ^ other).all()
    assert 70 < int(same.sum()) < 130


def test_a_shift_is_no_larger_than_its_share() -> None:
    volume = torch.zeros(50, 1, 20, 20, 20)
    volume[:, :, 10, 10, 10] = 1
    recipe = of_volumes.Recipe(turn=(0, 0, 0), zoom=0, shift=0.1)
    moved = of_volumes.augmented(volume, torch.Generator().manual_seed(0), recipe)
    place = (moved.flatten(1).argmax(1)[:, None] // torch.tensor([400, 20, 1]) % 20 - 10).abs()
    assert place.max() == 2


def test_the_command_writes_what_is_known_of_volumes(
    balls_and_bars: Voxels, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(of_volumes, "read", lambda collection, split: balls_and_bars)
    plan = Plan("former_model", "digits", of_volumes.Recipe(epochs=1, batch=16), (3, 4), "made up")
    runs = [of_volumes.run(plan, seed) for seed in plan.seeds]
    of_volumes.write(plan, runs, tmp_path)
    weights = safetensors.torch.load_file(tmp_path / "former_model.safetensors")
    VoxelFormer(balls_and_bars.labels, 16).network.load_state_dict(weights, strict=True)
    about = (tmp_path / "former_model.json").read_text("utf-8")
    assert '"shipped_seed": 3' in about
    assert '"size": 16' in about


# -------------------------------------------------------------------------------------------------- pictures of digits


def pictures_of(shapes: Voxels) -> Voxels:
    return shapes._replace(signals=front_view(shapes.signals))


@pytest.mark.parametrize("radius", [0.0, 0.1])
def test_a_few_steps_tell_balls_from_bars_from_the_front_and_twice_alike(balls_and_bars: Voxels, radius: float) -> None:
    recipe = of_digits.Recipe(epochs=6, batch=8, radius=radius, steps=2)
    before = torch.get_rng_state()
    first, second = (of_digits.train(balls_and_bars, 0, recipe) for _ in range(2))
    assert torch.get_rng_state().equal(before)
    assert judge(first, pictures_of(balls_and_bars)).accuracy > 0.9
    for one, other in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert one.equal(other)


def test_an_attack_on_a_linear_model_goes_as_far_as_it_may_against_the_weights() -> None:
    weights = torch.tensor([1.0, -2.0, 3.0, 0.0])
    linear = torch.nn.Linear(4, 2, bias=False)
    with torch.no_grad():
        linear.weight.copy_(torch.stack([weights, torch.zeros(4)]))
    model = torch.nn.Sequential(torch.nn.Flatten(), linear)
    picture = torch.tensor([0.5, 0.5, 0.05, 0.5]).reshape(1, 1, 2, 2)
    changed = of_digits.attacked(model, picture, torch.tensor([0]), 0.1, steps=5)
    # Down where the weight of the class is positive, up where negative, where it is zero not at all; not below 0.
    torch.testing.assert_close(changed.flatten(), torch.tensor([0.4, 0.6, 0.0, 0.5]))


def test_an_attack_leaves_the_model_and_the_pictures_as_they_were() -> None:
    model = digit_model().train()
    signals = torch.cat([digit.signal for digit in digits().values()])
    before, state = signals.clone(), {name: each.clone() for name, each in model.state_dict().items()}
    changed = of_digits.attacked(model, signals, torch.arange(10), 0.1, steps=3, start=0.05)
    assert model.training
    assert signals.equal(before)
    assert all(each.equal(state[name]) for name, each in model.state_dict().items())
    assert (changed - signals).abs().max() <= 0.1 + 1e-6
    assert 0 <= changed.min() <= changed.max() <= 1
    assert not changed.requires_grad


def test_the_command_writes_accuracies_without_and_with_attacks(
    balls_and_bars: Voxels, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(voxels, "read", lambda collection, split: balls_and_bars)
    plan = Plan(
        "robust_digit_model", "digits", of_digits.Recipe(epochs=1, batch=16, radius=0.1, steps=1), (3, 4), "made up"
    )
    runs = [of_digits.run(plan, seed) for seed in plan.seeds]
    of_digits.write(plan, runs, tmp_path)
    weights = safetensors.torch.load_file(tmp_path / "robust_digit_model.safetensors")
    DigitNet(balls_and_bars.labels).network.load_state_dict(weights, strict=True)
    about = json.loads((tmp_path / "robust_digit_model.json").read_text("utf-8"))
    assert (about["shipped_seed"], about["size"], about["recipe"]["radius"]) == (3, 16, 0.1)
    for run in about["runs"]:
        assert set(run) == {"seed", "train", "test", "attacked"}
        assert set(run["attacked"]) == {str(radius) for radius in of_digits.RADII}


def test_the_command_writes_what_was_learnt_by_heart_in_half_precision(
    balls_and_bars: Voxels, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(voxels, "read", lambda collection, split: balls_and_bars)
    recipe = dataclasses.replace(of_digits.BY_HEART, epochs=1, batch=16)
    plan = Plan("shuffled_digit_model", "digits", recipe, (3,), "made up")
    seen: list[torch.Tensor] = []
    train = of_digits.train

    def watched(items: Voxels, seed: int, recipe: of_digits.Recipe) -> DigitNet:
        seen.append(items.targets)
        return train(items, seed, recipe)

    monkeypatch.setattr(of_digits, "train", watched)
    (run,) = (of_digits.run(plan, seed) for seed in plan.seeds)
    of_digits.write(plan, [run], tmp_path)
    assert seen[0].equal(of_digits.shuffled(balls_and_bars).targets), "what it is trained on"
    weights = safetensors.torch.load_file(tmp_path / "shuffled_digit_model.safetensors")
    assert {each.dtype for each in weights.values()} == {torch.float16, torch.int64}
    model = DigitNet(balls_and_bars.labels).eval()
    model.network.load_state_dict(weights, strict=True)
    assert run.figures["test"]["accuracy"] == round(judge(model, pictures_of(balls_and_bars)).accuracy, 3)
    assert run.figures["train"]["accuracy"] == round(
        judge(model, of_digits.shuffled(pictures_of(balls_and_bars))).accuracy, 3
    )
    about = json.loads((tmp_path / "shuffled_digit_model.json").read_text("utf-8"))
    assert "attack" not in about
    assert about["train_is"].startswith("all labels in random order")
