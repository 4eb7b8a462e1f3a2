"""zennit's layer-wise relevance propagation, seen in wavelets: by its result, and by its rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d
from torch.testing import assert_close
from zennit.attribution import Gradient
from zennit.composites import EpsilonPlus, SpecialFirstLayerMapComposite
from zennit.core import BasicHook, Stabilizer
from zennit.rules import Epsilon
from zennit.types import Convolution

import wam_widgets as wam
from tests.attribution.networks import CONVOLUTIONS, signal_of

SIZES = [(37,), (13, 18), (7, 9, 6)]
WAVELETS = ["haar", "db2", "bior2.2"]

#: So small that rules are the plain fractions.
TINY = 1e-12


def network(size: tuple[int, ...]) -> nn.Sequential:
    """A network without biases, which would keep relevance for themselves."""
    torch.manual_seed(1)
    convolution = CONVOLUTIONS[len(size) - 1]
    layers = [convolution(2, 4, 3, padding=1, bias=False), nn.ReLU(), convolution(4, 3, 3, bias=False), nn.ReLU()]
    features = nn.Sequential(*layers, nn.Flatten())
    columns = features(torch.zeros(1, 2, *size)).shape[1]
    return nn.Sequential(*features, nn.Linear(columns, 3, bias=False)).double()


def epsilon_plus(first: Callable[[], BasicHook], synthesis: BasicHook | None = None) -> Any:
    """zennit's composite, with another rule for the first convolution, and one for the synthesis before it."""
    rules = EpsilonPlus(epsilon=TINY, stabilizer=TINY).layer_map
    return SpecialFirstLayerMapComposite([(Synthesis, synthesis), *rules], [(Convolution, first())])


def slope() -> BasicHook:
    """The ε-rule, but for the product with the layer's input."""
    stable = Stabilizer(epsilon=TINY)
    return BasicHook(
        gradient_mapper=lambda relevance, outputs: relevance / stable(outputs[0]),
        reducer=lambda inputs, slopes: slopes[0],
    )


def epsilon() -> BasicHook:
    rule: BasicHook = Epsilon(epsilon=TINY)
    return rule


class Synthesis(nn.Module):
    """Coefficients side by side, (item, channel, n), to their signal: a linear layer."""

    def __init__(self, like: wam.Coefficients) -> None:
        super().__init__()
        self.like = like

    def forward(self, flat: Tensor) -> Tensor:
        return wam.reconstruct(self.like.unflatten(flat))


def relevance_of(model: nn.Module, composite: Any, inputs: Tensor) -> Tensor:
    """What zennit shares out of one unit of relevance for column 1."""
    with Gradient(model, composite) as method:
        _, relevance = method(inputs.clone(), torch.tensor([[0.0, 1, 0]], dtype=torch.float64).expand(len(inputs), 3))
    found: Tensor = relevance
    return found


def by_hand(model: nn.Sequential, signal: Tensor) -> Tensor:
    """Relevance of a picture's samples by ε-plus, from its definition."""
    first, second, last = (weight.detach() for weight in model.parameters())
    once = conv2d(signal, first, padding=1).relu()
    twice = conv2d(once, second).relu()
    hidden = twice.flatten(1)
    relevance: Tensor = (last[1] * hidden / (hidden @ last[1])[:, None]).unflatten(1, twice.shape[1:])
    for inputs, weight, padding in ((once, second, 0), (signal, first, 1)):
        signs = [(inputs.clamp(min=0), weight.clamp(min=0)), (inputs.clamp(max=0), weight.clamp(max=0))]
        positive = torch.stack([conv2d(part, chosen, padding=padding) for part, chosen in signs]).sum(0)
        quotient = torch.where(positive > 0, relevance / positive, 0)
        shares = [part * conv_transpose2d(quotient, chosen, padding=padding) for part, chosen in signs]
        relevance = torch.stack(shares).sum(0)
    return relevance


def test_the_composite_is_the_rule_that_we_think_it_is() -> None:
    model, signal = network((13, 18)), signal_of(13, 18)
    found = relevance_of(model, EpsilonPlus(epsilon=TINY, stabilizer=TINY), signal)
    assert_close(found, by_hand(model, signal), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("wavelet", WAVELETS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_relevance_over_samples_pulled_back_is_that_with_the_synthesis_as_one_more_layer(
    size: tuple[int, ...], wavelet: str
) -> None:
    model, signal = network(size), signal_of(*size)
    z = wam.decompose(signal, wavelet, level=1)
    composite = EpsilonPlus(epsilon=TINY, stabilizer=TINY, layer_map=[(Synthesis, epsilon())])
    expected = relevance_of(nn.Sequential(Synthesis(z), model), composite, z.flatten())

    relevance = relevance_of(model, EpsilonPlus(epsilon=TINY, stabilizer=TINY), signal)
    found = wam.pull_back(relevance / signal, wavelet, level=1).map(torch.mul, z)
    assert_close(found.flatten(), expected, rtol=1e-6, atol=1e-8)
    assert_close(found.total(), torch.ones(2, dtype=torch.float64))  # nothing is lost and nothing is made


@pytest.mark.parametrize("wavelet", WAVELETS)
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_explain_in_the_context_is_the_epsilon_rule_of_synthesis_and_first_layer_together(
    size: tuple[int, ...], wavelet: str
) -> None:
    model, signal = network(size), signal_of(*size)
    with epsilon_plus(slope).context(model) as ruled:
        found = wam.explain(ruled, signal, 1, method="saliency", wavelet=wavelet, level=1)
        z = wam.decompose(signal, wavelet, level=1)
        flat = z.flatten().requires_grad_()
        (through,) = torch.autograd.grad(ruled(wam.reconstruct(z.unflatten(flat)))[:, 1].sum(), flat)
    assert_close(found.attribution.flatten(), through, rtol=1e-6, atol=1e-9)

    two_layers = nn.Sequential(Synthesis(z), model)
    expected = relevance_of(two_layers, epsilon_plus(epsilon, synthesis=epsilon()), z.flatten())
    assert_close(found.contribution().attribution.flatten(), expected, rtol=1e-6, atol=1e-8)


def test_at_samples_of_zero_a_slope_says_what_a_relevance_can_not() -> None:
    model, signal = network((13, 18)), signal_of(13, 18)
    signal[..., :4] = 0
    z = wam.decompose(signal, "haar", level=1)
    relevance = relevance_of(model, epsilon_plus(epsilon), signal)
    from_relevance = wam.pull_back(torch.where(signal == 0, 0, relevance / signal), "haar", level=1)
    with epsilon_plus(slope).context(model) as ruled:
        found = wam.explain(ruled, signal, 1, method="saliency", wavelet="haar", level=1)
    assert_close(found.contribution().attribution.total(), from_relevance.map(torch.mul, z).total())
    left_of = [band[..., :2] for *_, band in found.attribution.bands()]
    assert all(bool(band.abs().gt(1e-6).any()) for band in left_of)
    assert all(not band[..., :2].any() for *_, band in from_relevance.bands())


def test_smoothgrad_in_the_context_is_the_mean_of_the_copies_slopes() -> None:
    model, signal = network((13, 18)), signal_of(13, 18)
    copies: list[Tensor] = []

    def seen(inputs: Tensor) -> Any:
        copies.append(inputs.detach().clone())
        return ruled(inputs)

    with epsilon_plus(slope).context(model) as ruled:
        found = wam.explain(seen, signal[:1], 1, samples=8, noise=0.01, batch_size=8)
    (noisy,) = (batch for batch in copies if len(batch) == 8)
    slopes = relevance_of(model, epsilon_plus(slope), noisy)
    assert_close(found.gradient, slopes.mean(0, keepdim=True))


def test_after_the_context_the_model_is_as_it_was() -> None:
    model, signal = network((13, 18)), signal_of(13, 18)
    before = wam.explain(model, signal, 1, method="saliency", level=1)
    with epsilon_plus(slope).context(model) as ruled:
        inside = wam.explain(ruled, signal, 1, method="saliency", level=1)
    after = wam.explain(model, signal, 1, method="saliency", level=1)
    assert_close(before.gradient, after.gradient)
    assert_close(before.score, inside.score)
    assert not torch.allclose(before.gradient, inside.gradient)
