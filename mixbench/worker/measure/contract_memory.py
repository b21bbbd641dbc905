"""Checks of the contract on memory: what calls hold, and whether the counter sees all of it."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from mixbench.worker.calls import Call, ContractError
from mixbench.worker.measure import memory
from mixbench.worker.measure.contract_case import Case, NotApplicableError
from mixbench.worker.measure.trace import trace

_MORE = 40_961
"""Extra bytes that a call holds: the counter must see all of them."""


def holds_no_more(case: Case) -> str:
    x = case.input()

    def call() -> None:
        case.run(x)

    call()
    if memory.grows(partial(_live, case.device), call):
        raise ContractError("it holds more memory after every call")
    return ""


def has_countable_memory(case: Case) -> str:
    x = case.input()

    def call() -> Tensor:
        return case.run(x)

    def call_and_more() -> tuple[Tensor, Tensor]:
        more = torch.empty(_MORE, dtype=torch.uint8, device=case.device)
        return call(), more

    call()
    kept: list[Tensor] = []
    with_output = _live(case.device, lambda: kept.append(call()))
    first, with_more, last = _live(case.device, call), _live(case.device, call_and_more), _live(case.device, call)
    if first != last:
        raise NotApplicableError(f"equal calls differ: {first.peak} and {last.peak} bytes at the peak")
    of_output = 0 if _is_held(case, x, kept[0]) else kept[0].untyped_storage().nbytes()
    if with_output.left < of_output:
        raise ContractError(
            f"its output has {of_output} bytes, of which torch allocated {max(0, with_output.left)}: memory allocated"
            " elsewhere is not counted"
        )
    seen = with_more.peak - first.peak, with_more.allocated - first.allocated
    if seen != (_MORE, _MORE):
        raise ContractError(f"of {_MORE} extra bytes, the counter sees {seen[0]} at the peak and {seen[1]} allocated")
    return f"{first.peak:,} bytes at the peak of a call"


def _is_held(case: Case, x: Tensor, y: Tensor) -> bool:
    """Whether an output is part of the input or of the mixer."""
    held = (x, *case.mixer.parameters(), *case.mixer.buffers())
    return y.untyped_storage().data_ptr() in {tensor.untyped_storage().data_ptr() for tensor in held}


def _live(device: torch.device, call: Call) -> memory.LiveMemory:
    return memory.live_on_cuda(call, device) if device.type == "cuda" else memory.live_on_cpu(trace(call))
