"""Where a few typical kernels stand between the best rates of a device, at one shape.

Their operands and results are in turns in more memory than the last cache holds, as a copy's are: otherwise small ones would
seem to exceed the bandwidth. Bytes moved are those of each operand and of the result, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mixbench.machine.roofline import SHAPES, Rates, bound_by
from mixbench.worker.calls import InTurns
from mixbench.worker.graphs import CaptureError, beside_the_main_stream, capture
from mixbench.worker.measure.caches import cache_bytes
from mixbench.worker.measure.peak import best_rate, stopwatch_of

HEADS = 4
_CACHES = 4
_UNKNOWN_CACHE = 32 * 2**20
_MOST_BYTES = 2**29
_SECONDS = 0.1
_CALLS_PER_GRAPH = 20


@dataclass(frozen=True)
class Kernel:
    """An operation on inputs (batch, tokens, width), and the FLOPs of one sequence, from tokens and width."""

    run: Callable[..., Tensor]
    operands: Callable[[int, int, int], tuple[tuple[int, ...], ...]]
    flops: Callable[[int, int], int]


KERNELS = {
    "attention": Kernel(
        F.scaled_dot_product_attention,
        lambda batch, tokens, width: 3 * ((batch, HEADS, tokens, width // HEADS),),
        lambda tokens, width: 4 * tokens**2 * width,
    ),
    "linear layer": Kernel(
        F.linear,
        lambda batch, tokens, width: ((batch, tokens, width), (width, width)),
        lambda tokens, width: 2 * tokens * width**2,
    ),
    "XᵀH per sequence": Kernel(
        lambda x, h: torch.bmm(x.transpose(1, 2), h),
        lambda batch, tokens, width: 2 * ((batch, tokens, width),),
        lambda tokens, width: 2 * tokens * width**2,
    ),
    "GELU": Kernel(F.gelu, lambda *shape: (shape,), lambda tokens, width: 0),
    "LayerNorm": Kernel(lambda x: F.layer_norm(x, x.shape[-1:]), lambda *shape: (shape,), lambda tokens, width: 0),
}


def where_kernels_stand(device: torch.device, gflops: Mapping[str, float | None], gb_per_s: float) -> dict[str, Any]:
    """Each kernel's time and shares, given the best rates of products by dtype and of copies.

    Keys: `shape`, `dtype`, `ridge_flop_per_byte`, and `kernels`: of each `name`, `ms`, `compute` and `memory` (shares as
    fractions) and `bound` (compute, memory or neither), or `unavailable`, with the reason. Empty if that dtype has no rate.
    """
    shape, dtype = SHAPES[device.type]
    best = gflops.get(dtype)
    if not best:
        return {}
    rates = Rates(best, gb_per_s)
    found = {name: _standing(kernel, shape, dtype, device, rates) for name, kernel in KERNELS.items()}
    return {
        "shape": list(shape),
        "dtype": dtype,
        "ridge_flop_per_byte": rates.ridge,
        "kernels": [{"name": name, **values} for name, values in found.items()],
    }


@torch.no_grad()
def _standing(kernel: Kernel, shape: tuple[int, int, int], dtype: str, device: torch.device, rates: Rates) -> dict[str, Any]:
    batch, tokens, width = shape
    try:
        calls, moved = in_turns(kernel, shape, getattr(torch, dtype), device)
        seconds = _seconds(calls, device)
    except (RuntimeError, CaptureError) as error:
        return {"unavailable": str(error).splitlines()[0]}
    shares = rates.shares(batch * kernel.flops(tokens, width), moved, seconds)
    return {"ms": 1e3 * seconds, **shares, "bound": bound_by(**shares)}


def in_turns(kernel: Kernel, shape: tuple[int, int, int], dtype: torch.dtype, device: torch.device) -> tuple[InTurns, int]:
    """Calls of a kernel with operands and results of their own, as many as exceed the caches; and the bytes that one moves."""
    operands = [torch.randn(size, device=device).to(dtype) for size in kernel.operands(*shape)]
    moved = sum(tensor.nbytes for tensor in (*operands, kernel.run(*operands)))
    results: dict[int, Tensor] = {}

    def run(number: int, own: list[Tensor]) -> None:
        results[number] = kernel.run(*own)

    count = max(1, min(_CACHES * (cache_bytes(device) or _UNKNOWN_CACHE), _MOST_BYTES) // moved)
    return InTurns([partial(run, number, [tensor.clone() for tensor in operands]) for number in range(count)]), moved


def _seconds(calls: InTurns, device: torch.device) -> float:
    """Of one call at its best; on a GPU of those in a graph, so that Python does not count."""
    if device.type != "cuda":
        return 1 / best_rate(calls, 1, stopwatch_of(device), seconds=_SECONDS)
    with beside_the_main_stream(device):
        for _ in range(_CALLS_PER_GRAPH):
            calls()
    captured = capture(lambda: [calls() for _ in range(_CALLS_PER_GRAPH)], device)
    return 1 / best_rate(captured.replay, _CALLS_PER_GRAPH, stopwatch_of(device), seconds=_SECONDS)
