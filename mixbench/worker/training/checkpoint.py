"""Trained weights on disk: plain values and tensors, with everything needed to rebuild the model."""

from __future__ import annotations

import dataclasses
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from mixbench.errors import RequestError, StorageError
from mixbench.mixers import MIXERS
from mixbench.model import Model
from mixbench.parsing.sources import TooManyModulesError, place_of, sources_of, sources_of_module, split_target
from mixbench.tables.storage import storage_errors, write_atomically
from mixbench.tasks.dataset import Form
from mixbench.version import __version__
from mixbench.worker.calls import ContractError
from mixbench.worker.training.objective import Objective, Scale
from mixbench.worker.training.run import Result, Run, Trained, build_model

FORMAT = 1
"""Version of the files. History: 1, the first."""

_PARTS = ("run", "form", "inputs", "targets", "row", "result", "weights")
_GIVE = "Give a file that --save wrote to the checkpoints folder of a results folder."
_AGAIN = "Train it again with --save."


@dataclass(frozen=True)
class Checkpoint:
    """A trained model. `row` identifies the row of its training run, by keys and seed."""

    run: Run
    row: Mapping[str, Any]
    trained: Trained


def keep(run: Run, trained: Trained) -> Result:
    """Write the weights if the run names a file; returns the column that names it, or why it could not be written."""
    if not run.checkpoint:
        return {}
    file = Path(run.checkpoint)
    try:
        save_checkpoint(file, run, trained)
    except StorageError as error:
        return {"detail": f"checkpoint: {error}"}
    return {"checkpoint": f"{file.parent.name}/{file.name}"}


def save_checkpoint(file: Path, run: Run, trained: Trained) -> None:
    """Write a checkpoint whole or not at all, with the weights on the CPU. Raises StorageError."""
    content = {
        "format": FORMAT,
        "mixbench": __version__,
        "run": dataclasses.asdict(dataclasses.replace(run, flops={}, checkpoint="", about={})),
        "form": dataclasses.asdict(trained.objective.form),
        "inputs": dataclasses.asdict(trained.objective.inputs),
        "targets": dataclasses.asdict(trained.objective.targets),
        "row": dict(run.about),
        "result": dict(trained.result),
        "weights": {name: tensor.detach().cpu() for name, tensor in trained.model.state_dict().items()},
    }
    packed = io.BytesIO()
    torch.save(content, packed)
    with storage_errors(f"cannot write the checkpoint {file}"):
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, packed.getvalue())


def load_checkpoint(file: Path) -> Checkpoint:
    """The model in a file that `save_checkpoint` wrote, on the CPU and in evaluation mode.

    Raises RequestError if the file cannot be read, is not a checkpoint of this format, or its mixer is missing or has changed.
    """
    content = _read(file)
    try:
        run, form = _as_it_ran(Run(**content["run"])), Form(**content["form"])
        objective = Objective(form, Scale(**content["inputs"]), Scale(**content["targets"]))
        row, result, weights = (dict(content[name]) for name in ("row", "result", "weights"))
    except (TypeError, ValueError) as error:
        raise RequestError(f"{file} is not a valid checkpoint of format {FORMAT}: {error}", _AGAIN) from error
    _check_source(file, run.target, str(row.get("config", "")))
    return Checkpoint(run, row, Trained(_model(file, run, form, weights), objective, result))


def _as_it_ran(run: Run) -> Run:
    """The run with the options of its mixer that there were not yet when it was kept."""
    mixer = next((mixer for mixer in MIXERS.values() if mixer.target == run.target), None)
    return dataclasses.replace(run, arguments=mixer.completed(run.arguments)) if mixer else run


def _read(file: Path) -> dict[str, Any]:
    try:
        packed = file.read_bytes()
    except OSError as error:
        raise RequestError(f"cannot read the checkpoint {file}: {error.strerror}", _GIVE) from error
    try:
        content = torch.load(io.BytesIO(packed), map_location="cpu", weights_only=True)
    except Exception as error:  # what torch raises depends on where the file is damaged
        raise RequestError(f"{file} is not a checkpoint, or is incomplete", _GIVE) from error
    if not isinstance(content, dict) or "format" not in content:
        raise RequestError(f"{file} is not a checkpoint of mixbench", _GIVE)
    if content["format"] != FORMAT:
        written = f"mixbench {content.get('mixbench', '(unknown version)')}"
        raise RequestError(
            f"{file} was written by {written} in format {content['format']}; this version reads format {FORMAT}",
            f"Use that version. {_AGAIN}",
        )
    if missing := [name for name in _PARTS if not isinstance(content.get(name), dict)]:
        raise RequestError(f"{file} lacks {', '.join(missing)}", _GIVE)
    return content


def _check_source(file: Path, target: str, config: str) -> None:
    """Check that a user's mixer still has the code that was trained: with other code, the weights would give other numbers."""
    try:
        trained = json.loads(config).get("file_sha256")
    except (ValueError, AttributeError) as error:
        raise RequestError(f"{file} does not say which mixer it holds", _AGAIN) from error
    if trained is None:
        return
    source = split_target(target)[0]
    try:
        found = sources_of(place_of(source, trained)) if source.endswith(".py") else sources_of_module(source)
    except OSError as error:
        raise RequestError(
            f"{file}: cannot read its mixer {source}: {error.strerror}", f"Restore that file. {_AGAIN}"
        ) from error
    except TooManyModulesError as error:
        raise RequestError(f"{file}: its mixer {source}: {error}", _AGAIN) from error
    if found is None or found.digest != trained:
        raise RequestError(
            f"{file}: its mixer {source} has changed since it was trained, or a module that it imports has",
            f"Restore that file. {_AGAIN}",
        )


def _model(file: Path, run: Run, form: Form, weights: Mapping[str, Any]) -> Model:
    try:
        model = build_model(run, form)
    except ContractError as error:
        raise RequestError(f"{file}: its mixer {error}", _AGAIN) from error
    except Exception as error:  # a mixer may raise anything
        raise RequestError(f"{file}: its model cannot be built: {type(error).__name__}: {error}", _AGAIN) from error
    try:
        model.load_state_dict(weights)
    except (RuntimeError, TypeError, AttributeError) as error:
        fault = " ".join(str(error).split())
        raise RequestError(f"{file}: its weights do not fit its model: {fault}", _AGAIN) from error
    return model.eval()
