"""Measurements of several sensors over time are explained like sound: from the first call to the figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

import wam_widgets as wam

RATE, BURST = 50.0, (180, 240)


def sensors(samples: int = 501) -> Tensor:
    """Two recordings of four sensors of very different units; the last of them stands still."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(2, 4, samples, generator=generator)
    return noise * torch.tensor([1.0, 10.0, 0.1, 0.0])[:, None] + torch.tensor([0.0, 100.0, 0.0, 20.0])[:, None]


def model(signal: Tensor) -> Tensor:
    """Hear how much the first sensor trembles during the burst, and the mean of the second."""
    trembling = signal[:, 0, BURST[0] : BURST[1]].diff().square().sum(1)
    return torch.stack([trembling, signal[:, 1].mean(1) / 100], dim=1)


def explain(signal: Tensor | None = None, **options: Any) -> wam.Explanation:
    given: dict[str, Any] = {
        "wavelet": "db4",
        "level": 3,
        "grid": wam.Grid(("time",), (1 / RATE,), ("s",)),
        "labels": ["trembling", "warm"],
        "progress": False,
    }
    return wam.explain(model, sensors() if signal is None else signal, 0, **given | options)


@pytest.mark.parametrize("samples", [256, 501])
@pytest.mark.parametrize("options", [{}, {"method": "saliency"}, {"method": "integrated_gradients"}], ids=str)
def test_it_is_found_when_and_how_fast_the_sensors_move(samples: int, options: dict[str, Any]) -> None:
    found = explain(sensors(samples), **options)
    assert found.maps().shape == (2, 4, samples)
    heat = found.heatmap()
    inside = heat[:, BURST[0] : BURST[1]].sum(1) / heat.sum(1)
    assert (inside > 0.85).all(), "within the burst"
    assert found.scale_shares().argmax(1).tolist() == [3, 3], "at the finest scale"


@pytest.mark.parametrize("wavelet", ["haar", "sym8", None])
def test_a_sensor_that_stands_still_or_is_not_listened_to_gets_nothing(wavelet: str | None) -> None:
    found = explain().view(wavelet=wavelet)
    for *_, band in found.attribution.bands():
        assert not band[:, 1:].any()
        assert band[:, 0].any()
    assert not any(bool(band[:, 1:].any()) for *_, band in found.significant().bands())
    for *_, band in found.contribution().denoised().attribution.bands():
        assert band.isfinite().all()


@pytest.mark.parametrize("samples", [37, 256, 501])
@pytest.mark.parametrize("wavelet", ["haar", "db4"])
def test_what_is_kept_is_a_recording_of_all_sensors(samples: int, wavelet: str) -> None:
    signal = sensors(samples)
    found = wam.explain(lambda batch: batch.square().mean(2), signal, 0, wavelet=wavelet, level=3, progress=False)
    assert_close(found.rebuild(fraction=1.0), signal, rtol=1e-5, atol=1e-4)
    scales = [found.rebuild(scales=[scale]) for scale in found.scales]
    assert_close(torch.stack(scales).sum(0), signal, rtol=1e-5, atol=1e-4)


def test_contributions_of_a_path_add_up_between_baselines_of_each_sensor() -> None:
    found = explain(method="integrated_gradients", baseline="mean", tolerance=0.01)
    assert (found.completeness_gap(relative=True).abs() < 0.01).all()
    assert found.baseline is not None
    assert_close(found.baseline[:, 3], found.signal[:, 3])


def test_seconds_are_on_every_axis(tmp_path: Path) -> None:
    found = explain()
    table = found.to_xarray()
    np.testing.assert_allclose(table["time"], np.arange(501) / RATE)
    assert table["time"].attrs["units"] == "s"
    drawn = wam.time_frequency_map(found, axis="log")
    assert drawn.frequency_edges[-1] == RATE / 2
    when = drawn.times[drawn.values.sum(0).argmax()]
    assert BURST[0] / RATE - 0.1 < when < BURST[1] / RATE + 0.1
    text = " ".join(each.get_text() for axes in wam.plot(found).axes for each in [axes.xaxis.label])
    assert "time (s)" in text
    wam.plots.spectrogram(found).savefig(tmp_path / "spectrogram.png")


@pytest.mark.parametrize(("step", "unit"), [(1.0, "sample"), (0.5, "h"), (20.0, "ms")])
def test_other_units_of_time_are_kept_and_plotted(step: float, unit: str, tmp_path: Path) -> None:
    found = explain(grid=wam.Grid(("time",), (step,), (unit,)))
    wam.plot(found).savefig(tmp_path / "plot.png")
    np.testing.assert_allclose(found.to_xarray()["time"], np.arange(501) * step)
    found.save(tmp_path / "kept.safetensors")
    assert wam.load(tmp_path / "kept.safetensors").grid == found.grid
