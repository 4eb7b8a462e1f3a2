"""Short sounds that the sample models recognise: events, and notes of instruments."""

import csv
import io
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from wam_widgets.samples.packages import optional
from wam_widgets.samples.sample import Sample
from wam_widgets.samples.trained import data, record
from wam_widgets.transform import Grid

__all__ = ["audio", "decoded", "instruments"]


class _Collection(NamedTuple):
    folder: str  # with the clips, what clips.csv says of each, and their licence
    model: str
    credit: str
    licence: str


_EVENTS = _Collection(
    "events",
    "audio_model",
    "Sounds (C) 2009 Wildfire Games, http://www.wildfiregames.com/, CC BY-SA 3.0, "
    "http://creativecommons.org/licenses/by-sa/3.0/ ; cut, resampled and recoded.",
    "CC BY-SA 3.0",
)
_NOTES = _Collection(
    "notes",
    "instrument_model",
    "Fluid R3 soundfont, Copyright 2000-2002, 2008 Frank Wen, 2008 Toby Smithe, MIT",
    "MIT",
)


def audio() -> dict[str, Sample]:
    """Return sound events of two seconds, such as "birds", "river", "elephant", "axe".

    They are from recordings of the game 0 A.D. that `audio_model` was not trained on, chosen from those that it
    recognises: how many these are of all is in its `record`. Titles come from file names.

    Returns
    -------
    dict of str to Sample
        Signals (1, 1, 32000), mono, float32, at 16 kHz (see `Sample.grid`), with a peak of about 0.7; targets are
        the classes of `audio_model`.

    Raises
    ------
    ImportError
        If soundfile is not installed.

    Examples
    --------
    >>> river = audio()["river"]
    >>> river.title, tuple(river.signal.shape), river.grid.units
    ('A river', (1, 1, 32000), ('s',))
    """
    return _samples(_EVENTS)


def instruments() -> dict[str, Sample]:
    """Return notes of one second, such as "violin", "piano", "saxophone", and a "drum".

    They are from the Fluid R3 soundfont, chosen from those that `instrument_model` recognises; it was trained on other
    notes of the same instruments. Their pitch is known, and so is where their harmonics are.

    Returns
    -------
    dict of str to Sample
        Signals (1, 1, 16000), mono, float32, at 16 kHz (see `Sample.grid`); targets are the classes of
        `instrument_model`, and `Sample.fundamental` is the pitch in Hz, but for the drum's.

    Raises
    ------
    ImportError
        If soundfile is not installed.

    Examples
    --------
    >>> instruments()["horn"].title, instruments()["horn"].fundamental
    ('French horns, A4', 440.0)
    """
    return _samples(_NOTES)


def decoded(file: bytes, name: str = "file") -> tuple[Float[Tensor, "1 time"], int]:
    """Return the mono sound in the bytes of a file, float32, and its sample rate in Hz.

    Raises
    ------
    ValueError
        If there is no sound in them that soundfile reads, or one of several channels.
    """
    soundfile = optional("soundfile")
    rule = f"`{name}` must be a mono sound file that soundfile reads (WAV, FLAC, Ogg, MP3)"
    remedy = "Convert it, e.g. with `ffmpeg -i FILE -ac 1 sound.wav`."
    try:
        values, sample_rate = soundfile.read(io.BytesIO(file), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise ValueError(f"{rule}; {len(file)} bytes can't be read: {error.error_string} {remedy}") from error
    if values.shape[1] != 1 or not len(values):
        raise ValueError(f"{rule}; got {values.shape[1]} channel(s) of {len(values)} samples. {remedy}")
    return torch.from_numpy(values.T.copy()), sample_rate


def _samples(collection: _Collection) -> dict[str, Sample]:
    folder = data(collection.folder)
    labels = record(collection.model)["labels"]
    found = {}
    for clip in csv.DictReader(folder.joinpath("clips.csv").read_text("utf-8").splitlines()):
        signal, sample_rate = decoded(folder.joinpath(f"{clip['name']}.ogg").read_bytes(), f"{clip['name']}.ogg")
        found[clip["name"]] = Sample(
            clip["name"],
            signal[None],
            labels.index(clip["label"]),
            clip["title"],
            collection.credit,
            collection.licence,
            grid=Grid(("time",), (1 / sample_rate,), ("s",)),
            fundamental=440 * 2 ** ((int(clip["root_key"]) - 69) / 12) if clip["root_key"] else None,
        )
    return found
