"""How Sphinx makes the reference: see `notebooks/site/reference.py`."""

import inspect
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.inspect import stringify_signature

import wam_widgets

project = "wam_widgets"
author = copyright = "The wam_widgets developers"  # noqa: A001  # Sphinx's name
release = wam_widgets.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]

templates_path = [str(Path(__file__).parent)]  # else beside the texts, which are written anew
autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"  # the docstrings say it, with shapes and units
numpydoc_show_class_members = False

html_theme = "furo"
html_title = "wam_widgets"
html_copy_source = False
html_static_path = ["static"]
html_css_files = ["wrapped.css"]
html_show_sphinx = False
html_show_search_summary = False  # each would be fetched, which a page from a disk can't do
html_math_renderer = "source"  # MathJax would be fetched, and a page fetches nothing
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"
html_theme_options = {"announcement": '<a href="../index.html">Lessons</a>'}


def setup(app: Sphinx) -> None:
    """Let a class be called as its constructor is, whatever its metaclass says."""

    def signature(_: Sphinx, what: str, __: str, value: Any, *___: object) -> tuple[str, str] | None:
        if what != "class" or type(value) is type:
            return None
        found = inspect.signature(value.__init__)
        own = [each for each in found.parameters.values() if each.name != "self"]
        return stringify_signature(found.replace(parameters=own), show_annotation=False), ""

    app.connect("autodoc-process-signature", signature)

    def described(_: Sphinx, what: str, name: str, value: Any, __: object, lines: list[str]) -> None:
        """Find what is said of a value below it, where it is made and not where it is offered."""
        offered, _dot, attribute = name.rpartition(".")
        for module in [each for each in sys.modules if what == "data" and each.startswith(f"{offered}.")]:
            if getattr(sys.modules[module], attribute, None) is value:
                lines[:] = ModuleAnalyzer.for_module(module).find_attr_docs().get(("", attribute), lines)

    app.connect("autodoc-process-docstring", described, priority=100)  # before numpydoc

    def inline(page: Any, node: nodes.math) -> None:
        page.body.append(f"<code>{page.encode(node.astext())}</code>")
        raise nodes.SkipNode

    def block(page: Any, node: nodes.math_block) -> None:
        page.body.append(f'<pre tabindex="0">{page.encode(node.astext())}</pre>')
        raise nodes.SkipNode

    app.add_html_math_renderer("source", (inline, None), (block, None))
