"""ipyvolume's figure from Python: the surface is where it should be, and nothing of ipyvolume's is disturbed."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

import wam_widgets as wam
from wam_widgets.widgets.explorers.ipyvolume_figure import _surface

from .cases import explanation

SIZE = (12, 9, 14)


def test_the_surface_of_a_ball_is_its_sphere() -> None:
    axes = np.meshgrid(*(np.arange(40.0),) * 3, indexing="ij")
    distance = np.sqrt(sum((axis - 19.5) ** 2 for axis in axes))
    found = _surface(np.maximum(1 - distance / 20, 0), 0.5, np.array([2.0, 1.0, 1.0]))
    assert found is not None
    corners, triangles = found
    # Half of the largest value, which is that of the middle voxels, lies 10 voxels from the middle.
    radius = np.linalg.norm((corners - [39, 19.5, 19.5]) / [2, 1, 1], axis=1)
    np.testing.assert_allclose(radius, 10.4, atol=0.25)
    assert triangles.max() < len(corners)
    assert _surface(np.zeros((4, 4, 4)), 0.5, np.ones(3)) is None


def test_the_figure_holds_the_input_and_the_map_on_the_same_axes() -> None:
    given = explanation(*SIZE, level=1, grid=wam.Grid(("z", "y", "x"), (2.0, 1.0, 1.0), ("mm", "mm", "mm")))
    shown = wam.to_ipyvolume(given, scale="detail 1", threshold=0.4)
    figure, (scales, level) = shown.children[-1], shown.children[0].children
    (volume,), (mesh,) = figure.volumes, figure.meshes
    np.testing.assert_allclose(volume.data_original, given.signal[0].mean(0), atol=1e-6)
    assert [tuple(map(float, side)) for side in volume.extent_original] == [(-0.5, 13.5), (-0.5, 8.5), (-1, 23)]
    assert [tuple(getattr(figure, name)) for name in ("xlim", "ylim", "zlim")] == [(-0.5, 23.5), (-0.5, 23.5), (-1, 23)]
    assert (figure.xlabel, figure.ylabel, figure.zlabel) == ("x (mm)", "y (mm)", "z (mm)")
    found = _surface(given.maps()[0, 1].double().numpy(), 0.4, np.array([2.0, 1.0, 1.0]))
    assert found is not None
    np.testing.assert_allclose(np.stack([mesh.z, mesh.y, mesh.x], 1), found[0])
    before = len(mesh.x)
    level.value = 0.7
    assert len(mesh.x) != before
    scales.value = "all scales"
    assert scales.options == ("all scales", *given.scales)
    assert isinstance(wam.show(given, backend="ipyvolume"), type(shown))


def test_axes_of_different_units_are_in_voxels() -> None:
    video = explanation(*SIZE, level=1, grid=wam.Grid(("time", "y", "x"), (0.04, 2.0, 2.0), ("s", "mm", "mm")))
    figure = wam.to_ipyvolume(video).children[-1]
    assert (figure.xlabel, figure.ylabel, figure.zlabel) == ("x (voxel)", "y (voxel)", "time (voxel)")
    extent = [tuple(map(float, side)) for side in figure.volumes[0].extent_original]
    assert extent == [(-0.5, 13.5), (-0.5, 8.5), (-0.5, 11.5)]


def test_a_volume_of_one_slice_is_drawn_in_its_place() -> None:
    figure = wam.to_ipyvolume(explanation(1, 9, 9, level=1, mode="symmetric")).children[-1]
    extent = [tuple(map(float, side)) for side in figure.volumes[0].extent_original]
    assert extent == [(-0.5, 8.5), (-0.5, 8.5), (-0.5, 0.5)]


def test_ipyvolume_s_current_figure_stays_as_it_was() -> None:
    import ipyvolume

    mine = ipyvolume.figure()
    known = set(ipyvolume.pylab.current.figures)
    wam.to_ipyvolume(explanation(*SIZE, level=1))
    assert ipyvolume.gcf() is mine
    assert set(ipyvolume.pylab.current.figures) == known
    ipyvolume.clear()


def test_what_cannot_be_drawn_is_refused(as_a_user: None, monkeypatch: pytest.MonkeyPatch) -> None:
    given = explanation(*SIZE, level=1)
    with pytest.raises(ValueError, match="or None for all; got 'detail 2'"):
        wam.to_ipyvolume(given, scale="detail 2")
    for threshold in (0.005, 1):
        with pytest.raises(ValueError, match=f"`threshold` must be from 0.01 to 0.99; got {threshold}"):
            wam.to_ipyvolume(given, threshold=threshold)
    for size in (-5, 0, 10**9, "big", 480.5):
        with pytest.raises(ValueError, match=f"`size` must be a whole number of pixels from 50 to 4096; got {size!r}"):
            wam.to_ipyvolume(given, size=size)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="which have 3 spatial axes; got 2"):
        wam.to_ipyvolume(explanation())
    with pytest.raises(ValueError, match=r"got 'ipyvol'\. Did you mean 'ipyvolume'"):
        wam.show(given, backend="ipyvol")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="asks no model"):
        wam.show(given, model=torch.nn.Identity(), backend="ipyvolume")
    with pytest.raises(TypeError, match=r"no setting 'look'; it has 'item', 'scale', 'threshold', 'size'\. Leave out"):
        wam.show(given, backend="ipyvolume", look="surface")
    monkeypatch.setitem(sys.modules, "ipyvolume", None)
    with pytest.raises(ImportError, match=r'pip install "wam-widgets\[ipyvolume\]"'):
        wam.to_ipyvolume(given)
