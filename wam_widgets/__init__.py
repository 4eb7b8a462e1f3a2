"""
Explain trained models scale by scale.

The public names are listed in `__init__.pyi`, for people, type checkers and this file alike.
Each loads when it is first used, so that importing the package stays fast and needs no torch.
"""

import difflib
from typing import Any

import lazy_loader

__version__ = "0.1.0"

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name in __all__:
        return _load(name)
    near = difflib.get_close_matches(name, __all__, n=1)
    remedy = f"did you mean {near[0]!r}?" if near else "dir(wam_widgets) lists its names."
    raise AttributeError(f"wam_widgets has no attribute {name!r}; {remedy}", name=name)
