"""Keeping a part of a signal: in which terms, in what order, and how much of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int, Shaped
from torch import Tensor

from wam_widgets.attribution import Explanation
from wam_widgets.transform import Coefficients, LogMel, decompose, reconstruct
from wam_widgets.transform.coefficients import full_precision
from wam_widgets.transform.grid import energy
from wam_widgets.transform.wavelet import Mode

#: How far above the energy that is asked for the kept one may lie, as a fraction of the mixture's, though a coefficient
#: fewer would come nearer: far below what any table shows.
CLOSE_ENOUGH = 1e-4


@runtime_checkable
class Domain(Protocol):
    """Terms in which a part of a signal is kept: positions, each of which is kept or not, with all its channels.

    Keeping is linear: what is kept of a sum is the sum of what is kept of its parts.
    """

    @property
    def name(self) -> str:
        """What tables and figures call it."""
        ...

    def analyse(self, signal: Tensor) -> Any:
        """Return the signal in these terms."""
        ...

    def energy(self, parts: Any) -> Float[Tensor, "item position"]:
        """Return the energy at every position."""
        ...

    def keep(self, parts: Any, which: Shaped[Tensor, "item position"]) -> Tensor:
        """Return the signal made of these positions only: where there is true, or 1 and not 0."""
        ...


@dataclass(frozen=True, slots=True)
class CoefficientDomain:
    """Wavelet coefficients; for `wavelet` None, the signal's own samples. One position is one coefficient."""

    wavelet: str | None
    level: int
    mode: Mode

    @property
    def name(self) -> str:
        """The wavelet and its level, and the mode unless it is the usual one; or "samples"."""
        if self.wavelet is None:
            return "samples"
        return f"{self.wavelet}, level {self.level}" + ("" if self.mode == "reflect" else f", {self.mode}")

    def analyse(self, signal: Tensor) -> Coefficients:
        """Return the coefficients."""
        return decompose(signal, self.wavelet, level=self.level, mode=self.mode)

    def energy(self, parts: Coefficients) -> Float[Tensor, "item position"]:
        """Return the squares, summed over channels."""
        return parts.flatten().square().sum(1)

    def keep(self, parts: Coefficients, which: Shaped[Tensor, "item position"]) -> Tensor:
        """Put the signal together from the kept coefficients."""
        # Signals are finite here, so that a product drops what `where` drops, in a quarter of the time.
        return reconstruct(parts.map(torch.mul, parts.unflatten(which[:, None])))


SAMPLES = CoefficientDomain(None, 0, "reflect")


class MelDomain:
    """Cells of a mel spectrogram: a position is a band in a frame, and masks the bins of the Fourier transform.

    A bin is multiplied with the share of its weight in the mel filters that belongs to kept bands (a bin that no band
    hears goes with the nearest that one does, so that keeping all keeps the sound), and keeps the mixture's phase.
    """

    name = "mel"

    def __init__(self, front_end: LogMel, signal: Tensor) -> None:
        self._front_end = front_end
        self._samples = signal.shape[2]
        hop = front_end.hop_length
        #: How many samples of silence fill the last hop: there the windows of too few frames overlap.
        self._missing = -self._samples % hop
        self.frames = len(front_end.times(self._samples))
        self._options: dict[str, Any] = {
            "n_fft": front_end.n_fft,
            "hop_length": hop,
            "win_length": front_end.win_length,
            "window": torch.hann_window(front_end.win_length, dtype=signal.dtype, device=signal.device),
            "center": True,
        }
        filters = front_end.filters.to(signal)
        heard = (filters.sum(0) > 0).nonzero()[:, 0]
        nearest = heard[(torch.arange(filters.shape[1], device=signal.device)[:, None] - heard).abs().argmin(1)]
        self._shares = (filters / filters.sum(0))[:, nearest]
        self.bands = len(filters)

    def require_made(self, spectrogram: Tensor, signal: Tensor, name: str) -> None:
        """Raise unless the front end makes this spectrogram of the signal: with another one, bands are others."""
        own = self._front_end(signal)
        if spectrogram.shape == own.shape and torch.allclose(spectrogram.to(own), own, atol=0.01):
            return
        raise ValueError(
            f"`explanations[{name!r}]` must be of what `front_end` makes of the mixture; got one of another "
            f"spectrogram. Pass the front end that the explanation was made with, or, if the model changes its output "
            f"further, `explanation.heatmap()`."
        )

    def analyse(self, signal: Tensor) -> Tensor:
        """Return the short-time Fourier transform, shape (item, channel, frequency, frame)."""
        padded = torch.nn.functional.pad(signal, (0, self._missing)).flatten(0, 1)
        with full_precision(signal.device):
            spectrum: Tensor = torch.stft(
                padded, **self._options, pad_mode=self._front_end.pad_mode, return_complex=True
            )
        channels: Tensor = spectrum.unflatten(0, signal.shape[:2])
        return channels

    def energy(self, parts: Tensor) -> Float[Tensor, "item position"]:
        """Divide the energy of every bin between the bands that hear it."""
        power = (parts.real.square() + parts.imag.square()).sum(1)
        return (self._shares @ power)[..., : self.frames].flatten(1)

    def keep(self, parts: Tensor, which: Shaped[Tensor, "item position"]) -> Tensor:
        """Mask the bins and put the sound together by overlapping and adding."""
        gains = self._shares.mT @ which.unflatten(1, (-1, self.frames)).to(self._shares)
        further = parts.shape[3] - self.frames  # the frame of the silence at the end goes with the one before it
        gains = torch.cat([gains, gains[..., -1:].expand(-1, -1, further)], dim=2)
        with full_precision(parts.device):
            kept: Tensor = torch.istft(
                (parts * gains[:, None]).flatten(0, 1),
                **self._options,
                length=self._samples + self._missing,
            )
        channels: Tensor = kept.unflatten(0, parts.shape[:2])
        return channels[..., : self._samples]


def mel_domain(front_end: object, signal: Tensor) -> MelDomain:
    """Return the terms of a front end.

    Raises
    ------
    TypeError, ValueError
        Unless it is a `LogMel` whose frames overlap, and the signal is sound.
    """
    if not isinstance(front_end, LogMel):
        raise TypeError(
            f"`front_end` must be a LogMel, whose filters say which frequencies a mel band stands for; got "
            f"{type(front_end).__name__}. Pass e.g. `front_end=model.front_end`, or a LogMel with the same settings."
        )
    if signal.ndim != 3:
        raise ValueError(
            f"`front_end` is for sound, (item, channel, time); got a mixture of shape {tuple(signal.shape)}. Leave out "
            f"`front_end` and the maps behind it."
        )
    if front_end.hop_length > front_end.win_length // 2:
        raise ValueError(
            f"`front_end` must have frames that overlap by half or more, so that they can be put together again; got "
            f"hop_length={front_end.hop_length} for win_length={front_end.win_length}. Keep coefficients of a wavelet "
            f"instead."
        )
    return MelDomain(front_end, signal)


def coefficient_domain(coefficients: Coefficients | Explanation) -> CoefficientDomain:
    """Return the terms that coefficients, or the attribution of an explanation, are in."""
    if coefficients.wavelet is None:
        return SAMPLES
    return CoefficientDomain(coefficients.wavelet, coefficients.level, coefficients.mode)


def shuffled(like: Float[Tensor, "item position"], seed: int) -> Int[Tensor, "item position"]:
    """Return the positions of every item in random order."""
    chance = torch.Generator().manual_seed(seed)
    return _increasing(torch.rand(like.shape, generator=chance, dtype=torch.float64)).to(like.device)


def rank(
    importance: Float[Tensor, "item position"], order: Int[Tensor, "item position"]
) -> Int[Tensor, "item position"]:
    """Return the place of every position by decreasing importance, and of equal ones by their place in an order.

    That order should be random: by their number, a map that is zero in many places would keep low bands or the first
    samples.
    """
    order = order.gather(1, _increasing(-importance.gather(1, order)))
    places = torch.arange(order.shape[1], device=order.device).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places)


def _increasing(values: Float[Tensor, "item position"]) -> Int[Tensor, "item position"]:
    """Return the positions of every item by increasing value, and of equal ones by their number.

    As their bits, read as whole numbers, floats are in order, if those below zero are turned round; whole numbers
    torch sorts by radix, on a CPU three times as fast, which of a large signal is noticed beside the model.
    """
    whole = torch.int32 if values.dtype == torch.float32 else torch.int64
    bits = (values + 0.0).view(whole)  # of the two zeros, the sum is the positive one
    bits = torch.where(bits < 0, bits ^ torch.iinfo(whole).max, bits)
    return torch.stack([each.argsort(stable=True) for each in bits])


def keep_energy(
    domain: Domain, parts: Any, total: Float[Tensor, " item"], ranks: Int[Tensor, "item position"], fraction: float
) -> Bool[Tensor, "item position"]:
    """Choose as many of the first positions as it takes to keep a fraction of the energy.

    Parameters
    ----------
    domain : Domain
        In which terms.
    parts : Any
        The signal in these terms.
    total : Tensor, shape (item,)
        Energy of the signal.
    ranks : Tensor, shape (item, position)
        Place of every position in the order in which they are kept.
    fraction : float
        Energy of the kept signal, itself and not that of its coefficients, as a fraction of the total.

    Returns
    -------
    Tensor of bool, shape (item, position)
        The first that reach the fraction, where one position fewer would miss it; or that exceed it by less than 1e-4.
    """
    at_place = torch.zeros_like(ranks, dtype=torch.float64).scatter_(1, ranks, domain.energy(parts).double())
    # What the kept energy would be if positions were independent of each other: exact for samples and for orthogonal
    # wavelets but at the border, a good guess else. Searching along it takes a few rounds instead of fifteen.
    guess = torch.nn.functional.pad(at_place.cumsum(1), (1, 0))

    def kept_energy(count: Tensor) -> Tensor:
        return energy(domain.keep(parts, ranks < count[:, None])) / total

    return ranks < _first_to_reach(fraction, guess, kept_energy)[:, None]


def _first_to_reach(fraction: float, guess: Tensor, energy_of: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the smallest count whose energy reaches the fraction: interpolation within a bracket that always holds it.

    The energy need not grow with every count; then it is a count where it passes the fraction.
    """
    low = torch.zeros(len(guess), dtype=torch.long, device=guess.device)
    high = torch.full_like(low, guess.shape[1] - 1)
    below, above = torch.zeros_like(guess[:, 0]), torch.ones_like(guess[:, 0])
    attempt = 0
    while bool((searching := (high - low > 1) & (above - fraction > CLOSE_ENOUGH)).any()):
        count = (low + high) // 2  # now and then, so that no curve is slow
        if attempt % 3 < 2:
            ends = torch.stack([low, high], dim=1)
            start, end = guess.gather(1, ends).unbind(1)
            wanted = start + (fraction - below) / (above - below) * (end - start)
            count = torch.searchsorted(guess, wanted[:, None])[:, 0]
        count = torch.where(searching, count.clamp(low + 1, high - 1), high)
        found = energy_of(count)
        reached = found >= fraction
        low, below = (torch.where(searching & ~reached, new, old) for new, old in ((count, low), (found, below)))
        high, above = (torch.where(searching & reached, new, old) for new, old in ((count, high), (found, above)))
        attempt += 1
    return high
