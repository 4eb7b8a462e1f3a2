"""Every recipe of `notebooks/recipes.md` runs as it stands, and comes to what something else computes."""

from __future__ import annotations

import csv
import functools
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import pywt
import torch
from matplotlib.text import Text
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.testing import assert_close

import tests.interop  # noqa: F401  # before zennit and Quantus
import wam_widgets as wam
from wam_widgets.files import ImageFolder
from wam_widgets.plots.words import seen_as

PAGE = Path(__file__).parents[1] / "notebooks/recipes.md"
SECTIONS = PAGE.read_text("utf-8").split("\n## ")[1:]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
RECIPES = {section.partition("\n")[0]: BLOCK.findall(section) for section in SECTIONS}

# Captum tells which hooks it sets, and zennit's hooks are no modules of torch's.
pytestmark = pytest.mark.filterwarnings("ignore:Setting (forward, )?backward hooks:UserWarning")


def run(title: str) -> dict[str, Any]:
    """Run a recipe as a script of its own, and return what it leaves."""
    (block,) = RECIPES[title]
    values: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(block, f"{PAGE.name}: {title}", "exec"), values)  # noqa: S102  # it is ours
    return values


def haar(signal: Tensor) -> list[NDArray[np.float32]]:
    """Analyse one picture by PyWavelets, to two levels: bands in the order of `Coefficients.bands`."""
    coarse, *details = pywt.wavedec2(signal[0, 0].detach().numpy(), "haar", level=2)
    return [coarse, *(band for detail in details for band in detail)]


def same_bands(found: Any, expected: list[NDArray[np.float32]]) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        assert_close(ours[0, 0], torch.as_tensor(theirs), rtol=1e-4, atol=1e-5)


# ------------------------------------------------------------------------------------------------------- other tools


def test_every_recipe_asks_a_question_has_one_block_and_is_run_here() -> None:
    tested = Path(__file__).read_text("utf-8")
    for title, blocks in RECIPES.items():
        assert title.endswith("?")
        assert len(blocks) == 1, title
        assert f'run("{title}")' in tested


def test_captums_gradients_are_carried_to_wavelets_and_shown_by_name() -> None:
    values = run("How do I see Captum's DeepLift and GuidedBackprop scale by scale?")
    signal = values["three"].signal
    for name, gradient in values["gradients"].items():
        slopes = haar(gradient)
        same_bands((band for *_, band in values["coefficients"][name].bands()), slopes)
        explanation = values["explanations"][name]
        energy = torch.tensor([np.square(slopes[0]).sum(), *(np.square(slopes[i : i + 3]).sum() for i in (1, 4))])
        assert_close(explanation.scale_shares()[0], energy / energy.sum())
        total = float((gradient * signal).sum())  # Haar is orthogonal
        assert float(explanation.contribution().attribution.total()) == pytest.approx(total, rel=1e-4)
        assert seen_as(explanation).startswith(f"{name} · haar, level 2")
    assert any("Captum's DeepLift · db2" in text.get_text() for text in values["figure"].findobj(Text))
    assert_close(values["explorer"].explanation.gradient, values["gradients"]["Captum's GuidedBackprop"])


def test_captums_deeplift_misses_as_much_as_the_recipe_says() -> None:
    values = run("How do I see Captum's DeepLift and GuidedBackprop scale by scale?")
    model, three = values["model"], values["three"]
    scores = model(torch.cat([three.signal, torch.zeros_like(three.signal)]))[:, three.target]
    found = (values["gradients"]["Captum's DeepLift"] * three.signal).sum()
    assert f"add up to {found:.1f} of {scores[0] - scores[1]:.1f}." in PAGE.read_text("utf-8").replace("\n", " ")


def test_zennits_relevance_is_its_slope_times_the_coefficients() -> None:
    values = run("How do I see zennit's LRP scale by scale?")
    model, three, slope, found = (values[name] for name in ("model", "three", "slopes", "relevance"))
    same_bands((band for *_, band in values["coefficients"].bands()), haar(slope))
    same_bands(
        (band for *_, band in found.attribution.bands()),
        [weight * band for weight, band in zip(haar(slope), haar(three.signal), strict=True)],
    )
    assert float(found.attribution.total()) == pytest.approx(float((slope * three.signal).sum()), rel=1e-4)
    plain = wam.explain(model, three.signal, three.target, method="saliency", level=2).contribution()
    assert_close(plain.output, wam.samples.digit_model()(three.signal))  # the model is as it was
    assert not torch.allclose(found.attribution.flatten(), plain.attribution.flatten(), atol=0.01)


def test_the_noise_tunnels_variance_is_that_of_the_coefficients_gradient() -> None:
    values = run("How do I put a wavelet method into Captum's NoiseTunnel?")
    model, three = values["model"], values["three"]
    torch.manual_seed(0)
    copies = three.signal.repeat_interleave(50, 0)
    copies = (copies + torch.normal(0, torch.full_like(copies, 0.25))).requires_grad_()
    (gradients,) = torch.autograd.grad(model(copies)[:, three.target].sum(), copies)
    per_copy = [haar(gradient[None]) for gradient in gradients]
    same_bands(values["variances"], [np.var(band, axis=0) for band in zip(*per_copy, strict=True)])
    assert values["names"][:2] == ["approximation, approximation", "detail 2, horizontal"]


def test_captums_integrated_gradients_over_bands_are_ours_and_ablation_removes_a_band() -> None:
    values = run("How do I run a method of Captum's on coefficients?")
    for (*_, ours), theirs in zip(values["ours"].attribution.bands(), values["theirs"], strict=True):
        assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    model, three, bands = values["model"], values["three"], haar(values["three"].signal)
    score = model(three.signal)[0, three.target]
    for number, loss in enumerate(values["losses"]):
        left = [np.zeros_like(band) if place == number else band for place, band in enumerate(bands)]
        rebuilt = pywt.waverec2([left[0], tuple(left[1:4]), tuple(left[4:])], "haar")
        expected = score - model(torch.as_tensor(rebuilt)[None, None])[0, three.target]
        assert_close(loss, expected.expand_as(loss), rtol=1e-4, atol=1e-4)


def test_captums_infidelity_of_bands_is_the_mean_squared_error_of_what_they_predict() -> None:
    values = run("How do I measure infidelity and sensitivity with Captum?")
    model, three, bands = values["model"], values["three"], values["bands"]
    torch.manual_seed(0)
    for name, attribution in values["told"].items():
        changes, shaken = values["shaken"](tuple(band.repeat_interleave(100, 0) for band in bands))
        predicted = sum((change * part).flatten(1).sum(1) for change, part in zip(changes, attribution, strict=True))
        rebuilt = torch.as_tensor(
            np.stack(
                [
                    pywt.waverec2([each[0], tuple(each[1:4]), tuple(each[4:])], "haar")
                    for each in zip(*(band[:, 0].numpy() for band in shaken), strict=True)
                ]
            )
        )
        actual = (model(three.signal) - model(rebuilt[:, None]))[:, three.target]
        assert_close(values["errors"][name], (predicted - actual).square().mean()[None], rtol=1e-3, atol=1e-6)
    assert values["errors"]["SmoothGrad"] < values["errors"]["nothing"]
    assert 0 < values["moved"] < 1


def test_quantus_flips_pixels_in_the_order_of_our_heat_map() -> None:
    pytest.importorskip("quantus", reason="its OpenCV needs the system's libGL", exc_type=ImportError)
    values = run("How do I use Quantus' metrics?")
    model, inputs, targets = values["model"], torch.as_tensor(values["inputs"]), values["targets"].tolist()
    path = wam.explain(model, inputs, targets, method="integrated_gradients", level=2, tolerance=0.05)
    slope = wam.explain(model, inputs, targets, method="saliency", wavelet=None).gradient.abs().sum(1)
    for name, heat in (("WAM Integrated Gradients", path.heatmap()), ("Saliency", slope)):
        order = heat.flatten(1).argsort(1, descending=True)
        left, curve = inputs.clone(), []
        for chosen in order.split(16, dim=1):
            left.flatten(1).scatter_(1, chosen, 0.0)
            curve.append(model(left).softmax(1)[torch.arange(10), targets])
        expected = torch.trapezoid(torch.stack(curve, 1), dim=1) / 15
        np.testing.assert_allclose(values["areas"][name], expected.numpy(), rtol=1e-3, atol=1e-3)


# ------------------------------------------------------------------------------------------------- data of one's own


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Set the scene for a script: its argument, an empty folder, the user's models; with few steps and controls."""

    def prepare(argument: Path, **models: nn.Module) -> None:
        mine = ModuleType("my_models")
        mine.__dict__.update(models)
        monkeypatch.setitem(sys.modules, "my_models", mine)
        monkeypatch.setattr(sys, "argv", ["script.py", str(argument)])
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        few = functools.partial(wam.benchmark, steps=2, controls=1, batch_size=8, progress=False)
        monkeypatch.setattr(wam, "benchmark", few)

    return prepare


def small(convolution: nn.Module, channels: int, classes: int) -> nn.Module:
    """Return a network of few weights, which are the same every time."""
    return nn.Sequential(convolution, nn.ReLU(), nn.Flatten(2), MeanOf(), nn.Linear(channels, classes)).eval()


class MeanOf(nn.Module):
    """The mean over space, flattened."""

    def forward(self, features: Tensor) -> Tensor:
        return features.mean(2)


def same_table(values: Mapping[str, Any], table: Path, signals: Tensor, labels: list[int]) -> None:
    """Compare the script's report and its file with `evaluate` of all items at once, by what needs no chance."""
    report, model = values["report"], values.get("model", values.get("sound_model", values.get("volume_model")))
    assert report.failed == {}
    assert [name.split()[0].rstrip(",") for name in report.protocols] == ["wam", "wam-paper"]
    path = wam.explain(model, signals, labels, method="integrated_gradients", samples=25)
    slope = wam.explain(model, signals, labels, method="saliency", wavelet=None)
    methods: dict[str, Any] = {"WAM Integrated Gradients": path, "Saliency": slope}
    for name, rule in zip(report.protocols, ("wam", "wam-paper"), strict=True):
        found, options = report.faithfulness(name), dict[str, Any](steps=2, controls=1, progress=False)
        expected = wam.evaluate(model, signals, methods, target=torch.tensor(labels), protocol=rule, **options)
        for method in methods:
            np.testing.assert_allclose(found.values(method), expected.values(method), atol=2e-3)
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["method"] for row in rows} >= {*methods, "WAM SmoothGrad", "SmoothGrad"}
    assert len(rows) == len(report.rows())


@pytest.mark.filterwarnings("ignore:Integrated Gradients with 25 passes:RuntimeWarning")
def test_the_table_of_pictures_is_that_of_evaluate(
    script: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("cat", "coffee"):
        (tmp_path / "val" / name).mkdir(parents=True)
        picture = (wam.samples.images()[name].signal[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        Image.fromarray(picture).save(tmp_path / "val" / name / "1.png")
    script(tmp_path / "val")
    smaller = functools.partial(ImageFolder, size=64)
    monkeypatch.setattr("wam_widgets.files.ImageFolder", smaller)
    values = run("How do I rerun the paper's table on ImageNet?")
    data = smaller(tmp_path / "val")
    items = [data[number] for number in range(len(data))]
    same_table(values, Path("pictures.csv"), torch.stack([signal for signal, _ in items]), [0, 1])


@pytest.mark.filterwarnings("ignore:Integrated Gradients with 25 passes:RuntimeWarning")
def test_the_table_of_sounds_is_that_of_evaluate(script: Callable[..., None], tmp_path: Path) -> None:
    clips = [sample.signal[0, :, 8000:12_000] for sample in list(wam.samples.audio().values())[:4]]
    rows = []
    for number, clip in enumerate(clips):
        fold, source = (5, 5, 5, 1)[number], 100 + number // 2
        rows.append({"filename": f"{number}.wav", "fold": fold, "target": number, "category": "x", "src_file": source})
        (tmp_path / "audio").mkdir(exist_ok=True)
        wam.to_wav(clip, tmp_path / "audio" / f"{number}.wav", 44_100)
    (tmp_path / "meta").mkdir()
    with (tmp_path / "meta/esc50.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    script(tmp_path, sound_model=small(nn.Conv1d(1, 4, 64, 16), 4, 50))
    values = run("How do I rerun the paper's table on ESC-50?")
    assert values["report"].faithfulness().groups == ("100", "100", "101")
    read = [wam.load_sound(tmp_path / "audio" / f"{number}.wav")[0] for number in range(3)]
    same_table(values, Path("sounds.csv"), torch.cat(read), [0, 1, 2])


@pytest.mark.filterwarnings("ignore:Integrated Gradients with 25 passes:RuntimeWarning")
def test_the_table_of_volumes_is_that_of_evaluate(script: Callable[..., None], tmp_path: Path) -> None:
    volumes = torch.cat([sample.signal[:, 0] for sample in list(wam.samples.volumes().values())[:2]])
    voxels = (volumes.numpy() * 255).astype(np.uint8)
    labels = np.array([[0], [1]], np.uint8)
    np.savez(tmp_path / "organmnist3d.npz", test_images=voxels, test_labels=labels)
    script(tmp_path / "organmnist3d.npz", volume_model=small(nn.Conv3d(1, 4, 5, 2), 4, 2))
    values = run("How do I rerun the paper's table on MedMNIST3D?")
    same_table(values, Path("volumes.csv"), torch.as_tensor(voxels / np.float32(255))[:, None], [0, 1])
