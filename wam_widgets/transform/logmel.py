"""What many models of sound begin with: a mel spectrogram in decibels, by differentiable operations."""

from __future__ import annotations

import math
import warnings
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from wam_widgets.checks import finite_number, require_count, require_one_of

from .coefficients import full_precision
from .grid import Grid, require_signal

MelScale = Literal["slaney", "htk"]
"""How frequency becomes pitch: Slaney's, linear up to 1 kHz and logarithmic above; or HTK's, of one formula."""

Padding = Literal["constant", "reflect"]
"""How a sound is continued beyond its ends for the frames there: by silence, or by its mirror image."""

#: Slaney's scale: mel per Hz up to 1 kHz, and the factor in frequency that one mel is above.
_LINEAR, _CORNER, _FACTOR = 3 / 200, 1000.0, 6.4 ** (1 / 27)


def hz_to_mel(frequency: ArrayLike, scale: MelScale = "slaney") -> NDArray[np.float64]:
    """Return the pitch, in mel, of frequencies in Hz.

    Parameters
    ----------
    frequency : array_like
        In Hz, from 0.
    scale : {"slaney", "htk"}
        Slaney's 15 mel per kHz up to 1 kHz, and 27 mel per factor 6.4 above; or HTK's 2595 log₁₀(1 + f / 700).

    Returns
    -------
    float array
        In mel. The two scales have different units: 1 kHz is 15 mel of Slaney's and 1000 of HTK's.

    References
    ----------
    Slaney, Auditory Toolbox, Interval Research Corporation, TR 1998-010. Young et al., The HTK Book, section 5.4.

    Examples
    --------
    >>> hz_to_mel([0, 500, 1000, 6400]).round(9).tolist()
    [0.0, 7.5, 15.0, 42.0]
    """
    hertz = np.asarray(frequency, dtype=np.float64)
    if scale == "htk":
        return np.asarray(2595 * np.log10(1 + hertz / 700))
    above = _LINEAR * _CORNER + np.log(np.maximum(hertz, _CORNER) / _CORNER) / math.log(_FACTOR)
    return np.where(hertz < _CORNER, _LINEAR * hertz, above)


def mel_to_hz(mel: ArrayLike, scale: MelScale = "slaney") -> NDArray[np.float64]:
    """Return the frequency, in Hz, of pitches in mel: the inverse of `hz_to_mel`."""
    pitch = np.asarray(mel, dtype=np.float64)
    if scale == "htk":
        return np.asarray(700 * (10 ** (pitch / 2595) - 1))
    corner = _LINEAR * _CORNER
    return np.where(pitch < corner, pitch / _LINEAR, _CORNER * _FACTOR ** (np.maximum(pitch, corner) - corner))


def power_spectrogram(
    signal: Float[Tensor, "item channel time"],
    n_fft: int,
    hop_length: int,
    *,
    win_length: int | None = None,
    pad_mode: Padding = "constant",
) -> Float[Tensor, "item channel frequency frame"]:
    """Return the squared magnitudes of the short-time Fourier transform, with frames centred on every hop.

    Parameters
    ----------
    signal : Tensor, shape (item, channel, time)
        Float32 or float64.
    n_fft, hop_length, win_length, pad_mode
        As in `LogMel`; a reflection needs more than n_fft // 2 samples.

    Returns
    -------
    Tensor, shape (item, channel, frequency, frame)
        In squared units of the signal, not normalised. Frequency k is k · rate / n_fft.
    """
    with full_precision(signal.device):
        spectrum = torch.stft(
            signal.flatten(0, 1),
            n_fft,
            hop_length,
            window=torch.hann_window(win_length or n_fft, dtype=signal.dtype, device=signal.device),
            win_length=win_length,
            center=True,
            pad_mode=pad_mode,
            return_complex=True,
        )
    # The square of `abs` would be the same, but its gradient is NaN in silence.
    power: Tensor = (spectrum.real.square() + spectrum.imag.square()).unflatten(0, signal.shape[:2])
    return power


class LogMel(torch.nn.Module):
    r"""Mel spectrogram in decibels, differentiable, equal to librosa's: a front end for models of sound.

    Parameters
    ----------
    sample_rate : float
        Samples per second, in Hz.
    n_fft : int
        Samples per frame and Fourier transform.
    hop_length : int
        Samples from one frame to the next.
    n_mels : int
        Number of mel bands.
    win_length : int, optional
        Samples of the Hann window, in the middle of the frame; as long as the frame by default.
    fmin, fmax : float
        Where the lowest band begins and the highest ends, in Hz; `fmax` is half the sample rate by default.
    scale : {"slaney", "htk"}
        How frequency becomes mel, as in `hz_to_mel`.
    norm : {"slaney", None}
        Divide each triangular filter by half its width in Hz, so that all have the same area; or leave peaks of 1.
    pad_mode : {"constant", "reflect"}
        How the sound is continued beyond its ends: by silence, or by its mirror image.
    amin : float
        Power below which everything counts as this much.
    ref : float or "max"
        Power of 0 dB; "max" is the largest of each item.
    top_db : float, optional
        What lies further below the largest value of its item is raised to that, in dB; None leaves it. It never depends
        on other items of the batch.

    Notes
    -----
    Defaults are librosa's, except for `n_fft`, which is 2048 there. torchaudio's are `scale="htk"`, `norm=None` and
    `pad_mode="reflect"`. The module has no state: its filters are a non-persistent buffer.

    References
    ----------
    McFee et al., librosa: Audio and Music Signal Analysis in Python, SciPy 2015 (`librosa.feature.melspectrogram`,
    `librosa.power_to_db`).

    Examples
    --------
    >>> front_end = LogMel(16_000, n_mels=64)
    >>> front_end(torch.randn(2, 1, 16_000)).shape  # item, channel, mel, frame
    torch.Size([2, 1, 64, 32])
    """

    filters: Tensor

    def __init__(
        self,
        sample_rate: int | float,  # noqa: PYI041  # tests take no int for a float
        n_fft: int = 1024,
        hop_length: int = 512,
        n_mels: int = 128,
        *,
        win_length: int | None = None,
        fmin: float = 0.0,
        fmax: float | None = None,
        scale: MelScale = "slaney",
        norm: Literal["slaney"] | None = "slaney",
        pad_mode: Padding = "constant",
        amin: float = 1e-10,
        ref: float | Literal["max"] = 1.0,
        top_db: float | None = 80.0,
    ) -> None:
        super().__init__()
        self.sample_rate = _require_positive("sample_rate", sample_rate, "16_000")
        self.n_fft = require_count("n_fft", n_fft, 1024, at_least=2)
        self.hop_length = require_count("hop_length", hop_length, 512)
        self.n_mels = require_count("n_mels", n_mels, 128)
        self.win_length = self.n_fft if win_length is None else require_count("win_length", win_length, self.n_fft)
        if self.win_length > self.n_fft:
            raise ValueError(
                f"`win_length` must be at most `n_fft`, {self.n_fft}; got {win_length}. Pass `n_fft={win_length}`."
            )
        self.fmin, self.fmax = _require_range(fmin, fmax, self.sample_rate)
        self.scale: MelScale = require_one_of("scale", scale, get_args(MelScale))
        self.norm: Literal["slaney"] | None = None if norm is None else require_one_of("norm", norm, ("slaney",))
        self.pad_mode: Padding = require_one_of("pad_mode", pad_mode, get_args(Padding))
        self.amin = _require_positive("amin", amin, "1e-10")
        self.ref = ref if ref == "max" else _require_positive("ref", ref, "1.0, or 'max'")
        self.top_db = finite_number(top_db)
        if top_db is not None and (self.top_db is None or self.top_db < 0):
            raise ValueError(f"`top_db` must be None or decibels from 0; got {top_db!r}. Pass e.g. `top_db=80.0`.")
        self.register_buffer("filters", torch.from_numpy(self._filters()).float(), persistent=False)

    @property
    def frequencies(self) -> NDArray[np.float64]:
        """The peak of every mel band in Hz, shape (mel,)."""
        return self.edges[1:-1]

    @property
    def edges(self) -> NDArray[np.float64]:
        """Where mel bands begin, peak and end in Hz, shape (mel + 2,): band m spans edges m to m + 2."""
        ends = hz_to_mel([self.fmin, self.fmax], self.scale)
        return mel_to_hz(np.linspace(ends[0], ends[1], self.n_mels + 2), self.scale)

    @property
    def grid(self) -> Grid:
        """What the axes of the spectrogram mean: steps in mel (from the lowest band's peak) and in seconds."""
        ends = hz_to_mel([self.fmin, self.fmax], self.scale)
        steps = (float(np.diff(ends)[0]) / (self.n_mels + 1), self.hop_length / self.sample_rate)
        return Grid(("mel", "time"), steps, ("mel", "s"))

    def times(self, samples: int) -> NDArray[np.float64]:
        """Return the middle of every frame of a sound of so many samples, in seconds, shape (frame,)."""
        frames = 1 + (samples + 2 * (self.n_fft // 2) - self.n_fft) // self.hop_length
        return np.asarray(np.arange(frames) * (self.hop_length / self.sample_rate))

    def forward(self, signal: Float[Tensor, "item channel time"]) -> Float[Tensor, "item channel mel frame"]:
        """Return the mel spectrogram of every channel.

        Parameters
        ----------
        signal : Tensor, shape (item, channel, time)
            Float32 or float64, on any device.

        Returns
        -------
        Tensor, shape (item, channel, mel, frame)
            In decibels, on the signal's device and in its dtype (under autocast too).

        Raises
        ------
        TypeError, ValueError
            For a signal of the wrong type or shape, or too short to be reflected.
        """
        self._require(signal)
        window = self.win_length or self.n_fft
        if signal.shape[2] < window:
            warnings.warn(
                f"The clip has {signal.shape[2]} sample(s), fewer than a window of {window}: most of what is "
                f"transformed is the padding. Pass a longer clip, or make LogMel with a smaller `n_fft`.",
                RuntimeWarning,
                stacklevel=2,
            )
        power = power_spectrogram(
            signal, self.n_fft, self.hop_length, win_length=self.win_length, pad_mode=self.pad_mode
        )
        with full_precision(signal.device):
            mel = self.filters.to(device=signal.device, dtype=signal.dtype) @ power
            return self._decibels(mel)

    def extra_repr(self) -> str:
        """Return the settings, for the module's repr."""
        return (
            f"{self.sample_rate:g} Hz, n_fft={self.n_fft}, hop_length={self.hop_length}, n_mels={self.n_mels}, "
            f"{self.fmin:g} to {self.fmax:g} Hz, scale={self.scale!r}, norm={self.norm!r}, top_db={self.top_db}"
        )

    def _decibels(self, power: Tensor) -> Tensor:
        """Turn power, (item, channel, mel, frame), into decibels with a floor, item by item."""
        decibels = 10 * power.clamp(min=self.amin).log10()
        if self.ref == "max":
            decibels = decibels - decibels.amax((1, 2, 3), keepdim=True)
        else:
            decibels = decibels - 10 * math.log10(max(self.amin, float(self.ref)))
        if self.top_db is None:
            return decibels
        return torch.maximum(decibels, decibels.amax((1, 2, 3), keepdim=True) - self.top_db)

    def _filters(self) -> NDArray[np.float64]:
        """Return the weight of every Fourier frequency in every mel band, shape (mel, frequency)."""
        edges = self.edges
        hertz = np.arange(self.n_fft // 2 + 1) * (self.sample_rate / self.n_fft)
        rising = (hertz - edges[:-2, None]) / np.diff(edges)[:-1, None]
        falling = (edges[2:, None] - hertz) / np.diff(edges)[1:, None]
        filters = np.maximum(0, np.minimum(rising, falling))
        if empty := int((filters.max(1) == 0).sum()):
            warnings.warn(
                f"{empty} of {self.n_mels} mel bands are narrower than the steps of {self.sample_rate / self.n_fft:g} "
                f"Hz between the frequencies of the transform and hear nothing. Raise `n_fft`, or lower `n_mels`.",
                RuntimeWarning,
                stacklevel=3,
            )
        return filters if self.norm is None else filters * (2 / (edges[2:] - edges[:-2]))[:, None]

    def _require(self, signal: object) -> None:
        """Raise unless the signal is sound that is long enough."""
        sound = require_signal(signal)
        if sound.ndim != 3:
            raise ValueError(
                f"`signal` must be sound, with the axes (item, channel, time); got shape {tuple(sound.shape)}. "
                f"Put other axes into the item: `signal.flatten(0, {sound.ndim - 3})`."
            )
        needed = self.n_fft // 2 + 1
        if self.pad_mode == "reflect" and sound.shape[2] < needed:
            raise ValueError(
                f"`signal` must have at least {needed} samples for n_fft={self.n_fft} and pad_mode='reflect', which "
                f"mirrors half a frame at each end; got {sound.shape[2]}. Pass a longer sound, a smaller `n_fft`, or "
                f"`pad_mode='constant'`."
            )


def _require_positive(name: str, value: object, example: str) -> float:
    number = finite_number(value)
    if number is None or number <= 0:
        raise ValueError(f"`{name}` must be a positive number; got {value!r}. Pass e.g. `{name}={example}`.")
    return number


def _require_range(fmin: object, fmax: object, rate: float) -> tuple[float, float]:
    low, high = finite_number(fmin), rate / 2 if fmax is None else finite_number(fmax)
    if low is None or high is None or not 0 <= low < high <= rate / 2:
        raise ValueError(
            f"`fmin` and `fmax` must be frequencies with 0 <= fmin < fmax <= {rate / 2:g} Hz, half the sample rate; "
            f"got {fmin!r} and {fmax!r}. Pass e.g. `fmin=0.0, fmax=None`."
        )
    return low, high
