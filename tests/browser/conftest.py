"""One browser for the folder; for every test, pages that may ask for nothing and complain of nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.chromium import chromium

from .pages import Mount


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def mount(browser: Browser, tmp_path: Path) -> Iterator[Mount]:
    """Export widgets to a page and open it."""
    opened = Mount(browser, tmp_path)
    yield opened
    opened.close()
