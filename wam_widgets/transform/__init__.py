"""Signals and their wavelet coefficients: torch and ptwt, nothing of models."""

from .coefficients import Coefficients, decompose, pull_back, reconstruct
from .grid import Grid
from .logmel import LogMel
from .octaves import Band, bands

__all__ = ["Band", "Coefficients", "Grid", "LogMel", "bands", "decompose", "pull_back", "reconstruct"]
