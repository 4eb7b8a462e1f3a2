"""
Explain trained models scale by scale.

The public names are listed in `__init__.pyi`, for people, type checkers and this file alike.
Each loads when it is first used, so that importing the package stays fast and needs no torch.
"""

import difflib
import sys
from typing import Any

try:
    import lazy_loader
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"wam_widgets needs what it depends on, and {sys.executable} has no {error.name}. Use the Python that it was "
        f"installed for (after `make demo`, `source .venv/bin/activate`), or install it: `pip install .` in a clone.",
        name=error.name,
    ) from None

__version__ = "0.1.0"

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name in __all__:
        return _load(name)
    near = difflib.get_close_matches(name, __all__, n=1)
    remedy = f"did you mean {near[0]!r}?" if near else "dir(wam_widgets) lists its names."
    raise AttributeError(f"wam_widgets has no attribute {name!r}; {remedy}", name=name)
