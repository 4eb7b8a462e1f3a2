"""Which scales a network uses that was trained against attacks, and one that was not (`make robustness-experiment`).

Both digit models explain the digits that they were not trained on, by several methods; the shares of the scales are
compared digit by digit. As the methods disagree, more is measured to find the reason: what noise and averaging make
of the share of the finest scale, on which pixels the gradient lies, and how much ink on paper a model takes notice of.
"""

import argparse
import io
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

import wam_widgets as wam
from tests.experiments.sheets import write_csv
from tests.training.common import judge
from tests.training.digits import STEPS, read, robustness
from tests.training.voxels import Voxels
from wam_widgets.evaluation import Explainer, ScaleProfile, cluster_interval, holm, paired_test, scale_profile
from wam_widgets.plots.bars import draw_profiles
from wam_widgets.plots.canvas import LOOKS, SIZE, TEXT, WIDTH, clean, foot, head, new_figure, png, title
from wam_widgets.samples import DigitNet, digit_model, digits, robust_digit_model

FOLDER = Path(__file__).parents[2] / "bench"

#: Of the copies of SmoothGrad, and the bootstrap.
SEED = 0

#: Cells of 2 and 4 pixels for the fine and the coarse details, as in the README's table.
WAVELET, LEVEL = "haar", 2
SCALES = ("approximation", "detail 2", "detail 1")
FINEST = SCALES[-1]

MODELS = {"plain": digit_model, "robust": robust_digit_model}
METHODS = {
    "Saliency": Explainer("saliency", WAVELET, LEVEL),
    "SmoothGrad": Explainer("smoothgrad", WAVELET, LEVEL),
    "SmoothGrad, denoised": Explainer("smoothgrad", WAVELET, LEVEL, denoised=True),
    "Integrated Gradients": Explainer("integrated_gradients", WAVELET, LEVEL, options={"samples": 50}),
}

#: Standard deviations of the noise; a quarter is what `explain` takes for images.
NOISES = (0.01, 0.03, 0.1, 0.25)
#: As many as `explain` keeps one by one.
COPIES = 16
AVERAGES = ("one copy", f"mean of {COPIES}", f"mean of {COPIES}, noise subtracted")

#: Where the gradient lies, by what is in the pixel, from 0 to 1: up to and with the second number.
INKS = {"paper (0)": (-1.0, 0.0), "faint (to 0.15)": (0.0, 0.15), "grey (to 0.85)": (0.15, 0.85), "ink": (0.85, 1.0)}

GREY = "grey (to 0.85)"

#: How much ink one pixel of paper is given, to see from how much on a model takes notice.
DROPS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)

#: Digits that are explained, a few minutes' work, and how many at a time.
DIGITS, PART = 300, 100


class Findings(NamedTuple):
    """What was measured of both models."""

    profiles: dict[str, dict[str, ScaleProfile]]
    """By method and model."""

    noisy: dict[tuple[str, str, float], NDArray[np.float64]]
    """Share of the finest scale by model, of `AVERAGES`, and noise, shape (digit,)."""

    places: dict[tuple[str, str], NDArray[np.float64]]
    """Share of saliency's energy by model and ink, shape (digit,)."""

    grey: dict[str, NDArray[np.float64]]
    """By model, the finest scale's share of saliency's energy on grey pixels alone, shape (digit,)."""

    noticed: dict[tuple[str, float], NDArray[np.float64]]
    """By model and ink on one pixel of paper, by how much the score changes, shape (digit,)."""

    pixels: dict[str, float]
    """Share of the pixels that have so much ink."""

    accuracies: dict[str, dict[str, float]]
    """By model and radius of the attack."""

    sources: tuple[int, ...]


def main() -> None:
    """Measure, show the tables, and write them with their figure."""
    parser = argparse.ArgumentParser(prog="python -m tests.experiments.robustness", description=__doc__)
    parser.add_argument("--digits", type=int, default=DIGITS, help="how many held-out ones (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder of all files (default: bench)")
    options = parser.parse_args()
    began = time.perf_counter()
    pictures = read("digits", "test")
    count = options.digits
    if not 10 <= count <= len(pictures.targets):
        parser.error(f"--digits must be from 10 to {len(pictures.targets)}; got {count}")
    pictures = pictures._replace(
        signals=pictures.signals[:count], targets=pictures.targets[:count], sources=pictures.sources[:count]
    )
    found = measure(pictures)
    rows = rows_of(found)
    text = markdown(found, rows)
    print(text)
    options.output.mkdir(parents=True, exist_ok=True)
    write_csv(options.output / "robustness.csv", rows)
    (options.output / "robustness.md").write_text(text + "\n", encoding="utf-8")
    figure = Image.open(io.BytesIO(png(drawn(found), dpi=100)))
    figure.quantize(128, dither=Image.Dither.NONE).save(options.output / "robustness.png", optimize=True)
    written = "robustness.md, robustness.csv, robustness.png"
    print(f"\n{time.perf_counter() - began:.0f} s. Written: {written} in {options.output.name}")


def measure(pictures: Voxels) -> Findings:
    """Explain every digit's own class by all methods, and attack both models."""
    models = {name: load() for name, load in MODELS.items()}
    dataset = list(zip(pictures.signals, pictures.targets.tolist(), strict=True))
    profiles = {
        method: {
            # The fastest sub-batch differs from run to run, and with it the order of sums.
            name: scale_profile(
                model, dataset, each, target="label", groups=pictures.sources, seed=SEED, batch_size=25, progress=False
            )
            for name, model in models.items()
        }
        for method, each in METHODS.items()
    }
    noisy: dict[tuple[str, str, float], NDArray[np.float64]] = {}
    places: dict[tuple[str, str], NDArray[np.float64]] = {}
    grey, noticed, accuracies = {}, {}, {}
    for name, model in models.items():
        for noise in NOISES:
            for average, shares in finest_shares(model, pictures, noise).items():
                noisy[name, average, noise] = shares
        gradient = gradient_at(model, pictures)
        for ink, shares in energy_by_ink(gradient, pictures.signals).items():
            places[name, ink] = shares
        grey[name] = finest_share(scale_energies(gradient * _within(pictures.signals, INKS[GREY]))).numpy()
        for drop, changes in changes_by_ink(model, pictures).items():
            noticed[name, drop] = changes
        clean_ = {"none": round(judge(model, pictures).accuracy, 3)}
        accuracies[name] = clean_ | robustness(model, pictures)
    pixels = {ink: float(_within(pictures.signals, ends).double().mean()) for ink, ends in INKS.items()}
    return Findings(profiles, noisy, places, grey, noticed, pixels, accuracies, pictures.sources)


def finest_shares(model: DigitNet, pictures: Voxels, noise: float) -> dict[str, NDArray[np.float64]]:
    """Return the finest scale's share of energy: of one noisy copy's gradient, of the mean's, and of what is no noise.

    The first is a ratio of mean energies over the copies: nothing in it was averaged before it was squared.
    """
    parts: dict[str, list[Tensor]] = {average: [] for average in AVERAGES}
    for numbers in torch.arange(len(pictures.targets)).split(PART):
        found = wam.explain(
            model,
            pictures.signals[numbers],
            pictures.targets[numbers],
            wavelet=WAVELET,
            level=LEVEL,
            samples=COPIES,
            noise=noise,
            seed=(SEED + numbers).tolist(),
            batch_size=PART,
            progress=False,
        )
        assert found.groups is not None
        assert len(found.groups.values) == COPIES, "each copy is a group of its own"
        alone = torch.stack([scale_energies(gradient) for gradient in found.groups.values]).mean(0)
        together = scale_energies(found.gradient)
        shares = (finest_share(alone), finest_share(together), found.scale_shares()[:, -1].double())
        for average, each in zip(AVERAGES, shares, strict=True):
            parts[average].append(each)
    return {average: torch.cat(each).numpy() for average, each in parts.items()}


def scale_energies(gradient: Float[Tensor, "digit 1 y x"]) -> Float[Tensor, "digit scale"]:
    """Return a gradient's energy by scale, coarse to fine."""
    return wam.pull_back(gradient, WAVELET, level=LEVEL).map(torch.square).total_by_scale()


def finest_share(energies: Float[Tensor, "digit scale"]) -> Float[Tensor, " digit"]:
    """Return what share of the energy the finest scale has."""
    return energies[:, -1].double() / energies.double().sum(1)


def gradient_at(model: DigitNet, pictures: Voxels) -> Float[Tensor, "digit 1 y x"]:
    """Return the gradient at the digits themselves."""
    return wam.explain(
        model,
        pictures.signals,
        pictures.targets,
        method="saliency",
        wavelet=None,
        batch_size=PART,
        progress=False,
    ).gradient


def energy_by_ink(gradient: Tensor, signals: Tensor) -> dict[str, NDArray[np.float64]]:
    """Return the share of the gradient's energy on pixels of `INKS`."""
    energy = gradient.double().square()
    total = energy.flatten(1).sum(1)
    return {ink: ((energy * _within(signals, ends)).flatten(1).sum(1) / total).numpy() for ink, ends in INKS.items()}


def changes_by_ink(model: DigitNet, pictures: Voxels) -> dict[float, NDArray[np.float64]]:
    """Return by how much the score changes when one pixel of paper, chosen at random, is given `DROPS` of ink."""
    chance = torch.Generator().manual_seed(SEED)
    papers = [picture.flatten().eq(0).nonzero()[:, 0] for picture in pictures.signals]
    places = torch.stack([paper[torch.randint(len(paper), (), generator=chance)] for paper in papers])[:, None]
    columns = pictures.targets[:, None]
    with torch.no_grad():
        before = model(pictures.signals).gather(1, columns)
        return {
            drop: (model(_with(pictures.signals, places, drop)).gather(1, columns) - before)[:, 0]
            .abs()
            .double()
            .numpy()
            for drop in DROPS
        }


def _with(signals: Tensor, places: Tensor, ink: float) -> Tensor:
    return signals.flatten(1).scatter(1, places, ink).view_as(signals)


def _within(signals: Tensor, ends: tuple[float, float]) -> Tensor:
    return (signals > ends[0]) & (signals <= ends[1])


def rows_of(found: Findings) -> list[dict[str, Any]]:
    """Return one row per number: its interval over drawn digits, and of differences the test, corrected for all."""
    rows = [*_profile_rows(found), *_noisy_rows(found), *_place_rows(found), *_noticed_rows(found)]
    rows += [
        _row("accuracy", model, f"attack of radius {radius}" if radius != "none" else "no attack", mean=accuracy)
        for model, by_radius in found.accuracies.items()
        for radius, accuracy in by_radius.items()
    ]
    tested = [row for row in rows if row["p"] is not None]
    for row, p in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_holm"] = float(p)
    return rows


def _profile_rows(found: Findings) -> Iterator[dict[str, Any]]:
    for method, profiles in found.profiles.items():
        plain, robust = profiles["plain"], profiles["robust"]
        for scale in SCALES:
            for model, profile in profiles.items():
                mean, low, high = profile.interval(scale)
                yield _row("share", model, method, scale, mean, low, high, digits=len(profile.items))
            mean, low, high = robust.interval(scale, minus=plain)
            p, digits = robust.test(scale, minus=plain), robust.rows(minus=plain)[0]["items"]
            yield _row("share", "robust − plain", method, scale, mean, low, high, p=p, digits=digits)


def _noisy_rows(found: Findings) -> Iterator[dict[str, Any]]:
    for average in AVERAGES:
        for noise in NOISES:
            plain, robust = (found.noisy[model, average, noise] for model in MODELS)
            for model, values in (("plain", plain), ("robust", robust), ("robust − plain", robust - plain)):
                about = f"{average}, noise {noise}"
                yield _interval_row("share with noise", model, about, FINEST, values, found.sources)
    plain, robust = (found.grey[model] for model in MODELS)
    for model, values in (("plain", plain), ("robust", robust), ("robust − plain", robust - plain)):
        yield _interval_row("share with noise", model, "no noise, on grey pixels alone", FINEST, values, found.sources)


def _place_rows(found: Findings) -> Iterator[dict[str, Any]]:
    for ink in INKS:
        for model in MODELS:
            values = found.places[model, ink]
            yield _interval_row("share of saliency by ink", model, ink, "pixels", values, found.sources)
        yield _row("share of saliency by ink", "of the pixels", ink, "pixels", found.pixels[ink])


def _noticed_rows(found: Findings) -> Iterator[dict[str, Any]]:
    for drop in DROPS:
        for model in MODELS:
            values = found.noticed[model, drop]
            yield _interval_row("change of score", model, f"ink {drop}", "one pixel of paper", values, found.sources)


def _interval_row(
    what: str, model: str, method: str, scale: str, values: NDArray[np.float64], sources: Sequence[int]
) -> dict[str, Any]:
    p = paired_test(values, sources, seed=SEED) if "−" in model else None
    return _row(what, model, method, scale, *cluster_interval(values, sources, seed=SEED), p=p, digits=len(values))


def _row(
    what: str,
    model: str,
    method: str,
    scale: str = "",
    mean: float = float("nan"),
    low: float | None = None,
    high: float | None = None,
    *,
    p: float | None = None,
    digits: int | None = None,
) -> dict[str, Any]:
    row = {"what": what, "model": model, "method": method, "scale": scale, "mean": mean, "low": low, "high": high}
    return row | {"p": p, "p_holm": None, "digits": digits}


def markdown(found: Findings, rows: Sequence[dict[str, Any]]) -> str:
    """Write the tables."""
    models = (*MODELS, "robust − plain")
    about = (
        f"{len(found.sources)} held-out digits, from {len(set(found.sources))} drawn ones; {WAVELET}, level {LEVEL}. "
        f"In brackets 95 % intervals over drawn digits; p by sign flips of their differences, corrected for all tests."
    )
    lines = [
        about,
        *("", "### Accuracy", "", f"| attack, radius | {' | '.join(MODELS)} |", "|---|---|---|"),
    ]
    lines += [
        f"| {radius} | {' | '.join(f'{found.accuracies[model][radius]:.3f}' for model in MODELS)} |"
        for radius in found.accuracies["plain"]
    ]
    lines += [f"\nProjected gradient descent in {STEPS} steps, on every pixel by up to the radius.", ""]
    for head_, what, first in (
        ("Share of each scale", "share", "method"),
        (
            "Share of detail 1: what noise, averages and the place of the gradient make of it",
            "share with noise",
            "gradient of",
        ),
    ):
        lines += [f"### {head_}", "", f"| {first} | scale | {' | '.join(models)} | p |", f"|{'---|' * 6}"]
        own = [row for row in rows if row["what"] == what]
        for method, scale in dict.fromkeys((row["method"], row["scale"]) for row in own):
            three = {row["model"]: row for row in own if (row["method"], row["scale"]) == (method, scale)}
            cells = [_written(three[model]) for model in models]
            lines.append(f"| {method} | {scale} | {' | '.join(cells)} | {three[models[-1]]['p_holm']:.2g} |")
        lines.append("")
    lines += ["### Where Saliency's energy lies", ""]
    lines += ["| pixels | plain | robust | share of the pixels |", "|---|---|---|---|"]
    for ink in INKS:
        cells = [_written(row) for row in rows if (row["what"], row["method"]) == ("share of saliency by ink", ink)]
        lines.append(f"| {ink} | {' | '.join(cells)} |")
    lines += ["", "### By how much the score changes when one pixel of paper gets ink", ""]
    lines += ["| ink | plain | robust |", "|---|---|---|"]
    for drop in DROPS:
        own = [row for row in rows if (row["what"], row["method"]) == ("change of score", f"ink {drop}")]
        lines.append(f"| {drop} | {' | '.join(_written(row, digits=4) for row in own)} |")
    return "\n".join(lines)


def _written(row: dict[str, Any], *, digits: int = 2) -> str:
    mean, *ends = (None if row[name] is None else f"{row[name]:.{digits}f}" for name in ("mean", "low", "high"))
    return (f"{mean}" if ends[0] is None else f"{mean} [{', '.join(map(str, ends))}]").replace("-", "−")


def drawn(found: Findings) -> Figure:
    """Draw shares by method above what explains their disagreement, and one digit's gradients."""
    figure = new_figure(WIDTH, 7.2)
    head(figure, "Which scales does a network use that was trained against attacks?")
    parts = figure.subfigures(3, 1, height_ratios=[1, 1.1, 1.35])
    assert isinstance(parts, np.ndarray)
    above, middle, below = parts
    _draw_digit(above.subplots(1, 5))
    panels = middle.subplots(1, len(METHODS))
    for place, (panel, (method, profiles)) in enumerate(zip(panels, found.profiles.items(), strict=True)):
        draw_profiles(panel, profiles, names=place == 0)
        title(panel, method)
        panel.set_xlim(0, 1)
        panel.set_xticks([0, 0.5, 1], ["0", "50 %", "100 %"])
    panels[0].legend(fontsize=SIZE - 3, frameon=False, loc="upper right")
    noisy, inks, attacks = below.subplots(1, 3)
    _draw_noisy(noisy, found)
    _draw_inks(inks, found)
    _draw_attacks(attacks, found)
    foot(
        figure,
        f"Top: a held-out 3. Middle: share of each scale, means over {len(found.sources)} held-out digits with 95 % "
        f"intervals.",
    )
    return figure


def _draw_digit(panels: Sequence[Axes]) -> None:
    signal = digits()["three"].signal
    title(panels[0], "a digit")
    panels[0].imshow(signal[0, 0].numpy(), cmap="Greys", vmin=0, vmax=1)
    gradients = {
        f"{method},\n{name}": wam.explain(
            load(),
            signal,
            3,
            method=METHODS[method].method,  # type: ignore[arg-type]  # none is Grad-CAM
            wavelet=None,
            seed=SEED,
            batch_size=25,
            progress=False,
        )
        .gradient[0, 0]
        .numpy()
        for method in ("Saliency", "SmoothGrad")
        for name, load in MODELS.items()
    }
    for panel, (name, gradient) in zip(panels[1:], gradients.items(), strict=True):
        title(panel, name)
        most = np.abs(gradient).max()
        panel.imshow(gradient, cmap="RdBu_r", vmin=-most, vmax=most)
        panel.contour(signal[0, 0].numpy(), levels=[0.5], colors="k", linewidths=0.6)
    for panel in panels:
        clean(panel)
        panel.set(xticks=[], yticks=[])


def _draw_noisy(panel: Axes, found: Findings) -> None:
    title(clean(panel), "Share of detail 1")
    for name, look in zip(MODELS, LOOKS, strict=False):
        for average, line in zip((AVERAGES[0], AVERAGES[2]), (":", "-"), strict=True):
            means = [found.noisy[name, average, noise].mean() for noise in NOISES]
            words = "one copy" if average == AVERAGES[0] else "common to all"
            panel.plot(
                NOISES,
                means,
                look.marker,
                linestyle=line,
                color=look.colour,
                linewidth=1.5,
                markersize=4,
                label=f"{name}: {words}",
            )
    panel.set_xscale("log")
    panel.set_xticks(NOISES, [str(noise) for noise in NOISES])
    panel.minorticks_off()
    panel.set_ylim(0, 0.85)
    panel.set_xlabel("noise on the copies", fontsize=SIZE - 1, **TEXT)
    panel.legend(fontsize=SIZE - 3.5, frameon=False, loc="lower left")


def _draw_inks(panel: Axes, found: Findings) -> None:
    title(clean(panel), "Saliency's energy, by pixel")
    places = np.arange(len(INKS))
    for place, (name, look) in enumerate(zip(MODELS, LOOKS, strict=False)):
        means = [found.places[name, ink].mean() for ink in INKS]
        panel.bar(places + 0.36 * (place - 0.5), means, width=0.34, color=look.colour, label=name)
    panel.plot(places, list(found.pixels.values()), "_", color="k", markersize=22, label="share of pixels")
    panel.set_xticks(places, [ink.replace(" (", "\n(") for ink in INKS], fontsize=SIZE - 2.5, **TEXT)
    panel.set_ylim(0, 1.4)
    panel.set_yticks([0, 0.5, 1])
    panel.legend(fontsize=SIZE - 3, frameon=False, loc="upper left")


def _draw_attacks(panel: Axes, found: Findings) -> None:
    title(clean(panel), "Accuracy under attack")
    for name, look in zip(MODELS, LOOKS, strict=False):
        radii = [0.0 if radius == "none" else float(radius) for radius in found.accuracies[name]]
        panel.plot(radii, list(found.accuracies[name].values()), f"{look.marker}-", color=look.colour, label=name)
    panel.set_ylim(0, 1.03)
    panel.set_xlabel("change of each pixel, at most", fontsize=SIZE - 1, **TEXT)
    panel.legend(fontsize=SIZE - 3, frameon=False)


if __name__ == "__main__":
    main()
