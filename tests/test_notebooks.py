"""Every lesson has the same form, is what its source generates, and still finds the numbers that it shows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
import torch
from nbformat import NotebookNode

import wam_widgets as wam
from notebooks import checks
from notebooks.src import generate

PROJECT = Path(__file__).parents[1]
LESSONS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
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
    assert committed == expected, "The source has changed since: run `make lessons`."


def test_outputs_are_kept_where_they_are_compared_and_nowhere_else(cells: list[NotebookNode]) -> None:
    for cell in code(cells):
        compared = tags(cell) & generate.COMPARED
        assert compared in (set(), generate.COMPARED), cell.id
        assert bool(cell.outputs) == bool(compared), cell.id
    assert any(re.search(r"\d", output.text) for cell in cells for output in cell.get("outputs", []))


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
    assert exercises
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
    shutil.copy(PROJECT / "notebooks/checks.py", tmp_path)
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


# ------------------------------------------------------------------------------------------ what the self-checks answer


class Cats(torch.nn.Module):
    """A model with as many classes as the check needs."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = torch.randn(3 * 256, 300, generator=torch.Generator().manual_seed(1)) / 8

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        return torch.tanh(signal.flatten(1) @ self.weights)


def explain(target: Any = 285, **options: Any) -> wam.Explanation:
    signal = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2))
    return wam.explain(Cats(), signal, target, progress=False, **options)


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.strip()


def test_a_mix_of_scales_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    explanation = explain(level=3, samples=8)
    answers = {
        "Still to do: replace the dots.": ...,
        "Not yet: expected a photo, a tensor of shape (1, 3, 16, 16).": "coarse",
        "Not yet: the finest scale that is left is detail 1; the last should be detail 3.": explanation.signal,
        "Not yet: the photo should hold the scales approximation, detail 3": explanation.rebuild(scales=["detail 2"]),
        "Right: ": explanation.rebuild(scales=["approximation", "detail 3"]),
    }
    for answer, given in answers.items():
        checks.mixed(explanation, given)
        assert said(capsys).startswith(answer)


def test_a_count_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    few, many = explain(level=2, samples=25), explain(level=2, samples=100)
    counts = many.significant(rate=0.05).total_by_scale()[0]
    assert 0 < counts[-1] < counts.sum()
    for answer, explanation, count in [
        ("Still to do", ..., ...),
        ("Not yet: the first answer should be", 7, 7),
        ("Not yet: expected 100 copies of noise; got 25 passes", few, 0),
        ("Nearly: that is the number in all scales together", many, int(counts.sum())),
        ("Not yet: add up", many, "many"),
        ("Right: ", many, counts[-1]),
        ("Right: ", many, int(counts[-1])),
    ]:
        checks.counted(explanation, count)
        assert said(capsys).startswith(answer)


def test_a_contrast_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: the answer should be what `wam.explain` returns", 285),
        ("Not yet: that explains 'column 285' alone", explain(285)),
        ("Not yet: those are two other classes", explain(wam.Contrast(285, 281))),
        ("Nearly: ", explain(wam.Contrast(287, 285))),
        ("Right: ", explain(wam.Contrast(285, 287))),
    ]:
        checks.asked(Cats(), given)
        assert said(capsys).startswith(answer)


def sound(level: int = 4) -> wam.Explanation:
    """Explain noise of one channel."""
    signal = torch.rand(1, 1, 768, generator=torch.Generator().manual_seed(3))
    return wam.explain(Cats(), signal, 0, level=level, samples=8, progress=False).contribution()


def test_a_sound_without_its_pitch_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    explanation = sound()
    approximation, pitch, *others = explanation.scales
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected a sound, a tensor of shape (1, 1, 768)", "silence"),
        (
            f"Nearly: that is everything but {others[0]}",
            explanation.rebuild(scales=[approximation, pitch, *others[1:]]),
        ),
        (f"Not yet: that is {others[-1]} alone", explanation.rebuild(scales=others[-1:])),
        ("Not yet: the sound should hold all scales, whole, but", explanation.signal),
        ("Right: everything but detail 4", explanation.rebuild(scales=[approximation, *others])),
    ]:
        checks.without_pitch(explanation, given)
        assert said(capsys).startswith(answer)


def test_what_is_asked_of_the_alarm_is_told_from_others(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = sound()
    alarm = wam.samples.Sample("alarm", found.signal, 0, "An alarm", "", "")
    monkeypatch.setattr(checks, "_alarm", lambda: (alarm, found))
    shares = found.scale_shares()[0]
    largest, least = (found.scales[int(place)] for place in (shares.argmax(), shares.argmin()))
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected the name of a scale, such as 'detail 4'; got 4", 4),
        (f"Not yet: {least} has", least),
        (f"Right: {largest}, with", largest),
    ]:
        checks.alarmed(given)
        assert said(capsys).startswith(answer)
    weakest = found.attribution.map(lambda band: -band.abs()).largest(0.05)
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected a sound, a tensor of shape (1, 1, 768)", 0.9),
        ("Nearly: that is the twentieth that contributes most", found.rebuild(fraction=0.05)),
        ("Not yet: keep the positions", found.signal),
        ("Right: ", wam.reconstruct(found.signal_coefficients().keep(weakest))),
    ]:
        checks.least_kept(given)
        assert said(capsys).startswith(answer)


def test_a_box_of_the_legs_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    legs = 12 / 32
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected six numbers", "the legs"),
        ("Not yet: expected six numbers", [0, legs]),
        ("Not yet: expected six numbers", [0, legs, 0, 1, 0, "1"]),
        ("Nearly: the numbers are fractions", [0, 12, 0, 32, 0, 32]),
        ("Not yet: cut along the first axis", [0, 1, 0, 1, 0, legs]),
        ("Nearly: that is everything but the legs", [legs, 1, 0, 1, 0, 1]),
        ("Not yet: along up that is voxel 0 to 16; the legs", [0, 0.5, 0, 1, 0, 1]),
        ("Right: ", [0, legs, 0, 1, 0, 1]),
        ("Right: ", (0.0, 0.38, 0, 1, 0, 1)),
    ]:
        checks.legs_shown(given)
        assert said(capsys).startswith(answer)


def test_a_car_without_its_roof_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    car = wam.samples.furniture()["car"].signal
    up = torch.arange(32)[:, None, None]
    for answer, given in [
        ("Still to do", ...),
        ("Not yet: expected a volume, a tensor of shape (1, 1, 32, 32, 32)", "sofa"),
        ("Not yet: expected a volume", car[:, :, :16]),
        ("Not yet: that is the whole car", car),
        ("Nearly: that is the roof alone", car * (up >= 16)),
        ("Not yet: all voxels from 16 up should be 0", car * (up < 15)),
        ("Right: ", car * (up < 16)),
        ("Right: ", (car * (up < 16)).bool()),
    ]:
        checks.roof_cut_off(given)
        assert said(capsys).startswith(answer)


def test_a_count_of_what_is_not_zero_is_told_from_others(capsys: pytest.CaptureFixture[str]) -> None:
    table = wam.samples.furniture()["table"].signal
    values = wam.decompose(table).flatten()
    rounding = (values != 0).sum()
    for answer, count in [
        ("Still to do", ...),
        ("Not yet: of `wam.decompose(signal).flatten()`", "many"),
        ("Not yet: of `wam.decompose(signal).flatten()`", values.numel()),
        ("Not yet: those are the full voxels", int(table.sum())),
        ("Nearly: some of these are only rounding", rounding),
        ("Nearly: those are the positive ones", int((values > 0.001).sum())),
        ("Right: 2.3% of all", (values.abs() > 0.001).sum()),
        ("Right: ", 762),
    ]:
        checks.not_zero(count)
        assert said(capsys).startswith(answer)
