"""What all widgets share: a Python class, a module of JavaScript and a style sheet of one name, side by side."""

from __future__ import annotations

import copy
import logging
import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar, cast

import anywidget
import traitlets

from wam_widgets.checks import nearest, require_recent

require_recent("views", "anywidget", "ipywidgets")

_T = TypeVar("_T")

_LOG = logging.getLogger(__name__)

#: Synchronised traits that every ipywidget has.
_COMMON = ("layout", "tooltip", "tabbable")

_SHARED = Path(__file__).with_name("shared")
_IMPORT = re.compile(r'^import \{[^}]*\} from "(\.[^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?!default )", re.MULTILINE)


@cache
def joined(module: Path) -> str:
    """Join a module of JavaScript with the modules that it imports into one that imports nothing.

    anywidget loads a widget's code from a blob, which can't import, and a page without a network can't either. So
    modules may import functions, classes and constants of their neighbours by name, and every top-level name may occur
    once in all that is joined.
    """
    parts: dict[Path, str] = {}

    def add(path: Path) -> None:
        if path in parts:
            return
        code = path.read_text(encoding="utf-8")
        for imported in _IMPORT.findall(code):
            add((path.parent / imported).resolve())
        parts[path] = _EXPORT.sub("", _IMPORT.sub("", code)).strip()

    add(module.resolve())
    return "\n\n".join(parts.values()) + "\n"


class Checked(traitlets.TraitType[_T, _T], Generic[_T]):
    """A synchronised trait whose values are checked by a function that raises built-in errors in whole sentences.

    Parameters
    ----------
    default : object
        Not checked, so that it may wait for what the widget shows.
    check : callable
        From (widget, name of the trait, value) to the value to keep.
    help : str
        What the trait means, with its unit.
    """

    def __init__(self, default: _T, check: Callable[[Any, str, Any], _T], *, help: str) -> None:  # noqa: A002  # as traitlets
        super().__init__(default_value=default, help=help)
        self.check = check
        self.tag(sync=True)

    def validate(self, obj: object, value: Any) -> _T:
        """Return the value to keep."""
        if value is self.default_value and isinstance(value, list):  # traitlets copies and checks what can change
            return cast("_T", copy.copy(value))
        return self.check(obj, str(self.name), value)


class Widget(anywidget.AnyWidget):
    """A view in a notebook: drawn by JavaScript, driven through traits.

    A subclass names its file, `class Name(Widget, trio=__file__)`; code and style lie beside it.
    """

    _problem = traitlets.Unicode(
        "", help="What went wrong in the kernel, as it is shown under the widget; empty if nothing."
    ).tag(sync=True)

    per_scale: ClassVar[str] = "weights"  # the trait that has a number per scale
    _arguments: tuple[str, ...] = ()  # what the constructor takes besides settings
    _failed = ""  # what the problem that is shown came from
    _own_layout: Any = None  # the layout that came with the widget, if the caller brought none

    def __init_subclass__(cls, *, trio: str | None = None, **options: Any) -> None:
        if trio is not None:
            cls._esm = joined(Path(trio).with_suffix(".js"))
            sheets = (_SHARED / "view.css", Path(trio).with_suffix(".css"))
            cls._css = "".join(sheet.read_text(encoding="utf-8") for sheet in sheets)
        super().__init_subclass__(**options)

    def __init__(self, **traits: Any) -> None:
        self._require_known(traits)
        super().__init__(**traits)
        self._own_layout = None if "layout" in traits else self.layout

    @classmethod
    def _require_known(cls, traits: Iterable[str]) -> None:
        known = [*cls.settings(), *cls._arguments]
        for name in traits:
            if name not in (*known, *_COMMON):
                raise TypeError(
                    f"{cls.__name__} takes the settings {', '.join(known)}; got {name!r}.{nearest(name, known)}"
                )

    @classmethod
    def settings(cls) -> list[str]:
        """Return the names of the traits that say what is shown: what Python and the controls can change."""
        return [name for name in cls.class_traits(sync=True) if not name.startswith("_") and name not in _COMMON]

    def page_state(self, wavelets: Sequence[str | None] = ()) -> tuple[dict[str, Any], list[dict[str, Any]]]:  # noqa: ARG002  # explorers take it
        """Return the traits that a page without a kernel needs, and what choosing something there sets."""
        return {name: getattr(self, name) for name in self.settings()}, []

    def picture(self) -> bytes | None:
        """Return a PNG for places without JavaScript; None if there is nothing to see."""
        return None

    def close(self) -> None:
        """End the view in the browser."""
        super().close()
        if self._own_layout is not None:  # a widget too, which ipywidgets leaves open
            self._own_layout.close()

    @contextmanager
    def _shown_if_it_fails(self, what: str) -> Iterator[None]:
        """Show what goes wrong inside under the widget, whose reader sees no log, until the same thing goes well."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # whatever it is
            _LOG.debug("%s of %r failed", what, self, exc_info=True)
            self._failed, self._problem = what, "".join(traceback.format_exception_only(error)).strip()
        else:
            if self._failed == what:
                self._failed, self._problem = "", ""

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take what the browser sends; where that can't be right, say so there and send back what holds."""
        with self._shown_if_it_fails("a setting"):
            try:
                super().set_state(sync_data)
            except Exception:
                # Two linked views with different numbers of scales would send theirs back for ever.
                self.send_state([name for name in sync_data if name != self.per_scale])
                raise

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
