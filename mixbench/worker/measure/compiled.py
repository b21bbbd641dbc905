"""Calls through torch.compile: whether they compute the same, and how long compiling took."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import TypeVar

import torch
from torch import Tensor, nn

from mixbench.worker.calls import Call, ContractError, TrainingCall, distance, tolerance
from mixbench.worker.measure.decoding import Decoding

Forward = Callable[[Tensor], Tensor]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Compiled:
    """A compiled forward, a call of it that has been made, and the `seconds` that compiling took.

    These say nothing if all of the code was `compiled_before` and kept.
    """

    forward: Forward
    call: Call
    seconds: float
    compiled_before: bool


def compiled(module: nn.Module, x: Tensor, called: Callable[[Forward], Call]) -> Compiled:
    """Compile a module for an input; `called` makes the call of a forward. Raises ContractError for another result."""
    kept, made = _code()
    forward, seconds = _forward(module, x)
    call, first = _timed(lambda: called(forward), x.device)  # in training, the first backward pass
    if isinstance(call, TrainingCall):
        seconds += max(0.0, first - _timed(call, x.device)[1])
    kept_now, made_now = _code()
    return Compiled(forward, call, seconds, kept_now > kept and made_now == made)


def _forward(module: nn.Module, x: Tensor) -> tuple[Forward, float]:
    """The compiled forward, which has been called, and the seconds that compiling took."""
    forward: Forward = module.compiled() if isinstance(module, Decoding) else torch.compile(module)

    def run(forward: Forward) -> Tensor:
        """Each with an input of its own, which it may change."""
        return forward(x.detach().clone().requires_grad_(x.requires_grad)).detach()

    result, first = _timed(lambda: run(forward), x.device)
    _, later = _timed(lambda: run(forward), x.device)
    expected = run(module)
    if not (away := distance(result, expected)) <= tolerance(expected):
        raise ContractError(f"the compiled forward returned a different result, by {away:.2g} of its norm")
    return forward, max(0.0, first - later)


def _code() -> tuple[int, int]:
    """How many graphs this process has found compiled, and how many it has compiled."""
    found = torch._dynamo.utils.counters["inductor"]
    return found["fxgraph_cache_hit"], found["fxgraph_cache_miss"]


def _timed(run: Callable[[], Result], device: torch.device) -> tuple[Result, float]:
    """The result, and the seconds until the device has it."""
    start = perf_counter()
    result = run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return result, perf_counter() - start
