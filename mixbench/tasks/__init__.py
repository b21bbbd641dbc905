"""The table of built-in tasks. To add one: a file in this folder that generates it, and an entry here. No numpy here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mixbench.errors import RequestError, UnknownNameError
from mixbench.parsing.option import Option, Value, typed_options
from mixbench.parsing.spec import parse_mixer

if TYPE_CHECKING:
    from mixbench.tasks.dataset import Dataset

LARGEST_DATA_SET = 2**26
"""Tokens of all examples together; more would not fit the memory of most machines while they are made."""

_SIZES = {"train": "training examples", "dev": "examples to choose by", "test": "examples that are scored once"}

Options = Mapping[str, Value]


@dataclass(frozen=True)
class Task:
    """One line of the table. `target` is `module:function`, imported when data are made: (options, seed) to a Dataset.

    `tokens` is the length of the sequences where no option of that name says it. `constraint` returns what is wrong with the
    options or None. `version` counts the changes of what the same options and seed give.
    """

    name: str
    summary: str
    paper: str
    target: str
    options: tuple[Option, ...]
    version: int = 1
    tokens: int = 0
    constraint: Callable[[Options], str | None] = lambda options: None

    def fault(self, options: Options) -> str | None:
        """What is wrong with the options, or None."""
        examples = sum(int(options[name]) for name in _SIZES)
        tokens = int(options.get("tokens", self.tokens))
        if examples * tokens > LARGEST_DATA_SET:
            return f"{examples} examples of {tokens} tokens are more than {LARGEST_DATA_SET} tokens"
        return self.constraint(options)


@dataclass(frozen=True)
class ChosenTask:
    """A task with all of its options."""

    task: Task
    options: Options

    @property
    def name(self) -> str:
        """The name in the table."""
        return self.task.name

    @property
    def recipe(self) -> dict[str, Any]:
        """Everything that determines the data, JSON-able."""
        return {"task": self.name, "version": self.task.version, "options": dict(self.options)}

    @property
    def seed(self) -> int:
        """The seed that the data are generated with: another for each draw, whatever the other options."""
        from mixbench.tasks.dataset import digest_of

        return int(digest_of({"task": self.name, "version": self.task.version, "draw": self.options["draw"]}), 16)

    def make(self) -> Dataset:
        """The data set, made now; equal recipes give equal data. Raises RequestError for more examples than there are."""
        module, _, function = self.task.target.partition(":")
        made: Dataset = getattr(import_module(module), function)(self.options, self.seed)
        return made


def choose_task(text: str) -> ChosenTask:
    """The task of `shapes` or `listops:tokens=60,depth=4`. Raises RequestError, with the nearest for an unknown name."""
    try:
        spec = parse_mixer(text)
    except RequestError as error:
        hint = "The form is name:option=value,option=value, each option once: listops:tokens=60,depth=4."
        raise RequestError(f"--task {text!r} is not a task", f"{hint} Known: {', '.join(TASKS)}.") from error
    if spec.file or spec.name not in TASKS:
        raise UnknownNameError("task", spec.file or spec.name, TASKS)
    task = TASKS[spec.name]
    options = typed_options(task.options, dict(spec.options), task.name)
    if fault := task.fault(options):
        raise RequestError(f"--task {text!r}: {fault}", "`mixbench list` shows the options of every task and their defaults.")
    return ChosenTask(task, options)


def _options(*own: Option, train: int = 20_000, dev: int = 1_000, test: int = 2_000) -> tuple[Option, ...]:
    """A task's own options and those that every task has."""
    sizes = zip(_SIZES.items(), (train, dev, test), strict=True)
    amounts = [Option(name, "count", default, meaning) for (name, meaning), default in sizes]
    return (*own, *amounts, Option("draw", "count", 1, "which draw of the data"))


def _mqar_fault(options: Options) -> str | None:
    tokens, pairs, vocabulary = (int(options[name]) for name in ("tokens", "pairs", "vocabulary"))
    if 3 * pairs > tokens:
        return f"{pairs} pairs and as many queries need {3 * pairs} tokens, not {tokens}"
    if pairs > vocabulary // 2:
        return f"{pairs} pairs need a vocabulary of {2 * pairs}: half of {vocabulary} symbols are keys"
    return None


def _listops_fault(options: Options) -> str | None:
    if int(options["arguments"]) < 2:
        return "an operation has at least 2 arguments"
    if int(options["tokens"]) < 4:
        return "the shortest expression has 4 tokens"
    return None


def _majority_fault(options: Options) -> str | None:
    tokens, symbols = int(options["tokens"]), int(options["symbols"])
    if not 2 <= symbols <= tokens:
        return f"symbols must be at least 2 and at most tokens, {tokens}; not {symbols}"
    return None


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            name="shapes",
            summary="signals of two triangles and two rectangles: give both of a pair their mean height",
            paper="the synthetic attention task of HyperMixer, arXiv 2203.03691",
            target="mixbench.tasks.shapes:generate",
            options=_options(train=25_000, dev=500, test=1_000),
            tokens=100,
        ),
        Task(
            name="mqar",
            summary="multi-query associative recall: the value that stood behind each key that is asked for",
            paper="Zoology, arXiv 2312.04927",
            target="mixbench.tasks.recall:generate",
            options=_options(
                Option("tokens", "count", 64, "length of a sequence"),
                Option("pairs", "count", 8, "pairs of key and value, each asked for once"),
                Option("vocabulary", "count", 64, "symbols: half of them keys, half of them values"),
            ),
            constraint=_mqar_fault,
        ),
        Task(
            name="listops",
            summary="value of nested MIN, MAX, MEDIAN and SUM modulo 10 over digits",
            paper="ListOps, arXiv 1804.06028; Long Range Arena, arXiv 2011.04006",
            target="mixbench.tasks.listops:generate",
            options=_options(
                Option("tokens", "count", 48, "length of the longest expressions; the shortest have about half of it"),
                Option("depth", "count", 3, "most operations inside each other"),
                Option("arguments", "count", 4, "most arguments of an operation"),
            ),
            constraint=_listops_fault,
        ),
        Task(
            name="majority",
            summary="the symbol that occurs most often: needs no token mixing",
            paper="control for the control without token mixing",
            target="mixbench.tasks.majority:generate",
            options=_options(
                Option("tokens", "count", 32, "length of a sequence"),
                Option("symbols", "count", 4, "different symbols, as many as classes"),
            ),
            constraint=_majority_fault,
        ),
    )
}
