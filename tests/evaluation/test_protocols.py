"""What a protocol fixes, what it is called, and how a curve becomes a number."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from wam_widgets.evaluation import PROTOCOLS, Protocol
from wam_widgets.evaluation.protocols import find_protocol

#: What is documented of each rule: domain, order, steps, spacing, baselines of insertion and deletion, quantity, area
#: and whether inputs are stretched.
DOCUMENTED = {
    "wam": ("own", "magnitude", 64, 1.0, None, None, "probability", "trapezoid", False),
    "wam-paper": ("own", "magnitude", 64, 1.0, None, None, "probability", "published", True),
    "rise": ("pixel", "signed", 224, 1.0, "blur", None, "probability", "trapezoid", False),
    "xplique": ("pixel", "signed", 10, 1.0, None, None, "logit", "trapezoid", False),
    "torch-cam": ("pixel", "signed", 20, 1.0, None, None, "logit", "trapezoid", False),
    "contrast": ("own", "signed", 16, 2.0, None, None, "contrast", "trapezoid", False),
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_protocol_is_the_rule_that_is_documented_under_its_name(name: str) -> None:
    rule = PROTOCOLS[name]
    fields = ("domain", "order", "steps", "spacing", "insertion_baseline", "deletion_baseline")
    assert rule.name == name
    assert tuple(getattr(rule, field) for field in (*fields, "quantity", "area", "stretched")) == DOCUMENTED[name]
    assert (rule.unit, rule.axis) == ("position", "units")
    assert rule.question.endswith(("?", "."))


def test_there_is_no_protocol_that_is_not_tested() -> None:
    assert list(PROTOCOLS) == list(DOCUMENTED)


# -------------------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "changes", "renamed"),
    [
        ("wam", {}, "wam"),
        ("wam", {"steps": 64, "order": "magnitude"}, "wam"),
        ("wam", {"steps": 8}, "wam, steps=8"),
        ("wam", {"steps": 8, "order": "signed", "axis": "energy"}, "wam, steps=8, order=signed, axis=energy"),
        ("wam", {"insertion_baseline": "mean", "deletion_baseline": "mean"}, "wam, baseline=mean"),
        ("wam", {"baseline": "mean"}, "wam, baseline=mean"),
        ("wam", {"baseline": 0.5, "steps": 8}, "wam, steps=8, baseline=0.5"),
        ("wam", {"baseline": 0.0}, "wam"),
        ("rise", {"baseline": 0.0}, "rise, baseline=zero"),
        ("rise", {"baseline": None}, "rise, baseline=zero"),
        ("rise", {"insertion_baseline": None, "deletion_baseline": None}, "rise, baseline=zero"),
        ("rise", {"insertion_baseline": "blur", "deletion_baseline": "blur"}, "rise, baseline=blur"),
    ],
)
def test_what_differs_from_the_rule_stands_in_its_name(name: str, changes: dict[str, Any], renamed: str) -> None:
    assert find_protocol(name).with_overrides(**changes).name == renamed


@pytest.mark.usefixtures("as_a_user")
def test_whole_numbers_are_baselines_too() -> None:
    assert (change(baseline=1).name, change(baseline=0).name) == ("wam, baseline=1", "wam")


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("given", "plain"), [(np.float32(0.5), 0.5), (np.float64(0.5), 0.5), (np.int64(1), 1), (np.float32(0), None)]
)
def test_a_number_of_numpy_s_is_a_plain_one(given: Any, plain: float | None) -> None:
    rule = change(baseline=given)
    assert rule.name == ("wam" if plain is None else f"wam, baseline={plain}")
    assert (rule.deletion_baseline, type(rule.deletion_baseline)) == (plain, type(plain))


def test_baselines_that_are_given_are_told_apart_by_their_values() -> None:
    def named(baseline: Any) -> str:
        return change(baseline=baseline).name

    ones = torch.ones(3)
    assert re.fullmatch("wam, baseline=given [0-9a-f]{8}", named(ones))
    assert named(ones) == named(ones.clone()) == named(ones.numpy())
    assert len({named(each) for each in (ones, 2 * ones, ones[:2], ones.double(), torch.tensor([1.0, 1, 0]))}) == 5
    both = change(insertion_baseline=ones, deletion_baseline=2 * ones)
    assert re.fullmatch(r"wam, baseline=given ([0-9a-f]{8}), baseline=given (?!\1)[0-9a-f]{8}", both.name)
    assert str(both).startswith(f"{both.name}: each explanation")
    assert f"insertion into {named(ones).split('=')[1]}, deletion to given" in str(both)


def test_a_second_change_is_added_to_the_name() -> None:
    assert find_protocol("rise").with_overrides(steps=4).with_overrides(order="magnitude").name == (
        "rise, steps=4, order=magnitude"
    )


def test_a_baseline_that_is_a_signal_can_be_replaced_by_a_number() -> None:
    own = dataclasses.replace(PROTOCOLS["wam"], name="mine", insertion_baseline=torch.ones(2, 3))
    assert own.with_overrides(insertion_baseline=0.5).name == "mine, baseline=0.5"


def test_changing_a_protocol_leaves_the_listed_one_alone() -> None:
    changed = PROTOCOLS["wam"].with_overrides(steps=3)
    assert (changed.steps, PROTOCOLS["wam"].steps) == (3, 64)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (
            PROTOCOLS["wam"],
            (
                "wam: each explanation in its own terms, one unit = one position with all its channels, magnitude "
                "order, 64 steps, insertion into zero, deletion to zero, probability, trapezoid over the fraction of "
                "units"
            ),
        ),
        (
            PROTOCOLS["wam-paper"],
            (
                "wam-paper: each explanation in its own terms, one unit = one position with all its channels, "
                "magnitude order, 64 steps, insertion into zero, deletion to zero, inputs stretched to the range of "
                "the item, probability, sum / (largest x number) over units"
            ),
        ),
        (
            PROTOCOLS["contrast"].with_overrides(unit="band", axis="energy"),
            (
                "contrast, unit=band, axis=energy: each explanation in its own terms, one unit = one band, signed "
                "order, 16 steps at (s/16)**2, insertion into zero, deletion to zero, contrast, trapezoid over the "
                "fraction of energy"
            ),
        ),
        (
            PROTOCOLS["rise"],
            (
                "rise: the signal's samples, one unit = one position with all its channels, signed order, 224 steps, "
                "insertion into blur, deletion to zero, probability, trapezoid over the fraction of units"
            ),
        ),
    ],
)
def test_a_printed_protocol_says_all_that_it_fixes(rule: Protocol, words: str) -> None:
    assert str(rule) == words


# ------------------------------------------------------------------------------------------------------------- counts


@pytest.mark.parametrize(
    ("steps", "spacing", "units", "counts"),
    [
        (4, 1.0, 4, [0, 1, 2, 3, 4]),
        (2, 1.0, 8, [0, 4, 8]),
        (1, 1.0, 9, [0, 9]),
        (3, 1.0, 1, [0, 0, 1, 1]),
        (4, 2.0, 16, [0, 1, 4, 9, 16]),
        (8, 1.0, 4, [0, 0, 1, 2, 2, 2, 3, 4, 4]),  # a half goes to the even neighbour …
        (20, 1.0, 210, [round(21 * step / 2) for step in range(21)]),  # … also where a twentieth isn't exact
    ],
)
def test_the_units_of_every_step_are_a_fraction_of_all(
    steps: int, spacing: float, units: int, counts: list[int]
) -> None:
    assert PROTOCOLS["wam"].with_overrides(steps=steps, spacing=spacing).counts(units).tolist() == counts


@given(steps=st.integers(1, 300), units=st.integers(1, 100_000), spacing=st.sampled_from([0.5, 1.0, 2.0, 3.0]))
def test_counts_rise_from_none_to_all_and_are_the_nearest_whole_numbers(steps: int, units: int, spacing: float) -> None:
    counts = PROTOCOLS["wam"].with_overrides(steps=steps, spacing=spacing).counts(units)
    assert (counts[0], counts[-1], len(counts)) == (0, units, steps + 1)
    assert (np.diff(counts) >= 0).all()
    wanted = [units * (step / steps) ** spacing for step in range(steps + 1)]
    assert_allclose(counts, wanted, atol=0.5 + 1e-6, rtol=0)


# --------------------------------------------------------------------------------------------------------------- areas


@pytest.mark.parametrize(
    ("scores", "axis", "area", "published"),
    [
        ([0.001] * 5, [0, 0.25, 0.5, 0.75, 1], 0.001, 1.0),  # a flat curve: 1 by the published rule, at any height
        ([0, 1], [0, 1], 0.5, 0.5),
        ([1, 0.5, 0], [0, 0.5, 1], 0.5, 0.5),
        ([0, 0.8, 0.4], [0, 0.25, 1], 0.1 + 0.45, 0.5),  # steps that aren't equal
        ([0, 0, 0], [0, 0.5, 1], 0.0, 0.0),  # nothing to be divided by
        ([0.2, 0.2, 0.6, 0.6], [0, 0, 1, 1], 0.4, 2 / 3),  # steps without a unit have no width
    ],
)
def test_areas_of_hand_worked_curves(scores: list[float], axis: list[float], area: float, published: float) -> None:
    values, places = np.array([scores, scores], float), np.array(axis, float)
    assert_allclose(PROTOCOLS["wam"].area_under(values, places), [area, area])
    assert_allclose(PROTOCOLS["wam-paper"].area_under(values, places), [published, published])


@given(st.lists(st.floats(0, 1), min_size=2, max_size=20), st.floats(0.1, 10))
def test_the_published_area_does_not_know_the_height_of_a_curve(scores: list[float], factor: float) -> None:
    values, places = np.array([scores]), np.linspace(0, 1, len(scores))
    rule, published = PROTOCOLS["wam"], PROTOCOLS["wam-paper"]
    assert_allclose(rule.area_under(factor * values, places), factor * rule.area_under(values, places), atol=1e-12)
    if max(scores) > 1e-300:
        assert_allclose(published.area_under(factor * values, places), published.area_under(values, places))


# -------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (
            lambda: find_protocol("rize"),
            ValueError,
            r"`protocol` must be one of 'wam', 'wam-paper', .* got 'rize'. Did you mean 'rise'\?",
        ),
        (lambda: find_protocol(3), TypeError, r"`protocol` must be a name or a Protocol; got int. Pass e.g."),  # type: ignore[arg-type]
        (lambda: change(domain="pixels"), ValueError, r"`domain` must be one of .* Did you mean 'pixel'\?"),
        (lambda: change(unit="bands"), ValueError, r"`unit` must be one of 'position', 'band', 'superpixel'; got"),
        (lambda: change(order="abs"), ValueError, r"`order` must be one of 'magnitude', 'signed'; got 'abs'"),
        (lambda: change(quantity="logits"), ValueError, r"`quantity` must be one of .* Did you mean 'logit'\?"),
        (lambda: change(axis="unit"), ValueError, r"`axis` must be one of 'units', 'energy'; got 'unit'. Did you mean"),
        (lambda: change(area="mean"), ValueError, r"`area` must be one of 'trapezoid', 'published'; got 'mean'"),
        (lambda: change(steps=0), ValueError, r"`steps` must be a whole number of at least 1; got 0. Pass e.g. `steps"),
        (lambda: change(steps=2.5), ValueError, r"`steps` must be a whole number of at least 1; got 2.5"),
        (lambda: change(spacing=0.0), ValueError, r"`spacing` must be a positive number; got 0.0. Pass 1.0 for equal"),
        (lambda: change(spacing=math.nan), ValueError, r"`spacing` must be a positive number; got nan"),
        (lambda: change(stretched="no"), TypeError, r"`stretched` must be True or False; got 'no'"),
        (
            lambda: change(step=3),
            TypeError,
            r"`with_overrides` changes 'question', .*'baseline'; got 'step'. Did you mean",
        ),
        (lambda: change(name="mine"), TypeError, r"`with_overrides` changes .*; got 'name'"),
        (
            lambda: change(baseline="nose"),
            ValueError,
            r"`baseline` must be None, a number, a tensor or one of 'mean', 'blur', 'noise', 'band_mean'; got 'nose'",
        ),
        (
            lambda: change(baseline=[0, 1]),
            TypeError,
            r"`baseline` must be None, .*; got list. Pass e.g. `baseline=0.5`",
        ),
        (lambda: change(baseline=True), TypeError, r"`baseline` must be None, a number.*; got bool"),
        (lambda: change(baseline=np.array(["a"])), TypeError, r"`baseline` must be None, a number.*; got ndarray"),
        (
            lambda: change(baseline=math.inf),
            ValueError,
            r"`baseline` must be finite; got inf. Pass e.g. `baseline=0.0`",
        ),
        (
            lambda: PROTOCOLS["wam-paper"].with_overrides(quantity="logit"),
            ValueError,
            r"`area='published'` divides by .*; got `quantity='logit'`. Pass `quantity='probability'`, or.*'wam'",
        ),
        (lambda: change(area="published", quantity="logit"), ValueError, r"got `quantity='logit'`"),
        (lambda: change(insertion_baseline="nose"), ValueError, r"`baseline` must be None.*Did you mean 'noise'\?"),
        (lambda: change(deletion_baseline={}), TypeError, r"`baseline` must be None.*; got dict"),
        (
            lambda: change(unit="band", domain="pixel"),
            ValueError,
            r"`unit='band'` belongs to `domain='wavelet'`, or 'own'; got 'pixel'. Pass `domain='wavelet'`, or `unit='p",
        ),
        (
            lambda: change(unit="superpixel", domain="wavelet"),
            ValueError,
            r"`unit='superpixel'` belongs to `domain='pixel'`, or 'own'; got 'wavelet'",
        ),
    ],
)
def test_what_is_no_protocol_is_refused(call: Callable[[], Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()


def change(**changes: Any) -> Protocol:
    return PROTOCOLS["wam"].with_overrides(**changes)
