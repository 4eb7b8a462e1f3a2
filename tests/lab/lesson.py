"""What the kernel of a lesson is asked once all its cells have run."""

from __future__ import annotations

import ast
import contextlib
import copy
import io
import json
from typing import Any

import anywidget
import ipywidgets  # no types anywhere
import torch

#: What no exercise asks for, as Python.
WRONG = ("None", "'coarse'", "-7", "torch.zeros(2, 3)", "[1, 'two']")


def views(name: str) -> list[tuple[str, bool]]:
    """Return the widgets inside a widget that contain no others, and whether they are views of an anywidget.

    A widget that was closed, such as a progress bar that has ended, has none.
    """
    widget = ipywidgets.widgets.widget._instances.get(name)
    if widget is None:
        return []
    children = getattr(widget, "children", ())
    if children:
        return [each for child in children for each in views(child.model_id)]
    return [(name, isinstance(widget, anywidget.AnyWidget))]


def settings(name: str) -> str:
    """Return what the controls of a widget set, as JSON."""
    widget = ipywidgets.widgets.widget._instances[name]
    names = set(widget.keys) - set(ipywidgets.DOMWidget().keys)
    found = {each: getattr(widget, each) for each in sorted(names) if not each.startswith("_")}
    return json.dumps(found, default=repr)


def explained(stub: str, names: dict[str, Any]) -> list[tuple[str, str]]:
    """Give the check of an exercise wrong answers; return the calls, and what each prints.

    Parameters
    ----------
    stub
        The cell of the exercise.
    names
        What is defined in the lesson.
    """
    tree = ast.parse(stub)
    answers = {each.id for each in ast.walk(tree) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}
    answers |= {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.ClassDef)}
    (call,) = (each for each in ast.walk(tree) if isinstance(each, ast.Call) and "checks." in ast.unparse(each.func))
    found = []
    for wrong in WRONG:
        asked = ast.unparse(_Replaced(answers, wrong).visit(copy.deepcopy(call)))
        assert wrong in asked, f"The check is given nothing that was answered: {asked}"
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            eval(asked, names | {"torch": torch})  # noqa: S307  # the lesson's own words
        found.append((asked, printed.getvalue().strip()))
    return found


class _Replaced(ast.NodeTransformer):
    """Puts an expression in the place of some names."""

    def __init__(self, names: set[str], expression: str) -> None:
        self.names, self.expression = names, expression

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.parse(self.expression, mode="eval").body if node.id in self.names else node
