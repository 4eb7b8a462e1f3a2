"""Checks of the exercises of lesson 0."""

from __future__ import annotations

import torch

import wam_widgets as wam

from .answers import named, number, said


@said
def mixed(explanation: wam.Explanation, photo: object) -> str:
    """Check for the photo without its two finest scales."""
    if not isinstance(photo, torch.Tensor) or photo.shape != explanation.signal.shape:
        return f"Not yet: expected a photo, a tensor of shape {tuple(explanation.signal.shape)}. Use `rebuild`."
    if not photo.is_floating_point():
        return f"Not yet: a photo holds floats, from 0 to 1; got {named(photo)}. Use what `rebuild` returns."
    scales = explanation.scales
    for kept in range(1, len(scales) + 1):
        expected = explanation.rebuild(scales=scales[:kept])
        if torch.allclose(photo.to(expected.dtype), expected, atol=1e-3):  # half precision is right too
            if kept == len(scales) - 2:
                return "Right: the photo without the two finest scales. Now `say` it."
            return f"Not yet: the finest scale that is left is {scales[kept - 1]}; the last should be {scales[-3]}."
    return f"Not yet: the photo should hold the scales {', '.join(scales[:-2])}, whole, and no others."


@said
def counted(explanation: wam.Explanation, sure: object, count: object) -> str:
    """Check for the coefficients of detail 1 that 100 copies tell from zero."""
    if not isinstance(sure, wam.Explanation):
        return "Not yet: the first answer should be what `wam.explain` returns."
    if wrong := _other_photo(explanation, sure) or _other_passes(explanation, sure):
        return wrong
    found = {
        scale: sum(int(band.sum()) for band in bands.values())
        for scale, bands in sure.significant(rate=0.05).by_scale()
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
def asked(explanation: wam.Explanation, not_lynx: object) -> str:
    """Check for the contrast of Egyptian Mau and lynx."""
    if not isinstance(not_lynx, wam.Explanation):
        return "Not yet: the answer should be what `wam.explain` returns."
    if wrong := _other_photo(explanation, not_lynx):
        return wrong
    mau, lynx = explanation.output[0, [285, 287]].tolist()  # type: ignore[index]  # None only if a callable reads it
    score, expected = float(not_lynx.score[0]), mau - lynx
    if abs(score - expected) < 1e-3:
        return "Right: Egyptian Mau rather than lynx. Look at it: is it the same place as before?"
    if abs(score + expected) < 1e-3:
        return "Nearly: that is why a lynx rather than an Egyptian Mau. Swap the two."
    if not_lynx.target is not None:
        return f"Not yet: that explains {not_lynx.names()[0]!r} alone. Pass `wam.Contrast(…, …)` after the photo."
    return "Not yet: those are two other classes. `model.labels.index('lynx')` finds the number of a name."


def _other_photo(explanation: wam.Explanation, answer: wam.Explanation) -> str:
    """Say so if an answer doesn't explain the same photo."""
    expected, photo = explanation.signal, answer.signal
    if photo.shape == expected.shape and torch.allclose(photo.to(expected.dtype), expected, atol=1e-3):
        return ""
    return "Not yet: that explains another photo, or several. Pass `cat`, as above."


def _other_passes(explanation: wam.Explanation, answer: wam.Explanation) -> str:
    """Say what is wrong with an answer that isn't of 100 copies of noise, seen as the first explanation is."""
    if answer.method != "smoothgrad":
        return f"Not yet: expected 100 copies of noise; got the method {answer.method!r}. Pass no `method`."
    copies = int(answer.passes[0])
    if copies != 100:
        return f"Not yet: expected 100 copies of noise; got {copies} passes. Set `samples=100`."
    expected, seen = (f"wavelet {each.wavelet!r} and level {each.level}" for each in (explanation, answer))
    if seen == expected:
        return ""
    return f"Not yet: expected {expected}; got {seen}. Pass `level={explanation.level}`, and no `wavelet`."
