"""Which shards of which plans were merged into a folder, and how they were: the file `shards.json`.

So that a folder to which shards are added one after the other still tells which are missing, and which have rows that failed.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from mixbench.errors import StorageError
from mixbench.parsing.canonical import read_object
from mixbench.tables.manifest import Manifest, check_plan, check_schema
from mixbench.tables.pending import current, read_current
from mixbench.tables.storage import storage_errors

FILE = "shards.json"
SCHEMA = 1
"""Version of the file. History: 1, the first."""
_FROM_THE_START = ("--fresh", "--retry-failed")
_RANGE = 4
"""So many shards in a row, or more, are named by the first and the last."""


@dataclass(frozen=True)
class ShardState:
    """How a shard was when it was last merged; `failed` are the keys of its runs that failed, in hexadecimal digits."""

    finished: bool
    failed: tuple[str, ...] = ()


@dataclass(frozen=True)
class MergedPlan:
    """A plan in `of` shards, and those of its shards that were merged."""

    plan: str
    study: str
    command: str
    of: int
    shards: Mapping[int, ShardState] = field(default_factory=dict)

    def with_shard(self, number: int, state: ShardState) -> MergedPlan:
        """The plan after a shard was merged; what has been finished or has failed stays so."""
        known = self.shards.get(number, ShardState(False))
        failed = dict.fromkeys((*known.failed, *state.failed))
        return replace(self, shards={**self.shards, number: ShardState(known.finished or state.finished, tuple(failed))})

    def still_failed(self, has_failed: Callable[[bytes], bool]) -> MergedPlan:
        """The plan without the failures that do not stand any more."""
        shards = {
            number: replace(state, failed=tuple(key for key in state.failed if has_failed(bytes.fromhex(key))))
            for number, state in sorted(self.shards.items())
        }
        return replace(self, shards=shards)


@dataclass(frozen=True)
class ShardGaps:
    """What a folder lacks of a plan, by the numbers of the shards."""

    plan: MergedPlan
    missing: tuple[int, ...]
    unfinished: tuple[int, ...]
    failed: tuple[int, ...]
    running: tuple[int, ...]

    @property
    def is_open(self) -> bool:
        """Whether anything is lacking."""
        return any((self.missing, self.unfinished, self.failed, self.running))

    @property
    def commands(self) -> list[str]:
        """What runs just the shards that are missing, unfinished or have failures, without those that are running."""
        again = set(self.failed)
        open_shards = sorted({*self.missing, *self.unfinished} - again)
        return [*self._commands(open_shards, ""), *self._commands(sorted(again), " --retry-failed")]

    def _commands(self, numbers: Sequence[int], option: str) -> Iterator[str]:
        if not numbers:
            return
        words = [word for word in shlex.split(self.plan.command) if word not in _FROM_THE_START]
        command = shlex.join(words) + option
        if len(numbers) == 1:
            yield f"{command} --shard {numbers[0]}/{self.plan.of}"
        else:
            yield f"for i in {' '.join(in_rows(numbers, '$(seq {} {})'))}; do {command} --shard $i/{self.plan.of}; done"


def add_shard(plans: Mapping[str, MergedPlan], manifest: Manifest, state: ShardState) -> dict[str, MergedPlan]:
    """The plans after a shard was merged."""
    plan = MergedPlan(manifest.plan, manifest.study, manifest.command, manifest.of, {manifest.shard: state})
    return unite_plans(plans, {_name(plan.plan, plan.of): plan})


def unite_plans(plans: Mapping[str, MergedPlan], others: Mapping[str, MergedPlan]) -> dict[str, MergedPlan]:
    """The plans of two folders, and the shards that were merged into either."""
    united = dict(plans)
    for name, other in others.items():
        plan = united.get(name, other)
        for number, state in other.shards.items():
            plan = plan.with_shard(number, state)
        united[name] = plan
    return united


def gaps(plan: MergedPlan, running: Collection[Manifest] = ()) -> ShardGaps:
    """What is lacking of a plan, given the shards that are being written."""
    now = {each.shard for each in running if (each.plan, each.of) == (plan.plan, plan.of)}
    rest = [number for number in range(1, plan.of + 1) if number not in now]
    known = plan.shards
    return ShardGaps(
        plan,
        missing=tuple(number for number in rest if number not in known),
        unfinished=tuple(number for number in rest if number in known and not known[number].finished),
        failed=tuple(number for number in rest if number in known and known[number].failed),
        running=tuple(sorted(now)),
    )


def read_plans(folder: Path) -> dict[str, MergedPlan]:
    """The plans of which shards were merged into a folder. Raises StorageError."""
    file = current(folder, FILE)
    try:
        with storage_errors(f"cannot read {file}"), suppress(FileNotFoundError, NotADirectoryError):
            content = read_object(read_current(file))
            check_schema(file, content, SCHEMA)
            plans = [_plan(plan) for plan in content["plans"]]
            return {_name(plan.plan, plan.of): plan for plan in plans}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise StorageError(f"{file} is damaged: {error}", "Delete it, and merge every shard again.") from error
    return {}


def plans_as_json(plans: Iterable[MergedPlan]) -> bytes:
    """The file `shards.json` with these plans."""
    return (
        json.dumps({"schema": SCHEMA, "plans": [asdict(plan) for plan in plans]}, indent=1, ensure_ascii=False).encode() + b"\n"
    )


def _plan(content: Mapping[str, Any]) -> MergedPlan:
    texts = [content[name] for name in ("plan", "study", "command")]
    if not (all(isinstance(text, str) for text in texts) and type(content["of"]) is int):
        raise ValueError("a plan has values of other types")
    check_plan(texts[1], texts[2], content["of"])
    shards = {int(number): _state(state) for number, state in content["shards"].items()}
    return MergedPlan(texts[0], texts[1], texts[2], content["of"], shards)


def _state(content: Mapping[str, Any]) -> ShardState:
    for key in content["failed"]:
        bytes.fromhex(key)
    return ShardState(content["finished"] is True, tuple(content["failed"]))


def _name(plan: str, of: int) -> str:
    return f"{plan}/{of}"


def in_rows(numbers: Sequence[int], form: str) -> list[str]:
    """Ascending numbers as words; `form` makes one of several in a row, such as `{} to {}`."""
    words: list[str] = []
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        row = [number for _, number in group]
        words += [form.format(row[0], row[-1])] if len(row) >= _RANGE else map(str, row)
    return words
