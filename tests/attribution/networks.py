"""Small networks whose gradients are cheap and not trivial."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


class SmallNet(nn.Module):
    """A convolution, a smooth nonlinearity, the mean over space and three columns, in float64."""

    def __init__(self, space: int, channels: int = 2) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(space)
            self.convolution = CONVOLUTIONS[space - 1](channels, 5, 3, padding=1, dtype=torch.float64)
            self.linear = nn.Linear(5, 3, dtype=torch.float64)

    def forward(self, signal: Tensor) -> Tensor:
        hidden = torch.tanh(3 * self.convolution(signal))
        output: Tensor = self.linear(hidden.square().flatten(2).mean(2))
        return output


def signal_of(*size: int, items: int = 2, channels: int = 2) -> Tensor:
    """A random batch in float64, the same for the same size."""
    generator = torch.Generator().manual_seed(sum(size))
    return torch.randn(items, channels, *size, dtype=torch.float64, generator=generator)


def linear(weights: Tensor) -> Any:
    """A model whose only column is the inner product with `weights`."""
    return lambda signal: (signal * weights).flatten(1).sum(1, keepdim=True)
