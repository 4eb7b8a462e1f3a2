"""What a randomised model must change, and what it can't."""

import warnings
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch

import wam_widgets as wam
from wam_widgets.evaluation.sanity import SanityReport, sanity_check
from wam_widgets.samples import digit_model, shuffled_digit_model, volume_model, volumes
from wam_widgets.samples import digits as pictures

Maps = Any


def saliency(model: torch.nn.Module, signal: torch.Tensor, target: Any) -> Maps:
    return wam.explain(model, signal, target, method="saliency", progress=False)


def magnitude(_model: torch.nn.Module, signal: torch.Tensor, _target: Any) -> Maps:
    return signal[:, 0]


def edges(_model: torch.nn.Module, signal: torch.Tensor, _target: Any) -> Maps:
    return signal.diff(dim=-1, append=signal[..., -1:])[:, 0]


@pytest.fixture(scope="module")
def digits() -> torch.Tensor:
    return torch.cat([sample.signal for sample in list(volumes().values())[:3]])


@pytest.fixture(scope="module")
def report(digits: torch.Tensor) -> SanityReport:
    methods = {"Saliency": saliency, "magnitude": magnitude, "edges": edges}
    return sanity_check(volume_model(), digits, methods, stages=4, progress=False)


def test_what_only_looks_at_the_signal_fails_and_a_trained_models_gradient_passes(report: SanityReport) -> None:
    assert report.failing == ("magnitude", "edges")
    assert report.means("magnitude") == pytest.approx(1)
    assert report.means("Saliency")[-1] < 0.3
    assert "magnitude  +1.000  FAILS" in str(report)
    assert "Saliency" in str(report)
    assert "FAILS" not in next(line for line in str(report).splitlines() if line.startswith("Saliency"))


def test_similarity_is_spearmans_scale_by_scale(report: SanityReport, digits: torch.Tensor) -> None:
    model = volume_model()
    other = volume_model()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.copy_(parameter.flip(0))
    found = sanity_check(model, digits, {"Saliency": saliency}, against={"flipped": other}, progress=False)
    target = model(digits).argmax(1)
    pairs = [saliency(each, digits, target).attribution for each in (model, other)]
    for scale, (first, second) in enumerate(zip(*(each.by_scale() for each in pairs), strict=True)):
        flat = [
            torch.cat([band[1].flatten() for band in detail.values()]).abs().numpy() for _, detail in (first, second)
        ]
        expected = scipy.stats.spearmanr(flat[0], flat[1]).statistic
        assert found.similarity["Saliency"][0, scale, 1] == pytest.approx(expected)
    assert found.stages == ("flipped",)
    assert report.similarity["Saliency"].shape == (4, 4, 3)


def test_a_model_that_learnt_shuffled_labels_by_heart_tells_gradients_from_edges() -> None:
    signal = torch.cat([picture.signal for picture in pictures().values()])
    methods = {"Saliency": saliency, "Integrated Gradients": path(25), "magnitude": magnitude, "edges": edges}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Integrated Gradients with", RuntimeWarning)
        found = sanity_check(
            digit_model(), signal, methods, against={"shuffled labels": shuffled_digit_model()}, progress=False
        )
    assert set(found.failing) >= {"magnitude", "edges"}
    assert found.means("magnitude") == pytest.approx(1)
    assert "Saliency" not in found.failing
    assert found.last == "shuffled labels"


def path(samples: int) -> Maps:
    return lambda model, signal, target: wam.explain(
        model,
        signal,
        target,
        method="integrated_gradients",
        wavelet="haar",
        level=2,
        rule="midpoint",
        samples=samples,
        progress=False,
    )


def test_integrated_gradients_of_too_few_points_are_incomplete_and_other_methods_promise_no_sum() -> None:
    signal = torch.cat([picture.signal for picture in list(pictures().values())[:3]])
    methods = {"one point": path(1), "many points": path(400), "Saliency": saliency}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Integrated Gradients with", RuntimeWarning)
        found = sanity_check(digit_model(), signal, methods, target=[0, 1, 2], stages=1, progress=False)
    assert found.incomplete == ("one point",)
    assert set(found.completeness) == {"one point", "many points"}
    # The midpoint alone: gradient there times ink, against the score's own difference from paper.
    half = (signal / 2).requires_grad_()
    score = digit_model()(half)[range(3), range(3)]
    (gradient,) = torch.autograd.grad(score.sum(), half)
    ends = [digit_model()(each)[range(3), range(3)] for each in (signal, 0 * signal)]
    difference = (ends[0] - ends[1]).double()
    missed = ((gradient * signal).sum((1, 2, 3)).double() - difference) / difference.abs()
    np.testing.assert_allclose(found.completeness["one point"], missed.detach().numpy(), rtol=1e-3)
    rows = {row["method"]: row for row in found.rows()}
    assert rows["one point"]["gap"] == pytest.approx(missed.abs().max().item(), rel=1e-3)
    assert (rows["one point"]["incomplete"], rows["many points"]["incomplete"]) == (True, False)
    assert rows["Saliency"]["gap"] is rows["Saliency"]["incomplete"] is None
    said = str(found).splitlines()
    assert sum(line.startswith("Saliency") for line in said) == 1
    assert said[-2].startswith("one point")
    assert said[-2].endswith("INCOMPLETE: take more samples")
    assert said[-1].endswith("  complete")


def test_cascading_keeps_what_was_shuffled_and_independent_does_not(digits: torch.Tensor) -> None:
    model = volume_model()
    seen: list[dict[str, torch.Tensor]] = []

    def watch(other: torch.nn.Module, signal: torch.Tensor, _: Any) -> Maps:
        seen.append({name: values.clone() for name, values in other.named_parameters()})
        return signal[:, 0]

    before = {name: values.clone() for name, values in model.named_parameters()}
    for randomisation in ("cascading", "independent"):
        seen.clear()
        sanity_check(model, digits, {"watch": watch}, randomisation=randomisation, stages=3, progress=False)
        changed = [{name for name in before if not torch.equal(before[name], each[name])} for each in seen[1:]]
        if randomisation == "cascading":
            assert changed[0] < changed[1] < changed[2]
        else:
            assert not changed[0] & changed[1]
            assert not changed[1] & changed[2]
        for name, values in seen[-1].items():
            assert torch.equal(values.flatten().sort().values, before[name].flatten().sort().values)
    assert all(torch.equal(values, before[name]) for name, values in model.named_parameters()), "the model is untouched"


class Tied(torch.nn.Module):
    """An encoder, and a decoder that shares its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.encode, self.decode = torch.nn.Linear(64, 64, bias=False), torch.nn.Linear(64, 64, bias=False)
        self.decode.weight = self.encode.weight

    def forward(self, signal: torch.Tensor) -> torch.Tensor:
        return self.decode(torch.tanh(self.encode(signal.flatten(1))))  # type: ignore[no-any-return]


@pytest.mark.parametrize("randomisation", ["cascading", "independent"])
def test_weights_that_layers_share_are_shuffled_with_the_first_of_them(randomisation: Any) -> None:
    model, signal = Tied(), torch.rand(2, 1, 8, 8)
    before, seen = model.encode.weight.clone(), list[torch.Tensor]()

    def watch(other: Tied, signal: torch.Tensor, _: Any) -> Maps:
        assert other.encode.weight is other.decode.weight
        seen.append(other.encode.weight.clone())
        return saliency(other, signal, 0)

    found = sanity_check(model, signal, {"mine": watch}, target=0, randomisation=randomisation, progress=False)
    named = ("decode", "decode to encode") if randomisation == "cascading" else ("only decode", "only encode")
    assert found.stages == tuple(f"shuffling {name}" for name in named)
    assert torch.equal(seen[0], before)
    assert not torch.equal(seen[1], before)
    assert torch.equal(seen[1].flatten().sort().values, before.flatten().sort().values)
    assert torch.equal(seen[1], seen[2]), "the second stage has nothing left to shuffle"
    assert found.failing == ()


def test_maps_may_be_numpy_arrays(digits: torch.Tensor) -> None:
    model = volume_model()
    methods = {
        "torch": lambda _model, signal, _: signal[:, 0],
        "numpy": lambda _model, signal, _: signal[:, 0].numpy(),
        "truth values": lambda _model, signal, _: signal[:, 0].numpy() > 0.5,
    }
    found = sanity_check(model, digits, methods, stages=1, progress=False)
    np.testing.assert_array_equal(found.similarity["torch"], found.similarity["numpy"])
    assert found.failing == tuple(methods)


def test_progress_is_told_of_every_map_and_may_stop(digits: torch.Tensor) -> None:
    told: list[tuple[int, int]] = []
    methods = {"edges": edges, "magnitude": magnitude}
    sanity_check(volume_model(), digits, methods, stages=3, progress=lambda *counts: told.append(counts))
    assert told == [(done, 6) for done in range(1, 7)]  # 2 methods, 3 stages
    with pytest.raises(KeyboardInterrupt, match="`progress` returned False"):
        sanity_check(volume_model(), digits, methods, progress=lambda done, total: done < 2)


def test_methods_see_models_in_evaluation_mode_and_leave_them_as_they_were(digits: torch.Tensor) -> None:
    seen: list[torch.Tensor] = []

    def by_hand(model: torch.nn.Module, signal: torch.Tensor, _: Any) -> Maps:
        assert not any(module.training for module in model.modules())
        signal.requires_grad_()
        model(signal)[:, 0].sum().backward()
        assert signal.grad is not None
        seen.append(signal.grad)
        return signal.grad[:, 0]

    norm = torch.nn.BatchNorm3d(1)
    norm.weight.grad = kept = torch.ones(1)
    model = torch.nn.Sequential(norm, volume_model()).train()
    found = sanity_check(model, digits, {"mine": by_hand}, target=0, against={"itself": model}, progress=False)
    assert norm.training
    assert norm.running_mean is not None
    assert not norm.running_mean.any()
    assert norm.weight.grad is kept
    assert kept.item() == 1
    assert torch.equal(*seen), "the second one found no gradient of the first in the signal"
    assert found.means("mine") == pytest.approx(1)


def test_it_can_be_repeated_and_leaves_the_global_generator(digits: torch.Tensor) -> None:
    state = torch.get_rng_state()
    runs = [
        sanity_check(volume_model(), digits, {"Saliency": saliency}, stages=2, seed=5, progress=False) for _ in range(2)
    ]
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(runs[0].similarity["Saliency"], runs[1].similarity["Saliency"])


def test_a_constant_map_has_no_similarity_and_fails(digits: torch.Tensor) -> None:
    found = sanity_check(
        volume_model(), digits, {"flat": lambda _model, signal, _: signal[:, 0] * 0}, stages=1, progress=False
    )
    assert np.isnan(found.means("flat")).all()
    assert found.failing == ("flat",)
    assert "flat  +nan  FAILS: its map is the same everywhere" in str(found)
    assert "missed" not in str(found), "no method promises a sum"


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"methods": {}}, "`methods` must be a dict of name and callable"),
        ({"methods": {"bad": lambda *_: 3}}, r"`methods\['bad'\]` must return an Explanation, Coefficients or a map"),
        ({"methods": {"a": None}}, r"`methods\['a'\]` must be callable, as \(model, signal, target\); got NoneType"),
        ({"methods": {"nan": lambda _m, signal, _: signal[:, 0] / 0}}, r"maps of `methods\['nan'\]` must be finite"),
        ({"against": {"a": 3}}, r"`against\['a'\]` must be a model, which can be called; got int. Pass e.g. `against="),
        ({"randomisation": "casading"}, "`randomisation` must be one of .* Did you mean 'cascading'"),
        ({"limit": "half"}, "`limit` must be a number above 0; got 'half'. Pass e.g. `limit=0.5`"),
        ({"tolerance": 0}, "`tolerance` must be a number above 0; got 0. Pass e.g. `tolerance=0.05`"),
        ({"against": {}}, "`against` must be a dict of name and model, at least one; got {}"),
        ({"methods": {"one": lambda *_: np.array(3.0)}}, r"`methods\['one'\]` must return .*; got one of shape \(\)"),
        ({"methods": {"row": lambda *_: torch.ones(3)}}, r"`methods\['row'\]` must return .*; got one of shape \(3,\)"),
        ({"progress": 7}, r"`progress` must be None, False or a callable of two numbers \(done, planned\); got 7"),
        ({"stages": 0}, "`stages` must be a whole number of at least 1; got 0"),
        ({"model": torch.nn.Flatten()}, "`model` must be a torch.nn.Module with weights that can be shuffled"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], words: str, digits: torch.Tensor) -> None:
    usual = {"model": volume_model(), "methods": {"Saliency": saliency}, "target": 0, "progress": False}
    settings: dict[str, Any] = usual | change
    model = settings.pop("model")
    with pytest.raises((TypeError, ValueError), match=words):
        sanity_check(model, digits, **settings)


def test_copies_do_not_warn_of_gaps_that_are_not_the_models(
    digits: torch.Tensor, recwarn: pytest.WarningsRecorder
) -> None:
    def warns_of_strangers(model: torch.nn.Module, signal: torch.Tensor, _: Any) -> torch.Tensor:
        if model is not trained:
            warnings.warn("a gap of 31", RuntimeWarning, stacklevel=1)
        return signal[:, 0]

    trained = volume_model()
    sanity_check(trained, digits, {"mine": warns_of_strangers}, stages=1, progress=False)
    assert not recwarn.list
