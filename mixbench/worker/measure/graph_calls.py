"""The calls of a layer as a CUDA graph: captured once, then replayed, so that Python launches nothing while they are timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from mixbench.worker.calls import (
    Call,
    ContractError,
    InTurns,
    TrainingCall,
    UnsupportedError,
    device_seconds,
    distance,
    tolerance,
)
from mixbench.worker.graphs import CaptureError, beside_the_main_stream, capture
from mixbench.worker.measure.subject import Subject

_WARM_UP = 3
_IN_A_GRAPH = 10
_SHORT = 1e-3  # seconds; the gap between two graphs is a few microseconds


def replayed(subject: Subject, device: torch.device, flush: Call | None = None) -> InTurns:
    """The calls of a subject as a graph: about ten short ones with inputs in turns, or one with each input where it is long.

    Where the caches are flushed before each call, a graph holds a single one. Each subject has a memory pool of its own: what
    its code keeps of a capture must not be in memory that the graph of another one writes to.

    Raises UnsupportedError if the calls cannot be captured, ContractError if a replay gives another result than they do, and
    whatever the mixer raises.
    """
    calls = subject.calls()
    inputs = [(_input_of(call), _input_of(call).detach().clone()) for call in calls]
    with beside_the_main_stream(device):
        for call in calls * _WARM_UP:  # the last input differs from the first that is captured
            call()
    torch.cuda.synchronize(device)
    if flush:
        series: Sequence[Call] = calls[:1]
    else:
        series = calls * (max(1, _IN_A_GRAPH // len(calls)) if _seconds(calls[0], device) < _SHORT else 1)

    def work() -> Any:
        result = None
        for call in series:
            del result  # its memory serves the next call
            result = call()
        return result

    try:
        captured = capture(work, device)
    except CaptureError as error:
        raise UnsupportedError(f"it cannot be captured as a CUDA graph: {error}") from error

    def replay() -> Any:
        captured.replay()
        return captured.result

    _check(replay, work, inputs, device)
    return InTurns([captured.replay], count=len(series), flush=flush)


def _input_of(call: Call) -> Tensor:
    x: Tensor = call.x if isinstance(call, TrainingCall) else call.args[0]  # type: ignore[attr-defined]
    return x


def _seconds(call: Call, device: torch.device) -> float:
    start = perf_counter()
    call()
    host = perf_counter() - start
    return device_seconds(device, call, 1, host)


def _check(
    replay: Callable[[], Any], work: Callable[[], Any], inputs: Sequence[tuple[Tensor, Tensor]], device: torch.device
) -> None:
    """Raise ContractError unless a replay gives what the calls give for the same inputs, where they agree with themselves."""

    def tensors(run: Callable[[], Any]) -> list[Tensor | None]:
        with torch.no_grad():
            for x, before in inputs:
                x.copy_(before)
        result = run()
        torch.cuda.synchronize(device)
        every = result if isinstance(result, tuple) else (result,)
        return [None if one is None else one.detach().clone() for one in every]

    found, expected, again = tensors(replay), tensors(work), tensors(work)
    for one, other, repeated in zip(found, expected, again, strict=True):
        if one is None or other is None or repeated is None:
            continue  # no gradient
        largest = tolerance(other)
        if distance(repeated, other) <= largest and not (away := distance(one, other)) <= largest:
            raise ContractError(f"its CUDA graph gives a different result, by {away:.2g} of its norm")
