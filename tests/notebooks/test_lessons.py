"""Every lesson has the same form, is what its source generates, and still finds the numbers that it shows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from notebooks import checks
from notebooks.src import generate

PROJECT = Path(__file__).parents[2]
LESSONS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
#: A question, and on its next line the answer. No Markdown in the answer: inside a tag it would be shown as it is.
FOLDED = re.compile(r"[^<]+\?\n\s+<details><summary>Answer</summary>[^<>`*\[]+</details>\s*")
TIMES = re.compile(r"\*\*Time:\*\* \d+ minutes\b")

NUMBERED = """\
# %% [markdown]
# # How many?

# %% tags=["nbval-check-output", "keep_output"]
print("counted:")
print(6 * 7)

# %%
6 * 8
"""


@pytest.fixture(params=LESSONS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    """A lesson."""
    found: Path = request.param
    return found


@pytest.fixture
def cells(path: Path) -> list[NotebookNode]:
    """The cells of a lesson."""
    found: list[NotebookNode] = nbformat.read(path, as_version=4).cells
    return found


def tags(cell: NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def code(cells: list[NotebookNode], tag: str | None = None) -> list[NotebookNode]:
    return [cell for cell in cells if cell.cell_type == "code" and (tag is None or tag in tags(cell))]


def _all_exercises() -> list[NotebookNode]:
    return [cell for path in LESSONS for cell in code(nbformat.read(path, as_version=4).cells, "exercise")]


def words(cells: list[NotebookNode]) -> str:
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def nbval(notebook: Path, nowhere: Path) -> subprocess.CompletedProcess[str]:
    """Run a notebook with pytest, in a process of its own, and compare what it prints."""
    options = ["--nbval-lax", f"--nbval-cell-timeout={generate.CELL_TIMEOUT}", "--override-ini=addopts=", "--color=no"]
    ours = [f"--config-file={PROJECT / 'pyproject.toml'}", "-p", "no:cacheprovider"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, *ours, str(notebook)],
        env=generate.environment(nowhere),
        capture_output=True,
        text=True,
        check=False,
    )


# ---------------------------------------------------------------------------------------------- what stands in the file


def test_every_source_has_its_notebook_and_every_notebook_its_source() -> None:
    assert [path.stem for path in LESSONS] == [source.stem for source in generate.sources()] != []


def test_a_notebook_is_what_its_source_generates(path: Path) -> None:
    committed = nbformat.read(path, as_version=4)
    for count, cell in enumerate(code(committed.cells), start=1):
        assert cell.execution_count == count, "It was not run once, from top to bottom."
        cell.outputs, cell.execution_count = [], None
    expected = generate.notebook_of(generate.LESSONS / "src" / f"{path.stem}.py")
    assert committed == expected, "The source has changed since: run `make notebooks`."


def test_outputs_are_kept_where_they_are_compared_and_nowhere_else(cells: list[NotebookNode]) -> None:
    for cell in code(cells):
        compared = tags(cell) & generate.COMPARED
        assert compared in (set(), generate.COMPARED), cell.id
        assert bool(cell.outputs) == bool(compared), cell.id
    numbers = [cell for cell in code(cells) if any(re.search(r"\d", output.text) for output in cell.outputs)]
    assert len(numbers) >= 3


def test_nothing_of_a_machine_or_a_moment_is_kept(path: Path) -> None:
    machine = r"/(home|root|tmp|usr|var|work|Users)/|\b0x[0-9a-f]{4}|\d\d:\d\d:\d\d|20\d\d-\d\d-\d\d|\b3\.\d+\.\d+\b"
    assert not re.findall(machine, path.read_text("utf-8"))


# ------------------------------------------------------------------------------------------------- the form of a lesson


def test_the_title_is_a_question_and_the_header_says_what_to_expect(cells: list[NotebookNode]) -> None:
    header = cells[0].source
    assert re.fullmatch(r"# .+\?", header.splitlines()[0])
    assert TIMES.search(header)
    assert "**Run time:**" in header
    assert "**Prerequisites:**" in header
    assert "GitHub" in header  # where nothing is alive
    _, aims = header.split("You will be able to\n")
    assert len(re.findall(r"^- \*\*\w+\*\* ", aims, re.MULTILINE)) == 3


def test_a_lesson_is_short(cells: list[NotebookNode]) -> None:
    assert len(cells) <= 40
    assert len(words(cells).split()) <= 1000
    for cell in code(cells):
        assert len(cell.source.splitlines()) <= 15, cell.id


def test_it_asks_for_a_prediction_and_shows_where_a_map_misleads(cells: list[NotebookNode]) -> None:
    assert words(cells).count("**Predict.**") >= 3
    assert re.search(r"^## .*mislead", words(cells), re.MULTILINE)


def test_every_view_is_followed_by_how_to_read_it(cells: list[NotebookNode]) -> None:
    views = [number for number, cell in enumerate(cells) if "view" in tags(cell)]
    assert views
    for number in views:
        following = next(cell for cell in cells[number:] if cell.cell_type == "markdown")
        assert following.source.startswith("**How to read it.**"), cells[number].id


def test_every_exercise_has_a_check_and_a_folded_solution_of_other_names(cells: list[NotebookNode]) -> None:
    exercises = [number for number, cell in enumerate(cells) if "exercise" in tags(cell)]
    assert 2 <= len(exercises) <= 3
    assert len(code(cells, "solution")) == len(exercises)
    for number in exercises:
        told, exercise, solution = cells[number - 1 : number + 2]
        assert "**Exercise" in told.source
        assert "= ..." in exercise.source
        assert "solution" in tags(solution)
        assert solution.metadata.jupyter.source_hidden
        assert solution.source.startswith("# Solution\n"), "JupyterLab shows the first line of a folded cell."
        names = [set(re.findall(r"^(\w+)(?:, \w+)* =", cell.source, re.MULTILINE)) for cell in (exercise, solution)]
        assert not names[0] & names[1]
        uses = [set(re.findall(r"checks\.\w+", cell.source)) for cell in (exercise, solution)]
        assert len(uses[0]) == 1
        assert uses[0] == uses[1]
        assert solution.outputs[0].text.startswith("Right: ")


def test_every_check_is_asked_by_an_exercise() -> None:
    asked = [re.findall(r"checks\.(\w+)", cell.source) for cell in _all_exercises()]
    assert sorted(name for names in asked for name in names) == sorted(checks.__all__)


def test_three_questions_recall_it_each_with_a_folded_answer(cells: list[NotebookNode]) -> None:
    assert words(cells).count("## Recall") == 1
    title, *questions = re.split(r"^\d\. ", cells[-3].source, flags=re.MULTILINE)
    assert (cells[-3].cell_type, title.strip()) == ("markdown", "## Recall")
    assert len(questions) == 3
    for question in questions:
        assert FOLDED.fullmatch(question), question


def test_it_says_what_to_read_next(cells: list[NotebookNode]) -> None:
    reading = cells[-2]
    assert reading.cell_type == "markdown"
    assert reading.source.startswith("**Further reading.** ")
    assert 2 <= len(re.findall(r"\]\(https://[^)\s]+\)", reading.source)) == reading.source.count("](") <= 4


def test_it_ends_with_what_was_learnt_and_one_next_link(cells: list[NotebookNode]) -> None:
    end = cells[-1].source
    assert end.startswith("## You can now")
    assert end.count("**Next:**") == end.count("](") == 1
    for aim in re.findall(r"^- \*\*(\w+)\*\*", cells[0].source, re.MULTILINE):
        assert re.search(rf"\b{aim}\b", end), aim


def test_links_lead_to_files(path: Path, cells: list[NotebookNode]) -> None:
    for link in LINK.findall(words(cells)):
        assert (path.parent / link).exists(), link


def test_the_list_of_lessons_names_every_lesson_by_its_question(path: Path, cells: list[NotebookNode]) -> None:
    question = cells[0].source.splitlines()[0].removeprefix("# ")
    assert f"[{question}]({path.name})" in (PROJECT / "notebooks/README.md").read_text("utf-8")


# ------------------------------------------------------------------------------------------------------- they still run


def test_a_lesson_runs_and_finds_the_numbers_that_it_shows(path: Path, tmp_path: Path) -> None:
    found = nbval(path, tmp_path)
    assert found.returncode == 0, found.stdout + found.stderr


def test_a_number_that_is_no_longer_found_fails(tmp_path: Path) -> None:
    notebook = nbformat.read(LESSONS[0], as_version=4)
    first = next(number for number, cell in enumerate(notebook.cells) if tags(cell) & generate.COMPARED)
    notebook.cells = notebook.cells[: first + 1]
    (output,) = notebook.cells[first].outputs
    output.text = re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), output.text, count=1)
    nbformat.write(notebook, tmp_path / "changed.ipynb")
    shutil.copytree(PROJECT / "notebooks/checks", tmp_path / "checks")
    found = nbval(tmp_path / "changed.ipynb", tmp_path)
    assert found.returncode == 1, found.stdout + found.stderr
    assert "mismatch" in found.stdout
    assert re.search(rf"1 failed, {len(code(notebook.cells)) - 1} passed", found.stdout)


def test_the_same_source_gives_the_same_bytes(tmp_path: Path) -> None:
    source = tmp_path / "numbered.py"
    source.write_text(NUMBERED, encoding="utf-8")
    for name in ("one.ipynb", "two.ipynb"):
        generate.generate(source, tmp_path / name)
    assert (tmp_path / "one.ipynb").read_bytes() == (tmp_path / "two.ipynb").read_bytes()
    told, compared, other = json.loads((tmp_path / "one.ipynb").read_text("utf-8"))["cells"]
    assert [told["id"], compared["id"], other["id"]] == ["cell-00", "cell-01", "cell-02"]
    assert [output["text"] for output in compared["outputs"]] == [["counted:\n", "42\n"]]
    assert other["outputs"] == []


@pytest.mark.parametrize(
    ("line", "said"),
    [("import warnings; warnings.warn('old')", "must not warn; cell-00 does"), ("{1: 2}", "must be printed")],
)
def test_a_lesson_that_warns_or_keeps_what_it_does_not_print_is_not_made(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "source.py").write_text(f'# %% tags=["nbval-check-output", "keep_output"]\n{line}\n', encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        generate.generate(tmp_path / "source.py", tmp_path / "lesson.ipynb")
    assert not (tmp_path / "lesson.ipynb").exists()


def test_an_unknown_lesson_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        generate.main(["99_nothing"])
    assert f"no such lesson: 99_nothing; there is {LESSONS[0].stem}" in capsys.readouterr().err
