"""The time of a block of calls: wall and CPU time, on a GPU also device and host time, and what disturbed the block."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time  # as they are before a mixer's code is loaded
from typing import Any, Protocol

import torch

from mixbench.worker.calls import Call, count_of, device_seconds, flush_of, turns
from mixbench.worker.measure.waits import seconds_waited

_MANY = 8  # calls in a block, from which one more costs little
_STEAL_FIELD = 8  # of the first line of /proc/stat
_CONTENDED_STEAL = 0.02
_CONTENDED_WAIT = 0.03
_CONTENDED_IDLE = 0.10
_CONTENDED_FAULTS = 0.05
_SWITCHES_ALLOWED = 1
_SWITCHES_PER_SECOND = 25
_SECONDS_PER_FAULT = 5e-7  # a minor fault on a 4 KiB page, zeroing included
_SHORTEST_KERNEL = 1e-6  # seconds; the time of nothing between two events is noise
_THROTTLED_BELOW = 0.97  # of the highest clock seen: at its sustained speed a GPU stays within 1 % of it


@dataclass(frozen=True)
class Block:
    """`repeats` calls in a row. Seconds, faults and switches are totals for the block; None if not measured here.

    `flushing` is the time between the calls in which caches were flushed; it is part of no other time.
    """

    repeats: int
    wall: float
    cpu: float
    device: float | None = None
    host: float | None = None
    page_faults: int | None = None
    context_switches: int | None = None
    steal: float | None = None
    waited: float | None = None
    sm_clock_mhz: float | None = None
    flushing: float = 0.0

    @property
    def latency(self) -> float:
        """Wall seconds per call."""
        return self.wall / self.repeats

    @property
    def time(self) -> float:
        """The seconds per call that count: on a GPU the device's, elsewhere wall time."""
        return self.latency if self.device is None else max(self.device / self.repeats, _SHORTEST_KERNEL)

    def quality(self, highest_mhz: float | None = None) -> str:
        """Whether the block was disturbed: throttled, contended or clean.

        A block is throttled if the GPU's clock was over 3 % below `highest_mhz`, the highest that was seen. It is contended if
        its threads waited for a core for more than 3 % of its time, the hypervisor took more than 2 %, or page faults took more
        than 5 %. Where the kernel does not tell how long threads wait, other processes must not take a core more often than
        once plus 25 times a second, nor may 10 % of the time on a CPU be idle.
        """
        if self.sm_clock_mhz is not None and highest_mhz is not None and self.sm_clock_mhz < _THROTTLED_BELOW * highest_mhz:
            return "throttled"
        if self.waited is None:
            waited = self.device is None and self.wall - self.cpu > _CONTENDED_IDLE * self.wall
            waited |= (self.context_switches or 0) > _SWITCHES_ALLOWED + _SWITCHES_PER_SECOND * self.wall
        else:
            waited = self.waited > _CONTENDED_WAIT * self.wall
        stolen = (self.steal or 0.0) > _CONTENDED_STEAL * self.wall
        faulted = (self.page_faults or 0) * _SECONDS_PER_FAULT > _CONTENDED_FAULTS * self.wall
        return "contended" if waited or stolen or faulted else "clean"


class Clock(Protocol):
    """How the measuring loop reads time; tests bring their own."""

    settling: float
    """Seconds of load until the device runs at its sustained speed."""

    def now(self) -> float:
        """Seconds since a fixed moment."""

    def block(self, call: Call, repeats: int) -> Block:
        """Time `repeats` calls in a row. A call may stand for several of a layer, which the block counts."""


def _steal_seconds() -> float | None:
    try:
        with Path("/proc/stat").open() as stat:
            return int(stat.readline().split()[_STEAL_FIELD]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return None


def _since(before: float | None, after: float | None) -> float | None:
    """How much a total has grown; threads that have ended take their share with them."""
    return None if before is None or after is None else max(0.0, after - before)


Part = Callable[[Iterable[Call], int], Block]
"""A function that times some calls in a row; the number is that of the calls of a layer which they stand for."""


def _in_parts(call: Call, repeats: int, part: Part) -> Block:
    """All calls in one part; where the caches are flushed before each, each in a part of its own."""
    count, flush, calls = count_of(call), flush_of(call), islice(turns(call), repeats)
    if flush is None:
        return part(calls, count * repeats)
    parts = []
    start = perf_counter()
    for each in calls:
        flush()
        parts.append(part([each], count))
    whole = _sum(parts)
    return replace(whole, flushing=perf_counter() - start - whole.wall)


def _sum(parts: Sequence[Block]) -> Block:
    totals: dict[str, Any] = {}
    for field in fields(Block):
        values = [getattr(part, field.name) for part in parts]
        totals[field.name] = None if None in values else sum(values)
    return Block(**totals)


class CpuClock:
    """Wall and process time of a block on the CPU.

    A block of many calls is preceded by one that is not timed: it refills the caches after whatever ran in between.
    """

    settling = 0.0

    def now(self) -> float:
        return perf_counter()

    def block(self, call: Call, repeats: int) -> Block:
        if repeats >= _MANY and flush_of(call) is None:
            call()
        return _in_parts(call, repeats, self._timed)

    @staticmethod
    def _timed(calls: Iterable[Call], count: int) -> Block:
        steal, waited = _steal_seconds(), seconds_waited()
        before = resource.getrusage(resource.RUSAGE_SELF)
        cpu = process_time()
        wall = perf_counter()
        for each in calls:
            each()
        wall = perf_counter() - wall
        cpu = process_time() - cpu
        after = resource.getrusage(resource.RUSAGE_SELF)
        steal_after, waited_after = _steal_seconds(), seconds_waited()
        return Block(
            count,
            wall,
            cpu,
            page_faults=after.ru_minflt - before.ru_minflt,
            context_switches=after.ru_nivcsw - before.ru_nivcsw,
            steal=_since(steal, steal_after),
            waited=_since(waited, waited_after),
        )


class CudaClock:
    """Eager time, device time and host time of a block on a GPU.

    Device time is measured in a separate pass, in which the calls queue up behind a kernel that only waits, so that the GPU
    does not wait for the host between the two events. `clock_mhz` returns the clock of the GPU, or None.
    """

    settling = 0.5

    def __init__(self, device: torch.device, clock_mhz: Callable[[], float | None]) -> None:
        self._device = device
        self._clock_mhz = clock_mhz

    def now(self) -> float:
        return perf_counter()

    def block(self, call: Call, repeats: int) -> Block:
        block = _in_parts(call, repeats, self._timed)
        assert block.host is not None
        device = device_seconds(self._device, call, repeats, block.host)
        return replace(block, device=device, sm_clock_mhz=self._clock_mhz())

    def _timed(self, calls: Iterable[Call], count: int) -> Block:
        torch.cuda.synchronize(self._device)
        waited = seconds_waited()
        before = resource.getrusage(resource.RUSAGE_SELF)
        cpu = process_time()
        start = perf_counter()
        for each in calls:
            each()
        launched = perf_counter()
        torch.cuda.synchronize(self._device)
        end = perf_counter()
        cpu = process_time() - cpu
        after = resource.getrusage(resource.RUSAGE_SELF)
        waited = _since(waited, seconds_waited())
        switches = after.ru_nivcsw - before.ru_nivcsw
        return Block(count, end - start, cpu, host=launched - start, context_switches=switches, waited=waited)


def clock_for(device: torch.device) -> Clock:
    """The clock for a device; for CUDA, with the GPU's clock if NVML can read it."""
    return CudaClock(device, nvml_clock(device)) if device.type == "cuda" else CpuClock()


def nvml_clock(device: torch.device) -> Callable[[], float | None]:
    """A function that reads the clock of a GPU in MHz; it returns None where NVML does not tell."""
    try:
        import pynvml

        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
    except Exception:  # NVML raises its own types, which do not exist without the library
        return lambda: None

    def read() -> float | None:
        with suppress(Exception):
            return float(pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM))
        return None

    return read
