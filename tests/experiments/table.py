"""How faithful is each method? The table of the README (`make table`).

Pictures, sounds and volumes that the sample models were not trained on; the paper's methods, plain and denoised, beside
controls that saw no model; one signal at a time ("wam", "rise"), and two things in one signal ("contrast").
"""

import argparse
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from matplotlib.figure import Figure
from torch import Tensor

import wam_widgets as wam
from tests.experiments.sheets import write_csv
from tests.training import clips, voxels
from wam_widgets.evaluation import FaithfulnessReport, Pairs, draw_pairs, mixed, side_by_side, standard_methods
from wam_widgets.evaluation.faithfulness import DIRECTIONS, MEASURES
from wam_widgets.plots.canvas import BLUE, FAINT, INK, SIZE, TEXT, WIDTH, clean, foot, head, new_figure, png
from wam_widgets.samples import (
    SoundNet,
    audio_model,
    digit_model,
    front_view,
    furniture_model,
    image_model,
    images,
    volume_model,
)

FOLDER = Path(__file__).parents[2] / "bench"

#: Of everything that is drawn: copies, controls, pairs and the bootstrap.
SEED = 0

ONE, TWO = ("wam", "rise"), ("contrast",)


class Data(NamedTuple):
    """Items of one kind: signals with a label, or with two of them for a contrast, and the group of each."""

    items: list[Any]
    groups: list[Any]


class Sheet(NamedTuple):
    """One part of the table."""

    name: str
    model: Callable[[], Any]
    one: Callable[[int | None], Data]
    pair: Callable[..., Pairs]
    pairs: int
    methods: dict[str, Any]
    #: Inputs of the model at once. EfficientNet-Lite0's activations no longer fit the caches at 16: 2.5 times slower.
    batch_size: int = 16


def main() -> None:
    """Measure all parts of the table, show them, and write them with their figure."""
    parser = argparse.ArgumentParser(prog="python -m tests.experiments.table", description=__doc__)
    parser.add_argument("--items", type=int, help="at most so many of each kind (default: what the table has)")
    parser.add_argument("--only", nargs="+", choices=list(SHEETS), default=list(SHEETS), help="which parts")
    parser.add_argument("--workers", type=int, default=2, help="how many, of one thread each (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder of all files (default: bench)")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    reports: dict[tuple[str, str], FaithfulnessReport] = {}
    with ExitStack() as stack:
        client = stack.enter_context(_workers(options.workers)) if options.workers > 1 else None
        for name in options.only:
            for report in measure(SHEETS[name], options.items, options.output, client):
                reports[name, report.protocol.name] = report
                print(f"\n{time.perf_counter() - began:.0f} s: {name}\n\n{markdown(report)}", flush=True)
    rows = [{"data": name, **row} for (name, _), report in reports.items() for row in report.rows()]
    write_csv(options.output / "table.csv", rows)
    text = "\n\n".join(f"### {name}\n\n{markdown(report)}" for (name, _), report in reports.items())
    (options.output / "table.md").write_text(text + "\n", encoding="utf-8")
    shown = {key: report for key, report in reports.items() if report.enough_groups}
    if shown:
        (options.output / "table.png").write_bytes(png(drawn(shown), dpi=150))
    print(f"\n{time.perf_counter() - began:.0f} s. Written: table.md, table.csv, table.png in {options.output.name}")


def measure(sheet: Sheet, items: int | None, folder: Path, client: Any) -> Sequence[FaithfulnessReport]:
    """Evaluate single signals and pairs; a run that was stopped goes on where it was."""
    model = sheet.model()
    data = sheet.one(items)
    chosen = draw_pairs([label for _, label in data.items], min(sheet.pairs, items or sheet.pairs), seed=SEED)
    signals = torch.stack([signal for signal, _ in data.items])
    labels = torch.tensor([label for _, label in data.items])
    first, second = signals[chosen.T]
    pairs = sheet.pair(first, second, labels[chosen]).both_ways()
    doubled = Data(list(zip(pairs.signal, pairs.classes.tolist(), strict=True)), list(pairs.groups))
    found = []
    for what, protocols, of in (("one", ONE, data), ("two", TWO, doubled)):
        report = wam.benchmark(
            model,
            of.items,
            sheet.methods,
            store=folder / f"table-{sheet.name}-{what}{'' if items is None else f'-{items}'}.sqlite",
            protocol=protocols,
            target="label",
            groups=of.groups,
            client=client,
            seed=SEED,
            batch_size=sheet.batch_size,
        )
        if report.failed:
            print(f"{len(report.failed)} items failed: {report.failed}")
        found += [report.faithfulness(protocol) for protocol in protocols]
    return found


def _workers(count: int) -> Any:
    import dask
    from dask.distributed import Client, LocalCluster

    cluster: Any = LocalCluster
    connected: Any = Client
    # By default Dask has its workers give memory back at once, so that every layer's output is mapped anew:
    # EfficientNet-Lite0 then takes 3.5 times as long.
    environment = dict(dask.config.get("distributed.nanny.pre-spawn-environ"))
    environment.pop("MALLOC_TRIM_THRESHOLD_", None)
    with dask.config.set({"distributed.nanny.pre-spawn-environ": environment}):
        return connected(cluster(n_workers=count, threads_per_worker=1, dashboard_address=None))


def _photos(_: int | None) -> Data:
    samples = list(images().values())
    return Data([(each.signal[0], each.target) for each in samples], [each.name for each in samples])


def _digits(items: int | None) -> Data:
    given = voxels.read("digits", "test")
    count = items or 200
    return Data(_first(front_view(given.signals), given.targets, count), list(given.sources[:count]))


def _sounds(items: int | None) -> Data:
    given = clips.read("environment_sounds", "test")
    # Spread over classes and families: every k-th of the clips, which stand by class.
    chosen = range(0, len(given.files), max(1, len(given.files) // (items or len(given.files))))
    return Data(
        [(given.signals[each], int(given.targets[each])) for each in chosen], [given.families[each] for each in chosen]
    )


def _volumes(collection: Any, standard: int, items: int | None) -> Data:
    given = voxels.read(collection, "test")
    chosen = range(0, len(given.targets), max(1, len(given.targets) // (items or standard)))
    return Data(
        [(given.signals[each], int(given.targets[each])) for each in chosen], [given.sources[each] for each in chosen]
    )


def _first(signals: Tensor, targets: Tensor, count: int) -> list[tuple[Tensor, int]]:
    return list(zip(signals[:count], targets[:count].tolist(), strict=True))


def _cam_of_sound(model: SoundNet, signal: Tensor, target: Any) -> Tensor:
    """Return Grad-CAM of the mel spectrogram, summed over its bands: when, in the sound's own samples."""
    column = target.first if isinstance(target, wam.Contrast) else target
    found = wam.gradcam(model.network, model.front_end(signal), column, model.network[6])  # the last convolutions
    return torch.nn.functional.interpolate(found.sum(1, keepdim=True), signal.shape[2], mode="linear")[:, 0]


SHEETS = {
    each.name: each
    for each in (
        Sheet("photos", image_model, _photos, side_by_side, 6, standard_methods(level=5, layer="head.convolution"), 4),
        Sheet("digits", digit_model, _digits, side_by_side, 100, standard_methods(level=2, layer="network.6")),
        Sheet("sounds", audio_model, _sounds, mixed, 60, standard_methods(level=6) | {"Grad-CAM, mel": _cam_of_sound}),
        Sheet(
            "3-D digits",
            volume_model,
            partial(_volumes, "digits", 100),
            side_by_side,
            50,
            standard_methods(level=2, layer="network.6"),
        ),
        Sheet(
            "furniture",
            furniture_model,
            partial(_volumes, "furniture", 87),
            side_by_side,
            40,
            standard_methods(level=3, layer="network.6"),
        ),
    )
}


def markdown(report: FaithfulnessReport) -> str:
    """Write one part of the table."""
    names = [f"{measure} ({DIRECTIONS[measure]} is better)" for measure in MEASURES]
    columns = ["method", *names, "faithfulness − the better control", "p (Holm)"]
    lines = [f"{report.protocol}. {len(report.groups)} items, {len(set(report.groups))} groups.", ""]
    lines += [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for row in report.rows():
        cells = [row["method"], *(_with_ends(row, measure) for measure in MEASURES)]
        if row["control"]:
            cells += ["", ""]
        else:
            p = row["faithfulness_p"]
            cells += [_with_ends(row, "faithfulness_difference"), "" if p is None else f"{p:.2g}"]
        lines.append(f"| {' | '.join(cells)} |")
    if not report.enough_groups:
        lines += ["", "Too few groups for an interval; faithfulness of the items, one by one:", ""]
        items = range(len(report.groups))
        lines += [f"| method | {' | '.join(str(report.groups[each]) for each in items)} |"]
        lines += [f"|{'---|' * (1 + len(items))}"]
        for method in report.methods:
            values = report.values(method)
            lines.append(f"| {method} | {' | '.join(f'{values[each]:+.3f}' for each in items)} |")
    return "\n".join(lines)


def _with_ends(row: dict[str, Any], name: str) -> str:
    if row[f"{name}_low"] is None:
        return f"{row[name]:+.3f}"
    return f"{row[name]:+.3f} [{row[f'{name}_low']:+.3f}, {row[f'{name}_high']:+.3f}]"


def drawn(reports: dict[tuple[str, str], FaithfulnessReport]) -> Figure:
    """Draw every method's difference from the better control, with its interval, a panel per part."""
    rows = {key: [row for row in report.rows() if not row["control"]] for key, report in reports.items()}
    names = list(dict.fromkeys(name for name, _ in reports))
    protocols = list(dict.fromkeys(protocol for _, protocol in reports))
    figure = new_figure(WIDTH, 0.9 + len(names) * 1.75)
    panels = figure.subplots(len(names), len(protocols), squeeze=False, sharex="col")
    for (name, protocol), found in rows.items():
        panel = panels[names.index(name), protocols.index(protocol)]
        clean(panel)
        panel.axvline(0, color=FAINT, linewidth=1)
        for place, row in enumerate(reversed(found)):
            ends = [row["faithfulness_difference_low"], row["faithfulness_difference_high"]]
            panel.plot(ends, [place, place], color=BLUE, linewidth=1.5, solid_capstyle="round")
            panel.plot(row["faithfulness_difference"], place, "o", color=BLUE, markersize=4)
        first = protocols.index(protocol) == 0
        labels = [row["method"] for row in reversed(found)] if first else [""] * len(found)
        panel.set_yticks(range(len(found)), labels, fontsize=SIZE - 2, **TEXT)
        panel.tick_params(labelsize=SIZE - 2, colors=INK, length=0)
        panel.set_title(f"{name}: {protocol}", fontsize=SIZE - 1, loc="left", **TEXT)
    head(figure, "Faithfulness minus that of the better control")
    foot(figure, "Right of the line: better than any order that saw no model. Lines: 95 % intervals.")
    return figure


if __name__ == "__main__":
    main()
