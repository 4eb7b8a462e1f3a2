"""Make the pages for teachers: `make site`.

Every lesson, run and with live views, an index with ways through them, a gallery, the recipes and the API reference:
files that need no kernel, no network and no server, at any address.
"""

from __future__ import annotations

import argparse
import base64
import functools
import html
import logging
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import jinja2
import nbformat
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin
from nbclient import NotebookClient
from nbformat import NotebookNode
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

from notebooks.site.live import DRAWN_BY
from notebooks.site.reference import make_reference
from notebooks.src import generate
from wam_widgets.export import digest, script, shared

HERE = Path(__file__).parent
LESSONS = generate.LESSONS
PROJECT = LESSONS.parent

#: Pages that are no lessons, in the order of the bar on top: address, name there, and what they are made from.
_PLACES = (
    ("index.html", "Lessons", HERE / "index.md"),
    ("gallery.html", "Gallery", HERE / "gallery.py"),
    ("recipes.html", "Recipes", LESSONS / "recipes.md"),
    ("api/index.html", "Reference", HERE / "reference.py"),
    ("readme.html", "README", PROJECT / "README.md"),
)

#: Seconds that a cell may take beside others: how long it takes alone is checked where lessons are.
_TIMEOUT = 600

_NOTE = (
    '<p class="note">This page needs no Python and no network. Its views are alive; other wavelets, and what asks the '
    "model anew, need the notebook.</p>"
)
_ALT = "A figure, made by the code above; the text that follows says how to read it."
_SCROLLS = '<div class="scroll" tabindex="0" role="region" aria-label="table">'


def lessons() -> list[Path]:
    """Return the notebooks of all lessons, in their order."""
    return sorted(LESSONS.glob("[0-9][0-9]_*.ipynb"))


def build(out: Path, chosen: Sequence[Path]) -> None:
    """Write all pages.

    Parameters
    ----------
    out : Path
        The folder, emptied first.
    chosen : sequence of Path
        Notebooks of the lessons that it is to hold. Where pages name others, there is no link.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    site = Site(out, chosen)
    makers: dict[str, Callable[[], int]] = {
        f"{path.stem}.html": functools.partial(site.notebook, path, nbformat.read(path, as_version=4))
        for path in chosen
    }
    makers["gallery.html"] = lambda: site.notebook(HERE / "gallery.py", generate.notebook_of(HERE / "gallery.py"))
    for address, _, source in _PLACES:
        if source.suffix == ".md" and source.exists() and address != "index.html":
            makers[address] = functools.partial(site.text, source)
    makers["api/index.html"] = lambda: make_reference(out / "api")
    began = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # most of them wait for a kernel
        found = {address: pool.submit(make) for address, make in makers.items()}
        for address, size in found.items():
            print(f"{address}: {size.result() / 1e6:.1f} MB", flush=True)
    total = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    site.text(HERE / "index.md", size=f"{total / 1e6:.0f}")
    print(f"{total / 1e6:.0f} MB in {time.perf_counter() - began:.0f} s: {(out / 'index.html').resolve().as_uri()}")


class Site:
    """A folder of pages that know each other's addresses."""

    def __init__(self, out: Path, chosen: Sequence[Path]) -> None:
        self._out, self._chosen = out, list(chosen)
        there = [place for place in _PLACES if place[2].exists()]
        self._places = [(address, name) for address, name, _ in there]
        self._addresses = {source: address for address, _, source in there}
        self._addresses |= {path: f"{path.stem}.html" for path in chosen}
        self._addresses[LESSONS / "README.md"] = "index.html"
        self._parser = MarkdownIt("commonmark", {"highlight": _coloured}).enable("table")
        self._parser.use(anchors_plugin, max_level=3)

    def text(self, source: Path, **values: str) -> int:
        """Make the page of a file of markdown, and return its size."""
        text = source.read_text("utf-8")
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        return self._write(self._addresses[source], self._html(self._with_questions(text, source), source), {})

    def notebook(self, source: Path, notebook: NotebookNode) -> int:
        """Run a notebook, make its page, and return its size."""
        drawn_by: dict[str, tuple[str, str]] = {}
        body = [_NOTE] if source in self._chosen else []
        for cell in _run(notebook, source).cells:
            if cell.cell_type == "markdown":
                body.append(self._html(cell.source, LESSONS / source.name))
                continue
            for output in cell.outputs:
                drawn_by |= output.get("data", {}).get(DRAWN_BY, {})
            body.append(_cell(cell))
        return self._write(self._addresses[source], "\n".join(body), drawn_by)

    def _write(self, address: str, body: str, drawn_by: dict[str, tuple[str, str]]) -> int:
        """Write a page with the code and style of the views that occur."""
        title = re.search(r"<h1[^>]*>(.*?)</h1>", body, re.DOTALL)
        code = ""
        if drawn_by:
            buttons = (HERE / "page.js").read_text("utf-8")
            code = script({name: module for name, (module, _) in drawn_by.items()}) + buttons
        colours = [
            HtmlFormatter(style=f"a11y-high-contrast-{theme}", nobackground=True).get_style_defs(".code")
            for theme in ("light", "dark")
        ]
        views = dict.fromkeys(css for _, css in drawn_by.values())
        page = jinja2.Template((HERE / "page.html").read_text("utf-8")).render(
            title=re.sub(r"<[^>]+>", "", html.unescape(title[1])) if title else address,
            style=(HERE / "page.css").read_text("utf-8")
            + f"{colours[0]}\n@media screen and (prefers-color-scheme: dark) {{\n{colours[1]}\n}}\n"
            + "".join(views),
            places=self._places,
            here=address,
            body=shared(body),
            code=code,
            digest=digest(code),
        )
        return (self._out / address).write_bytes(page.encode())

    # --------------------------------------------------------------------------------------------------------- markdown

    def _with_questions(self, text: str, source: Path) -> str:
        """Fill links without a text with the questions of lessons, and leave out the lessons that aren't there."""
        lines = []
        for line in text.splitlines():
            empty = re.search(r"\[\]\((.+)\)", line)
            path = (source.parent / empty[1]).resolve() if empty else source
            if empty and path not in self._addresses:
                continue
            lines.append(line.replace("[]", f"[{_question(path)}]") if empty else line)
        return "\n".join(lines)

    def _html(self, text: str, source: Path) -> str:
        """Return the HTML of markdown, with links from file to file as links from page to page."""
        tokens = self._parser.parse(text)
        for token in tokens:
            leads: list[bool] = []  # whether the links that are open lead anywhere
            for child in token.children or ():
                if child.type == "link_open":
                    leads.append(self._lead(child, source.parent))
                elif child.type == "link_close" and not leads.pop():
                    child.tag = "span"
                elif child.type == "image" and urlsplit(str(child.attrs["src"])).scheme:
                    child.type = "text"  # a page fetches nothing: the words that stand for it
                elif child.type == "image":
                    child.attrs["src"] = _picture((source.parent / str(child.attrs["src"])).read_bytes())
        made = self._parser.renderer.render(tokens, self._parser.options, {})
        return str(made).replace("<table>", f"{_SCROLLS}<table>").replace("</table>", "</table></div>")

    def _lead(self, link: Token, folder: Path) -> bool:
        """Let a link lead to a page, and say whether there is one."""
        address = urlsplit(str(link.attrs["href"]))
        if address.scheme or not address.path:
            return True
        target = (folder / address.path).resolve()
        found = self._addresses.get(target)
        if target.suffix == ".png":
            found = f"pictures/{target.name}"
            (self._out / "pictures").mkdir(exist_ok=True)
            shutil.copyfile(target, self._out / found)
        if found is None:
            link.tag, link.attrs = "span", {}
            return False
        link.attrs["href"] = found + (f"#{address.fragment}" if address.fragment else "")
        return True


@functools.cache
def _question(lesson: Path) -> str:
    """Return the title of a lesson."""
    first: str = nbformat.read(lesson, as_version=4).cells[0].source
    return first.splitlines()[0].removeprefix("# ")


# ---------------------------------------------------------------------------------------------------------------- cells


def _run(notebook: NotebookNode, source: Path) -> NotebookNode:
    """Run a notebook with views that live in pages."""
    client = NotebookClient(
        notebook,
        timeout=_TIMEOUT,
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(LESSONS)}},
    )
    client.log.setLevel(logging.WARNING)  # not every notebook that begins
    with tempfile.TemporaryDirectory() as nowhere:
        settings = Path(nowhere) / "profile_default" / "ipython_config.py"
        settings.parent.mkdir()
        settings.write_text('c.InteractiveShellApp.extensions = ["notebooks.site.live"]\n', encoding="utf-8")
        environment = generate.environment(Path(nowhere)) | {"PYTHONPATH": str(PROJECT)}
        client.execute(env=environment, stderr=subprocess.DEVNULL)  # the kernel's own log
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise ValueError(f"A lesson must not warn; {cell.id} of {source.name} does:\n\n{output.text}")
    return notebook


def _cell(cell: NotebookNode) -> str:
    """Return the HTML of a cell of code: what would spoil a prediction is folded."""
    source, shown = _coloured(cell.source, "python"), "".join(map(_output, cell.outputs))
    hidden = cell.metadata.get("jupyter", {})
    if hidden.get("source_hidden"):
        return f"<details><summary>Solution</summary>{source}{shown}</details>"
    if hidden.get("outputs_hidden"):
        shown = f'<details class="printed"><summary>What it prints</summary>{shown}</details>'
    return source + shown


def _output(output: NotebookNode) -> str:
    """Return the HTML of what a cell shows."""
    if output.output_type == "stream":
        return _said(output.text)
    data = output.data
    if DRAWN_BY in data:
        return f'<div class="wide">{data["text/html"]}</div>'
    if "text/html" in data:
        return f'<div class="scroll" tabindex="0" role="region" aria-label="output">{data["text/html"]}</div>'
    if "image/png" in data:
        return f'<figure><img src="data:image/png;base64,{"".join(data["image/png"].split())}" alt="{_ALT}"></figure>'
    if "application/vnd.jupyter.widget-view+json" in data:  # a progress bar
        return ""
    return _said(data["text/plain"])


def _said(text: str) -> str:
    """Return printed text, without the names of folders that lasted as long as the run."""
    lasting = re.sub(rf"{re.escape(tempfile.gettempdir())}/{tempfile.gettempprefix()}[^/\s]*/", "", text.rstrip())
    return f'<pre class="said" tabindex="0" role="region" aria-label="what it prints">{html.escape(lasting)}</pre>'


def _coloured(code: str, language: str, _: str = "") -> str:
    """Return code as HTML, with its syntax in colours."""
    coloured = highlight(code, get_lexer_by_name(language or "text"), HtmlFormatter(nowrap=True))
    return f'<pre class="code"><code>{coloured}</code></pre>'


def _picture(png: bytes) -> str:
    """Return a picture as an address."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Build the site with the lessons that were asked for, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=PROJECT / "dist" / "site", help="folder to write to (dist/site)")
    names = [path.stem for path in lessons()]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"lessons (default: all): {', '.join(names)}")
    given = parser.parse_args(arguments)
    if unknown := sorted(set(given.names) - set(names)):
        parser.error(f"no such lesson: {', '.join(unknown)}; there is {', '.join(names)}")
    build(given.out, [path for path in lessons() if not given.names or path.stem in given.names])


if __name__ == "__main__":
    main()
