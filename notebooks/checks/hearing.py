"""Checks of the exercises of lesson 4, on sound."""

from __future__ import annotations

import torch

import wam_widgets as wam

from .answers import named, said


@said
def without_pitch(explanation: wam.Explanation, sound: object) -> str:
    """Check for the sound without its second coarsest scale."""
    if not isinstance(sound, torch.Tensor) or sound.shape != explanation.signal.shape:
        shape = tuple(explanation.signal.shape)
        return f"Not yet: expected a sound, a tensor of shape {shape}; got {named(sound)}. Use `rebuild`."
    scales = list(explanation.scales)
    if torch.allclose(sound, explanation.rebuild(scales=[*scales[:1], *scales[2:]]), atol=1e-5):
        return f"Right: everything but {scales[1]}. Now `say` it."
    for scale in scales:
        if torch.allclose(sound, explanation.rebuild(scales=[each for each in scales if each != scale]), atol=1e-5):
            return f"Nearly: that is everything but {scale}. Section 3 says which scale has 125 to 250 Hz."
        if torch.allclose(sound, explanation.rebuild(scales=[scale]), atol=1e-5):
            return f"Not yet: that is {scale} alone. List all scales but one."
    return "Not yet: the sound should hold all scales, whole, but the one with 125 to 250 Hz."


def _alarm() -> tuple[wam.samples.Sample, wam.Explanation]:
    """Return the alarm and its contributions, as section 1 explains a sound."""
    model, alarm = wam.samples.audio_model(), wam.samples.audio()["alarm"]
    found = wam.explain(model, alarm.signal, grid=alarm.grid, wavelet="db4", level=6, progress=False)
    return alarm, found.contribution()


@said
def alarmed(scale: object) -> str:
    """Check for the scale with the largest share of the alarm's contributions."""
    _, found = _alarm()
    if not isinstance(scale, str) or scale not in found.scales:
        return f"Not yet: expected the name of a scale, such as {found.scales[1]!r}; got {named(scale)}."
    shares = found.scale_shares()[0]
    share = float(shares[found.scales.index(scale)])
    if share == float(shares.max()):
        return f"Right: {scale}, with {share:.0%}."
    return f"Not yet: {scale} has {share:.0%}. `scale_shares()[0].argmax()` finds the largest; of `contribution()`?"


@said
def least_kept(sound: object) -> str:
    """Check for the alarm made of the twentieth that contributes least."""
    alarm, found = _alarm()
    if not isinstance(sound, torch.Tensor) or sound.shape != alarm.signal.shape:
        shape = tuple(alarm.signal.shape)
        return f"Not yet: expected a sound, a tensor of shape {shape}; got {named(sound)}. Use `wam.reconstruct`."
    if not sound.any():
        return "Not yet: that is silence. What contributes least is faint, but not nothing."
    amounts, coefficients = found.attribution, found.signal_coefficients()
    for answer, order in [
        ("Right: the least important twentieth. Now `say` it.", amounts.map(lambda band: -band.abs())),
        (
            "Nearly: that is the twentieth that contributes most. Turn the order round: `largest` of minus the size.",
            amounts.map(torch.abs),
        ),
        ("Nearly: that is what speaks most against the class. Take the size first, `abs()`.", amounts.map(torch.neg)),
        (
            "Nearly: that is the quietest twentieth. Take the order from the contributions.",
            coefficients.map(lambda band: -band.abs()),
        ),
    ]:
        expected = wam.reconstruct(coefficients.keep(order.largest(0.05)))
        if (sound - expected).norm() < 0.2 * expected.norm():  # relative, for the right answer is nearly silent
            return answer
    return "Not yet: keep the positions whose contribution has the smallest magnitude, 5 % of them."
