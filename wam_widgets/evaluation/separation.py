"""What an explanation keeps of a mixture: the clean signal, or what was added to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from wam_widgets.attribution import Explanation
from wam_widgets.attribution.arguments import require_progress
from wam_widgets.attribution.progress import Progress
from wam_widgets.checks import finite_number, require_count, require_one_of
from wam_widgets.transform import Coefficients, LogMel
from wam_widgets.transform.grid import energy

from .mixtures import Mixture, si_sdr_of
from .ranking import Importance, require_explanations
from .running import ItemMeter
from .selection import SAMPLES, Domain, MelDomain, coefficient_domain, keep_energy, mel_domain, rank, shuffled
from .statistics import (
    RESAMPLES,
    Interval,
    cluster_interval,
    data_frame,
    joined_clusters,
    require_groups,
    require_reports,
)

if TYPE_CHECKING:
    import pandas as pd

Measure = Literal["corruption_left", "clean_kept", "si_sdr_improvement"]
"""What is measured of the kept signal."""

#: SI-SDR is limited to ± this many dB, so that its mean exists where nothing, or all, of the clean signal is kept.
LIMIT = 60.0


CONTROLS = ("random", "magnitude", "oracle")
"""Orders that no model had a part in."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SeparationReport:
    """What each method keeps of the two parts of a mixture. Make one with `separation`.

    Parameters
    ----------
    methods : tuple of str
        The names given to the explanations, and for each domain its controls, such as "random, mel".
    domains : tuple of str
        Per method, the terms in which positions were kept: a wavelet and its level, "samples" or "mel".
    controls : tuple of (str or None)
        Per method, which control it is: "random", "magnitude" or "oracle"; None for an explanation.
    kept : tuple of float
        Energies of the kept signal, as fractions of the mixture's.
    measures : dict of str to float array, shape (method, kept, item)
        "corruption_left" and "clean_kept": what is left of the energy of each part, as a fraction; and
        "si_sdr_improvement" in dB.
    energy : float array, shape (method, kept, item)
        The energy that was in fact kept: the fraction, and at most one position more.
    groups : tuple
        Per item, which group its clean signal belongs to.
    corruption_share : float array, shape (item,)
        The corruption's share of the energies of both parts in the mixture.
    seed : int
        Of the random order, of the order of equal positions, and of the bootstrap.
    confidence : float
        Of the intervals.
    resamples : int
        Of the groups.

    Examples
    --------
    >>> from wam_widgets import explain, overlap
    >>> mixture = overlap(torch.randn(4, 1, 64), torch.randn(4, 1, 64), weight=0.5)
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    >>> report = separation(mixture, {"WAM": explain(model, mixture.signal, method="saliency")})
    >>> report.energy.shape == (len(report.methods), len(report.kept), 4)
    True
    """

    methods: tuple[str, ...]
    domains: tuple[str, ...]
    controls: tuple[str | None, ...]
    kept: tuple[float, ...]
    measures: dict[Measure, NDArray[np.float64]]
    energy: NDArray[np.float64]
    groups: tuple[Any, ...]
    corruption_share: NDArray[np.float64]
    seed: int
    confidence: float
    resamples: int

    @classmethod
    def joined(cls, reports: Sequence[SeparationReport]) -> SeparationReport:
        """Return one report of the items of several, such as of the parts of a set too large for memory.

        Parameters
        ----------
        reports : sequence of SeparationReport
            Of the same methods, at the same fractions of energy. Each part should have a seed of its own, so that the
            random order differs from part to part. A group may have items in several parts; where none were given
            to `separation`, every item stays a group of its own.

        Returns
        -------
        SeparationReport
            With the seed, confidence and resamples of the first.

        Raises
        ------
        TypeError, ValueError
            If one is no report, if there are none, or their methods, terms or fractions differ.
        """
        given = require_reports(reports, SeparationReport, "separation")
        first = given[0]
        same = (first.methods, first.domains, first.controls, first.kept)
        for each in given:
            if (each.methods, each.domains, each.controls, each.kept) != same:
                raise ValueError(
                    f"`reports` must be of the same methods and fractions, in the same terms; got {each!r} and "
                    f"{first!r}. Call `separation` with the same names and `kept` for each part."
                )
        return dataclasses.replace(
            first,
            measures={
                measure: np.concatenate([each.measures[measure] for each in given], axis=2)
                for measure in first.measures
            },
            energy=np.concatenate([each.energy for each in given], axis=2),
            groups=joined_clusters(each.groups for each in given),
            corruption_share=np.concatenate([each.corruption_share for each in given]),
        )

    def interval(
        self, method: str, measure: Measure = "corruption_left", *, kept: float | None = None, minus: str | None = None
    ) -> Interval:
        """Return the mean of a measure over the items, with its interval over the groups.

        Parameters
        ----------
        method : str
            One of `methods`.
        measure : {"corruption_left", "clean_kept", "si_sdr_improvement"}
            What of it.
        kept : float, optional
            One of `kept`; the first by default.
        minus : str, optional
            Another method, whose measure of the same item is subtracted: a paired difference.

        Returns
        -------
        Interval
            Studentised bootstrap, see `cluster_interval`.

        Raises
        ------
        ValueError
            If there is no such method, measure or fraction.
        """
        values = self.values(method, measure, kept=kept, minus=minus)
        return cluster_interval(
            values, self.groups, confidence=self.confidence, resamples=self.resamples, seed=self.seed
        )

    def values(
        self, method: str, measure: Measure = "corruption_left", *, kept: float | None = None, minus: str | None = None
    ) -> NDArray[np.float64]:
        """Return a measure of every item, or its paired difference from another method; arguments as of `interval`.

        Returns
        -------
        float array, shape (item,)
        """
        require_one_of("measure", measure, get_args(Measure))
        fraction = self.kept[0] if kept is None else finite_number(kept)
        if fraction not in self.kept:
            raise ValueError(f"`kept` must be one of {self.kept}; got {kept!r}. Pass e.g. `kept={self.kept[0]}`.")
        table: NDArray[np.float64] = self.measures[measure][:, self.kept.index(fraction)]
        found: NDArray[np.float64] = table[self._index("method", method)]
        return found if minus is None else found - table[self._index("minus", minus)]

    def random(self, method: str) -> str:
        """Return the name of the random control in the domain of a method."""
        return _control_name("random", self.domains[self._index("method", method)])

    def rows(self, *, kept: float | None = None) -> list[dict[str, Any]]:
        """Return the table: one dict per method and fraction of energy.

        Parameters
        ----------
        kept : float, optional
            One fraction; all by default.

        Returns
        -------
        list of dict
            "method", "domain", "control", "kept", "pairs", "groups"; and for every measure its mean, the ends of its
            interval ("…_low", "…_high"), and the same of the paired difference from the random order in the same domain
            ("…_minus_random").
        """
        return [
            {
                "method": method,
                "domain": domain,
                "control": control or "",
                "kept": fraction,
                "pairs": len(self.groups),
                "groups": len(set(self.groups)),
                **self._columns(method, fraction),
            }
            for fraction in (self.kept if kept is None else (kept,))
            for method, domain, control in zip(self.methods, self.domains, self.controls, strict=True)
        ]

    def to_dataframe(self) -> pd.DataFrame:
        """Return `rows()` as a pandas DataFrame.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        return data_frame(self.rows())

    def _index(self, argument: str, method: str) -> int:
        require_one_of(argument, method, self.methods)
        return self.methods.index(method)

    def _columns(self, method: str, kept: float) -> dict[str, float]:
        columns: dict[str, float] = {}
        for measure in get_args(Measure):
            for name, minus in ((measure, None), (f"{measure}_minus_random", self.random(method))):
                found = self.interval(method, measure, kept=kept, minus=minus)
                columns |= {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
        return columns

    def __repr__(self) -> str:
        explained = self.controls.count(None)
        return (
            f"SeparationReport of {explained} {'explanation' if explained == 1 else 'explanations'} and "
            f"{len(self.methods) - explained} controls, {len(self.groups)} pairs of {len(set(self.groups))} "
            f"groups, at {', '.join(f'{fraction:g}' for fraction in self.kept)} of the energy"
        )


def separation(
    mixture: Mixture,
    explanations: Mapping[str, Importance],
    *,
    kept: float | Sequence[float] = 0.5,
    groups: Sequence[Any] | None = None,
    front_end: LogMel | None = None,
    seed: int = 0,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    progress: Progress | Literal[False] | None = None,
) -> SeparationReport:
    r"""Measure what explanations keep of a clean signal, and of what was added to it, at equal kept energy.

    Every explanation of the mixture ranks positions: coefficients, samples or cells of a mel spectrogram. As many of
    the first are kept as it takes for the kept signal to have a fraction of the mixture's energy. Once they are chosen,
    keeping is linear, so that the same choice is applied to both parts of the mixture, and what is left of each is
    exact.

    Parameters
    ----------
    mixture : Mixture
        From `overlap` or `add_noise`.
    explanations : dict of str to Explanation, Coefficients or Tensor
        By name. An explanation of `mixture.signal` is ranked by the magnitude of its attribution, as in `rebuild`, in
        its own wavelet (or samples); one of its mel spectrogram, such as `Explanation.features`, by its heat map.
        Coefficients are ranked by their value, summed over channels, largest first: so `contribution().attribution`
        keeps what speaks for the score, and drops what speaks against it. A tensor is a map of importance, ranked by
        its value too: of the samples, shape (item, \*space), or of the mel spectrogram, shape (item, mel, frame).
    kept : float or sequence of float
        Energy of the kept signal as a fraction of the mixture's, between 0 and 1.
    groups : sequence, optional
        Per item, such as the family of its clean signal's recording: groups are what the bootstrap draws. By default
        every item is its own.
    front_end : LogMel, optional
        What made the mel spectrograms; needed if there are maps of any. Bins of the Fourier transform are masked
        through its filters, with the mixture's phase.
    seed : int
        Of the random control, of the order of equal positions, and of the bootstrap. Global generators aren't touched.
    confidence, resamples
        Of the intervals, see `cluster_interval`.
    progress : callable, False or None
        As for `explain`, but what is counted are selections; returning False raises KeyboardInterrupt.

    Returns
    -------
    SeparationReport
        With three controls in each domain that occurs: "random" order; "magnitude", the mixture's loudest positions,
        which no model has looked at; and "oracle", which knows both parts and can't be beaten by much.

    Raises
    ------
    TypeError, ValueError
        If an explanation is of another signal or shape, is not finite, or needs a front end that isn't given; if there
        are fewer than 2 groups; for other options that can't be right. No model is called.
    KeyboardInterrupt
        If `progress` asked to stop.

    Notes
    -----
    At half of the energy no selection can have a large SI-SDR when the mixture is mostly clean: compare it with the
    controls, not with zero. It is limited to ± 60 dB. Intervals speak of other groups of clean signals; that the
    added ones come in groups too is not in them.

    References
    ----------
    Kasmi, Brunetto, Fel, Parekh, One Wave To Explain Them All, ICML 2025 (overlap and noise experiments). Le Roux et
    al., SDR – Half-Baked or Well Done?, ICASSP 2019 (SI-SDR). Wang, On Ideal Binary Mask As the Computational Goal of
    Auditory Scene Analysis, 2005 (the oracle's order).

    Examples
    --------
    >>> from wam_widgets import explain, overlap
    >>> mixture = overlap(torch.randn(4, 1, 64), torch.randn(4, 1, 64), weight=0.5)
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    >>> report = separation(mixture, {"WAM": explain(model, mixture.signal, method="saliency")})
    >>> report.methods
    ('WAM', 'random, haar, level 3', 'magnitude, haar, level 3', 'oracle, haar, level 3')
    """
    require_progress(progress)
    fractions = _require_fractions(kept)
    names = _groups_of(mixture, groups)
    start = require_count("seed", seed, 0, at_least=0)
    # An interval of anything raises for options that can't be right, before the work.
    cluster_interval(range(len(names)), names, confidence=confidence, resamples=resamples, seed=start)
    mel = None if front_end is None else mel_domain(front_end, mixture.signal)
    ranked: dict[Domain, dict[str, Tensor]] = {}
    for name, importance in require_explanations(explanations).items():
        domain, values = _placed(name, importance, mixture, mel)
        ranked.setdefault(domain, {})[name] = values
    controls = {_control_name(control, domain.name) for control in CONTROLS for domain in ranked}
    if clashes := controls & set(explanations):
        raise ValueError(f"`explanations` must not have the name of a control; got {min(clashes)!r}. Rename it.")
    return _measure(mixture, ranked, fractions, names, start, confidence, resamples, progress)


def _measure(
    mixture: Mixture,
    ranked: dict[Domain, dict[str, Tensor]],
    fractions: tuple[float, ...],
    groups: tuple[Any, ...],
    seed: int,
    confidence: float,
    resamples: int,
    progress: Progress | Literal[False] | None,
) -> SeparationReport:
    signal, total = mixture.signal, energy(mixture.signal)
    before = _limited(si_sdr_of(signal, mixture.clean))
    clean_energy, corruption_energy = energy(mixture.clean), energy(mixture.corruption)
    methods, domains, controls, found = [], [], [], []
    work = sum(len(given) + len(CONTROLS) for given in ranked.values()) * len(fractions)
    with closing(ItemMeter(progress, 0, work, unit="selection")) as meter:
        for domain, given in ranked.items():
            parts, clean, corruption = map(domain.analyse, (signal, mixture.clean, mixture.corruption))
            among_equals = shuffled(domain.energy(parts), seed)
            for name, control, importance in _with_controls(domain, given, parts, clean, corruption):
                ranks = rank(importance, among_equals)
                for fraction in fractions:
                    which = keep_energy(domain, parts, total, ranks, fraction)
                    kept_clean, kept_corruption = domain.keep(clean, which), domain.keep(corruption, which)
                    kept_signal = kept_clean + kept_corruption
                    measured = (
                        energy(kept_corruption) / corruption_energy,
                        energy(kept_clean) / clean_energy,
                        _limited(si_sdr_of(kept_signal, mixture.clean)) - before,
                        energy(kept_signal) / total,
                    )
                    found.append(torch.stack([each.double().cpu() for each in measured]).numpy())
                    meter.advance()
                methods.append(name)
                domains.append(domain.name)
                controls.append(control)
    # (method and fraction, measure, item) -> (measure, method, fraction, item)
    table = np.stack(found).reshape(len(methods), len(fractions), 4, -1).transpose(2, 0, 1, 3)
    return SeparationReport(
        methods=tuple(methods),
        domains=tuple(domains),
        controls=tuple(controls),
        kept=fractions,
        measures=dict(zip(get_args(Measure), table[:3], strict=True)),
        energy=table[3],
        groups=groups,
        corruption_share=(corruption_energy / (clean_energy + corruption_energy)).cpu().numpy(),
        seed=seed,
        confidence=confidence,
        resamples=resamples,
    )


def _with_controls(
    domain: Domain, given: dict[str, Tensor], parts: Any, clean: Any, corruption: Any
) -> list[tuple[str, str | None, Tensor]]:
    """Return name, control and importance of what is given and of the controls in a domain."""
    power, wanted, unwanted = (domain.energy(each) for each in (parts, clean, corruption))
    importances = (
        torch.zeros_like(power),  # all equal: in random order
        power,  # the loudest of the mixture first
        # those first that hold most of the clean signal and least of what was added
        torch.where(wanted > 0, wanted / (wanted + unwanted), torch.zeros_like(wanted)),
    )
    explained: list[tuple[str, str | None, Tensor]] = [(name, None, values) for name, values in given.items()]
    return explained + [
        (_control_name(control, domain.name), control, values)
        for control, values in zip(CONTROLS, importances, strict=True)
    ]


def _control_name(control: str, domain: str) -> str:
    return f"{control}, {domain}"


def _limited(decibels: Tensor) -> Tensor:
    return decibels.clamp(-LIMIT, LIMIT)


def _placed(
    name: str, importance: object, mixture: Mixture, mel: MelDomain | None
) -> tuple[Domain, Float[Tensor, "item position"]]:
    """Return the terms that an explanation is in and the importance of every position."""
    domain, values = _find(name, importance, mixture, mel)
    values = values.detach().to(mixture.clean)
    if not bool(torch.isfinite(values).all()):
        bad = int((~torch.isfinite(values)).sum())
        raise ValueError(
            f"`explanations[{name!r}]` must be finite; got {bad} NaN or inf value(s). Leave it out, or pass e.g. "
            f"`torch.nan_to_num(…)` of a map."
        )
    return domain, values


def _find(name: str, importance: object, mixture: Mixture, mel: MelDomain | None) -> tuple[Domain, Tensor]:
    items, _, *space = mixture.clean.shape
    cells = None if mel is None else (items, mel.bands, mel.frames)
    if isinstance(importance, Explanation) and importance.size == tuple(space):
        if importance.signal.shape != mixture.clean.shape or not torch.allclose(
            importance.signal.to(mixture.clean), mixture.signal, atol=1e-6
        ):
            raise ValueError(
                f"`explanations[{name!r}]` must be of the mixture; got one of another signal, of shape "
                f"{tuple(importance.signal.shape)}. Call `explain(model, mixture.signal, …)`."
            )
        return coefficient_domain(importance), importance.attribution.flatten().abs().sum(1)
    own = (items, tuple(space))
    if isinstance(importance, Coefficients) and (len(importance.approximation), importance.size) == own:
        return coefficient_domain(importance), importance.flatten().sum(1)
    if isinstance(importance, Tensor) and importance.shape == (items, *space):
        return SAMPLES, importance.flatten(1)
    if isinstance(importance, Explanation):
        if mel is not None and importance.size == (mel.bands, mel.frames):
            mel.require_made(importance.signal, mixture.signal, name)
        importance = importance.heatmap()
    if mel is not None and isinstance(importance, Tensor) and importance.shape == cells:
        return mel, importance.flatten(1)
    if not isinstance(importance, Coefficients | Tensor):
        raise TypeError(
            f"`explanations[{name!r}]` must be an Explanation, Coefficients or a tensor; got "
            f"{type(importance).__name__}. Pass e.g. `explain(model, mixture.signal)`."
        )
    given = importance.approximation if isinstance(importance, Coefficients) else importance
    size = importance.size if isinstance(importance, Coefficients) else given.shape[1:]
    behind = "or, for a mel spectrogram, pass `front_end=`" if mel is None else f"or {cells} for its mel spectrogram"
    raise ValueError(
        f"`explanations[{name!r}]` must be of the mixture, (item, *space) = {(items, *space)}, {behind}; got "
        f"{(len(given), *size)}. Call `explain(model, mixture.signal, …)`."
    )


def _require_fractions(kept: object) -> tuple[float, ...]:
    given = list(kept) if isinstance(kept, Sequence) else [kept]
    fractions = tuple(number for each in given if (number := finite_number(each)) is not None and 0 < number < 1)
    if not fractions or len(fractions) < len(given) or len(set(fractions)) < len(given):
        raise ValueError(
            f"`kept` must be a fraction of the energy between 0 and 1, or several different ones; got {kept!r}. Pass "
            f"e.g. `kept=0.5`."
        )
    return fractions


def _groups_of(mixture: object, groups: Sequence[Any] | None) -> tuple[Any, ...]:
    if not isinstance(mixture, Mixture):
        raise TypeError(
            f"`mixture` must be a Mixture; got {type(mixture).__name__}. Pass what `overlap` or `add_noise` returned."
        )
    names = require_groups(groups, len(mixture.clean))
    if len(set(names)) < 2:
        raise ValueError(
            f"`groups` must name at least 2 groups, as intervals measure how they differ; got {len(set(names))}. "
            f"Add items of other recordings."
        )
    return names
