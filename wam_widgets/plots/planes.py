"""How a signal of one, two or three dimensions becomes flat panels; what differs between them is here."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor

from wam_widgets.attribution import Explanation
from wam_widgets.transform import Grid

from .canvas import INK, SIZE, TEXT, Colours, clean, say
from .words import number, plain

#: A panel shows no more columns of a sound than a screen has pixels.
_COLUMNS = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """A flat cut through the signal's space, or a strip of a sound.

    Parameters
    ----------
    grid : Grid
        What the axes mean.
    size : tuple of int
        Spatial size of the signal.
    across : int or None
        In a volume, the axis that the cut is central of.
    """

    grid: Grid
    size: tuple[int, ...]
    across: int | None = None

    @property
    def axes(self) -> tuple[int, ...]:
        """The spatial axes that are shown: rows and columns, or only columns."""
        return tuple(axis for axis in range(len(self.size)) if axis != self.across)

    @property
    def name(self) -> str:
        """Where a volume is cut, in a title's words."""
        return f"central slice, {self.place}" if self.place else ""

    @property
    def place(self) -> str:
        """Where a volume is cut."""
        if self.across is None:
            return ""
        index = self.size[self.across] // 2
        place = number(index * self.grid.spacing[self.across])
        return f"{plain(self.grid.axes[self.across])} = {place} {plain(self.grid.units[self.across])}"

    @property
    def reduced(self) -> str:
        """Say what was done to a sound that has more samples than a panel has columns."""
        return f"peaks in {_COLUMNS} columns" if len(self.size) == 1 and self.size[0] > _COLUMNS else ""

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom and top in the grid's units: samples are centred on their coordinates.

        Rows go down, but where their axis is named "up".
        """
        *rows, (left, right) = (
            (-0.5 * self.grid.spacing[axis], (self.size[axis] - 0.5) * self.grid.spacing[axis]) for axis in self.axes
        )
        top, bottom = rows[0] if rows else (1.0, 0.0)
        return (left, right, top, bottom) if self._upwards else (left, right, bottom, top)

    @property
    def width(self) -> float:
        """Width in the grid's unit, or 1 where axes of different units make sizes incomparable."""
        return self.extent[1] - self.extent[0] if self._to_scale else 1.0

    @property
    def ratio(self) -> float:
        """Height divided by width, as it is drawn."""
        return self._true_ratio if self._to_scale else 0.75

    @property
    def _true_ratio(self) -> float:
        left, right, bottom, top = self.extent
        return abs(bottom - top) / (right - left)

    @property
    def _upwards(self) -> bool:
        return len(self.axes) == 2 and self.grid.axes[self.axes[0]] == "up"

    @property
    def _to_scale(self) -> bool:
        return len(self.axes) == 2 and len({self.grid.units[a] for a in self.axes}) == 1 and 0.2 < self._true_ratio < 5

    def cut(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Cut an array of the signal's space; rows and columns. Long sounds are reduced to the peak of each column."""
        if self.across is not None:
            return np.asarray(values.take(self.size[self.across] // 2, axis=self.across))
        if values.ndim > 1:
            return values
        return (np.maximum.reduceat(values, self._starts()) if self.reduced else values)[None]

    def show(self, axes: Axes, values: NDArray[np.float64], colours: Colours, *, ticks: bool = True) -> None:
        """Draw a map; where there is nothing to see, say so."""
        self._show(axes, np.ma.masked_invalid(self.cut(values)), norm=colours.norm, cmap=colours.cmap)
        self.label(axes, ticks=ticks)
        bad = int((~np.isfinite(values)).sum())
        if bad:
            say(axes, f"{bad} of {values.size} values\nare not finite")
        elif not values.any():
            say(axes, "all zero")

    def lay_over(self, axes: Axes, values: NDArray[np.float64], colours: Colours) -> None:
        """Draw a map in see-through colours over a signal that is there already (behind the curve of a sound)."""
        below, above = axes.get_ylim()
        self.show(axes, values, colours)
        if len(self.size) == 1:
            axes.images[-1].set(extent=(*self.extent[:2], below, above), zorder=0.5)
            axes.set_ylim(below, above)

    def show_signal(self, axes: Axes, signal: NDArray[np.float64], *, faint: bool = False) -> str:
        """Draw a signal, (channel, *space), and return how it was drawn; if faint, as a background in light grey."""
        channels, notes = signal.shape[0], [self.reduced]
        coloured = len(self.size) == 2 and channels == 3
        if channels > 1 and not coloured:
            notes.append(f"mean of {channels} channels")
        shown = signal if coloured and not faint else signal.mean(0, keepdims=True)
        finite = shown[np.isfinite(shown)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        if len(self.size) == 1:
            self._waveform(axes, shown[0])
            axes.set_ylabel("signal", fontsize=SIZE - 1, labelpad=2, **TEXT)
        else:
            if low >= 0 and high <= 1:
                low, high = 0.0, 1.0
            elif not faint:
                notes.append(f"shown from {number(low)} to {number(high)}")
            flat = np.stack([self.cut(channel) for channel in shown], axis=-1)
            bright = np.clip(np.nan_to_num((flat - low) / (high - low or 1.0), nan=0.0, posinf=1.0, neginf=0.0), 0, 1)
            self._show(axes, np.broadcast_to(0.35 + 0.65 * bright if faint else bright, (*flat.shape[:2], 3)))
        self.label(axes)
        if finite.size < shown.size:
            say(axes, f"{shown.size - finite.size} of {shown.size} values\nare not finite")
        return ", ".join(note for note in notes if note)

    def label(self, axes: Axes, *, ticks: bool = True) -> None:
        """Write names and units beside the axes, or remove the ticks."""
        clean(axes)
        if not ticks:
            axes.set_xticks([])
            axes.set_yticks([])
            return
        axes.locator_params(axis="x", nbins=4)
        names = [f"{plain(self.grid.axes[axis])} ({plain(self.grid.units[axis])})" for axis in self.axes]
        axes.set_xlabel(names[-1], fontsize=SIZE - 1, labelpad=2, **TEXT)
        if len(names) == 1 and axes.images and not axes.lines and not axes.collections:
            axes.set_yticks([])  # a strip
        if len(names) > 1:
            axes.locator_params(axis="y", nbins=4)
            axes.set_ylabel(names[0], fontsize=SIZE - 1, labelpad=2, **TEXT)

    def _show(self, axes: Axes, picture: NDArray[np.float64], **colours: object) -> None:
        axes.imshow(
            picture,
            extent=self.extent,
            origin="lower" if self._upwards else "upper",
            aspect="equal" if self._to_scale else "auto",
            interpolation="nearest",
            **colours,  # type: ignore[arg-type]
        )

    def _waveform(self, axes: Axes, wave: NDArray[np.float64]) -> None:
        """Draw a curve over time; a long one as the band between the peaks of each column."""
        step = self.grid.spacing[0]
        if self.reduced:
            starts = self._starts()
            low, high = np.minimum.reduceat(wave, starts), np.maximum.reduceat(wave, starts)
            axes.fill_between(starts * step, low, high, color=INK, linewidth=0.3)
        else:
            axes.plot(np.arange(len(wave)) * step, wave, color=INK, linewidth=0.8, linestyle="-", marker="")
        axes.set_xlim(*self.extent[:2])

    def _starts(self) -> NDArray[np.int64]:
        return np.linspace(0, self.size[0], _COLUMNS, endpoint=False).astype(np.int64)


def planes_of(explanation: Explanation) -> list[Plane]:
    """Return the planes that show a signal: the sound, the image, or the three central slices of the volume."""
    size, grid = explanation.size, explanation.grid
    return [Plane(grid, size, across) for across in (range(3) if len(size) == 3 else [None])]


def array_of(values: Tensor) -> NDArray[np.float64]:
    """Return a tensor of any device and dtype as figures take it."""
    return np.asarray(values.detach().double().cpu().numpy())


def cells_of(explanation: Explanation) -> list[int]:
    """Return how many samples the cell of a coefficient of each scale covers, away from the border."""
    level = len(explanation.scales) - 1
    scales = [level, *range(level, 0, -1)]
    return [math.prod(min(2**scale, samples) for samples in explanation.size) for scale in scales]
