"""Two items in one signal: what a contrast of two classes is asked of."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from wam_widgets.attribution.arguments import require_finite, require_model
from wam_widgets.attribution.passes import Model, undisturbed
from wam_widgets.attribution.score import columns_of, require_classes, require_finite_scores, require_rows
from wam_widgets.checks import require_count, require_one_of, whole_number
from wam_widgets.transform.grid import energy, require_signal

from .mixtures import overlap, require_alike, require_audible
from .statistics import cluster_names

Fit = Literal["join", "crop"]
"""How two items come to lie side by side."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Pairs:
    r"""Signals of two items each, and which of them is asked for. Make them with `side_by_side` or `mixed`.

    Parameters
    ----------
    signal : Tensor, shape (item, channel, \*space)
        What a model is given.
    classes : Tensor of int, shape (item, 2)
        Columns of the model's output: the class that is asked for, and the other. The target of the protocol
        "contrast".
    masks : Tensor of bool, shape (item, 2, \*space), or None
        Where each of the two lies, in the order of `classes`; None where they lie on each other.
    groups : tuple, one entry per item
        What isn't independent of each other has an entry in common: `groups` of `evaluate`. By default every item is a
        group of its own.

    Raises
    ------
    TypeError, ValueError
        Unless the shapes agree and the two classes of every item differ.

    Examples
    --------
    >>> pairs = Pairs(torch.rand(1, 1, 4, 8), torch.tensor([[3, 5]]))  # a three beside a five
    >>> pairs.classes, pairs.groups
    (tensor([[3, 5]]), (0,))
    """

    signal: Float[Tensor, "item channel *space"]
    classes: Int[Tensor, "item 2"]
    masks: Bool[Tensor, "item 2 *space"] | None = None
    groups: tuple[Hashable, ...] = ()

    def __post_init__(self) -> None:
        items = len(require_finite(require_signal(self.signal)))
        object.__setattr__(self, "classes", _require_two_classes(self.classes, items))
        object.__setattr__(self, "groups", cluster_names("groups", self.groups) or tuple(range(items)))
        if len(self.groups) != items:
            raise ValueError(
                f"`groups` must have one entry per item, {items}; got {len(self.groups)}. Leave it out where every "
                f"item is a group of its own."
            )
        shape = (items, 2, *self.signal.shape[2:])
        if self.masks is not None and not isinstance(self.masks, torch.Tensor):
            raise TypeError(
                f"`masks` must be truth values of shape {shape}, two per item; got {type(self.masks).__name__}. Pass "
                f"e.g. `torch.stack([first, second], 1)`."
            )
        if self.masks is not None and (tuple(self.masks.shape) != shape or self.masks.dtype != torch.bool):
            raise ValueError(
                f"`masks` must be truth values of shape {shape}, two per item; got {self.masks.dtype} of shape "
                f"{tuple(self.masks.shape)}. Pass e.g. `torch.stack([first, second], 1)`."
            )

    @property
    def mask(self) -> Bool[Tensor, " item *space"] | None:
        r"""Where the item lies that is asked for, shape (item, \*space), to compare maps with; None without masks."""
        return None if self.masks is None else self.masks[:, 0]

    def select(self, which: Any) -> Pairs:
        """Return some of the pairs: a slice, truth values of all items, or whole numbers of those that are kept."""
        try:
            chosen = torch.arange(len(self), device=self.signal.device)[which].reshape(-1)
        except (IndexError, TypeError, ValueError) as error:
            raise ValueError(
                f"`which` must be a slice, {len(self)} truth values, or whole numbers from 0 to {len(self) - 1}; got "
                f"{which!r}. Pass e.g. `[0, 2]`."
            ) from error
        return Pairs(
            self.signal[chosen],
            self.classes[chosen],
            None if self.masks is None else self.masks[chosen],
            tuple(self.groups[each] for each in chosen.tolist()),
        )

    def both_ways(self) -> Pairs:
        """Return every signal twice: first with its first class asked for, then, after all these, with its second.

        The two share their group, so that an interval over groups doesn't take them for independent.
        """
        return Pairs(
            torch.cat([self.signal, self.signal]),
            torch.cat([self.classes, self.classes.flip(1)]),
            None if self.masks is None else torch.cat([self.masks, self.masks.flip(1)]),
            2 * self.groups,
        )

    def __len__(self) -> int:
        return len(self.signal)

    def __repr__(self) -> str:
        groups = len(set(self.groups))
        of_groups = "" if groups == len(self) else f" in {groups} groups"
        where = "on each other" if self.masks is None else "side by side"
        return f"Pairs of two items {where}, {len(self)}{of_groups}, shape {tuple(self.signal.shape)}"


def side_by_side(
    first: Float[Tensor, "item channel *space"],
    second: Float[Tensor, "item channel *space"],
    classes: Int[Tensor, "item 2"] | Sequence[Sequence[int]],
    *,
    axis: int = -1,
    fit: Fit = "join",
    groups: Iterable[Hashable] = (),
) -> Pairs:
    r"""Put two items next to each other: two pictures in one, two shapes in one volume, two sounds after another.

    Parameters
    ----------
    first, second : Tensor, shape (item, channel, \*space)
        The items, float32 or float64; pair i is first[i] and second[i]. See `draw_pairs`.
    classes : array of int, shape (item, 2)
        Columns of the model's output for both; the first is the one that is asked for.
    axis : int
        Along which spatial axis: -1 is the last (second to the right of first), -2 the one before it.
    fit : {"join", "crop"}
        "join" changes neither: the signal is twice as long along the axis. Most networks take it, and most see both
        (see Notes). "crop" is for those that take one size only: the middle half of each.
    groups : iterable, optional
        What isn't independent, one entry per pair.

    Returns
    -------
    Pairs
        With masks.

    Raises
    ------
    TypeError, ValueError
        Unless both are finite floating-point tensors of one shape, neither of which is all zero in any item; for
        classes that are not two different ones per item, an axis that isn't there, or another fit.

    Notes
    -----
    In how many pairs of held-out items both classes are the model's two likeliest, along the last axis:

    ======================  ====  ====
    model, pairs            join  crop
    ======================  ====  ====
    `digit_model`, 400      88 %  38 %
    `volume_model`, 400     82 %   9 %
    `furniture_model`, 76   34 %  11 %
    `audio_model`, 150      22 %  15 %
    ======================  ====  ====

    `image_model`, of 1,000 classes, has both among the five likeliest in all of 12 pairs of photos that are joined, and
    in 11 that are cropped. Squeezing both into their halves, or shrinking them onto an empty ground, was seldom better
    than cropping and mostly worse: what is half as large is something else to a network. Hence "join", and
    `both_recognised`.

    Examples
    --------
    >>> pairs = side_by_side(torch.full((1, 1, 2, 2), 0.5), torch.ones(1, 1, 2, 2), [[3, 5]])
    >>> pairs.signal
    tensor([[[[0.5000, 0.5000, 1.0000, 1.0000],
              [0.5000, 0.5000, 1.0000, 1.0000]]]])
    >>> pairs.mask.int()
    tensor([[[1, 1, 0, 0],
             [1, 1, 0, 0]]], dtype=torch.int32)
    """
    why = "there is nothing in it to be recognised"
    require_audible(first, "first", why)
    require_audible(second, "second", why)
    require_alike(first, second, "first", "second")
    require_one_of("fit", fit, get_args(Fit))
    along = _require_axis(axis, first)
    length = first.shape[along]
    lengths = [length, length]
    if fit == "crop":
        if length < 2:
            raise ValueError(
                f"`fit='crop'` needs at least 2 samples along the axis; got {length}. Pass `fit='join'`, or another "
                f"`axis`."
            )
        lengths = [length - length // 2, length // 2]
    parts = [
        each.detach().narrow(along, (length - part) // 2, part)
        for each, part in zip((first, second), lengths, strict=True)
    ]
    signal = torch.cat(parts, along)
    masks = torch.zeros(len(signal), 2, *signal.shape[2:], dtype=torch.bool, device=signal.device)
    masks[:, 0].narrow(along - 1, 0, lengths[0]).fill_(value=True)
    masks[:, 1] = ~masks[:, 0]
    return Pairs(signal, _require_two_classes(classes, len(signal)), masks, cluster_names("groups", groups))


def mixed(
    first: Float[Tensor, "item channel *space"],
    second: Float[Tensor, "item channel *space"],
    classes: Int[Tensor, "item 2"] | Sequence[Sequence[int]],
    *,
    groups: Iterable[Hashable] = (),
) -> Pairs:
    r"""Lay two items on each other, such as two sounds at a time, the second as loud as the first.

    Parameters
    ----------
    first, second : Tensor, shape (item, channel, \*space)
        The items, float32 or float64; pair i is first[i] and second[i]. See `draw_pairs`. The second is brought to the
        energy of the first, then both are added, as by `overlap`: loudness must not say which is which.
    classes : array of int, shape (item, 2)
        Columns of the model's output for both; the first is the one that is asked for.
    groups : iterable, optional
        What isn't independent, one entry per pair.

    Returns
    -------
    Pairs
        Without masks: either is everywhere.

    Raises
    ------
    TypeError, ValueError
        Unless both are finite floating-point tensors of one shape, neither of which is silent in any item; for classes
        that are not two different ones per item.

    Notes
    -----
    Of 150 pairs of held-out sounds, both classes are the two likeliest of `audio_model` in 19 %, and among the five
    likeliest, of 12, in 67 %; as loud as they come, in 15 % and 63 %. See `both_recognised`.

    Examples
    --------
    >>> mixed(torch.tensor([[[2.0, 0.0]]]), torch.tensor([[[0.0, 5.0]]]), [[0, 1]]).signal
    tensor([[[2., 2.]]])
    """
    why = "nothing can be as loud as silence"
    require_audible(first, "first", why)
    require_audible(second, "second", why)
    require_alike(first, second, "first", "second")
    gain = (energy(first) / energy(second)).sqrt().to(first.dtype).reshape(-1, *[1] * (first.ndim - 1))
    signal = overlap(first, gain * second, weight=1.0).signal
    return Pairs(signal, _require_two_classes(classes, len(signal)), None, cluster_names("groups", groups))


def draw_pairs(classes: Int[Tensor, " item"] | Sequence[int], count: int, *, seed: int = 0) -> Int[Tensor, "pair 2"]:
    """Draw which items to pair: two of different classes, no two twice.

    All items are drawn once before any is drawn again, but for those that met one of their own class: so few pairs out
    of many items have hardly an item in common.

    Parameters
    ----------
    classes : array of int, shape (item,)
        Class of every item.
    count : int
        How many pairs.
    seed : int
        Of the draw; no global generator is touched.

    Returns
    -------
    Tensor of int, shape (pair, 2)
        Indices of items.

    Raises
    ------
    TypeError, ValueError
        Unless there is a whole number per item, and `count` is at least 1 and at most the number of pairs that there
        are.

    Examples
    --------
    >>> labels = torch.tensor([7, 7, 8, 9])
    >>> pairs = draw_pairs(labels, 5)
    >>> bool((labels[pairs[:, 0]] != labels[pairs[:, 1]]).all())
    True
    """
    given = _whole_numbers(classes, "classes", "one class per item", "[0, 1, 1]", axes=1).cpu().numpy()
    wanted = require_count("count", count, 100)
    sizes = np.unique(given, return_counts=True)[1]
    possible = (len(given) ** 2 - int((sizes**2).sum())) // 2
    if wanted > possible:
        remedy = f"Pass `count={possible}`, or more items" if possible else "Add items of another class"
        raise ValueError(
            f"`count` must be at most the number of pairs of different classes, {possible} of these {len(given)} items "
            f"of {len(sizes)} classes; got {wanted}. {remedy}."
        )
    chance = np.random.default_rng(require_count("seed", seed, 0, at_least=0))
    found: dict[tuple[int, int], NDArray[np.int64]] = {}
    while len(found) < wanted:
        shuffled = chance.permutation(len(given))
        for pair in shuffled[: len(given) // 2 * 2].reshape(-1, 2):
            if given[pair[0]] != given[pair[1]]:
                found.setdefault((int(pair.min()), int(pair.max())), pair)
    return torch.from_numpy(np.stack(list(found.values())[:wanted]))


def both_recognised(model: Model, pairs: Pairs, *, top: int = 5, batch_size: int = 16) -> Pairs:
    """Return the pairs in which both classes are among the model's likeliest.

    A model that doesn't see an item can't be asked which part of the signal speaks for it.

    Parameters
    ----------
    model : callable
        From signals to logits or probabilities, (item, class). It runs in evaluation mode, and is left as it was.
    pairs : Pairs
        What to choose from.
    top : int
        How many classes are the likeliest: 2 is strict, 5 is usual where many classes are much alike.
    batch_size : int
        How many signals the model is given at once.

    Returns
    -------
    Pairs
        Some of them, in the same order. How many were left out belongs beside every number that is computed of them.

    Raises
    ------
    TypeError, ValueError
        If the model's output isn't (item, class), isn't finite, or has no column for a class; if `top` is less than 2
        or more than there are columns; if no pair is left.

    Examples
    --------
    >>> pairs = Pairs(torch.tensor([[[4.0, 3.0, 0.0]], [[4.0, 0.0, 3.0]]]), torch.tensor([[0, 1], [0, 1]]))
    >>> both_recognised(lambda signal: signal[:, 0], pairs, top=2).signal
    tensor([[[4., 3., 0.]]])
    """
    require_model(model)
    if not isinstance(pairs, Pairs):
        raise TypeError(
            f"`pairs` must be Pairs; got {type(pairs).__name__}. Pass what `side_by_side` or `mixed` returned."
        )
    few = require_count("top", top, 5, at_least=2)
    size = require_count("batch_size", batch_size, 16)
    with undisturbed(model, pairs.signal.device):
        parts = pairs.signal.clone().split(size)  # a model may change its input in place
        columns = torch.cat([require_rows(columns_of(model(part)), len(part)) for part in parts])
    require_finite_scores(columns, "pair {}".format)
    rank = _worse_rank(columns, pairs.classes.to(columns.device), few)
    if not bool((rank <= few).any()):
        raise ValueError(
            f"Both classes of a pair must be among the {few} likeliest; got no such pair of {len(pairs)}: the worse of "
            f"the two comes in place {int(rank.min())} at best. Pass `top={int(rank.min())}`, or pairs whose items the "
            f"model recognises when they are alone."
        )
    return pairs.select(rank <= few)


def _worse_rank(columns: Tensor, classes: Tensor, top: int) -> Int[Tensor, " item"]:
    """Return the place of the less likely of the two classes, from 1; among equals it is the last place."""
    if top > columns.shape[1]:
        raise ValueError(f"`top` must be at most the number of classes, {columns.shape[1]}; got {top}. Pass `top=2`.")
    own = columns.gather(1, require_classes(classes, columns.shape[1]))
    return (columns[:, None] >= own[:, :, None]).sum(2).amax(1)


def _require_two_classes(classes: Any, items: int) -> Int[Tensor, "item 2"]:
    """Return the classes if they are two different ones per item."""
    found = _whole_numbers(classes, "classes", "two per item, the one that is asked for first", "[[3, 5]]", axes=2)
    if tuple(found.shape) != (items, 2):
        raise ValueError(
            f"`classes` must be two per item, shape ({items}, 2), the one that is asked for first; got shape "
            f"{tuple(found.shape)}. Pass e.g. `torch.stack([labels[pairs[:, 0]], labels[pairs[:, 1]]], 1)`."
        )
    wrong = ((found[:, 0] == found[:, 1]) | (found < 0).any(1)).nonzero()[:, 0].tolist()
    if wrong:
        raise ValueError(
            f"`classes` of an item must be two different columns of the model's output, from 0 on; got "
            f"{found[wrong[0]].tolist()} for item {wrong[0]}. Leave such items out, or draw others by `draw_pairs`."
        )
    return found


def _whole_numbers(given: Any, name: str, what: str, example: str, *, axes: int) -> Tensor:
    """Return an array of whole numbers as a tensor of int64."""
    try:
        found = torch.as_tensor(given)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"`{name}` must be whole numbers, {what}; got {given!r}. Pass e.g. `{example}`.") from None
    if found.ndim != axes or found.is_floating_point() or found.is_complex() or found.dtype == torch.bool:
        raise TypeError(
            f"`{name}` must be whole numbers, {what}; got {found.dtype} of shape {tuple(found.shape)}. Pass e.g. "
            f"`{example}`."
        )
    return found.long()


def _require_axis(axis: object, signal: Tensor) -> int:
    """Return which of the tensor's axes a spatial axis is, counted from the last by -1, -2 and -3."""
    space = signal.ndim - 2
    found = whole_number(axis)
    if found is None or not -space <= found <= -1:
        raise ValueError(
            f"`axis` must be a spatial axis, counted from the last: -1{f' to {-space}' if space > 1 else ''} for "
            f"signals of shape {tuple(signal.shape)}; got {axis!r}. Pass e.g. `axis=-1`."
        )
    return signal.ndim + found
