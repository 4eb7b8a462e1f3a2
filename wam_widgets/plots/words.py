"""What figures and pages say about an explanation, in words."""

from __future__ import annotations

import math
from typing import Literal

import torch

from wam_widgets.attribution import Explanation
from wam_widgets.attribution.explanation import Kind, passes_in_words
from wam_widgets.transform.grid import dimensions

Per = Literal["cell", "sample"]
"""What an amount of importance refers to: a coefficient, which fills a cell, or one sample of the grid."""

METHODS = {
    "saliency": "Saliency",
    "smoothgrad": "SmoothGrad",
    "integrated_gradients": "Integrated Gradients",
}

_LONGEST = 60


def plain(text: str) -> str:
    """Return text of a user's as one line that fits a title: no control characters, shortened in the middle."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    if len(line) <= _LONGEST:
        return line
    half = _LONGEST // 2
    return f"{line[:half].rstrip()} … {line[-half + 3 :].lstrip()}"


def number(value: float) -> str:
    """Write a number to three digits.

    Examples
    --------
    >>> number(-0.34239), number(1234.5), number(0.0)
    ('−0.342', '1230', '0')
    """
    rounded = f"{value:.3g}"
    if "e+" in rounded and abs(value) < 1e6:
        rounded = f"{float(rounded):.0f}"
    return rounded.replace("-", "−")


def percent(fraction: float) -> str:
    """Write a fraction as a percentage, with one digit more where it is small.

    Examples
    --------
    >>> percent(0.55), percent(0.0123), percent(0.0004), percent(0.05), percent(0.9999)
    ('55 %', '1.2 %', '0.04 %', '5 %', '> 99 %')
    """
    hundredths = 100 * fraction
    if 99 < hundredths < 100:
        return "> 99 %"
    if 0 < hundredths < 0.005:
        return "< 0.01 %"
    digits = 0 if abs(hundredths) >= 9.95 else 1 if abs(hundredths) >= 0.095 else 2
    written = f"{hundredths:.{digits}f}"
    return (written.rstrip("0").rstrip(".") if digits else written).replace("-", "−") + " %"


def seen_as(explanation: Explanation) -> str:
    """Say how an explanation was made, or by the setting "gradient" whose gradient it is, and in which wavelet."""
    own = f"{METHODS[explanation.method]}, {passes_in_words(explanation.passes.tolist())}"
    parts = [
        plain(str(explanation.settings.get("gradient", own))),
        "its own samples" if explanation.wavelet is None else f"{explanation.wavelet}, level {explanation.level}",
        explanation.kind,
    ]
    if explanation.method == "smoothgrad":
        parts[0] += f", noise {explanation.settings.get('noise', math.nan):g} of the range"
    if explanation.aggregate != "mean":
        parts.append(
            explanation.aggregate.replace("_", " of ").replace("abs", "magnitudes").replace("square", "squares")
        )
    if "denoised" in explanation.settings:
        parts.append("denoised")
    return " · ".join(parts)


def probability(explanation: Explanation, item: int, column: int) -> tuple[float, str] | None:
    """Return the probability of a class, and what was done to get it: "softmax", or nothing if the output is one.

    None where the output is no row of at least two classes.
    """
    if explanation.output is None or explanation.output.shape[1] < 2:
        return None
    row = explanation.output[item].double()
    if bool((row >= 0).all()) and abs(float(row.sum()) - 1) < 1e-3:
        return float(row[column]), ""
    return float(torch.softmax(row, 0)[column]), "softmax"


def class_name(explanation: Explanation, column: int) -> str:
    """Return the label of a column of the output."""
    labels = explanation.labels
    return plain(labels[column]) if labels and column < len(labels) else f"column {column}"


def what_is_explained(explanation: Explanation, item: int) -> str:
    """Say which score is explained, with its probability, and what the model predicts if that is another class."""
    if explanation.target is None:
        return f"{plain(explanation.names()[item])} = {number(float(explanation.score[item]))}"
    column = int(explanation.target[item])
    said = _with_probability(explanation, item, column)
    if said is None:
        return f"{class_name(explanation, column)} = {number(float(explanation.score[item]))}"
    predicted = int(explanation.output[item].argmax()) if explanation.output is not None else column
    if predicted == column:
        return said
    return f"explained: {said}\npredicted: {_with_probability(explanation, item, predicted)}"


def _with_probability(explanation: Explanation, item: int, column: int) -> str | None:
    found = probability(explanation, item, column)
    if found is None:
        return None
    value, how = found
    return f"{class_name(explanation, column)}, {percent(value)}" + (f" ({how})" if how else "")


def scale_words(explanation: Explanation) -> list[str]:
    """Name the scales, coarse to fine; without a wavelet there is one, the samples."""
    return ["samples"] if explanation.wavelet is None else list(explanation.scales)


def usual_per(kind: Kind) -> Per:
    """Return what amounts refer to, so that the scales of an explanation can be compared.

    A sensitivity is a derivative: it belongs to a coefficient, and its size doesn't depend on how far the coefficient
    reaches. A contribution is an amount of score: over a larger cell it is spread thinner, and the sum over the
    samples is what counts.
    """
    return "cell" if kind == "sensitivity" else "sample"


def require_per(explanation: Explanation, per: object) -> Per:
    """Return what amounts refer to; by default, what is usual for the kind of explanation."""
    if per is None:
        return usual_per(explanation.kind)
    if per not in {"cell", "sample"}:
        raise ValueError(f"`per` must be 'cell', 'sample' or None; got {per!r}. Pass e.g. `per='cell'`.")
    return "cell" if per == "cell" else "sample"


def unit(explanation: Explanation, per: Per) -> str:
    """Name the unit of a map's or a coefficient's values."""
    sample = dimensions(len(explanation.size)).unit
    if explanation.kind == "contribution":
        return "score" if per == "cell" else f"score per {sample}"
    single = "score units per signal unit"
    if explanation.aggregate == "mean_square":
        single = f"({single})²"
    return single if per == "cell" or explanation.wavelet is None else f"{single}, per {sample}"


def heading(explanation: Explanation, item: int) -> str:
    """Return what stands above every figure."""
    items = len(explanation.signal)
    behind = (
        f"\nat {plain(str(explanation.settings['at']))}; noise is the signal's" if "at" in explanation.settings else ""
    )
    return seen_as(explanation) + (f" · item {item} of {items}" if items > 1 else "") + behind


def require_item(explanation: Explanation, item: object) -> int:
    """Return the item's number, or raise with what there is."""
    if not isinstance(explanation, Explanation):
        raise TypeError(
            f"A figure shows an Explanation; got {type(explanation).__name__}. Pass what `explain` "
            f"returned; what can be told from zero, say, is part of its figure."
        )
    items = len(explanation.signal)
    if isinstance(item, bool) or not isinstance(item, int) or not 0 <= item < items:
        raise ValueError(f"`item` must be a whole number from 0 to {items - 1}; got {item!r}. Pass e.g. `item=0`.")
    return item
