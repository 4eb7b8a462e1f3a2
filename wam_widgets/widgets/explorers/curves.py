"""The explorer of faithfulness: curves with a cursor to drag, and what the model saw there."""

from __future__ import annotations

import math
import warnings
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import traitlets
from numpy.typing import NDArray
from torch import Tensor

from wam_widgets.attribution import Explanation
from wam_widgets.checks import require_one_of
from wam_widgets.evaluation import FaithfulnessReport
from wam_widgets.evaluation.protocols import given_baseline
from wam_widgets.evaluation.ranking import GroupedDomain, Importance, Ranking
from wam_widgets.evaluation.tracing import KINDS, Kind, Task
from wam_widgets.plots.canvas import png
from wam_widgets.plots.faithfulness import bands_of, faithfulness_curves
from wam_widgets.plots.words import what_is_explained
from wam_widgets.transform import Grid
from wam_widgets.transform.grid import require_signal
from wam_widgets.widgets.curve_view import CurveView

from .arrays import mixture_of, to_bytes
from .image import ends_of

#: Bytes that are sent to the browser, or written into a page, at most: packed, as they are sent.
MOST_SENT = 2**25

#: Bytes of the frames of one curve at most, unpacked, as a browser holds those of the two that are shown.
MOST_UNPACKED = 2**26

#: By how much energies of what is shown may differ from those of the report.
_SAME = 2e-3

#: How hard zlib tries: a fifth larger than at its usual 6, and three times as fast.
_EFFORT = 3

#: The largest value of a sample of 16 bits.
_FULL = 2**15 - 1


class CurveScrubber(CurveView):
    r"""Drag a cursor along insertion and deletion curves, and see what the model saw at that step.

    Parameters
    ----------
    report : FaithfulnessReport
        From `evaluate`. It knows the protocol and the seed, from which what the model saw is made again, exactly; the
        model isn't asked.
    signal : Tensor, shape (item, channel, \*space)
        What `evaluate` was given: sounds, images or volumes, of which three central slices are shown.
    explanations : dict of str to Explanation, Coefficients or Tensor
        What `evaluate` was given, or some of it. The curves of all methods are shown.
    methods : sequence of str, optional
        Whose steps can be looked at: some of `explanations`, and of the report's "magnitude" controls. By default all.
        (The control "random" is a mean over several orders: there is no single signal that the model saw.)
    segments : Tensor, optional
        What `evaluate` was given.
    **settings
        Any of the traits, each of which can also be read and set later: item, method, step, kind, axis, bands.

    Raises
    ------
    TypeError, ValueError
        For anything but a report and what it was made of; for frames that are too large for a browser: more than 64 MiB
        for a curve, or 32 MiB for all after lossless compression, which makes about a tenth of them; for a setting
        that doesn't exist or can't be right.

    Notes
    -----
    Frames are sent in 8 bits (sounds: 16). Images are shown on one scale, from 0 to 1 or, if the signal leaves that,
    between its ends; what lies beyond, as wavelets may, is black or white, and the readout says so. In an exported page
    all items can be chosen if they fit into 32 MiB; else it holds the one that is shown.

    Examples
    --------
    >>> import wam_widgets as wam
    >>> model, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal
    >>> explanations = {"WAM": wam.explain(model, three, level=2, progress=False)}
    >>> report = wam.evaluate(model, three, explanations, progress=False)
    >>> CurveScrubber(report, three, explanations, step=3).step
    3

    At the end of a cell::

        explanations = {"WAM": explanation, "Saliency": saliency}
        report = wam.evaluate(model, signal, explanations)
        scrubber = wam.CurveScrubber(report, signal, explanations)
        scrubber

    and in another::

        scrubber.method, scrubber.step = "Saliency", 3
        wam.export_html(scrubber, "curves.html")
    """

    _opened = False
    _arguments = ("segments", "methods")

    def __init__(
        self,
        report: FaithfulnessReport,
        signal: Tensor,
        explanations: Mapping[str, Importance],
        *,
        methods: Sequence[str] | None = None,
        segments: Tensor | None = None,
        **settings: Any,
    ) -> None:
        self._require_known(settings)
        self._of = _require_report(report)
        named = _require_explanations(explanations, report)
        self._task = _task_of(report, signal, named, segments)
        rankings = _rankings_of(report, self._task)
        wanted = list(rankings) if methods is None else _require_methods(methods, rankings)
        self._rankings: dict[str, Ranking] = {name: rankings[name] for name in rankings if name in wanted}
        self._explained = next((each for each in named.values() if isinstance(each, Explanation)), None)
        _require_small(self._task)
        super().__init__()
        self._items = [{"item": item, "title": self._title_of(item)} for item in range(len(report.groups))]
        self._report = self._shared()
        self.method = next(iter(self._rankings))
        self.axis = report.protocol.axis
        self.step = report.protocol.steps // 8
        if "item" in settings:
            self.item = settings.pop("item")
        self._values = self._values_of(self.item)
        for name, value in settings.items():
            setattr(self, name, value)
        self._opened = True
        self.open()

    def open(self) -> None:
        """Tell the browser, once there is something to show: all in one message."""
        if self._opened:
            super().open()

    @property
    def report(self) -> FaithfulnessReport:
        """What is shown."""
        return self._of

    def frame(self, kind: Kind) -> Tensor:
        r"""Return what the model saw at the cursor, shape (channel, \*space): before it is made to fit a screen."""
        require_one_of("kind", kind, KINDS)
        made, _ = self._task.frames(self._rankings[self.method], kind, self.item)
        return made[self.step]

    @traitlets.observe("item")
    def _look_at(self, _: object) -> None:
        if self._opened:
            self._values = self._values_of(self.item)

    # --------------------------------------------------------------------------------------------------- what is drawn

    def _title_of(self, item: int) -> str:
        group = self._of.groups[item]
        about = "" if self._explained is None else what_is_explained(self._explained, item).split("\n")[0]
        own = f"item {item}" if group == item else f"item {item}, {group}"
        return f"{own}: {about}" if about else own

    def _shared(self) -> dict[str, Any]:
        """Return what all items share.

        Returns
        -------
        dict
            `methods`, each with its `noun`, what a unit of it is called; `units`, (method, step + 1) float32; `bands`,
            by kind low and high ends of the mean, (method, 2, step + 1) float32, or nothing; and how it is all shown.
        """
        report, rule = self._of, self._of.protocol
        size = tuple(self._task.signal.shape[2:])
        grid = Grid.default(len(size)) if self._explained is None else self._explained.grid
        bands = bands_of(report)
        chances = all(((each >= 0) & (each <= 1 + 1e-9)).all() for each in report.scores.values())
        words = {
            "probability": "probability" if chances else "score",
            "logit": "score",
            "contrast": "p(A) / (p(A) + p(B))",
        }
        rate = grid.sample_rate
        return {
            "methods": [
                {
                    "name": name,
                    "domain": domain,
                    "control": control or "",
                    "noun": _noun(self._task.rankings, domain, len(size), rule.unit),
                    "framed": name in self._rankings,
                }
                for name, domain, control in zip(report.methods, report.domains, report.controls, strict=True)
            ],
            "steps": rule.steps,
            "units": to_bytes(report.units),
            "bands": {} if bands is None else {kind: to_bytes(each) for kind, each in bands.items()},
            "confidence": report.confidence,
            "items": len(report.groups),
            "protocol": rule.name,
            "described": str(rule),
            "question": rule.question,
            "quantity": words[rule.quantity],
            "chances": bool(chances) and rule.quantity != "logit",
            "panels": [list(each) for each in _panels(size)],
            "names": [f"across {name}" for name in grid.axes] if len(size) == 3 else [],
            "sides": _sides(size, grid),
            "rate": rate,
            "time": [size[0] * grid.spacing[0], grid.units[0]] if len(size) == 1 else [],
        }

    def _values_of(self, item: int) -> dict[str, Any]:
        """Return what is drawn of one item.

        Returns
        -------
        dict
            `curves`, by kind: `scores` and `energy`, (method, step + 1) float32, and `areas`. `frames`, by method and
            kind: `packed`, differences between the frames of neighbouring steps, the first as it is, each (channel,
            pixel of all panels) uint8 or (channel, sample) int16, modulo their range, deflated (RFC 1950); `ends`, the
            least and the largest value of each frame, (2, step + 1) float32; and `full`, the value that stands for the
            largest int16.
        """
        report, task = self._of, self._task
        signal = task.signal[item]
        range_ = ends_of(signal) if signal.ndim > 2 else (0.0, 1.0)  # waveforms are drawn to their own peak
        sent, frames = 0, dict[str, dict[Kind, dict[str, Any]]]()
        for name, ranking in self._rankings.items():
            row, made = report.methods.index(name), dict[Kind, dict[str, Any]]()
            for kind in KINDS:
                seen, energies = task.frames(ranking, kind, item)
                _require_same(name, kind, energies, report.energy[kind][row, item])
                made[kind] = _packed(seen, range_)
                sent += len(made[kind]["packed"])
                if sent > MOST_SENT:
                    raise ValueError(
                        f"What the model saw of item {item} takes more than {MOST_SENT >> 20} MiB, compressed; got "
                        f"that many after {len(frames) + 1} of {len(self._rankings)} methods. Pass fewer, "
                        f"`methods=[{next(iter(self._rankings))!r}]`, or evaluate with fewer steps, "
                        f"`evaluate(…, steps={max(1, report.protocol.steps // 2)})`."
                    )
            frames[name] = made
        return {
            "item": item,
            "title": self._title_of(item),
            "range": list(range_),
            "channels": _channels(tuple(signal.shape)),
            "curves": {
                kind: {
                    "scores": to_bytes(report.scores[kind][:, item]),
                    "energy": to_bytes(report.energy[kind][:, item]),
                    "areas": [float(area) if math.isfinite(area) else None for area in report.areas[kind][:, item]],
                }
                for kind in KINDS
            },
            "frames": frames,
            "sent": sent,
        }

    def page_state(self, wavelets: Sequence[str | None] = ()) -> tuple[dict[str, Any], list[dict[str, Any]]]:  # noqa: ARG002  # there is nothing to see in another
        """Return what a page without a kernel needs: all items if they fit into it, else the one that is shown."""
        names = [*self.settings(), "_report", "_items"]
        state = {name: getattr(self, name) for name in names} | {"_note": "", "_problem": ""}
        shelf, sent = [], 0
        for item in range(len(self._items)):
            values = self._values if item == self.item else self._values_of(item)
            sent += values["sent"]
            if sent > MOST_SENT:
                note = f"This page holds item {self.item} only: all {len(self._items)} would make it too large."
                return state | {"_values": self._values, "_items": [self._items[self.item]], "_note": note}, []
            shelf.append({"item": item, "_values": values})
        return state, shelf

    def picture(self) -> bytes | None:
        """Return a PNG for places without JavaScript: the curves of the item."""
        try:
            return png(faithfulness_curves(self._of, item=self.item), dpi=100)
        except Exception as error:  # noqa: BLE001  # a display must not hide the object that it displays
            warnings.warn(f"No picture: {type(error).__name__}: {error}", RuntimeWarning, stacklevel=2)
            return None

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Show the live view, beside it a picture for places without JavaScript and a short text."""
        data, metadata = super()._repr_mimebundle_() or ({}, {})
        picture = self.picture()
        return {**data, "text/plain": repr(self)} | ({} if picture is None else {"image/png": picture}), metadata

    def __repr__(self) -> str:
        return (
            f"CurveScrubber of {self._items[self.item]['title']}: {self.method!r}, step {self.step} of "
            f"{self._report['steps']}, protocol {self._of.protocol.name!r}"
        )


def _require_report(report: object) -> FaithfulnessReport:
    if not isinstance(report, FaithfulnessReport):
        raise TypeError(
            f"`report` must be a FaithfulnessReport; got {type(report).__name__}. Pass what `evaluate` returned."
        )
    for kind in KINDS:
        baseline = getattr(report.protocol, f"{kind}_baseline")
        if isinstance(baseline, str) and baseline.startswith(given_baseline("")):
            raise ValueError(
                f"`report` must hold its baseline, of which frames are made; got one of `benchmark`, which only names "
                f"the tensor, {baseline!r}. Pass the report of `wam.evaluate(…)` of the items that you want to see."
            )
    return report


def _require_methods(methods: object, rankings: Mapping[str, Ranking]) -> list[str]:
    """Return the names of methods whose steps can be looked at."""
    known = ", ".join(map(repr, rankings))
    if isinstance(methods, str) or not isinstance(methods, Iterable):
        raise TypeError(
            f"`methods` must be a sequence of names, some of {known}; got {methods!r}. Pass e.g. "
            f"`methods=[{next(iter(rankings))!r}]`."
        )
    wanted = [require_one_of("methods", name, rankings) for name in methods]
    if not wanted:
        raise ValueError(f"`methods` must name at least one of {known}; got none. Leave it out for all.")
    return wanted


def _require_explanations(explanations: object, report: FaithfulnessReport) -> dict[str, Importance]:
    """Return what is ranked, by the names that it has in the report."""
    known = [name for name, control in zip(report.methods, report.controls, strict=True) if control is None]
    if not isinstance(explanations, Mapping) or not explanations:
        raise TypeError(
            f"`explanations` must be a dict of name and explanation; got {type(explanations).__name__}. Pass what "
            f"`evaluate` was given, {', '.join(map(repr, known))}."
        )
    for name in explanations:
        require_one_of("explanations", name, known)
    return {str(name): given for name, given in explanations.items()}


def _task_of(
    report: FaithfulnessReport, signal: Tensor, named: Mapping[str, Importance], segments: Tensor | None
) -> Task:
    """Return the task that the report was made by, but for what is measured, which frames don't depend on."""
    signal = require_signal(signal)
    items = len(signal)
    task = Task.of(signal, named, None, report.protocol, "softmax", report.seed, segments=segments, scored=False)
    if items != len(report.groups):
        raise ValueError(
            f"`signal` must hold the items of the report, {len(report.groups)}; got {items}. Pass what `evaluate` was "
            f"given."
        )
    for name, ranking in task.rankings.items():
        row = report.methods.index(name)
        units, steps = ranking.importance.shape[1], task.protocol.counts(ranking.importance.shape[1])
        if ranking.domain.name != report.domains[row] or not np.allclose(steps / units, report.units[row]):
            raise ValueError(
                f"`explanations[{name!r}]` must be what `evaluate` was given, ranked in {report.domains[row]!r}; got "
                f"one in {ranking.domain.name!r}, of {units} units."
            )
    return task


def _rankings_of(report: FaithfulnessReport, task: Task) -> dict[str, Ranking]:
    """Return what can be looked at: the explanations, and the orders by magnitude in their terms."""
    found = dict(task.rankings)
    for domain in dict.fromkeys(ranking.domain for ranking in task.rankings.values()):
        name = f"magnitude, {domain.name}"
        if name in report.methods:
            found[name] = task.controls(domain, 0)["magnitude"][0]
    return {name: found[name] for name in report.methods if name in found}


def _require_small(task: Task) -> None:
    """Raise before anything is made that no browser should hold."""
    size = tuple(task.signal.shape[2:])
    pixels = sum(math.prod(panel) for panel in _panels(size)) * (2 if len(size) == 1 else 1)
    each = pixels * _channels(tuple(task.signal.shape[1:]))
    steps = task.protocol.steps
    if (steps + 1) * each > MOST_UNPACKED:
        fewer = MOST_UNPACKED // each - 1
        remedy = f"Evaluate with fewer steps, `evaluate(…, steps={fewer})`" if fewer > 1 else "Evaluate smaller items"
        raise ValueError(
            f"What the model saw along a curve may take {MOST_UNPACKED >> 20} MiB; got {steps + 1} frames of "
            f"{' x '.join(map(str, size))}, {(steps + 1) * each / 2**20:.0f} MiB. {remedy}."
        )


def _require_same(name: str, kind: Kind, found: Tensor, reported: NDArray[np.float64]) -> None:
    """Raise unless these are frames of the report: what they hold of the energy is as there."""
    if np.abs(found.cpu().numpy() - reported).max() > _SAME:
        raise ValueError(
            f"`report` must be of `signal` and `explanations`; got others, since the {kind} of {name!r} has other "
            f"energies. Pass exactly what `evaluate` was given. (In a report that was joined, or of `benchmark`, items "
            f"have seeds of their own, by which equal units and noise were drawn: pass one of a single `evaluate`.)"
        )


def _panels(size: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return rows and columns of what is shown of a frame: a waveform, an image, or the slices across each axis."""
    if len(size) < 3:
        return [(1, *size) if len(size) == 1 else size]  # type: ignore[list-item]  # two numbers either way
    depth, height, width = size
    return [(height, width), (depth, width), (depth, height)]


def _sides(size: tuple[int, ...], grid: Grid) -> list[float]:
    """Return the ratio of width to height of each panel, as it is drawn."""
    alike = len(set(grid.units)) == 1
    extent = [each * (step if alike else 1) for each, step in zip(size, grid.spacing, strict=True)]
    if len(size) < 3:
        return [] if len(size) == 1 else [extent[1] / extent[0]]
    depth, height, width = extent
    return [width / height, width / depth, height / depth]


def _channels(shape: tuple[int, ...]) -> int:
    return len(mixture_of(shape))


def _packed(seen: Tensor, range_: tuple[float, float]) -> dict[str, Any]:
    """Return frames as they are sent (see `CurveScrubber._values_of`)."""
    mixture, full = torch.as_tensor(mixture_of(tuple(seen.shape[1:]))).to(seen), 1.0
    whole: Tensor
    if seen.ndim == 3:
        shown = torch.einsum("pc,fct->fpt", mixture, seen)
        full = float(shown.abs().max()) or 1.0
        whole = (shown * (_FULL / full)).round_().to(torch.int16)
    else:
        flat = seen.flatten(2) if seen.ndim == 4 else torch.cat([_middle(seen, axis) for axis in (2, 3, 4)], dim=-1)
        painted = len(mixture) == 3  # three of three or four channels are colours as they are
        shown = flat[:, :3] if painted else torch.einsum("pc,fcn->fpn", mixture, flat)
        low, high = range_
        whole = ((shown - low) * (255 / (high - low or 1.0))).clamp_(0, 255).round_().to(torch.uint8)
    steps = whole.cpu().numpy()
    change = np.diff(steps, axis=0, prepend=np.zeros_like(steps[:1]))  # modulo the range of the type
    return {
        "packed": zlib.compress(change.astype(change.dtype.newbyteorder("<")).tobytes(), _EFFORT),
        "ends": to_bytes(torch.stack(torch.aminmax(seen.flatten(1), dim=1))),
        "full": full,
    }


def _middle(seen: Tensor, axis: int) -> Tensor:
    """Return the central slice across an axis, (frame, channel, pixel)."""
    return seen.select(axis, seen.shape[axis] // 2).flatten(2)


def _noun(rankings: Mapping[str, Ranking], name: str, dimensions: int, unit: str) -> str:
    """Return what the units of a domain are called."""
    if unit != "position":
        return f"{unit}s"
    for ranking in rankings.values():
        inner = ranking.domain.inner if isinstance(ranking.domain, GroupedDomain) else ranking.domain
        if ranking.domain.name == name and getattr(inner, "wavelet", None) is not None:
            return "coefficients"
    return ("samples", "pixels", "voxels")[dimensions - 1] if name == "samples" else "coefficients"
