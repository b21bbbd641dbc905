"""Work that a call does outside torch's operators, such as a kernel that is called directly: it is in no count."""

from __future__ import annotations

import time

from torch.autograd.profiler import profile

from mixbench.worker.calls import Call

_FLOOR = 1e-3
_PER_OPERATOR = 1e-4  # Python's own work around an operator takes less than a fifth of it
_SHARE = 0.5


def share_outside(call: Call) -> float:
    """The share of a call's CPU time on this thread that it spends outside operators; 0 where Python alone can explain it.

    So work of less than 1 ms, plus 0.1 ms for each operator, or of less than half of the time, is not found.
    """
    seconds = _cpu_seconds(call)
    if seconds < _FLOOR:
        return 0.0
    operators, inside = _in_operators(call)
    seconds = min(seconds, _cpu_seconds(call))
    outside = seconds - inside
    explained = max(_SHARE * seconds, _FLOOR + _PER_OPERATOR * operators)
    return outside / seconds if outside > explained else 0.0


def _cpu_seconds(call: Call) -> float:
    start = time.thread_time()
    call()
    return time.thread_time() - start


def _in_operators(call: Call) -> tuple[int, float]:
    """Operators of a call, and the seconds that pass in them."""
    with profile() as profiler:
        call()
    assert profiler.kineto_results is not None
    events = [event for event in profiler.kineto_results.events() if "::" in event.name()]
    spans = sorted((event.start_ns(), event.start_ns() + event.duration_ns()) for event in events)
    total = end = 0
    for start, stop in spans:  # operators that others call lie within these
        total += max(0, stop - max(start, end))
        end = max(end, stop)
    return len(events), total / 1e9
