"""The scrubber of curves from Python: what the browser gets, that it is what the model saw, and what is refused."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

import wam_widgets as wam
from tests.attribution.networks import signal_of
from wam_widgets.evaluation import FaithfulnessReport, frames
from wam_widgets.evaluation.ranking import Importance
from wam_widgets.evaluation.tracing import KINDS, Task
from wam_widgets.widgets import CurveScrubber
from wam_widgets.widgets.explorers import curves

from .cases import explanation

STEPS = 7


class Watching(torch.nn.Module):
    """A classifier that remembers its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, signal: Tensor) -> Tensor:
        self.seen.append(signal.detach().clone())
        flat = signal.flatten(1)
        return torch.tanh(flat @ torch.linspace(-1, 1, 3 * flat.shape[1]).reshape(-1, 3).sin()) * 3


def case(
    *size: int, items: int = 1, channels: int = 1, **options: Any
) -> tuple[FaithfulnessReport, Tensor, dict[str, Importance], Watching]:
    """Return a report of two methods in different terms, what it was made of, and the model that was asked."""
    given = explanation(*(size or (12, 17)), items=items, channels=channels)
    named: dict[str, Importance] = {"waves": given, "map": given.heatmap()}
    options = {"target": 1, "steps": STEPS, "controls": 2, "progress": False} | options
    model = Watching()
    if options.get("domain") == "wavelet":
        named.pop("map")
    return wam.evaluate(model, given.signal, named, **options), given.signal, named, model


def unpacked(scrubber: CurveScrubber, method: str, kind: str) -> NDArray[Any]:
    """Return the frames that a browser shows, (step + 1, channel, pixel)."""
    sent = scrubber._values["frames"][method][kind]
    kind_of = "<i2" if len(scrubber._report["time"]) else np.uint8
    change = np.frombuffer(zlib.decompress(sent["packed"]), kind_of)
    steps = change.reshape(scrubber._report["steps"] + 1, scrubber._values["channels"], -1)
    return np.cumsum(steps, axis=0, dtype=kind_of)


def floats(data: bytes) -> NDArray[np.float32]:
    return np.frombuffer(data, "<f4")


# ----------------------------------------------------------------------------------------------- what the browser gets


def shown(seen: Tensor, low: float, high: float) -> NDArray[np.float64]:
    """Return values as a screen shows them, before they are rounded."""
    return 255 * np.clip((seen.double().numpy() - low) / (high - low), 0, 1)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_an_image_is_sent_as_it_was_at_every_step(channels: int) -> None:
    report, signal, named, _ = case(channels=channels, items=2)
    scrubber = CurveScrubber(report, signal, named, item=1)
    low, high = scrubber._values["range"]
    for method, importance in named.items():
        for kind in KINDS:
            seen = frames(signal, importance, kind, protocol=report.protocol, item=1, seed=report.seed)
            wanted = seen[:, :3] if channels >= 3 else seen.mean(1, keepdim=True)
            got = unpacked(scrubber, method, kind)
            assert got.shape == (STEPS + 1, wanted.shape[1], 12 * 17)
            assert np.abs(got - shown(wanted, low, high).reshape(got.shape)).max() < 0.501
            ends = floats(scrubber._values["frames"][method][kind]["ends"]).reshape(2, -1)
            assert np.allclose(ends, [seen.flatten(1).amin(1), seen.flatten(1).amax(1)], atol=1e-6)


def test_photos_are_shown_from_0_to_1_and_other_images_between_their_ends() -> None:
    report, signal, named, _ = case()
    assert np.allclose(CurveScrubber(report, signal, named)._values["range"], [signal.min(), signal.max()])
    photo = torch.rand(1, 3, 8, 8)
    importance: dict[str, Importance] = {"brightness": photo.mean(1)}
    of_photo = wam.evaluate(Watching(), photo, importance, steps=4, progress=False)
    assert CurveScrubber(of_photo, photo, importance)._values["range"] == [0, 1]


def test_three_central_slices_of_a_volume_are_sent() -> None:
    report, signal, named, _ = case(6, 7, 9)
    scrubber = CurveScrubber(report, signal, named)
    assert scrubber._report["panels"] == [[7, 9], [6, 9], [6, 7]]
    seen = frames(signal, named["waves"], "deletion", protocol=report.protocol)[:, 0]
    parts = [seen[:, 3].flatten(1), seen[:, :, 3].flatten(1), seen[:, :, :, 4].flatten(1)]
    got = unpacked(scrubber, "waves", "deletion")[:, 0]
    assert np.abs(got - shown(torch.cat(parts, 1), *scrubber._values["range"])).max() < 0.501


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_sound_is_sent_in_16_bits(channels: int) -> None:
    report, signal, named, _ = case(1500, channels=channels)
    scrubber = CurveScrubber(report, signal, named)
    seen = frames(signal, named["waves"], "insertion", protocol=report.protocol)
    wanted = seen if channels <= 2 else seen.mean(1, keepdim=True)
    full = scrubber._values["frames"]["waves"]["insertion"]["full"]
    got = unpacked(scrubber, "waves", "insertion").astype(float) / (2**15 - 1) * full
    assert np.abs(got - wanted.numpy()).max() <= full / 2**15
    assert scrubber._report["rate"] is None  # nobody said how many samples make a second


def test_curves_are_those_of_the_report() -> None:
    report, signal, named, _ = case(items=3)
    scrubber = CurveScrubber(report, signal, named, item=2)
    shape = (len(report.methods), STEPS + 1)
    for kind in KINDS:
        sent = scrubber._values["curves"][kind]
        assert np.allclose(floats(sent["scores"]).reshape(shape), report.scores[kind][:, 2])
        assert np.allclose(floats(sent["energy"]).reshape(shape), report.energy[kind][:, 2])
        assert np.allclose(sent["areas"], report.areas[kind][:, 2])
    assert np.allclose(floats(scrubber._report["units"]).reshape(shape), report.units)
    assert scrubber._report["bands"] == {}  # of 3 groups there are none
    assert [each["noun"] for each in scrubber._report["methods"]] == [
        "coefficients", "pixels", "coefficients", "coefficients", "pixels", "pixels",
    ]  # fmt: skip


def test_of_enough_groups_intervals_are_sent() -> None:
    report, signal, named, _ = case(items=10)
    bands = CurveScrubber(report, signal, named, methods=["map"])._report["bands"]
    low, high = np.moveaxis(floats(bands["insertion"]).reshape(len(report.methods), 2, -1), 1, 0)
    mean = report.scores["insertion"].mean(1)
    assert (low <= mean + 1e-6).all()
    assert (mean <= high + 1e-6).all()


# ----------------------------------------------------------------------------------------- that the model saw just that

RULES: list[dict[str, Any]] = [
    {"protocol": "wam", "steps": None},
    {"protocol": "wam-paper", "domain": "wavelet"},
    {"protocol": "rise", "steps": 9},
    {"protocol": "contrast", "target": torch.tensor([[1, 0]])},
    {"baseline": "noise", "seed": 5},
    {"baseline": "band_mean", "domain": "wavelet"},
    {"unit": "band", "domain": "wavelet", "steps": 3},
    {"unit": "superpixel", "segments": torch.arange(12)[:, None].expand(12, 17) // 3},
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: "-".join(map(str, list(rule.values())[:2]))[:20])
def test_every_frame_is_what_the_model_saw(rule: dict[str, Any]) -> None:
    report, signal, named, model = case(**rule)
    scrubber = CurveScrubber(report, signal, named, segments=rule.get("segments"))
    seen = torch.cat(model.seen)
    for each in scrubber._report["methods"]:
        if not each["framed"]:
            assert each["control"] == "random"
            continue
        scrubber.method = each["name"]
        for step in range(1, report.protocol.steps, max(1, report.protocol.steps // 6)):
            scrubber.step = step
            for kind in KINDS:
                assert (seen - scrubber.frame(kind)).flatten(1).abs().amax(1).min() < 1e-5, (each["name"], kind, step)


def test_equal_units_come_in_the_order_of_the_reports_seed() -> None:
    signal = signal_of(8, 8, items=1).float()
    named: dict[str, Importance] = {"flat": torch.ones(1, 8, 8)}
    for seed in (0, 3):
        model = Watching()
        report = wam.evaluate(model, signal, named, target=0, steps=4, seed=seed, progress=False)
        scrubber = CurveScrubber(report, signal, named, methods=["flat"], step=1)
        assert (torch.cat(model.seen) - scrubber.frame("deletion")).flatten(1).abs().amax(1).min() == 0


# ------------------------------------------------------------------------------------------------------ what is refused


@pytest.fixture(scope="module")
def scrubber() -> CurveScrubber:
    report, signal, named, _ = case(items=2)
    return CurveScrubber(report, signal, named)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("step", STEPS + 1, f"`step` must be between 0 and {STEPS}; got 8"),
        ("step", 0.5, "`step` must be a whole number"),
        ("method", "wave", "`method` must be one of 'waves', 'map', .*; got 'wave'. Did you mean 'waves'?"),
        ("method", "random, haar, level 2", "`method` must be one of"),
        ("kind", "delete", "one of 'both', 'insertion', 'deletion'"),
        ("axis", "x", "one of 'units', 'energy'"),
        ("bands", 1, "`bands` must be True or False"),
        ("item", 2, "`item` must be between 0 and 1; got 2"),
    ],
)
@pytest.mark.usefixtures("as_a_user")
def test_a_setting_that_cannot_be_right_is_refused(scrubber: CurveScrubber, name: str, value: Any, words: str) -> None:
    before = getattr(scrubber, name)
    with pytest.raises((TypeError, ValueError), match=words):
        setattr(scrubber, name, value)
    assert getattr(scrubber, name) == before


@pytest.mark.usefixtures("as_a_user")
def test_what_the_report_was_not_made_of_is_refused() -> None:
    report, signal, named, _ = case(items=2)
    with pytest.raises(TypeError, match="`report` must be a FaithfulnessReport; got dict"):
        CurveScrubber({}, signal, named)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="`explanations` must be a dict of name and explanation; got list"):
        CurveScrubber(report, signal, [])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"got 'wave'\. Did you mean 'waves'\?"):
        CurveScrubber(report, signal, {"wave": named["waves"]})
    with pytest.raises(ValueError, match="must hold the items of the report, 2; got 1"):
        CurveScrubber(report, signal[:1], {"map": signal[:1, 0]})
    with pytest.raises(ValueError, match="the insertion of 'map' has other energies"):
        CurveScrubber(report, signal, {"map": -signal[:, 0].exp()})
    with pytest.raises(ValueError, match=r"ranked in 'haar, level 2'; got one in 'haar, level 1'"):
        CurveScrubber(report, signal, {"waves": explanation(12, 17, items=2, channels=1, level=1)})
    with pytest.raises(ValueError, match="`explanations\\['waves'\\]` must be of `signal`"):
        CurveScrubber(report, signal + 1, named)
    with pytest.raises(ValueError, match="`methods` must be one of 'waves', 'map', 'magnitude"):
        CurveScrubber(report, signal, named, methods=["random, samples"])
    with pytest.raises(ValueError, match="`methods` must name at least one"):
        CurveScrubber(report, signal, named, methods=[])
    for methods in ("map", 3):
        with pytest.raises(TypeError, match=rf"`methods` must be a sequence of names, .*; got {methods!r}"):
            CurveScrubber(report, signal, named, methods=methods)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"CurveScrubber takes .*; got 'stpe'. Did you mean 'step'\?"):
        CurveScrubber(report, signal, named, stpe=1)


def test_frames_of_a_baseline_that_is_only_named_are_refused(tmp_path: Path) -> None:
    signal = signal_of(8, 8, items=2).float()
    options: dict[str, Any] = {"target": 0, "steps": 4, "controls": 1, "baseline": signal[:1] / 2, "progress": False}
    methods = {"map": lambda _model, seen, _target: seen[:, 0]}
    run = wam.benchmark(Watching(), list(signal), methods, store=tmp_path / "a.sqlite", **options)
    with pytest.raises(ValueError, match=r"of `benchmark`, which only names the tensor, 'given .*`wam.evaluate\(…\)`"):
        CurveScrubber(run.faithfulness(), signal, {"map": signal[:, 0]})
    # With the tensor itself there are frames: at first nothing is inserted.
    report = wam.evaluate(Watching(), signal, {"map": signal[:, 0]}, **options)
    scrubber = CurveScrubber(report, signal, {"map": signal[:, 0]}, item=1, step=0)
    assert torch.equal(scrubber.frame("insertion"), signal[0] / 2)


def test_items_of_several_seeds_are_refused_with_a_reason() -> None:
    signal = signal_of(8, 8, items=2).float()
    flat: dict[str, Importance] = {"flat": torch.ones(2, 8, 8)}
    options: dict[str, Any] = {"target": 0, "steps": 4, "controls": 1, "progress": False}
    parts = [
        wam.evaluate(Watching(), signal[item : item + 1], {"flat": torch.ones(1, 8, 8)}, seed=item, **options)
        for item in range(2)
    ]
    joined = CurveScrubber(FaithfulnessReport.joined(parts), signal, flat)
    with pytest.raises(ValueError, match=r"has other energies.*report that was joined, .* have seeds of their own"):
        joined.item = 1


def test_what_no_browser_should_hold_is_refused_before_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    report, signal, named, _ = case()
    monkeypatch.setattr(curves, "MOST_UNPACKED", 12 * 17 * 5)
    monkeypatch.setattr(Task, "frames", None)
    with pytest.raises(
        ValueError, match=r"got 8 frames of 12 x 17.*Evaluate with fewer steps, `evaluate\(…, steps=4\)`"
    ):
        CurveScrubber(report, signal, named)


def test_what_is_too_much_to_send_is_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    report, signal, named, _ = case()
    monkeypatch.setattr(curves, "MOST_SENT", 4000)
    with pytest.raises(ValueError, match=r"Pass fewer, `methods=\['waves'\]`, or evaluate with fewer steps.*steps=3\)"):
        CurveScrubber(report, signal, named)


# ------------------------------------------------------------------------------------------------------------- and else


def test_the_model_is_not_asked_again() -> None:
    report, signal, named, model = case(items=2)
    asked = len(model.seen)
    scrubber = CurveScrubber(report, signal, named)
    scrubber.item, scrubber.step = 1, 3
    assert scrubber._values["item"] == 1
    assert len(model.seen) == asked


def test_a_page_holds_all_items_if_they_fit_else_the_one_that_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    report, signal, named, _ = case(items=2)
    scrubber = CurveScrubber(report, signal, named, item=1, methods=["map"])
    state, shelf = scrubber.page_state()
    assert [each["item"] for each in shelf] == [0, 1]
    assert shelf[1]["_values"] is scrubber._values
    assert "_values" not in state  # or it would be there twice
    monkeypatch.setattr(curves, "MOST_SENT", scrubber._values["sent"] + 10)
    state, shelf = scrubber.page_state()
    assert shelf == []
    assert state["_values"] is scrubber._values
    assert [each["item"] for each in state["_items"]] == [1]
    assert "holds item 1 only" in state["_note"]


def test_it_says_what_it_is_and_has_a_picture() -> None:
    report, signal, named, _ = case()
    scrubber = CurveScrubber(report, signal, named, step=2)
    name = report.protocol.name
    assert repr(scrubber).endswith(f": 'waves', step 2 of {STEPS}, protocol {name!r}")
    data, _ = scrubber._repr_mimebundle_()
    assert data["text/plain"] == repr(scrubber)
    assert data["image/png"].startswith(b"\x89PNG")
    assert scrubber.report is report
