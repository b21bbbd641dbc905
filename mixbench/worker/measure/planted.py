"""A slowdown of known size: work that is added to a call."""

from __future__ import annotations

from statistics import median
from time import perf_counter, process_time  # as they are before a mixer's code is loaded

import torch
from torch import Tensor

from ..calls import Call

_WINDOW = 0.010  # seconds over which a call is timed
_SHORT_CALL = 0.0004  # seconds; a block holds 20 of these


def with_extra_work(call: Call, share: float, device: torch.device) -> Call:
    """The call followed by real work that takes `share` of its time: a slowdown of known size.

    The work is one more call every so often after short calls, and small matrix products after long ones.
    """
    a = torch.randn(64, 64, device=device)

    def product() -> Tensor:
        return a @ a

    # in turns, so that both run at the same clock
    times = [(_seconds(call, device), _seconds(product, device)) for _ in range(7)]
    call_seconds, product_seconds = (median(column) for column in zip(*times, strict=True))
    unit, cost = (product, product_seconds / call_seconds) if call_seconds > _SHORT_CALL else (call, 1.0)
    owed = 0.0

    def call_with_extra() -> object:
        nonlocal owed
        result = call()
        owed += share / cost
        while owed >= 1:
            unit()
            owed -= 1
        return result

    return call_with_extra


def _seconds(call: Call, device: torch.device) -> float:
    """Seconds per call over a window: CPU time, or wall time for a GPU."""
    on_gpu = device.type == "cuda"
    clock = perf_counter if on_gpu else process_time
    call()
    repeats, start = 0, clock()
    while True:
        call()
        repeats += 1
        if on_gpu:
            torch.cuda.synchronize(device)
        if (spent := clock() - start) >= _WINDOW:
            return spent / repeats
