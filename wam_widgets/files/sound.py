"""Sounds from files, and as files that can be played."""

from __future__ import annotations

import io
import math
import warnings
import wave
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from scipy.signal import resample_poly
from torch import Tensor

from wam_widgets.checks import finite_number, whole_number
from wam_widgets.transform import Grid

from .limits import refused, require_file

#: One more than the largest of 16 bits: what a sample of 1 is written as, but for the step that isn't there.
_FULL = 2**15

#: What has more is rather time.
_MOST_CHANNELS = 64

#: A WAV file counts its bytes, and those of a second, in 32 bits.
_MOST_BYTES = 2**32 - 1 - 36


#: Seconds times samples per second times channels that a file may hold unless the caller allows more: three hours of
#: mono at 44.1 kHz, 2 GiB.
_MOST_SAMPLES = 2**29


def load_sound(
    path: str | Path,
    *,
    start: int | float = 0.0,  # noqa: PYI041  # tests take no int for a float
    duration: int | float | None = None,  # noqa: PYI041
    sample_rate: int | None = None,
    mono: bool = False,
    most_samples: int = _MOST_SAMPLES,
) -> tuple[Float[Tensor, "1 channel time"], Grid]:
    """Read a recording as `explain` takes it: WAV, FLAC, Ogg, MP3 and whatever else libsndfile reads.

    Parameters
    ----------
    path : str or Path
        The file.
    start, duration : float
        The stretch to read, in seconds; by default all of it.
    sample_rate : int, optional
        Resample to so many samples per second, those that a model is made for; by default the file's own. Nothing above
        half of it survives.
    mono : bool
        Whether to average the channels into one.
    most_samples : int
        Size limit, channels times samples: what is to be read is compared with it before anything is read.

    Returns
    -------
    signal : Tensor, shape (1, channel, time)
        float32, from -1 to 1.
    grid : Grid
        The axis time, in seconds.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError, ValueError
        If it can't be read, holds nothing, is too large, or an argument can't be right.
    ImportError
        If soundfile, which reads it, is not installed (`pip install "wam-widgets[samples]"`).

    Notes
    -----
    Resampled by a polyphase filter (`scipy.signal.resample_poly`), which lets nothing beyond half the new rate through.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "tone.wav"
    >>> tone = torch.sin(2 * torch.pi * 440 * torch.arange(44_100) / 44_100)
    >>> _ = to_wav(0.5 * tone[None], path, 44_100)
    >>> signal, grid = load_sound(path, sample_rate=16_000, mono=True)
    >>> tuple(signal.shape), grid.sample_rate
    ((1, 1, 16000), 16000.0)
    """
    file, what = require_file(path), repr(str(path))
    wanted = None if sample_rate is None else _require_rate(sample_rate)
    limit = whole_number(most_samples)
    if limit is None or limit < 1:
        raise ValueError(f"`most_samples` must be a whole number of at least 1; got {most_samples!r}. Pass e.g. 2**29.")
    try:
        import soundfile
    except ImportError as error:
        raise ImportError(
            'load_sound needs soundfile, which is not installed. Install it with:  pip install "wam-widgets[samples]"'
        ) from error
    with (
        refused(what, "Convert it, e.g. to WAV with ffmpeg.", soundfile.SoundFileError),
        soundfile.SoundFile(file) as sound,
    ):
        first, frames = _stretch(start, duration, sound.frames, sound.samplerate, what)
        count = frames * sound.channels
        if count > limit:
            raise ValueError(
                f"{what} must have at most {limit} samples, times channels; its header declares {count}, "
                f"{frames / sound.samplerate:.0f} s at {sound.samplerate} Hz in {sound.channels} channel(s). Pass a "
                f"`duration` in seconds, or `most_samples={count}`."
            )
        sound.seek(first)
        values, own = sound.read(frames, dtype="float32", always_2d=True).T, sound.samplerate
    if not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).sum())
        raise ValueError(f"{what} must hold finite samples; {bad} of {values.size} are NaN or inf. Write it anew.")
    values = values.mean(0, keepdims=True) if mono else values
    if wanted is not None and wanted != own:
        steps = math.gcd(wanted, own)
        values = resample_poly(values, wanted // steps, own // steps, axis=1).astype(np.float32)
    rate = own if wanted is None else wanted
    return torch.from_numpy(np.ascontiguousarray(values))[None], Grid.sound(rate)


def _stretch(start: object, duration: object, frames: int, rate: int, what: str) -> tuple[int, int]:
    """Return the first frame to read, and how many."""
    if not frames:
        raise ValueError(f"{what} must hold at least one sample; it holds none. Record it anew.")
    begin, length = finite_number(start), math.inf if duration is None else finite_number(duration)
    if begin is None or not 0 <= begin < frames / rate or length is None or length * rate < 1:
        raise ValueError(
            f"`start` and `duration` must be seconds of the file, which has {frames / rate:g}, and at least a sample; "
            f"got start={start!r}, duration={duration!r}. Pass e.g. `start=0, duration={min(3, frames / rate):g}`."
        )
    first = round(begin * rate)
    return first, min(frames - first, round(min(length, frames / rate) * rate))


def to_wav(
    sound: Float[Tensor, "channel time"],
    path: str | Path,
    sample_rate: int | float,  # noqa: PYI041  # tests take no int for a float
    *,
    level: float | Tensor | None = None,
) -> Path:
    """Write a sound to a WAV file: PCM with 16 bits, which every player and browser plays.

    Parameters
    ----------
    sound : Tensor, shape (channel, time)
        From -1 to 1, as models take it; e.g. `explanation.rebuild(fraction=0.05)[0]`.
    path : str or Path
        Usually ending in ".wav". Replaced if it exists.
    sample_rate : int
        Samples per second, in Hz: of an explanation, `explanation.grid.sample_rate`.
    level : float or Tensor, optional
        Make the sound so loud, as otherwise a rebuilt one is heard to be quieter, not different: a root mean square
        over all samples and channels in dB relative to 1 (negative; speech is about -20), or another sound, whose root
        mean square is taken. Silence stays silent.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    TypeError, ValueError
        Unless the sound is floating-point, finite and of the shape (channel, time); for a sample rate that is no whole
        number; or a level that is none.
    OSError
        If the file can't be written.

    Warns
    -----
    RuntimeWarning
        If samples lie beyond -1 and 1 and are clipped: how many, and which `level` would spare them.

    Notes
    -----
    A sample x is written as the whole number nearest to 32768 x, so that what is read, divided by 32768, is within half
    a step of it; 1 itself is a step too large. There is no dither: the same sound is the same file. See IBM and
    Microsoft, Multimedia Programming Interface and Data Specifications 1.0, 1991.

    Examples
    --------
    >>> tone = 0.1 * torch.sin(2 * torch.pi * 440 * torch.arange(16_000) / 16_000)
    >>> to_wav(tone[None], "tone.wav", 16_000)  # doctest: +SKIP
    PosixPath('tone.wav')
    """
    rate = _require_rate(sample_rate)
    samples = _require_sound(sound, "sound").double().cpu()
    if len(samples) * max(2 * samples.shape[1], 2 * rate) > _MOST_BYTES or len(samples) >= 2**16:
        raise ValueError(
            f"`sound` must fit into the 4 GiB of a WAV file; got {len(samples)} channel(s) of {samples.shape[1]} "
            f"samples. Write it in parts."
        )
    samples = samples * _gain(samples, level)
    _warn_if_clipped(samples, level)
    steps = (samples * _FULL).round().clamp(-_FULL, _FULL - 1).short().numpy()
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(len(steps))
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.ascontiguousarray(steps.T.astype("<i2")).tobytes())
    path = Path(path)
    path.write_bytes(stream.getvalue())
    return path


def _gain(samples: Tensor, level: float | Tensor | None) -> float:
    """Return what to multiply the samples with to bring them to the level."""
    if level is None:
        return 1.0
    if isinstance(level, torch.Tensor):
        wanted = _rms(_require_sound(level, "level").double().cpu())
    else:
        decibels = finite_number(level)
        if decibels is None:
            raise TypeError(
                f"`level` must be None, decibels relative to 1, or a sound, shape (channel, time); got {level!r}. "
                f"Pass e.g. `level=-20.0`, or `level=explanation.signal[0]`."
            )
        wanted = 10 ** (decibels / 20)
    own = _rms(samples)
    return wanted / own if own else 1.0


def _rms(samples: Tensor) -> float:
    return float(samples.square().mean().sqrt())


def _warn_if_clipped(samples: Tensor, level: float | Tensor | None) -> None:
    """Say how many samples lie beyond the ends of 16 bits, and how loud the sound could be."""
    peak, beyond = float(samples.abs().max()), int((samples.abs() > 1).sum())
    if not beyond:
        return
    loudest = math.floor(20 * math.log10(_rms(samples) / peak) * 10) / 10
    raised = "" if level is None else ", brought to that level,"
    warnings.warn(
        f"{beyond} of {samples.numel()} samples of the sound{raised} lie beyond -1 and 1 (the largest at {peak:.3g}) "
        f"and were clipped. Pass `level={loudest:.1f}`, as loud as it can be unclipped, or less.",
        RuntimeWarning,
        stacklevel=3,
    )


def _require_rate(sample_rate: object) -> int:
    """Return the sample rate as a whole number; what 1 / (1 / rate) leaves of one will do."""
    rate = finite_number(sample_rate)
    if rate is None or not 1 <= round(rate) < 2**31 or abs(rate - round(rate)) > 1e-6 * rate:
        raise ValueError(
            f"`sample_rate` must be a whole number of samples per second; got {sample_rate!r}. Pass e.g. "
            f"`sample_rate=16_000`."
        )
    return round(rate)


def _require_sound(sound: object, name: str) -> Tensor:
    """Return the sound, without its history of gradients, if it can be written."""
    if not isinstance(sound, torch.Tensor):
        raise TypeError(
            f"`{name}` must be a torch tensor of shape (channel, time); got {type(sound).__name__}. "
            f"Pass `torch.as_tensor({name})`."
        )
    if not sound.is_floating_point():
        raise TypeError(
            f"`{name}` must be floating-point, from -1 to 1; got {sound.dtype}. Pass e.g. `{name} / 32768` for 16 bits."
        )
    if sound.ndim != 2 or 0 in sound.shape:
        remedy = f"`{name}[None]`" if sound.ndim == 1 else f"one item, `{name}[0]`"
        raise ValueError(
            f"`{name}` must have the shape (channel, time), with at least one of each; got {tuple(sound.shape)}. "
            f"Pass {remedy}."
        )
    if sound.shape[0] > max(_MOST_CHANNELS, sound.shape[1]):
        raise ValueError(
            f"`{name}` must have the shape (channel, time); got {tuple(sound.shape)}, which looks like (time, "
            f"channel). Pass `{name}.T`."
        )
    if sound.is_meta:
        raise ValueError(f"`{name}` must have values; got a tensor on the device 'meta'. Pass one with values.")
    if not bool(torch.isfinite(sound).all()):
        bad = (~torch.isfinite(sound)).nonzero()
        raise ValueError(
            f"`{name}` must be finite; got {len(bad)} NaN or inf value(s), the first in channel {int(bad[0, 0])} at "
            f"sample {int(bad[0, 1])}. Pass e.g. `torch.nan_to_num({name})`."
        )
    return sound.detach()
