"""Where an explanation's importance lies: on few positions or many, and within a mask or not. No model is called."""

from __future__ import annotations

from typing import get_args

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from wam_widgets.attribution import Explanation
from wam_widgets.checks import finite_number, require_one_of
from wam_widgets.transform import Coefficients
from wam_widgets.transform.geometry import spread
from wam_widgets.transform.grid import real_numbers

from .protocols import Order
from .ranking import Importance
from .statistics import Values


def sparsity(importance: Importance) -> Values:
    r"""Return on how few positions importance rests: the Gini index of the magnitudes.

    Parameters
    ----------
    importance : Explanation, Coefficients or Tensor
        In its own terms: the magnitudes of coefficients, or of samples, summed over channels. A tensor is a map of the
        samples, shape (item, \*space).

    Returns
    -------
    float array, shape (item,)
        From 0, all positions alike, to 1 - 1 / n, one of n positions holds all. NaN where all are zero.

    Raises
    ------
    TypeError, ValueError
        For what is no importance of positions, or isn't finite.

    Notes
    -----
    Half the mean difference of two positions, drawn with replacement, as a fraction of the mean. Sparse isn't true: a
    photo's own coefficients, which have seen no model, are sparse too. Compare in one wavelet, level and kind.

    References
    ----------
    Hurley, Rickard, Comparing Measures of Sparsity, IEEE Transactions on Information Theory 55, 2009.

    Examples
    --------
    >>> sparsity(torch.tensor([[1.0, 1.0, 1.0, 1.0], [0.0, -5.0, 0.0, 0.0]])).tolist()
    [0.0, 0.75]
    """
    if isinstance(importance, (Explanation, Coefficients)):
        coefficients = importance.attribution if isinstance(importance, Explanation) else importance
        magnitudes = _require_finite(coefficients.flatten()).abs().sum(1)
    else:
        magnitudes = _require_map(importance).abs().flatten(1)
    largest_first = (magnitudes / magnitudes.amax(1, keepdim=True)).sort(1, descending=True).values
    count = largest_first.shape[1]
    places = torch.arange(count, dtype=torch.float64, device=magnitudes.device) + 0.5
    return _per_item(1 - 2 * (largest_first * places).sum(1) / largest_first.sum(1) / count)


def pointing_game(
    importance: Importance,
    masks: Bool[Tensor, " item *space"],
    *,
    order: Order = "magnitude",
    tolerance: float = 0.0,
) -> Values:
    r"""Return whether the most important place lies within a mask.

    Parameters
    ----------
    importance : Explanation, Coefficients or Tensor
        Seen as a map of the samples: the heat map of an explanation. A tensor is such a map, shape (item, \*space).
    masks : Tensor of bool, shape (item, \*space)
        Where the thing lies that is asked for, such as `mask` of `Pairs`.
    order : {"magnitude", "signed"}
        By magnitude; or by contribution, channels and scales added up, of which only what is above zero counts. Of two
        things in one signal only the sign says which of them speaks for the class.
    tolerance : float
        A place outside counts as well if it is at most this far, in samples, from the mask's nearest one. The published
        rule has 15 pixels for photos.

    Returns
    -------
    float array, shape (item,)
        1 where it does, 0 where not; where several places are the most important, the share of them that does. NaN
        where the map is zero everywhere (in the signed order: nowhere above zero), as it points nowhere.

    Raises
    ------
    TypeError, ValueError
        For masks of another shape, or with nothing in them; for what isn't an importance of their items; for a
        tolerance below 0.

    Notes
    -----
    By chance it is the mask's share of the samples, after it has grown by the tolerance: compare with that. A coarse
    wavelet coefficient is drawn all over its cell, so that several places are often equal.

    On 30 pairs of held-out digits side by side, each of the two asked for in turn (chance: a half; ± standard error
    over pairs), with `digit_model` and Integrated Gradients in haar, level 2:

    =====================================  =============  ===============
    map                                    pointing game  `energy_inside`
    =====================================  =============  ===============
    contributions to A - B, signed         0.98 ± 0.02    0.77 ± 0.01
    the same in the pixels                 0.87 ± 0.05    0.67 ± 0.01
    contributions to A, signed             0.95 ± 0.03    0.73 ± 0.02
    contributions to A, by magnitude       0.68 ± 0.05    0.57 ± 0.01
    contributions to A - B, by magnitude   0.50           0.50
    the input's own magnitude, no model    0.50           0.50
    =====================================  =============  ===============

    The last two point to the same place whichever is asked for: right for one of them.

    References
    ----------
    Zhang, Lin, Brandt, Shen, Sclaroff, Top-down Neural Attention by Excitation Backprop, ECCV 2016.

    Examples
    --------
    >>> mask = torch.tensor([[False, True, True, False]])
    >>> pointing_game(torch.tensor([[0.0, 0.0, 2.0, -3.0]]), mask).tolist()
    [0.0]
    >>> pointing_game(torch.tensor([[0.0, 0.0, 2.0, -3.0]]), mask, order="signed").tolist()
    [1.0]
    """
    reach = finite_number(tolerance)
    if reach is None or reach < 0:
        raise ValueError(f"`tolerance` must be a number of samples from 0; got {tolerance!r}. Pass e.g. `tolerance=2`.")
    heat = _map_of(importance, order)
    inside = _require_masks(masks, heat)
    if reach > 0:
        near = [distance_transform_edt(~mask) <= reach for mask in inside.cpu().numpy()]
        inside = torch.from_numpy(np.stack(near)).to(heat.device)
    flat = heat.flatten(1)
    largest = flat.amax(1, keepdim=True)
    points = (flat == largest) & (largest > 0)
    return _per_item((points & inside.flatten(1)).sum(1).double() / points.sum(1))


def energy_inside(importance: Importance, masks: Bool[Tensor, " item *space"], *, order: Order = "magnitude") -> Values:
    r"""Return how much of the importance lies within a mask (the energy-based pointing game).

    Parameters
    ----------
    importance, masks, order
        As for `pointing_game`.

    Returns
    -------
    float array, shape (item,)
        The sum of the map within the mask as a fraction of its whole sum; as published, of values and not of squares.
        NaN where the map is zero everywhere (in the signed order: nowhere above zero).

    Raises
    ------
    TypeError, ValueError
        As for `pointing_game`.

    Notes
    -----
    By chance it is the mask's share of the samples: compare with that.

    References
    ----------
    Wang, Wang, Du, Yang, Zhang, Ding, Mardziel, Hu, Score-CAM, CVPR Workshops 2020.

    Examples
    --------
    >>> mask = torch.tensor([[False, True, True, False]])
    >>> energy_inside(torch.tensor([[1.0, 0.0, 2.0, -5.0]]), mask).tolist()
    [0.25]
    """
    heat = _map_of(importance, order)
    inside = _require_masks(masks, heat)
    flat = heat.flatten(1)
    flat = flat / flat.amax(1, keepdim=True)
    return _per_item((flat * inside.flatten(1)).sum(1) / flat.sum(1))


def _per_item(values: Float[Tensor, " item"]) -> Values:
    """Return one number per item, wherever the maps are, as intervals and tests take them."""
    found: Values = values.cpu().numpy()
    return found


def _map_of(importance: Importance, order: Order) -> Float[Tensor, " item *space"]:
    """Return importance on the signal's grid, from 0 on, in float64."""
    require_one_of("order", order, get_args(Order))
    if not isinstance(importance, (Explanation, Coefficients)):
        given = _require_map(importance)
        return given.abs() if order == "magnitude" else given.clamp(min=0)
    if isinstance(importance, Explanation):
        importance = (importance if order == "magnitude" else importance.contribution()).attribution
    _require_finite(importance.flatten())
    drawn = spread(importance.map(lambda band: (band.abs() if order == "magnitude" else band).double()))
    return drawn.sum((1, 2)).clamp(min=0)


def _require_map(given: object) -> Float[Tensor, " item *space"]:
    """Return a map of the samples in float64, if it is one."""
    found = real_numbers(given)
    if found is None:
        raise TypeError(
            f"`importance` must be an Explanation, Coefficients or a map of the samples; got {type(given).__name__}. "
            f"Pass what `explain`, `pull_back` or `gradcam` returned."
        )
    if found.ndim < 2 or found.ndim > 4 or 0 in found.shape:
        raise ValueError(
            f"A map must have the shape (item, *space), with one to three spatial axes; got {tuple(found.shape)}. Add "
            f"up its channels, e.g. `map.sum(1)`, or give a single map its item axis, `map[None]`."
        )
    return _require_finite(found)


def _require_finite(values: Tensor) -> Tensor:
    """Return values in float64, where none of them can overflow in a sum, if they are finite."""
    found = values.detach().double()
    if not bool(torch.isfinite(found).all()):
        raise ValueError("`importance` must be finite; got NaN or inf. Look at the model's gradient.")
    return found


def _require_masks(masks: object, heat: Tensor) -> Bool[Tensor, " item *space"]:
    """Return masks on the device of the maps, if they can be of the same items and none is empty."""
    found = real_numbers(masks)
    if found is None or found.dtype != torch.bool:
        got = type(masks).__name__ if found is None else found.dtype
        raise TypeError(
            f"`masks` must be truth values; got {got}. Pass e.g. `pairs.mask` of two things side by side (two that are "
            f"mixed have no place), or `masks > 0`."
        )
    if found.shape != heat.shape:
        raise ValueError(
            f"`masks` must have the shape of the maps, (item, *space) = {tuple(heat.shape)}; got {tuple(found.shape)}. "
            f"Of `Pairs`, pass `pairs.mask`; one mask for all items, as `mask.expand({len(heat)}, …)`."
        )
    empty = (~found.flatten(1).any(1)).nonzero()[:, 0].tolist()
    if empty:
        raise ValueError(
            f"A mask must be true somewhere, or nothing can lie within it; that of item {empty[0]} is not. Leave such "
            f"items out."
        )
    return found.to(heat.device)
