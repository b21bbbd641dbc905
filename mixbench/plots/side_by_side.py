"""Large figures are drawn side by side, a process per core: matplotlib takes seconds for each, and uses one core."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from mixbench.machine.environment import physical_cores

Drawn = TypeVar("Drawn")
MUCH = 1000
"""Cells of a summary from which on it pays: forking a process and giving its answer back take about 0.1 s."""


def side_by_side(draws: Sequence[Callable[[], Drawn]], cells: int) -> list[Drawn]:
    """What every function returns, in order; side by side if there are many cells.

    A function that fails in another process is called again in this one, so that its error is raised here.
    """
    at_once = min(physical_cores(), len(draws))
    if cells < MUCH or at_once < 2 or not sys.platform.startswith("linux"):  # elsewhere, a process would load all rows again
        return [draw() for draw in draws]
    forked = multiprocessing.get_context("fork")  # it has what the functions hold
    with ProcessPoolExecutor(at_once, forked, initializer=_hold, initargs=(draws,)) as pool:
        waiting = [pool.submit(_draw, place) for place in range(len(draws))]
        answers: list[tuple[Drawn] | None]
        try:
            answers = [waited.result() for waited in waiting]
        except BrokenProcessPool:  # it was killed, as for lack of memory
            answers = [None] * len(draws)
    return [answer[0] if answer else draw() for answer, draw in zip(answers, draws, strict=True)]


_held: Sequence[Callable[[], Any]] = ()


def _hold(draws: Sequence[Callable[[], Any]]) -> None:
    global _held
    _held = draws


def _draw(place: int) -> tuple[Any] | None:
    """The answer of a function, None if it failed."""
    try:
        return (_held[place](),)
    except Exception:
        return None
