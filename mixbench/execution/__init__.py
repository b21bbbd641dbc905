"""Running jobs: a launch server that has torch imported, and an isolated child process for each job."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mixbench.execution.launch import Died as Died
    from mixbench.execution.launch import Finished as Finished
    from mixbench.execution.launch import Launch as Launch
    from mixbench.execution.launch import Outcome as Outcome
    from mixbench.execution.slots import run_alone as run_alone
    from mixbench.execution.slots import run_each as run_each

_OF_THE_PARENT = {
    "Died": "launch",
    "Finished": "launch",
    "Launch": "launch",
    "Outcome": "launch",
    "run_alone": "slots",
    "run_each": "slots",
}
"""What the parent uses, by module."""


if not TYPE_CHECKING:  # type checkers know them by their names

    def __getattr__(name: str) -> Any:
        # imported at first use, so that a launch server, which imports this package as well, starts sooner
        if name in _OF_THE_PARENT:
            return getattr(import_module(f"mixbench.execution.{_OF_THE_PARENT[name]}"), name)
        raise AttributeError(f"module 'mixbench.execution' has no attribute {name!r}")
