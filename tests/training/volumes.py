"""Trains the models of volumes that the samples ship: `make train-volumes` (`python -m tests.training.volumes --help`).

Settings of `Recipe` were compared on the training part alone, by holding out a quarter of its sources. The test part is
looked at once per run, after the last epoch, for the figures that are written beside the weights.
"""

import dataclasses
import math
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.nn.functional import affine_grid, grid_sample

from wam_widgets.samples.former import VoxelFormer
from wam_widgets.samples.voxelnet import VoxelNet

from . import common
from .common import Plan, Run, fit, measured, run_plans, uniform
from .voxels import Voxels, archive, fingerprint, read


@dataclasses.dataclass(frozen=True)
class Recipe(common.Recipe):
    """How a model of volumes is trained."""

    turn: tuple[float, float, float] = (15.0, 15.0, 15.0)
    """Volumes are turned by up to so many degrees about each axis, in the tensor's order."""

    zoom: float = 0.2
    """They are up to this many octaves larger or smaller."""

    shift: float = 0.08
    """They lie up to this share of their size elsewhere, along each axis."""

    mirror: bool = False
    """Half of them are mirrored along the last axis."""


# A digit in a mirror or on its side is none, or another; a chair stays one, whichever way it looks.
DIGITS = Recipe(epochs=40, decay=0.05)
FURNITURE = Recipe(epochs=60, batch=16, turn=(180.0, 0.0, 0.0), shift=0.06, mirror=True)
PLANS = (
    Plan("volume_model", "digits", DIGITS, (0, 1, 2), "other drawn digits"),
    Plan("former_model", "digits", dataclasses.replace(DIGITS, epochs=50), (0, 1, 2), "other drawn digits"),
    Plan("furniture_model", "furniture", FURNITURE, (0, 1, 2), "other models of the same labels"),
)


def main() -> None:
    """Train what was asked for, and write weights and figures where the samples read them."""
    run_plans("tests.training.volumes", __doc__, PLANS, run, write)


def run(plan: Plan[Recipe], seed: int) -> Run:
    """Train once."""
    network = network_of(plan)
    return measured(
        lambda voxels: train(network, voxels, seed, plan.recipe), lambda split: read(plan.collection, split), seed
    )


def network_of(plan: Plan[Recipe]) -> type[VoxelNet | VoxelFormer]:
    """Return the class of a plan's model."""
    return VoxelFormer if plan.model == "former_model" else VoxelNet


def train(network: type[VoxelNet | VoxelFormer], voxels: Voxels, seed: int, recipe: Recipe) -> VoxelNet | VoxelFormer:
    """Return a model after the last epoch, in evaluation mode."""
    return fit(
        lambda: network(voxels.labels, voxels.signals.shape[-1]),
        voxels,
        seed,
        recipe,
        lambda model, signals, targets, chance: model(augmented(signals, chance, recipe)),
    )


def augmented(
    signals: Float[Tensor, "volume 1 z y x"], chance: Generator, recipe: Recipe
) -> Float[Tensor, "volume 1 z y x"]:
    """Turn each volume a little, make it larger or smaller, move it, and show some in a mirror."""
    count = len(signals)
    matrix = torch.eye(3).expand(count, 3, 3)
    for axis, degrees in enumerate(recipe.turn):
        matrix = matrix @ rotations(axis, math.pi / 180 * uniform(count, -degrees, degrees, chance)[:, 0])
    matrix = matrix * 2 ** uniform(count, -recipe.zoom, recipe.zoom, chance)[..., None]
    mirrored = (torch.rand(count, generator=chance) < 0.5) & recipe.mirror
    matrix[:, :, 2] *= torch.where(mirrored, -1.0, 1.0)[:, None]
    # Two units are the whole volume.
    shift = 2 * uniform(3 * count, -recipe.shift, recipe.shift, chance).reshape(count, 3, 1)
    # Torch counts axes from the last.
    places = affine_grid(torch.cat([matrix.flip(1, 2), shift], 2), list(signals.shape), align_corners=False)
    return grid_sample(signals, places, align_corners=False)


def rotations(axis: int, angles: Float[Tensor, " volume"]) -> Float[Tensor, "volume 3 3"]:
    """Return the rotation by each angle, in radians, that leaves an axis in place."""
    first, second = (other for other in range(3) if other != axis)
    matrix = torch.eye(3).repeat(len(angles), 1, 1)
    matrix[:, first, first] = matrix[:, second, second] = angles.cos()
    matrix[:, first, second] = -angles.sin()
    matrix[:, second, first] = angles.sin()
    return matrix


def write(plan: Plan[Recipe], runs: list[Run], folder: Path) -> None:
    """Write the first run's weights, and beside them what is known of all runs."""
    training, held_out = read(plan.collection, "train"), read(plan.collection, "test")
    size = training.signals.shape[-1]
    model = {
        "labels": list(training.labels),
        "size": size,
        "parameters": sum(tensor.numel() for tensor in network_of(plan)(training.labels, size).parameters()),
        "trained_by": f"python -m tests.training.volumes --only {plan.model}",
    }
    data = {
        "data": archive(plan.collection).name,
        "data_sha256": fingerprint(plan.collection),
        "recipe": dataclasses.asdict(plan.recipe),
        "volumes": {"train": len(training.targets), "test": len(held_out.targets)},
    }
    common.write(plan, runs, folder, model, data)


if __name__ == "__main__":
    main()
