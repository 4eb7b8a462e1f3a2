"""Checks of the exercises of lesson 3, on images."""

from __future__ import annotations

import torch

import wam_widgets as wam

from .answers import named, said

_NAMES = ("coffee", "camera", "cat")


@said
def coarsest_found(explanation: wam.Explanation, name: object) -> str:
    """Check for the photo whose three coarse scales have the largest share."""
    shares = dict(zip(_NAMES, explanation.scale_shares()[:, :3].sum(1).tolist(), strict=True))
    if not isinstance(name, str) or name not in shares:
        return f"Not yet: expected one of {', '.join(map(repr, _NAMES))}; got {named(name)}."
    if shares[name] == max(shares.values()):
        return f"Right: {name}. In the others more of the sensitivity is fine."
    return f"Not yet: {name} has {shares[name]:.0%}. Add up the first three of every row of `scale_shares()`."


def _coarse(name: str, scales: int) -> torch.Tensor:
    """Return so many coarse scales of a photo."""
    coefficients = wam.decompose(wam.samples.images()[name].signal, "haar", level=5)
    return wam.reconstruct(coefficients.keep(coefficients.largest(1.0, coefficients.scales[:scales])))


@said
def scales_mixed(photo: object) -> str:
    """Check for the camera's three coarse scales with the cat's three fine ones."""
    photos = {name: wam.samples.images()[name].signal for name in _NAMES}
    camera, cat = photos["camera"], photos["cat"]
    if not isinstance(photo, torch.Tensor) or photo.shape != cat.shape:
        return f"Not yet: expected a photo, a tensor of shape {tuple(cat.shape)}; got {named(photo)}."
    for answer, expected in [
        ("Right: ask for its `answer`.", _coarse("camera", 3) + cat - _coarse("cat", 3)),
        ("Nearly: that is down to detail 5. Go one scale further.", _coarse("camera", 2) + cat - _coarse("cat", 2)),
        (
            "Nearly: the other way round. The coarse ones are the camera's.",
            _coarse("cat", 3) + camera - _coarse("camera", 3),
        ),
        ("Not yet: those are the camera's coarse scales alone. Add the cat's fine ones.", _coarse("camera", 3)),
        ("Not yet: the coarse scales of both are in it. Subtract the cat's.", _coarse("camera", 3) + cat),
    ]:
        if torch.allclose(photo.float(), expected, atol=1e-3):
            return answer
    return "Not yet: add `coarse(camera, 'detail 4')` to the cat minus its own coarse scales."


@said
def side_separated(explanation: wam.Explanation, scale: object) -> str:
    """Check for the scale whose contributions are lowest in the right half of a contrast."""
    sums = {
        name: sum(float(band[..., band.shape[-1] // 2 :].sum()) for band in bands.values())
        for name, bands in explanation.attribution.by_scale()
    }
    if not isinstance(scale, str) or scale not in sums:
        return f"Not yet: expected the name of a scale, such as {explanation.scales[1]!r}; got {named(scale)}."
    if sums[scale] == min(sums.values()):
        return f"Right: {scale} contributes {sums[scale]:+.0f} there, which is for the tripod, since it is below zero."
    if sums[scale] == max(sums.values()):
        return "Nearly: that speaks most for the espresso. What is for the tripod is below zero: take the lowest."
    return f"Not yet: {scale} contributes {sums[scale]:+.1f} in the right half; another scale is lower."
