"""Signals and their wavelet coefficients: torch and ptwt, nothing of models."""

from .coefficients import Coefficients, decompose, pull_back, reconstruct
from .grid import Grid
from .logmel import LogMel
from .octaves import Octave, octaves

__all__ = ["Coefficients", "Grid", "LogMel", "Octave", "decompose", "octaves", "pull_back", "reconstruct"]
