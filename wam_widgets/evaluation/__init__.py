"""Is an explanation true? What the model says without it, what of a mixture it keeps, and how sure that is."""

from .adapters import as_captum, as_quantus
from .benchmark import BenchmarkReport, benchmark
from .curves import deletion, frames, insertion
from .explainer import Explainer, standard_methods
from .faithfulness import FaithfulnessReport, evaluate
from .fidelity import PartFidelity, infidelity, max_sensitivity, mu_fidelity, part_fidelity
from .localisation import energy_inside, pointing_game, sparsity
from .minimal import MinimalSignal, OptimisedMask, minimal_signal, optimise_mask
from .mixtures import Mixture, add_noise, overlap, si_sdr
from .pairs import Pairs, both_recognised, draw_pairs, mixed, side_by_side
from .profile import ScaleProfile, scale_profile
from .protocols import PROTOCOLS, Protocol
from .sanity import SanityReport, sanity_check
from .separation import SeparationReport, separation
from .statistics import FEWEST_CLUSTERS, Interval, cluster_interval, holm, paired_test
from .surface import distance_to_surface, mean_at
from .tracing import Curve

__all__ = [
    "FEWEST_CLUSTERS",
    "PROTOCOLS",
    "BenchmarkReport",
    "Curve",
    "Explainer",
    "FaithfulnessReport",
    "Interval",
    "MinimalSignal",
    "Mixture",
    "OptimisedMask",
    "Pairs",
    "PartFidelity",
    "Protocol",
    "SanityReport",
    "ScaleProfile",
    "SeparationReport",
    "add_noise",
    "as_captum",
    "as_quantus",
    "benchmark",
    "both_recognised",
    "cluster_interval",
    "deletion",
    "distance_to_surface",
    "draw_pairs",
    "energy_inside",
    "evaluate",
    "frames",
    "holm",
    "infidelity",
    "insertion",
    "max_sensitivity",
    "mean_at",
    "minimal_signal",
    "mixed",
    "mu_fidelity",
    "optimise_mask",
    "overlap",
    "paired_test",
    "part_fidelity",
    "pointing_game",
    "sanity_check",
    "scale_profile",
    "separation",
    "si_sdr",
    "side_by_side",
    "sparsity",
    "standard_methods",
]
