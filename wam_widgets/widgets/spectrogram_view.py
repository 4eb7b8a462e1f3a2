"""A sound with its attribution, to be seen and heard: what a browser shows and plays of it."""

from __future__ import annotations

from typing import Any

import traitlets

from .base import Checked
from .settings import between, flag, one_of, require_numbers, require_weights
from .view import View

LOOKS = ("tiles", "features")
AXES = ("log", "linear", "mel")
HEARD = ("original", "kept", "rest")

#: Fractions of the coefficients to keep, to choose from.
FRACTIONS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0)

#: Seconds that a loop has at least.
SHORTEST_LOOP = 0.02


class SpectrogramView(View, trio=__file__):
    """What `SpectrogramPlayer` shows and plays, as traits."""

    per_scale = "gains"

    # ------------------------------------------------------------------------------------------------- what is allowed

    def _require_look(self, name: str, value: Any) -> str:
        look: str = one_of(*LOOKS)(self, name, value)
        if look == "features" and not self._features():
            raise ValueError(
                f"`{name}='features'` shows the attribution at the front end, which this explanation hasn't. Explain "
                f"with `front_end=`: `explain(model.network, signal, front_end=model.front_end)`."
            )
        return look

    def _require_gains(self, name: str, value: Any) -> list[float]:
        return require_weights(name, value, [scale["name"] for scale in self._signal["scales"]])

    def _require_moment(self, name: str, value: Any) -> float:
        return between(0.0, self.duration)(self, name, value)

    def _require_stretch(self, name: str, value: Any) -> list[float]:
        ends = require_numbers(name, value, [0.0, self.duration])
        if not ends:
            return []
        if len(ends) != 2:
            raise ValueError(
                f"`{name}` must be a begin and an end in seconds, or [] for none; got {value!r}. Pass e.g. "
                f"`[0, {self.duration:g}]`."
            )
        least = min(SHORTEST_LOOP, self.duration)
        begin, end = (self._require_moment(name, each) for each in ends)
        if end - begin < least - 1e-9:
            raise ValueError(f"`{name}` must end at least {least:g} s after it begins; got {value!r}.")
        return [begin, end]

    def _features(self) -> bool:
        """Whether there is an attribution at the front end."""
        return "features" in self._values

    @property
    def duration(self) -> float:
        """Length of the sound in seconds."""
        return float(self._signal["size"][0] / self._signal["rate"])

    # ------------------------------------------------------------------------------------------------ what is looked at
    look = Checked[str](
        "tiles", _require_look, help="Every coefficient all over its tile, or the attribution at the front end."
    )
    axis = Checked[str]("log", one_of(*AXES), help="How frequency is spaced.")
    span = Checked[list[float]]([], _require_stretch, help="Begin and end of what is drawn, in seconds; [] for all.")
    only_kept = Checked[bool](
        default=False,
        check=flag,
        help="Draw only the largest, `fraction` of them: of coefficients these are the ones that are kept.",
    )

    # ---------------------------------------------------------------------------------------------------- what is heard
    gains = Checked[list[float]](
        [],
        _require_gains,
        help="Gain of each scale, coarse to fine, from 0 to 2; back to 1 when the number of scales changes.",
    )
    fraction = Checked[float](
        0.05, between(0.0, 1.0), help="Fraction of the coefficients that is kept: the most important ones."
    )
    heard = Checked[str]("original", one_of(*HEARD), help="The original, only what is kept of it, or only the rest.")
    matched = Checked[bool](
        default=True, check=flag, help="Play what is left as loud as the original, unless that would clip."
    )
    playing = Checked[bool](default=False, check=flag, help="Whether it plays.")
    position = Checked[float](0.0, _require_moment, help="What is heard now, in seconds from the beginning.")
    loop = Checked[list[float]](
        [], _require_stretch, help="Begin and end of what is played again and again, in seconds; [] for none."
    )
    speed = Checked[float](1.0, between(0.25, 2.0), help="How fast it plays; the pitch goes with it.")
    volume = Checked[float](1.0, between(0.0, 1.0), help="Of everything.")

    # ----------------------------------------------------------------------------- what the model says of what is heard
    _kept = traitlets.Dict(help="Probabilities of what is kept and of the rest: see `explorers.sound.kept_of`.").tag(
        sync=True
    )
    _mix = traitlets.Dict(help="Probabilities of what the gains and the rest make of it, with a kernel.").tag(sync=True)
    _fractions = traitlets.List(list(FRACTIONS), help="What the slider of `fraction` offers.").tag(sync=True)
