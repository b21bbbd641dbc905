"""The tasks that the user named, with their data generated or from the cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from mixbench.api.shared_options import Texts, Training
from mixbench.errors import RequestError, UnknownNameError
from mixbench.studies.data_efficiency_plan import PreparedTask
from mixbench.studies.progress import Progress
from mixbench.tasks import TASKS, choose_task

HUB = "hf:"


class Chosen(Protocol):
    """A task whose data can be prepared: built in, text from files, or from the hub."""

    @property
    def name(self) -> str: ...
    @property
    def recipe(self) -> Any: ...
    @property
    def make(self) -> Any: ...


def model_of(options: Training) -> dict[str, Any]:
    """The options of a `DataRequest` about the model and where it is trained."""
    names = ("layers", "width", "batch", "steps", "device", "timeout")
    return {name: getattr(options, name) for name in names}


def prepare_task(chosen: Chosen, progress: Progress) -> PreparedTask:
    """Generate a task's data or find them in the cache. Raises RequestError for data that cannot be used."""
    from mixbench.tasks.dataset import load, prepare

    progress.remark(f"Preparing the data of {chosen.name} …")
    folder = prepare(chosen.recipe, chosen.make)
    dataset = load(folder)
    for remark in dataset.remarks:
        progress.remark(f"{chosen.name}: {remark}")
    settings = {name: value for name, value in chosen.recipe.items() if name not in ("task", "files")}
    return PreparedTask(chosen.name, folder, dataset.form, len(dataset.train), settings | {"data": folder.name})


def prepare_tasks(chosen: Sequence[Chosen], progress: Progress) -> tuple[PreparedTask, ...]:
    """Generate the data of tasks or find them in the cache, each data set once. Raises RequestError."""
    return tuple({task.folder: task for task in (prepare_task(choice, progress) for choice in chosen)}.values())


def choose_tasks(names: Sequence[str], files: Texts) -> list[Chosen]:
    """The tasks with these names; `shapes` if there are no names. Raises RequestError."""
    tasks: list[Chosen] = []
    for name in names or ["shapes"]:
        if name == "text":
            tasks.append(_text(files))
        elif name.startswith(HUB):
            tasks.append(_from_hub(name.removeprefix(HUB), files))
        elif (kind := name.partition(":")[0].strip()) not in TASKS:
            raise UnknownNameError("task", kind, (*TASKS, "text", f"{HUB}NAME"))
        else:
            tasks.append(choose_task(name))
    if (files.train or files.test or files.dev) and "text" not in names:
        raise RequestError("--train, --dev and --test belong to a text task", "Add --task text.")
    return tasks


def _text(files: Texts) -> Chosen:
    from mixbench.tasks.text import TextRequest, text_task

    for option in ("train", "test", "text", "label"):
        if getattr(files, option) is None:
            form = "--task text --train FILE --test FILE --text COLUMN --label COLUMN [--dev FILE] [--text-pair COLUMN]"
            raise RequestError(f"--task text needs --{option}", f"The form is {form}.")
    train, test = Path(str(files.train)), Path(str(files.test))
    dev = None if files.dev is None else Path(files.dev)
    tokenizer = None if files.tokenizer is None else Path(files.tokenizer)
    text, label = str(files.text), str(files.label)
    return text_task(TextRequest(train, dev, test, text, files.text_pair, label, files.tokens, tokenizer, files.vocabulary))


def _from_hub(name: str, files: Texts) -> Chosen:
    from mixbench.tasks.hub import hub_task

    tokenizer = None if files.tokenizer is None else Path(files.tokenizer)
    columns = {"text": files.text, "text_pair": files.text_pair, "label": files.label}
    return hub_task(name, files.tokens, tokenizer, files.vocabulary, **columns)
