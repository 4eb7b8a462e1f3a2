"""Numbers are written in the browser as they are in figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser

from wam_widgets.plots.words import number, percent
from wam_widgets.widgets import base

COLOURS = Path(base.__file__).parent / "shared/colours.js"


def called(browser: Browser, function: str, arguments: list[Any]) -> list[Any]:
    """Return what a function of colours.js makes of each argument."""
    page = browser.new_page()
    page.add_script_tag(content=f"{base.joined(COLOURS)}\nwindow.asked = {function};")
    answers: list[Any] = page.evaluate("given => given.map(each => window.asked(each))", arguments)
    page.close()
    return answers


def test_a_number_is_written_as_in_figures(browser: Browser) -> None:
    random = np.random.default_rng(0)
    exponents = random.uniform(-9, 8, 3000)
    numbers = [*(random.choice([-1, 1], 3000) * 10**exponents).tolist(), *map(float, range(-20, 200))]
    numbers += [0.0, 1e-4, 9.999e-5, 99999.0, 999499.0, 999999.0, 1e6, 1.5e6, 1e-10, 0.1, 0.25]
    assert called(browser, "written", numbers) == [number(each) for each in numbers]


def test_a_fraction_is_written_as_in_figures(browser: Browser) -> None:
    fractions: list[Any] = [0.0, 1.0, 1e-7, 4.9e-5, 5.1e-5, 0.00094, 0.00096, 0.0994, 0.0996, 0.989, 0.99001, 0.99999]
    fractions += np.random.default_rng(0).uniform(0, 1, 1000).tolist()
    fractions += (10 ** np.random.default_rng(1).uniform(-6, 0, 1000)).tolist()
    assert called(browser, "percent", fractions) == [percent(each) for each in fractions]


def test_the_end_of_a_colour_scale_is_numpys_percentile(browser: Browser) -> None:
    random = np.random.default_rng(3)
    arrays = [random.normal(size=count).astype(np.float32) for count in (1, 2, 7, 200, 201, 1000)]
    arrays.append(np.zeros(5, np.float32))
    found = called(browser, "each => limitOf([new Float32Array(each)])", [array.tolist() for array in arrays])
    assert found == pytest.approx([np.percentile(np.abs(array), 99.5) for array in arrays], rel=1e-6)


def test_arrays_that_are_compared_share_the_largest_end(browser: Browser) -> None:
    both = "each => limitOf(each.map(array => new Float32Array(array)))"
    assert called(browser, both, [[[1, 1], [-3, 3], [2, 2]], [[0, 0], [0]]]) == [3, 0]


def test_a_few_values_among_zeros_still_have_a_scale(browser: Browser) -> None:
    assert called(browser, "each => limitOf([new Float32Array(each)])", [[0.0] * 999 + [7.0]]) == [7]
