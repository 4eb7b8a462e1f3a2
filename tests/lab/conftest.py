"""One browser, one server and one notebook for the folder; every test finds the notebook empty."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.chromium import PATIENCE, chromium

from .jupyter import Notebook, Server, jupyter


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with chromium() as started:
        yield started


@pytest.fixture(scope="package")
def server(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with jupyter(tmp_path_factory.mktemp("jupyter")) as started:
        yield started


@pytest.fixture(scope="package")
def shared(browser: Browser, server: Server) -> Notebook:
    return server.open(browser, "shared")


@pytest.fixture
def notebook(shared: Notebook) -> Iterator[Notebook]:
    """A notebook in JupyterLab, empty, with a kernel that has the model to explain."""
    shared.clear()
    shared.complaints.clear()
    yield shared
    assert not shared.complaints
