"""A trainer without torch that answers in milliseconds. What a run does is chosen by the environment variable FAKE_RUNS:
JSON from mixer class to `die`, `hang`, `raise`, `diverge`, `kill-server`, `lose-slot`, `lose-slot-once`, `nonsense`, or
`no-graphs` and `die-of-graphs`, which refuse runs with graphs, or `never`, which refuses them without, too. Runs can take part
in a `meeting`."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from meeting import attend
from stopping import stop_at

Announce = Callable[[int], None]
Job = Mapping[str, Any]

stop_at("trainer: imported")


def count_steps(job: Job, announce: Announce) -> dict[str, Any]:
    stop_at("trainer: count")
    return {"flops": {job["arguments"]["tokens"]: 1000}, "detail": ""}


def _is_first() -> bool:
    """Whether no job has asked this before, in the folder of the meeting."""
    with suppress(FileExistsError):
        Path(os.environ["FAKE_MEETING"], "first").touch(exist_ok=False)
        return True
    return False


def train_cell(job: Job, announce: Announce) -> dict[str, Any]:
    """The error falls with the examples and is least at a learning rate of 1e-3."""
    time.sleep(float(os.environ.get("FAKE_SECONDS", "0")))
    attend()
    stop_at("trainer: train")
    behaviours: dict[str, str] = json.loads(os.environ.get("FAKE_RUNS", "{}"))
    behaviour = behaviours.get(job["target"].rpartition(":")[2], "")
    if behaviour == "die" or (behaviour == "die-of-graphs" and job["graphs"]):
        os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == "kill-server":
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(60)
    if behaviour == "lose-slot" or (behaviour == "lose-slot-once" and _is_first()):  # child, server, guard, actor
        import psutil  # most servers need not import it

        psutil.Process().parents()[2].kill()
        time.sleep(60)
    if behaviour == "nonsense":
        return {"status": "ok", "dev_score": "high"}
    if (behaviour == "no-graphs" and job["graphs"]) or behaviour == "never":
        return {"not_as_graphs": "RuntimeError: planted"}
    if behaviour == "hang":
        time.sleep(60)
    if behaviour == "raise":
        return {"status": "error", "detail": "ValueError: planted"}
    if behaviour == "diverge":
        return {"status": "diverged", "detail": "the loss was not finite at step 3 of 10"}
    error = 10 / job["train_size"] * (1 + abs(job["learning_rate"] - 1e-3)) * (1 + 0.01 * job["seed"])
    kept = {}
    if file := job.get("checkpoint"):
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(json.dumps(job["about"]))
        kept = {"checkpoint": f"checkpoints/{Path(file).name}"}
        stop_at("trainer: weights written")
    return {
        **kept,
        "status": "ok",
        "dev_score": error,
        "test_score": error,
        "test_standard_error": 0.01,
        "train_flops": job["steps"] * job["batch"] * job["flops"].get(str(job["arguments"]["tokens"]), 0),
        "train_seconds": 0.001,
        "steps": job["steps"],
        "score": "mse",
        "test_examples": 100,
    }
