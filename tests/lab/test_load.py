"""Much of the same leaves nothing behind and holds nobody up."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from .jupyter import PROJECT, Notebook

#: Move a slider 10,000 times, a hundred times a task, as fast as the page can, and count the frames meanwhile.
DRAG = """async (slider) => {
  let frames = 0;
  let longest = 0;
  let last = performance.now();
  const count = () => {
    const now = performance.now();
    frames += 1;
    longest = Math.max(longest, now - last);
    last = now;
    counting = requestAnimationFrame(count);
  };
  let counting = requestAnimationFrame(count);
  const began = performance.now();
  for (let event = 0; event < 10000; event++) {
    slider.value = String((event % 200) / 100);
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    if (event % 50 === 49) await new Promise((done) => setTimeout(done, 5));
  }
  slider.value = "0.77";
  slider.dispatchEvent(new Event("input", { bubbles: true }));
  const seconds = (performance.now() - began) / 1000;
  cancelAnimationFrame(counting);
  return { frames, longest, seconds };
}"""


def test_ten_thousand_movements_of_a_slider_hold_up_neither_page_nor_kernel(notebook: Notebook) -> None:
    cell = notebook.show("""
        explorer = wam.show(wam.explain(model, photo(64), 1, level=3, samples=9))
        changes = []
        explorer.observe(changes.append, "weights")
        explorer
    """)
    before = notebook.sent
    found = cell.view.locator("[data-weight='0']").evaluate(DRAG)
    assert found["seconds"] < 10
    assert found["frames"] > 5 * found["seconds"]
    assert found["longest"] < 1000
    assert notebook.run("print(1 + 1)").text == "2"
    notebook.until("explorer.weights[0] == 0.77")
    assert notebook.sent - before < 100
    assert notebook.value("len(changes)") < 100


def test_a_thousand_explorers_that_are_made_and_closed_leave_nothing_behind(tmp_path: Path) -> None:
    own = {name: str(tmp_path) for name in ("HOME", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    environment = os.environ | own | {"PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.lab.cycles"]
    done = subprocess.run(command, env=environment, cwd=PROJECT, capture_output=True, text=True, check=True)
    first, early, late = json.loads(done.stdout)
    for what in ("comms", "widgets"):
        assert first[what] == early[what] == late[what]
    assert late["threads"] <= early["threads"]
    assert late["megabytes"] - early["megabytes"] < 20


#: Threads that are at work when the interpreter ends; torch would abort the process if they were cut off.
UNFINISHED = """
import contextlib
import wam_widgets as wam
from tests.lab.models import Counted, photo
from wam_widgets.widgets.explorers import explorer

explorer._PICTURE_FIRST = 0
model = Counted()
explanation = wam.explain(model, photo(128), 1, level=4, samples=16, progress=False)
with contextlib.suppress(ValueError):
    wam.show(explanation, look="one that can't be made")
finding = wam.show(explanation)
running = wam.show(explanation, model=model, samples=1000)
running.run()
"""


def test_the_interpreter_ends_well_while_errors_are_being_found_and_a_run_goes_on() -> None:
    command = [sys.executable, "-W", "ignore", "-c", UNFINISHED]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
