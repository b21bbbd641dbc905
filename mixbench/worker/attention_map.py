"""Jobs of an attention-map study, run in child processes: train or load a model, then map what it mixes.

Jobs and results are as in `mixbench.worker.speed`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mixbench.errors import RequestError, StorageError, one_line
from mixbench.tables.artefacts import StoredMap
from mixbench.tasks import TASKS, ChosenTask
from mixbench.tasks.dataset import Split, load
from mixbench.tasks.needed_tokens import needed_tokens, shares
from mixbench.worker.speed import pin
from mixbench.worker.train import fault, run_of
from mixbench.worker.training.batches import make_batch
from mixbench.worker.training.checkpoint import keep, load_checkpoint
from mixbench.worker.training.jacobian import jacobian_norms
from mixbench.worker.training.run import Trained, train

Announce = Callable[[int], None]
Job = Mapping[str, Any]
Result = dict[str, Any]

_SPLIT = "test"


def describe(job: Job) -> Result:
    """For each of the job's `files`: the row, learning rate and mixer of its checkpoint, or what is wrong with it."""
    described = []
    for file in job["files"]:
        try:
            checkpoint = load_checkpoint(Path(file))
            run = checkpoint.run
            described.append({"row": dict(checkpoint.row), "learning_rate": run.learning_rate, "target": run.target})
        except RequestError as error:
            described.append({"fault": one_line(str(error)), "hint": one_line(error.hint)})
    return {"checkpoints": described}


def map_cell(job: Job, announce: Announce) -> Result:
    """Train one model, or load it from its checkpoint, and map what it mixes in each of the job's `examples`.

    `maps` has the columns of one row per example. If the model could not be trained: a status and a reason, or
    `not_as_graphs` as in `train_cell`.
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
    except Exception as error:
        return fault(error, run_of(job["run"]) if job["run"] else None)
    scores = {name: trained.result.get(name) for name in ("test_score", "score")}
    return {"status": "ok", "detail": "", **scores, **kept, "reach": trained.model.reach, "maps": maps}


def _trained(job: Job, announce: Announce) -> tuple[Trained, Result]:
    """The model, and the column that names the file of its weights."""
    if job["run"] is None:
        return load_checkpoint(Path(job["checkpoint"])).trained, {}
    run = run_of(job["run"])
    file = Path(run.checkpoint)
    try:
        return load_checkpoint(file).trained, {"checkpoint": f"{file.parent.name}/{file.name}"}
    except RequestError:  # it is missing or no longer usable
        trained = train(run, announce)
        return trained, keep(run, trained)


def _map(job: Job, trained: Trained, example: int) -> Result:
    split: Split = getattr(load(Path(job["data"])), _SPLIT)
    needed = needed_tokens(ChosenTask(TASKS[job["task"]], job["options"]), _SPLIT, split, example)
    drawn = job["drawn"].get(str(example))
    outputs = np.arange(len(needed)) if drawn else np.flatnonzero(needed.any(1))
    norms = np.zeros(needed.shape, np.float32)
    norms[outputs] = _norms(trained, split, example, outputs, job["device"])
    if not np.isfinite(norms).all():
        return {"detail": "right_share: the map is not finite"}
    found = shares(norms, needed, trained.model.reach)
    result: Result = {"right_share": found.needed, "chance_share": found.chance, "distant_share": found.distant, "detail": ""}
    if found.needed is None:
        result["detail"] = f"right_share: no output depends on inputs beyond {trained.model.reach} tokens, so nothing is mixed"
    if drawn:
        inputs, targets = (np.asarray(array[example]) for array in (split.inputs, split.targets))
        try:
            StoredMap(norms, needed, inputs.reshape(len(needed)), targets).write(Path(drawn["file"]))
            result["map_file"] = drawn["name"]
        except StorageError as error:
            result["detail"] = f"map: {error}"
    return result


def _norms(trained: Trained, split: Split, example: int, outputs: NDArray[np.int64], device: str) -> NDArray[np.float32]:
    """Norms of the Jacobian blocks; for signals in the units of the data: how far an output moves per unit of an input."""
    batch = make_batch(split, np.array([example]), full_length=True)
    objective = trained.objective
    x = objective.standardised(batch.inputs).to(device)
    norms = jacobian_norms(trained.model, x, outputs.tolist())
    if objective.form.channels:
        norms = norms * (objective.targets.deviation / objective.inputs.deviation)
    mapped: NDArray[np.float32] = norms.to("cpu", torch.float32).numpy()
    return mapped
