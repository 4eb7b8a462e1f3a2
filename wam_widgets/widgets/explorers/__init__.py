"""Views of explanations: they turn what `explain` returned into arrays, and ask the model anew."""

from .display import bundle, show
from .image import ImageExplorer

__all__ = ["ImageExplorer", "bundle", "show"]
