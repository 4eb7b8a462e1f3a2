"""Whole data sets: do two workers do twice the work of one, and does memory stay flat?

Run as `python -m tests.benchmarks.datasets ITEMS FOLDER`, this module is a fresh process that measures so many small
items and prints its resident set after a tenth of them and at the end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .clock import ratios, seconds, turns
from .rows import Row, compared

ITEMS, SIDE, MANY = 40, 112, 10_000
MIB = 2**20


def rows(rounds: int) -> Sequence[Row]:
    """Measure one data set on one worker and on two; and a long one of small items."""
    return [_workers(rounds), *_memory()]


def _workers(rounds: int) -> Row:
    times: dict[int, list[float]] = {1: [], 2: []}
    for workers in turns(times, rounds):
        times[workers].append(_seconds(workers))
    return compared(
        "datasets",
        f"{ITEMS} images, ResNet-18-like, {SIDE} x {SIDE}: 2 single-threaded workers, how many times as fast",
        ratios(times[1], times[2]),
        value=ITEMS / min(times[2]),
        unit="items/s",
        against="1 worker",
        goal=">= 1.7",
    )


def _seconds(workers: int) -> float:
    """Time a data set on a cluster of its own: another one, though idle, would take a tenth of a core from it."""
    import torch

    from wam_widgets.evaluation import Explainer, benchmark

    from .models import resnet18

    distributed: Any = import_module("distributed")  # some of it is untyped
    model = resnet18()
    images = torch.rand(ITEMS, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    methods = {"SmoothGrad": Explainer("smoothgrad", options={"samples": 25})}
    options: dict[str, Any] = {"threads_per_worker": 1, "dashboard_address": ":0", "silence_logs": 50}
    # As the notes of `benchmark` advise: workers that give memory back at once take twice as long, most of it waiting.
    environment = {"distributed.nanny.pre-spawn-environ": {"OMP_NUM_THREADS": 1}}
    with (
        import_module("dask").config.set(environment),
        TemporaryDirectory() as folder,
        distributed.LocalCluster(n_workers=workers, **options) as cluster,
        distributed.Client(cluster) as client,
    ):

        def work(data: Any, name: str) -> None:
            settings: dict[str, Any] = {"steps": 8, "controls": 1, "batch_size": 4, "progress": False}
            benchmark(model, data, methods, store=Path(folder) / name, client=client, **settings)

        work(images[: 2 * workers], "first")  # loads torch, and runs the model
        return seconds(lambda: work(images, "all"))


def _memory() -> Sequence[Row]:
    with TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(MANY), folder],
            cwd=Path(__file__).parents[2],
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    early, late, seconds = json.loads(done.stdout)
    about = f"{MANY:,} items of 8 x 8, tiny model"
    return [
        Row("datasets", f"{about}: resident set at the end", late / MIB, "MiB", late / early, "", "a tenth", "flat"),
        Row("datasets", f"{about}: time", 1000 * seconds / MANY, "ms/item"),
    ]


def _resident() -> int:
    """Return the memory that the process has now, in bytes."""
    return int(import_module("psutil").Process().memory_info().rss)


def _small_items(items: int, folder: str) -> None:
    """Measure so many items, made as they are asked for."""
    import time
    from collections.abc import Iterator

    import torch

    from wam_widgets.evaluation import Explainer, benchmark

    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    chance = torch.Generator().manual_seed(0)
    seen: list[int] = []

    def made() -> Iterator[Any]:
        for _ in range(items):
            yield torch.rand(1, 8, 8, generator=chance)

    def watch(done: int, _: int) -> None:
        if done in {items // 10, items}:
            seen.append(_resident())

    began = time.perf_counter()
    methods = {"saliency": Explainer("saliency", level=2)}
    options: dict[str, Any] = {"steps": 4, "controls": 1, "progress": watch, "store": f"{folder}/many.sqlite"}
    benchmark(model, made(), methods, **options)
    print(json.dumps([*seen, time.perf_counter() - began]))


if __name__ == "__main__":
    _small_items(int(sys.argv[1]), sys.argv[2])
