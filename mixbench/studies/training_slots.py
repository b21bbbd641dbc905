"""How many training runs are carried out at a time, and where: the environments of the processes that train."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mixbench.errors import RequestError
from mixbench.execution.engine import Engine, Local, ray_address
from mixbench.execution.launch import RETAINED_MEMORY
from mixbench.execution.ray_slots import RayEngine
from mixbench.machine.environment import environment, physical_cores
from mixbench.studies.data_efficiency_request import DataRequest

TRAINING = RETAINED_MEMORY | {"OMP_NUM_THREADS": "1"}
"""Environment variables of training processes: they keep freed memory, and use one thread."""

PER_GPU = {1e9: 8, 3e10: 2}
"""Runs at a time on a GPU whose training step takes fewer operations than this.

Processes take turns on a GPU. Short steps leave it idle while runs start, load data and are evaluated, and take little memory.
"""


@dataclass(frozen=True)
class Place:
    """Where to train: at the address of a Ray cluster, or else on this machine, on its CPU or on `gpus`."""

    device: str
    address: str | None = None
    gpus: Sequence[str] = ()

    @property
    def elsewhere(self) -> bool:
        """Whether other machines may take part."""
        return self.address is not None


def place_for(engine: str, device: str, *, planning: bool = False) -> Place:
    """Where to train by --engine and --device; for `planning`, one GPU is assumed. Raises RequestError for what is missing."""
    address = ray_address(engine, planning=planning)
    if device not in ("cpu", "cuda"):
        raise RequestError(f"unknown --device {device!r}", "Give cpu or cuda; CUDA_VISIBLE_DEVICES chooses among GPUs.")
    if address is not None or device == "cpu":
        return Place(device, address)
    return Place(device, gpus=["0"] if planning else visible_gpus())


def visible_gpus() -> list[str]:
    """The GPUs of this machine. Raises RequestError if there are none."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    seen = visible.split(",") if visible is not None else [str(index) for index in range(len(environment()["gpus"]))]
    gpus = [gpu.strip() for gpu in seen if gpu.strip() not in ("", "-1")]
    if not gpus:
        raise RequestError("device cuda is not available: no GPU was found", "Train on the CPU: --device cpu.")
    return gpus


def engine_for(place: Place, request: DataRequest, jobs: int | None = None, per_gpu: int | None = None) -> Engine:
    """What trains there, with `jobs` runs at a time on the CPU of each machine, or `per_gpu` on each GPU."""
    if place.address is None:
        return Local(slots_for(place.gpus, request, jobs, per_gpu))
    gpu = place.device == "cuda"
    return RayEngine(place.address, TRAINING, jobs, gpu, per_gpu or _sharing(request), capped=per_gpu is None)


def slots_for(
    gpus: Sequence[str], request: DataRequest, jobs: int | None = None, per_gpu: int | None = None
) -> list[Mapping[str, str]]:
    """Environment variables of the processes that train at the same time: `jobs` on the CPU, or `per_gpu` on each GPU.

    By default as many as there are cores or, on a GPU, as many as `PER_GPU` has for the request, but no more than cores.
    """
    if not gpus:
        return [TRAINING] * (jobs or physical_cores())
    runs = per_gpu or max(1, min(_sharing(request), physical_cores() // len(gpus)))
    return [TRAINING | {"CUDA_VISIBLE_DEVICES": gpu} for _ in range(runs) for gpu in gpus]


def _sharing(request: DataRequest) -> int:
    return next((runs for most, runs in PER_GPU.items() if step_operations(request) < most), 1)


def step_operations(request: DataRequest) -> float:
    """About the operations of a training step at full length, with attention as the mixer; infinite if no task is known."""
    tokens = max((task.form.tokens for task in request.tasks), default=float("inf"))
    width = max(request.widths)
    forward = request.batch * request.layers * tokens * (24 * width**2 + 4 * tokens * width)
    return 3 * forward
