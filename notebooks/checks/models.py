"""Checks of the exercises of lesson 8, on models of one's own."""

from __future__ import annotations

import torch

import wam_widgets as wam

from .answers import said


def _asked(function: object, given: torch.Tensor, expected: torch.Tensor) -> torch.Tensor | str:
    """Return what a student's function makes of a tensor; in words, if that can't be right."""
    if not callable(function):
        return f"Not yet: expected a function; got {type(function).__name__}. Write `def …(…): return …`, and name it."
    try:
        found = function(given)
    except Exception as error:  # noqa: BLE001  # whatever it raises, it is told
        return f"Not yet: given shape {tuple(given.shape)}, it raises {type(error).__name__}: {error}"
    if isinstance(found, dict):
        return 'Nearly: it returns the dictionary. Take `["scores"]` of it.'
    if not isinstance(found, torch.Tensor) or found.shape != expected.shape:
        got = f"shape {tuple(found.shape)}" if isinstance(found, torch.Tensor) else type(found).__name__
        return f"Not yet: given shape {tuple(given.shape)}, expected shape {tuple(expected.shape)} back; got {got}."
    return found


@said
def wrapped(wrapper: object) -> str:
    """Check for a function that makes photos of our signals, and rows of what a colleague's network returns."""
    samples, model = wam.samples.digits(), wam.samples.digit_model()
    signal = torch.cat([samples["three"].signal, samples["eight"].signal]).requires_grad_()
    expected = model(signal)
    found = _asked(wrapper, signal, expected)
    if isinstance(found, str):
        return found
    if torch.allclose(found, model(signal / 255), atol=1e-3):
        return "Nearly: to the network these photos are almost empty. Multiply by 255 first."
    if not torch.allclose(found, expected, atol=1e-3):
        return "Not yet: those are other scores. Change nothing but the order of the axes and the range."
    if not found.requires_grad:
        return "Nearly: the scores are right, but no gradient leads back to the signal. Leave out `detach` and such."
    return "Right: now `wam.explain` takes it."


@said
def even(score: object) -> str:
    """Check for the mean output of the even digits minus that of the odd ones."""
    output = torch.randn(7, 10, generator=torch.Generator().manual_seed(0))
    evens, odds = output[:, ::2].mean(1), output[:, 1::2].mean(1)
    found = _asked(score, output, evens - odds)
    if isinstance(found, str):
        return found
    for answer, expected in [
        ("Right: a contrast of five classes with five.", evens - odds),
        ("Nearly: that is odd rather than even.", odds - evens),
        ("Nearly: those are sums. Take means.", 5 * (evens - odds)),
        ("Nearly: those are the even digits alone. Subtract the mean of the odd ones.", evens),
    ]:
        if torch.allclose(found.float(), expected, atol=1e-4):
            return answer
    return "Not yet: `output[:, ::2]` are the even columns, `output[:, 1::2]` the odd ones."


@said
def from_paper(explanation: object) -> str:
    """Check for Integrated Gradients of pictures from -1 to 1 that begin from paper."""
    if not isinstance(explanation, wam.Explanation):
        return "Not yet: the answer should be what `wam.explain` returns."
    if explanation.baseline is None:
        return f"Not yet: {explanation.method!r} has no baseline. Pass `method='integrated_gradients'`, or `**path`."
    if float(explanation.signal.min()) >= 0:
        return "Not yet: that is a picture from 0 to 1. Explain `scaled`."
    if not bool((explanation.baseline == -1).all()):
        grey = not explanation.baseline.any()
        begins = "0, which is grey" if grey else f"{float(explanation.baseline.mean()):.1f} on average"
        return f"Not yet: that begins from {begins}. Pass the number that paper has."
    three = wam.samples.digits()["three"].signal
    expected = float(wam.samples.digit_model()(three)[0, 3])
    if explanation.score.shape != (1,) or abs(float(explanation.score[0]) - expected) > 0.01:
        got = ", ".join(f"{float(score):.1f}" for score in explanation.score)
        return f"Nearly: from paper, but the score of a three is {expected:.1f}; got {got}. Is it `wants`, `scaled`, 3?"
    return "Right: from -1, paper. The map is now that of the wrapper that normalises inside."
