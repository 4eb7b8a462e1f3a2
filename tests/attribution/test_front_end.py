"""The same passes seen on both sides of a front end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

import wam_widgets as wam
from wam_widgets.attribution.paths import NoisyCopies
from wam_widgets.transform.logmel import LogMel

from .networks import SmallNet, signal_of

RATE, SAMPLES = 2000, 300


def front_end() -> LogMel:
    return LogMel(RATE, n_fft=64, hop_length=32, n_mels=10).double()


def sound(items: int = 2) -> Tensor:
    return signal_of(SAMPLES, items=items, channels=2)


def explain(**options: Any) -> wam.Explanation:
    given: dict[str, Any] = {"front_end": front_end(), "level": 2, "samples": 12, "noise": 0.05, **options}
    return wam.explain(SmallNet(2), sound(), 1, **given)


def features_of(explanation: wam.Explanation) -> wam.Explanation:
    assert explanation.features is not None
    return explanation.features


def copies_of(explanation: wam.Explanation) -> list[Tensor]:
    """Draw the noisy copies of a call once more, (item, channel, time) each, as `explain` is documented to."""
    signal = explanation.signal
    extent = signal.flatten(1).amax(1) - signal.flatten(1).amin(1)
    noisy = NoisyCopies(signal, explanation.settings["noise"] * extent, explanation.seed)
    copies = int(explanation.passes[0])
    plan = noisy.plan(np.full(len(signal), 0), np.full(len(signal), copies), 1)
    return list(noisy.inputs(plan, *plan.on(signal.device, signal.dtype)).unflatten(0, (copies, len(signal))))


# ------------------------------------------------------------------------------------------------------ what it is


def test_both_gradients_are_means_over_the_same_copies() -> None:
    found, model, front = explain(), SmallNet(2), front_end()
    in_signal, in_features = [], []
    for copy in copies_of(found):
        leaf = copy.clone().requires_grad_()
        spectrogram = front(leaf)
        both = torch.autograd.grad(model(spectrogram)[:, 1].sum(), [leaf, spectrogram])
        in_signal.append(both[0])
        in_features.append(both[1])
    assert_close(found.gradient, torch.stack(in_signal).mean(0))
    assert_close(features_of(found).gradient, torch.stack(in_features).mean(0))
    assert_close(features_of(found).signal, front(sound()))


def test_the_signal_is_explained_as_if_the_front_end_were_part_of_the_model() -> None:
    both, alone = (
        explain(),
        wam.explain(nn.Sequential(front_end(), SmallNet(2)), sound(), 1, level=2, samples=12, noise=0.05),
    )
    assert_close(both.gradient, alone.gradient)
    assert_close(both.score, alone.score)
    assert_close(both.standard_error().flatten(), alone.standard_error().flatten())
    assert alone.features is None


def test_saliency_of_the_features_is_that_of_the_rest_of_the_model() -> None:
    found = features_of(explain(method="saliency", noise=None))
    assert_close(found.gradient, wam.explain(SmallNet(2), front_end()(sound()), 1, method="saliency").gradient)


def test_a_linear_front_end_obeys_the_chain_rule() -> None:
    mixing = signal_of(SAMPLES, items=1, channels=1)[0, 0]
    found = explain(front_end=lambda signal: (3 * signal * mixing)[:, :, :, None])
    assert_close(found.gradient, (3 * mixing * features_of(found).gradient[..., 0]))
    # so that gradient times input is the same on both sides
    assert_close(
        found.view(wavelet=None).contribution().attribution.total(),
        features_of(found).contribution().attribution.total(),
    )


def test_it_costs_no_further_pass() -> None:
    calls: list[int] = []
    model = SmallNet(2)

    def counted(signal: Tensor) -> Any:
        calls.append(len(signal))
        return model(signal)

    wam.explain(counted, sound(), 1, front_end=front_end(), level=2, samples=12, batch_size=4)
    assert sum(calls) == 2 + 2 * 12


@pytest.mark.parametrize("aggregate", ["mean_abs", "mean_square"])
def test_other_aggregates_are_those_of_the_features(aggregate: Any) -> None:
    found, model, front = features_of(explain(aggregate=aggregate)), SmallNet(2), front_end()
    amounts = []
    for copy in copies_of(found_in := explain(aggregate=aggregate)):
        spectrogram = front(copy).requires_grad_()
        gradient = torch.autograd.grad(model(spectrogram)[:, 1].sum(), spectrogram)[0]
        amounts.append(gradient.abs() if aggregate == "mean_abs" else gradient.square())
    assert_close(found.attribution.approximation, torch.stack(amounts).mean(0))
    assert_close(found_in.attribution.flatten(), explain(aggregate=aggregate, front_end=front).attribution.flatten())


# ------------------------------------------------------------------------------------ an explanation like any other


def test_the_features_can_be_seen_in_wavelets_with_standard_errors() -> None:
    found = features_of(explain(samples=16))
    assert (found.wavelet, found.scales, found.grid) == (None, ("approximation",), front_end().grid)
    seen = found.view(wavelet="haar")
    assert_close(seen.attribution.flatten(), wam.pull_back(found.gradient, "haar", level=2).flatten())
    assert (seen.standard_error().flatten() > 0).any()
    assert seen.denoised().gradient.shape == found.signal.shape
    assert seen.maps().shape == (2, 3, *found.size)


def test_without_a_grid_its_axes_are_counted() -> None:
    front = nn.Sequential(front_end())
    assert features_of(explain(front_end=front)).grid == wam.Grid.default(2)


def test_a_coarse_wavelet_of_the_sound_does_not_hinder_the_features() -> None:
    found = features_of(explain(level=8))
    assert found.level == 4, "10 mel bands can be halved 4 times: 5, 3, 2, 1"
    assert found.view(wavelet="haar").scales[0] == "approximation"


def test_one_item_is_one_item_on_both_sides() -> None:
    found = explain()
    assert_close(features_of(found[1]).gradient, features_of(found).gradient[1:])


def test_a_file_holds_both(tmp_path: Path) -> None:
    found = explain(samples=16)
    found.save(tmp_path / "both.safetensors")
    read = wam.load(tmp_path / "both.safetensors")
    assert_close(read.gradient, found.gradient, rtol=0, atol=0)
    for name in ("signal", "gradient", "score", "passes", "output", "target"):
        assert_close(getattr(features_of(read), name), getattr(features_of(found), name), rtol=0, atol=0)
    assert features_of(read).grid == front_end().grid
    assert features_of(read).settings == features_of(found).settings
    assert_close(features_of(read).standard_error().flatten(), features_of(found).standard_error().flatten())
    read.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "both.safetensors").read_bytes()


def test_what_is_watched_has_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wam_widgets.attribution.averages.WATCH_EVERY", 0)
    seen: list[wam.Explanation] = []
    explain(watch=seen.append, batch_size=2)
    assert seen
    assert all(features_of(each).passes.equal(each.passes) for each in seen)


def test_a_tolerance_is_met_in_the_signal() -> None:
    found = explain(tolerance=0.3, samples="auto")
    assert max(found.settings["error_reached"]) <= 0.3
    assert features_of(found).passes.equal(found.passes)
    assert len(features_of(found).settings["error_reached"]) == 2


# ----------------------------------------------------------------------------------------------- the caller's things


class Dropping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.drop, self.front = nn.Dropout(), front_end()

    def forward(self, signal: Tensor) -> Tensor:
        spectrogram: Tensor = self.drop(self.front(signal))
        return spectrogram


def test_a_front_end_is_evaluated_and_left_as_it_was() -> None:
    front = Dropping().train()
    assert_close(explain(front_end=front).gradient, explain().gradient)
    assert front.training
    assert front.drop.training
    assert not any(module._forward_hooks for module in front.modules())


def test_models_and_front_ends_that_change_their_input_are_explained_all_the_same() -> None:
    network, front = SmallNet(2), front_end()

    def rude(signal: Tensor) -> Any:
        return network(signal.mul_(0.5))

    def rude_front(signal: Tensor) -> Tensor:
        spectrogram: Tensor = front(signal.mul_(1.0))
        return spectrogram

    given = sound()
    found = wam.explain(rude, given, 1, front_end=rude_front, level=2, samples=12, noise=0.05)
    polite = explain(front_end=front)
    halved = wam.explain(
        lambda signal: network(signal * 0.5), sound(), 1, front_end=front, level=2, samples=12, noise=0.05
    )
    assert_close(features_of(found).gradient, features_of(halved).gradient)
    assert_close(features_of(found).signal, features_of(polite).signal)
    assert given.equal(sound())


def test_shapes_suffice_so_nothing_is_copied_to_the_host() -> None:
    model = SmallNet(2).to("meta")
    nowhere = torch.empty(2, 2, SAMPLES, dtype=torch.float64, device="meta")
    found = wam.explain(model, nowhere, 1, front_end=front_end(), level=2)
    assert features_of(found).gradient.is_meta
    assert features_of(found).size == (10, 10)


def test_half_precision_of_the_model_leaves_decibels_whole() -> None:
    front = front_end()
    single = sound().float()
    found = wam.explain(SmallNet(2).float(), single, 1, front_end=front, level=2, samples=8, precision="bfloat16")
    assert_close(features_of(found).signal, front(single))
    assert features_of(found).gradient.dtype == torch.float32


def test_a_front_end_of_another_precision_keeps_it() -> None:
    network = SmallNet(2).float()
    found = wam.explain(network, sound(), 1, front_end=lambda signal: front_end()(signal).float(), level=2, samples=8)
    assert (found.gradient.dtype, features_of(found).gradient.dtype) == (torch.float64, torch.float32)


# -------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (
            {"front_end": 3},
            TypeError,
            r"`front_end` must be None or callable; got int\. Pass e\.g\. `LogMel\(16_000\)`",
        ),
        (
            {"method": "integrated_gradients", "noise": None},
            ValueError,
            r"`front_end` belongs to method 'smoothgrad' or 'saliency'.*got method 'integrated_gradients'\. Pass ",
        ),
        ({"front_end": lambda x: x.flatten(1)}, ValueError, r"`front_end\(signal\)` must have the axes"),
        ({"front_end": lambda x: x.int()}, TypeError, r"`front_end\(signal\)` must be of dtype float32 or float64"),
        (
            {"front_end": lambda x: x[:1, ..., None]},
            ValueError,
            r"one row per item; .* 2 items and returned shape \(1,",
        ),
        ({"front_end": lambda x: 0 / (0 * x[..., None])}, ValueError, r"`front_end` must return finite values"),
        ({"front_end": lambda x: x[..., None].detach()}, ValueError, r"Look for `\.detach\(\)`.* its front end or"),
    ],
    ids=["int", "path", "flat", "whole", "one row", "nan", "detached"],
)
def test_what_cannot_be_a_front_end_is_refused(
    options: dict[str, Any], error: type[Exception], words: str, as_a_user: None
) -> None:
    with pytest.raises(error, match=words):
        explain(batch_size=4, **options)
