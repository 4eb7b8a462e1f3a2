"""What do insertion and deletion cost beyond the model passes, and Grad-CAM beside a full pass?"""

from collections.abc import Sequence
from functools import partial
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn

import wam_widgets as wam
from wam_widgets.attribution.passes import sub_batch_for
from wam_widgets.evaluation import frames

from .clock import Work, fastest, interleaved, ratios
from .contestants import bare
from .models import photos, resnet18, resnet_listener, small_volume_network, sound, targets, voxels
from .rows import Row, compared
from .speed import SIZES

STEPS = 64

#: What the project wants to stay below: beside the bare forward passes, and beside a forward and backward pass.
CURVES, GRADCAM = "<= 1.05", "<= 0.55"


def rows(rounds: int) -> Sequence[Row]:
    """Measure curves of an image, a sound and a volume, and Grad-CAM of one image and eight."""
    image, listener, volume = resnet18(), resnet_listener(), small_volume_network()
    return [
        *_curves("image, 224 x 224, haar level 5", image, photos(1), "haar", 5, 3 * rounds),
        *_curves("image, 224 x 224, db4 level 4", image, photos(1), "db4", 4, 3 * rounds),
        *_curves("sound, 1 s at 44.1 kHz, db4 level 6", listener, sound(1), "db4", 6, 5 * rounds),
        *_curves("volume, 32 x 32 x 32, haar level 3", volume, voxels(1, 32), "haar", 3, 5 * rounds),
        *_gradcam(image, 1, 5 * rounds),
        *_gradcam(image, 8, rounds),
    ]


def forwards(model: nn.Module, inputs: Tensor, size: int) -> None:
    """Run the model on inputs that are ready, `size` at once, and drop what it says: nobody can do less."""
    with torch.no_grad():
        for part in inputs.split(size):
            model(part)


def _curves(what: str, model: nn.Module, signal: Tensor, wavelet: str | None, level: int, rounds: int) -> Sequence[Row]:
    """Draw one curve alone, and those of a method beside two controls, which share what they can."""
    other = torch.rand(signal.shape, generator=torch.Generator().manual_seed(1))
    given = wam.decompose(other, wavelet, level=level)
    inputs = frames(signal, given, "insertion", steps=STEPS)
    best = fastest({size: partial(forwards, model, inputs[: 2 * max(SIZES)], size) for size in SIZES})
    options: Any = {"target": 0, "steps": STEPS, "progress": False}
    contestants: dict[str, Work] = {
        "bare": partial(forwards, model, inputs, best),
        "insertion": partial(wam.insertion, model, signal, given, **options),
        "evaluate": partial(wam.evaluate, model, signal, {"it": given}, controls=1, **options),
    }
    contestants["evaluate"]()  # finds the sub-batch, which is remembered for the model
    times = interleaved(contestants, rounds)
    settled = sub_batch_for(model, signal, None, "auto", forward_only=True).size
    # Both curves of three orders, whose ends are shared: all, and none for either curve. Per input, as the bare passes.
    more = (3 + 6 * (STEPS - 1)) / len(inputs)
    shares = {"insertion": times["insertion"], "evaluate": [each / more for each in times["evaluate"]]}
    return [
        Row("faithfulness", f"{what}: bare forward passes, fastest sub-batch", best, "inputs"),
        Row("faithfulness", f"{what}: ours, automatic sub-batch", settled, "inputs"),
        *(
            compared(
                "faithfulness",
                f"{what}: {name}, per {len(inputs)} inputs",
                ratios(each, times["bare"]),
                value=median(each),
                unit="s",
                against="bare forward passes",
                goal=CURVES,
            )
            for name, each in shares.items()
        ),
    ]


def _gradcam(model: nn.Module, items: int, rounds: int) -> Sequence[Row]:
    """Explain images by the last block of the network, and differentiate once to their pixels."""
    images, classes = photos(items), targets(items)
    block = [layer for layer in model if type(layer).__name__ == "_Block"][-1]  # type: ignore[attr-defined]
    contestants: dict[str, Work] = {
        "full": partial(bare, model, images, classes, items),
        "Grad-CAM": partial(wam.gradcam, model, images, classes, block),
    }
    interleaved(contestants, 1)  # warms up
    times = interleaved(contestants, rounds)
    return [
        compared(
            "faithfulness",
            f"Grad-CAM, batch {items}",
            ratios(times["Grad-CAM"], times["full"]),
            value=1000 * median(times["Grad-CAM"]),
            unit="ms",
            against="a full pass, to the pixels",
            goal=GRADCAM,
        )
    ]
