from __future__ import annotations

import pytest
import torch

import wam_widgets as wam
from notebooks import checks
from notebooks.checks import hearing

from .exercises import said, sound


def test_a_sound_without_its_pitch_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    explanation = sound()
    approximation, pitch, *others = explanation.scales
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected a sound, a tensor of shape (1, 1, 768); got 'silence'", "silence"),
        (
            f"Nearly: that is everything but {others[0]}",
            explanation.rebuild(scales=[approximation, pitch, *others[1:]]),
        ),
        (f"Not yet: that is {others[-1]} alone", explanation.rebuild(scales=others[-1:])),
        ("Not yet: the sound should hold all scales, whole, but", explanation.signal),
        ("Right: everything but detail 4", explanation.rebuild(scales=[approximation, *others])),
    ]:
        checks.without_pitch(explanation, given)
        assert said(capsys).startswith(answer)


def test_what_is_asked_of_the_alarm_is_told_from_others(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = sound()
    alarm = wam.samples.Sample("alarm", found.signal, 0, "An alarm", "", "")
    monkeypatch.setattr(hearing, "_alarm", lambda: (alarm, found))
    shares = found.scale_shares()[0]
    largest, least = (found.scales[int(place)] for place in (shares.argmax(), shares.argmin()))
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected the name of a scale, such as 'detail 4'; got 4", 4),
        (f"Not yet: {least} has", least),
        (f"Right: {largest}, with", largest),
    ]:
        checks.alarmed(given)
        assert said(capsys).startswith(answer)
    coefficients = found.signal_coefficients()

    def first(order: wam.Coefficients) -> torch.Tensor:
        return wam.reconstruct(coefficients.keep(order.largest(0.05)))

    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected a sound, a tensor of shape (1, 1, 768); got 0.9", 0.9),
        ("Not yet: that is silence", torch.zeros_like(found.signal)),
        ("Nearly: that is the twentieth that contributes most", found.rebuild(fraction=0.05)),
        ("Nearly: that is what speaks most against the class", first(found.attribution.map(torch.neg))),
        ("Nearly: that is the quietest twentieth", first(coefficients.map(lambda band: -band.abs()))),
        ("Not yet: keep the positions", found.signal),
        ("Right: ", first(found.attribution.map(lambda band: -band.abs()))),
    ]:
        checks.least_kept(given)
        assert said(capsys).startswith(answer)
