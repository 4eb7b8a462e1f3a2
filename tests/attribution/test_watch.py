"""What is shown while passes still run: true of the passes so far, its own, and of no consequence."""

from __future__ import annotations

import dataclasses
import os
import signal as signals
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

import wam_widgets as wam
from wam_widgets.attribution.uncertainty import GroupMeans

from .networks import SmallNet, signal_of

AVERAGES = "wam_widgets.attribution.averages"

#: Everything that has something to show before the last pass.
REFINED: dict[str, dict[str, Any]] = {
    "copies": {"samples": 20},
    "few copies": {"samples": 5},
    "copies to a tolerance": {"tolerance": 0.3, "noise": 0.1, "max_samples": 100},
    "magnitudes": {"samples": 12, "aggregate": "mean_abs"},
    "adaptive": {"method": "integrated_gradients", "rule": "adaptive", "samples": 60},
    "adaptive to a tolerance": {"method": "integrated_gradients", "tolerance": 1e-7, "max_samples": 300},
}


@pytest.fixture
def at_every_sub_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{AVERAGES}.WATCH_EVERY", 0)


def explain(model: Any = None, items: int = 3, **options: Any) -> wam.Explanation:
    options = {"batch_size": 4, "level": 2, **options}
    return wam.explain(SmallNet(2) if model is None else model, signal_of(13, 18, items=items), 1, **options)


def values_of(explanation: wam.Explanation) -> dict[str, Any]:
    """All that an explanation holds, as a copy that nothing can change, but for the time it took."""
    found = {field.name: getattr(explanation, field.name) for field in dataclasses.fields(explanation)}
    groups: GroupMeans | None = found.pop("groups")
    if groups is not None:
        found |= {"values": groups.values, "counts": groups.counts}
    settings = {name: str(value) for name, value in explanation.settings.items() if name != "seconds"}
    return {k: v.clone() if isinstance(v, Tensor) else v for k, v in found.items()} | {"settings": settings}


def assert_identical(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, Tensor):
            assert_close(found[name], value, rtol=0, atol=0)
        else:
            assert found[name] == value, name


@pytest.mark.filterwarnings("ignore:The tolerance:RuntimeWarning")  # it is there to make it long
@pytest.mark.parametrize("options", REFINED.values(), ids=REFINED)
def test_what_is_shown_is_what_a_stop_would_return(options: dict[str, Any], at_every_sub_batch: None) -> None:
    shown: list[dict[str, Any]] = []
    explain(**options, watch=lambda so_far: shown.append(values_of(so_far)))
    assert len(shown) >= 3
    for each in shown[:3] + shown[3::7]:
        done = int(each["passes"].sum())
        with pytest.warns(RuntimeWarning, match="Stopped early"):
            stopped = explain(**options, progress=lambda now, _, done=done: now < done)
        assert_identical(each, values_of(stopped))


@pytest.mark.filterwarnings("ignore:The tolerance:RuntimeWarning")
@pytest.mark.parametrize("options", REFINED.values(), ids=REFINED)
def test_watching_changes_nothing_and_later_passes_change_nothing_shown(
    options: dict[str, Any], at_every_sub_batch: None
) -> None:
    shown: list[tuple[wam.Explanation, dict[str, Any]]] = []

    def watch(so_far: wam.Explanation) -> bool:
        shown.append((so_far, values_of(so_far)))
        if so_far.aggregate == "mean":
            assert so_far.view(wavelet="db4", level=1).heatmap().isfinite().all()
        if so_far.has_errors:
            assert so_far.standard_error().flatten().isfinite().all()
        torch.rand(3)
        return False  # means nothing here

    found = explain(**options, watch=watch)
    assert_identical(values_of(found), values_of(explain(**options)))
    for so_far, then in shown:
        assert_identical(values_of(so_far), then)
    passes = torch.stack([so_far.passes for so_far, _ in shown] + [found.passes])
    assert (passes >= (1 if found.baseline is None else 15)).all()
    assert (passes.diff(dim=0) >= 0).all()
    assert (passes.diff(dim=0).sum(1) > 0).all()


def test_copies_so_far_have_their_mean_and_with_eight_of_them_their_errors(at_every_sub_batch: None) -> None:
    shown: list[wam.Explanation] = []
    explain(samples=12, batch_size=3, watch=shown.append)
    assert [so_far.passes.tolist() for so_far in shown] == [[copies] * 3 for copies in range(1, 12)]
    assert [so_far.has_errors for so_far in shown] == [copies >= 8 for copies in range(1, 12)]
    for copies, so_far in enumerate(shown, start=1):
        alone = explain(samples=copies)
        assert_close(so_far.gradient, alone.gradient)
        if copies >= 8:
            assert_close(so_far.standard_error().flatten(), alone.standard_error().flatten())


def test_nothing_is_shown_before_every_item_has_a_pass(at_every_sub_batch: None) -> None:
    shown: list[wam.Explanation] = []
    explain(items=5, samples=2, batch_size=2, watch=shown.append)
    assert [so_far.passes.tolist() for so_far in shown] == [[2, 1, 1, 1, 1], [2, 2, 2, 1, 1]]


@pytest.mark.parametrize(
    "options",
    [{"method": "saliency"}, {"method": "integrated_gradients"}, {"samples": 1}],
    ids=["saliency", "fixed rule", "one copy"],
)
def test_what_means_nothing_before_the_last_pass_is_never_shown(
    options: dict[str, Any], at_every_sub_batch: None
) -> None:
    explain(**options, batch_size=1, watch=lambda so_far: pytest.fail("something was shown"))


def test_it_is_shown_every_half_second_of_passes_and_watching_is_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    model, clock, shown = SmallNet(2), [0.0], []
    monkeypatch.setattr(f"{AVERAGES}.time", SimpleNamespace(perf_counter=lambda: clock[0]))

    def slow(signal: Tensor) -> Tensor:
        clock[0] += 0.125
        output: Tensor = model(signal)
        return output

    def watch(so_far: wam.Explanation) -> None:
        shown.append(so_far.passes.tolist())
        clock[0] += 10

    explain(slow, items=1, batch_size=1, samples=17, watch=watch)
    assert shown == [[4], [8], [12], [16]]


def test_nothing_is_shown_after_a_stop(at_every_sub_batch: None) -> None:
    shown: list[wam.Explanation] = []
    with pytest.warns(RuntimeWarning, match="Stopped early"):
        found = explain(batch_size=3, watch=shown.append, progress=lambda done, _: done < 12)
    assert found.passes.tolist() == [4, 4, 4]
    assert [so_far.passes[0].item() for so_far in shown] == [1, 2, 3]


@pytest.mark.parametrize("how", ["one Ctrl-C", "two Ctrl-C", "an error"])
@pytest.mark.parametrize("options", [REFINED["copies"], REFINED["adaptive"]], ids=["copies", "adaptive"])
def test_an_interrupt_of_whoever_watches_returns_what_was_shown(
    how: str, options: dict[str, Any], at_every_sub_batch: None
) -> None:
    shown: list[dict[str, Any]] = []

    def watch(so_far: wam.Explanation) -> None:
        shown.append(values_of(so_far))
        if len(shown) == 3:
            if how == "an error":
                raise KeyboardInterrupt
            for _ in range(1 + (how == "two Ctrl-C")):
                os.kill(os.getpid(), signals.SIGINT)

    with pytest.warns(RuntimeWarning, match="Stopped early"):
        found = explain(**options, watch=watch)
    assert len(shown) == 3
    assert_identical(values_of(found), shown[-1])


def test_memory_that_runs_out_for_whoever_watches_is_not_the_models(at_every_sub_batch: None) -> None:
    def watch(so_far: wam.Explanation) -> None:
        raise MemoryError("too many views")

    with pytest.raises(MemoryError, match="too many views"):
        explain(batch_size="auto", watch=watch)


def test_a_pass_that_gave_nan_is_named_and_not_shown(at_every_sub_batch: None) -> None:
    network = SmallNet(2)
    shown: list[wam.Explanation] = []

    def model(signal: Tensor) -> Tensor:
        output: Tensor = network(signal) * (torch.nan if len(shown) == 3 else 1)
        return output

    with pytest.raises(ValueError, match=r"finite scores and gradients; pass 9 of item 0"):
        explain(model, batch_size=3, watch=shown.append)
    assert len(shown) == 3


def test_a_device_without_data_can_be_watched(at_every_sub_batch: None) -> None:
    shown: list[wam.Explanation] = []
    signal = torch.empty(2, 2, 16, 17, device="meta", dtype=torch.float64)
    wam.explain(SmallNet(2).to("meta"), signal, 1, batch_size=4, watch=shown.append)
    assert shown[-1].heatmap().device.type == "meta"
