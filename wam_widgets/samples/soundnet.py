"""A small residual network on log-mel spectrograms, and the two that were trained for the samples."""

import json
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import safetensors.torch
import torch
from jaxtyping import Float
from torch import Tensor, nn

from wam_widgets.checks import nearest
from wam_widgets.samples.waveform import require_waveform
from wam_widgets.transform.logmel import LogMel

__all__ = ["SoundNet", "audio_model", "instrument_model", "record"]

_TRAINED = ("audio_model", "instrument_model")


def audio_model() -> "SoundNet":
    """Return a classifier of sound events, ready to be explained: animals, water, footsteps, a blow on metal and so on.

    It was trained for this package (`make train-audio`) on recordings of the game 0 A.D. From families of recordings
    that it never heard it recognises three in four, as `record("audio_model")` says in full; on sounds of other origins
    a network like it was right half the time. It is there to be explained, not to be relied upon.

    The model is in evaluation mode and its parameters have `requires_grad` off. Each call loads a model of its own and
    leaves torch's random numbers alone.

    Returns
    -------
    SoundNet
        On the CPU, float32, for mono at 16 kHz; `labels` are 12 kinds of sound.

    Examples
    --------
    >>> from wam_widgets.samples import audio
    >>> model = audio_model()
    >>> model.labels[int(model(audio()["river"].signal).argmax())]
    'water'
    """
    return _trained("audio_model")


def instrument_model() -> "SoundNet":
    """Return a classifier of the instruments in `instruments`, ready to be explained.

    As `audio_model`, but trained on notes of the Fluid R3 soundfont. What `record("instrument_model")` says of its
    accuracy holds for other notes of the same instruments; on another soundfont a network like it was right half the
    time, so it does not know instruments in general.

    Returns
    -------
    SoundNet
        On the CPU, float32, for mono at 16 kHz; `labels` are 12 groups of instruments.

    Examples
    --------
    >>> from wam_widgets.samples import instruments
    >>> model = instrument_model()
    >>> model.labels[int(model(instruments()["piano"].signal).argmax())]
    'piano'
    """
    return _trained("instrument_model")


def record(model: str) -> dict[str, Any]:
    """Return how a model was trained and how well it does on what was held out.

    Parameters
    ----------
    model
        "audio_model" or "instrument_model".

    Returns
    -------
    dict
        The data, the settings, and for every seed its accuracy, its balanced accuracy (the mean over
        labels) and the accuracy of each label. The first seed's weights are those that ship.

    Raises
    ------
    ValueError
        If the model is another.
    """
    if model not in _TRAINED:
        raise ValueError(
            f"`model` must be one that was trained here, {' or '.join(map(repr, _TRAINED))}; got {model!r}."
            f"{nearest(model, _TRAINED)}"
        )
    found: dict[str, Any] = json.loads(_data(f"{model}.json").read_text("utf-8"))
    return found


class SoundNet(nn.Module):
    """A waveform's log-mel spectrogram, three residual blocks, and what they find on average and at most.

    The spectrogram is part of the model, so that the signal that is explained is the sound that is heard: 64 bands from
    windows of 32 ms, 16 ms apart.

    Parameters
    ----------
    labels
        Names of the classes, in the order of the output's columns.
    sample_rate
        Samples per second of the waveforms, in Hz.

    Attributes
    ----------
    front_end : LogMel
        What the network sees of a waveform.
    network : Module
        All that was trained: decibels to logits.

    References
    ----------
    K. He, X. Zhang, S. Ren and J. Sun, "Deep Residual Learning for Image Recognition", CVPR 2016.
    """

    def __init__(self, labels: tuple[str, ...], sample_rate: int = 16_000) -> None:
        super().__init__()
        self.labels = labels
        self.sample_rate = sample_rate
        # No floor below the loudest (`top_db`): no value depends on another part of the sound.
        self.front_end = LogMel(sample_rate, n_fft=512, hop_length=256, n_mels=64, top_db=None)
        self.network = nn.Sequential(
            nn.BatchNorm2d(1),
            nn.Conv2d(1, 16, kernel_size=5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            _ResidualBlock(16, 16),
            _ResidualBlock(16, 32, stride=2),
            _ResidualBlock(32, 64, stride=2),
            _MeanAndMaximum(),
            nn.Dropout(0.2),
            nn.Linear(2 * 64, len(labels)),
        )

    def forward(self, signal: Float[Tensor, "item channel time"]) -> Float[Tensor, "item label"]:
        """Return the logits of every class.

        Parameters
        ----------
        signal
            Mono waveform, shape (item, 1, time), about -1 to 1; of any length from one window, 512 samples, on, but
            trained on the length of the samples.

        Returns
        -------
        Tensor
            Axes (item, label), before the softmax.

        Raises
        ------
        TypeError, ValueError
            If the signal is no waveform of one channel, or too short.
        """
        require_waveform(signal, self.front_end.n_fft)
        logits: Tensor = self.network(self.front_end(signal))
        return logits


class _ResidualBlock(nn.Module):
    """Two convolutions whose result is added to the input; a 1 x 1 convolution fits the input where shapes differ."""

    def __init__(self, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        self.change = nn.Sequential(
            nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            nn.Conv2d(outputs, outputs, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = (
            nn.Identity()
            if inputs == outputs and stride == 1
            else nn.Sequential(
                nn.Conv2d(inputs, outputs, kernel_size=1, stride=stride, bias=False), nn.BatchNorm2d(outputs)
            )
        )

    def forward(self, features: Float[Tensor, "item channel mel frame"]) -> Float[Tensor, "item feature row column"]:
        added: Tensor = self.shortcut(features) + self.change(features)
        return added.relu()


class _MeanAndMaximum(nn.Module):
    """Each channel's mean and maximum over the spectrogram, side by side: so that any length will do."""

    def forward(self, features: Float[Tensor, "item channel mel frame"]) -> Float[Tensor, "item feature"]:
        return torch.cat([features.mean((2, 3)), features.amax((2, 3))], dim=1)


def _trained(name: str) -> SoundNet:
    about = record(name)
    with torch.random.fork_rng(devices=[]):  # the file replaces the random weights at once
        model = SoundNet(tuple(about["labels"]), about["sample_rate"])
    model.network.load_state_dict(safetensors.torch.load(_data(f"{name}.safetensors").read_bytes()), strict=True)
    return model.eval().requires_grad_(requires_grad=False)


def _data(file: str) -> Traversable:
    return files("wam_widgets.samples").joinpath("data", file)
