"""Plan the maps of a request: every mixer, trained with every seed or loaded, and the examples to map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mixbench.errors import RequestError
from mixbench.studies.data_efficiency_plan import PlannedRun, known_columns, plan_runs
from mixbench.studies.data_efficiency_request import DataRequest, PreparedTask
from mixbench.tables.artefacts import checkpoint_name, map_name
from mixbench.tables.columns import columns
from mixbench.tables.remarks import SEPARATOR
from mixbench.tables.training_rows import AttentionMapRow
from mixbench.tasks.needed_tokens import NEEDED

Key = tuple[Any, ...]


@dataclass(frozen=True)
class MapRequest:
    """What to map: `base` describes what is trained, with one size; `loaded` are runs whose weights are given.

    Raises RequestError.
    """

    base: DataRequest
    loaded: tuple[LoadedRun, ...]
    examples: int
    drawn: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.base.sizes) != 1:
            raise RequestError("attention maps need mixers trained on one part of the data", "Give one size: --size 0.5.")
        if self.examples < 1:
            raise RequestError(f"--examples is {self.examples}; it must be at least 1")
        if beyond := [example for example in self.drawn if example >= self.examples]:
            hint = f"Examples are counted from 0: give --examples {max(beyond) + 1} or more."
            raise RequestError(f"--draw {beyond[0]}: only {self.examples} examples are mapped", hint)
        for task in (*self.base.tasks, *(run.task for run in self.loaded)):
            check_task(task.name)
            if self.examples > (test := int(task.settings["options"]["test"])):
                raise RequestError(f"--examples is {self.examples}, but the test set of {task.name} has only {test} examples")


def check_task(name: str) -> None:
    """Raise RequestError for a task that does not define which tokens its outputs need."""
    if name not in NEEDED:
        raise RequestError(f"task {name} does not define which tokens an output needs", f"Use {' or '.join(NEEDED)}.")


@dataclass(frozen=True)
class LoadedRun:
    """A run whose weights are in `file` (absolute, or relative to the results folder), with its row's keys and seed.

    `target` is its mixer, as for `ChosenMixer`.
    """

    file: str
    task: PreparedTask
    keys: Mapping[str, Any]
    seed: int
    rate: float
    target: str = ""


@dataclass(frozen=True)
class PlannedMap:
    """One model and the examples to map. `run` trains it, unless its weights are in `file`.

    `rate` is None where it is to be chosen; the training run then leaves the weights.
    """

    keys: Mapping[str, Any]
    seed: int
    rate: float | None
    task: PreparedTask
    device: str
    examples: tuple[int, ...]
    drawn: tuple[int, ...]
    run: PlannedRun | None = None
    file: str = ""
    target: str = ""
    """The mixer of the weights in `file`."""

    @property
    def job(self) -> Mapping[str, Any]:
        """What the mapping process needs, except for what depends on the results folder."""
        return {
            "task": self.task.name,
            "options": dict(self.task.settings["options"]),
            "data": str(self.task.folder),
            "device": self.device,
            "examples": list(self.examples),
            "target": self.target,
            "run": None if self.run is None else {**self.run.job, "learning_rate": self.rate},
        }

    @property
    def unsupported(self) -> str:
        """Why the model cannot be trained; always empty, as attention-map takes no such mixers."""
        return ""

    @property
    def about(self) -> Mapping[str, Any]:
        """Keys and seed of the training run's row."""
        return {**self.keys, "seed": self.seed}

    @property
    def subject(self) -> Key:
        """Shared by runs that take equally long."""
        return self.run.subject if self.run else (self.file,)

    @property
    def label(self) -> str:
        """The mixer as the user named it, or that of the weights."""
        return self.run.label if self.run else str(self.keys["mixer"])

    @property
    def words(self) -> str:
        """The run in a few words."""
        return f"{self.keys['task']}, {self.label}, seed {self.seed}"

    def identity(self, environment: str) -> Key:
        """The identity of the training run: `data-efficiency --save` keeps its weights under the same name."""
        return (*self.keys.values(), environment, self.seed)

    def row_keys(self, environment: str) -> list[Key]:
        """A row for each example."""
        return [(*self.identity(environment), example) for example in self.examples]

    def files(self, environment: str, folder: Path) -> dict[str, Any]:
        """The part of the job that depends on the results folder: the files of weights and maps."""
        identity, names = self.identity(environment), {}
        for example in set(self.drawn) & set(self.examples):
            name = map_name(identity, example)
            names[str(example)] = {"name": name, "file": str(folder / name)}
        return {"drawn": names, "checkpoint": str(folder / (self.file or checkpoint_name(identity)))}

    def rows(self, result: Mapping[str, Any], detail: str, environment: str, begun: str) -> list[AttentionMapRow]:
        """A row for each example; a single row if the run failed."""
        maps = result.get("maps") or [{"example": self.examples[0]}]
        result = {**result, **({"checkpoint": self.file} if self.file else {})}
        return [
            AttentionMapRow(
                **self.keys,
                **known_columns({**result, **mapped, "detail": SEPARATOR.join(filter(None, details))}, AttentionMapRow),
                seed=self.seed,
                learning_rate=self.rate,
                environment=environment,
                measured_at=begun,
            )
            for mapped in maps
            for details in [(detail, mapped.get("detail", ""))]
        ]

    def only(self, examples: Sequence[int]) -> PlannedMap:
        """The same run with only these examples."""
        return replace(self, examples=tuple(examples))


def plan_maps(request: MapRequest) -> list[PlannedMap]:
    """Everything to map, seed by seed. Raises RequestError for an impossible shape."""
    examples, device = tuple(range(request.examples)), request.base.device
    if request.loaded:
        return [
            PlannedMap(
                run.keys, run.seed, run.rate, run.task, device, examples, request.drawn, file=run.file, target=run.target
            )
            for run in request.loaded
        ]
    tasks = {str(task.folder): task for task in request.base.tasks}
    return [
        PlannedMap(run.keys, run.seed, run.rate, tasks[run.job["data"]], device, examples, request.drawn, run=run)
        for run in plan_runs(request.base)
    ]


def map_keys() -> list[str]:
    """The key columns, which identify a run as in data_efficiency.csv."""
    return [name for name, column in columns(AttentionMapRow).items() if column.role == "key"]
