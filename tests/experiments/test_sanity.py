"""The experiment's command, on a few of the real digits."""

from __future__ import annotations

import csv
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch

from tests.training.digits import read
from wam_widgets import Explanation
from wam_widgets.evaluation import standard_methods
from wam_widgets.samples import digit_model, shuffled_digit_model

from . import sanity


def test_edges_are_where_the_ink_changes() -> None:
    signal = torch.tensor([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0]])[None, None]
    found = sanity.edges(torch.nn.Identity(), signal, None)
    assert found.tolist() == [[[0, 1, 0], [0, 1, 0]]]


def test_integrated_gradients_are_alike_where_there_is_paper_and_not_in_their_signs() -> None:
    signal = read("digits", "test").signals[:20]
    target = digit_model()(signal).argmax(1)
    explainer = standard_methods()["Integrated Gradients"]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Integrated Gradients with", RuntimeWarning)
        maps = [explainer(load(), signal, target) for load in (digit_model, shuffled_digit_model)]
    values = [each.attribution.approximation.numpy() for each in maps if isinstance(each, Explanation)]

    def alike(of: Callable[[Any], Any], where: Any) -> float:
        """Return the mean rank correlation of the two models' maps."""
        pairs = zip(*values, where.numpy(), strict=True)
        return float(np.mean([scipy.stats.spearmanr(of(one)[at], of(two)[at]).statistic for one, two, at in pairs]))

    assert alike(np.abs, signal >= 0) > 0.95
    assert alike(np.abs, signal > 0) < 0.5
    assert abs(alike(np.positive, signal >= 0)) < 0.1


def test_the_command_prints_a_table_and_writes_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["sanity", "--digits", "3", "--output", str(tmp_path)])
    sanity.main()
    said = capsys.readouterr().out
    assert "3 held-out digits" in said
    with (tmp_path / "sanity.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["check"] for row in rows} == {"cascading", "independent", "shuffled labels"}
    fails = {(row["check"], row["method"]): row["fails"] for row in rows}
    assert {method for (_, method), failing in fails.items() if failing == "True"} >= {"ink alone", "edges alone"}
    for row in rows:
        assert bool(row["gap"]) == ("Integrated Gradients" in row["method"])
    (line,) = [line for line in said.splitlines() if line.startswith("| ink alone")]
    assert line.count("**1.00**") == 3, "ink is the same whatever was learnt"
    assert (tmp_path / "sanity.md").read_text("utf-8").strip() in said
