"""What is kept keeps the class: beside all subsets, curves of insertion, and a loop of autograd."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import Tensor, nn
from torch.testing import assert_close

import wam_widgets as wam
from tests.attribution.networks import SmallNet, signal_of
from tests.attribution.test_untouched import Fragile, assert_untouched, interrupting, state_of
from wam_widgets.attribution.passes import SubBatch
from wam_widgets.evaluation import MinimalSignal, OptimisedMask, minimal_signal, optimise_mask
from wam_widgets.plots import minimal_signals
from wam_widgets.plots.canvas import png
from wam_widgets.samples import digit_model, digits

SIZES = ((37,), (9, 14), (7, 6, 9))
FOUR = torch.tensor([[[4.0, 3.0, 2.0, 1.0]]], dtype=torch.float64)


def tenths(batch: Tensor) -> Tensor:
    """Probabilities: a tenth of the sum, and the rest."""
    first = batch.flatten(1).sum(1, keepdim=True) / 10
    return torch.cat([first, 1 - first], dim=1)


def of_count(has_class: Sequence[int]) -> Callable[[Tensor], Tensor]:
    """A model that says class 0 of as many ones as are named, and class 1 of others."""

    def model(batch: Tensor) -> Tensor:
        has = (batch.flatten(1).sum(1, keepdim=True) == torch.tensor(has_class)).any(1).double()
        return torch.stack([has, 1 - has], dim=1)

    return model


# ---------------------------------------------------------------------------------------------------------- hand-worked


def test_four_pixels_of_which_two_are_enough() -> None:
    found = minimal_signal(tenths, FOUR, FOUR[:, 0], target=0, probability="none")
    assert found.count.tolist() == [2]  # 4 is less than a half, 4 + 3 is more
    assert found.fraction.tolist() == [0.5]
    assert_close(found.signal, torch.tensor([[[4.0, 3, 0, 0]]]).double())
    assert found.mask.approximation.tolist() == [[[True, True, False, False]]]
    assert_allclose(found.probability, [0.7])
    assert_allclose(found.fractions, [0, 0.25, 0.5, 0.75, 1])
    assert_allclose(found.probabilities, [[0, 0.4, 0.7, 0.9, 1]])
    assert found.holds.tolist() == [[False, False, True, True, True]]
    assert repr(found) == "MinimalSignal of 1 item(s): fractions kept 0.5"


@pytest.mark.parametrize(("at_least", "count"), [(0.1, 1), (0.45, 2), (0.69, 2), (0.71, 3), (0.95, 4), (1.0, 4)])
def test_a_fraction_of_the_probability_may_be_asked_for_instead(at_least: float, count: int) -> None:
    found = minimal_signal(tenths, FOUR, FOUR[:, 0], target=0, probability="none", at_least=at_least)
    assert found.count.tolist() == [count]


def test_a_class_that_is_not_the_predicted_one_keeps_a_fraction_of_its_probability() -> None:
    half = lambda batch: tenths(batch / 4)  # noqa: E731  # 0.25 of all four
    with pytest.raises(
        ValueError, match=r"most probable one of the whole signal.*column 0 for item 0.*`at_least=0\.5`"
    ):
        minimal_signal(half, FOUR, FOUR[:, 0], target=0, probability="none")
    assert minimal_signal(half, FOUR, FOUR[:, 0], target=0, probability="none", at_least=0.5).count.tolist() == [2]


def test_the_rest_of_a_baseline_stays() -> None:
    found = minimal_signal(tenths, FOUR, FOUR[:, 0], target=0, probability="none", baseline=1.0)
    assert_close(found.signal, torch.tensor([[[4.0, 1, 1, 1]]]).double())  # 7 tenths


def test_a_baseline_that_has_the_class_needs_nothing() -> None:
    found = minimal_signal(tenths, FOUR, FOUR[:, 0], target=0, probability="none", baseline=1.5)
    assert (found.count.tolist(), found.lasting.tolist()) == ([0], [0.0])
    assert_close(found.signal, torch.full_like(FOUR, 1.5))


def test_equally_probable_is_not_kept() -> None:
    even = lambda batch: torch.cat([batch.flatten(1).sum(1, keepdim=True), torch.full((len(batch), 1), 4.0)], 1)  # noqa: E731
    assert minimal_signal(even, FOUR, FOUR[:, 0], target=0).count.tolist() == [2]


def test_where_a_class_comes_and_goes_the_first_point_counts_and_the_last_loss_is_told() -> None:
    ones = torch.ones(1, 1, 64)
    found = minimal_signal(of_count([*range(10, 20), *range(40, 65)]), ones, ones[:, 0], target=0, steps=7)
    assert_array_equal(64 * found.fractions, [0, 1, 2, 4, 8, 16, 32, 64])
    assert found.holds[0].tolist() == [False] * 5 + [True, False, True]
    assert found.count.tolist() == [10]  # by bisection between 8 and 16
    assert found.lasting.tolist() == [1.0]  # of the points of the curve


def test_in_the_signed_order_what_speaks_against_the_class_comes_last() -> None:
    signal = torch.tensor([[[1.0, 5.0, 2.0, 1.5]]])
    weights = torch.tensor([1.0, -1.0, 3.0, 1.0])  # contributions 1, -5, 6 and 1.5, of which 3 are needed

    def model(batch: Tensor) -> Tensor:
        own = (batch * weights).flatten(1).sum(1)
        return torch.stack([own, torch.full_like(own, 3.0)], dim=1)

    against = torch.tensor([[3.0, -9.0, 2.0, 1.0]])  # a map whose order is not the contributions'
    assert minimal_signal(model, signal, against, target=0).count.tolist() == [4]
    signed = minimal_signal(model, signal, against, target=0, order="signed")
    assert signed.mask.flatten().tolist() == [[[True, False, True, False]]]
    explanation = wam.explain(model, signal, 0, method="saliency", wavelet=None)
    by_contribution = minimal_signal(model, signal, explanation, order="signed")
    assert by_contribution.mask.flatten().tolist() == [[[False, False, True, False]]]


# ------------------------------------------------------------------------------------------------- beside what is known


@pytest.mark.parametrize("seed", range(6))
def test_of_a_linear_model_no_smaller_subset_of_coefficients_keeps_the_class(seed: int) -> None:
    chance = torch.Generator().manual_seed(seed)
    signal, weights = torch.randn(2, 1, 8, dtype=torch.float64, generator=chance)[:, None]
    total = float((signal * weights).sum())
    need = total - 0.5 * abs(total) - 0.1

    def model(batch: Tensor) -> Tensor:
        own = (batch * weights).flatten(1).sum(1)
        return torch.stack([own, torch.full_like(own, need)], dim=1)

    explanation = wam.explain(model, signal, 0, method="integrated_gradients", samples=1, wavelet="haar", level=2)
    found = minimal_signal(model, signal, explanation, order="signed")
    parts = wam.decompose(signal, "haar", level=2)
    subsets = torch.tensor(list(itertools.product([False, True], repeat=8)))
    made = wam.reconstruct(parts.map(lambda band: band.expand(256, -1, -1)).keep(parts.unflatten(subsets[:, None])))
    holds = model(made).argmax(1) == 0
    assert found.count.item() == int(subsets[holds].sum(1).min())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("wavelet", ["haar", "bior2.2", None])
def test_what_is_kept_has_the_class_and_one_position_less_has_not(size: tuple[int, ...], wavelet: str | None) -> None:
    model, signal = SmallNet(len(size)), signal_of(*size, items=4)
    explanation = wam.explain(model, signal, method="integrated_gradients", samples=8, wavelet=wavelet, level=1)
    found = minimal_signal(model, signal, explanation, at_least=0.99)
    parts, mask = explanation.signal_coefficients(), found.mask.flatten()
    assert_close(found.signal, wam.reconstruct(parts.keep(found.mask)))
    assert mask.sum((1, 2)).tolist() == found.count.tolist()
    assert (found.target == model(signal).argmax(1)).all()
    least = 0.99 * chances(model, signal, found.target)
    assert_close(found.probability, chances(model, found.signal, found.target))
    assert (found.probability >= least).all()
    importance = explanation.attribution.flatten().abs().sum(1)
    kept = mask[:, 0]
    assert (importance.masked_fill(~kept, torch.inf).amin(1) >= importance.masked_fill(kept, 0).amax(1)).all()
    some = found.count > 0
    last = importance.masked_fill(~kept, torch.inf).argmin(1, keepdim=True)
    fewer = parts.unflatten(mask.scatter(2, last[:, None], value=False))
    without = chances(model, wam.reconstruct(parts.keep(fewer)), found.target)
    assert some.any()
    assert (without < least)[some].all()


def chances(model: nn.Module, signal: Tensor, target: Tensor) -> Tensor:
    with torch.no_grad():
        found: Tensor = model(signal).softmax(1).gather(1, target[:, None])[:, 0]
    return found


@pytest.mark.parametrize("probability", ["softmax", "sigmoid"])
def test_its_curve_is_that_of_insertion(probability: Any) -> None:
    model, signal = SmallNet(2), signal_of(9, 14)
    explanation = wam.explain(model, signal, method="saliency", wavelet="db2", level=2)
    found = minimal_signal(model, signal, explanation, at_least=0.9, steps=12, seed=3, probability=probability)
    units = found.mask.flatten().shape[2]
    curve = wam.insertion(model, signal, explanation, steps=units, seed=3, probability=probability)
    places = np.rint(found.fractions * units).astype(int)
    assert places[:3].tolist() == [0, 1, 2]
    assert_allclose(found.probabilities, curve.scores[:, places])


def test_an_item_is_the_same_alone_and_however_many_are_run_at_once() -> None:
    model, signal = SmallNet(2), signal_of(9, 14, items=5)
    importance = wam.decompose(signal, "haar", level=2).map(torch.round)  # with many that are equal
    target = model(signal).argmax(1)
    several = minimal_signal(model, signal, importance, at_least=0.95, batch_size=3)
    masks = optimise_mask(model, signal, importance, steps=3, batch_size=3)
    for item in range(5):
        one = slice(item, item + 1)
        own, only = importance.map(lambda band, one=one: band[one]), target[one]
        alone = minimal_signal(model, signal[one], own, target=only, at_least=0.95, batch_size=1)
        assert alone.count == several.count[item]
        assert_close(alone.signal[0], several.signal[item])
        assert_allclose(alone.probabilities[0], several.probabilities[item])
        mask = optimise_mask(model, signal[one], own, target=only, steps=3, batch_size=1)
        assert_close(mask.importance.flatten()[0], masks.importance.flatten()[item])


# ------------------------------------------------------------------------------------------------------------ optimised


def test_where_positions_add_up_those_that_are_worth_their_price_are_kept() -> None:
    # log p = Σ worth · weight - Σ worth, so that a weight is 1 where its worth is more than its price, else 0.
    worth = torch.tensor([0.5, 0.01, 0.03, 0.3, 0.001, 0.1, 0.2, 0.05], dtype=torch.float64)
    signal = torch.linspace(2, -2, 8, dtype=torch.float64)[None, None]

    def model(batch: Tensor) -> Tensor:
        own = ((batch / signal) * worth).flatten(1).sum(1) - worth.sum()
        return torch.stack([own.exp(), 1 - own.exp()], dim=1)

    prices = (0.16, 0.6, 1.2, 2.0)  # an eighth of each buys a position: 0.02, 0.075, 0.15, 0.25
    found = optimise_mask(model, signal, signal[:, 0], target=0, probability="none", prices=prices, steps=150)
    for number, price in enumerate(prices):
        worthwhile = worth > price / 8
        assert_close(found.masks[number].flatten()[0, 0], worthwhile.double(), atol=0.02, rtol=0)
        assert_allclose(found.fractions[0, number], worthwhile.double().mean(), atol=0.02)
        lost = worth[~worthwhile].sum()
        assert_allclose(found.probabilities[0, number], (-lost).exp(), atol=0.01)
    assert found.holds.tolist() == [(found.probabilities[0] > 0.5).tolist()]
    prices_paid = (worth[:, None] > torch.tensor(prices) / 8).sum(1)
    assert_close(found.importance.flatten()[0, 0], prices_paid.double(), atol=0.02, rtol=0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("wavelet", ["haar", "bior2.2", None])
def test_its_steps_are_those_of_autograd_through_the_synthesis(size: tuple[int, ...], wavelet: str | None) -> None:
    model, signal = SmallNet(len(size)), signal_of(*size)
    parts = wam.decompose(signal, wavelet, level=1)
    target = model(signal).argmax(1)
    chance = torch.Generator().manual_seed(0)
    importance = torch.rand(parts.flatten()[:, 0].shape, generator=chance, dtype=torch.float64)
    found = optimise_mask(model, signal, parts.unflatten(importance[:, None]), prices=(1.0, 4.0), steps=4)
    count = importance.shape[1]
    weights = (1 - importance.argsort(1, descending=True).argsort(1).double() / count).requires_grad_()
    adam = torch.optim.Adam([weights], 0.05)
    whole = model(signal).log_softmax(1).gather(1, target[:, None])[:, 0].detach()
    for price, mask in zip((1.0, 4.0), found.masks, strict=True):
        for _ in range(4):
            made = wam.reconstruct(parts.map(torch.mul, parts.unflatten(weights[:, None])))
            short = (whole - model(made).log_softmax(1).gather(1, target[:, None])[:, 0]).clamp(min=0)
            adam.zero_grad()
            (short + price * weights.mean(1)).sum().backward()
            adam.step()
            with torch.no_grad():
                weights.clamp_(0, 1)
        assert_close(mask.flatten()[:, 0], weights.detach())
    assert_allclose(found.fractions[:, 1], weights.detach().mean(1))
    made = wam.reconstruct(parts.map(torch.mul, found.masks[1]))
    assert_allclose(found.probabilities[:, 1], chances(model, made, target))


def test_the_same_call_gives_the_same_masks() -> None:
    model, signal = SmallNet(2).float(), signal_of(9, 14).float()
    importance = wam.decompose(signal, "haar", level=2).map(torch.zeros_like)
    one, same, other = (
        optimise_mask(model, signal, importance, steps=5, seed=seed, batch_size=2) for seed in (1, 1, 2)
    )
    assert one.importance.flatten().equal(same.importance.flatten())
    assert not one.importance.flatten().equal(other.importance.flatten())
    assert repr(one) == "OptimisedMask of 2 item(s) at 5 prices"


def test_of_real_digits_an_optimised_order_needs_fewer_coefficients() -> None:
    model, signal = digit_model(), torch.cat([sample.signal for sample in digits().values()])
    explanation = wam.explain(model, signal, method="integrated_gradients", level=2, samples=50)
    masks = optimise_mask(model, signal, explanation, steps=20, prices=(10.0, 100.0))
    assert (np.diff(masks.fractions.mean(0)) < 0).all()
    assert masks.holds.all()
    explained = minimal_signal(model, signal, explanation)
    further = minimal_signal(model, signal, masks.importance, target=masks.target)
    assert 0.02 < explained.fraction.mean() < 0.06
    assert further.fraction.mean() < 0.7 * explained.fraction.mean()
    with torch.no_grad():
        assert (model(further.signal).argmax(1) == explanation.target).all()


# --------------------------------------------------------------------------------------------------------------- figure


@pytest.mark.parametrize("size", SIZES)
def test_the_figure_has_a_panel_per_order_and_a_marker_at_each_smallest_set(size: tuple[int, ...]) -> None:
    model, signal = SmallNet(len(size)), signal_of(*size)
    parts = wam.decompose(signal, "haar", level=1)
    explanation = wam.explain(model, signal, method="saliency", level=1)
    orders: dict[str, Any] = {"$x$ by saliency": explanation, "by its own magnitude": parts}
    found = {
        name: minimal_signal(model, signal, importance, target=explanation.target, at_least=0.99)
        for name, importance in orders.items()
    }
    figure = minimal_signals(found, 1)
    *panels, curves = figure.axes
    assert [panel.get_title().splitlines()[0] for panel in panels] == list(found)
    markers = [line for line in curves.lines if line.get_marker() in {"o", "s"}]
    for line, each in zip(markers, found.values(), strict=True):
        assert np.asarray(line.get_xydata()).tolist() == [[float(each.fraction[1]), float(each.probability[1])]]
    assert png(figure, dpi=30).startswith(b"\x89PNG")


@pytest.mark.usefixtures("as_a_user")
def test_a_figure_of_anything_else_is_refused() -> None:
    found = minimal_signal(tenths, FOUR, FOUR[:, 0], target=0, probability="none")
    with pytest.raises(TypeError, match=r"`found` must be a dict.*got MinimalSignal.*`\{'WAM': minimal_signal"):
        minimal_signals(found)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"one to 6 minimal signals of one signal; got 0"):
        minimal_signals({})
    with pytest.raises(ValueError, match=r"`item` must be a whole number from 0 to 0; got 1"):
        minimal_signals({"mine": found}, 1)


# ------------------------------------------------------------------------------------------------------- left untouched


def ordered(*given: Any, **options: Any) -> MinimalSignal:
    return minimal_signal(*given, at_least=0.9, **options)


def optimised(*given: Any, **options: Any) -> OptimisedMask:
    return optimise_mask(*given, steps=3, **options)


CALLS = (ordered, optimised)


@pytest.mark.usefixtures("as_a_user")  # the checker of annotations draws from the global generator
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("failure", [None, RuntimeError("broken"), KeyboardInterrupt()], ids=repr)
def test_the_callers_things_stay_as_they_were_however_a_call_ends(call: Any, failure: BaseException | None) -> None:
    model, signal = Fragile(), signal_of(13, 18).requires_grad_()
    importance = wam.decompose(signal.detach())
    before = state_of(model, signal)
    if failure is None:
        call(model, signal, importance)
    else:
        model.fail = failure
        with pytest.raises(type(failure)):
            call(model, signal, importance, batch_size=1)
    model.fail = None
    assert_untouched(before, state_of(model, signal))


@pytest.mark.parametrize("call", CALLS)
def test_an_interrupt_is_one_and_progress_may_stop(call: Any) -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    with pytest.raises(KeyboardInterrupt):
        call(interrupting(model, 9), signal, wam.decompose(signal), batch_size=1)
    told: list[tuple[int, int]] = []

    def progress(done: int, planned: int) -> bool:
        told.append((done, planned))
        return done < 10

    with pytest.raises(KeyboardInterrupt, match="`progress` returned False"):
        call(model, signal, wam.decompose(signal), batch_size=1, progress=progress)
    assert [done for done, _ in told] == list(range(1, 11))
    told.clear()
    call(model, signal, wam.decompose(signal), progress=lambda *each: told.append(each))
    assert told[-1][0] == told[-1][1]


def test_no_more_than_a_sub_batch_is_run_at_once() -> None:
    seen: list[int] = []
    network = SmallNet(2)

    def model(batch: Tensor) -> Tensor:
        seen.append(len(batch))
        return network(batch)  # type: ignore[no-any-return]

    for call in CALLS:
        call(model, signal_of(13, 18, items=5), wam.decompose(signal_of(13, 18, items=5)), batch_size=2)
        assert max(seen) == 2


def test_memory_that_runs_out_halves_the_sub_batch_and_what_is_done_again_is_planned_again() -> None:
    network, signal = SmallNet(2), signal_of(9, 14, items=4)
    memory = iter([True] * 7 + [False])  # runs out in the middle of a sub-batch
    sizes: list[int] = []

    def model(batch: Tensor) -> Tensor:
        if len(batch) > 1 and batch.requires_grad:
            sizes.append(len(batch))
            if not next(memory, False):
                raise torch.OutOfMemoryError
        return network(batch)  # type: ignore[no-any-return]

    importance = wam.decompose(signal)
    told: list[tuple[int, int]] = []
    expected = optimise_mask(network, signal, importance, steps=3, batch_size=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wam_widgets.evaluation.minimal.sub_batch_for", lambda *_: SubBatch(size=2))
        found = optimise_mask(model, signal, importance, steps=3, progress=lambda *each: told.append(each))
    assert_close(found.importance.flatten(), expected.importance.flatten())
    assert len(sizes) == 8
    assert all(done <= planned for done, planned in told)
    assert told[-1][0] == told[-1][1] > told[0][1]


# --------------------------------------------------------------------------------------------------------------- errors

IMAGE = torch.rand(1, 1, 8, 8)
THREE = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
BOTH = (minimal_signal, optimise_mask)


def broken_by_zero(signal: Tensor) -> Tensor:
    """A model that says nothing of signals that are zero somewhere."""
    return torch.where((signal == 0).flatten(1).any(1)[:, None], torch.nan, THREE(signal))


WRONG: list[tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
    (BOTH, {"model": 3}, TypeError, r"`model` must be callable"),
    (BOTH, {"importance": torch.rand(1, 3, 8)}, ValueError, r"must have the shape \(item, \*space\) of the signal"),
    (BOTH, {"importance": [1]}, TypeError, r"must be an Explanation, Coefficients or a map"),
    (BOTH, {"target": wam.Contrast(0, 1)}, TypeError, r"`target` must be a class.*only a class.*got Contrast"),
    (BOTH, {"target": 3}, ValueError, r"`target` must be a column of the model's output, 0 to 2; got \[3\]"),
    (BOTH, {"probability": "soft"}, ValueError, r"`probability` must be one of.*Did you mean 'softmax'"),
    (BOTH, {"batch_size": 0}, ValueError, r"`batch_size` must be 'auto' or at least 1"),
    (BOTH, {"model": lambda signal: signal.flatten(1).sum(1)}, ValueError, r"at least two columns; got one"),
    (BOTH, {"model": lambda signal: THREE(signal) / 0}, ValueError, r"finite scores; that of item 0 is -?inf"),
    (BOTH, {"model": broken_by_zero}, ValueError, r"that of item 0, or a part of it, is nan. L"),
    (
        BOTH,
        {"importance": None},
        TypeError,
        r"`importance` must be an Explanation, Coefficients or a map.*got NoneType",
    ),
    (BOTH, {"importance": np.array(["a"])}, TypeError, r"`importance` must be an Explanation.*got ndarray"),
    (BOTH, {"baseline": np.array(["a"])}, TypeError, r"`baseline` must be None, a number, a tensor.*got ndarray"),
    (BOTH, {"signal": None}, TypeError, r"`signal` must be a torch tensor.*got NoneType"),
    (
        BOTH[:1],
        {"at_least": 0},
        ValueError,
        r"`at_least` must be a fraction of the probability.*got 0\..*at_least=0\.5",
    ),
    (BOTH[:1], {"at_least": 1.5}, ValueError, r"`at_least` must be"),
    (BOTH[:1], {"steps": 1}, ValueError, r"`steps` must be a whole number of at least 2"),
    (BOTH[:1], {"order": "sign"}, ValueError, r"`order` must be one of"),
    (BOTH[1:], {"steps": 0}, ValueError, r"`steps` must be a whole number of at least 1"),
    (BOTH[1:], {"prices": ()}, ValueError, r"`prices` must be numbers that rise from above 0; got \(\)"),
    (BOTH[1:], {"prices": (10, 3)}, ValueError, r"`prices` must be numbers that rise"),
    (BOTH[1:], {"prices": (0, 3)}, ValueError, r"`prices` must be numbers that rise"),
    (BOTH[1:], {"prices": "10"}, ValueError, r"`prices` must be numbers that rise"),
    (BOTH[1:], {"model": lambda signal: THREE(signal.detach())}, ValueError, r"differentiable operations"),
]


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(("functions", "options", "error", "message"), WRONG)
def test_what_cannot_be_asked_is_refused(
    functions: tuple[Any, ...], options: dict[str, Any], error: type[Exception], message: str
) -> None:
    usual = {"model": THREE, "signal": IMAGE, "importance": IMAGE[:, 0]}
    for function in functions:
        with pytest.raises(error, match=message):
            function(**(usual | options))


def test_an_explanation_of_a_score_needs_a_class() -> None:
    explanation = wam.explain(THREE, IMAGE, wam.Contrast(0, 1), method="saliency", level=1)
    with pytest.raises(ValueError, match=r"Pass what is to be measured, e\.g\. `target=3`"):
        minimal_signal(THREE, IMAGE, explanation)
