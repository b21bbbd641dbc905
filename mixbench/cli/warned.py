"""Warnings of mixbench as remarks of the command line."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mixbench.cli.terminal import remark
from mixbench.errors import MixbenchWarning


@contextmanager
def remarks_of_warnings() -> Iterator[None]:
    """Print a warning of mixbench as one line, once in a command; others are left to Python."""
    told: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if not issubclass(category, MixbenchWarning):
            others(message, category, *place, **more)
        elif str(message) not in told:
            told.add(str(message))
            remark(str(message))

    with warnings.catch_warnings():
        others = warnings.showwarning
        warnings.showwarning = show
        warnings.simplefilter("always", MixbenchWarning)
        yield
