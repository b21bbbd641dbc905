"""Memory of one call: the exact peak of live tensors, what it keeps, and the process's resident peak."""

from __future__ import annotations

import contextlib
import gc
import resource
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import psutil
import torch

from mixbench.worker.calls import Call
from mixbench.worker.measure.trace import Trace

MIB = 2**20

_CALLS_TO_GROW = 4
_HUGE_PAGES = 16  # page faults for 32 MiB if the kernel hands out pages of 2 MiB


@dataclass(frozen=True)
class LiveMemory:
    """Bytes in one call: the peak of live allocations made in it, the sum of all, and those that outlive it and its result.

    They are exact, and equal for equal calls. Tensors from before the call do not count. `reserved` is the peak that a GPU's
    caching allocator held.
    """

    peak: int
    allocated: int
    left: int
    reserved: int | None = None


def live_on_cpu(traced: Trace) -> LiveMemory:
    """From the allocator's own events, which include allocations inside kernels."""
    levels = list(accumulate(traced.changes))
    allocated = sum(change for change in traced.changes if change > 0)
    return LiveMemory(max(0, *levels, 0), allocated, levels[-1] if levels else 0)


def live_on_cuda(call: Call, device: torch.device) -> LiveMemory:
    """From the caching allocator's statistics."""
    torch.cuda.synchronize(device)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_stats(device)
    result = call()
    torch.cuda.synchronize(device)
    peak = torch.cuda.memory_stats(device)
    del result
    after = torch.cuda.memory_stats(device)
    current = before["requested_bytes.all.current"]
    return LiveMemory(
        peak["requested_bytes.all.peak"] - current,
        peak["requested_bytes.all.allocated"] - before["requested_bytes.all.allocated"],
        after["requested_bytes.all.current"] - current,
        peak["reserved_bytes.all.peak"],
    )


def reserved_bytes(device: torch.device) -> int:
    """Bytes that the GPU allocator of this process holds now; 0 on the CPU."""
    return int(torch.cuda.memory_reserved(device)) if device.type == "cuda" else 0


def leave_none(device: torch.device) -> None:
    """Give back what earlier cells have used of a GPU, so that the next one finds it as a new process would."""
    if device.type == "cuda":
        gc.collect()
        torch.cuda.synchronize(device)
        torch._C._cuda_clearCublasWorkspaces()
        torch.cuda.empty_cache()


def grows(live: Callable[[Call], LiveMemory], call: Call) -> bool:
    """Whether it holds more memory after every call than after the one before, even when garbage was collected.

    `live` measures a call. A table that is made once, or a state that replaces an earlier one, does not grow.
    """
    if live(call).left <= 0:
        return False

    def collecting() -> None:
        call()
        gc.collect()

    gc.freeze()  # only what the calls make is looked at
    try:
        return all(live(collecting).left > 0 for _ in range(_CALLS_TO_GROW))
    finally:
        gc.unfreeze()


def resident_bytes(field: str = "VmRSS") -> int | None:
    """The process's resident set now (VmRSS) or at its peak (VmHWM), in bytes; None without /proc."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), None)


def available_bytes(device: torch.device, cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that can still be allocated: what is free on the GPU, or what the machine and the cgroup allow on the CPU."""
    if device.type == "cuda":
        free: int = torch.cuda.mem_get_info(device)[0]
        return free
    available = int(psutil.virtual_memory().available)
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        used = int((cgroup / "memory.current").read_text())
    except (OSError, ValueError):
        return available
    return available if limit == "max" else max(0, min(available, int(limit) - used))


def reset_resident_peak() -> int | None:
    """Reset VmHWM (Linux); returns the resident set that growth is measured from, None if it is unknown."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return resident_bytes("VmRSS")


def allocator_behaviour() -> str:
    """`retained` if a freed buffer of 32 MiB is handed out again without page faults, else `default`."""
    faults = []
    for _ in range(3):  # the second may still extend the heap
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones(8 * MIB)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return "retained" if faults[-1] < 0.1 * max(faults[0], _HUGE_PAGES) else "default"
