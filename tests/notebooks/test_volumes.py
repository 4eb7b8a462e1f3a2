from __future__ import annotations

import numpy as np
import pytest
import torch

import wam_widgets as wam
from notebooks import checks

from .exercises import said


def test_a_box_of_the_legs_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    legs = 12 / 32
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected a list of six numbers", "the legs"),
        ("Not yet: expected a list of six numbers", [0, legs]),
        ("Not yet: expected a list of six numbers", [0, legs, 0, 1, 0, "1"]),
        ("Not yet: expected a list of six numbers", torch.tensor([0, legs, 0, 1, 0, 1])),
        ("Nearly: the numbers are fractions", [0, 12, 0, 32, 0, 32]),
        ("Not yet: cut along the first axis", [0, 1, 0, 1, 0, legs]),
        ("Nearly: that is everything but the legs", [legs, 1, 0, 1, 0, 1]),
        ("Not yet: along up that is voxel 0 to 16; the legs", [0, 0.5, 0, 1, 0, 1]),
        ("Right: ", [0, legs, 0, 1, 0, 1]),
        ("Right: ", (0.0, 0.38, 0, 1, 0, 1)),
        ("Right: ", [0, np.float32(legs), 0, 1, 0, torch.tensor(1)]),
    ]:
        checks.legs_shown(given)
        assert said(capsys).startswith(answer)


def test_a_car_without_its_roof_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    car = wam.samples.furniture()["car"].signal
    up = torch.arange(32)[:, None, None]
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected a volume, a tensor of shape (1, 1, 32, 32, 32); got 'sofa'", "sofa"),
        (
            "Not yet: expected a volume, a tensor of shape (1, 1, 32, 32, 32); got a ndarray of shape (1, 1, 32",
            car.numpy(),
        ),
        ("Not yet: expected a volume", car[:, :, :16]),
        ("Not yet: that is the whole car", car),
        ("Nearly: that is the roof alone", car * (up >= 16)),
        ("Not yet: all voxels from 16 up should be 0", car * (up < 15)),
        ("Right: ", car * (up < 16)),
        ("Right: ", (car * (up < 16)).bool()),
    ]:
        checks.roof_cut_off(given)
        assert said(capsys).startswith(answer)


def test_a_count_of_what_is_not_zero_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    table = wam.samples.furniture()["table"].signal
    values = wam.decompose(table).flatten()
    rounding = (values != 0).sum()
    for answer, count in [
        ("Still to do", ...),
        ("Not yet: of `wam.decompose(signal).flatten()`", "many"),
        ("Not yet: of `wam.decompose(signal).flatten()`", values.numel()),
        ("Not yet: those are the full voxels", int(table.sum())),
        ("Nearly: some of these are only rounding", rounding),
        ("Nearly: those are the positive ones", int((values > 0.001).sum())),
        ("Right: 2.3% of all", (values.abs() > 0.001).sum()),
        ("Right: ", 762),
    ]:
        checks.not_zero(count)
        assert said(capsys).startswith(answer)
