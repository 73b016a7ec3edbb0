"""kanexp: settle claims about Kolmogorov-Arnold networks; from Python, look into what a run has trained.

import kanexp
run = kanexp.load("outputs/NAME/latest")
run.predict(table)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kanexp.report.listing import load_all
    from kanexp.trained.trained import load

__all__ = ["load", "load_all"]
_PLACES = {"load": "kanexp.trained.trained", "load_all": "kanexp.report.listing"}


def __getattr__(name: str) -> Any:
    """What is imported only when it is asked for: torch and pandas take seconds."""
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'kanexp' has no attribute '{name}'")
