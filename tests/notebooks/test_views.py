from __future__ import annotations

from typing import Any

import anywidget
import ipywidgets
import pytest
import traitlets

import wam_widgets as wam
from notebooks import checks

from .exercises import explain, said


class Bars(anywidget.AnyWidget):
    """Bars as students write them."""

    _esm = "export default { render() {} };"
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    shares = traitlets.List(traitlets.Float()).tag(sync=True)
    weights = traitlets.List(traitlets.Float()).tag(sync=True)


class Careful(Bars):
    """Bars that refuse weights, by whatever is raised here."""

    raised: Exception = ValueError("`weights` must be one per name, 2; got [1.0].")

    @traitlets.validate("weights")
    def _require_weights(self, proposal: Any) -> Any:
        if len(proposal.value) != len(self.names):
            raise self.raised
        return proposal.value


class Silent(Careful):
    raised = ValueError()


class Wild(Careful):
    raised = ZeroDivisionError("division by zero")


class Forgotten(Bars):
    @traitlets.validate("weights")
    def _require_weights(self, proposal: Any) -> Any:
        if len(proposal.value) != len(self.names):
            raise ValueError(f"got {proposal.value}")


class Mute(Bars):
    @traitlets.validate("weights")
    def _require_weights(self, proposal: Any) -> Any:
        return proposal.value if len(proposal.value) == len(self.names) else self.weights


class Late(Bars):
    @traitlets.observe("weights")
    def _require_weights(self, change: Any) -> None:
        if len(change.new) != len(self.names):
            raise ValueError(f"got {change.new}")


class Two(Bars):
    @traitlets.validate("weights")
    def _require_weights(self, proposal: Any) -> Any:
        if len(proposal.value) != 2:
            raise ValueError(f"got {proposal.value}")
        return proposal.value


class Half(Bars):
    @traitlets.validate("weights")
    def _require_weights(self, proposal: Any) -> Any:
        if len(proposal.value) < len(self.names):
            raise ValueError(f"got {proposal.value}")
        return proposal.value


class Closed(Bars):
    @traitlets.validate("weights")
    def _require_weights(self, proposal: Any) -> Any:
        raise ValueError(f"got {proposal.value}")


class Forgetful(Bars):
    @traitlets.validate("weights")
    def _require_weights(self, proposal: Any) -> Any:
        return [0.5 for _ in proposal.value]


def test_a_guard_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    answers: list[tuple[str, Any]] = [
        ("Still to do", ...),
        ("Not yet: expected a class", "careful"),
        ("Not yet: expected a class", Careful()),
        ("Not yet: expected a class", dict),
        ("Not yet: it refuses two weights for two names, with ValueError: got [1.0, 0.0]", Closed),
        ("Nearly: [0.0, 1.0] was set, and [0.5, 0.5] is kept", Forgetful),
        ("Not yet: it takes one weight for two names", Bars),
        ("Not yet: it takes four weights for two names", Half),
        ("Not yet: it refuses three weights for three names, with ValueError: got [1.0, 0.0, 0.0]", Two),
        ("Not yet: it refuses two weights for two names, with TraitError", Forgotten),
        ("Nearly: it complains of one weight for two names, and keeps them", Late),
        ("Nearly: it passes over one weight for two names in silence", Mute),
        ("Nearly: it refuses, but without a word", Silent),
        ("Not yet: one weight for two names should raise a ValueError; it raises ZeroDivisionError", Wild),
        ("Right: `weights` must be one per name", Careful),
    ]
    for answer, given in answers:
        checks.guarded(given)
        assert said(capsys).startswith(answer)


def test_bars_of_another_view_are_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    explanation = explain(level=4, samples=8)
    view = explanation.view(wavelet="db4", level=3)
    names, shares, ones = list(view.scales), view.scale_shares()[0].tolist(), [1.0] * 4
    own = explanation.scale_shares()[0].tolist()
    answers: list[tuple[str, Any]] = [
        ("Still to do", ...),
        ("Not yet: expected `ScaleBars(", shares),
        ("Not yet: those are the scales of `explanation`", Bars(names=list(explanation.scales), shares=own)),
        ("Not yet: the names should be approximation, detail 3", Bars(names=names[::-1], shares=shares)),
        ("Not yet: the shares are others", Bars(names=names, shares=shares[::-1], weights=ones)),
        ("Not yet: the shares are others", Bars(names=names, shares=own, weights=ones)),
        ("Nearly: `weights` should be [1.0, 1.0, 1.0, 1.0]; got []", Bars(names=names, shares=shares)),
        ("Right: ", Bars(names=names, shares=shares, weights=ones)),
    ]
    for answer, given in answers:
        checks.barred(explanation, given)
        assert said(capsys).startswith(answer)


def test_linked_sliders_are_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    bars = Bars(names=["a", "b", "c"], weights=[1.0, 0.5, 1.0])
    alone, led, leading, both = (wam.ScaleSliders(bars.names) for _ in range(4))
    answers: list[tuple[str, Any, Any]] = [
        ("Still to do", ..., None),
        ("Not yet: expected `wam.ScaleSliders(names)`", bars, None),
        ("Not yet: the bars have 3 scales, the sliders 2", wam.ScaleSliders(["a", "b"]), None),
        ("Not yet: neither follows", alone, None),
        ("Nearly: the sliders follow the bars", led, lambda: ipywidgets.dlink((bars, "weights"), (led, "weights"))),
        (
            "Nearly: the bars follow the sliders",
            leading,
            lambda: ipywidgets.dlink((leading, "weights"), (bars, "weights")),
        ),
        ("Right: ", both, lambda: ipywidgets.link((both, "weights"), (bars, "weights"))),
    ]
    for answer, given, link in answers:
        made = link and link()
        before = list(bars.weights)
        checks.linked(bars, given)
        assert said(capsys).startswith(answer)
        assert list(bars.weights) == before
        if made:
            made.unlink()
