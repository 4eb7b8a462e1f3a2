"""What the residual networks of sound and of volumes are made of."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["MeanAndMaximum", "ResidualBlock"]

_CONVOLUTIONS = {2: nn.Conv2d, 3: nn.Conv3d}
_NORMALISATIONS = {2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


class ResidualBlock(nn.Module):
    """Two convolutions whose result is added to the input; one of a single sample fits the input where shapes differ.

    Parameters
    ----------
    dimensions
        Number of spatial axes: 2 for spectrograms, 3 for volumes.
    inputs, outputs
        Numbers of channels.
    stride
        Step of the first convolution along each axis.

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016.
    """

    def __init__(self, dimensions: int, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        convolution, normalisation = _CONVOLUTIONS[dimensions], _NORMALISATIONS[dimensions]
        self.change = nn.Sequential(
            convolution(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False),
            normalisation(outputs),
            nn.ReLU(),
            convolution(outputs, outputs, kernel_size=3, padding=1, bias=False),
            normalisation(outputs),
        )
        self.shortcut = (
            nn.Identity()
            if inputs == outputs and stride == 1
            else nn.Sequential(
                convolution(inputs, outputs, kernel_size=1, stride=stride, bias=False), normalisation(outputs)
            )
        )

    def forward(self, features: Float[Tensor, "item channel *space"]) -> Float[Tensor, "item feature *smaller"]:
        """Return the changed features, rectified."""
        added: Tensor = self.shortcut(features) + self.change(features)
        return added.relu()


class MeanAndMaximum(nn.Module):
    """Each channel's mean and maximum over space, side by side: so that any size will do."""

    def forward(self, features: Float[Tensor, "item channel *space"]) -> Float[Tensor, "item feature"]:
        """Return both, the means first."""
        space = tuple(range(2, features.ndim))
        return torch.cat([features.mean(space), features.amax(space)], dim=1)
