"""Methods that can be compared over a data set: plain values, which can be written down and sent to other machines."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from wam_widgets.attribution import Contrast, Explanation, Score, explain, gradcam
from wam_widgets.attribution.passes import Model, undisturbed
from wam_widgets.checks import nearest, optional_module, require_flag, require_one_of
from wam_widgets.transform.wavelet import find_wavelet, require_any_level, require_mode

from .ranking import Importance

MethodName = Literal["saliency", "smoothgrad", "integrated_gradients", "gradcam"]

Method = Callable[..., Importance]
"""(model, signal, target) -> Explanation, Coefficients or a map of the samples, shape (item, *space)."""

#: Options of `explain` that `Explainer` or `benchmark` has itself, or that don't matter to the result.
_OWN = ("method", "wavelet", "level", "mode", "target", "seed", "batch_size", "progress", "watch", "labels", "grid")

#: Options by which the result depends on the wavelet, so that passes can't be shared.
_OF_ONE_WAVELET = ("aggregate", "tolerance")


@dataclass(frozen=True)
class Explainer:
    """A method with its settings, for `benchmark` and `scale_profile`. Called, it explains.

    Parameters
    ----------
    method : {"smoothgrad", "saliency", "integrated_gradients", "gradcam"}
        As for `explain`; "gradcam" for Grad-CAM, a map of the signal's samples.
    wavelet, level, mode
        As for `explain`; `wavelet=None` for the pixel-domain methods.
    denoised : bool
        Whether to shrink every band towards zero as far as it is noise, see `Explanation.denoised`.
    contribution : bool
        Whether to rank by gradient times coefficient, see `Explanation.contribution`.
    layer : str, optional
        Of Grad-CAM: the layer's name in `model.named_modules()`.
    options : dict
        Other options of `explain`, such as `{"samples": 100}`.

    Raises
    ------
    TypeError, ValueError
        For options that don't belong to the method.

    Examples
    --------
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    >>> Explainer("saliency", wavelet="db2", level=2)(model, torch.rand(1, 1, 8, 8), 2).scales
    ('approximation', 'detail 2', 'detail 1')
    """

    method: MethodName = "smoothgrad"
    wavelet: str | None = "haar"
    level: int = 3
    mode: str = "reflect"
    denoised: bool = False
    contribution: bool = False
    layer: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_one_of("method", self.method, get_args(MethodName))
        if self.wavelet is not None:
            find_wavelet(self.wavelet)
            require_mode(self.mode)
            require_any_level(self.level)
        require_flag("denoised", self.denoised)
        require_flag("contribution", self.contribution)
        if not isinstance(self.options, Mapping):
            raise TypeError(
                f"`options` must be a dict of options of `explain`; got {self.options!r}. Pass e.g. "
                f"`options={{'samples': 25}}`."
            )
        if (self.layer is None) == (self.method == "gradcam"):
            raise ValueError(
                f"`layer` belongs to method 'gradcam', which needs it; got layer={self.layer!r} with {self.method!r}. "
                f"Pass e.g. `Explainer('gradcam', layer='features.7')`."
            )
        if self.layer is not None and (self.denoised or self.contribution or self.options):
            raise ValueError("Grad-CAM has no `denoised`, `contribution` or `options`. Leave them out.")
        known = set(inspect.signature(explain).parameters) - {"model", "signal", *_OWN}
        for name in self.options:
            if name not in known:
                raise ValueError(
                    f"`options` must be options of `explain` but {', '.join(_OWN[:5])} and such; got {name!r}."
                    f"{nearest(name, known)}"
                )

    def __call__(
        self,
        model: Model,
        signal: Float[Tensor, "item channel *space"],
        target: int | Sequence[int] | Tensor | Contrast | Score | None = None,
        *,
        seed: int = 0,
        batch_size: int | Literal["auto"] = "auto",
    ) -> Explanation | Tensor:
        r"""Explain a signal.

        Parameters
        ----------
        model, signal, target, seed, batch_size
            As for `explain`. Of a contrast, Grad-CAM explains the first class.

        Returns
        -------
        Explanation, or for Grad-CAM a map, shape (item, \*space)

        Raises
        ------
        TypeError, ValueError, ImportError
            As `explain`, or `gradcam`; also if the model has no such layer.
        """
        if self.layer is not None:
            column = target.first if isinstance(target, Contrast) else target
            return gradcam(model, signal, column, self._layer_of(model))  # type: ignore[arg-type]  # checked there
        return self.seen(self.passes(model, signal, target, seed=seed, batch_size=batch_size))

    def passes(
        self,
        model: Model,
        signal: Tensor,
        target: int | Sequence[int] | Tensor | Contrast | Score | None,
        *,
        seed: int,
        batch_size: int | Literal["auto"],
    ) -> Explanation:
        """Run what takes the model: an explanation that `seen` brings into this method's terms."""
        return explain(
            model,
            signal,
            target,
            method=self.method,  # type: ignore[arg-type]  # Grad-CAM never comes here
            wavelet=self.wavelet,
            level=self.level,
            mode=self.mode,
            seed=seed,
            batch_size=batch_size,
            progress=False,
            **self.options,
        )

    def seen(self, explanation: Explanation) -> Explanation:
        """Bring the passes of a method with the same `shared` into the terms of this one, at no model cost."""
        if self.shared is not None:
            explanation = explanation.view(wavelet=self.wavelet, level=self.level, mode=self.mode)
        if self.denoised:
            explanation = explanation.denoised()
        return explanation.contribution() if self.contribution else explanation

    @property
    def shared(self) -> str | None:
        """What two methods must have in common for one to be a view of the other's passes; None if none can be."""
        if self.layer is not None or any(name in self.options for name in _OF_ONE_WAVELET):
            return None
        if any(isinstance(each, torch.Tensor) or callable(each) for each in self.options.values()):
            return None
        return repr((self.method, sorted(self.options.items())))

    def require_for(self, model: Model, like: Float[Tensor, "1 channel *space"]) -> Explanation | Tensor:
        """Try the method on noise with a model that costs nothing, and return what it gives.

        Raises
        ------
        TypeError, ValueError, ImportError
            If its settings can't be right for such a signal, or for the model.
        """
        chance = torch.Generator().manual_seed(0)
        noise = torch.rand(like.shape, generator=chance, dtype=like.dtype)
        if self.layer is not None:
            optional_module("captum", "Grad-CAM", "evaluation")
            self._layer_of(model)
            return noise[:, 0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # noise that is explained badly says nothing of the data
            return self(lambda inputs: inputs.flatten(1).sum(1, keepdim=True), noise, 0)

    def _layer_of(self, model: Model) -> torch.nn.Module:
        layers: dict[str, torch.nn.Module] = dict(model.named_modules()) if isinstance(model, torch.nn.Module) else {}
        if self.layer not in layers:
            raise ValueError(
                f"`layer` must be the name of a layer of the model; got {self.layer!r}."
                f"{nearest(self.layer, layers)} `dict(model.named_modules())` lists them."
            )
        return layers[self.layer]


def standard_methods(
    *,
    wavelet: str = "haar",
    level: int = 3,
    samples: int = 25,
    layer: str | None = None,
    denoised: bool = True,
) -> dict[str, Explainer]:
    """Return the methods of the paper's table, ready for `benchmark`.

    SmoothGrad in the wavelet, in the samples and denoised are views of the same passes, and so are Integrated
    Gradients, so that all of them cost about as much as two.

    Parameters
    ----------
    wavelet, level, samples
        As for `explain`.
    layer : str, optional
        With it, Grad-CAM of this layer too.
    denoised : bool
        Whether to have denoised SmoothGrad too. (The others have no standard errors to denoise by.)

    Returns
    -------
    dict of str to Explainer

    Examples
    --------
    >>> list(standard_methods(layer="4", denoised=False))
    ['WAM SmoothGrad', 'WAM Integrated Gradients', 'Saliency', 'SmoothGrad', 'Integrated Gradients', 'Grad-CAM']
    """
    terms: dict[str, Any] = {"wavelet": wavelet, "level": level}
    pixels: dict[str, Any] = {"wavelet": None}
    options = {"samples": samples}
    found = {
        "WAM SmoothGrad": Explainer("smoothgrad", **terms, options=options),
        "WAM Integrated Gradients": Explainer("integrated_gradients", **terms, options=options),
        "Saliency": Explainer("saliency", **pixels),
        "SmoothGrad": Explainer("smoothgrad", **pixels, options=options),
        "Integrated Gradients": Explainer("integrated_gradients", **pixels, options=options),
    }
    if layer is not None:
        found["Grad-CAM"] = Explainer("gradcam", wavelet=None, layer=layer)
    if denoised:
        found["WAM SmoothGrad, denoised"] = Explainer("smoothgrad", **terms, denoised=True, options=options)
        found["SmoothGrad, denoised"] = Explainer("smoothgrad", **pixels, denoised=True, options=options)
    return found


def require_methods(methods: object) -> None:
    """Raise unless they are callables by name, at least one."""
    advice = (
        "Pass e.g. `standard_methods()`, or `{'Saliency': lambda model, signal, target: explain(model, signal, target, "
        "method='saliency')}`."
    )
    if not isinstance(methods, Mapping) or not methods:
        got = "an empty one" if isinstance(methods, Mapping) else type(methods).__name__
        raise TypeError(f"`methods` must be a dict of name and callable, at least one; got {got}. {advice}")
    for name, method in methods.items():
        if not callable(method):
            got = type(method).__name__
            raise TypeError(f"`methods[{name!r}]` must be callable, as (model, signal, target); got {got}. {advice}")


def ask(method: Method, model: Model, signal: Tensor, target: Any, **options: Any) -> Any:
    """Let a method explain a signal. It sees the model in evaluation mode, and leaves model and signal as they were.

    Parameters
    ----------
    method : callable
        Any, not only those of this package: it may differentiate as it likes.
    model, signal, target, **options
        What it is called with.

    Returns
    -------
    Explanation, Coefficients or Tensor
        Or whatever else it returns: unchecked.
    """
    weights = list(model.parameters()) if isinstance(model, torch.nn.Module) else []
    gradients = [each.grad for each in weights]
    try:
        for each in weights:
            each.grad = None  # what `backward()` adds to would be the caller's, or the last item's
        with undisturbed(model, signal.device), torch.enable_grad():
            return method(model, signal.detach().clone(), target, **options)
    finally:
        for each, gradient in zip(weights, gradients, strict=True):
            each.grad = gradient
