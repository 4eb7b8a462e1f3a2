"""What can be seen in an explanation without the model."""

# one fault of a file, one line

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.testing import assert_close

import wam_widgets as wam

from .networks import SmallNet, signal_of

SIZES = [(37,), (13, 18), (7, 9, 6)]


def explained(*size: int, **options: Any) -> wam.Explanation:
    return wam.explain(SmallNet(len(size)), signal_of(*size), 1, **{"level": 2, "samples": 9, **options})


@given(size=st.sampled_from(SIZES), wavelet=st.sampled_from(["haar", "db4", "bior4.4", "coif2", None]))
def test_a_map_sums_to_the_magnitudes_of_its_scale(size: tuple[int, ...], wavelet: str | None) -> None:
    explanation = explained(*size, wavelet=wavelet, mode="symmetric")
    maps = explanation.maps()
    assert maps.shape == (2, len(explanation.scales), *size)
    assert (maps >= 0).all()
    for index, scale in enumerate(explanation.scales):
        bands = [band.abs().flatten(1).sum(1) for name, _, band in explanation.attribution.bands() if name == scale]
        assert_close(maps[:, index].flatten(1).sum(1), torch.stack(bands).sum(0))
    assert_close(explanation.heatmap(), maps.sum(1))
    assert_close(explanation.maps(orientations=True).sum(2), maps)
    assert explanation.maps(orientations=True).shape[2] == (1, 3, 7)[len(size) - 1]


@given(size=st.sampled_from(SIZES), wavelet=st.sampled_from(["haar", "db4", "bior4.4", None]))
def test_all_coefficients_rebuild_the_signal_and_none_the_baseline(size: tuple[int, ...], wavelet: str | None) -> None:
    explanation = explained(*size, wavelet=wavelet, mode="symmetric")
    assert_close(explanation.rebuild(fraction=1.0), explanation.signal, atol=1e-9, rtol=0)
    assert not explanation.rebuild(fraction=0.0).any()
    path = explained(*size, wavelet=wavelet, mode="symmetric", method="integrated_gradients", baseline=0.4)
    assert_close(path.rebuild(fraction=1.0), path.signal, atol=1e-9, rtol=0)
    assert_close(path.rebuild(fraction=0.0), torch.full_like(path.signal, 0.4))


def test_a_rebuilt_signal_keeps_the_most_important_positions_of_the_chosen_scales() -> None:
    explanation = explained(16, 16)
    importance = explanation.attribution.details[1]["vertical"].abs().sum(1)
    z = wam.decompose(explanation.signal, level=2)
    kept = wam.decompose(explanation.rebuild(fraction=0.25, scales=["detail 1"]), level=2)
    assert kept.approximation.abs().max() < 1e-12
    every = torch.stack([band.abs().sum(1) for band in explanation.attribution.details[1].values()], 1).flatten(1)
    threshold = every.sort(dim=1, descending=True).values[:, 3 * 64 // 4 - 1]
    expected = torch.where((importance >= threshold[:, None, None])[:, None], z.details[1]["vertical"], 0)
    assert_close(kept.details[1]["vertical"], expected, atol=1e-12, rtol=0)
    with pytest.raises(ValueError, match=r"`scales` must be among .*; got 'detail 4'. Did you mean"):
        explanation.rebuild(scales=["detail 4"])


def weights_by_hand(explanation: wam.Explanation, *, signed: bool) -> list[np.ndarray[Any, Any]]:
    """Return what every band of item 1 is multiplied with, one weight for all channels of a position."""
    bands = [band[1].numpy() for *_, band in explanation.attribution.bands()]
    sums = [(band if signed else np.abs(band)).sum(0) for band in bands]
    return [each / max(float(np.abs(band).max()) for band in sums) for each in sums]


@pytest.mark.parametrize("wavelet", ["haar", "db4", None])
@pytest.mark.parametrize("selection", ["soft", "modulating"])
def test_a_selection_weighs_coefficients_by_their_attribution(selection: Any, wavelet: str | None) -> None:
    explanation = explained(37, wavelet=wavelet, mode="symmetric")
    weights = weights_by_hand(explanation, signed=selection == "modulating")
    assert max(float(np.abs(each).max()) for each in weights) == 1
    assert min(float(each.min()) for each in weights) < 0 or selection == "soft"
    coefficients = explanation.signal_coefficients()
    expected = iter(weights)
    weighed = coefficients.map(lambda band: band[1:] * torch.from_numpy(next(expected)))
    assert_close(explanation.rebuild(selection=selection)[1:], wam.reconstruct(weighed))


@pytest.mark.parametrize("selection", ["soft", "modulating"])
def test_what_is_selected_of_different_scales_adds_up(selection: Any) -> None:
    explanation = explained(13, 18)
    parts = [explanation.rebuild(selection=selection, scales=[scale]) for scale in explanation.scales]
    assert_close(torch.stack(parts).sum(0), explanation.rebuild(selection=selection))
    assert_close(parts[0] + parts[1], explanation.rebuild(selection=selection, scales=list(explanation.scales[:2])))


def test_of_equal_attributions_all_selections_are_the_signal() -> None:
    explanation = explained(16, wavelet=None)
    equal = dataclasses.replace(explanation, gradient=torch.full_like(explanation.gradient, 0.3))
    assert_close(equal.rebuild(selection="soft"), equal.signal)
    assert_close(equal.rebuild(selection="modulating"), equal.signal)
    against = dataclasses.replace(explanation, gradient=torch.full_like(explanation.gradient, -0.3))
    assert_close(against.rebuild(selection="modulating"), -equal.signal)


def test_a_soft_selection_is_of_the_kept_positions_only() -> None:
    explanation = explained(64, wavelet=None)
    hard, soft = (explanation.rebuild(fraction=0.25, selection=how) for how in ("hard", "soft"))
    assert ((soft != 0) == (hard != 0)).all()
    assert (soft.abs() <= hard.abs()).all()


@pytest.mark.parametrize("selection", ["soft", "modulating"])
def test_without_any_attribution_nothing_is_selected(selection: Any) -> None:
    path = explained(16, method="integrated_gradients", baseline=0.4)
    nothing = dataclasses.replace(path, gradient=torch.zeros_like(path.gradient))
    assert_close(nothing.rebuild(selection=selection), torch.full_like(path.signal, 0.4))


def test_a_selection_that_does_not_exist_or_has_no_sign_is_refused(as_a_user: None) -> None:
    with pytest.raises(
        ValueError, match=r"`selection` must be one of 'hard', 'soft', 'modulating'; got 'sotf'. Did you"
    ):
        explained(16).rebuild(selection="sotf")  # type: ignore[arg-type]
    amounts = explained(16, aggregate="mean_abs")
    assert amounts.rebuild(selection="soft").shape == amounts.signal.shape
    with pytest.raises(ValueError, match=r"A modulating selection .* got aggregate='mean_abs'"):
        amounts.rebuild(selection="modulating")


def test_completeness_belongs_to_integrated_gradients() -> None:
    explanation = explained(13, 18)
    for ask in (explanation.completeness_gap, explanation.completeness_by_scale):
        with pytest.raises(ValueError, match=r"property of Integrated Gradients; got method 'smoothgrad'"):
            ask()


def test_a_relative_gap_is_measured_in_the_difference_of_scores() -> None:
    path = explained(13, 18, method="integrated_gradients", samples=3)
    assert path.baseline_score is not None
    assert_close(
        path.completeness_gap(relative=True), path.completeness_gap() / (path.score - path.baseline_score).abs()
    )


def test_a_view_checks_what_it_is_given(as_a_user: None) -> None:
    explanation = explained(13, 18)
    with pytest.raises(ValueError, match=r"`level=7` is too deep.*at most 4 times"):
        explanation.view(level=7)
    with pytest.raises(ValueError, match="Did you mean 'db4'"):
        explanation.view(wavelet="db44")
    with pytest.raises(ValueError, match="Did you mean 'zero'"):
        explanation.view(mode="zeros")
    assert explanation.view(wavelet=None).scales == ("approximation",)
    assert explanation.view(wavelet=None).view(wavelet="haar").scales == explanation.scales


def test_an_explanation_says_in_a_line_what_it_is() -> None:
    assert repr(explained(13, 18, labels=["a", "b", "c"])) == (
        "Explanation of 2 items (b, b): smoothgrad, sensitivity, in haar, level 2; 9 passes per item"
    )
    assert repr(explained(13, 18, method="saliency", wavelet=None)) == (
        "Explanation of 2 items (column 1, column 1): saliency, sensitivity, in its own samples; 1 pass per item"
    )


def test_xarray_holds_maps_on_the_grid() -> None:
    grid = wam.Grid(("y", "x"), (0.5, 2.0), ("mm", "mm"))
    explanation = explained(13, 18, grid=grid, labels=["a", "b", "c"])
    data = explanation.to_xarray()
    assert data["map"].dims == ("item", "scale", "y", "x")
    np.testing.assert_allclose(data["map"].sel(scale="detail 1").values, explanation.maps()[:, 2].numpy())
    assert data["y"].values[-1] == 6.0
    assert data["x"].attrs["units"] == "mm"
    assert data["explained"].values.tolist() == ["b", "b"]
    assert data.attrs["method"] == "smoothgrad"


@pytest.mark.parametrize("factor", [1e-30, 1e30])
@pytest.mark.parametrize("method", ["smoothgrad", "saliency"])
def test_shares_do_not_depend_on_the_unit_of_the_score(factor: float, method: Any) -> None:
    signal = signal_of(13, 18).float()
    model = SmallNet(2).float()
    options = {"method": method, "level": 2, "samples": 16}
    expected = wam.explain(model, signal, 1, **options)
    found = wam.explain(lambda x: factor * model(x), signal, 1, **options)
    assert_close(found.scale_shares(), expected.scale_shares(), rtol=1e-3, atol=1e-5)
    if method == "smoothgrad":
        assert_close(found.scale_share_intervals(), expected.scale_share_intervals(), rtol=1e-3, atol=1e-4)


def test_shares_of_what_is_not_finite_are_not_finite() -> None:
    explanation = explained(13, 18, method="saliency")
    explanation.gradient[0, 0, 0, 0] = torch.nan
    assert explanation.scale_shares()[0].isnan().all()
    assert explanation.scale_shares()[1].isfinite().all()


# -------------------------------------------------------------------------------------------------------------- storage

KINDS: dict[str, dict[str, Any]] = {
    "smoothgrad": {},
    "integrated gradients": {"method": "integrated_gradients", "baseline": "mean", "tolerance": 0.1},
    "a callable": {"method": "saliency", "wavelet": None},
    "magnitudes": {"aggregate": "mean_abs", "grid": wam.Grid(("y", "x"), (0.5, 2.0), ("mm", "mm"))},
    "labels": {"labels": ["a", "b", "</script>"], "seed": [3, 4]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_gives_back_everything(kind: str, tmp_path: Path) -> None:
    target: Any = wam.Contrast(1, 0) if kind == "a callable" else 1
    explanation = wam.explain(SmallNet(2), signal_of(13, 18), target, **{"level": 2, **KINDS[kind]})
    explanation.save(tmp_path / "e.safetensors")
    again = wam.load(str(tmp_path / "e.safetensors"))
    assert repr(again) == repr(explanation)
    for name in ("method", "kind", "wavelet", "level", "mode", "grid", "labels", "seed", "aggregate", "settings"):
        assert getattr(again, name) == getattr(explanation, name), name
    for name in ("signal", "gradient", "output", "target", "score", "passes", "baseline", "baseline_score"):
        expected = getattr(explanation, name)
        assert_close(getattr(again, name), expected, rtol=0, atol=0) if expected is not None else None
    assert_close(again.attribution.flatten(), explanation.attribution.flatten(), rtol=0, atol=0)
    if kind in {"smoothgrad", "magnitudes"}:
        assert_close(again.standard_error().flatten(), explanation.standard_error().flatten(), rtol=0, atol=0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e.safetensors"]


def write(path: Path, header: Any, **tensors: torch.Tensor) -> Path:
    safetensors.torch.save_file(tensors, path, metadata={"wam_widgets.explanation": json.dumps(header)})
    return path


@pytest.fixture
def parts(tmp_path: Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    path = tmp_path / "whole.safetensors"
    explained(13, 18).save(path)
    with safetensors.safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        return json.loads(metadata["wam_widgets.explanation"]), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "version": ({"version": 99}, {}, "its version is 99, not 1"),
    "method": ({"method": "magic"}, {}, "its method is 'magic'"),
    "wavelet": ({"wavelet": "__import__"}, {}, "discrete wavelets; got '__import__'"),
    "level": ({"level": 40}, {}, "is too deep"),
    "level text": ({"level": "3"}, {}, "whole number"),
    "mode": ({"mode": []}, {}, "`mode` must be one of"),
    "settings": ({"settings": [1]}, {}, "its settings are no table"),
    "grid": ({"grid": {"axes": ["y"]}}, {}, "isn't"),
    "grid of a volume": ({"grid": dataclasses.asdict(wam.Grid.default(3))}, {}, "one axis per spatial axis"),
    "labels": ({"labels": 5}, {}, "its labels are 5"),
    "one label": ({"labels": ["a"]}, {}, "one name per column of the output, 3; got 1"),
    "seed": ({"seed": "x"}, {}, "its seed are 'x'"),
    "column": ({}, {"target": torch.tensor([7, 0])}, "column of the model's output, 0 to 2"),
    "signal": ({}, {"signal": torch.ones(3)}, r"got shape \(3,\)"),
    "gradient": (
        {},
        {"gradient": torch.ones(1, 1, 2, 2, dtype=torch.float64)},
        r"`gradient` must have shape .*; got \(1, 1, 2, 2\)",
    ),
    "target": ({}, {"target": torch.tensor([0.5, 0.5])}, "its target is not finite, or of dtype"),
    "half": (
        {},
        {"gradient": torch.ones(2, 2, 13, 18).half()},
        "its gradient is not finite, or of dtype torch.float16",
    ),
    "single": (
        {},
        {"gradient": torch.ones(2, 2, 13, 18)},
        "its gradient is torch.float32 and its signal torch.float64",
    ),
    "NaN": ({}, {"score": torch.full((2,), torch.nan)}, "its score is not finite"),
    "complex": ({}, {"target": torch.ones(2, dtype=torch.complex64)}, "its target is not finite, or of dtype"),
    "groups": ({}, {"groups.counts": torch.zeros(9, 2, dtype=torch.float64)}, "its groups have shapes"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_file_that_contradicts_itself_is_refused(
    what: str, parts: tuple[dict[str, Any], dict[str, torch.Tensor]], tmp_path: Path, as_a_user: None
) -> None:
    header, tensors, words = REFUSED[what]
    path = write(tmp_path / "bad", parts[0] | header, **(parts[1] | tensors))
    with pytest.raises(ValueError, match=rf"must be an explanation that `save` wrote.*{words}"):
        wam.load(path)


@pytest.mark.parametrize("missing", ["gradient", "signal", "score", "settings", "labels"])
def test_a_file_that_lacks_something_is_refused(
    missing: str, parts: tuple[dict[str, Any], dict[str, torch.Tensor]], tmp_path: Path, as_a_user: None
) -> None:
    header = {key: value for key, value in parts[0].items() if key != missing}
    tensors = {key: value for key, value in parts[1].items() if key != missing}
    with pytest.raises(ValueError, match="must be an explanation that `save` wrote"):
        wam.load(write(tmp_path / "bad", header, **tensors))


def test_truncated_and_foreign_files_are_refused_and_nothing_is_executed(tmp_path: Path) -> None:
    whole, bad = tmp_path / "whole", tmp_path / "bad"
    explained(13, 18).save(whole)
    content = whole.read_bytes()
    import pickle

    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path(tmp_path / "executed").touch, ())

    torch.save(Hostile(), tmp_path / "pickled")
    for data in (
        content[: len(content) // 2],
        content[:5],
        b"",
        b"\xff" * 64,  # a header length beyond the file
        pickle.dumps(Hostile()),
        (tmp_path / "pickled").read_bytes(),
        safetensors.torch.save({"signal": torch.ones(1)}),  # another program's file
        safetensors.torch.save({}, {"wam_widgets.explanation": "[" * 100_000}),
        safetensors.torch.save({}, {"wam_widgets.explanation": "3"}),
    ):
        bad.write_bytes(data)
        with pytest.raises(ValueError, match="must be an explanation that `save` wrote"):
            wam.load(bad)
    assert not (tmp_path / "executed").exists()


def test_paths_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    explanation = explained(13, 18)
    with pytest.raises(FileNotFoundError, match=r"The folder of the file must exist; got .*mkdir"):
        explanation.save(tmp_path / "none" / "e.safetensors")
    with pytest.raises(IsADirectoryError, match="must name a file"):
        explanation.save(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is none at"):
        wam.load(tmp_path / "none")


def test_a_save_that_fails_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "e.safetensors"
    explained(13, 18).save(path)
    path.chmod(0o640)
    old = path.read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(OSError, match="No space left"):
        explained(21, 26).save(path)
    assert path.read_bytes() == old
    assert [each.name for each in tmp_path.iterdir()] == ["e.safetensors"]


def test_a_saved_file_has_the_mode_of_any_other(tmp_path: Path) -> None:
    explained(13, 18).save(tmp_path / "e")
    (tmp_path / "other").touch()
    assert (tmp_path / "e").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_loaded_explanation_does_not_hang_on_its_file(tmp_path: Path) -> None:
    path = tmp_path / "e"
    explained(13, 18).save(path)
    loaded = wam.load(path)
    os.truncate(path, 100)
    assert loaded.gradient.isfinite().all()


def test_links_are_followed_and_pipes_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "e")
    explained(13, 18).save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "e").is_file()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileExistsError, match="got the device or pipe"):
        explained(13, 18).save(tmp_path / "pipe")


def test_an_item_is_an_explanation_of_its_own() -> None:
    both = wam.explain(SmallNet(2), signal_of(8, 8), samples=16, level=2)
    alone = wam.explain(SmallNet(2), signal_of(8, 8)[1:], samples=16, level=2)
    for one in (both[1], both[-1]):
        assert len(one) == 1
        assert_close(one.attribution.flatten(), alone.attribution.flatten())
        assert_close(one.standard_error().flatten(), alone.standard_error().flatten())
        assert_close(one.scale_shares(), alone.scale_shares())
    assert [both[0].names(), both[1].names()] == [[name] for name in both.names()]


def test_an_item_is_asked_for_by_a_number_that_exists(as_a_user: None) -> None:
    explanation = wam.explain(SmallNet(2), signal_of(8, 8), samples=8, level=2)
    with pytest.raises(IndexError, match=r"has 2 item\(s\), numbered from 0; got 2"):
        explanation[2]
    with pytest.raises(TypeError, match="by its number; got 'cat'"):
        explanation["cat"]  # type: ignore[index]
