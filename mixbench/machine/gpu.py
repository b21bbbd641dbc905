"""What NVIDIA's management library (package nvidia-ml-py, module pynvml) reports about the GPUs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from mixbench.machine.facts import attempt


@dataclass(frozen=True)
class GpuSnapshot:
    """The present state of one GPU; None for what the driver does not report.

    `processes` counts the other processes that hold a compute context. `index` is NVML's, in the order of the bus.
    """

    index: int
    name: str
    processes: int | None = None
    sm_clock_mhz: int | None = None
    max_sm_clock_mhz: int | None = None
    persistence: bool | None = None
    power_limit_w: float | None = None
    default_power_limit_w: float | None = None
    temperature_c: int | None = None


@contextmanager
def nvml() -> Iterator[Any]:
    """The library, initialised; None without a driver."""
    library: Any = None
    with suppress(Exception):  # without a driver, NVML raises its own types
        import pynvml

        pynvml.nvmlInit()
        library = pynvml
    try:
        yield library
    finally:
        if library is not None:
            attempt(library.nvmlShutdown)


def gpu_environment() -> dict[str, Any]:
    """The models of the GPUs, the driver's version, and the newest CUDA version that it supports."""
    with nvml() as library:
        gpus = [_name(library, handle) for handle in _handles(library)]
        cuda = attempt(lambda: int(library.nvmlSystemGetCudaDriverVersion_v2()))
        return {
            "gpus": gpus,
            "gpu_driver": attempt(lambda: str(library.nvmlSystemGetDriverVersion())),
            "cuda": f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else None,
        }


def gpu_snapshots() -> tuple[GpuSnapshot, ...]:
    """The present state of every GPU."""
    with nvml() as library:
        return tuple(_snapshot(library, index, handle) for index, handle in enumerate(_handles(library)))


def _snapshot(library: Any, index: int, handle: Any) -> GpuSnapshot:
    def ask(question: str, *arguments: Any) -> Any:
        return attempt(lambda: getattr(library, question)(handle, *arguments))

    def watts(question: str) -> float | None:
        milliwatts = ask(question)
        return None if milliwatts is None else milliwatts / 1000

    processes = ask("nvmlDeviceGetComputeRunningProcesses")
    persistence = ask("nvmlDeviceGetPersistenceMode")
    return GpuSnapshot(
        index=index,
        name=_name(library, handle),
        processes=None if processes is None else sum(process.pid != os.getpid() for process in processes),
        sm_clock_mhz=ask("nvmlDeviceGetClockInfo", library.NVML_CLOCK_SM),
        max_sm_clock_mhz=ask("nvmlDeviceGetMaxClockInfo", library.NVML_CLOCK_SM),
        persistence=None if persistence is None else bool(persistence),
        power_limit_w=watts("nvmlDeviceGetPowerManagementLimit"),
        default_power_limit_w=watts("nvmlDeviceGetPowerManagementDefaultLimit"),
        temperature_c=ask("nvmlDeviceGetTemperature", library.NVML_TEMPERATURE_GPU),
    )


def _handles(library: Any) -> list[Any]:
    if library is None:
        return []
    return attempt(lambda: [library.nvmlDeviceGetHandleByIndex(index) for index in range(library.nvmlDeviceGetCount())]) or []


def _name(library: Any, handle: Any) -> str:
    return attempt(lambda: str(library.nvmlDeviceGetName(handle))) or "unknown GPU"
