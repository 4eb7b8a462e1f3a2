"""Models that the kernels of these tests explain."""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn


class Counted(nn.Module):
    """A small smooth classifier of three classes that counts what it is given, and can be made slow.

    Parameters
    ----------
    seconds
        How long one item takes at least.
    """

    labels = ("cat", "dog", "owl")

    def __init__(self, seconds: float = 0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.convolution = nn.Conv2d(3, 5, 3, padding=1)
            self.linear = nn.Linear(5, 3)
        self.seconds = seconds
        self.calls = 0
        self.items = 0

    def forward(self, signal: Tensor) -> Tensor:
        self.calls += 1
        self.items += len(signal)
        time.sleep(self.seconds * len(signal))
        hidden = torch.tanh(3 * self.convolution(signal))
        output: Tensor = self.linear(hidden.square().mean((2, 3)))
        return output


class Listener(nn.Module):
    """A small smooth classifier of waveforms with three classes."""

    labels = ("hum", "hiss", "beep")

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.convolution = nn.Conv1d(1, 6, 9, padding=4)
            self.linear = nn.Linear(6, 3)

    def forward(self, signal: Tensor) -> Tensor:
        output: Tensor = self.linear(torch.tanh(4 * self.convolution(signal)).square().mean(2))
        return 20 * output


def humming(seconds: float = 2.0, rate: int = 8000) -> Tensor:
    """A tone in noise, the same every time."""
    time = torch.arange(round(seconds * rate)) / rate
    noise = torch.randn(1, 1, len(time), generator=torch.Generator().manual_seed(0))
    return 0.4 * torch.sin(2 * torch.pi * 220 * time) + 0.05 * noise


def photo(size: int = 32, items: int = 1) -> Tensor:
    """Random images with something of every scale, in [0, 1], the same every time."""
    generator = torch.Generator().manual_seed(size)
    image = torch.zeros(items, 3, size, size)
    for step in (1, 4, 8, size):
        coarse = torch.rand(items, 3, -(-size // step), -(-size // step), generator=generator)
        image += coarse.repeat_interleave(step, 2).repeat_interleave(step, 3)[..., :size, :size] / 4
    return image
