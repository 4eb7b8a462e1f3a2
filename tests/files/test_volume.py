"""One volume from NIfTI and NumPy's files, which the tests write themselves."""

import gzip
import io
import pickle
import re
import struct
import sys
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
import torch

import wam_widgets as wam

AFFINE = np.diag([0.5, 2.0, 3.0, 1.0])
AFFINE[:3, 3] = (-10, 20, 30)


def numbered(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def written(path: Path, values: np.ndarray, affine: np.ndarray | None = AFFINE, unit: str = "mm") -> Path:
    image = nibabel.Nifti1Image(values, affine)
    image.header.set_xyzt_units(unit)
    nibabel.save(image, path)
    return path


def patched(path: Path, *changes: tuple[int, bytes]) -> Path:
    """Write other bytes at some places of a file's header."""
    content = bytearray(path.read_bytes())
    for place, change in changes:
        content[place : place + len(change)] = change
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_nifti_comes_with_axes_spacing_and_affine(tmp_path: Path, suffix: str) -> None:
    values = numbered(4, 5, 6)  # x, y, z
    signal, grid = wam.load_volume(written(tmp_path / f"scan{suffix}", values))
    assert (signal.shape, signal.dtype) == ((1, 1, 6, 5, 4), torch.float32)
    assert np.array_equal(signal[0, 0].numpy(), values.transpose(2, 1, 0))
    assert (grid.axes, grid.spacing, grid.units) == (("z", "y", "x"), (3.0, 2.0, 0.5), ("mm",) * 3)
    z, y, x = 5, 1, 2
    assert np.array(grid.affine) @ (z, y, x, 1) == pytest.approx(AFFINE @ (x, y, z, 1))


def test_the_second_version_of_nifti_is_read_alike(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti2Image(numbered(4, 5, 6), AFFINE), tmp_path / "second.nii.gz")
    second, grid = wam.load_volume(tmp_path / "second.nii.gz")
    first, expected = wam.load_volume(written(tmp_path / "first.nii", numbered(4, 5, 6)))
    assert second.equal(first)
    assert grid == expected


@pytest.mark.parametrize("codes", ["RAS", "LPS", "SAL", "PIR", "ILA"])
def test_however_a_volume_was_stored_it_comes_the_same_way_round(tmp_path: Path, codes: str) -> None:
    upright = nibabel.Nifti1Image(numbered(4, 5, 6), AFFINE)
    turns = nibabel.orientations.axcodes2ornt(codes)
    stored = upright.as_reoriented(turns)
    nibabel.save(stored, tmp_path / "stored.nii")
    nibabel.save(upright, tmp_path / "upright.nii")
    signal, grid = wam.load_volume(tmp_path / "stored.nii")
    expected, expected_grid = wam.load_volume(tmp_path / "upright.nii")
    assert signal.equal(expected)
    assert grid.axes == expected_grid.axes
    np.testing.assert_allclose(np.array(grid.affine), np.array(expected_grid.affine))


@pytest.mark.parametrize(("unit", "millimetres"), [("mm", 1.0), ("micron", 1e-3), ("meter", 1e3), ("unknown", 1.0)])
def test_every_unit_becomes_millimetres(tmp_path: Path, unit: str, millimetres: float) -> None:
    _, grid = wam.load_volume(written(tmp_path / "scan.nii", numbered(4, 5, 6), unit=unit))
    assert grid.spacing == pytest.approx((3 * millimetres, 2 * millimetres, 0.5 * millimetres))
    assert np.array(grid.affine)[:3, 3] == pytest.approx(AFFINE[:3, 3] * millimetres)


def test_stored_integers_are_scaled_as_the_header_says(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(numbered(4, 5, 6).astype(np.int16), AFFINE)
    image.header.set_slope_inter(0.5, 10)
    nibabel.save(image, tmp_path / "scan.nii")
    raw = nibabel.load(tmp_path / "scan.nii")
    signal, _ = wam.load_volume(tmp_path / "scan.nii")
    np.testing.assert_allclose(signal[0, 0].numpy(), raw.get_fdata().transpose(2, 1, 0))  # type: ignore[attr-defined]  # a NIfTI image has it


def test_one_volume_of_a_series_is_taken_by_its_index(tmp_path: Path) -> None:
    series = numbered(4, 5, 6, 3)
    path = written(tmp_path / "series.nii.gz", series)
    for index in (0, 2, -1):
        signal, _ = wam.load_volume(path, index=index)
        assert np.array_equal(signal[0, 0].numpy(), series[..., index].transpose(2, 1, 0))
    words = r"must hold one volume; it holds 3, shape \(4, 5, 6, 3\)\. Pass which one to take, `index=0` to `index=2`\."
    with pytest.raises(ValueError, match=words):
        wam.load_volume(path)
    with pytest.raises(ValueError, match=r"`index` must be from 0 to 2 for .*; got 3\. Pass e\.g\. `index=0`\."):
        wam.load_volume(path, index=3)


def test_axes_of_one_after_the_third_are_no_axes(tmp_path: Path) -> None:
    signal, _ = wam.load_volume(written(tmp_path / "scan.nii", numbered(4, 5, 6, 1, 1)))
    assert signal.shape == (1, 1, 6, 5, 4)


def test_an_explanation_takes_the_signal_with_its_grid(tmp_path: Path) -> None:
    signal, grid = wam.load_volume(written(tmp_path / "scan.nii", numbered(4, 5, 6)))
    found = wam.explain(lambda x: x.flatten(1)[:, :2], signal, 0, method="saliency", level=1, grid=grid)
    assert found.grid == grid


@pytest.mark.parametrize("dtype", [np.float64, np.float16, np.uint8, np.int32, np.bool_])
def test_arrays_are_volumes_or_channels_of_them(tmp_path: Path, dtype: type) -> None:
    for shape in [(3, 4, 5), (2, 3, 4, 5)]:
        values: np.ndarray = (numbered(*shape) % 2).astype(dtype)
        np.save(tmp_path / "a.npy", values)
        np.savez(tmp_path / "a.npz", values)
        np.savez_compressed(tmp_path / "b.npz", volume=values, other=np.zeros(3))
        for found in (
            wam.load_volume(tmp_path / "a.npy"),
            wam.load_volume(str(tmp_path / "a.npz")),
            wam.load_volume(tmp_path / "b.npz", array="volume"),
        ):
            assert found[0].dtype == torch.float32
            assert np.array_equal(found[0].numpy(), values.astype(np.float32).reshape(1, -1, 3, 4, 5))
            assert found[1] == wam.Grid.default(3)


def test_an_array_in_fortran_order_and_big_endian_is_the_same_array(tmp_path: Path) -> None:
    values = numbered(3, 4, 5)
    np.save(tmp_path / "a.npy", np.asfortranarray(values.astype(">f8")))
    assert np.array_equal(wam.load_volume(tmp_path / "a.npy")[0][0, 0].numpy(), values)


def test_the_index_takes_one_volume_of_an_array(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", numbered(9, 3, 4, 5))
    np.save(tmp_path / "b.npy", numbered(9, 2, 3, 4, 5))
    assert wam.load_volume(tmp_path / "a.npy", index=7)[0].shape == (1, 1, 3, 4, 5)
    assert wam.load_volume(tmp_path / "b.npy", index=-1)[0].shape == (1, 2, 3, 4, 5)


def test_a_spacing_of_the_callers_stands_in_for_that_of_the_file(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", numbered(3, 4, 5))
    assert wam.load_volume(tmp_path / "a.npy", spacing=(2, 1, 0.5))[1] == wam.Grid(
        ("z", "y", "x"), (2.0, 1.0, 0.5), ("mm",) * 3
    )
    _, grid = wam.load_volume(written(tmp_path / "scan.nii", numbered(4, 5, 6)), spacing=(7.0, 8.0, 9.0))
    assert grid.spacing == (7.0, 8.0, 9.0)
    assert np.abs(np.array(grid.affine)[:3, :3]).sum(0) == pytest.approx((7, 8, 9))


def test_what_is_not_finite_is_counted_and_placed_or_filled(tmp_path: Path) -> None:
    values = numbered(3, 4, 5)
    values[1, 2, 3] = values[2, 0, 0] = np.nan
    values[2, 3, 4] = np.inf
    np.save(tmp_path / "a.npy", values)
    words = r"3 of 60 voxels are NaN or inf, the first at channel 0, z 1, y 2, x 3\. Pass `fill=0\.0`"
    with pytest.raises(ValueError, match=words):
        wam.load_volume(tmp_path / "a.npy")
    filled = wam.load_volume(tmp_path / "a.npy", fill=-1.0)[0]
    assert filled[0, 0, 1, 2, 3] == filled[0, 0, 2, 3, 4] == -1
    assert int((filled == -1).sum()) == 3
    with pytest.raises(ValueError, match=r"60 voxels are NaN or inf, the first at z 1, y 2, x 3\."):
        wam.load_volume(written(tmp_path / "scan.nii", values.transpose(2, 1, 0)))
    with pytest.raises(ValueError, match=r"`fill` must be None or a finite number; got nan"):
        wam.load_volume(tmp_path / "a.npy", fill=float("nan"))


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz", "a.npy", "a.npz"])
def test_a_header_that_declares_too_much_is_refused_before_anything_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.startswith("scan"):
        written(tmp_path / "scan.nii", numbered(4, 5, 6))
        patched(tmp_path / "scan.nii", (42, struct.pack("<3h", 30_000, 30_000, 30_000)))
        if name.endswith(".gz"):
            path.write_bytes(gzip.compress((tmp_path / "scan.nii").read_bytes()))
    else:
        stream = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            stream, {"descr": "<f4", "fortran_order": False, "shape": (30_000, 30_000, 30_000)}
        )
        member = stream.getvalue() + bytes(2**22)
        path.write_bytes(member)
        if name.endswith("z"):
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
                bundle.writestr("volume.npy", member)
    tracemalloc.start()
    words = r"must have at most 134217728 voxels; its header declares 27000000000000, shape \(30000, 30000, 30000\)\."
    with pytest.raises(ValueError, match=words + r" If you trust .* pass `most_voxels=27000000000000`\."):
        wam.load_volume(path)
    assert tracemalloc.get_traced_memory()[1] < 2**21
    tracemalloc.stop()


def test_the_limit_is_the_callers(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", numbered(3, 4, 5))
    assert wam.load_volume(tmp_path / "a.npy", most_voxels=60)[0].numel() == 60
    with pytest.raises(ValueError, match=r"at most 59 voxels; its header declares 60"):
        wam.load_volume(tmp_path / "a.npy", most_voxels=59)
    with pytest.raises(ValueError, match=r"`most_voxels` must be a whole number of at least 1; got 0"):
        wam.load_volume(tmp_path / "a.npy", most_voxels=0)


def test_headers_that_unpack_to_gigabytes_are_not_unpacked(tmp_path: Path) -> None:
    written(tmp_path / "scan.nii", numbered(4, 5, 6))
    patched(tmp_path / "scan.nii", (108, struct.pack("<f", 2e9)))
    bomb = tmp_path / "scan.nii.gz"
    bomb.write_bytes(gzip.compress((tmp_path / "scan.nii").read_bytes()))
    with pytest.raises(ValueError, match=r"its header declares extensions up to byte 2000000000\."):
        wam.load_volume(bomb)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as bundle:
        bundle.writestr("volume.npy", b"\x93NUMPY\x02\x00" + (2**31).to_bytes(4, "little") + bytes(2**22))
    with pytest.raises(ValueError, match=r"its header declares to be 2147483648 bytes long, more than 10000"):
        wam.load_volume(tmp_path / "a.npz")


@pytest.mark.parametrize("declared", [2**28, 7])  # 7: nibabel reads 8 bytes less, which to a stream means all there are
def test_the_extensions_of_a_header_are_never_read(tmp_path: Path, declared: int) -> None:
    values = numbered(4, 5, 6)
    content = patched(written(tmp_path / "scan.nii", values), (108, struct.pack("<f", 368))).read_bytes()
    extension = struct.pack("<4B4i", 1, 0, 0, 0, declared, 0, 0, 0)
    bomb = tmp_path / "bomb.nii.gz"
    bomb.write_bytes(gzip.compress(content[:348] + extension + content[352:] + bytes(2**26)))
    tracemalloc.start()
    signal, _ = wam.load_volume(bomb)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()
    assert np.array_equal(signal[0, 0].numpy(), values.transpose(2, 1, 0))


class _Surprise:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (pytest.fail, ("it was unpickled",))


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[[_Surprise()]]]), allow_pickle=True)
    np.savez(tmp_path / "a.npz", np.array([[[_Surprise()]]]), allow_pickle=True)
    (tmp_path / "b.npy").write_bytes(pickle.dumps(_Surprise()))
    for name in ("a.npy", "a.npz"):
        with pytest.raises(ValueError, match=r"it holds Python objects, which could run code when they are read"):
            wam.load_volume(tmp_path / name)
    with pytest.raises(ValueError, match=r"b\.npy' can't be read: .* Save it anew, `np\.save\(path, array\)`"):
        wam.load_volume(tmp_path / "b.npy")


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz", "a.npy", "a.npz"])
@pytest.mark.parametrize("kept", [0, 1, 5, 100, 347, 400, -200, -30])
def test_a_truncated_file_is_refused_by_its_name(tmp_path: Path, name: str, kept: int) -> None:
    path = tmp_path / name
    chance = np.random.default_rng(0).random((6, 7, 8)).astype(np.float32)
    if name.startswith("scan"):
        written(path, chance)
    elif name == "a.npy":
        np.save(path, chance)
    else:
        np.savez_compressed(path, chance)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match=rf"{re.escape(name)}' can't be read: "):
        wam.load_volume(path)


@pytest.mark.parametrize("name", ["scan.nii", "scan.nii.gz", "a.npy", "a.npz"])
def test_whatever_byte_is_damaged_there_is_an_answer_in_words(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    whole = numbered(3, 4, 5)
    if name.startswith("scan"):
        written(path, whole)
    elif name == "a.npy":
        np.save(path, whole)
    else:
        np.savez_compressed(path, whole)
    content = path.read_bytes()
    chance = np.random.default_rng(0)
    answers: list[str] = []
    for place in [*range(0, min(len(content), 360), 2), *chance.integers(0, len(content), 40)]:
        damaged = bytearray(content)
        damaged[place] ^= int(chance.integers(1, 256))
        path.write_bytes(damaged)
        try:
            signal, grid = wam.load_volume(path, most_voxels=10**6)
        except (ValueError, TypeError) as error:
            answers.append(str(error))
        else:
            assert signal.isfinite().all()
            assert len(grid.spacing) == 3
    assert all(len(answer) < 600 and answer.endswith(".") for answer in answers), answers


@pytest.mark.parametrize("index", [None, 0, 2])
def test_a_bit_that_flipped_in_a_compressed_file_is_never_taken_for_a_value(tmp_path: Path, index: int | None) -> None:
    shape = (25, 26, 27) if index is None else (25, 26, 27, 3)
    path = written(tmp_path / "scan.nii.gz", np.random.default_rng(0).random(shape, np.float32))
    content = path.read_bytes()
    for place in range(2000, len(content), len(content) // 20):
        damaged = bytearray(content)
        damaged[place] ^= 0x10
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"scan\.nii\.gz' can't be read: .* Export it anew"):
            wam.load_volume(path, index=index)


def test_what_lies_behind_a_volume_is_unpacked_up_to_the_limit_and_not_kept(tmp_path: Path) -> None:
    content = written(tmp_path / "scan.nii", numbered(4, 5, 6)).read_bytes()
    path = tmp_path / "long.nii.gz"
    path.write_bytes(gzip.compress(content + bytes(2**25)))
    tracemalloc.start()
    words = (
        r"long\.nii\.gz' can't be read: it goes on after 4194656 bytes, more than it declares and than `most_voxels`"
    )
    with pytest.raises(ValueError, match=words):
        wam.load_volume(path, most_voxels=2**20)
    assert wam.load_volume(path)[0].shape == (1, 1, 6, 5, 4)
    assert tracemalloc.get_traced_memory()[1] < 2**23
    tracemalloc.stop()


def test_an_array_that_is_longer_than_its_damaged_header_says_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", numbered(3, 4, 5))
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content.replace(b"(3, 4, 5)", b"(2, 4, 5)"))
    with pytest.raises(ValueError, match=r"a\.npz' can't be read: .* Save it anew"):
        wam.load_volume(tmp_path / "a.npz")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([(80, struct.pack("<f", 0.0))], r"it is \(0\.0, 2\.0, 3\.0\) along x, y and z"),
        ([(88, struct.pack("<f", -3.0))], r"it is \(0\.5, 2\.0, -3\.0\) along x, y and z"),
        ([(84, struct.pack("<f", float("nan")))], r"it is \(0\.5, nan, 3\.0\) along x, y and z"),
    ],
)
def test_a_spacing_that_is_not_positive_is_refused_unless_another_is_given(
    tmp_path: Path, changes: list[tuple[int, bytes]], words: str
) -> None:
    no_matrix = [(252, bytes(4))]  # neither qform nor sform
    path = patched(written(tmp_path / "scan.nii", numbered(4, 5, 6)), *no_matrix, *changes)
    message = rf"The voxel spacing in .*scan\.nii' must be positive, along axes that differ; {words}\. Pass it, `spac"
    with pytest.raises(ValueError, match=message):
        wam.load_volume(path)
    signal, grid = wam.load_volume(path, spacing=(3, 2, 1))
    assert (signal.shape, grid.spacing) == ((1, 1, 6, 5, 4), (3.0, 2.0, 1.0))


@pytest.mark.parametrize("codes", ["RAS", "LPS", "SAL", "PIR"])
@pytest.mark.parametrize("kept", ["nothing", "qform", "bad sform and qform"])
def test_a_file_with_the_spacing_that_it_lacks_is_the_healthy_file(tmp_path: Path, codes: str, kept: str) -> None:
    upright = nibabel.Nifti1Image(numbered(4, 5, 6), AFFINE)
    image = upright.as_reoriented(nibabel.orientations.axcodes2ornt(codes))
    image.set_qform(image.affine, code=1)
    image.set_sform(image.affine, code=0)
    nibabel.save(image, tmp_path / "healthy.nii")
    nibabel.save(image, tmp_path / "bad.nii")
    if kept == "nothing":
        for name in ("healthy.nii", "bad.nii"):
            patched(tmp_path / name, (252, bytes(4)))
    if kept.startswith("bad"):
        patched(tmp_path / "bad.nii", (254, struct.pack("<h", 1)), (280, bytes(48)))
    signal, grid = wam.load_volume(tmp_path / "healthy.nii")
    bad = patched(tmp_path / "bad.nii", (80, struct.pack("<3f", 0, -2, float("nan"))))
    with pytest.raises(ValueError, match=r"must be positive, along axes that differ"):
        wam.load_volume(bad)
    mended, mended_grid = wam.load_volume(bad, spacing=grid.spacing)
    assert mended.equal(signal)
    assert mended_grid.spacing == grid.spacing
    np.testing.assert_allclose(np.array(mended_grid.affine), np.array(grid.affine), atol=1e-5)


def test_an_affine_whose_axes_fall_together_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "scan.nii", numbered(4, 5, 6))
    patched(path, (280, struct.pack("<4f", 1, 1, 0, 0)), (296, struct.pack("<4f", 1, 1, 0, 0)))
    with pytest.raises(ValueError, match=r"must be positive, along axes that differ"):
        wam.load_volume(path)


@pytest.mark.parametrize("spacing", [(1, 1), (1, 1, 0), (1, 1, -2.0), (1, 1, float("inf")), "mm", 1.0])
@pytest.mark.usefixtures("as_a_user")
def test_a_spacing_that_is_none_is_refused(tmp_path: Path, spacing: Any) -> None:
    np.save(tmp_path / "a.npy", numbered(3, 4, 5))
    with pytest.raises(ValueError, match=r"`spacing` must be three positive distances along z, y and x, in mm; got "):
        wam.load_volume(tmp_path / "a.npy", spacing=spacing)


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((4, 5), r"must have the axes \(z, y, x\) or \(channel, z, y, x\); its shape is \(4, 5\)\."),
        ((2, 1, 3, 4, 5), r"its shape is \(2, 1, 3, 4, 5\)\. Pass e\.g\. `index=0` to take the first volume\."),
        (
            (30, 3, 4, 5),
            r"at most 8 channels; its shape is \(30, 3, 4, 5\)\. Pass `ind.* `np\.moveaxis\(array, -1",
        ),
        ((3, 0, 5), r"must hold at least one voxel along each axis; its shape is \(3, 0, 5\)\."),
    ],
)
def test_an_array_of_another_shape_is_refused_with_the_remedy(
    tmp_path: Path, shape: tuple[int, ...], words: str
) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape))
    with pytest.raises(ValueError, match=words):
        wam.load_volume(tmp_path / "a.npy")


def test_numbers_that_are_not_real_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((3, 4, 5), complex))
    with pytest.raises(TypeError, match=r"must hold real numbers; its values are complex128\. Save one real channel"):
        wam.load_volume(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.full((3, 4, 5), "text"))
    with pytest.raises(ValueError, match=r"it holds <U4, no numbers"):
        wam.load_volume(tmp_path / "a.npy")
    nibabel.save(nibabel.Nifti1Image(np.zeros((3, 4, 5), np.complex64), AFFINE), tmp_path / "scan.nii")
    with pytest.raises(TypeError, match=r"its values are complex64"):
        wam.load_volume(tmp_path / "scan.nii")


def test_a_two_dimensional_scan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must hold volumes, with the axes \(x, y, z\).*; its shape is \(4, 5\)\."):
        wam.load_volume(written(tmp_path / "scan.nii", numbered(4, 5)))


def test_one_of_several_arrays_is_asked_for_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=numbered(3, 4, 5), label=np.zeros(3))
    words = r"which has 'image', 'label'; none was chosen\. Pass e\.g\. `array='image'`\."
    with pytest.raises(ValueError, match=words):
        wam.load_volume(tmp_path / "a.npz")
    with pytest.raises(ValueError, match=r"`array='imag'` was asked for\. Did you mean 'image'\?"):
        wam.load_volume(tmp_path / "a.npz", array="imag")
    np.savez(tmp_path / "b.npz", test_images=numbered(3, 4, 5), test_labels=np.zeros(3))
    with pytest.raises(ValueError, match=r"For MedMNIST, call `wam\.load_medmnist`\."):
        wam.load_volume(tmp_path / "b.npz")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("scan.dcm", r"must end in \.nii, \.nii\.gz, \.npy or \.npz; got .* convert DICOM .* dcm2niix"),
        ("scan.gz", r"must end in \.nii, \.nii\.gz"),
        ("chair.obj", r"pass meshes and point clouds to `wam\.voxelise\(.*chair\.obj'\)`"),
    ],
)
def test_another_kind_of_file_is_sent_where_it_belongs(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(ValueError, match=words):
        wam.load_volume(tmp_path / name)


@pytest.mark.usefixtures("as_a_user")
def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is nothing at .*missing\.nii"):
        wam.load_volume(tmp_path / "missing.nii")
    with pytest.raises(FileNotFoundError, match=r"there is a folder at"):
        wam.load_volume(tmp_path)
    with pytest.raises(TypeError, match=r"`path` must be the path of a file; got ndarray"):
        wam.load_volume(np.zeros((3, 4, 5)))  # type: ignore[arg-type]  # the mistake
    np.save(tmp_path / "a.npy", numbered(3, 4, 5))
    with pytest.raises(TypeError, match=r"`index` must be None or a whole number; got 0\.5"):
        wam.load_volume(tmp_path / "a.npy", index=0.5)  # type: ignore[arg-type]  # the mistake
    with pytest.raises(ValueError, match=r"`index` takes one of several volumes"):
        wam.load_volume(tmp_path / "a.npy", index=0)


def test_without_nibabel_the_command_that_installs_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "scan.nii", numbered(4, 5, 6))
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(ImportError, match=r'Reading NIfTI needs .*`nibabel`.*pip install "wam-widgets\[volumes\]"'):
        wam.load_volume(path)
