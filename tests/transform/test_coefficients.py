import dataclasses
import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import pywt
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from wam_widgets.transform import Coefficients, decompose, pull_back, reconstruct
from wam_widgets.transform.coefficients import undo_pull_back
from wam_widgets.transform.wavelet import Mode

from .cases import (
    MODES,
    ORTHOGONAL_WAVELETS,
    SHORT_WAVELETS,
    WAVELETS,
    literal_gradient,
    noise,
    ptwt_can,
    relative_error,
    signals,
    wavelets,
)

modes = st.sampled_from(MODES)
levels = st.integers(1, 3)

# ------------------------------------------------------------------- every wavelet, every mode, every level, odd shapes


def check_modes_and_levels(
    wavelet: str, shape: tuple[int, ...], *, deepest: int, modes: Iterable[Mode] = MODES
) -> None:
    """Go as deep as ptwt can in each mode, or to `deepest`; beyond what ptwt can, look for our error."""
    signal, cotangent, size = noise(*shape), noise(*shape, seed=1), shape[2:]
    gradients: dict[int, Coefficients] = {}
    for mode in modes:
        for level in range(1, deepest + 1):
            if not ptwt_can(size, wavelet, level, mode):
                for transform in (decompose, pull_back):
                    with pytest.raises(ValueError, match=f"`level={level}` is too deep: .* at most {level - 1} times"):
                        transform(signal, wavelet, level=level, mode=mode)
                break
            coefficients = decompose(signal, wavelet, level=level, mode=mode)
            tolerance = 1e-2 * float(signal.abs().max()) if wavelet == "dmey" else 1e-9
            assert_close(reconstruct(coefficients), signal, rtol=0, atol=tolerance)
            if level not in gradients:  # the synthesis has no mode, so that one gradient serves them all
                gradients[level] = literal_gradient(coefficients, cotangent)
            assert relative_error(pull_back(cotangent, wavelet, level=level, mode=mode), gradients[level]) < 1e-12


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_sound_is_reconstructed_and_its_gradient_pulled_back(wavelet: str) -> None:
    check_modes_and_levels(wavelet, (2, 3, 37), deepest=4)
    check_modes_and_levels(wavelet, (1, 2, 13), deepest=9, modes=["reflect", "periodic"])
    check_modes_and_levels(wavelet, (1, 1, 1), deepest=2)


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_images_are_reconstructed_and_their_gradient_pulled_back(wavelet: str) -> None:
    long = pywt.Wavelet(wavelet).dec_len > 40
    check_modes_and_levels(wavelet, (1, 2, 19, 24), deepest=2 if long else 3)
    check_modes_and_levels(wavelet, (2, 1, 11, 5), deepest=1 if long else 2)


@pytest.mark.parametrize("wavelet", SHORT_WAVELETS)
def test_volumes_are_reconstructed_and_their_gradient_pulled_back(wavelet: str) -> None:
    check_modes_and_levels(wavelet, (1, 2, 5, 3, 4), deepest=2)
    check_modes_and_levels(wavelet, (1, 1, 21, 20, 23), deepest=1, modes=["reflect"])


def test_volumes_are_reconstructed_with_the_longest_daubechies_wavelet() -> None:
    check_modes_and_levels("db38", (1, 1, 3, 1, 2), deepest=1)


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_float32_is_as_exact_as_float32_can_be(wavelet: str) -> None:
    signal = noise(2, 2, 61)
    single = signal.float()
    decomposed = decompose(single, wavelet, level=2, mode="symmetric")
    pulled = pull_back(single, wavelet, level=2, mode="symmetric")
    assert {band.dtype for found in (decomposed, pulled) for *_, band in found.bands()} == {torch.float32}
    assert_close(reconstruct(decomposed), single, rtol=0, atol=3e-2 if wavelet == "dmey" else 1e-4)
    assert relative_error(decomposed, decompose(signal, wavelet, level=2, mode="symmetric")) < 1e-5
    assert relative_error(pulled, pull_back(signal, wavelet, level=2, mode="symmetric")) < 1e-5


# -------------------------------------------------------------------------------------------- the same as PyWavelets


@pytest.mark.filterwarnings("ignore:Level value:UserWarning")  # that borders reach everywhere is the point
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("wavelet", "shape"),
    [
        *itertools.product(
            ["haar", "db4", "sym5", "coif2", "bior2.4", "rbio3.1"], [(2, 2, 51), (1, 2, 23, 30), (1, 1, 17, 13, 14)]
        ),
        *itertools.product(["dmey"], [(2, 2, 131), (1, 2, 67, 70)]),
    ],
)
def test_all_bands_are_those_of_pywavelets(wavelet: str, shape: tuple[int, ...], mode: Mode) -> None:
    signal = noise(*shape)
    found = decompose(signal, wavelet, level=2, mode=mode)
    axes = tuple(range(2, signal.ndim))
    approximation, *details = pywt.wavedecn(signal.numpy(), wavelet, mode, 2, axes)
    names = {"da": "horizontal", "ad": "vertical", "dd": "diagonal"} if signal.ndim == 4 else {}
    np.testing.assert_allclose(found.approximation.numpy(), approximation, rtol=0, atol=1e-10)
    for detail, expected in zip(found.details, details, strict=True):
        assert set(detail) == {names.get(key, key) for key in expected}
        for key, band in expected.items():
            np.testing.assert_allclose(detail[names.get(key, key)].numpy(), band, rtol=0, atol=1e-10)


def test_orientations_are_named_as_in_pywavelets() -> None:
    signal = noise(1, 1, 8, 12)
    found = decompose(signal, "db2", level=1, mode="zero")
    _, expected = pywt.dwt2(signal[0, 0].numpy(), "db2", "zero")
    for name, band in zip(("horizontal", "vertical", "diagonal"), expected, strict=True):
        np.testing.assert_allclose(found.details[0][name][0, 0].numpy(), band, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Level value:UserWarning")
@pytest.mark.parametrize("wavelet", ["haar", "db4", "bior2.4", "rbio3.1"])
@pytest.mark.parametrize("size", [(29,), (13, 10), (5, 7, 6)])
def test_synthesis_of_any_coefficients_is_that_of_pywavelets(size: tuple[int, ...], wavelet: str) -> None:
    coefficients = decompose(noise(1, 1, *size), wavelet, level=2, mode="zero").map(torch.randn_like)
    order = {"horizontal": "da", "vertical": "ad", "diagonal": "dd"}
    expected = pywt.waverecn(
        [
            coefficients.approximation[0, 0].numpy(),
            *(
                {order.get(name, name): band[0, 0].numpy() for name, band in detail.items()}
                for detail in coefficients.details
            ),
        ],
        wavelet,
    )
    cropped = expected[tuple(slice(length) for length in size)]
    np.testing.assert_allclose(reconstruct(coefficients)[0, 0].numpy(), cropped, atol=1e-10)


# ------------------------------------------------------------------------------------------------------------ by hand


def test_haar_adds_and_subtracts_neighbours() -> None:
    found = decompose(torch.tensor([[[1.0, 3.0, 2.0, 8.0]]], dtype=torch.float64), "haar", level=2)
    root = 2**0.5
    assert_close(found.details[1]["d"], torch.tensor([[[-2 / root, -6 / root]]], dtype=torch.float64))
    assert_close(found.details[0]["d"], torch.tensor([[[-3.0]]], dtype=torch.float64))
    assert_close(found.approximation, torch.tensor([[[7.0]]], dtype=torch.float64))


@pytest.mark.parametrize(
    ("axes", "orientation"),
    [((2,), "horizontal"), ((3,), "vertical"), ((2, 3), "diagonal")],
    ids=str,
)
def test_stripes_answer_in_their_own_orientation(axes: tuple[int, ...], orientation: str) -> None:
    stripes = torch.ones(1, 1, 8, 8)
    for axis in axes:  # alternating along axis 2 (rows) makes horizontal edges
        stripes = stripes * torch.tensor([1.0, -1.0]).repeat(4).reshape((1, 1, 8, 1) if axis == 2 else (1, 1, 1, 8))
    (detail,) = decompose(stripes, "haar", level=1).details
    assert {name for name, band in detail.items() if band.abs().max() > 1e-6} == {orientation}


@pytest.mark.parametrize("filters", ["aad", "ada", "add", "daa", "dad", "dda", "ddd"])
def test_a_volume_names_one_filter_per_axis(filters: str) -> None:
    volume = torch.ones(1, 1, 4, 4, 4)
    for axis, letter in enumerate(filters, start=2):
        if letter == "d":
            volume = volume * torch.tensor([1.0, -1.0, 1.0, -1.0]).reshape([4 if axis == a else 1 for a in range(5)])
    (detail,) = decompose(volume, "haar", level=1).details
    assert tuple(detail) == ("aad", "ada", "add", "daa", "dad", "dda", "ddd")
    assert {name for name, band in detail.items() if band.abs().max() > 1e-6} == {filters}


def test_scales_run_from_coarse_to_fine() -> None:
    found = decompose(torch.ones(2, 3, 16, 24), "haar", level=3)
    assert found.scales == ("approximation", "detail 3", "detail 2", "detail 1")
    assert [tuple(detail["diagonal"].shape) for detail in found.details] == [(2, 3, 2, 3), (2, 3, 4, 6), (2, 3, 8, 12)]
    assert [scale for scale, orientation, _ in found.bands() if orientation in {"approximation", "diagonal"}] == list(
        found.scales
    )
    assert (found.wavelet, found.level, found.mode, found.size) == ("haar", 3, "reflect", (16, 24))


def test_without_a_wavelet_the_samples_are_the_coefficients() -> None:
    signal = noise(2, 3, 7, 9)
    for found in (decompose(signal, None), pull_back(signal, None)):
        assert (found.scales, found.level, found.wavelet) == (("approximation",), 0, None)
        assert found.approximation.equal(signal)
        assert reconstruct(found).equal(signal)
        assert undo_pull_back(found).equal(signal)


def test_the_repr_says_what_it_holds_without_its_numbers() -> None:
    shown = repr(decompose(torch.ones(2, 3, 16), "haar", level=2))
    assert shown == "Coefficients(2 item(s), 3 channel(s), size (16,), haar, level 2, mode 'reflect')"


# ----------------------------------------------------------------------------------------------- where it is computed


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(2, 3, 37), (1, 2, 19, 24), (1, 1, 9, 7, 8)])
def test_shapes_suffice_so_nothing_is_copied_to_the_host(shape: tuple[int, ...], mode: Mode) -> None:
    here, nowhere = noise(*shape), torch.empty(shape, dtype=torch.float64, device="meta")
    for transform in (decompose, pull_back):
        found = transform(nowhere, "db2", level=2, mode=mode)
        expected = transform(here, "db2", level=2, mode=mode)
        for derived in (found, found.keep(0.1), found.keep(found.map(torch.abs).largest(0.2, ["detail 1"]))):
            assert all(band.is_meta for *_, band in derived.bands())
            assert [band.shape for *_, band in derived.bands()] == [band.shape for *_, band in expected.bands()]
        for back in (reconstruct(found), undo_pull_back(found)):
            assert (back.is_meta, back.shape, back.dtype) == (True, shape, torch.float64)


@pytest.mark.parametrize("wavelet", ["haar", None])
def test_the_caller_s_tensor_is_left_as_it_was(wavelet: str | None) -> None:
    signal = noise(1, 2, 16)
    before = signal.clone()
    reconstruct(decompose(signal, wavelet).keep(0.5))
    assert signal.equal(before)


@given(signals(), wavelets(), modes, st.data())
@settings(max_examples=40)
def test_every_channel_of_every_item_is_decomposed_by_itself(
    signal: Tensor, wavelet: str, mode: Mode, data: st.DataObject
) -> None:
    assume(ptwt_can(signal.shape[2:], wavelet, 1, mode))
    item, channel = data.draw(st.integers(0, len(signal) - 1)), data.draw(st.integers(0, signal.shape[1] - 1))
    alone = decompose(signal[item : item + 1, channel : channel + 1], wavelet, level=1, mode=mode)
    together = decompose(signal, wavelet, level=1, mode=mode)
    assert_close(together.flatten()[item, channel], alone.flatten()[0, 0])


@given(signals(), wavelets())
@settings(max_examples=40)
def test_strides_don_t_matter(signal: Tensor, wavelet: str) -> None:
    strided = signal.transpose(0, -1).contiguous().transpose(0, -1)
    for transform in (decompose, pull_back):
        expected = transform(signal, wavelet, level=1, mode="zero")
        assert_close(transform(strided, wavelet, level=1, mode="zero").flatten(), expected.flatten())


# -------------------------------------------------------------------------------------------------------- mathematics


@given(signals(), wavelets(), levels, modes, st.floats(-3, 3))
def test_decomposing_is_linear(signal: Tensor, wavelet: str, level: int, mode: Mode, factor: float) -> None:
    assume(ptwt_can(signal.shape[2:], wavelet, level, mode))
    other = noise(*signal.shape, seed=7)
    for transform in (decompose, pull_back):
        first, second, both = (
            transform(x, wavelet, level=level, mode=mode).flatten() for x in (signal, other, signal + factor * other)
        )
        assert_close(both, first + factor * second, rtol=0, atol=1e-9)


@given(signals(), wavelets(), levels)
def test_the_inner_product_of_a_reconstruction_with_g_is_that_of_the_coefficients_with_the_pull_back_of_g(
    gradient: Tensor, wavelet: str, level: int
) -> None:
    pulled = pull_back(gradient, wavelet, level=level, mode="zero")
    coefficients = pulled.map(torch.randn_like)
    in_space = (reconstruct(coefficients) * gradient).flatten(1).sum(1)
    assert_close(coefficients.map(torch.mul, pulled).total(), in_space, rtol=0, atol=1e-9)


@given(signals(), wavelets(), levels)
def test_undoing_the_pull_back_of_g_gives_g(gradient: Tensor, wavelet: str, level: int) -> None:
    pulled = pull_back(gradient, wavelet, level=level, mode="zero")
    assert_close(undo_pull_back(pulled), gradient, rtol=0, atol=1e-9)


@pytest.mark.parametrize("wavelet", ORTHOGONAL_WAVELETS)
def test_orthogonal_wavelets_keep_the_energy_of_a_signal_surrounded_by_zeros(wavelet: str) -> None:
    signal = noise(2, 1, 45)
    energy = decompose(signal, wavelet, level=3, mode="zero").map(torch.square).total()
    assert_close(energy, signal.square().sum((1, 2)), rtol=1e-9, atol=0)


@pytest.mark.parametrize("wavelet", ORTHOGONAL_WAVELETS)
def test_orthogonal_wavelets_keep_the_energy_of_a_period_of_any_power_of_two(wavelet: str) -> None:
    for period in (64, 128):
        if period < pywt.Wavelet(wavelet).dec_len:
            continue
        signal = noise(2, 1, period)
        found = decompose(signal, wavelet, level=1, mode="periodic")
        # the transform continues beyond one period of coefficients
        energy = found.map(lambda band, half=period // 2: band[..., :half].square()).total()
        assert_close(energy, signal.square().sum((1, 2)), rtol=1e-9, atol=0)


def test_haar_keeps_the_energy_of_periods_down_to_one_sample() -> None:
    signal = noise(2, 3, 16, 32)
    energy = decompose(signal, "haar", level=4, mode="periodic").map(torch.square).total()
    assert_close(energy, signal.square().flatten(1).sum(1), rtol=1e-12, atol=0)


def test_the_mode_changes_the_coefficients_but_neither_the_synthesis_nor_the_pull_back() -> None:
    signal = noise(1, 1, 40)
    coefficients = decompose(signal, "db3", level=2, mode="zero")
    for mode in MODES[1:]:
        assert not decompose(signal, "db3", level=2, mode=mode).flatten().equal(coefficients.flatten())
        assert reconstruct(dataclasses.replace(coefficients, mode=mode)).equal(reconstruct(coefficients))
        pulled = pull_back(signal, "db3", level=2, mode=mode)
        assert pulled.mode == mode
        assert pulled.flatten().equal(pull_back(signal, "db3", level=2, mode="zero").flatten())


# ----------------------------------------------------------------------------------------- flatten, total, map and keep


@given(signals(), wavelets(), levels)
def test_unflatten_undoes_flatten(signal: Tensor, wavelet: str, level: int) -> None:
    coefficients = decompose(signal, wavelet, level=level, mode="zero")
    again = coefficients.unflatten(coefficients.flatten())
    for (*names, band), (*expected_names, expected) in zip(again.bands(), coefficients.bands(), strict=True):
        assert names == expected_names
        assert band.equal(expected)


@given(signals(), wavelets(), levels)
def test_the_total_of_an_item_is_the_sum_of_its_flat_coefficients(signal: Tensor, wavelet: str, level: int) -> None:
    coefficients = decompose(signal, wavelet, level=level, mode="zero")
    assert_close(coefficients.total(), coefficients.flatten().sum((1, 2)), rtol=0, atol=1e-9)


def test_unflatten_takes_other_numbers_of_items_and_channels() -> None:
    coefficients = decompose(noise(2, 3, 9, 7), "db2", level=2)
    flat = noise(5, 1, coefficients.flatten().shape[2])
    assert coefficients.unflatten(flat).flatten().equal(flat)
    assert coefficients.unflatten(flat).approximation.shape[:2] == (5, 1)


def test_map_takes_further_coefficients_band_by_band() -> None:
    first, second = (decompose(noise(1, 1, 20, seed=seed), "db2", level=2) for seed in (0, 1))
    assert first.map(torch.sub, second).flatten().equal(first.flatten() - second.flatten())


def example(approximation: list[list[float]], detail: list[list[float]]) -> Coefficients:
    """Write down the haar coefficients of one item: one list per channel."""
    return Coefficients(torch.tensor([approximation]), ({"d": torch.tensor([detail])},), "haar", 1, "zero", (4,))


@given(signals(), wavelets(), levels)
def test_keeping_everything_changes_nothing_and_keeping_nothing_leaves_zero(
    signal: Tensor, wavelet: str, level: int
) -> None:
    coefficients = decompose(signal, wavelet, level=level, mode="zero")
    assert coefficients.keep(1.0).flatten().equal(coefficients.flatten())
    assert not coefficients.keep(0.0).flatten().any()


@given(signals(), wavelets(), levels, st.floats(0, 1))
def test_a_fraction_keeps_that_many_positions_of_every_item_the_largest_and_unchanged(
    signal: Tensor, wavelet: str, level: int, fraction: float
) -> None:
    coefficients = decompose(signal, wavelet, level=level, mode="zero").map(torch.randn_like)  # none of them is zero
    flat, kept = coefficients.flatten(), coefficients.keep(fraction).flatten()
    chosen = kept != 0
    assert chosen.sum(2).unique().tolist() == [round(fraction * flat.shape[2])]
    assert chosen.equal(chosen[:, :1].expand_as(chosen)), "positions stay or go with all their channels"
    assert kept[chosen].equal(flat[chosen])
    importance = flat.abs().sum(1)
    smallest_kept = importance.masked_fill(~chosen[:, 0], torch.inf).amin(1)
    assert (importance.masked_fill(chosen[:, 0], -torch.inf).amax(1) <= smallest_kept).all()


def test_channels_are_added_up_by_magnitude() -> None:
    kept = example([[3.0, 0.0], [0.0, -1.0]], [[2.0, -2.5], [-2.0, 1.0]]).keep(0.25)
    assert kept.details[0]["d"].tolist() == [[[2.0, 0.0], [-2.0, 0.0]]]
    assert not kept.approximation.any()


def test_of_equal_coefficients_the_coarser_is_kept() -> None:
    equal = decompose(torch.zeros(1, 1, 400), "haar", level=1).map(
        torch.ones_like
    )  # many: sorting few is always stable
    kept = equal.keep(0.75)
    assert kept.approximation.equal(equal.approximation)
    assert kept.details[0]["d"][0, 0].tolist() == [1.0] * 100 + [0.0] * 100


def test_a_mask_of_one_channel_serves_all_channels() -> None:
    coefficients = example([[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]])
    mask = example([[1.0, 0.0]], [[0.0, 1.0]]).map(torch.Tensor.bool)
    kept = coefficients.keep(mask)
    assert kept.approximation.tolist() == [[[1.0, 0.0], [3.0, 0.0]]]
    assert kept.details[0]["d"].tolist() == [[[0.0, 6.0], [0.0, 8.0]]]


def test_a_mask_beats_infinite_and_missing_values() -> None:
    coefficients = example([[float("inf"), 2.0]], [[float("nan"), 6.0]])
    mask = example([[0.0, 1.0]], [[0.0, 1.0]]).map(torch.Tensor.bool)
    assert coefficients.keep(mask).total().tolist() == [8.0]


def test_the_largest_can_be_looked_for_in_some_scales_only() -> None:
    mask = example([[9.0, 8.0]], [[1.0, 2.0]]).largest(0.5, ["detail 1"])
    assert (mask.approximation.tolist(), mask.details[0]["d"].tolist()) == ([[[False, False]]], [[[False, True]]])
    nothing = example([[9.0, 8.0]], [[1.0, 2.0]]).largest(1.0, [])
    assert not nothing.flatten().any()


# ---------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize("transform", [decompose, pull_back])
@pytest.mark.parametrize(
    ("argument", "kind", "words"),
    [
        (np.zeros((1, 1, 8)), TypeError, r"must be a torch tensor .*; got ndarray\. Pass `torch\.as_tensor\(NAME\)`"),
        ([[[0.0]]], TypeError, r"must be a torch tensor .*; got list\."),
        (
            torch.zeros(1, 1, 8, dtype=torch.uint8),
            TypeError,
            r"dtype float32 or float64; got torch\.uint8\. Pass `NAME\.float\(\)`, scaled .*`NAME\.float\(\) / 255`",
        ),
        (torch.zeros(1, 1, 8).half(), TypeError, r"float32 or float64; got torch\.float16\. Pass `NAME\.float\(\)`\.$"),
        (torch.zeros(1, 1, 8, dtype=torch.complex64), TypeError, r"float32 or float64; got torch\.complex64"),
        (
            torch.zeros(1, 8),
            ValueError,
            r"1, 2 or 3 spatial axes; got shape \(1, 8\)\. .*`NAME\[None\]`.*`NAME\[:, None\]`",
        ),
        (torch.zeros(1, 1, 2, 2, 2, 2), ValueError, r"1, 2 or 3 spatial axes; got shape \(1, 1, 2, 2, 2, 2\)"),
        (torch.zeros(0, 1, 8), ValueError, r"at least one item, channel and sample; got shape \(0, 1, 8\).* empty"),
        (torch.zeros(1, 1, 8, 0), ValueError, r"at least one item, channel and sample; got shape \(1, 1, 8, 0\)"),
    ],
)
def test_what_is_no_signal_is_refused(transform: Any, argument: object, kind: type[Exception], words: str) -> None:
    name = "signal" if transform is decompose else "gradient"
    with pytest.raises(kind, match=f"^`{name}` .*" + words.replace("NAME", name)):
        transform(argument, "haar", level=1)


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize("transform", [decompose, pull_back])
def test_wrong_options_are_refused(transform: Any) -> None:
    signal = torch.zeros(1, 1, 8)
    with pytest.raises(ValueError, match=r"`wavelet` must be .*; got 'db99'\. Did you mean 'db9'\?"):
        transform(signal, "db99", level=1)
    with pytest.raises(ValueError, match=r"`mode` must be .*; got 'symetric'\. Did you mean 'symmetric'\?"):
        transform(signal, "haar", level=1, mode="symetric")
    with pytest.raises(ValueError, match=r"`mode` must be .*; got 'symetric'"):
        transform(signal, None, mode="symetric")
    with pytest.raises(ValueError, match=r"`level` must be at least 1; got 0\."):
        transform(signal, "haar", level=0)


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
def test_a_fraction_out_of_range_is_refused(fraction: float) -> None:
    coefficients = decompose(torch.ones(1, 1, 8), level=1)
    for choose in (coefficients.keep, coefficients.largest):
        with pytest.raises(
            ValueError, match=rf"`fraction` must be between 0 and 1; got {fraction}\. Pass e\.g\. 0\.05"
        ):
            choose(fraction)


def test_an_unknown_scale_is_refused_with_the_nearest_name() -> None:
    coefficients = decompose(torch.ones(1, 1, 8), level=2)
    with pytest.raises(
        ValueError,
        match=r"`scales` must be among 'approximation', 'detail 2', 'detail 1'; got 'approx'\. "
        r"Did you mean 'approximation'\?",
    ):
        coefficients.largest(0.5, ["detail 1", "approx"])


def test_coefficients_of_an_impossible_structure_are_refused() -> None:
    band = torch.zeros(1, 1, 2, 2)
    with pytest.raises(ValueError, match=r"`details` must hold one dict per level, 1; got 0\."):
        Coefficients(band, (), "haar", 1, "zero", (4, 4))
    swapped = {"vertical": band, "horizontal": band, "diagonal": band}
    with pytest.raises(ValueError, match=r"in this order; got \('vertical', 'horizontal', 'diagonal'\)"):
        Coefficients(band, (swapped,), "haar", 1, "zero", (4, 4))


def test_coefficients_of_different_structure_do_not_mix(as_a_user: None) -> None:
    coefficients = decompose(torch.rand(1, 1, 16), "haar", level=2)
    other = decompose(torch.rand(1, 1, 16), "db2", level=2)
    with pytest.raises(ValueError, match=r"same structure; got .*haar.* and .*db2.*same wavelet and level"):
        coefficients.map(torch.add, other)
    with pytest.raises(TypeError, match=r"must be coefficients of bool; got torch.float32"):
        coefficients.keep(coefficients)
    with pytest.raises(ValueError, match=r"`flat` must have the shape \(item, channel, 16\); got \(1, 1, 15\)"):
        coefficients.unflatten(torch.zeros(1, 1, 15))
    assert coefficients.largest(1.0, "detail 1").total().item() == 8
