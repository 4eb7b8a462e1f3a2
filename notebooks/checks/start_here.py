"""Checks of the exercises of lesson 0."""

from __future__ import annotations

from collections.abc import Callable

import torch

import wam_widgets as wam

from .answers import number, said


@said
def mixed(explanation: wam.Explanation, photo: object) -> str:
    """Check for the photo without its two finest scales."""
    if not isinstance(photo, torch.Tensor) or photo.shape != explanation.signal.shape:
        return f"Not yet: expected a photo, a tensor of shape {tuple(explanation.signal.shape)}. Use `rebuild`."
    scales = explanation.scales
    for kept in range(1, len(scales) + 1):
        if torch.allclose(photo, explanation.rebuild(scales=scales[:kept]), atol=1e-4):
            if kept == len(scales) - 2:
                return "Right: the photo without the two finest scales. Now `say` it."
            return f"Not yet: the finest scale that is left is {scales[kept - 1]}; the last should be {scales[-3]}."
    return f"Not yet: the photo should hold the scales {', '.join(scales[:-2])}, whole, and no others."


@said
def counted(explanation: object, count: object) -> str:
    """Check for the coefficients of detail 1 that 100 copies tell from zero."""
    if not isinstance(explanation, wam.Explanation):
        return "Not yet: the first answer should be what `wam.explain` returns."
    if not explanation.has_errors or int(explanation.passes[0]) != 100:
        return f"Not yet: expected 100 copies of noise; got {int(explanation.passes[0])} passes. Set `samples=100`."
    found = {
        scale: sum(int(band.sum()) for band in bands.values())
        for scale, bands in explanation.significant(rate=0.05).by_scale()
    }
    given = number(count)
    if given is None:
        row = isinstance(count, torch.Tensor) and count.flatten().tolist() == list(found.values())
        nearly = "Nearly: those are the numbers of all scales, coarse to fine. Take the last, detail 1."
        return nearly if row else "Not yet: the second answer should be one number, of coefficients in detail 1."
    if given == found["detail 1"]:
        return "Right: more copies, less noise, and the first fine coefficients stand out of it."
    if given == sum(found.values()):
        return "Nearly: that is the number in all scales together. Take those of detail 1."
    return "Not yet: add up the `True` values in the three bands of detail 1, at a rate of 0.05."


@said
def asked(model: Callable[[torch.Tensor], torch.Tensor], explanation: object) -> str:
    """Check for the contrast of Egyptian Mau and lynx."""
    if not isinstance(explanation, wam.Explanation):
        return "Not yet: the answer should be what `wam.explain` returns."
    mau, lynx = 285, 287
    output = model(explanation.signal)[0]
    score, expected = float(explanation.score[0]), float(output[mau] - output[lynx])
    if abs(score - expected) < 1e-3:
        return "Right: Egyptian Mau rather than lynx. Look at it: is it the same place as before?"
    if abs(score + expected) < 1e-3:
        return "Nearly: that is why a lynx rather than an Egyptian Mau. Swap the two."
    if explanation.target is not None:
        return f"Not yet: that explains {explanation.names()[0]!r} alone. Pass `wam.Contrast(…, …)` after the photo."
    return "Not yet: those are two other classes. `model.labels.index('lynx')` finds the number of a name."
