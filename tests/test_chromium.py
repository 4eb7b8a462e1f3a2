"""Whoever has no browser is told so, once a test, unless the tests are to fail without one."""

import pytest

from .chromium import chromium


def test_without_a_browser_tests_are_skipped_and_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("WAM_BROWSER", raising=False)
    with pytest.raises(pytest.skip.Exception, match="No Chromium on the PATH"), chromium():
        pass


def test_without_a_browser_that_is_required_tests_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("WAM_BROWSER", "required")
    with pytest.raises(pytest.fail.Exception, match="No Chromium on the PATH"), chromium():
        pass
