"""How a model spreads its importance over scales."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import wam_widgets as wam
from wam_widgets.evaluation import Explainer, cluster_interval, scale_profile

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
    with pytest.raises(ValueError, match="same data set, groups and method"):
        fine.interval("detail 1", minus=profile(looks_at("detail 1"), data, Explainer("saliency", level=1)))


def test_few_groups_have_no_interval() -> None:
    found = profile(looks_at("detail 1"), signals(4))
    assert [row["low"] for row in found.rows()] == [None] * 3
    assert "Fewer than 10 groups: no intervals." in str(found)
    with pytest.raises(ValueError, match=r"at least 10 groups.*got 4"):
        found.interval("detail 1")


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
