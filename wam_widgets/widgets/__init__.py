"""Views for notebooks: the only layer that knows a browser."""

from .explorers import CurveScrubber, ImageExplorer, SpectrogramPlayer, VolumeViewer, show, to_ipyvolume
from .scale_sliders import ScaleSliders

__all__ = [
    "CurveScrubber",
    "ImageExplorer",
    "ScaleSliders",
    "SpectrogramPlayer",
    "VolumeViewer",
    "show",
    "to_ipyvolume",
]
