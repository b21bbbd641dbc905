"""The tasks that the user named, with their data generated or from the cache."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mixbench.api.shared_options import Texts, Training
from mixbench.api.text_files import HUB, as_given, from_hub, require_texts, text_files
from mixbench.errors import UnknownNameError
from mixbench.mixers.choice import ChosenMixer
from mixbench.parsing.spec import parse_sizes
from mixbench.studies.data_efficiency_plan import PlannedRun
from mixbench.studies.data_efficiency_request import PreparedTask
from mixbench.studies.progress import Progress
from mixbench.tables.results import ResultsFolder
from mixbench.tables.texts import write_texts
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow
from mixbench.tasks import TASKS, ChosenTask, choose_task
from mixbench.tasks.dataset import Form, padded
from mixbench.verdicts.labels import unpacked

_MANY = 10**9
"""Examples of a data set whose number is not known."""


class Chosen(Protocol):
    """A task whose data can be prepared: built in, text from files, or from the hub."""

    @property
    def name(self) -> str: ...
    @property
    def recipe(self) -> Any: ...
    @property
    def make(self) -> Any: ...


@dataclass(frozen=True)
class NotLoaded:
    """A data set of the hub that a plan is made for without it: texts of the longest length, and more than are asked for."""

    name: str
    tokens: int
    vocabulary: int

    @property
    def recipe(self) -> Any:
        """What would determine the data set, as far as it is known."""
        return {"task": "hf", "name": self.name}

    def make(self) -> Any:
        """There is nothing to make."""
        raise AssertionError(f"the data set {self.name} was not loaded")

    @property
    def prepared(self) -> PreparedTask:
        """The task for a plan; there is no folder with its data."""
        form = Form(padded(self.tokens), self.vocabulary, channels=0, output="class", classes=2, score="accuracy")
        return PreparedTask(self.name, Path(self.name), form, _MANY, {"data": self.name})


def is_assumed(row: TrainingRow | AttentionMapRow) -> bool:
    """Whether a planned row is of a data set that is `NotLoaded`, so that its length and the number of examples are assumed."""
    return bool(unpacked(row.settings).get("task", {}).get("data") == row.task)


def model_of(options: Training) -> dict[str, Any]:
    """The options of a `DataRequest` about the model and where it is trained."""
    names = ("layers", "batch", "steps", "device", "timeout")
    return {"widths": parse_sizes(options.width, "--width"), **{name: getattr(options, name) for name in names}}


def prepare_task(chosen: Chosen, progress: Progress) -> PreparedTask:
    """Generate a task's data or find them in the cache. Raises RequestError for data that cannot be used."""
    if isinstance(chosen, NotLoaded):
        progress.remark(f"{chosen.name} is not loaded: its texts are taken to have {chosen.tokens} tokens.")
        return chosen.prepared
    from mixbench.tasks.dataset import load, prepare
    from mixbench.tasks.scoring import constant_score, occurring_classes, scores_for

    progress.remark(f"Preparing the data of {chosen.name} …")
    folder = prepare(chosen.recipe, chosen.make)
    dataset = load(folder)
    for remark in dataset.remarks:
        progress.remark(f"{chosen.name}: {remark}")
    settings = {name: value for name, value in chosen.recipe.items() if name not in ("task", "files")}
    return PreparedTask(
        name=chosen.name,
        folder=folder,
        form=dataset.form,
        examples=len(dataset.train),
        settings=settings | {"data": folder.name},
        constant_scores={score: constant_score(dataset, score) for score in scores_for(dataset.form)},
        classes=occurring_classes(dataset.train) if dataset.form.classes else None,
    )


def say_what_is_not_causal(tasks: Sequence[Chosen], mixers: Iterable[ChosenMixer], progress: Progress) -> None:
    """Report, for tasks that are meant for causal mixers, the built-in mixers that see later tokens, too."""
    trained = [mixer for mixer in mixers if not mixer.unsupported]
    names = [mixer.label for mixer in trained if mixer.entry and not mixer.entry.is_causal(mixer.options)]
    for task in tasks:
        if isinstance(task, ChosenTask) and names and task.task.causal(task.options):
            progress.remark(
                f"{task.name} in this form is meant for causal mixers, but these also see later tokens: {', '.join(names)}."
                " They cannot read off the answer, but need no state to carry the pairs. --causal makes mixers causal."
            )


def prepare_tasks(chosen: Sequence[Chosen], progress: Progress) -> tuple[PreparedTask, ...]:
    """Generate the data of tasks or find them in the cache, each data set once. Raises RequestError."""
    return tuple({task.folder: task for task in (prepare_task(choice, progress) for choice in chosen)}.values())


def choose_tasks(names: Sequence[str], files: Texts, *, download: bool = True) -> list[Chosen]:
    """The tasks with these names; `shapes` if there are no names; those of the hub as `NotLoaded` without `download`.

    Raises RequestError.
    """
    require_texts(names, files)
    tasks: list[Chosen] = []
    for name in dict.fromkeys(names) or ["shapes"]:
        if name == "text":
            tasks.append(text_files(files))
        elif name.startswith(HUB) and not download and not Path(name.removeprefix(HUB)).exists():
            tasks.append(NotLoaded(name, files.tokens, files.vocabulary))
        elif name.startswith(HUB):
            tasks.append(from_hub(name.removeprefix(HUB), files))
        elif (kind := name.partition(":")[0].strip()) not in TASKS:
            raise UnknownNameError("task", kind, (*TASKS, "text", f"{HUB}NAME"))
        else:
            tasks.append(choose_task(name))
    return tasks


def remember_texts(folder: ResultsFolder, tasks: Sequence[PreparedTask], files: Texts) -> None:
    """Keep in a results folder how the texts were named. Raises FolderBusyError, RequestError, StorageError."""
    if texts := {str(task.settings["data"]): as_given(files) for task in tasks if task.name not in TASKS}:
        with folder.writing():
            write_texts(folder.path, texts)


def say_what_parts_lack(tasks: Sequence[PreparedTask], runs: Iterable[PlannedRun], progress: Progress) -> None:
    """Report the classes that subsets of the training set lack, once for each size."""
    from mixbench.tasks.dataset import load
    from mixbench.tasks.subsets import classes_lacking

    parts: dict[str, dict[tuple[int, int], None]] = {}
    for run in runs:
        parts.setdefault(run.job["data"], {})[run.keys["train_size"], run.seed] = None
    for task in tasks:
        smaller = [part for part in parts.get(str(task.folder), {}) if part[0] < task.examples]
        for size, classes in classes_lacking(task.form, load(task.folder).train, smaller).items():
            progress.remark(f"{task.name}: some training subsets of {size:,} examples lack the classes {', '.join(classes)}")
