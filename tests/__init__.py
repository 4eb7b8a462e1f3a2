"""Tests: they mirror the package, and a test's name is the sentence that it checks."""
