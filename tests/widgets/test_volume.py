"""The viewer of volumes from Python: what the browser gets, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import wam_widgets as wam
from wam_widgets.transform.geometry import cells
from wam_widgets.widgets.explorers.volume import MOST_SHOWN, MOST_SIDE, _factor

from .cases import explanation

SIZE = (12, 9, 14)


@pytest.fixture
def viewer() -> Iterator[wam.VolumeViewer]:
    made = wam.VolumeViewer(explanation(*SIZE, level=1))
    yield made
    made.close()


def floats(data: bytes) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.frombuffer(data, "<f4")


def test_the_browser_gets_the_volume_and_its_bands(viewer: wam.VolumeViewer) -> None:
    sent, seen = viewer._signal, viewer.explanation
    assert np.allclose(floats(sent["grey"]).reshape(SIZE), seen.signal[0].mean(0))
    assert np.allclose(floats(viewer._values["attribution"]), seen.attribution.flatten()[0].flatten())
    assert sent["coefficients"] == b""  # nothing is rebuilt there
    names = ["approximation", "aad", "ada", "add", "daa", "dad", "dda", "ddd"]
    assert [band["orientation"] for band in sent["bands"]] == names
    assert [band["shape"] for band in sent["bands"]] == [
        list(band.shape[2:]) for _, _, band in seen.attribution.bands()
    ]
    starts = np.cumsum([0, *(np.prod(band["shape"]) for band in sent["bands"])])
    assert [band["start"] for band in sent["bands"]] == starts[:-1].tolist()
    assert starts[-1] == sent["count"]
    assert sent["bands"][3]["axes"] == ["12 1 a", "9 1 d", "14 1 d"]
    tiling = cells(9, str(seen.wavelet), 1, "d")
    assert np.array_equal(np.frombuffer(sent["axes"]["9 1 d"]["tile"], np.uint16), tiling.tile)
    assert np.allclose(floats(sent["axes"]["9 1 d"]["width"]), np.diff(tiling.edges))


def test_it_opens_at_the_middle_and_says_what_it_is(viewer: wam.VolumeViewer) -> None:
    assert viewer.cursor == [6, 4, 7]
    assert repr(viewer).startswith("VolumeViewer of ")
    assert isinstance(wam.show(explanation(*SIZE, level=1)), wam.VolumeViewer)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("cursor", [0, 0], r"`cursor` must be three indices, along z, y, x; got \[0, 0\]. Pass e.g. `\[6, 4, 7\]`"),
        ("cursor", [0, 9, 0], "`cursor` must be between 0 and 8; got 9"),
        ("rotation", [0, 91], "`rotation` must be between -90 and 90; got 91"),
        ("rotation", [0], "two angles in degrees"),
        ("pan", [0], "two fractions of the longest side"),
        ("clip", [0, 1], "a begin and an end per axis, as fractions, six numbers"),
        (
            "clip",
            [0, 1, 0.5, 0.5, 0, 1],
            r"at least 0.01 after it begins; got 0.5 to 0.5 along axis 1\. Pass e\.g\. `\[0",
        ),
        ("weights", [1], r"one entry per scale \(approximation, detail 1\), 2; got 1"),
        ("look", "iso", "must be one of 'volume', 'maximum', 'surface'"),
        ("orientations", ["horizontal"], "must be among 'aad'"),
        ("zoom", 0, "`zoom` must be between 0.2 and 16"),
        ("up", 3, "`up` must be between 0 and 2"),
    ],
)
def test_a_setting_that_cannot_be_right_is_refused(viewer: wam.VolumeViewer, name: str, value: Any, words: str) -> None:
    before = getattr(viewer, name)
    with pytest.raises(ValueError, match=words):
        setattr(viewer, name, value)
    assert getattr(viewer, name) == before


@pytest.mark.parametrize(("axes", "up"), [(("z", "y", "x"), 0), (("depth", "up", "width"), 1), (("a", "b", "up"), 2)])
def test_the_axis_that_is_named_so_points_up_in_space_and_on_the_thumbnail(axes: tuple[str, ...], up: int) -> None:
    given = explanation(*SIZE, level=1, items=2, grid=wam.Grid(axes, (1.0,) * 3, ("voxel",) * 3))
    viewer = wam.VolumeViewer(given)
    assert viewer.up == up
    thumbnail = viewer._items[0]
    photo = np.frombuffer(thumbnail["photo"], np.uint8).reshape(*thumbnail["size"], 4)
    grey = given.signal[0].mean(0).numpy()
    expected = grey.max(0) if "up" not in axes else grey.max(0)[::-1] if up == 1 else grey.max(0).T[::-1]
    assert photo.shape[:2] == expected.shape
    assert np.abs(photo[..., 0] / 255 - (expected - expected.min()) / np.ptp(expected)).max() < 0.01
    assert wam.VolumeViewer(given, up=2).up == 2


def test_the_affine_is_sent() -> None:
    affine = ((0.0, 0.0, 3.0, 1.0), (0.0, 2.0, 0.0, 2.0), (1.0, 0.0, 0.0, 3.0), (0.0, 0.0, 0.0, 1.0))
    grid = wam.Grid(("z", "y", "x"), (1.0, 2.0, 3.0), ("mm",) * 3, affine)
    assert wam.VolumeViewer(explanation(*SIZE, level=1, grid=grid))._signal["grid"]["affine"] == list(map(list, affine))


def test_only_volumes_that_a_page_can_hold_are_viewed(as_a_user: None) -> None:
    with pytest.raises(ValueError, match=r"3 spatial axes; got 2, of size \(12, 17\)"):
        wam.VolumeViewer(explanation())
    with pytest.raises(ValueError, match="at most 4 channels; got 5"):
        wam.VolumeViewer(explanation(8, 8, 8, channels=5))
    with pytest.raises(TypeError, match="shows an Explanation; got Tensor"):
        wam.VolumeViewer(torch.zeros(1))  # type: ignore[arg-type]
    large = wam.explain(lambda x: x.mean((1, 2, 3, 4), keepdim=False)[:, None], torch.rand(1, 1, 128, 128, 260), 0,
                        method="saliency", wavelet=None, progress=False)  # fmt: skip
    words = r"4,259,840\. Explain a smaller one: `.*avg_pool3d\(signal, 2\)`, with `grid=grid\.coarser\(2\)`"
    with pytest.raises(ValueError, match=words):
        wam.VolumeViewer(large)


@pytest.mark.parametrize(
    ("size", "channels"),
    [((2, 2, 2097152), 1), ((2, 2, 2097152), 4), ((3, 2049, 5), 1), ((5, 1500, 1500), 4), ((170, 170, 170), 1)],
)
def test_a_volume_that_is_pooled_as_advised_is_viewed(size: tuple[int, int, int], channels: int) -> None:
    factor = _factor(size, channels)
    steps = (factor,) * 3 if isinstance(factor, int) else factor
    pooled = [side // step for side, step in zip(size, steps, strict=True)]
    assert min(pooled) >= 1
    assert max(pooled) <= MOST_SIDE
    assert np.prod(pooled) * channels <= MOST_SHOWN
    assert np.prod(pooled) * channels > MOST_SHOWN / 16 or max(pooled) >= MOST_SIDE / 2
    assert wam.Grid.default(3).coarser(factor).spacing == steps


def test_a_run_asks_the_model_about_another_class() -> None:
    given = explanation(8, 8, 8, level=1)
    weights = torch.randn(given.signal.numel(), 3, generator=torch.Generator().manual_seed(1))
    viewer = wam.VolumeViewer(given, model=lambda volume: torch.tanh(volume.flatten(1) @ weights / 20), target=1)
    viewer.run()
    viewer.wait()
    assert viewer._problem == ""
    assert viewer.explanation.target is not None
    assert int(viewer.explanation.target[0]) == 1
    viewer.close()
