"""Where a coefficient of a sound sits in time and frequency."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from wam_widgets.transform import decompose
from wam_widgets.transform.geometry import cells, positions
from wam_widgets.transform.logmel import hz_to_mel
from wam_widgets.transform.octaves import TimeFrequencyMap, draw_tiles, energy_share, octaves, tilings
from wam_widgets.transform.wavelet import scale_names

from .cases import WAVELETS, noise, pywt_atoms

RATE = 16_000.0
FOUR = ["haar", "db4", "sym8", "coif5"]
LEVEL = 6
AXES: list[Any] = ["linear", "log", "mel"]


def seconds(duration: float) -> Tensor:
    return torch.arange(round(duration * RATE), dtype=torch.float64) / RATE


def tone(hertz: float, duration: float = 0.5) -> Tensor:
    """A sine of this frequency that begins and ends in silence, so that no border is heard."""
    time = seconds(duration)
    return (torch.sin(2 * math.pi * hertz * time) * torch.hann_window(len(time), dtype=torch.float64))[None, None]


def drawn(sound: Tensor, wavelet: str | None, level: int = LEVEL, **options: Any) -> TimeFrequencyMap:
    return draw_tiles(decompose(sound, wavelet, level=level).map(torch.abs), RATE, **options)


def loudest(found: TimeFrequencyMap, profile: NDArray[np.float64], wavelet: str) -> str:
    """Name the scale that is largest in a profile over frequency, by the rows that lie within its octave."""
    within = [
        profile[(found.frequency_edges[:-1] > band.low - 1e-6) & (found.frequency_edges[1:] < band.high + 1e-6)]
        for band in octaves(wavelet, LEVEL, RATE)
    ]
    assert all(len(rows) for rows in within)
    return scale_names(LEVEL)[int(np.argmax([rows.max() for rows in within]))]


def scale_at(frequency: float, level: int = LEVEL) -> str:
    """Name the scale whose octave holds a frequency: counted in octaves below half the rate, by hand."""
    octaves = math.floor(math.log2(RATE / 2 / frequency)) + 1
    return f"detail {octaves}" if octaves <= level else "approximation"


# -------------------------------------------------------------------------------------------------------------- bands


def test_octaves_halve_from_half_the_sampling_rate() -> None:
    found = octaves("db4", 3, 8000.0)
    assert [(band.low, band.high) for band in found] == [(0, 500), (500, 1000), (1000, 2000), (2000, 4000)]
    assert [(band.low, band.high, band.share) for band in octaves(None, 3, 8000.0)] == [(0, 4000, 1)]


@pytest.mark.parametrize("kind", ["a", "d"])
@pytest.mark.parametrize("wavelet", WAVELETS)
def test_the_share_is_that_of_the_spectrum_of_what_pywavelets_synthesises(wavelet: str, kind: str) -> None:
    for scale in (1, 2, 3):
        atoms = pywt_atoms(2048, wavelet, scale, kind)
        atom = atoms[len(atoms) // 2]
        # All that a fine grid of frequencies can do: sums over it, with half of each end
        energy = np.abs(np.fft.rfft(atom, 2**18)) ** 2
        low, high = (2**17 >> scale, 2**18 >> scale) if kind == "d" else (0, 2**17 >> scale)
        expected = np.trapezoid(energy[low : high + 1]) / np.trapezoid(energy)
        assert energy_share(wavelet, scale, kind) == pytest.approx(expected, abs=1e-6)


def test_half_of_haar_lies_in_its_octave() -> None:
    # |H(ω)|² = 2 sin² (ω/2): from π/2 to π, 1/2 + 1/π of its integral lies
    assert energy_share("haar", 1, "d") == pytest.approx(0.5 + 1 / math.pi, abs=1e-12)
    assert energy_share("haar", 1, "a") == pytest.approx(0.5 + 1 / math.pi, abs=1e-12)
    assert all(0.48 < energy_share("haar", scale, "d") < 0.55 for scale in range(2, 16))


def test_the_continuous_haar_wavelet_is_the_limit() -> None:
    # |ψ̂(ω)|² = sin⁴(ω/4) / (ω/4)², energy 2π over all ω
    omega = np.linspace(math.pi, 2 * math.pi, 200_001)
    inside = np.trapezoid(np.sin(omega / 4) ** 4 / (omega / 4) ** 2, omega) / math.pi
    assert energy_share("haar", 20, "d") == pytest.approx(inside, abs=1e-6)


@pytest.mark.parametrize("wavelet", ["haar", "db4", "sym8", "coif5", "bior2.4", "db38"])
def test_coarse_scales_are_alike(wavelet: str) -> None:
    assert energy_share(wavelet, 11, "d") == pytest.approx(energy_share(wavelet, 12, "d"), abs=1e-6)
    assert energy_share(wavelet, 40, "d") == energy_share(wavelet, 12, "d")


def test_longer_filters_keep_more_of_their_octave() -> None:
    shares = [energy_share(wavelet, 4, "d") for wavelet in ("haar", "db2", "db4", "db8", "db20")]
    assert shares == sorted(shares)
    assert shares[-1] > 0.87


# ------------------------------------------------------------------------------------------------------------ tilings


@pytest.mark.parametrize("wavelet", FOUR)
@pytest.mark.parametrize("samples", [800, 1003])
def test_every_scale_has_its_cells_in_seconds_and_its_octave(wavelet: str, samples: int) -> None:
    found = tilings(samples, wavelet, 4, RATE)
    assert tuple(tiling.scale for tiling in found) == scale_names(4)
    for tiling, band in zip(found, decompose(noise(1, 1, samples), wavelet, level=4).bands(), strict=True):
        assert len(tiling.tile) == band[2].shape[2]
        assert (tiling.edges[0], tiling.edges[-1]) == (-0.5 / RATE, (samples - 0.5) / RATE)
    fine = cells(samples, wavelet, 1, "d")
    np.testing.assert_allclose(found[-1].edges, fine.edges / RATE)
    np.testing.assert_array_equal(found[-1].tile, fine.tile)


@pytest.mark.parametrize("wavelet", FOUR)
def test_tiles_away_from_the_border_have_the_area_of_a_half(wavelet: str) -> None:
    for tiling in tilings(4000, wavelet, LEVEL, RATE):
        inner = np.diff(tiling.edges)[2:-2]
        np.testing.assert_allclose(inner * (tiling.octave.high - tiling.octave.low), 0.5)


# ------------------------------------------------------------------------------- tones, clicks and chirps on every axis


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("wavelet", FOUR)
def test_a_tone_in_the_middle_of_an_octave_is_largest_in_that_octave(wavelet: str, axis: Any) -> None:
    for band in octaves(wavelet, LEVEL, RATE)[1:]:
        middle = math.sqrt(band.low * band.high)
        found = drawn(tone(middle), wavelet, axis=axis, rows=512)
        assert loudest(found, found.values.max(1), wavelet) == scale_at(middle)
        assert loudest(found, found.values.mean(1), wavelet) == scale_at(middle)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("wavelet", FOUR)
def test_a_deep_tone_is_largest_in_the_approximation(wavelet: str, axis: Any) -> None:
    found = drawn(tone(60.0), wavelet, axis=axis, rows=512)
    assert loudest(found, found.values.mean(1), wavelet) == "approximation" == scale_at(60.0)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("wavelet", FOUR)
def test_a_click_is_largest_within_a_cell_of_its_time_at_every_scale(wavelet: str, axis: Any) -> None:
    for place in (3000, 4001, 5555):
        click = torch.zeros(1, 1, 8000, dtype=torch.float64)
        click[0, 0, place] = 1
        found = drawn(click, wavelet, axis=axis, rows=256, columns=8000)
        for band, scale in zip(octaves(wavelet, LEVEL, RATE), [LEVEL, *range(LEVEL, 0, -1)], strict=True):
            (rows,) = np.nonzero((found.frequency_edges[:-1] >= band.low) & (found.frequency_edges[1:] <= band.high))
            for row in rows:
                loud = np.flatnonzero(found.values[row] == found.values[row].max())
                nearest = np.abs(found.times[loud] - place / RATE).min()
                assert nearest <= 2**scale / RATE, (scale, place)


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("wavelet", FOUR)
def test_a_chirp_climbs_through_the_octaves_as_its_frequency_does(wavelet: str, axis: Any) -> None:
    # An octave every 0.25 s, from 125 Hz to 8 kHz: f = 125 · 2^(4t)
    time = seconds(1.5)
    phase = 2 * math.pi * 125 / (4 * math.log(2)) * (2 ** (4 * time) - 1)
    found = drawn(torch.sin(phase)[None, None], wavelet, axis=axis, rows=512, columns=1500)
    for octave in range(6):
        middle = 0.25 * (octave + 0.5)
        around = np.abs(found.times - middle) < 0.05
        assert loudest(found, found.values[:, around].mean(1), wavelet) == scale_at(125 * 2 ** (4 * middle))


# ----------------------------------------------------------------------------------------------------- the regular grid


@pytest.mark.parametrize("axis", AXES)
def test_rows_are_evenly_spaced_on_their_axis(axis: Any) -> None:
    found = drawn(tone(1000.0, 0.1), "db4", axis=axis, rows=50, columns=40)
    assert found.values.shape == (50, 40)
    there: Any = {"linear": np.asarray, "log": np.log, "mel": hz_to_mel}[axis]
    np.testing.assert_allclose(np.diff(there(found.frequency_edges), 2), 0, atol=1e-9)
    np.testing.assert_allclose(np.diff(there(found.frequencies), 2), 0, atol=1e-9)
    assert found.frequency_edges[0] == (RATE / 2 ** (LEVEL + 2) if axis == "log" else 0)
    assert found.frequency_edges[-1] == RATE / 2
    assert (found.time_edges[0], found.time_edges[-1]) == (-0.5 / RATE, 1599.5 / RATE)


def by_hand(sound: Tensor, wavelet: str, at: NDArray[np.float64], hertz: float) -> NDArray[np.float64]:
    """Look a frequency up in all tiles, one by one."""
    coefficients = decompose(sound, wavelet, level=3)
    kinds = [(3, "a"), (3, "d"), (2, "d"), (1, "d")]
    for band, (scale, kind), (_, _, values) in zip(octaves(wavelet, 3, RATE), kinds, coefficients.bands(), strict=True):
        if band.low <= hertz < band.high:
            tiling = cells(sound.shape[2], wavelet, scale, kind)
            magnitudes = values[0].abs().sum(0).numpy()
            tile = np.searchsorted(tiling.edges, at, side="right") - 1
            return np.array([magnitudes[tiling.tile == each].sum() for each in tile])
    raise AssertionError


@pytest.mark.parametrize("pool", ["peak", "mean"])
@pytest.mark.parametrize("wavelet", ["haar", "db4"])
def test_a_cell_within_one_tile_shows_its_magnitude(wavelet: str, pool: Any) -> None:
    sound = noise(1, 2, 77)
    found = drawn(sound, wavelet, 3, axis="log", rows=4, columns=77 * 64, pool=pool)
    at = found.times * RATE
    tiling = cells(77, wavelet, 1, "d")
    inside = np.abs(at[:, None] - tiling.edges).min(1) > 1 / 64
    np.testing.assert_allclose(found.values[3, inside], by_hand(sound, wavelet, at[inside], 5000.0), atol=1e-12)
    low = by_hand(sound, wavelet, at, 600.0)
    close = np.abs(at[:, None] - cells(77, wavelet, 3, "a").edges).min(1) <= 1 / 64
    np.testing.assert_allclose(found.values[0, ~close], low[~close], atol=1e-12)


@pytest.mark.parametrize("level", [5, 7])
@pytest.mark.parametrize(
    "rate", [250.0, 8000.0, 22_050.0, 44_100.0]
)  # 250 / 2^8 and its logarithm differ by a rounding
def test_octaves_and_cells_that_only_touch_are_kept_apart(rate: float, level: int) -> None:
    nothing = decompose(torch.zeros(1, 1, 960, dtype=torch.float64), "haar", level=level)
    for number, band in enumerate(octaves("haar", level, rate)):
        names = iter(range(level + 1))
        one = nothing.map(lambda each, names=names, number=number: torch.full_like(each, next(names) == number))
        found = draw_tiles(one, rate, columns=480)
        lit = found.frequencies[found.values.any(1)]
        assert len(lit) == 12, "of an octave"
        assert max(band.low, rate / 2 ** (level + 2)) < lit.min() < lit.max() < band.high
    nothing.details[-1]["d"][0, 0, 100] = 1
    assert np.flatnonzero(draw_tiles(nothing, rate, columns=480).values.any(0)).tolist() == [100]


def test_the_peak_of_a_wide_cell_is_its_largest_tile_and_the_mean_is_by_area() -> None:
    sound = torch.zeros(1, 1, 16, dtype=torch.float64)
    sound[0, 0, 5] = 1  # Haar: its fine coefficient 2 and its coarse coefficient 1 are 1/√2 and 1/2
    fine, coarse = 2**-0.5, 0.5
    options: dict[str, Any] = {"axis": "linear", "columns": 2}
    peak = drawn(sound, "haar", 2, rows=2, pool="peak", **options)
    np.testing.assert_allclose(peak.values, [[coarse, 0], [fine, 0]], atol=1e-12)
    mean = drawn(sound, "haar", 2, rows=2, pool="mean", **options)
    np.testing.assert_allclose(mean.values, [[coarse / 2, 0], [fine / 4, 0]], atol=1e-12)
    whole = drawn(sound, "haar", 2, rows=1, pool="mean", **options)
    np.testing.assert_allclose(whole.values, [[coarse / 4 + fine / 8, 0]], atol=1e-12)


@pytest.mark.parametrize("wavelet", FOUR)
def test_on_a_linear_axis_the_mean_keeps_the_sum_of_the_coefficients(wavelet: str) -> None:
    # ... where no border tile is wider or narrower than the others: the area of a tile is a half
    sound = tone(700.0, 0.5) + tone(3000.0, 0.5)
    found = drawn(sound, wavelet, axis="linear", rows=37, columns=123, pool="mean")
    area = np.outer(np.diff(found.frequency_edges), np.diff(found.time_edges))
    total = float(decompose(sound, wavelet, level=LEVEL).map(torch.abs).total())
    assert 2 * (found.values * area).sum() == pytest.approx(total, rel=1e-3)


def test_without_a_wavelet_every_frequency_shows_the_samples() -> None:
    sound = noise(1, 2, 30)
    found = drawn(sound, None, axis="linear", rows=3)
    np.testing.assert_allclose(found.values, np.tile(sound[0].abs().sum(0).numpy(), (3, 1)))
    np.testing.assert_allclose(found.times, np.arange(30) / RATE, atol=1e-18)


@pytest.mark.parametrize("lowest", [100.0, 1234.5, 7000.0])
@pytest.mark.parametrize("axis", AXES)
def test_it_can_begin_at_any_frequency(axis: Any, lowest: float) -> None:
    sound = noise(1, 1, 500)
    found = drawn(sound, "db4", 3, axis=axis, lowest=lowest, rows=90, columns=500)
    assert found.frequency_edges[0] == lowest
    finest = drawn(sound, "db4", 3, axis="linear", rows=4, columns=500).values[-1]
    np.testing.assert_allclose(found.values[-1], finest)


# -------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"axis": "mels"}, r"`axis` must be one of 'linear', 'log', 'mel'; got 'mels'\. Did you mean 'mel'\?"),
        ({"pool": "max"}, r"`pool` must be one of 'peak', 'mean'; got 'max'"),
        ({"rows": 0}, r"`rows` must be a whole number of at least 1; got 0\. Pass e\.g\. `rows=128`"),
        ({"columns": 2.5}, r"`columns` must be a whole number of at least 1; got 2\.5"),
        (
            {"lowest": 0.0},
            r"`lowest` must be a frequency above 0 and below 8000 Hz.*got 0\.0\. Pass e\.g\. `lowest=250`",
        ),
        ({"lowest": 8000.0, "axis": "mel"}, r"from 0 and below 8000 Hz.*got 8000\.0"),
        ({"lowest": float("nan")}, r"got nan"),
    ],
    ids=str,
)
def test_impossible_options_are_refused(options: dict[str, Any], words: str, as_a_user: None) -> None:
    with pytest.raises(ValueError, match=words):
        drawn(noise(1, 1, 300), "haar", 2, **options)


@pytest.mark.parametrize(
    "signal", [noise(2, 1, 64), noise(1, 1, 16, 16), torch.empty(1, 1, 64, device="meta")], ids=["two", "image", "meta"]
)
def test_only_one_sound_with_values_can_be_drawn(signal: Tensor) -> None:
    with pytest.raises(ValueError, match=r"needs the coefficients of one sound, with values; got Coefficients\("):
        drawn(signal, "haar", 2)


def test_centroids_are_within_half_a_tile_of_their_tile() -> None:
    for tiling, (scale, kind) in zip(tilings(900, "sym8", 2, RATE), [(2, "a"), (2, "d"), (1, "d")], strict=True):
        place = positions(900, "sym8", scale, kind) / RATE
        middle = (tiling.edges[:-1] + tiling.edges[1:])[tiling.tile] / 2
        assert np.all(np.abs(place - middle) <= np.diff(tiling.edges)[tiling.tile] / 2 + 1e-12)
