"""A real browser without a window, for what only a browser can tell."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

#: Software rendering, no sandbox (containers have no namespaces for it), and nothing that asks a network.
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-gpu-compositing",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

#: Milliseconds after which what a test waits for isn't coming.
PATIENCE = 30_000


@contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Start the Chromium of this machine; skip where there is none, fail if WAM_BROWSER=required.

    While it lives, its thread can't run asyncio and can't start another: a fixture of it should last for its folder of
    tests (`scope="package"`), not for the session.
    """
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        missing = "No Chromium on the PATH: views are not tested in a browser (apt install chromium)."
        if os.environ.get("WAM_BROWSER") == "required":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
        yield browser
        browser.close()
