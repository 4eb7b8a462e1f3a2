"""Trains the models of sound that the samples ship: `make train-audio`, or `python -m tests.training.audio --help`.

Settings of `Recipe` were compared on the training part alone, by holding out a third or a quarter of its families. The
test part is looked at once per run, after the last epoch, for the figures that are written beside the weights.
"""

import argparse
import dataclasses
import json
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
import torch
from jaxtyping import Float
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

import wam_widgets.samples
from wam_widgets.samples.soundnet import SoundNet

from .clips import SAMPLE_RATE, Clips, archive, fingerprint, read

SHIPPED = Path(wam_widgets.samples.__file__).parent / "data"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a model is trained."""

    epochs: int = 60
    batch: int = 32
    rate: float = 3e-3
    """Largest learning rate; it rises over a fifth of the training and falls along a cosine."""

    decay: float = 0.02
    smoothing: float = 0.1
    """Share of each target that is spread over all labels."""

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


class Plan(NamedTuple):
    """A model and what it is made of; the weights of the first seed ship."""

    model: str
    collection: str
    recipe: Recipe
    seeds: tuple[int, ...]
    held_out: str


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


class Judgement(NamedTuple):
    """How often a model is right."""

    accuracy: float
    balanced_accuracy: float
    by_label: dict[str, float]


def main() -> None:
    """Train what was asked for, and write weights and figures where the samples read them."""
    parser = argparse.ArgumentParser(prog="python -m tests.training.audio", description=__doc__)
    names = [plan.model for plan in PLANS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="models to train (default: all)")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time, one core each (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, default=SHIPPED, help="folder for the results (default: where they ship)"
    )
    options = parser.parse_args()
    plans = [plan for plan in PLANS if plan.model in options.only]
    options.output.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn"), repeatable) as workers:
        running = [[workers.submit(run, plan.collection, seed, plan.recipe) for seed in plan.seeds] for plan in plans]
        for plan, runs in zip(plans, running, strict=True):
            done = []
            for seed, future in zip(plan.seeds, runs, strict=True):
                weights, figures, seconds = future.result()
                done.append((weights, figures))
                accuracy, balanced = figures["test"]["accuracy"], figures["test"]["balanced_accuracy"]
                print(
                    f"{plan.model}, seed {seed}: accuracy {accuracy}, balanced {balanced}; {seconds:.0f} s", flush=True
                )
            write(plan, done, options.output)


def repeatable() -> None:
    """Let the same training give the same weights: sums on one thread have one order."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)


def run(collection: str, seed: int, recipe: Recipe) -> tuple[bytes, dict[str, Any], float]:
    """Train once; return the weights (as safetensors), the figures and the seconds it took."""
    began = time.perf_counter()
    model = train(read(collection, "train"), seed, recipe)
    figures = {"seed": seed} | {split: rounded(judge(model, read(collection, split))) for split in ("train", "test")}
    return safetensors.torch.save(model.network.state_dict()), figures, time.perf_counter() - began


def train(clips: Clips, seed: int, recipe: Recipe) -> SoundNet:
    """Return a model after the last epoch, in evaluation mode."""
    chance = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):  # initial weights and dropout draw from torch's own
        torch.manual_seed(seed)
        model = SoundNet(clips.labels, SAMPLE_RATE).train()
        steps = len(clips.targets) // recipe.batch
        optimiser = torch.optim.AdamW(model.parameters(), recipe.rate, weight_decay=recipe.decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, recipe.rate, epochs=recipe.epochs, steps_per_epoch=steps, pct_start=0.2
        )
        importance = label_weights(clips)
        for _ in range(recipe.epochs):
            order = torch.randperm(len(clips.targets), generator=chance)
            for chosen in order.split(recipe.batch)[:steps]:
                signals = augmented(clips.signals[chosen], chance, recipe)
                spectrogram = masked(model.front_end(signals), chance, recipe.masking)
                loss = cross_entropy(
                    model.network(spectrogram), clips.targets[chosen], importance, label_smoothing=recipe.smoothing
                )
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
    return model.eval()


def label_weights(clips: Clips) -> Float[Tensor, " label"]:
    """Return how much each label's clips count: more where they are few, by the square root."""
    counts = clips.targets.bincount(minlength=len(clips.labels)).float()
    return (counts.mean() / counts.clamp_min(1)).sqrt()


def augmented(signals: Float[Tensor, "clip 1 time"], chance: Generator, recipe: Recipe) -> Float[Tensor, "clip 1 time"]:
    """Play each clip a little faster or slower, from another place on, louder or quieter, and in noise."""
    clips, _, length = signals.shape
    start = length * _uniform(clips, -recipe.shift, recipe.shift, chance)
    place = start + 2 ** _uniform(clips, -recipe.speed, recipe.speed, chance) * torch.arange(length)
    before = place.floor()
    index = before.long()
    played = torch.lerp(
        signals[:, 0].gather(1, index % length), signals[:, 0].gather(1, (index + 1) % length), place - before
    )
    gain, level = (_decibels(_uniform(clips, *extent, chance)) for extent in (recipe.gain, recipe.noise))
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
            width = size * _uniform(clips, 0.0, share, chance)
            start = (size - width) * _uniform(clips, 0.0, 1.0, chance)
            place = torch.arange(size)
            hidden |= ((place >= start) & (place < start + width)).reshape(shape)
    return torch.where(hidden, spectrogram.mean((2, 3), keepdim=True), spectrogram)


def judge(model: SoundNet, clips: Clips) -> Judgement:
    """Return how often the model's likeliest label is the right one: over clips, over labels, and for each label."""
    with torch.no_grad():
        answers = torch.cat([model(batch).argmax(1) for batch in clips.signals.split(64)])
    right = (answers == clips.targets).double()
    by_label = {
        label: right[clips.targets == index].mean().item()
        for index, label in enumerate(clips.labels)
        if bool((clips.targets == index).any())
    }
    return Judgement(right.mean().item(), sum(by_label.values()) / len(by_label), by_label)


def rounded(judgement: Judgement) -> dict[str, Any]:
    """Return a judgement as it is written down: a fourth digit would be less than one clip."""
    by_label = {label: round(share, 3) for label, share in judgement.by_label.items()}
    return {
        "accuracy": round(judgement.accuracy, 3),
        "balanced_accuracy": round(judgement.balanced_accuracy, 3),
        "by_label": by_label,
    }


def write(plan: Plan, runs: list[tuple[bytes, dict[str, Any]]], folder: Path) -> None:
    """Write the first run's weights, and beside them what is known of all runs."""
    weights, figures = runs[0][0], [each for _, each in runs]
    training, held_out = read(plan.collection, "train"), read(plan.collection, "test")
    about = {
        "labels": list(training.labels),
        "sample_rate": SAMPLE_RATE,
        "parameters": sum(tensor.numel() for tensor in SoundNet(training.labels).parameters()),
        "trained_by": f"python -m tests.training.audio --only {plan.model}",
        "trained_with": f"torch {torch.__version__.partition('+')[0]}",
        "data": archive(plan.collection).name,
        "data_sha256": fingerprint(plan.collection),
        "recipe": dataclasses.asdict(plan.recipe),
        "clips": {"train": len(training.targets), "test": len(held_out.targets)},
        "test_is": plan.held_out,
        "mean_test_accuracy": round(sum(each["test"]["accuracy"] for each in figures) / len(figures), 3),
        "shipped_seed": plan.seeds[0],
        "runs": figures,
    }
    (folder / f"{plan.model}.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    (folder / f"{plan.model}.safetensors").write_bytes(weights)


def _uniform(count: int, low: float, high: float, chance: Generator) -> Float[Tensor, "clip 1"]:
    return low + (high - low) * torch.rand(count, 1, generator=chance)


def _decibels(level: Tensor) -> Tensor:
    """Return the factor of a level in dB."""
    return 10 ** (level / 20)


if __name__ == "__main__":
    main()
