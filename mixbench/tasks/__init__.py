"""The table of built-in tasks. To add one, write its generator in this folder and its entry here.

Numpy is imported only when data is generated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from mixbench.errors import RequestError, UnknownNameError
from mixbench.parsing.option import Option, Value, told, typed_options
from mixbench.parsing.spec import parse_mixer

if TYPE_CHECKING:
    from mixbench.tasks.dataset import Dataset

LARGEST_DATA_SET = 2**26
"""The most tokens in all examples together; generating more would exceed the memory of most machines."""

_SIZES = {
    "train": "training examples",
    "dev": "development examples, by which weights and rates are chosen",
    "test": "test examples, scored once",
}
"""The options that give the numbers of examples, and the use of each part."""

Options = Mapping[str, Value]


@dataclass(frozen=True)
class Task:
    """An entry of the table of tasks. `target` is `module:function`, which makes a Dataset from (options, seed).

    `tokens` is the length of the sequences, unless an option of that name gives it. `constraint` returns what is wrong with
    the options, or None. `version` is raised whenever the same options and seed give other data. `derived` gives the options
    whose default is a word, `auto`, from the others. `causal` says whether the task is meant for causal mixers.
    """

    name: str
    summary: str
    paper: str
    target: str
    options: tuple[Option, ...]
    version: int = 1
    tokens: int = 0
    constraint: Callable[[Options], str | None] = lambda options: None
    derived: Mapping[str, Callable[[Options], Value]] = field(default_factory=dict)
    causal: Callable[[Options], bool] = lambda options: False

    def resolved(self, options: Options) -> Options:
        """The options with numbers in the place of words."""
        return {**options, **{name: find(options) for name, find in self.derived.items() if options[name] == "auto"}}

    def differing(self, options: Options) -> Options:
        """Of a task's options those that are neither the default nor follow from the others."""
        defaults = {option.name: option.default for option in self.options}
        usual = {**defaults, **{name: find({**defaults, **options}) for name, find in self.derived.items()}}
        return {name: value for name, value in options.items() if usual.get(name) != value}

    def fault(self, options: Options) -> str | None:
        """What is wrong with the options, or None."""
        examples = sum(int(options[name]) for name in _SIZES)
        tokens = int(options.get("tokens", self.tokens))
        if examples * tokens > LARGEST_DATA_SET:
            return f"{examples} examples of {tokens} tokens are more than {LARGEST_DATA_SET} tokens in all"
        return self.constraint(options)


@dataclass(frozen=True)
class ChosenTask:
    """A task with all its options."""

    task: Task
    options: Options

    @property
    def name(self) -> str:
        """The name in the table."""
        return self.task.name

    @property
    def recipe(self) -> dict[str, Any]:
        """Everything that determines the data, as plain values."""
        return {"task": self.name, "version": self.task.version, "options": told(self.task.options, self.options)}

    @property
    def seed(self) -> int:
        """The seed for generating the data; it depends on the option `draw` but on no other."""
        from mixbench.tasks.dataset import digest_of

        return int(digest_of({"task": self.name, "version": self.task.version, "draw": self.options["draw"]}), 16)

    def make(self) -> Dataset:
        """Generate the data set; equal recipes give equal data. Raises RequestError if there are too few distinct examples."""
        module, _, function = self.task.target.partition(":")
        made: Dataset = getattr(import_module(module), function)(self.options, self.seed)
        return made


def choose_task(text: str) -> ChosenTask:
    """The task that a string names: `shapes` or `listops:tokens=60,depth=4`. Raises RequestError."""
    try:
        spec = parse_mixer(text)
    except RequestError as error:
        hint = "The form is name:option=value,option=value, each option once: listops:tokens=60,depth=4."
        raise RequestError(f"--task {text!r} is not a task", f"{hint} Known: {', '.join(TASKS)}.") from error
    if spec.file or spec.name not in TASKS:
        raise UnknownNameError("task", spec.file or spec.name, TASKS)
    task = TASKS[spec.name]
    options = task.resolved(typed_options(task.options, dict(spec.options), task.name))
    if fault := task.fault(options):
        raise RequestError(f"--task {text!r}: {fault}", "`mixbench list` shows the options of every task and their defaults.")
    return ChosenTask(task, options)


def _options(*own: Option, train: int = 20_000, dev: int = 1_000, test: int = 2_000) -> tuple[Option, ...]:
    """The options of a task: its own, and those that every task has."""
    sizes = zip(_SIZES.items(), (train, dev, test), strict=True)
    amounts = [Option(name, "count", default, meaning) for (name, meaning), default in sizes]
    return (*own, *amounts, Option("draw", "count", 1, "number of the draw; each gives different data"))


_POWER = 0.01
"""Zoology's train_power_a and test_power_a."""


def _mqar_fault(options: Options) -> str | None:
    tokens, pairs, vocabulary = (int(options[name]) for name in ("tokens", "pairs", "vocabulary"))
    keys = vocabulary // 2
    if options["form"] == "zoology":
        if 4 * pairs > tokens:
            return f"{pairs} pairs, as many queries and the places between them need {4 * pairs} tokens, not {tokens}"
        if pairs > keys - 1:
            return f"{pairs} pairs need a vocabulary of {2 * pairs + 2}: half of {vocabulary} symbols less one are keys"
        return None
    if options["power"] != _POWER:
        return "power only applies to form=zoology"
    if 3 * pairs > tokens:
        return f"{pairs} pairs and as many queries need {3 * pairs} tokens, not {tokens}"
    if pairs > keys:
        return f"{pairs} pairs need a vocabulary of {2 * pairs}: half of {vocabulary} symbols are keys"
    return None


def _listops_fault(options: Options) -> str | None:
    if int(options["arguments"]) < 2:
        return "arguments must be at least 2"
    if int(options["tokens"]) < 4:
        return "tokens must be at least 4, the length of the shortest expression"
    return None


def _majority_fault(options: Options) -> str | None:
    tokens, symbols = int(options["tokens"]), int(options["symbols"])
    if not 2 <= symbols <= tokens:
        return f"symbols is {symbols}; it must be at least 2 and at most tokens, which is {tokens}"
    return None


TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        Task(
            name="shapes",
            summary="signals with two triangles and two rectangles: set both shapes of each kind to their mean height",
            paper="the synthetic attention task of HyperMixer, arXiv 2203.03691",
            target="mixbench.tasks.shapes:generate",
            options=_options(train=25_000, dev=500, test=1_000),
            tokens=100,
        ),
        Task(
            name="mqar",
            summary="multi-query associative recall: for each key that is queried, give the value that followed it",
            paper="Zoology, arXiv 2312.04927",
            target="mixbench.tasks.recall:generate",
            options=_options(
                Option("tokens", "count", 64, "length of a sequence"),
                Option("pairs", "count", 8, "pairs of key and value, each queried once"),
                Option(
                    "vocabulary",
                    "count",
                    "auto",
                    "symbols, half of them keys and half of them values; auto is 64, with form=zoology 8192",
                ),
                Option(
                    "form",
                    "choice",
                    "uniform",
                    "uniform: queries at uniform places, a filler token elsewhere; zoology: mostly near the pairs, random"
                    " symbols elsewhere",
                    choices=("uniform", "zoology"),
                    before="uniform",
                ),
                Option(
                    "power",
                    "number",
                    _POWER,
                    "form=zoology: the n-th place after the pairs has a probability in proportion to n^(power - 1)",
                    before=_POWER,
                ),
            ),
            constraint=_mqar_fault,
            derived={"vocabulary": lambda options: 8192 if options["form"] == "zoology" else 64},
            causal=lambda options: options["form"] == "zoology",
        ),
        Task(
            name="listops",
            summary="the value of nested MIN, MAX, MEDIAN and SUM modulo 10 over digits",
            paper="ListOps, arXiv 1804.06028; Long Range Arena, arXiv 2011.04006",
            target="mixbench.tasks.listops:generate",
            options=_options(
                Option("tokens", "count", 48, "length of the longest expressions; the shortest are about half as long"),
                Option("depth", "count", 3, "maximum nesting of operations"),
                Option("arguments", "count", 4, "maximum arguments of an operation"),
            ),
            constraint=_listops_fault,
        ),
        Task(
            name="majority",
            summary="the symbol that occurs most often, which needs no token mixing",
            paper="a task that the control without token mixing can solve",
            target="mixbench.tasks.majority:generate",
            options=_options(
                Option("tokens", "count", 32, "length of a sequence"),
                Option("symbols", "count", 4, "different symbols, each a class"),
            ),
            constraint=_majority_fault,
        ),
    )
}
