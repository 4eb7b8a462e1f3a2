"""What the axes of a signal mean, and the one place where the number of dimensions is looked up."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

if TYPE_CHECKING:
    from torch import Tensor

from wam_widgets.checks import finite_number, require_count


class Dimensions(NamedTuple):
    """What differs between sound, images and volumes."""

    name: str
    axes: tuple[str, ...]
    unit: str
    orientations: dict[str, str]  # filters per axis (a: low-pass, d: high-pass) -> name, in PyWavelets' order
    published_noise: float  # SmoothGrad's noise in the published experiments, as a fraction of the item's range


_DIMENSIONS = {
    1: Dimensions("sound", ("time",), "sample", {"d": "d"}, 0.001),
    2: Dimensions("image", ("y", "x"), "px", {"da": "horizontal", "ad": "vertical", "dd": "diagonal"}, 0.25),
    3: Dimensions(
        "volume",
        ("z", "y", "x"),
        "voxel",
        {name: name for name in ("aad", "ada", "add", "daa", "dad", "dda", "ddd")},
        0.0001,
    ),
}


def dimensions(count: int) -> Dimensions:
    """Look up what is particular to `count` spatial dimensions (1, 2 or 3)."""
    return _DIMENSIONS[count]


def real_numbers(given: object) -> Tensor | None:
    """Return a tensor, or a NumPy array, of real numbers or truth values as a tensor; None if it is none.

    Examples
    --------
    >>> real_numbers(np.array([1, 2])), real_numbers(np.array(["one", "two"]))
    (tensor([1, 2]), None)
    """
    if isinstance(given, np.ndarray):
        given = torch.as_tensor(given) if given.dtype.kind in "biuf" else None
    return given if isinstance(given, torch.Tensor) and not given.is_complex() else None


def energy(signal: Tensor) -> Tensor:
    """Return the sum of squares of every item, shape (item,), in float64.

    Examples
    --------
    >>> energy(torch.tensor([[[3.0, 4.0]]]))
    tensor([25.], dtype=torch.float64)
    """
    flat = signal.flatten(1)
    found = flat.square().sum(1).double()
    # Ten times as fast as in float64, and as precise as the samples, unless their squares leave the range of float32.
    extreme = (found < 1e-30) | (found > 1e30)
    found[extreme] = flat[extreme].double().square().sum(1)
    return found


def require_signal(signal: object, name: str = "signal") -> Tensor:
    r"""Return `signal` if it is a batch that can be transformed; explain what is wrong otherwise.

    Raises
    ------
    TypeError
        Unless it is a torch tensor of float32 or float64.
    ValueError
        Unless its shape is (item, channel, \*space) with one to three spatial axes and nothing is empty.
    """
    if not isinstance(signal, torch.Tensor):
        raise TypeError(
            f"`{name}` must be a torch tensor of shape (item, channel, *space); got {type(signal).__name__}. "
            f"Pass `torch.as_tensor({name})`."
        )
    if signal.dtype not in (torch.float32, torch.float64):
        remedy = f"Pass `{name}.float()`"
        if not signal.dtype.is_floating_point:
            usual = {
                torch.uint8: f"8-bit images often from 0 to 1, `{name}.float() / 255`, and 8-bit sound from -1 to 1, "
                f"`{name}.float() / 128 - 1`",
                torch.int16: f"16-bit sound usually from -1 to 1, `{name}.float() / 32768`",
                torch.int32: f"32-bit sound usually from -1 to 1, `{name}.float() / 2**31`",
            }.get(signal.dtype, f"for 8-bit data often `{name}.float() / 255`")
            remedy += f", scaled as your model expects it ({usual})"
        raise TypeError(f"`{name}` must be of dtype float32 or float64; got {signal.dtype}. {remedy}.")
    if signal.ndim - 2 not in _DIMENSIONS:
        raise ValueError(
            f"`{name}` must have the axes (item, channel, *space) with 1, 2 or 3 spatial axes; got shape "
            f"{tuple(signal.shape)}. A single item needs its item axis, `{name}[None]`, and data without channels "
            f"needs a channel axis, `{name}[:, None]`."
        )
    if 0 in signal.shape:
        raise ValueError(
            f"`{name}` must hold at least one item, channel and sample; got shape {tuple(signal.shape)}, which is "
            f"empty. Pass at least one item."
        )
    return signal


#: The least volume of axes of length 1 that count as three.
_FLATTEST = 1e-6

#: Units of time, in seconds.
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6}


@dataclass(frozen=True, slots=True)
class Grid:
    """What the spatial axes of a signal mean.

    Parameters
    ----------
    axes : tuple of str
        Name of each spatial axis, in the order of the tensor: ("time",), ("y", "x") or ("z", "y", "x") by default.
    spacing : tuple of float
        Distance between neighbouring samples along each axis, in the axis' unit.
    units : tuple of str
        Unit of each axis, such as "s" or "mm"; by default "sample", "px" or "voxel".
    affine : tuple of tuple of float, optional
        4 x 4 matrix from voxel indices, in the order of the tensor, to world coordinates x, y and z in the axes' unit
        (volumes only): of a NIfTI image whose array is transposed to (z, y, x), `image.affine[:, [2, 1, 0, 3]]`.

    Raises
    ------
    ValueError
        If the lengths disagree, a spacing is not positive, or the affine is not 4 x 4 with the last row (0, 0, 0, 1),
        has other distances between voxels than the spacing, or maps all of them into a plane.

    Examples
    --------
    >>> Grid(axes=("time",), spacing=(1 / 16_000,), units=("s",)).units
    ('s',)
    """

    axes: tuple[str, ...]
    spacing: tuple[float, ...]
    units: tuple[str, ...]
    affine: tuple[tuple[float, ...], ...] | None = None

    def __post_init__(self) -> None:
        # Lists and arrays are welcome; what is kept is hashable, comparable and fit for JSON.
        object.__setattr__(self, "axes", tuple(self.axes))
        object.__setattr__(self, "units", tuple(self.units))
        taken = {"item", "channel", "scale", "orientation"} & set(self.axes)
        if taken or len(set(self.axes)) < len(self.axes):
            raise ValueError(
                f"`axes` of a grid must have names of their own, other than item, channel, scale and orientation; got "
                f"{self.axes}. Pass e.g. `axes=('y', 'x')`."
            )
        steps = np.asarray(self.spacing, dtype=object)
        if steps.ndim != 1 or not len(self.axes) == len(steps) == len(self.units):
            raise ValueError(
                f"`axes`, `spacing` and `units` of a grid must have one entry per spatial axis; got {self.axes}, "
                f"{self.spacing} and {self.units}. Pass e.g. `Grid(('y', 'x'), (0.5, 0.5), ('mm', 'mm'))`."
            )
        numbers = [number for step in steps if (number := finite_number(step)) is not None and number > 0]
        if len(numbers) < len(steps):
            raise ValueError(
                f"`spacing` of a grid must be positive; got {self.spacing}. Pass e.g. `spacing=(1.0, 1.0)`."
            )
        object.__setattr__(self, "spacing", tuple(numbers))
        if self.affine is None:
            return
        object.__setattr__(self, "affine", tuple(tuple(map(float, row)) for row in self.affine))
        rows = [len(row) for row in self.affine]
        remedy = "Pass e.g. `image.affine[:, [2, 1, 0, 3]]` with a tensor of axes (z, y, x)."
        if rows != [4] * 4 or not all(math.isfinite(number) for row in self.affine for number in row):
            raise ValueError(
                f"`affine` of a grid must be a 4 x 4 matrix of finite numbers; got {len(rows)} rows of lengths {rows}: "
                f"{self.affine}. {remedy}"
            )
        if list(self.affine[3]) != [0, 0, 0, 1]:
            raise ValueError(f"`affine` of a grid must have the last row (0, 0, 0, 1); got {self.affine[3]}. {remedy}")
        lengths = tuple(math.hypot(*column[:3]) for column in zip(*self.affine, strict=True))[:3]
        if len(self.spacing) != 3 or not np.allclose(lengths, self.spacing, rtol=1e-3, atol=0):  # files are imprecise
            raise ValueError(
                f"`affine` of a grid must belong to three axes, and its columns must be as long as their spacing "
                f"{self.spacing}; they are {tuple(round(length, 6) for length in lengths)}. {remedy}"
            )
        if abs(np.linalg.det(np.array(self.affine)[:3, :3] / lengths)) < _FLATTEST:
            raise ValueError(
                f"`affine` of a grid must have axes that differ; got {self.affine}, whose columns lie in one plane. "
                f"{remedy}"
            )

    def coarser(self, step: int | Sequence[int]) -> Grid:
        """Return the grid of means over blocks of so many samples along each axis, as pooling leaves them.

        Parameters
        ----------
        step : int or sequence of int
            Samples of a block, along every axis or one number per axis.

        Raises
        ------
        ValueError
            Unless every step is a whole number of at least 1.

        Examples
        --------
        >>> fine = Grid(("z", "y", "x"), (1.0, 0.5, 0.5), ("mm", "mm", "mm"))
        >>> fine.coarser(2).spacing  # of `torch.nn.functional.avg_pool3d(signal, 2)`
        (2.0, 1.0, 1.0)
        """
        given = list(step) if isinstance(step, Sequence) else [step] * len(self.axes)
        if len(given) != len(self.axes):
            raise ValueError(
                f"`step` must be a whole number, or one per axis {self.axes}; got {step!r}. Pass e.g. `step=2`."
            )
        sizes = [require_count("step", each, 2) for each in given]
        affine = None
        if self.affine is not None:  # places are the blocks' centres
            affine = tuple(
                (
                    *(size * each for size, each in zip(sizes, row, strict=False)),
                    row[3] + sum(each * (size - 1) / 2 for size, each in zip(sizes, row, strict=False)),
                )
                for row in self.affine
            )
        spacing = tuple(size * each for size, each in zip(sizes, self.spacing, strict=True))
        return Grid(self.axes, spacing, self.units, affine)

    @property
    def sample_rate(self) -> float | None:
        """Samples per second of a signal whose only axis counts time; None of any other."""
        if len(self.axes) != 1 or self.units[0] not in _SECONDS:
            return None
        return 1 / (self.spacing[0] * _SECONDS[self.units[0]])

    @classmethod
    def sound(cls, sample_rate: int | float) -> Grid:  # noqa: PYI041  # tests take no int for a float
        """Return the grid of a sound or another signal in time, of so many samples per second.

        Raises
        ------
        ValueError
            Unless the rate is a positive number.

        Examples
        --------
        >>> Grid.sound(44_100).sample_rate
        44100.0
        """
        rate = finite_number(sample_rate)
        if rate is None or rate <= 0:
            raise ValueError(
                f"`sample_rate` must be a positive number of samples per second; got {sample_rate!r}. Pass e.g. "
                f"`Grid.sound(44_100)`."
            )
        return cls(("time",), (1 / rate,), ("s",))

    @classmethod
    def default(cls, count: int) -> Grid:
        """Return the grid of a signal that nothing is known of: `count` axes in steps of one sample."""
        known = dimensions(count)
        return cls(known.axes, (1.0,) * count, (known.unit,) * count)
