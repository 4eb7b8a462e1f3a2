"""What a result depends on, in words that can be written down and compared: settings, functions, weights."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import hashlib
import types
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

#: Deeper than this nothing is told apart: a function may hold itself.
DEEPEST = 6


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


def fingerprint(value: Any, depth: int = 0) -> Any:
    """Describe a value as JSON can hold it, so that two that do the same look the same.

    A module is its class and a hash of its weights; a function its name, a hash of its code, and what it uses of its
    surroundings (of global things: numbers, words, tensors and modules). Of other objects only the class is told.

    Parameters
    ----------
    value : Any
        What to describe.
    depth : int
        How deep within another value it lies.

    Examples
    --------
    >>> fingerprint({"level": 5, "wavelet": ("haar", None)})
    {'level': 5, 'wavelet': ['haar', None]}
    """
    return "…" if depth > DEEPEST else _described(value, depth + 1)


@functools.singledispatch
def _described(value: Any, depth: int) -> Any:
    if isinstance(value, type):
        return _name(value)
    if dataclasses.is_dataclass(value):
        named = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {"class": _name(type(value)), **fingerprint(named, depth)}
    return {"class": getattr(value, "__qualname__", None) or _name(type(value))}


@_described.register(type(None))
@_described.register(bool)
@_described.register(int)
@_described.register(float)
@_described.register(str)
def _(value: Any, _: int) -> Any:
    return value


@_described.register(torch.dtype)
@_described.register(torch.device)
def _(value: Any, _: int) -> Any:
    return str(value)


@_described.register(np.ndarray)
@_described.register(np.generic)
def _(value: Any, depth: int) -> Any:
    return fingerprint(torch.as_tensor(np.asarray(value)), depth)


@_described.register
def _(value: torch.Tensor, _: int) -> Any:
    return {"shape": list(value.shape), "digest": digest(value)}


@_described.register
def _(value: torch.nn.Module, _: int) -> Any:
    parts = [part for name, each in value.state_dict().items() if isinstance(each, Tensor) for part in (name, each)]
    return {"class": _name(type(value)), "weights": digest(*parts)}


@_described.register(Mapping)
def _(value: Mapping[Any, Any], depth: int) -> Any:
    return {str(name): fingerprint(each, depth) for name, each in value.items()}


@_described.register(list)
@_described.register(tuple)
def _(value: Any, depth: int) -> Any:
    return [fingerprint(each, depth) for each in value]


@_described.register(functools.partial)
def _(value: Any, depth: int) -> Any:
    arguments = {"arguments": value.args, **value.keywords}
    return {"function": fingerprint(value.func, depth), **fingerprint(arguments, depth)}


@_described.register
def _(value: types.MethodType, depth: int) -> Any:
    return {"method": value.__func__.__qualname__, "of": fingerprint(value.__self__, depth)}


@_described.register
def _(value: types.FunctionType, depth: int) -> Any:
    found: dict[str, Any] = {"function": _name(value), "code": _code(value.__code__)}
    caught = {
        name: fingerprint(value.__globals__[name], depth)
        for name in value.__code__.co_names
        if isinstance(value.__globals__.get(name), (torch.nn.Module, torch.Tensor, int, float, str))
    }
    for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # not filled yet
            caught[name] = fingerprint(cell.cell_contents, depth)
    if caught:
        found["caught"] = caught
    if value.__defaults__ or value.__kwdefaults__:
        found["defaults"] = fingerprint([value.__defaults__, value.__kwdefaults__], depth)
    return found


def _code(code: types.CodeType) -> str:
    return digest(code.co_code.hex(), *code.co_names, *map(_constant, code.co_consts))


def _constant(value: Any) -> str:
    if isinstance(value, types.CodeType):
        return _code(value)
    return str(sorted(map(repr, value))) if isinstance(value, frozenset) else repr(value)  # a set has no order


def _name(value: Any) -> str:
    return f"{value.__module__}.{value.__qualname__}"
