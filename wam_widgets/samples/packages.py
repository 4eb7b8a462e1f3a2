"""The optional packages that samples are read from."""

from importlib.resources import files
from importlib.resources.abc import Traversable
from types import ModuleType

from wam_widgets.checks import optional_module

__all__ = ["optional", "resource"]


def optional(module: str, extra: str = "samples") -> ModuleType:
    """Import `module`, of a package that only the samples need, or only those of one more `extra`.

    Raises
    ------
    ImportError
        Where the package is missing; the message holds the command that installs it.
    """
    return optional_module(module, "This sample", extra)


def resource(module: str, path: str, extra: str = "samples") -> Traversable:
    """Return the file at `path` (parts separated by "/") of an installed optional package."""
    return files(optional(module, extra)).joinpath(*path.split("/"))
