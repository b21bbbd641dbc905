"""mixbench: what does this token mixer cost, compared with that one, and how sure are we?

`mixbench.speed(…)` and the other functions take the options of the command line as typed arguments. Those that measure or train
return pandas DataFrames.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mixbench.version import __version__ as __version__

if TYPE_CHECKING:
    from mixbench.api.attention_map import attention_map as attention_map
    from mixbench.api.catalogue import list as list
    from mixbench.api.compare import compare as compare
    from mixbench.api.cost import cost as cost
    from mixbench.api.data_efficiency import data_efficiency as data_efficiency
    from mixbench.api.doctor import doctor as doctor
    from mixbench.api.duel import duel as duel
    from mixbench.api.export import export as export
    from mixbench.api.merge import merge as merge
    from mixbench.api.plot import plot as plot
    from mixbench.api.remove import remove as remove
    from mixbench.api.report import report as report
    from mixbench.api.selfcheck import selfcheck as selfcheck
    from mixbench.api.speed import speed as speed
    from mixbench.api.study import study as study
    from mixbench.api.summary import summary as summary
    from mixbench.api.track import track_add as track_add
    from mixbench.api.track import track_show as track_show
    from mixbench.api.tune import tune as tune
    from mixbench.api.verify import verify as verify

_FUNCTIONS = {
    "attention_map": "attention_map",
    "compare": "compare",
    "cost": "cost",
    "data_efficiency": "data_efficiency",
    "doctor": "doctor",
    "duel": "duel",
    "export": "export",
    "list": "catalogue",
    "merge": "merge",
    "plot": "plot",
    "remove": "remove",
    "report": "report",
    "selfcheck": "selfcheck",
    "speed": "speed",
    "study": "study",
    "summary": "summary",
    "track_add": "track",
    "track_show": "track",
    "tune": "tune",
    "verify": "verify",
}
"""Every public function, and the module of `mixbench.api` that defines it."""

__all__ = sorted(_FUNCTIONS.keys() - {"list"})  # `import *` leaves Python's own list


if not TYPE_CHECKING:  # type checkers know the functions by their names

    def __getattr__(name: str) -> Any:
        # imported at first use, so that `mixbench --help` stays instant
        if name in _FUNCTIONS:
            return getattr(import_module(f"mixbench.api.{_FUNCTIONS[name]}"), name)
        raise AttributeError(f"module 'mixbench' has no attribute {name!r}")


def __dir__() -> Any:
    return [*_FUNCTIONS, "__version__"]
