"""Distances from a surface, against shapes whose distances are known."""

import math

import pytest
import torch

from wam_widgets.evaluation import distance_to_surface, mean_at


def test_distances_from_a_ball_are_its_radius_less_that_of_the_voxel() -> None:
    axis = torch.arange(33.0) - 16
    radius = (axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2).sqrt()
    found = torch.from_numpy(distance_to_surface(radius <= 10))
    # A ball of voxels is rough: its surface is half a voxel beyond the last one, on the axes, and up to one elsewhere.
    assert float((found - (radius - 10.25)).abs().max()) < 0.9
    assert found[16, 16, 16] == pytest.approx(0.5 - math.sqrt(101))  # to the next voxel outside, at (10, 1, 0)
    assert found[16, 16, 0] == 5.5  # and the nearest inside 6


def test_a_single_voxel_is_half_a_voxel_from_its_surface() -> None:
    shape = torch.zeros(5, 5, 5, dtype=torch.bool)
    shape[2, 2, 2] = True
    found = distance_to_surface(shape)
    assert found[2, 2, 2] == -0.5
    assert found[2, 2, 3] == 0.5
    assert found[0, 0, 0] == pytest.approx(2 * math.sqrt(3) - 0.5)


@pytest.mark.parametrize("full", [True, False])
def test_what_has_no_surface_is_refused(full: bool) -> None:
    with pytest.raises(ValueError, match="all 8 voxels"):
        distance_to_surface(torch.full((2, 2, 2), full))


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float32])
def test_a_shape_of_numbers_is_refused(dtype: torch.dtype) -> None:
    with pytest.raises(TypeError, match=rf"`shape` must be a tensor of bool; got {dtype}\. Pass e\.g\. `shape > 0\.5`"):
        distance_to_surface(torch.tensor([0, 0, 1, 1, 0], dtype=dtype))


def test_the_mean_follows_importance_and_not_its_amount() -> None:
    values = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    spot, even, nothing = torch.zeros(2, 2), torch.full((2, 2), 7.0), torch.zeros(2, 2)
    spot[1, 0] = 0.01
    found = mean_at(torch.stack([spot, even, nothing])[None], values)
    assert found[0, :2].tolist() == pytest.approx([3.0, 2.5])
    assert found[0, 2].isnan()
