"""How near does an explanation of a real photo come to what it estimates, and what do its passes buy?

The truth is unknown, but an independent mean r over 400 copies knows its own standard error. Copies of the estimate q
and of r being independent, the expectations are

    E |q - r|² = |q - truth|² + S,    E |r|² = |truth|² + S,    S = Σ SE(r)²,

so that √((|q - r|² - S) / (|r|² - S)) estimates the relative error of q without that of r.
"""

import warnings
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Literal

import wam_widgets as wam
from wam_widgets.samples import EfficientNetLite0, Sample, image_model, images

from .clock import ratios
from .rows import Row, compared

if TYPE_CHECKING:
    from torch import Tensor

    from wam_widgets.attribution.paths import Rule

COPIES = (10, 25, 50, 100)
DENOISED = (25, 50)
WAVELETS = ("haar", "db4")
LEVEL = 5
SIZE = 4
RULES: tuple["Rule", ...] = ("gauss-legendre", "midpoint", "trapezoid", "adaptive")
STEPS = (8, 16, 25, 50, 100)
TOLERANCE = 0.05


def rows(rounds: int) -> Sequence[Row]:
    """Measure SmoothGrad (medians over as many seeds as rounds) and Integrated Gradients on the sample cat."""
    model, cat = image_model(), images()["cat"]
    return [*_smoothgrad(model, cat, rounds), *_integrated_gradients(model, cat)]


def _smoothgrad(model: EfficientNetLite0, cat: Sample, rounds: int) -> Sequence[Row]:
    reference = _copies(model, cat, samples=400, seed=1000)
    plain: dict[int, list[float]] = {samples: [] for samples in COPIES}
    denoised: dict[tuple[str, int], list[float]] = {(name, samples): [] for name in WAVELETS for samples in DENOISED}
    for seed in range(rounds):
        for samples in COPIES:
            explanation = _copies(model, cat, samples=samples, seed=seed)
            plain[samples].append(_error(explanation.gradient, reference))
            for name in WAVELETS if samples in DENOISED else ():
                better = explanation.view(wavelet=name, level=LEVEL).denoised()
                denoised[name, samples].append(_error(better.gradient, reference))
    unit = plain[max(COPIES)]
    found = [_error_row(f"{samples} copies, plain", errors, unit) for samples, errors in plain.items()]
    for (name, samples), errors in denoised.items():
        goal = "< 1" if samples == 25 else ""
        found.append(_error_row(f"{samples} copies, denoised ({name}, {LEVEL} levels)", errors, unit, goal))
    return found


def _error_row(what: str, errors: list[float], unit: list[float], goal: str = "") -> Row:
    return compared(
        "quality",
        f"cat, SmoothGrad: error of {what}",
        ratios(errors, unit),
        value=median(errors),
        unit="of |truth|",
        against=f"{max(COPIES)} plain copies",
        goal=goal,
    )


def _copies(model: EfficientNetLite0, cat: Sample, *, samples: int, seed: int) -> wam.Explanation:
    return wam.explain(model, cat.signal, cat.target, samples=samples, seed=seed, batch_size=SIZE, progress=False)


def _error(gradient: "Tensor", reference: wam.Explanation) -> float:
    """Return the relative error of a mean gradient, corrected for the reference's own (see above)."""
    own = reference.view(wavelet=None).standard_error().approximation.square().sum()
    distance = (gradient - reference.gradient).square().sum() - own
    norm = reference.gradient.square().sum() - own
    return float((distance.clamp(min=0) / norm).sqrt())


def _integrated_gradients(model: EfficientNetLite0, cat: Sample) -> Sequence[Row]:
    found = []
    for rule in RULES:
        for steps in STEPS:
            if rule != "adaptive" or steps >= 15:  # it has that many parts to begin with
                gap = _gap(_steps(model, cat, rule=rule, samples=steps))
                found.append(Row("quality", f"cat, Integrated Gradients: gap of {rule}, {steps} steps", gap, "of Δf"))
    refined = _steps(model, cat, samples="auto", tolerance=TOLERANCE)
    passes = int(refined.passes)
    same = _gap(_steps(model, cat, rule="gauss-legendre", samples=passes))
    what = f"cat, Integrated Gradients, tolerance={TOLERANCE}:"
    return [
        *found,
        Row("quality", f"{what} passes", passes, "passes"),
        Row("quality", f"{what} gap", _gap(refined), "of Δf", goal=f"within ±{TOLERANCE}"),
        Row("quality", f"{what} gap of gauss-legendre with as many", same, "of Δf"),
    ]


def _steps(
    model: EfficientNetLite0,
    cat: Sample,
    *,
    samples: int | Literal["auto"],
    rule: "Rule | None" = None,
    tolerance: float | None = None,
) -> wam.Explanation:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of the gap, which is what is measured
        return wam.explain(
            model,
            cat.signal,
            cat.target,
            method="integrated_gradients",
            samples=samples,
            rule=rule,
            tolerance=tolerance,
            batch_size=SIZE,
            progress=False,
        )


def _gap(explanation: wam.Explanation) -> float:
    return float(explanation.completeness_gap(relative=True))
