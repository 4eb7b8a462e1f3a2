"""How a model spreads its importance over scales."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import wam_widgets as wam
from wam_widgets.evaluation import Explainer, cluster_interval, scale_profile
from wam_widgets.plots import scale_profiles

SALIENCY = Explainer("saliency", level=2)


def looks_at(scale: str) -> Any:
    """A model whose gradient lies in one scale of haar, whatever the signal."""
    chance = torch.Generator().manual_seed(3)
    parts = wam.decompose(torch.randn(1, 1, 8, 8, generator=chance), level=2)
    names = [name for name, *_ in parts.bands()]
    masks = iter(names)
    weights = wam.reconstruct(parts.map(lambda band: band * (next(masks) == scale)))
    return lambda signal: (signal * weights).flatten(1).sum(1, keepdim=True)


def signals(items: int = 12) -> Tensor:
    return torch.rand(items, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def profile(model: Any, dataset: Any = None, method: Explainer | None = SALIENCY, **options: Any) -> Any:
    return scale_profile(model, signals() if dataset is None else dataset, method, progress=False, **options)


@pytest.mark.parametrize("scale", ["approximation", "detail 2", "detail 1"])
def test_a_model_that_looks_at_one_scale_gives_it_everything(scale: str) -> None:
    found = profile(looks_at(scale))
    assert found.scales == ("approximation", "detail 2", "detail 1")
    np.testing.assert_allclose(
        found.shares, np.tile([float(each == scale) for each in found.scales], (12, 1)), atol=1e-6
    )
    assert found.interval(scale).mean == pytest.approx(1)
    assert f"{scale:<13}  1.000  [1.000, 1.000]" in str(found)


def test_shares_are_those_of_the_explanations_and_intervals_those_of_their_groups() -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Tanh(), torch.nn.Linear(64, 3))
    method = Explainer("smoothgrad", wavelet="db2", level=1, options={"samples": 16})
    data = [(signal, number % 3) for number, signal in enumerate(signals(20))]
    groups = [number // 2 for number in range(20)]
    found = profile(model, data, method, target="label", groups=groups, seed=4, batch_size=4)
    seeds = [4 << 32 | number for number in range(20)]
    whole = wam.explain(
        model, signals(20), [label for _, label in data], wavelet="db2", level=1, samples=16, seed=seeds
    )
    np.testing.assert_allclose(found.shares, whole.scale_shares(), atol=1e-5)
    assert found.interval("detail 1") == cluster_interval(found.shares[:, 1], groups, seed=4)
    assert [row["groups"] for row in found.rows()] == [10, 10]
    assert len(found.to_dataframe()) == 2


def test_two_models_are_compared_item_by_item() -> None:
    data: list[Any] = list(signals(13))
    broken = [*data[:5], torch.full((1, 8, 8), torch.nan), *data[6:]]
    coarse, fine = profile(looks_at("approximation"), broken), profile(looks_at("detail 1"), data)
    assert "finite" in coarse.failed[5]
    difference = fine.interval("detail 1", minus=coarse)
    assert difference.mean == pytest.approx(1)
    assert fine.rows(minus=coarse)[2]["items"] == 12
    assert fine.to_dataframe(minus=coarse)["share"].tolist() == pytest.approx([-1, 0, 1])
    with pytest.raises(ValueError, match="same data set, groups and method"):
        fine.interval("detail 1", minus=profile(looks_at("detail 1"), data, Explainer("saliency", level=1)))


def test_a_difference_is_tested_by_flipping_signs_and_corrected_for_the_number_of_scales() -> None:
    fine = profile(looks_at("detail 1"))
    differences = np.array([[0.1, 0.1 * (-1) ** item, 0.2] for item in range(12)])
    other = dataclasses.replace(fine, shares=fine.shares - differences)
    # Of the 2¹² ways to flip 12 differences of one sign, two are as far from zero; those of both signs sum to zero.
    assert fine.test("detail 1", minus=other) == pytest.approx(2 / 2**12)
    p = [row["p"] for row in fine.rows(minus=other)]
    assert p == pytest.approx([3 * 2 / 2**12, 1, 3 * 2 / 2**12])
    assert "p" not in fine.rows()[0]


def test_profiles_by_different_methods_are_not_compared() -> None:
    noisy = Explainer("smoothgrad", level=2, options={"samples": 8})
    with pytest.raises(ValueError, match=r"by the same method; got ScaleProfile.*smoothgrad"):
        profile(looks_at("detail 1")).interval("detail 1", minus=profile(looks_at("detail 1"), method=noisy))


def test_few_groups_have_no_interval() -> None:
    found = profile(looks_at("detail 1"), signals(4))
    assert [row["low"] for row in found.rows()] == [None] * 3
    assert "Fewer than 10 groups: no intervals." in str(found)
    with pytest.raises(ValueError, match=r"at least 10 groups.*got 4"):
        found.interval("detail 1")
    with pytest.raises(ValueError, match=r"at least 10 groups.*got 4"):
        found.test("detail 1", minus=found)
    assert [row["p"] for row in found.rows(minus=found)] == [None] * 3


def test_profiles_are_drawn_at_their_means_with_their_intervals() -> None:
    models = {"coarse": profile(looks_at("approximation")), "fine": profile(looks_at("detail 1"))}
    (axes,) = scale_profiles(models).axes
    dots = {line.get_label(): np.asarray(line.get_xdata()) for line in axes.lines if line.get_marker() != "None"}
    for name, found in models.items():
        assert dots[name] == pytest.approx([row["share"] for row in found.rows()])
    lines = [line for line in axes.lines if line.get_marker() == "None"]
    expected = [[row["low"], row["high"]] for found in models.values() for row in found.rows()]
    np.testing.assert_allclose([np.asarray(line.get_xdata()) for line in lines], expected)
    few = scale_profiles({"few": profile(looks_at("detail 1"), signals(4))})
    assert [line.get_marker() for line in few.axes[0].lines] == ["o"], "no intervals"


@pytest.mark.usefixtures("as_a_user")
def test_what_cannot_be_drawn_beside_each_other_is_refused() -> None:
    found = profile(looks_at("detail 1"))
    with pytest.raises(ValueError, match="must be 1 to 6; got 0"):
        scale_profiles({})
    with pytest.raises(TypeError, match=r"`profiles\['a'\]` must be a ScaleProfile; got int"):
        scale_profiles({"a": 3})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="must be by one method, in the same scales"):
        scale_profiles({"a": found, "b": profile(looks_at("detail 1"), method=Explainer("saliency", level=1))})


def test_what_the_method_warned_of_is_kept_by_item_and_told() -> None:
    def bends_above_100(signal: Tensor) -> Tensor:
        total = signal.flatten(1).sum(1, keepdim=True)
        return total + torch.relu(total - 100).square()

    data = signals(6)
    data[2], data[3] = 10 * data[2], 0
    midpoint = Explainer("integrated_gradients", level=2, options={"samples": 1, "rule": "midpoint"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # none comes out
        found = profile(bends_above_100, data, midpoint, target=0)
    # Gradient halfway times signal, against the score: straight below 100, where nothing is missed.
    total = float(data[2].sum())
    score, half = total + (total - 100) ** 2, 1 + 2 * (total / 2 - 100)
    assert list(found.warned) == [2, 3]
    assert f"has a relative completeness gap of {abs(half * total - score) / score:.2g}:" in found.warned[2][0]
    assert found.items == (0, 1, 2, 4, 5)
    assert found.warned[3], "what failed may have warned, too"
    assert f"\n  2 item(s) came with warnings; item 2: {found.warned[2][0]}\n" in str(found)
    assert "warnings" not in str(profile(looks_at("detail 1")))


def test_a_first_item_that_cannot_be_read_is_one_that_failed() -> None:
    found = profile(looks_at("detail 1"), ["no item", *signals(3)])
    assert found.items == (1, 2, 3)
    assert "must give (signal, label)" in found.failed[0]


def test_a_model_for_which_everything_fails_is_told() -> None:
    with pytest.raises(RuntimeError, match=r"first 5 item.* all failed; the last one: ValueError: nothing stands out"):
        profile(lambda signal: 0 * signal.flatten(1))


@pytest.mark.usefixtures("as_a_user")
def test_what_has_no_scales_is_refused() -> None:
    for method in (Explainer("saliency", wavelet=None), "saliency"):
        with pytest.raises(TypeError, match="Explainer in a wavelet"):
            profile(looks_at("detail 1"), method=method)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Grad-CAM is a map"):
        profile(torch.nn.Sequential(torch.nn.Flatten()), method=Explainer("gradcam", layer="0"))
