"""Checks of the exercises of lesson 5, on volumes."""

from __future__ import annotations

import torch

import wam_widgets as wam

from .answers import named, number, said


@said
def legs_shown(clip: object) -> str:
    """Check for a box that holds the legs of the armchair, and no more."""
    found = [number(end) for end in clip] if isinstance(clip, list | tuple) else []
    ends = [end for end in found if end is not None]
    if len(ends) != 6 or len(found) != 6:
        return "Not yet: expected a list of six numbers, begin and end along each axis: [0, 1, 0, 1, 0, 1] is all."
    if max(ends) > 1:
        return "Nearly: the numbers are fractions of the box, from 0 to 1. Divide voxels by 32."
    if any(abs(end - whole) > 0.02 for end, whole in zip(ends[2:], [0, 1, 0, 1], strict=True)):
        return "Not yet: cut along the first axis, up, and leave depth and width whole."
    if abs(ends[0] - 12 / 32) < 0.02 and abs(ends[1] - 1) < 0.02:
        return "Nearly: that is everything but the legs."
    if abs(ends[0]) < 0.02 and abs(ends[1] - 12 / 32) < 0.02:
        return "Right: the legs, and nothing else. Set `viewer.clip`, and look."
    return f"Not yet: along up that is voxel {32 * ends[0]:.0f} to {32 * ends[1]:.0f}; the legs are voxel 0 to 12."


@said
def roof_cut_off(volume: object) -> str:
    """Check for the car without what lies at voxel 16 and above."""
    car = wam.samples.furniture()["car"].signal
    if not isinstance(volume, torch.Tensor) or volume.shape != car.shape:
        return f"Not yet: expected a volume, a tensor of shape {tuple(car.shape)}; got {named(volume)}."
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


@said
def not_zero(count: object) -> str:
    """Check for the number of the table's coefficients that are not zero."""
    table = wam.samples.furniture()["table"].signal
    values = wam.decompose(table).flatten()
    found = int((values.abs() > 0.001).sum())
    given = number(count)
    if given == found:
        return f"Right: {found / values.numel():.1%} of all, so that a twentieth is the whole table."
    if given == int((values != 0).sum()):
        return "Nearly: some of these are only rounding. Count those whose size is more than 0.001."
    if given == int((values > 0.001).sum()):
        return "Nearly: those are the positive ones. Take the size, `abs()`."
    if given == int(table.sum()):
        return "Not yet: those are the full voxels. Count coefficients, of `wam.decompose`."
    return "Not yet: of `wam.decompose(signal).flatten()`, count those whose size is more than 0.001."
