"""What every view of an explanation has: how its colours are chosen, what noise is hidden, and the arrays it draws."""

from __future__ import annotations

from typing import Any

import traitlets

from .base import Checked, Widget
from .settings import between, flag, one_of, whole

#: Colour maps of matplotlib that the colour-blind can read: from light to dark for magnitudes, about zero for signs.
SEQUENTIAL = ("magma", "viridis", "cividis", "Greys")
DIVERGING = ("RdBu", "PuOr", "BrBG")

#: False discovery rates to choose from.
RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


class View(Widget):
    """One item of an explanation: its arrays come from an explorer, settings from Python or from the controls."""

    def _require_item(self, name: str, value: Any) -> int:
        return whole(0, max(len(self._items) - 1, 0))(self, name, value)

    # --------------------------------------------------------------------------------------- what is looked at, and how
    item = Checked[int](0, _require_item, help="Number of the item shown.")
    signed = Checked[bool](
        default=False,
        check=flag,
        help="Sums over channels and bands with their sign, rather than of magnitudes.",
    )
    opacity = Checked[float](1.0, between(0.0, 1.0), help="Of the colours; at 0 the signal itself is seen.")
    colours = Checked[str]("magma", one_of(*SEQUENTIAL), help="Colour map of magnitudes.")
    signed_colours = Checked[str]("RdBu", one_of(*DIVERGING), help="Colour map of signed values.")
    limit = Checked[float](
        0.0,
        between(0.0),
        help="Value at the end of the colour scale; 0 for the 99.5th percentile of all that could be shown. Set it "
        "alike in two explorers to compare them.",
    )
    significant = Checked[bool](default=False, check=flag, help="Hide what can't be told from zero.")
    rate = Checked[float](0.05, one_of(*RATES), help="False discovery rate of what is not hidden.")
    denoised = Checked[bool](default=False, check=flag, help="Show what is left of it without noise.")

    # -------------------------------------------------------------------------------------------- what is to be drawn
    _signal = traitlets.Dict(help="The item's arrays that no pass changes: see the explorer's `_signal_of`.").tag(
        sync=True
    )
    _values = traitlets.Dict(help="What the passes found: see `explorers.arrays.values_of`.").tag(sync=True)
    _errors = traitlets.Dict(help="Arrays of their errors, a moment later: see `explorers.arrays.errors_of`.").tag(
        sync=True
    )
    _items: traitlets.List[dict[str, Any]] = traitlets.List(help="Title and thumbnail of every item.").tag(sync=True)
    _tables = traitlets.Dict(help="Colour tables, sequential and diverging, by name: 1024 x RGBA.").tag(sync=True)
    _rates = traitlets.List(list(RATES), help="What `rate` can be.").tag(sync=True)
