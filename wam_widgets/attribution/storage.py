"""Explanations as files and as xarray data sets."""

from __future__ import annotations

import dataclasses
import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import safetensors
import safetensors.torch
import torch

from wam_widgets.checks import require_place
from wam_widgets.transform import Grid
from wam_widgets.transform.grid import require_signal
from wam_widgets.transform.wavelet import find_wavelet, require_level, require_mode

from .explanation import Aggregate, Explanation, Kind, Method
from .score import require_classes
from .uncertainty import GroupMeans

if TYPE_CHECKING:
    import xarray
    from torch import Tensor

#: The one entry of the header of a file, and the version of what it says.
_HEADER, _VERSION = "wam_widgets.explanation", 1
_TENSORS = ("signal", "gradient", "output", "target", "score", "passes", "baseline", "baseline_score")
_INNER, _OWN = "features.", ("signal", "gradient", "groups.values", "groups.counts")
_PLAIN = ("method", "kind", "wavelet", "level", "mode", "labels", "seed", "aggregate", "settings")


def save(explanation: Explanation, path: str | Path) -> None:
    """Write an explanation to a file (see `Explanation.save`)."""
    path = require_place(Path(path).resolve())  # a link stays one
    if path.exists() and not path.is_file():
        raise FileExistsError(f"`path` must name a file; got the device or pipe {str(path)!r}. Name another.")
    tensors, header = _parts(explanation)
    if explanation.features is not None:
        inner, header["features"] = _parts(explanation.features)
        # What the two have in common is one tensor, which a file holds once.
        tensors |= {f"{_INNER}{name}": inner[name] for name in _OWN if name in inner}
    header["version"] = _VERSION
    present = {name: tensor.contiguous().cpu() for name, tensor in tensors.items()}
    # First beside it, then in its place: an interrupted save leaves the old file whole.
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        temporary.touch()
        mode = (path if path.exists() else temporary).stat().st_mode  # which safetensors would not keep
        safetensors.torch.save_file(present, temporary, metadata={_HEADER: json.dumps(header)})
        temporary.chmod(mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _parts(explanation: Explanation) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of an explanation by name, and what else it is, as JSON can hold it."""
    tensors = {name: getattr(explanation, name) for name in _TENSORS}
    if explanation.groups is not None:
        tensors |= {"groups.values": explanation.groups.values, "groups.counts": explanation.groups.counts}
    header = {name: getattr(explanation, name) for name in _PLAIN} | {"grid": dataclasses.asdict(explanation.grid)}
    return {name: tensor for name, tensor in tensors.items() if tensor is not None}, header


def load(path: str | Path) -> Explanation:
    """Read an explanation from a file that `Explanation.save` wrote.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    Explanation
        On the CPU.

    Raises
    ------
    OSError
        If the file can't be read.
    ValueError
        If it is truncated, not of this kind, or contradicts itself. Nothing in it is ever executed.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import wam_widgets as wam
    >>> model, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal
    >>> path = Path(tempfile.mkdtemp()) / "three.safetensors"
    >>> wam.explain(model, three, level=2, progress=False).save(path)
    >>> load(path)
    Explanation of 1 item (3): smoothgrad, sensitivity, in haar, level 2; 25 passes per item
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"`path` must name a file that `save` wrote; there is none at {str(path)!r}.")
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            # Copies: a tensor that is mapped to the file would change, or crash, with the file.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118  # not a dict
        return _assemble(json.loads(metadata.get(_HEADER, "null")), tensors)
    except (
        safetensors.SafetensorError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
        NotImplementedError,
    ) as error:
        raise ValueError(
            f"{str(path)!r} must be an explanation that `save` wrote with this version of wam_widgets; it isn't: "
            f"{error}. Explain again and save anew."
        ) from error


def _assemble(header: dict[str, Any], tensors: dict[str, Tensor]) -> Explanation:
    """Check everything that the methods of an explanation rely on, and build it."""
    if header is None:
        raise ValueError(f"it has no header {_HEADER!r}")
    if header["version"] != _VERSION:
        raise ValueError(f"its version is {header['version']!r}, not {_VERSION}")
    inner = {name.removeprefix(_INNER): tensor for name, tensor in tensors.items() if name.startswith(_INNER)}
    tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith(_INNER)}
    features = None
    if header.get("features") is not None:
        shared = {name: tensor for name, tensor in tensors.items() if name not in (*_OWN, "baseline", "baseline_score")}
        features = _assemble(header["features"] | {"version": _VERSION}, shared | inner)
    signal = require_signal(tensors["signal"])
    size = tuple(signal.shape[2:])
    for name, known in (("method", Method), ("kind", Kind), ("aggregate", Aggregate)):
        if header[name] not in get_args(known):
            raise ValueError(f"its {name} is {header[name]!r}")
    mode = require_mode(header["mode"])
    if header["wavelet"] is not None:
        require_level(header["level"], size, find_wavelet(header["wavelet"]), mode)
    if not isinstance(header["settings"], dict):
        raise TypeError("its settings are no table")
    _require_tensors(tensors)
    for name, kind in (("labels", str), ("seed", int)):
        if not isinstance(header[name], list | None) or not all(type(each) is kind for each in header[name] or []):
            raise TypeError(f"its {name} are {header[name]!r}")
    grid = {key: _as_tuples(value) for key, value in header["grid"].items()}
    return Explanation(
        **{name: tensors.get(name) for name in _TENSORS},  # type: ignore[arg-type]  # checked above
        **{name: _as_tuples(header[name]) for name in _PLAIN},
        grid=Grid(**grid),
        groups=_groups(tensors, signal, header["aggregate"]),
        features=features,
    )


def _require_tensors(tensors: dict[str, Tensor]) -> None:
    """Raise unless all that there has to be is there, of the right kind, and targets are columns of the output."""
    for name in ("gradient", "score", "passes"):
        if name not in tensors:
            raise ValueError(f"it has no {name}")
    for name, tensor in tensors.items():
        expected = (torch.int64,) if name in {"target", "passes"} else (torch.float32, torch.float64)
        if tensor.dtype not in expected or not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"its {name} is not finite, or of dtype {tensor.dtype}")
        if name in {"gradient", "baseline", "groups.values"} and tensor.dtype != tensors["signal"].dtype:
            raise ValueError(f"its {name} is {tensor.dtype} and its signal {tensors['signal'].dtype}")
    if "target" in tensors:
        if "output" not in tensors or tensors["output"].ndim != 2:
            raise ValueError("its target has no output to be a column of")
        require_classes(tensors["target"], tensors["output"].shape[1])


def _groups(tensors: dict[str, Tensor], signal: Tensor, aggregate: str) -> GroupMeans | None:
    if "groups.values" not in tensors:
        return None
    values, counts = tensors["groups.values"], tensors["groups.counts"]
    expected = signal.shape if aggregate == "mean" else (*signal.shape[:2], values.shape[-1])
    if values.shape[1:] != expected or counts.shape != values.shape[:2] or not bool((counts >= 1).all()):
        raise ValueError(f"its groups have shapes {tuple(values.shape)} and {tuple(counts.shape)}")
    return GroupMeans(values, counts)


def _as_tuples(value: Any) -> Any:
    """Turn the lists of JSON into the tuples that they were."""
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value


def to_xarray(explanation: Explanation) -> xarray.Dataset:
    """Return an explanation as an xarray Dataset (see `Explanation.to_xarray`)."""
    try:
        import xarray as xr
    except ImportError as error:
        raise ImportError('`to_xarray` needs xarray. Type `pip install "wam-widgets[evaluation]"`.') from error
    axes, grid = explanation.grid.axes, explanation.grid
    coordinates: dict[str, Any] = {
        axis: (axis, np.arange(samples) * step, {"units": unit})
        for axis, samples, step, unit in zip(axes, explanation.size, grid.spacing, grid.units, strict=True)
    }
    coordinates |= {"scale": list(explanation.scales), "explained": ("item", explanation.names())}
    data = {
        "signal": (("item", "channel", *axes), explanation.signal),
        "gradient": (("item", "channel", *axes), explanation.gradient),
        "map": (("item", "scale", *axes), explanation.maps()),
        "scale_share": (("item", "scale"), explanation.scale_shares()),
        "score": (("item",), explanation.score),
        "passes": (("item",), explanation.passes),
    }
    if explanation.baseline_score is not None:
        data["baseline_score"] = (("item",), explanation.baseline_score)
    return xr.Dataset(
        {name: (dims, torch.as_tensor(values).detach().cpu().numpy()) for name, (dims, values) in data.items()},
        coordinates,
        {name: str(getattr(explanation, name)) for name in ("method", "kind", "wavelet", "level", "mode", "aggregate")},
    )
