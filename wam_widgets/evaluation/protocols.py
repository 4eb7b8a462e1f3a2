"""What a faithfulness score means: everything that must be fixed before two numbers may be compared."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from wam_widgets.checks import finite_number, nearest, require_count, require_flag, require_one_of
from wam_widgets.transform.grid import real_numbers

from .fingerprint import digest

DomainName = Literal["own", "wavelet", "pixel"]
"""What units are of: each explanation's own, wavelet coefficients only, or the signal's samples."""

Unit = Literal["position", "band", "superpixel"]
"""What is removed at once: a coefficient or sample with all its channels, a band, or a segment of the picture."""

Order = Literal["magnitude", "signed"]
"""What comes first: the largest magnitude, or the largest value, so that what speaks against the score comes last."""

Quantity = Literal["probability", "logit", "contrast"]
"""What is measured of the output: p(A), the raw column of A, or p(A) / (p(A) + p(B))."""

Axis = Literal["units", "energy"]
"""What the area is taken over: the fraction of the units, or of the energy of the signal's difference from the
baseline."""

Area = Literal["trapezoid", "published"]
"""The trapezoid rule over the axis; or the published code's sum divided by (largest value times number of values)."""

Baseline = float | Tensor | str | None
"""What replaces a removed unit: zero, a number, a signal, "mean", "blur", "noise" or "band_mean"."""

#: Baselines that are made of the signal.
MADE = ("mean", "blur", "noise", "band_mean")

#: More steps than a table can hold, or anyone would look at.
_MOST_STEPS = 2**16

#: The fields that the argument `baseline` overrides.
_BASELINES = ("insertion_baseline", "deletion_baseline")


@dataclass(frozen=True, slots=True)
class Protocol:
    """A rule for insertion and deletion, with a name. An override changes the name too.

    Parameters
    ----------
    name : str
        What is printed and saved with every number.
    question : str
        What it answers, in a sentence.
    domain : {"own", "wavelet", "pixel"}
        "pixel" takes an explanation by its heat map.
    unit : {"position", "band", "superpixel"}
        What is removed at once.
    order : {"magnitude", "signed"}
        In a signed order, an explanation in its own terms is ranked by its contribution: the sign of a gradient says
        in which direction, not for whom.
    steps : int
        Number of equal steps from none to all, at most 65,536. Of more steps than there are units, some repeat.
    spacing : float
        Step s of S lies at the fraction (s / S) ** spacing: 2 looks closely at the first few per cent.
    insertion_baseline, deletion_baseline : None, float, Tensor or str
        What stands in the place of a unit that is not there. None is zero.
    quantity : {"probability", "logit", "contrast"}
        What is measured of the output.
    area : {"trapezoid", "published"}
        How a curve becomes a number; "published" divides by a score, and so is for scores that aren't below 0.
    axis : {"units", "energy"}
        What the trapezoids stand on.
    stretched : bool
        Whether every perturbed input is stretched to the range of the item, as the published code does; what is level,
        but for rounding, stays level.

    Examples
    --------
    >>> find_protocol("rise").with_overrides(steps=64).name
    'rise, steps=64'
    """

    name: str
    question: str
    domain: DomainName = "own"
    unit: Unit = "position"
    order: Order = "magnitude"
    steps: int = 64
    spacing: float = 1.0
    insertion_baseline: Baseline = None
    deletion_baseline: Baseline = None
    quantity: Quantity = "probability"
    area: Area = "trapezoid"
    axis: Axis = "units"
    stretched: bool = False

    def __post_init__(self) -> None:
        words = {"domain": DomainName, "unit": Unit, "order": Order, "quantity": Quantity, "area": Area, "axis": Axis}
        for field, allowed in words.items():
            require_one_of(field, getattr(self, field), get_args(allowed))
        if require_count("steps", self.steps, 64) > _MOST_STEPS:
            raise ValueError(f"`steps` must be at most {_MOST_STEPS:,}; got {self.steps:,}. Pass e.g. `steps=64`.")
        require_flag("stretched", self.stretched)
        spacing = finite_number(self.spacing)
        if spacing is None or spacing <= 0:
            raise ValueError(f"`spacing` must be a positive number; got {self.spacing!r}. Pass 1.0 for equal steps.")
        if (self.unit, self.domain) in (("band", "pixel"), ("superpixel", "wavelet")):
            other = "wavelet" if self.unit == "band" else "pixel"
            raise ValueError(
                f"`unit={self.unit!r}` belongs to `domain={other!r}`, or 'own'; got {self.domain!r}. Pass "
                f"`domain={other!r}`, or `unit='position'`."
            )
        if (self.area, self.quantity) == ("published", "logit"):
            raise ValueError(
                "`area='published'` divides by a curve's largest value, and so belongs to probabilities, or to shares "
                "of them; got `quantity='logit'`. Pass `quantity='probability'`, or a protocol of another area, e.g. "
                "`protocol='wam'`."
            )

    def with_overrides(self, **changes: Any) -> Protocol:
        """Return the protocol with some of its fields changed, and renamed after those that differ.

        Parameters
        ----------
        **changes
            Any field but the name. `baseline` stands for both baselines; 0 is none.

        Returns
        -------
        Protocol
            A baseline that is a tensor is named by a digest of its values, such as "given 8fa3c1d2".

        Raises
        ------
        TypeError, ValueError
            For what is no field, or can't be its value.

        Examples
        --------
        >>> PROTOCOLS["wam"].with_overrides(baseline="mean", steps=8).name
        'wam, steps=8, baseline=mean'
        """
        known = [field.name for field in dataclasses.fields(self) if field.name != "name"]
        if unknown := [name for name in changes if name not in (*known, "baseline")]:
            raise TypeError(
                f"`with_overrides` changes {', '.join(map(repr, [*known, 'baseline']))}; got {unknown[0]!r}."
                f"{nearest(unknown[0], [*known, 'baseline'])}"
            )
        if "baseline" in changes:  # of both, and last in the name
            baseline = changes.pop("baseline")
            changes |= dict.fromkeys(_BASELINES, None if finite_number(baseline) == 0 else baseline)
        changes |= {field: require_baseline(changes[field]) for field in _BASELINES if field in changes}
        differing = {
            field: value
            for field, value in changes.items()
            if isinstance(value, torch.Tensor)
            or isinstance(mine := getattr(self, field), torch.Tensor)
            or value != mine
        }
        words = [f"{_argument(field)}={_in_words(value)}" for field, value in differing.items()]
        name = ", ".join([self.name, *dict.fromkeys(words)])
        return dataclasses.replace(self, name=name, **differing)

    def counts(self, units: int) -> NDArray[np.int64]:
        """Return how many of the units are inserted or deleted at every step, shape (step + 1,), from none to all."""
        # Powers first: halves are exact then, and do not fall to one side or the other by the rounding of a fraction.
        powers = np.arange(self.steps + 1.0) ** self.spacing
        counts: NDArray[np.int64] = np.rint(units * powers / powers[-1]).astype(np.int64)
        return counts

    def area_under(self, scores: NDArray[np.float64], axis: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the area under curves, shape (…,), of their values and places, shape (…, step + 1)."""
        if self.area == "published":
            largest = scores.max(-1)
            means: NDArray[np.float64] = np.asarray(scores.mean(-1))
            np.divide(means, largest, out=means, where=largest != 0)  # where all is zero, so is the mean
            return means
        area: NDArray[np.float64] = np.asarray(np.trapezoid(scores, np.broadcast_to(axis, scores.shape), axis=-1))
        return area

    def __str__(self) -> str:
        units = {"position": "position with all its channels", "band": "band", "superpixel": "superpixel"}[self.unit]
        own = "each explanation in its own terms"
        where = {"own": own, "wavelet": "wavelet coefficients", "pixel": "the signal's samples"}[self.domain]
        return (
            f"{self.name}: {where}, one unit = one {units}, {self.order} order, {self.steps} steps"
            f"{'' if self.spacing == 1 else f' at (s/{self.steps})**{self.spacing:g}'}, insertion into "
            f"{_in_words(self.insertion_baseline)}, deletion to {_in_words(self.deletion_baseline)}"
            f"{', inputs stretched to the range of the item' if self.stretched else ''}, {self.quantity}, "
            f"{'trapezoid over the fraction of' if self.area == 'trapezoid' else 'sum / (largest x number) over'} "
            f"{self.axis}"
        )


PROTOCOLS = {
    each.name: each
    for each in (
        Protocol("wam", "How few coefficients does the model need, or lose, for its probability to change?"),
        Protocol(
            "wam-paper",
            "The same, by the rule of the paper's published code, for comparison with its tables.",
            area="published",
            stretched=True,
        ),
        Protocol(
            "rise",
            "How few pixels does the model need? The signal's heat map, whatever it was computed in.",
            domain="pixel",
            order="signed",
            steps=224,
            insertion_baseline="blur",
        ),
        Protocol(
            "xplique",
            "The same in ten coarse steps of the raw output.",
            domain="pixel",
            order="signed",
            steps=10,
            quantity="logit",
        ),
        Protocol(
            "torch-cam",
            "The same in twenty steps of the raw output.",
            domain="pixel",
            order="signed",
            steps=20,
            quantity="logit",
        ),
        Protocol(
            "contrast",
            "Of two things in one signal: does the explanation know which of them speaks for the class?",
            order="signed",
            steps=16,
            spacing=2.0,
            quantity="contrast",
        ),
    )
}
"""Rules by name. Where one is another project's, it is that project's rule as documented: RISE (Petsiuk, Das, Saenko,
BMVC 2018), Xplique 2.0, torch-cam 0.5, and the code published with Kasmi et al., ICML 2025.

Some things are ours, to fit any model and size. Zero is that of the model's inputs (RISE's is that of normalised
pictures). The blur is a Gaussian whose standard deviation is a twentieth of every axis (RISE's has a kernel of 11 x 11
pixels); a small picture can still be recognised in it. Steps are equal to a unit. Units that are equally important come
in a random order, drawn from `seed`.

Examples
--------
>>> list(PROTOCOLS)
['wam', 'wam-paper', 'rise', 'xplique', 'torch-cam', 'contrast']
>>> print(PROTOCOLS["wam"].question)
How few coefficients does the model need, or lose, for its probability to change?
"""


def find_protocol(protocol: str | Protocol) -> Protocol:
    """Return a protocol by its name.

    Raises
    ------
    TypeError, ValueError
        If there is none of that name.
    """
    if isinstance(protocol, Protocol):
        return protocol
    if not isinstance(protocol, str):
        raise TypeError(
            f"`protocol` must be a name or a Protocol; got {type(protocol).__name__}. Pass e.g. `protocol='wam'`."
        )
    return PROTOCOLS[require_one_of("protocol", protocol, PROTOCOLS)]


def require_baseline(baseline: object) -> Any:
    """Return a baseline, of an array as a tensor, if it can be one of some signal.

    Raises
    ------
    TypeError, ValueError
        Unless it is None, a finite number, a tensor or array of numbers, or one of the words.
    """
    wanted = f"`baseline` must be None, a number, a tensor or one of {', '.join(map(repr, MADE))}"
    if isinstance(baseline, str):
        if baseline not in MADE:
            raise ValueError(f"{wanted}; got {baseline!r}.{nearest(baseline, MADE)}")
        return baseline
    if baseline is None:
        return None
    if isinstance(baseline, (int, float, np.number)) and not isinstance(baseline, bool):
        if finite_number(baseline) is None:
            raise ValueError(f"`baseline` must be finite; got {baseline!r}. Pass e.g. `baseline=0.0`.")
        # 1 or 1.0 as it is, since it stands in the name
        return baseline.item() if isinstance(baseline, np.number) else baseline
    values = real_numbers(baseline)
    if values is None:
        raise TypeError(f"{wanted}; got {type(baseline).__name__}. Pass e.g. `baseline=0.5`.")
    return values


def given_baseline(found: str) -> str:
    """Name a baseline that was given as a tensor, after its digest: two that differ have two names."""
    return f"given {found[:8]}"


def _argument(field: str) -> str:
    """Return the name of the argument that overrides a field."""
    return "baseline" if field in _BASELINES else field


def _in_words(value: object) -> str:
    """Write a baseline, or another setting, in a word."""
    if value is None:
        return "zero"
    return given_baseline(digest(value)) if isinstance(value, torch.Tensor) else str(value)
