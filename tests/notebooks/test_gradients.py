from __future__ import annotations

import pytest
import torch

import wam_widgets as wam
from notebooks import checks

from .exercises import Cats, explain, said


class Espressos(torch.nn.Module):
    """A model with a column for espresso, 967."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = torch.randn(3 * 14 * 14, 1000, generator=torch.Generator().manual_seed(4)) / 8

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        return torch.tanh(torch.nn.functional.avg_pool2d(signal, 16).flatten(1) @ self.weights)


def test_a_gradient_in_coefficients_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    model, coffee = Espressos(), wam.samples.images()["coffee"].signal

    def slopes(column: int = 967, wavelet: str = "db4") -> torch.Tensor:
        """Differentiate a score by autograd, through the synthesis."""
        coefficients = wam.decompose(coffee, wavelet, level=4)
        values = coefficients.flatten().requires_grad_()
        (found,) = torch.autograd.grad(model(wam.reconstruct(coefficients.unflatten(values)))[0, column], values)
        return found

    pixels = coffee.clone().requires_grad_()
    (in_pixels,) = torch.autograd.grad(model(pixels)[0, 967], pixels)
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected coefficients of `wam.pull_back`", 967),
        ("Nearly: it has the right direction, but 2 times the length", 2 * slopes()),
        ("Nearly: that is the gradient in the pixels", in_pixels),
        ("Not yet: in db4, level 4, the photo has 167,718 coefficients; got 150,528", slopes(wavelet="haar")),
        ("Not yet: that belongs to another photo or another score", slopes(285)),
        ("Right: ", slopes()),
        ("Right: ", wam.pull_back(in_pixels, "db4", level=4)),
    ]:
        checks.gradient_written(model, given)
        assert said(capsys).startswith(answer), given


def test_a_view_of_the_same_passes_is_told_from_new_passes(capsys: pytest.CaptureFixture[str]) -> None:
    explanation = explain(level=2, samples=8)
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected an explanation", "coif1"),
        ("Not yet: that is seen in haar, level 2", explanation),
        ("Not yet: that is seen in coif1, level 2", explanation.view(wavelet="coif1")),
        ("Nearly: the wavelet is right, but these are new passes", explain(wavelet="coif1", level=4, samples=8)),
        ("Right: ", explanation.view(wavelet="coif1", level=4)),
    ]:
        checks.passes_reused(explanation, given)
        assert said(capsys).startswith(answer)


def test_integrated_gradients_by_hand_are_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    path = explain(method="integrated_gradients", level=2, samples=64)
    signal, model = path.signal, Cats()
    mean = torch.zeros_like(signal)
    for step in range(100):
        darker = ((step + 0.5) / 100 * signal).requires_grad_()
        mean += torch.autograd.grad(model(darker)[0, 285], darker)[0] / 100
    with torch.no_grad():
        rise = float((model(signal) - model(torch.zeros_like(signal)))[0, 285])
    slopes, coefficients = wam.pull_back(mean, "haar", level=2), wam.decompose(signal, "haar", level=2)
    contributions = slopes.map(torch.mul, coefficients)
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected 768 contributions", "many"),
        ("Not yet: expected 768 contributions", torch.zeros(3)),
        ("Nearly: those are mean slopes. Multiply", slopes),
        ("Nearly: those are mean slopes in the pixels", mean),
        ("Not yet: they add up to 0.0", torch.zeros(768)),
        (f"Right: the photo adds {rise:.1f} to the score, and they miss less than 3 %", contributions),
        ("Right: the photo adds", contributions.flatten()),
        (f"Right: they add up to {1.05 * rise:.1f}; the photo adds {rise:.1f}", contributions.map(lambda x: 1.05 * x)),
    ]:
        checks.path_walked(path, given)
        assert said(capsys).startswith(answer), given
