"""Trains the models of digits that the samples ship: `make train-digits` (`python -m tests.training.digits --help`).

Pictures are the volumes of tests/data/digits.npz, turned and moved as those that `volume_model` is trained on, and then
seen from the front. Settings of `Recipe` were compared on the training part alone, by holding out a quarter of it. The
test part is looked at once per run, after the last epoch, for the figures that are written beside the weights.
"""

import dataclasses
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from wam_widgets.samples import front_view
from wam_widgets.samples.digitnet import DigitNet

from . import common, volumes, voxels
from .common import Plan, Run, Split, fit, judge, measured, run_plans
from .volumes import augmented
from .voxels import Voxels, archive, fingerprint

#: Radii at which every model that learnt something is attacked in the end, and in how many steps.
RADII = (0.05, 0.1, 0.15)
STEPS = 20

#: Of the one random order in which labels are shuffled.
ORDER = 0


@dataclasses.dataclass(frozen=True)
class Recipe(volumes.Recipe):
    """How a model of digits is trained."""

    epochs: int = 40
    decay: float = 0.05
    radius: float = 0.0
    """Each picture is changed by up to this at every pixel, to mislead the model; 0 leaves them as they are."""

    steps: int = 5
    """In so many steps."""

    shuffled: bool = False
    """Whether the training part's labels are in random order: there is nothing to learn but every picture by itself."""

    half: bool = False
    """Whether weights are rounded to half precision, for a file of half the size."""


#: No more changes than it takes to know every picture by heart.
BY_HEART = Recipe(decay=0.0, smoothing=0.0, turn=(0.0, 0.0, 0.0), zoom=0.0, shift=0.0, shuffled=True, half=True)

PLANS = (
    Plan("digit_model", "digits", Recipe(), (0, 1, 2), "other drawn digits"),
    Plan("robust_digit_model", "digits", Recipe(radius=0.15), (0, 1, 2), "other drawn digits"),
    Plan("shuffled_digit_model", "digits", BY_HEART, (0, 1, 2), "other drawn digits, with their own labels"),
)


def main() -> None:
    """Train what was asked for, and write weights and figures where the samples read them."""
    run_plans("tests.training.digits", __doc__, PLANS, run, write)


def read(collection: str, split: Split) -> Voxels:
    """Read one part; its pictures stand where the volumes stood. No drawn digit is in both parts."""
    digits = voxels.read(collection, split)
    return digits._replace(signals=front_view(digits.signals))


def run(plan: Plan[Recipe], seed: int) -> Run:
    """Train once, and judge without and, if it learnt something, with attacks."""

    def given(split: Split) -> Voxels:
        pictures = read(plan.collection, split)
        return shuffled(pictures) if plan.recipe.shuffled and split == "train" else pictures

    volumes_ = voxels.read(plan.collection, "train")
    done = measured(lambda pictures: train(volumes_._replace(targets=pictures.targets), seed, plan.recipe), given, seed)
    held_out = given("test")
    model = DigitNet(held_out.labels).eval()
    model.network.load_state_dict(safetensors.torch.load(done.weights))
    if not plan.recipe.shuffled:
        done = done._replace(figures=done.figures | {"attacked": robustness(model, held_out)})
    if plan.recipe.half:
        done = done._replace(weights=safetensors.torch.save(model.network.half().state_dict()))
    return done


def shuffled(pictures: Voxels) -> Voxels:
    """Return the same with the labels in random order, always the same one; how many there are of each stays."""
    order = torch.randperm(len(pictures.targets), generator=torch.Generator().manual_seed(ORDER))
    return pictures._replace(targets=pictures.targets[order])


def robustness(model: DigitNet, pictures: Voxels) -> dict[str, float]:
    """Return the accuracy at every one of `RADII`."""
    return {
        str(radius): round(
            judge(
                model, pictures._replace(signals=attacked(model, pictures.signals, pictures.targets, radius, STEPS))
            ).accuracy,
            3,
        )
        for radius in RADII
    }


def train(digits: Voxels, seed: int, recipe: Recipe) -> DigitNet:
    """Return a model of pictures after the last epoch, in evaluation mode; it is given volumes, to be turned."""

    def logits(model: DigitNet, signals: Tensor, targets: Tensor, chance: Generator) -> Tensor:
        pictures = front_view(augmented(signals, chance, recipe))
        if recipe.radius > 0:
            start = recipe.radius * (2 * torch.rand(pictures.shape, generator=chance) - 1)
            pictures = attacked(model, pictures, targets, recipe.radius, recipe.steps, start)
        found: Tensor = model(pictures)
        return found

    model = fit(lambda: DigitNet(digits.labels), digits, seed, recipe, logits)
    return model.half().float() if recipe.half else model


def attacked(
    model: nn.Module,
    pictures: Float[Tensor, "digit 1 y x"],
    targets: Int[Tensor, " digit"],
    radius: float,
    steps: int,
    start: Float[Tensor, "digit 1 y x"] | float = 0.0,
) -> Float[Tensor, "digit 1 y x"]:
    """Change each pixel by up to `radius`, within 0 to 1, so that the model, in evaluation mode, errs.

    Projected gradient descent: steps of 2.5 radii in all along the sign of the loss's gradient, from the pictures, or
    from `start` beside them. As A. Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", 2018.
    """
    training = model.training
    model.eval()
    lowest, highest = (pictures - radius).clamp(min=0), (pictures + radius).clamp(max=1)
    found = (pictures + start).clamp(lowest, highest)
    for _ in range(steps):
        found.requires_grad_()
        with torch.enable_grad():
            loss = cross_entropy(model(found), targets, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, found)
        found = (found.detach() + 2.5 * radius / steps * gradient.sign()).clamp(lowest, highest)
    model.train(training)
    return found


def write(plan: Plan[Recipe], runs: list[Run], folder: Path) -> None:
    """Write the first run's weights, and beside them what is known of all runs."""
    training, held_out = read(plan.collection, "train"), read(plan.collection, "test")
    model = {
        "labels": list(training.labels),
        "size": training.signals.shape[-1],
        "parameters": sum(tensor.numel() for tensor in DigitNet(training.labels).parameters()),
        "trained_by": f"python -m tests.training.digits --only {plan.model}",
    }
    data: dict[str, Any] = {
        "data": archive(plan.collection).name,
        "data_sha256": fingerprint(plan.collection),
        "recipe": dataclasses.asdict(plan.recipe),
        "digits": {"train": len(training.targets), "test": len(held_out.targets)},
    }
    if plan.recipe.shuffled:
        data["train_is"] = "all labels in random order: 1 is each picture known by heart"
    else:
        data["attack"] = f"projected gradient descent in {STEPS} steps, on every pixel by up to the radius"
        data["mean_attacked_accuracy"] = {
            str(radius): round(sum(each.figures["attacked"][str(radius)] for each in runs) / len(runs), 3)
            for radius in RADII
        }
    common.write(plan, runs, folder, model, data)


if __name__ == "__main__":
    main()
