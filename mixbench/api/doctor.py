"""This machine and its software, its best rates, where kernels stand, and what will disturb a measurement."""

from __future__ import annotations

import dataclasses
from importlib import metadata
from typing import Any

from mixbench.api.common import check_device
from mixbench.api.doctor_options import DoctorOptions
from mixbench.api.options import takes
from mixbench.errors import WorkerError
from mixbench.execution import run_alone
from mixbench.machine.disturbances import disturbances
from mixbench.machine.environment import environment, physical_cores, snapshot
from mixbench.machine.facts import attempt
from mixbench.machine.neighbours import neighbours
from mixbench.studies.progress import Progress, Silent

LIBRARIES = ("torch", "numpy", "scipy", "pandas", "matplotlib", "typer", "rich", "psutil", "nvidia-ml-py", "filelock")
_PEAKS = "mixbench.worker.doctor:measure_peaks"
_PEAKS_TIMEOUT = 120.0


def examine(options: DoctorOptions) -> dict[str, Any]:
    """The findings as JSON-able data; the peaks are measured in a process of their own. Raises RequestError."""
    device = options.device
    if device is not None:
        check_device(device)
    found, now, others = environment(), snapshot(), neighbours()
    devices = [device] if device else ["cpu", *(["cuda"] if now.gpus else [])]
    threads = options.threads or physical_cores()
    return {
        "environment": found,
        "libraries": {name: attempt(lambda name=name: metadata.version(name)) for name in LIBRARIES},  # type: ignore[misc]
        "snapshot": dataclasses.asdict(now),
        "threads": threads,
        "peaks": [_peaks(name, threads, options.progress or Silent()) for name in devices],
        "disturbances": [dataclasses.asdict(disturbance) for disturbance in disturbances(now, others)],
    }


def _peaks(device: str, threads: int, progress: Progress) -> dict[str, Any]:
    progress.remark(f"Measuring the best rates of {device} …")
    try:
        return {"device": device, **run_alone(_PEAKS, {"device": device}, threads=threads, timeout=_PEAKS_TIMEOUT)}
    except WorkerError as error:
        return {"device": device, "unavailable": str(error)}


@takes(DoctorOptions)
def doctor(options: DoctorOptions) -> dict[str, Any]:
    """This machine and its software, its best rates, and what will disturb a measurement, as plain values.

    Each of `peaks` has the rates of a device, and as `standing` the shares of them that typical kernels reach, and what bounds
    each. Raises RequestError.
    """
    return examine(options)
