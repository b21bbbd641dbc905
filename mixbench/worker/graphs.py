"""CUDA graphs: work that is captured once and then replayed without Python launching its kernels.

A replay reads and writes the same memory as the capture did: new inputs are copied into the tensors that the work reads.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, Generic, TypeVar

import torch

from mixbench.errors import one_line

Result = TypeVar("Result")


class CaptureError(Exception):
    """Work cannot be captured; the message says why. The process may not be able to use the GPU any more."""


@dataclass(frozen=True)
class Captured(Generic[Result]):
    """Captured work: `replay` queues it, and overwrites the tensors of `result`.

    It keeps the `work`, and with it the tensors that this reads: a graph only knows where they lie. Graphs may share a `pool`
    if they never run at the same time.
    """

    graph: torch.cuda.CUDAGraph
    work: Callable[[], Result]
    result: Result

    def replay(self) -> None:
        self.graph.replay()

    @property
    def pool(self) -> Any:
        return self.graph.pool()


@cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    """One for all: for every stream that it is used on, cuBLAS keeps 32 MiB on a recent GPU, and again for backward passes."""
    return torch.cuda.Stream(device)


@contextmanager
def beside_the_main_stream(device: torch.device) -> Iterator[None]:
    """Run the calls that come before a capture on the stream of captures."""
    main, own = torch.cuda.current_stream(device), _side_stream(device)
    own.wait_stream(main)
    with torch.cuda.stream(own):
        yield
    main.wait_stream(own)


def capture(work: Callable[[], Result], device: torch.device, pool: Any = None) -> Captured[Result]:
    """Capture work that has been run a few times; it is not carried out. Raises CaptureError."""
    graph = torch.cuda.CUDAGraph()
    try:
        with (
            torch.cuda.device(device),
            _the_same_stream_afterwards(device),
            _no_collection(),
            torch.cuda.graph(graph, pool=pool, stream=_side_stream(device)),
        ):
            result = work()
    except Exception as error:
        raise CaptureError(_reason(error)) from error
    return Captured(graph, work, result)


@contextmanager
def _the_same_stream_afterwards(device: torch.device) -> Iterator[None]:
    """`torch.cuda.graph` does not leave the stream of a capture that has failed."""
    with torch.cuda.stream(torch.cuda.current_stream(device)):
        yield


@contextmanager
def _no_collection() -> Iterator[None]:
    """Garbage may hold graphs, events or pinned memory, which cannot all be given back during a capture."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _reason(error: BaseException) -> str:
    """The first line of the first error: the end of a capture that has failed raises another one."""
    while error.__context__ is not None:
        error = error.__context__
    return one_line(f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
