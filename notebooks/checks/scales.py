"""Checks of the exercises of lesson 1, on scales."""

from __future__ import annotations

import torch

import wam_widgets as wam

from .answers import named, number, said


@said
def split_by_hand(scales: object) -> str:
    """Check for the haar coefficients of eight numbers, four lists from coarse to fine."""
    coefficients = wam.decompose(torch.tensor([[[4.0, 8, 6, 6, 1, 3, 3, 9]]]), "haar", level=3)
    expected = [band.flatten() for *_, band in coefficients.bands()]
    try:
        given = [torch.as_tensor(scale, dtype=torch.float32).flatten() for scale in scales]  # type: ignore[attr-defined]
    except (TypeError, ValueError, RuntimeError):
        return "Not yet: expected four lists of numbers, such as [[…], […], [… two], [… four]]."

    if _same(given, expected):
        return "Right: one mean, seven differences, and the same energy as the eight numbers, 252."
    if _same(given, [scale / 2 ** (steps / 2) for scale, steps in zip(expected, [3, 3, 2, 1], strict=True)]):
        return "Nearly: these are plain means and halved differences. Divide each sum and difference by √2, not by 2."
    if _same(given, expected[::-1]):
        return "Nearly: that is fine to coarse. Turn the order round: the approximation comes first."
    if [len(scale) for scale in given] != [1, 1, 2, 4]:
        lengths = ", ".join(str(len(scale)) for scale in given)
        return f"Not yet: the lists should have 1, 1, 2 and 4 numbers, coarse to fine; got {lengths or 'none'}."
    pairs = zip(coefficients.scales, given, expected, strict=True)
    wrong = [scale for scale, answer, right in pairs if not _same([answer], [right])]
    return f"Not yet: look again at {', '.join(wrong)}. A difference is the left number minus the right one, over √2."


def _same(given: list[torch.Tensor], expected: list[torch.Tensor]) -> bool:
    """Say whether two lists of scales agree, but for rounding."""
    return [len(scale) for scale in given] == [len(scale) for scale in expected] and all(
        torch.allclose(answer, right, atol=0.02) for answer, right in zip(given, expected, strict=True)
    )


@said
def loudest_octave(low: object, high: object) -> str:
    """Check for the octave that holds most of the storm's energy."""
    storm = wam.decompose(wam.samples.audio()["storm"].signal, "db4", level=6, mode="zero").map(torch.square)
    energies = storm.total_by_scale()[0]
    octaves = wam.transform.octaves("db4", 6, 16_000.0)
    loudest = octaves[int(energies.argmax())]
    ends = [number(low), number(high)]
    for octave, share in zip(octaves, energies / energies.sum(), strict=True):
        if ends not in ([octave.low, octave.high], [octave.high, octave.low]):
            continue
        if octave != loudest:
            return f"Not yet: that octave holds {share:.0%}. Section 4 shows how to print all of them."
        if ends[0] == octave.high:
            return "Nearly: the lower frequency comes first."
        return f"Right: it holds {share:.0%}."
    got = f"{named(low)} and {named(high)}"
    return f"Not yet: expected the two ends of an octave of section 4, such as 125 and 250; got {got}."


@said
def same_coefficients(pixels: object) -> str:
    """Check for the shift that moves the coefficients of detail 3 by a whole place."""
    given = number(pixels)
    if given is None or given <= 0 or not given.is_integer():
        return "Not yet: expected a whole number of pixels, 1 or more."
    shift = int(given)
    if shift == 8:
        return "Right: 8 pixels are one place of detail 3. Details 1 and 2 only move along, too; detail 4 changes."
    if shift % 8 == 0:
        return f"Nearly: {shift} pixels do it, but fewer are enough."
    scale = (shift & -shift).bit_length() - 1  # so often can it be halved
    if scale == 0:
        return f"Not yet: {shift} is odd, so that every pair of pixels is another one: even detail 1 changes."
    return f"Not yet: {shift} pixels move detail {scale} by whole places, but not detail 3."
