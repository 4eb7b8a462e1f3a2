"""Is an explanation true? What of a mixture it keeps, where in a shape it lies, and how sure that is."""

from .mixtures import Mixture, add_noise, overlap, si_sdr
from .separation import SeparationReport, separation
from .statistics import Interval, cluster_interval
from .surface import distance_to_surface, mean_at

__all__ = [
    "Interval",
    "Mixture",
    "SeparationReport",
    "add_noise",
    "cluster_interval",
    "distance_to_surface",
    "mean_at",
    "overlap",
    "separation",
    "si_sdr",
]
