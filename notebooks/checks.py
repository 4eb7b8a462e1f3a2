"""Checks of the exercises: each says what is right, or what to look at again. None raises, whatever it is given."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import torch

import wam_widgets as wam

_P = ParamSpec("_P")


def _said(check: Callable[_P, str]) -> Callable[_P, None]:
    """Print what a check returns; dots are no answer yet."""

    @wraps(check)
    def say(*answers: _P.args, **options: _P.kwargs) -> None:
        missing = any(answer is ... for answer in answers)
        print("Still to do: replace the dots." if missing else check(*answers, **options))

    return say


# ---------------------------------------------------------------------------------------------------- 00_start_here


@_said
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


@_said
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
    if count == found["detail 1"]:
        return "Right: more copies, less noise, and the first fine coefficients stand out of it."
    if count == sum(found.values()):
        return "Nearly: that is the number in all scales together. Take those of detail 1."
    return "Not yet: add up the `True` values in the three bands of detail 1, at a rate of 0.05."


@_said
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


# ---------------------------------------------------------------------------------------------- 01_what_did_it_hear


@_said
def without_pitch(explanation: wam.Explanation, sound: object) -> str:
    """Check for the sound without its second coarsest scale."""
    if not isinstance(sound, torch.Tensor) or sound.shape != explanation.signal.shape:
        return f"Not yet: expected a sound, a tensor of shape {tuple(explanation.signal.shape)}. Use `rebuild`."
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


@_said
def alarmed(scale: object) -> str:
    """Check for the scale with the largest share of the alarm's contributions."""
    _, found = _alarm()
    if scale not in found.scales:
        return f"Not yet: expected the name of a scale, such as {found.scales[1]!r}; got {scale!r}."
    shares = found.scale_shares()[0]
    share = float(shares[found.scales.index(str(scale))])
    if share == float(shares.max()):
        return f"Right: {scale}, with {share:.0%}."
    return f"Not yet: {scale} has {share:.0%}. `scale_shares()[0].argmax()` finds the largest; of `contribution()`?"


@_said
def least_kept(sound: object) -> str:
    """Check for the alarm made of the twentieth that contributes least."""
    alarm, found = _alarm()
    if not isinstance(sound, torch.Tensor) or sound.shape != alarm.signal.shape:
        return f"Not yet: expected a sound, a tensor of shape {tuple(alarm.signal.shape)}. Use `wam.reconstruct`."
    weakest = found.attribution.map(lambda band: -band.abs()).largest(0.05)
    if torch.allclose(sound, wam.reconstruct(found.signal_coefficients().keep(weakest)), atol=1e-4):
        return "Right: the least important twentieth. Now `say` it."
    if torch.allclose(sound, found.rebuild(fraction=0.05), atol=1e-4):
        return "Nearly: that is the twentieth that contributes most. Turn the order round: `largest` of minus the size."
    return "Not yet: keep the positions whose contribution has the smallest magnitude, 5 % of them."


# ------------------------------------------------------------------------------------------ 02_what_makes_it_a_chair


@_said
def legs_shown(clip: object) -> str:
    """Check for a box that holds the legs of the armchair, and no more."""
    ends = list(clip) if isinstance(clip, list | tuple) else []
    if len(ends) != 6 or not all(isinstance(end, int | float) for end in ends):
        return "Not yet: expected six numbers, a begin and an end along up, depth and width: [0, 1, 0, 1, 0, 1] is all."
    if max(ends) > 1:
        return "Nearly: the numbers are fractions of the box, from 0 to 1. Divide voxels by 32."
    if any(abs(end - whole) > 0.02 for end, whole in zip(ends[2:], [0, 1, 0, 1], strict=True)):
        return "Not yet: cut along the first axis, up, and leave depth and width whole."
    if abs(ends[0] - 12 / 32) < 0.02 and abs(ends[1] - 1) < 0.02:
        return "Nearly: that is everything but the legs."
    if abs(ends[0]) < 0.02 and abs(ends[1] - 12 / 32) < 0.02:
        return "Right: the legs, and nothing else. Set `viewer.clip`, and look."
    return f"Not yet: along up that is voxel {32 * ends[0]:.0f} to {32 * ends[1]:.0f}; the legs are voxel 0 to 12."


@_said
def roof_cut_off(volume: object) -> str:
    """Check for the car without what lies at voxel 16 and above."""
    car = wam.samples.furniture()["car"].signal
    if not isinstance(volume, torch.Tensor) or volume.shape != car.shape:
        return f"Not yet: expected a volume, a tensor of shape {tuple(car.shape)}."
    lower = car.clone()
    lower[:, :, 16:] = 0
    for answer, expected in [
        ("Right: a car without its roof. Now `say` it.", lower),
        ("Nearly: that is the roof alone. Keep what lies below.", car - lower),
        ("Not yet: that is the whole car. Set the voxels from 16 up to 0.", car),
    ]:
        if torch.equal(volume.float(), expected):
            return answer
    return "Not yet: all voxels from 16 up should be 0, and those below as they were. The axes are item, channel, up, …"


@_said
def not_zero(count: object) -> str:
    """Check for the number of the table's coefficients that are not zero."""
    table = wam.samples.furniture()["table"].signal
    values = wam.decompose(table).flatten()
    found = int((values.abs() > 0.001).sum())
    if count == found:
        return f"Right: {found / values.numel():.1%} of all, so that a twentieth is the whole table."
    if count == int((values != 0).sum()):
        return "Nearly: some of these are only rounding. Count those whose size is more than 0.001."
    if count == int((values > 0.001).sum()):
        return "Nearly: those are the positive ones. Take the size, `abs()`."
    if count == int(table.sum()):
        return "Not yet: those are the full voxels. Count coefficients, of `wam.decompose`."
    return "Not yet: of `wam.decompose(signal).flatten()`, count those whose size is more than 0.001."
