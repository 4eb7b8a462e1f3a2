"""A small residual network on log-mel spectrograms, and the two that were trained for the samples."""

from jaxtyping import Float
from torch import Tensor, nn

from wam_widgets.samples.residual import MeanAndMaximum, ResidualBlock
from wam_widgets.samples.trained import trained
from wam_widgets.samples.waveform import require_waveform
from wam_widgets.transform.logmel import LogMel

__all__ = ["SoundNet", "audio_model", "instrument_model"]


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

    Examples
    --------
    >>> import torch
    >>> SoundNet(("rain", "wind"), 16_000).eval()(torch.randn(1, 1, 16_000)).shape
    torch.Size([1, 2])
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
            ResidualBlock(2, 16, 16),
            ResidualBlock(2, 16, 32, stride=2),
            ResidualBlock(2, 32, 64, stride=2),
            MeanAndMaximum(),
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


def _trained(name: str) -> SoundNet:
    return trained(name, lambda about: SoundNet(tuple(about["labels"]), about["sample_rate"]))
