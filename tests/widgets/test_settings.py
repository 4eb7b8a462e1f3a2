import re
from typing import Any

import numpy as np
import pytest

from wam_widgets import ImageExplorer, ScaleSliders
from wam_widgets.widgets.view import RATES

from .cases import explanation

pytestmark = pytest.mark.usefixtures("as_a_user")


@pytest.fixture(scope="module")
def explorer() -> ImageExplorer:
    return ImageExplorer(explanation(8, 8, items=2))


@pytest.mark.parametrize(
    ("name", "value", "kind", "words"),
    [
        ("weights", [1, 1], ValueError, "one entry per scale (approximation, detail 2, detail 1), 3; got 2"),
        ("weights", [1, -0.5, 1], ValueError, "between 0 and 2; got -0.5 for 'detail 2'"),
        ("weights", [1, float("nan"), 1], ValueError, "between 0 and 2; got nan"),
        ("weights", "loud", TypeError, "`weights` must be a list of numbers; got 'loud'"),
        ("look", "heat", ValueError, "one of 'heatmap', 'image', 'mosaic'; got 'heat'. Did you mean 'heatmap'?"),
        ("orientations", ["vertcal"], ValueError, "got 'vertcal'. Did you mean 'vertical'?"),
        ("orientations", "vertical", TypeError, "must be a list of names; got 'vertical'"),
        ("signed", 1, TypeError, "`signed` must be True or False; got 1"),
        ("opacity", 1.5, ValueError, "`opacity` must be between 0 and 1; got 1.5"),
        ("opacity", "full", TypeError, "`opacity` must be a finite number, between 0 and 1; got 'full'"),
        ("colours", "jet", ValueError, "one of 'magma', 'viridis', 'cividis', 'Greys'; got 'jet'"),
        ("rate", 0.07, ValueError, "one of 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5; got 0.07"),
        ("limit", -1.0, ValueError, "`limit` must be at least 0; got -1.0"),
        ("limit", float("inf"), TypeError, "`limit` must be a finite number, at least 0; got inf"),
        ("cursor", None, TypeError, "`cursor` must be a list of numbers; got None"),
        ("centre", 0.5, TypeError, "`centre` must be a list of numbers; got 0.5"),
        ("item", 2, ValueError, "`item` must be between 0 and 1; got 2"),
        ("item", 0.5, TypeError, "`item` must be a whole number; got 0.5"),
        ("cursor", [3], ValueError, "a row and a column, or [] for none; got [3]"),
        ("cursor", [3, 8], ValueError, "`cursor` must be between 0 and 7; got 8"),
        ("centre", [0.5], ValueError, "two fractions, down and right; got [0.5]"),
        ("zoom", 0.5, ValueError, "`zoom` must be between 1 and 32; got 0.5"),
        ("wavelet", "harr", ValueError, "got 'harr'. Did you mean 'haar'?"),
        ("wavelet", "db38", ValueError, "too deep: a signal of size (8, 8)"),
        ("level", 9, ValueError, "`level=9` is too deep"),
        ("mode", "mirror", ValueError, "`mode` must be one of"),
        ("kind", "sum", ValueError, "one of 'sensitivity', 'contribution'; got 'sum'"),
        ("target", 99, ValueError, "`target` must be between 0 and"),
        ("method", "ig", ValueError, "got 'ig'. Did you mean 'integrated_gradients'?"),
        ("samples", 0, ValueError, "`samples` must be between 1 and 10000; got 0"),
    ],
)
def test_a_setting_that_cannot_be_right_is_refused_and_nothing_changes(
    explorer: ImageExplorer, name: str, value: Any, kind: type[Exception], words: str
) -> None:
    before = getattr(explorer, name)
    with pytest.raises(kind, match=re.escape(words)):
        setattr(explorer, name, value)
    assert getattr(explorer, name) == before
    with pytest.raises(kind, match=re.escape(words)):
        ImageExplorer(explanation(8, 8, items=2), **{name: value})


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("weights", (0, 1, 2), [0.0, 1.0, 2.0]),
        ("orientations", ("diagonal", "horizontal"), ["horizontal", "diagonal"]),
        ("opacity", 0, 0.0),
        ("opacity", np.float32(0.5), 0.5),
        ("rate", RATES[0], 0.001),
        ("cursor", (7, 0), [7, 0]),
        ("limit", 3, 3.0),
    ],
)
def test_a_setting_is_kept_in_one_form(explorer: ImageExplorer, name: str, value: Any, kept: Any) -> None:
    setattr(explorer, name, value)
    assert getattr(explorer, name) == kept


def test_a_misspelt_setting_is_answered_with_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"ImageExplorer takes .*; got 'opactiy'\. Did you mean 'opacity'\?"):
        ImageExplorer(explanation(), opactiy=1)
    with pytest.raises(TypeError, match=r"zoom, model; got 'modle'\."):
        ImageExplorer(explanation(), modle=1)
    with pytest.raises(TypeError, match=r"ScaleSliders takes the settings names, weights; got 'weigths'"):
        ScaleSliders(["a"], weigths=[1])


def test_sliders_take_different_names_and_a_weight_for_each() -> None:
    assert ScaleSliders(("a", "b")).weights == [1, 1]
    assert repr(ScaleSliders(["a", "b"], [0, 1.5])) == "ScaleSliders(a × 0, b × 1.5)"
    sliders = ScaleSliders(["a", "b"], [0, 2])
    sliders.names = ["a", "b", "c"]
    assert sliders.weights == [1, 1, 1]
    for wrong in ([], "detail", ["a", "a"], [1, 2]):
        with pytest.raises(ValueError, match="`names` must be different names"):
            ScaleSliders(wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"one entry per scale \(a, b\), 2; got 3"):
        ScaleSliders(["a", "b"], [1, 1, 1])


def test_defaults_are_not_shared_between_widgets(explorer: ImageExplorer) -> None:
    other = ImageExplorer(explanation(8, 8))
    explorer.orientations = ["diagonal"]
    assert other.orientations == ["horizontal", "vertical", "diagonal"]
    assert other.orientations is not ImageExplorer(explanation(8, 8)).orientations
