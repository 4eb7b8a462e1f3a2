"""Insertion and deletion, beside hand-worked cases and loops over PyWavelets' coefficients."""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from typing import Any, Literal

import numpy as np
import pytest
import pywt
import scipy.fft
import scipy.special
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.testing import assert_close

import wam_widgets as wam
from tests.attribution.networks import SmallNet, linear, signal_of
from tests.attribution.test_untouched import Fragile, assert_untouched, state_of
from wam_widgets.attribution.passes import SubBatch
from wam_widgets.evaluation import Curve, FaithfulnessReport, frames, mu_fidelity, part_fidelity

Array = NDArray[np.float64]
Kind = Literal["insertion", "deletion"]
KINDS: tuple[Kind, Kind] = ("insertion", "deletion")
CURVES: dict[Kind, Callable[..., Curve]] = {"insertion": wam.insertion, "deletion": wam.deletion}
SIZES = ((37,), (9, 14), (7, 6, 9))


def row_by_row(network: nn.Module) -> Callable[[Tensor], Tensor]:
    """A model whose output for an item doesn't depend on how many others are run with it, to the last bit."""
    return lambda batch: torch.cat([network(row[None]) for row in batch])


# ---------------------------------------------------------------------------------------------------------- hand-worked

FOUR = torch.tensor([[[4.0, 3.0, 2.0, 1.0]]], dtype=torch.float64)
TENTHS = linear(torch.full((4,), 0.1, dtype=torch.float64))


def test_four_pixels_of_a_linear_model_in_the_order_of_their_size() -> None:
    options: Any = {"target": 0, "steps": 4, "quantity": "logit"}
    rising = wam.insertion(TENTHS, FOUR, FOUR[:, 0], **options)
    assert_allclose(rising.scores, [[0, 0.4, 0.7, 0.9, 1.0]])
    assert_allclose(rising.units, [0, 0.25, 0.5, 0.75, 1])
    assert_allclose(rising.energy, [[0, 16 / 30, 25 / 30, 29 / 30, 1]])
    assert_allclose(rising.area, [0.625])
    falling = wam.deletion(TENTHS, FOUR, FOUR[:, 0], **options)
    assert_allclose(falling.scores, [[1.0, 0.6, 0.3, 0.1, 0]], atol=1e-15)
    assert_allclose(falling.area, [0.375])


def test_four_pixels_of_a_linear_model_in_the_haar_wavelet() -> None:
    # Sums 7 and 3, differences 1 and 1, each over the root of 2; the model hears the sums only.
    curves = [
        curve(TENTHS, FOUR, wam.decompose(FOUR, "haar", level=1), target=0, steps=4, quantity="logit")
        for curve in CURVES.values()
    ]
    assert_allclose(curves[0].scores, [[0, 0.7, 1, 1, 1]])
    assert_allclose(curves[0].energy, [[0, 24.5 / 30, 29 / 30, 29.5 / 30, 1]])
    assert_allclose(curves[1].scores, [[1, 0.3, 0, 0, 0]], atol=1e-15)
    assert_allclose([curve.area[0] for curve in curves], [(0.7 + 1 + 1 + 0.5) / 4, (0.5 + 0.3) / 4])


def test_the_area_over_energy_has_its_steps_where_energy_lies() -> None:
    curve = wam.insertion(TENTHS, FOUR, FOUR[:, 0], target=0, steps=4, quantity="logit", axis="energy")
    widths, means = [16, 9, 4, 1], [0.2, 0.55, 0.8, 0.95]
    assert_allclose(curve.area, [sum(width * mean for width, mean in zip(widths, means, strict=True)) / 30])
    assert_allclose(curve.area, [np.trapezoid(curve.scores[0], curve.energy[0])])


def test_a_model_that_never_changes_its_mind_has_flat_curves() -> None:
    flat = lambda batch: torch.zeros(len(batch), 4)  # noqa: E731  # the same of everything
    for kind, published in itertools.product(KINDS, (False, True)):
        curve = CURVES[kind](flat, FOUR, FOUR[:, 0], target=1, protocol="wam-paper" if published else "wam")
        assert_array_equal(curve.scores, 0.25)
        assert_allclose(curve.area, [1.0 if published else 0.25])  # the published area hides how low it is


@pytest.mark.parametrize("kind", KINDS)
def test_one_unit_is_there_or_not(kind: Kind) -> None:
    seen: list[int] = []

    def model(batch: Tensor) -> Tensor:
        seen.append(len(batch))
        return batch.flatten(1)

    one = torch.full((1, 1, 1), 3.0)
    curve = CURVES[kind](model, one, one[:, 0], target=0, steps=64, quantity="logit")
    ends = [0.0, 3.0] if kind == "insertion" else [3.0, 0.0]
    assert set(curve.scores[0]) == {0.0, 3.0}
    assert_array_equal(curve.scores[0, [0, -1]], ends)
    assert_array_equal(curve.units, np.repeat([0.0, 1.0], [33, 32]))
    assert_allclose(curve.area, [1.5])
    assert sum(seen) == 2  # the ends, and nothing between


def test_all_units_at_once_are_a_straight_line_between_the_ends() -> None:
    curve = wam.insertion(TENTHS, FOUR, FOUR[:, 0], target=0, steps=1, quantity="logit")
    assert_allclose(curve.scores, [[0, 1]])
    assert_allclose(curve.area, [0.5])


def test_more_steps_than_units_cost_nothing_and_change_nothing() -> None:
    seen: list[int] = []

    def model(batch: Tensor) -> Tensor:
        seen.append(len(batch))
        return TENTHS(batch)  # type: ignore[no-any-return]

    few = wam.insertion(TENTHS, FOUR, FOUR[:, 0], target=0, steps=4, quantity="logit")
    many = wam.insertion(model, FOUR, FOUR[:, 0], target=0, steps=640, quantity="logit")
    assert many.scores.shape == (1, 641)
    assert_allclose(many.area, few.area)
    assert sum(seen) == 2 + 3


def test_a_signed_order_has_what_speaks_against_the_score_last() -> None:
    signed = torch.tensor([[-4.0, 3.0, 2.0, 1.0]])
    options: Any = {"target": 0, "steps": 4, "quantity": "logit", "domain": "pixel"}
    assert_allclose(wam.insertion(TENTHS, FOUR, signed, order="signed", **options).scores, [[0, 0.3, 0.5, 0.6, 1.0]])
    assert_allclose(wam.insertion(TENTHS, FOUR, signed, order="magnitude", **options).scores, [[0, 0.4, 0.7, 0.9, 1.0]])


def test_equal_units_come_in_a_random_order_of_the_seed_and_larger_ones_before_them() -> None:
    powers = (2.0 ** torch.arange(10, dtype=torch.float64)).reshape(1, 1, 10).expand(2, 1, 10)
    model = linear(torch.ones(10, dtype=torch.float64))
    importance = torch.zeros(2, 10)
    importance[:, 7] = 1

    def order(seed: int, item: int = 0) -> list[int]:
        scores = wam.insertion(model, powers, importance, target=0, steps=10, quantity="logit", seed=seed).scores
        return [round(place) for place in np.log2(np.diff(scores[item]))]

    orders = [order(seed) for seed in range(20)]
    assert all(each[0] == 7 and sorted(each) == list(range(10)) for each in orders)
    assert len(set(map(tuple, orders))) == 20  # not by their number: that would favour the first samples
    assert order(3) == orders[3] == order(3, item=1)


# ------------------------------------------------------------------------- every protocol, by a loop of its own


class Terms:
    """Coefficients by PyWavelets, all in one row; or the samples."""

    def __init__(self, wavelet: str | None, level: int, mode: str, size: tuple[int, ...]) -> None:
        self._wavelet, self._level, self._mode, self._size = wavelet, level, mode, size
        self._axes = tuple(range(1, 1 + len(size)))
        self._shapes: Any = None

    def analyse(self, signal: Array) -> Array:
        """Return what a signal, (channel, *space), consists of, (channel, unit)."""
        if self._wavelet is None:
            return signal.reshape(len(signal), -1)
        rows = []
        for channel in signal:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # that the border is everywhere
                found = pywt.wavedecn(channel, self._wavelet, self._mode, self._level)
            row, slices, shapes = pywt.ravel_coeffs(found)
            self._shapes = slices, shapes
            rows.append(row)
        return np.stack(rows)

    def synthesise(self, rows: Array) -> Array:
        if self._wavelet is None:
            return rows.reshape(len(rows), *self._size)
        made = []
        for row in rows:
            parts = pywt.unravel_coeffs(row, *self._shapes, output_format="wavedecn")
            made.append(pywt.waverecn(parts, self._wavelet, self._mode)[tuple(map(slice, self._size))])
        return np.stack(made)


def blurred(signal: Array) -> Array:
    """A Gaussian of a twentieth of every axis, by the cosine transform: that of the signal beside its mirror image."""
    for axis in range(1, signal.ndim):
        shape = [-1 if each == axis else 1 for each in range(signal.ndim)]
        fade = np.exp(-0.5 * (np.pi * np.arange(signal.shape[axis]) / 20) ** 2).reshape(shape)
        signal = scipy.fft.idct(fade * scipy.fft.dct(signal, axis=axis), axis=axis)
    return signal


#: The rules as published: steps, spacing, baseline of insertion, what is measured, how it becomes a number, stretched.
RULES: dict[str, tuple[int, int, str, str, str, bool]] = {
    "wam": (64, 1, "zero", "probability", "trapezoid", False),
    "wam-paper": (64, 1, "zero", "probability", "published", True),
    "rise": (224, 1, "blur", "probability", "trapezoid", False),
    "xplique": (10, 1, "zero", "logit", "trapezoid", False),
    "torch-cam": (20, 1, "zero", "logit", "trapezoid", False),
    "contrast": (16, 2, "zero", "contrast", "trapezoid", False),
}


def by_hand(
    name: str, network: nn.Module, signal: Array, terms: Terms, importance: Array, columns: tuple[int, int]
) -> dict[Kind, tuple[list[float], float]]:
    """Return scores and area of one item: one perturbed copy after the other, the most important units first."""
    steps, spacing, baseline, quantity, rule, stretched = RULES[name]
    order = sorted(range(len(importance)), key=lambda unit: -importance[unit])
    counts = [round(Fraction(step, steps) ** spacing * len(order)) for step in range(steps + 1)]

    def measure(inputs: Array) -> float:
        with torch.no_grad():
            output = network(torch.from_numpy(inputs.copy())[None])[0].numpy()
        if quantity == "logit":
            return float(output[columns[0]])
        found = scipy.special.softmax(output)
        share = found[columns[0]] / (found[columns[0]] + found[columns[1]])
        return float(share if quantity == "contrast" else found[columns[0]])

    def stretch(inputs: Array) -> Array:
        if not stretched:
            return inputs
        unit: Array = (inputs - inputs.min()) / (inputs.max() - inputs.min())
        return np.asarray(unit * np.ptp(signal) + signal.min())

    results: dict[Kind, tuple[list[float], float]] = {}
    for kind in KINDS:
        away = blurred(signal) if (kind, baseline) == ("insertion", "blur") else np.zeros_like(signal)
        whole = terms.analyse(signal - away)
        scores = []
        for count in counts:
            there = np.zeros(len(order), bool)
            there[order[:count] if kind == "insertion" else order[count:]] = True
            if there.all() or not there.any():
                scores.append(measure(signal if there.all() else away))
            else:
                scores.append(measure(stretch(away + terms.synthesise(np.where(there, whole, 0)))))
        if rule == "published":
            area = sum(scores) / (max(scores) * len(scores))
        else:
            places = [count / len(order) for count in counts]
            pairs = zip(itertools.pairwise(scores), itertools.pairwise(places), strict=True)
            area = sum((left + right) / 2 * (end - start) for (left, right), (start, end) in pairs)
        results[kind] = (scores, area)
    return results


#: No reflection with symmetric filters: it makes equal coefficients, of which rounding would choose the first.
CASES = [((37,), "db2", 2, "reflect"), ((9, 14), "haar", 2, "reflect"), ((7, 6, 9), "db2", 1, "zero")]


def check_by_hand(
    name: str, network: nn.Module, signal: Tensor, given: Any, terms: Terms, importance: Array, columns: list[int]
) -> None:
    target: Any = torch.tensor([[columns[0], columns[1]]] * len(signal)) if name == "contrast" else columns[0]
    found = {kind: CURVES[kind](network, signal, given, target=target, protocol=name) for kind in KINDS}
    for item, row in enumerate(signal.numpy()):
        expected = by_hand(name, network, row, terms, importance[item], (columns[0], columns[1]))
        for kind in KINDS:
            scores, area = expected[kind]
            assert_allclose(found[kind].scores[item], scores, atol=1e-9, rtol=0)
            assert_allclose(found[kind].area[item], area, atol=1e-9, rtol=0)


@pytest.mark.parametrize(("size", "wavelet", "level", "mode"), CASES)
@pytest.mark.parametrize("name", ["wam", "wam-paper", "contrast"])
def test_a_protocol_of_coefficients_is_its_rule(
    name: str, size: tuple[int, ...], wavelet: str, level: int, mode: str
) -> None:
    signal, other = signal_of(*size), signal_of(*size[::-1]).reshape(2, 2, *size)
    terms = Terms(wavelet, level, mode, size)
    rows = np.stack([terms.analyse(item) for item in other.numpy()])
    importance = rows.sum(1) if name == "contrast" else np.abs(rows).sum(1)
    given = wam.decompose(other, wavelet, level=level, mode=mode)
    check_by_hand(name, SmallNet(len(size)), signal, given, terms, importance, [2, 0])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["rise", "xplique", "torch-cam", "wam", "wam-paper", "contrast"])
def test_a_protocol_of_samples_is_its_rule(name: str, size: tuple[int, ...]) -> None:
    signal = signal_of(*size)
    given = torch.randn(2, *size, dtype=torch.float64)
    importance = given.flatten(1).numpy()
    if name in {"wam", "wam-paper"}:
        importance = np.abs(importance)
    terms = Terms(None, 0, "reflect", size)
    check_by_hand(name, SmallNet(len(size)), signal, given, terms, importance, [1, 2])


@pytest.mark.parametrize("order", ["magnitude", "signed"])
def test_an_explanation_is_ranked_by_its_gradient_or_signed_by_its_contribution(order: Any) -> None:
    network, signal, size = SmallNet(2), signal_of(8, 16), (8, 16)
    watched = signal.clone().requires_grad_()
    gradient = torch.autograd.grad(network(watched)[:, 1].sum(), watched)[0].numpy()
    terms = Terms("db2", 2, "zero", size)
    explanation = wam.explain(network, signal, 1, method="saliency", wavelet="db2", level=2, mode="zero")
    # Of an orthogonal wavelet the adjoint is the analysis of the gradient beside zeros.
    importance = np.stack([terms.analyse(each) for each in gradient])
    if order == "signed":
        importance *= np.stack([terms.analyse(each) for each in signal.numpy()])
    ranked = importance.sum(1) if order == "signed" else np.abs(importance).sum(1)
    curve = wam.insertion(network, signal, explanation, order=order)
    for item in range(2):
        expected, _ = by_hand("wam", network, signal[item].numpy(), terms, ranked[item], (1, 0))["insertion"]
        assert_allclose(curve.scores[item], expected, atol=1e-9, rtol=0)


def test_in_pixels_an_explanation_is_ranked_by_its_heat_map() -> None:
    network, signal = SmallNet(2), signal_of(9, 14)
    explanation = wam.explain(network, signal, 1, method="saliency", wavelet="haar", level=2)
    by_map = wam.deletion(network, signal, explanation.heatmap(), target=1, protocol="rise")
    assert_array_equal(wam.deletion(network, signal, explanation, protocol="rise").scores, by_map.scores)


def test_in_pixels_coefficients_are_ranked_by_magnitudes_spread_over_their_cells() -> None:
    network, signal = SmallNet(2), signal_of(8, 12)
    chosen = wam.decompose(signal.flip(3), "haar", level=2)
    heat = np.zeros((2, 8, 12))
    for scale, _, band in chosen.bands():
        cell = 2 if scale == "detail 1" else 4
        heat += np.kron(band.abs().sum(1).numpy(), np.ones((1, cell, cell))) / cell**2
    # The pixels of a cell are equal but for rounding, which must not decide: they go together.
    cells = torch.arange(24).reshape(4, 6).repeat_interleave(2, 0).repeat_interleave(2, 1)
    options: Any = {"target": 1, "protocol": "rise", "unit": "superpixel", "segments": cells}
    by_map = wam.deletion(network, signal, torch.from_numpy(heat), **options)
    assert_array_equal(wam.deletion(network, signal, chosen, **options).scores, by_map.scores)


# --------------------------------------------------------------------------------------------------------- ends, frames

BASELINES: dict[str, Any] = {
    "zero": None,
    "number": 0.5,
    "signal": torch.linspace(-1, 1, 2, dtype=torch.float64),
    "mean": "mean",
    "blur": "blur",
    "noise": "noise",
    "band_mean": "band_mean",
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("wavelet", [None, "haar", "db2", "bior2.2"])
@pytest.mark.parametrize("name", BASELINES)
def test_the_ends_are_the_signal_and_the_baseline_to_the_last_bit(
    name: str, wavelet: str | None, size: tuple[int, ...]
) -> None:
    signal, baseline = signal_of(*size), BASELINES[name]
    if name == "signal":
        baseline = baseline.reshape(-1, *[1] * len(size)).expand(signal.shape[1:])
    model = row_by_row(SmallNet(len(size)))
    given = wam.decompose(signal.flip(0), wavelet, level=1)
    for kind in KINDS:
        options: Any = {"baseline": baseline, "steps": 3}
        curve = CURVES[kind](model, signal, given, target=2, **options)
        for item in range(2):
            seen = frames(signal, given, kind, item=item, **options)
            ends = seen[[0, -1]] if kind == "insertion" else seen[[-1, 0]]
            assert torch.equal(ends[1], signal[item])
            scores = model(torch.stack([ends[0], signal[item]])).softmax(1)[:, 2].detach().numpy()
            assert_array_equal(curve.scores[item, [0, -1]], scores if kind == "insertion" else scores[::-1])
            check_baseline(name, ends[0].numpy(), signal[item].numpy(), wavelet)
        assert_array_equal(curve.energy[:, [0, -1]], [[0, 1], [0, 1]])


def check_baseline(name: str, found: Array, signal: Array, wavelet: str | None) -> None:
    axes = tuple(range(1, signal.ndim))
    mean = signal.mean(axes, keepdims=True)
    if name == "noise":  # as much of it, in every channel, as there is of the signal
        assert not np.allclose(found, signal)
        assert (np.abs(found - mean) <= 5 * signal.std(axes, keepdims=True)).all()
        assert 0.6 < found.std() / signal.std() < 1.5
        return
    expected = {
        "zero": np.zeros_like(signal),
        "number": np.full_like(signal, 0.5),
        "signal": np.broadcast_to(np.array([-1.0, 1.0]).reshape(-1, *[1] * len(axes)), signal.shape),
        "mean": np.broadcast_to(mean, signal.shape),
        "blur": blurred(signal),
        "band_mean": np.broadcast_to(mean, signal.shape),
    }[name]
    if name == "band_mean" and wavelet is not None:
        rows = []
        for channel in signal:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                parts = pywt.wavedecn(channel, wavelet, "reflect", 1)
            flat = [
                np.full_like(parts[0], parts[0].mean()),
                {k: np.full_like(v, v.mean()) for k, v in parts[1].items()},
            ]
            rows.append(pywt.waverecn(flat, wavelet)[tuple(map(slice, signal.shape[1:]))])
        expected = np.stack(rows)
    assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize("protocol", ["wam", "wam-paper", "rise", "xplique", "torch-cam", "contrast"])
@pytest.mark.parametrize("kind", KINDS)
def test_frames_are_what_the_model_saw(kind: Kind, protocol: str) -> None:
    seen: list[Tensor] = []
    network = SmallNet(2)

    def model(batch: Tensor) -> Tensor:
        seen.extend(batch)
        return network(batch)  # type: ignore[no-any-return]

    signal = signal_of(3, 5, items=3)
    given = wam.decompose(signal.flip(0), "haar", level=1)
    target: Any = wam.Contrast(1, 0) if protocol == "contrast" else 1
    curve = CURVES[kind](model, signal, given, target=target, protocol=protocol)
    run = torch.stack(seen)
    for item in range(3):
        shown = frames(signal, given, kind, protocol=protocol, item=item)
        assert shown.shape == (curve.scores.shape[1], 2, 3, 5)
        assert all((run == frame).flatten(1).all(1).any() for frame in shown)
        output = network(shown)
        if curve.protocol.quantity == "contrast":
            expected = (output[:, 1] - output[:, 0]).sigmoid()
        else:
            expected = output[:, 1] if curve.protocol.quantity == "logit" else output.softmax(1)[:, 1]
        assert_allclose(curve.scores[item], expected.detach().numpy(), atol=1e-12)


def test_frames_need_no_target() -> None:
    signal = signal_of(8, 8)
    about = wam.explain(SmallNet(2), signal, wam.Contrast(1, 0), method="saliency", level=1)
    assert frames(signal, about, "insertion", steps=4).shape == (5, 2, 8, 8)
    assert frames(signal, about, "deletion", protocol="contrast").shape == (17, 2, 8, 8)


# ------------------------------------------------------------------------------------------------ bands and superpixels


def test_a_band_goes_with_all_its_coefficients() -> None:
    signal, network, size = signal_of(9, 14), SmallNet(2), (9, 14)
    terms = Terms("haar", 1, "reflect", size)
    given = wam.decompose(signal.flip(3), "haar", level=1)
    curve = wam.insertion(network, signal, given, target=1, unit="band", steps=4)
    assert curve.protocol.name == "wam, steps=4, unit=band"
    for item in range(2):
        whole = terms.analyse(signal[item].numpy())
        band = np.repeat(range(4), whole.shape[1] // 4)  # one level: four bands of the same size
        size_of = np.bincount(band, np.abs(terms.analyse(signal.flip(3)[item].numpy())).sum(0))
        order = sorted(range(4), key=lambda each: -size_of[each])
        shown = [terms.synthesise(np.where(np.isin(band, order[:count]), whole, 0)) for count in range(5)]
        output = network(torch.from_numpy(np.stack(shown))).softmax(1)[:, 1].detach().numpy()
        assert_allclose(curve.scores[item], output, atol=1e-9)
        energy = [np.square(each).sum() for each in shown]
        assert_allclose(curve.energy[item], np.array(energy) / energy[-1], atol=1e-9)


@pytest.mark.parametrize("shared", [False, True])
def test_a_superpixel_goes_with_all_its_samples(shared: bool) -> None:
    signal, network = signal_of(6, 8), SmallNet(2)
    segments = torch.arange(48).reshape(6, 8) % 8 // 2  # four vertical strips
    mine = segments if shared else torch.stack([segments, segments.T.reshape(6, 8)])
    heat = torch.rand(2, 6, 8, dtype=torch.float64)
    curve = wam.deletion(network, signal, heat, target=1, unit="superpixel", segments=mine, steps=4, baseline=0.25)
    for item in range(2):
        labels = segments.numpy() if shared or item == 0 else segments.T.reshape(6, 8).numpy()
        weight = [heat[item].numpy()[labels == each].sum() for each in range(4)]
        order = sorted(range(4), key=lambda each: -weight[each])
        shown = [np.where(np.isin(labels, order[:count]), 0.25, signal[item].numpy()) for count in range(5)]
        output = network(torch.from_numpy(np.stack(shown))).softmax(1)[:, 1].detach().numpy()
        assert_allclose(curve.scores[item], output, atol=1e-9)
        left = np.array([np.square(each - 0.25).sum() for each in shown])
        assert_allclose(curve.energy[item], 1 - left / left[0], atol=1e-9)


def test_superpixels_of_any_numbers_can_be_renumbered_as_the_error_says() -> None:
    signal, network = signal_of(6, 8), SmallNet(2)
    strips = torch.arange(48).reshape(6, 8) % 8 // 2
    options: Any = {"target": 1, "unit": "superpixel", "steps": 4}
    with pytest.raises(ValueError, match=r"without gaps.*has 4 of 20000001. Renumber each item's with `torch.unique"):
        wam.insertion(refuse, signal, signal.mean(1), segments=strips * 20_000_000 // 3, **options)
    renumbered = torch.unique(strips * 10 + 1, return_inverse=True)[1]
    found = wam.insertion(network, signal, signal.mean(1), segments=renumbered, **options)
    expected = wam.insertion(network, signal, signal.mean(1), segments=strips, **options)
    assert_array_equal(found.scores, expected.scores)
    assert_array_equal(found.energy, expected.energy)


def test_an_explanation_in_a_wavelet_can_be_taken_apart_by_superpixels() -> None:
    signal, network = signal_of(8, 8), SmallNet(2)
    explanation = wam.explain(network, signal, 1, method="saliency", level=2)
    options: Any = {"unit": "superpixel", "segments": torch.arange(64).reshape(8, 8) // 8}
    by_map = wam.insertion(network, signal, explanation.heatmap(), target=1, **options)
    assert_array_equal(wam.insertion(network, signal, explanation, **options).scores, by_map.scores)


@pytest.mark.parametrize("wavelet", ["db2", "bior2.2"])
@pytest.mark.parametrize("size", SIZES)
def test_energy_is_that_of_the_signals_and_not_of_padded_coefficients(wavelet: str, size: tuple[int, ...]) -> None:
    signal = signal_of(*size)
    given = wam.decompose(signal, wavelet, level=1)
    for kind in KINDS:
        curve = CURVES[kind](SmallNet(len(size)), signal, given, target=0, steps=5, baseline="mean")
        for item in range(2):
            shown = frames(signal, given, kind, item=item, steps=5, baseline="mean").numpy()
            mean = signal[item].numpy().mean(tuple(range(1, 1 + len(size))), keepdims=True)
            left = np.square(shown - mean).reshape(6, -1).sum(1)
            expected = left / left[-1] if kind == "insertion" else 1 - left / left[0]
            assert_allclose(curve.energy[item], expected, atol=1e-12)


def test_energy_of_large_numbers_stays_finite() -> None:
    curve = wam.insertion(lambda batch: 1e-30 * batch.flatten(1), 1e25 * FOUR.float(), FOUR[:, 0], target=0, steps=4)
    assert_allclose(curve.energy, [[0, 16 / 30, 25 / 30, 29 / 30, 1]], rtol=1e-6)


# ----------------------------------------------------------------------------------------------------------- properties


@given(
    weights=st.lists(st.integers(0, 9), min_size=2, max_size=7),
    order=st.randoms(use_true_random=False),
    steps=st.integers(1, 9),
)
def test_of_a_rising_model_no_order_beats_that_of_its_contributions(weights: list[int], order: Any, steps: int) -> None:
    units = len(weights)
    signal = torch.ones(1, 1, units, dtype=torch.float64)
    model = linear(torch.tensor(weights, dtype=torch.float64))
    other = torch.tensor([order.sample(range(units), units)])
    options: Any = {"target": lambda output: output[:, 0].tanh(), "steps": steps}
    best = torch.tensor([weights])
    rising = [wam.insertion(model, signal, each, **options).scores for each in (best, other)]
    falling = [wam.deletion(model, signal, each, **options).scores for each in (best, other)]
    assert (rising[0] >= rising[1] - 1e-12).all()
    assert (falling[0] <= falling[1] + 1e-12).all()


@given(
    order=st.permutations(range(9)),
    baseline=st.sampled_from([None, 0.5, "mean", "blur", "noise"]),
    wavelet=st.sampled_from([None, "haar"]),
)
@settings(max_examples=30)
def test_insertion_in_the_reverse_order_is_deletion_backwards(
    order: list[int], baseline: Any, wavelet: str | None
) -> None:
    signal = signal_of(9)
    template = wam.decompose(signal[:, :1], wavelet, level=1)
    units = template.flatten().shape[2]
    places = torch.tensor([[[*order, *range(9, units)]]] * 2, dtype=torch.float64)
    options: Any = {"target": 0, "steps": units, "baseline": baseline, "order": "signed"}
    network = SmallNet(1)
    forth = wam.insertion(network, signal, template.unflatten(places), **options)
    back = wam.deletion(network, signal, template.unflatten(-places), **options)
    assert_allclose(forth.scores, back.scores[:, ::-1], atol=1e-12)


@pytest.mark.parametrize("protocol", ["wam", "wam-paper", "rise"])
@pytest.mark.parametrize("size", SIZES)
def test_the_result_does_not_depend_on_the_sub_batch(protocol: str, size: tuple[int, ...]) -> None:
    network, signal = SmallNet(len(size)), signal_of(*size)
    given = wam.decompose(signal.flip(0), "haar", level=1)
    options: Any = {"target": 1, "protocol": protocol, "steps": 9}
    exact = wam.insertion(row_by_row(network), signal, given, **options).scores
    for batch_size in (1, 2, 7, 1000, "auto"):
        assert_allclose(
            wam.insertion(network, signal, given, batch_size=batch_size, **options).scores, exact, atol=1e-12
        )


@pytest.mark.parametrize("baseline", [None, "noise", "blur", "band_mean"])
@pytest.mark.parametrize("protocol", ["wam", "wam-paper", "rise"])
def test_an_item_s_curve_does_not_depend_on_its_neighbours(protocol: str, baseline: Any) -> None:
    model, signal = row_by_row(SmallNet(2)), signal_of(9, 14, items=3)
    signal[0] *= 100
    given = wam.decompose(signal.flip(2), "haar", level=1)
    options: Any = {"target": 1, "protocol": protocol, "baseline": baseline, "steps": 6}
    for curve in CURVES.values():
        together = curve(model, signal, given, **options)
        alone = curve(model, signal[2:], given.map(lambda band: band[2:]), **options)
        assert_array_equal(alone.scores[0], together.scores[2])
        assert_array_equal(alone.energy[0], together.energy[2])


def test_a_position_goes_with_all_its_channels() -> None:
    signal = signal_of(6, channels=3)
    shown = frames(signal, torch.arange(6.0).expand(2, 6), "deletion", steps=6)
    for count, frame in enumerate(shown):
        assert torch.equal(frame == 0, (torch.arange(6) >= 6 - count).expand(3, 6))


# -------------------------------------------------------------------------------------------------------- what is asked


def test_without_a_target_it_is_the_predicted_class_or_what_an_explanation_explains() -> None:
    network, signal = SmallNet(2), signal_of(8, 8, items=5)
    predicted = network(signal).argmax(1)
    heat = torch.rand(5, 8, 8)
    named = wam.insertion(network, signal, heat, target=predicted, steps=3)
    assert_array_equal(wam.insertion(network, signal, heat, steps=3).scores, named.scores)
    other = (predicted + torch.arange(5)) % 3
    explanation = wam.explain(network, signal, other, method="saliency", level=1)
    named = wam.insertion(network, signal, explanation, target=other, steps=3)
    assert_array_equal(wam.insertion(network, signal, explanation, steps=3).scores, named.scores)


@pytest.mark.parametrize(("probability", "maker"), [("sigmoid", scipy.special.expit), ("none", lambda x: x)])
def test_probabilities_are_made_as_the_model_needs(probability: Any, maker: Callable[[Array], Array]) -> None:
    network, signal, heat = SmallNet(2), signal_of(8, 8), torch.rand(2, 8, 8)
    raw = wam.insertion(network, signal, heat, target=2, steps=3, quantity="logit").scores
    assert_allclose(wam.insertion(network, signal, heat, target=2, steps=3, probability=probability).scores, maker(raw))


def test_what_makes_probabilities_stands_in_the_name_where_they_are_measured() -> None:
    network, signal, heat = SmallNet(2), signal_of(8, 8), torch.rand(2, 8, 8)

    def named(**options: Any) -> str:
        return wam.insertion(network, signal, heat, target=0, steps=3, **options).protocol.name

    assert named() == named(probability="softmax") == "wam, steps=3"
    assert named(probability="sigmoid", order="signed") == "wam, steps=3, order=signed, probability=sigmoid"
    assert named(probability="none", quantity="logit") == "wam, steps=3, quantity=logit"
    again = wam.insertion(network, signal, heat, target=0, probability="sigmoid").protocol
    assert named(protocol=again, probability="sigmoid") == named(protocol=again, probability="none").replace(
        "none", "sigmoid"
    )
    assert named(protocol=again) == "wam, steps=3"
    reports = [
        wam.evaluate(network, signal, {"map": heat}, target=0, steps=3, probability=each)
        for each in ("softmax", "sigmoid")
    ]
    with pytest.raises(ValueError, match="`reports` must be of the same methods, in the same terms, and of one pro"):
        FaithfulnessReport.joined(reports)


def test_one_column_needs_another_probability_than_softmax() -> None:
    runs: list[int] = []

    def model(batch: Tensor) -> Any:
        runs.append(len(batch))
        return TENTHS(batch)

    with pytest.raises(ValueError, match=r"softmax of one column is always 1; .* has one. Pass `probability='sigmoid'"):
        wam.insertion(model, FOUR, FOUR[:, 0], target=0, steps=4, batch_size=1)
    assert runs == [1]
    found = wam.insertion(model, FOUR, FOUR[:, 0], target=0, steps=4, probability="sigmoid").scores
    assert_allclose(found, scipy.special.expit([[0, 0.4, 0.7, 0.9, 1.0]]))


def test_the_published_area_is_of_no_scores_below_zero() -> None:
    def model(batch: Tensor) -> Tensor:
        return batch.sum((1, 2))[:, None] - 5

    words = r"no score may be below 0; that of item 0 at step 0 of insertion is -5. Measure a probability, or pass a p"
    options: Any = {"protocol": "wam-paper", "steps": 4}
    for asked in ({"target": 0, "probability": "none"}, {"target": lambda output: output[:, 0]}):
        with pytest.raises(ValueError, match=words):
            wam.evaluate(model, FOUR, {"map": FOUR[:, 0]}, **asked, **options)
    found = wam.insertion(model, FOUR, FOUR[:, 0], target=lambda output: output[:, 0] + 5, **options)
    assert (found.scores >= 0).all()


@pytest.mark.parametrize("factor", [1e-50, 1e50])
def test_a_map_is_ranked_in_its_own_precision(factor: float) -> None:
    network, signal = SmallNet(2), signal_of(8, 8)
    heat = torch.rand(2, 8, 8, dtype=torch.float64)
    single = lambda batch: network(batch.double())  # noqa: E731
    curves = [wam.insertion(single, signal.float(), each, target=0, steps=5) for each in (factor * heat, heat)]
    assert_array_equal(curves[0].scores, curves[1].scores)


def test_of_a_callable_its_own_value_is_measured() -> None:
    network, signal, heat = SmallNet(2), signal_of(8, 8), torch.rand(2, 8, 8)
    columns = [
        wam.insertion(network, signal, heat, target=column, steps=3, quantity="logit").scores for column in (0, 2)
    ]
    own = wam.insertion(network, signal, heat, target=wam.Contrast(2, 0), steps=3)
    assert_allclose(own.scores, columns[1] - columns[0], atol=1e-12)
    squared = wam.insertion(network, signal, heat, target=lambda output: output[:, 0].square(), steps=3)
    assert_allclose(squared.scores, columns[0] ** 2, atol=1e-12)


def test_a_contrast_takes_its_columns_from_the_target_or_from_the_explanation() -> None:
    network, signal = SmallNet(2), signal_of(8, 8)
    explanation = wam.explain(network, signal, wam.Contrast(2, 0), method="saliency", level=1)
    options: Any = {"protocol": "contrast", "steps": 4}
    curves = [
        wam.insertion(network, signal, explanation, target=target, **options).scores
        for target in (None, wam.Contrast(2, 0), [[2, 0], [2, 0]], torch.tensor([[2, 0]] * 2))
    ]
    for each in curves[1:]:
        assert_array_equal(each, curves[0])
    mixed = wam.insertion(network, signal, explanation, target=[[2, 0], [0, 2]], **options).scores
    assert_allclose(mixed[1], 1 - curves[0][1])  # the other way round


@pytest.mark.parametrize("other", [2, wam.Contrast(1, 0), wam.Contrast(0, 2)])
def test_explanations_of_a_contrast_and_of_something_else_do_not_say_what_to_measure(other: Any) -> None:
    network, signal = SmallNet(2), signal_of(8, 8)
    given = {str(each): wam.explain(network, signal, each, method="saliency") for each in (wam.Contrast(0, 1), other)}
    words = r"must be of one contrast; theirs differ, or are of a class. Pass what is .*`target=Contrast\(1, 0\)`"
    with pytest.raises(ValueError, match=words):
        wam.evaluate(refuse, signal, given, protocol="contrast")
    told = wam.evaluate(network, signal, given, protocol="contrast", target=wam.Contrast(0, 1), steps=2)
    alone = {name: given[name] for name in list(given)[:1]}
    own = wam.evaluate(network, signal, alone, protocol="contrast", steps=2)
    assert_array_equal(told.values(told.methods[0]), own.values(own.methods[0]))


def test_an_override_stands_in_the_curve_s_name_and_none_is_no_override() -> None:
    twice = lambda batch: TENTHS(batch).expand(-1, 2)  # noqa: E731
    curve = wam.insertion(twice, FOUR, FOUR[:, 0], steps=None, baseline=0, domain="pixel", order="signed")
    assert curve.protocol.name == "wam, domain=pixel, order=signed"
    turned = wam.insertion(twice, FOUR, FOUR[:, 0], order="signed", baseline=0.0, domain="pixel")
    assert turned.protocol.name == curve.protocol.name
    rise = wam.insertion(twice, FOUR, FOUR[:, 0], protocol=curve.protocol, baseline=torch.ones(4))
    assert re.fullmatch(r"wam, domain=pixel, order=signed, baseline=given [0-9a-f]{8}", rise.protocol.name)
    assert repr(curve).startswith("Curve(insertion of 1 item(s), mean area 0.5; wam, domain=pixel, order=signed: ")


@pytest.mark.usefixtures("as_a_user")
def test_arrays_will_do_for_maps_and_baselines() -> None:
    heat: Any = FOUR[:, 0].numpy()
    one: Any = {"target": 0, "steps": 4, "quantity": "logit"}
    assert_allclose(
        wam.insertion(TENTHS, FOUR, heat, baseline=np.ones(4), **one).scores,
        wam.insertion(TENTHS, FOUR, FOUR[:, 0], baseline=1.0, **one).scores,
    )
    number: Any = np.float32(0.5)
    half = wam.insertion(TENTHS, FOUR, FOUR[:, 0], baseline=number, **one)
    assert_allclose(half.scores, [[0.2, 0.55, 0.8, 0.95, 1.0]])  # 4, 3, 2, 1 of which some are 0.5
    assert half.protocol.name == "wam, steps=4, quantity=logit, baseline=0.5"


# ------------------------------------------------------------------------------------------------------- left untouched


@pytest.mark.usefixtures("as_a_user")  # the checker of annotations draws from the global generator
@pytest.mark.parametrize("end", ["whole", "stopped", "failed"])
def test_a_call_leaves_everything_as_it_was(end: str) -> None:
    model, signal = Fragile(), signal_of(13, 18).requires_grad_()
    heat = torch.rand(2, 13, 18, requires_grad=True)
    model.fail = ZeroDivisionError("mine") if end == "failed" else None
    before = state_of(model, signal)
    options: Any = {"steps": 40, "batch_size": 4, "baseline": "noise"}
    if end == "whole":
        wam.insertion(model, signal, heat, **options)
    elif end == "failed":
        with pytest.raises(ZeroDivisionError, match="mine"):
            wam.insertion(model, signal, heat, **options)
    else:
        with pytest.raises(KeyboardInterrupt, match="`progress` returned False"):
            wam.insertion(model, signal, heat, progress=lambda done, planned: done < 20, **options)
    assert_untouched(before, state_of(model, signal))
    assert heat.grad is None


def test_a_model_that_changes_its_input_changes_nothing_of_ours() -> None:
    network, signal = SmallNet(2), signal_of(8, 8)
    kept = signal.clone()
    given = wam.decompose(signal.flip(0), "haar", level=1)

    def careless(batch: Tensor) -> Tensor:
        return network(batch.mul_(0.5))  # type: ignore[no-any-return]

    for kind in KINDS:
        found = CURVES[kind](careless, signal, given, steps=7)
        expected = CURVES[kind](lambda batch: network(0.5 * batch), signal, given, steps=7)
        assert_array_equal(found.scores, expected.scores)
        assert_array_equal(found.energy, expected.energy)
    assert torch.equal(signal, kept)


def test_a_model_that_has_changed_its_input_when_memory_runs_out_is_given_it_anew() -> None:
    network, signal = SmallNet(2), signal_of(8, 8)
    heat = {"it": signal.sum(1)}

    def careless(batch: Tensor) -> Tensor:
        batch.mul_(0.5)
        if len(batch) > 3:
            raise torch.OutOfMemoryError("too many")
        return network(batch)  # type: ignore[no-any-return]

    def measures(model: Any) -> Array:
        curves = wam.evaluate(model, signal, heat, target=0, steps=9).scores
        fidelity = mu_fidelity(model, signal, heat, target=0, subsets=9)["it"]
        drop = part_fidelity(model, signal, {str(n): signal / n for n in range(1, 9)}, target=0)["8"].drop
        return np.concatenate([*(each.ravel() for each in curves.values()), fidelity, drop])

    expected = measures(lambda batch: network(0.5 * batch))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wam_widgets.evaluation.tracing.sub_batch_for", lambda *_, **__: SubBatch(size=8))
        assert_allclose(measures(careless), expected, atol=1e-12)


def test_progress_counts_to_what_was_planned() -> None:
    told: list[tuple[int, int]] = []
    seen: list[int] = []

    def model(batch: Tensor) -> Tensor:
        seen.append(len(batch))
        return batch.flatten(1)

    def progress(done: int, planned: int) -> None:
        told.append((done, planned))

    wam.insertion(model, signal_of(9, 5), torch.rand(2, 9, 5), target=0, steps=8, batch_size=3, progress=progress)
    assert {planned for _, planned in told} == {2 * (2 + 7)}
    assert told[-1][0] == told[-1][1] == sum(seen)
    assert max(seen) <= 3


def test_memory_that_runs_out_halves_the_sub_batch() -> None:
    network, signal = SmallNet(2), signal_of(8, 8)
    fits = 3

    def model(batch: Tensor) -> Tensor:
        if len(batch) > fits:
            raise torch.OutOfMemoryError("too many")
        return network(batch)  # type: ignore[no-any-return]

    heat = torch.rand(2, 8, 8)
    found = wam.insertion(model, signal, heat, target=0).scores
    assert_allclose(found, wam.insertion(network, signal, heat, target=0).scores, atol=1e-12)
    with pytest.raises(MemoryError, match=r"4 pass\(es\) at once must fit into memory.*Pass `batch_size=2` or 'auto'"):
        wam.insertion(model, signal, heat, target=0, batch_size=4)


def test_memory_may_run_out_while_the_class_is_predicted() -> None:
    network, signal, heat = SmallNet(2), signal_of(8, 8, items=5), torch.rand(5, 8, 8)
    seen: list[int] = []

    def model(batch: Tensor) -> Tensor:
        seen.append(len(batch))
        if len(batch) > 1:
            raise torch.OutOfMemoryError("too many")
        return network(batch)  # type: ignore[no-any-return]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wam_widgets.evaluation.tracing.sub_batch_for", lambda *_, **__: SubBatch(size=4))
        found = wam.insertion(model, signal, heat, steps=3).scores
    assert seen[:8] == [4, 2, 1, 1, 1, 1, 1, 1]
    named = wam.insertion(network, signal, heat, target=network(signal).argmax(1), steps=3).scores
    assert_allclose(found, named, atol=1e-12)
    with pytest.raises(MemoryError, match=r"5 pass\(es\) at once must fit into memory.*Pass `batch_size=2` or 'auto'"):
        wam.insertion(model, signal, heat, steps=3, batch_size=8)


# --------------------------------------------------------------------------------------------------------------- errors

NET = SmallNet(2)
SIGNAL = signal_of(8, 8)
HEAT = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0))
GAPS = r"`segments` must number 0 … n - 1 without gaps, n the same in every item; item "
EACH = r".*where items differ in number, call `evaluate` for each and `FaithfulnessReport.joined`"
QUARTERS = torch.arange(64).reshape(8, 8) // 16
CONTRAST = r"A contrast needs two columns per item, whole numbers of shape \(2, 2\).*Pass e.g. `target=Contrast\(1, 0\)"
NO_COEFFICIENTS = r"`importance` is a map of the signal's samples, which has no order of coefficients"


def insert(importance: Any = HEAT, **options: Any) -> Any:
    return wam.insertion(options.pop("model", refuse), options.pop("signal", SIGNAL), importance, **options)


def refuse(_: Tensor) -> Tensor:
    pytest.fail("the model was run")


def broken_by_two(batch: Tensor) -> Tensor:
    return torch.where((batch != 0).sum((1, 2)) == 2, torch.inf, 1.0)[:, None]


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: insert(model=3, target=0), TypeError, r"`model` must be callable; got int"),
        (lambda: insert(signal=np.ones((2, 2, 8, 8))), TypeError, r"`signal` must be a torch tensor"),
        (lambda: insert(signal=SIGNAL / 0), ValueError, r"`signal` must be finite"),
        (lambda: insert(3), TypeError, r"`importance` must be an Explanation, Coefficients or a map.*got int"),
        (lambda: insert(HEAT / 0), ValueError, r"`importance` must be finite; got NaN or inf"),
        (
            lambda: insert(SIGNAL),
            ValueError,
            r"must have the shape \(item, \*space\) of the signal, \(2, 8, 8\); got \(2, 2, 8, 8\).*`map.sum\(1\)`",
        ),
        (
            lambda: insert(wam.decompose(SIGNAL[:1])),
            ValueError,
            r"must be of `signal`, 2 item\(s\) of size \(8, 8\); g",
        ),
        (
            lambda: insert(wam.explain(NET, SIGNAL + 1, 0, method="saliency")),
            ValueError,
            r"or of other values. Pass `explanation.signal`",
        ),
        (
            lambda: insert(domain="wavelet"),
            ValueError,
            NO_COEFFICIENTS + r".*with `pull_back`, or see an explanation in a wavelet.*else use `domain='pixel'`",
        ),
        (lambda: insert(unit="band"), ValueError, NO_COEFFICIENTS + r".*else use `unit='position'`"),
        (
            lambda: insert(wam.explain(NET, SIGNAL, 0, method="saliency", wavelet=None), domain="wavelet"),
            ValueError,
            NO_COEFFICIENTS,
        ),
        (lambda: insert(protocol="wma"), ValueError, r"`protocol` must be one of.*Did you mean 'wam'\?"),
        (lambda: insert(protocol=7), TypeError, r"`protocol` must be a name or a Protocol; got int"),
        (lambda: insert(steps=0), ValueError, r"`steps` must be a whole number of at least 1; got 0"),
        (lambda: insert(step=3), TypeError, r"A protocol has no setting 'step'; it has 'steps',.*Did you mean 'steps'"),
        (lambda: insert(probability="softmacs"), ValueError, r"`probability` must be one of.*Did you mean 'softmax'\?"),
        (lambda: insert(seed=-1), ValueError, r"`seed` must be a whole number of at least 0; got -1"),
        (lambda: insert(batch_size=0, target=0), ValueError, r"`batch_size` must be"),
        (lambda: insert(progress=1, target=0), TypeError, r"`progress` must be"),
        (lambda: insert(target="cat"), TypeError, r"`target` must be None \(the predicted class\), a class.*got str"),
        (lambda: insert(target=[1, 2, 3]), ValueError, r"`target` must be one class per item, shape \(2,\)"),
        (lambda: insert(target=1, protocol="contrast"), ValueError, CONTRAST),
        (lambda: insert(protocol="contrast"), ValueError, CONTRAST),
        (lambda: insert(target="cat", protocol="contrast"), ValueError, CONTRAST),
        (lambda: insert(target=[[1], [0, 1]], protocol="contrast"), ValueError, CONTRAST),
        (lambda: insert(target=[["cat", "dog"]] * 2, protocol="contrast"), ValueError, CONTRAST),
        (lambda: insert(target=[[1.0, 0.0]] * 2, protocol="contrast"), ValueError, CONTRAST),
        (lambda: insert(target=[[True, False]] * 2, protocol="contrast"), ValueError, CONTRAST),
        (lambda: insert(target=[1, 0], protocol="contrast"), ValueError, CONTRAST),
        (
            lambda: insert(wam.explain(NET, SIGNAL, wam.Contrast(1, 0), method="saliency")),
            ValueError,
            r"must be of one target, a column.*theirs differ, or are callables. Pass what is to be measured",
        ),
        (
            lambda: insert(baseline="nose"),
            ValueError,
            r"`baseline` must be None.*'band_mean'; got 'nose'. Did you mean",
        ),
        (lambda: insert(baseline=float("nan")), ValueError, r"`baseline` must be finite"),
        (lambda: insert(baseline=[1, 2]), TypeError, r"`baseline` must be .*; got list"),
        (lambda: insert(baseline=torch.ones(3)), ValueError, r"`baseline` must broadcast to the signal's shape"),
        (
            lambda: insert(baseline=torch.stack([SIGNAL[0], SIGNAL[1] / 0])),
            ValueError,
            r"`baseline` must be finite; got NaN or inf",
        ),
        (lambda: insert(unit="superpixel"), ValueError, r"`segments` and `unit='superpixel'` belong together"),
        (lambda: insert(segments=torch.zeros(8, 8).long()), ValueError, r"`segments` and `unit='superpixel'` belong t"),
        (
            lambda: insert(segments=torch.zeros(8, 9).long(), unit="superpixel"),
            ValueError,
            r"`segments` must be whole numbers from 0, of shape \(2, 8, 8\) or \(8, 8\); got torch.int64 of shape",
        ),
        (
            lambda: insert(segments=torch.zeros(8, 8).long() - 1, unit="superpixel"),
            ValueError,
            r"`segments` must be whole numbers from 0",
        ),
        (lambda: insert(segments=torch.zeros(8, 8), unit="superpixel"), ValueError, r"got torch.float32 of shape"),
        (
            lambda: insert(segments=torch.zeros(8, 8).long(), unit="superpixel", domain="wavelet"),
            ValueError,
            r"`unit='superpixel'` belongs to `domain='pixel'`",
        ),
        (lambda: insert(segments=QUARTERS * 10, unit="superpixel"), ValueError, GAPS + "0 has 4 of 31" + EACH),
        (lambda: insert(segments=QUARTERS + 1, unit="superpixel"), ValueError, GAPS + "0 has 4 of 5"),
        (
            lambda: insert(segments=torch.stack([torch.arange(64).reshape(8, 8) // 4, QUARTERS]), unit="superpixel"),
            ValueError,
            GAPS + "1 has 4 of 16" + EACH,
        ),
        (lambda: frames(SIGNAL, HEAT, "insert"), ValueError, r"`kind` must be one of 'insertion', 'deletion'; got"),  # type: ignore[arg-type]
        (lambda: frames(SIGNAL, HEAT, "insertion", item=2), ValueError, r"`item` must be one of 0 to 1; got 2"),
        (lambda: frames(SIGNAL, HEAT, "insertion", item=-1), ValueError, r"`item` must be one of 0 to 1; got -1"),
    ],
)
def test_what_makes_no_curve_is_refused_before_any_pass(
    call: Callable[[], Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        call()


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: insert(model=NET, target=3), ValueError, r"`target` must be a column of the model's output, 0 to 2"),
        (
            lambda: insert(model=NET, target=[[1, 5]] * 2, protocol="contrast"),
            ValueError,
            r"`target` must be a column of the model's output, 0 to 2; got \[1, 5\]",
        ),
        (lambda: insert(model=lambda batch: NET(batch)[:1], target=0), ValueError, r"one row per item; it was given"),
        (lambda: insert(model=lambda batch: "cat", target=0), TypeError, r"The model must return a tensor"),
        (lambda: insert(model=NET, target=lambda output: output), ValueError, r"A score must return one number per"),
        (
            lambda: insert(model=lambda batch: batch.flatten(1)[:, :2].log(), target=0, batch_size=1),
            ValueError,
            r"The model must give finite scores; that of item 0 at step \d+ of insertion is nan",
        ),
        (  # more steps than units: two of the four pixels are there from the third step on
            lambda: insert(FOUR[:, 0], signal=FOUR, model=broken_by_two, target=0, steps=8, probability="none"),
            ValueError,
            r"that of item 0 at step 3 of insertion is inf",
        ),
    ],
)
def test_a_model_that_cannot_be_measured_says_why(call: Callable[[], Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()


def test_frames_of_a_volume_have_its_axes() -> None:
    shown = frames(signal_of(5, 6, 7), torch.rand(2, 5, 6, 7), "deletion", steps=3, item=1)
    assert_close(shown[0], signal_of(5, 6, 7)[1], rtol=0, atol=0)
    assert not shown[-1].any()


def test_stretching_shows_no_rounding_where_next_to_nothing_is_left() -> None:
    """A shape on empty ground is gone before its last coefficients are taken out, which are zeros."""
    three = wam.samples.digits()["three"].signal
    contribution = wam.explain(wam.samples.digit_model(), three, method="saliency", level=2).contribution().attribution
    once, exactly = (
        frames(signal, contribution.map(partial(torch.Tensor.to, dtype=signal.dtype)), "deletion", protocol="wam-paper")
        for signal in (three, three.double())
    )
    torch.testing.assert_close(once.double(), exactly, rtol=0, atol=1e-3)
    assert once[:40].amax() > 0.5
