"""Models and signals in, explanations out."""

from .explain import explain
from .explanation import Explanation
from .gradcam import gradcam
from .score import Contrast, Score
from .storage import load

__all__ = ["Contrast", "Explanation", "Score", "explain", "gradcam", "load"]
