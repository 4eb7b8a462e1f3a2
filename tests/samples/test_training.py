"""That the models of sound can be trained anew: a few steps on made-up sounds, and the pieces of it."""

from pathlib import Path

import pytest
import safetensors.torch
import torch

from tests.training import audio
from tests.training.audio import Recipe, augmented, judge, masked, train
from tests.training.clips import Clips
from wam_widgets.samples import SoundNet

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
    runs = [audio.run("instruments", seed, recipe)[:2] for seed in (3, 4)]
    plan = audio.Plan("instrument_model", "instruments", recipe, (3, 4), "made up")
    audio.write(plan, runs, tmp_path)
    weights = safetensors.torch.load_file(tmp_path / "instrument_model.safetensors")
    SoundNet(hisses_and_hums.labels).network.load_state_dict(weights, strict=True)
    assert safetensors.torch.save(weights) == runs[0][0], "the first seed's"
    about = (tmp_path / "instrument_model.json").read_text("utf-8")
    assert '"shipped_seed": 3' in about
    assert '"seed": 4' in about
    assert '"epochs": 1' in about
