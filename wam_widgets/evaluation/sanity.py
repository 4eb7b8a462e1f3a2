"""Does an explanation depend on what the model has learnt? Randomise the model, and look whether the maps notice."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
import scipy.stats
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from wam_widgets.attribution import Explanation
from wam_widgets.attribution.arguments import require_finite, require_model, require_progress
from wam_widgets.attribution.passes import predicted, undisturbed
from wam_widgets.attribution.paths import copy_seed
from wam_widgets.attribution.progress import Progress
from wam_widgets.attribution.score import require_target
from wam_widgets.checks import finite_number, require_count, require_one_of
from wam_widgets.transform import Coefficients
from wam_widgets.transform.grid import real_numbers, require_signal

from .explainer import Method, ask, require_methods
from .running import ItemMeter

Randomisation = Literal["cascading", "independent"]
"""From the output on down, each stage on top of the ones before; or one stage at a time."""

#: A method whose maps keep more than this rank correlation, when nothing is left of what was learnt, fails.
LIMIT = 0.5

#: Attributions that miss more of the score's difference than this are incomplete.
TOLERANCE = 0.05


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SanityReport:
    """How alike a method's maps are before and after the model was randomised. Make one with `sanity_check`.

    Parameters
    ----------
    methods : tuple of str
        Their names.
    stages : tuple of str
        What was randomised: the layers of each stage, from the output on down; or the names of other models.
    similarity : dict of str to float array, shape (stage, scale, item)
        Per method, Spearman's rank correlation between the magnitudes of its map before and after, scale by scale; a
        map of samples has one scale. NaN where a map is constant.
    last : str
        The stage that decides: where nothing is left of what the model had learnt; of one stage at a time the output's.
    limit : float
        A method whose mean similarity there is larger fails.
    completeness : dict of str to float array, shape (item,)
        Per method that returned Integrated Gradients, by how much the attributions of each item miss the difference in
        score that they should sum to, relative to it, see `Explanation.completeness_gap`. The others promise no sum.
    tolerance : float
        A method that misses more, of any item, is incomplete.

    Examples
    --------
    >>> from wam_widgets import samples
    >>> ink = lambda model, signal, target: signal[:, 0]
    >>> report = sanity_check(samples.digit_model(), samples.digits()["two"].signal, {"ink": ink}, progress=False)
    >>> report.failing
    ('ink',)
    """

    methods: tuple[str, ...]
    stages: tuple[str, ...]
    similarity: dict[str, NDArray[np.float64]]
    last: str
    limit: float
    completeness: dict[str, NDArray[np.float64]]
    tolerance: float

    def means(self, method: str) -> NDArray[np.float64]:
        """Return the mean similarity over scales and items, shape (stage,); of a map that is constant, NaN."""
        require_one_of("method", method, self.methods)
        values = self.similarity[method].reshape(len(self.stages), -1)
        known = np.isfinite(values)
        return np.where(known.any(1), np.where(known, values, 0).sum(1) / np.maximum(known.sum(1), 1), np.nan)

    @property
    def failing(self) -> tuple[str, ...]:
        """The methods whose maps don't notice that the model was randomised."""
        at = self.stages.index(self.last)
        return tuple(method for method in self.methods if not self.means(method)[at] <= self.limit)

    @property
    def incomplete(self) -> tuple[str, ...]:
        """The methods whose attributions should sum to a difference in score, and don't."""
        return tuple(method for method in self.completeness if not self._largest_gap(method) <= self.tolerance)

    def rows(self) -> list[dict[str, Any]]:
        """Return one dict per method and stage: "method", "stage", "similarity", "fails", "gap", "incomplete".

        The last two are about the trained model, the same for all stages: the largest completeness gap of any item, and
        whether it is too large; None for a method that promises no sum.
        """
        return [
            {
                "method": method,
                "stage": stage,
                "similarity": float(mean),
                "fails": method in self.failing,
                "gap": self._largest_gap(method) if method in self.completeness else None,
                "incomplete": method in self.incomplete if method in self.completeness else None,
            }
            for method in self.methods
            for stage, mean in zip(self.stages, self.means(method), strict=True)
        ]

    def _largest_gap(self, method: str) -> float:
        return float(np.abs(self.completeness[method]).max())

    def __str__(self) -> str:
        width = max(map(len, self.methods))
        at = self.stages.index(self.last)
        lines = [f"Rank correlation with the maps of the trained model, after {self.last}; above {self.limit:g} fails:"]
        for method in self.methods:
            mean = self.means(method)[at]
            verdict = "passes"
            if np.isnan(mean):
                verdict = "FAILS: its map is the same everywhere"
            elif method in self.failing:
                verdict = "FAILS: its map looks like this whatever the model has learnt"
            lines.append(f"{method:<{width}}  {mean:+.3f}  {verdict}")
        if self.completeness:
            lines.append(
                f"Share of the score's difference that is missed, at most; above {self.tolerance:g} incomplete:"
            )
        for method in self.completeness:
            verdict = "INCOMPLETE: take more samples" if method in self.incomplete else "complete"
            lines.append(f"{method:<{width}}  {self._largest_gap(method):6.3f}  {verdict}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return (
            f"SanityReport of {len(self.methods)} method(s), {len(self.failing)} failing, {len(self.incomplete)} "
            f"incomplete, {len(self.stages)} stage(s)"
        )


def sanity_check(
    model: torch.nn.Module,
    signal: Float[Tensor, "item channel *space"],
    methods: Mapping[str, Method],
    *,
    target: Any = None,
    randomisation: Randomisation = "cascading",
    stages: int = 8,
    against: Mapping[str, torch.nn.Module] | None = None,
    limit: float = LIMIT,
    tolerance: float = TOLERANCE,
    seed: int = 0,
    progress: Progress | Literal[False] | None = None,
) -> SanityReport:
    r"""Randomise a model stage by stage, and measure how much of each method's map is left.

    A map that stays the same shows the signal, not what the model learnt. The weights of a layer are shuffled, which
    keeps their distribution; a copy of the model is used. Beside it stands whether Integrated Gradients of the trained
    model sum to what they promise.

    Parameters
    ----------
    model : torch.nn.Module
        A trained one.
    signal : Tensor, shape (item, channel, \*space)
        Some items.
    methods : dict of str to callable
        By name, (model, signal, target) -> Explanation, Coefficients or map of samples, shape (item, \*space). They
        see the model in evaluation mode; it is left as it was.
    target : None, int, sequence of int, Tensor or callable
        As for `explain`, and handed to the methods; None is the class that the trained model predicts, for all stages.
    randomisation : {"cascading", "independent"}
        Whether the stages before stay randomised.
    stages : int
        Layers are divided into at most so many stages.
    against : dict of str to torch.nn.Module, optional
        Instead of randomised copies, other models by name, such as one trained on shuffled labels. The last
        one decides.
    limit : float
        From which mean rank correlation on a method fails.
    tolerance : float
        From which completeness gap on, relative to the difference in score, Integrated Gradients are incomplete.
    seed : int
        Of the shuffling. Global generators aren't touched.
    progress : callable, False or None
        As for `explain`, but what is counted are maps of randomised models; returning False raises KeyboardInterrupt.

    Returns
    -------
    SanityReport

    Raises
    ------
    TypeError, ValueError
        If the model has no weights to shuffle, a method returns something else than a finite map, or a limit is no
        number.
    KeyboardInterrupt
        If `progress` asked to stop.

    References
    ----------
    Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018.

    Examples
    --------
    >>> from wam_widgets import explain
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 9), torch.nn.ReLU(), torch.nn.Linear(9, 3))
    >>> edges = lambda model, signal, target: signal.diff(dim=-1, append=signal[..., -1:])[:, 0]
    >>> gradients = lambda model, signal, target: explain(model, signal, target, method="saliency", progress=False)
    >>> report = sanity_check(model, torch.rand(2, 1, 8, 8), {"edges": edges, "Saliency": gradients}, progress=False)
    >>> "edges" in report.failing
    True
    """
    require_model(model)
    require_progress(progress)
    signal = require_finite(require_signal(signal).detach())
    require_one_of("randomisation", randomisation, get_args(Randomisation))
    require_count("stages", stages, 8)
    require_count("seed", seed, 0, at_least=0)
    _require_limit("limit", limit, LIMIT)
    _require_limit("tolerance", tolerance, TOLERANCE)
    _require_others(against)
    require_methods(methods)
    wanted = require_target(target, len(signal))
    if wanted is None:
        with undisturbed(model, signal.device):
            wanted = predicted(model, signal)
    others: dict[str, Callable[[], torch.nn.Module]] = (
        dict(_randomised(model, randomisation, stages, seed))
        if against is None
        else {name: partial(copy.copy, other) for name, other in against.items()}
    )
    names = tuple(others)
    found: dict[str, list[list[NDArray[np.float64]]]] = {name: [] for name in methods}
    before, completeness = {}, {}
    for name, method in methods.items():
        importance = ask(method, model, signal, wanted)
        before[name] = _scales(name, importance, len(signal))
        if isinstance(importance, Explanation) and importance.baseline_score is not None:
            completeness[name] = importance.completeness_gap(relative=True).detach().double().cpu().numpy()
    work = [(stage, name) for stage in names for name in methods]
    with closing(ItemMeter(progress, 0, len(work), unit="map")) as meter:
        for stage, name in work:
            with warnings.catch_warnings():  # of a copy's gaps: those of the model itself were told, and are reported
                warnings.simplefilter("ignore")
                importance = ask(methods[name], others[stage](), signal, wanted)
            after = _scales(name, importance, len(signal))
            found[name].append([_rank_correlation(old, new) for old, new in zip(before[name], after, strict=True)])
            meter.advance()
    similarity = {name: np.array(values, dtype=np.float64) for name, values in found.items()}
    # One stage at a time, the deciding one is the output's: with its weights gone, no class is what it was.
    last = names[0] if randomisation == "independent" and against is None else names[-1]
    return SanityReport(tuple(methods), names, similarity, last, limit, completeness, tolerance)


def _require_limit(name: str, value: object, usual: float) -> None:
    number = finite_number(value)
    if number is None or number <= 0:
        raise ValueError(f"`{name}` must be a number above 0; got {value!r}. Pass e.g. `{name}={usual}`.")


def _require_others(against: object) -> None:
    if against is None:
        return
    advice = "Pass e.g. `against={'shuffled labels': other}`, or leave it out for shuffled weights."
    if not isinstance(against, Mapping) or not against:
        raise TypeError(f"`against` must be a dict of name and model, at least one; got {against!r}. {advice}")
    for name, other in against.items():
        if not callable(other):
            got = type(other).__name__
            raise TypeError(f"`against[{name!r}]` must be a model, which can be called; got {got}. {advice}")


def _randomised(
    model: torch.nn.Module, randomisation: Randomisation, stages: int, seed: int
) -> Iterator[tuple[str, Callable[[], torch.nn.Module]]]:
    """Name the stages from the output on down, and say how to make the model that each leaves."""
    layers = [
        (name or "model", own)
        for name, module in getattr(model, "named_modules", list)()
        if (own := [each for each, _ in module.named_parameters(prefix=name, recurse=False)])
    ]
    if not layers:
        raise TypeError(
            f"`model` must be a torch.nn.Module with weights that can be shuffled; got {type(model).__name__}. Pass "
            f"other models as `against={{'shuffled labels': other}}`."
        )
    layers.reverse()
    count = min(stages, len(layers))
    parts = [layers[len(layers) * k // count : len(layers) * (k + 1) // count] for k in range(count)]
    gone: list[str] = []
    for part in parts:
        own = [each for _, parameters in part for each in parameters]
        gone = gone + own if randomisation == "cascading" else own
        only, first = ("", layers[0][0]) if randomisation == "cascading" else ("only ", part[0][0])
        last = part[-1][0]
        name = f"shuffling {only}{first}" + ("" if first == last else f" to {last}")
        yield name, partial(_shuffled, model, tuple(gone), seed)


def _shuffled(model: torch.nn.Module, parameters: tuple[str, ...], seed: int) -> torch.nn.Module:
    """Return a copy of the model in which the values within each of these parameters are in random order."""
    other = copy.deepcopy(model)
    # A tensor that layers share has several names, any of which may be the one that is asked for.
    named = other.named_parameters(remove_duplicate=False)
    chosen = {id(values) for name, values in named if name in parameters}
    with torch.no_grad():
        for place, values in enumerate(other.parameters()):
            if id(values) in chosen:
                chance = torch.Generator().manual_seed(copy_seed(seed, place))
                order = torch.randperm(values.numel(), generator=chance).to(values.device)
                values.copy_(values.flatten()[order].view_as(values))
    return other


def _scales(name: str, importance: object, items: int) -> list[NDArray[np.float64]]:
    """Return magnitudes, summed over channels, scale by scale, shape (item, position) each."""
    given = importance.attribution if isinstance(importance, Explanation) else importance
    if isinstance(given, Coefficients):
        magnitudes = [
            torch.cat([band.abs().sum(1).flatten(1) for band in detail.values()], 1) for _, detail in given.by_scale()
        ]
    elif (values := real_numbers(given)) is not None and values.ndim > 1 and len(values) == items:
        magnitudes = [values.double().abs().flatten(1)]
    else:
        got = type(importance).__name__ if values is None else f"one of shape {tuple(values.shape)}"
        raise TypeError(
            f"`methods[{name!r}]` must return an Explanation, Coefficients or a map of shape (item, *space), here of "
            f"{items} item(s); got {got}. Return what `explain`, `pull_back` or `gradcam` returned."
        )
    if not all(bool(torch.isfinite(each).all()) for each in magnitudes):
        raise ValueError(
            f"The maps of `methods[{name!r}]` must be finite; got NaN or inf. Look at the model's gradient."
        )
    return [each.detach().double().cpu().numpy() for each in magnitudes]


def _rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Spearman's correlation per item, NaN where one of both is constant."""
    ranks = [scipy.stats.rankdata(each, axis=1) for each in (first, second)]
    centred = [each - each.mean(1, keepdims=True) for each in ranks]
    norms = np.sqrt((centred[0] ** 2).sum(1) * (centred[1] ** 2).sum(1))
    alike: NDArray[np.float64] = (centred[0] * centred[1]).sum(1)
    found: NDArray[np.float64] = np.divide(alike, norms, out=np.full_like(alike, np.nan), where=norms > 0)
    return found
