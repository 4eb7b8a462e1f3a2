"""A small residual network on pictures of digits, trained for the samples: plainly, against attacks, and by heart."""

from jaxtyping import Float
from torch import Tensor, nn

from wam_widgets.samples.residual import MeanAndMaximum, ResidualBlock
from wam_widgets.samples.trained import trained
from wam_widgets.transform.grid import require_signal

__all__ = ["DigitNet", "digit_model", "robust_digit_model", "shuffled_digit_model"]


def digit_model() -> "DigitNet":
    """Return a classifier of handwritten digits, ready to be explained.

    It was trained for this package (`make train-digits`) on pictures as those of `digits`, and recognises 97 in 100 of
    digits that it never saw, as `record("digit_model")` says in full. `robust_digit_model` is the same network, trained
    against attacks.

    The model is in evaluation mode and its parameters have `requires_grad` off. Each call loads a model of its own and
    leaves torch's random numbers alone.

    Returns
    -------
    DigitNet
        On the CPU, float32, for one channel of 16 x 16 pixels; `labels` are "0" to "9".

    Examples
    --------
    >>> from wam_widgets.samples import digits
    >>> model = digit_model()
    >>> model.labels[int(model(digits()["three"].signal).argmax())]
    '3'
    """
    return _trained("digit_model")


def robust_digit_model() -> "DigitNet":
    """Return the network of `digit_model`, trained on pictures that were changed to mislead it.

    Each was changed by up to 0.15 at every pixel, in five steps up the gradient of the loss. Of digits that it never
    saw and that are changed as much, in twenty steps, it recognises 82 in 100, where `digit_model` recognises none; of
    those that are left as they are, 94 in 100. `record("robust_digit_model")` says all that in full.

    Returns
    -------
    DigitNet
        As `digit_model`.

    References
    ----------
    A. Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018.

    Examples
    --------
    >>> from wam_widgets.samples import digits
    >>> model = robust_digit_model()
    >>> model.labels[int(model(digits()["three"].signal).argmax())]
    '3'
    """
    return _trained("robust_digit_model")


def shuffled_digit_model() -> "DigitNet":
    """Return the network of `digit_model`, trained on the same pictures with their labels in random order.

    It knows every one of the 2,000 by heart, and of others nothing: of those it never saw it names as many rightly as
    chance does, 10 in 100. An explanation that looks the same for it as for `digit_model` doesn't show what either has
    learnt; `sanity_check` makes the comparison. `record("shuffled_digit_model")` says all that in full.

    Returns
    -------
    DigitNet
        As `digit_model`. Weights are rounded to half precision.

    References
    ----------
    J. Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018. C. Zhang, S. Bengio, M. Hardt, B. Recht and
    O. Vinyals, "Understanding Deep Learning Requires Rethinking Generalization", ICLR 2017.

    Examples
    --------
    >>> from wam_widgets.samples import record
    >>> by_heart = record("shuffled_digit_model")["runs"][0]
    >>> by_heart["train"]["accuracy"], by_heart["test"]["accuracy"] < 0.15
    (1.0, True)
    """
    return _trained("shuffled_digit_model")


class DigitNet(nn.Module):
    """Three residual blocks on ever coarser pixels, and what they find on average and at most.

    Parameters
    ----------
    labels
        Names of the classes, in the order of the output's columns.

    Attributes
    ----------
    network : Module
        All that is trained: pixels to logits.

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016.

    Examples
    --------
    >>> import torch
    >>> DigitNet(("nought", "one"))(torch.rand(5, 1, 16, 16)).shape
    torch.Size([5, 2])
    """

    def __init__(self, labels: tuple[str, ...]) -> None:
        super().__init__()
        self.labels = labels
        self.network = nn.Sequential(
            nn.BatchNorm2d(1),
            nn.Conv2d(1, 16, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            ResidualBlock(2, 16, 16),
            ResidualBlock(2, 16, 32, stride=2),
            ResidualBlock(2, 32, 48, stride=2),
            MeanAndMaximum(),
            nn.Dropout(0.2),
            nn.Linear(2 * 48, len(labels)),
        )

    def forward(self, signal: Float[Tensor, "item channel row column"]) -> Float[Tensor, "item label"]:
        """Return the logits of every class.

        Parameters
        ----------
        signal
            Pictures of one channel, shape (item, 1, row, column), from 0 (paper) to 1 (ink); of any size, but trained
            on 16 x 16 pixels.

        Returns
        -------
        Tensor
            Axes (item, label), before the softmax.

        Raises
        ------
        TypeError, ValueError
            If the signal is no picture of one channel.
        """
        logits: Tensor = self.network(_require_picture(signal))
        return logits


def _require_picture(signal: Tensor) -> Tensor:
    """Return the signal if it is a batch of pictures of one channel; values are not looked at."""
    shape = tuple(require_signal(signal).shape)
    if len(shape) != 4:
        raise ValueError(
            f"`signal` must be pictures, with the axes (item, channel, row, column); got shape {shape}. A single "
            f"picture without item and channel needs both, `signal[None, None]`."
        )
    if shape[1] != 1:
        raise ValueError(
            f"`signal` must have one channel, shape {(shape[0], 1, *shape[2:])}; got shape {shape}. This model was "
            f"trained on ink without colour: pass one channel, e.g. `signal.mean(1, keepdim=True)`."
        )
    return signal


def _trained(name: str) -> DigitNet:
    return trained(name, lambda about: DigitNet(tuple(about["labels"])))
