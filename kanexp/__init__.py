"""kanexp: settle claims about Kolmogorov-Arnold networks; from Python, look into what a run has trained.

import kanexp
run = kanexp.load("outputs/NAME/latest")
run.predict(table)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kanexp.trained.trained import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    """What is imported only when it is asked for: torch takes seconds."""
    if name == "load":
        from kanexp.trained.trained import load

        return load
    raise AttributeError(f"module 'kanexp' has no attribute '{name}'")
