"""A mapper without torch that answers in milliseconds; FAKE_RUNS as for `fake_trainer`, FAKE_MAPS a file it is logged to."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import fake_trainer
import numpy as np
from stopping import stop_at

from mixbench.tables.artefacts import StoredMap


def map_cell(job: Mapping[str, Any], announce: Callable[[int], None]) -> dict[str, Any]:
    """Trains where there are no weights; the share of an example is known."""
    kept, done = Path(job["checkpoint"]), "loaded"
    if not kept.exists():
        done, result = "trained", fake_trainer.train_cell(job["run"], announce)
        if result["status"] != "ok":
            return result
    if log := os.environ.get("FAKE_MAPS"):
        with open(log, "a") as file:
            file.write(f"{done} {len(job['examples'])}\n")
    stop_at("mapper: map")
    maps = [_map(example, job["drawn"].get(str(example))) for example in job["examples"]]
    stop_at("mapper: maps written")
    result = {"status": "ok", "detail": "", "reach": 6, "score": "mse", "test_score": 0.5}
    return {**result, "checkpoint": f"checkpoints/{kept.name}", "maps": maps}


def _map(example: int, drawn: Mapping[str, str] | None) -> dict[str, Any]:
    one = {"example": example, "right_share": 0.5 + example / 100, "chance_share": 0.2, "distant_share": 0.1, "detail": ""}
    if drawn is None:
        return one
    StoredMap(np.eye(4, dtype=np.float32), np.eye(4) > 0, np.zeros(4, np.float32), np.zeros(4)).write(Path(drawn["file"]))
    return {**one, "map_file": drawn["name"]}
