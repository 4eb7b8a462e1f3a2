"""One slider per scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import traitlets

from .base import Checked, Widget
from .settings import require_names, require_weights


class ScaleSliders(Widget, trio=__file__):
    """A labelled slider for the weight of every scale, each with solo and mute.

    Parameters
    ----------
    names : sequence of str
        Names of the scales, coarse to fine, such as `explanation.scales`.
    weights : sequence of float, optional
        From 0 to 2, one per scale; all 1 by default.
    **options
        What every ipywidget takes: layout, tooltip, tabbable.

    Raises
    ------
    TypeError, ValueError
        For settings that don't exist, or that can't be right.

    Examples
    --------
    Link them to any view, in the kernel or in the browser alone::

        sliders = ScaleSliders(explanation.scales)
        ipywidgets.jslink((sliders, "weights"), (explorer, "weights"))

    >>> ScaleSliders(["approximation", "detail 1"]).weights
    [1.0, 1.0]
    """

    def _require_weights(self, name: str, value: Any) -> list[float]:
        return require_weights(name, value, self.names)

    names = Checked[list[str]]([], require_names, help="Names of the scales, coarse to fine.")
    weights = Checked[list[float]]([], _require_weights, help="Per scale, from 0 to 2.")

    def __init__(self, names: Sequence[str], weights: Sequence[float] | None = None, **options: Any) -> None:
        given = [1.0] * len(require_names(self, "names", names)) if weights is None else weights
        super().__init__(names=names, weights=given, **options)

    @traitlets.observe("names")
    def _fit(self, _: Any) -> None:
        """Start afresh when the number of scales changes."""
        if len(self.weights) != len(self.names):
            self.weights = [1.0] * len(self.names)

    def __repr__(self) -> str:
        return f"ScaleSliders({', '.join(f'{n} × {w:g}' for n, w in zip(self.names, self.weights, strict=True))})"
