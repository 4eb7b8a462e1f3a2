"""What does an explanation of a volume cost, and the way from a gradient to its coefficients in three dimensions?"""

from collections.abc import Sequence
from functools import partial
from statistics import median

import ptwt
import torch
from torch import Tensor, nn

import wam_widgets as wam
from wam_widgets.samples import furniture_model

from .clock import Work, fastest, interleaved, ratios
from .contestants import bare, ours
from .models import small_volume_network, voxels
from .rows import Row, compared
from .speed import SIZES, settle
from .task import SAMPLES

SIDE = 32
LEVEL = 3
NOISE = 0.0001  # of the volume's range, the published one

#: With the ratio that the project wants to stay below.
WAVELETS = (("haar", 1.10), ("db4", 1.15))

#: With how many times as fast as the transpose by autograd the project wants the pull-back to be.
ADJOINTS = (("haar", None), ("db4", 10), ("bior4.4", 2))


def rows(rounds: int) -> Sequence[Row]:
    """Measure two networks at batch 1 (cheap: more rounds) and 8, and the pull-back alone."""
    # The second is so quick, some milliseconds a pass, that whatever is not the network shows.
    networks = {"small network": small_volume_network(), "sample network": furniture_model()}
    return [
        *(
            row
            for name, model in networks.items()
            for items, often in ((1, 7), (8, 3))
            for row in _passes(name, model, items, often * rounds)
        ),
        *(row for wavelet, goal in ADJOINTS for row in _adjoint(wavelet, goal, 5 * rounds)),
    ]


def _passes(name: str, model: nn.Module, items: int, rounds: int) -> Sequence[Row]:
    volumes = voxels(items, SIDE)
    inputs = volumes.repeat(SAMPLES, 1, 1, 1, 1)
    inputs += NOISE * torch.randn(inputs.shape, generator=torch.Generator().manual_seed(1))
    wanted = torch.arange(items)
    classes = wanted.repeat(SAMPLES)
    few = min(len(inputs), 2 * max(SIZES))
    best = fastest({size: partial(bare, model, inputs[:few], classes[:few], size) for size in SIZES})
    settled = settle(model, volumes)
    contestants: dict[str, Work] = {"bare": partial(bare, model, inputs, classes, best)}
    goals = {}
    for wavelet, goal in WAVELETS:
        what = f"ours: SmoothGrad, {wavelet} level {LEVEL}"
        contestants[what] = partial(
            ours, model, volumes, "smoothgrad", wavelet, LEVEL, samples=SAMPLES, size="auto", classes=wanted
        )
        goals[what] = f"<= {goal:.2f}"
    times = interleaved(contestants, rounds)
    where = f"{SIDE} x {SIDE} x {SIDE}, {name}, batch {items}"
    return [
        Row("volumes", f"{where}, bare passes, fastest sub-batch", best, "inputs"),
        Row("volumes", f"{where}, ours, automatic sub-batch", settled, "inputs"),
        *(
            compared(
                "volumes",
                f"{where}, {what}",
                ratios(each, times["bare"]),
                value=median(each),
                unit="s",
                against="bare passes",
                goal=goals.get(what, ""),
            )
            for what, each in times.items()
        ),
    ]


def _adjoint(wavelet: str, goal: int | None, rounds: int) -> Sequence[Row]:
    """Carry eight gradients to coefficients, and let autograd transpose the synthesis of ptwt."""
    gradient = torch.randn(8, 1, SIDE, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    contestants: dict[str, Work] = {
        "ptwt.waverec3 and backward": _transposed(gradient, wavelet),
        "ours": partial(wam.pull_back, gradient, wavelet, level=LEVEL),
    }
    interleaved(contestants, 1)  # warms up
    times = interleaved(contestants, rounds)
    where = f"8 x {SIDE} x {SIDE} x {SIDE}, {wavelet} level {LEVEL}, the adjoint alone"
    theirs = times["ptwt.waverec3 and backward"]
    faster = ratios(theirs, times["ours"])
    return [
        Row("volumes", f"{where}: ptwt.waverec3 and backward", 1000 * median(theirs), "ms"),
        compared(
            "volumes",
            f"{where}: ours; the ratio is how many times as fast",
            faster,
            value=1000 * median(times["ours"]),
            unit="ms",
            against="waverec3",
            goal=f">= {goal}" if goal else "",
        ),
    ]


def _transposed(gradient: Tensor, wavelet: str) -> Work:
    """Return what differentiates the synthesis with respect to coefficients that are ready."""
    coarse, *details = ptwt.wavedec3(gradient, wavelet, mode="zero", level=LEVEL)
    leaves = [coarse, *(band for detail in details for band in detail.values())]
    for band in leaves:
        band.requires_grad_()

    def work() -> object:
        signal = ptwt.waverec3((coarse, *details), wavelet)
        return torch.autograd.grad(signal, leaves, gradient)

    return work
