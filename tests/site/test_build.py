"""How a notebook becomes a page: what lives there, what is folded, where links lead."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nbformat import NotebookNode
from playwright.sync_api import expect

from notebooks.site import build
from notebooks.src import generate

from .conftest import Visitor

NOTEBOOK = """\
# %% [markdown]
# # What lives?
#
# [A lesson](00_start_here.ipynb), [another](99_nothing.ipynb), the [README](../README.md#two-commands).
# [![A badge](https://example.org/badge.svg)](https://example.org)

# %%
import ipywidgets
from anywidget import AnyWidget
from traitlets import Int

import wam_widgets as wam

class Dial(AnyWidget):
    _esm = \"\"\"
    function render({ model, el }) {
      const button = document.createElement("button");
      const draw = () => { button.textContent = `at ${model.get("value")}`; };
      button.onclick = () => { model.set("value", model.get("value") + 1); model.save_changes(); };
      model.on("change:value", draw);
      draw();
      el.append(button);
    }
    export default { render };
    \"\"\"
    value = Int(3).tag(sync=True)

dial, other, third = Dial(), Dial(value=5), Dial()
ipywidgets.HBox([dial, ipywidgets.VBox([other])])

# %%
sliders = wam.ScaleSliders(["coarse", "fine"])
sliders

# %%
sliders.weights = [0, 2]
ipywidgets.jsdlink((dial, "value"), (other, "value"))
ipywidgets.jslink((other, "value"), (third, "value"))
third

# %%
signal = wam.samples.digits()["three"].signal
explanation = wam.explain(wam.samples.digit_model(), signal, level=1)
explanation

# %%
view = wam.show(explanation, weights=[0, 1])
view

# %%
view.wavelet = "db2"

# %% jupyter={"outputs_hidden": true}
print("<b>told</b>")

# %% jupyter={"source_hidden": true} tags=["solution"]
# Solution
print("solved")
"""


def notebook(tmp_path: Path, text: str) -> NotebookNode:
    (tmp_path / "lesson.py").write_text(text, encoding="utf-8")
    return generate.notebook_of(tmp_path / "lesson.py")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the notebook above."""
    out, source = tmp_path_factory.mktemp("page"), build.LESSONS / "98_a_test.ipynb"
    made = build.Site(out, [source, build.LESSONS / "00_start_here.ipynb"])
    made.notebook(source, notebook(out, NOTEBOOK))
    return out / "98_a_test.html"


def test_any_widget_lives_in_a_page_and_links_link_there(page: Path, visit: Visitor) -> None:
    with visit(page) as opened:
        dials = opened.locator("[data-wam=Dial]")
        expect(dials).to_have_text(["at 3", "at 3", "at 3"])  # linked from the beginning
        dials.nth(0).get_by_role("button").click()
        expect(dials).to_have_text(["at 4", "at 4", "at 4"])
        dials.nth(2).get_by_role("button").click()
        expect(dials).to_have_text(["at 4", "at 5", "at 5"])  # the first link has one way


def test_a_cell_that_sets_a_view_becomes_a_button(page: Path, visit: Visitor) -> None:
    with visit(page) as opened:
        weights = "place => place.model.state.weights"
        sliders = opened.locator("[data-wam=ScaleSliders]")
        assert sliders.evaluate(weights) == [1, 1]
        opened.get_by_role("button", name="Do this in the view above").click()
        assert sliders.evaluate(weights) == [0, 2]


def test_a_view_that_needs_a_kernel_to_follow_is_shown_again(page: Path, visit: Visitor) -> None:
    with visit(page) as opened:
        wavelets = opened.locator("[data-wam=ImageView]").evaluate_all(
            "all => all.map(each => each.model.state.wavelet)"
        )
        assert wavelets == ["haar", "haar", "db2"]
        weights = "place => place.model.state.weights"
        assert opened.locator("[data-wam=ImageView]").nth(1).evaluate(weights) == [0, 1]


def test_arrays_of_several_views_stand_once(page: Path) -> None:
    arrays = re.findall(r'"\$bytes": "([^"]{200,})"', page.read_text("utf-8"))
    assert arrays
    assert len(arrays) == len(set(arrays))
    assert '{"$shared": 0}' in page.read_text("utf-8")


def test_what_would_spoil_a_prediction_is_folded_and_what_is_printed_is_text(page: Path, visit: Visitor) -> None:
    with visit(page) as opened:
        expect(opened.get_by_text("<b>told</b>", exact=True)).to_be_hidden()
        opened.get_by_text("What it prints").click()
        expect(opened.get_by_text("<b>told</b>", exact=True)).to_be_visible()
        expect(opened.get_by_text("solved", exact=True)).to_be_hidden()
        opened.emulate_media(media="print")
        expect(opened.get_by_text("<b>told</b>", exact=True)).to_be_visible()
        expect(opened.get_by_text("solved", exact=True)).to_be_hidden()


def test_links_lead_to_pages_and_what_is_no_page_stays_text(page: Path) -> None:
    text = page.read_text("utf-8")
    assert '<a href="00_start_here.html">A lesson</a>' in text
    assert "<span>another</span>" in text
    assert '<a href="readme.html#two-commands">README</a>' in text
    assert '<a href="https://example.org">A badge</a>' in text
    assert "progress" not in re.sub(r"(?s)<(script|style).*?</\1>", "", text).lower()


@pytest.mark.parametrize(
    ("line", "said"), [("import warnings; warnings.warn('old')", "must not warn"), ("1 / 0", "ZeroDivisionError")]
)
def test_a_lesson_that_warns_or_raises_makes_no_page(tmp_path: Path, line: str, said: str) -> None:
    source = build.LESSONS / "98_a_test.ipynb"
    made = build.Site(tmp_path, [source])
    with pytest.raises(Exception, match=said):
        made.notebook(source, notebook(tmp_path, f"# %%\n{line}\n"))
    assert not (tmp_path / "98_a_test.html").exists()


def test_an_unknown_lesson_is_answered_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        build.main(["99_nothing"])
    assert "no such lesson: 99_nothing; there is 00_start_here" in capsys.readouterr().err
