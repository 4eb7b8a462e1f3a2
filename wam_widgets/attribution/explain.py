"""The main call: model and signal in, explanation out."""

from __future__ import annotations

import dataclasses
import math
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from wam_widgets.checks import require_one_of
from wam_widgets.transform import Grid
from wam_widgets.transform.grid import dimensions, require_signal
from wam_widgets.transform.wavelet import Mode, deepest_level, find_wavelet, require_level, require_mode

from .arguments import (
    describe,
    describe_baseline,
    require_batch_size,
    require_belongs,
    require_budget,
    require_finite,
    require_front_end,
    require_grid,
    require_labels,
    require_model,
    require_noise,
    require_precision,
    require_progress,
    require_seeds,
    require_sound,
    require_watch,
)
from .averages import Average, Runner, look, over_copies, reducer, through
from .explanation import Aggregate, Explanation, Method
from .integration import along_the_line
from .passes import FrontEnd, Model, Scored, sub_batch_for, undisturbed
from .paths import Line, NoisyCopies, Rule, make_baseline, require_rule
from .progress import Meter, Progress
from .score import Contrast, Score, require_names, require_target

#: A fixed rule that misses more of the score's difference than this says so.
GAP_WORTH_A_WARNING = 0.05


def explain(
    model: Model,
    signal: Float[Tensor, "item channel *space"],
    target: int | Sequence[int] | Tensor | Score | None = None,
    *,
    method: Method = "smoothgrad",
    wavelet: str | None = "haar",
    level: int = 3,
    mode: str = "reflect",
    samples: int | Literal["auto"] = 25,
    max_samples: int = 400,
    noise: float | None = None,
    baseline: float | Tensor | Literal["blur", "mean"] | None = None,
    rule: Rule | None = None,
    aggregate: Aggregate = "mean",
    tolerance: float | None = None,
    batch_size: int | Literal["auto"] = "auto",
    precision: Literal["bfloat16"] | torch.dtype | None = None,
    seed: int | Sequence[int] = 0,
    labels: Sequence[str] | None = None,
    grid: Grid | None = None,
    progress: Progress | Literal[False] | None = None,
    watch: Callable[[Explanation], object] | None = None,
    front_end: FrontEnd | None = None,
) -> Explanation:
    r"""Explain a model's score by the wavelet coefficients of its input.

    The score is differentiated with respect to the signal, averaged over passes, and carried to wavelet coefficients
    at the end: the model never sees a wavelet, and another one can be chosen afterwards (`Explanation.view`).

    Parameters
    ----------
    model : callable
        From a signal, (item, channel, \*space), or what `front_end` makes of it, to an output: a tensor (item, column),
        an object with `.logits`, a dict with "logits", or a tuple that starts with one of them. A `torch.nn.Module` is
        put into evaluation mode during the call and left as it was; one that is hidden inside another callable isn't
        found: put that into evaluation mode yourself.
    signal : Tensor, shape (item, channel, \*space)
        Sound, images or volumes, float32 or float64, as the model takes them.
    target : None, int, sequence of int, Tensor or callable
        What to explain: the column of the output with the largest value; that column for every item; one per item; or
        any differentiable callable from the model's output to one number per item, such as `Contrast(281, 207)`.
    method : {"smoothgrad", "saliency", "integrated_gradients"}
        The mean gradient over noisy copies of the signal (eq. 2 of the paper), at the signal (eq. 1), or along the
        line from a baseline, times the difference from it (eq. 3).
    wavelet : str or None
        Any discrete wavelet of PyWavelets; None for the signal's own samples: the pixel-domain methods.
    level : int
        Number of decompositions. Each halves the resolution: detail j holds structures of about 2^j samples, the
        approximation what is coarser than the last.
    mode : {"reflect", "zero", "symmetric", "periodic", "constant"}
        How the signal is continued beyond its border, where its own coefficients are needed.
    samples : int or "auto"
        Number of noisy copies or points on the line, per item. With a tolerance, how many copies SmoothGrad begins
        with; Integrated Gradients then begin with one point in each of the line's 15 segments.
    max_samples : int
        With a tolerance, where to give up.
    noise : float, optional
        Standard deviation of the noise as a fraction of each item's range. By default that of the published
        experiments: 0.25 for images, 0.001 for sound, 0.0001 for volumes.
    baseline : None, float, Tensor, "blur" or "mean"
        Where the line of Integrated Gradients begins: zero; a number or tensor that broadcasts to the signal; the
        signal blurred by a twentieth of its size; the mean of each of its channels.
    rule : {"gauss-legendre", "midpoint", "trapezoid", "power", "adaptive"}, optional
        Quadrature along the line. "power" suits scores behind decibels; "adaptive" puts passes where they are needed.
        Gauss-Legendre by default, adaptive with a tolerance.
    aggregate : {"mean", "mean_abs", "mean_square"}
        What SmoothGrad averages: signed gradients, or the magnitudes or squares of the coefficients' gradients (which
        aren't linear, so that `view` can't change the wavelet).
    tolerance : float, optional
        Refine until the completeness gap (Integrated Gradients) or the standard error (SmoothGrad) of every item is at
        most this fraction of the difference in score or of the gradient's norm.
    batch_size : int or "auto"
        Passes to run at once. "auto" finds the fastest that fits and remembers it; on the CPU, of at most four million
        samples together.
    precision : None, "bfloat16"
        Run the model under autocast in half precision; sums stay in the signal's own.
    seed : int or sequence of int
        Of the noise: one for all items alike, or one per item.
    labels : sequence of str, optional
        Names of the output's columns; by default `model.labels` if there is such a thing.
    grid : Grid, optional
        What the axes mean: their names, spacing and units.
    progress : callable or False, optional
        Called with (passes done, passes planned) after every sub-batch; returning False stops. By default a bar when
        the work takes longer than a second; False for none.
    watch : callable, optional
        Called with what is complete so far, about twice a second while passes still run, so that a view can be watched
        refining: with the explanation that a stop would return there. Not before every item has a pass (on each part
        of its line), and not after the last: that is what is returned. So never for saliency; nor for a fixed rule of
        Integrated Gradients, a part of which has no meaning.
    front_end : callable, optional
        What makes the model's input of the signal, such as a `LogMel`; pass the rest of a model that begins with it.
        The same passes are then seen on both its sides: in the signal, and in `Explanation.features`, by the mean
        gradient with respect to its output, whose axes are those of `front_end.grid`, and whose rows are at
        `front_end.frequencies`, if there are such things. The noise is the signal's. Not for Integrated Gradients.

    Returns
    -------
    Explanation

    Raises
    ------
    TypeError, ValueError
        Before any pass, for arguments that can't be right; after one, where the model gives NaN, no differentiable
        score, or no column of the target's number.
    KeyboardInterrupt
        If interrupted before anything is complete. Later, what is complete is returned with a warning.

    References
    ----------
    Kasmi, Brunetto, Fel, Parekh, One Wave To Explain Them All, ICML 2025. Smilkov et al., SmoothGrad, 2017.
    Sundararajan, Taly, Yan, Axiomatic Attribution for Deep Networks, ICML 2017.

    Examples
    --------
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    >>> explanation = explain(model, torch.rand(1, 1, 8, 8), level=2, samples=8)
    >>> explanation.attribution.scales
    ('approximation', 'detail 2', 'detail 1')
    """
    require_model(model)
    signal = require_finite(require_signal(signal)).detach().clone()
    items, known = len(signal), dimensions(signal.ndim - 2)
    boundary = require_mode(mode)
    if wavelet is not None:
        level = _require_level_of(signal, level, wavelet, boundary)
    wanted = require_target(target, items)
    require_one_of("method", method, get_args(Method))
    require_one_of("aggregate", aggregate, get_args(Aggregate))
    require_belongs(method, noise=noise, baseline=baseline, rule=rule, aggregate=aggregate, tolerance=tolerance)
    chosen = require_rule(rule, tolerance)
    budget = require_budget(method, chosen, samples, max_samples, tolerance)
    deviation = require_noise(noise, known.published_noise)
    seeds = require_seeds(seed, items)
    autocast = require_precision(precision)
    names = require_labels(labels, model)
    axes = require_grid(grid, signal.ndim - 2, model if front_end is None else front_end)
    line = Line(signal, make_baseline(baseline, signal)) if method == "integrated_gradients" else None
    sub_batch = sub_batch_for(model, signal, autocast, require_batch_size(batch_size))
    require_progress(progress)
    require_watch(watch)
    require_front_end(front_end, method)
    require_sound(signal, axes, model if front_end is None else front_end)

    began = time.perf_counter()
    settings: dict[str, Any] = {
        "model": type(model).__name__,
        "samples": samples if samples == "auto" else budget.start,
        "max_samples": budget.most,
        "tolerance": tolerance,
        "precision": None if autocast is None else str(autocast).removeprefix("torch."),
        "device": str(signal.device),
    }
    with undisturbed(model, signal.device, front_end), Meter(progress) as meter:
        features = None if front_end is None else through(front_end, signal, sub_batch.size)
        output, column, score = look(model, signal if features is None else features, wanted, autocast, sub_batch.size)
        names = require_names(names, output, given=labels is not None)
        settings |= {
            "score": describe(wanted, names) if callable(wanted) else "column",
            **({"contrast": [wanted.first, wanted.second]} if isinstance(wanted, Contrast) else {}),
        }

        def explanation_of(average: Average) -> Explanation:
            explanation = Explanation(
                signal=signal,
                output=output,
                target=column if isinstance(column, Tensor) else None,
                score=score,
                method=method,
                kind="sensitivity" if line is None else "contribution",
                wavelet=wavelet,
                level=level,
                mode=boundary,
                grid=axes,
                labels=names,
                seed=seeds,
                aggregate=aggregate,
                settings=settings | average.settings | {"seconds": round(time.perf_counter() - began, 3)},
                gradient=average.gradient,
                passes=average.passes,
                groups=average.groups,
                baseline=None if line is None else line.baseline,
                baseline_score=average.baseline_score,
            )
            return _with_features(explanation, front_end, features, average.features)

        show = None if watch is None else lambda average: watch(explanation_of(average))
        runner = Runner(Scored(model, column, autocast, front_end), sub_batch, meter, show)
        if line is not None:
            settings |= {"rule": chosen, "baseline": describe_baseline(baseline)}
            average = along_the_line(runner, line, budget, chosen, score)
        else:
            settings["noise"] = amount = 0.0 if method == "saliency" else deviation
            extent = signal.flatten(1).amax(1) - signal.flatten(1).amin(1)
            copies = NoisyCopies(signal, amount * extent, seeds)
            average = over_copies(
                runner,
                copies,
                budget,
                (reducer(aggregate, wavelet, level, boundary), reducer(aggregate, None, level, boundary)),
                features,
            )
    explanation = explanation_of(average)
    if runner.stopped:
        warnings.warn(f"Stopped early: what is complete is returned. {explanation!r}.", RuntimeWarning, stacklevel=2)
    elif not signal.is_meta:
        _warn_if_missed(explanation, tolerance)
    if not signal.is_meta:
        _warn_of_nothing(explanation)
    return explanation


def _require_level_of(signal: Tensor, level: int, wavelet: str, boundary: Mode) -> int:
    """Return the level if the signal can be decomposed so often; also tell of channels that seem to come last."""
    try:
        return require_level(level, tuple(signal.shape[2:]), find_wavelet(wavelet), boundary)
    except ValueError as error:
        if signal.ndim == 3 and signal.shape[1] > signal.shape[2]:
            error.add_note(
                f"Sound has the axes (item, channel, time): this has {signal.shape[1]} channels of {signal.shape[2]} "
                f"sample(s). If its channels come last, pass `signal.transpose(1, 2)`."
            )
        raise


def _with_features(
    explanation: Explanation, front_end: FrontEnd | None, features: Tensor | None, average: Average | None
) -> Explanation:
    """Add what the same passes came to in the output of the front end, if there is one, seen in its own samples."""
    if features is None or average is None:
        return explanation
    size, told = tuple(features.shape[2:]), getattr(front_end, "grid", None)
    name = type(front_end).__name__ if isinstance(front_end, torch.nn.Module) else "its front end"
    at: dict[str, Any] = {"at": f"the output of {name}"}
    peaks = getattr(front_end, "frequencies", None)
    if isinstance(peaks, np.ndarray) and peaks.shape == size[:1]:
        at["frequencies"] = peaks.tolist()
    seen = dataclasses.replace(
        explanation,
        signal=features,
        gradient=average.gradient,
        groups=average.groups,
        wavelet=None,
        level=min(explanation.level, deepest_level(size, find_wavelet("haar"), explanation.mode)),
        grid=told if isinstance(told, Grid) and len(told.axes) == len(size) else Grid.default(len(size)),
        settings=explanation.settings | average.settings | at,
    )
    return dataclasses.replace(explanation, features=seen)


def _warn_if_missed(explanation: Explanation, tolerance: float | None) -> None:
    """Say so if the tolerance was not met, or if a fixed rule misses much of the score's difference."""
    path, settings = explanation.method == "integrated_gradients", explanation.settings
    passes = int(explanation.passes.max())
    error = 0.0 if tolerance is None else float(np.nan_to_num(max(settings["error_reached"]), nan=np.inf))
    if tolerance is not None and error > tolerance:
        remedy = f", or accept it with `tolerance={math.ceil(error * 100) / 100:g}`" if math.isfinite(error) else ""
        text = (
            f"The tolerance {tolerance:g} was not met after {passes} passes: the relative "
            f"{'completeness gap' if path else 'standard error'} is {error:.2g}. "
            f"Raise `max_samples`{remedy}."
        )
    elif tolerance is None and path and (gap := _relative_gap(explanation)) > GAP_WORTH_A_WARNING:
        text = (
            f"Integrated Gradients with {passes} passes ({settings['rule']}) has a relative completeness gap of "
            f"{gap:.2g}: the attributions miss that part of f(x) - f(x₀). Pass `tolerance=0.05` to refine until it is "
            f"met, reusing passes."
        )
    else:
        return
    warnings.warn(text, RuntimeWarning, stacklevel=3)


def _warn_of_nothing(explanation: Explanation) -> None:
    """Name the items whose explanation is zero everywhere, and why, and those that noise left as they were."""
    signal, change, baseline = explanation.signal.flatten(1), explanation.gradient.flatten(1), explanation.baseline
    there = torch.ones_like(signal[:, 0], dtype=torch.bool)  # whether an item is anywhere else than its baseline
    if baseline is not None:
        difference = signal - baseline.flatten(1)
        change, there = change * difference, difference.any(1)
    nothing, silence = ~change.any(1), ~signal.any(1)
    silent, same = nothing & silence, nothing & ~silence & ~there
    noisy, constant = bool(explanation.settings.get("noise")), signal.amax(1) == signal.amin(1)
    where = "with the signal where it is" if baseline is None else "along the line to them"
    _say_of(silent, "are silent (zero everywhere), and so is their explanation: nothing in them speaks for the score")
    _say_of(same, "equal their baseline: their explanation is zero everywhere. Pass another `baseline`")
    _say_of(
        nothing & ~silent & ~same,
        f"have an explanation that is zero everywhere: the score doesn't change {where}. Look for a floor in the model "
        f"that they lie under, such as that of decibels",
    )
    _say_of(
        ~nothing & silence,
        "are silent (zero everywhere): their contributions are zero, and their gradient, without a standard error, is "
        "what the model would notice in anything that came",
    )
    _say_of(
        ~nothing & ~silence & constant & noisy,
        "are constant, and noise is a fraction of an item's range: their copies carry none, so that their gradient is "
        "that of the signal itself, without a standard error",
    )


def _say_of(which: Tensor, what: str) -> None:
    """Warn of the items that a mask, shape (item,), holds for, if of any."""
    if which.any():
        items = which.nonzero().flatten().tolist()
        warnings.warn(f"Item(s) {items} {what}.", RuntimeWarning, stacklevel=4)


def _relative_gap(explanation: Explanation) -> float:
    """Return the largest gap of all items, in the signal's own samples, where it costs no transform."""
    return explanation.view(wavelet=None).completeness_gap(relative=True).abs().max().item()
