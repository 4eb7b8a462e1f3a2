"""Which view shows an explanation, and what a notebook displays of it."""

from __future__ import annotations

import inspect
import sys
import warnings
from typing import Any, Literal, get_args

from ipywidgets import VBox

from wam_widgets.attribution import Explanation
from wam_widgets.attribution.passes import Model
from wam_widgets.checks import nearest, require_one_of
from wam_widgets.plots import picture

from .explorer import Explorer
from .image import ImageExplorer
from .ipyvolume_figure import to_ipyvolume
from .sound import SpectrogramPlayer
from .volume import VolumeViewer

_Backend = Literal["wam_widgets", "ipyvolume"]


def show(
    explanation: Explanation,
    *,
    model: Model | None = None,
    backend: _Backend = "wam_widgets",
    **settings: Any,
) -> Explorer | VBox:
    """Show an explanation in the view that is made for it.

    Parameters
    ----------
    explanation : Explanation
        Of images, of sounds whose grid is in seconds, or of volumes.
    model : callable, optional
        What was explained; with it, the view can ask about another class or with another method.
    backend : {"wam_widgets", "ipyvolume"}
        "ipyvolume" shows a volume by `to_ipyvolume`, which says what is missing there.
    **settings
        As the explorer takes them, such as `look="mosaic"`.

    Returns
    -------
    ImageExplorer, SpectrogramPlayer or VolumeViewer; or what `to_ipyvolume` returns

    Raises
    ------
    TypeError, ValueError
        For what isn't such an explanation, or settings that can't be right.

    Examples
    --------
    >>> import wam_widgets as wam
    >>> model, three = wam.samples.digit_model(), wam.samples.digits()["three"].signal
    >>> show(wam.explain(model, three, level=2, progress=False), look="mosaic")
    ImageExplorer of 3: mosaic, haar, level 2

    At the end of a cell::

        wam.show(explanation, model=model)
    """
    require_one_of("backend", backend, get_args(_Backend))
    if backend == "ipyvolume":
        if model is not None:
            raise ValueError("A figure of ipyvolume asks no model. Leave `model` out, or the backend.")
        known = [name for name in inspect.signature(to_ipyvolume).parameters if name != "explanation"]
        if unknown := [name for name in settings if name not in known]:
            raise TypeError(
                f"A figure of ipyvolume has no setting {unknown[0]!r}; it has {', '.join(map(repr, known))}."
                f"{nearest(unknown[0], known)} Leave out `backend` for a view that has more."
            )
        return to_ipyvolume(explanation, **settings)
    return _view_of(explanation)(explanation, model=model, **settings)


#: The view for explanations of so many dimensions.
_VIEWS: dict[int, type[Explorer]] = {1: SpectrogramPlayer, 2: ImageExplorer, 3: VolumeViewer}


def _view_of(explanation: object) -> type[Explorer]:
    """Return the view for explanations of this number of dimensions; images' says what is wrong with all else."""
    dimensions = len(explanation.size) if isinstance(explanation, Explanation) else 2
    return _VIEWS[dimensions]


def _has_view(explanation: Explanation) -> bool:
    return len(explanation.size) > 1 or explanation.grid.sample_rate is not None


def bundle(explanation: Explanation) -> dict[str, Any] | tuple[dict[str, Any], dict[str, Any]] | None:
    """Return what a notebook displays of an explanation: its explorer, beside it a picture and a short text.

    None outside notebooks, where the text is enough.
    """
    if not _in_notebook():
        return None
    if _has_view(explanation):
        try:
            return _explorer_of(explanation)._repr_mimebundle_()  # what IPython would call
        except Exception as error:  # noqa: BLE001  # a display must not hide the object that it displays
            warnings.warn(f"No explorer: {type(error).__name__}: {error}", RuntimeWarning, stacklevel=2)
    figure = picture(explanation)
    return {"text/plain": repr(explanation)} | ({} if figure is None else {"image/png": figure})


#: The explorer of every explanation that was displayed, by its identity, which it keeps alive.
_DISPLAYED: dict[int, Explorer] = {}


def _explorer_of(explanation: Explanation) -> Explorer:
    """Return the explorer that a display shows: the same every time, unless it was closed."""
    for key, each in list(_DISPLAYED.items()):
        if each.comm is None:
            del _DISPLAYED[key]
    if id(explanation) not in _DISPLAYED:
        _DISPLAYED[id(explanation)] = _view_of(explanation)(explanation)
    return _DISPLAYED[id(explanation)]


def _in_notebook() -> bool:
    """Whether IPython runs in a kernel rather than in a terminal."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None
