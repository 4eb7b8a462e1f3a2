"""A Jupyter server that touches nothing of the machine's, and its notebooks as tests use them."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, WebSocket

from tests.chromium import PATIENCE

PROJECT = Path(__file__).parents[2]

#: Run before anything else in the kernel of a notebook.
PREPARED = """
import time, ipywidgets, torch, wam_widgets as wam
from tests.lab.models import Counted, photo
torch.set_num_threads(1)
model = Counted()
"""

_KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
_METADATA = {"kernelspec": _KERNELSPEC}

#: What the page does for `Notebook`.
_IN_THE_PAGE = """
window.wam = {
  panel: () => window.jupyterapp.shell.currentWidget,
  kernel: () => wam.panel().sessionContext.session?.kernel,
  ready(name) {
    const { context } = wam.panel() ?? {};
    return context?.path === name && context.isReady && wam.kernel()?.status === "idle";
  },
  add(source) {
    const notebook = wam.panel().content;
    notebook.model.sharedModel.addCell({ cell_type: "code", source });
    const at = notebook.model.cells.length - 1;
    const { id } = notebook.model.cells.get(at);
    notebook.widgets[at].node.dataset.cell = id;
    return id;
  },
  find: (id) => [...wam.panel().content.model.cells].find((cell) => cell.id === id),
  async run(id) {
    const notebook = wam.panel().content;
    notebook.deselectAll(); // a click may have moved it
    notebook.activeCellIndex = [...notebook.model.cells].findIndex((cell) => cell.id === id);
    await window.jupyterapp.commands.execute("notebook:run-cell");
    return wam.find(id).toJSON().outputs;
  },
  named() {
    const { model, widgets } = wam.panel().content;
    const code = [...model.cells].map((cell, at) => [cell, widgets[at]]).filter(([cell]) => cell.type === "code");
    for (const [cell, { node }] of code) node.dataset.cell = cell.id;
    return code.map(([cell]) => cell.id);
  },
  counts: () => wam.named().map((id) => wam.find(id).executionCount),
  runAll() {
    wam.ended = false;
    window.jupyterapp.commands.execute("notebook:run-all-cells").finally(() => (wam.ended = true));
  },
  began(id) {
    const { executionState, executionCount } = wam.find(id);
    return executionState === "running" || executionCount !== null;
  },
  clear() {
    const { sharedModel } = wam.panel().content.model;
    sharedModel.deleteCellRange(0, sharedModel.cells.length);
  },
  async value(expression) {
    const it = `__import__("IPython").display.JSON({"is": ${expression}})`;
    const asked = { code: "", user_expressions: { it }, store_history: false };
    const answer = (await wam.kernel().requestExecute(asked).done).content.user_expressions.it;
    if (answer.status !== "ok") throw new Error(`${answer.ename}: ${answer.evalue}`);
    return answer.data["application/json"].is;
  },
  async until(condition, patience) {
    const end = performance.now() + patience;
    while (!(await wam.value(`bool(${condition})`))) {
      if (performance.now() > end) throw new Error(`Never true in the kernel: ${condition}`);
      await new Promise(requestAnimationFrame);
    }
  },
};
"""

#: What is on a canvas when the next frame has been drawn: what was set before is on it then.
_PIXELS = """async (canvas) => {
  for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const colours = new Uint32Array(data.buffer);
  return [new Set(colours).size, String(colours.reduce((sum, each) => (Math.imul(sum, 31) + each) >>> 0, 7))];
}"""


class CellError(AssertionError):
    """A cell raised."""


class Cell:
    """A cell of a notebook that is open in a browser."""

    def __init__(self, page: Page, name: str) -> None:
        self.page, self.name = page, name
        self.outputs: list[dict[str, Any]] = []

    @property
    def place(self) -> Locator:
        """What the page shows of it."""
        return self.page.locator(f'[data-cell="{self.name}"]')

    @property
    def view(self) -> Locator:
        """The view of our widget in its output, once it is drawn."""
        return self.place.locator(".wam-explorer[data-drawn]")

    def pixels(self) -> tuple[int, str]:
        """Return how many colours the picture has, and a name that tells it from others."""
        found: tuple[int, str] = self.view.locator(".wam-sheet canvas, canvas.wam-spectrogram").evaluate(_PIXELS)
        return found

    @property
    def text(self) -> str:
        """What it printed and returned, as text."""
        texts = [each.get("text") or each.get("data", {}).get("text/plain", "") for each in self.outputs]
        return "".join(text if isinstance(text, str) else "".join(text) for text in texts).strip()


class Notebook:
    """A notebook that is open in a browser: add cells, run them, look at both sides."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.sent = 0  # messages from the page to a kernel that speak of widgets
        self.complaints: list[str] = []  # what nothing in the page caught
        self.logged: list[str] = []  # errors in the browser's console
        page.on("websocket", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._log)

    def load(self, url: str, init: str = "") -> None:
        """Load the page and wait for Jupyter."""
        self.page.add_init_script(_IN_THE_PAGE + init)
        self.page.goto(url)
        self.page.wait_for_function("() => window.jupyterapp?.restored.then(() => true)")

    def wait(self, file: str) -> None:
        """Wait for a notebook that is opened, and its kernel."""
        self.page.wait_for_function("(file) => wam.ready(file)", arg=file)

    @contextmanager
    def visit(self, file: str) -> Iterator[None]:
        """Open a notebook of the server's folder in JupyterLab; in the end close it, and its kernel."""
        self.page.evaluate("(path) => { jupyterapp.commands.execute('docmanager:open', { path }); }", file)
        self.wait(file)
        try:
            yield
        finally:
            self.page.evaluate("async () => { await wam.panel().sessionContext.shutdown(); wam.panel().dispose(); }")

    def _add(self, code: str) -> Cell:
        return Cell(self.page, self.page.evaluate("(source) => wam.add(source)", textwrap.dedent(code).strip()))

    def start(self, code: str) -> Cell:
        """Run code in a new cell at the end, and don't wait for its end."""
        cell = self._add(code)
        self.page.evaluate("(id) => { wam.run(id); }", cell.name)
        self.page.wait_for_function("(id) => wam.began(id)", arg=cell.name)
        return cell

    def run(self, code: str) -> Cell:
        """Run code in a new cell at the end; what it raises is raised here."""
        cell = self._add(code)
        cell.outputs = self.page.evaluate("(id) => wam.run(id)", cell.name)
        for output in cell.outputs:
            if output["output_type"] == "error":
                raise CellError("\n".join(output["traceback"]))
        return cell

    def run_all(self, seconds: float) -> list[Cell]:
        """Run all cells that are there, from top to bottom; return those of code."""
        self.page.evaluate("() => wam.runAll()")
        self.page.wait_for_function("() => wam.ended", timeout=1000 * seconds)
        found = []
        for name in self.page.evaluate("() => wam.named()"):
            cell = Cell(self.page, name)
            cell.outputs = self.page.evaluate("(id) => wam.find(id).toJSON().outputs", name)
            found.append(cell)
        return found

    def show(self, code: str) -> Cell:
        """Run code that ends with one of our views, and wait until it is drawn."""
        cell = self.run(code)
        cell.view.wait_for()
        return cell

    def value(self, expression: str) -> Any:
        """Return the value of an expression in the kernel, as JSON can hold it."""
        return self.page.evaluate("(expression) => wam.value(expression)", expression)

    def until(self, condition: str) -> None:
        """Wait until an expression is true in the kernel."""
        self.page.evaluate("([condition, patience]) => wam.until(condition, patience)", [condition, PATIENCE])

    def interrupt(self) -> None:
        """Interrupt what the kernel does."""
        self.page.evaluate("() => wam.kernel().interrupt()")

    def clear(self) -> None:
        """Remove all cells, close all widgets of the kernel, and make the model anew."""
        self.page.evaluate("() => wam.clear()")
        self.run("ipywidgets.Widget.close_all()\nmodel = Counted()")
        self.page.evaluate("() => wam.clear()")

    def _listen(self, socket: WebSocket) -> None:
        if "/channels" in socket.url:
            socket.on("framesent", self._count)

    def _log(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.logged.append(message.text)

    def _count(self, frame: str | bytes) -> None:
        self.sent += b"comm_msg" in (frame.encode() if isinstance(frame, str) else frame)


class Server:
    """A running Jupyter server."""

    def __init__(self, folder: Path, address: str, token: str) -> None:
        self.folder, self.address, self.token = folder, address, token

    def open(self, browser: Browser, name: str, *, lab: bool = True, init: str = "") -> Notebook:
        """Open a new notebook with a kernel of its own, in JupyterLab or Notebook 7; `init` runs in the page first."""
        file = f"{name}.ipynb"
        content = {"cells": [], "metadata": _METADATA, "nbformat": 4, "nbformat_minor": 5}
        (self.folder / file).write_text(json.dumps(content), encoding="utf-8")
        where = f"lab/workspaces/{name}/tree" if lab else "notebooks"  # a new workspace opens nothing else
        notebook = self._load(browser, f"{where}/{file}", init)
        notebook.wait(file)
        notebook.run(PREPARED)
        return notebook

    def open_lab(self, browser: Browser) -> Notebook:
        """Open JupyterLab without a notebook: `visit` some."""
        return self._load(browser, "lab")

    def _load(self, browser: Browser, where: str, init: str = "") -> Notebook:
        page = browser.new_page(viewport={"width": 1400, "height": 1200})
        page.set_default_timeout(PATIENCE)
        notebook = Notebook(page)
        notebook.load(f"{self.address}/{where}?token={self.token}", init)
        return notebook


@contextmanager
def jupyter(home: Path) -> Iterator[Server]:
    """Serve JupyterLab and Notebook 7 from a new folder of `home`, where all their settings go too."""
    folder = home / "notebooks"
    folder.mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {name: str(home / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")}
    own |= {name: str(home / name.lower()) for name in ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")}
    own |= {"HOME": str(home), "JUPYTER_TOKEN": secrets.token_urlsafe()}
    environment = os.environ | own | {"PYTHONPATH": str(PROJECT), "OMP_NUM_THREADS": "1"}
    quiet = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    page = Path(own["JUPYTER_CONFIG_DIR"]) / "labconfig" / "page_config.json"
    page.parent.mkdir(parents=True)
    page.write_text(json.dumps(quiet), encoding="utf-8")
    command = [
        *(sys.executable, "-m", "jupyterlab", "--allow-root", "--no-browser"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0"),
        f"--ServerApp.root_dir={folder}",
        *("--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True"),
    ]
    log: list[str] = []
    with subprocess.Popen(
        command, env=environment, cwd=home, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        late = threading.Timer(PATIENCE / 1000, server.kill)
        late.start()
        assert server.stdout is not None
        for line in server.stdout:
            log.append(line)
            if "is running at" in line:
                break
        late.cancel()
        # Nobody else empties the pipe.
        reader = threading.Thread(target=log.extend, args=(server.stdout,), daemon=True)
        reader.start()
        try:
            assert server.poll() is None, f"Jupyter did not start:\n{''.join(log)}"
            yield Server(folder, f"http://127.0.0.1:{port}", own["JUPYTER_TOKEN"])
        finally:
            server.terminate()  # its kernels end with it
            server.wait(30)
            reader.join(30)
