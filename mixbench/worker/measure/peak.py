"""The machine's peak: its best rates of matrix products (FLOP/s) and copies (bytes/s).

The caller sets threads and numeric flags, so that the peak has the same settings as the mixers that are measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import psutil
import torch

from mixbench.machine.facts import attempt
from mixbench.worker.calls import seconds_between_events
from mixbench.worker.measure.caches import cache_bytes

Call = Callable[[], object]
Stopwatch = Callable[[Call, int], float]
"""The seconds that a number of calls in a row take."""

_MATRIX_SIZES = (256, 512, 1024, 2048, 4096, 8192)
_SMALLEST_COPY = 256 * 2**20
_CACHES_PER_COPY = 4
_BLOCK_SECONDS = 0.01
_PRODUCTS = {"cpu": 0.3, "cuda": 0.75}  # seconds; a GPU takes half a second to reach its full clock
_COPIES = {"cpu": 0.3, "cuda": 0.25}  # those that follow products find it there


def wall_stopwatch(clock: Callable[[], float] = time.perf_counter) -> Stopwatch:
    """A stopwatch from a clock that returns seconds."""

    def measure(call: Call, repeats: int) -> float:
        start = clock()
        for _ in range(repeats):
            call()
        return clock() - start

    return measure


def best_rate(call: Call, work: float, stopwatch: Stopwatch, *, seconds: float, blocks: int = 3) -> float:
    """Best rate over blocks of calls that take `seconds` in all, in units of `work` per second; one call does `work`."""
    stopwatch(call, 1)
    repeats = 1
    while (total := stopwatch(call, repeats)) < _BLOCK_SECONDS:
        repeats *= 2
    best, done = total, 1
    while total < seconds or done < blocks:
        block = stopwatch(call, repeats)
        best, total, done = min(best, block), total + block, done + 1
    return work * repeats / best


def peak_gflops(device: torch.device | str, dtype: torch.dtype, *, stopwatch: Stopwatch | None = None) -> float:
    """Best rate of a large square matrix product, in GFLOP/s with multiply-add = 2. Raises RuntimeError if torch has none.

    The product is that of a linear layer, x Wᵀ: for some dtypes only it has a fast kernel.
    """
    device = torch.device(device)
    stopwatch = stopwatch or stopwatch_of(device)
    for size in _MATRIX_SIZES:
        left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        multiply = partial(torch.matmul, left, right.T, out=torch.empty_like(left))
        stopwatch(multiply, 1)
        if stopwatch(multiply, 1) >= _BLOCK_SECONDS:  # larger ones come no closer to the peak
            break
    return best_rate(multiply, 2 * size**3, stopwatch, seconds=_PRODUCTS[device.type]) / 1e9


def bandwidth_gb_per_s(device: torch.device | str, *, size: int | None = None, stopwatch: Stopwatch | None = None) -> float:
    """Best rate of a copy from memory to memory, in GB/s (1e9 bytes) read and written; `size` is in bytes."""
    device = torch.device(device)
    source = torch.ones((size or _copy_bytes(device)) // 4, dtype=torch.float32, device=device)
    copy = partial(torch.empty_like(source).copy_, source)
    work = 2 * source.numel() * source.element_size()
    return best_rate(copy, work, stopwatch or stopwatch_of(device), seconds=_COPIES[device.type]) / 1e9


def stopwatch_of(device: torch.device) -> Stopwatch:
    """Events on a GPU, which time what the device does between them; elsewhere a clock."""
    return partial(seconds_between_events, device) if device.type == "cuda" else wall_stopwatch()


def _copy_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        free = torch.cuda.mem_get_info(device)[0]
    else:
        free = attempt(lambda: psutil.virtual_memory().available) or _SMALLEST_COPY * 8
    return min(max(_SMALLEST_COPY, _CACHES_PER_COPY * (cache_bytes(device) or 0)), free // 8)
