"""The networks that were trained for the samples: their weights, and what is on record of them."""

import json
from collections.abc import Callable
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

import safetensors.torch
import torch
from torch import nn

from wam_widgets.checks import nearest

__all__ = ["data", "record", "trained"]

_TRAINED = (
    "audio_model",
    "instrument_model",
    "digit_model",
    "robust_digit_model",
    "shuffled_digit_model",
    "volume_model",
    "furniture_model",
    "former_model",
)

_Model = TypeVar("_Model", bound=nn.Module)


def record(model: str) -> dict[str, Any]:
    """Return how a model was trained and how well it does on what was held out.

    Parameters
    ----------
    model
        "audio_model" or "instrument_model" for sound; "digit_model", "robust_digit_model" or "shuffled_digit_model" for
        pictures of digits; "volume_model", "former_model" or "furniture_model" for volumes.

    Returns
    -------
    dict
        The data, the settings, and for every seed its accuracy, its balanced accuracy (the mean over
        labels) and the accuracy of each label. The first seed's weights are those that ship.

    Raises
    ------
    ValueError
        If the model is another.

    Examples
    --------
    >>> record("digit_model")["mean_test_accuracy"]
    0.97
    """
    if model not in _TRAINED:
        *others, last = map(repr, _TRAINED)
        raise ValueError(
            f"`model` must be one that was trained here, {', '.join(others)} or {last}; got {model!r}."
            f"{nearest(model, _TRAINED)}"
        )
    found: dict[str, Any] = json.loads(data(f"{model}.json").read_text("utf-8"))
    return found


def trained(name: str, build: Callable[[dict[str, Any]], _Model]) -> _Model:
    """Return the model that `build` makes of its record, with the weights that ship.

    Parameters
    ----------
    name
        As in `record`.
    build
        Makes the untrained model of its record; all that was trained is its submodule `network`.

    Returns
    -------
    Module
        In evaluation mode, with `requires_grad` off.
    """
    about = record(name)
    with torch.random.fork_rng(devices=[]):  # the file replaces the random weights at once
        model = build(about)
    weights = safetensors.torch.load(data(f"{name}.safetensors").read_bytes())
    model.get_submodule("network").load_state_dict(weights, strict=True)
    return model.eval().requires_grad_(requires_grad=False)


def data(*path: str) -> Traversable:
    """Return the file or folder at `path` among the samples' own data."""
    return files("wam_widgets.samples").joinpath("data", *path)
