"""What a result depends on, in words that can be written down and compared: settings, functions, weights."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import inspect
import json
import math
import re
import site
import sys
import sysconfig
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

#: Deeper than this nothing is told apart: a function may hold itself.
DEEPEST = 6

#: A description of surroundings that is longer than this, in characters of JSON, is given as a hash.
LONGEST = 1000

#: Where code lies that nobody edits between two runs: Python's, installed packages' and this one's.
INSTALLED = (
    sysconfig.get_path("stdlib"), *site.getsitepackages(), site.getusersitepackages(), str(Path(__file__).parents[1])
)  # fmt: skip

#: Global things that a function of anybody may use.
_PLAIN = (torch.nn.Module, torch.Tensor, int, float, str)

#: Further ones, which are followed where the code isn't an installed package's: those have caches of their own.
_FOLLOWED = (types.FunctionType, functools.partial, list, tuple, dict, set, frozenset, np.ndarray)


class Within(NamedTuple):
    """Where a value lies."""

    depth: int
    """How deep."""
    known: dict[tuple[int, int], tuple[Any, Any]]
    """By the address and depth of a value: it, so that the address stays its own, and its description."""


def digest(*parts: Tensor | str) -> str:
    """Return a hash of tensors and words, the same on every machine."""
    found = hashlib.blake2b(digest_size=12)
    for part in parts:
        if isinstance(part, torch.Tensor):
            found.update(f"{part.dtype} {tuple(part.shape)}".encode())
            bits: Any = part.detach().cpu().contiguous().flatten().view(torch.uint8).numpy()
            found.update(bits)
        else:
            found.update(part.encode())
        found.update(b"\0")
    return found.hexdigest()


def fingerprint(value: Any, within: Within | None = None) -> Any:
    """Describe a value as JSON can hold it, so that two that do the same look the same, in another process too.

    A module is its class, its `repr` and a hash of its weights; a function its name, a hash of its code, and what it
    uses of its surroundings: of global things numbers, words, tensors and modules, and for code that isn't an installed
    package's also functions, lists, tuples, dicts and sets. Another object is its class and its state, which is its
    attributes unless it has a `__getstate__`. Code that isn't an installed package's counts for what calls it, too.

    Parameters
    ----------
    value : Any
        What to describe.
    within : Within, optional
        Where it lies, if within another value.

    Examples
    --------
    >>> fingerprint({"level": 5, "wavelet": ("haar", None)})
    {'level': 5, 'wavelet': ['haar', None]}
    """
    depth, known = within or Within(0, {})
    if depth > DEEPEST:
        return "…"
    place = id(value), depth
    if place not in known:
        known[place] = value, _described(value, Within(depth + 1, known))
    return known[place][1]


@functools.singledispatch
def _described(value: Any, within: Within) -> Any:
    if isinstance(value, type):
        return _name(value)
    found = {"class": _name(type(value)), **_called(value, "__call__", within)}
    if dataclasses.is_dataclass(value):
        named = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {**found, **fingerprint(named, within)}
    if hasattr(value, "__wrapped__"):  # such as a function with a cache
        return fingerprint(value.__wrapped__, within)
    if isinstance(name := getattr(value, "__qualname__", None), str):
        return {"class": name}
    if type(value).__module__.partition(".")[0] in sys.stdlib_module_names:
        return {**found, "value": _compact(_words(value))}
    with contextlib.suppress(Exception):  # what can't be sent to another process has no state that counts there
        found["state"] = _compact(fingerprint(value.__getstate__(), within))
    return found


@_described.register(type(None))
@_described.register(bool)
@_described.register(int)
@_described.register(str)
def _(value: Any, _: Within) -> Any:
    return value


@_described.register
def _(value: float, _: Within) -> Any:
    return value if math.isfinite(value) else str(value)  # NaN is never the same


@_described.register(torch.dtype)
@_described.register(torch.device)
def _(value: Any, _: Within) -> Any:
    return str(value)


@_described.register
def _(value: types.ModuleType, _: Within) -> Any:
    return value.__name__


@_described.register(np.ndarray)
@_described.register(np.generic)
def _(value: Any, within: Within) -> Any:
    array = np.asarray(value)
    return fingerprint(torch.as_tensor(array) if array.dtype.kind in "biufc" else array.tolist(), within)


@_described.register
def _(value: torch.Tensor, _: Within) -> Any:
    return {"shape": list(value.shape), "digest": digest(value)}


@_described.register
def _(value: torch.nn.Module, within: Within) -> Any:
    parts = [part for name, each in value.state_dict().items() if isinstance(each, Tensor) for part in (name, each)]
    about = {"class": _name(type(value)), **_called(value, "forward", within)}
    return {**about, "layers": digest(_words(value)), "weights": digest(*parts)}


@_described.register(Mapping)
def _(value: Mapping[Any, Any], within: Within) -> Any:
    return {name if isinstance(name, str) else _words(name): fingerprint(each, within) for name, each in value.items()}


@_described.register(list)
@_described.register(tuple)
def _(value: Any, within: Within) -> Any:
    return [fingerprint(each, within) for each in value]


@_described.register(set)
@_described.register(frozenset)
def _(value: Any, within: Within) -> Any:
    return sorted((fingerprint(each, within) for each in value), key=json.dumps)  # a set has no order


@_described.register(functools.partial)
def _(value: Any, within: Within) -> Any:
    arguments = {"arguments": value.args, **value.keywords}
    return {"function": fingerprint(value.func, within), **fingerprint(arguments, within)}


@_described.register
def _(value: types.MethodType, within: Within) -> Any:
    return {"method": fingerprint(value.__func__, within), "of": fingerprint(value.__self__, within)}


@_described.register
def _(value: types.FunctionType, within: Within) -> Any:
    found: dict[str, Any] = {"function": _name(value), "code": _code(value.__code__)}
    kinds = _PLAIN + _FOLLOWED if _is_own(value) else _PLAIN
    caught = {
        name: _compact(fingerprint(value.__globals__[name], within))
        for name in sorted(_names(value.__code__))
        if isinstance(value.__globals__.get(name), kinds)
    }
    for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # not filled yet
            caught[name] = _compact(fingerprint(cell.cell_contents, within))
    if caught:
        found["caught"] = caught
    if value.__defaults__ or value.__kwdefaults__:
        found["defaults"] = fingerprint([value.__defaults__, value.__kwdefaults__], within)
    return found


def _called(value: Any, name: str, within: Within) -> dict[str, Any]:
    """Describe the function of a class that is called, if somebody may edit it."""
    function = getattr(type(value), name, None)
    return {name: fingerprint(function, within)} if _is_own(function) else {}


def _is_own(function: Any) -> bool:
    """Return whether that is a function of somebody's own, not of an installed package."""
    code = getattr(inspect.unwrap(function) if callable(function) else None, "__code__", None)
    return isinstance(code, types.CodeType) and not code.co_filename.startswith(INSTALLED)


def _names(code: types.CodeType) -> set[str]:
    """Return the names that code uses, those in the functions within it among them."""
    within = (_names(each) for each in code.co_consts if isinstance(each, types.CodeType))
    return set(code.co_names).union(*within)


def _code(code: types.CodeType) -> str:
    return digest(code.co_code.hex(), *code.co_names, *map(_constant, code.co_consts))


def _constant(value: Any) -> str:
    if isinstance(value, types.CodeType):
        return _code(value)
    return str(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)  # a set has no order


def _compact(description: Any) -> Any:
    """Return a hash of a description that is long."""
    text = json.dumps(description, sort_keys=True)
    return description if len(text) <= LONGEST else {"digest": digest(text)}


def _words(value: Any) -> str:
    """Return the `repr` of a value without addresses in memory, which are others in another process."""
    return re.sub(r"\b0x[0-9a-fA-F]+", "0x", repr(value))


def _name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"
