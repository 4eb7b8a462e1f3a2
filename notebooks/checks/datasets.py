"""Checks of the exercises of lesson 10, on whole data sets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import wam_widgets as wam
from wam_widgets.evaluation import BenchmarkReport, Explainer, scale_profile

from .answers import number, said

#: Shares that differ by less are the same.
_CLOSE = 0.004


def _finest(model: Any, method: str, wavelet: str) -> float:
    """Return the mean share of detail 1 over the sample digits."""
    data = [(sample.signal[0], sample.target) for sample in wam.samples.digits().values()]
    explainer = Explainer(method, wavelet=wavelet, level=2)  # type: ignore[arg-type]
    found = scale_profile(model, data, explainer, target="label", progress=False)
    return float(found.shares[:, -1].mean())


@said
def finest(share: object) -> str:
    """Check for the mean share of detail 1 of the robust network, by saliency in db2."""
    given = number(share)
    if given is None:
        return f"Not yet: expected one number, the mean over the items; got {type(share).__name__}."
    plain, robust = wam.samples.digit_model(), wam.samples.robust_digit_model()
    for answer, model, method, wavelet in [
        ("Right: about the same as in haar.", robust, "saliency", "db2"),
        ("Nearly: that is the plain network.", plain, "saliency", "db2"),
        ("Nearly: that is in haar. Pass `wavelet='db2'` to the Explainer.", robust, "saliency", "haar"),
        ("Nearly: that is by SmoothGrad. Pass 'saliency'.", robust, "smoothgrad", "db2"),
    ]:
        if abs(given - _finest(model, method, wavelet)) < _CLOSE:
            return answer
    return "Not yet: `scale_profile(…).shares[:, -1]` are the shares of the finest scale, item by item."


@said
def stops(progress: object) -> str:
    """Check for a progress function that ends a run of ten when seven are done."""
    if not callable(progress):
        return "Not yet: expected a function of (items done, items in all)."
    try:
        answers = [progress(done, 10) for done in range(1, 11)]
    except Exception as error:  # noqa: BLE001  # whatever it raises, it is told
        return f"Not yet: called with (1, 10) and so on, it raises {type(error).__name__}: {error}"
    if False not in answers:
        return "Not yet: it never returns False, so that nothing stops."
    last = 1 + next(place for place, answer in enumerate(answers) if answer is False)
    if last != 7:
        return f"Not yet: it stops when {last} items are done, not 7."
    if any(answer is not False for answer in answers[6:]):
        return "Nearly: it stops at 7, but not at 8 and more: a cluster may hand in two at once."
    return "Right: the next call with the same file does the rest."


@said
def told(report: BenchmarkReport, found: object) -> str:
    """Check for the explanations whose deletion is told from the better control."""
    expected = {
        (row["protocol"], row["method"])
        for row in report.rows()
        if not row["control"] and row["deletion_difference_high"] < 0
    }
    given = list(found) if isinstance(found, Iterable) and not isinstance(found, str) else [found]
    if not all(isinstance(each, tuple) and len(each) == 2 for each in given):
        return "Not yet: expected a list of (protocol, method), such as [('wam', 'SmoothGrad')]."
    controls = {row["method"] for row in report.rows() if row["control"]}
    if any(method in controls for _, method in given):
        return "Nearly: leave out the controls, whose `row['control']` isn't empty."
    if set(given) == expected:
        return "Right: for deletion, less is better."
    if missing := expected - set(given):
        return f"Not yet: {len(missing)} more. Is `row['deletion_difference_high']` below 0?"
    return f"Not yet: {len(set(given) - expected)} too many. Is `row['deletion_difference_high']` below 0?"
