"""How far from the surface of a shape importance lies."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor


def distance_to_surface(shape: Bool[Tensor, "*space"]) -> NDArray[np.float64]:
    r"""Return how far every voxel's centre is from a shape's surface: above 0 outside, below 0 inside.

    The surface lies half way between a voxel of the shape and a neighbour that is none. Where the border of the volume
    cuts a shape, it has no surface.

    Parameters
    ----------
    shape : Tensor of bool, shape (\*space)
        True within the shape.

    Returns
    -------
    float array, shape (\*space)
        In voxels: the Euclidean distance to the centre of the nearest voxel on the other side, less a half.

    Raises
    ------
    TypeError
        Unless the shape is a tensor of bool.
    ValueError
        If all or none is within the shape, so that it has no surface.

    Examples
    --------
    >>> import torch
    >>> distance_to_surface(torch.tensor([False, False, True, True, True, False])).tolist()
    [1.5, 0.5, -0.5, -1.5, -0.5, 0.5]
    """
    if getattr(shape, "dtype", None) != torch.bool:
        raise TypeError(
            f"`shape` must be a tensor of bool; got {getattr(shape, 'dtype', type(shape).__name__)}. Pass e.g. "
            f"`shape > 0.5`."
        )
    within = shape.cpu().numpy()
    if within.all() or not within.any():
        raise ValueError(
            f"`shape` must be true somewhere and false elsewhere, as it has no surface otherwise; all "
            f"{within.size} voxels are {bool(within.any())}. Choose another threshold."
        )
    outside, inside = distance_transform_edt(~within), distance_transform_edt(within)
    found: NDArray[np.float64] = np.where(within, 0.5 - inside, outside - 0.5)
    return found


def mean_at(
    importance: Float[Tensor, "item scale *space"], values: Float[Tensor, " item *space"]
) -> Float[Tensor, "item scale"]:
    r"""Return the mean of values over space, weighted by importance.

    Parameters
    ----------
    importance : Tensor, shape (item, scale, \*space)
        From 0 on, such as an explanation's `maps()`. Its sum doesn't matter.
    values : Tensor, shape (item, \*space)
        One for each place, such as `distance_to_surface`.

    Returns
    -------
    Tensor, shape (item, scale)
        In the values' unit; NaN where a scale has no importance at all.

    Examples
    --------
    >>> import torch
    >>> mean_at(torch.tensor([[[1.0, 0.0, 3.0], [1.0, 1.0, 1.0]]]), torch.tensor([[4.0, 5.0, 0.0]]))
    tensor([[1., 3.]])
    """
    weights = importance.flatten(2)
    return (weights * values.flatten(1)[:, None]).sum(2) / weights.sum(2)
