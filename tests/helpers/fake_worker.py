"""A worker without torch that answers in milliseconds. What a cell does is chosen by the environment variable FAKE_CELLS:
JSON from mixer class to `die`, `hang`, `raise`, `exit` or `fail-count`."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

Announce = Callable[[int], None]
Job = Mapping[str, Any]

MEGAFLOP = 10**6


def _behaviour(cell: Mapping[str, Any]) -> str:
    behaviours: dict[str, str] = json.loads(os.environ.get("FAKE_CELLS", "{}"))
    return behaviours.get(cell["target"].rpartition(":")[2], "")


def check(job: Job, announce: Announce) -> dict[str, Any]:
    announce(0)
    return {"faults": ["no such class"] if os.environ.get("FAKE_FAULT") else []}


def count(job: Job, announce: Announce) -> dict[str, Any]:
    announce(0)
    if _behaviour(job["cell"]) == "fail-count":
        return {"status": "oom", "detail": "needs 2 MiB, 1 MiB are available: not run"}
    return {"status": "ok", "detail": "", "flops": MEGAFLOP, "params": 7, "peak_memory_mib": 1.5}


def measure_peak(job: Job, announce: Announce) -> dict[str, Any]:
    return {"peak_gflops_per_s": 100.0, "bandwidth_gb_per_s": 10.0}


def measure_group(job: Job, announce: Announce) -> dict[str, Any]:
    blocks: dict[int, list[dict[str, Any]]] = {}
    failed: dict[int, dict[str, str]] = {}
    time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
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
        if behaviour == "raise":
            failed[index] = {"status": "error", "detail": "ValueError: planted"}
            continue
        latency = 2.0 if "Attention" in cell["target"] else 1.0
        blocks[index] = [{"latency_ms": latency, "cpu_ms": latency, "quality": "clean"} for _ in range(3)]
    return {"blocks": blocks, "failed": failed, "stopped_by": "precision", "launch": {"calibration_ms": 1.0}}
