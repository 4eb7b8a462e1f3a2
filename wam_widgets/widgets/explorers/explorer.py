"""What every explorer does with an explanation: see it in another wavelet, find its errors, ask the model anew."""

from __future__ import annotations

import atexit
import dataclasses
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar, get_args

import pywt
import traitlets
from torch import Tensor

from wam_widgets.attribution import Contrast, Explanation, explain
from wam_widgets.attribution.arguments import require_model
from wam_widgets.attribution.explanation import Kind, Method
from wam_widgets.attribution.passes import Model
from wam_widgets.attribution.paths import SEGMENTS
from wam_widgets.attribution.progress import Progress
from wam_widgets.plots import glance
from wam_widgets.plots.words import METHODS, class_name, plain
from wam_widgets.transform.wavelet import Mode, deepest_level, find_wavelet, require_level, require_mode
from wam_widgets.widgets.base import Checked
from wam_widgets.widgets.settings import one_of, whole
from wam_widgets.widgets.view import View

from .arrays import errors_of, tables, values_of
from .worker import Worker

#: Passes that `run` makes at most, and where nothing else is known.
MOST_SAMPLES, _CUSTOMARY_SAMPLES = 10_000, 25

#: Levels to choose from, if the signal is large enough.
_MOST_LEVELS = 10

#: Seconds that errors wait for the picture beside a new view: both would share the interpreter, and the view be late.
_PICTURE_FIRST = 0.5

#: The settings that a question is made of.
_QUESTION = ("target", "against", "method", "samples")

#: The settings that decide what is drawn and cost no pass.
_SEEN_BY = ("item", "wavelet", "mode", "level", "kind")

#: What is said of a run that goes on: finding errors would slow it down.
_SO_FAR = {"errorless": "Standard errors come when the run has ended."}

#: What a page needs besides the settings, and what it begins without.
_IN_A_PAGE, _NOT_IN_A_PAGE = ("_items", "_tables", "_rates"), {"_work": {}, "_note": "", "_problem": ""}

#: Whose threads have to end before the interpreter does: torch doesn't survive being cut off.
_OPEN: weakref.WeakSet[Explorer] = weakref.WeakSet()


class Explorer(View):
    """An explanation behind a view. Subclasses say what arrays the view draws, and from which explanations."""

    #: What changes with the item and the wavelet.
    drawn_anew: ClassVar[tuple[str, ...]] = ("level", "_signal", "_values", "_errors")

    _opened = _closed = False
    _arguments: tuple[str, ...] = ("model",)

    look: Any

    # -------------------------------------------------------------------------------------------------- what is allowed

    def _deepest(self, wavelet: str) -> int:
        return deepest_level(self._given.size, find_wavelet(wavelet), self.mode)

    def _level_for(self, wavelet: str | None) -> int:
        """Return the level, or the deepest of the wavelet if that is less."""
        return self.level if wavelet is None else min(self.level, self._deepest(wavelet))

    def _require_wavelet(self, _: str, value: Any) -> str | None:
        if not self._settling and self._source().aggregate != "mean":
            self._source().view(wavelet=value)
        if value is None:
            return None
        require_level(1, self._given.size, find_wavelet(value), self.mode)
        return str(value)

    def _require_level(self, name: str, value: Any) -> int:
        if self.wavelet is None:
            return whole(1)(self, name, value)
        if not self._settling and self._source().aggregate != "mean":
            self._source().view(level=value)
        return require_level(value, self._given.size, find_wavelet(self.wavelet), self.mode)

    def _require_mode(self, _: str, value: Any) -> Mode:
        mode = require_mode(value)
        if self.wavelet is not None:
            require_level(1, self._given.size, find_wavelet(self.wavelet), mode)
        return mode

    def _require_kind(self, name: str, value: Any) -> Kind:
        kind: Kind = one_of(*_kinds(self._source()))(self, name, value)
        return kind

    def _require_class(self, name: str, value: Any) -> int | None:
        columns = 0 if self._given.output is None else self._given.output.shape[1]
        return None if value is None else whole(0, max(columns - 1, 0))(self, name, value)

    # -------------------------------------------------------------------------------- settings that need an explanation

    wavelet = Checked[str | None](None, _require_wavelet, help="Any discrete wavelet; None for the samples.")
    level = Checked[int](1, _require_level, help="Number of decompositions.")
    mode = Checked[Mode]("reflect", _require_mode, help="How the signal goes on beyond its border.")
    kind = Checked[Kind]("sensitivity", _require_kind, help="A gradient, or a gradient times coefficients.")
    target = Checked[int | None](None, _require_class, help="Class to ask about; None for the predicted.")
    against = Checked[int | None](None, _require_class, help="Class to contrast it with; None for none.")
    method = Checked[Method]("smoothgrad", one_of(*METHODS), help="How `run` averages the gradient.")
    samples = Checked[int](25, whole(1, MOST_SAMPLES), help="How many passes `run` makes.")

    _choices = traitlets.Dict(help="What the kernel offers: wavelets, levels, methods, labels, ….").tag(sync=True)
    _work = traitlets.Dict(help="The run in progress: done, planned, seconds left; empty if none.").tag(sync=True)
    _note = traitlets.Unicode(help="What the kernel has to say about the last change.").tag(sync=True)

    def __init__(self, explanation: Explanation, *, model: Model | None = None, **settings: Any) -> None:
        self._given = self._require(explanation)
        if model is not None:
            require_model(model)
        self._require_known(settings)
        self._model = model
        self._anew: dict[int, Explanation] = {}
        self._shown = explanation
        self._drawing = 0  # counts what was drawn, so that errors found too late are dropped
        self._finding: list[threading.Thread] = []
        self._pictured = threading.Event()  # or there is nothing to wait for
        self._worker = Worker(lambda work: setattr(self, "_work", work))
        self._one_at_a_time, self._found_one_at_a_time = threading.RLock(), threading.Lock()
        self._settling = True  # traits change, and nothing is to be drawn
        self._kind_was_forced, self._settled_item = False, -1
        self._asked_before = {explanation.method: _arguments_of(explanation)}
        super().__init__()
        # The mode first: the wavelet is checked in it.
        self.mode, self.wavelet, self.kind = explanation.mode, explanation.wavelet, explanation.kind
        self.level, self.method = max(explanation.level, 1), explanation.method
        passes = _CUSTOMARY_SAMPLES if explanation.method == "saliency" else int(explanation.passes.max())
        self.samples = min(passes, MOST_SAMPLES)
        self._items = [self._item_of(explanation[item]) for item in range(len(explanation))]
        for name in _SEEN_BY:
            if name in settings:
                setattr(self, name, settings.pop(name))
        self._tables = tables()
        self._settling = False
        _OPEN.add(self)  # from now on there are threads
        self._draw()
        for name, value in settings.items():  # now that there is something to check them against
            setattr(self, name, value)
        self.on_msg(self._receive)
        self._opened = True
        self.open()

    def open(self) -> None:
        """Tell the browser, once there is something to show: all in one message."""
        if self._opened:
            super().open()

    def _require(self, explanation: object) -> Explanation:
        """Return an explanation that this view can show, else say which view can."""
        raise NotImplementedError

    def _item_of(self, explanation: Explanation) -> dict[str, Any]:
        """Return what is shown of an item to choose it."""
        raise NotImplementedError

    def _signal_of(self, explanation: Explanation) -> dict[str, Any]:
        """Return the arrays of one item that its signal and the wavelet decide, but not the passes."""
        raise NotImplementedError

    def _values_of(self, explanation: Explanation, key: str) -> dict[str, Any]:
        """Return the arrays of one item that the passes decide."""
        return values_of(explanation, key)

    def _errors_of(self, explanation: Explanation, key: str) -> dict[str, Any]:
        """Return what is known of their errors."""
        return errors_of(explanation, key)

    def _find_further(self, key: str, explanation: Explanation) -> None:
        """Find what else is to be shown of what was drawn, in a thread, after its errors."""

    # ------------------------------------------------------------------------------------------------- for Python users

    @property
    def explanation(self) -> Explanation:
        """What is shown: of one item, in the chosen wavelet, as the last run left it."""
        return self._shown

    @property
    def running(self) -> bool:
        """Whether a run is in progress."""
        return self._worker.busy

    def run(self) -> None:
        """Ask the model about the item: `target` (rather than `against`), by `method`, with `samples` passes.

        The passes run in a thread of their own, and the view refines while they do. `wait` waits for the end, `stop`
        ends them early. Meanwhile a model that is a module is in evaluation mode: don't train it.

        Raises
        ------
        ValueError
            If there is no model, or a run is in progress.
        """
        if self._model is None:
            raise ValueError(
                f"A run needs the model, and this explorer has none. Make it with "
                f"`{type(self).__name__}(explanation, model=model)`."
            )
        if self._closed:
            raise ValueError(
                f"This explorer is closed. Make another: `{type(self).__name__}(explanation, model=model)`."
            )
        model, item = self._model, self.item
        asked = self._asked(self._source())
        self._worker.begin(lambda progress: self._answer(model, item, asked, progress), self.samples)

    def stop(self) -> None:
        """End a run after its present sub-batch; what is complete is kept, with its true number of passes."""
        self._worker.stop()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until a run has ended and the errors of what is shown are there, for so many seconds at most each."""
        self._pictured.set()
        self._worker.wait(seconds)
        for finder in self._finding:
            finder.join(seconds)

    def close(self) -> None:
        """End a run, and the view in the browser."""
        self._end_work()
        super().close()

    def _end_work(self) -> None:
        """End a run, and don't look for errors any more."""
        if self._opened:
            self._closed = True
            self.stop()
            self._drawing += 1
            self._pictured.set()

    def __repr__(self) -> str:
        seen = "its own samples" if self.wavelet is None else f"{self.wavelet}, level {self.level}"
        return f"{type(self).__name__} of {plain(self._shown.names()[0])}: {self.look}, {seen}"

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Show the live view, beside it a picture for places without JavaScript and a short text."""
        data, metadata = super()._repr_mimebundle_() or ({}, {})
        picture = self.picture()
        self._pictured.set()
        return {**data, "text/plain": repr(self)} | ({} if picture is None else {"image/png": picture}), metadata

    def picture(self) -> bytes | None:
        """Return a PNG for places without JavaScript: the heat map, or of a sound the spectrogram."""
        return glance(self._shown)

    # --------------------------------------------------------------------------------------------------- what is drawn

    @traitlets.observe(*_SEEN_BY)
    def _redraw(self, _: Any) -> None:
        with self._one_at_a_time:
            if not self._settling:
                self._draw()

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the browser sends, but not while a thread draws."""
        with self._one_at_a_time:
            super().set_state(sync_data)

    def _draw(self, source: Explanation | None = None, *, so_far: bool = False) -> None:
        """Send what is to be drawn, and look for its errors in a thread: they take longer than a picture may."""
        with self._one_at_a_time:
            if self._closed:
                return
            source = self._source() if source is None else source
            self._settle(source)
            self._shown = self._seen(source, self.wavelet)
            self._drawing += 1
            key = str(self._drawing)
            with self.hold_sync():
                self._signal = self._signal_of(self._shown)  # what is equal is not sent again
                values = self._values_of(self._shown, key) | {"item": self.item}
                self._values, self._errors = values | (_SO_FAR if so_far else {}), {}
                self._choices = self._offered(source)
                if len(getattr(self, self.per_scale)) != len(self._shown.scales):
                    setattr(self, self.per_scale, [1.0] * len(self._shown.scales))
            if not so_far:
                finder = threading.Thread(target=self._find, args=(key, self._shown), daemon=True)
                self._finding = [*(each for each in self._finding if each.is_alive()), finder]
                finder.start()

    def _draw_if_shown(self, explanation: Explanation, item: int, *, so_far: bool = False) -> None:
        """Draw what a run found of an item, unless another is looked at by now."""
        with self._one_at_a_time:
            if item == self.item:
                self._draw(explanation, so_far=so_far)

    def _find(self, key: str, explanation: Explanation) -> None:
        """Find the errors, and what else takes long."""
        self._pictured.wait(_PICTURE_FIRST)
        with self._found_one_at_a_time:
            if explanation.has_errors and self._still(key):
                errors: dict[str, Any] = {"key": key, "failed": True}
                with self._shown_if_it_fails("finding errors"):
                    errors = self._errors_of(explanation, key)
                with self._one_at_a_time:
                    if self._still(key):
                        self._errors = errors
            if self._still(key):
                self._find_further(key, explanation)

    def _still(self, key: str) -> bool:
        """Whether what was drawn under this key is shown, and nothing else by now."""
        return key == str(self._drawing)

    @contextmanager
    def _settled(self) -> Iterator[None]:
        """Change settings, and draw nothing."""
        self._settling = True
        try:
            yield
        finally:
            self._settling = False

    def _settle(self, source: Explanation) -> None:
        """Make the settings fit the explanation and each other, and say what had to change."""
        level, kinds, note = self._level_for(self.wavelet), _kinds(source), ""
        with self._settled():
            if level < self.level:
                self.level = level
                note = f"Level {level} is the deepest for {self.wavelet} at this size."
            if self.kind not in kinds or (self._kind_was_forced and len(kinds) > 1):
                self.kind = source.kind
            self._kind_was_forced = len(kinds) == 1
            if self.item != self._settled_item:  # a question begins with what was explained
                self._settled_item = self.item
                self.target, self.against = _explained(source)
        self._note = note

    def _source(self, item: int | None = None) -> Explanation:
        """Return the explanation of an item, by default the chosen one: the last run's, if there was one."""
        number = self.item if item is None else item
        return self._anew[number] if number in self._anew else self._given[number]

    def _offered(self, source: Explanation) -> dict[str, Any]:
        """Return what can be chosen with a kernel, and with a model."""
        offered: dict[str, Any] = {"kinds": list(_kinds(source))}
        if source.aggregate == "mean":
            offered["wavelets"] = [[None, ""], *_families()]
            if self.wavelet is not None:
                offered["levels"] = list(range(1, min(self._deepest(self.wavelet), _MOST_LEVELS) + 1))
        if self.kind == "contribution":  # only the signal's coefficients depend on it
            offered["modes"] = list(get_args(Mode))
        if self._model is not None:
            columns = 0 if source.output is None else source.output.shape[1]
            offered["methods"] = [list(method) for method in METHODS.items()]
            offered["most"] = MOST_SAMPLES
            offered["labels"] = [class_name(source, column) for column in range(columns)]
        return offered

    def page_state(self, wavelets: Sequence[str | None] = ()) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return what a page without a kernel needs.

        Parameters
        ----------
        wavelets : sequence of str or None
            Other wavelets that can be chosen there.

        Returns
        -------
        dict
            The traits.
        list of dict
            What every item looks like in every wavelet: the traits that choosing it sets.
        """
        if self.running:
            raise ValueError("A page holds what is complete; a run is in progress. Call `wait()` or `stop()` first.")
        self.wait()
        complete = not self._closed and self._errors.get("key") == (
            self._values["key"] if self._shown.has_errors else None
        )
        chosen = list(dict.fromkeys([self.wavelet, *(self._require_wavelet("wavelets", each) for each in wavelets)]))
        shelf = []
        for item in range(len(self._given)):
            for wavelet in chosen:
                if (item, wavelet) == (self.item, self.wavelet) and complete:
                    drawn = {name: getattr(self, name) for name in self.drawn_anew}
                else:
                    drawn = self._drawn(item, wavelet)
                shelf.append({"item": item, "wavelet": wavelet, **drawn})
        offered = {"wavelets": [[wavelet, ""] for wavelet in chosen]}
        names = [name for name in self.class_traits(sync=True) if name in _IN_A_PAGE or name in self.settings()]
        return {name: getattr(self, name) for name in names} | _NOT_IN_A_PAGE | {"_choices": offered}, shelf

    def _drawn(self, item: int, wavelet: str | None) -> dict[str, Any]:
        """Return what an item looks like in a wavelet."""
        seen, key = self._seen(self._source(item), wavelet), f"{item} {wavelet}"
        return {
            "level": self._level_for(wavelet),
            "_signal": self._signal_of(seen),
            "_values": self._values_of(seen, key) | {"item": item},
            "_errors": self._errors_of(seen, key),
            **self._further_of(seen, key),
        }

    def _further_of(self, explanation: Explanation, key: str) -> dict[str, Any]:  # noqa: ARG002  # subclasses may use it
        """Return what else changes with the item and the wavelet, for a page."""
        return {}

    def _seen(self, source: Explanation, wavelet: str | None) -> Explanation:
        """Return an explanation as the settings see it, in a wavelet."""
        seen = source.view(wavelet=wavelet, level=self._level_for(wavelet), mode=self.mode)
        return dataclasses.replace(seen, kind=self.kind) if self.kind in _kinds(source) else seen

    # ------------------------------------------------------------------------------------------ what the model is asked

    def _receive(self, _: object, message: dict[str, Any], __: object) -> None:
        """Do what a button asks for."""
        actions: dict[str, Callable[[], None]] = {"run": self.run, "stop": self.stop}
        with self._shown_if_it_fails("the run"), self._one_at_a_time:
            for name in _QUESTION:  # the browser may still hold back what was chosen a moment ago
                if name in message:
                    setattr(self, name, message[name])
            actions[message["do"]]()

    def _answer(self, model: Model, item: int, asked: dict[str, Any], progress: Progress) -> None:
        """Run the passes, show what is complete, and keep the answer in the place of what was given."""

        def watch(found: Explanation) -> None:
            with self._shown_if_it_fails("drawing"):
                self._draw_if_shown(found, item, so_far=True)

        source = self._source(item)
        with self._shown_if_it_fails("the run"):
            try:
                answer = self._explain(model, source.signal, progress=progress, watch=watch, **asked)
            except KeyboardInterrupt as stopped:  # how `explain` says so
                raise RuntimeError("Stopped before anything was complete.") from stopped
            except Exception:
                self._draw_if_shown(source, item)  # rather than a part of an answer
                raise
            self._anew[item] = answer
            self._asked_before[answer.method] = _arguments_of(answer)
            self._items = [*self._items[:item], self._item_of(answer), *self._items[item + 1 :]]
            self._draw_if_shown(answer, item)

    def _explain(self, model: Model, signal: Tensor, **asked: Any) -> Explanation:
        """Ask the model."""
        return explain(model, signal, **asked)

    def _asked(self, source: Explanation) -> dict[str, Any]:
        """Return the arguments of `explain`, as the settings are now."""
        target: Any = self.target
        if target is None and source.target is None:
            raise ValueError(
                f"What was explained, {source.names()[0]}, is a function, which an explanation doesn't keep. Choose a "
                f"class: set `target`."
            )
        if self.against is not None:
            first = int(source.output[0].argmax()) if target is None and source.output is not None else target or 0
            if first == self.against:
                raise ValueError(
                    f"A contrast needs two different classes; got {class_name(source, first)!r} twice. Choose another "
                    f"`target`, or another one that it is to be told from, `against`."
                )
            target = Contrast(first, self.against)
        method: dict[str, Any] = self._asked_before.get(self.method, {})
        samples = self.samples
        if self.method == "integrated_gradients":  # by a rule that can be watched, and stopped with a result
            own = next((each for each in (source, self._given[self.item]) if each.baseline is not None), source)
            method = method | {"rule": "adaptive", "baseline": own.baseline}
            samples = max(samples, len(SEGMENTS) - 1)
        return {
            "target": target,
            "method": self.method,
            "wavelet": self.wavelet,
            "level": self.level,
            "mode": self.mode,
            "samples": samples,
            "seed": source.seed,
            "labels": source.labels,
            "grid": source.grid,
            **method,
        }


@atexit.register
def _end_threads() -> None:
    for explorer in list(_OPEN):  # not closed: a view outlives its kernel in the browser
        explorer._end_work()  # noqa: SLF001  # ours
        explorer.wait()


def _explained(explanation: Explanation) -> tuple[int | None, int | None]:
    """Return the class that an explanation is about, None for the predicted one, and what it is contrasted with."""
    if "contrast" in explanation.settings:
        first, second = explanation.settings["contrast"]
        return first, second
    if explanation.target is None or explanation.output is None:
        return None, None
    column = int(explanation.target[0])
    return (None if column == int(explanation.output[0].argmax()) else column), None


def _arguments_of(explanation: Explanation) -> dict[str, Any]:
    """Return the arguments of `explain` that the next run of the same method repeats."""
    if explanation.method == "saliency":
        return {}
    precision = {"precision": explanation.settings.get("precision")}
    if explanation.method == "integrated_gradients":
        return precision
    return precision | {"noise": explanation.settings.get("noise") or None, "aggregate": explanation.aggregate}


def _kinds(explanation: Explanation) -> tuple[Kind, ...]:
    """Return how an explanation can be seen: what was multiplied along a path stays so."""
    if explanation.method == "integrated_gradients" or explanation.aggregate != "mean":
        return (explanation.kind,)
    return ("sensitivity", "contribution")


@cache
def _families() -> list[list[str]]:
    """Return the discrete wavelets, each with the name of its family."""
    return [[name, pywt.Wavelet(name).family_name] for name in pywt.wavelist(kind="discrete")]
