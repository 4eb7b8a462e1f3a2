"""Methods beside controls that saw no model: what the table says, and when it says nothing."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from torch import Tensor

import wam_widgets as wam
from tests.attribution.networks import SmallNet, linear, signal_of
from tests.attribution.test_untouched import Fragile, assert_untouched, state_of
from wam_widgets.evaluation import FaithfulnessReport, cluster_interval

MEASURES: Any = ("insertion", "deletion", "faithfulness")
FOUR = torch.tensor([[[4.0, 3.0, 2.0, 1.0]], [[1.0, 2.0, 3.0, 4.0]]], dtype=torch.float64)
TENTHS = linear(torch.full((4,), 0.1, dtype=torch.float64))
NET = SmallNet(2)
SIGNAL = signal_of(8, 8)
HEAT = torch.rand(2, 8, 8, generator=torch.Generator().manual_seed(0))


def report_of(items: int = 12, **options: Any) -> FaithfulnessReport:
    signal = signal_of(6, 6, items=items)
    maps = {name: torch.rand(items, 6, 6, generator=torch.Generator().manual_seed(n)) for n, name in enumerate("ab")}
    return wam.evaluate(NET, signal, maps, **{"target": 1, "steps": 4, "controls": 2} | options)


@pytest.fixture(scope="module")
def twelve() -> FaithfulnessReport:
    """Twelve items, each a group of its own."""
    return report_of()


@pytest.fixture(scope="module")
def three() -> FaithfulnessReport:
    """Twelve items of three groups."""
    return report_of(groups=["dog", "cat", "owl"] * 4)


# ---------------------------------------------------------------------------------------------------------- hand-worked


def test_four_pixels_of_a_linear_model() -> None:
    maps = {"right": FOUR[:, 0], "wrong": -FOUR[:, 0]}
    options: Any = {"target": 0, "steps": 4, "quantity": "logit"}
    curves = [
        [curve(TENTHS, FOUR, each, order="signed", **options).area for each in maps.values()]
        for curve in (wam.insertion, wam.deletion)
    ]
    report = wam.evaluate(TENTHS, FOUR, maps, target=0, steps=4, order="signed", probability="none", controls=200)
    assert_allclose(report.insertion[:2], [[0.625, 0.625], [0.375, 0.375]])
    assert_allclose(report.deletion[:2], [[0.375, 0.375], [0.625, 0.625]])
    assert_allclose(report.faithfulness[:2], [[0.25, 0.25], [-0.25, -0.25]])
    assert_allclose(report.insertion[:2], curves[0])
    assert_allclose(report.deletion[:2], curves[1])
    # Of a linear model every order is on average the straight line, and the largest pixels are what counts.
    assert report.controls == (None, None, "random", "magnitude")
    assert_allclose(report.values("random, samples"), [0, 0], atol=0.03)
    assert_allclose(report.values("magnitude, samples"), [0.25, 0.25])


def test_of_a_flat_model_every_method_is_as_good_as_chance() -> None:
    report = wam.evaluate(lambda batch: torch.zeros(len(batch), 4), SIGNAL, {"any": HEAT}, target=0, steps=5)
    assert_array_equal(report.insertion, 0.25)
    assert_array_equal(report.faithfulness, 0)


# ------------------------------------------------------------------------------------------------------------- controls


def rank_of(contributions: Tensor) -> Tensor:
    """Places, 1 for the least: a positive importance that has the order of what is given, by magnitude too."""
    return (contributions.argsort(1).argsort(1) + 1).to(contributions.dtype)


@pytest.mark.parametrize("name", ["wam", "wam-paper", "rise", "xplique", "torch-cam", "contrast"])
def test_over_200_items_chance_is_told_from_knowledge(name: str) -> None:
    chance = torch.Generator().manual_seed(1)
    weights = torch.randn(3, 16, dtype=torch.float64, generator=chance)
    signal = torch.randn(200, 1, 4, 4, dtype=torch.float64, generator=chance)
    none = torch.zeros(16, dtype=torch.float64)
    against = {"contrast": weights[1], "xplique": none, "torch-cam": none}.get(name, weights[1:].mean(0))
    gradient = (weights[0] - against).reshape(1, 1, 4, 4)
    if name in {"rise", "xplique", "torch-cam"}:
        terms, known = "samples", (signal * gradient).flatten(1)
        give: Callable[[Tensor], Any] = lambda places: places.reshape(200, 4, 4)  # noqa: E731
    else:
        coefficients, adjoint = wam.decompose(signal, "haar", level=1), wam.pull_back(gradient, "haar", level=1)
        terms, known = "haar, level 1", (coefficients.flatten() * adjoint.flatten())[:, 0]
        give = lambda places: coefficients.unflatten(places[:, None])  # noqa: E731
    independent = torch.rand(known.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(8))
    orders = {"oracle": known, "inverted": -known, "independent": independent}
    report = wam.evaluate(
        lambda batch: batch.flatten(1) @ weights.T,
        signal,
        {method: give(rank_of(each)) for method, each in orders.items()},
        target=wam.Contrast(0, 1) if name == "contrast" else 0,
        protocol=name,
        batch_size=500,
        progress=False,
    )
    low, high = (report.interval(method, minus=f"random, {terms}")[1:] for method in ("oracle", "inverted"))
    assert low[0] > 0 > high[1]
    _, low_end, high_end = report.interval("independent", minus=f"random, {terms}")
    assert low_end <= 0 <= high_end
    assert (
        report.p_value("independent", minus=f"random, {terms}")
        > 0.05
        > report.p_value("oracle", minus=f"random, {terms}")
    )


def test_every_domain_has_its_two_controls() -> None:
    explanations: dict[str, Any] = {
        "pixels": HEAT,
        "haar": wam.explain(NET, SIGNAL, 1, method="saliency", level=2),
        "haar again": wam.decompose(SIGNAL, "haar", level=2),
        "db2": wam.decompose(SIGNAL, "db2", level=1, mode="zero"),
        "gradient": wam.explain(NET, SIGNAL, 1, method="saliency", wavelet=None),
    }
    report = wam.evaluate(NET, SIGNAL, explanations, steps=3, controls=2)
    terms = ["samples", "haar, level 2", "db2, level 1, zero"]
    assert report.methods == (*explanations, *(f"{control}, {each}" for each in terms for control in CONTROLS))
    own = ["samples", "haar, level 2", "haar, level 2", "db2, level 1, zero", "samples"]
    assert report.domains == (*own, *np.repeat(terms, 2))
    assert report.controls == (None,) * 5 + CONTROLS * 3


CONTROLS = ("random", "magnitude")


def test_under_rise_all_share_the_controls_of_samples() -> None:
    explanations: dict[str, Any] = {"pixels": HEAT, "haar": wam.explain(NET, SIGNAL, 1, method="saliency", level=2)}
    report = wam.evaluate(NET, SIGNAL, explanations, protocol="rise", steps=3, controls=2)
    assert report.methods == ("pixels", "haar", "random, samples", "magnitude, samples")


@pytest.mark.parametrize("baseline", [None, 0.5, "blur"])
def test_the_model_free_row_ranks_by_how_far_a_unit_is_from_its_baseline(baseline: Any) -> None:
    away = {None: torch.zeros_like, 0.5: lambda signal: torch.full_like(signal, 0.5)}.get(baseline)
    options: Any = {"target": 1, "steps": 6, "baseline": baseline}
    if away is None:
        from wam_widgets.evaluation import frames

        away = lambda _: frames(SIGNAL, HEAT, "insertion", steps=1, baseline="blur")[:1].expand(2, -1, -1, -1)  # noqa: E731
    for given in (HEAT, wam.decompose(SIGNAL, "haar", level=1)):
        report = wam.evaluate(NET, SIGNAL, {"any": given}, controls=1, **options)
        difference = SIGNAL - away(SIGNAL)
        own: Any = difference.square().sum(1)
        if given is not HEAT:
            energy = wam.decompose(difference, "haar", level=1)
            own = energy.unflatten(energy.flatten().square().sum(1, keepdim=True))
        # The first item only: its own blur is what `away` holds.
        expected = wam.insertion(NET, SIGNAL, own, **options).scores[0]
        assert_allclose(report.scores["insertion"][-1, 0], expected, atol=1e-12)


def test_the_random_row_is_the_mean_over_several_orders_of_the_seed() -> None:
    few = [report_of(items=2, controls=count).insertion[2:] for count in (1, 2)]
    many, again, other = (report_of(items=2, controls=8, seed=seed) for seed in (0, 0, 1))
    # The first order is the same however many follow.
    assert not np.allclose(few[0][0], few[1][0])
    assert_array_equal(few[0][1], few[1][1])
    assert_array_equal(many.insertion, again.insertion)
    assert not np.allclose(many.insertion[2], other.insertion[2])
    assert_array_equal(many.insertion[[0, 1, 3]], other.insertion[[0, 1, 3]])
    ends = many.scores["insertion"][..., [0, -1]]
    assert_allclose(ends[2], ends[0], rtol=1e-15)


def test_random_orders_differ_from_item_to_item() -> None:
    twice = signal_of(6, 6, items=1).expand(2, -1, -1, -1)
    report = wam.evaluate(NET, twice, {"any": torch.rand(1, 6, 6).expand(2, 6, 6)}, target=1, controls=1, steps=4)
    assert report.insertion[0, 0] == pytest.approx(report.insertion[0, 1], abs=1e-12)
    assert abs(report.insertion[1, 0] - report.insertion[1, 1]) > 1e-6


# ----------------------------------------------------------------------------------------------------- curves and areas


@pytest.mark.parametrize("protocol", ["wam", "wam-paper", "rise", "contrast"])
def test_a_report_holds_the_curves_that_insertion_and_deletion_draw(protocol: str) -> None:
    explanation = wam.explain(NET, SIGNAL, wam.Contrast(1, 2), method="saliency", level=1)
    target: Any = wam.Contrast(1, 2) if protocol == "contrast" else 1
    options: Any = {"target": target, "protocol": protocol, "steps": 7, "axis": "energy", "baseline": "mean"}
    report = wam.evaluate(NET, SIGNAL, {"it": explanation, "map": HEAT}, controls=1, batch_size=3, **options)
    assert report.protocol.name.endswith("steps=7, axis=energy, baseline=mean")
    assert report.units.shape == (len(report.methods), 8)
    for (row, given), (kind, curve) in itertools.product(
        enumerate([explanation, HEAT]), {"insertion": wam.insertion, "deletion": wam.deletion}.items()
    ):
        found = curve(NET, SIGNAL, given, **options)
        assert_array_equal(report.units[row], found.units)
        assert_allclose(report.scores[kind][row], found.scores, atol=1e-12)
        assert_allclose(report.energy[kind][row], found.energy, atol=1e-12)
        assert_allclose(report.areas[kind][row], found.area, atol=1e-12)


@pytest.mark.parametrize(
    ("unit", "name"), [("band", "haar, level 1, by band"), ("superpixel", "samples, by superpixel")]
)
def test_bands_and_superpixels_have_controls_of_their_own(unit: Any, name: str) -> None:
    segments = torch.arange(64).reshape(8, 8) // 16 if unit == "superpixel" else None
    given = wam.decompose(SIGNAL, "haar", level=1)
    report = wam.evaluate(NET, SIGNAL, {"it": given}, target=1, unit=unit, segments=segments, controls=2, steps=4)
    assert report.methods == ("it", f"random, {name}", f"magnitude, {name}")
    assert_array_equal(report.units, np.tile(np.linspace(0, 1, 5), (3, 1)))
    energy: Any = SIGNAL.square().sum(1)
    if unit == "band":
        squares = wam.decompose(SIGNAL, "haar", level=1)
        energy = squares.unflatten(squares.flatten().square().sum(1, keepdim=True))
    own = wam.insertion(NET, SIGNAL, energy, target=1, unit=unit, segments=segments, steps=4)
    assert_allclose(report.scores["insertion"][2], own.scores, atol=1e-12)


def test_targets_of_any_kind_are_measured() -> None:
    columns = torch.tensor([2, 0])
    curves = wam.evaluate(NET, SIGNAL, {"it": HEAT}, target=columns, steps=3, controls=1).scores["insertion"][0]
    one = [wam.insertion(NET, SIGNAL, HEAT, target=int(column), steps=3).scores for column in columns]
    assert_allclose(curves, [one[0][0], one[1][1]], atol=1e-12)
    own = wam.evaluate(NET, SIGNAL, {"it": HEAT}, target=lambda output: output[:, 1] ** 2, steps=3, controls=1)
    raw = wam.evaluate(NET, SIGNAL, {"it": HEAT}, target=1, protocol="xplique", domain="own", steps=3, controls=1)
    assert_allclose(own.scores["deletion"][0], raw.scores["deletion"][0] ** 2, atol=1e-12)
    logits = wam.evaluate(NET, SIGNAL, {"it": HEAT}, target=1, order="signed", quantity="logit", steps=3, controls=1)
    assert logits.protocol.name == "wam, steps=3, order=signed, quantity=logit"
    assert_array_equal(logits.scores["deletion"], raw.scores["deletion"])
    explained = wam.explain(NET, SIGNAL, wam.Contrast(2, 0), method="saliency", level=1)
    both = wam.evaluate(NET, SIGNAL, {"it": explained}, protocol="contrast", steps=3, controls=1)
    named = wam.evaluate(NET, SIGNAL, {"it": explained}, protocol="contrast", steps=3, controls=1, target=[[2, 0]] * 2)
    assert_array_equal(both.scores["insertion"], named.scores["insertion"])


@pytest.mark.parametrize("batch_size", [1, 5, "auto"])
def test_a_report_does_not_depend_on_the_sub_batch(twelve: FaithfulnessReport, batch_size: Any) -> None:
    found = report_of(batch_size=batch_size)
    for measure in MEASURES:
        assert_allclose(getattr(found, measure), getattr(twelve, measure), atol=1e-12)


def test_what_is_said_of_an_item_does_not_depend_on_those_after_it(twelve: FaithfulnessReport) -> None:
    signal, maps = signal_of(6, 6, items=12), torch.rand(12, 6, 6, generator=torch.Generator().manual_seed(0))
    found = wam.evaluate(NET, signal[:5], {"a": maps[:5]}, target=1, steps=4, controls=2)
    assert_allclose(found.faithfulness, twelve.faithfulness[[0, 2, 3], :5], atol=1e-12)


# ----------------------------------------------------------------------------------------------------------- statistics


def test_values_are_paired_by_item(twelve: FaithfulnessReport) -> None:
    for measure in MEASURES:
        mine, theirs = (getattr(twelve, measure)[row] for row in (0, 2))
        assert_array_equal(twelve.values("a", measure), mine)
        assert_array_equal(twelve.values("a", measure, minus="random, samples"), mine - theirs)
    assert_array_equal(twelve.faithfulness, twelve.insertion - twelve.deletion)


def test_an_interval_is_that_over_the_groups(twelve: FaithfulnessReport) -> None:
    for groups, report in ((range(12), twelve), ([*"abcdefghij", "a", "b"], None)):
        found = report or report_of(groups=groups, confidence=0.8)
        level = 0.8 if report is None else 0.95
        assert found.enough_groups
        for measure in MEASURES:
            expected = cluster_interval(found.values("b", measure), list(groups), confidence=level)
            assert found.interval("b", measure) == expected
            assert expected.low < found.values("b", measure).mean() < expected.high


def test_an_interval_of_probabilities_ends_where_they_do(twelve: FaithfulnessReport) -> None:
    """One item in twelve with another area: the bootstrap of so skewed a mean reaches far beyond what can be."""
    area = np.where(np.arange(12) == 0, 1.0, 0.02 * np.arange(12) ** 0.5)
    areas = {kind: np.tile(area, (len(twelve.methods), 1)) for kind in twelve.areas}
    skewed = dataclasses.replace(twelve, areas=areas)
    assert cluster_interval(area, range(12), seed=skewed.seed).low < 0
    assert skewed.interval("a", "insertion")[1] == 0
    loud = dataclasses.replace(skewed, areas={kind: 3 * area for kind, area in areas.items()})
    assert loud.interval("a", "insertion").low < 0  # a score of the user's own may be below 0


@pytest.mark.parametrize("measure", MEASURES)
def test_the_control_to_beat_is_the_better_one(twelve: FaithfulnessReport, measure: Any) -> None:
    means = {name: twelve.values(name, measure).mean() for name in ("random, samples", "magnitude, samples")}
    best = min(means, key=means.__getitem__) if measure == "deletion" else max(means, key=means.__getitem__)
    assert twelve.better_control("a", measure) == best


def test_p_values_in_the_table_are_corrected_for_the_number_of_methods(twelve: FaithfulnessReport) -> None:
    rows = {row["method"]: row for row in twelve.rows()}
    for measure in MEASURES:
        plain = sorted(
            (twelve.p_value(name, measure, minus=twelve.better_control(name, measure)), name) for name in "ab"
        )
        (least, first), (most, second) = plain
        assert rows[first][f"{measure}_p"] == pytest.approx(min(1, 2 * least))
        assert rows[second][f"{measure}_p"] == pytest.approx(min(1, max(2 * least, most)))


def test_a_row_holds_means_their_intervals_and_the_difference_from_the_better_control(
    twelve: FaithfulnessReport,
) -> None:
    first, *_, control = twelve.rows()
    assert [first[key] for key in ("protocol", "method", "domain", "control", "items", "groups")] == [
        "wam, steps=4", "a", "samples", "", 12, 12
    ]  # fmt: skip
    for measure in MEASURES:
        interval = twelve.interval("a", measure)
        assert [first[f"{measure}{end}"] for end in ("", "_low", "_high")] == list(interval)
        better = first[f"{measure}_control"]
        assert better == twelve.better_control("a", measure)
        interval = twelve.interval("a", measure, minus=better)
        assert [first[f"{measure}_difference{end}"] for end in ("", "_low", "_high")] == list(interval)
    assert (control["method"], control["control"]) == ("magnitude, samples", "magnitude")
    assert not any(key.endswith(("_control", "_p")) or "difference" in key for key in control)


def test_with_fewer_than_ten_groups_the_items_are_listed(three: FaithfulnessReport) -> None:
    assert not three.enough_groups
    lines = str(three).splitlines()
    assert lines[2].startswith("12 items in 3 groups; insertion (higher is better), deletion (lower is better), ")
    assert lines[3] == "Fewer than 10 groups: no interval and no test; the items are listed."
    assert len(lines) == 4 + 12 * len(three.methods)
    numbers = "  ".join(f"{getattr(three, measure)[0, 0]:+.3f}" for measure in MEASURES)
    assert lines[4] == f"{'a':<{len('magnitude, samples')}}  item 0  {numbers}"
    assert "p =" not in str(three)
    for row in three.rows():
        assert [value for key, value in row.items() if key.endswith(("_low", "_high", "_p"))].count(None) >= 6
        assert math.isfinite(row["faithfulness"])
    for call in (lambda: three.interval("a"), lambda: three.p_value("a", minus="b")):
        with pytest.raises(ValueError, match=r"needs at least 10 groups.*got 3. Look at the items, `report.item_rows"):
            call()


def test_a_printed_report_says_rule_question_direction_intervals_and_p(
    twelve: FaithfulnessReport, capsys: pytest.CaptureFixture[str]
) -> None:
    print(twelve)  # noqa: T201
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(twelve.protocol)
    assert lines[0].startswith("wam, steps=4: ")
    assert lines[1] == f"Question: {twelve.protocol.question}"
    assert "deletion (lower is better)" in lines[2]
    assert lines[3].startswith(
        "In brackets 95 % intervals over groups; at the end faithfulness minus that of the better"
    )
    assert [line.split("  ")[0] for line in lines[4:]] == list(twelve.methods)
    row = twelve.rows()[0]
    for name, end in (("faithfulness", ""), ("faithfulness_difference", " from 'magnitude, samples', p = ")):
        low, high = row[f"{name}_low"], row[f"{name}_high"]
        assert f"{row[name]:+.3f} [{low:+.3f}, {high:+.3f}]{end}" in lines[4]
    assert lines[4].endswith(f"from {row['faithfulness_control']!r}, p = {row['faithfulness_p']:.3g}")
    assert not any("p =" in line for line in lines[6:])


def test_a_report_s_repr_says_what_it_is_of(twelve: FaithfulnessReport) -> None:
    assert repr(twelve) == (
        "FaithfulnessReport of 2 methods and 2 controls, 12 items in 12 groups, protocol 'wam, steps=4'"
    )


def test_tables_have_a_row_per_method_or_per_method_and_item(three: FaithfulnessReport) -> None:
    frame = three.to_dataframe()
    assert frame["method"].tolist() == list(three.methods)
    assert_array_equal(frame["deletion"], three.deletion.mean(1))
    items = three.to_dataframe(items=True)
    assert items.columns.tolist() == ["protocol", "method", "item", "group", *MEASURES]
    assert items["group"].tolist() == ["dog", "cat", "owl"] * 16
    assert_array_equal(items["faithfulness"], three.faithfulness.ravel())


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize("maker", [torch.tensor, np.array, tuple])
def test_groups_may_be_numbers_of_any_kind(maker: Callable[[list[int]], Any]) -> None:
    assert len(set(report_of(items=3, groups=maker([7, 7, 8])).groups)) == 2


# -------------------------------------------------------------------------------------------------------------- joining


def test_groups_in_single_tensors_are_the_same_groups() -> None:
    assert report_of(groups=list(torch.arange(12) % 3)).groups == (0, 1, 2) * 4


def test_of_two_classes_without_a_probability_neither_is_ahead() -> None:
    def neither(inputs: Tensor) -> Tensor:
        return torch.tensor([[0.0, 0.0, 1.0]]).expand(len(inputs), 3)

    found = wam.insertion(
        neither, SIGNAL, HEAT, target=wam.Contrast(0, 1), protocol="contrast", probability="none", steps=2
    )
    assert_array_equal(found.scores, 0.5)


def test_reports_of_parts_join_to_that_of_the_whole(twelve: FaithfulnessReport) -> None:
    signal = signal_of(6, 6, items=12)
    maps = {name: torch.rand(12, 6, 6, generator=torch.Generator().manual_seed(n)) for n, name in enumerate("ab")}
    parts = [
        wam.evaluate(
            NET, signal[part], {name: each[part] for name, each in maps.items()}, target=1, steps=4, controls=2
        )
        for part in (slice(0, 5), slice(5, 12))
    ]
    joined = FaithfulnessReport.joined(parts)
    assert (joined.methods, joined.protocol) == (twelve.methods, twelve.protocol)
    seen = [0, 1, 3]  # random orders go by the place within a part
    for kind in ("insertion", "deletion"):
        assert_allclose(joined.scores[kind][seen], twelve.scores[kind][seen], atol=1e-12)
        assert_allclose(joined.areas[kind][seen], twelve.areas[kind][seen], atol=1e-12)
        assert joined.energy[kind].shape == twelve.energy[kind].shape
    # Without groups, the first items of both parts have nothing in common.
    assert joined.groups == twelve.groups == tuple(range(12))
    assert joined.enough_groups
    assert joined.interval("a").mean == pytest.approx(twelve.interval("a").mean)
    assert FaithfulnessReport.joined([joined, *parts]).groups == tuple(range(24))


def test_parts_in_other_terms_are_not_joined(three: FaithfulnessReport) -> None:
    count = len(three.methods)
    others = [dataclasses.replace(three, domains=("x",) * count), dataclasses.replace(three, controls=(None,) * count)]
    for other in others:
        with pytest.raises(ValueError, match="must be of the same methods, in the same terms, and of one protocol"):
            FaithfulnessReport.joined([three, other])


def test_a_group_may_have_items_in_several_parts(three: FaithfulnessReport) -> None:
    joined = FaithfulnessReport.joined([three, three])
    assert joined.groups == three.groups * 2
    assert len(set(joined.groups)) == 3


# ------------------------------------------------------------------------------------------------------- left untouched


@pytest.mark.usefixtures("as_a_user")  # the checker of annotations draws from the global generator
@pytest.mark.parametrize("stopped", [False, True])
def test_a_call_leaves_everything_as_it_was(stopped: bool) -> None:
    model, signal = Fragile(), signal_of(8, 8).requires_grad_()
    explanations: dict[str, Any] = {
        "map": torch.rand(2, 8, 8),
        "it": wam.explain(model, signal, 1, method="saliency", level=1),
    }
    before = state_of(model, signal)
    told: list[tuple[int, int]] = []

    def progress(done: int, planned: int) -> bool:
        told.append((done, planned))
        return not stopped or done < planned // 2

    options: Any = {"target": 1, "steps": 6, "controls": 2, "batch_size": 8, "progress": progress}
    if stopped:
        with pytest.raises(KeyboardInterrupt, match="`progress` returned False"):
            wam.evaluate(model, signal, explanations, **options)
    else:
        report = wam.evaluate(model, signal, explanations, **options)
        assert str(report)
    assert_untouched(before, state_of(model, signal))
    # Two items in two terms: three ends, and five counts of both kinds for each of four orders.
    assert {planned for _, planned in told} == {2 * 2 * (3 + 2 * 5 * 4)}
    assert stopped or told[-1][0] == told[-1][1]


# --------------------------------------------------------------------------------------------------------------- errors


def refuse(_: Tensor) -> Tensor:
    pytest.fail("the model was run")


def evaluate(explanations: Any = None, **options: Any) -> FaithfulnessReport:
    given = {"it": HEAT} if explanations is None else explanations
    return wam.evaluate(options.pop("model", refuse), SIGNAL, given, **{"target": 0} | options)


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (
            lambda: evaluate({}),
            TypeError,
            r"`explanations` must be a dict of name and explanation with at least one.*emp",
        ),
        (lambda: evaluate({1: HEAT, "1": HEAT}), ValueError, r"names that differ as words; got \[1, '1'\]. Rename one"),
        (
            lambda: evaluate(HEAT),
            TypeError,
            r"`explanations` must be a dict.*got Tensor. Pass e.g. `{'WAM': explanation",
        ),
        (lambda: evaluate({"it": 3}), TypeError, r"`explanations\['it'\]` must be an Explanation.*got int"),
        (
            lambda: evaluate({"it": HEAT}, domain="wavelet"),
            ValueError,
            (
                r"`explanations\['it'\]` is a map of the signal's samples, which has no order of coefficients, and "
                r"'wam, domain=wavelet' removes coefficients. If it is a gradient, carry it to them with `pull_back`"
            ),
        ),
        (
            lambda: evaluate({"random, samples": HEAT}),
            ValueError,
            r"must not have the name of a control; got 'random, samples'. Rename it",
        ),
        (lambda: evaluate(model="net"), TypeError, r"`model` must be callable; got str"),
        (lambda: evaluate(protocol="rice"), ValueError, r"`protocol` must be one of.*Did you mean 'rise'\?"),
        (lambda: evaluate(steps=0), ValueError, r"`steps` must be a whole number of at least 1; got 0"),
        (lambda: evaluate(steps=10**8), ValueError, r"`steps` must be at most 65,536; got 100,000,000. Pass e.g."),
        (lambda: evaluate(groups=3), TypeError, r"`groups` must be a list with one name or number per item; got int"),
        (
            lambda: evaluate(protocol="contrast", target=[[1, 0], [2, 2]]),
            ValueError,
            r"A contrast needs two different columns; got \[2, 2\] for item 1. Name",
        ),
        (
            lambda: evaluate(
                model=lambda inputs: inputs.flatten(1) - 9, probability="none", protocol="contrast", target=[[0, 1]] * 2
            ),
            ValueError,
            r"A contrast is a share of two probabilities, from 0 to 1.*gives -.*Pass 'softmax'",
        ),
        (lambda: evaluate(controls=0), ValueError, r"`controls` must be a whole number of at least 1; got 0"),
        (lambda: evaluate(confidence=95), ValueError, r"`confidence` must be between 0 and 1; got 95. Pass e.g."),
        (lambda: evaluate(confidence=True), ValueError, r"`confidence` must be between 0 and 1; got True"),
        (
            lambda: evaluate(groups=["a"]),
            ValueError,
            r"`groups` must name the group of every item, 2; got 1. Pass e.g.",
        ),
        (lambda: evaluate(groups=[["a"], ["b"]]), TypeError, r"`groups` must hold names or numbers; got \['a'\]"),
        (lambda: evaluate(seed=0.5), ValueError, r"`seed` must be a whole number of at least 0; got 0.5"),
        (lambda: evaluate(batch_size="all"), ValueError, r"`batch_size` must be"),
        (lambda: evaluate(protocol="contrast"), ValueError, r"A contrast needs two columns per item"),
        (
            lambda: report_of(2).values("c"),
            ValueError,
            r"`method` must be one of 'a', 'b', 'random, samples', 'magnitu",
        ),
        (lambda: report_of(2).values("a", minus="randm, samples"), ValueError, r"Did you mean 'random, samples'\?"),
        (
            lambda: report_of(2).values("a", "faith"),  # type: ignore[arg-type]
            ValueError,
            r"`measure` must be one of.*Did you mean 'faithfulness",
        ),
        (lambda: report_of(2).better_control("a", "insert"), ValueError, r"`measure` must be one of"),  # type: ignore[arg-type]
        (lambda: FaithfulnessReport.joined([]), ValueError, r"`reports` must hold at least one report; got none"),
        (lambda: FaithfulnessReport.joined([1]), TypeError, r"`reports` must be a list of reports; got int. Pass e.g."),  # type: ignore[list-item]
        (lambda: FaithfulnessReport.joined(3), TypeError, r"`reports` .*; got int. .* of what `evaluate` returned"),  # type: ignore[arg-type]
        (lambda: FaithfulnessReport.joined(report_of(2)), TypeError, r"`reports` must be .*; got FaithfulnessReport."),  # type: ignore[arg-type]
        (lambda: FaithfulnessReport.joined([report_of(2), "3"]), TypeError, r"`reports` must be a list .*; got str"),  # type: ignore[list-item]
        (
            lambda: FaithfulnessReport.joined([report_of(2), report_of(2, steps=5)]),
            ValueError,
            r"`reports` must be of the same methods, in the same terms, and of one protocol; got FaithfulnessReport of",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_refused(call: Callable[[], Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()
