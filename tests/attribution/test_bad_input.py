"""Every mistake is told before any pass: the rule, what came, and what to type."""

# ruff: noqa: E501  # one mistake, one line

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor

import wam_widgets as wam

from .networks import SmallNet, signal_of

pytestmark = pytest.mark.usefixtures("as_a_user")

NAN = signal_of(13, 18).index_put(
    (torch.tensor(1), torch.tensor(0), torch.tensor(2), torch.tensor(3)), torch.tensor(torch.nan).double()
)

MISTAKES: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "array": ({"signal": signal_of(13, 18).numpy()}, TypeError, r"must be a torch tensor.*got ndarray.*`torch.as_tensor"),
    "integers": ({"signal": torch.ones(1, 1, 8, 8, dtype=torch.int64)}, TypeError, r"float32 or float64; got torch.int64.*signal.float\(\)"),
    "half": ({"signal": signal_of(13, 18).half()}, TypeError, r"got torch.float16. Pass `signal.float\(\)`"),
    "no item axis": ({"signal": torch.rand(8, 8)}, ValueError, r"axes \(item, channel, \*space\).*got shape \(8, 8\).*signal\[None\]"),
    "too many axes": ({"signal": torch.rand(1, 1, 4, 4, 4, 4)}, ValueError, r"1, 2 or 3 spatial axes; got shape \(1, 1, 4, 4, 4, 4\)"),
    "no items": ({"signal": torch.rand(0, 2, 13, 18)}, ValueError, r"at least one item.*got shape \(0, 2, 13, 18\), which is empty"),
    "NaN": ({"signal": NAN}, ValueError, r"must be finite; got 1 NaN or inf value\(s\), the first in item 1 at index \(0, 2, 3\).*nan_to_num"),
    "infinite": ({"signal": NAN.nan_to_num(torch.inf)}, ValueError, "must be finite; got 1 NaN or inf"),
    "model": ({"model": 3}, TypeError, r"`model` must be callable; got int. Pass a torch.nn.Module"),
    "level too deep": ({"level": 9}, ValueError, r"`level=9` is too deep.*\(13, 18\).*at most 4 times with 'haar'.*'reflect'. Pass `level=4`"),
    "level zero": ({"level": 0}, ValueError, r"`level` must be at least 1; got 0.*`wavelet=None`"),
    "level half": ({"level": 1.5}, TypeError, r"whole number of decompositions; got 1.5"),
    "wavelet": ({"wavelet": "db44"}, ValueError, r"106 discrete wavelets; got 'db44'. Did you mean 'db4'\?"),
    "wavelet type": ({"wavelet": 4}, TypeError, r"a name such as 'haar'.*got int"),
    "mode": ({"mode": "reflection"}, ValueError, r"`mode` must be one of 'zero'.*got 'reflection'. Did you mean 'reflect'\?"),
    "method": ({"method": "smooth_grad"}, ValueError, r"`method` must be one of.*got 'smooth_grad'. Did you mean 'smoothgrad'\?"),
    "aggregate": ({"aggregate": "mean_squares"}, ValueError, r"`aggregate` must be one of.*Did you mean 'mean_square'\?"),
    "rule": ({"method": "integrated_gradients", "rule": "gauss"}, ValueError, r"`rule` must be one of.*got 'gauss'. Did you mean"),
    "rule of smoothgrad": ({"rule": "midpoint"}, ValueError, r"`rule` belongs to method 'integrated_gradients'; got rule=midpoint with method 'smoothgrad'"),
    "noise of a path": ({"method": "integrated_gradients", "noise": 0.1}, ValueError, r"`noise` belongs to method 'smoothgrad'"),
    "baseline of smoothgrad": ({"baseline": torch.zeros(1)}, ValueError, r"`baseline` belongs to method 'integrated_gradients'; got baseline=a tensor"),
    "magnitudes of a path": ({"method": "integrated_gradients", "aggregate": "mean_abs"}, ValueError, r"`aggregate` belongs to method 'saliency' or 'smoothgrad'"),
    "rule that can't refine": ({"method": "integrated_gradients", "rule": "midpoint", "tolerance": 0.1}, ValueError, r"needs a rule that can be refined; got rule='midpoint'"),
    "target type": ({"target": 1.5}, TypeError, r"`target` must be None.*got float"),
    "target text": ({"target": "cat"}, TypeError, r"got str. Pass e.g. `target=3`"),
    "target length": ({"target": [1, 2, 0]}, ValueError, r"one class per item, shape \(2,\); got shape \(3,\)"),
    "target dtype": ({"target": torch.tensor([1.0, 2.0])}, TypeError, r"whole numbers; got torch.float32. Pass `target.long\(\)`"),
    "samples": ({"samples": 0}, ValueError, r"`samples` must be from 1 to 65536; got 0. Pass e.g. `samples=25`"),
    "samples half": ({"samples": 2.5}, TypeError, r"`samples` must be a whole number or 'auto'; got 2.5"),
    "samples auto": ({"samples": "auto"}, ValueError, r"`samples='auto'` needs a tolerance"),
    "max_samples": ({"max_samples": -1}, ValueError, r"`max_samples` must be from 1"),
    "too few to refine": ({"tolerance": 0.1, "max_samples": 5}, ValueError, r"`max_samples` must be at least 16 with a tolerance and method='smoothgrad'; got 5"),
    "too few to adapt": ({"method": "integrated_gradients", "rule": "adaptive", "samples": 5}, ValueError, r"`samples` must be at least 15 with rule='adaptive'; got 5"),
    "one-point trapezoid": ({"method": "integrated_gradients", "rule": "trapezoid", "samples": 1}, ValueError, r"at least 2 with rule='trapezoid'"),
    "tolerance": ({"tolerance": -0.1}, ValueError, r"`tolerance` must be a positive number; got -0.1"),
    "noise": ({"noise": -0.1}, ValueError, r"`noise` must be a fraction of the item's range, 0 to 10; got -0.1"),
    "noise in per cent": ({"noise": 25}, ValueError, r"0 to 10; got 25. Pass e.g. `noise=0.25` for a quarter"),
    "noise NaN": ({"noise": float("nan")}, ValueError, r"`noise` must be a fraction"),
    "baseline": ({"method": "integrated_gradients", "baseline": "blurr"}, ValueError, r"got 'blurr'. Did you mean 'blur'\?"),
    "baseline type": ({"method": "integrated_gradients", "baseline": [0, 1]}, TypeError, r"`baseline` must be None, a number.*got list"),
    "baseline shape": ({"method": "integrated_gradients", "baseline": torch.zeros(5)}, ValueError, r"must broadcast to the signal's shape \(2, 2, 13, 18\); got \(5,\).*baseline.reshape\(-1, 1, 1\)"),
    "baseline NaN": ({"method": "integrated_gradients", "baseline": float("nan")}, ValueError, r"`baseline` must be finite"),
    "batch size": ({"batch_size": 0}, ValueError, r"`batch_size` must be 'auto' or at least 1; got 0"),
    "precision": ({"precision": "float16"}, ValueError, r"`precision` must be None.*or 'bfloat16'; got 'float16'"),
    "seed": ({"seed": -1}, ValueError, r"`seed` must be a whole number from 0, or one per item \(2\); got -1"),
    "seeds": ({"seed": [1, 2, 3]}, ValueError, r"one per item \(2\); got \[1, 2, 3\]"),
    "labels": ({"labels": 3}, TypeError, r"`labels` must be one name per column of the output; got int"),
    "grid": ({"grid": wam.Grid.default(3)}, ValueError, r"`grid` must describe the signal's 2 spatial axes; got 3"),
    "grid type": ({"grid": "mm"}, TypeError, r"`grid` must be a Grid; got str"),
    "target hole": ({"target": [None, 1]}, TypeError, r"one whole number per item; got \[None, 1\]"),
    "progress": ({"progress": "yes"}, TypeError, r"`progress` must be None, False or a callable.*got 'yes'"),
    "progress of one": ({"progress": lambda done: done}, TypeError, r"callable of two numbers \(done, planned\); got <function"),
    "watch": ({"watch": True}, TypeError, r"`watch` must be None or a callable of an Explanation; got True. Pass e.g. `watch=lambda"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_mistake_is_named_before_any_pass(mistake: str) -> None:
    given, kind, words = MISTAKES[mistake]
    passes = []

    def model(signal: Tensor) -> Tensor:
        passes.append(len(signal))
        return signal.flatten(1)

    arguments = {"model": model, "signal": signal_of(13, 18), **given}
    with pytest.raises(kind, match=words):
        wam.explain(arguments.pop("model"), arguments.pop("signal"), arguments.pop("target", None), **arguments)
    assert not passes


@pytest.mark.parametrize("target", [3, -1, [0, 3], 10**20], ids=str)
def test_a_column_that_is_not_there_is_named_before_any_gradient(target: Any) -> None:
    model = SmallNet(2)
    with pytest.raises(ValueError, match=r"column of the model's output, 0 to 2; got .*Pass e.g. `target=2`"):
        wam.explain(model, signal_of(13, 18), target)
    with pytest.raises(ValueError, match="0 to 2"):
        wam.explain(model, signal_of(13, 18), wam.Contrast(1, 7))


@pytest.mark.parametrize(
    ("score", "kind", "words"),
    [
        (lambda output: output, ValueError, r"one number per item, shape \(.*got shape \(.*, 3\)"),
        (lambda output: output.sum(), ValueError, r"got shape \(\)"),
        (lambda output: output.argmax(1), ValueError, r"floating dtype; got shape .* and torch.int64"),
        (lambda output: 3.0, TypeError, r"must return a tensor of one number per item; got float"),
    ],
    ids=["matrix", "scalar", "integers", "number"],
)
def test_a_score_is_one_number_per_item(score: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        wam.explain(SmallNet(2), signal_of(13, 18), score)


@pytest.mark.parametrize(
    ("model", "kind", "words"),
    [
        (
            lambda x: x,
            ValueError,
            r"axes \(item, column\).*got shape \(.*13, 18\).*`target=lambda output: output\[:, 3\].flatten\(1\).mean\(1\)`",
        ),
        (
            lambda x: "cat",
            TypeError,
            r"must return a tensor, an object with `.logits`, a dict .*got str.*output.scores\[",
        ),
        (
            lambda x: {"out": x},
            TypeError,
            r"got dict. Pass a callable .* `target=lambda output: output\['out'\]\[:, 3\]`",
        ),
        (lambda x: (x * 0).long().flatten(1), ValueError, r"floating dtype; got .* torch.int64"),
        (
            lambda x: x.flatten()[:1][None].repeat(7, 1),
            ValueError,
            r"one row per item; it was given . item\(s\) and returned 7 row",
        ),
    ],
    ids=["segmentation", "text", "dictionary", "integers", "rows"],
)
def test_an_output_without_columns_is_refused_with_the_way_out(model: Any, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        wam.explain(model, signal_of(13, 18))


@pytest.mark.parametrize(
    "model",
    [
        lambda x: SmallNet(2)(x.detach()),
        lambda x: torch.from_numpy(x.detach().numpy()).flatten(1),
        torch.no_grad()(SmallNet(2)),
        lambda x: torch.ones(len(x), 3, dtype=x.dtype, requires_grad=True) * 2,
    ],
    ids=["detach", "numpy", "no_grad", "ignores its input"],
)
def test_a_score_without_a_path_to_the_signal_is_refused(model: Any) -> None:
    with pytest.raises(ValueError, match=r"no path of autograd leads.*`.detach\(\)`, `torch.no_grad\(\)`"):
        wam.explain(model, signal_of(13, 18), 1)


def test_a_zero_gradient_is_a_valid_answer() -> None:
    silence = torch.zeros(1, 1, 64)
    with pytest.warns(RuntimeWarning, match=r"^Item\(s\) \[0\] are silent \(zero everywhere\), and so is their expl"):
        found = wam.explain(lambda x: x.square().flatten(1), silence, 3)
    assert found.attribution.total() == 0
    assert not found.heatmap().any()
    assert not found.scale_shares().any()
    assert not found.scale_share_intervals().any()
    assert not any(bool(band.any()) for *_, band in found.significant().bands())
    assert not found.denoised().gradient.any()


# -------------------------------------------------------------------------------- what is explained, but with a word

BESIDE = signal_of(64, channels=1)  # two items; one becomes the case, the other stays what it is


@pytest.mark.parametrize(
    ("item", "options", "words"),
    [
        (torch.zeros(1, 64), {}, r"^Item\(s\) \[1\] are silent \(zero everywhere\), and so is their explanation"),
        (torch.zeros(1, 64), {"method": "saliency"}, r"are silent \(zero everywhere\), and so is their explanation"),
        (
            torch.zeros(1, 64),
            {"method": "integrated_gradients", "tolerance": 0.05, "max_samples": 2000},
            r"are silent \(zero everywhere\), and so is their explanation",
        ),
        (
            torch.full((1, 64), 0.5),
            {"method": "integrated_gradients", "baseline": "mean", "tolerance": 0.05, "max_samples": 2000},
            r"^Item\(s\) \[1\] equal their baseline.*Pass another `baseline`",
        ),
        (
            1e-4 * BESIDE[0],
            {"method": "saliency"},
            r"^Item\(s\) \[1\] have an explanation that is zero everywhere: .* change with the signal where .*floor in the model",
        ),
        (
            1e-4 * BESIDE[0],
            {"method": "integrated_gradients", "tolerance": 0.05, "max_samples": 2000},
            r"the score doesn't change along the line to them\. Look for a floor",
        ),
    ],
    ids=["silence", "saliency", "path", "baseline", "floor", "floor of a path"],
)
def test_an_explanation_that_is_zero_says_why(item: Tensor, options: dict[str, Any], words: str) -> None:
    signal = BESIDE.clone()
    signal[1] = item

    def decibels(sound: Tensor) -> Tensor:
        return sound.square().mean(2).clamp(min=1e-4).log10()

    with pytest.warns(RuntimeWarning, match=words) as told:
        found = wam.explain(decibels, signal, 0, level=2, progress=False, **options)
    assert len(told) == 1
    flat = found.contribution().attribution.flatten()
    assert not flat[1].any()
    assert flat[0].any()


def test_silence_that_a_model_is_sensitive_to_is_said_to_be_silent() -> None:
    with pytest.warns(
        RuntimeWarning, match=r"silent \(zero everywhere\): their contributions are zero, and their grad"
    ):
        found = wam.explain(SmallNet(1), torch.zeros(1, 2, 64, dtype=torch.float64), 1)
    assert found.gradient.any()
    assert not found.contribution().attribution.flatten().any()


# ---------------------------------------------------------------------------------------------------- models of sound


class Listener(torch.nn.Module):
    """A model that knows its sampling rate and counts its passes."""

    sample_rate = 16_000

    def __init__(self) -> None:
        super().__init__()
        self.passes = 0

    def forward(self, sound: Tensor) -> Tensor:
        self.passes += len(sound)
        return sound.square().flatten(1)[:, :3]


@pytest.mark.parametrize(("spacing", "unit"), [(1 / 44_100, "s"), (1000 / 44_100, "ms")])
def test_a_rate_that_is_not_the_model_s_is_refused_before_any_pass(spacing: float, unit: str) -> None:
    grid, model = wam.Grid(("time",), (spacing,), (unit,)), Listener()
    words = (
        r"sampling rate that the model is made for, 16000 Hz \(`sample_rate` of Listener\); got a grid of 44100 Hz\. "
        r"Resample it, e\.g\. with `scipy\.signal\.resample_poly\(sound, 160, 441, axis=-1\)`.*`grid=Grid\.sound\(16000\)`"
    )
    with pytest.raises(ValueError, match=words):
        wam.explain(model, torch.rand(1, 1, 441), 0, grid=grid)
    assert not model.passes


@pytest.mark.parametrize(
    "options",
    [
        {"front_end": wam.LogMel(8000, n_fft=64, hop_length=32, n_mels=4)},
        {"model": torch.nn.Sequential(wam.LogMel(8000, n_fft=64, hop_length=32, n_mels=4), torch.nn.Flatten())},
    ],
    ids=["front end", "sequence"],
)
def test_a_front_end_has_a_rate_too(options: dict[str, Any]) -> None:
    grid = wam.Grid(("time",), (1 / 16_000,), ("s",))
    with pytest.raises(
        ValueError, match=r"made for, 8000 Hz \(`sample_rate` of .*resample_poly\(sound, 1, 2, axis=-1\)"
    ):
        wam.explain(options.pop("model", Listener()), torch.rand(1, 1, 441), 0, grid=grid, **options)


@pytest.mark.parametrize(
    "grid",
    [None, wam.Grid(("time",), (1 / 16_000,), ("s",)), wam.Grid(("depth",), (0.1,), ("mm",))],
    ids=["none", "the same", "no time"],
)
def test_a_rate_that_fits_or_is_unknown_is_no_matter(grid: Any) -> None:
    assert wam.explain(Listener(), torch.rand(1, 1, 441), 0, grid=grid).passes.item() == 25


@pytest.mark.parametrize(("full", "bits"), [(100, 8), (20_000, 16), (8_000_000, 24), (2**31 - 1, 32)])
def test_whole_numbers_of_a_file_are_noticed(full: int, bits: int) -> None:
    sound = (full * torch.tensor([[[-1.0, 0.25, 0.5, 1.0] * 4]], dtype=torch.float64)).round()
    with pytest.warns(RuntimeWarning, match=rf"as {bits}-bit sound does in a file.*Pass `signal / {2 ** (bits - 1)}`"):
        wam.explain(Listener(), sound, 0, level=1)


@pytest.mark.parametrize("scale", [1.0, 0.5, 3.7])
def test_sound_from_minus_one_to_one_and_measurements_of_any_size_are_not(scale: float) -> None:
    sound = torch.tensor([[[-1.0, 0.0, 0.5, 1.0] * 4]])
    wam.explain(Listener(), scale * sound, 0, level=1)
    wam.explain(lambda counts: counts.square().flatten(1), 40 * sound, 0, level=1)


@pytest.mark.parametrize(
    ("dtype", "words"),
    [
        (
            torch.int16,
            r"got torch\.int16\. Pass `signal\.float\(\)`, scaled .* from -1 to 1, `signal\.float\(\) / 32768`",
        ),
        (torch.int32, r"from -1 to 1, `signal\.float\(\) / 2\*\*31`"),
        (torch.uint8, r"`signal\.float\(\) / 255`, and 8-bit sound from -1 to 1, `signal\.float\(\) / 128 - 1`"),
    ],
    ids=str,
)
def test_integers_are_told_how_to_become_sound(dtype: torch.dtype, words: str) -> None:
    model = Listener()
    with pytest.raises(TypeError, match=words):
        wam.explain(model, torch.ones(1, 1, 441).to(dtype), 0)
    with pytest.raises(TypeError, match=words):
        wam.LogMel(8000)(torch.ones(1, 1, 441).to(dtype))
    assert not model.passes


def test_a_clip_shorter_than_the_filter_is_refused_before_any_pass() -> None:
    model = Listener()
    with pytest.raises(ValueError, match=r"`level=3` is too deep: a signal of size \(5,\).*'db20' \(40 taps\).*'haar'"):
        wam.explain(model, torch.rand(1, 1, 5), 0, wavelet="db20")
    assert not model.passes


def test_channels_that_come_last_are_noticed() -> None:
    with pytest.raises(ValueError, match="too deep") as raised:
        wam.explain(Listener(), torch.rand(1, 441, 2), 0)
    assert re.search(r"441 channels of 2 sample\(s\)\. .* pass `signal\.transpose\(1, 2\)`", raised.value.__notes__[0])


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        (
            torch.rand(1, 2, 441),
            r"2 channel\(s\), 1 spatial axis .*For a model of mono sound, mix down: `signal\.mean\(1, k",
        ),
        (torch.rand(1, 1, 441).double(), r"torch\.float64\. For a model in float32, pass `signal\.float\(\)`"),
        (torch.rand(1, 1, 441, 3), r"2 spatial axes of size \(441, 3\) and torch\.float32\.$"),
    ],
    ids=["stereo", "double", "image"],
)
def test_what_somebody_s_model_does_not_take_is_told_with_what_is_most_often_wrong(signal: Tensor, words: str) -> None:
    model = torch.nn.Sequential(torch.nn.Conv1d(1, 2, 3), torch.nn.Flatten())
    with pytest.raises(RuntimeError) as raised:
        wam.explain(model, signal, wavelet=None)
    assert re.search(words, raised.value.__notes__[0])


@pytest.mark.parametrize("method", ["saliency", "smoothgrad", "integrated_gradients"])
@pytest.mark.parametrize("how", ["score", "gradient"])
def test_nan_from_the_model_names_the_pass_and_the_item(method: Any, how: str) -> None:
    signal = signal_of(13, 18, items=3).abs() + 1
    signal[2] = 0

    def model(x: Tensor) -> Tensor:
        total = x.flatten(1).sum(1)
        empty = x[:, 0, 0, 0] == 0
        bad = torch.log(total - 1e9) if how == "score" else torch.sqrt(torch.where(empty, total - total.detach(), 1))
        return torch.where(empty, bad, total)

    options = {"noise": 0.0} if method == "smoothgrad" else {}
    words = {
        "score": r"finite scores; that of the signal for item 2 is nan",
        "gradient": r"finite scores and gradients; pass \d+ of item 2 \(.*gave NaN or inf",
    }
    with pytest.raises(ValueError, match=words[how]):
        wam.explain(model, signal, lambda output: output, method=method, **options)  # type: ignore[arg-type]


def test_a_baseline_without_a_finite_score_is_named() -> None:
    def decibels(signal: Tensor) -> Tensor:
        return torch.log10(signal.square().mean((1, 2)))

    for options in ({"tolerance": 0.1}, {"samples": 25}):
        with pytest.raises(ValueError, match=r"a point of its path for item 0 is -inf.*another `baseline`"):
            wam.explain(decibels, signal_of(37), method="integrated_gradients", **options)
    with pytest.raises(ValueError, match=r"that of the signal for item 1 is -inf"):
        wam.explain(decibels, signal_of(37) * torch.tensor([1.0, 0]).reshape(2, 1, 1))


def test_a_tolerance_needs_room_for_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wam_widgets.attribution.averages.GROUPS_MEMORY", 1000)
    with pytest.raises(ValueError, match=r"A tolerance needs 8 group means.*Explain fewer items at once"):
        wam.explain(SmallNet(2), signal_of(13, 18), 1, tolerance=0.5)


def test_a_contrast_is_of_two_columns() -> None:
    with pytest.raises(
        TypeError, match=r"`first` of a contrast must be a column of the output; got 'cat'.*labels.index"
    ):
        wam.Contrast("cat", 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="two different columns; got 1 twice"):
        wam.Contrast(1, 1)


def test_an_error_of_the_model_tells_how_the_signal_was_read() -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(5, 2))
    with pytest.raises(RuntimeError) as raised:
        wam.explain(model, torch.rand(1, 61, 47), wavelet=None)
    assert "61 channel(s), 1 spatial axis of size (47,)" in raised.value.__notes__[0]
