"""The scrubber of curves in a real JupyterLab: its traits both ways."""

from __future__ import annotations

from playwright.sync_api import expect

from .jupyter import Notebook

CURVES = """
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, 3))
    signal = torch.rand(1, 1, 16, 16)
    explanations = {"WAM": wam.explain(model, signal, method="integrated_gradients", progress=False)}
    report = wam.evaluate(model, signal, explanations, steps=8, progress=False)
"""


def test_the_scrubber_and_its_traits_follow_each_other(notebook: Notebook) -> None:
    notebook.run(CURVES)
    cell = notebook.show("scrubber = wam.CurveScrubber(report, signal, explanations)\nscrubber")
    slider = cell.view.get_by_role("slider", name="step").first
    slider.fill("3")
    notebook.until("scrubber.step == 3")
    notebook.run("scrubber.step = 6")
    expect(slider).to_have_value("6")
