"""Small explanations, made in no time."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import wam_widgets as wam
from tests.attribution.networks import SmallNet, signal_of


def explanation(*size: int, items: int = 1, channels: int = 2, **options: Any) -> wam.Explanation:
    """Explain random images of a size, by SmoothGrad with 16 copies at two levels unless told otherwise."""
    torch.manual_seed(0)
    signal = signal_of(*(size or (12, 17)), items=items, channels=channels).float()
    settings = {"samples": 16, "noise": 0.3, "level": 2, "progress": False, "batch_size": 4} | options
    if settings.get("method") in {"saliency", "integrated_gradients"}:
        settings.pop("noise")
    return wam.explain(SmallNet(len(signal.shape) - 2, channels).float(), signal, **settings)


class Counting(torch.nn.Module):
    """A classifier that counts its passes, and waits before each if told to."""

    labels = ("cat", "dog", "cup")

    def __init__(self) -> None:
        super().__init__()
        self.passes = 0
        self.before: Callable[[], object] = lambda: None

    def forward(self, signal: Tensor) -> Tensor:
        self.before()
        self.passes += len(signal)
        flat = signal.flatten(1)
        weights = torch.linspace(-1, 1, 3 * flat.shape[1], dtype=flat.dtype).reshape(-1, 3).sin()
        return torch.tanh(flat @ weights) * 3


#: Samples per second of the sounds here.
RATE = 8000


def sound(
    length: int = 1999, *, items: int = 1, channels: int = 1, rate: float = RATE, **options: Any
) -> wam.Explanation:
    """Explain random sounds between -1 and 1 (or `signal`), as `explanation` does it."""
    noise = signal_of(length, items=items, channels=channels).float()
    signal = options.pop("signal", noise / (1.02 * noise.abs().max()))
    grid = wam.Grid(("time",), (1 / rate,), ("s",))
    known: dict[str, Any] = {"samples": 16, "noise": 0.1, "level": 3, "progress": False, "wavelet": "db4"}
    settings = known | {"grid": grid} | options
    if settings.get("method") in {"saliency", "integrated_gradients"}:
        settings.pop("noise")
    return wam.explain(SmallNet(1, signal.shape[1]).float(), signal, **settings)
