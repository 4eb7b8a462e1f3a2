"""What many checks of arguments need."""

from __future__ import annotations

import difflib
import math
import numbers
import operator
from collections.abc import Iterable
from importlib import import_module, metadata
from pathlib import Path
from types import ModuleType
from typing import Any

from packaging.requirements import Requirement


def nearest(name: object, known: Iterable[str]) -> str:
    """Return " Did you mean …?" with the known name that is spelt most like `name` or has its initials, or nothing."""
    names, given = list(known), str(name)
    matches = [each for each in names if given and each.startswith(given)]
    matches = matches or [each for each in names if "".join(word[:1] for word in each.split("_")) == given.lower()]
    matches = matches or difflib.get_close_matches(given.lower(), names, n=1)
    return f" Did you mean {matches[0]!r}?" if matches else ""


def require_one_of(name: str, value: Any, known: Iterable[Any]) -> Any:
    """Return `value`, of the argument `name`, if it is one of the known words; raise a ValueError with the nearest."""
    if value not in (words := list(known)):
        raise ValueError(
            f"`{name}` must be one of {', '.join(map(repr, words))}; got {value!r}.{nearest(value, words)}"
        )
    return value


def require_flag(name: str, value: object) -> bool:
    """Return `value`, of the argument `name`, if it is True or False."""
    if not isinstance(value, bool):
        raise TypeError(f"`{name}` must be True or False; got {value!r}.")
    return value


def require_count(name: str, value: object, example: int, *, at_least: int = 1) -> int:
    """Return `value`, of the argument `name`, as an int if it is a whole number that is large enough."""
    count = whole_number(value)
    if count is None or count < at_least:
        raise ValueError(
            f"`{name}` must be a whole number of at least {at_least}; got {value!r}. Pass e.g. `{name}={example}`."
        )
    return count


def whole_number(value: object) -> int | None:
    """Return `value` as an int if it is a whole number (NumPy's and torch's too, but no bool), else None."""
    if isinstance(value, bool) or getattr(value, "ndim", 0) != 0:
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]  # what isn't a number is answered with None
    except TypeError:
        return None


def finite_number(value: object) -> float | None:
    """Return `value` as a float if it is a finite real number (NumPy's too, but no bool), else None."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not math.isfinite(value):
        return None
    return float(value)


def require_place(path: Path, name: str = "path", what: str = "the file") -> Path:
    """Return a path if a file can stand there; errors call the argument `name`, and the file `what`."""
    if path.is_dir():
        raise IsADirectoryError(f"`{name}` must name a file; got the folder {str(path)!r}. Add a file name to it.")
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"The folder of {what} must exist; got {str(path)!r}. Make it with `Path({str(path.parent)!r}).mkdir()`."
        )
    return path


def optional_module(module: str, what: str, extra: str) -> ModuleType:
    """Import `module`, of a package that only `what` needs and that comes with the extra `extra`.

    Raises
    ------
    ImportError
        Where the package is missing; the message holds the command that installs it.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        raise ImportError(
            f"{what} needs the package that `{module}` is part of, which is not installed. "
            f'Install it with:  pip install "wam-widgets[{extra}]"',
            name=module,
        ) from error


def outdated(*names: str) -> list[tuple[str, str]]:
    """Find what is installed in a version too old for this package, among `names` or all that it asks for.

    Returns
    -------
    list of tuple of str
        Name and version, and the command that brings a newer one. What is missing is told elsewhere.

    Raises
    ------
    importlib.metadata.PackageNotFoundError
        Where this package is a folder of sources on the path, and nothing says what it asks for.
    """
    required = [Requirement(each) for each in metadata.requires("wam-widgets") or ()]
    # an extra made of other extras names this package itself
    allowed = {each.name: each.specifier for each in required if each.name != "wam-widgets"}
    found = []
    for name in names or allowed:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if not allowed[name].contains(version, prereleases=True):
            found.append((f"{name} {version}", f'pip install --upgrade "{name}{allowed[name]}"'))
    return found


def require_recent(what: str, *names: str) -> None:
    """Raise an ImportError if one of the packages that `what` needs is too old; the message holds the command."""
    try:
        found = outdated(*names)
    except metadata.PackageNotFoundError:
        return  # the doctor says so
    if found:
        (old, command), *_ = found
        raise ImportError(f"{old} is too old for {what}. Type, and restart the kernel:  {command}")
