"""Insertion and deletion curves with a cursor, and what the model saw there: what a browser shows of them."""

from __future__ import annotations

from typing import Any

import traitlets

from .base import Checked, Widget
from .settings import flag, one_of, whole

#: Curves that are drawn; and what they are drawn over.
KINDS = ("both", "insertion", "deletion")
AXES = ("units", "energy")


class CurveView(Widget, trio=__file__):
    """What `CurveScrubber` shows, as traits."""

    # ------------------------------------------------------------------------------------------------- what is allowed

    def _require_item(self, name: str, value: Any) -> int:
        return whole(0, max(len(self._items) - 1, 0))(self, name, value)

    def _require_step(self, name: str, value: Any) -> int:
        return whole(0, self._report["steps"])(self, name, value)

    def _require_method(self, name: str, value: Any) -> str:
        framed = [each["name"] for each in self._report["methods"] if each["framed"]]
        return str(one_of(*framed)(self, name, value))

    # --------------------------------------------------------------------------------------- what is looked at, and how
    item = Checked[int](0, _require_item, help="Number of the item shown.")
    method = Checked[str]("", _require_method, help="Whose order what the model saw is in.")
    step = Checked[int](0, _require_step, help="Where the cursor is, from none of the units to all.")
    kind = Checked[str]("both", one_of(*KINDS), help="Which of the curves are shown.")
    axis = Checked[str]("units", one_of(*AXES), help="What is to the right: the fraction of the units, or of energy.")
    bands = Checked[bool](default=True, check=flag, help="Intervals of the mean over items, where there are any.")

    # -------------------------------------------------------------------------------------------- what is to be drawn
    _report = traitlets.Dict(help="What all items share: see `CurveScrubber._shared`.").tag(sync=True)
    _values = traitlets.Dict(help="Curves and frames of the item: see `CurveScrubber._values_of`.").tag(sync=True)
    _items: traitlets.List[dict[str, Any]] = traitlets.List(help="Number and title of every item.").tag(sync=True)
    _note = traitlets.Unicode(help="What a page holds less than the kernel.").tag(sync=True)
