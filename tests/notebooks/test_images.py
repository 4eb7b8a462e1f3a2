from __future__ import annotations

import pytest
import torch

import wam_widgets as wam
from notebooks import checks

from .exercises import Cats, said


def test_the_coarsest_of_three_photos_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    signal = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(5))
    explanation = wam.explain(Cats(), signal, 285, level=4, samples=8, progress=False)
    shares = explanation.scale_shares()[:, :3].sum(1)
    names = ["coffee", "camera", "cat"]
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected one of 'coffee', 'camera', 'cat'; got 2", 2),
        (f"Not yet: {names[int(shares.argmin())]} has", names[int(shares.argmin())]),
        (f"Right: {names[int(shares.argmax())]}", names[int(shares.argmax())]),
    ]:
        checks.coarsest_found(explanation, given)
        assert said(capsys).startswith(answer)


def test_a_mixture_of_two_photos_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    camera, cat = (wam.samples.images()[name].signal for name in ("camera", "cat"))

    def blocks(photo: torch.Tensor, side: int) -> torch.Tensor:
        """Replace squares by their mean, which is what the coarse scales of haar hold."""
        means = torch.nn.functional.avg_pool2d(photo, side)
        return torch.nn.functional.interpolate(means, scale_factor=side, mode="nearest")

    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected a photo, a tensor of shape (1, 3, 224, 224); got 'cat'", "cat"),
        ("Nearly: that is down to detail 5", blocks(camera, 16) + cat - blocks(cat, 16)),
        ("Nearly: the other way round", blocks(cat, 8) + camera - blocks(camera, 8)),
        ("Not yet: those are the camera's coarse scales alone", blocks(camera, 8)),
        ("Not yet: the coarse scales of both are in it", blocks(camera, 8) + cat),
        ("Not yet: add `coarse(camera, 'detail 4')`", cat),
        ("Right: ", blocks(camera, 8) + cat - blocks(cat, 8)),
        ("Right: ", (blocks(camera, 8) + cat - blocks(cat, 8)).double()),
    ]:
        checks.scales_mixed(given)
        assert said(capsys).startswith(answer)


def test_the_scale_that_speaks_for_the_right_side_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    def score(output: torch.Tensor) -> torch.Tensor:
        """Score 16 × 16 pixels: for rows that differ, against columns that differ two pixels apart, at the right."""
        picture = output.unflatten(1, (8, 2, 4, 2, 2))[:, :, :, 2:]  # of rows and of columns: pairs, of pairs
        rows, wide = picture.sum((1, 3, 4, 5)), picture.sum((1, 2, 3, 5))
        found: torch.Tensor = rows[:, 0] - rows[:, 1] - wide[:, 0] + wide[:, 1]
        return found

    across = torch.tensor([2.0, 2, 1, 1]).repeat(4)  # its columns differ in detail 2
    signal = (across + torch.tensor([0.5, 0.0]).repeat(8)[:, None]).expand(1, 1, 16, 16).contiguous()
    found = wam.explain(
        lambda pixels: pixels.flatten(1), signal, score, method="integrated_gradients", level=2, progress=False
    )
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected the name of a scale, such as 'detail 2'; got 1", 1),
        ("Nearly: that speaks most for the espresso", "detail 1"),
        ("Not yet: approximation contributes +0.0", "approximation"),
        ("Right: detail 2 contributes -64", "detail 2"),
    ]:
        checks.side_separated(found, given)
        assert said(capsys).startswith(answer)
