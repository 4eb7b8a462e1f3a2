"""What every explorer does with an explanation: see it in another wavelet, find its errors, ask the model anew."""

from __future__ import annotations

import atexit
import dataclasses
import threading
import weakref
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, get_args

import pywt
import traitlets

from wam_widgets.attribution import Contrast, Explanation, explain
from wam_widgets.attribution.arguments import require_model
from wam_widgets.attribution.explanation import Kind, Method
from wam_widgets.attribution.passes import Model
from wam_widgets.attribution.progress import Progress
from wam_widgets.plots import glance
from wam_widgets.plots.words import class_name, plain
from wam_widgets.transform.wavelet import Mode, deepest_level, find_wavelet, require_level, require_mode
from wam_widgets.widgets.base import Checked, Widget
from wam_widgets.widgets.settings import one_of, whole

from .worker import Worker

#: How a gradient can be averaged, and what that is called.
METHODS: dict[Method, str] = {
    "smoothgrad": "SmoothGrad",
    "integrated_gradients": "Integrated Gradients",
    "saliency": "Saliency",
}

#: Passes that `run` makes at most.
MOST_SAMPLES = 10_000

#: Levels to choose from, if the signal is large enough.
_MOST_LEVELS = 10

#: The settings that decide what is drawn and cost no pass.
_SEEN_BY = ("item", "wavelet", "mode", "level", "kind")

#: What is said of a run that goes on: finding errors would slow it down.
_SO_FAR = {"errorless": "Standard errors come when the run has ended."}

#: What a page needs besides the settings.
_IN_A_PAGE = ("_items", "_tables", "_rates", "_work", "_note", "_problem")

#: Whose threads have to end before the interpreter does: torch doesn't survive being cut off.
_OPEN: weakref.WeakSet[Explorer] = weakref.WeakSet()


class Explorer(Widget):
    """An explanation behind a view. Subclasses say what arrays the view draws, and from which explanations."""

    _opened = False

    # Traits of the view
    item: Any
    look: Any
    weights: Any
    _values: Any
    _errors: Any
    _items: Any

    # -------------------------------------------------------------------------------------------------- what is allowed

    def _deepest(self, wavelet: str) -> int:
        return deepest_level(self._given.size, find_wavelet(wavelet), self.mode)

    def _level_for(self, wavelet: str | None) -> int:
        """Return the level, or the deepest of the wavelet if that is less."""
        return self.level if wavelet is None else min(self.level, self._deepest(wavelet))

    def _require_wavelet(self, _: str, value: Any) -> str | None:
        if not self._settling and self._given.aggregate != "mean":
            self._given.view(wavelet=value)
        if value is None:
            return None
        require_level(1, self._given.size, find_wavelet(value), self.mode)
        return str(value)

    def _require_level(self, name: str, value: Any) -> int:
        if self.wavelet is None:
            return whole(1)(self, name, value)
        if not self._settling and self._given.aggregate != "mean":
            self._given.view(level=value)
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
        self._finding: threading.Thread | None = None
        self._worker = Worker(lambda work: setattr(self, "_work", work))
        self._drawn_one_at_a_time, self._found_one_at_a_time = threading.RLock(), threading.Lock()
        self._settling = True  # traits change, and nothing is to be drawn
        super().__init__()
        self.wavelet, self.mode, self.kind = explanation.wavelet, explanation.mode, explanation.kind
        self.level, self.method = max(explanation.level, 1), explanation.method
        self.samples = min(int(explanation.passes.max()), MOST_SAMPLES)
        self._items = self._items_of(explanation)
        for name in _SEEN_BY:
            if name in settings:
                setattr(self, name, settings.pop(name))
        self._settling = False
        self._draw()
        for name, value in settings.items():  # now that there is something to check them against
            setattr(self, name, value)
        self.on_msg(self._receive)
        self._opened = True
        self.open()
        _OPEN.add(self)

    def open(self) -> None:
        """Tell the browser, once there is something to show: all in one message."""
        if self._opened:
            super().open()

    def _require(self, explanation: object) -> Explanation:
        """Return an explanation that this view can show, else say which view can."""
        raise NotImplementedError

    def _items_of(self, explanation: Explanation) -> list[dict[str, Any]]:
        """Return what is shown of every item to choose it."""
        raise NotImplementedError

    def _values_of(self, explanation: Explanation, key: str) -> dict[str, Any]:
        """Return the arrays of one item."""
        raise NotImplementedError

    def _errors_of(self, explanation: Explanation, key: str) -> dict[str, Any]:
        """Return what is known of their errors."""
        raise NotImplementedError

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
        ends them early.

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
        model = self._model
        self._worker.begin(lambda progress: self._answer(model, progress), self.samples)

    def stop(self) -> None:
        """End a run after its present sub-batch; what is complete is kept, with its true number of passes."""
        self._worker.stop()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until a run has ended and the errors of what is shown are there, for so many seconds at most each."""
        self._worker.wait(seconds)
        if self._finding is not None:
            self._finding.join(seconds)

    def close(self) -> None:
        """End a run, and the view in the browser."""
        self._end_work()
        super().close()

    def _end_work(self) -> None:
        """End a run, and don't look for errors any more."""
        if self._opened:
            self.stop()
            self._drawing += 1

    def __repr__(self) -> str:
        seen = "its own samples" if self.wavelet is None else f"{self.wavelet}, level {self.level}"
        return f"{type(self).__name__} of {plain(self._shown.names()[0])}: {self.look}, {seen}"

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Show the live view, beside it a picture for places without JavaScript and a short text."""
        data, metadata = super()._repr_mimebundle_() or ({}, {})
        return {**data, "text/plain": repr(self), "image/png": self.picture()}, metadata

    def picture(self) -> bytes | None:
        """Return the heat map as a PNG, for places without JavaScript."""
        return glance(self._shown)

    # --------------------------------------------------------------------------------------------------- what is drawn

    @traitlets.observe(*_SEEN_BY)
    def _redraw(self, _: Any) -> None:
        if not self._settling:
            self._draw()

    def _draw(self, source: Explanation | None = None, *, so_far: bool = False) -> None:
        """Send what is to be drawn, and look for its errors in a thread: they take longer than a picture may."""
        with self._drawn_one_at_a_time:
            source = self._source() if source is None else source
            self._settle(source)
            seen = source.view(wavelet=self.wavelet, level=self.level, mode=self.mode)
            self._shown = dataclasses.replace(seen, kind=self.kind)
            self._drawing += 1
            key = str(self._drawing)
            with self.hold_sync():
                values = self._values_of(self._shown, key)
                self._values, self._errors = values | (_SO_FAR if so_far else {}), {}
                if len(self.weights) != len(self._shown.scales):
                    self.weights = [1.0] * len(self._shown.scales)
                self._choices = self._offered(source)
            if self._shown.has_errors and not so_far:
                self._finding = threading.Thread(target=self._find_errors, args=(key, self._shown), daemon=True)
                self._finding.start()

    def _find_errors(self, key: str, explanation: Explanation) -> None:
        with self._found_one_at_a_time, self._shown_if_it_fails():
            if key != str(self._drawing):  # something else is shown by now
                return
            errors = self._errors_of(explanation, key)
            if key == str(self._drawing):
                self._errors = errors

    def _settle(self, source: Explanation) -> None:
        """Make the settings fit the explanation and each other, and say what had to change."""
        self._settling, self._note = True, ""
        level = self._level_for(self.wavelet)
        if level < self.level:
            self.level = level
            self._note = f"Level {level} is the deepest for {self.wavelet} at this size."
        if self.kind not in _kinds(source):
            self.kind = source.kind
        self._settling = False

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
        if self._finding is not None:
            self._finding.join()
        chosen = list(dict.fromkeys([self.wavelet, *(self._require_wavelet("wavelets", each) for each in wavelets)]))
        shelf = []
        for item in range(len(self._given)):
            for wavelet in chosen:
                if (item, wavelet) == (self.item, self.wavelet):
                    drawn = {"level": self.level, "_values": self._values, "_errors": self._errors}
                else:
                    drawn = self._drawn(item, wavelet)
                shelf.append({"item": item, "wavelet": wavelet, **drawn})
        offered = {"wavelets": [[wavelet, ""] for wavelet in chosen]}
        names = [name for name in self.class_traits(sync=True) if name in _IN_A_PAGE or name in self.settings()]
        return {name: getattr(self, name) for name in names} | {"_choices": offered}, shelf

    def _drawn(self, item: int, wavelet: str | None) -> dict[str, Any]:
        """Return what an item looks like in a wavelet."""
        source, level, key = self._source(item), self._level_for(wavelet), f"{item} {wavelet}"
        seen = source.view(wavelet=wavelet, level=level, mode=self.mode)
        seen = dataclasses.replace(seen, kind=self.kind if self.kind in _kinds(source) else source.kind)
        return {"level": level, "_values": self._values_of(seen, key), "_errors": self._errors_of(seen, key)}

    # ------------------------------------------------------------------------------------------ what the model is asked

    def _receive(self, _: object, message: dict[str, Any], __: object) -> None:
        """Do what a button asks for."""
        actions: dict[str, Callable[[], None]] = {"run": self.run, "stop": self.stop}
        with self._shown_if_it_fails():
            actions[message["do"]]()

    def _answer(self, model: Model, progress: Progress) -> None:
        """Run the passes, show what is complete, and keep the answer in the place of what was given."""
        item, source = self.item, self._source()
        try:
            with self._shown_if_it_fails():
                answer = explain(
                    model,
                    source.signal,
                    self._asked(source),
                    method=self.method,
                    wavelet=self.wavelet,
                    level=self.level,
                    mode=self.mode,
                    samples=self.samples,
                    seed=source.seed,
                    labels=source.labels,
                    grid=source.grid,
                    progress=progress,
                    watch=lambda found: self._draw(found, so_far=True) if item == self.item else None,
                    **self._as_before(source),
                )
                self._anew[item] = answer
                if item == self.item:
                    self._draw()
        except KeyboardInterrupt:  # how `explain` says that nothing was complete
            self._draw()
            self._note = "Stopped before anything was complete."

    def _asked(self, source: Explanation) -> Any:
        """Return what `explain` takes as its target."""
        if self.against is None:
            return self.target
        first = self.target
        if first is None:
            first = int(source.output[0].argmax()) if source.output is not None else 0
        return Contrast(first, self.against)

    def _as_before(self, source: Explanation) -> dict[str, Any]:
        """Return the arguments that belong to the method, as the last run of that method had them."""
        if self.method == "smoothgrad":
            return {"noise": source.settings.get("noise") or None}
        if self.method == "integrated_gradients":  # its rule can be watched, and stopped with a result
            return {"rule": "adaptive", "baseline": source.baseline}
        return {}


@atexit.register
def _end_threads() -> None:
    for explorer in list(_OPEN):  # not closed: a view outlives its kernel in the browser
        explorer._end_work()  # noqa: SLF001  # ours
        explorer.wait()


def _kinds(explanation: Explanation) -> tuple[Kind, ...]:
    """Return how an explanation can be seen: what was multiplied along a path stays so."""
    if explanation.method == "integrated_gradients" or explanation.aggregate != "mean":
        return (explanation.kind,)
    return ("sensitivity", "contribution")


@cache
def _families() -> list[list[str]]:
    """Return the discrete wavelets, each with the name of its family."""
    return [[name, pywt.Wavelet(name).family_name] for name in pywt.wavelist(kind="discrete")]
