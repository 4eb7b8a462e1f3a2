"""A small run over a small data set, in a module that other processes can import."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tests.attribution.networks import SmallNet
from wam_widgets.evaluation import BenchmarkReport, Explainer, benchmark
from wam_widgets.evaluation.store import Record, Store

ITEMS = 40
METHODS = {
    "WAM": Explainer("smoothgrad", level=2, options={"samples": 8}),
    "pixels": Explainer("smoothgrad", wavelet=None, options={"samples": 8}),
}


def data(items: int = ITEMS) -> list[tuple[Tensor, int]]:
    generator = torch.Generator().manual_seed(1)
    return [(torch.randn(1, 8, 8, dtype=torch.float64, generator=generator), number % 3) for number in range(items)]


def run(store: str | Path, **options: Any) -> BenchmarkReport:
    given: dict[str, Any] = {"steps": 4, "controls": 2, "batch_size": 4, "progress": False, "target": "label"}
    given |= {"model": SmallNet(2, 1), "dataset": data(), "methods": METHODS, "store": store}
    return benchmark(**(given | options))


def run_on_one_thread(store: str) -> None:
    """What a process does until it is killed."""
    torch.set_num_threads(1)
    run(store)


def records(store: str | Path) -> list[Record]:
    with Store(store) as kept:
        return list(kept.records())


def same(ours: list[Record], theirs: list[Record], atol: float = 0) -> None:
    """Compare keys and rows."""
    assert [key(each) for each in ours] == [key(each) for each in theirs]
    for one, other in zip(ours, theirs, strict=True):
        for mine, their in zip(one.rows, other.rows, strict=True):
            measured = torch.tensor([[each.insertion, each.deletion] for each in (mine, their)])
            curves = [torch.as_tensor(each.curves) for each in (mine, their)]
            torch.testing.assert_close(measured[0], measured[1], rtol=0, atol=atol)
            torch.testing.assert_close(curves[0], curves[1], rtol=0, atol=atol)


def key(record: Record) -> Any:
    rows = [(row.protocol, row.method, row.domain, row.control) for row in record.rows]
    return record.item, record.seed, record.group, record.target, record.digest, record.error, rows
