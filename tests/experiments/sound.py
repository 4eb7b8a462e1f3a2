"""Overlap and noise: what explanations of a corrupted sound keep of it (`make sound-experiments`).

Every clip that `audio_model` was not trained on is mixed with a clip of another class, or with white noise. The clip's
class is explained in the mixture, the most important half of the energy is kept, and what it holds of either sound is
measured, beside orders that no model had a part in.
"""

import argparse
import multiprocessing
import time
import warnings
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from tqdm import tqdm

import wam_widgets as wam
from tests.experiments.sheets import write_csv
from tests.training.clips import Clips, read
from wam_widgets.evaluation import Mixture, SeparationReport
from wam_widgets.plots import separation_bars, separation_curves
from wam_widgets.plots.canvas import png
from wam_widgets.samples import SoundNet, audio_model, record

FOLDER = Path(__file__).parents[2] / "bench"

#: Of the pairs, the noise, the copies of SmoothGrad, the controls and the bootstrap.
SEED = 0

#: Chosen before anything was measured: the published setting, and octave bands that are narrow and smooth.
WAVELETS = (("haar", 3), ("sym8", 6))

#: Weights of the other sound and SNR in dB. The published one comes first; the others are swept.
AMOUNTS = {"overlap": (0.2, 0.1, 0.5, 1.0), "noise": (0.0, 10.0, 5.0, -5.0)}

#: Half of the energy is kept everywhere, the other fractions at the published amounts only.
KEPT = (0.5, 0.25, 0.75)

#: Of the bootstrap.
RESAMPLES = 9999

#: Pairs that are explained and measured at a time.
PART = 37


class Pairs(NamedTuple):
    """Clips that the model was not trained on, each with one of another class."""

    signals: Float[Tensor, "pair 1 time"]
    others: Float[Tensor, "pair 1 time"]
    targets: Int[Tensor, " pair"]
    other_targets: Int[Tensor, " pair"]
    families: tuple[str, ...]
    labels: tuple[str, ...]


class Task(NamedTuple):
    """One experiment at one amount, on so many pairs."""

    experiment: str
    amount: float
    pairs: int | None
    kept: tuple[float, ...]


class Condition(NamedTuple):
    """What came of a task."""

    experiment: str
    amount: float
    report: SeparationReport
    recognised: float


def main() -> None:
    """Run both experiments, show their tables, and write them with their figures."""
    parser = argparse.ArgumentParser(prog="python -m tests.experiments.sound", description=__doc__)
    parser.add_argument("--pairs", type=int, help="how many, spread over the classes (default: every held-out clip)")
    parser.add_argument("--no-sweep", action="store_true", help="the published amounts only")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder of CSV and figures (default: bench)")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time, one core each (default: %(default)s)")
    options = parser.parse_args()
    began = time.perf_counter()
    say(introduction(choose(read("environment_sounds", "test"), options.pairs)))
    tasks = [
        Task(experiment, amount, options.pairs, KEPT if amount == amounts[0] else KEPT[:1])
        for experiment, amounts in AMOUNTS.items()
        for amount in (amounts[:1] if options.no_sweep else amounts)
    ]
    with ExitStack() as stack:
        done: Iterable[Condition] = map(run, tasks)
        if options.jobs > 1:
            context = multiprocessing.get_context("spawn")
            workers = stack.enter_context(ProcessPoolExecutor(options.jobs, context, torch.set_num_threads, (1,)))
            done = workers.map(run, tasks)
        conditions = []
        for condition in tqdm(done, total=len(tasks), unit="condition", desc="Explaining mixtures"):
            conditions.append(condition)
            say(f"\n{time.perf_counter() - began:4.0f} s  {'; '.join(title(condition).splitlines())}")
    for condition in conditions:
        if condition.amount == AMOUNTS[condition.experiment][0]:
            say(f"\n{title(condition)}\n\n{table(condition)}")
    files = write(conditions, options.output)
    say(f"\n{time.perf_counter() - began:.0f} s with {options.jobs} job(s). Written: {', '.join(files)}")


def run(task: Task) -> Condition:
    """Make the mixtures of a condition, explain and measure them."""
    model, pairs = audio_model(), choose(read("environment_sounds", "test"), task.pairs)
    mixture = mix(task.experiment, pairs, task.amount)
    report = measure(model, mixture, pairs, task.kept)
    return Condition(task.experiment, task.amount, report, recognised(model, mixture, pairs))


def choose(clips: Clips, count: int | None) -> Pairs:
    """Give every clip one of another class, by chance; `count` of them, one class after the other."""
    chance = np.random.default_rng(SEED)
    classes = clips.targets.numpy()
    partners = [int(chance.choice(np.flatnonzero(classes != own))) for own in classes]
    turn = [int((classes[:place] == own).sum()) for place, own in enumerate(classes)]
    chosen = sorted(np.lexsort((classes, np.array(turn)))[:count].tolist())
    others = [partners[place] for place in chosen]
    return Pairs(
        clips.signals[chosen],
        clips.signals[others],
        clips.targets[chosen],
        clips.targets[others],
        tuple(clips.families[place] for place in chosen),
        clips.labels,
    )


def introduction(pairs: Pairs) -> str:
    """Say what is mixed."""
    about = record("audio_model")
    names = sorted(set(pairs.families))
    return (
        f"{len(pairs.families)} pairs of held-out clips of {about['data']}; clean clips of "
        f"{len(set(pairs.targets.tolist()))} classes and {len(names)} recording families, corrupting ones of "
        f"{len(set(pairs.other_targets.tolist()))} classes. Seed {SEED} throughout; audio_model, seed "
        f"{about['shipped_seed']}.\nFamilies: {', '.join(names)}\n"
    )


def mix(experiment: str, pairs: Pairs, amount: float) -> Mixture:
    """Return the mixtures of an experiment."""
    if experiment == "overlap":
        return wam.overlap(pairs.signals, pairs.others, amount)
    return wam.add_noise(pairs.signals, amount, seed=range(SEED, SEED + len(pairs.signals)))


def recognised(model: SoundNet, mixture: Mixture, pairs: Pairs) -> float:
    """Return the share of mixtures that the model names by the clean clip's class."""
    with torch.no_grad():
        answers = torch.cat([model(batch).argmax(1) for batch in mixture.signal.split(32)])
    return float((answers == pairs.targets).double().mean())


def measure(model: SoundNet, mixture: Mixture, pairs: Pairs, kept: Sequence[float]) -> SeparationReport:
    """Explain the clean clips' classes in the mixtures, and measure what is kept: part by part, to save memory."""
    reports = []
    items = len(pairs.families)
    for numbers in np.array_split(np.arange(items), -(-items // PART)):
        start, part = int(numbers[0]), slice(int(numbers[0]), int(numbers[-1]) + 1)
        some = Mixture(mixture.clean[part], mixture.corruption[part])
        reports.append(
            wam.separation(
                some,
                explanations(model, some.signal, pairs.targets[part], SEED + start),
                kept=kept,
                groups=pairs.families[part],
                front_end=model.front_end,
                seed=SEED + start,
                resamples=RESAMPLES,
                progress=False,
            )
        )
    return SeparationReport.joined(reports)


def explanations(
    model: SoundNet, signal: Float[Tensor, "item 1 time"], targets: Int[Tensor, " item"], seed: int
) -> dict[str, wam.Explanation | wam.Coefficients | Tensor]:
    """Explain every item by every method, each named with the domain that it ranks."""
    front_end, network = model.front_end, model.network
    assert isinstance(network, torch.nn.Sequential)
    seeds = range(seed, seed + len(signal))
    # The fastest sub-batch differs from run to run, and with it the order of sums.
    behind: dict[str, Any] = {"front_end": front_end, "wavelet": None, "batch_size": 8, "progress": False}
    saliency = wam.explain(network, signal, targets, method="saliency", **behind)
    smoothgrad = wam.explain(network, signal, targets, seed=seeds, **behind)
    spectrogram = front_end(signal)
    # Silence is where the front end's decibels end; the path to it in the waveform has an integrand like 1 / α.
    floor = 10 * float(np.log10(front_end.amin))
    gradients: dict[str, Any] = {"method": "integrated_gradients", "wavelet": None, "batch_size": 8, "progress": False}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Integrated Gradients with", RuntimeWarning)  # a gap of more than 5 %
        integrated = wam.explain(model, signal, targets, rule="power", **gradients)
        behind_it = wam.explain(network, spectrogram, targets, baseline=floor, **gradients)
    cam = wam.gradcam(network, spectrogram, targets, network[6])  # the last convolutions
    over_time = torch.nn.functional.interpolate(cam.sum(1, keepdim=True), signal.shape[2], mode="linear")
    found: dict[str, wam.Explanation | wam.Coefficients | Tensor] = {}
    for wavelet, level in WAVELETS:
        domain = f"{wavelet}, level {level}"
        seen = smoothgrad.view(wavelet=wavelet, level=level)
        found |= {
            f"Saliency, {domain}": saliency.view(wavelet=wavelet, level=level),
            f"SmoothGrad, {domain}": seen,
            f"SmoothGrad denoised, {domain}": seen.denoised(),
            f"SmoothGrad × input, {domain}": (times := seen.contribution()),
            f"SmoothGrad × input signed, {domain}": times.attribution,
            f"Integrated Gradients, {domain}": (line := integrated.view(wavelet=wavelet, level=level)),
            f"Integrated Gradients signed, {domain}": line.attribution,
        }
    assert saliency.features is not None
    assert smoothgrad.features is not None
    above_silence = smoothgrad.features.gradient[:, 0] * (spectrogram[:, 0] - floor)
    return found | {
        "Saliency, samples": saliency,
        "SmoothGrad, samples": smoothgrad,
        "SmoothGrad × input, samples": (times := smoothgrad.contribution()),
        "SmoothGrad × input signed, samples": times.attribution,
        "Integrated Gradients, samples": integrated,
        "Integrated Gradients signed, samples": integrated.attribution,
        "Grad-CAM over time, samples": over_time[:, 0],
        "Saliency, mel": saliency.features,
        "SmoothGrad, mel": smoothgrad.features,
        "SmoothGrad × input, mel": above_silence.abs(),
        "SmoothGrad × input signed, mel": above_silence,
        "Integrated Gradients, mel": behind_it,
        "Integrated Gradients signed, mel": behind_it.attribution.approximation[:, 0],
        "Grad-CAM, mel": cam,
    }


def title(condition: Condition) -> str:
    """Say what was mixed and what the model makes of it."""
    how = f"weight {condition.amount:g}" if condition.experiment == "overlap" else f"SNR {condition.amount:g} dB"
    share = condition.report.corruption_share.mean()
    return (
        f"{condition.experiment}, {how}\nthe corruption has {share:.0%} of the energy\n"
        f"the model names {condition.recognised:.0%} by the clean clip's class"
    )


def table(condition: Condition) -> str:
    """Write the measures of every method with their intervals, domain by domain."""
    report = condition.report
    heads = ("", "corruption left", "minus random", "clean kept", "SI-SDR improvement, dB", "minus random, dB")
    lines: list[tuple[str, ...]] = []
    domain = ""
    for row in report.rows(kept=KEPT[0]):
        if row["domain"] != domain:
            domain = row["domain"]
            lines.append((f"kept in {domain}", "", "", "", "", ""))
        lines.append(
            (
                "  " + row["method"].removesuffix(f", {domain}") + (" (control)" if row["control"] else ""),
                _with_ends(row, "corruption_left", 3),
                _with_ends(row, "corruption_left_minus_random", 3),
                _with_ends(row, "clean_kept", 3),
                _with_ends(row, "si_sdr_improvement", 2),
                _with_ends(row, "si_sdr_improvement_minus_random", 2),
            )
        )
    widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
    written = [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [heads, *lines]
    ]
    about = (
        f"{len(report.groups)} pairs, {len(set(report.groups))} families; {report.kept[0]:.0%} of the energy kept; "
        f"{report.confidence:.0%} intervals, studentised bootstrap over families, {report.resamples} resamples, seed "
        f"{report.seed}"
    )
    return "\n".join([written[0], "-" * max(map(len, written)), *written[1:], about])


def write(conditions: Sequence[Condition], folder: Path) -> list[str]:
    """Write one CSV of everything, and the figures; return their names."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {"experiment": each.experiment, "amount": each.amount, "recognised": each.recognised, **row}
        for each in conditions
        for row in each.report.rows()
    ]
    about = {"seed": SEED, "resamples": RESAMPLES, "torch": torch.__version__}
    write_csv(folder / "sound.csv", [row | about for row in rows])
    files = ["sound.csv"]
    for experiment, unit in (("overlap", "weight of the other sound"), ("noise", "SNR (dB)")):
        own = [each for each in conditions if each.experiment == experiment]
        figures = {f"sound-{experiment}.png": separation_bars(own[0].report, about=title(own[0]))}
        first = own[0].report
        figures[f"sound-{experiment}-kept.png"] = separation_curves(first, _drawn(first), about=title(own[0]))
        if len(own) > 1:
            swept = {each.amount: each.report for each in sorted(own, key=lambda each: each.amount)}
            figures[f"sound-{experiment}-sweep.png"] = separation_curves(
                swept, _drawn(own[0].report), name=unit, about=experiment
            )
        for name, figure in figures.items():
            (folder / name).write_bytes(png(figure, dpi=150))
            files.append(name)
    return [str(folder / name) for name in files]


def _drawn(report: SeparationReport) -> list[str]:
    """Return the methods that curves are drawn of: more could not be told apart."""
    wanted = ("SmoothGrad", "SmoothGrad denoised", "Integrated Gradients", "Grad-CAM", "random", "magnitude", "oracle")
    return [
        method
        for method, domain in zip(report.methods, report.domains, strict=True)
        if method.removesuffix(f", {domain}").removesuffix(" over time") in wanted
    ]


def _with_ends(row: dict[str, Any], name: str, digits: int) -> str:
    if name.endswith("_minus_random") and row["control"] == "random":
        return ""  # nothing minus itself
    values: Iterable[float] = (row[name], row[f"{name}_low"], row[f"{name}_high"])
    mean, low, high = (f"{value:.{digits}f}".replace("-", "−") for value in values)
    return f"{mean} [{low}, {high}]"


def say(text: str) -> None:
    """Print at once, also into a pipe."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
