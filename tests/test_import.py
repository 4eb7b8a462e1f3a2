import subprocess
import sys

import pytest

import wam_widgets as wam


def in_a_fresh_process(code: str) -> str:
    """Run `code` in a new interpreter and return what it prints."""
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = ["torch", "numpy", "scipy", "pywt", "ptwt", "matplotlib", "jaxtyping"]
    code = f"import sys, wam_widgets; print(*(name for name in {heavy} if name in sys.modules))"
    assert in_a_fresh_process(code) == ""


def test_the_first_use_of_a_name_loads_what_it_needs() -> None:
    code = "import sys, wam_widgets as wam; wam.decompose; print('torch' in sys.modules, 'matplotlib' in sys.modules)"
    assert in_a_fresh_process(code) == "True False"


@pytest.mark.parametrize("name", dir(wam))
def test_every_public_name_exists_and_is_documented(name: str) -> None:
    assert getattr(wam, name).__doc__


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'explian'; did you mean 'explain'\?"):
        wam.explian  # type: ignore[attr-defined]  # noqa: B018


def test_a_foreign_name_is_answered_with_where_to_look() -> None:
    with pytest.raises(AttributeError, match=r"dir\(wam_widgets\)"):
        wam.zzz  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(("name", "needed"), [("ipywidgets", "8.1"), ("anywidget", "0.9.18")])
def test_what_is_too_old_for_views_is_named_with_the_command_that_repairs_it(name: str, needed: str) -> None:
    code = f"""
from importlib import metadata
real = metadata.version
metadata.version = lambda each: "0.8.0" if each == {name!r} else real(each)
import wam_widgets as wam
wam.explain, wam.plot  # which need no views
try:
    wam.show
except ImportError as error:
    print(error)
"""
    command = f'pip install --upgrade "{name}>={needed}"'
    said = f"{name} 0.8.0 is too old for views. Type, and restart the kernel:  {command}"
    assert in_a_fresh_process(code) == said


def test_the_public_names_are_listed() -> None:
    assert {"decompose", "explain", "plot"} <= set(dir(wam))
