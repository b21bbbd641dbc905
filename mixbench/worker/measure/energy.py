"""Energy per call, always from a meter: the RAPL counters of Intel and AMD for the CPU, those of NVML for a GPU."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mixbench.machine.facts import ROOT

SHORTEST_WINDOW = 1.0
"""Seconds; a shorter window is refused."""

_RAPL_WINDOW = 1.0  # RAPL is updated about every millisecond
_NVML_WINDOW = 5.0  # NVML is updated about every 100 ms, 2 % of this window
_BLOCK_SECONDS = 0.05


@dataclass(frozen=True)
class Meter:
    """Energy counters that only rise, in units of `joules_per_count`; a counter restarts at 0 at its entry in `wraps`.

    Readings must be at least `window` seconds apart for their difference to be trusted; `synchronize` waits for the device.
    """

    name: str
    read: Callable[[], tuple[int, ...]]
    joules_per_count: float
    wraps: tuple[int | None, ...]
    window: float
    synchronize: Callable[[], object] = lambda: None

    def joules(self, before: tuple[int, ...], after: tuple[int, ...]) -> float:
        """Energy in J between two readings, over all counters."""
        counts = (
            last - first if wrap is None else (last - first) % wrap
            for first, last, wrap in zip(before, after, self.wraps, strict=True)
        )
        return sum(counts) * self.joules_per_count


def find_meter(device: torch.device | str, *, root: Path = ROOT, library: Any = None) -> Meter | str:
    """The meter for a device, or the reason why there is none.

    A CPU's meter covers whole packages, including everything else that runs on them. `root` is the folder that holds /sys;
    `library` replaces pynvml.
    """
    device = torch.device(device)
    return _nvml_meter(device, library) if device.type == "cuda" else _rapl_meter(root / "sys/class/powercap")


def energy_per_call(
    call: Callable[[], object],
    meter: Meter,
    *,
    clock: Callable[[], float] = time.perf_counter,
    window: float | None = None,
) -> float | None:
    """Energy in J of one call, from as many calls as fill `window` seconds (default: the meter's).

    None if the counter did not change. Raises ValueError for a window under 1 s.
    """
    window = meter.window if window is None else window
    if window < SHORTEST_WINDOW:
        raise ValueError(f"a window of {window:g} s is too short for an energy counter: at least {SHORTEST_WINDOW:g} s")
    call()
    meter.synchronize()
    calls, block = 0, 1
    before, start = meter.read(), clock()
    now = start
    while now - start < window:
        for _ in range(block):
            call()
        meter.synchronize()
        calls += block
        last, now = now, clock()
        if now - last < _BLOCK_SECONDS:
            block *= 2
    joules = meter.joules(before, meter.read())
    return joules / calls if joules > 0 else None


def _rapl_meter(powercap: Path) -> Meter | str:
    files: list[Path] = []
    wraps: list[int] = []
    for domain in sorted(powercap.glob("intel-rapl:*")):
        file = domain / "energy_uj"
        try:
            if not (domain / "name").read_text().startswith("package"):
                continue
            int(file.read_text())
            wraps.append(int((domain / "max_energy_range_uj").read_text()))
        except PermissionError as error:
            return f"{error.filename} is readable by root only; allow it with: sudo chmod a+r {error.filename}"
        except (OSError, ValueError) as error:
            return f"{file} cannot be read: {error}"
        files.append(file)
    if not files:
        return f"there is no package counter under {powercap}/intel-rapl:* (RAPL needs Linux on a physical machine)"

    def read() -> tuple[int, ...]:
        return tuple(int(file.read_text()) for file in files)

    return Meter(f"RAPL, {len(files)} package{'s' if len(files) > 1 else ''}", read, 1e-6, tuple(wraps), _RAPL_WINDOW)


def _nvml_meter(device: torch.device, library: Any) -> Meter | str:
    try:
        library = library or importlib.import_module("pynvml")
        library.nvmlInit()
        # CUDA numbers the visible GPUs, fastest first; NVML numbers all GPUs by their place on the bus. They share only UUIDs.
        handle = library.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
        library.nvmlDeviceGetTotalEnergyConsumption(handle)
    except Exception as error:  # NVML, torch and a missing driver each raise their own types
        return f"NVML has no energy counter for {device}: {error}"

    def read() -> tuple[int, ...]:
        return (int(library.nvmlDeviceGetTotalEnergyConsumption(handle)),)

    return Meter(f"NVML, {device}", read, 1e-3, (None,), _NVML_WINDOW, lambda: torch.cuda.synchronize(device))
