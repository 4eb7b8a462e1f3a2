"""What the tests of the transform go through, and where their expected values come from."""

from collections.abc import Callable, Sequence

import numpy as np
import ptwt
import pywt
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from wam_widgets.transform import Coefficients, reconstruct
from wam_widgets.transform.wavelet import Mode, coarser_size

MODES: tuple[Mode, ...] = ("zero", "reflect", "symmetric", "periodic", "constant")
UNLIMITED = ("zero", "symmetric", "constant")  # their padding never fails
WAVELETS: list[str] = pywt.wavelist(kind="discrete")
SHORT_WAVELETS = [name for name in WAVELETS if pywt.Wavelet(name).dec_len <= 20]
# "dmey" calls itself orthogonal, but is so to three digits only
ORTHOGONAL_WAVELETS = [name for name in WAVELETS if pywt.Wavelet(name).orthogonal and name != "dmey"]

_PTWT: dict[int, Callable[..., object]] = {1: ptwt.wavedec, 2: ptwt.wavedec2, 3: ptwt.wavedec3}


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    """Return normal noise that depends on its arguments only."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def ptwt_can(size: Sequence[int], wavelet: str, level: int, mode: Mode) -> bool:
    """Ask ptwt itself whether it decomposes a signal of `size` so often; tensors without values make it quick."""
    try:
        _PTWT[len(size)](torch.empty(1, *size, device="meta"), wavelet, level=level, mode=mode)
    except RuntimeError as error:
        if "adding" not in str(error):  # "Padding …" or "padding …"
            raise
        return False
    return True


def literal_gradient(coefficients: Coefficients, cotangent: Tensor) -> Coefficients:
    """Differentiate ⟨reconstruct(z), cotangent⟩ with respect to the coefficients z, by autograd."""
    leaves = coefficients.map(lambda band: band.detach().clone().requires_grad_())
    bands = [band for *_, band in leaves.bands()]
    gradients = iter(torch.autograd.grad(reconstruct(leaves), bands, cotangent))
    return coefficients.map(lambda _: next(gradients))


def relative_error(found: Coefficients, expected: Coefficients) -> float:
    """Return the largest deviation of any coefficient, relative to the largest coefficient."""
    return float((found.flatten() - expected.flatten()).abs().max() / expected.flatten().abs().max())


def pywt_atoms(samples: int, wavelet: str, scale: int, kind: str) -> NDArray[np.float64]:
    """Let PyWavelets synthesise every atom of a one-dimensional band, shape (coefficient, sample)."""
    sizes = [samples]
    for _ in range(scale):
        sizes.append(coarser_size(sizes[-1], pywt.Wavelet(wavelet).dec_len))
    unit = np.eye(sizes[-1])
    atoms = pywt.idwt(unit, None, wavelet) if kind == "a" else pywt.idwt(None, unit, wavelet)
    for size in reversed(sizes[1:-1]):
        atoms = pywt.idwt(atoms[:, :size], None, wavelet)
    return np.asarray(atoms[:, :samples])


def signals(min_size: int = 1, max_size: int = 12) -> st.SearchStrategy[Tensor]:
    """Draw float64 signals of one to three dimensions, of every small size, with several items and channels."""
    batch = st.lists(st.integers(1, 3), min_size=2, max_size=2)
    space = st.lists(st.integers(min_size, max_size), min_size=1, max_size=3)
    seed = st.integers(0, 2**31)
    return st.builds(lambda batch, space, seed: noise(*batch, *space, seed=seed), batch, space, seed)


def wavelets(max_taps: int = 12) -> st.SearchStrategy[str]:
    """Draw the name of a wavelet whose filters are short enough for volumes."""
    return st.sampled_from([name for name in WAVELETS if pywt.Wavelet(name).dec_len <= max_taps])
