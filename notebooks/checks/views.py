"""Checks of the exercises of lesson 9, on views of one's own."""

from __future__ import annotations

from typing import Any

import anywidget
import numpy as np
import traitlets

import wam_widgets as wam

from .answers import said

#: What a guard may raise.
_REFUSALS = (ValueError, TypeError, traitlets.TraitError)


@said
def barred(explanation: wam.Explanation, bars: object) -> str:
    """Check for the bars of an explanation in db4, level 3."""
    if not isinstance(bars, anywidget.AnyWidget):
        return "Not yet: expected `ScaleBars(names=…, shares=…, weights=…)`."
    asked = explanation.view(wavelet="db4", level=3)
    names, shares, weights = (list(getattr(bars, name, [])) for name in ("names", "shares", "weights"))
    if names == list(explanation.scales):
        return "Not yet: those are the scales of `explanation` itself. Take those of the view."
    if names != list(asked.scales):
        return f"Not yet: the names should be {', '.join(asked.scales)}; got {names}."
    expected = asked.scale_shares()[0].numpy()
    if len(shares) != len(expected) or not np.allclose(shares, expected, atol=1e-3):
        return "Not yet: the shares are others. `.scale_shares()[0].tolist()` of the view has them."
    if weights != [1.0] * len(names):
        return f"Nearly: `weights` should be {[1.0] * len(names)}; got {weights}."
    return "Right: the same passes in other bars. Show them."


def _refusal(bars: Any, weights: list[float], asked: str) -> str:
    """Return how bars refuse weights, or what is wrong with it."""
    try:
        bars.weights = weights
    except _REFUSALS as error:
        if list(bars.weights) == weights:
            return f'Nearly: it complains of {asked}, and keeps them. Use `@traitlets.validate("weights")`.'
        silent = "Nearly: it refuses, but without a word. Say the rule, and what came."
        return f"Right: {error}" if str(error) else silent
    except Exception as error:  # noqa: BLE001  # whatever it raises, it is told
        return f"Not yet: {asked} should raise a ValueError; it raises {type(error).__name__}: {error}"
    if list(bars.weights) == weights:
        return f'Not yet: it takes {asked}. Decorate a method with `@traitlets.validate("weights")`.'
    return f"Nearly: it passes over {asked} in silence. Raise a ValueError that says the rule, and what came."


@said
def guarded(careful: object) -> str:
    """Check for a class of bars that refuses weights unless there is one per name."""
    if not isinstance(careful, type) or not issubclass(careful, anywidget.AnyWidget):
        return "Not yet: expected a class, `class CarefulBars(ScaleBars): …`, without calling it."
    told = []
    for names, many in [(["a", "b"], "two"), (["a", "b", "c"], "three")]:
        kept = [*[0.0] * (len(names) - 1), 1.0]
        try:
            bars = careful(names=names, shares=kept, weights=kept[::-1])
            bars.weights = kept
        except Exception as error:  # noqa: BLE001  # whatever it raises, it is told
            ending = " End with `return proposal.value`." if "NoneType" in str(error) else ""
            return f"Not yet: it refuses {many} weights for {many} names, with {type(error).__name__}: {error}{ending}"
        if list(bars.weights) != kept:
            return f"Nearly: {kept} was set, and {bars.weights} is kept. End with `return proposal.value`."
        for weights, some in [([1.0], "one weight"), ([1.0] * 4, "four weights")]:
            told.append(_refusal(bars, weights, f"{some} for {many} names"))
    return next((answer for answer in told if not answer.startswith("Right: ")), told[0])


@said
def linked(bars: traitlets.HasTraits, sliders: object) -> str:
    """Check for sliders whose weights are those of the bars, and the other way round."""
    if not isinstance(sliders, wam.ScaleSliders):
        return "Not yet: expected `wam.ScaleSliders(names)`."
    before = list(bars.weights)
    if len(before) != len(sliders.names):
        return f"Not yet: the bars have {len(before)} scales, the sliders {len(sliders.names)}. Use the same names."
    one, other = ([float(place == each) for place in range(len(before))] for each in (0, 1))
    sliders.weights = one
    forth = list(bars.weights) == one
    bars.weights = other
    back = list(sliders.weights) == other
    bars.weights = sliders.weights = before
    if forth and back:
        return "Right: whichever is set, the other follows."
    if forth or back:
        leader, follower = ("sliders", "bars") if forth else ("bars", "sliders")
        return f"Nearly: the {follower} follow the {leader}, but not the other way round. Use `link`, not `dlink`."
    return "Not yet: neither follows the other. `jslink` would need a browser to do it: use `ipywidgets.link`."
