"""How much dearer is an explanation than the model passes that it can't do without?"""

from collections.abc import Sequence
from functools import partial
from statistics import median

import torch
from torch import Tensor, nn

from wam_widgets.attribution.passes import sub_batch_for

from .clock import Work, fastest, interleaved, ratios
from .contestants import bare, captum, ours
from .models import photos, resnet18, targets
from .rows import Row, compared
from .task import NOISE, SAMPLES, TITLES, Method

SIZES = (1, 2, 4, 8, 16)
WAVELETS = (("haar", 3, 1.05), ("db4", 4, 1.10))  # with the ratio that the project wants to stay below


def rows(rounds: int) -> Sequence[Row]:
    """Measure one image (cheap: more rounds) and eight."""
    model = resnet18()
    return [*_batch(model, 1, 5 * rounds), *_batch(model, 8, rounds)]


def _batch(model: nn.Module, items: int, rounds: int) -> Sequence[Row]:
    images = photos(items)
    inputs = images.repeat(SAMPLES, 1, 1, 1)
    inputs += NOISE * torch.randn(inputs.shape, generator=torch.Generator().manual_seed(1))
    classes = targets(items).repeat(SAMPLES)
    few = min(len(inputs), 2 * max(SIZES))
    best = fastest({size: partial(bare, model, inputs[:few], classes[:few], size) for size in SIZES})
    settled = settle(model, images)

    contestants: dict[str, Work] = {"bare": partial(bare, model, inputs, classes, best)}
    goals = {}
    found = [_count(items, "bare passes, fastest sub-batch", best), _count(items, "ours, automatic sub-batch", settled)]
    for method in TITLES:
        for wavelet, level, goal in WAVELETS:
            name = f"ours: {TITLES[method]}, {wavelet} level {level}"
            contestants[name] = partial(ours, model, images, method, wavelet, level, samples=SAMPLES, size="auto")
            goals[name] = f"<= {goal:.2f}"
    name = f"ours: SmoothGrad, haar level 3, batch_size={best}"
    contestants[name] = partial(ours, model, images, "smoothgrad", "haar", 3, samples=SAMPLES, size=best)
    for method in TITLES:
        name = f"Captum: {TITLES[method]}"
        size = _captums_best(model, images, method)
        contestants[f"{name}, its defaults"] = partial(captum, model, images, method, samples=SAMPLES, size=None)
        contestants[f"{name}, {size} inputs at once"] = partial(
            captum, model, images, method, samples=SAMPLES, size=size
        )
        found.append(_count(items, f"{name}, fastest sub-batch", size))

    times = interleaved(contestants, rounds)
    found += [
        compared(
            "speed",
            f"batch {items}, {name}",
            ratios(each, times["bare"]),
            value=median(each),
            unit="s",
            against="bare passes",
            goal=goals.get(name, ""),
        )
        for name, each in times.items()
    ]
    return found


def _count(items: int, what: str, size: int) -> Row:
    return Row("speed", f"batch {items}, {what}", size, "inputs")


def settle(model: nn.Module, images: Tensor) -> int:
    """Let the engine find its sub-batch, which it remembers for this model, and return that."""
    for _ in range(5):
        found = sub_batch_for(model, images, None, "auto")
        if found.settled:
            break
        ours(model, images[:1], "smoothgrad", "haar", 3, samples=SAMPLES, size="auto")
    return sub_batch_for(model, images, None, "auto").size


def _captums_best(model: nn.Module, images: Tensor, method: Method) -> int:
    few = max(4, SAMPLES // len(images))
    sizes = [size for size in SIZES if size >= len(images)]
    return fastest({size: partial(captum, model, images, method, samples=few, size=size) for size in sizes})
