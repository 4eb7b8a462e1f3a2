"""What the sample models of volumes ask of one."""

from torch import Tensor

from wam_widgets.transform.grid import require_signal

__all__ = ["require_voxels"]


def require_voxels(signal: Tensor, size: int | None = None) -> Tensor:
    """Check the shape of a batch of volumes; values are not looked at.

    Parameters
    ----------
    signal
        What a model was given.
    size
        Number of voxels along each axis, where the model takes no other.

    Returns
    -------
    Tensor
        The signal.

    Raises
    ------
    TypeError
        Unless `signal` is a tensor of float32 or float64.
    ValueError
        Unless its axes are (item, channel, z, y, x), with one channel, and `size` voxels along each axis.
    """
    shape = tuple(require_signal(signal).shape)
    if len(shape) != 5:
        raise ValueError(
            f"`signal` must be volumes, with the axes (item, channel, z, y, x); got shape {shape}. A single volume "
            f"without item and channel needs both, `signal[None, None]`."
        )
    if shape[1] != 1:
        raise ValueError(
            f"`signal` must have one channel, shape {(shape[0], 1, *shape[2:])}; got shape {shape}. This model was "
            f"trained on voxels that are empty or full: pass one channel, e.g. `signal.mean(1, keepdim=True)`."
        )
    if size is not None and shape[2:] != (size,) * 3:
        raise ValueError(
            f"`signal` must have {size} voxels along each axis, shape {(shape[0], 1, size, size, size)}; got shape "
            f"{shape}. Resample it, `torch.nn.functional.interpolate(signal, size=({size}, {size}, {size}), "
            f"mode='trilinear')`."
        )
    return signal
