"""Every public name is in the reference, with an example that runs."""

from __future__ import annotations

import doctest
import inspect

import pytest

import wam_widgets as wam
from notebooks.site.reference import public_names

from .conftest import Site

NAMES = public_names()


def test_the_list_holds_what_each_module_offers_once() -> None:
    assert "wam_widgets.explain" in NAMES
    assert "wam_widgets.evaluation.scale_profile" in NAMES
    assert "wam_widgets.evaluation.evaluate" not in NAMES  # the same as wam.evaluate
    assert NAMES["wam_widgets.evaluate"] is wam.evaluation.evaluate


@pytest.mark.parametrize("name", [name for name, value in NAMES.items() if not callable(value)])
def test_a_value_has_what_is_said_of_it_and_an_example(site: Site, name: str) -> None:
    page = (site.folder / f"api/names/{name}.html").read_text("utf-8")
    assert "&gt;&gt;&gt; " in page
    assert "<p>" in page.partition('class="sig sig-object')[2]


@pytest.mark.parametrize("name", [name for name, value in NAMES.items() if callable(value)])
def test_every_public_name_has_an_example_that_runs(name: str) -> None:
    examples = doctest.DocTestParser().get_examples(inspect.getdoc(NAMES[name]) or "")
    assert [each for each in examples if not each.options.get(doctest.SKIP)], (
        f"{name} needs an Examples section whose lines begin with >>>."
    )


def test_every_public_name_has_a_page(site: Site) -> None:
    assert {path.stem for path in (site.folder / "api/names").glob("*.html")} == set(NAMES)
