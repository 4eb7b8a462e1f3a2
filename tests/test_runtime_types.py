"""The annotations are checked in every call that a test makes: shapes by jaxtyping, the rest by beartype."""

import re
from pathlib import Path

import jaxtyping
import pytest
import torch

import wam_widgets as wam


def test_a_wrong_shape_is_caught_by_its_annotation() -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match=r"item channel \*space"):
        wam.decompose(torch.zeros(8), "haar", level=1)


def test_a_wrong_dtype_is_caught_by_its_annotation() -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match="signal"):
        wam.decompose(torch.zeros(1, 1, 8, dtype=torch.int64), "haar", level=1)


def test_a_wrong_type_is_caught_by_its_annotation() -> None:
    with pytest.raises(jaxtyping.TypeCheckError, match="level"):
        wam.decompose(torch.zeros(1, 1, 8), "haar", level="one")  # type: ignore[arg-type]


def test_no_shape_has_lost_its_quotes() -> None:
    """Ruff takes "item *space" for a product, and its quotes off; " item *space" it leaves alone."""
    for path in Path(wam.__file__).parent.rglob("*.py"):
        assert not re.findall(r"\b(?:Float|Int|Bool)\[[\w.]+, [^\"\]]*\]", path.read_text("utf-8")), path.name


def test_a_right_call_passes() -> None:
    assert wam.decompose(torch.zeros(1, 1, 8), "haar", level=1).approximation.shape == (1, 1, 4)


@pytest.mark.usefixtures("as_a_user")
def test_without_the_checks_our_own_errors_speak() -> None:
    with pytest.raises(ValueError, match="`signal`"):
        wam.decompose(torch.zeros(8), "haar", level=1)
