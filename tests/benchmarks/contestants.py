"""The bare model passes, ours, and Captum, at the same task."""

import warnings
from typing import Literal

import torch
from torch import Tensor, nn

import wam_widgets as wam

from .models import targets
from .task import NOISE, Method


def bare(model: nn.Module, inputs: Tensor, classes: Tensor, size: int) -> None:
    """Differentiate with respect to inputs that are ready, `size` at once, and drop the result: nobody can do less."""
    for part, column in zip(inputs.split(size), classes.split(size), strict=True):
        images = part.detach().requires_grad_()
        score = model(images).gather(1, column[:, None]).sum()
        torch.autograd.grad(score, images)


def ours(
    model: nn.Module,
    images: Tensor,
    method: Method,
    wavelet: str,
    level: int,
    *,
    samples: int,
    size: int | Literal["auto"],
    classes: Tensor | None = None,
) -> wam.Coefficients:
    """Explain, and carry the gradient to wavelet coefficients."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of the completeness gap of a random network
        return wam.explain(
            model,
            images,
            targets(len(images)) if classes is None else classes,
            method=method,
            wavelet=wavelet,
            level=level,
            samples=samples,
            batch_size=size,
            progress=False,
        ).attribution


def captum(model: nn.Module, images: Tensor, method: Method, *, samples: int, size: int | None) -> None:
    """Let Captum do it, in the pixel domain; `size` inputs at once, or its default: all.

    It never splits the copies that belong to one step, so that `size` is at least the number of images.
    """
    from captum.attr import IntegratedGradients, NoiseTunnel, Saliency

    classes = targets(len(images))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that it set `requires_grad` on the input
        if method == "integrated_gradients":
            IntegratedGradients(model).attribute(images, target=classes, n_steps=samples, internal_batch_size=size)
            return
        NoiseTunnel(Saliency(model)).attribute(
            images,
            target=classes,
            abs=False,
            stdevs=NOISE * float(images.max() - images.min()),
            nt_samples=samples,
            nt_samples_batch_size=None if size is None else size // len(images),
        )
