"""Our methods in the form in which other tools call methods: a class of Captum's, a function for Quantus."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from wam_widgets.attribution.arguments import require_model
from wam_widgets.attribution.passes import Model
from wam_widgets.checks import optional_module

from .explainer import Explainer
from .running import device_of

Bands = Tensor | tuple[Tensor, ...]
"""Coefficients as Captum has several inputs: a tuple of bands in the order of `Coefficients.bands`."""


def as_captum(model: Model, method: Explainer) -> Any:
    r"""Return a method as a `captum.attr.Attribution`, for what Captum builds upon one, such as NoiseTunnel.

    Parameters
    ----------
    model : callable
        As for `explain`.
    method : Explainer
        What `attribute` does.

    Returns
    -------
    captum.attr.Attribution
        `attribute(inputs, target=None)` takes one tensor, (item, channel, \*space), and a target as `explain` does. It
        returns a tuple of bands, coarse to fine, in the order of `Coefficients.bands`; of methods in the signal's own
        samples a tensor, as Captum's own do; of Grad-CAM a map, (item, \*space).

    Raises
    ------
    TypeError
        If the model can't be called, or the method is no Explainer.
    ImportError
        If Captum is not installed.

    Examples
    --------
    >>> import captum.attr
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    >>> tunnel = captum.attr.NoiseTunnel(as_captum(model, Explainer("saliency", level=1)))
    >>> bands = tunnel.attribute(torch.rand(2, 1, 8, 8), nt_type="vargrad", nt_samples=4, target=1)
    >>> [tuple(band.shape) for band in bands]
    [(2, 1, 4, 4), (2, 1, 4, 4), (2, 1, 4, 4), (2, 1, 4, 4)]
    """
    require_model(model)
    _require_explainer(method)
    base: Any = optional_module("captum.attr", "`as_captum`", "evaluation").Attribution

    def explained(
        self: Any, inputs: Tensor, target: int | Sequence[int] | Tensor | None = None, **others: Any
    ) -> Bands:
        _require_only("attribute", others, "inputs", "target")
        found = method(self.forward_func, inputs, target)
        if isinstance(found, Tensor):
            return found
        bands = tuple(band for *_, band in found.attribution.bands())
        return bands if len(bands) > 1 else bands[0]

    class WaveletAttribution(base):  # type: ignore[misc]  # Captum has no types
        @functools.wraps(explained)  # NoiseTunnel calls `attribute.__wrapped__`
        def attribute(self, *arguments: Any, **options: Any) -> Bands:
            return explained(self, *arguments, **options)

    return WaveletAttribution(model)


def as_quantus(method: Explainer) -> Callable[..., NDArray[np.float32]]:
    r"""Return a method as an `explain_func`, with which Quantus' metrics make the explanations that they measure.

    Parameters
    ----------
    method : Explainer
        What is called.

    Returns
    -------
    callable
        From (model, inputs, targets), arrays of the shapes (item, channel, \*space) and (item,), to heat maps, shape
        (item, 1, \*space), float32 as what Quantus gives the model, zero or more. It passes `explain_func_kwargs` on
        to the method (`seed`, `batch_size`), but for the `device`, which is that of the model.

    Raises
    ------
    TypeError
        If the method is no Explainer.

    Examples
    --------
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    >>> explain_func = as_quantus(Explainer("integrated_gradients", level=2))
    >>> explain_func(model, np.random.rand(2, 1, 8, 8), np.array([0, 2])).shape
    (2, 1, 8, 8)
    """
    _require_explainer(method)

    def explain_func(model: Model, inputs: ArrayLike, targets: ArrayLike, **options: Any) -> NDArray[np.float32]:
        options.pop("device", None)
        _require_only("explain_func", options.keys() - {"seed", "batch_size"}, "seed", "batch_size")
        signal = torch.as_tensor(np.asarray(inputs, np.float32))
        signal = signal.to(device_of(model, signal))
        found = method(model, signal, torch.as_tensor(np.asarray(targets, np.int64)), **options)
        heat = found if isinstance(found, Tensor) else found.heatmap()
        return heat[:, None].cpu().numpy()

    return explain_func


def _require_only(function: str, others: Collection[str], *known: str) -> None:
    """Raise if a function that other tools call was given anything else."""
    if others:
        raise TypeError(
            f"`{function}` takes {' and '.join(f'`{name}`' for name in known)}; got {', '.join(sorted(others))}. What "
            f"`explain` is to do is said once, e.g. `Explainer('integrated_gradients', options={{'samples': 50}})`."
        )


def _require_explainer(method: object) -> None:
    if not isinstance(method, Explainer):
        raise TypeError(
            f"`method` must be an Explainer; got {type(method).__name__}. Pass e.g. `Explainer('smoothgrad', level=2)`."
        )
