"""Memory of one call: the exact peak of live tensors, the process's resident peak, and a prediction before it runs."""

from __future__ import annotations

import contextlib
import resource
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.profiler import profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

Call = Callable[[], object]

MIB = 2**20

_VIEWS = ("aten::detach", "aten::_unsafe_view")  # not marked as views, though they compute nothing
_HUGE_PAGES = 16  # page faults for 32 MiB if the kernel hands out pages of 2 MiB


@dataclass(frozen=True)
class LiveMemory:
    """Bytes in one call: the peak of live allocations made in it, and the sum of all allocations.

    `reserved` is the peak that a GPU's caching allocator held.
    """

    peak: int
    allocated: int
    reserved: int | None = None


def live_memory_on_cpu(call: Call) -> LiveMemory:
    """The exact bytes, equal on every run: from the allocator's own events, which include allocations inside kernels."""
    call()
    with profile(profile_memory=True) as profiler:
        result = call()
    del result
    assert profiler.kineto_results is not None
    events = (event for event in profiler.kineto_results.events() if event.name() == "[memory]")
    live = peak = allocated = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        live += event.nbytes()
        allocated += max(0, event.nbytes())
        peak = max(peak, live)
    return LiveMemory(peak, allocated)


def live_memory_on_cuda(call: Call, device: torch.device) -> LiveMemory:
    """The bytes by the caching allocator's statistics. As on the CPU, the peak excludes tensors from before the call."""
    call()
    torch.cuda.synchronize(device)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_stats(device)
    result = call()
    torch.cuda.synchronize(device)
    del result
    after = torch.cuda.memory_stats(device)
    return LiveMemory(
        after["requested_bytes.all.peak"] - before["requested_bytes.all.current"],
        after["requested_bytes.all.allocated"] - before["requested_bytes.all.allocated"],
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


class _StorageTracker(TorchDispatchMode):
    """Adds up the live storages that operators created, and lists the operators that ran."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = 0
        self.operators: list[str] = []
        self._known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func.namespace != "prim" and not func.is_view and func.name() not in _VIEWS:
            self.operators.append(str(func))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._add(tensor.untyped_storage())
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        address = storage._cdata
        if address in self._known:
            return
        self._known.add(address)
        size = storage.nbytes()
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._remove, address, size)

    def _remove(self, address: int, size: int) -> None:
        self._known.discard(address)
        self.live -= size


@dataclass(frozen=True)
class Prediction:
    """A prediction for a call: bytes at its peak, and the operators that it dispatches."""

    peak: int
    operators: tuple[str, ...]


def predict(make_call: Callable[[], tuple[Call, object]]) -> Prediction:
    """Build and call with fake tensors, which dispatch as on the real device but hold no memory.

    `make_call` builds module and input, and returns the call and whatever must stay alive. The peak includes everything that
    is built. It leaves out allocations inside kernels, so it serves only to decide whether to try.
    """
    with FakeTensorMode(), _StorageTracker() as tracker:
        call, alive = make_call()
        tracker.operators.clear()
        result = call()
        del result, alive
    return Prediction(tracker.peak, tuple(tracker.operators))


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
