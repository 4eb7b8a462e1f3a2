"""A small residual network on volumes, and the two that were trained for the samples."""

from jaxtyping import Float
from torch import Tensor, nn

from wam_widgets.samples.residual import MeanAndMaximum, ResidualBlock
from wam_widgets.samples.trained import trained
from wam_widgets.samples.voxels import require_voxels

__all__ = ["VoxelNet", "furniture_model", "volume_model"]


def volume_model() -> "VoxelNet":
    """Return a classifier of digits in three dimensions, ready to be explained.

    It was trained for this package (`make train-volumes`) on volumes as those of `volumes`, and recognises 96 in 100 of
    digits that it never saw, as `record("volume_model")` says in full. `former_model` does the same by attention.

    The model is in evaluation mode and its parameters have `requires_grad` off. Each call loads a model of its own and
    leaves torch's random numbers alone.

    Returns
    -------
    VoxelNet
        On the CPU, float32, for one channel of 16 x 16 x 16 voxels; `labels` are "0" to "9".

    Examples
    --------
    >>> from wam_widgets.samples import volumes
    >>> model = volume_model()
    >>> model.labels[int(model(volumes()["three"].signal).argmax())]
    '3'
    """
    return _trained("volume_model")


def furniture_model() -> "VoxelNet":
    """Return a classifier of the shapes in `furniture`, ready to be explained: chairs, lamps, people and so on.

    As `volume_model`, but trained on 275 models of a home planner, turned about the vertical axis. Of models that it
    never saw it recognises about two in three, as `record("furniture_model")` says in full: it is there to be
    explained, not to be relied upon.

    Returns
    -------
    VoxelNet
        On the CPU, float32, for one channel of 32 x 32 x 32 voxels, axes (up, depth, width); `labels` are 12 kinds of
        furniture.

    Examples
    --------
    >>> from wam_widgets.samples import furniture
    >>> model = furniture_model()
    >>> model.labels[int(model(furniture()["armchair"].signal).argmax())]
    'chair'
    """
    return _trained("furniture_model")


class VoxelNet(nn.Module):
    """Three residual blocks on ever coarser voxels, and what they find on average and at most.

    Parameters
    ----------
    labels
        Names of the classes, in the order of the output's columns.
    size
        Voxels along each axis of the volumes that it is trained on. From 32 on, the first block too halves them.

    Attributes
    ----------
    network : Module
        All that is trained: voxels to logits.

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016.

    Examples
    --------
    >>> import torch
    >>> VoxelNet(("box", "ball"), 16)(torch.rand(3, 1, 16, 16, 16)).shape
    torch.Size([3, 2])
    """

    def __init__(self, labels: tuple[str, ...], size: int) -> None:
        super().__init__()
        self.labels = labels
        self.size = size
        self.network = nn.Sequential(
            nn.BatchNorm3d(1),
            nn.Conv3d(1, 16, kernel_size=5, stride=2, padding=2, bias=False),
            nn.BatchNorm3d(16),
            nn.ReLU(),
            ResidualBlock(3, 16, 16, stride=2 if size >= 32 else 1),
            ResidualBlock(3, 16, 32, stride=2),
            ResidualBlock(3, 32, 64, stride=2),
            MeanAndMaximum(),
            nn.Dropout(0.2),
            nn.Linear(2 * 64, len(labels)),
        )

    def forward(self, signal: Float[Tensor, "item channel z y x"]) -> Float[Tensor, "item label"]:
        """Return the logits of every class.

        Parameters
        ----------
        signal
            Volumes of one channel, shape (item, 1, z, y, x), from 0 to 1; of any size, but trained on `size` voxels
            along each axis.

        Returns
        -------
        Tensor
            Axes (item, label), before the softmax.

        Raises
        ------
        TypeError, ValueError
            If the signal is no volume of one channel.
        """
        logits: Tensor = self.network(require_voxels(signal))
        return logits


def _trained(name: str) -> VoxelNet:
    return trained(name, lambda about: VoxelNet(tuple(about["labels"]), about["size"]))
