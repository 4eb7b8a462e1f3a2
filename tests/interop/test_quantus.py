"""Our methods as Quantus calls them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import wam_widgets as wam
from tests.attribution.networks import SmallNet, signal_of
from wam_widgets.evaluation import Explainer, as_quantus

quantus = pytest.importorskip("quantus", reason="its OpenCV needs the system's libGL", exc_type=ImportError)

SIZES = [(37,), (13, 18), (7, 9, 6)]
TARGETS = np.array([2, 0])


@pytest.fixture
def inputs() -> Any:
    return signal_of(13, 18).numpy()


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_arrays_come_in_and_heat_maps_go_out(size: tuple[int, ...]) -> None:
    model, signal = SmallNet(len(size)).float(), signal_of(*size).float()
    found = as_quantus(Explainer("smoothgrad", level=1, options={"samples": 4}))(model, signal.numpy(), TARGETS)
    expected = wam.explain(model, signal, [2, 0], level=1, samples=4).heatmap()
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.float32
    assert found.shape == (2, 1, *size)
    np.testing.assert_allclose(found[:, 0], expected.numpy(), rtol=1e-5)


def test_a_gradcam_is_handed_on_as_it_is(inputs: Any) -> None:
    model = SmallNet(2).float()
    found = as_quantus(Explainer("gradcam", layer="convolution"))(model, inputs, TARGETS)
    expected = wam.gradcam(model, torch.as_tensor(inputs).float(), [2, 0], model.convolution)
    np.testing.assert_allclose(found[:, 0], expected.numpy(), rtol=1e-5)


def test_options_reach_the_method_and_the_device_is_the_models(inputs: Any) -> None:
    model, method = SmallNet(2).float(), as_quantus(Explainer("smoothgrad", level=1, options={"samples": 4}))
    first, again, other = (method(model, inputs, TARGETS, seed=seed, batch_size=4, device="cpu") for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.allclose(first, other)
    with pytest.raises(TypeError, match="samlpes"):
        method(model, inputs, TARGETS, samlpes=3)


METRICS = {
    "faithfulness": quantus.FaithfulnessCorrelation(
        nr_runs=5, subset_size=20, return_aggregate=False, disable_warnings=True
    ),
    "robustness": quantus.MaxSensitivity(nr_samples=3, lower_bound=0.02, disable_warnings=True),
    "complexity": quantus.Sparseness(disable_warnings=True),
    "randomisation": quantus.RandomLogit(num_classes=3, disable_warnings=True),
}


@pytest.mark.parametrize("metric", METRICS)
def test_metrics_of_every_kind_take_it(inputs: Any, metric: str) -> None:
    method = as_quantus(Explainer("saliency", level=1))
    found = METRICS[metric](SmallNet(2).float().eval(), inputs.astype(np.float32), TARGETS, explain_func=method)
    assert np.shape(found) == (2,)
    assert np.isfinite(found).all()


def test_sparseness_is_the_gini_index_of_the_heat_map(inputs: Any) -> None:
    model, method = SmallNet(2).float().eval(), as_quantus(Explainer("saliency", level=1))
    (*found,) = METRICS["complexity"](model, inputs.astype(np.float32), TARGETS, explain_func=method)
    heat = method(model, inputs, TARGETS).reshape(2, -1).astype(np.float64)
    expected = np.abs(heat[:, :, None] - heat[:, None]).mean((1, 2)) / (2 * heat.mean(1))  # mean difference
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.usefixtures("as_a_user")
def test_what_is_no_explainer_is_refused() -> None:
    with pytest.raises(TypeError, match=r"`method` must be an Explainer; got function. Pass e.g. `Explainer\("):
        as_quantus(wam.explain)  # type: ignore[arg-type]


@pytest.mark.usefixtures("as_a_user")
def test_what_the_method_does_not_take_is_refused(inputs: Any) -> None:
    with pytest.raises(TypeError, match=r"`explain_func` takes `seed` and `batch_size`; got samples. What"):
        as_quantus(Explainer("saliency", level=1))(SmallNet(2).float(), inputs, TARGETS, samples=8)
