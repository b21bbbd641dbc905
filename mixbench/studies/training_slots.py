"""How many training runs are carried out at a time, and where: the environments of the processes that train."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from mixbench.errors import RequestError
from mixbench.execution.launch import RETAINED_MEMORY
from mixbench.machine.environment import environment, physical_cores
from mixbench.studies.data_efficiency_plan import DataRequest

TRAINING = RETAINED_MEMORY | {"OMP_NUM_THREADS": "1"}
"""Environment variables of training processes: they keep freed memory, and use one thread."""

PER_GPU = {1e9: 8, 3e10: 2}
"""Runs at a time on a GPU whose training step takes fewer operations than this.

Processes take turns on a GPU. Short steps leave it idle while runs start, load data and are evaluated, and take little memory.
"""


def gpus_for(device: str) -> list[str]:
    """The visible GPUs; none for the CPU. Raises RequestError for a device that is unknown or missing."""
    if device == "cpu":
        return []
    if device != "cuda":
        raise RequestError(f"unknown --device {device!r}", "Give cpu or cuda; CUDA_VISIBLE_DEVICES chooses among GPUs.")
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    seen = visible.split(",") if visible is not None else [str(index) for index in range(len(environment()["gpus"]))]
    gpus = [gpu.strip() for gpu in seen if gpu.strip() not in ("", "-1")]
    if not gpus:
        raise RequestError("device cuda is not available: no GPU was found", "Train on the CPU: --device cpu.")
    return gpus


def slots_for(
    gpus: Sequence[str], request: DataRequest, jobs: int | None = None, per_gpu: int | None = None
) -> list[Mapping[str, str]]:
    """Environment variables of the processes that train at the same time: `jobs` on the CPU, or `per_gpu` on each GPU.

    By default as many as there are cores or, on a GPU, as many as `PER_GPU` has for the request, but no more than cores.
    """
    if not gpus:
        return [TRAINING] * (jobs or physical_cores())
    small = next((runs for most, runs in PER_GPU.items() if step_operations(request) < most), 1)
    runs = per_gpu or max(1, min(small, physical_cores() // len(gpus)))
    return [TRAINING | {"CUDA_VISIBLE_DEVICES": gpu} for _ in range(runs) for gpu in gpus]


def step_operations(request: DataRequest) -> float:
    """About the operations of a training step at full length, with attention as the mixer; infinite if no task is known."""
    tokens = max((task.form.tokens for task in request.tasks), default=float("inf"))
    width = max(request.widths)
    forward = request.batch * request.layers * tokens * (24 * width**2 + 4 * tokens * width)
    return 3 * forward
