from __future__ import annotations

import re
from pathlib import Path

import pytest

from notebooks.src import generate, measure

#: Holds 300 MB for a moment, lets another process hold as much, and takes more than a second.
HEAVY = """\
# %%
import subprocess
import sys
import time

held = b"1" * 300_000_000
del held
time.sleep(1)
hold = "import time; held = b'1' * 300_000_000; print(1, flush=True); time.sleep(60)"
with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE) as other:
    other.stdout.readline()
    time.sleep(1)
    other.kill()
"""


def test_the_time_holds_the_start_of_the_kernel_and_the_memory_all_its_processes(tmp_path: Path) -> None:
    (tmp_path / "light.py").write_text("# %%\n1 + 1\n", encoding="utf-8")
    (tmp_path / "heavy.py").write_text(HEAVY, encoding="utf-8")
    seconds, megabytes = measure.measure(tmp_path / "light.py")
    longer, more = measure.measure(tmp_path / "heavy.py")
    assert seconds > 0.2
    assert longer > 2
    assert 30 < megabytes < 200
    assert 600 < more - megabytes < 700


def test_a_lesson_that_takes_too_much_is_named() -> None:
    measured = {"00_short": (59.0, 1499.0), "01_long": (61.0, 100.0), "02_large": (10.0, 1501.0)}
    slow, large = measure.too_much(measured)
    assert slow.startswith("01_long takes 61 s and 100 MB; a lesson may take 60 s and 1,500 MB.")
    assert large.startswith("02_large takes 10 s and 1,501 MB;")


def test_the_table_is_written_between_its_marks_and_what_takes_too_much_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    around = "before\n<!-- lesson-times -->\n{}<!-- end of lesson-times -->\nafter\n"
    monkeypatch.setattr(measure, "README", tmp_path / "README.md")
    monkeypatch.setattr(generate, "sources", lambda: [Path("src/00_one.py"), Path("src/01_two.py")])
    monkeypatch.setattr(measure, "measure", lambda source: (10.4 if source.stem == "00_one" else 99.9, 1234.0))
    monkeypatch.setattr("os.sched_setaffinity", lambda process, cores: None)
    measure.README.write_text(around.format("old\n"), encoding="utf-8")
    with pytest.raises(SystemExit, match="01_two takes 100 s"):
        measure.main()
    rows = "| [00_one](00_one.ipynb) | 10 | 1,234 |\n| [01_two](01_two.ipynb) | 100 | 1,234 |\n"
    head = "| lesson | seconds | peak memory, MB |\n|---|---|---|\n"
    assert measure.README.read_text("utf-8") == around.format(head + rows)


def test_every_lesson_was_measured_and_keeps_to_the_limits() -> None:
    (table,) = re.findall(r"<!-- lesson-times -->\n(.*)<!-- end of", measure.README.read_text("utf-8"), re.DOTALL)
    rows = re.findall(r"^\| \[(\w+)\]\(\1\.ipynb\) \| (\d+) \| ([\d,]+) \|$", table, re.MULTILINE)
    assert [name for name, _, _ in rows] == [source.stem for source in generate.sources()], "Run `make lesson-times`."
    for name, seconds, megabytes in rows:
        assert int(seconds) <= 60, name
        assert int(megabytes.replace(",", "")) <= 1500, name
