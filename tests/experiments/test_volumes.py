"""The experiment's command, on a few of the real digits; and where importance lies in a shape that is known."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from wam_widgets.evaluation import mean_at

from . import volumes


def test_importance_on_a_face_is_half_a_voxel_from_it_and_outside() -> None:
    shape = torch.zeros(1, 8, 8, 8, dtype=torch.bool)
    shape[0, 2:6, 2:6, 2:6] = True  # a cube, whose centre is at 3.5
    importance = torch.zeros(1, 1, 8, 8, 8, dtype=torch.float64)
    importance[0, 0, 6, 3:5, 3:5] = 1
    found = {name: float(mean_at(importance, each)) for name, each in volumes.measured_places(shape).items()}
    assert found["distance"] == found["signed"] == 0.5
    assert found["inside"] == 0
    assert found["centre"] == pytest.approx((2.5**2 + 0.5**2 + 0.5**2) ** 0.5)
    importance.zero_()[0, 0, 3:5, 3:5, 3:5] = 1
    found = {name: float(mean_at(importance, each)) for name, each in volumes.measured_places(shape).items()}
    assert (found["distance"], found["signed"], found["inside"]) == (1.5, -1.5, 1)


def test_the_command_prints_a_table_and_writes_rows_and_a_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["volumes", "--digits", "6", "--output", str(tmp_path)])
    monkeypatch.setattr(volumes, "RESAMPLES", 99)
    volumes.main()
    said = capsys.readouterr().out
    assert "6 held-out digits" in said
    with (tmp_path / "volumes.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 7 * len(volumes.MEASURES) * len(volumes.SCALES)
    for row in rows:
        if row["method"] == volumes.EVERYWHERE:
            assert float(row["minus_everywhere"]) == 0
        elif (row["measure"], row["scale"]) == ("inside", "detail 1"):
            assert 0 < float(row["mean"]) < 1
    assert (tmp_path / "volumes.png").stat().st_size > 10_000
