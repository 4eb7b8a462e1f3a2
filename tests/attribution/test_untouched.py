"""The caller's things stay as they were, however the call ends."""

from __future__ import annotations

import os
import random
import signal as signals
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

import wam_widgets as wam
from wam_widgets.attribution.passes import undisturbed

from .networks import SmallNet, signal_of

pytestmark = pytest.mark.usefixtures("as_a_user")  # the checker of annotations draws from the global generator

METHODS: list[Any] = ["saliency", "smoothgrad", "integrated_gradients"]


class Fragile(nn.Module):
    """A network with everything that could be disturbed, and a way to make it fail in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.BatchNorm2d(2).double().eval()
        self.network = nn.Sequential(nn.BatchNorm2d(2), nn.Dropout(), SmallNet(2)).double()
        self.fail: BaseException | None = None
        self.calls, self.good = 0, 6

    def forward(self, signal: Tensor) -> Tensor:
        self.calls += 1
        if self.fail is not None and self.calls > self.good:
            raise self.fail
        # a model that uses the global generators must not move them
        noise = torch.rand(()) * random.random() * np.random.rand()  # noqa: NPY002, S311
        output: Tensor = self.network(self.frozen(signal)) + 0 * noise
        return output


def state_of(model: Fragile, signal: Tensor) -> dict[str, Any]:
    return {
        "training": [module.training for module in model.modules()],
        "parameters": [parameter.detach().clone() for parameter in model.parameters()],
        "buffers": [buffer.clone() for buffer in model.buffers()],
        "gradients": [parameter.grad for parameter in model.parameters()],
        "requires": [parameter.requires_grad for parameter in model.parameters()],
        "hooks": [(len(m._forward_hooks), len(m._backward_hooks), len(m._forward_pre_hooks)) for m in model.modules()],
        "signal": signal.detach().clone(),
        "signal flags": (signal.requires_grad, signal.grad, signal._version),
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state(legacy=False)["state"]["key"],  # noqa: NPY002
        "random": random.getstate(),
        "modes": (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_autocast_enabled()),
        "handler": signals.getsignal(signals.SIGINT),
    }


def assert_untouched(before: dict[str, Any], after: dict[str, Any]) -> None:
    for name, value in before.items():
        if isinstance(value, (Tensor, np.ndarray, list)) and name not in {"training", "requires", "hooks", "gradients"}:
            assert_close(after[name], value, rtol=0, atol=0, equal_nan=True)
        else:
            assert after[name] == value, name


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("requires_grad", [False, True])
def test_a_call_leaves_everything_as_it_was(method: Any, requires_grad: bool) -> None:
    model, signal = Fragile(), signal_of(13, 18).requires_grad_(requires_grad)
    before = state_of(model, signal)
    found = wam.explain(model, signal, 1, method=method, tolerance=None if method == "saliency" else 0.9)
    assert_untouched(before, state_of(model, signal))
    assert not found.gradient.requires_grad
    assert found.signal.data_ptr() != signal.data_ptr()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("failure", [RuntimeError("broken"), KeyboardInterrupt(), SystemExit(1)], ids=repr)
def test_an_end_in_the_middle_leaves_everything_as_it_was(method: Any, failure: BaseException) -> None:
    model, signal = Fragile(), signal_of(13, 18)
    before = state_of(model, signal)
    model.fail, model.good = failure, 3 if method == "saliency" else 6
    if isinstance(failure, KeyboardInterrupt) and method == "smoothgrad":
        with pytest.warns(RuntimeWarning, match="Stopped early"):
            wam.explain(model, signal, 1, method=method, batch_size=1)
    else:
        with pytest.raises(type(failure)):
            wam.explain(model, signal, 1, method=method, batch_size=1)
    assert_untouched(before, state_of(model, signal))


@pytest.mark.parametrize("method", METHODS[1:])
@pytest.mark.parametrize("failure", [RuntimeError("broken"), SystemExit(1)], ids=repr)
def test_an_error_of_whoever_watches_ends_the_call_and_leaves_everything_as_it_was(
    method: Any, failure: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wam_widgets.attribution.averages.WATCH_EVERY", 0)
    model, signal = Fragile(), signal_of(13, 18)
    before = state_of(model, signal)

    def watch(_: wam.Explanation) -> None:
        assert not model.training
        torch.manual_seed(1)
        np.random.seed(1)  # noqa: NPY002
        random.seed(1)
        raise failure

    tolerance = 1e-9 if method == "integrated_gradients" else None
    with pytest.raises(type(failure)) as raised:
        wam.explain(model, signal, 1, method=method, tolerance=tolerance, batch_size=4, watch=watch)
    assert raised.value is failure
    assert_untouched(before, state_of(model, signal))


def test_no_grad_and_inference_mode_of_the_caller_do_not_matter() -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    expected = wam.explain(model, signal, 1).gradient
    with torch.no_grad():
        assert_close(wam.explain(model, signal, 1).gradient, expected)
    with torch.inference_mode():
        assert_close(wam.explain(model, signal_of(13, 18), 1).gradient.clone(), expected)


def test_gradients_of_the_caller_are_neither_used_nor_filled() -> None:
    model, signal = SmallNet(2), signal_of(13, 18).requires_grad_()
    model(signal).sum().backward()
    kept = [parameter.grad for parameter in model.parameters()]
    copies = [gradient.clone() for gradient in kept if gradient is not None]
    own = signal.grad
    wam.explain(model, signal, 1)
    assert signal.grad is own
    for parameter, gradient, copy in zip(model.parameters(), kept, copies, strict=True):
        assert parameter.grad is gradient
        assert_close(parameter.grad, copy)


def test_two_threads_may_explain_one_model() -> None:
    model = Fragile()
    model.network[1] = nn.Dropout(0.9)
    signal = signal_of(13, 18)
    expected = wam.explain(model, signal, 1, samples=8).gradient
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: wam.explain(model, signal, 1, samples=8).gradient, range(12)))
    for gradient in found:
        assert_close(gradient, expected)
    assert model.training
    assert model.network[1].training
    assert not model.frozen.training


def test_the_callers_autocast_does_not_matter() -> None:
    model, signal = SmallNet(2).float(), signal_of(13, 18).float()
    expected = wam.explain(model, signal, 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = wam.explain(model, signal, 1)
        assert_close(found.gradient, expected.gradient)
        assert_close(found.attribution.flatten(), expected.attribution.flatten())
        assert_close(wam.reconstruct(wam.decompose(signal, "db2", level=1)), signal)


def test_a_frozen_script_module_is_explained() -> None:
    class Plain(nn.Module):
        def forward(self, signal: Tensor) -> Tensor:
            return signal.square().flatten(1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # scripting is old; users have such files
        frozen = torch.jit.freeze(torch.jit.script(Plain().eval()))
    found = wam.explain(frozen, signal_of(13, 18), 3, method="saliency", wavelet=None)
    assert_close(found.gradient.flatten(1)[:, 3], 2 * signal_of(13, 18).flatten(1)[:, 3])


# ------------------------------------------------------------------------------------------------------------- stopping


def interrupting(model: Any, after: int) -> Any:
    """The model, that sends this process a real Ctrl-C during a call."""
    calls = []

    def call(signal: Tensor) -> Tensor:
        calls.append(1)
        if len(calls) == after:
            os.kill(os.getpid(), signals.SIGINT)
        output: Tensor = model(signal)
        return output

    return call


def test_an_interrupt_of_smoothgrad_returns_the_copies_so_far() -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    # One call looks at both items; then two passes a sub-batch: interrupted during the 12th copy, which is completed.
    with pytest.warns(RuntimeWarning, match=r"Stopped early: what is complete is returned.*12 passes per item"):
        found = wam.explain(interrupting(model, 13), signal, 1, samples=200, batch_size=2)
    assert found.passes.tolist() == [12, 12]
    assert_close(found.gradient, wam.explain(model, signal, 1, samples=12, batch_size=2).gradient)


def test_an_interrupt_within_a_copy_leaves_items_with_their_own_counts() -> None:
    model, signal = SmallNet(2), signal_of(13, 18, items=3)
    with pytest.warns(RuntimeWarning, match="9 to 10 passes per item"):
        found = wam.explain(interrupting(model, 3 + 29), signal, 1, samples=200, batch_size=1)
    assert found.passes.tolist() == [10, 10, 9]
    alone = wam.explain(model, signal[2:], 1, samples=9)
    assert_close(found.gradient[2], alone.gradient[0])


def test_an_interrupt_before_anything_is_complete_is_an_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt):
        wam.explain(interrupting(SmallNet(2), 3), signal_of(13, 18), 1, batch_size=1, samples=1)
    with pytest.raises(KeyboardInterrupt):
        wam.explain(interrupting(SmallNet(2), 20), signal_of(13, 18), 1, method="integrated_gradients", batch_size=1)


def test_an_interrupt_of_the_adaptive_rule_keeps_its_points_so_far() -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    with pytest.warns(RuntimeWarning, match="Stopped early"):
        found = wam.explain(
            interrupting(model, 120), signal, 1, method="integrated_gradients", tolerance=1e-12, batch_size=1
        )
    assert found.passes.min() >= 15
    assert found.completeness_gap(relative=True).abs().max() < 0.05


def test_progress_is_told_and_may_stop() -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    told: list[tuple[int, int]] = []

    def progress(done: int, planned: int) -> bool:
        told.append((done, planned))
        return done < 20

    with pytest.warns(RuntimeWarning, match="Stopped early"):
        found = wam.explain(model, signal, 1, batch_size=4, progress=progress)
    assert told == [(4, 50), (8, 50), (12, 50), (16, 50), (20, 50)]
    assert found.passes.tolist() == [10, 10]


@pytest.mark.parametrize("method", METHODS[1:])
def test_a_stop_after_the_last_pass_loses_nothing(method: Any) -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    expected = wam.explain(model, signal, 1, method=method)
    found = wam.explain(model, signal, 1, method=method, progress=lambda done, planned: done < planned)
    assert_close(found.gradient, expected.gradient)


def test_an_interrupt_of_the_last_pass_is_not_swallowed() -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    with pytest.warns(RuntimeWarning, match="Interrupted after the last pass: the result is complete"):
        found = wam.explain(interrupting(model, 2), signal, 1, method="saliency", batch_size=2)
    assert found.passes.tolist() == [1, 1]


@pytest.mark.parametrize("copies", [8, 9, 15])
def test_copies_that_a_stop_left_still_have_standard_errors(copies: int) -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    with pytest.warns(RuntimeWarning, match="Stopped early"):
        found = wam.explain(model, signal, 1, samples=200, batch_size=1, progress=lambda done, _: done < 2 * copies + 1)
    assert found.passes.tolist() == [copies + 1, copies]
    assert found.groups is not None
    assert found.groups.counts.sum(0).tolist() == [copies + 1, copies]
    assert_close(found.groups.mean(), found.gradient)
    alone = wam.explain(model, signal[1:], 1, samples=copies)
    assert_close(found.standard_error().flatten()[1], alone.standard_error().flatten()[0])


@pytest.mark.parametrize("method", METHODS[1:])
def test_a_stop_between_rounds_keeps_the_rounds_so_far(method: Any) -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    with pytest.warns(RuntimeWarning, match="Stopped early"):
        found = wam.explain(
            model, signal, 1, method=method, tolerance=1e-6, progress=lambda done, planned: done < planned
        )
    assert found.passes.min() >= 15


def test_a_bar_appears_only_when_the_work_is_long(capsys: pytest.CaptureFixture[str]) -> None:
    wam.explain(SmallNet(2), signal_of(13, 18), 1)
    assert capsys.readouterr().err == ""


def test_a_model_and_a_part_of_it_may_be_explained_at_once() -> None:
    part = SmallNet(2)
    model = nn.Sequential(nn.Dropout(0.5), part).train()
    signal = signal_of(8, 8, items=1)

    def modes() -> tuple[bool, ...]:
        return model.training, model[0].training, part.training

    with ThreadPoolExecutor() as pool, undisturbed(model, signal.device):
        pool.submit(wam.explain, part, signal, 0, method="saliency", level=1, progress=False).result(30)
        assert modes() == (False, False, False)
    assert modes() == (True, True, True)
    with undisturbed(part, signal.device):
        with undisturbed(model, signal.device):
            assert modes() == (False, False, False)
        assert modes() == (True, True, False)
    assert modes() == (True, True, True)
