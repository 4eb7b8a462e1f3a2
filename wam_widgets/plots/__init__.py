"""Static figures of an explanation, fit for a paper: what a page without JavaScript shows.

`plot` draws everything in one figure; the other functions draw one part each. All return a matplotlib figure, which a
notebook displays and `figure.savefig("name.pdf")` writes. They are made without pyplot, so that no global state of
matplotlib changes, and they set their own colours and sizes, so that a style of yours changes the font at most.
"""

from .bars import scale_contributions, scale_profiles, scale_shares, significance
from .faithfulness import faithfulness_curves
from .maps import heatmap, scale_maps
from .minimal import minimal_signals
from .mosaics import mosaic
from .overview import glance, picture, plot
from .separation import separation_bars, separation_curves
from .spectrograms import spectrogram

__all__ = [
    "faithfulness_curves",
    "glance",
    "heatmap",
    "minimal_signals",
    "mosaic",
    "picture",
    "plot",
    "scale_contributions",
    "scale_maps",
    "scale_profiles",
    "scale_shares",
    "separation_bars",
    "separation_curves",
    "significance",
    "spectrogram",
]
