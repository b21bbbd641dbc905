"""What runs inside an isolated child of an attention-map study: train or load a model, then map what it mixes.

Each function takes a JSON-able job and `announce(step)` and returns a JSON-able result, as in `mixbench.worker.speed`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mixbench.errors import RequestError, StorageError
from mixbench.tables.artefacts import StoredMap
from mixbench.tasks import TASKS, ChosenTask
from mixbench.tasks.dataset import Split, load
from mixbench.tasks.needed_tokens import right_tokens, shares
from mixbench.worker.speed import failure, one_line, pin
from mixbench.worker.train import run_of
from mixbench.worker.training.batches import make_batch
from mixbench.worker.training.checkpoint import keep, load_checkpoint
from mixbench.worker.training.jacobian import jacobian_norms
from mixbench.worker.training.run import DivergedError, Trained, train

Announce = Callable[[int], None]
Job = Mapping[str, Any]
Result = dict[str, Any]

_SPLIT = "test"


def describe(job: Job) -> Result:
    """What the files of `files` hold, each as its row and its learning rate, or what is wrong with it."""
    described = []
    for file in job["files"]:
        try:
            checkpoint = load_checkpoint(Path(file))
            described.append({"row": dict(checkpoint.row), "learning_rate": checkpoint.run.learning_rate})
        except RequestError as error:
            described.append({"fault": one_line(str(error)), "hint": one_line(error.hint)})
    return {"checkpoints": described}


def map_cell(job: Job, announce: Announce) -> Result:
    """One trained model, from its checkpoint where that stands, and what it mixes in every example of `examples`.

    A status and a reason where it could not be trained; `maps` are columns of one row for each example.
    """
    announce(0)
    device = job["device"]
    pin(1, training=True, device=device)
    try:
        trained, kept = _trained(job, announce)
        trained.model.to(device).eval().requires_grad_(False)
        maps = []
        for example in job["examples"]:
            announce(example)
            maps.append({"example": example, **_map(job, trained, example)})
    except DivergedError as error:
        return {"status": "diverged", "detail": str(error)}
    except Exception as error:
        return failure(error)
    scores = {name: trained.result.get(name) for name in ("test_score", "score")}
    return {"status": "ok", "detail": "", **scores, **kept, "reach": trained.model.reach, "maps": maps}


def _trained(job: Job, announce: Announce) -> tuple[Trained, Result]:
    """The model, and the column that says where its weights are."""
    if job["run"] is None:
        return load_checkpoint(Path(job["checkpoint"])).trained, {}
    run = run_of(job["run"])
    file = Path(run.checkpoint)
    try:
        return load_checkpoint(file).trained, {"checkpoint": f"{file.parent.name}/{file.name}"}
    except RequestError:  # it is not there, or cannot be used any more
        trained = train(run, announce)
        return trained, keep(run, trained)


def _map(job: Job, trained: Trained, example: int) -> Result:
    split: Split = getattr(load(Path(job["data"])), _SPLIT)
    right = right_tokens(ChosenTask(TASKS[job["task"]], job["options"]), _SPLIT, split, example)
    drawn = job["drawn"].get(str(example))
    outputs = np.arange(len(right)) if drawn else np.flatnonzero(right.any(1))
    norms = np.zeros(right.shape, np.float32)
    norms[outputs] = _norms(trained, split, example, outputs, job["device"])
    if not np.isfinite(norms).all():
        return {"detail": "right_share: the map is not finite"}
    found = shares(norms, right, trained.model.reach)
    result: Result = {"right_share": found.right, "chance_share": found.chance, "distant_share": found.distant, "detail": ""}
    if found.right is None:
        result["detail"] = f"right_share: nothing beyond {trained.model.reach} tokens is seen, so nothing is mixed"
    if drawn:
        inputs, targets = (np.asarray(array[example]) for array in (split.inputs, split.targets))
        try:
            StoredMap(norms, right, inputs.reshape(len(right)), targets).write(Path(drawn["file"]))
            result["map_file"] = drawn["name"]
        except StorageError as error:
            result["detail"] = f"map: {error}"
    return result


def _norms(trained: Trained, split: Split, example: int, outputs: NDArray[np.int64], device: str) -> NDArray[np.float32]:
    """Of signals in the units of the data: by how much an output moves for each unit of an input."""
    batch = make_batch(split, np.array([example]), full_length=True)
    objective = trained.objective
    x = objective.standardised(batch.inputs).to(device)
    norms = jacobian_norms(trained.model, x, outputs.tolist())
    if objective.form.channels:
        norms = norms * (objective.targets.deviation / objective.inputs.deviation)
    mapped: NDArray[np.float32] = norms.to("cpu", torch.float32).numpy()
    return mapped
