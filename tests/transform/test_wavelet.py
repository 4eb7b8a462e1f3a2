import numpy as np
import pytest
import pywt
from hypothesis import given
from hypothesis import strategies as st

from wam_widgets.transform.wavelet import (
    Mode,
    coarser_size,
    deepest_level,
    dual,
    find_wavelet,
    require_level,
    require_mode,
    scale_names,
)

from .cases import MODES, UNLIMITED, WAVELETS, ptwt_can

ONE_PER_LENGTH = list({pywt.Wavelet(name).dec_len: name for name in WAVELETS}.values())


def test_all_discrete_wavelets_of_pywavelets_are_known() -> None:
    assert len(WAVELETS) == 106
    for name in WAVELETS:
        assert find_wavelet(name).filter_bank == pywt.Wavelet(name).filter_bank


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_a_level_leaves_as_many_coefficients_as_in_pywavelets(wavelet: str) -> None:
    bank = pywt.Wavelet(wavelet)
    for samples in (1, 2, 7, 64, 101):
        assert coarser_size(samples, bank.dec_len) == pywt.dwt_coeff_len(samples, bank.dec_len, "zero")


@pytest.mark.parametrize("wavelet", ONE_PER_LENGTH)
@pytest.mark.parametrize("mode", ["reflect", "periodic"])
def test_the_deepest_level_is_the_last_that_ptwt_can_do(mode: Mode, wavelet: str) -> None:
    for size in [(1,), (3,), (8,), (21,), (55,), (144,), (9, 34), (233, 89), (40, 120, 30)]:
        deepest = deepest_level(size, pywt.Wavelet(wavelet), mode)
        assert deepest == 0 or ptwt_can(size, wavelet, deepest, mode)
        assert deepest == 64 or not ptwt_can(size, wavelet, deepest + 1, mode)


@pytest.mark.parametrize("mode", UNLIMITED)
def test_modes_that_always_work_stop_at_level_64(mode: Mode) -> None:
    for wavelet in ("haar", "db4", "coif17"):
        assert deepest_level((1, 7), pywt.Wavelet(wavelet), mode) == 64
    assert ptwt_can((1,), "db4", 64, mode)


@given(st.sampled_from(WAVELETS), st.sampled_from(MODES), st.lists(st.integers(1, 300), min_size=1, max_size=3))
def test_the_deepest_level_is_that_of_the_axis_that_allows_least(wavelet: str, mode: Mode, size: list[int]) -> None:
    bank = pywt.Wavelet(wavelet)
    shallowest = min(deepest_level((samples,), bank, mode) for samples in size)
    assert deepest_level(tuple(size), bank, mode) == shallowest


@pytest.mark.parametrize("wavelet", WAVELETS)
def test_the_dual_of_the_dual_is_the_wavelet_and_orthogonal_ones_are_their_own(wavelet: str) -> None:
    bank = pywt.Wavelet(wavelet)
    np.testing.assert_array_equal(dual(dual(bank)).filter_bank, bank.filter_bank)
    if bank.orthogonal:
        np.testing.assert_allclose(dual(bank).filter_bank, bank.filter_bank, rtol=0, atol=1e-12)


@pytest.mark.parametrize("wavelet", ["bior2.4", "bior3.1", "rbio1.5"])
def test_the_dual_of_a_biorthogonal_wavelet_is_its_reverse_in_pywavelets(wavelet: str) -> None:
    other = pywt.Wavelet({"bior": "rbio", "rbio": "bior"}[wavelet[:4]] + wavelet[4:])
    for found, expected in zip(dual(pywt.Wavelet(wavelet)).filter_bank, other.filter_bank, strict=True):
        np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-12)


def test_scales_are_named_coarse_to_fine() -> None:
    assert scale_names(0) == ("approximation",)
    assert scale_names(3) == ("approximation", "detail 3", "detail 2", "detail 1")


# ---------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("name", "hint"), [("dv4", "Did you mean 'db4'?"), ("Haar", "Did you mean 'haar'?"), ("morl", "")]
)
def test_an_unknown_wavelet_is_refused(name: str, hint: str) -> None:
    with pytest.raises(ValueError, match="`wavelet` must be one of PyWavelets' 106 discrete wavelets") as refusal:
        find_wavelet(name)
    assert f"got {name!r}." in str(refusal.value)
    assert hint in str(refusal.value)
    assert "`pywt.wavelist(kind='discrete')` lists them." in str(refusal.value)


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize(("given", "kind"), [(4, "int"), (pywt.Wavelet("db4"), "Wavelet"), (None, "NoneType")])
def test_a_wavelet_that_is_no_name_is_refused(given: str, kind: str) -> None:
    with pytest.raises(TypeError, match=rf"`wavelet` must be a name such as 'haar' or 'db4'; got {kind}\."):
        find_wavelet(given)


def test_an_unknown_mode_is_refused() -> None:
    known = "'zero', 'reflect', 'symmetric', 'periodic', 'constant'"
    with pytest.raises(ValueError, match=rf"`mode` must be one of {known}; got 'refelct'\. Did you mean 'reflect'\?"):
        require_mode("refelct")
    with pytest.raises(ValueError, match=r"got 'smooth'"):
        require_mode("smooth")


def test_a_level_that_is_too_deep_is_refused_with_the_deepest_and_what_would_go_deeper() -> None:
    with pytest.raises(
        ValueError,
        match=r"`level=5` is too deep: a signal of size \(40, 13\) can be decomposed at most 4 times with 'db3' "
        r"\(6 taps\) in mode 'reflect'\. Pass `level=4`, or `mode='symmetric'`, which can go deeper\.",
    ):
        require_level(5, (40, 13), pywt.Wavelet("db3"), "reflect")


def test_a_wavelet_that_is_too_long_for_any_level_is_refused_with_a_shorter_one() -> None:
    with pytest.raises(
        ValueError, match=r"at most 0 times .*\. Pass a wavelet with a shorter filter, such as 'haar', or"
    ):
        require_level(1, (8,), pywt.Wavelet("db8"), "periodic")


def test_where_no_wavelet_is_short_enough_none_is_proposed() -> None:
    for wavelet in ("haar", "db4"):
        with pytest.raises(ValueError, match=r"at most 0 times .* Pass `mode='symmetric'`, which can go deeper\.$"):
            require_level(1, (1, 16, 16), pywt.Wavelet(wavelet), "reflect")
    assert require_level(1, (1, 16, 16), pywt.Wavelet("haar"), "symmetric") == 1


@pytest.mark.parametrize("mode", UNLIMITED)
def test_no_deeper_mode_is_proposed_where_there_is_none(mode: Mode) -> None:
    with pytest.raises(ValueError, match=r"`level=65` is too deep: .* Pass `level=64`\.$"):
        require_level(65, (8,), pywt.Wavelet("db8"), mode)


@pytest.mark.parametrize("level", [0, -1])
def test_a_level_below_one_is_refused(level: int) -> None:
    with pytest.raises(ValueError, match=rf"`level` must be at least 1; got {level}\. .*`wavelet=None`"):
        require_level(level, (8,), pywt.Wavelet("haar"), "zero")


@pytest.mark.usefixtures("as_a_user")
@pytest.mark.parametrize("level", [True, 2.0, "2", None])
def test_a_level_that_is_no_whole_number_is_refused(level: int) -> None:
    with pytest.raises(
        TypeError, match=rf"`level` must be a whole number of decompositions; got {level!r}\. Pass e\.g\."
    ):
        require_level(level, (8,), pywt.Wavelet("haar"), "zero")
