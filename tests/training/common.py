"""What training is for every kind of signal: repeatable, judged once on what was held out, and written down."""

import argparse
import dataclasses
import json
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeVar

import safetensors.torch
import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

import wam_widgets.samples

FOLDER = Path(__file__).parents[1] / "data"
SHIPPED = Path(wam_widgets.samples.__file__).parent / "data"

Split = Literal["train", "test"]


class Labelled(Protocol):
    """Signals of one size with what they are."""

    @property
    def signals(self) -> Tensor: ...
    @property
    def targets(self) -> Int[Tensor, " item"]: ...
    @property
    def labels(self) -> tuple[str, ...]: ...


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a model is trained, whatever it takes."""

    epochs: int = 60
    batch: int = 32
    rate: float = 3e-3
    """Largest learning rate; it rises over a fifth of the training and falls along a cosine."""

    decay: float = 0.02
    smoothing: float = 0.1
    """Share of each target that is spread over all labels."""


Model = TypeVar("Model", bound=nn.Module)
SomeRecipe = TypeVar("SomeRecipe", bound=Recipe)


class Plan(NamedTuple, Generic[SomeRecipe]):
    """A model and what it is made of; the weights of the first seed ship."""

    model: str
    collection: str
    recipe: SomeRecipe
    seeds: tuple[int, ...]
    held_out: str


class Judgement(NamedTuple):
    """How often a model is right."""

    accuracy: float
    balanced_accuracy: float
    by_label: dict[str, float]


class Run(NamedTuple):
    """One training."""

    weights: bytes  # of all that was trained, as safetensors
    figures: dict[str, Any]
    seconds: float


def fit(
    build: Callable[[], Model],
    items: Labelled,
    seed: int,
    recipe: Recipe,
    logits: Callable[[Model, Tensor, Tensor, Generator], Tensor],
) -> Model:
    """Return a model after the last epoch, in evaluation mode.

    `logits` is what the model says of signals of these targets, changed by chance as the recipe says.
    """
    chance = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):  # initial weights and dropout draw from torch's own
        torch.manual_seed(seed)
        model = build().train()
        steps = len(items.targets) // recipe.batch
        optimiser = torch.optim.AdamW(model.parameters(), recipe.rate, weight_decay=recipe.decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, recipe.rate, epochs=recipe.epochs, steps_per_epoch=steps, pct_start=0.2
        )
        importance = label_weights(items)
        for _ in range(recipe.epochs):
            order = torch.randperm(len(items.targets), generator=chance)
            for chosen in order.split(recipe.batch)[:steps]:
                targets = items.targets[chosen]
                found = logits(model, items.signals[chosen], targets, chance)
                loss = cross_entropy(found, targets, importance, label_smoothing=recipe.smoothing)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                schedule.step()
    return model.eval()


def label_weights(items: Labelled) -> Float[Tensor, " label"]:
    """Return how much each label's items count: more where they are few, by the square root."""
    counts = items.targets.bincount(minlength=len(items.labels)).float()
    return (counts.mean() / counts.clamp_min(1)).sqrt()


def judge(model: nn.Module, items: Labelled) -> Judgement:
    """Return how often the model's likeliest label is the right one: over items, over labels, and for each label."""
    with torch.no_grad():
        answers = torch.cat([model(batch).argmax(1) for batch in items.signals.split(64)])
    right = (answers == items.targets).double()
    by_label = {
        label: right[items.targets == index].mean().item()
        for index, label in enumerate(items.labels)
        if bool((items.targets == index).any())
    }
    return Judgement(right.mean().item(), sum(by_label.values()) / len(by_label), by_label)


def measured(train: Callable[[Any], nn.Module], read: Callable[[Split], Any], seed: int) -> Run:
    """Train once on the training part, and judge on both."""
    began = time.perf_counter()
    model = train(read("train"))
    splits: tuple[Split, Split] = ("train", "test")
    figures = {"seed": seed} | {split: rounded(judge(model, read(split))) for split in splits}
    weights = safetensors.torch.save(model.get_submodule("network").state_dict())
    return Run(weights, figures, time.perf_counter() - began)


def rounded(judgement: Judgement) -> dict[str, Any]:
    """Return a judgement as it is written down: a fourth digit would be less than one item."""
    by_label = {label: round(share, 3) for label, share in judgement.by_label.items()}
    return {
        "accuracy": round(judgement.accuracy, 3),
        "balanced_accuracy": round(judgement.balanced_accuracy, 3),
        "by_label": by_label,
    }


def run_plans(
    program: str,
    about: str | None,
    plans: Sequence[Plan[SomeRecipe]],
    run: Callable[[Plan[SomeRecipe], int], Run],
    write: Callable[[Plan[SomeRecipe], list[Run], Path], None],
) -> None:
    """Train what the command line asks for, and write weights and figures where the samples read them."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=about)
    names = [plan.model for plan in plans]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="models to train (default: all)")
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time, one core each (default: %(default)s)")
    parser.add_argument(
        "--output", type=Path, default=SHIPPED, help="folder for the results (default: where they ship)"
    )
    options = parser.parse_args()
    chosen = [plan for plan in plans if plan.model in options.only]
    options.output.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn"), repeatable) as workers:
        running = [[workers.submit(run, plan, seed) for seed in plan.seeds] for plan in chosen]
        for plan, futures in zip(chosen, running, strict=True):
            done = []
            for future in futures:
                done.append(future.result())
                seed, test = done[-1].figures["seed"], done[-1].figures["test"]
                print(
                    f"{plan.model}, seed {seed}: accuracy {test['accuracy']}, balanced {test['balanced_accuracy']}; "
                    f"{done[-1].seconds:.0f} s",
                    flush=True,
                )
            write(plan, done, options.output)


def repeatable() -> None:
    """Let the same training give the same weights: sums on one thread have one order."""
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(mode=True)


def write(plan: Plan[SomeRecipe], runs: list[Run], folder: Path, model: dict[str, Any], data: dict[str, Any]) -> None:
    """Write the first run's weights, and beside them what is known of all runs, of the model and of its data."""
    figures = [each.figures for each in runs]
    about = model | {
        "trained_with": f"torch {torch.__version__.partition('+')[0]}",
        **data,
        "test_is": plan.held_out,
        "mean_test_accuracy": round(sum(each["test"]["accuracy"] for each in figures) / len(figures), 3),
        "shipped_seed": plan.seeds[0],
        "runs": figures,
    }
    (folder / f"{plan.model}.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    (folder / f"{plan.model}.safetensors").write_bytes(runs[0].weights)


def uniform(count: int, low: float, high: float, chance: Generator) -> Float[Tensor, "item 1"]:
    """Draw a number for each item."""
    return low + (high - low) * torch.rand(count, 1, generator=chance)
