"""One call under torch's profiler: what it allocates, and how much of its time passes in operators."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from time import thread_time  # as it is before a mixer's code is loaded
from typing import Any

from torch.autograd.profiler import profile

from mixbench.worker.calls import Call

_OPERATORS = ("::", "Torch-Compiled Region")
"""In the names of operators and of code that torch compiled, and in no names that a mixer may give to its parts."""


@dataclass(frozen=True)
class Trace:
    """A call on a CPU. `changes` are the bytes of each allocation (above 0) and each release, in order.

    `cpu_seconds` are those of the calling thread. `seconds_inside` pass in operators, of which there are `operators`.
    """

    changes: tuple[int, ...]
    cpu_seconds: float
    seconds_inside: float
    operators: int


def trace(call: Call) -> Trace:
    """Call once; the result is released, too."""
    with profile(profile_memory=True) as profiler:
        start = thread_time()
        result = call()
        seconds = thread_time() - start
        del result
    assert profiler.kineto_results is not None
    events = sorted(profiler.kineto_results.events(), key=lambda event: event.start_ns())
    operators = [event for event in events if any(mark in event.name() for mark in _OPERATORS)]
    changes = tuple(event.nbytes() for event in events if event.name() == "[memory]")
    return Trace(changes, seconds, _covered_seconds(operators), len(operators))


def _covered_seconds(operators: Iterable[Any]) -> float:
    """Seconds that pass in operators, in the order of their beginnings; one that another calls lies within it."""
    covered = end = 0
    for operator in operators:
        start, stop = operator.start_ns(), operator.start_ns() + operator.duration_ns()
        covered += max(0, stop - max(start, end))
        end = max(end, stop)
    return covered / 1e9
