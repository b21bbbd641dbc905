"""Jobs for an isolated child: check a request, measure the machine's peak, time a group of cells.

Each function takes a JSON-able job and `announce(step)`, to be called before anything that may hang or kill the process,
and returns a JSON-able result. A cell that cannot be measured becomes a status and a reason, never an exception. Values of a
cell are named as their columns in `SpeedRow`.
"""

from __future__ import annotations

import importlib
import os
import random
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import torch

from mixbench.errors import one_line
from mixbench.machine.neighbours import OthersOnCores
from mixbench.tables.remarks import CHANGED
from mixbench.worker.calls import Calibration, Call, ContractError, InTurns, UnsupportedError, describe_failure
from mixbench.worker.loading import load_class
from mixbench.worker.measure import memory, peak
from mixbench.worker.measure.caches import flush_for
from mixbench.worker.measure.clock import Block, clock_for
from mixbench.worker.measure.graph_calls import replayed
from mixbench.worker.measure.rounds import interleave
from mixbench.worker.measure.subject import Cell, Subject, build_subject
from mixbench.worker.measure.surroundings import PINNED, Surroundings
from mixbench.worker.measure.threads import expect_no_more_threads

Announce = Callable[[int], None]
Job = Mapping[str, Any]
Result = dict[str, Any]

CALIBRATION = -1
"""Step of the calibration workload; the step of a cell is its index."""

_OUT_OF_MEMORY = ("can't allocate memory", "not enough memory", "out of memory", "cannot allocate memory")


def pin(threads: int, *, training: bool = False, device: str = "cpu") -> bool:
    """Before the first operation, set everything that must be equal in all measurements; returns whether denormals are flushed.

    For a GPU the process may use every core again: its first thread is bound to one core, and the threads that drive the GPU
    would inherit that.
    """
    if device != "cpu" and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    expect_no_more_threads()
    torch.set_num_threads(threads)
    torch.set_grad_enabled(training)
    flushed = torch.set_flush_denormal(True)
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.benchmark = False
    return flushed


def check(job: Job, announce: Announce) -> Result:
    """Faults of a request that only torch can find: devices that are not there, classes that do not load."""
    announce(0)
    faults = [fault for device in job["devices"] if (fault := _device_fault(device))]
    for target in job["targets"]:
        try:
            load_class(target)
        except ContractError as error:
            faults.append(str(error))
    return {"faults": [one_line(fault) for fault in faults]}


def _device_fault(name: str) -> str | None:
    device = torch.device(name)
    if device.type == "cpu":
        return None
    if not torch.cuda.is_available():
        return f"device {name} is not available: this torch ({torch.__version__}) sees no GPU"
    if (device.index or 0) >= torch.cuda.device_count():
        return f"device {name} is not available: there are {torch.cuda.device_count()} GPUs, counted from cuda:0"
    return None


def run_alone(job: Job, announce: Announce) -> Result:
    """Call the function "module:name" with a job, threads and flags set."""
    announce(0)
    pin(job["threads"])
    module, _, name = job["function"].partition(":")
    result: Result = getattr(importlib.import_module(module), name)(job["job"])
    return result


def measure_peak(job: Job, announce: Announce) -> Result:
    """The best matrix-product rate and bandwidth of this launch, which shares of peak refer to."""
    announce(0)
    pin(job["threads"], device=job["device"])
    try:
        return {
            "peak_gflops_per_s": peak.peak_gflops(job["device"], getattr(torch, job["dtype"])),
            "bandwidth_gb_per_s": peak.bandwidth_gb_per_s(job["device"]),
        }
    except Exception as error:
        return {"note": describe_failure(error)}


def measure_group(job: Job, announce: Announce) -> Result:
    """Time the cells of a group in turns, with the calibration workload among them.

    They are also built in a random order: a layer is up to 2 % faster or slower depending on where its tensors lie in memory.
    Over several launches, that widens the interval instead of favouring one mixer. Where one changes what all share, the
    result only says what: as `disturbing` by cell, or as `disturbed` where it is not known which cell does it. Where one
    has failed such that the process may be spoilt, the result only has that failure, as `abandoned`.
    `job["highest_mhz"]` is the highest clock of the GPU that was seen before in this launch, and the result has it, too.
    """
    announce(CALIBRATION)
    cells = [Cell(**cell) for cell in job["cells"]]
    flushed = pin(job["threads"], training=cells[0].mode == "training", device=cells[0].device)
    device = torch.device(cells[0].device)
    failed: dict[int, Result] = {}
    reset: dict[int, list[str]] = {}
    subjects: dict[int, Subject] = {}
    calls: dict[int, Call] = {CALIBRATION: _calibration(device)}
    order = random.Random(job["order_seed"])
    surroundings = Surroundings()
    for index in order.sample(range(len(cells)), len(cells)):
        announce(index)
        try:
            subjects[index] = build_subject(cells[index])
            calls[index] = timed_call(subjects[index], cells[index])
        except Exception as error:
            failed[index] = failure(error)
            if len(cells) > 1 and isinstance(error, UnsupportedError):  # a capture that failed may spoil the process
                return {"abandoned": failed}
        if changed := surroundings.changed(PINNED):
            reset[index] = changed
            pin(job["threads"], training=cells[0].mode == "training", device=cells[0].device)
        if len(cells) > 1 and (changes := surroundings.changes()):
            return {"disturbing": {index: one_line(changes)}}
    others = OthersOnCores()
    rounds = interleave(
        calls,
        clock_for(device),
        precision=job["precision"],
        budget=job["budget"],
        order=order,
        announce=announce,
    )
    others_cores = others.cores()
    failed |= {index: failure(error) for index, error in rounds.raised.items()}
    for index in rounds.blocks.keys() & subjects.keys():
        announce(index)
        if fault := _fault_of_output(subjects[index], cells[index]):
            del rounds.blocks[index]
            failed[index] = fault
    remarks = {index: f"{CHANGED}{', '.join(names)}, which was reset" for index, names in reset.items()}
    again = surroundings.changed(PINNED)
    if len(cells) > 1 and (changes := surroundings.changes(at_the_end=True)):
        known = {index: names for index, before in reset.items() if (names := ", ".join(n for n in before if n in again))}
        return {"disturbing": known} if known else {"disturbed": one_line(changes)}
    if again:
        remarks[0] = f"{CHANGED}{', '.join(again)} while it ran"
    calibration = rounds.blocks.pop(CALIBRATION, [])
    clocks = [block.sm_clock_mhz for blocks in (calibration, *rounds.blocks.values()) for block in blocks]
    highest = max((mhz for mhz in (job.get("highest_mhz"), *clocks) if mhz is not None), default=None)
    return {
        "blocks": {index: [_metrics(block, highest) for block in blocks] for index, blocks in rounds.blocks.items()},
        "highest_mhz": highest,
        "failed": failed,
        "remarks": remarks,
        "stopped_by": rounds.stopped_by,
        "launch": {
            "calibration_ms": median(block.latency for block in calibration) * 1e3 if calibration else None,
            "calibration_cpu_ms": median(b.cpu / b.repeats for b in calibration) * 1e3 if calibration else None,
            "others_cores": others_cores,
            "allocator": memory.allocator_behaviour(),
            "denormals": "flushed" if flushed else "kept",
            "parallel": one_line(torch.__config__.parallel_info()),
        },
    }


def timed_call(subject: Subject, cell: Cell) -> Call:
    """The calls of a cell in the way that they are timed. Raises UnsupportedError, and what the mixer raises."""
    device = torch.device(cell.device)
    flush = flush_for(device) if cell.caches == "cold" else None
    if cell.execution == "graph":
        return replayed(subject, device, flush)
    return InTurns(subject.calls(), flush=flush)


def _fault_of_output(subject: Subject, cell: Cell) -> Result | None:
    """What is wrong with the output after all rounds."""
    try:
        subject.check_output(getattr(torch, cell.dtype))
    except ContractError as error:
        return failure(ContractError(f"after many calls, {error}"))
    except Exception as error:
        return failure(error)
    return None


def _calibration(device: torch.device) -> Call:
    x = torch.randn(256, 256, generator=torch.Generator().manual_seed(0)).to(device)
    calibration = Calibration()

    def call() -> torch.Tensor:
        with torch.no_grad():
            return calibration.forward(x)

    return call


def _metrics(block: Block, highest_mhz: float | None) -> Result:
    per_call = 1e3 / block.repeats
    return {
        "latency_ms": block.wall * per_call,
        "cpu_ms": block.cpu * per_call,
        "device_ms": None if block.device is None else block.device * per_call,
        "host_ms": None if block.host is None else block.host * per_call,
        "page_faults": None if block.page_faults is None else block.page_faults / block.repeats,
        "context_switches": block.context_switches,
        "steal_ms": None if block.steal is None else block.steal * 1e3,
        "core_wait_ms": None if block.waited is None else block.waited * 1e3,
        "sm_clock_mhz": block.sm_clock_mhz,
        "quality": block.quality(highest_mhz),
    }


def failure(error: Exception) -> Result:
    """The outcome of a cell that raised an exception: status oom, unsupported or error, with the reason."""
    message = str(error).lower()
    oom = isinstance(error, MemoryError | torch.OutOfMemoryError) or any(words in message for words in _OUT_OF_MEMORY)
    if isinstance(error, UnsupportedError):
        return {"status": "oom" if oom else "unsupported", "detail": one_line(error)}
    return {"status": "oom" if oom else "error", "detail": describe_failure(error)}
