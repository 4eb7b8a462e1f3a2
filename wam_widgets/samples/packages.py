"""The optional packages that samples are read from."""

from importlib import import_module
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import ModuleType

__all__ = ["optional", "resource"]


def optional(module: str) -> ModuleType:
    """Import `module`, of a package that only the samples need.

    Raises
    ------
    ImportError
        Where the package is missing; the message holds the command that installs it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"The samples need the package that `{module}` is part of, which is not installed. "
            'Install it with:  pip install "wam-widgets[samples]"',
            name=module,
        ) from error


def resource(module: str, path: str) -> Traversable:
    """Return the file at `path` (parts separated by "/") of an installed optional package."""
    return files(optional(module)).joinpath(*path.split("/"))
