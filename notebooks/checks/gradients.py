"""Checks of the exercises of lesson 2, on gradients."""

from __future__ import annotations

from collections.abc import Callable

import torch

import wam_widgets as wam

from .answers import said

Model = Callable[[torch.Tensor], torch.Tensor]

#: A photo that differs in the last bits may have a gradient that differs by a hundredth.
_ALIKE = 0.99


def _flat(answer: object) -> torch.Tensor | None:
    """Return the numbers of an answer, coefficients or a tensor, in one row."""
    values = answer.flatten() if isinstance(answer, wam.Coefficients) else answer
    return values.detach().flatten().float() if isinstance(values, torch.Tensor) else None


def _agree(one: torch.Tensor, other: torch.Tensor) -> float:
    """Correlate two rows of numbers; 0 where they can't be compared."""
    if one.shape != other.shape or not bool(one.isfinite().all()):
        return 0.0
    return float((one @ other) / (one.norm() * other.norm()).clamp(min=1e-20))


@said
def gradient_written(model: Model, slopes: object) -> str:
    """Check for the gradient of the score of “espresso” in the coefficients of the cup, in db4, level 4."""
    espresso = 967
    coffee = wam.samples.images()["coffee"].signal
    found = _flat(slopes)
    if found is None:
        return "Not yet: expected coefficients of `wam.pull_back`, or the tensor that `autograd.grad` returns."
    score = wam.explain(model, coffee, espresso, method="saliency", progress=False)
    expected = score.view(wavelet="db4", level=4).attribution
    if _agree(found, expected.flatten().flatten()) > _ALIKE:
        amount = float(found.norm() / expected.flatten().norm())
        if abs(amount - 1) < 0.05:
            return "Right: the slope of the score in every coefficient of db4."
        return f"Nearly: it has the right direction, but {amount:.2g} times the length. Is it of the score, 967?"
    if _agree(found, score.gradient.flatten()) > _ALIKE:
        return "Nearly: that is the gradient in the pixels. Pull it back: `wam.pull_back(…, 'db4', level=4)`."
    if found.numel() != expected.flatten().numel():
        return (
            f"Not yet: in db4, level 4, the photo has {expected.flatten().numel():,} coefficients; got "
            f"{found.numel():,} numbers."
        )
    return "Not yet: that belongs to another photo or another score. Explain column 967 of `model(coffee)`."


@said
def passes_reused(explanation: wam.Explanation, answer: object) -> str:
    """Check for another view of an explanation, in coif1, level 4, of the same passes."""
    if not isinstance(answer, wam.Explanation):
        return "Not yet: expected an explanation. `explanation.view(…)` returns one."
    if (answer.wavelet, answer.level) != ("coif1", 4):
        return f"Not yet: that is seen in {answer.wavelet}, level {answer.level}; it should be coif1, level 4."
    if answer.gradient is not explanation.gradient:
        return "Nearly: the wavelet is right, but these are new passes. Use `explanation.view(…)`."
    return "Right: the same gradient, in another wavelet."


@said
def path_walked(path: wam.Explanation, contributions: object) -> str:
    """Check for the contributions of Integrated Gradients, by those of `wam.explain`."""
    found, expected = _flat(contributions), path.attribution.flatten().flatten()
    if found is None or found.numel() != expected.numel():
        return f"Not yet: expected {expected.numel():,} contributions, coefficients of {path.wavelet}."
    added, wanted = float(found.sum()), float(expected.sum() - path.completeness_gap()[0])
    missed = abs(added - wanted) / abs(wanted)
    if _agree(found, expected) > 0.9 and missed < 0.1:
        if missed < 0.03:  # the last digits differ from machine to machine
            return f"Right: the photo adds {wanted:.1f} to the score, and they miss less than 3 % of it."
        return f"Right: they add up to {added:.1f}; the photo adds {wanted:.1f} to the score."
    slopes = wam.pull_back(path.gradient, path.wavelet, level=path.level).flatten().flatten()
    if _agree(found, slopes) > 0.9:
        return "Nearly: those are mean slopes. Multiply them with `coefficients`: `.map(torch.mul, coefficients)`."
    if _agree(found, path.gradient.flatten()) > 0.9:
        return "Nearly: those are mean slopes in the pixels. Pull them back, then multiply."
    return (
        f"Not yet: they add up to {added:.1f}; the photo adds {wanted:.1f}. Take the mean slope on the way from black "
        "to the photo, not that of the photo."
    )
