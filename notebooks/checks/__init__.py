"""Checks of the exercises, a file per lesson: each says what is right, or what to look at again. None raises."""

from .certainty import error_computed, left_over, path_refined
from .datasets import finest, stops, told
from .gradients import gradient_written, passes_reused, path_walked
from .hearing import alarmed, least_kept, without_pitch
from .images import coarsest_found, scales_mixed, side_separated
from .models import even, from_paper, wrapped
from .scales import loudest_octave, same_coefficients, split_by_hand
from .start_here import asked, counted, mixed
from .truth import compared, curve_read, unmasked
from .views import barred, guarded, linked
from .volumes import legs_shown, not_zero, roof_cut_off

__all__ = [
    "alarmed",
    "asked",
    "barred",
    "coarsest_found",
    "compared",
    "counted",
    "curve_read",
    "error_computed",
    "even",
    "finest",
    "from_paper",
    "gradient_written",
    "guarded",
    "least_kept",
    "left_over",
    "legs_shown",
    "linked",
    "loudest_octave",
    "mixed",
    "not_zero",
    "passes_reused",
    "path_refined",
    "path_walked",
    "roof_cut_off",
    "same_coefficients",
    "scales_mixed",
    "side_separated",
    "split_by_hand",
    "stops",
    "told",
    "unmasked",
    "without_pitch",
    "wrapped",
]
