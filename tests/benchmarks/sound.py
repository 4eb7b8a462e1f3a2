"""What does an explanation of a sound cost, and do its contributions add up to what the sound changes?"""

import warnings
from collections.abc import Sequence
from functools import partial
from statistics import median
from typing import Literal

import numpy as np
import torch
from torch import nn

import wam_widgets as wam
from wam_widgets.attribution.paths import NoisyCopies, Rule
from wam_widgets.samples import Sample, audio, audio_model

from .clock import Work, fastest, interleaved, ratios
from .contestants import bare, ours
from .models import resnet_listener, sample_listener, sound, targets
from .rows import Row, compared
from .speed import SIZES, settle
from .task import SAMPLES

SECONDS = 5
NOISE = 0.001  # of the sound's range, the published one
VIEWS = (("haar", 3), ("db4", 6))
TOLERANCES = (0.05, 0.01)
UNIFORM: Rule = "midpoint"


def rows(rounds: int) -> Sequence[Row]:
    """Measure the passes of two networks behind a spectrogram, and the completeness of every sample event."""
    networks = {"sample network": sample_listener(), "ResNet-18-like": resnet_listener()}
    return [
        *_speed("sample network", networks["sample network"], 7 * rounds),
        *_speed("ResNet-18-like", networks["ResNet-18-like"], 2 * rounds),
        *_completeness(),
    ]


def _speed(name: str, model: nn.Module, rounds: int) -> Sequence[Row]:
    signal = sound(SECONDS)
    copies = _copies(signal)
    classes = targets(1).repeat(SAMPLES)
    best = fastest({size: partial(bare, model, copies, classes, size) for size in SIZES})
    settled = settle(model, signal)
    contestants: dict[str, Work] = {"bare, from copies that are ready": partial(bare, model, copies, classes, best)}
    for wavelet, level in VIEWS:
        contestants[f"ours: SmoothGrad, {wavelet} level {level}"] = partial(
            ours, model, signal, "smoothgrad", wavelet, level, samples=SAMPLES, size="auto"
        )
    contestants["of which the copies are made in"] = partial(_copies, signal)
    times = interleaved(contestants, rounds)
    reference = next(iter(times.values()))
    found = [
        compared(
            "sound",
            f"{SECONDS} s, {name}, {what}",
            ratios(each, reference),
            value=median(each),
            unit="s",
            against="bare passes",
            goal="<= 1.10" if what.startswith("ours") else "",
        )
        for what, each in times.items()
    ]
    sizes = (("bare passes, fastest", best), ("ours, automatic", settled))
    return [*(Row("sound", f"{SECONDS} s, {name}, {who} sub-batch", size, "inputs") for who, size in sizes), *found]


def _copies(signal: torch.Tensor) -> torch.Tensor:
    """Make the noisy copies of one sound, as the engine does."""
    noisy = NoisyCopies(signal, NOISE * (signal.amax() - signal.amin())[None], (0,))
    plan = noisy.plan(np.array([0]), np.array([SAMPLES]), 1)
    return noisy.inputs(plan, *plan.on(signal.device, signal.dtype))


def _completeness() -> Sequence[Row]:
    """Ask for two tolerances from silence, and let a uniform rule spend as many passes."""
    model = audio_model()
    found = []
    for tolerance in TOLERANCES:
        gaps, uniform, spent = [], [], []
        for name, event in audio().items():
            refined = _steps(model, event, samples="auto", tolerance=tolerance)
            passes = int(refined.passes)
            gap, other = _gap(refined), _gap(_steps(model, event, samples=passes, rule=UNIFORM))
            what = f"{name}, Integrated Gradients, tolerance={tolerance}: gap after {passes} passes"
            found.append(_gap_row(what, gap, f"{UNIFORM} with as many: {other:.3f}", tolerance))
            gaps.append(abs(gap))
            uniform.append(abs(other))
            spent.append(passes)
        for which, of in (("median", median), ("largest", max)):
            what = f"{len(gaps)} events, tolerance={tolerance}: {which} |gap|, passes {min(spent)} to {max(spent)}"
            found.append(_gap_row(what, of(gaps), f"{UNIFORM} with as many: {of(uniform):.3f}", tolerance))
    return found


def _gap_row(what: str, gap: float, against: str, tolerance: float) -> Row:
    return Row("sound", what, gap, "of Δf", against=against, goal=f"within ±{tolerance}")


def _steps(
    model: nn.Module,
    event: Sample,
    *,
    samples: int | Literal["auto"],
    rule: Rule | None = None,
    tolerance: float | None = None,
) -> wam.Explanation:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of the gap, which is what is measured
        return wam.explain(
            model,
            event.signal,
            event.target,
            method="integrated_gradients",
            samples=samples,
            rule=rule,
            tolerance=tolerance,
            batch_size=4,
            progress=False,
        )


def _gap(explanation: wam.Explanation) -> float:
    return float(explanation.completeness_gap(relative=True))
