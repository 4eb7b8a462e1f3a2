"""What a player sends, asks and refuses: Python's side of it."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.testing import assert_close

import wam_widgets as wam
from wam_widgets.attribution.time_frequency import tiles
from wam_widgets.plots.spectrograms import edges_of
from wam_widgets.widgets.explorers import sound as players
from wam_widgets.widgets.explorers.sound import MOST_SAMPLES, features_of, mix_of, sound_of
from wam_widgets.widgets.spectrogram_view import FRACTIONS

from .cases import RATE, explanation, sound

GRID = wam.Grid(("time",), (1 / RATE,), ("s",))


def numbers(data: bytes, kind: Any = "<f4") -> NDArray[Any]:
    return np.frombuffer(data, kind)


class Listener(nn.Module):
    """A classifier of waveforms that keeps what it is given, and says in which mode it was."""

    labels = ("hum", "hiss", "<img src=x onerror=alert(1)>")

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.convolution = nn.Conv1d(channels, 6, 9, padding=4)
            self.linear = nn.Linear(6, 3)
        self.given: list[Tensor] = []
        self.modes: set[bool] = set()

    def forward(self, signal: Tensor) -> Tensor:
        self.modes.add(self.training)
        self.given.append(signal.detach().clone())
        output: Tensor = self.linear(torch.tanh(4 * self.convolution(signal)).square().mean(2))
        return 20 * output


def listened(channels: int = 1, **options: Any) -> tuple[Listener, wam.SpectrogramPlayer]:
    """Show what a listener says about noise."""
    model = Listener(channels)
    given = sound(1500, channels=channels)
    known = wam.explain(
        model,
        given.signal,
        samples=16,
        noise=0.1,
        level=3,
        grid=GRID,
        labels=model.labels,
        progress=False,
        wavelet="db2",
    )
    return model, wam.SpectrogramPlayer(known, model=model, **options)


class Network(nn.Module):
    """A classifier of log-mel spectrograms."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.layers = nn.Sequential(
                nn.Conv2d(1, 3, 3), nn.Tanh(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(12, 3)
            )

    def forward(self, spectrogram: Tensor) -> Tensor:
        output: Tensor = self.layers(spectrogram / 20)
        return output


FRONT_END = wam.LogMel(RATE, n_fft=256, hop_length=100, n_mels=16)


def behind(**options: Any) -> wam.Explanation:
    """Explain a network behind a front end."""
    given: dict[str, Any] = {"samples": 16, "noise": 0.1, "level": 3, "grid": GRID, "progress": False}
    return wam.explain(Network(), sound(2000).signal, 1, **given | {"front_end": FRONT_END} | options)


# ------------------------------------------------------------------------------------------------------- what is sent


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_the_waveform_is_the_sound_in_steps_of_16_bits(channels: int) -> None:
    given = sound(1999, channels=channels)
    sent = sound_of(given)
    array = given.signal[0].double().numpy()
    heard = array if channels <= 2 else array.mean(0, keepdims=True)  # loudspeakers are two
    assert sent["full"] == 1
    np.testing.assert_array_equal(numbers(sent["waveform"], "<i2").reshape(heard.shape), np.round(heard * 2**15))
    assert np.asarray(sent["mixture"]).shape == (len(heard), channels)
    assert (sent["rate"], sent["size"]) == (RATE, [1999])


def test_what_is_beyond_16_bits_is_made_to_fit() -> None:
    given = sound(signal=5 * sound(300).signal)
    sent = sound_of(given)
    assert sent["full"] == pytest.approx(float(given.signal.abs().max()))
    waveform = numbers(sent["waveform"], "<i2").astype(float)
    assert np.abs(waveform).max() >= 2**15 - 1
    assert np.abs(waveform / 2**15 * sent["full"] - given.signal[0, 0].numpy()).max() <= 1.01 * sent["full"] / 2**15


@pytest.mark.parametrize("wavelet", ["haar", "db4", "bior2.2", None])
def test_coefficients_and_their_tiles_are_the_engine_s(wavelet: str | None) -> None:
    given = sound(777, channels=2, wavelet=wavelet)
    sent = sound_of(given)
    assert_close(
        torch.from_numpy(numbers(sent["coefficients"]).copy()), given.signal_coefficients().flatten().flatten()
    )
    begin = 0
    for band, tiling, octave in zip(sent["bands"], tiles(given), sent["octaves"], strict=True):
        np.testing.assert_array_equal(numbers(band["tile"], "<u4"), tiling.tile)
        np.testing.assert_allclose(numbers(band["edges"]), tiling.edges, atol=1e-7)
        assert octave == [tiling.octave.low, tiling.octave.high, tiling.octave.share]
        assert (band["start"], band["shape"]) == (begin, [len(tiling.tile)])
        begin += len(tiling.tile)
    assert begin == sent["count"]


def test_the_spectrogram_is_librosa_s_in_decibels_below_its_largest() -> None:
    given = sound(9000, channels=2, wavelet="haar")
    sent = sound_of(given)["spectrogram"]
    levels = numbers(sent["levels"], np.uint8).reshape(sent["shape"])
    transformed = librosa.stft(given.signal[0].double().numpy(), n_fft=512, hop_length=128, pad_mode="constant")
    decibels = librosa.power_to_db((np.abs(transformed) ** 2).sum(0), ref=np.max, top_db=80)
    inside = slice(2, -2)  # where sounds begin and end, frames are completed in other ways
    drawn = sent["floor"] * (1 - levels / 255.0)
    assert np.abs(drawn[:, inside] - decibels[:, inside]).max() <= 0.5 * 80 / 255 + 0.01
    assert sent["step"] == pytest.approx(RATE / 512)  # of a short sound; 1024 of longer ones
    assert sent["hop"] == pytest.approx(128 / RATE)
    assert sent["begin"] == pytest.approx(-64 / RATE)


def test_a_long_sound_has_no_more_frames_than_a_screen_can_show() -> None:
    rare = torch.zeros(1, 1, 1_500_000)
    rare[..., 700_000] = 1.0
    rare += 1e-6 * torch.randn(rare.shape, generator=torch.Generator().manual_seed(0))
    sent = sound_of(sound(signal=rare, method="saliency", samples=1, wavelet="haar"))["spectrogram"]
    levels = numbers(sent["levels"], np.uint8).reshape(sent["shape"])
    assert sent["shape"][1] <= 4096
    loudest = sent["begin"] + sent["hop"] * (levels.max(0).argmax() + 0.5)
    assert loudest == pytest.approx(700_000 / RATE, abs=sent["hop"])  # still the loudest of what share a column


def test_the_attribution_at_the_front_end_is_sent_with_its_rows_and_frames() -> None:
    given = behind()
    assert given.features is not None
    sent = features_of(given.features)
    assert_close(torch.from_numpy(numbers(sent["attribution"]).copy()), given.features.attribution.flatten().flatten())
    frames, hertz = edges_of(given.features)
    assert sent["hertz"] == hertz.tolist()
    np.testing.assert_allclose(sent["begin"] + sent["hop"] * np.arange(sent["shape"][1] + 1), frames)
    player = wam.SpectrogramPlayer(given)
    player.wait()
    errors = player._errors["features"]
    found = given.features
    rank = numbers(errors["rank"], np.uint8)
    np.testing.assert_array_equal(rank <= 5, found.significant(0.05).flatten().flatten().numpy())
    np.testing.assert_allclose(numbers(errors["denoised"]), found.denoised().attribution.flatten().flatten(), rtol=1e-5)


# ------------------------------------------------------------------------------------------------------- what is heard


@pytest.mark.parametrize("wavelet", ["haar", "db4", "bior2.2", None])
@pytest.mark.parametrize("method", ["smoothgrad", "integrated_gradients"])
def test_what_is_kept_is_what_is_rebuilt_and_the_rest_makes_it_whole(wavelet: str | None, method: str) -> None:
    given = sound(601, channels=2, wavelet=wavelet, method=method)
    ones = [1.0] * len(given.scales)
    assert_close(mix_of(given, gains=ones, heard="original", fraction=0.1), given.signal, atol=1e-5, rtol=0)
    for fraction in (0.0, 0.03, 0.5, 1.0):
        kept = mix_of(given, gains=ones, heard="kept", fraction=fraction)
        assert_close(kept, given.rebuild(fraction=fraction), atol=1e-5, rtol=0)
        rest = mix_of(given, gains=ones, heard="rest", fraction=fraction)
        assert_close(kept + rest, given.signal, atol=1e-5, rtol=0)


def test_gains_weigh_what_each_scale_rebuilds() -> None:
    given = sound(500, channels=2)
    gains = [0.5, 0.0, 2.0, 1.0]
    for heard, fraction in (("original", 1.0), ("kept", 0.2)):
        expected = torch.zeros_like(given.signal)
        for number, gain in enumerate(gains):
            alone = [float(each == number) for each in range(4)]
            expected += gain * mix_of(given, gains=alone, heard=heard, fraction=fraction)
        assert_close(mix_of(given, gains=gains, heard=heard, fraction=fraction), expected, atol=1e-5, rtol=0)
    finest = mix_of(given, gains=[0.0, 0.0, 0.0, 1.0], heard="original", fraction=1.0)
    assert_close(finest, given.rebuild(scales=["detail 1"]), atol=1e-5, rtol=0)


def test_the_baseline_belongs_to_the_approximation_and_to_what_is_kept() -> None:
    given = sound(400, method="integrated_gradients", baseline=0.25)
    assert_close(mix_of(given, gains=[1.0] * 4, heard="kept", fraction=0.0), torch.full((1, 1, 400), 0.25))
    half = mix_of(given, gains=[0.5, 0.0, 0.0, 0.0], heard="original", fraction=1.0)
    whole = mix_of(given, gains=[1.0, 0.0, 0.0, 0.0], heard="original", fraction=1.0)
    assert_close(2 * half, whole)


def test_what_is_hidden_or_shrunken_is_not_kept() -> None:
    given = sound(500)
    ones = [1.0] * 4
    found = given.significant(0.05)
    both = given.attribution.map(torch.abs).largest(0.5).map(torch.logical_and, found)
    expected = wam.reconstruct(given.signal_coefficients().keep(both))
    assert_close(mix_of(given, gains=ones, heard="kept", fraction=0.5, significant=True, rate=0.05), expected)
    shrunken = given.denoised().rebuild(fraction=0.1)
    assert_close(mix_of(given, gains=ones, heard="kept", fraction=0.1, denoised=True), shrunken)


# ------------------------------------------------------------------------------------------- what the model is asked


def probabilities(model: nn.Module, sounds: Tensor, columns: list[int]) -> NDArray[np.float64]:
    with torch.no_grad():
        return np.asarray(torch.softmax(model.eval()(sounds).double(), 1)[:, columns].numpy())


def test_probabilities_are_those_of_the_rebuilt_sounds() -> None:
    model, player = listened()
    player.wait()
    given = player.explanation
    columns = [each["column"] for each in player._values["predictions"]]
    kept = [given.rebuild(fraction=fraction) for fraction in FRACTIONS]
    np.testing.assert_allclose(player._kept["kept"], probabilities(model, torch.cat(kept), columns), atol=1e-6)
    rest = torch.cat([given.signal - each for each in kept])
    np.testing.assert_allclose(player._kept["rest"], probabilities(model, rest, columns), atol=1e-6)
    assert player._kept["key"] == player._values["key"]
    whole = [each["probability"] for each in player._values["predictions"]]
    assert player._kept["kept"][-1] == pytest.approx(whole, abs=1e-5)


def test_the_model_is_asked_about_the_mix_that_is_heard() -> None:
    model, player = listened(2)
    columns = [each["column"] for each in player._values["predictions"]]
    for settings in (
        {"gains": [0.0, 1.0, 2.0, 0.5]},
        {"heard": "kept", "fraction": 0.05},
        {"heard": "rest", "significant": True, "rate": 0.2},
        {"denoised": True},
    ):
        for name, value in settings.items():
            setattr(player, name, value)
        player.wait()
        asked = {
            name: getattr(player, name) for name in ("gains", "heard", "fraction", "denoised", "significant", "rate")
        }
        assert {name: player._mix[name] for name in asked} == asked
        expected = probabilities(model, mix_of(player.explanation, **asked), columns)[0]
        assert player._mix["probabilities"] == pytest.approx(expected, abs=1e-6)
    assert player._mix["key"] == player._values["key"]


def test_of_many_changes_the_model_is_asked_about_the_last() -> None:
    model, player = listened()
    player.wait()
    begun, go_on = threading.Event(), threading.Event()
    forward = model.forward

    def slow(signal: Tensor) -> Tensor:
        begun.set()
        go_on.wait(10)
        return forward(signal)

    model.forward = slow  # type: ignore[method-assign]
    model.given.clear()
    player.gains = [0.0, 1.0, 1.0, 1.0]
    assert begun.wait(10)
    for step in range(1, 100):
        player.gains = [step / 100, 1.0, 1.0, 1.0]
    go_on.set()
    player.wait()
    assert len(model.given) == 2
    assert player._mix["gains"] == [0.99, 1.0, 1.0, 1.0]


def test_a_player_without_a_model_asks_nobody() -> None:
    player = wam.SpectrogramPlayer(sound())
    player.gains = [1, 0, 1, 1]
    player.wait()
    assert (player._kept, player._mix) == ({}, {})


def test_the_model_stays_in_its_mode_and_is_asked_in_evaluation_mode() -> None:
    model, player = listened()
    model.train()
    model.modes.clear()
    player.gains = [1, 0, 1, 1]
    player.wavelet = "haar"
    player.wait()
    assert model.modes == {False}
    assert model.training
    network, front_end = Network().train(), wam.LogMel(RATE, n_fft=256, hop_length=100, n_mels=16).train()
    both = wam.SpectrogramPlayer(behind(), model=network, front_end=front_end)
    both.wait()
    assert network.training
    assert front_end.training
    assert all(module.training for module in network.modules())


def test_a_run_and_a_listener_at_once_leave_the_mode_of_both_parts_alone() -> None:
    network = Network().train()
    player = wam.SpectrogramPlayer(
        behind(), model=network, front_end=FRONT_END, method="integrated_gradients", samples=40
    )
    player.wait()
    modes: list[bool] = []
    listening, running, answered = threading.Event(), threading.Event(), threading.Event()

    def look(module: nn.Module, _: Any) -> None:
        modes.append(module.training)
        if len(modes) == 1:  # the listener begins first …
            listening.set()
            running.wait(10)
        elif not running.is_set():
            running.set()
        else:  # … and ends while the run goes on
            answered.wait(10)

    network.register_forward_pre_hook(look)
    player.observe(lambda _: answered.set(), "_mix")
    player.gains = [0, 1, 1, 1]
    assert listening.wait(10)
    player.run()
    player.wait()
    assert answered.is_set()
    assert player._problem == ""
    assert set(modes) == {False}
    assert all(module.training for module in network.modules())


def test_behind_a_front_end_a_run_keeps_both_sides_and_integrated_gradients_go_through_all() -> None:
    network = Network()
    player = wam.SpectrogramPlayer(behind(), model=network, front_end=FRONT_END, look="features", target=2)
    player.run()
    player.wait()
    assert player._problem == ""
    assert player.explanation.features is not None
    assert player.explanation.names() == ["column 2"]
    assert player.look == "features"
    player.method, player.samples = "integrated_gradients", 30
    player.run()
    player.wait()
    assert player._problem == ""
    answer = player.explanation
    assert answer.features is None
    assert str(player.look) == "tiles"
    whole = nn.Sequential(FRONT_END, network)
    assert answer.baseline_score is not None
    with torch.no_grad():
        assert_close(answer.score, whole(answer.signal)[:, 2])
        assert_close(answer.baseline_score, whole(torch.zeros_like(answer.signal))[:, 2])
    kept = torch.cat([answer.rebuild(fraction=each) for each in FRACTIONS])
    columns = [each["column"] for each in player._values["predictions"]]
    np.testing.assert_allclose(player._kept["kept"], probabilities(whole, kept, columns), atol=1e-5)


def test_a_front_end_that_is_a_function_works_too() -> None:
    network = Network()
    player = wam.SpectrogramPlayer(
        behind(front_end=FRONT_END.forward), model=network.forward, front_end=FRONT_END.forward
    )
    player.wait()
    assert player._problem == ""
    assert len(player._kept["kept"]) == len(FRACTIONS)


def test_a_view_that_nobody_looks_at_any_more_is_not_asked_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(players, "_AT_ONCE", 1)
    model, player = listened()
    player.wait()
    model.given.clear()
    begun, go_on = threading.Event(), threading.Event()
    forward = model.forward

    def slow(signal: Tensor) -> Tensor:
        begun.set()
        go_on.wait(10)
        return forward(signal)

    model.forward = slow  # type: ignore[method-assign]
    player.wavelet = "haar"
    assert begun.wait(10)
    player.wavelet = "db3"
    go_on.set()
    player.wait()
    assert len(model.given) < 2 * 2 * len(FRACTIONS)
    assert player._kept["key"] == player._values["key"]
    assert len(player._kept["rest"]) == len(FRACTIONS)


def test_what_the_model_cannot_take_is_said_under_the_view() -> None:
    model, player = listened()
    model.forward = lambda _: 1 / 0  # type: ignore[method-assign, assignment, return-value]
    player.gains = [1, 0, 1, 1]
    player.wait()
    assert "ZeroDivisionError" in player._problem
    assert player._mix == {} or player._mix["gains"] == [1] * 4
    del model.forward
    player.gains = [1, 1, 0, 1]
    player.wait()
    assert player._problem == ""


def test_a_closed_player_asks_no_more() -> None:
    model, player = listened()
    player.wait()
    player.close()
    model.given.clear()
    player.gains = [1, 0, 1, 1]
    player.wait()
    assert model.given == []


# -------------------------------------------------------------------------------------------------- settings and pages


@pytest.fixture(scope="module")
def player() -> wam.SpectrogramPlayer:
    return wam.SpectrogramPlayer(sound(8000, level=2))


@pytest.mark.parametrize(
    ("name", "value", "kind", "words"),
    [
        ("gains", [1, 1], ValueError, "one entry per scale (approximation, detail 2, detail 1), 3; got 2: [1, 1]"),
        ("gains", [1, 2.5, 1], ValueError, "`gains` must be between 0 and 2; got 2.5 for 'detail 2'"),
        ("gains", [1, -0.1, 1], ValueError, "A scale is left out with 0 and left as it is with 1"),
        ("gains", "loud", TypeError, "`gains` must be a list of numbers; got 'loud'"),
        ("position", 1.5, ValueError, "`position` must be between 0 and 1; got 1.5"),
        ("position", -0.1, ValueError, "`position` must be between 0 and 1; got -0.1"),
        ("position", None, TypeError, "`position` must be a finite number, between 0 and 1; got None"),
        ("loop", [0.2], ValueError, "`loop` must be a begin and an end in seconds, or [] for none; got [0.2]"),
        ("loop", [0.5, 0.51], ValueError, "`loop` must end at least 0.02 s after it begins; got [0.5, 0.51]"),
        ("loop", [0.5, 0.1], ValueError, "`loop` must end at least 0.02 s after it begins"),
        ("loop", [0.5, 1.2], ValueError, "`loop` must be between 0 and 1; got 1.2"),
        ("loop", 0.5, TypeError, "`loop` must be a list of numbers; got 0.5. Pass e.g. `[0.0, 1.0]`"),
        ("span", [0.9, 1.1], ValueError, "`span` must be between 0 and 1; got 1.1"),
        ("speed", 3, ValueError, "`speed` must be between 0.25 and 2; got 3"),
        ("volume", 1.1, ValueError, "`volume` must be between 0 and 1; got 1.1"),
        ("fraction", 5, ValueError, "`fraction` must be between 0 and 1; got 5"),
        ("heard", "rests", ValueError, "one of 'original', 'kept', 'rest'; got 'rests'. Did you mean 'rest'?"),
        ("axis", "bark", ValueError, "`axis` must be one of 'log', 'linear', 'mel'; got 'bark'"),
        ("look", "mosaic", ValueError, "one of 'tiles', 'features'; got 'mosaic'"),
        ("look", "features", ValueError, "which this explanation hasn't. Explain with `front_end=`"),
        ("playing", 1, TypeError, "`playing` must be True or False; got 1"),
        ("matched", "yes", TypeError, "`matched` must be True or False; got 'yes'"),
        ("item", 1, ValueError, "`item` must be between 0 and 0; got 1"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_right_is_refused_and_nothing_changes(
    player: wam.SpectrogramPlayer, name: str, value: Any, kind: type[Exception], words: str, as_a_user: None
) -> None:
    before = getattr(player, name)
    with pytest.raises(kind, match=re.escape(words)):
        setattr(player, name, value)
    assert getattr(player, name) == before
    with pytest.raises(kind, match=re.escape(words)):
        wam.SpectrogramPlayer(player.explanation, **{name: value})


def test_settings_can_be_given_at_once_and_are_kept_in_one_form(as_a_user: None) -> None:
    player = wam.SpectrogramPlayer(
        sound(8000, level=2), gains=(0, 1, 2), loop=(0, 1), position=1, span=(0.25, 0.5), heard="rest", wavelet="haar"
    )
    assert (player.gains, player.loop, player.position, player.span) == ([0, 1, 2], [0, 1], 1.0, [0.25, 0.5])
    assert repr(player).startswith("SpectrogramPlayer of ")
    assert repr(player).endswith(": tiles, haar, level 2")
    with pytest.raises(TypeError, match=r"SpectrogramPlayer takes .*; got 'weights'"):
        wam.SpectrogramPlayer(player.explanation, weights=[1, 1, 1])


def test_gains_go_back_to_one_when_the_number_of_scales_changes() -> None:
    player = wam.SpectrogramPlayer(sound(), gains=[0, 1, 2, 1])
    player.wavelet = "haar"
    assert player.gains == [0, 1, 2, 1]
    player.level = 2
    assert player.gains == [1, 1, 1]
    player.wavelet = None
    assert player.gains == [1]


def test_a_page_begins_in_silence_and_holds_every_item_s_probabilities() -> None:
    model = Listener()
    given = wam.explain(
        model,
        sound(900, items=2).signal,
        samples=16,
        level=2,
        noise=0.1,
        grid=GRID,
        labels=model.labels,
        progress=False,
    )
    player = wam.SpectrogramPlayer(given, model=model, playing=True, position=0.1, loop=[0.05, 0.1], gains=[1, 0, 1])
    state, shelf = player.page_state([None])
    assert (state["playing"], state["position"], state["_mix"]) == (False, 0.0, {})
    assert (state["loop"], state["gains"], state["_fractions"]) == ([0.05, 0.1], [1, 0, 1], list(FRACTIONS))
    assert "methods" not in state["_choices"]
    assert player.playing
    assert [(each["item"], each["wavelet"]) for each in shelf] == [(0, "haar"), (0, None), (1, "haar"), (1, None)]
    for each in shelf:
        assert each["_kept"]["key"] == each["_values"]["key"]
        assert each["_errors"]["key"] == each["_values"]["key"]
        seen = given[each["item"]].view(wavelet=each["wavelet"])
        columns = [prediction["column"] for prediction in each["_values"]["predictions"]]
        rest = seen.signal - seen.rebuild(fraction=FRACTIONS[4])
        assert each["_kept"]["rest"][4] == pytest.approx(probabilities(model, rest, columns)[0], abs=1e-6)


def test_items_have_a_picture_of_their_own_and_are_shown_one_at_a_time() -> None:
    given = sound(2000, items=2)
    player = wam.SpectrogramPlayer(given)
    assert len(player._items) == 2
    assert player._items[0]["photo"] != player._items[1]["photo"]
    first = player._signal["waveform"]
    player.item = 1
    assert player._signal["waveform"] != first
    assert player.explanation.signal.equal(given.signal[1:])


def test_silence_is_shown() -> None:
    with pytest.warns(RuntimeWarning, match="silent"):
        silent = sound(signal=torch.zeros(1, 1, 2000), method="saliency", samples=1)
    player = wam.SpectrogramPlayer(silent)
    player.wait()
    sent = player._signal
    assert not numbers(sent["waveform"], "<i2").any()
    assert np.isfinite(numbers(sent["coefficients"])).all()
    assert player._problem == ""


def test_a_sound_of_a_few_samples_is_shown() -> None:
    player = wam.SpectrogramPlayer(sound(12, wavelet="haar", level=1))
    assert player.duration == 12 / RATE
    player.loop = [0, 12 / RATE]
    assert player.loop == [0, 12 / RATE]


# ------------------------------------------------------------------------------------------------------ bad input


def test_only_sounds_in_seconds_are_played(as_a_user: None) -> None:
    with pytest.raises(ValueError, match=r"shows sounds, which have 1 spatial axis; got 2, of size .*show\(expl"):
        wam.SpectrogramPlayer(explanation(8, 8))
    with pytest.raises(ValueError, match=r"a grid in seconds.*Grid\.sound\(44_100\)"):
        wam.SpectrogramPlayer(explanation(40))
    with pytest.raises(TypeError, match="shows an Explanation; got Tensor"):
        wam.SpectrogramPlayer(torch.zeros(1))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`model` must be callable; got str"):
        wam.SpectrogramPlayer(sound(), model="crepe")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`front_end` must be None or callable; got str"):
        wam.SpectrogramPlayer(sound(), model=Listener(), front_end="mel")  # type: ignore[arg-type]


def test_a_sound_too_long_for_a_page_is_refused_with_two_ways_out() -> None:
    channels, samples = 2, MOST_SAMPLES // 2 + 1
    given = sound(8, channels=channels, wavelet="haar", level=1, method="saliency", samples=1)
    long = torch.zeros(1, channels, 1).expand(1, channels, samples)
    with pytest.raises(ValueError, match=r"at most 4,194,304 samples, times channels; got 2,097,153 in 2") as refusal:
        players.require_sound(_of_size(given, long))
    said = str(refusal.value)
    part = re.search(r"`signal\[\.\.\., :(\d+)\]` \(([\d.]+) s\)", said)
    assert part is not None
    assert int(part[1]) * channels <= MOST_SAMPLES
    assert float(part[2]) == pytest.approx(int(part[1]) / RATE, abs=0.1)
    factor = re.search(r"resample_poly\(signal, 1, (\d+), axis=-1\)", said)
    assert factor is not None
    assert -(-samples // int(factor[1])) * channels <= MOST_SAMPLES


def _of_size(given: wam.Explanation, signal: Tensor) -> wam.Explanation:
    """Return an explanation of a long sound, without the passes and the memory that it took."""
    import dataclasses

    return dataclasses.replace(given, signal=signal, gradient=signal)


def test_a_sound_is_shown_by_the_player() -> None:
    assert isinstance(wam.show(sound()), wam.SpectrogramPlayer)


class Standardising(Listener):
    """A model that divides by the loudness, as some do: of silence it returns no number."""

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        loud = waveform.flatten(1).std(1, keepdim=True) > 0.01
        return super().forward(waveform) * torch.where(loud, 1.0, torch.nan)


def test_a_model_that_returns_nan_leaves_a_page_that_can_be_read(tmp_path: Path) -> None:
    player = wam.SpectrogramPlayer(sound(), model=Standardising())
    player.wait()
    assert set(player._kept["rest"][-1]) == {None}  # all is kept: the rest is silence
    path = wam.export_html(player, tmp_path / "page.html")
    held = path.read_text("utf-8").split('<script type="application/json">')[1].split("</script>")[0]
    assert json.loads(held, parse_constant=pytest.fail)["state"]["fraction"] == 0.05
    player.close()
