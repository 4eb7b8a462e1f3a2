"""Models and signals in, explanations out."""

from .explain import explain
from .explanation import Explanation
from .gradcam import gradcam
from .score import Contrast, Score
from .storage import load
from .time_frequency import time_frequency_map

__all__ = ["Contrast", "Explanation", "Score", "explain", "gradcam", "load", "time_frequency_map"]
