"""What one sample is."""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from wam_widgets.transform import Grid

__all__ = ["Sample"]


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A real signal with the class that a trained model should see in it, and whom to thank for it.

    Examples
    --------
    >>> from wam_widgets.samples import audio
    >>> man = audio()["man"]
    >>> man.title, man.licence, man.grid.sample_rate
    ('A man calls, in Persian', 'CC BY-SA 3.0', 16000.0)
    """

    name: str
    """Short name, the key in its collection."""

    signal: Float[Tensor, "1 channel *space"]
    """One item, float32, as `wam.explain` takes it; images are RGB in [0, 1], axes (item, channel, row, column),
    sounds are mono waveforms, axes (item, channel, time), and volumes have one channel in [0, 1], axes (item, channel,
    z, y, x)."""

    target: int
    """Class expected of the model that belongs to this kind of signal, counted from 0."""

    title: str
    """What the signal shows, in a few words, for captions."""

    credit: str
    """Who made it and where it comes from: show it wherever the signal is shown."""

    licence: str
    """Terms under which the signal may be used."""

    grid: Grid | None = None
    """What the axes mean, for `wam.explain(..., grid=sample.grid)`: of sounds, steps in seconds, of volumes, names
    and distances. None: just samples."""

    fundamental: float | None = None
    """Pitch of a note in Hz; its harmonics are the multiples. None for what is no note."""
