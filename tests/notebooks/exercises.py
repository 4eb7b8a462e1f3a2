"""What the checks of exercises are tried on, and what they answer."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import wam_widgets as wam


class Cats(torch.nn.Module):
    """A model with as many classes as the check needs."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = torch.randn(3 * 256, 300, generator=torch.Generator().manual_seed(1)) / 8

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        return torch.tanh(signal.flatten(1) @ self.weights)


def explain(target: Any = 285, **options: Any) -> wam.Explanation:
    return wam.explain(Cats(), photos(), target, progress=False, **options)


def photos(items: int = 1, seed: int = 2) -> torch.Tensor:
    """Return small photos of noise; the same seed begins with the same photo."""
    return torch.rand(items, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.strip()


def sound(level: int = 4) -> wam.Explanation:
    """Explain noise of one channel."""
    signal = torch.rand(1, 1, 768, generator=torch.Generator().manual_seed(3))
    return wam.explain(Cats(), signal, 0, level=level, samples=8, progress=False).contribution()
