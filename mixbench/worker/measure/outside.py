"""Work that a call does outside torch's operators, such as a kernel that is called directly: it is in no count."""

from __future__ import annotations

from mixbench.worker.calls import Call
from mixbench.worker.measure.trace import Trace, trace

_FLOOR = 1e-3
_PER_OPERATOR = 1e-4  # Python's own work around an operator takes less than a fifth of it
_SHARE = 0.5


def share_outside(traced: Trace, call: Call) -> float:
    """The share of a call's CPU time on its thread that it spends outside operators; 0 where Python alone can explain it.

    So work of less than 1 ms, plus 0.1 ms for each operator, or of less than half of the time, is not found. What is found in
    the call that was traced is held against two more.
    """
    share = _share(traced)
    return min(share, *(_share(trace(call)) for _ in range(2))) if share else 0.0


def _share(traced: Trace) -> float:
    outside = traced.cpu_seconds - traced.seconds_inside
    explained = max(_SHARE * traced.cpu_seconds, _FLOOR + _PER_OPERATOR * traced.operators)
    return outside / traced.cpu_seconds if outside > explained else 0.0
