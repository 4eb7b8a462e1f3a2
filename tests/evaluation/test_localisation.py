"""Where importance lies, on maps worked out by hand, and on explanations whose place is known."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.ndimage import binary_dilation
from torch import Tensor

import wam_widgets as wam
from tests.attribution.networks import SmallNet, linear, signal_of
from wam_widgets.evaluation import energy_inside, pointing_game, side_by_side, sparsity

SPACES = [(9,), (6, 7), (4, 5, 6)]


def truths(*rows: str) -> Tensor:
    """A mask, drawn: "#" is inside."""
    return torch.tensor([[letter == "#" for letter in row] for row in rows])


# ------------------------------------------------------------------------------------------------------------- sparsity


def mean_difference(values: np.ndarray[Any, Any]) -> float:
    """The Gini index as it is defined: half the mean difference of two, drawn with replacement, over the mean."""
    return float(np.abs(values[:, None] - values).mean() / (2 * values.mean()))


@given(st.lists(st.floats(0.01, 1e3), min_size=1, max_size=30), st.floats(1e-200, 1e200))
def test_the_index_is_half_the_relative_mean_difference_in_any_unit(values: list[float], unit: float) -> None:
    array = np.array(values)
    found = sparsity(torch.from_numpy(unit * array)[None])
    assert_allclose(found, [mean_difference(array)], atol=1e-12)


@pytest.mark.parametrize("space", SPACES)
def test_one_position_that_holds_all_is_as_sparse_as_can_be_and_equal_ones_are_not(space: tuple[int, ...]) -> None:
    one, equal = torch.zeros(space), torch.full(space, -3.0)
    one.flatten()[1] = -1e-30
    count = math.prod(space)
    assert_allclose(sparsity(torch.stack([one, equal])), [1 - 1 / count, 0], atol=1e-12)


def test_coefficients_count_by_position_with_all_their_channels() -> None:
    signal = signal_of(9, 14)
    coefficients = wam.decompose(signal, "db2", level=2)
    magnitudes = np.concatenate([band.abs().sum(1).flatten(1) for *_, band in coefficients.bands()], axis=1)
    assert_allclose(sparsity(coefficients), [mean_difference(each) for each in magnitudes])
    explanation = wam.explain(SmallNet(2), signal, 1, method="saliency", wavelet="db2", level=2)
    assert_allclose(sparsity(explanation), sparsity(explanation.attribution))
    assert_allclose(sparsity(explanation.view(wavelet=None)), sparsity(explanation.gradient.abs().sum(1)))


def test_nothing_is_neither_sparse_nor_not() -> None:
    found = sparsity(torch.tensor([[0.0, 0.0], [0.0, 1.0]]))
    assert np.isnan(found[0])
    assert found[1] == 0.5


# -------------------------------------------------------------------------------------------------------- pointing game


def test_the_largest_magnitude_points_and_in_the_signed_order_the_largest_value() -> None:
    mask = truths(".##.").expand(3, 4)
    maps = torch.tensor([[0.0, 2.0, 1.0, -3.0], [1.0, 0.0, -2.0, 0.5], [5.0, 1.0, 1.0, 1.0]])
    assert pointing_game(maps, mask).tolist() == [0, 1, 0]
    assert pointing_game(maps, mask, order="signed").tolist() == [1, 0, 0]


@pytest.mark.usefixtures("as_a_user")
def test_arrays_of_numpy_are_maps_and_masks_too() -> None:
    maps: Any = np.array([[0, 2, 1, -3]])
    mask: Any = np.array([[False, True, False, False]])
    assert pointing_game(maps, mask, order="signed").tolist() == [1]
    assert energy_inside(maps, mask).tolist() == [1 / 3]


def test_of_equal_places_the_share_inside_counts() -> None:
    maps = torch.tensor([[2.0, 2.0, 2.0, 1.0]])
    assert_allclose(pointing_game(maps, truths("#..#")), [1 / 3])


def test_a_place_just_outside_counts_within_the_tolerance() -> None:
    mask = truths("#....", ".....", ".....", "....#")[None]
    heat = torch.zeros(1, 4, 5)
    heat[0, 1, 1] = 1  # the root of 2 from the mask's nearest
    assert [pointing_game(heat, mask, tolerance=each).item() for each in (0.0, 1.0, 1.41, 1.42)] == [0, 0, 0, 1]


@pytest.mark.parametrize("space", SPACES)
def test_tolerance_grows_the_mask_on_every_axis(space: tuple[int, ...]) -> None:
    chance = torch.Generator().manual_seed(0)
    mask = torch.rand(space, generator=chance) > 0.9
    mask.flatten()[3] = True
    grown = binary_dilation(mask.numpy())  # by one along every axis
    for place in np.ndindex(*space):
        heat = torch.zeros(space)
        heat[place] = 1
        assert pointing_game(heat[None], mask[None], tolerance=1.0).item() == grown[place]


def test_a_map_of_nothing_points_nowhere() -> None:
    maps, mask = torch.tensor([[0.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]), truths("#.").expand(3, 2)
    for measure in (pointing_game, energy_inside):
        assert np.isnan(measure(maps, mask)).tolist() == [True, False, False]
        assert np.isnan(measure(maps, mask, order="signed")).tolist() == [True, True, False]


# -------------------------------------------------------------------------------------------------------- energy inside


def test_the_share_of_the_map_inside_worked_out_by_hand() -> None:
    mask = truths(".##.")
    maps = torch.tensor([[1.0, -2.0, 4.0, -3.0]])
    assert_allclose(energy_inside(maps, mask), [0.6])
    assert_allclose(energy_inside(maps, mask, order="signed"), [0.8])
    assert_allclose(energy_inside(1e-40 * maps.double(), mask), [0.6])


@pytest.mark.parametrize("space", SPACES)
def test_an_even_map_has_the_masks_share_and_a_mask_and_the_rest_have_all(space: tuple[int, ...]) -> None:
    chance = torch.Generator().manual_seed(1)
    mask = torch.rand(2, *space, generator=chance) > 0.6
    assert_allclose(energy_inside(torch.ones(2, *space), mask), mask.flatten(1).double().mean(1))
    heat = torch.randn(2, *space, generator=chance)
    assert_allclose(energy_inside(heat, mask) + energy_inside(heat, ~mask), [1, 1])


@pytest.mark.parametrize("space", SPACES)
def test_an_explanation_is_seen_as_its_heat_map(space: tuple[int, ...]) -> None:
    explanation = wam.explain(SmallNet(len(space)), signal_of(*space), 1, method="saliency", wavelet="db2", level=1)
    mask = torch.rand(2, *space, generator=torch.Generator().manual_seed(2)) > 0.5
    heat = explanation.heatmap()
    for importance in (explanation, explanation.attribution):
        assert_allclose(energy_inside(importance, mask), energy_inside(heat, mask))
        assert_allclose(pointing_game(importance, mask), pointing_game(heat, mask))


def test_in_the_samples_the_signed_map_is_what_each_adds_to_the_score() -> None:
    signal, weights = signal_of(6, 7), signal_of(6, 7, items=1)
    explanation = wam.explain(linear(weights), signal, 0, method="saliency", wavelet=None)
    mask = torch.rand(2, 6, 7, generator=torch.Generator().manual_seed(3)) > 0.5
    added = (signal * weights).sum(1).clamp(min=0)  # of both channels together
    expected = (added * mask).sum((1, 2)) / added.sum((1, 2))
    assert_allclose(energy_inside(explanation, mask, order="signed"), expected)


@pytest.mark.parametrize("space", SPACES)
def test_only_the_sign_tells_for_whom_each_of_two_speaks(space: tuple[int, ...]) -> None:
    even = tuple(2 * (size // 2) for size in space)  # so that no cell of the wavelet lies on both
    first, second = signal_of(*even).abs(), signal_of(*even).abs()
    pairs = side_by_side(first, second, [[0, 1]] * 2)
    assert pairs.mask is not None
    # What is left speaks for the class, what is right against it, five times as loudly.
    weights = torch.where(pairs.mask[:1], 1.0, -5.0).double()[:, None]
    explanation = wam.explain(linear(weights), pairs.signal, 0, method="integrated_gradients", samples=2, level=1)
    assert_allclose(energy_inside(explanation, pairs.mask, order="signed"), [1, 1])
    assert pointing_game(explanation, pairs.mask, order="signed").tolist() == [1, 1]
    assert (energy_inside(explanation, pairs.mask) < 0.3).all()
    assert pointing_game(explanation, pairs.mask).tolist() == [0, 0]


# --------------------------------------------------------------------------------------------------------------- errors

HEAT, MASK = torch.rand(2, 3, 4), torch.ones(2, 3, 4, dtype=torch.bool)
WRONG: list[tuple[Any, Any, dict[str, Any], type[Exception], str]] = [
    (HEAT, MASK[0], {}, ValueError, r"`masks` must have the shape of the maps, .* = \(2, 3, 4\); got \(3, 4\)"),
    (HEAT, torch.ones(2, 2, 3, 4, dtype=torch.bool), {}, ValueError, r"Of `Pairs`, pass `pairs\.mask`"),
    (HEAT, MASK.float(), {}, TypeError, r"`masks` must be truth values; got torch\.float32.*`masks > 0`"),
    (HEAT, None, {}, TypeError, r"`masks` must be truth values; got NoneType.*mixed have no place"),
    (HEAT, MASK & torch.tensor([True, False])[:, None, None], {}, ValueError, r"true somewhere.*that of item 1 is not"),
    (HEAT[0, 0], MASK, {}, ValueError, r"\(item, \*space\).*got \(4,\).*`map\[None\]`"),
    (HEAT[None, None], MASK, {}, ValueError, r"Add up its channels"),
    (HEAT / 0, MASK, {}, ValueError, r"`importance` must be finite"),
    ("heat", MASK, {}, TypeError, r"must be an Explanation, Coefficients or a map of the samples; got str"),
    (None, MASK, {}, TypeError, r"must be an Explanation, Coefficients or a map of the samples; got NoneType"),
    (
        np.array(["a"]),
        MASK,
        {},
        TypeError,
        r"must be an Explanation, Coefficients or a map of the samples; got ndarray",
    ),
    (HEAT.to(torch.complex64), MASK, {}, TypeError, r"must be an Explanation, Coefficients or a map.*got Tensor"),
    (HEAT, np.array(["a"]), {}, TypeError, r"`masks` must be truth values; got ndarray"),
    (HEAT, MASK, {"order": "sign"}, ValueError, r"`order` must be one of.*Did you mean 'signed'"),
]


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(("heat", "mask", "options", "error", "message"), WRONG)
def test_what_cannot_be_compared_is_refused(
    heat: Any, mask: Any, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    for measure in (pointing_game, energy_inside):
        with pytest.raises(error, match=message):
            measure(heat, mask, **options)


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize("tolerance", [-1, math.inf, "15", True])
def test_a_tolerance_that_is_no_distance_is_refused(tolerance: Any) -> None:
    with pytest.raises(ValueError, match=r"`tolerance` must be a number of samples from 0; got .* `tolerance=2`"):
        pointing_game(HEAT, MASK, tolerance=tolerance)


@pytest.mark.usefixtures("as_a_user")
def test_a_sparsity_of_what_is_no_importance_is_refused() -> None:
    wrong: Any = [1.0, 2.0]
    with pytest.raises(TypeError, match=r"must be an Explanation, Coefficients or a map of the samples; got list"):
        sparsity(wrong)
    with pytest.raises(ValueError, match=r"`importance` must be finite"):
        sparsity(wam.decompose(torch.ones(1, 1, 8)).map(lambda band: band / 0))
