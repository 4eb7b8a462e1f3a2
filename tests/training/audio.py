"""Trains the models of sound that the samples ship: `make train-audio`, or `python -m tests.training.audio --help`.

Settings of `Recipe` were compared on the training part alone, by holding out a third or a quarter of its families. The
test part is looked at once per run, after the last epoch, for the figures that are written beside the weights.
"""

import dataclasses
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from wam_widgets.samples.soundnet import SoundNet

from . import common
from .clips import SAMPLE_RATE, Clips, archive, fingerprint, read
from .common import Plan, Run, fit, measured, run_plans, uniform


@dataclasses.dataclass(frozen=True)
class Recipe(common.Recipe):
    """How a model of sound is trained."""

    speed: float = 0.3
    """Clips play up to this many octaves faster or slower."""

    shift: float = 0.25
    """They begin up to this share of their length earlier or later; after the end comes the beginning."""

    gain: tuple[float, float] = (-18.0, 6.0)
    """Change of loudness, in dB."""

    noise: tuple[float, float] = (-120.0, -35.0)
    """Level of added white noise, in dB relative to 1."""

    masking: float = 0.15
    """Two bands and two stretches of time of up to this share each are blanked."""


PLANS = (
    Plan("audio_model", "environment_sounds", Recipe(), (0, 1, 2), "other families of recordings of the same labels"),
    Plan(
        "instrument_model",
        "instruments",
        # How a note begins tells instruments apart, and so does what is faint in it: neither is to be hidden.
        Recipe(shift=0.02, noise=(-120.0, -60.0), masking=0.0),
        (0,),
        "other notes of the same instruments",
    ),
)


def main() -> None:
    """Train what was asked for, and write weights and figures where the samples read them."""
    run_plans("tests.training.audio", __doc__, PLANS, run, write)


def run(plan: Plan[Recipe], seed: int) -> Run:
    """Train once."""
    return measured(lambda clips: train(clips, seed, plan.recipe), lambda split: read(plan.collection, split), seed)


def train(clips: Clips, seed: int, recipe: Recipe) -> SoundNet:
    """Return a model after the last epoch, in evaluation mode."""

    def logits(model: SoundNet, signals: Tensor, targets: Tensor, chance: Generator) -> Tensor:
        spectrogram = model.front_end(augmented(signals, chance, recipe))
        found: Tensor = model.network(masked(spectrogram, chance, recipe.masking))
        return found

    return fit(lambda: SoundNet(clips.labels, SAMPLE_RATE), clips, seed, recipe, logits)


def augmented(signals: Float[Tensor, "clip 1 time"], chance: Generator, recipe: Recipe) -> Float[Tensor, "clip 1 time"]:
    """Play each clip a little faster or slower, from another place on, louder or quieter, and in noise."""
    clips, _, length = signals.shape
    start = length * uniform(clips, -recipe.shift, recipe.shift, chance)
    place = start + 2 ** uniform(clips, -recipe.speed, recipe.speed, chance) * torch.arange(length)
    before = place.floor()
    index = before.long()
    played = torch.lerp(
        signals[:, 0].gather(1, index % length), signals[:, 0].gather(1, (index + 1) % length), place - before
    )
    gain, level = (_decibels(uniform(clips, *extent, chance)) for extent in (recipe.gain, recipe.noise))
    return (gain * played + level * torch.randn(clips, length, generator=chance))[:, None]


def masked(
    spectrogram: Float[Tensor, "clip 1 mel frame"], chance: Generator, share: float
) -> Float[Tensor, "clip 1 mel frame"]:
    """Replace two bands and two stretches of time of each spectrogram by its mean.

    As D. S. Park et al., "SpecAugment: A Simple Data Augmentation Method for Automatic Speech Recognition", 2019.
    """
    clips, _, bands, frames = spectrogram.shape
    hidden = torch.zeros(clips, 1, bands, frames, dtype=torch.bool)
    for _ in range(2):
        for size, shape in ((bands, (clips, 1, bands, 1)), (frames, (clips, 1, 1, frames))):
            width = size * uniform(clips, 0.0, share, chance)
            start = (size - width) * uniform(clips, 0.0, 1.0, chance)
            place = torch.arange(size)
            hidden |= ((place >= start) & (place < start + width)).reshape(shape)
    return torch.where(hidden, spectrogram.mean((2, 3), keepdim=True), spectrogram)


def write(plan: Plan[Recipe], runs: list[Run], folder: Path) -> None:
    """Write the first run's weights, and beside them what is known of all runs."""
    training, held_out = read(plan.collection, "train"), read(plan.collection, "test")
    model = {
        "labels": list(training.labels),
        "sample_rate": SAMPLE_RATE,
        "parameters": sum(tensor.numel() for tensor in SoundNet(training.labels).parameters()),
        "trained_by": f"python -m tests.training.audio --only {plan.model}",
    }
    data = {
        "data": archive(plan.collection).name,
        "data_sha256": fingerprint(plan.collection),
        "recipe": dataclasses.asdict(plan.recipe),
        "clips": {"train": len(training.targets), "test": len(held_out.targets)},
    }
    common.write(plan, runs, folder, model, data)


def _decibels(level: Tensor) -> Tensor:
    """Return the factor of a level in dB."""
    return 10 ** (level / 20)


if __name__ == "__main__":
    main()
