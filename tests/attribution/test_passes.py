"""The loop: any device, no waiting for it, sub-batches that find their size; points and seeds as they should be."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import scipy.stats.qmc
import torch
from torch import Tensor, nn
from torch.testing import assert_close
from torch.utils._python_dispatch import TorchDispatchMode

import wam_widgets as wam
from wam_widgets.attribution.passes import SubBatch, sub_batch_for
from wam_widgets.attribution.paths import SEGMENTS, copy_seed, nested_points, quadrature

from .networks import SmallNet, signal_of

METHODS: list[Any] = ["saliency", "smoothgrad", "integrated_gradients"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("space", [1, 2, 3])
def test_the_whole_call_runs_on_a_device_without_data(method: Any, space: int) -> None:
    model = SmallNet(space).to("meta")
    signal = torch.empty(2, 2, *(16, 17, 18)[:space], device="meta", dtype=torch.float64)
    found = wam.explain(model, signal, 1, method=method, batch_size=4, wavelet="db2", level=1)
    assert found.gradient.device.type == "meta"
    assert found.gradient.shape == signal.shape
    assert all(band.device.type == "meta" for *_, band in found.attribution.bands())
    assert found.maps().shape == (2, 2, *signal.shape[2:])
    if method == "smoothgrad":
        assert found.standard_error().approximation.device.type == "meta"


class HostReads(TorchDispatchMode):
    """Counts what makes the host wait for a device: reading a number, an index or a copy from it."""

    WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "is_nonzero", "unique")

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += any(name in str(func) for name in self.WAITING)
        return func(*args, **(kwargs or {}))


def reads(samples: int, method: Any, **options: Any) -> int:
    with HostReads() as mode:
        wam.explain(SmallNet(2), signal_of(13, 18), 1, method=method, samples=samples, batch_size=4, **options)
    return int(mode.count)


class Transfers(TorchDispatchMode):
    """Counts copies from the host to the device."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        if "copy" in str(func) and isinstance(found, Tensor) and found.is_meta:
            self.count += any(isinstance(each, Tensor) and each.device.type == "cpu" for each in args)
        return found


@pytest.mark.parametrize("method", METHODS[1:])
def test_no_sub_batch_sends_anything_to_the_device(method: Any) -> None:
    counts = []
    for samples in (16, 96):
        with Transfers() as mode:
            signal = torch.empty(2, 2, 16, 17, device="meta", dtype=torch.float64)
            wam.explain(SmallNet(2).to("meta"), signal, 1, method=method, samples=samples, batch_size=4)
        counts.append(mode.count)
    assert counts[0] == counts[1] > 0


def test_groups_that_do_not_fit_are_fewer_and_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    signal = signal_of(13, 18)
    monkeypatch.setattr("wam_widgets.attribution.averages.GROUPS_MEMORY", 9 * signal.numel() * 8)
    fewer = wam.explain(SmallNet(2), signal, 1)
    assert fewer.groups is not None
    assert fewer.groups.groups == fewer.settings["groups"] == 9
    assert "memory" in fewer.settings["groups_limited_by"]
    monkeypatch.setattr("wam_widgets.attribution.averages.GROUPS_MEMORY", 7 * signal.numel() * 8)
    with pytest.raises(ValueError, match="a signal this large leaves no memory for more"):
        wam.explain(SmallNet(2), signal, 1).standard_error()


@pytest.mark.parametrize("method", METHODS[1:])
def test_no_sub_batch_waits_for_the_device(method: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    few, many = reads(16, method), reads(96, method)
    assert few == many
    monkeypatch.setattr("wam_widgets.attribution.averages.WATCH_EVERY", np.inf)
    assert reads(96, method, watch=print) == many
    with HostReads() as mode:
        torch.ones(3).sum().item()
    assert mode.count == 1  # the counter can count


# ------------------------------------------------------------------------------------------------------------ sub-batch


def settle(seconds_per_pass: dict[int, float]) -> SubBatch:
    """Let a sub-batch learn from given timings."""
    found = SubBatch()
    for _ in range(100):
        if found.settled:
            break
        found._learn(float(seconds_per_pass[found.size]))
    return found


@pytest.mark.parametrize(
    ("timings", "best"),
    [
        ({1: 45, 2: 38, 4: 34, 8: 42}, 4),
        ({1: 10, 2: 20}, 1),
        ({1: 11.2, 2: 11.1, 4: 10.2, 8: 10.8}, 4),
        ({1: 8, 2: 4, 4: 2, 8: 1, 16: 0.9, 32: 0.8, 64: 3}, 32),
    ],
)
def test_a_sub_batch_grows_while_the_time_per_pass_falls(timings: dict[int, float], best: int) -> None:
    assert settle(timings).size == best


def test_a_machine_that_is_slow_for_a_while_does_not_choose_the_size() -> None:
    found = SubBatch()
    for number in range(100):
        if found.settled:
            break
        slow = 1.2 if 4 <= number < 7 else 1.0  # while four at once are tried
        found._learn(slow * {1: 1.3, 2: 1.1, 4: 1.0, 8: 1.2}[found.size])
    assert found.size == 4


def test_on_the_cpu_no_more_samples_are_run_at_once_than_fit_comfortably() -> None:
    signals = {1: torch.empty(1, 1, 60 * 44_100), 8: torch.empty(3, 1, 2**19), 2: torch.empty(1, 3, 700, 900)}
    for most, signal in signals.items():
        found = sub_batch_for(SmallNet(1), signal, None, "auto")
        assert found.most // most == 1, "at most four million samples, and always one pass"
        while not found.settled:
            found._learn(1 / found.size)  # the more the better
        assert found.size == most
        # Another device has memory of its own, and wants to be filled.
        assert sub_batch_for(SmallNet(1), signal.to("meta"), None, "auto").most == torch.inf
    assert sub_batch_for(SmallNet(1), signals[1], None, 5).size == 5, "who asks for more gets it"


def test_what_was_found_is_remembered_per_model_shape_and_device() -> None:
    model, signal = SmallNet(2), signal_of(13, 18)
    first = sub_batch_for(model, signal, None, "auto")
    assert sub_batch_for(model, signal[:1], None, "auto") is first
    assert sub_batch_for(model, signal.float(), None, "auto") is not first
    assert sub_batch_for(SmallNet(2), signal, None, "auto") is not first
    assert sub_batch_for(model, signal, None, 3).size == 3


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=["device", "host", "allocator"],
)
def test_too_large_a_sub_batch_is_halved_and_nothing_is_lost(error: Exception) -> None:
    network = SmallNet(2)
    sizes: list[int] = []

    def small(signal: Tensor) -> Tensor:
        sizes.append(len(signal))
        if len(signal) > 2:
            raise error
        output: Tensor = network(signal)
        return output

    signal = signal_of(13, 18, items=1)
    remembered = sub_batch_for(small, signal, None, "auto")
    remembered.size = 16
    found = wam.explain(small, signal, 1, samples=20)
    assert_close(found.gradient, wam.explain(network, signal, 1, samples=20).gradient)
    assert max(sizes) == 16
    assert remembered.size == 2
    with pytest.raises(MemoryError, match=r"8 pass\(es\) at once must fit into memory.*Pass `batch_size=4` or 'auto'"):
        wam.explain(small, signal, 1, batch_size=8)


def test_memory_that_runs_out_in_the_reducer_counts_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    model, signal = SmallNet(2), signal_of(13, 18, items=1)
    options: dict[str, Any] = {"samples": 20, "aggregate": "mean_abs", "level": 2}
    expected = wam.explain(model, signal, 1, batch_size=2, **options)
    pull_back = wam.pull_back

    def scarce(gradient: Tensor, *rest: Any, **more: Any) -> wam.Coefficients:
        if len(gradient) > 2:
            raise MemoryError
        return pull_back(gradient, *rest, **more)

    monkeypatch.setattr("wam_widgets.attribution.averages.pull_back", scarce)
    sub_batch_for(model, signal, None, "auto").size = 8
    found = wam.explain(model, signal, 1, **options)
    assert_close(found.gradient, expected.gradient)
    assert_close(found.attribution.flatten(), expected.attribution.flatten())


def test_the_last_sub_batches_are_alike() -> None:
    settled = SubBatch(4, settled=True)
    left, sizes = 25, []
    while left:
        sizes.append(settled.next(left))
        left -= sizes[-1]
    assert sizes == [4, 4, 4, 4, 3, 3, 3]
    assert SubBatch(4, fixed=True).next(5) == 4


def test_other_errors_of_the_model_are_its_own() -> None:
    def broken(signal: Tensor) -> Tensor:
        if signal.requires_grad:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")
        return signal.flatten(1)

    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        wam.explain(broken, signal_of(13, 18), 1)


# ---------------------------------------------------------------------------------------------------------------- paths


def test_seeds_0_to_99_share_no_copy() -> None:
    seeds = {copy_seed(seed, copy) for seed in range(100) for copy in range(400)}
    assert len(seeds) == 100 * 400
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert len({copy_seed(2**40 + seed, copy) for seed in range(10) for copy in range(400)}) == 4000


def test_noise_is_standard_normal_and_uncorrelated_between_copies_and_seeds() -> None:
    signal = torch.zeros(1, 1, 4096, dtype=torch.float64)
    signal[..., 0] = 1.0
    copies: list[Tensor] = []

    def model(x: Tensor) -> Tensor:
        copies.extend(x.detach()[:, 0, 1:])
        return x.flatten(1).sum(1)

    for seed in (0, 1):
        wam.explain(model, signal, samples=10, noise=2.0, seed=seed, batch_size=1)
    noise = torch.stack([copy for copy in copies if copy.any()])
    assert len(noise) == 20
    assert_close(noise.std(), torch.tensor(2.0, dtype=torch.float64), rtol=0.02, atol=0)
    off_diagonal = torch.corrcoef(noise) - torch.eye(20)
    assert off_diagonal.abs().max() < 5 / 4096**0.5


@pytest.mark.parametrize("space", [1, 2, 3])
def test_the_published_noise_is_the_default_and_recorded(space: int) -> None:
    found = wam.explain(SmallNet(space), signal_of(*(16, 17, 18)[:space]), 1, level=1)
    assert found.settings["noise"] == {1: 0.001, 2: 0.25, 3: 0.0001}[space]


@pytest.mark.parametrize("count", [1, 2, 7, 25])
def test_gauss_legendre_integrates_polynomials_of_twice_its_degree(count: int) -> None:
    points, weights = quadrature("gauss-legendre", count)
    for power in range(2 * count):
        assert weights @ points**power == pytest.approx(1 / (power + 1))


def test_midpoint_and_trapezoid_are_numpys() -> None:
    points, weights = quadrature("trapezoid", 9)
    values = np.exp(points)
    assert weights @ values == pytest.approx(np.trapezoid(values, points))
    points, weights = quadrature("midpoint", 4)
    assert points.tolist() == [0.125, 0.375, 0.625, 0.875]
    assert weights.tolist() == [0.25] * 4


def test_the_power_rule_integrates_what_is_like_one_over_alpha() -> None:
    points, weights = quadrature("power", 25)
    assert weights.sum() == pytest.approx(1)
    assert weights @ (1 / (points + 1e-6)) == pytest.approx(np.log((1 + 1e-6) / 1e-6), rel=0.01)


@pytest.mark.parametrize("count", [1, 3, 9, 27, 81])
def test_nested_points_are_midpoints_at_every_power_of_three(count: int) -> None:
    found = np.sort(nested_points(np.arange(count)))
    np.testing.assert_allclose(found, (np.arange(count) + 0.5) / count)


@pytest.mark.parametrize("count", [7, 20, 50])
def test_nested_points_are_spread_evenly_in_between(count: int) -> None:
    """Their discrepancy is far below that of random points, which is 1 / sqrt(6 n) on average."""
    discrepancy = scipy.stats.qmc.discrepancy(nested_points(np.arange(count))[:, None], method="L2-star")
    assert discrepancy < 0.5 / (6 * count) ** 0.5


def test_the_segments_tile_the_line() -> None:
    assert SEGMENTS[0] == 0
    assert SEGMENTS[-1] == 1
    assert (np.diff(SEGMENTS) > 0).all()


def test_a_module_hidden_in_a_method_is_found() -> None:
    class Dropping(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = nn.Sequential(nn.Dropout(), SmallNet(2)).double()

        def predict(self, signal: Tensor) -> Tensor:
            output: Tensor = self.network(signal)
            return output

    model = Dropping()
    expected = wam.explain(model.network[1], signal_of(13, 18), 1).gradient
    assert_close(wam.explain(model.predict, signal_of(13, 18), 1).gradient, expected)
    assert model.network.training


FAULTS = """
import resource, torch
import wam_widgets as wam

faults = []
layers = [torch.nn.Conv3d(1, 16, 3, padding=1), torch.nn.Conv3d(16, 16, 3, padding=1), torch.nn.AdaptiveAvgPool3d(1)]
network = torch.nn.Sequential(*layers, torch.nn.Flatten())

def model(batch):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    output = network(batch)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return output

wam.explain(model, torch.rand(1, 1, 32, 32, 32), 0, samples=80, batch_size=4, progress=False)
print(*faults)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries keep memory by rules of their own")
def test_a_pass_finds_the_memory_that_the_one_before_it_freed() -> None:
    # Dask sets one of these for whoever starts a cluster, and any of them switches glibc's own rule off.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    told = subprocess.check_output([sys.executable, "-c", FAULTS], text=True, env=environment)
    faults = [int(number) for number in told.split()]
    assert len(faults) >= 20
    assert statistics.median(faults) < 1000, "of the 8,192 pages of the activations"
