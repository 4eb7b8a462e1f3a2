"""Signals that something was added to, and what they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from wam_widgets.attribution.arguments import require_seeds
from wam_widgets.checks import finite_number
from wam_widgets.transform import Grid
from wam_widgets.transform.grid import energy, require_signal


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Mixture:
    r"""A clean signal and what was added to it, kept apart. Make one with `overlap` or `add_noise`.

    Parameters
    ----------
    clean : Tensor, shape (item, channel, \*space)
        What an explanation should find.
    corruption : Tensor, shape (item, channel, \*space)
        What was added, as loud as it is in the mixture.

    Raises
    ------
    TypeError, ValueError
        Unless both are finite floating-point tensors of one shape, and no item of either, or of their sum, is silent.

    Examples
    --------
    >>> mixture = Mixture(torch.tensor([[[3.0, 4.0]]]), torch.tensor([[[0.0, 0.5]]]))
    >>> mixture.signal
    tensor([[[3.0000, 4.5000]]])
    >>> mixture.snr  # in dB
    tensor([20.])
    """

    clean: Float[Tensor, "item channel *space"]
    corruption: Float[Tensor, "item channel *space"]

    def __post_init__(self) -> None:
        require_audible(self.clean, "clean")
        require_audible(self.corruption, "corruption")
        require_alike(self.clean, self.corruption, "clean", "corruption")
        require_audible(self.signal, "clean + corruption")

    @property
    def signal(self) -> Float[Tensor, "item channel *space"]:
        r"""What a model is given, shape (item, channel, \*space): the sum."""
        return self.clean + self.corruption

    @property
    def snr(self) -> Float[Tensor, " item"]:
        """How much louder the clean signal is than the corruption, shape (item,), in dB: 10 log₁₀ of their energies."""
        return (10 * (energy(self.clean) / energy(self.corruption)).log10()).to(self.clean.dtype)

    def __repr__(self) -> str:
        items = len(self.clean)
        return f"Mixture of {items} {'item' if items == 1 else 'items'}, shape {tuple(self.clean.shape)}"


def overlap(
    signal: Float[Tensor, "item channel *space"],
    other: Float[Tensor, "item channel *space"],
    weight: float = 0.2,
    *,
    grids: tuple[Grid, Grid] | None = None,
) -> Mixture:
    r"""Add another signal to each item, such as a sound of another class.

    Parameters
    ----------
    signal : Tensor, shape (item, channel, \*space)
        The clean one, float32 or float64.
    other : Tensor, shape (item, channel, \*space)
        What is laid over it.
    weight : float
        What the other's amplitude is multiplied with, positive. Levels are otherwise as they are: see `Mixture.snr`.
    grids : tuple of two Grid, optional
        What the axes of both mean: checked, so that sounds of different sample rates aren't mixed.

    Returns
    -------
    Mixture
        Its `signal` is signal + weight · other.

    Raises
    ------
    TypeError, ValueError
        Unless both are finite floating-point tensors of one shape without silent items; for a weight that isn't
        positive, or grids that differ.

    References
    ----------
    Kasmi, Brunetto, Fel, Parekh, One Wave To Explain Them All, ICML 2025 (the overlap experiment, weight 0.2).

    Examples
    --------
    >>> mixture = overlap(torch.ones(1, 1, 4), torch.tensor([[[1.0, -1.0, 1.0, -1.0]]]), weight=0.1)
    >>> round(float(mixture.snr), 3)
    20.0
    """
    require_audible(signal, "signal")
    require_audible(other, "other")
    amount = finite_number(weight)
    if amount is None or amount <= 0:
        raise ValueError(f"`weight` must be a positive number; got {weight!r}. Pass e.g. `weight=0.2`.")
    if grids is not None:
        _require_same_grid(grids)
    require_alike(signal, other, "signal", "other")
    return Mixture(signal.detach().clone(), amount * other.detach())


def add_noise(
    signal: Float[Tensor, "item channel *space"], snr: float = 0.0, *, seed: int | Sequence[int] = 0
) -> Mixture:
    r"""Add white Gaussian noise to each item.

    Parameters
    ----------
    signal : Tensor, shape (item, channel, \*space)
        The clean one, float32 or float64.
    snr : float
        Signal-to-noise ratio in dB; 0 for noise of the same root mean square as the item, over all its channels and
        samples. It is met exactly, not on average.
    seed : int or sequence of int
        Of the noise: one for all items alike, or one per item. The same on every device; torch's and NumPy's global
        generators are not touched.

    Returns
    -------
    Mixture
        Its `signal` is signal + noise.

    Raises
    ------
    TypeError, ValueError
        Unless the signal is a finite floating-point tensor without silent items (no noise has a given ratio to
        silence); for a ratio or a seed that is none.

    References
    ----------
    Kasmi, Brunetto, Fel, Parekh, One Wave To Explain Them All, ICML 2025 (the noise experiment, 0 dB).

    Examples
    --------
    >>> mixture = add_noise(torch.ones(1, 1, 1000), snr=20.0)
    >>> round(float(mixture.corruption.square().mean().sqrt()), 3)
    0.1
    """
    require_audible(signal, "signal", "no noise has a given ratio to silence")
    decibels = finite_number(snr)
    if decibels is None or abs(decibels) > 200:
        raise ValueError(
            f"`snr` must be a signal-to-noise ratio in dB, from -200 to 200; got {snr!r}. Pass e.g. `snr=0.0` for "
            f"noise as loud as the signal."
        )
    seeds = require_seeds(seed, len(signal))
    draws = [np.random.default_rng(each).standard_normal(signal.shape[1:]) for each in seeds]
    noise = torch.from_numpy(np.stack(draws)).to(signal)
    gain = (energy(signal) / energy(noise)).sqrt() * 10 ** (-decibels / 20)
    return Mixture(signal.detach().clone(), noise * gain.to(noise).reshape(-1, *[1] * (signal.ndim - 1)))


def si_sdr(
    estimate: Float[Tensor, "item channel *space"], reference: Float[Tensor, "item channel *space"]
) -> Float[Tensor, " item"]:
    r"""Return the scale-invariant signal-to-distortion ratio of each item.

    The estimate is split into what is proportional to the reference, α s, and the rest, the distortion.

    Parameters
    ----------
    estimate : Tensor, shape (item, channel, \*space)
        What is left of a mixture, say.
    reference : Tensor, shape (item, channel, \*space)
        The clean signal s.

    Returns
    -------
    Tensor, shape (item,)
        10 log₁₀(‖α s‖² / ‖estimate − α s‖²) in dB, with α = ⟨estimate, s⟩ / ‖s‖², over all channels and samples of the
        item (one α for all channels). Means aren't subtracted. Infinite for an estimate that is proportional to the
        reference, -inf for one at a right angle to it.

    Raises
    ------
    TypeError, ValueError
        Unless both are finite floating-point tensors of one shape, and no item of either is silent: with silence the
        ratio is undefined, 0 / 0.

    References
    ----------
    Le Roux, Wisdom, Erdogan, Hershey, SDR – Half-Baked or Well Done?, ICASSP 2019, eq. 3.

    Examples
    --------
    >>> si_sdr(torch.tensor([[[1.0, 0.1]]]), torch.tensor([[[1.0, 0.0]]]))
    tensor([20.])
    """
    require_audible(estimate, "estimate", "the SI-SDR of silence is undefined")
    require_audible(reference, "reference", "the SI-SDR against silence is undefined")
    require_alike(estimate, reference, "estimate", "reference")
    return si_sdr_of(estimate, reference)


def si_sdr_of(estimate: Tensor, reference: Tensor) -> Tensor:
    """Return the ratio without any check."""
    given, wanted = estimate.flatten(1).double(), reference.flatten(1).double()
    found = (given * wanted).sum(1, keepdim=True) / wanted.square().sum(1, keepdim=True) * wanted
    ratio = found.square().sum(1) / (given - found).square().sum(1)
    return (10 * ratio.log10()).to(estimate.dtype)


def require_audible(
    signal: object, name: str, why: str = "what is left of silence, and its SI-SDR, are undefined"
) -> Tensor:
    """Return the signal if it is a finite batch that can be transformed, none of whose items is all zero."""
    found = require_signal(signal, name).detach()
    if not bool(torch.isfinite(found).all()):
        bad = (~torch.isfinite(found)).nonzero()
        raise ValueError(
            f"`{name}` must be finite; got {len(bad)} NaN or inf value(s), the first in item {int(bad[0, 0])}. Pass "
            f"e.g. `torch.nan_to_num({name})`."
        )
    silent = (energy(found) == 0).nonzero().flatten().tolist()
    if silent:
        raise ValueError(
            f"`{name}` must not be silent, as {why}; got all zeros in item(s) {silent}. Leave them out: "
            f"`({name}).flatten(1).any(1)` is true of the others."
        )
    return found


def _require_same_grid(grids: object) -> None:
    """Raise unless these are two grids whose samples are as long."""
    if not (isinstance(grids, Sequence) and len(grids) == 2 and all(isinstance(grid, Grid) for grid in grids)):
        raise TypeError(
            f"`grids` must be two Grids, that of `signal` and that of `other`; got {grids!r}. Pass e.g. "
            f"`grids=(Grid.sound(16_000), Grid.sound(16_000))`, or leave it out."
        )
    steps = [f"{grid.spacing} in {grid.units}" for grid in grids]
    if steps[0] != steps[1]:
        raise ValueError(
            f"`signal` and `other` must have the same grid, so that a sample of one is as long as a sample of the "
            f"other; got steps of {steps[0]} and of {steps[1]}. Resample one to the rate of the other, e.g. by "
            f"`scipy.signal.resample_poly`."
        )


def require_alike(first: Tensor, second: Tensor, first_name: str, second_name: str) -> None:
    """Raise unless both have one shape, dtype and device."""
    if first.shape != second.shape:
        remedy = f"Pass one `{second_name}` per item, of its length and channels"
        if first.shape[:-1] == second.shape[:-1]:
            samples = min(first.shape[-1], second.shape[-1])
            remedy = f"Crop the longer: `[..., :{samples}]`"
        raise ValueError(
            f"`{first_name}` and `{second_name}` must have the same shape; got {tuple(first.shape)} and "
            f"{tuple(second.shape)}. {remedy}."
        )
    if (first.dtype, first.device) != (second.dtype, second.device):
        raise TypeError(
            f"`{first_name}` and `{second_name}` must have the same dtype and device; got {first.dtype} on "
            f"{first.device} and {second.dtype} on {second.device}. Pass `{second_name}.to({first_name})`."
        )
