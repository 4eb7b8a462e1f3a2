"""Fidelity: whether what an explanation says of parts of a signal is what the model says without them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
import scipy.stats
import torch
from jaxtyping import Float
from torch import Tensor

from wam_widgets.attribution import Contrast, Explanation, Score
from wam_widgets.attribution.arguments import require_finite, require_model, require_progress
from wam_widgets.attribution.passes import Model, predicted, undisturbed
from wam_widgets.attribution.paths import copy_seed
from wam_widgets.attribution.progress import Meter, Progress
from wam_widgets.attribution.score import require_finite_scores, require_target
from wam_widgets.checks import finite_number, optional_module, require_count, require_flag, require_one_of
from wam_widgets.transform import Coefficients
from wam_widgets.transform.grid import real_numbers, require_signal

from .explainer import Method, ask, require_methods
from .protocols import Baseline, Quantity
from .ranking import Importance, require_explanations
from .removal import RULE, Case, Trial, require_fraction, without
from .statistics import Values
from .tracing import Probability, Task

Correlation = Literal["pearson", "spearman"]
"""Of values, as Bhatt et al. have it, or of ranks, as Xplique has it."""

#: Captum is given so many subsets at once; each time it asks for the whole signal's score, too.
_AT_ONCE = 50

#: So many samples of perturbed signals are explained at once.
_SAMPLES_AT_ONCE = 2**20


def mu_fidelity(
    model: Model,
    signal: Float[Tensor, "item channel *space"],
    explanations: Mapping[str, Importance],
    *,
    target: int | Sequence[int] | Sequence[Sequence[int]] | Tensor | Contrast | Score | None = None,
    fraction: float = 0.2,
    subsets: int = 200,
    blocks: int = 81,
    segments: Tensor | None = None,
    baseline: Baseline = None,
    correlation: Correlation = "pearson",
    quantity: Quantity = "logit",
    probability: Probability = "softmax",
    seed: int = 0,
    batch_size: int | Literal["auto"] = "auto",
    progress: Progress | Literal[False] | None = None,
) -> dict[str, Values]:
    r"""Take random parts out of a signal, and correlate what an explanation says of them with how the score drops.

    .. math:: \mu = \operatorname{corr}_S \Big( \sum_{u \in S} c_u,\; f(x) - f(x_{S \to x_0}) \Big)

    S is a random subset of the units, :math:`c_u` a unit's contribution, and in :math:`x_{S \to x_0}` these units are
    as in the baseline. Of a linear model the exact contributions have 1.

    Parameters
    ----------
    model : callable
        (item, channel, \*space) -> output, as for `explain`.
    signal : Tensor, shape (item, channel, \*space)
        The items.
    explanations : dict of str to Explanation, Coefficients or Tensor
        By name; each is taken apart in its own terms, coefficients or samples. What is summed is signed. Of an
        explanation it is the contribution: of a sensitivity the gradient times the coefficient's difference from
        `baseline`, as a slope says nothing of a removal until it is multiplied by what is removed. Coefficients and
        tensors are summed as they are; a tensor is a map of the signal's samples, shape (item, \*space).
    target : None, int, sequence of int, Tensor, Contrast or callable
        What is measured; None is what the explanations explain, else the predicted class. Of a callable, such as a
        `Contrast`, its own value is measured.
    fraction : float
        How many of the units are in a subset, between 0 and 1; at least one is, and at least one isn't.
    subsets : int
        How many subsets, at least 3. More of them begin with the same ones.
    blocks : int
        A unit is a block of one band, with all its channels; every band is cut into at most so many, equally often
        along every axis: 81 are 81 pieces of a sound, 9 x 9 of a picture and 4 x 4 x 4 of a volume.
    segments : Tensor of int, shape (item, \*space) or (\*space), optional
        Number of every sample's superpixel, from 0 without gaps, as units instead of blocks. Explanations are then seen
        in the samples, and coefficients are spread over their cells.
    baseline : None, float, Tensor or str
        What stands in the place of what is taken out, as for `evaluate`. Integrated Gradients are contributions from a
        baseline of their own: pass the same one.
    correlation : {"pearson", "spearman"}
        Of values, as published, or of ranks.
    quantity : {"logit", "probability", "contrast"}
        What is measured: the raw column, in whose units contributions are; its probability; or p(A) / (p(A) + p(B)) of
        two columns per item.
    probability : {"softmax", "sigmoid", "none"}
        What makes probabilities of the output's columns; "none" if the model returns them.
    seed : int
        Of the subsets and of the baseline "noise". Global generators aren't touched.
    batch_size : int or "auto"
        How many inputs to run at once.
    progress : callable, False or None
        As for `explain`; returning False raises KeyboardInterrupt.

    Returns
    -------
    dict of str to float array, shape (item,)
        The correlation for every method and item, from -1 to 1; higher is better. NaN where it is undefined: if
        the score, or what the explanation says, is the same for all subsets.

    Raises
    ------
    TypeError, ValueError
        For what isn't a model, a signal, an explanation of it, a target or an option, or if there are fewer than two
        units; before any pass. Also if the model's score isn't finite.

    Notes
    -----
    Why blocks: a random fifth of 50,000 single units is the same haze every time. On a photo of 224 x 224 the summed
    magnitudes of detail 1 vary by 1.3 % from subset to subset if coefficients are drawn singly, and by 13 % if blocks
    are (samples: 0.2 and 3.6 %), so that single ones ask about the coarsest scale only. A block of a band goes as a
    whole, as a patch of a picture does.

    Methods in the same terms are given the same subsets, and share the passes. A number in coefficients and one in
    samples are about different removals: compare methods in the same terms, and with the coefficients' own magnitude,
    which saw no model: `explanation.signal_coefficients().map(torch.abs)`. Of one object it ties with the explanations
    (Integrated Gradients: difference 0.04, p = 0.27), since what is large is missed most. For which of two things in
    one signal a part speaks, `quantity="contrast"`, it can't say. Means over 20 held-out digits, and over 20 pairs of
    digits side by side (haar, level 2):

    ========================  ===========  ==============
    importance                one (logit)  two (contrast)
    ========================  ===========  ==============
    SmoothGrad                       0.72            0.52
    Integrated Gradients             0.68            0.51
    Saliency                         0.52            0.40
    the magnitude, no model          0.63            0.01
    ========================  ===========  ==============

    References
    ----------
    Bhatt, Weller, Moura, Evaluating and Aggregating Feature-based Model Explanations, IJCAI 2020, definition of
    faithfulness. Fel et al., Xplique, 2022 (9 x 9 blocks and ranks).

    Examples
    --------
    >>> import torch
    >>> from wam_widgets import explain
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    >>> signal = torch.rand(2, 1, 8, 8)
    >>> explanation = explain(model, signal, method="saliency", level=2)
    >>> mu_fidelity(model, signal, {"WAM": explanation})["WAM"].round(3)
    array([1., 1.])
    """
    require_one_of("correlation", correlation, get_args(Correlation))
    trial = Trial.of(
        signal, explanations, target=target, fraction=fraction, subsets=subsets, fewest=3, blocks=blocks,
        segments=segments, baseline=baseline, seed=seed, quantity=quantity, probability=probability,
    )  # fmt: skip

    def correlate(case: Case) -> Values:
        scores = case.scores(torch.cat([torch.zeros_like(case.missing[:1]), case.missing])).cpu().numpy()
        said = (case.worth @ case.missing.to(case.worth).T).cpu().numpy()
        drops = scores[0] - scores[1:]
        found = np.full(len(said), np.nan)
        # What is said is a sum in double precision; the model computes in that of the signal.
        if _varies(drops, scores, torch.finfo(trial.task.signal.dtype).eps):
            for method, sums in enumerate(said):
                if _varies(sums, sums, torch.finfo(torch.float64).eps):
                    found[method] = _correlated(sums, drops, correlation)
        return found

    return trial.run(model, correlate, 1 + trial.subsets, batch_size, progress)


def infidelity(
    model: Model,
    signal: Float[Tensor, "item channel *space"],
    explanations: Mapping[str, Importance],
    *,
    target: int | Sequence[int] | Tensor | Contrast | Score | None = None,
    fraction: float = 0.2,
    subsets: int = 200,
    blocks: int = 81,
    segments: Tensor | None = None,
    baseline: Baseline = None,
    scaled: bool = False,
    seed: int = 0,
    batch_size: int | Literal["auto"] = "auto",
    progress: Progress | Literal[False] | None = None,
) -> dict[str, Values]:
    r"""Take random parts out of a signal, and measure by how much an explanation misses the drop of the score.

    .. math:: \operatorname{mean}_S \Big( \sum_{u \in S} c_u - \big(f(x) - f(x_{S \to x_0})\big) \Big)^2

    Of a linear model the exact contributions have 0. Computed by `captum.metrics.infidelity`, for the presence of units
    (1 or 0) as its inputs.

    Parameters
    ----------
    model, signal, explanations, target, fraction, subsets, blocks, segments, baseline, seed, batch_size, progress
        As for `mu_fidelity`; a single subset will do.
    scaled : bool
        Whether every explanation is first multiplied by the factor that suits it best, per item, so that only its
        proportions count: the units of Grad-CAM and of magnitudes aren't those of the score.

    Returns
    -------
    dict of str to float array, shape (item,)
        The mean square for every method and item, in squared units of the score; lower is better, 0 is perfect.

    Raises
    ------
    ImportError
        If Captum is not installed.
    TypeError, ValueError
        As `mu_fidelity`.

    Notes
    -----
    On 20 held-out digits (haar, level 2) Integrated Gradients have 2.2, SmoothGrad 2.6, Saliency 4.2, and the
    coefficients' own magnitude, which isn't in units of the score, 42. Scaled, they have 1.9, 1.8 and 3.6, and the
    magnitude 0.9: large coefficients are missed most, whatever the model makes of them.

    References
    ----------
    Yeh, Hsieh, Suggala, Inouye, Ravikumar, On the (In)fidelity and Sensitivity of Explanations, NeurIPS 2019,
    definition 2.1, with the removal of parts as the perturbation.

    Examples
    --------
    >>> import torch
    >>> from wam_widgets import explain
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    >>> signal = torch.rand(2, 1, 8, 8)
    >>> explanation = explain(model, signal, method="saliency", level=2)
    >>> bool((infidelity(model, signal, {"WAM": explanation})["WAM"] < 1e-9).all())
    True
    """
    metrics = optional_module("captum.metrics", "Infidelity", "evaluation")
    require_flag("scaled", scaled)
    trial = Trial.of(
        signal, explanations, target=target, fraction=fraction, subsets=subsets, fewest=1, blocks=blocks,
        segments=segments, baseline=baseline, seed=seed,
    )  # fmt: skip

    def measure(case: Case) -> Values:
        methods, units = case.worth.shape
        following = iter(case.missing.split(_AT_ONCE))

        def perturbed(present: Tensor) -> tuple[Tensor, Tensor]:
            """Take the next subsets out: the same ones for every method, method by method."""
            missing = next(following).to(present).repeat(methods, 1)
            return missing, present - missing

        def scored(present: Tensor) -> Tensor:
            """Score what is present: once for all methods, as they are asked about the same."""
            return case.scores(present[: len(present) // methods] == 0).repeat(methods)

        found = metrics.infidelity(
            scored,
            perturbed,
            case.worth.new_ones(methods, units),
            case.worth,
            n_perturb_samples=len(case.missing),
            max_examples_per_batch=methods * min(_AT_ONCE, len(case.missing)),
            normalize=scaled,
        )
        return np.asarray(found.cpu(), dtype=np.float64)

    passes = trial.subsets + -(-trial.subsets // _AT_ONCE)
    return trial.run(model, measure, passes, batch_size, progress)


@dataclass(frozen=True, slots=True, eq=False)
class PartFidelity:
    """What the model says without the part of a signal that an explanation keeps, and of that part alone.

    Parameters
    ----------
    drop : float array, shape (item,)
        p(x) - p(x without the part), the *faithfulness of spectra* of Parekh et al.; higher is better.
    same_class : float array, shape (item,)
        1 where the part alone is given the class that the whole was given, else 0: *input fidelity*. Its mean over
        items is an accuracy.

    Examples
    --------
    >>> import wam_widgets as wam
    >>> model, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal
    >>> explanation = wam.explain(model, three, method="saliency", level=2)
    >>> part_fidelity(model, three, {"WAM": explanation.contribution()}, fraction=0.2)["WAM"].same_class
    array([1.])
    """

    drop: Values
    same_class: Values


def part_fidelity(
    model: Model,
    signal: Float[Tensor, "item channel *space"],
    parts: Mapping[str, Explanation | Tensor],
    *,
    fraction: float = 0.1,
    target: int | Sequence[int] | Tensor | Contrast | Score | None = None,
    probability: Probability = "softmax",
    batch_size: int | Literal["auto"] = "auto",
    progress: Progress | Literal[False] | None = None,
) -> dict[str, PartFidelity]:
    r"""Ask the model about the part that an explanation keeps, and about the rest.

    Parameters
    ----------
    model : callable
        (item, channel, \*space) -> output, as for `explain`.
    signal : Tensor, shape (item, channel, \*space)
        The items.
    parts : dict of str to Explanation or Tensor
        By name. A tensor is the part itself, shape (item, channel, \*space), such as a sound that another program has
        masked; an explanation stands for the part that it keeps, `explanation.rebuild(fraction=fraction)`.
    fraction : float
        How many of the positions an explanation keeps, between 0 and 1.
    target : None, int, sequence of int, Tensor, Contrast or callable
        Whose probability may drop; None is what the explanations explain, else the predicted class. Of a callable its
        own value is measured. The class of the part alone is always compared with the predicted class.
    probability : {"softmax", "sigmoid", "none"}
        What makes probabilities of the output's columns; "none" if the model returns them.
    batch_size : int or "auto"
        How many inputs to run at once.
    progress : callable, False or None
        As for `explain`; returning False raises KeyboardInterrupt.

    Returns
    -------
    dict of str to PartFidelity

    Raises
    ------
    TypeError, ValueError
        For what isn't a model, a signal, an explanation or part of it, a target or an option; before any pass. Also if
        the model's score isn't finite.

    Notes
    -----
    Whoever keeps everything has a large drop and the same class, whatever was important: compare parts of one size, and
    with one that no model has chosen, `wam.reconstruct(wam.decompose(signal).keep(fraction))`. On 20 held-out digits,
    at a tenth of the coefficients (haar, level 2), that has a mean drop of 0.75 and 75 % in the same class, Integrated
    Gradients 0.72 and 80 %, Saliency 0.41 and 15 %. A negative drop says that the part speaks against the class.

    References
    ----------
    Parekh, Parekh, Mozharovskyi, d'Alché-Buc, Richard, Listen to Interpret, NeurIPS 2022 (faithfulness). Paissan,
    Ravanelli, Subakan, Listenable Maps for Audio Classifiers, ICML 2024 (input fidelity).

    Examples
    --------
    >>> import torch
    >>> from wam_widgets import explain
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    >>> signal = torch.rand(2, 1, 8, 8)
    >>> found = part_fidelity(model, signal, {"WAM": explain(model, signal, method="saliency"), "all": signal})
    >>> found["all"].same_class
    array([1., 1.])
    """
    share = require_fraction(fraction)
    named: dict[str, Any] = require_explanations(parts, "parts")
    explained = {name: given for name, given in named.items() if isinstance(given, Explanation)}
    task = Task.of(signal, explained, target, RULE, probability, 0, argument="parts", quantity="probability")
    kept, rest = {}, {}
    for name, given in named.items():
        kept[name], rest[name] = _divided(name, given, task.signal, share)
    items, values = len(task.signal), np.empty((len(named), len(task.signal)))
    with task.scorer(model, batch_size, progress) as scorer:
        scorer.meter.expect(2 * (1 + len(named)) * items)

        def drops(item: int) -> Tensor:
            inputs = [task.signal[item], *(each[item] for each in rest.values())]
            scores = scorer.score(partial(torch.stack, inputs), item)
            require_finite_scores(scores, lambda row: without(item, part=row > 0))
            return scores[0] - scores[1:]

        def classes(of: Tensor, what: str = "") -> Tensor:
            found = predicted(model, of, scorer.sub_batch, lambda item: f"{what}item {item}")
            scorer.advance(len(of))
            return found

        for item in range(items):
            values[:, item] = drops(item).cpu()
        whole = classes(task.signal)
        same = {
            name: (classes(each, f"`parts[{name!r}]` of ") == whole).double().cpu().numpy()
            for name, each in kept.items()
        }
    return {name: PartFidelity(values[number], same[name]) for number, name in enumerate(named)}


def max_sensitivity(
    model: Model,
    signal: Float[Tensor, "item channel *space"],
    methods: Mapping[str, Method],
    *,
    target: int | Sequence[int] | Tensor | Contrast | Score | None = None,
    radius: float = 0.02,
    samples: int = 10,
    seed: int = 0,
    progress: Progress | Literal[False] | None = None,
) -> dict[str, Values]:
    r"""Shake a signal a little, and measure how much its explanation changes at most.

    .. math:: \max_{\lVert y - x \rVert_\infty \le r} \lVert \Phi(y) - \Phi(x) \rVert / \lVert \Phi(x) \rVert

    The norm is over all coefficients and channels, and the maximum over random y. Computed by
    `captum.metrics.sensitivity_max`.

    Parameters
    ----------
    model : callable
        As for `explain`, and handed to the methods.
    signal : Tensor, shape (item, channel, \*space)
        The items.
    methods : dict of str to callable
        By name, (model, signal, target) -> Explanation, Coefficients or map of samples, shape (item, \*space); an
        `Explainer`, say. Methods that draw noise should draw the same in every call, as `explain` does.
    target : None, int, sequence of int, Tensor, Contrast or callable
        As for `explain`; None is the class that is predicted for the signal as it is.
    radius : float
        How far every sample moves at most, as a fraction of the item's range.
    samples : int
        How many times a signal is shaken. More of them begin with the same ones.
    seed : int
        Of the shaking. Global generators aren't touched.
    progress : callable, False or None
        As for `explain`, but what is counted are explanations; returning False raises KeyboardInterrupt.

    Returns
    -------
    dict of str to float array, shape (item,)
        The largest relative change for every method and item: lower is steadier. Of an explanation that is zero
        everywhere, the change itself. NaN where an item has no range, being the same everywhere.

    Raises
    ------
    ImportError
        If Captum is not installed.
    TypeError, ValueError
        For what isn't a model, a signal, a method, a target or an option, before any pass; if a method returns
        something else than a map.

    Notes
    -----
    Steady isn't true: the coefficients' own magnitude, which never looks at the model, moves least. On 20 held-out
    digits (haar, level 2) it has 0.03, Integrated Gradients 0.09, SmoothGrad 0.11 and Saliency 0.40.

    References
    ----------
    Yeh, Hsieh, Suggala, Inouye, Ravikumar, On the (In)fidelity and Sensitivity of Explanations, NeurIPS 2019, section
    3, relative to the explanation's norm.

    Examples
    --------
    >>> import torch
    >>> from wam_widgets.evaluation import Explainer
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    >>> max_sensitivity(model, torch.rand(2, 1, 8, 8), {"Saliency": Explainer("saliency", level=2)})
    {'Saliency': array([0., 0.])}
    """
    metrics = optional_module("captum.metrics", "Maximal sensitivity", "evaluation")
    require_model(model)
    require_progress(progress)
    signal = require_finite(require_signal(signal).detach())
    wanted = require_target(target, len(signal))
    reach = finite_number(radius)
    if reach is None or reach <= 0:
        raise ValueError(f"`radius` must be a positive fraction of the item's range; got {radius!r}. Pass e.g. 0.02.")
    count, start = require_count("samples", samples, 10), require_count("seed", seed, 0, at_least=0)
    require_methods(methods)
    at_once = min(count, max(1, _SAMPLES_AT_ONCE // signal[0].numel()))
    values = {name: np.full(len(signal), np.nan) for name in methods}
    ranges = (signal.flatten(1).amax(1) - signal.flatten(1).amin(1)).tolist()
    with undisturbed(model, signal.device), Meter(progress) as meter:
        meter.expect(len(signal) * len(methods) * (1 + count))
        if wanted is None:
            wanted = predicted(model, signal)
        for item, name in itertools.product(range(len(signal)), methods):
            if ranges[item] > 0:
                asked = int(wanted[item]) if isinstance(wanted, torch.Tensor) else wanted
                found = metrics.sensitivity_max(
                    _Flat(name, methods[name], model, asked),
                    signal[item : item + 1],
                    _Shaken(reach * ranges[item], start),
                    n_perturb_samples=count,
                    max_examples_per_batch=at_once,
                )
                values[name][item] = float(found[0])
            if not meter.advance(1 + count):
                raise KeyboardInterrupt("`progress` returned False.")
    return values


@dataclass(slots=True, eq=False)
class _Shaken:
    """Shakes signals, each call with the noise that follows."""

    reach: float
    seed: int
    drawn: int = 0

    def __call__(self, signal: Tensor) -> Tensor:
        moved = torch.empty_like(signal)
        for each in moved:
            self.drawn += 1
            chance = torch.Generator(signal.device).manual_seed(copy_seed(self.seed, self.drawn))
            each.uniform_(-self.reach, self.reach, generator=chance)
        return moved.add_(signal)


@dataclass(frozen=True, slots=True, eq=False)
class _Flat:
    """Explains signals, and returns what Captum can take norms of, shape (item, n)."""

    name: str
    method: Method
    model: Any
    target: Any

    def __call__(self, signal: Any) -> tuple[Tensor]:
        signal = signal[0] if isinstance(signal, tuple) else signal  # Captum gives either
        found = ask(self.method, self.model, signal, self.target)
        values: Any = found.attribution if isinstance(found, Explanation) else found
        values = values.flatten() if isinstance(values, Coefficients) else values
        values = real_numbers(values)
        if values is None or values.ndim < 2 or len(values) != len(signal):
            raise TypeError(
                f"`methods[{self.name!r}]` must return an Explanation, Coefficients or a map of shape (item, *space); "
                f"got {type(found).__name__}. Return what `explain`, `pull_back` or `gradcam` returned."
            )
        if not bool(torch.isfinite(values).all()):
            raise ValueError(
                f"What `methods[{self.name!r}]` returns must be finite; got NaN or inf. Look at the model's gradient."
            )
        return (values.detach().double().flatten(1),)  # of a bare tensor Captum takes the items for parts


def _varies(values: Values, of: Values, precision: float) -> bool:
    """Tell whether values differ by more than the rounding of what they were computed of."""
    return bool(np.ptp(values) > max(8 * precision, 1e-12) * np.abs(of).max())


def _correlated(first: Values, second: Values, correlation: Correlation) -> float:
    if correlation == "spearman":
        return float(scipy.stats.spearmanr(first, second).statistic)
    return float(scipy.stats.pearsonr(first, second).statistic)


def _divided(name: str, given: Any, signal: Tensor, fraction: float) -> tuple[Tensor, Tensor]:
    """Return the part that is kept, and the signal without it."""
    if isinstance(given, Explanation):
        kept = given.rebuild(fraction=fraction).to(signal)
        return kept, signal - (kept if given.baseline is None else kept - given.baseline.to(signal))
    part = real_numbers(given)
    if part is None:
        raise TypeError(
            f"`parts[{name!r}]` must be an Explanation or the part that is kept, a tensor; got "
            f"{type(given).__name__}. Pass e.g. `wam.reconstruct(coefficients.keep({fraction:g}))`."
        )
    if part.shape != signal.shape:
        raise ValueError(
            f"`parts[{name!r}]` must have the shape of the signal, {tuple(signal.shape)}, as the part of it "
            f"that is kept; got {tuple(part.shape)}. Of a map, pass e.g. `signal * (map > threshold)[:, None]`."
        )
    kept = part.detach().to(signal)
    if not bool(torch.isfinite(kept).all()):
        raise ValueError(f"`parts[{name!r}]` must be finite; got NaN or inf. Pass e.g. `torch.nan_to_num(part)`.")
    return kept, signal - kept
