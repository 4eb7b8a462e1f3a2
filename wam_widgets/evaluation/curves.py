"""Insertion and deletion: what the model says while a signal is put together or taken apart, unit by unit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from jaxtyping import Float
from torch import Tensor

from wam_widgets.attribution import Contrast, Score
from wam_widgets.attribution.passes import Model
from wam_widgets.attribution.progress import Progress
from wam_widgets.checks import require_one_of, whole_number

from .protocols import Protocol
from .ranking import ALONE, Importance
from .tracing import KINDS, Curve, Kind, Probability, Task


def insertion(
    model: Model,
    signal: Float[Tensor, "item channel *space"],
    importance: Importance,
    *,
    target: int | Sequence[int] | Sequence[Sequence[int]] | Tensor | Contrast | Score | None = None,
    protocol: str | Protocol = "wam",
    probability: Probability = "softmax",
    seed: int = 0,
    batch_size: int | Literal["auto"] = "auto",
    progress: Progress | Literal[False] | None = None,
    **overrides: Any,
) -> Curve:
    r"""Put a signal together from the baseline, the most important units first, and watch the model's score.

    Parameters
    ----------
    model : callable
        (item, channel, \*space) -> output, as for `explain`.
    signal : Tensor, shape (item, channel, \*space)
        The items.
    importance : Explanation, Coefficients or Tensor
        What ranks the units. A tensor is a map of the signal's samples, shape (item, \*space).
    target : None, int, sequence of int, Tensor, Contrast or callable
        As for `explain`; None is what an explanation explains, else the predicted class. The protocol "contrast" needs
        two columns per item: a `Contrast`, or whole numbers of shape (item, 2), the one that is asked for first. Of a
        callable its own value is measured.
    protocol : str or Protocol
        "wam", "wam-paper", "rise", "xplique", "torch-cam" or "contrast", see `PROTOCOLS`.
    probability : {"softmax", "sigmoid", "none"}
        What makes probabilities of the model's output; "none" if it returns them. Unless it is the softmax, it stands
        in the name of a protocol that measures them.
    seed : int
        Of the order of equal units and of the baseline "noise". Global generators aren't touched.
    batch_size : int or "auto"
        How many inputs to run at once.
    progress : callable, False or None
        As for `explain`.
    **overrides
        `steps`, `domain`, `baseline`, `order`, `unit`, `axis`, `quantity`, and `segments` for superpixels: see
        `evaluate`.

    Returns
    -------
    Curve
        Its first score is that of the baseline, its last one that of the signal, exactly.

    Raises
    ------
    TypeError, ValueError
        For what isn't a model, a signal, a ranking of it, or a rule; before any pass. Also if the model's score isn't
        finite.

    References
    ----------
    Petsiuk, Das, Saenko, RISE, BMVC 2018. In the wavelet domain: Kasmi, Brunetto, Fel, Parekh, One Wave To Explain Them
    All, ICML 2025.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    >>> signal = torch.rand(1, 1, 8, 8)
    >>> curve = insertion(model, signal, signal[:, 0], steps=8, domain="pixel")
    >>> curve.scores.shape, curve.protocol.name
    ((1, 9), 'wam, steps=8, domain=pixel')
    """
    settings = (target, protocol, probability, seed, batch_size, progress)
    return _one("insertion", model, signal, importance, settings, overrides)


def deletion(
    model: Model,
    signal: Float[Tensor, "item channel *space"],
    importance: Importance,
    *,
    target: int | Sequence[int] | Sequence[Sequence[int]] | Tensor | Contrast | Score | None = None,
    protocol: str | Protocol = "wam",
    probability: Probability = "softmax",
    seed: int = 0,
    batch_size: int | Literal["auto"] = "auto",
    progress: Progress | Literal[False] | None = None,
    **overrides: Any,
) -> Curve:
    """Take a signal apart, the most important units first, and watch the model's score.

    Parameters, errors and references are those of `insertion`.

    Returns
    -------
    Curve
        Its first score is that of the signal, its last one that of the baseline, exactly.

    Examples
    --------
    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    >>> signal = torch.rand(1, 1, 8, 8)
    >>> deletion(model, signal, signal[:, 0], steps=4).units
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    settings = (target, protocol, probability, seed, batch_size, progress)
    return _one("deletion", model, signal, importance, settings, overrides)


def _one(
    kind: Kind, model: Model, signal: Tensor, importance: Importance, settings: tuple[Any, ...], overrides: Any
) -> Curve:
    target, protocol, probability, seed, batch_size, progress = settings
    task = Task.of(signal, {ALONE: importance}, target, protocol, probability, seed, **overrides)
    traced = task.run(model, task.rankings, kinds=(kind,), batch_size=batch_size, progress=progress)[ALONE]
    return traced[kind]


def frames(
    signal: Float[Tensor, "item channel *space"],
    importance: Importance,
    kind: Kind,
    *,
    protocol: str | Protocol = "wam",
    item: int = 0,
    seed: int = 0,
    **overrides: Any,
) -> Float[Tensor, "frame channel *space"]:
    r"""Return what the model sees at every step of a curve of one item. No model is called.

    Parameters
    ----------
    signal, importance, protocol, seed, **overrides
        As for the curve.
    kind : {"insertion", "deletion"}
        Of which curve.
    item : int
        Which item.

    Returns
    -------
    Tensor, shape (step + 1, channel, \*space)
        From the baseline to the signal, or back.

    Examples
    --------
    >>> import torch
    >>> importance = torch.tensor([[[[1.0, 4.0], [2.0, 3.0]]]])
    >>> seen = frames(torch.ones(1, 1, 2, 2), importance[:, 0], kind="insertion", protocol="wam", steps=4)
    >>> len(seen)
    5
    """
    require_one_of("kind", kind, KINDS)
    task = Task.of(signal, {ALONE: importance}, None, protocol, "softmax", seed, scored=False, **overrides)
    number = whole_number(item)
    if number is None or not 0 <= number < len(task.signal):
        raise ValueError(f"`item` must be one of 0 to {len(task.signal) - 1}; got {item!r}. Pass e.g. `item=0`.")
    made, _ = task.frames(task.rankings[ALONE], kind, item)
    return made
