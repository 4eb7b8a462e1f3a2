"""Pictures of handwritten digits: those of `volumes`, seen from the front."""

import dataclasses

from jaxtyping import Float
from torch import Tensor

from wam_widgets.samples.sample import Sample
from wam_widgets.samples.volumes import volumes
from wam_widgets.samples.voxels import require_voxels

__all__ = ["digits", "front_view"]


def digits() -> dict[str, Sample]:
    """Return pictures of handwritten digits, "zero" to "nine".

    Each is a drawn digit of MNIST: that of `volumes`, seen from the front. They are some that `digit_model` and
    `robust_digit_model` were not trained on and recognise: how many these are of all is in their `record`.

    Returns
    -------
    dict of str to Sample
        Signals (1, 1, 16, 16), float32 from 0 (paper) to 1 (ink), axes (item, channel, row, column); targets are the
        classes of `digit_model`.

    Examples
    --------
    >>> three = digits()["three"]
    >>> three.title, tuple(three.signal.shape), three.target
    ('A three', (1, 1, 16, 16), 3)
    """
    return {
        name: dataclasses.replace(
            sample,
            signal=front_view(sample.signal),
            credit=sample.credit.replace("made three-dimensional", "made three-dimensional, and seen from the front"),
            grid=None,
        )
        for name, sample in volumes().items()
    }


def front_view(signal: Float[Tensor, "item 1 z y x"]) -> Float[Tensor, "item 1 y x"]:
    """Return what a lamp behind each volume shows: the sum along its depth, where two full voxels are as dark as any.

    Parameters
    ----------
    signal
        Volumes of one channel, shape (item, 1, z, y, x), from 0 to 1, y up.

    Returns
    -------
    Tensor
        Pictures from 0 to 1, axes (item, channel, row, column); the first row is the top.

    Raises
    ------
    TypeError, ValueError
        If the signal is no volume of one channel.

    Examples
    --------
    >>> import torch
    >>> volume = torch.tensor([[0.0, 0.5], [1.0, 1.0]]).expand(1, 1, 4, 2, 2)  # two rows, y up, four voxels deep
    >>> front_view(volume / 4)
    tensor([[[[0.5000, 0.5000],
              [0.0000, 0.2500]]]])
    """
    return (require_voxels(signal).sum(2) / 2).clamp(max=1).flip(2)
