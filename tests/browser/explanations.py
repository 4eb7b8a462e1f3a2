"""Small explanations with what the pictures of larger ones have: several scales, errors, found and unfound details."""

from __future__ import annotations

from typing import Any

import wam_widgets as wam
from tests.attribution.networks import SmallNet, signal_of


def explained(
    size: tuple[int, int] = (21, 34), *, channels: int = 3, items: int = 1, bright: bool = False, **options: Any
) -> wam.Explanation:
    """Explain noise, as `explain` does it with these options; if bright, noise between 0 and 1, like photos.

    The noise of the copies is so weak that about half of the coefficients can be told from zero.
    """
    signal = signal_of(*size, items=items, channels=channels)
    signal = signal.sigmoid() if bright else signal
    options = {"wavelet": "db4", "level": 2, "samples": 12, "progress": False} | options
    if options.get("method", "smoothgrad") == "smoothgrad":
        options = {"noise": 0.06} | options
    return wam.explain(SmallNet(2, channels), signal, **options)
