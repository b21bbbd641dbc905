"""A GPU that is simulated: a host that launches kernels into a queue of limited length, and a device that works it off.

Kernels take the time that they are given, launches and events the time of real ones. It stands for `torch.cuda` where times are
measured, and for the clock of the host.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import torch

LAUNCH = 5e-6
EVENT = 1e-6
CYCLES_PER_SECOND = 2e9
LONGEST_QUEUE = 1024


@dataclass
class SimulatedGpu:
    """`host` and `device` are times in seconds; `queue` holds when each kernel ends that the host has launched."""

    host: float = 0.0
    device: float = 0.0
    gap: float = 0.0
    kernels: int = 0
    queue: deque[float] = field(default_factory=deque)

    def launch(self, seconds: float, cost: float = LAUNCH) -> None:
        """Queue a kernel; with a full queue the host waits for the oldest one."""
        self.kernels += 1
        self.host += cost
        while self.queue and self.queue[0] <= self.host:
            self.queue.popleft()
        if len(self.queue) >= LONGEST_QUEUE:
            self.host = max(self.host, self.queue.popleft())
        self.device = max(self.device + self.gap, self.host) + seconds
        self.queue.append(self.device)

    def layer(self, kernels: int, seconds: float, launch: float = LAUNCH) -> Callable[[], None]:
        """A call of some kernels that take so many seconds each."""

        def call() -> None:
            for _ in range(kernels):
                self.launch(seconds, launch)

        return call

    def now(self) -> float:
        """The time of the host."""
        return self.host

    def synchronize(self, device: Any = None) -> None:
        self.host = max(self.host, self.device)
        self.queue.clear()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let `torch.cuda` and the clocks of mixbench be this GPU and its host."""
        gpu = self

        class Event:
            def __init__(self, enable_timing: bool) -> None:
                assert enable_timing
                self.time = 0.0

            def record(self) -> None:
                gpu.host += EVENT
                gpu.device = self.time = max(gpu.device, gpu.host)

            def synchronize(self) -> None:
                gpu.host = max(gpu.host, self.time)

            def elapsed_time(self, later: Event) -> float:
                return 1e3 * (later.time - self.time)

        with (
            mock.patch.multiple(
                torch.cuda,
                Event=Event,
                _sleep=lambda cycles: gpu.launch(cycles / CYCLES_PER_SECOND),
                synchronize=gpu.synchronize,
                device=lambda device: nullcontext(),
            ),
            mock.patch("mixbench.worker.measure.clock.perf_counter", self.now),
        ):
            yield
