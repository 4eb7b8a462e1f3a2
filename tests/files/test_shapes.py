"""Meshes and clouds of points as voxels."""

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import trimesh

import wam_widgets as wam

SUFFIXES = (".glb", ".obj", ".off", ".ply", ".stl")


def box(x: float, y: float, z: float) -> trimesh.Trimesh:
    made: trimesh.Trimesh = trimesh.creation.box((x, y, z))
    return made


def test_the_faces_of_a_box_are_met_and_its_inside_and_outside_are_not() -> None:
    signal, grid = wam.voxelise(box(8, 4, 2), size=10, share=0.8)
    cube = signal[0, 0]
    assert (signal.shape, signal.dtype) == ((1, 1, 10, 10, 10), torch.float32)
    assert grid.axes == ("z", "y", "x")
    assert grid.spacing == (1.0, 1.0, 1.0)
    # 8 x 4 x 2 units in cells of 1, in the middle: its faces lie on the borders of cells 1 to 9, 3 to 7 and 4 to 6.
    assert set(cube.unique().tolist()) == {0, 1}
    met = cube.nonzero()
    assert met.min(0).values.tolist() == [4, 3, 1]
    assert (met.max(0).values <= torch.tensor([6, 7, 9])).all()
    assert not cube[5, 4:6, 2:8].any() or not cube[4, 4:6, 2:8].any()


@pytest.mark.parametrize("size", [8, 21, 64])
def test_every_cell_that_a_slanted_plane_runs_through_amid_is_met(size: int) -> None:
    corners = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0.5], [0, 1, 0.5]])
    signal, _ = wam.voxelise(trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3]]), size=size, share=1.0)
    assert signal[0, 0].any(0).all(), "seen from above, there is no hole"


def test_a_point_lies_where_the_affine_says() -> None:
    points = np.random.default_rng(0).normal(size=(50, 3)) * (1, 2, 3) + (5, -7, 0)
    signal, grid = wam.voxelise(points, size=16, axes=("y", "z", "x"))
    assert grid.axes == ("y", "z", "x")
    affine = np.array(grid.affine)
    met = signal[0, 0].nonzero().numpy()
    centres = met @ affine[:3, :3].T + affine[:3, 3]
    distance = np.abs(points[:, None] - centres).max(2)
    assert (distance.min(1) <= grid.spacing[0] / 2 + 1e-9).all(), "each point has a voxel, …"
    assert (distance.min(0) <= grid.spacing[0] / 2 + 1e-9).all(), "… and each voxel a point"


def test_the_longest_side_takes_its_share_and_the_shape_lies_in_the_middle() -> None:
    corners = torch.tensor([[0.0, 0.0, 0.0], [10.0, 4.0, 2.0]])
    signal, grid = wam.voxelise(corners, size=20, share=0.5)
    assert grid.spacing == pytest.approx((1, 1, 1))
    assert signal[0, 0].nonzero().tolist() == [[9, 8, 5], [11, 12, 15]]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_is_its_mesh(tmp_path: Path, suffix: str) -> None:
    mesh = trimesh.creation.icosphere(subdivisions=2)
    mesh.export(tmp_path / f"ball{suffix}")
    expected, _ = wam.voxelise(mesh, size=16)
    assert wam.voxelise(tmp_path / f"ball{suffix}", size=16)[0].equal(expected)
    assert wam.voxelise(str(tmp_path / f"ball{suffix}"), size=16)[0].equal(expected)


@pytest.mark.parametrize("suffix", [".ply", ".xyz"])
def test_a_cloud_in_a_file_is_its_points(tmp_path: Path, suffix: str) -> None:
    points = np.random.default_rng(0).normal(size=(50, 3)).round(3)
    cloud = trimesh.PointCloud(points)
    cloud.export(tmp_path / f"cloud{suffix}")
    expected, _ = wam.voxelise(points, size=16)
    assert wam.voxelise(tmp_path / f"cloud{suffix}", size=16)[0].equal(expected)
    assert wam.voxelise(cloud, size=16)[0].equal(expected)
    assert wam.voxelise(points.tolist(), size=16)[0].equal(expected)


def test_the_parts_of_a_scene_stand_where_they_do() -> None:
    scene = trimesh.Scene([box(1, 1, 1)])
    scene.add_geometry(box(1, 1, 1), transform=trimesh.transformations.translation_matrix([9, 0, 0]))
    row = wam.voxelise(scene, size=10, share=1.0)[0].amax((0, 1, 2, 3))
    assert row[0] == row[9] == 1
    assert not row[2:8].any()


def test_the_same_shape_is_the_same_voxels_and_no_random_number_is_used_up() -> None:
    mesh = trimesh.creation.torus(2, 1)
    before = torch.get_rng_state(), str(np.random.get_state())  # noqa: NPY002  # the global one is the point
    first, second = (wam.voxelise(mesh, size=24)[0] for _ in range(2))
    assert first.equal(second)
    assert before[0].equal(torch.get_rng_state())
    assert before[1] == str(np.random.get_state())  # noqa: NPY002  # as above


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("shape", "error", "words"),
    [
        (np.zeros((0, 3)), ValueError, r"must have a surface or points; it has neither\."),
        (np.zeros((3, 4)), ValueError, r"shape \(point, 3\); got float64 of shape \(3, 4\)\. Transpose it"),
        (torch.zeros(1, 1, 8, 8, 8), ValueError, r"a volume needs no voxelising"),
        ([[1, 2, 3], [4]], ValueError, r"`shape` can't be read: .* Pass points of three coordinates each"),
        (np.ones((4, 3)), ValueError, r"must have an extent; all 4 point\(s\) lie at \(1\.0, 1\.0, 1\.0\)\."),
        (
            np.array([[0, 0, 0], [0, np.nan, 0], [np.inf, 0, 0]]),
            ValueError,
            r"2 of 3 points have NaN or inf, the first at row 1\. Leave them out",
        ),
        (trimesh.Trimesh(), ValueError, r"got a mesh of 0 vertices and no faces"),
        (
            trimesh.Trimesh(np.eye(3), [[0, 1, 1]], process=False),
            ValueError,
            r"the 1 face\(s\) of the mesh have no area\. Pass its points, `voxelise\(mesh\.vertices\)`",
        ),
        (trimesh.Scene(), ValueError, r"it has neither"),
        (42, TypeError, r"or an object of trimesh; got int"),
    ],
)
def test_what_is_no_shape_is_refused_with_the_remedy(shape: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        wam.voxelise(shape)


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": 1}, r"`size` must be a whole number from 2 to 512; got 1\."),
        ({"size": 4096}, r"`size` must be a whole number from 2 to 512; got 4096\."),
        ({"size": 8.5}, r"got 8\.5"),
        ({"axes": 5}, r"`axes` must be 'x', 'y' and 'z' in some order; got 5\. Pass e\.g\. `axes="),
        ({"share": 0}, r"`share` must be more than 0 and at most 1; got 0\."),
        ({"share": 1.5}, r"got 1\.5"),
        ({"axes": ("z", "y")}, r"`axes` must be 'x', 'y' and 'z' in some order; got \('z', 'y'\)\."),
        ({"axes": "zyy"}, r"`axes` must be"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        wam.voxelise(np.eye(3), **options)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("content", [b"", b"nonsense", bytes(200)])
def test_a_file_that_is_no_mesh_is_refused_by_its_name_or_as_empty(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"{re.escape(path.name)}' can't be read: "):
        wam.voxelise(path)


@pytest.mark.parametrize("suffix", [".glb", ".ply", ".stl"])
def test_a_truncated_mesh_is_refused_by_its_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"ball{suffix}"
    trimesh.creation.icosphere().export(path)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match=r"ball\.[a-z]+' can't be read: .* Export it anew"):
        wam.voxelise(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda content: content[:-1],
            "it declares 320 triangles, for which it must have 16084 bytes; it has 16083, so",
        ),
        (lambda content: content[:84], r"320 triangles, .* 16084 bytes; it has 84, so that it is damaged"),
        (
            lambda content: content[:80] + (7).to_bytes(4, "little") + content[84:],
            r"7 triangles, .* 434 bytes; it has 16",
        ),
        (lambda content: b"solid" + content[5:-1], r"no surface and no point was found, .* damaged or no \.stl file"),
    ],
)
def test_a_binary_stl_of_another_length_is_refused_with_its_lengths(tmp_path: Path, change: Any, words: str) -> None:
    path = tmp_path / "ball.stl"
    trimesh.creation.icosphere(subdivisions=2).export(path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=rf"ball\.stl' can't be read: .*{words}.* Export it anew"):
        wam.voxelise(path)


@pytest.mark.parametrize(("kept", "named"), [("glb", "stl"), ("stl", "obj"), ("ply", "obj")])
def test_a_mesh_of_another_kind_than_its_suffix_says_is_refused_by_its_name(
    tmp_path: Path, kept: str, named: str
) -> None:
    trimesh.creation.icosphere().export(tmp_path / f"ball.{kept}")
    path = (tmp_path / f"ball.{kept}").rename(tmp_path / f"ball.{named}")
    with pytest.raises(ValueError, match=rf"ball\.{named}' can't be read: .* Export it anew"):
        wam.voxelise(path)


@pytest.mark.parametrize("content", ["v 8.4 22.5 30\nv 11.57", "v 8.4 22.5\nv 11.57 3\nv 1 2\nf 1 2 3\n"])
def test_an_obj_that_ends_within_a_vertex_is_refused_by_its_name(tmp_path: Path, content: str) -> None:
    (tmp_path / "cut.obj").write_text(content)
    with pytest.raises(ValueError, match=r"cut\.obj' can't be read: .* Export it anew"):
        wam.voxelise(tmp_path / "cut.obj")


def test_another_kind_of_file_and_one_too_large_are_refused(tmp_path: Path) -> None:
    (tmp_path / "scan.nii").touch()
    with pytest.raises(ValueError, match=r"a file that ends in \.glb, .* Volumes are read by `wam\.load_volume`"):
        wam.voxelise(tmp_path / "scan.nii")
    with (tmp_path / "large.stl").open("wb") as file:
        file.truncate(2**28 + 2**20)
    with pytest.raises(ValueError, match=r"at most 256 MiB; .*large\.stl' has 257 MiB\. Simplify the mesh"):
        wam.voxelise(tmp_path / "large.stl")
    with pytest.raises(FileNotFoundError, match="there is nothing at"):
        wam.voxelise(tmp_path / "missing.stl")


def test_without_trimesh_points_are_voxelised_and_meshes_name_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mesh = box(1, 1, 1)
    mesh.export(tmp_path / "box.stl")
    monkeypatch.setitem(sys.modules, "trimesh", None)
    assert wam.voxelise(np.eye(3))[0].any()
    for shape in (mesh, tmp_path / "box.stl"):
        with pytest.raises(ImportError, match=r'`trimesh`.* pip install "wam-widgets\[volumes\]"'):
            wam.voxelise(shape)
