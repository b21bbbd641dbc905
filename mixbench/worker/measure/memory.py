"""Memory of one call: the exact peak of live tensors, what it keeps, and the process's resident peak."""

from __future__ import annotations

import contextlib
import gc
import resource
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil
import torch
from torch.autograd.profiler import profile, record_function

from mixbench.worker.calls import Call

MIB = 2**20

_CALL = "mixbench call"
_CALLS_TO_GROW = 3
_HUGE_PAGES = 16  # page faults for 32 MiB if the kernel hands out pages of 2 MiB


@dataclass(frozen=True)
class LiveMemory:
    """Bytes in one call: the peak of live allocations made in it, and the sum of all allocations.

    `left` are the bytes that were allocated and not freed after it, and after each of the further calls. `reserved` is the
    peak that a GPU's caching allocator held.
    """

    peak: int
    allocated: int
    left: tuple[int, ...]
    reserved: int | None = None

    @property
    def grows(self) -> bool:
        """Whether more is left after every call than after the one before.

        A table that is made once, or a state that replaces an earlier one, does not grow.
        """
        return all(after > before for before, after in pairwise((0, *self.left)))


def live_memory(call: Call, device: torch.device, calls: int = 1) -> LiveMemory:
    """The exact bytes, equal on every run of equal calls. The peak excludes tensors from before the call."""
    return _on_cuda(call, device, calls) if device.type == "cuda" else _on_cpu(call, calls)


def grows(call: Call, device: torch.device) -> bool:
    """Whether more memory is left from call to call even after garbage was collected."""

    def collecting() -> None:
        call()
        gc.collect()

    gc.freeze()  # only what the calls make is looked at
    try:
        return live_memory(collecting, device, _CALLS_TO_GROW).grows
    finally:
        gc.unfreeze()


def _on_cpu(call: Call, calls: int) -> LiveMemory:
    """From the allocator's own events, which include allocations inside kernels."""
    with profile(profile_memory=True) as profiler:
        for _ in range(calls):
            with record_function(_CALL):
                result = call()
            del result
    assert profiler.kineto_results is not None
    events = sorted(profiler.kineto_results.events(), key=lambda event: event.start_ns())
    live = peak = allocated = 0
    left: list[int] = []
    for event in events:
        if event.name() == _CALL:
            left.append(live)
        elif event.name() == "[memory]":
            live += event.nbytes()
            if len(left) == 1:
                allocated += max(0, event.nbytes())
                peak = max(peak, live)
    return LiveMemory(peak, allocated, (*left[1:], live))


def _on_cuda(call: Call, device: torch.device, calls: int) -> LiveMemory:
    """From the caching allocator's statistics."""

    def read() -> dict[str, int]:
        torch.cuda.synchronize(device)
        return torch.cuda.memory_stats(device)

    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    stats = [read()]
    for _ in range(calls):
        call()
        stats.append(read())
    before, after = stats[:2]
    current = before["requested_bytes.all.current"]
    return LiveMemory(
        after["requested_bytes.all.peak"] - current,
        after["requested_bytes.all.allocated"] - before["requested_bytes.all.allocated"],
        tuple(later["requested_bytes.all.current"] - current for later in stats[1:]),
        after["reserved_bytes.all.peak"],
    )


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
