"""Where in a digit each scale of an explanation lies (`make volume-experiments`).

Every digit in three dimensions that `volume_model` was not trained on is explained, and for each scale the distance of
importance from the digit's surface is measured: beside importance that is the same everywhere, that of a network that
has learnt nothing, and the volume's own coefficients.
"""

import argparse
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

import wam_widgets as wam
from tests.experiments.sheets import write_csv
from tests.training.voxels import Voxels, read
from wam_widgets.evaluation import Interval, cluster_interval, distance_to_surface, mean_at
from wam_widgets.plots.canvas import BLUE, FAINT, ORANGE, SIZE, TEXT, WIDTH, clean, foot, head, new_figure, png, title
from wam_widgets.samples import VoxelNet, record, volume_model
from wam_widgets.transform.geometry import spread

FOLDER = Path(__file__).parents[2] / "bench"

#: Of the copies of SmoothGrad, the network that has learnt nothing, and the bootstrap.
SEED = 0

#: The published setting, three levels: cells of 2, 4 and 8 voxels for the fine, the middle and the coarse details. On
#: the 16 voxels of a side that is as deep as leaves more than one cell.
WAVELET, LEVEL = "haar", 3

#: Chosen before anything was measured: a voxel belongs to the digit from this value on (1 is the most).
WITHIN = 0.25

RESAMPLES = 9999

#: Digits that are explained and measured at a time.
PART = 100

MEASURES = {
    "distance": "distance from the surface, voxels",
    "signed": "the same, inside counted below 0",
    "inside": "share of importance inside the digit",
    "centre": "distance from the digit's centre, voxels",
}
SCALES = ("approximation", *(f"detail {each}" for each in range(LEVEL, 0, -1)))
EVERYWHERE = "the same everywhere"
EXPLAINED = ("SmoothGrad", "SmoothGrad × input", "Integrated Gradients")
DRAWN = (*EXPLAINED[:2], "untrained, SmoothGrad", "magnitude of the coefficients", EVERYWHERE)


class Findings(NamedTuple):
    """What was measured of every digit."""

    values: dict[tuple[str, str], NDArray[np.float64]]
    """By method and measure, shape (digit, scale)."""

    sources: tuple[int, ...]
    right: float
    """Share of digits that the model names rightly."""

    within: float
    """Mean share of voxels that belong to the digit."""


def main() -> None:
    """Measure, show the table, and write it with its figure."""
    parser = argparse.ArgumentParser(prog="python -m tests.experiments.volumes", description=__doc__)
    parser.add_argument("--digits", type=int, help="how many (default: every held-out one)")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder of CSV and figure (default: bench)")
    options = parser.parse_args()
    began = time.perf_counter()
    voxels = read("digits", "test")
    count = len(voxels.targets) if options.digits is None else options.digits
    if not 1 <= count <= len(voxels.targets):
        parser.error(f"--digits must be from 1 to {len(voxels.targets)}; got {count}")
    found = measure(voxels, count)
    rows = rows_of(found)
    about = record("volume_model")
    print(
        f"{len(found.sources)} held-out digits of {about['data']}, from {len(set(found.sources))} drawn ones; "
        f"volume_model, seed {about['shipped_seed']}, names {found.right:.0%} rightly. {WAVELET}, {LEVEL} levels.\n"
        f"A voxel belongs to the digit from {WITHIN} on: {found.within:.0%} of them do.\n\n{table(rows)}\n"
        f"95 % intervals: studentised bootstrap over drawn digits, {RESAMPLES} resamples, seed {SEED}."
    )
    options.output.mkdir(parents=True, exist_ok=True)
    write_csv(options.output / "volumes.csv", rows)
    (options.output / "volumes.png").write_bytes(png(drawn(rows, voxels), dpi=150))
    print(f"\n{time.perf_counter() - began:.0f} s. Written: volumes.csv, volumes.png in {options.output.name}")


def measure(voxels: Voxels, count: int) -> Findings:
    """Explain digits by all methods, and see where the importance of each scale lies."""
    model = volume_model()
    untrained = untrained_like(model)
    values: dict[tuple[str, str], list[NDArray[np.float64]]] = {}
    right, within = 0.0, 0.0
    for numbers in torch.arange(count).split(PART):
        signal, targets = voxels.signals[numbers], voxels.targets[numbers]
        shapes = signal[:, 0] >= WITHIN
        places = measured_places(shapes)
        found = maps(model, signal, targets, EXPLAINED, seed=SEED + int(numbers[0]))
        nothing_learnt = maps(untrained, signal, targets, EXPLAINED[:2], seed=SEED + int(numbers[0]))
        found |= {f"untrained, {name}": each for name, each in nothing_learnt.items()}
        found["magnitude of the coefficients"] = spread(
            wam.decompose(signal, WAVELET, level=LEVEL).map(torch.abs), orientations=False
        )
        found[EVERYWHERE] = torch.ones_like(found["magnitude of the coefficients"])
        for name, importance in found.items():
            for what, each in places.items():
                values.setdefault((name, what), []).append(mean_at(importance.double(), each).numpy())
        with torch.no_grad():
            right += float((model(signal).argmax(1) == targets).double().sum())
        within += float(shapes.double().mean((1, 2, 3)).sum())
    joined = {key: np.concatenate(parts) for key, parts in values.items()}
    return Findings(joined, voxels.sources[:count], right / count, within / count)


def untrained_like(model: VoxelNet) -> VoxelNet:
    """Return a network of the same build with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return VoxelNet(model.labels, model.size).eval()


def maps(model: VoxelNet, signal: Tensor, targets: Tensor, methods: Sequence[str], *, seed: int) -> dict[str, Tensor]:
    """Explain the digits' own classes by some of `EXPLAINED`: maps (digit, scale, z, y, x) by method."""
    # The fastest sub-batch differs from run to run, and with it the order of sums.
    settings: dict[str, Any] = {"wavelet": WAVELET, "level": LEVEL, "batch_size": 16, "progress": False}
    smoothgrad = wam.explain(model, signal, targets, seed=range(seed, seed + len(signal)), **settings)
    found = {"SmoothGrad": smoothgrad, "SmoothGrad × input": smoothgrad.contribution()}
    if "Integrated Gradients" in methods:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Integrated Gradients with", RuntimeWarning)  # a gap of more than 5 %
            found["Integrated Gradients"] = wam.explain(
                model, signal, targets, method="integrated_gradients", **settings
            )
    return {name: found[name].maps() for name in methods}


def measured_places(shapes: Tensor) -> dict[str, Float[Tensor, "digit z y x"]]:
    """Return for every voxel of every digit what each of `MEASURES` is the mean of."""
    signed = torch.stack([torch.from_numpy(distance_to_surface(shape)) for shape in shapes])
    places = torch.stack(
        torch.meshgrid(*(torch.arange(side, dtype=torch.float64) for side in shapes.shape[1:]), indexing="ij")
    )
    centres = torch.stack([shape.nonzero().double().mean(0) for shape in shapes])
    away = (places[None] - centres[:, :, None, None, None]).square().sum(1).sqrt()
    return {"distance": signed.abs(), "signed": signed, "inside": shapes.double(), "centre": away}


def rows_of(found: Findings) -> list[dict[str, Any]]:
    """Return one row per method, scale and measure: means, and paired differences from what is the same everywhere."""
    rows = []
    for (method, measure_), values in found.values.items():
        even = found.values[EVERYWHERE, measure_]
        for at, scale in enumerate(SCALES):
            row: dict[str, Any] = {"method": method, "measure": measure_, "scale": scale, "digits": len(values)}
            for name, each in (
                ("", values[:, at]),
                ("minus_everywhere", values[:, at] - even[:, at]),
                ("minus_coarse", values[:, at] - values[:, 1]),
            ):
                interval = _interval(each, found.sources)
                row |= {
                    f"{name or 'mean'}": interval.mean,
                    f"{name or 'mean'}_low": interval.low,
                    f"{name or 'mean'}_high": interval.high,
                }
            rows.append(row)
    return rows


def _interval(values: NDArray[np.float64], sources: Sequence[int]) -> Interval:
    """Take the mean of the digits that have importance in a scale at all."""
    there = np.isfinite(values)
    clusters = [source for source, is_there in zip(sources, there, strict=True) if is_there]
    return cluster_interval(values[there], clusters, resamples=RESAMPLES, seed=SEED)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Write one block per measure, methods down and scales across, coarse to fine."""
    lines: list[tuple[str, ...]] = []
    for measure_, words in MEASURES.items():
        lines.append((words, *SCALES, "detail 1 − detail 3"))
        for method in dict.fromkeys(row["method"] for row in rows):
            own = {row["scale"]: row for row in rows if (row["method"], row["measure"]) == (method, measure_)}
            cells = [_written(own[scale], "mean") for scale in SCALES]
            difference = "" if method == EVERYWHERE else _written(own[SCALES[-1]], "minus_coarse")
            lines.append((f"  {method}", *cells, difference))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _written(row: dict[str, Any], name: str) -> str:
    mean, low, high = (f"{row[name + end]:.2f}".replace("-", "−") for end in ("", "_low", "_high"))
    return mean if low == high else f"{mean} [{low}, {high}]"


def drawn(rows: Sequence[dict[str, Any]], voxels: Voxels) -> Figure:
    """Draw one digit's scales above the table's first two measures."""
    figure = new_figure(WIDTH, 6.4)
    head(figure, "Where in a digit each scale of the explanation lies")
    parts = figure.subfigures(2, 1, height_ratios=[1, 1.5])
    assert isinstance(parts, np.ndarray)
    above, below = parts
    number = int((voxels.targets == 3).nonzero()[0])
    signal = voxels.signals[number : number + 1]
    found = maps(volume_model(), signal, voxels.targets[number : number + 1], EXPLAINED[:1], seed=SEED)[EXPLAINED[0]][0]
    panels = above.subplots(1, 1 + len(SCALES))
    outline = (signal[0, 0] >= WITHIN).any(0).double().numpy()
    for panel, name, volume in zip(panels, ("a digit", *SCALES), (signal[0, 0], *found), strict=True):
        title(clean(panel), name)
        panel.imshow(volume.mean(0).numpy(), origin="lower", cmap="Greys" if name == "a digit" else "viridis")
        panel.contour(outline, levels=[0.5], colors=ORANGE, linewidths=1)
        panel.set(xticks=[], yticks=[])
    looks = dict(zip(DRAWN, ((BLUE, "o"), (ORANGE, "s"), (FAINT, "x"), ("#009e73", "^"), (FAINT, "")), strict=True))
    panels = below.subplots(1, 2)
    for panel, measure_ in zip(panels, ("distance", "signed"), strict=True):
        clean(panel)
        panel.set_ylabel(MEASURES[measure_], fontsize=SIZE - 1, **TEXT)
        for index, (method, (colour, marker)) in enumerate(looks.items()):
            own = [row for row in rows if (row["method"], row["measure"]) == (method, measure_)]
            places = np.arange(len(SCALES)) + 0.1 * (index - 1.5)
            means = np.array([row["mean"] for row in own])
            if method == EVERYWHERE:
                panel.axhline(means[0], color=colour, linestyle=":", linewidth=1, label=method)
                continue
            ends = np.abs([[row["mean"] - row["mean_low"], row["mean_high"] - row["mean"]] for row in own]).T
            panel.errorbar(
                places, means, yerr=ends, color=colour, marker=marker, linestyle="", markersize=5, label=method
            )
        panel.set_xticks(range(len(SCALES)), SCALES, fontsize=SIZE - 2, **TEXT)
    panels[0].legend(fontsize=SIZE - 3, frameon=False)
    foot(
        figure,
        "Above: means of SmoothGrad's maps over depth; the line is the digit's outline. Below: 95 % intervals.",
    )
    return figure


if __name__ == "__main__":
    main()
