"""Signals and their wavelet coefficients: torch and ptwt, nothing of models."""

from .coefficients import Coefficients, decompose, pull_back, reconstruct
from .grid import Grid

__all__ = ["Coefficients", "Grid", "decompose", "pull_back", "reconstruct"]
