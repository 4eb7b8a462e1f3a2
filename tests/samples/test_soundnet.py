import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import wam_widgets as wam
from tests.training.clips import Clips, fingerprint, read
from tests.training.common import Judgement, judge
from wam_widgets.samples import SoundNet, audio, audio_model, instrument_model, instruments, pitch_model, record

COLLECTIONS = {"audio_model": "environment_sounds", "instrument_model": "instruments"}
MODELS = {"audio_model": audio_model, "instrument_model": instrument_model}


@pytest.fixture(scope="module", params=list(MODELS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def model(name: str) -> SoundNet:
    return MODELS[name]()


@pytest.fixture(scope="module")
def held_out(name: str) -> Clips:
    return read(COLLECTIONS[name], "test")


@pytest.fixture(scope="module")
def judged(model: SoundNet, held_out: Clips) -> Judgement:
    return judge(model, held_out)


def test_the_accuracy_on_record_is_that_on_what_was_held_out(name: str, judged: Judgement, held_out: Clips) -> None:
    on_record = record(name)
    shipped = on_record["runs"][0]["test"]
    one_clip = 1 / len(held_out.targets)
    assert judged.accuracy == pytest.approx(shipped["accuracy"], abs=1.01 * one_clip + 5e-4)
    assert judged.balanced_accuracy == pytest.approx(shipped["balanced_accuracy"], abs=0.03)
    assert set(judged.by_label) == set(shipped["by_label"])
    assert on_record["data_sha256"] == fingerprint(COLLECTIONS[name]), "these are the data of the record"


def test_sound_events_of_other_recordings_are_recognised_as_often_as_promised() -> None:
    on_record = record("audio_model")
    accuracies = [run["test"]["accuracy"] for run in on_record["runs"]]
    assert [run["seed"] for run in on_record["runs"]] == [0, 1, 2]
    assert on_record["shipped_seed"] == 0
    assert sum(accuracies) / 3 >= 0.72
    assert on_record["mean_test_accuracy"] == pytest.approx(sum(accuracies) / 3, abs=1e-3)


def test_no_family_of_recordings_was_heard_in_training(name: str, held_out: Clips) -> None:
    training = read(COLLECTIONS[name], "train")
    assert not set(training.families) & set(held_out.families)
    assert not set(training.files) & set(held_out.files)
    assert record(name)["clips"] == {"train": len(training.targets), "test": len(held_out.targets)}


def test_labels_and_sample_rate_are_those_of_the_data(model: SoundNet, held_out: Clips) -> None:
    assert model.labels == held_out.labels
    assert len(model.labels) == 12
    assert model.sample_rate == 16_000


def test_the_model_is_ready_to_be_explained(model: SoundNet) -> None:
    assert not any(module.training for module in model.modules())
    assert not any(parameter.requires_grad for parameter in model.parameters())


def test_gradients_flow_to_the_waveform_and_are_those_of_finite_differences(name: str) -> None:
    model = MODELS[name]().double()
    sample = next(iter((audio if name == "audio_model" else instruments)().values()))
    signal = sample.signal[..., 2000:6000].double().requires_grad_()
    (gradient,) = torch.autograd.grad(model(signal)[0, sample.target], signal)
    assert gradient.isfinite().all()
    assert (gradient != 0).all()
    direction = torch.sin(torch.arange(4000, dtype=torch.float64)).reshape_as(signal)
    step = 1e-8
    difference = model(signal + step * direction) - model(signal - step * direction)
    torch.testing.assert_close(
        (gradient * direction).sum(), difference[0, sample.target] / (2 * step), rtol=1e-3, atol=1e-6
    )


def test_gradients_are_finite_in_silence(model: SoundNet) -> None:
    signal = torch.zeros(1, 1, 8000, requires_grad=True)
    (gradient,) = torch.autograd.grad(model(signal).amax(), signal)
    assert gradient.isfinite().all()


def test_an_item_does_not_depend_on_its_neighbours(model: SoundNet, held_out: Clips) -> None:
    batch = held_out.signals[:4]
    together, alone = model(batch), torch.cat([model(item[None]) for item in batch])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-4)


@pytest.mark.parametrize("samples", [512, 513, 4000, 50_001])
def test_sounds_of_other_lengths_are_taken(model: SoundNet, samples: int) -> None:
    assert model(torch.randn(2, 1, samples)).shape == (2, 12)


def test_loading_leaves_the_random_numbers_alone(name: str) -> None:
    before = torch.get_rng_state()
    MODELS[name]()
    assert torch.get_rng_state().equal(before)


def test_a_call_returns_a_model_of_its_own(name: str, model: SoundNet) -> None:
    for parameter in MODELS[name]().parameters():
        torch.nn.init.zeros_(parameter)
    assert all(bool(parameter.any()) for parameter in model.network.parameters())


def test_an_explanation_names_the_label_and_the_seconds() -> None:
    model, sample = audio_model(), next(iter(audio().values()))
    explanation = wam.explain(model, sample.signal, level=4, samples=2, grid=sample.grid, progress=False)
    assert explanation.target is not None
    assert explanation.target.tolist() == [sample.target]
    assert explanation.labels == model.labels
    assert explanation.grid.units == ("s",)


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize("load", [audio_model, instrument_model, pitch_model])
@pytest.mark.parametrize(
    ("signal", "error", "words"),
    [
        (
            torch.zeros(3, 2, 4000),
            ValueError,
            (
                "`signal` must have one channel, shape (3, 1, 4000); got shape (3, 2, 4000). This model was trained on "
                "mono: take the mean over channels, `signal.mean(1, keepdim=True)`."
            ),
        ),
        (
            torch.zeros(1, 4000),
            ValueError,
            "got shape (1, 4000)",
        ),
        (
            torch.zeros(1, 1, 64, 126),
            ValueError,
            (
                "`signal` must be sound, with the axes (item, channel, time); got shape (1, 1, 64, 126). A model of "
                "sound takes waveforms, not spectrograms: it computes its own."
            ),
        ),
        (torch.zeros(1, 1, 4000, dtype=torch.int16), TypeError, "got torch.int16. Pass `signal.float()`"),
        ([0.0, 0.1], TypeError, "got list"),
    ],
)
def test_what_is_no_mono_sound_is_refused_with_the_remedy(
    load: Callable[[], torch.nn.Module], signal: Tensor, error: type[Exception], words: str
) -> None:
    with pytest.raises(error) as caught:
        load()(signal)
    assert words in str(caught.value)


@pytest.mark.parametrize(("load", "shortest"), [(audio_model, 512), (instrument_model, 512), (pitch_model, 1024)])
def test_what_is_shorter_than_a_window_is_refused_with_the_remedy(
    load: Callable[[], torch.nn.Module], shortest: int
) -> None:
    with pytest.raises(ValueError, match=rf"at least {shortest} samples; got shape \(1, 1, 400\). Pad it") as caught:
        load()(torch.zeros(1, 1, 400))
    assert f"pad(signal, (0, {shortest - 400}))" in str(caught.value)
    assert load()(torch.nn.functional.pad(torch.zeros(1, 1, 400), (0, shortest - 400))).isfinite().all()


@pytest.mark.parametrize("load", [audio_model, instrument_model, pitch_model])
def test_sound_of_another_rate_is_refused_when_it_is_explained(load: Callable[[], torch.nn.Module]) -> None:
    grid = wam.Grid(("time",), (1 / 44_100,), ("s",))
    with pytest.raises(ValueError, match=r"made for, 16000 Hz .* got a grid of 44100 Hz\. Resample it"):
        wam.explain(load(), torch.rand(1, 1, 4410), grid=grid, progress=False)


@pytest.mark.parametrize("load", [audio_model, instrument_model])
def test_silence_is_explained_as_zero_and_said_so(load: Callable[[], torch.nn.Module]) -> None:
    for method in ("saliency", "smoothgrad", "integrated_gradients"):
        with pytest.warns(
            RuntimeWarning, match=r"^Item\(s\) \[0\] are silent \(zero everywhere\), and so is their expl"
        ):
            found = wam.explain(load(), torch.zeros(1, 1, 8000), method=method, samples=8, progress=False)
        assert not found.attribution.flatten().any()
        assert not found.heatmap().any()


def test_a_record_of_another_model_is_refused_with_the_nearest() -> None:
    words = "'volume_model', 'furniture_model' or 'former_model'; got 'audio'. Did you mean 'audio_model'?"
    with pytest.raises(ValueError, match=re.escape(words)):
        record("audio")
