"""Views of explanations: they turn what `explain` returned into arrays, and ask the model anew."""

from .curves import CurveScrubber
from .display import bundle, show
from .image import ImageExplorer
from .ipyvolume_figure import to_ipyvolume
from .sound import SpectrogramPlayer
from .volume import VolumeViewer

__all__ = ["CurveScrubber", "ImageExplorer", "SpectrogramPlayer", "VolumeViewer", "bundle", "show", "to_ipyvolume"]
