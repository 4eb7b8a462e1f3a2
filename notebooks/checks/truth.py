"""Checks of the exercises of lesson 7, on what is true."""

from __future__ import annotations

import torch

import wam_widgets as wam
from wam_widgets.evaluation import FaithfulnessReport, Interval

from .answers import number, said

#: Fractions that differ by less are the same: the printed 88 % may be 0.875.
_CLOSE = 0.01


@said
def curve_read(report: FaithfulnessReport, fraction: object) -> str:
    """Check for where random insertion first has half of the whole signal's probability."""
    given = number(fraction)
    if given is None:
        return "Not yet: expected one number, a fraction of the coefficients: one of `report.units[2]`."
    places = {
        name: units[(curve >= curve[-1] / 2).argmax()]
        for name, units, (curve, *_) in zip(report.methods, report.units, report.scores["insertion"], strict=True)
    }
    random = next(name for name, control in zip(report.methods, report.controls, strict=True) if control == "random")
    if abs(given - places.pop(random)) < _CLOSE:
        return f"Right: {given:.0%}. By chance it takes nearly all of the photo; compare that with the others."
    for name, place in places.items():
        if abs(given - place) < _CLOSE:
            return f"Nearly: that is {name!r}. `report.methods` says in which row {random!r} is."
    if given > 1:
        return "Not yet: that is more than all. Take the fraction from `report.units`, not the number of the step."
    return "Not yet: find the first step whose score is at least half of the last; `report.units` has its fraction."


@said
def compared(report: FaithfulnessReport, interval: object) -> str:
    """Check for the paired difference of the first two methods."""
    if not isinstance(interval, Interval):
        return "Not yet: expected what `.interval(…, minus=…)` returns: a mean, and the ends of its interval."
    one, other = report.methods[:2]
    mean, low, high = report.interval(one, minus=other)
    if abs(interval.mean - mean) < 1e-9:
        if low < 0 < high:
            return "Right: zero lies within, so these items don't tell which is better. More might."
        return f"Right: zero lies outside, and {one if mean > 0 else other} is better by this test."
    if abs(interval.mean + mean) < 1e-9:
        return f"Nearly: that is how much better {other} is. Swap the two."
    if interval.mean in (report.interval(one).mean, report.interval(other).mean):
        return "Nearly: that is one of the two alone. `minus=` takes the other from it, item by item."
    return f"Not yet: that is another pair or measure. Ask the report for {one!r}, minus {other!r}."


@said
def unmasked(method: object) -> str:
    """Check for a method whose map doesn't notice that the network was shuffled."""
    if not callable(method):
        return (
            "Not yet: expected a function of model, signal and target, without calling it: `checks.unmasked(pretty)`."
        )
    model = wam.samples.digit_model()
    digits = torch.cat([sample.signal for sample in wam.samples.digits().values()])
    try:
        report = wam.sanity_check(model, digits, {"yours": method}, stages=1, progress=False)
    except Exception as error:  # noqa: BLE001  # whatever the learner's function does
        return f"Not yet: it was called, and then: {type(error).__name__}: {error}"
    (alike,) = report.means("yours")
    if alike != alike:  # noqa: PLR0124  # NaN
        return "Not yet: its map is the same everywhere. It should at least look like something."
    if "yours" in report.failing:
        return f"Right: it fails, with {alike:.2f}. Nobody would know from looking at it."
    return (
        f"Not yet: it passes, with {round(alike, 2) + 0.0:+.2f}. Either it asks the model, or it is another map at "
        "every call (random numbers pass, too: passing proves little). Make one that comes out the same each time."
    )
