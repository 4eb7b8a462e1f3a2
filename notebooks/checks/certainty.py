"""Checks of the exercises of lesson 6, on what is sure."""

from __future__ import annotations

import torch

import wam_widgets as wam

from .answers import number, said


@said
def error_computed(answers: torch.Tensor, error: object) -> str:
    """Check for the standard error of the mean of the first nine answers."""
    given = number(error)
    if given is None:
        return "Not yet: expected one number, the spread of the answers divided by a root."
    nine = answers[:9]
    for answer, expected in [
        ("Right: fewer are asked, and the mean is less sure: compare it with that of all 25.", nine.std() / 3),
        ("Nearly: that is of all 25 copies. Take `[:9]` first.", answers.std() / 5),
        ("Nearly: that is the spread. Divide it by the root of how many were asked.", nine.std()),
        (
            "Nearly: in the spread, divide by n − 1, here 8, not by n. `.std()` of a tensor does, `np.std` doesn't.",
            nine.std(correction=0) / 3,
        ),
        ("Nearly: divide by the root of 9, not by 9.", nine.std() / 9),
        ("Nearly: only 9 were asked. Divide by the root of 9.", nine.std() / 5),
        ("Nearly: take the spread of the nine, not of all 25.", answers.std() / 3),
    ]:
        if abs(given - float(expected)) < 1e-3 * float(expected):
            return answer
    return "Not yet: the standard error is `.std()` of the nine answers, divided by the root of 9."


@said
def left_over(explanation: wam.Explanation, share: object) -> str:
    """Check for how much of the magnitude in the finest scale denoising leaves."""
    given = number(share)
    if given is None:
        return "Not yet: expected one number, the magnitude in detail 1 after denoising divided by that before."
    plain, clean = explanation.attribution, explanation.denoised().attribution
    before, after = (each.map(torch.abs).total_by_scale()[0] for each in (plain, clean))
    squares = [float(each.map(torch.square).total_by_scale()[0, -1]) for each in (plain, clean)]
    for answer, expected in [
        (f"Right: {float(after[-1] / before[-1]):.0%}. The rest it takes for noise.", after[-1] / before[-1]),
        ("Nearly: that is the share in all scales together. Take the last, detail 1.", after.sum() / before.sum()),
        ("Nearly: those are the squares. Take `torch.abs`.", squares[1] / squares[0]),
        ("Nearly: that is the share that is gone.", 1 - after[-1] / before[-1]),
        ("Not yet: that is before divided by after.", before[-1] / after[-1]),
        ("Not yet: that is the magnitude that is left. Divide it by that before.", after[-1]),
    ]:
        if abs(given - float(expected)) < 0.005 * float(expected):
            return answer
    return "Not yet: `.map(torch.abs).total_by_scale()[0, -1]` adds up detail 1; divide that after by that before."


@said
def path_refined(explanation: object) -> str:
    """Check for Integrated Gradients of “tabby cat” that were refined until they miss at most a tenth."""
    if not isinstance(explanation, wam.Explanation):
        return "Not yet: the answer should be what `wam.explain` returns."
    if explanation.method != "integrated_gradients":
        return f"Not yet: that is {explanation.method!r}. Pass `method='integrated_gradients'`."
    if explanation.names()[0] != "tabby cat":
        return f"Not yet: that explains {explanation.names()[0]!r}. The class comes after the photo."
    passes, gap = int(explanation.passes[0]), float(explanation.completeness_gap(relative=True)[0])
    if explanation.settings["tolerance"] is None:
        return f"Not yet: {passes} steps miss {gap:+.0%}, but fewer may hit by luck. Pass a `tolerance`."
    if abs(gap) > 0.1:
        return f"Not yet: it misses {gap:+.0%} after {passes} steps. Pass `tolerance=0.1`, and leave room to refine."
    return "Right: it added steps until it missed at most a tenth. `refined.passes` says how many that took."
