"""Two items in one signal: where each lies, who is asked for, and whether a model sees both."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import wam_widgets as wam
from tests.training.digits import read
from wam_widgets.evaluation import Pairs, both_recognised, draw_pairs, mixed, side_by_side
from wam_widgets.samples import audio, audio_model, digit_model, digits, image_model, images


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


CLASSES = torch.tensor([[0, 1], [4, 2], [1, 0]])
SPACES = [(9,), (6, 7), (4, 5, 6)]


# ------------------------------------------------------------------------------------------------------- side by side


@pytest.mark.parametrize("space", SPACES)
@pytest.mark.parametrize("back", [1, 2, 3])
def test_joined_each_item_lies_whole_under_its_mask(space: tuple[int, ...], back: int) -> None:
    if back > len(space):
        return
    first, second = noise(3, 2, *space), noise(3, 2, *space, seed=1)
    pairs = side_by_side(first, second, CLASSES, axis=-back)
    assert pairs.masks is not None
    assert pairs.mask is not None
    assert pairs.signal.shape[-back] == 2 * space[-back]
    assert pairs.masks.shape == (3, 2, *pairs.signal.shape[2:])
    assert (pairs.masks.sum(1) == 1).all(), "every sample belongs to one of the two"
    assert pairs.mask.equal(pairs.masks[:, 0])
    for place, item in enumerate((first, second)):
        under = pairs.signal[pairs.masks[:, None, place].expand_as(pairs.signal)]
        assert under.equal(item.flatten())


@given(space=st.lists(st.integers(2, 9), min_size=1, max_size=3), back=st.integers(1, 3))
def test_cropped_the_signal_keeps_its_size_and_each_half_is_a_part_of_its_item(space: list[int], back: int) -> None:
    axis = -min(back, len(space))
    pairs = side_by_side(torch.ones(1, 1, *space), -torch.ones(1, 1, *space), [[3, 7]], axis=axis, fit="crop")
    assert list(pairs.signal.shape[2:]) == space
    assert pairs.mask is not None
    assert (pairs.signal[:, 0] > 0).equal(pairs.mask)
    sides = pairs.mask.movedim(axis, -1).flatten(0, -2)
    assert (sides == sides[0]).all()
    assert int(sides[0].sum()) - int((~sides[0]).sum()) in {0, 1}


def test_a_cropped_picture_is_the_middle_half_of_each() -> None:
    first, second = torch.arange(1.0, 9).expand(1, 1, 2, 8), -torch.arange(1.0, 9).expand(1, 1, 2, 8)
    pairs = side_by_side(first, second, [[0, 1]], fit="crop")
    assert pairs.signal[0, 0, 0].tolist() == [3, 4, 5, 6, -3, -4, -5, -6]
    assert pairs.mask is not None
    assert pairs.mask[0, 0].tolist() == [True] * 4 + [False] * 4
    odd = side_by_side(first[..., :5], second[..., :5], [[0, 1]], fit="crop").signal
    assert odd[0, 0, 0].tolist() == [2, 3, 4, -2, -3]
    rows = side_by_side(first.mT, second.mT, [[0, 1]], axis=-2, fit="crop").signal
    assert rows[0, 0, :, 0].tolist() == [3, 4, 5, 6, -3, -4, -5, -6]


# --------------------------------------------------------------------------------------------------------------- mixed


@pytest.mark.parametrize("space", SPACES)
def test_mixed_both_are_everywhere_and_equally_loud(space: tuple[int, ...]) -> None:
    first, second = noise(3, 2, *space), 10 * noise(3, 2, *space, seed=1)
    pairs = mixed(first, second, CLASSES)
    rest = pairs.signal - first
    torch.testing.assert_close(rest.flatten(1).norm(dim=1), first.flatten(1).norm(dim=1))
    torch.testing.assert_close(torch.cosine_similarity(rest.flatten(1), second.flatten(1)), torch.ones(3))
    assert pairs.masks is pairs.mask is None


# --------------------------------------------------------------------------------------------------------------- pairs


def test_both_ways_asks_for_each_class_once_in_one_group() -> None:
    pairs = side_by_side(noise(3, 1, 4, 4), noise(3, 1, 4, 4, seed=1), CLASSES, groups="abc")
    both = pairs.both_ways()
    assert len(both) == 6
    assert both.signal[:3].equal(both.signal[3:])
    assert both.classes.tolist() == [[0, 1], [4, 2], [1, 0], [1, 0], [2, 4], [0, 1]]
    assert both.groups == ("a", "b", "c", "a", "b", "c")
    assert both.masks is not None
    assert pairs.masks is not None
    assert both.masks[3:, 0].equal(pairs.masks[:, 1])
    assert repr(both) == "Pairs of two items side by side, 6 in 3 groups, shape (6, 1, 4, 8)"
    assert mixed(noise(3, 1, 4), noise(3, 1, 4, seed=1), CLASSES).both_ways().masks is None


@pytest.mark.parametrize(
    ("which", "kept"),
    [([2, 0], [2, 0]), (slice(1, None), [1, 2]), (torch.tensor([True, False, True]), [0, 2]), (1, [1])],
)
def test_some_are_selected_with_all_that_belongs_to_them(which: Any, kept: list[int]) -> None:
    pairs = side_by_side(noise(3, 1, 4, 4), noise(3, 1, 4, 4, seed=1), CLASSES, groups="abc")
    some = pairs.select(which)
    assert some.signal.equal(pairs.signal[kept])
    assert some.classes.equal(CLASSES[kept])
    assert some.groups == tuple("abc"[each] for each in kept)
    assert some.masks is not None
    assert pairs.masks is not None
    assert some.masks.equal(pairs.masks[kept])


def test_what_was_given_is_not_changed() -> None:
    first, second = noise(3, 1, 4), noise(3, 1, 4, seed=1)
    before = first.clone(), second.clone()
    side_by_side(first, second, CLASSES).signal.zero_()
    mixed(first, second, CLASSES).signal.zero_()
    assert first.equal(before[0])
    assert second.equal(before[1])


# ------------------------------------------------------------------------------------------------------------- drawing


@given(
    classes=st.lists(st.integers(0, 3), min_size=2, max_size=12).filter(lambda each: len(set(each)) > 1),
    seed=st.integers(0, 5),
    share=st.floats(0, 1),
)
def test_all_pairs_there_are_can_be_drawn_and_none_twice(classes: list[int], seed: int, share: float) -> None:
    there_are = {
        (one, other) for other in range(len(classes)) for one in range(other) if classes[one] != classes[other]
    }
    count = max(1, round(share * len(there_are)))
    drawn = [(min(pair), max(pair)) for pair in draw_pairs(classes, count, seed=seed).tolist()]
    assert len(drawn) == len(set(drawn)) == count
    assert set(drawn) <= there_are


def test_a_few_of_many_have_no_item_in_common_and_either_order_occurs() -> None:
    labels = torch.arange(1000) % 10
    drawn = draw_pairs(labels, 200)
    assert len(drawn.unique()) == 400
    assert 60 < int((drawn[:, 0] < drawn[:, 1]).sum()) < 140
    assert drawn.equal(draw_pairs(labels, 200)), "a seed is a draw"
    assert not drawn.equal(draw_pairs(labels, 200, seed=1))


def test_drawing_leaves_the_global_generators_alone() -> None:
    before, state = torch.get_rng_state(), np.random.get_state(legacy=False)["state"]["key"]  # noqa: NPY002  # it is what must not change
    draw_pairs([0, 1, 2], 2)
    assert torch.get_rng_state().equal(before)
    assert np.array_equal(np.random.get_state(legacy=False)["state"]["key"], state)  # noqa: NPY002


# --------------------------------------------------------------------------------------------------- what a model sees


def listing(signal: Tensor) -> Tensor:
    """A model whose output is the first samples."""
    return signal[:, 0, :5]


def test_pairs_are_kept_whose_classes_are_both_among_the_likeliest() -> None:
    signal = torch.tensor([[5.0, 4, 3, 2, 1], [5, 4, 3, 2, 1], [1, 2, 3, 5, 4], [7, 0, 7, 0, 0]])[:, None]
    pairs = Pairs(signal, torch.tensor([[1, 0], [0, 3], [4, 2], [2, 0]]), groups=tuple("abcd"))
    assert both_recognised(listing, pairs, top=2).groups == ("a", "d")
    assert both_recognised(listing, pairs, top=3, batch_size=1).groups == ("a", "c", "d")
    assert both_recognised(listing, pairs, top=4).groups == ("a", "b", "c", "d")


def test_a_model_that_says_the_same_of_all_classes_recognises_none() -> None:
    pairs = Pairs(noise(3, 1, 8), CLASSES)
    with pytest.raises(ValueError, match=r"got no such pair of 3: the worse of the two comes in place 5 at best"):
        both_recognised(lambda signal: torch.zeros(len(signal), 5), pairs, top=4)


def test_the_model_is_left_as_it_was() -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.Linear(8, 5)).train()
    before = torch.get_rng_state()
    pairs = Pairs(noise(3, 1, 8), CLASSES)
    first, second = (both_recognised(model, pairs, top=5).classes for _ in range(2))
    assert first.equal(second)
    assert model.training
    assert torch.get_rng_state().equal(before)
    assert all(parameter.grad is None for parameter in model.parameters())


# -------------------------------------------------------------------------------------------------------- real models


def test_two_digits_in_a_picture_are_mostly_both_seen() -> None:
    held_out = read("digits", "test")
    chosen = draw_pairs(held_out.targets, 200)
    signals, classes = held_out.signals[chosen], held_out.targets[chosen]
    joined = side_by_side(signals[:, 0], signals[:, 1], classes)
    assert len(both_recognised(digit_model(), joined, top=2)) >= 100
    assert len(both_recognised(digit_model(), joined, top=3)) >= 140


def test_two_photos_side_by_side_are_both_seen() -> None:
    photos = list(images().values())
    chosen = draw_pairs(range(4), 6)
    first, second = (torch.cat([photos[each].signal for each in column]) for column in chosen.T.tolist())
    classes = torch.tensor([photo.target for photo in photos])[chosen]
    assert len(both_recognised(image_model(), side_by_side(first, second, classes), top=5, batch_size=2)) >= 5


def test_two_sounds_at_a_time_are_often_both_heard() -> None:
    clips = list(audio().values())
    labels = torch.tensor([clip.target for clip in clips])
    chosen = draw_pairs(labels, 30)
    sounds = torch.cat([clip.signal for clip in clips])
    pairs = mixed(sounds[chosen[:, 0]], sounds[chosen[:, 1]], labels[chosen])
    assert len(both_recognised(audio_model(), pairs, top=5)) >= 15


def test_an_explanation_of_a_pair_points_to_the_item_that_is_asked_for() -> None:
    """What the masks are for: the digit asked for adds more to its own class than the other digit does."""
    pictures = torch.cat([digit.signal for digit in digits().values()])
    chosen = draw_pairs(range(10), 20)
    pairs = side_by_side(pictures[chosen[:, 0]], pictures[chosen[:, 1]], chosen).both_ways()
    of_both = [
        wam.explain(
            digit_model(),
            pairs.signal,
            pairs.classes[:, place],
            wavelet=None,
            method="integrated_gradients",
            tolerance=0.2,
            progress=False,
        ).attribution.flatten()
        for place in (0, 1)
    ]
    assert pairs.mask is not None
    for_first = (of_both[0] - of_both[1])[:, 0].reshape(pairs.mask.shape)
    here = (for_first * pairs.mask).flatten(1).sum(1)
    there = (for_first * ~pairs.mask).flatten(1).sum(1)
    assert (here > there).double().mean() > 0.9


# ------------------------------------------------------------------------------------------------------------ bad input

SILENT = torch.cat([noise(1, 1, 4, 4), torch.zeros(1, 1, 4, 4), noise(1, 1, 4, 4)])
PICTURES = noise(3, 1, 4, 4)
PAIRS = Pairs(PICTURES, CLASSES)


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: side_by_side(PICTURES, noise(3, 1, 4, 5), CLASSES), ValueError, "must have the same shape"),
        (lambda: side_by_side(PICTURES, PICTURES.double(), CLASSES), TypeError, "Pass `second.to(first)`."),
        (
            lambda: side_by_side(PICTURES, SILENT, CLASSES),
            ValueError,
            "`second` must not be silent, as there is nothing in it to be recognised; got all zeros in item(s) [1].",
        ),
        (lambda: mixed(SILENT, PICTURES, CLASSES), ValueError, "`first` must not be silent"),
        (lambda: mixed(PICTURES, -PICTURES, CLASSES), ValueError, "`clean + corruption` must not be silent"),
        (
            lambda: side_by_side(PICTURES, PICTURES, CLASSES, axis=-3),
            ValueError,
            "`axis` must be a spatial axis, counted from the last: -1 to -2 for signals of shape (3, 1, 4, 4); got -3.",
        ),
        (lambda: side_by_side(PICTURES, PICTURES, CLASSES, axis=2), ValueError, "got 2. Pass e.g. `axis=-1`."),
        (
            lambda: side_by_side(noise(3, 1, 4), noise(3, 1, 4), CLASSES, axis=-2),
            ValueError,
            "counted from the last: -1 for signals of shape (3, 1, 4); got -2.",
        ),
        (
            lambda: side_by_side(PICTURES, PICTURES, CLASSES, fit="squeeze"),  # type: ignore[arg-type]
            ValueError,
            "`fit` must be one of 'join', 'crop'; got 'squeeze'.",
        ),
        (
            lambda: side_by_side(PICTURES[..., :1], PICTURES[..., :1], CLASSES, fit="crop"),
            ValueError,
            "`fit='crop'` needs at least 2 samples along the axis; got 1. Pass `fit='join'`",
        ),
        (
            lambda: side_by_side(PICTURES, PICTURES, CLASSES[:2]),
            ValueError,
            "`classes` must be two per item, shape (3, 2), the one that is asked for first; got shape (2, 2).",
        ),
        (
            lambda: side_by_side(PICTURES, PICTURES, [[0, 1], [2, 2], [3, 4]]),
            ValueError,
            "two different columns of the model's output, from 0 on; got [2, 2] for item 1. Leave such items out",
        ),
        (lambda: mixed(PICTURES, PICTURES, [[0, 1], [2, -2], [3, 4]]), ValueError, "got [2, -2] for item 1"),
        (
            lambda: mixed(PICTURES, PICTURES, torch.rand(3, 2)),
            TypeError,
            "`classes` must be whole numbers, two per item, the one that is asked for first; got torch.float32 of",
        ),
        (lambda: mixed(PICTURES, PICTURES, [["cat", "dog"]] * 3), TypeError, "got [['cat', 'dog'], "),  # type: ignore[list-item]
        (
            lambda: side_by_side(PICTURES, PICTURES, CLASSES, groups="ab"),
            ValueError,
            "`groups` must have one entry per item, 3; got 2.",
        ),
        (
            lambda: Pairs(PICTURES, CLASSES, torch.ones(3, 4, 4, dtype=torch.bool)),
            ValueError,
            "`masks` must be truth values of shape (3, 2, 4, 4), two per item; got torch.bool of shape (3, 4, 4).",
        ),
        (lambda: Pairs(PICTURES, CLASSES, torch.ones(3, 2, 4, 4)), ValueError, "got torch.float32 of shape (3, 2"),
        (lambda: Pairs(PICTURES / 0, CLASSES), ValueError, "`signal` must be finite"),
        (
            lambda: draw_pairs([0, 0, 1], 3),
            ValueError,
            (
                "`count` must be at most the number of pairs of different classes, 2 of these 3 items of 2 classes; "
                "got 3. Pass `count=2`, or more items."
            ),
        ),
        (lambda: draw_pairs([1, 1], 1), ValueError, "0 of these 2 items of 1 classes; got 1. Add items of another"),
        (lambda: draw_pairs([0, 1], 0), ValueError, "`count` must be a whole number of at least 1; got 0."),
        (lambda: draw_pairs([0, 1], 1, seed=-1), ValueError, "`seed` must be a whole number of at least 0; got -1."),
        (lambda: draw_pairs([[0, 1]], 1), TypeError, "one class per item; got torch.int64 of shape (1, 2)"),  # type: ignore[list-item]
        (lambda: both_recognised(listing, PAIRS, top=1), ValueError, "`top` must be a whole number of at least 2"),
        (
            lambda: both_recognised(lambda signal: signal[:, 0, 0], PAIRS),
            ValueError,
            "`top` must be at most the number of classes, 4; got 5.",
        ),
        (
            lambda: both_recognised(lambda signal: signal[:, 0, 0], PAIRS, top=2),
            ValueError,
            "must be a column of the model's output, 0 to 3",
        ),
        (
            lambda: both_recognised(lambda signal: math.nan * signal.flatten(1), PAIRS),
            ValueError,
            "The model must give finite scores; that of pair 0 is nan. Look for",
        ),
        (
            lambda: both_recognised(lambda signal: 1 / (signal.flatten(1) - PICTURES[2].flatten()), PAIRS),
            ValueError,
            "The model must give finite scores; that of pair 2 is inf.",
        ),
        (
            lambda: both_recognised(listing, [PAIRS]),  # type: ignore[arg-type]
            TypeError,
            "`pairs` must be Pairs; got list. Pass what `side_by_side` or `mixed` returned.",
        ),
        (
            lambda: Pairs(PICTURES, CLASSES, "left"),  # type: ignore[arg-type]
            TypeError,
            "`masks` must be truth values of shape (3, 2, 4, 4), two",
        ),
        (
            lambda: PAIRS.select([0, 3]),
            ValueError,
            "`which` must be a slice, 3 truth values, or whole numbers from 0 to 2",
        ),
        (lambda: PAIRS.select("first"), ValueError, "from 0 to 2; got 'first'. Pass e.g. `[0, 2]`."),
        (
            lambda: PAIRS.select(torch.tensor([True])),
            ValueError,
            "3 truth values, or whole numbers from 0 to 2; got tens",
        ),
        (lambda: both_recognised("model", PAIRS), TypeError, "`model` must be callable; got str."),  # type: ignore[arg-type]
        (lambda: both_recognised(lambda signal: signal[:1, 0, 0], PAIRS), ValueError, "must return one row per item"),
    ],
)
def test_what_makes_no_pair_is_refused_with_the_remedy(
    call: Callable[[], Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=re.escape(words)):
        call()
