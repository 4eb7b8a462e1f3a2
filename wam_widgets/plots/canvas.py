"""Figures, axes and colour scales that look the same whatever matplotlib is set to."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure, FigureBase
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from .words import number, percent

INK = "#1a1a1a"
FAINT = "#595959"  # on white, 7:1
BLUE, ORANGE = "#0072b2", "#d55e00"  # Okabe and Ito's, which the colour-blind tell apart
SIZE = 10.5

#: Inches; wider figures would have smaller letters on a narrow page.
WIDTH = 8.6

#: For every text: dark, and text only, so that a "$" in a label is a dollar sign and no mathematics.
TEXT: dict[str, Any] = {"color": INK, "parse_math": False, "usetex": False}

#: Percentile of the magnitudes at which a colour scale ends: a few outliers would leave the rest dark.
CLIP = 99.5


class Look(NamedTuple):
    """How the line of a method is drawn."""

    colour: str
    marker: str
    line: Literal["-", ":", "--", "-."]


#: Okabe and Ito's colours in the order of their contrast on white; markers and dashes tell them apart without colour.
LOOKS = (
    Look(BLUE, "o", "-"),
    Look(ORANGE, "s", "-"),
    Look("#009e73", "^", "-"),
    Look("#cc79a7", "D", "-"),
    Look("#8c6d00", "v", "-"),
    Look("#56b4e9", "P", "-"),
)
#: Those of orders that no model had a part in.
CONTROLS = {
    "random": Look(FAINT, "x", ":"),
    "magnitude": Look(FAINT, "+", "--"),
    "oracle": Look(INK, ".", "-."),
}


class _Figure(Figure):
    """A figure that notebooks display although pyplot doesn't know it."""

    def _repr_png_(self) -> bytes:
        return png(self, dpi=100)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty white figure of this size in inches, which lays itself out when it is drawn or saved."""
    engine = ConstrainedLayoutEngine(w_pad=0.09, h_pad=0.06, wspace=0.02, hspace=0.02)
    return _Figure(figsize=(width, height), layout=engine, facecolor="white", edgecolor="white", dpi=100)


def png(figure: Figure, dpi: int) -> bytes:
    """Return the figure as a PNG file."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, facecolor="white", bbox_inches=None)
    return stream.getvalue()


def clean(axes: Axes, *, frame: bool = True) -> Axes:
    """Give axes our own colours and sizes, whatever style is set."""
    axes.set_facecolor("white")
    axes.grid(visible=False)
    for side, spine in axes.spines.items():
        spine.set(color=FAINT, linewidth=0.8, visible=frame or side in {"left", "bottom"})
    axes.tick_params(
        colors=INK, labelsize=SIZE - 1, width=0.8, length=3, direction="out", top=False, right=False, which="both"
    )
    return axes


def title(axes: Axes, text: str) -> None:
    """Write above the axes."""
    axes.set_title(text, fontsize=SIZE, fontweight="normal", loc="center", pad=4, **TEXT)


#: Mean width of a character, bold ones too, as a fraction of the font's size.
_CHARACTER = 0.58


def head(figure: FigureBase, text: str) -> None:
    """Write above the figure."""
    size = SIZE + 0.5
    figure.suptitle(wrapped(text, _width(figure), size), fontsize=size, fontweight="bold", **TEXT)


def foot(figure: FigureBase, text: str) -> None:
    """Write below the figure: how to read it."""
    size = SIZE - 1.5
    figure.supxlabel(
        wrapped(text, _width(figure), size), fontsize=size, fontweight="normal", **(TEXT | {"color": FAINT})
    )


def wrapped(text: str, width: float, size: float) -> str:
    """Break lines that are wider than so many inches; matplotlib's own `wrap` keeps no room for the lines it adds."""
    most = int(72 * width / (_CHARACTER * size))
    return "\n".join(textwrap.fill(line, most) for line in text.split("\n"))


def _width(figure: FigureBase) -> float:
    """Return the width of a figure in inches."""
    box: Bbox = figure.bbox  # type: ignore[attr-defined]  # figures and their parts have both
    return float(box.width / figure.dpi)  # type: ignore[attr-defined]


def say(axes: Axes, sentence: str) -> None:
    """Write a sentence across the axes, on white so that it can be read over anything."""
    box = {"facecolor": "white", "edgecolor": FAINT, "alpha": 0.9, "boxstyle": "round,pad=0.3", "linewidth": 0.6}
    axes.text(
        0.5, 0.5, sentence, transform=axes.transAxes, ha="center", va="center", fontsize=SIZE - 1, bbox=box, **TEXT
    )


@dataclass(frozen=True, slots=True, eq=False)
class Colours:
    """One colour scale, for all arrays that are to be compared.

    Parameters
    ----------
    norm : Normalize
        From values to 0 … 1; symmetric about zero for signed values.
    cmap : Colormap
        From 0 … 1 to colours.
    note : str
        How much lies beyond the end of the scale and is drawn in its last colour, or nothing.
    extend : {"neither", "max", "both"}
        At which ends that is.
    empty : bool
        Whether there is nothing but zeros, so that any scale would do, and none is to be shown.
    """

    norm: Normalize
    cmap: Colormap
    note: str
    extend: str
    empty: bool

    @classmethod
    def shared_by(cls, arrays: Sequence[NDArray[np.float64]], *, signed: bool, see_through: bool = False) -> Colours:
        """Return the colour scale that shows all the arrays: to the largest of their percentiles.

        Parameters
        ----------
        arrays : sequence of float arrays
            What is to be shown; what isn't finite is left out.
        signed : bool
            Diverging colours about zero, rather than from zero upwards.
        see_through : bool
            The lower the value, the more transparent.
        """
        magnitudes = [np.abs(array[np.isfinite(array)]) for array in arrays]
        magnitudes = [array for array in magnitudes if array.size]
        end = max((float(np.percentile(array, CLIP)) for array in magnitudes), default=0.0)
        end = end or max((float(array.max()) for array in magnitudes), default=0.0)
        beyond = sum(int((array > end).sum()) for array in magnitudes)
        note = f"{percent(beyond / sum(array.size for array in magnitudes))} clipped" if beyond else ""
        empty = end == 0
        end = end or 1.0
        cmap = mpl.colormaps["RdBu_r" if signed else "magma_r"]
        if see_through:
            cmap = _see_through(cmap)
        extend = "neither" if not beyond else "both" if signed else "max"
        return cls(Normalize(-end if signed else 0.0, end), cmap, note, extend, empty)

    def bar(self, figure: FigureBase, axes: Sequence[Axes], unit: str, *, length: float) -> None:
        """Draw the colour scale beside the axes that it belongs to, about `length` inches long."""
        mappable = ScalarMappable(self.norm, self.cmap)
        bar = figure.colorbar(
            mappable,
            ax=list(axes),
            extend=self.extend,
            location="right",
            fraction=0.05,
            pad=0.02,
            aspect=25,
            panchor=False,
            ticks=MaxNLocator(5, steps=[1, 2, 5, 10]),
            format=FuncFormatter(lambda value, _: number(value)),
        )
        lines = [line for text in (unit, self.note) if text for line in textwrap.wrap(text, max(int(13 * length), 18))]
        bar.set_label("\n".join(lines), fontsize=SIZE - 1, **TEXT)
        bar.ax.set_facecolor("white")
        bar.ax.tick_params(colors=INK, labelsize=SIZE - 1.5, width=0.8, length=3)
        bar.outline.set(edgecolor=FAINT, linewidth=0.8)


def _see_through(cmap: Colormap) -> Colormap:
    """Return the colours with an opacity that grows with the value."""
    steps = np.linspace(0, 1, 256)
    colours = np.asarray(cmap(steps))
    colours[:, 3] = opacities(steps)
    return ListedColormap(colours)


def opacities(strength: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how opaque a colour over a picture is, from 0 to 1: the weaker its value, from 0 to 1, the less."""
    return 0.95 * np.minimum(strength / 0.7, 1) ** 0.8
