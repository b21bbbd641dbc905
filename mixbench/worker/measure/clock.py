"""The time of a block of calls: wall and CPU time, on a GPU also device and host time, and what disturbed the block."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time  # as they are before a mixer's code is loaded
from typing import Any, Protocol

import torch

from mixbench.worker.calls import Call, device_seconds, turns
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


@dataclass(frozen=True)
class Block:
    """`repeats` calls in a row. Seconds, faults and switches are totals for the block; None if not measured here."""

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
    throttled: bool = False

    @property
    def latency(self) -> float:
        """Wall seconds per call."""
        return self.wall / self.repeats

    @property
    def quality(self) -> str:
        """Whether the block was disturbed: throttled, contended or clean.

        A block is contended if its threads waited for a core for more than 3 % of its time, the hypervisor took more than 2 %,
        or page faults took more than 5 %. Where the kernel does not tell how long threads wait, other processes must not take
        a core more often than once plus 25 times a second, nor may 10 % of the time on a CPU be idle.
        """
        if self.throttled:
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
        """Time `repeats` calls in a row."""


def _steal_seconds() -> float | None:
    try:
        with Path("/proc/stat").open() as stat:
            return int(stat.readline().split()[_STEAL_FIELD]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return None


def _since(before: float | None, after: float | None) -> float | None:
    """How much a total has grown; threads that have ended take their share with them."""
    return None if before is None or after is None else max(0.0, after - before)


class CpuClock:
    """Wall and process time of a block on the CPU.

    A block of many calls is preceded by one that is not timed: it refills the caches after whatever ran in between.
    """

    settling = 0.0

    def now(self) -> float:
        return perf_counter()

    def block(self, call: Call, repeats: int) -> Block:
        if repeats >= _MANY:
            call()
        steal, waited = _steal_seconds(), seconds_waited()
        before = resource.getrusage(resource.RUSAGE_SELF)
        cpu = process_time()
        wall = perf_counter()
        for each in islice(turns(call), repeats):
            each()
        wall = perf_counter() - wall
        cpu = process_time() - cpu
        after = resource.getrusage(resource.RUSAGE_SELF)
        steal_after, waited_after = _steal_seconds(), seconds_waited()
        return Block(
            repeats,
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
    never waits for the host between the two events. `sensors` returns (SM clock in MHz or None, whether throttled).
    """

    settling = 0.5

    def __init__(self, device: torch.device, sensors: Callable[[], tuple[float | None, bool]]) -> None:
        self._device = device
        self._sensors = sensors

    def now(self) -> float:
        return perf_counter()

    def block(self, call: Call, repeats: int) -> Block:
        torch.cuda.synchronize(self._device)
        waited = seconds_waited()
        before = resource.getrusage(resource.RUSAGE_SELF)
        cpu = process_time()
        start = perf_counter()
        for each in islice(turns(call), repeats):
            each()
        launched = perf_counter()
        torch.cuda.synchronize(self._device)
        end = perf_counter()
        cpu = process_time() - cpu
        after = resource.getrusage(resource.RUSAGE_SELF)
        waited = _since(waited, seconds_waited())
        host = launched - start
        device = device_seconds(self._device, call, repeats, host)
        clock, throttled = self._sensors()
        return Block(
            repeats,
            end - start,
            cpu,
            device=device,
            host=host,
            context_switches=after.ru_nivcsw - before.ru_nivcsw,
            waited=waited,
            sm_clock_mhz=clock,
            throttled=throttled,
        )


def clock_for(device: torch.device) -> Clock:
    """The clock for a device; for CUDA, with NVML's sensors if they can be read."""
    if device.type == "cuda":
        return CudaClock(device, nvml_sensors(device))
    return CpuClock()


def nvml_sensors(device: torch.device) -> Callable[[], tuple[float | None, bool]]:
    """A function that reads (SM clock in MHz, whether throttled) of a GPU; (None, False) without NVML."""
    try:
        import pynvml

        pynvml.nvmlInit()
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
    except Exception:  # NVML raises its own types, which do not exist without the library
        return lambda: (None, False)
    slowed: Any = (
        pynvml.nvmlClocksThrottleReasonSwPowerCap
        | pynvml.nvmlClocksThrottleReasonHwSlowdown
        | pynvml.nvmlClocksThrottleReasonSwThermalSlowdown
        | pynvml.nvmlClocksThrottleReasonHwThermalSlowdown
        | pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown
    )

    def read() -> tuple[float | None, bool]:
        reasons = pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
        return float(pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM)), bool(reasons & slowed)

    return read
