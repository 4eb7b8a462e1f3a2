"""Do explanations depend on what the model has learnt? (`make sanity-experiment`).

The methods of the README's table, and two that never look at the model, are checked on held-out digits against the
digit model with its weights shuffled, stage after stage and one stage at a time, and against the same network that
learnt shuffled labels by heart; and whether Integrated Gradients are complete.
"""

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import wam_widgets as wam
from tests.experiments.sheets import write_csv
from tests.training.digits import read
from wam_widgets.evaluation import SanityReport, standard_methods
from wam_widgets.evaluation.explainer import Method
from wam_widgets.samples import digit_model, shuffled_digit_model

FOLDER = Path(__file__).parents[2] / "bench"

SEED, LEVEL = 0, 2
DIGITS = 50


def magnitude(_model: torch.nn.Module, signal: Tensor, _target: Any) -> Tensor:
    """Return the ink."""
    return signal.abs().sum(1)


def edges(_model: torch.nn.Module, signal: Tensor, _target: Any) -> Tensor:
    """Return how much the ink changes to the right and downwards."""
    right, down = (signal.diff(dim=axis, append=signal.narrow(axis, -1, 1)) for axis in (-1, -2))
    return (right.abs() + down.abs()).sum(1)


def main() -> None:
    """Check, show the table, and write it."""
    parser = argparse.ArgumentParser(prog="python -m tests.experiments.sanity", description=__doc__)
    parser.add_argument("--digits", type=int, default=DIGITS, help="how many held-out ones (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder of all files (default: bench)")
    options = parser.parse_args()
    began = time.perf_counter()
    signal = read("digits", "test").signals[: options.digits]
    reports = checked(signal)
    text = markdown(reports, len(signal))
    print(text)
    rows = [{"check": check, **row} for check, report in reports.items() for row in report.rows()]
    options.output.mkdir(parents=True, exist_ok=True)
    write_csv(options.output / "sanity.csv", rows)
    (options.output / "sanity.md").write_text(text + "\n", encoding="utf-8")
    print(f"\n{time.perf_counter() - began:.0f} s. Written: sanity.md, sanity.csv in {options.output.name}")


def checked(signal: Tensor) -> dict[str, SanityReport]:
    """Return the three checks of all methods, by their names."""
    methods: dict[str, Method] = {
        **standard_methods(level=LEVEL, layer="network.6"),
        "ink alone": magnitude,
        "edges alone": edges,
    }
    checks: dict[str, dict[str, Any]] = {
        "cascading": {"randomisation": "cascading"},
        "independent": {"randomisation": "independent"},
        "shuffled labels": {"against": {"shuffled labels": shuffled_digit_model()}},
    }
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Integrated Gradients with", RuntimeWarning)  # what the report is about
        return {
            check: wam.sanity_check(digit_model(), signal, methods, seed=SEED, progress=False, **settings)
            for check, settings in checks.items()
        }


def markdown(reports: dict[str, SanityReport], digits: int) -> str:
    """Write what is left of every method's map where each check decides, and of the one stage that changes it least."""
    first, single = reports["cascading"], reports["independent"]
    columns = ["method", "all weights shuffled", "the output's shuffled", "one stage that changes it least"]
    columns += ["shuffled labels", "completeness gap, median", "at most"]
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for method in first.methods:
        stage = int(single.means(method).argmax())
        name = single.stages[stage].removeprefix("shuffling only ").replace("network.", "")
        gaps = np.abs(first.completeness.get(method, np.empty(0)))
        cells = [
            _written(first, method),
            _written(single, method),
            f"{_number(single.means(method)[stage])} ({name})",
            _written(reports["shuffled labels"], method),
            *(("", "") if not len(gaps) else (f"{np.median(gaps):.3f}", f"{gaps.max():.3f}")),
        ]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    about = (
        f"{digits} held-out digits: mean rank correlation of the maps with those of the trained model. Above "
        f"{first.limit:g} fails, and is bold."
    )
    return "\n".join([about, "", *lines, "", f"Stages: {', '.join(first.stages)}."])


def _written(report: SanityReport, method: str) -> str:
    mean = _number(report.means(method)[report.stages.index(report.last)])
    return f"**{mean}**" if method in report.failing else mean


def _number(mean: float) -> str:
    return f"{mean:.2f}".replace("-", "−")


if __name__ == "__main__":
    main()
