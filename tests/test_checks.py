import numpy as np
import pytest
import torch

from wam_widgets.checks import nearest, whole_number


@pytest.mark.parametrize(
    ("name", "known", "words"),
    [
        ("refelct", ["zero", "reflect"], " Did you mean 'reflect'?"),
        ("DB4", ["db3", "db4"], " Did you mean 'db4'?"),
        ("ig", ["smoothgrad", "integrated_gradients"], " Did you mean 'integrated_gradients'?"),
        ("qqqqqqq", ["zero"], ""),
    ],
)
def test_a_misspelt_name_gets_the_nearest(name: str, known: list[str], words: str) -> None:
    assert nearest(name, known) == words


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3, 3), (np.int64(3), 3), (torch.tensor(3), 3), (True, None), (3.0, None), ("3", None), (None, None)],
    ids=["int", "NumPy", "torch", "bool", "float", "text", "nothing"],
)
def test_whole_numbers_come_from_anywhere_but_are_no_truth_values(value: object, expected: int | None) -> None:
    assert whole_number(value) == expected
