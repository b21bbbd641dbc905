"""mixbench: what does this token mixer cost, against that one, and how sure are we?

`mixbench.speed(…)` and its sisters take the options of the command line as typed arguments and return pandas DataFrames.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"
__all__ = [
    "TextFiles",
    "attention_map",
    "compare",
    "cost",
    "data_efficiency",
    "duel",
    "export",
    "plot",
    "selfcheck",
    "speed",
    "track_add",
    "track_show",
    "tune",
    "verify",
]


def __getattr__(name: str) -> Any:
    # imported at first use, so that `mixbench --help` stays instant
    if name in __all__:
        from mixbench import api

        return getattr(api, name)
    raise AttributeError(f"module 'mixbench' has no attribute {name!r}")
