from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from notebooks import checks

from .exercises import said


def test_a_signal_split_by_hand_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    two = math.sqrt(2)  # of 4, 8, 6, 6, 1, 3, 3, 9: the sums 12, 12, 4, 12; 24, 16; 40
    scales = [[40 / two**3], [8 / two**3], [0, -8 / 2], [-4 / two, 0, -2 / two, -6 / two]]
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected four lists of numbers", 40),
        ("Not yet: expected four lists of numbers", "split"),
        ("Not yet: the lists should have 1, 1, 2 and 4 numbers, coarse to fine; got 8", [[4, 8, 6, 6, 1, 3, 3, 9]]),
        ("Nearly: these are plain means and halved differences", [[5], [1], [0, -2], [-2, 0, -1, -3]]),
        ("Nearly: that is fine to coarse", scales[::-1]),
        ("Not yet: look again at detail 2, detail 1.", [*scales[:2], [0, 4], [4 / two, 0, 2 / two, 6 / two]]),
        ("Right: ", scales),
    ]:
        checks.split_by_hand(given)
        assert said(capsys).startswith(answer)


def test_an_octave_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    for answer, low, high in [
        ("Still to do", ..., 250),
        ("Not yet: expected the two ends of an octave of section 4, such as 125 and 250; got 3 and 700", 3, 700),
        ("Not yet: expected the two ends", "low", None),
        ("Not yet: that octave holds 17%", 1000, 2000),
        ("Not yet: that octave holds 17%", 2000, 1000),
        ("Nearly: the lower frequency comes first", 1000, 500),
        ("Right: it holds 66%", 500, 1000.0),
        ("Right: it holds 66%", torch.tensor(500), np.float32(1000)),
    ]:
        checks.loudest_octave(low, high)
        assert said(capsys).startswith(answer)


def test_a_shift_that_keeps_coefficients_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    for answer, pixels in [
        ("Still to do", ...),
        ("Not yet: expected a whole number of pixels", "eight"),
        ("Not yet: expected a whole number of pixels", 0),
        ("Not yet: expected a whole number of pixels", 8.5),
        ("Not yet: 3 is odd", 3),
        ("Not yet: 12 pixels move detail 2 by whole places, but not detail 3", 12),
        ("Nearly: 16 pixels do it", 16),
        ("Right: ", 8),
        ("Right: ", 8.0),
        ("Right: ", np.int64(8)),
        ("Right: ", torch.tensor(8)),
    ]:
        checks.same_coefficients(pixels)
        assert said(capsys).startswith(answer)
