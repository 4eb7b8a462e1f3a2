"""The experiments' command, on a few pairs of the real recordings."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch

from tests.training.clips import read

from . import sound


def test_every_held_out_clip_has_one_of_another_class() -> None:
    clips = read("environment_sounds", "test")
    pairs = sound.choose(clips, None)
    assert len(pairs.families) == len(clips.families) >= 100
    assert not (pairs.targets == pairs.other_targets).any()
    assert set(pairs.targets.tolist()) == set(pairs.other_targets.tolist()) == set(range(len(clips.labels)))
    assert not set(pairs.families) & set(read("environment_sounds", "train").families)
    again = sound.choose(clips, None)
    assert torch.equal(again.others, pairs.others)


def test_fewer_pairs_are_spread_over_the_classes() -> None:
    pairs = sound.choose(read("environment_sounds", "test"), 12)
    assert sorted(pairs.targets.tolist()) == list(range(12))


def test_the_command_prints_tables_and_writes_rows_and_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["sound", "--pairs", "4", "--no-sweep", "--jobs", "1", "--output", str(tmp_path)])
    monkeypatch.setattr(sound, "KEPT", (0.5,))
    monkeypatch.setattr(sound, "RESAMPLES", 99)
    sound.main()
    said = capsys.readouterr().out
    assert "4 pairs of held-out clips" in said
    assert said.count("random (control)") == 2 * 4
    with (tmp_path / "sound.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["experiment"] for row in rows} == {"overlap", "noise"}
    for row in rows:
        assert 0 <= float(row["corruption_left"]) <= 1.3
        assert row["pairs"] == "4"
        if row["control"] == "oracle" and row["experiment"] == "noise":
            assert float(row["corruption_left_minus_random"]) < 0
    pictures = sorted(path.name for path in tmp_path.glob("*.png"))
    assert pictures == ["sound-noise-kept.png", "sound-noise.png", "sound-overlap-kept.png", "sound-overlap.png"]
