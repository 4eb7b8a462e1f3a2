"""Is an explanation true? What of a mixture it keeps, and how sure that is."""

from .mixtures import Mixture, add_noise, overlap, si_sdr
from .separation import SeparationReport, separation
from .statistics import Interval, cluster_interval

__all__ = [
    "Interval",
    "Mixture",
    "SeparationReport",
    "add_noise",
    "cluster_interval",
    "overlap",
    "separation",
    "si_sdr",
]
