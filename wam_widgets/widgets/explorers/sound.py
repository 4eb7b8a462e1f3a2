"""The explorer of sounds."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import matplotlib as mpl
import numpy as np
import torch
import traitlets
from numpy.typing import NDArray
from torch import Tensor

from wam_widgets.attribution import Explanation
from wam_widgets.attribution.arguments import require_front_end, require_model
from wam_widgets.attribution.passes import FrontEnd, Model, run_model, undisturbed
from wam_widgets.attribution.score import columns_of
from wam_widgets.attribution.time_frequency import sampling_rate, tiles
from wam_widgets.plots.planes import array_of
from wam_widgets.plots.spectrograms import RANGE, decibels_of, edges_of, spectral
from wam_widgets.plots.words import unit, what_is_explained
from wam_widgets.transform import Coefficients, reconstruct
from wam_widgets.widgets.spectrogram_view import FRACTIONS, SpectrogramView

from .arrays import errors_of, found_of, mixture_of, predictions_of, signal_of, thumbnail, to_bytes, values_of
from .explorer import Explorer
from .worker import Latest

#: Samples of a sound, times channels; more would make a page that hardly opens.
MOST_SAMPLES = 2**22

#: Frames of a spectrogram: a screen shows no more, so that of further ones several share a column.
_MOST_FRAMES = 4096

#: Steps of 16 bits from 0 to the largest value that isn't clipped.
_FULL = 2**15

#: What is fainter than that, such as a sensor's microvolts, is drawn and played as if it were loud: of 16 bits it would
#: leave too few steps.
_FAINT = 2**-6

#: Sounds that the model is given at once, and their samples: a minute's activations fill a machine's memory.
_AT_ONCE, _SAMPLES_AT_ONCE = 8, 2**20


class SpectrogramPlayer(Explorer, SpectrogramView):
    """See a sound's explanation on its spectrogram, and hear it: mix the scales, keep only what mattered.

    Parameters
    ----------
    explanation : Explanation
        Of one or more sounds of at most 2**22 samples (times channels), whose grid is in seconds.
    model : callable, optional
        What was explained. With it, the player shows what the model says of what is heard, and can ask it about another
        class, a contrast of two or by another method.
    front_end : callable, optional
        As in `explain`: what the waveform goes through before the model, if the model doesn't take waveforms.
    **settings
        Any of the traits, each of which can also be read and set later: item, look, axis, span, only_kept, signed,
        opacity, colours, signed_colours, limit, significant, rate, denoised (what is seen); gains, fraction, heard,
        matched, playing, position, loop, speed, volume (what is heard); wavelet, level, mode, kind (no model passes);
        target, against, method, samples (used by `run`).

    Raises
    ------
    TypeError, ValueError
        For anything but an explanation of sounds, for a setting that doesn't exist or can't be right.

    Notes
    -----
    The browser makes each scale's sound from the wavelet coefficients, in steps of 16 bits. The finest is the original
    minus the others, so that gains of 1 give the original exactly.

    Examples
    --------
    >>> import wam_widgets as wam
    >>> model, man = wam.samples.audio_model(), wam.samples.audio()["man"]
    >>> explanation = wam.explain(model, man.signal, grid=man.grid, level=3, samples=4, progress=False)
    >>> player = SpectrogramPlayer(explanation, gains=[0, 1, 1, 1])
    >>> player.heard = "kept"

    At the end of a cell::

        player = SpectrogramPlayer(explanation, model=model)
        player

    and in another::

        player.heard, player.fraction = "kept", 0.02
        player.gains = [0, 0, 1, 1]
        player.loop = [0.5, 1.2]
        player.playing = True
    """

    _arguments = ("model", "front_end")
    drawn_anew = (*Explorer.drawn_anew, "_kept")

    def __init__(
        self,
        explanation: Explanation,
        *,
        model: Model | None = None,
        front_end: FrontEnd | None = None,
        **settings: Any,
    ) -> None:
        if model is not None:
            require_model(model)
        require_front_end(front_end, "smoothgrad")
        self._front_end = front_end
        self._whole = model if model is None or front_end is None else _chain(front_end, model)
        self._listener = Latest(self._listen)
        self._masked: tuple[tuple[Any, ...], Coefficients] | None = None
        super().__init__(explanation, model=model, **settings)

    def _require(self, explanation: object) -> Explanation:
        return require_sound(explanation)

    # --------------------------------------------------------------------------------------------------- what is drawn

    def _item_of(self, explanation: Explanation) -> dict[str, Any]:
        decibels, _, _ = decibels_of(explanation.signal[0], sampling_rate(explanation))
        title = what_is_explained(explanation, 0).split("\n")[0]
        return {"title": title, **thumbnail(_coloured(decibels)[::-1])}

    def _signal_of(self, explanation: Explanation) -> dict[str, Any]:
        return sound_of(explanation)

    def _values_of(self, explanation: Explanation, key: str) -> dict[str, Any]:
        features = spectral(explanation)
        return values_of(explanation, key) | ({} if features is None else {"features": features_of(features)})

    def _errors_of(self, explanation: Explanation, key: str) -> dict[str, Any]:
        errors, features = errors_of(explanation, key), spectral(explanation)
        return errors if features is None or not errors else errors | {"features": found_of(features)}

    def _find_further(self, key: str, explanation: Explanation) -> None:
        with self._shown_if_it_fails("asking the model about what is kept"):
            kept = self._kept_of(explanation, key, wanted=lambda: self._still(key))
            with self._one_at_a_time:
                if self._still(key):
                    self._kept = kept
        self._listener.ask()

    def _settle(self, source: Explanation) -> None:
        super()._settle(source)
        if self.look == "features" and spectral(source) is None:
            self.look = "tiles"

    @traitlets.observe("_values")
    def _forget(self, _: object) -> None:
        self._kept, self._mix = {}, {}

    def page_state(self, wavelets: Sequence[str | None] = ()) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return what a page without a kernel needs (see `Explorer.page_state`); it begins in silence."""
        state, shelf = super().page_state(wavelets)
        return state | {"playing": False, "position": 0.0, "_mix": {}, "_fractions": list(FRACTIONS)}, shelf

    def _further_of(self, explanation: Explanation, key: str) -> dict[str, Any]:
        return {"_kept": self._kept_of(explanation, key)}

    # ------------------------------------------------------------------------------------------ what the model is asked

    def wait(self, seconds: float | None = None) -> None:
        """Wait until a run has ended, and errors and probabilities are there, for so many seconds at most each."""
        super().wait(seconds)
        self._listener.wait(seconds)

    @traitlets.observe("gains", "heard", "fraction", "denoised", "significant", "rate")
    def _ask_again(self, _: object) -> None:
        if self._opened and self._model is not None:
            self._listener.ask()

    def _listen(self) -> None:
        """Ask the model about what is heard now."""
        with self._one_at_a_time:
            key, explanation = str(self._drawing), self._shown
            chosen = {name: getattr(self, name) for name in ("gains", "heard", "fraction")}
            seen = {name: getattr(self, name) for name in ("denoised", "significant", "rate")}
        if self._model is None or self._closed:
            return
        with self._shown_if_it_fails("asking the model about the mix"):
            mix = mix_of(explanation, **chosen, mask=self._mask(key, explanation, chosen, seen))
            probabilities = self._probabilities(explanation, [mix])
            with self._one_at_a_time:
                if self._still(key):
                    self._mix = (
                        {"key": key, **chosen, **seen, "probabilities": probabilities[0]} if probabilities else {}
                    )

    def _mask(
        self, key: str, explanation: Explanation, chosen: dict[str, Any], seen: dict[str, Any]
    ) -> Coefficients | None:
        """Return which positions are kept: found once, though gains change at every touch."""
        if chosen["heard"] == "original":
            return None
        which = (key, chosen["fraction"], *seen.values())
        if self._masked is None or self._masked[0] != which:
            self._masked = which, kept_of(explanation, chosen["fraction"], **seen)
        return self._masked[1]

    def _kept_of(
        self, explanation: Explanation, key: str, *, wanted: Callable[[], bool] = lambda: True
    ) -> dict[str, Any]:
        """Return the probabilities of what is kept, and of the rest, for every fraction that the slider offers.

        That is two passes (forward only) per fraction: so a page without the model knows them too.
        """
        if self._model is None:
            return {}

        def sounds() -> Iterator[Tensor]:
            for fraction in FRACTIONS:
                if not wanted():  # by now something else is looked at, and waits for its own
                    return
                kept = explanation.rebuild(fraction=fraction)
                yield from (kept, explanation.signal - kept)

        found = self._probabilities(explanation, sounds())
        return {"key": key, "kept": found[::2], "rest": found[1::2]} if len(found) == 2 * len(FRACTIONS) else {}

    def _probabilities(self, explanation: Explanation, sounds: Iterable[Tensor]) -> list[list[float | None]]:
        """Return what the model makes of sounds: the probabilities of the classes that are listed."""
        predictions, how = predictions_of(explanation)
        if not predictions or self._model is None or self._whole is None:
            return []
        columns = [prediction["column"] for prediction in predictions]
        at_once = max(1, min(_AT_ONCE, _SAMPLES_AT_ONCE // explanation.signal.numel()))
        waiting, rows = iter(sounds), []
        while few := list(islice(waiting, at_once)):
            batch = torch.cat(few)
            try:
                with undisturbed(self._model, batch.device, self._front_end):
                    output = columns_of(run_model(self._whole, batch, None)).double()
            except Exception as error:
                if self._front_end is None and explanation.features is not None:
                    error.add_note("Pass `front_end=` too, as to `explain`, or the whole model as `model`.")
                raise
            if max(columns) >= output.shape[1]:
                raise ValueError(
                    f"`model` must be what was explained; the explanation speaks of column {max(columns)}, and the "
                    f"model returned {output.shape[1]} column(s). Pass the same model."
                )
            found = (torch.softmax(output, 1) if how else output)[:, columns].tolist()
            rows += [[each if math.isfinite(each) else None for each in row] for row in found]  # JSON has no NaN
        return rows

    def _explain(self, model: Model, signal: Tensor, **asked: Any) -> Explanation:
        if self._front_end is None:
            return super()._explain(model, signal, **asked)
        if asked["method"] == "integrated_gradients":  # a path between sounds is none between their spectrograms
            with undisturbed(model, signal.device, self._front_end):  # whose parts others may use meanwhile
                return super()._explain(_chain(self._front_end, model), signal, **asked)
        return super()._explain(model, signal, front_end=self._front_end, **asked)


def require_sound(explanation: object) -> Explanation:
    """Return an explanation that a player can show, else say which view can."""
    if not isinstance(explanation, Explanation):
        raise TypeError(
            f"An explorer shows an Explanation; got {type(explanation).__name__}. Pass what `explain` returned."
        )
    size, channels = explanation.size, explanation.signal.shape[1]
    if len(size) != 1:
        raise ValueError(
            f"SpectrogramPlayer shows sounds, which have 1 spatial axis; got {len(size)}, of size {size}. Use "
            f"`show(explanation)`, which finds the right view, or `plot(explanation)`."
        )
    if explanation.grid.sample_rate is None:
        raise ValueError(
            f"SpectrogramPlayer needs a grid in seconds; got steps of {explanation.grid.spacing[0]:g} "
            f"{explanation.grid.units[0]}. Explain with e.g. `grid=Grid.sound(44_100)`, the rate in "
            f"samples per second, or use `plot(explanation)`."
        )
    rate = sampling_rate(explanation)
    if size[0] * channels > MOST_SAMPLES:
        longest = MOST_SAMPLES / channels / rate
        raise ValueError(
            f"SpectrogramPlayer shows sounds of at most {MOST_SAMPLES:,} samples, times channels; got {size[0]:,} in "
            f"{channels} channel(s), {size[0] / rate:.1f} s at {rate:g} Hz. Explain a part, "
            f"`signal[..., :{MOST_SAMPLES // channels}]` ({longest:.1f} s), or resample, e.g. "
            f"`scipy.signal.resample_poly(signal, 1, {-(-size[0] * channels // MOST_SAMPLES)}, axis=-1)`."
        )
    return explanation


def sound_of(explanation: Explanation) -> dict[str, Any]:
    """Return the arrays of a sound that the sound and the wavelet decide, but not the passes.

    Parameters
    ----------
    explanation : Explanation
        Of one sound, in the wavelet to be shown.

    Returns
    -------
    dict
        As `arrays.signal_of`, with what the browser needs of sounds (shared/sounds.js). `waveform` is what can be
        heard, (output, sample) int16: one or two channels, or the mean of more, where `full` is the value that 2**15
        steps stand for. A band's `tile` is the tile of each of its coefficients, uint32, and `edges` where its tiles
        meet, in seconds, float32. `octaves` are those of the scales, in Hz. `spectrogram` has rows of uint8 in steps
        of `floor` / 255 dB, low frequencies first, every `step` Hz and `hop` seconds.
    """
    signal, rate = array_of(explanation.signal[0]), sampling_rate(explanation)
    mixture = mixture_of(signal.shape)
    heard = mixture @ signal
    peak = float(np.abs(heard).max())
    full = peak if peak > 1 or 0 < peak < _FAINT else 1.0
    coefficients, scales, begin, bands = explanation.signal_coefficients(), tiles(explanation), 0, []
    for number, ((_, orientation, band), scale) in enumerate(zip(coefficients.bands(), scales, strict=True)):
        bands.append(
            {
                "scale": number,
                "orientation": orientation,
                "shape": [band.shape[2]],
                "start": begin,
                "tile": scale.tile.astype("<u4").tobytes(),
                "edges": scale.edges.astype("<f4").tobytes(),
            }
        )
        begin += band.shape[2]
    return signal_of(explanation, coefficients, mixture) | {
        "rate": rate,
        "bands": bands,
        "octaves": [[scale.octave.low, scale.octave.high, scale.octave.share] for scale in scales],
        "lowest": rate / 2 ** (len(scales) + 1) if explanation.wavelet is not None else rate / 2**9,
        "full": full,
        "waveform": np.clip(np.round(heard / full * _FULL), -_FULL, _FULL - 1).astype("<i2").tobytes(),
        "spectrogram": _spectrogram(explanation.signal[0], rate),
    }


def features_of(features: Explanation) -> dict[str, Any]:
    """Return the attribution at the front end, (channel, row and frame) float32, and where its rows and frames are."""
    frames, hertz = edges_of(features)
    flat = features.attribution.flatten()[0]
    return {
        "attribution": to_bytes(flat),
        "channels": flat.shape[0],
        "count": flat.shape[1],
        "shape": list(features.size),
        "hertz": hertz.tolist(),
        "begin": float(frames[0]),
        "hop": float(frames[1] - frames[0]),
        "unit": unit(features, "sample"),
        "signable": features.aggregate == "mean",
    }


def kept_of(
    explanation: Explanation, fraction: float, *, denoised: bool = False, significant: bool = False, rate: float = 0.05
) -> Coefficients:
    """Return which positions are kept: a mask of the most important ones, of those that are shown."""
    signed = explanation.has_errors and explanation.aggregate == "mean"  # else nothing is hidden or shrunken
    seen = explanation.denoised() if denoised and signed else explanation
    mask = seen.attribution.map(torch.abs).largest(fraction)
    return mask.map(torch.logical_and, explanation.significant(rate)) if significant and signed else mask


def mix_of(
    explanation: Explanation,
    *,
    gains: Sequence[float],
    heard: str,
    fraction: float,
    mask: Coefficients | None = None,
    **shown: Any,
) -> Tensor:
    """Return what is heard, before it is made as loud as the original, shape (item, channel, time).

    The mask is that of `kept_of`, if it is known already.
    """
    coefficients, base = explanation.signal_coefficients(), explanation.baseline
    if heard != "original":
        mask = kept_of(explanation, fraction, **shown) if mask is None else mask
        coefficients = coefficients.keep(mask.map(torch.logical_not) if heard == "rest" else mask)
        base = None if heard == "rest" else base
    mixed = reconstruct(_amplified(coefficients, gains))
    return mixed if base is None else mixed + gains[0] * base


def _amplified(coefficients: Coefficients, gains: Sequence[float]) -> Coefficients:
    """Return coefficients with every scale multiplied by its gain."""
    approximation, *details = gains
    return dataclasses.replace(
        coefficients,
        approximation=coefficients.approximation * approximation,
        details=tuple(
            {name: band * gain for name, band in detail.items()}
            for gain, detail in zip(details, coefficients.details, strict=True)
        ),
    )


def _spectrogram(sound: Tensor, rate: float) -> dict[str, Any]:
    decibels, hop, step = decibels_of(sound, rate)
    together = -(-decibels.shape[1] // _MOST_FRAMES)
    starts = np.arange(0, decibels.shape[1], together)
    loudest = np.maximum.reduceat(decibels, starts, axis=1)
    return {
        "shape": list(loudest.shape),
        "levels": np.round(255 * (1 + loudest / RANGE)).astype(np.uint8).tobytes(),
        "floor": -RANGE,
        "begin": -hop / 2,
        "hop": hop * together,
        "step": step,
    }


def _coloured(decibels: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.asarray(mpl.colormaps["viridis"](1 + decibels / RANGE, bytes=True))


def _chain(front_end: FrontEnd, model: Model) -> Model:
    """Return a model of waveforms."""
    if isinstance(front_end, torch.nn.Module) and isinstance(model, torch.nn.Module):
        return torch.nn.Sequential(front_end, model)
    return lambda waveform: model(front_end(waveform))
