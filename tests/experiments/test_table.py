"""The table says what the reports say, with its figure."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

import wam_widgets as wam
from tests.experiments import table
from wam_widgets.evaluation import FaithfulnessReport


@pytest.fixture
def reports() -> dict[tuple[str, str], FaithfulnessReport]:
    """Two protocols on twelve items, and on four, which are too few for an interval."""
    generator = torch.Generator().manual_seed(0)
    weights = torch.randn(64, 3, generator=generator)
    signal = torch.rand(12, 1, 8, 8, generator=generator)

    def model(inputs: torch.Tensor) -> torch.Tensor:
        return inputs.flatten(1) @ weights

    def report(items: int, protocol: str) -> FaithfulnessReport:
        found = wam.explain(model, signal[:items], 0, level=2, method="saliency", progress=False)
        return wam.evaluate(model, signal[:items], {"Saliency": found}, protocol=protocol, steps=4, controls=2)

    many = {("digits", protocol): report(12, protocol) for protocol in ("wam", "rise")}
    return many | {("photos", "wam"): report(4, "wam")}


def test_a_method_has_its_difference_from_the_better_control(
    reports: dict[tuple[str, str], FaithfulnessReport],
) -> None:
    written = table.markdown(reports["digits", "wam"])
    (row,) = [line for line in written.splitlines() if line.startswith("| Saliency |")]
    (expected,) = [row for row in reports["digits", "wam"].rows() if row["method"] == "Saliency"]
    assert f"| {expected['faithfulness_difference']:+.3f} [" in row
    assert "12 items, 12 groups" in written
    assert "one by one" not in written


def test_too_few_items_are_listed_one_by_one(reports: dict[tuple[str, str], FaithfulnessReport]) -> None:
    written = table.markdown(reports["photos", "wam"])
    assert "Too few groups for an interval" in written
    values = reports["photos", "wam"].values("Saliency")
    assert f"| Saliency | {' | '.join(f'{each:+.3f}' for each in values)} |" in written


def test_the_figure_has_a_panel_per_part_with_its_differences(
    reports: dict[tuple[str, str], FaithfulnessReport],
) -> None:
    figure = table.drawn({key: report for key, report in reports.items() if report.enough_groups})
    figure.canvas.draw()
    panels = {axes.get_title(loc="left"): axes for axes in figure.axes}
    assert set(panels) == {"digits: wam", "digits: rise"}
    (expected,) = [row for row in reports["digits", "wam"].rows() if row["method"] == "Saliency"]
    (point,) = [line.get_xdata() for line in panels["digits: wam"].lines if line.get_marker() == "o"]
    assert np.asarray(point) == pytest.approx([expected["faithfulness_difference"]])


def test_the_readme_says_what_the_whole_table_says_of_two_things_and_is_bold_where_it_says() -> None:
    whole = (Path(__file__).parent / "faithfulness.md").read_text("utf-8")
    found: dict[tuple[str, str], list[float]] = {}
    for part in whole.split("### ")[1:]:
        kind, _, rest = part.partition("\n\n")
        if rest.startswith("contrast:"):
            rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in rest.splitlines() if line[:1] == "|"]
            found |= {(kind, row[0]): numbers(row[4]) for row in rows if len(row) == 6}
    lines = (Path(__file__).parents[2] / "README.md").read_text("utf-8").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("| which of two? |"))
    kinds = [re.sub(r".* of ", "", cell.strip()) for cell in lines[start].split("|")[2:-1]]
    compared = 0
    for line in lines[start + 2 : start + 8]:
        name, *cells = [cell.strip() for cell in line.split("|")[1:-1]]
        method = re.sub(r" in pixels| \(.*", "", name.replace("WAM, ", "WAM "))
        for kind, cell in zip(kinds, cells, strict=True):
            (row,) = [row for (of, each), row in found.items() if of == kind and each in {method, f"{method}, mel"}]
            assert numbers(cell.strip("*")) == pytest.approx(row, abs=0.00501), (kind, name)
            pixels = [found[kind, each] for each in ("Saliency", "SmoothGrad", "Integrated Gradients")]
            above = len(row) == 3 and row[1] > max(max(each) for each in pixels)
            assert cell.startswith("**") == above, (kind, name)
            compared += 1
    assert compared == 30


def numbers(cell: str) -> list[float]:
    """Return the mean and, if they are there, the ends of the interval."""
    return [float(each) for each in re.findall(r"[+-]?\d+\.\d+", cell)]
