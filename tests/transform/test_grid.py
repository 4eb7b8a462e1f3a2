import dataclasses
import re
from typing import Any

import numpy as np
import pytest
import torch

from wam_widgets.transform import Grid
from wam_widgets.transform.grid import dimensions, energy, require_signal


@pytest.mark.parametrize(
    ("count", "name", "axes", "unit", "orientations"),
    [
        (1, "sound", ("time",), "sample", 1),
        (2, "image", ("y", "x"), "px", 3),
        (3, "volume", ("z", "y", "x"), "voxel", 7),
    ],
)
def test_each_number_of_dimensions_has_its_words(
    count: int, name: str, axes: tuple[str, ...], unit: str, orientations: int
) -> None:
    known = dimensions(count)
    assert (known.name, known.axes, known.unit) == (name, axes, unit)
    assert len(known.orientations) == orientations == 2**count - 1, "every choice of filters but all low-pass"
    assert all(set(filters) <= {"a", "d"} and len(filters) == count for filters in known.orientations)
    assert Grid.default(count) == Grid(axes, (1.0,) * count, (unit,) * count)


def test_the_published_noise_is_that_of_the_experiments() -> None:
    assert [dimensions(count).published_noise for count in (1, 2, 3)] == [0.001, 0.25, 0.0001]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_an_energy_is_precise_however_loud_the_signal(dtype: torch.dtype) -> None:
    loudness = torch.tensor([0, 1e-30, 1e-21, 1e-15, 1, 1e15, 1e18, 1e30], dtype=dtype)
    signal = loudness[:, None, None] * torch.randn(8, 2, 100_000, generator=torch.Generator().manual_seed(0)).to(dtype)
    found = energy(signal)
    assert found.dtype == torch.float64
    expected = np.square(signal.double().numpy()).sum((1, 2))  # NumPy's
    np.testing.assert_allclose(found, expected, rtol=1e-6 if dtype == torch.float32 else 1e-12)


def test_a_grid_can_be_told_and_not_changed() -> None:
    affine = tuple(map(tuple, np.diag([2.0, 0.5, 0.5, 1]).tolist()))
    grid = Grid(("z", "y", "x"), (2.0, 0.5, 0.5), ("mm", "mm", "mm"), affine)
    assert grid.affine == affine
    with pytest.raises(dataclasses.FrozenInstanceError):
        grid.spacing = (1.0, 1.0, 1.0)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"axes": ("x",)}, r"one entry per spatial axis; got \('x',\), \(1\.0, 1\.0\) and .* Pass e\.g\. `Grid\("),
        ({"units": ("mm",) * 3}, r"one entry per spatial axis; got .*\('mm', 'mm', 'mm'\)"),
        ({"spacing": (1.0, 0.0)}, r"`spacing` of a grid must be positive; got \(1\.0, 0\.0\)\. Pass e\.g\."),
        ({"spacing": (1.0, -1.0)}, r"must be positive; got \(1\.0, -1\.0\)"),
        ({"spacing": (float("nan"), 1.0)}, r"must be positive; got \(nan, 1\.0\)"),
        ({"spacing": (float("inf"), 1.0)}, r"must be positive; got \(inf, 1\.0\)"),
        (
            {"affine": ((1.0,) * 4,) * 3},
            r"got 3 rows of lengths \[4, 4, 4\].*Pass e\.g\. `image\.affine\[:, \[2, 1, 0, 3\]\]`",
        ),
        ({"affine": ((1.0,) * 3,) * 4}, r"got 4 rows of lengths \[3, 3, 3, 3\]"),
        (
            {"affine": ((float("nan"),) * 4,) * 4},
            r"4 x 4 matrix of finite numbers; got 4 rows .*\(\(nan",
        ),
        ({"affine": ((1.0,) * 4,) * 4}, r"must have the last row \(0, 0, 0, 1\); got \(1\.0, 1\.0, 1\.0, 1\.0\)\."),
        (
            {"affine": tuple(map(tuple, np.eye(4).tolist()))},
            r"must belong to three axes, and .* spacing \(1\.0, 1\.0\)",
        ),
    ],
)
def test_an_impossible_grid_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Grid(**{"axes": ("y", "x"), "spacing": (1.0, 1.0), "units": ("mm", "mm"), **options})


def test_an_affine_in_the_order_of_the_file_is_refused_where_the_spacing_tells() -> None:
    in_file = np.array([[0.0, -2, 0, 7], [0.5, 0, 0, 8], [0, 0, 3, 9], [0, 0, 0, 1]])  # of the axes (i, j, k)
    spacing = (3.0, 2.0, 0.5)
    words = r"spacing \(3\.0, 2\.0, 0\.5\); they are \(0\.5, 2\.0, 3\.0\)\. Pass e\.g\. `image\.affine\[:"
    with pytest.raises(ValueError, match=words):
        Grid(("z", "y", "x"), spacing, ("mm",) * 3, tuple(map(tuple, in_file.tolist())))
    made = Grid(("z", "y", "x"), spacing, ("mm",) * 3, tuple(map(tuple, in_file[:, [2, 1, 0, 3]].tolist())))
    assert np.array(made.affine) @ (5, 4, 3, 1) == pytest.approx(in_file @ (3, 4, 5, 1))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({(3, 3): 5.0}, r"last row \(0, 0, 0, 1\); got \(0\.0, 0\.0, 0\.0, 5\.0\)\. Pass"),
        ({(1, 1): 0.0, (0, 1): 1.0}, r"must have axes that differ; got .*, whose columns lie in one plane\. Pass"),
        ({(2, 2): 2.0}, r"spacing \(1\.0, 1\.0, 1\.0\); they are \(1\.0, 1\.0, 2\.0\)\. Pass"),
    ],
)
def test_an_affine_that_is_none_of_a_volume_is_refused(changes: dict[tuple[int, int], float], words: str) -> None:
    affine = np.eye(4)
    for place, value in changes.items():
        affine[place] = value
    with pytest.raises(ValueError, match=words):
        Grid(("z", "y", "x"), (1.0,) * 3, ("mm",) * 3, tuple(map(tuple, affine.tolist())))


@pytest.mark.parametrize("step", [1, 2, 3, (1, 2, 3), (3, 1, 2)])
def test_a_coarser_grid_is_that_of_what_is_pooled(step: int | tuple[int, int, int]) -> None:
    affine = np.array([[0.0, -2, 0, 7], [0, 0, 0.5, 8], [3.0, 0, 0, 9], [0, 0, 0, 1]])
    grid = Grid(("z", "y", "x"), (3.0, 2.0, 0.5), ("mm",) * 3, tuple(map(tuple, affine.tolist())))
    places = torch.stack(torch.meshgrid(*(torch.arange(6.0),) * 3, indexing="ij"))
    world = torch.einsum("wa,azyx->wzyx", torch.from_numpy(affine[:3, :3]).float(), places)
    pooled = torch.nn.functional.avg_pool3d(world, step)
    coarse = grid.coarser(step)
    assert coarse.spacing == tuple(np.array(step) * grid.spacing)
    found = np.array(coarse.affine) @ (1, 0, 1, 1)
    assert found[:3] == pytest.approx(pooled[:, 1, 0, 1].numpy() + affine[:3, 3])
    if isinstance(step, int):
        assert Grid.sound(8000).coarser(step).sample_rate == pytest.approx(8000 / step)


def test_a_step_that_is_none_is_refused(as_a_user: None) -> None:
    with pytest.raises(ValueError, match=r"`step` must be a whole number of at least 1; got 0"):
        Grid.default(3).coarser(0)
    with pytest.raises(ValueError, match=r"at least 1; got 0\.5"):
        Grid.default(3).coarser((1, 0.5, 1))  # type: ignore[arg-type]  # the mistake
    with pytest.raises(ValueError, match=r"one per axis \('z', 'y', 'x'\); got \(1, 2\)\. Pass e\.g\. `step=2`"):
        Grid.default(3).coarser((1, 2))


def test_lists_and_arrays_make_a_grid_too(as_a_user: None) -> None:
    made = Grid(["z", "y", "x"], np.array([2.0, 1, 1]), ["mm"] * 3, np.diag([2.0, 1, 1, 1]))  # type: ignore[arg-type]
    rows = tuple(map(tuple, np.diag([2.0, 1, 1, 1]).tolist()))
    told = Grid(("z", "y", "x"), (2.0, 1.0, 1.0), ("mm",) * 3, rows)
    assert made == told
    assert hash(made) == hash(told)
    for spacing in (("a", 1), ((1, 2), 1), [1.0, True]):
        words = rf"`spacing` of a grid must be positive; got {re.escape(str(spacing))}\. Pass e\.g\."
        with pytest.raises(ValueError, match=words):
            Grid(("y", "x"), spacing, ("mm",) * 2)  # type: ignore[arg-type]  # the mistake
    with pytest.raises(ValueError, match="one entry per spatial axis"):
        Grid(("x",), 1.0, ("mm",))  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 3, 4, 5), (1, 1, 2, 2, 2)])
def test_a_signal_passes_unchanged(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    signal = torch.zeros(shape, dtype=dtype)
    assert require_signal(signal) is signal


def test_the_name_in_the_error_is_that_of_the_argument() -> None:
    with pytest.raises(ValueError, match=r"^`baseline` must have the axes .*`baseline\[None\]`"):
        require_signal(torch.zeros(3), "baseline")
