"""What is kept of the two parts of a mixture, where the answer is known."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import wam_widgets as wam
from wam_widgets.evaluation import Mixture, SeparationReport
from wam_widgets.evaluation.selection import (
    CLOSE_ENOUGH,
    SAMPLES,
    CoefficientDomain,
    Domain,
    keep_energy,
    mel_domain,
    rank,
    shuffled,
)
from wam_widgets.transform.grid import energy

RATE, LENGTH = 8000, 4090  # no multiple of the hop
FRONT_END = wam.LogMel(RATE, n_fft=256, hop_length=128, n_mels=20)


def noise(items: int = 4, channels: int = 1, seed: int = 0) -> Tensor:
    return torch.randn(items, channels, LENGTH, generator=torch.Generator().manual_seed(seed))


def tone(hertz: float, items: int = 2) -> Tensor:
    return torch.sin(2 * math.pi * hertz * torch.arange(LENGTH) / RATE).expand(items, 1, -1).clone()


def mixed(items: int = 4, channels: int = 1) -> Mixture:
    return wam.overlap(noise(items, channels), noise(items, channels, seed=1), 0.7)


def listen(weights: Tensor) -> Callable[[Tensor], Tensor]:
    """Return a model that compares a sound with other ones: its gradient is known."""
    return lambda batch: batch.flatten(1) @ weights.flatten(1).T


def separate(mixture: Mixture, **options: Any) -> SeparationReport:
    explanations = options.pop("explanations", {"ones": torch.ones_like(mixture.clean[:, 0])})
    given: dict[str, Any] = {"resamples": 99, "progress": False, **options}
    return wam.separation(mixture, explanations, **given)


DOMAINS: dict[str, Callable[[Tensor], Domain]] = {
    "samples": lambda signal: SAMPLES,
    "haar": lambda signal: CoefficientDomain("haar", 3, "reflect"),
    "sym8": lambda signal: CoefficientDomain("sym8", 5, "reflect"),
    "bior2.2": lambda signal: CoefficientDomain("bior2.2", 2, "zero"),
    "mel": lambda signal: mel_domain(FRONT_END, signal),
}


# --------------------------------------------------------------------------------------------------- keeping a part


@pytest.mark.parametrize("name", DOMAINS)
def test_keeping_is_linear(name: str) -> None:
    mixture = mixed(3, 2)
    domain = DOMAINS[name](mixture.signal)
    parts, clean, corruption = map(domain.analyse, (mixture.signal, mixture.clean, mixture.corruption))
    which = torch.rand(domain.energy(parts).shape, generator=torch.Generator().manual_seed(2)) < 0.4
    torch.testing.assert_close(
        domain.keep(clean, which) + domain.keep(corruption, which), domain.keep(parts, which), atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("name", DOMAINS)
def test_keeping_everything_keeps_the_signal_and_keeping_nothing_is_silence(name: str) -> None:
    signal = noise(2, 2)
    domain = DOMAINS[name](signal)
    parts = domain.analyse(signal)
    everything = torch.ones_like(domain.energy(parts), dtype=torch.bool)
    torch.testing.assert_close(domain.keep(parts, everything), signal, atol=2e-5, rtol=0)
    assert not domain.keep(parts, ~everything).any()


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.93])
@pytest.mark.parametrize("name", DOMAINS)
def test_the_kept_energy_is_reached_and_a_position_fewer_would_miss_it(name: str, fraction: float) -> None:
    signal = noise(5) * torch.linspace(0, 1, LENGTH).square()
    domain = DOMAINS[name](signal)
    parts = domain.analyse(signal)
    order = shuffled(domain.energy(parts), 0)
    ranks = rank(domain.energy(parts), order)
    which = keep_energy(domain, parts, energy(signal), ranks, fraction)
    count = which.sum(1, keepdim=True)
    assert torch.equal(which, ranks < count)
    kept = energy(domain.keep(parts, which)) / energy(signal)
    fewer = energy(domain.keep(parts, ranks < count - 1)) / energy(signal)
    assert (kept >= fraction).all()
    assert ((fewer < fraction) | (kept < fraction + CLOSE_ENOUGH)).all()


def test_an_item_s_selection_does_not_depend_on_its_neighbours() -> None:
    signal = noise(3) * torch.tensor([1.0, 50.0, 0.02]).reshape(3, 1, 1)
    domain = DOMAINS["sym8"](signal)
    ranks = rank(noise(3)[:, 0, :1].expand(-1, 1), torch.zeros(3, 1, dtype=torch.long))  # one position: any order
    assert ranks.eq(0).all()
    ranks = shuffled(domain.energy(domain.analyse(signal)), 0)
    together = keep_energy(domain, domain.analyse(signal), energy(signal), ranks, 0.4)
    alone = keep_energy(domain, domain.analyse(signal[1:2]), energy(signal[1:2]), ranks[1:2], 0.4)
    assert torch.equal(alone, together[1:2])


@given(values=st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_a_rank_is_a_sorted_place_and_equal_ones_follow_the_order(values: list[int]) -> None:
    importance = torch.tensor([values], dtype=torch.float32)
    order = shuffled(importance, 5)
    ranks = rank(importance, order)[0].tolist()
    expected = sorted(order[0].tolist(), key=lambda place: -values[place])  # Python's sort is stable
    assert [ranks[place] for place in expected] == list(range(len(values)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=30))
def test_any_numbers_are_ranked_as_numpy_sorts_them(values: list[float], dtype: type) -> None:
    importance: Any = np.array([values, [-value for value in values]], dtype)  # of both signs, and both zeros
    order = torch.arange(len(values)).expand(2, -1)
    expected = (-importance).argsort(axis=1, kind="stable").argsort(axis=1)
    np.testing.assert_array_equal(rank(torch.from_numpy(importance), order), expected)


def test_a_mel_cell_masks_the_bins_of_its_filter() -> None:
    signal = noise(1)
    domain = mel_domain(FRONT_END, signal)
    parts = domain.analyse(signal)
    which = torch.zeros(1, domain.bands, domain.frames, dtype=torch.bool)
    which[0, 7] = True
    kept = wam.LogMel(RATE, n_fft=256, hop_length=128, n_mels=20, amin=1e-30, top_db=None)(
        domain.keep(parts, which.flatten(1))
    )[0, 0]
    power = 10 ** (kept / 10)
    away = torch.tensor([band for band in range(domain.bands) if abs(band - 7) > 3])  # the window leaks a little
    assert power[7].mean() > 100 * power[away].mean()


def test_the_energies_of_mel_cells_add_up_to_that_of_the_spectrogram() -> None:
    signal = noise(2)[..., : 128 * 31]
    domain = mel_domain(FRONT_END, signal)
    parts = domain.analyse(signal)
    torch.testing.assert_close(domain.energy(parts).sum(1), parts.abs().square().sum((1, 2, 3)), rtol=1e-4, atol=0)


# ---------------------------------------------------------------------------------------------------- known answers


def test_an_oracle_leaves_nothing_of_what_lies_in_another_band() -> None:
    mixture = wam.overlap(tone(200), tone(3000), 0.6)
    explanations = {
        "sym8": wam.explain(listen(noise(2)), mixture.signal, 0, method="saliency", wavelet="sym8", level=4),
        "mel": FRONT_END(mixture.clean)[:, 0],
    }
    report = separate(mixture, explanations=explanations, kept=0.5, front_end=FRONT_END)
    for domain in ("sym8, level 4", "mel"):
        assert report.values(f"oracle, {domain}").max() < 1e-3
        assert report.values(f"oracle, {domain}", "clean_kept").min() > 0.5


def test_a_gradient_that_is_the_clean_signal_keeps_it_alone_where_the_parts_are_apart_in_time() -> None:
    early = torch.arange(LENGTH) < LENGTH // 2
    mixture = wam.overlap(noise(3) * early, noise(3, seed=1) * ~early, 1.0)
    wanted = 0.9 * float((energy(mixture.clean) / energy(mixture.signal)).min())
    explanation = wam.explain(listen(mixture.clean), mixture.signal, [0, 1, 2], method="saliency", wavelet=None)
    report = separate(mixture, explanations={"saliency": explanation}, kept=wanted)
    np.testing.assert_array_equal(report.values("saliency"), 0)
    share = (energy(mixture.clean) / energy(mixture.signal)).numpy()
    np.testing.assert_allclose(report.values("saliency", "clean_kept"), wanted / share, atol=0.01)


def test_the_random_control_leaves_of_either_part_the_share_that_is_kept() -> None:
    report = separate(mixed(30), kept=[0.5, 0.2])
    for kept in report.kept:
        for measure in ("corruption_left", "clean_kept"):
            values = report.values("random, samples", measure, kept=kept)
            assert values.mean() == pytest.approx(kept, abs=4 * values.std() / math.sqrt(30) + 1e-3)


def test_the_measures_are_those_of_the_kept_parts() -> None:
    mixture = mixed()
    map_ = mixture.signal[:, 0].abs()
    report = separate(mixture, explanations={"map": map_}, kept=0.3)
    for item in range(4):
        order = map_[item].argsort(descending=True)
        total = mixture.signal[item, 0].double().square()
        count = int((total[order].cumsum(0) < 0.3 * total.sum()).sum()) + 1  # one by one, until there is enough
        kept = torch.zeros(LENGTH).index_fill(0, order[:count], 1.0)
        clean, corruption = mixture.clean[item : item + 1] * kept, mixture.corruption[item : item + 1] * kept
        left = float(corruption.square().sum() / mixture.corruption[item].square().sum())
        assert report.values("map")[item] == pytest.approx(left, rel=1e-3)
        before = wam.si_sdr(mixture.signal[item : item + 1], mixture.clean[item : item + 1])
        after = wam.si_sdr(clean + corruption, mixture.clean[item : item + 1])
        assert report.values("map", "si_sdr_improvement")[item] == pytest.approx(float(after - before), abs=0.02)
        # The mixture's own magnitude is the magnitude control.
        assert report.values("magnitude, samples")[item] == pytest.approx(left, rel=1e-3)


@pytest.mark.parametrize("channels", [1, 2])
def test_an_explanation_is_ranked_as_it_is_rebuilt(channels: int) -> None:
    mixture = mixed(2, channels)
    explanation = wam.explain(listen(noise(3, channels, seed=5)), mixture.signal, 1, method="saliency", wavelet="db2")
    report = separate(mixture, explanations={"WAM": explanation}, kept=0.6)
    for item in range(2):
        # Among all rebuilt sounds, that of the kept energy leaves the same of the corruption.
        fractions = np.linspace(0, 1, 60)
        own = explanation[item]
        energies = [float(energy(own.rebuild(fraction=float(each)))[0]) for each in fractions]
        fraction = float(np.interp(0.6 * float(energy(own.signal)[0]), energies, fractions))
        mask = own.attribution.map(torch.abs).largest(fraction)
        part = wam.decompose(mixture.corruption[item : item + 1], "db2", level=3).keep(mask)
        left = energy(wam.reconstruct(part)) / energy(mixture.corruption[item : item + 1])
        assert report.values("WAM")[item] == pytest.approx(float(left[0]), abs=0.01)


def test_signed_coefficients_keep_what_speaks_for_the_score_and_not_what_speaks_against_it() -> None:
    # The score is clean minus corruption: contributions are positive where the clean one is, and negative elsewhere.
    early = torch.arange(LENGTH) < LENGTH // 2
    mixture = wam.overlap(noise(2) * early, noise(2, seed=1) * ~early, 1.0)
    model = listen(mixture.clean - mixture.corruption)
    explanation = wam.explain(model, mixture.signal, [0, 1], method="saliency", wavelet=None).contribution()
    report = separate(
        mixture, explanations={"signed": explanation.attribution, "magnitude only": explanation}, kept=0.4
    )
    assert report.values("signed").max() == 0
    assert report.values("magnitude only").min() > 0.2


def test_a_map_of_zeros_is_the_random_order() -> None:
    mixture = mixed()
    report = separate(mixture, explanations={"zeros": torch.zeros(4, LENGTH)})
    np.testing.assert_array_equal(report.values("zeros"), report.values("random, samples"))


def test_behind_a_front_end_the_features_are_ranked_by_their_heat_map() -> None:
    mixture = mixed(2)
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.LazyLinear(3))
    network(FRONT_END(mixture.signal))  # makes the weights
    explanation = wam.explain(network, mixture.signal, 0, method="saliency", front_end=FRONT_END)
    assert explanation.features is not None
    heat = explanation.features.heatmap()
    report = separate(
        mixture, explanations={"features": explanation.features, "map": heat, "WAM": explanation}, front_end=FRONT_END
    )
    assert report.domains[:2] == ("mel", "mel")
    np.testing.assert_array_equal(report.values("features"), report.values("map"))
    assert report.random("WAM") == "random, haar, level 3"


def test_images_are_separated_too() -> None:
    mixture = wam.add_noise(torch.rand(3, 3, 16, 17), 5.0)
    explanation = wam.explain(listen(torch.rand(4, 3, 16, 17)), mixture.signal, method="saliency", level=2)
    report = separate(mixture, explanations={"WAM": explanation}, kept=0.8)
    assert (report.energy >= 0.8).all()


# ------------------------------------------------------------------------------------------------------ the report


def test_the_same_call_gives_the_same_report_and_leaves_the_generators_alone() -> None:
    mixture, state = mixed(), torch.get_rng_state()
    first, second, other = separate(mixture), separate(mixture), separate(mixture, seed=1)
    assert first.rows() == second.rows()
    assert (first.values("random, samples") != other.values("random, samples")).all()
    assert torch.equal(torch.get_rng_state(), state)


def test_parts_that_are_joined_are_the_whole() -> None:
    mixture = mixed(6)
    groups = tuple("aabbcc")
    whole = separate(mixture, groups=groups, kept=[0.5, 0.7])
    parts = [
        separate(Mixture(mixture.clean[part], mixture.corruption[part]), groups=groups[part], kept=[0.5, 0.7])
        for part in (slice(0, 4), slice(3, 6))
    ]
    parts[1] = separate(Mixture(mixture.clean[2:], mixture.corruption[2:]), groups=groups[2:], kept=[0.5, 0.7], seed=2)
    joined = SeparationReport.joined(parts)
    assert joined.groups == (*groups[:4], *groups[2:])
    for method in ("magnitude, samples", "oracle, samples"):
        expected = whole.values(method, kept=0.7)
        np.testing.assert_allclose(joined.values(method, kept=0.7), [*expected[:4], *expected[2:]])
    np.testing.assert_allclose(joined.corruption_share[:4], whole.corruption_share[:4])


def test_parts_in_other_terms_are_not_joined() -> None:
    part = separate(mixed())
    others = [dataclasses.replace(part, domains=("mel",) * 4), dataclasses.replace(part, controls=(None,) * 4)]
    for other in others:
        with pytest.raises(ValueError, match="must be of the same methods and fractions, in the same terms; got"):
            SeparationReport.joined([part, other])


def test_progress_is_told_of_every_selection_and_may_stop() -> None:
    told: list[tuple[int, int]] = []
    separate(mixed(), kept=[0.3, 0.6], progress=lambda *counts: told.append(counts))
    assert told == [(done, 8) for done in range(1, 9)]  # one map and three controls, at two fractions
    with pytest.raises(KeyboardInterrupt, match="`progress` returned False"):
        separate(mixed(), progress=lambda done, total: done < 2)


def test_items_without_groups_are_groups_of_their_own_in_the_whole_too() -> None:
    part = separate(mixed())
    assert part.groups == (0, 1, 2, 3)
    assert SeparationReport.joined([part, part]).groups == tuple(range(8))


def test_a_difference_is_paired() -> None:
    report = separate(mixed(12), groups=tuple("aaabbbcccddd"))
    difference = report.interval("oracle, samples", minus="random, samples")
    plain = report.values("oracle, samples") - report.values("random, samples")
    assert difference.mean == pytest.approx(plain.mean())
    assert difference.low <= difference.mean <= difference.high < 0
    assert report.interval("random, samples", minus="random, samples") == (0, 0, 0)


@pytest.mark.parametrize("measure", ["corruption_left", "clean_kept", "si_sdr_improvement"])
def test_a_difference_of_every_item_is_that_of_their_measures(measure: Any) -> None:
    report = separate(mixed(), kept=[0.5, 0.25])
    for kept in (None, 0.25):
        first, second = (report.values(name, measure, kept=kept) for name in ("oracle, samples", "ones"))
        difference = report.values("oracle, samples", measure, kept=kept, minus="ones")
        np.testing.assert_array_equal(difference, first - second)
        assert report.interval("oracle, samples", measure, kept=kept, minus="ones").mean == pytest.approx(
            difference.mean()
        )
    assert not report.values("ones", measure, minus="ones").any()


def test_the_table_has_a_row_per_method_and_fraction() -> None:
    report = separate(mixed(), groups=list("aabb"), kept=[0.5, 0.25])
    table = report.to_dataframe()
    assert len(table) == 4 * 2
    row = table[(table.method == "oracle, samples") & (table.kept == 0.25)].iloc[0]
    found = report.interval("oracle, samples", "clean_kept", kept=0.25)
    assert (row.clean_kept, row.clean_kept_low, row.clean_kept_high) == found
    assert (row.domain, row.control, row.pairs, row.groups) == ("samples", "oracle", 4, 2)
    assert (
        repr(report)
        == "SeparationReport of 1 explanation and 3 controls, 4 pairs of 2 groups, at 0.5, 0.25 of the energy"
    )


# -------------------------------------------------------------------------------------------------------- bad input

ANY = mixed(2)


def explained(**options: Any) -> wam.Explanation:
    return wam.explain(listen(noise(2, seed=6)), options.pop("signal", ANY.signal), method="saliency", **options)


def behind(signal: Tensor) -> wam.Explanation:
    spectrogram = FRONT_END(signal)
    return wam.explain(listen(torch.ones_like(spectrogram)), spectrogram, 0, method="saliency", wavelet=None)


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("call", "kind", "words"),
    [
        (lambda: wam.separation(ANY.signal, {}), TypeError, r"`mixture` must be a Mixture; got Tensor"),  # type: ignore[arg-type]
        (lambda: wam.separation(ANY, {}), TypeError, r"`explanations` must be a dict.*with at least one"),
        (lambda: wam.separation(ANY, explained()), TypeError, r"`explanations` must be a dict"),  # type: ignore[arg-type]
        (lambda: separate(ANY, explanations={"a": 3}), TypeError, r"`explanations\['a'\]` must be an Expl.*got int"),
        (
            lambda: separate(ANY, explanations={"a": explained(signal=ANY.clean)}),
            ValueError,
            r"must be of the mixture; got one of another signal.*explain\(model, mixture.signal",
        ),
        (
            lambda: separate(ANY, explanations={"a": torch.ones(2, 20, 32)}),
            ValueError,
            r"= \(2, 4090\), or, for a mel spectrogram, pass `front_end=`; got \(2, 20, 32\)",
        ),
        (
            lambda: separate(ANY, explanations={"a": torch.ones(2, 21, 32)}, front_end=FRONT_END),
            ValueError,
            r"or \(2, 20, 32\) for its mel spectrogram; got \(2, 21, 32\)",
        ),
        (
            lambda: separate(ANY, explanations={"a": behind(ANY.clean)}, front_end=FRONT_END),
            ValueError,
            r"must be of what `front_end` makes of the mixture.*`explanation.heatmap\(\)`",
        ),
        (
            lambda: separate(ANY, explanations={"a": wam.decompose(ANY.signal[:1])}),
            ValueError,
            r"must be of the mixture.*got \(1, 4090\)",
        ),
        (
            lambda: separate(ANY, explanations={"a": torch.full((2, LENGTH), math.nan)}),
            ValueError,
            r"must be finite; got 8180 NaN",
        ),
        (lambda: separate(ANY, kept=1.0), ValueError, r"`kept` must be a fraction.*between 0 and 1.*got 1.0"),
        (lambda: separate(ANY, kept=[]), ValueError, r"`kept` must be a fraction"),
        (lambda: separate(ANY, kept=[0.5, 0.5]), ValueError, r"several different ones"),
        (lambda: separate(ANY, groups=["a", "a"]), ValueError, r"at least 2 groups.*got 1. Add items of other"),
        (lambda: separate(ANY, groups=["a"]), ValueError, r"`groups` must name the group of every item, 2; got 1"),
        (lambda: separate(ANY, progress=7), TypeError, r"`progress` must be None, False or a callable .*; got 7"),
        (lambda: separate(mixed(1)), ValueError, r"at least 2 groups"),
        (lambda: separate(ANY, seed=-1), ValueError, r"`seed` must be a whole number of at least 0"),
        (lambda: separate(ANY, confidence=2), ValueError, r"`confidence` must be between 0 and 1"),
        (lambda: separate(ANY, front_end=torch.nn.Identity()), TypeError, r"`front_end` must be a LogMel.*Identity"),
        (
            lambda: separate(ANY, front_end=wam.LogMel(RATE, n_fft=256, hop_length=200, n_mels=20)),
            ValueError,
            r"frames that overlap by half.*hop_length=200",
        ),
        (
            lambda: separate(ANY, explanations={"random, samples": torch.ones(2, LENGTH)}),
            ValueError,
            r"must not have the name of a control; got 'random, samples'",
        ),
        (lambda: separate(ANY).values("oracel, samples"), ValueError, r"`method` must be one of.*Did you mean 'oracle"),
        (lambda: separate(ANY).values("ones", "sdr"), ValueError, r"`measure` must be one of"),  # type: ignore[arg-type]
        (lambda: separate(ANY).values("ones", kept=0.4), ValueError, r"`kept` must be one of \(0.5,\); got 0.4"),
        (lambda: separate(ANY).values("ones", kept="half"), ValueError, r"`kept` must be one of \(0.5,\); got 'half'"),  # type: ignore[arg-type]
        (lambda: separate(ANY).values("ones", minus="two"), ValueError, r"`minus` must be one of 'ones', .* got 'two'"),
        (
            lambda: separate(ANY, explanations={"a": None}),
            TypeError,
            r"`explanations\['a'\]` must be an Ex.*got NoneType",
        ),
        (lambda: SeparationReport.joined([]), ValueError, r"at least one report"),
        (lambda: SeparationReport.joined([3]), TypeError, r"`reports` must be a list of reports; got int. Pass e.g."),  # type: ignore[list-item]
        (lambda: SeparationReport.joined(separate(ANY)), TypeError, r"`reports` must be a list.*got SeparationReport"),  # type: ignore[arg-type]
        (
            lambda: SeparationReport.joined([separate(ANY), separate(ANY, kept=0.4)]),
            ValueError,
            r"must be of the same methods and fractions",
        ),
    ],
)
def test_what_cannot_be_separated_is_refused(call: Callable[[], Any], kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        call()
