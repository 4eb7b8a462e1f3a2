"""The bar of what takes more than a second."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient

from wam_widgets.attribution.progress import Meter

SLOW = """
import time
from wam_widgets.attribution.progress import Meter

with Meter(None) as meter:
    meter.expect(5)
    for _ in range(5):
        time.sleep(0.3)
        meter.advance(1)
"""


def test_a_bar_leaves_nothing_in_a_notebook() -> None:
    """Not the view of a widget that is closed, which a saved notebook, or Voilà, can't find."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SLOW)])
    NotebookClient(notebook, kernel_name="python3").execute()
    (shown,) = notebook.cells[0].outputs  # it took more than a second, so that there was a bar
    assert shown["data"] == {"text/html": ""}


def test_a_bar_leaves_nothing_in_a_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 1000, 2))
    with Meter(None) as meter:
        monkeypatch.setattr(meter._bar, "_time", lambda: float(1e10 + next(clock)))
        meter.expect(3)
        for _ in range(3):
            meter.advance(1)
    written = capsys.readouterr().err
    assert "3/3" in written
    assert set(written.split("\r")[-1]) <= {" "}  # what stood in the line is overwritten


def test_no_bar_is_drawn_for_who_is_told_or_wants_none(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[tuple[int, int]] = []
    for progress in (False, lambda done, planned: told.append((done, planned))):
        with Meter(progress) as meter:
            meter.expect(2)
            meter.advance(2)
    assert told == [(2, 2)]
    assert capsys.readouterr().err == ""
