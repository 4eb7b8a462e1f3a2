"""Whole data sets: the rows don't depend on how a run went, and failures are told."""

from __future__ import annotations

import multiprocessing
import os
import random
import re
import signal as signals
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

import wam_widgets as wam
from tests.attribution.networks import SmallNet
from wam_widgets.attribution import Contrast
from wam_widgets.evaluation import BenchmarkReport, Explainer, benchmark, evaluate, standard_methods
from wam_widgets.evaluation.store import Store

from .runs import ITEMS, METHODS, data, records, run, run_on_one_thread, same

MODEL = SmallNet(2, 1)


# -------------------------------------------------------------------------------------------------------------- results


def test_an_item_has_the_numbers_that_evaluate_gives_it(tmp_path: Path) -> None:
    report = run(tmp_path / "a.sqlite", dataset=data(3), seed=7)
    signal, label = data(3)[2]
    seed = 7 << 32 | 2
    explanations = {
        name: method(MODEL, signal[None], label, seed=seed, batch_size=4) for name, method in METHODS.items()
    }
    alone = evaluate(MODEL, signal[None], explanations, steps=4, controls=2, seed=seed, batch_size=4, progress=False)
    found = report.faithfulness()
    assert (found.methods, found.domains, found.controls) == (alone.methods, alone.domains, alone.controls)
    assert str(found.protocol) == str(alone.protocol)
    np.testing.assert_array_equal(found.units, alone.units)
    for name in ("insertion", "deletion", "faithfulness"):
        np.testing.assert_array_equal(getattr(found, name)[:, 2], getattr(alone, name)[:, 0])
    for name in ("scores", "energy"):
        for kind in ("insertion", "deletion"):
            np.testing.assert_array_equal(getattr(found, name)[kind][:, 2], getattr(alone, name)[kind][:, 0])


def test_methods_that_share_their_passes_are_as_if_each_had_its_own(tmp_path: Path) -> None:
    methods = standard_methods(level=2, samples=8, layer="convolution")
    model = Counting()
    run(tmp_path / "a.sqlite", model=model, methods=methods, dataset=data(2))
    shared, model.calls = model.calls, 0
    named = {name: with_seed(own) for name, own in methods.items()}
    run(tmp_path / "b.sqlite", model=model, methods=named, dataset=data(2))
    assert shared < model.calls
    same(records(tmp_path / "a.sqlite"), records(tmp_path / "b.sqlite"), atol=1e-9)


def with_seed(method: Explainer) -> Any:
    return lambda model, signal, target, seed: method(model, signal, target, seed=seed, batch_size=4)


class Counting(SmallNet):
    def __init__(self) -> None:
        super().__init__(2, 1)
        self.calls = 0

    def forward(self, signal: Tensor) -> Tensor:
        self.calls += 1
        return super().forward(signal)


def test_rows_depend_on_neither_order_nor_neighbours_nor_the_global_generators(tmp_path: Path) -> None:
    def drawn(model: Any, signal: Tensor, target: int) -> Tensor:
        return torch.rand(1, 8, 8) + float(np.random.rand()) + random.random()  # noqa: NPY002, S311

    def one_by_one() -> Iterator[Any]:
        for each in data(6):
            torch.rand(3)
            random.random()  # noqa: S311
            yield each

    methods = {**METHODS, "drawn": drawn}
    run(tmp_path / "a.sqlite", dataset=data(6), methods=methods)
    state, numpy = torch.get_rng_state(), np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    run(tmp_path / "b.sqlite", dataset=data(6)[:3], methods=methods)
    assert torch.equal(torch.get_rng_state(), state)
    assert np.random.get_state()[1].tolist() == numpy  # type: ignore[index]  # noqa: NPY002
    run(tmp_path / "c.sqlite", dataset=one_by_one(), methods=methods)
    whole = records(tmp_path / "a.sqlite")
    same(whole[:3], records(tmp_path / "b.sqlite"))
    same(whole, records(tmp_path / "c.sqlite"))
    assert whole[0].rows[0].insertion != whole[1].rows[0].insertion


class Stream(IterableDataset[Any]):
    def __iter__(self) -> Iterator[Any]:
        return iter(data(3))


class Samples(Dataset[Any]):
    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        return data(3)[index]


def test_every_kind_of_data_set_gives_the_same_rows(tmp_path: Path) -> None:
    pairs = data(3)
    kinds: dict[str, Any] = {
        "list": pairs,
        "tensors": TensorDataset(
            torch.stack([each for each, _ in pairs]), torch.tensor([[label] for _, label in pairs])
        ),
        "stream": Stream(),
        "data set": Samples(),
        "arrays": [(each.numpy(), np.int64(label)) for each, label in pairs],
        "generator": (each for each in pairs),
    }
    for name, dataset in kinds.items():
        run(tmp_path / name, dataset=dataset)
        same(records(tmp_path / "list"), records(tmp_path / name))


def test_samples_are_a_data_set(tmp_path: Path) -> None:
    digits = dict(list(wam.samples.digits().items())[:2]) if hasattr(wam.samples, "digits") else {}
    samples = digits or dict(list(wam.samples.furniture().items())[:2])
    shape = next(iter(samples.values())).signal.shape
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(shape[2:].numel(), 20))
    methods = {"saliency": Explainer("saliency", level=2)}
    report = run(tmp_path / "a.sqlite", model=model, methods=methods, dataset=samples, steps=2)
    assert [each.target for each in records(report.store)] == [each.target for each in samples.values()]


def test_without_labels_the_predicted_class_is_explained(tmp_path: Path) -> None:
    signals_ = torch.stack([each for each, _ in data(4)])
    report = run(tmp_path / "a.sqlite", dataset=signals_, target=None)
    assert [each.target for each in records(report.store)] == MODEL(signals_).argmax(1).tolist()


def test_a_label_of_two_classes_is_a_contrast(tmp_path: Path) -> None:
    pairs = [(signal, (label, (label + 1) % 3)) for signal, label in data(2)]
    report = run(tmp_path / "a.sqlite", dataset=pairs, protocol=("contrast", "wam"))
    assert report.protocols == ("contrast, steps=4", "wam, steps=4")
    signal, seed = pairs[1][0][None], 1
    explanations = {n: each(MODEL, signal, Contrast(1, 2), seed=seed, batch_size=4) for n, each in METHODS.items()}
    for protocol, target in (("contrast", Contrast(1, 2)), ("wam", 1)):
        options: dict[str, Any] = {"steps": 4, "controls": 2, "seed": seed, "progress": False}
        alone = evaluate(MODEL, signal, explanations, target=target, protocol=protocol, **options)
        found = report.faithfulness(f"{protocol}, steps=4")
        np.testing.assert_allclose(found.faithfulness[:, 1], alone.faithfulness[:, 0], atol=1e-12)


def test_groups_come_by_item_or_by_a_function_of_it(tmp_path: Path) -> None:
    families = [["dog", "cat", "owl"][index % 3] for index in range(12)]
    by_item = run(tmp_path / "a.sqlite", dataset=data(12), groups=families)
    assert by_item.faithfulness().groups == tuple(families)
    by_function = run(tmp_path / "b.sqlite", dataset=data(12), groups=lambda item: item[1] * 10)
    assert by_function.faithfulness().groups == tuple(index % 3 * 10 for index in range(12))


def test_the_report_shows_tables_and_opens_again(tmp_path: Path) -> None:
    report = run(tmp_path / "a.sqlite", dataset=data(12), protocol=("wam", "rise"))
    assert str(report).count("12 items in 12 groups") == 2
    assert {row["protocol"] for row in report.rows()} == {"wam, steps=4", "rise, steps=4"}
    assert len(report.to_dataframe(items=True)) == 12 * (6 + 4)
    again = BenchmarkReport(report.store, confidence=0.5)
    narrow, wide = (each.faithfulness().interval("WAM") for each in (again, report))
    assert wide.low < narrow.low < narrow.mean == wide.mean < narrow.high < wide.high
    assert again.seconds > 0
    with pytest.raises(ValueError, match="`protocol` must be one of 'wam, steps=4', 'rise, steps=4'; got 'wam'"):
        report.faithfulness("wam")


# ------------------------------------------------------------------------------------------------ failing and stopping


class Fails(SmallNet):
    """Fails at signals that begin with a large number."""

    def forward(self, signal: Tensor) -> Tensor:
        if signal.flatten(1)[:, 0].amax() > 50:
            raise RuntimeError("out of range")
        return super().forward(signal)


def damaged() -> list[Any]:
    items: list[Any] = list(data(12))
    items[3] = (torch.full((1, 8, 8), 100.0, dtype=torch.float64), 0)
    items[5] = (torch.full((1, 8, 8), torch.nan, dtype=torch.float64), 0)
    items[7] = "no item"
    items[9] = (items[9][0], None)
    return items


def test_items_that_fail_are_recorded_and_the_others_go_on(tmp_path: Path) -> None:
    report = run(tmp_path / "a.sqlite", model=Fails(2, 1), dataset=damaged())
    assert report.items == 8
    assert report.failed == {
        3: pytest_startswith(
            "method 'WAM': RuntimeError: out of range (The model raised this. It was given 1 of the 1"
        ),
        5: pytest_startswith("method 'WAM': ValueError: `signal` must be finite"),
        7: pytest_startswith("reading it: TypeError: `dataset` must give (signal, label)"),
        9: pytest_startswith("reading it: ValueError: `target='label'` needs items (signal, label)"),
    }
    assert "8 item(s) measured, 4 failed" in str(report)
    assert "item 3 failed, method 'WAM': RuntimeError: out of range" in str(report)
    assert [row["item"] for row in report.item_rows()][:8] == [0, 1, 2, 4, 6, 8, 10, 11]


class pytest_startswith:  # noqa: N801  # reads as a matcher
    def __init__(self, beginning: str) -> None:
        self._beginning = beginning

    def __eq__(self, other: object) -> bool:
        return str(other).startswith(self._beginning)

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return f"{self._beginning}…"


def test_failures_are_tried_again_only_if_asked(tmp_path: Path) -> None:
    class Repaired(SmallNet):
        broken = True

        def forward(self, signal: Tensor) -> Tensor:
            if self.broken and signal.flatten(1)[:, 0].amax() > 1.5:
                raise RuntimeError("not yet")
            return super().forward(signal)

    model = Repaired(2, 1)
    failed = run(tmp_path / "a.sqlite", model=model, dataset=data(12)).failed
    assert 0 < len(failed) < 12
    model.broken = False
    assert run(tmp_path / "a.sqlite", model=model, dataset=data(12)).failed == failed
    assert run(tmp_path / "a.sqlite", model=model, dataset=data(12), retry=True).failed == {}


def test_a_run_in_which_everything_fails_stops_early(tmp_path: Path) -> None:
    def broken(model: Any, signal: Tensor, target: int) -> Tensor:
        raise ZeroDivisionError("my bug")

    with pytest.raises(RuntimeError, match=r"first 5 item\(s\) all failed.*method 'mine': ZeroDivisionError: my bug"):
        run(tmp_path / "a.sqlite", methods={"mine": broken})
    assert len(records(tmp_path / "a.sqlite")) == 5
    run(tmp_path / "a.sqlite", dataset=data(2))  # as there is nothing to lose, another run may take the file


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (
            lambda signal: "a map",
            "What `methods['mine']` returns must be an Explanation, Coefficients or a map of the sa",
        ),
        (lambda signal: signal[:, 0] / 0, "What `methods['mine']` returns must be finite; got NaN or inf."),
        (
            lambda signal: signal,
            "What `methods['mine']` returns must have the shape (item, *space) of the signal, (1, 8",
        ),
        (
            lambda signal: wam.decompose(signal[..., :4], level=1),
            "What `methods['mine']` returns must be of `signal`, 1 item(s) of ",
        ),
    ],
)
@pytest.mark.usefixtures("as_a_user")
def test_what_a_method_returns_is_called_after_the_method(made: Any, words: str, tmp_path: Path) -> None:
    methods = {"Saliency": Explainer("saliency", level=2), "mine": lambda _, signal, __: made(signal)}
    with pytest.raises(RuntimeError, match=re.escape(words)):
        run(tmp_path / "a.sqlite", methods=methods, dataset=data(2))


def test_a_method_must_not_have_the_name_of_a_control(tmp_path: Path) -> None:
    methods = {"random, haar, level 2": Explainer("saliency", level=2)}
    with pytest.raises(
        RuntimeError, match="`methods` must not have the name of a control; got 'random, haar, level 2'"
    ):
        run(tmp_path / "a.sqlite", methods=methods, dataset=data(2))


def test_a_few_items_that_all_fail_are_told_too(tmp_path: Path) -> None:
    for _ in range(2):  # the second time there is nothing left to do
        with pytest.raises(RuntimeError, match=r"first 2 item\(s\) all failed; .*out of range.*pass `retry=True`"):
            run(tmp_path / "a.sqlite", model=Fails(2, 1), dataset=[damaged()[3]] * 2)


class Unreadable(Samples):
    """The first ones can't be read."""

    def __init__(self, bad: int) -> None:
        self._bad = bad

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> Any:
        if index < self._bad:
            raise OSError("no such picture")
        return data(8)[index]


def test_first_items_that_cannot_be_read_are_recorded_like_any_other(tmp_path: Path) -> None:
    report = run(tmp_path / "a.sqlite", dataset=Unreadable(4))
    assert report.failed == dict.fromkeys(range(4), "reading it: OSError: no such picture")
    assert report.items == 4
    stream = run(tmp_path / "b.sqlite", dataset=iter(["no item", "no item", *data(4)[2:]]))
    assert list(stream.failed) == [0, 1]
    same(records(stream.store)[2:], records(run(tmp_path / "c.sqlite", dataset=data(4)).store)[2:])


def test_a_data_set_of_which_no_item_can_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no such picture"):
        run(tmp_path / "a.sqlite", dataset=Unreadable(5))


def test_what_methods_warn_of_is_in_the_report(tmp_path: Path) -> None:
    methods = {"IG": Explainer("integrated_gradients", level=2, options={"samples": 1})}
    report = run(tmp_path / "a.sqlite", methods=methods, dataset=data(3))
    assert "completeness gap" in report.warned[0][0]
    assert "item(s) came with warnings; item 0: Integrated Gradients with 1 passes" in str(report)


class Normalising(SmallNet):
    """Its statistics move with every pass in training mode."""

    def __init__(self) -> None:
        super().__init__(2, 1)
        self.norm = torch.nn.BatchNorm2d(1, dtype=torch.float64)

    def forward(self, signal: Tensor) -> Tensor:
        return super().forward(self.norm(signal))


def by_hand(model: Any, signal: Tensor, target: int) -> Tensor:
    """Saliency, as it is written in a notebook."""
    signal.requires_grad_()
    model(signal)[:, target].sum().backward()
    assert signal.grad is not None
    return signal.grad.abs().sum(1)


def test_functions_see_a_model_in_evaluation_mode_and_leave_it_as_it_was(tmp_path: Path) -> None:
    model = Normalising().train()
    model.linear.eval()
    before = {name: values.clone() for name, values in model.state_dict().items()}
    methods: dict[str, Any] = {"mine": by_hand, "again": by_hand}
    run(tmp_path / "a.sqlite", model=model, dataset=data(3), methods=methods)
    assert model.training
    assert model.norm.training
    assert not model.linear.training
    assert all(torch.equal(values, before[name]) for name, values in model.state_dict().items())
    assert all(weights.grad is None for weights in model.parameters())
    run(tmp_path / "b.sqlite", model=model.eval(), dataset=data(3), methods=methods)
    same(records(tmp_path / "a.sqlite"), records(tmp_path / "b.sqlite"))
    mine, again = records(tmp_path / "a.sqlite")[0].rows[:2]
    assert (mine.method, again.method) == ("mine", "again")
    assert mine.insertion == again.insertion, "the second one found no gradient of the first in the signal"


def test_a_model_is_as_it_was_after_a_function_failed(tmp_path: Path) -> None:
    def broken(model: Any, signal: Tensor, target: int) -> Tensor:
        by_hand(model, signal, target)
        raise ZeroDivisionError("my bug")

    model = Normalising().train()
    model.linear.weight.grad = kept = torch.ones_like(model.linear.weight)
    with pytest.raises(RuntimeError, match="my bug"):
        run(tmp_path / "a.sqlite", model=model, dataset=data(5), methods={"mine": broken})
    assert model.norm.training
    assert model.linear.weight.grad is kept
    assert torch.equal(kept, torch.ones_like(kept))


def test_who_watches_is_told_of_every_item_and_can_stop(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def watch(done: int, total: int) -> bool:
        seen.append((done, total))
        return done != 2

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a.sqlite", dataset=data(4), progress=watch)
    assert seen == [(1, 4), (2, 4)]
    run(tmp_path / "a.sqlite", dataset=data(4), progress=watch)
    assert seen[2:] == [(3, 4), (4, 4)]


class Interrupted(Counting):
    """Presses Ctrl-C in the noisy copies of an item, where `explain` itself would return those so far."""

    def forward(self, signal: Tensor) -> Tensor:
        if self.calls > 60 and torch.is_grad_enabled():
            self.calls = -10_000  # once
            signals.raise_signal(signals.SIGINT)
        return super().forward(signal)


def test_an_interrupt_keeps_what_was_finished_and_no_half_item(tmp_path: Path) -> None:
    methods = {"SmoothGrad": Explainer("smoothgrad", level=2, options={"samples": 40})}
    options: dict[str, Any] = {"methods": methods, "dataset": data(6), "batch_size": 2, "model": Interrupted()}
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a.sqlite", **options)
    assert 0 < done(tmp_path / "a.sqlite") < 6
    run(tmp_path / "a.sqlite", **options)
    run(tmp_path / "b.sqlite", **options)
    same(records(tmp_path / "a.sqlite"), records(tmp_path / "b.sqlite"))


def test_a_run_that_is_killed_five_times_ends_with_the_same_rows(tmp_path: Path) -> None:
    """SIGKILL at random moments; rows are the same to the bit, as threads and sub-batch are."""
    run_on_one_thread(str(tmp_path / "whole.sqlite"))
    store = tmp_path / "killed.sqlite"
    chance = random.Random(0)  # noqa: S311
    spawn = multiprocessing.get_context("forkserver")
    spawn.set_forkserver_preload([run_on_one_thread.__module__])
    kills = 0
    for target in sorted(chance.sample(range(1, ITEMS - 4), 5)):
        process = spawn.Process(target=run_on_one_thread, args=(str(store),))
        process.start()
        while process.is_alive() and done(store) < target:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.05))
        kills += process.is_alive()
        process.kill()
        process.join()
        process.close()
    assert kills == 5
    assert 0 < done(store) < ITEMS
    run_on_one_thread(str(store))
    same(records(tmp_path / "whole.sqlite"), records(store))


def done(store: Path) -> int:
    try:
        with Store(store) as kept:
            return kept.done()
    except (FileNotFoundError, ValueError):  # not made yet
        return 0


def test_memory_holds_one_item_at_a_time(tmp_path: Path) -> None:
    alive: set[weakref.ref[Tensor]] = set()
    most = 0

    def items() -> Iterator[Any]:
        nonlocal most
        for number in range(60):
            signal = torch.randn(1, 8, 8, dtype=torch.float64)
            alive.add(weakref.ref(signal, alive.discard))
            yield signal, number % 3
            del signal
            most = max(most, len(alive))

    methods = {"saliency": Explainer("saliency", level=1)}
    run(tmp_path / "a.sqlite", dataset=items(), methods=methods, steps=1, controls=1)
    assert most <= 3  # the first, which was looked at before, the last and the present one
    assert len(records(tmp_path / "a.sqlite")) == 60


# ------------------------------------------------------------------------------------------------------------ bad input


class Doubled(SmallNet):
    """The same weights and another use of them."""

    def forward(self, signal: Tensor) -> Tensor:
        return 2 * super().forward(signal)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"model": Doubled(2, 1)}, "`model.class` was .*SmallNet"),
        ({"seed": 1}, "`seed` was 0 and is now 1"),
        ({"steps": 5}, r"`protocols.wam, steps=4` .* is missing now; `protocols.wam, steps=5` is new"),
        ({"model": SmallNet(2, 1)}, None),
        ({"methods": {**METHODS, "WAM": Explainer("saliency")}}, '`methods.WAM.method` was "smoothgrad" and is now'),
        ({"dataset": data(5)}, "`items` was 4 and is now 5"),
        ({"groups": [0, 0, 1, 1]}, "`groups` was null and is now"),
        ({"controls": 3}, "`controls` was 2 and is now 3"),
        ({"target": None}, '`target` was "label" and is now null'),
        ({"batch_size": 2}, None),
    ],
    ids=str,
)
def test_a_store_of_another_run_is_refused_and_stays(
    tmp_path: Path, change: dict[str, Any], difference: str | None
) -> None:
    run(tmp_path / "a.sqlite", dataset=data(4))
    before = records(tmp_path / "a.sqlite")
    options = {"dataset": data(4)} | change
    if difference is None:  # what makes no difference
        run(tmp_path / "a.sqlite", **options)
    else:
        with pytest.raises(ValueError, match=difference):
            run(tmp_path / "a.sqlite", **options)
    same(before, records(tmp_path / "a.sqlite"))


def test_a_store_of_another_models_weights_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "a.sqlite", dataset=data(2))
    other = SmallNet(2, 1)
    with torch.no_grad():
        other.linear.bias.add_(1)
    with pytest.raises(ValueError, match=r"`model\.weights` was"):
        run(tmp_path / "a.sqlite", dataset=data(2), model=other)


def shifted(by: int) -> Any:
    return lambda output: output[:, by]


def test_a_store_of_another_activation_or_score_is_refused(tmp_path: Path) -> None:
    layers = torch.nn.Flatten(), torch.nn.Linear(64, 3, dtype=torch.float64)
    methods = {"saliency": Explainer("saliency", level=2)}
    options: dict[str, Any] = {"dataset": data(2), "methods": methods, "target": shifted(1)}
    run(tmp_path / "a.sqlite", model=torch.nn.Sequential(*layers, torch.nn.Tanh()), **options)
    with pytest.raises(ValueError, match=r"`model\.layers` was"):
        run(tmp_path / "a.sqlite", model=torch.nn.Sequential(*layers, torch.nn.ReLU()), **options)
    options["target"] = shifted(2)
    with pytest.raises(ValueError, match=r"`target\.caught\.by` was 1 and is now 2"):
        run(tmp_path / "a.sqlite", model=torch.nn.Sequential(*layers, torch.nn.Tanh()), **options)


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    "groups",
    [list(range(4)), np.arange(4), torch.arange(4), tuple(np.arange(4, dtype=np.uint8)), range(4)],
    ids=["list", "array", "tensor", "tuple", "range"],
)
def test_the_same_groups_are_the_same_run_whatever_holds_them(tmp_path: Path, groups: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a.sqlite", dataset=data(4), groups=[0, 1, 2, 3], progress=lambda done, total: done < 2)
    report = run(tmp_path / "a.sqlite", dataset=data(4), groups=groups)
    assert report.faithfulness().groups == (0, 1, 2, 3)


def test_groups_may_be_tuples_of_the_numbers_of_numpy(tmp_path: Path) -> None:
    expected = (("a", 0, 0.5), ("b", 1, 0.5), ("a", 2, 0.5))
    given = [(name, np.int64(number), np.float32(half)) for name, number, half in expected]
    report = run(tmp_path / "a.sqlite", dataset=data(3), groups=given)
    assert report.faithfulness().groups == expected
    by_function = run(tmp_path / "b.sqlite", dataset=data(3), groups=lambda item: given[item[1]])
    assert by_function.faithfulness().groups == expected
    same(records(tmp_path / "a.sqlite"), records(tmp_path / "b.sqlite"))


@pytest.mark.parametrize("kind", [list, iter], ids=["by number", "as a stream"])
def test_items_whose_groups_have_changed_are_refused(tmp_path: Path, kind: Any) -> None:
    class Families:
        """What is known of the data set: a class, whose attributes no fingerprint tells."""

        of: ClassVar = {0: "dog", 1: "cat", 2: "owl"}

    def family(item: Any) -> str:
        found: str = Families.of[item[1]]
        return found

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a.sqlite", dataset=kind(data(4)), groups=family, progress=lambda done, total: done < 3)
    Families.of[1] = "fox"
    with pytest.raises(ValueError, match=r"item 1 of `dataset` is not the one that was measured.*labels and groups"):
        run(tmp_path / "a.sqlite", dataset=kind(data(4)), groups=family)
    Families.of[1] = "cat"
    assert run(tmp_path / "a.sqlite", dataset=kind(data(4)), groups=family).items == 4


def test_another_data_set_of_the_same_length_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "a.sqlite", dataset=data(3))
    with pytest.raises(ValueError, match=r"item 0 of `dataset` is not the one that was measured"):
        run(tmp_path / "a.sqlite", dataset=list(reversed(data(3))))


@pytest.mark.parametrize("kind", [list, iter], ids=["by number", "as a stream"])
def test_another_item_among_those_that_are_done_is_refused(tmp_path: Path, kind: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a.sqlite", dataset=kind(data(4)), progress=lambda done, total: done < 3)
    before = records(tmp_path / "a.sqlite")
    (signal, label), others = data(4)[2], data(4)
    for changed in ((signal + 1, label), (signal, label + 1)):
        others[2] = changed
        with pytest.raises(ValueError, match=r"item 2 of `dataset` is not the one that was measured"):
            run(tmp_path / "a.sqlite", dataset=kind(others))
    same(before, records(tmp_path / "a.sqlite"))
    run(tmp_path / "a.sqlite", dataset=kind(data(4)))


def test_by_number_all_that_is_done_is_compared_before_any_is_measured(tmp_path: Path) -> None:
    items: list[Any] = list(data(3))
    items[0] = "no item"
    run(tmp_path / "a.sqlite", dataset=items)
    with Store(tmp_path / "a.sqlite") as store:
        store.forget_failures()
    with pytest.raises(ValueError, match=r"item 1 of `dataset` is not the one that was measured"):
        run(tmp_path / "a.sqlite", dataset=[*data(1), *reversed(data(3)[1:])])
    assert [each.item for each in records(tmp_path / "a.sqlite")] == [1, 2]


class NeverCalled(SmallNet):
    def forward(self, signal: Tensor) -> Tensor:
        raise AssertionError("The model was called.")


BAD: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "no data set": ({"dataset": 3}, TypeError, "must be a torch data set or an iterable"),
    "loader": ({"dataset": DataLoader(data(2))}, TypeError, "DataLoader.*Pass its dataset"),  # type: ignore[arg-type]
    "empty": ({"dataset": iter(())}, ValueError, "at least one item"),
    "no tensors": ({"dataset": ["a.png"]}, TypeError, r"ToTensor\(\)"),
    "batches": ({"dataset": [torch.zeros(8, 3, 4, 4, 4, 4)]}, ValueError, "axes .item, channel"),
    "bytes": (
        {"dataset": [(torch.zeros(1, 8, 8, dtype=torch.uint8), 0)]},
        TypeError,
        r"float32 or float64; got torch.uint8. Pass `signal\.float\(\)`",
    ),
    "no labels": ({"dataset": torch.zeros(2, 1, 8, 8)}, ValueError, "needs items .signal, label."),
    "label of words": ({"dataset": [(torch.zeros(1, 8, 8), "cat")]}, ValueError, "whose label is a class"),
    "target": ({"target": "cat"}, TypeError, "'label'"),
    "no methods": ({"methods": {}}, TypeError, "standard_methods"),
    "no method": (
        {"methods": {"WAM": "smoothgrad"}},
        TypeError,
        r"`methods\['WAM'\]` must be callable.*; got str.*standard_methods",
    ),
    "unknown protocol": ({"protocol": "rice"}, ValueError, "Did you mean 'rise'"),
    "superpixels": (
        {"unit": "superpixel"},
        ValueError,
        "`unit` can't be 'superpixel'.*`unit='position'`; or call `eval",
    ),
    "twice": ({"protocol": ["wam", "wam"]}, ValueError, "different protocols"),
    "no protocol": ({"protocol": []}, TypeError, "Pass e.g. `protocol='wam'`"),
    "steps": ({"steps": 0}, ValueError, "`steps` must be a whole number of at least 1"),
    "pixel map": (
        {"domain": "wavelet"},
        ValueError,
        r"What `methods\['pixels'\]` returns is a map.*no order of coefficients.*pull_back",
    ),
    "contrast": ({"protocol": "contrast"}, ValueError, "two columns per item"),
    "level": ({"methods": {"WAM": Explainer(level=9)}}, ValueError, "level"),
    "samples": ({"methods": {"WAM": Explainer(options={"samples": 0})}}, ValueError, "`samples` must be from 1"),
    "denoised": ({"methods": {"WAM": Explainer("saliency", denoised=True)}}, ValueError, "Standard errors need"),
    "layer": (
        {"methods": {"CAM": Explainer("gradcam", layer="convolutoin")}},
        ValueError,
        "name of a layer.*Did you mean 'convolution'",
    ),
    "groups": ({"groups": [1]}, ValueError, "group of every item, 40; got 1"),
    "no groups": ({"groups": 3}, TypeError, "groups=lambda item"),
    "group": ({"groups": lambda item: item[0]}, TypeError, "a word or a number"),
    "group within": ({"groups": [("a", None)] * 40}, TypeError, "a word or a number; item 0 has None"),
    "group NaN": ({"groups": lambda item: ("a", np.nan)}, ValueError, "item 0 has NaN, which belongs to no other"),
    "groups NaN": ({"groups": [0.0] * 39 + [np.nan]}, ValueError, "`groups` must hold .*; got NaN"),
    "lazy": (
        {"model": torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(3))},
        ValueError,
        r"all its weights; '1\.weight', of a lazy layer.*Run the model once: `model\(signal\)`",
    ),
    "meta": (
        {"model": torch.nn.Linear(8, 3, device="meta")},
        ValueError,
        r"all its weights; 'weight' is on the device 'meta'.*to_empty",
    ),
    "seed": ({"seed": -1}, ValueError, "`seed`"),
    "large seed": ({"seed": 2**31}, ValueError, "less than"),
    "controls": ({"controls": 0}, ValueError, "`controls`"),
    "confidence": ({"confidence": 95}, ValueError, "between 0 and 1"),
    "batch size": ({"batch_size": 0}, ValueError, "batch_size"),
    "retry": ({"retry": "yes"}, TypeError, "`retry` must be True or False; got 'yes'"),
    "progress": (
        {"progress": lambda done: done},
        TypeError,
        r"`progress` must be None, False or a callable of two numbers \(done, planned\); got <function",
    ),
    "client": ({"client": "localhost:8786"}, TypeError, "must be a dask.distributed.Client"),
    "folder": ({"store": "none/a.sqlite"}, FileNotFoundError, "mkdir"),
    "no store": ({"store": None}, TypeError, "`store` must be a path"),
    "in memory": ({"store": ":memory:"}, ValueError, "`store` must name a file"),
}


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_refused_before_the_model_is_called(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    change, error, message = BAD[name]
    options: dict[str, Any] = {"store": "a.sqlite", "model": NeverCalled(2, 1)} | change
    with pytest.raises(error, match=message):
        run(**options)


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "smoothgrat"}, ValueError, "Did you mean 'smoothgrad'"),
        ({"wavelet": "har"}, ValueError, "got 'har'. Did you mean 'haar'"),
        ({"level": 0}, ValueError, "`level` must be at least 1; got 0"),
        ({"level": "deep"}, TypeError, "`level` must be a whole number of decompositions; got 'deep'"),
        ({"mode": "reflext"}, ValueError, "Did you mean 'reflect'"),
        ({"denoised": "yes"}, TypeError, "`denoised` must be True or False; got 'yes'"),
        ({"contribution": 1}, TypeError, "`contribution` must be True or False; got 1"),
        ({"method": "gradcam"}, ValueError, "`layer` belongs to method 'gradcam'"),
        ({"layer": "4"}, ValueError, "`layer` belongs to method 'gradcam'"),
        ({"method": "gradcam", "layer": "4", "denoised": True}, ValueError, "Leave them out"),
        ({"options": 25}, TypeError, "`options` must be a dict of options of `explain`; got 25.*'samples': 25"),
        ({"options": {"sample": 8}}, ValueError, "Did you mean 'samples'"),
        ({"options": {"seed": 8}}, ValueError, "got 'seed'"),
    ],
)
def test_an_explainer_is_checked_when_it_is_made(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Explainer(**options)


# --------------------------------------------------------------------------------------------------------- on a cluster


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Two workers, each a process with one thread, as a user starts them."""
    distributed: Any = import_module("distributed")  # some of it is untyped
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50) as cluster,
        distributed.Client(cluster) as found,
    ):
        yield found


class Slow(SmallNet):
    """Takes long enough for a worker to be killed while it is at work."""

    def forward(self, signal: Tensor) -> Tensor:
        time.sleep(0.002)
        return super().forward(signal)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rows of a run in one process."""
    store = tmp_path_factory.mktemp("alone") / "a.sqlite"
    run(store, model=Fails(2, 1), dataset=damaged())
    return store


def test_a_cluster_gives_the_same_rows(client: Any, alone: Path, tmp_path: Path) -> None:
    report = run(tmp_path / "a.sqlite", model=Fails(2, 1), dataset=damaged(), client=client)
    same(records(alone), records(report.store))
    assert len(report.failed) == 4
    assert client.run(loaded) == dict.fromkeys(client.run(loaded), 0)  # nothing of ours stays on the workers


def loaded(dask_worker: Any) -> int:
    return sum(name.startswith("wam_widgets") for name in dask_worker.plugins)


def test_a_run_on_a_cluster_that_loses_a_worker_ends_with_the_same_rows(client: Any, tmp_path: Path) -> None:
    run(tmp_path / "alone.sqlite", model=Slow(2, 1))
    workers = list(client.run(os.getpid).values())
    assert len(set(workers)) == 2

    def kill_one(done: int, total: int) -> None:
        if done == ITEMS // 4:
            os.kill(workers[0], signals.SIGKILL)

    run(tmp_path / "a.sqlite", model=Slow(2, 1), client=client, progress=kill_one)
    same(records(tmp_path / "alone.sqlite"), records(tmp_path / "a.sqlite"))
    client.wait_for_workers(2, timeout=60)
    assert workers[0] not in client.run(os.getpid).values()


def test_items_that_a_cluster_drops_as_it_restarts_are_sent_again(client: Any, alone: Path, tmp_path: Path) -> None:
    def restart(done: int, total: int) -> None:
        if done == 4:
            client.restart()  # others are under way, and dropped

    report = run(tmp_path / "a.sqlite", model=Fails(2, 1), dataset=damaged(), client=client, progress=restart)
    assert len(report.failed) == 4, "those of the data, none of the cluster"
    same(records(alone), records(tmp_path / "a.sqlite"))


def test_a_cluster_that_ends_leaves_no_failures_behind(alone: Path, tmp_path: Path) -> None:
    distributed: Any = import_module("distributed")
    here = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": None, "silence_logs": 50}
    options: dict[str, Any] = {"model": Fails(2, 1), "dataset": damaged()}

    def end(done: int, total: int) -> None:
        if done == 4:
            ending.close()

    with (
        distributed.LocalCluster(**here) as cluster,
        distributed.Client(cluster) as ending,
        pytest.raises(RuntimeError, match=r"The cluster ended; all that was finished .* with a new client"),
    ):
        run(tmp_path / "a.sqlite", client=ending, progress=end, **options)
    assert 4 <= done(tmp_path / "a.sqlite") < 12
    run(tmp_path / "a.sqlite", **options)
    same(records(alone), records(tmp_path / "a.sqlite"))


def test_a_run_on_a_cluster_goes_on_where_one_alone_was_stopped(client: Any, alone: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"model": Fails(2, 1), "dataset": damaged()}
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a.sqlite", progress=lambda done, total: done < 4, **options)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a.sqlite", progress=lambda done, total: done < 8, client=client, **options)
    assert done(tmp_path / "a.sqlite") == 8
    run(tmp_path / "a.sqlite", **options)
    same(records(alone), records(tmp_path / "a.sqlite"))


class Chatty(SmallNet):
    """Warns of every input, and lets other threads in."""

    def forward(self, signal: Tensor) -> Tensor:
        warnings.warn(f"begins with {float(signal.detach().flatten()[0]):.3f}", stacklevel=1)
        time.sleep(0.001)
        return super().forward(signal)


def test_threads_of_one_process_do_not_see_each_others_random_numbers_and_warnings(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    options: dict[str, Any] = {"model": Chatty(2, 1), "methods": METHODS | {"drawn": drawn}}
    run(tmp_path / "alone.sqlite", **options)
    distributed: Any = import_module("distributed")
    here = {"n_workers": 2, "threads_per_worker": 2, "processes": False, "dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(**here) as cluster, distributed.Client(cluster) as client:
        run(tmp_path / "a.sqlite", client=client, **options)
    alone, together = records(tmp_path / "alone.sqlite"), records(tmp_path / "a.sqlite")
    same(alone, together)
    assert [each.warnings for each in alone] == [each.warnings for each in together]
    assert not [each for each in recwarn if "begins with" in str(each.message)]


def drawn(model: Any, signal: Tensor, target: Any) -> Tensor:
    """Draws from the generator of the process, as methods of other packages do."""
    time.sleep(0.001)
    return torch.rand(signal.shape[1:])


def test_a_client_that_is_closed_is_refused(client: Any, tmp_path: Path) -> None:
    with type(client)(client.cluster) as other:
        pass
    with pytest.raises(ValueError, match="`client` must be connected to a cluster; got one that is 'closed'"):
        run(tmp_path / "a.sqlite", client=other)


class Locked(SmallNet):
    def __init__(self) -> None:
        super().__init__(2, 1)
        self.lock = threading.Lock()


def test_a_model_that_cannot_be_sent_says_how_to_make_it_so(client: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"pickle.*lock.*`__getstate__`"):
        run(tmp_path / "a.sqlite", model=Locked(), client=client)


def unloadable() -> None:
    raise ModuleNotFoundError("No module named 'my_model'")


class Elsewhere(SmallNet):
    """Can be sent, but not be loaded."""

    def __reduce__(self) -> Any:
        return unloadable, ()


def test_a_model_that_workers_cannot_load_is_told_before_any_item(client: Any, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"couldn't load.*No module named 'my_model'.*importable there"):
        run(tmp_path / "a.sqlite", model=Elsewhere(2, 1), client=client)
    assert records(tmp_path / "a.sqlite") == []


def test_without_dask_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ImportError, match=r'pip install "wam-widgets\[evaluation\]"'):
        run(tmp_path / "a.sqlite", client="any")


def test_the_public_names_are_there() -> None:
    assert benchmark.__module__ == "wam_widgets.evaluation.benchmark"
