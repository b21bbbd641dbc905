"""Parts of a plan for several machines: which part this process has, and which units of the plan belong to each."""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mixbench.errors import RequestError, shortened
from mixbench.tables.manifest import MOST_SHARDS as MOST

AUTO = "auto"
_HOW = "Give the number of the shard and how many there are, such as 3/16, or auto in a job array."
_ITSELF = "Give the shard itself, such as 3/16."
_SLURM = "SLURM_ARRAY_TASK_"
_INDEX = "JOB_COMPLETION_INDEX"


@dataclass(frozen=True)
class Unit:
    """What is carried out in one shard, as it is compared or shares a choice.

    `key` says what it is and `seconds` is predicted, both the same on every machine. `places` are those of its cells in the
    plan.
    """

    key: str
    seconds: float
    places: Sequence[int] = ()


@dataclass(frozen=True)
class Shard:
    """One of `count` parts of a plan; the first has the number 1."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @property
    def words(self) -> str:
        """`shard 3 of 16`."""
        return f"shard {self.number} of {self.count}"

    @classmethod
    def parse(cls, text: str, environ: Mapping[str, str] | None = None) -> Shard:
        """The shard in a text like `3/16`, or that of this task in a job array: `auto`, or `auto/16`.

        Slurm tells the place of a task and how many there are, Kubernetes only the place. Raises RequestError.
        """
        part, slash, total = (piece.strip() for piece in text.partition("/"))
        count = _number("--shard", total) if slash else None
        if part == AUTO:
            return _of_task(os.environ if environ is None else environ, count)
        if count is None:
            raise RequestError(f"--shard: {shortened(repr(text))} is not a shard", _HOW)
        return _checked(_number("--shard", part), count, f"--shard is {text}")


def spread(units: Sequence[Unit], count: int) -> list[int]:
    """The number of the shard, from 1 to `count`, of each unit: the longest first, each to the shard that is done first.

    It depends on the keys and seconds of the units, not on their order. With more shards than units, the last ones are empty.
    """
    loads = [(0.0, number) for number in range(1, count + 1)]
    numbers = [0] * len(units)
    for place in sorted(range(len(units)), key=lambda place: (-units[place].seconds, units[place].key)):
        load, number = loads[0]
        numbers[place] = number
        heapq.heapreplace(loads, (load + units[place].seconds, number))
    return numbers


def _of_task(environ: Mapping[str, str], count: int | None) -> Shard:
    if f"{_SLURM}ID" in environ:
        return _of_slurm(environ, count)
    if _INDEX in environ:
        index = _number(_INDEX, environ[_INDEX])
        if count is None:
            raise RequestError(
                f"--shard auto: {_INDEX} is {index}, but Kubernetes does not tell the job how many completions it has",
                f"Give the job's number of completions, such as --shard auto/{max(index + 1, 2)}.",
            )
        return _checked(index + 1, count, f"--shard auto/{count}, {_INDEX} is {index}")
    raise RequestError(
        f"--shard auto: neither {_SLURM}ID (Slurm) nor {_INDEX} (Kubernetes) is set: this is not a task of an array",
        _ITSELF,
    )


def _of_slurm(environ: Mapping[str, str], count: int | None) -> Shard:
    """The place of a task's ID in its array: --array=10-40:10 has four shards, and 30 is the third."""
    names = {name: f"{_SLURM}{name}" for name in ("ID", "COUNT", "MIN", "MAX", "STEP")}
    if missing := [name for name in names.values() if name not in environ]:
        lacking = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set"
        raise RequestError(f"--shard auto: {names['ID']} is {environ[names['ID']]}, but {lacking}", _ITSELF)
    task, tasks, first, last, step = (_number(name, environ[name]) for name in names.values())
    said = f"--shard auto: {names['ID']} is {task} in an array of {tasks} tasks from {first} to {last}, step {step}"
    if step < 1 or (last - first) // step + 1 != tasks or (task - first) % step or not first <= task <= last:
        raise RequestError(f"{said}: which shard the task is cannot be told", _RANGE)
    if count is not None and count != tasks:
        raise RequestError(f"{said}: these are not the {count} shards of --shard auto/{count}", _RANGE)
    return _checked((task - first) // step + 1, tasks, said)


_RANGE = "Submit the whole range, such as --array=1-16, or give each task its shard: --shard $SLURM_ARRAY_TASK_ID/16."


def _checked(number: int, count: int, said: str) -> Shard:
    if not 1 <= count <= MOST:
        raise RequestError(f"{said}: the number of shards must be from 1 to {MOST:,}", _HOW)
    if not 1 <= number <= count:
        raise RequestError(f"{said}: the shards are numbered from 1 to {count}", _HOW)
    return Shard(number, count)


def _number(name: str, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text.strip()):
        raise RequestError(f"{name}: {shortened(repr(text))} is not a whole number of at most 9 digits", _HOW)
    return int(text)
