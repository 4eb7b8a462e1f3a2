"""What is checked before any pass: every argument of `explain` that can't be right says so here."""

from __future__ import annotations

import dataclasses
import inspect
import math
import numbers
import warnings
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import TypeGuard

import torch
from torch import Tensor

from wam_widgets.checks import finite_number, whole_number
from wam_widgets.transform import Grid

from .averages import MOST_GROUPS, Budget
from .passes import Model
from .paths import MOST_COPIES, SEGMENTS, Rule
from .score import Contrast

#: More noise than this, in ranges of the item, is a percentage given by mistake.
MOST_NOISE = 10.0


def require_model(model: object) -> None:
    """Raise unless the model can be called."""
    if not callable(model):
        raise TypeError(f"`model` must be callable; got {type(model).__name__}. Pass a torch.nn.Module or a function.")


def require_finite(signal: Tensor) -> Tensor:
    """Return the signal if it holds no NaN or inf, else say how many and where the first is."""
    if signal.is_meta or bool(torch.isfinite(signal).all()):
        return signal
    bad = (~torch.isfinite(signal)).nonzero()
    raise ValueError(
        f"`signal` must be finite; got {len(bad)} NaN or inf value(s), the first in item {int(bad[0, 0])} at index "
        f"{tuple(bad[0, 1:].tolist())}. Pass e.g. `torch.nan_to_num(signal)`."
    )


def require_front_end(front_end: object, method: str) -> None:
    """Raise unless there is none, or it can be called and the method has a meaning behind it."""
    if front_end is None:
        return
    if not callable(front_end):
        raise TypeError(
            f"`front_end` must be None or callable; got {type(front_end).__name__}. Pass e.g. `LogMel(16_000)`."
        )
    if method == "integrated_gradients":
        raise ValueError(
            "`front_end` belongs to method 'smoothgrad' or 'saliency': a line in the signal is a curve behind it, "
            "along which contributions are no gradient times a difference; got method 'integrated_gradients'. Pass "
            "`torch.nn.Sequential(front_end, model)` as the model, for contributions of the signal."
        )


def require_belongs(method: str, **given: object) -> None:
    """Refuse options that the method would ignore."""
    used = {
        "saliency": {"aggregate"},
        "smoothgrad": {"noise", "aggregate", "tolerance"},
        "integrated_gradients": {"baseline", "rule", "tolerance"},
    }
    for name, value in given.items():
        if value is None or (name == "aggregate" and value == "mean") or name in used[method]:
            continue
        owners = " or ".join(repr(owner) for owner, names in used.items() if name in names)
        raise ValueError(
            f"`{name}` belongs to method {owners}; got {name}={value if not isinstance(value, Tensor) else 'a tensor'} "
            f"with method {method!r}. Leave it out, or pass `method={owners}`."
        )


def require_budget(method: str, rule: Rule, samples: object, max_samples: object, tolerance: object) -> Budget:
    """Return how many passes to begin with, how many to make at most, and the error to reach."""
    if tolerance is not None and not (_is_number(tolerance) and math.isfinite(tolerance) and tolerance > 0):
        raise ValueError(f"`tolerance` must be a positive number; got {tolerance!r}. Pass e.g. `tolerance=0.05`.")
    if samples == "auto":
        if tolerance is None and method != "saliency":
            raise ValueError("`samples='auto'` needs a tolerance to stop at; got none. Pass e.g. `tolerance=0.05`.")
        start = 1
    else:
        start = _require_count("samples", samples)
    most = _require_count("max_samples", max_samples)
    if method == "saliency":
        return Budget(1, 1, None)
    fewest = 1
    if method == "integrated_gradients":
        fewest = {"trapezoid": 2, "adaptive": len(SEGMENTS) - 1}.get(rule, 1)
    elif tolerance is not None:
        fewest = MOST_GROUPS
    name, limit = ("samples", start) if tolerance is None else ("max_samples", most)
    if limit < fewest:
        how = f"rule={rule!r}" if method == "integrated_gradients" else f"a tolerance and method={method!r}"
        raise ValueError(f"`{name}` must be at least {fewest} with {how}; got {limit}. Pass e.g. `{name}=100`.")
    return Budget(start if tolerance is None else min(max(start, fewest), most), most, tolerance)


def _require_count(name: str, value: object) -> int:
    count = whole_number(value)
    if count is None:
        allowed = " or 'auto'" if name == "samples" else ""
        raise TypeError(f"`{name}` must be a whole number{allowed}; got {value!r}. Pass e.g. `{name}=25`.")
    if not 1 <= count <= MOST_COPIES:
        raise ValueError(f"`{name}` must be from 1 to {MOST_COPIES}; got {count}. Pass e.g. `{name}=25`.")
    return count


def require_noise(noise: object, published: float) -> float:
    """Return the noise as a fraction of the range, the published one by default."""
    if noise is None:
        return published
    if not _is_number(noise) or not 0 <= noise <= MOST_NOISE:
        raise ValueError(
            f"`noise` must be a fraction of the item's range, 0 to {MOST_NOISE:g}; got {noise!r}. "
            f"Pass e.g. `noise=0.25` for a quarter, or None for the published {published:g}."
        )
    return float(noise)


def require_seeds(seed: object, items: int) -> tuple[int, ...]:
    """Return one seed per item."""
    given = [seed] * items if whole_number(seed) is not None else list(seed) if isinstance(seed, Iterable) else []
    seeds = tuple(number for each in given if (number := whole_number(each)) is not None and number >= 0)
    if not len(given) == len(seeds) == items:
        raise ValueError(
            f"`seed` must be a whole number from 0, or one per item ({items}); got {seed!r}. Pass e.g. `seed=0`."
        )
    return seeds


def require_precision(precision: object) -> torch.dtype | None:
    """Return the dtype to run the model in under autocast, or None."""
    if precision in {None, "bfloat16", torch.bfloat16}:
        return None if precision is None else torch.bfloat16
    raise ValueError(
        f"`precision` must be None (the signal's own) or 'bfloat16'; got {precision!r}. For double precision, pass "
        f"`signal.double()` and a model in float64."
    )


def require_batch_size(batch_size: object) -> int | str:
    """Return a number of passes, or "auto"."""
    if batch_size == "auto":
        return "auto"
    count = whole_number(batch_size)
    if count is None or count < 1:
        raise ValueError(f"`batch_size` must be 'auto' or at least 1; got {batch_size!r}. Pass e.g. `batch_size=4`.")
    return count


def require_labels(labels: Sequence[str] | None, model: Model) -> tuple[str, ...] | None:
    """Return the names of the output's columns, from the model if it has them."""
    found = getattr(model, "labels", None) if labels is None else labels
    if isinstance(found, Sequence) and not isinstance(found, str) and all(isinstance(each, str) for each in found):
        return tuple(found)
    if labels is not None:
        raise TypeError(
            f"`labels` must be one name per column of the output; got {type(labels).__name__}. "
            f"Pass e.g. `labels=['cat', 'dog']`."
        )
    return None


def require_grid(grid: object, space: int, ear: object = None) -> Grid:
    """Return what the axes mean: by default steps of one sample, or of a sound, at the rate that its model is for."""
    if grid is None:
        rate = None if space != 1 else _sample_rate(ear)
        return Grid.default(space) if rate is None else Grid(("time",), (1 / rate,), ("s",))
    if not isinstance(grid, Grid):
        example = "Grid.sound(44_100)" if space == 1 else f"Grid.default({space})"
        raise TypeError(f"`grid` must be a Grid; got {type(grid).__name__}. Pass e.g. `{example}`.")
    if len(grid.axes) != space:
        raise ValueError(
            f"`grid` must describe the signal's {space} spatial axes; got {len(grid.axes)}: {grid.axes}. "
            f"Pass e.g. `Grid.default({space})`."
        )
    return grid


def require_sound(signal: Tensor, grid: Grid, ear: object) -> None:
    """Raise if the grid counts time at another rate than what hears the signal, a model or front end, is made for.

    What carries no `sample_rate` is not asked. Also say so if a file's whole numbers were cast but not scaled.
    """
    made_for = _sample_rate(ear)
    if made_for is None or signal.ndim != 3:
        return
    rate = grid.sample_rate
    if rate is not None and abs(rate - made_for) > 1e-3 * made_for:
        steps = Fraction(max(1, round(made_for)), max(1, round(rate)))
        raise ValueError(
            f"The signal must have the sampling rate that the model is made for, {made_for:g} Hz (`sample_rate` of "
            f"{type(ear).__name__}); got a grid of {rate:g} Hz. Resample it, e.g. with "
            f"`scipy.signal.resample_poly(sound, {steps.numerator}, {steps.denominator}, axis=-1)`, and pass "
            f"`grid=Grid.sound({made_for:g})`."
        )
    peak = 0.0 if signal.is_meta else float(signal.abs().max())
    if peak > 1 and not bool(signal.frac().any()):
        bits = next((bits for bits in (8, 16, 24) if peak <= 2 ** (bits - 1)), 32)
        warnings.warn(
            f"The signal holds whole numbers, up to {peak:.0f}, as {bits}-bit sound does in a file, and models of "
            f"sound usually take -1 to 1. Pass `signal / {2 ** (bits - 1)}` if yours does.",
            RuntimeWarning,
            stacklevel=3,
        )


def _sample_rate(heard: object) -> float | None:
    """Return the rate, in Hz, that a model or front end says it is made for; of a sequence, its first part."""
    rate = finite_number(getattr(heard, "sample_rate", None))
    if rate is not None and rate > 0:
        return rate
    return _sample_rate(heard[0]) if isinstance(heard, torch.nn.Sequential) and len(heard) else None


def require_progress(progress: object) -> None:
    """Raise unless it is None, False or can be called with two numbers."""
    if progress is not None and progress is not False and not (callable(progress) and _takes_two(progress)):
        raise TypeError(
            f"`progress` must be None, False or a callable of two numbers (done, planned); got {progress!r}. "
            f"Pass e.g. `progress=print`."
        )


def _takes_two(function: Callable[..., object]) -> bool:
    try:
        inspect.signature(function).bind(0, 0)
    except TypeError:
        return False
    except ValueError:  # some callables don't tell
        return True
    return True


def require_watch(watch: object) -> None:
    """Raise unless it is None or callable."""
    if watch is not None and not callable(watch):
        raise TypeError(
            f"`watch` must be None or a callable of an Explanation; got {watch!r}. "
            f"Pass e.g. `watch=lambda so_far: print(so_far)`."
        )


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)  # NumPy's too


def describe_baseline(baseline: object) -> object:
    """Name a baseline as a file's header can hold it; a tensor is kept beside it."""
    return "tensor" if isinstance(baseline, Tensor) else 0.0 if baseline is None else baseline


def describe(score: object, labels: tuple[str, ...] | None) -> str:
    """Name a score: a contrast by its labels, a function by its name, never by an address in memory."""
    if isinstance(score, Contrast) and labels is not None:
        return f"{labels[score.first]} rather than {labels[score.second]}"
    return repr(score) if dataclasses.is_dataclass(score) else getattr(score, "__name__", type(score).__name__)
