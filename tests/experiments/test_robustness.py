"""The experiment's command, on a few of the real digits; and its pieces on models and gradients that are known."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

import wam_widgets as wam
from tests.training.digits import read
from wam_widgets.samples import digit_model

from . import robustness


def test_energy_lies_where_the_ink_is() -> None:
    signals = torch.tensor([0.0, 0.1, 0.5, 1.0]).reshape(1, 1, 2, 2)
    gradient = torch.tensor([1.0, 2.0, 0.0, -3.0]).reshape(1, 1, 2, 2)
    found = robustness.energy_by_ink(gradient, signals)
    assert [float(found[ink][0]) for ink in robustness.INKS] == pytest.approx([1 / 14, 4 / 14, 0, 9 / 14])


def test_a_gradient_of_one_fine_coefficient_is_all_fine() -> None:
    coefficients = wam.decompose(torch.zeros(1, 1, 16, 16), "haar", level=2)
    fine = wam.reconstruct(coefficients.map(lambda band: band + float(band.shape[-1] == 8)))
    assert float(robustness.finest_share(robustness.scale_energies(fine))) == pytest.approx(1)
    even = torch.ones(1, 1, 16, 16)
    assert float(robustness.finest_share(robustness.scale_energies(even))) == pytest.approx(0, abs=1e-9)


def test_without_noise_worth_mentioning_copies_say_what_the_digit_itself_says() -> None:
    pictures = read("digits", "test")
    some = pictures._replace(signals=pictures.signals[:4], targets=pictures.targets[:4])
    model = digit_model()
    at_once = robustness.finest_share(robustness.scale_energies(robustness.gradient_at(model, some)))
    for shares in robustness.finest_shares(model, some, 1e-6).values():
        np.testing.assert_allclose(shares, at_once, atol=0.01)


def test_ink_is_put_on_one_pixel_of_paper() -> None:
    signals = torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(0)).clamp(min=0.5)
    signals[:, :, 0] = 0
    pictures = read("digits", "test")._replace(signals=signals, targets=torch.zeros(5, dtype=torch.int64))
    everything = torch.nn.Linear(16, 1, bias=False)
    torch.nn.init.ones_(everything.weight)
    paper = torch.nn.Sequential(torch.nn.Flatten(), everything)
    for drop, changes in robustness.changes_by_ink(paper, pictures).items():  # type: ignore[arg-type]  # as simple a model
        np.testing.assert_allclose(changes, drop, rtol=1e-4)


def test_the_robust_network_takes_no_notice_of_ink_up_to_the_radius_it_was_trained_against() -> None:
    pictures = read("digits", "test")
    some = pictures._replace(signals=pictures.signals[:100], targets=pictures.targets[:100])
    plain, robust = (robustness.changes_by_ink(load(), some) for load in robustness.MODELS.values())
    assert robust[0.15].mean() < 0.02 * plain[0.15].mean()
    assert robust[0.5].mean() > 0.3 * plain[0.5].mean()


def test_the_command_prints_tables_and_writes_rows_and_a_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["robustness", "--digits", "10", "--output", str(tmp_path)])
    monkeypatch.setattr(robustness, "NOISES", (0.1, 0.25))
    robustness.main()
    assert "10 held-out digits" in capsys.readouterr().out
    with (tmp_path / "robustness.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    shares = {(row["model"], row["method"], row["scale"]): row for row in rows if row["what"] == "share"}
    assert len(shares) == 3 * len(robustness.METHODS) * len(robustness.SCALES)
    for method in robustness.METHODS:
        for model in robustness.MODELS:
            total = sum(float(shares[model, method, scale]["mean"]) for scale in robustness.SCALES)
            assert total == pytest.approx(1, abs=1e-5)
        for scale in robustness.SCALES:
            plain, robust, difference = (
                float(shares[model, method, scale]["mean"]) for model in (*robustness.MODELS, "robust − plain")
            )
            assert difference == pytest.approx(robust - plain)
    for row in rows:
        if row["p"]:
            assert 0 < float(row["p"]) <= float(row["p_holm"]) <= 1
    accuracy = {(row["model"], row["method"]): float(row["mean"]) for row in rows if row["what"] == "accuracy"}
    assert accuracy["robust", "attack of radius 0.15"] > accuracy["plain", "attack of radius 0.15"]
    assert (tmp_path / "robustness.png").read_bytes().startswith(b"\x89PNG")
    assert "### Share of each scale" in (tmp_path / "robustness.md").read_text("utf-8")


@pytest.mark.parametrize("count", ["9", "1001"])
def test_too_few_or_too_many_digits_are_refused(
    count: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["robustness", "--digits", count])
    with pytest.raises(SystemExit):
        robustness.main()
    assert f"--digits must be from 10 to 1000; got {count}" in capsys.readouterr().err
