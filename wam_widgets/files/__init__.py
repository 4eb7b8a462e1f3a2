"""Files that people have, as `wam.explain` takes them: recordings, scans, arrays, MedMNIST and shapes."""

from wam_widgets.files.datasets import ESC50, ImageFolder
from wam_widgets.files.medmnist import load_medmnist
from wam_widgets.files.shapes import voxelise
from wam_widgets.files.sound import load_sound, to_wav
from wam_widgets.files.volume import load_volume

__all__ = ["ESC50", "ImageFolder", "load_medmnist", "load_sound", "load_volume", "to_wav", "voxelise"]
