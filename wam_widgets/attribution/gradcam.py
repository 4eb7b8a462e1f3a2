"""Grad-CAM, through Captum: the map that everybody knows, to compare with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from wam_widgets.transform.grid import require_signal

from .passes import undisturbed
from .score import columns_of, require_classes, require_target


def gradcam(
    model: torch.nn.Module,
    signal: Float[Tensor, "item channel *space"],
    target: int | Sequence[int] | Tensor | None,
    layer: torch.nn.Module,
) -> Float[Tensor, " item *space"]:
    r"""Weigh a layer's channels by their mean gradient, add up what is positive, and enlarge it to the signal.

    Parameters
    ----------
    model : torch.nn.Module
        As for `explain`.
    signal : Tensor, shape (item, channel, \*space)
        As for `explain`.
    target : None, int, sequence of int or Tensor
        The column of the output to explain, as for `explain`; no callable.
    layer : torch.nn.Module
        A layer of the model whose output has the signal's number of spatial axes, usually its last convolution.

    Returns
    -------
    Tensor, shape (item, \*space)
        A map on the signal's grid, zero or more, linearly interpolated; not normalised.

    Raises
    ------
    ImportError
        If Captum is not installed.
    TypeError, ValueError
        For a signal or target as in `explain`, or a layer that is not part of the model or has other axes.

    References
    ----------
    Selvaraju et al., Grad-CAM, ICCV 2017.

    Examples
    --------
    >>> from wam_widgets import samples
    >>> model = samples.digit_model()
    >>> tuple(gradcam(model, samples.digits()["three"].signal, 3, layer=model.network[6]).shape)
    (1, 16, 16)
    """
    try:
        from captum.attr import LayerGradCam
    except ImportError as error:
        raise ImportError('Grad-CAM needs Captum. Type `pip install "wam-widgets[evaluation]"`.') from error
    signal = require_signal(signal).detach()
    wanted = require_target(target, len(signal))
    if callable(wanted):
        raise TypeError("`target` of Grad-CAM must be None, a column or one per item; got a callable. Pass e.g. 3.")
    modules: Iterable[torch.nn.Module] = getattr(model, "modules", list)()
    if not any(layer is module for module in modules):
        raise ValueError(
            f"`layer` must be a module of the model; got {type(layer).__name__}. "
            f"`dict(model.named_modules())` lists them."
        )
    with undisturbed(model, signal.device), torch.enable_grad():
        inputs = signal.clone()  # outside inference mode, unlike a caller's tensor
        method = LayerGradCam(lambda inputs: _scores(columns_of(model(inputs)), wanted), layer)
        coarse = method.attribute(inputs.requires_grad_(), relu_attributions=True).detach()
    if coarse.ndim != signal.ndim:
        raise ValueError(
            f"`layer` must keep the signal's {signal.ndim - 2} spatial axes; its output has shape "
            f"{tuple(coarse.shape)} for each channel. Choose an earlier layer."
        )
    interpolation = ("linear", "bilinear", "trilinear")[signal.ndim - 3]
    return torch.nn.functional.interpolate(coarse, signal.shape[2:], mode=interpolation, align_corners=False)[:, 0]


def _scores(columns: Tensor, wanted: Tensor | None) -> Tensor:
    """Return the column that was asked for, or the largest, shape (item,): one forward pass finds and explains it."""
    found = columns.argmax(1) if wanted is None else require_classes(wanted.to(columns.device), columns.shape[1])
    return columns.gather(1, found[:, None])[:, 0]
