"""How much faster is another view of the same passes than new passes?"""

from collections.abc import Sequence
from functools import partial
from statistics import median

from torch import Tensor, nn

import wam_widgets as wam

from .clock import interleaved, ratios, seconds
from .models import photos, resnet18, targets
from .rows import Row, compared

WAVELETS = ("db4", "sym5", "bior2.2", "coif2", "db2")
LEVEL = 4


def rows(rounds: int) -> Sequence[Row]:
    """Measure `view` + `maps` of SmoothGrad over 25 copies of one image, in several wavelets."""
    model, image = resnet18(), photos(1)
    explanation = wam.explain(model, image, targets(1), progress=False)  # also finds the sub-batch
    explanation.maps()
    cold, warm, recomputed = [], [], []
    for wavelet in WAVELETS[: max(1, rounds)]:
        look = partial(_view, explanation, wavelet)
        cold.append(seconds(look))  # the first look at a wavelet also finds where its coefficients sit
        times = interleaved({"view": look, "recompute": partial(_recompute, model, image, wavelet)}, 1)
        warm.append(median([*times["view"], *(seconds(look) for _ in range(4))]))
        recomputed += times["recompute"]
    what = f"one image, level {LEVEL}, median over {len(cold)} wavelets"
    return [
        Row("view", f"explain + maps, {what}", median(recomputed), "s"),
        _row("view + maps, first look at a wavelet", cold, recomputed),
        _row("view + maps, later", warm, recomputed),
    ]


def _row(what: str, times: list[float], recomputed: list[float]) -> Row:
    faster = ratios(recomputed, times)
    against = "recomputing: times faster"
    return compared("view", what, faster, value=median(times), unit="s", against=against, goal=">= 50")


def _view(explanation: wam.Explanation, wavelet: str) -> Tensor:
    return explanation.view(wavelet=wavelet, level=LEVEL).maps()


def _recompute(model: nn.Module, image: Tensor, wavelet: str) -> Tensor:
    return wam.explain(model, image, targets(1), wavelet=wavelet, level=LEVEL, progress=False).maps()
