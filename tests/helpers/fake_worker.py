"""A worker without torch that answers in milliseconds. What a cell does is chosen by the environment variable FAKE_CELLS:
JSON from mixer class to `die`, `hang`, `raise`, `exit`, `fail-count`, `die-at-import`, `hang-at-import`, `raise-at-import`,
`raise-beside` and `disturb-beside` others, `unsupported`, `unsupported-beside` others, or the name of an answer that nothing
can be made of; `die`, `die-beside`, `hang` and `disturb` with `-foresee`, `-count` or `-energy` at the end do so while it is
counted. Jobs that count are written to the file FAKE_LOG, with their number of cells. FAKE_MISSING says why there is no
energy meter. Jobs that measure can take part in a `meeting`."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from meeting import attend
from stopping import stop_at

Announce = Callable[[int], None]
Job = Mapping[str, Any]

MEGAFLOP = 10**6

stop_at("worker: imported")


UNUSABLE: dict[str, Any] = {
    "no-blocks": None,
    "no-latency": [{"cpu_ms": 1.0, "quality": "clean"}],
    "no-time": [{"latency_ms": 0.0, "cpu_ms": 1.0, "quality": "clean"}],
    "words": [{"latency_ms": "fast", "cpu_ms": 1.0, "quality": "clean"}],
    "unknown": [{"latency_ms": 1.0, "cpu_ms": 1.0, "quality": "clean", "charm": 1}],
    "two-lines": [{"latency_ms": 1.0, "cpu_ms": 1.0, "quality": "a\nb"}],
}


def _behaviour_of(target: str) -> str:
    behaviours: dict[str, str] = json.loads(os.environ.get("FAKE_CELLS", "{}"))
    return behaviours.get(target.rpartition(":")[2], "")


def _behaviour(cell: Mapping[str, Any]) -> str:
    return _behaviour_of(cell["target"])


def check(job: Job, announce: Announce) -> dict[str, Any]:
    announce(0)
    stop_at("worker: check")
    behaviours = [_behaviour_of(target) for target in job["targets"]]
    if "die-at-import" in behaviours:
        os.kill(os.getpid(), signal.SIGKILL)
    if "hang-at-import" in behaviours:
        time.sleep(60)
    faults = ["no such module"] if "raise-at-import" in behaviours else []
    return {"faults": ["no such class"] if os.environ.get("FAKE_FAULT") else faults}


def foresee(job: Job, announce: Announce) -> dict[str, Any]:
    return _each(job, announce, "foresee", lambda cell: {"status": "ok"})


def count(job: Job, announce: Announce) -> dict[str, Any]:
    assert len(job["foreseen"]) == len(job["cells"])
    return _each(job, announce, "count", _count)


def find_meter(job: Job, announce: Announce) -> dict[str, Any]:
    return {"missing": os.environ["FAKE_MISSING"]} if "FAKE_MISSING" in os.environ else {"seconds": 1.0}


def measure_energy(job: Job, announce: Announce) -> dict[str, Any]:
    return _each(job, announce, "energy", lambda cell: {"status": "ok", "energy_j": float(cell["tokens"])})


def _each(job: Job, announce: Announce, name: str, work: Callable[[Mapping[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """As `mixbench.worker.counting` does it: it stops at the first cell that fails, or that is not for company."""
    found: list[Any] = []
    several = len(job["cells"]) > 1
    stop_at(f"worker: {name}")
    if "FAKE_LOG" in os.environ:
        with open(os.environ["FAKE_LOG"], "a") as log:
            print(name, len(job["cells"]), file=log)
    for index, cell in enumerate(job["cells"]):
        announce(index)
        behaviour = _behaviour(cell)
        if behaviour == f"die-{name}" or (behaviour == f"die-beside-{name}" and several):
            os.kill(os.getpid(), signal.SIGKILL)
        if behaviour == f"hang-{name}":
            time.sleep(60)
        outcome = work(cell)
        if several and (outcome["status"] != "ok" or behaviour == f"disturb-{name}"):
            break
        found.append(outcome)
    return {"found": found}


def _count(cell: Mapping[str, Any]) -> dict[str, Any]:
    if _behaviour(cell) == "fail-count":
        return {"status": "oom", "detail": "not run: it needs 2 MiB, but only 1 MiB are available"}
    return {"status": "ok", "detail": "", "flops": MEGAFLOP, "params": 7, "peak_memory_mib": 1.5}


def measure_peak(job: Job, announce: Announce) -> dict[str, Any]:
    stop_at("worker: peak")
    return {"peak_gflops_per_s": 100.0, "bandwidth_gb_per_s": 10.0}


def measure_group(job: Job, announce: Announce) -> dict[str, Any]:
    blocks: dict[int, list[dict[str, Any]]] = {}
    failed: dict[int, dict[str, str]] = {}
    beside = len(job["cells"]) > 1
    time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
    attend()
    stop_at("worker: measure")
    for index, cell in enumerate(job["cells"]):
        announce(index)
        behaviour = _behaviour(cell)
        if behaviour == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if behaviour == "exit":
            print("a library said goodbye", file=sys.stderr)
            os._exit(3)
        if behaviour == "hang":
            time.sleep(60)
        if behaviour == "disturb-beside" and beside:
            return {"disturbing": {index: "the default dtype"}}
        if behaviour.startswith("unsupported") and (beside or behaviour == "unsupported"):
            refused = {index: {"status": "unsupported", "detail": "no graph"}}
            return {"abandoned": refused} if beside else _answer(job, {}, refused)
        if behaviour == "raise" or (behaviour == "raise-beside" and beside):
            failed[index] = {"status": "error", "detail": "ValueError: planted"}
            continue
        if behaviour in UNUSABLE:
            blocks |= {index: UNUSABLE[behaviour]} if UNUSABLE[behaviour] else {}
            continue
        latency = 2.0 if "Attention" in cell["target"] else 1.0
        seen = {"sm_clock_mhz": job["highest_mhz"]}
        blocks[index] = [{"latency_ms": latency, "cpu_ms": latency, "quality": "clean", **seen} for _ in range(3)]
    return _answer(job, blocks, failed)


def _answer(job: Job, blocks: dict[int, Any], failed: dict[int, Any]) -> dict[str, Any]:
    found = {"blocks": blocks, "failed": failed, "stopped_by": "precision", "launch": {"calibration_ms": 1.0}}
    return found | {"highest_mhz": (job["highest_mhz"] or 1000.0) + 1}
