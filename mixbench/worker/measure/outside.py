"""Work that a call does outside torch's operators, such as a kernel that is called directly: it is in no count."""

from __future__ import annotations

import time

from torch.autograd.profiler import profile

from mixbench.worker.calls import Call

_FLOOR = 1e-3
_PER_OPERATOR = 1e-4  # Python's own work around an operator takes less than a fifth of it
_SHARE = 0.5
_OPERATORS = ("::", "Torch-Compiled Region")
"""In the names of operators and of code that torch compiled, and in no names that a mixer may give to its parts."""


def share_outside(call: Call) -> float:
    """The share of a call's CPU time on this thread that it spends outside operators; 0 where Python alone can explain it.

    So work of less than 1 ms, plus 0.1 ms for each operator, or of less than half of the time, is not found.
    """
    start = time.thread_time()
    call()
    if time.thread_time() - start < _FLOOR:
        return 0.0
    return min(_share(call) for _ in range(2)) if _share(call) else 0.0


def _share(call: Call) -> float:
    """The same of one call, in which threads may have waited for each other: within operators."""
    with profile() as profiler:
        start = time.thread_time()
        call()
        seconds = time.thread_time() - start
    assert profiler.kineto_results is not None
    events = [event for event in profiler.kineto_results.events() if any(mark in event.name() for mark in _OPERATORS)]
    spans = sorted((event.start_ns(), event.start_ns() + event.duration_ns()) for event in events)
    inside = end = 0
    for begin, stop in spans:  # operators that others call lie within these
        inside += max(0, stop - max(begin, end))
        end = max(end, stop)
    outside = seconds - inside / 1e9
    explained = max(_SHARE * seconds, _FLOOR + _PER_OPERATOR * len(events))
    return outside / seconds if outside > explained else 0.0
