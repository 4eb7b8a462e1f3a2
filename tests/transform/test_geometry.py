import numpy as np
import pytest
import pywt
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from torch.testing import assert_close

from wam_widgets.transform import Coefficients, decompose, geometry, reconstruct
from wam_widgets.transform.geometry import Cells, cells, positions, spread
from wam_widgets.transform.grid import dimensions

from .cases import ORTHOGONAL_WAVELETS, WAVELETS, noise, pywt_atoms, signals, wavelets

SCALES = [1, 2, 3]
KINDS = ["a", "d"]


def centroids(atoms: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the energy centroid of every atom, and which of them have any energy on the grid."""
    energy = np.square(atoms)
    heard = energy.sum(1) > 1e-20 * energy.sum(1).max()
    return energy @ np.arange(atoms.shape[1]) / np.where(heard, energy.sum(1), 1), heard


def check_positions(samples: int, wavelet: str, scale: int, kind: str) -> None:
    place = positions(samples, wavelet, scale, kind)
    expected, heard = centroids(pywt_atoms(samples, wavelet, scale, kind))
    assert place.shape == expected.shape
    np.testing.assert_allclose(place[heard], expected[heard], rtol=0, atol=1e-6)
    assert np.all((place >= 0) & (place <= samples - 1)), "atoms that leave no trace on the grid are somewhere on it"


# ---------------------------------------------------------------------------------------------------------- positions


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_a_coefficient_sits_at_the_energy_centroid_of_what_it_reconstructs(wavelet: str) -> None:
    for samples in (1, 37, 64):
        for scale in SCALES:
            for kind in KINDS:
                check_positions(samples, wavelet, scale, kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("samples", "wavelet", "scale"),
    [
        (2000, "db4", 3),
        (2001, "db4", 3),
        (2000, "sym8", 3),
        (1999, "sym8", 2),
        (1000, "coif17", 1),
        (700, "bior3.1", 4),
    ],
)
def test_in_long_signals_too(samples: int, wavelet: str, scale: int, kind: str) -> None:
    assert samples > 2**scale * 4 * pywt.Wavelet(wavelet).dec_len, "long enough for the shortcut of inner atoms"
    check_positions(samples, wavelet, scale, kind)


def test_in_pieces_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(geometry, "_CHUNK", 100)
    check_positions(50, "db3", 2, "d")  # a size of no other test: nothing is remembered of it


@pytest.mark.parametrize("wavelet", ["haar", "db4", "sym8", "bior2.4", "rbio3.1"])
def test_in_an_image_every_axis_has_its_own_filter(wavelet: str) -> None:
    size, level = (23, 42), 2
    nothing = decompose(torch.zeros(1, 1, *size, dtype=torch.float64), wavelet, level=level, mode="zero")
    filters_of = {name: filters for filters, name in dimensions(2).orientations.items()} | {"approximation": "aa"}
    for scale, orientation, band in nothing.bands():
        row, column = band.shape[2] // 2, band.shape[3] // 3
        band[0, 0, row, column] = 1
        energy = reconstruct(nothing)[0, 0].square().numpy()
        band[0, 0, row, column] = 0
        for axis, index in enumerate((row, column)):
            depth = level if scale == "approximation" else int(scale.removeprefix("detail "))
            place = positions(size[axis], wavelet, depth, filters_of[orientation][axis])
            expected, _ = centroids(np.sqrt(energy.sum(1 - axis))[None])
            assert place[index] == pytest.approx(expected[0], abs=1e-6)


def test_haar_coefficients_sit_in_the_middle_of_their_samples() -> None:
    for kind in KINDS:
        assert positions(8, "haar", 1, kind).tolist() == pytest.approx([0.5, 2.5, 4.5, 6.5])
        assert positions(7, "haar", 2, kind).tolist() == pytest.approx([1.5, 5.0]), "of the last cell, 3 samples exist"


# -------------------------------------------------------------------------------------------------------------- cells


def check_cells(tiling: Cells, samples: int, place: NDArray[np.float64], step: int) -> None:
    assert (tiling.edges[0], tiling.edges[-1]) == (-0.5, samples - 0.5)
    widths = np.diff(tiling.edges)
    assert np.all(widths >= min(step / 2, samples))
    assert np.all(widths[1:-1] <= step + 1e-9)
    assert set(tiling.tile) == set(range(len(widths))), "no cell is empty"
    centre, half = (tiling.edges[1:] + tiling.edges[:-1])[tiling.tile] / 2, widths[tiling.tile] / 2
    assert np.all(np.abs(place - centre) <= half + 1e-9), "every coefficient is within half a cell of its cell's centre"


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_cells_tile_the_grid_and_hold_the_centroids_of_their_coefficients(wavelet: str) -> None:
    for samples in (1, 13, 64, 101):
        for scale in SCALES:
            for kind in KINDS:
                place = positions(samples, wavelet, scale, kind)
                check_cells(cells(samples, wavelet, scale, kind), samples, place, 2**scale)


@given(wavelets(max_taps=102), st.integers(1, 300), st.integers(1, 5), st.sampled_from(KINDS))
def test_cells_tile_a_grid_of_any_size(wavelet: str, samples: int, scale: int, kind: str) -> None:
    check_cells(cells(samples, wavelet, scale, kind), samples, positions(samples, wavelet, scale, kind), 2**scale)


@pytest.mark.parametrize("wavelet", ["haar", "db4", "sym8", "coif3", "bior2.4"])
def test_inner_cells_are_as_wide_as_their_step_and_centred_on_one_coefficient_each(wavelet: str) -> None:
    for scale in SCALES:
        tiling, place = cells(400, wavelet, scale, "d"), positions(400, wavelet, scale, "d")
        inner = slice(len(place) // 3, 2 * len(place) // 3)
        np.testing.assert_array_equal(np.diff(tiling.tile[inner]), 1)
        np.testing.assert_allclose(np.diff(tiling.edges)[tiling.tile[inner]], 2**scale)
        np.testing.assert_allclose(tiling.edges[tiling.tile[inner]] + 2**scale / 2, place[inner])


# ------------------------------------------------------------------------------------------------------------- spread


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_spreading_keeps_the_sum_of_every_band(wavelet: str) -> None:
    level = 1 if pywt.Wavelet(wavelet).dec_len > 40 else 2
    magnitudes = decompose(noise(2, 2, 13, 20), wavelet, level=level, mode="zero").map(torch.abs)
    drawn = spread(magnitudes)
    assert drawn.shape == (2, level + 1, 3, 13, 20)
    assert drawn.min() >= 0
    assert_close(drawn[:, 0, 0].sum((1, 2)), magnitudes.approximation.sum((1, 2, 3)))
    assert not drawn[:, 0, 1:].any(), "the approximation has no orientation"
    for index, detail in enumerate(magnitudes.details, start=1):
        for place, band in enumerate(detail.values()):
            assert_close(drawn[:, index, place].sum((1, 2)), band.sum((1, 2, 3)))


@given(signals(max_size=9), wavelets(max_taps=6), st.integers(1, 2))
def test_the_sum_of_the_maps_is_the_sum_of_the_coefficients(signal: Tensor, wavelet: str, level: int) -> None:
    coefficients = decompose(signal, wavelet, level=level, mode="zero")
    assert_close(spread(coefficients).flatten(1).sum(1), coefficients.total(), rtol=0, atol=1e-9)


@pytest.mark.parametrize("wavelet", ["haar", "db3", "sym8", "bior3.5"])
def test_a_sample_gets_of_a_cell_what_it_covers(wavelet: str) -> None:
    for samples in (1, 2, 29, 50):
        coefficients = decompose(noise(1, 1, samples), wavelet, level=2, mode="zero")
        for drawn, band, scale, kind in [
            (spread(coefficients)[0, 0, 0], coefficients.approximation, 2, "a"),
            (spread(coefficients)[0, 1, 0], coefficients.details[0]["d"], 2, "d"),
            (spread(coefficients)[0, 2, 0], coefficients.details[1]["d"], 1, "d"),
        ]:
            tiling = cells(samples, wavelet, scale, kind)
            left, right = tiling.edges[:-1], tiling.edges[1:]
            start = np.arange(samples)[:, None] - 0.5
            covered = np.clip(np.minimum(start + 1, right) - np.maximum(start, left), 0, None) / (right - left)
            np.testing.assert_allclose(drawn.numpy(), covered[:, tiling.tile] @ band[0, 0].numpy(), atol=1e-12)


@pytest.mark.parametrize("size", [(16,), (8, 16), (8, 4, 12)])
def test_haar_repeats_each_coefficient(size: tuple[int, ...]) -> None:
    coefficients = decompose(noise(2, 1, *size), "haar", level=2)
    drawn = spread(coefficients)
    for index, detail in enumerate([{"": coefficients.approximation}, *coefficients.details]):
        step = 2 ** min(2, 3 - index)
        for place, band in enumerate(detail.values()):
            repeated = band[:, 0]
            for axis in range(1, repeated.ndim):
                repeated = repeated.repeat_interleave(step, axis)
            assert_close(drawn[:, index, place], repeated / step ** len(size))


def test_without_a_wavelet_the_samples_are_drawn_as_they_are() -> None:
    signal = noise(2, 3, 5, 7)
    drawn = spread(decompose(signal, None))
    assert drawn.shape == (2, 1, 3, 5, 7)
    assert drawn[:, 0, 0].equal(signal.sum(1))
    assert not drawn[:, 0, 1:].any()


@pytest.mark.parametrize("wavelet", ORTHOGONAL_WAVELETS)
def test_clicks_are_drawn_where_they_are_on_average_over_a_step(wavelet: str) -> None:
    # Σ over n of ψ[n]² (n − centroid) is zero by definition of the centroid, and a step of clicks hears every ψ[n] once
    level, samples = 2, 1024
    place = torch.arange(samples // 2, samples // 2 + 2**level)
    clicks = torch.zeros(len(place), 1, samples, dtype=torch.float64)
    clicks[torch.arange(len(place)), 0, place] = 1
    energy = spread(decompose(clicks, wavelet, level=level, mode="zero").map(torch.square))[:, :, 0]
    displacement = torch.arange(samples) - place[:, None, None]
    assert_close(energy.sum((0, 2)), torch.tensor([1.0, 1.0, 2.0], dtype=torch.float64))  # a step per energy 1
    assert (energy * displacement).sum((0, 2)).abs().max() < 1e-6


@pytest.mark.parametrize("wavelet", ["haar", "db4", "sym8", "coif3", "bior2.4", "rbio2.4"])
def test_a_bright_pixel_is_seen_where_it_is(wavelet: str) -> None:
    image = torch.zeros(1, 1, 48, 96)
    image[0, 0, 13, 70] = 1
    heat = spread(decompose(image, wavelet, level=2, mode="zero").map(torch.square)).sum(2)[0]
    for scale, step in zip(heat, (4, 4, 2), strict=True):
        row, column = divmod(int(scale.argmax()), 96)
        assert abs(row - 13) <= step
        assert abs(column - 70) <= step


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_maps_stay_in_the_dtype_and_on_the_device_of_the_coefficients(dtype: torch.dtype) -> None:
    assert spread(decompose(noise(1, 1, 9, 8, dtype=dtype), "db2", level=1)).dtype == dtype
    nowhere = decompose(torch.empty(2, 3, 9, 8, dtype=dtype, device="meta"), "db2", level=1)
    drawn = spread(nowhere)
    assert (drawn.is_meta, drawn.dtype, drawn.shape) == (True, dtype, (2, 2, 3, 9, 8))


def test_a_gradient_passes_through_the_drawing() -> None:
    leaf = noise(1, 1, 9).requires_grad_()
    drawn = spread(Coefficients(leaf, (), None, 0, "zero", (9,)))
    assert torch.autograd.grad(drawn.sum(), leaf)[0].equal(torch.ones_like(leaf))


def test_atoms_that_leave_no_trace_sit_with_their_neighbours() -> None:
    """The last coefficient of bior2.2 reconstructs nothing of 37 samples: it belongs to the right border."""
    np.testing.assert_allclose(positions(37, "bior2.2", 1, "d")[-1], positions(37, "bior2.2", 1, "d")[-2])
    assert positions(37, "bior2.2", 1, "d")[-1] > 35
