"""A study as a whole or in part: what all studies share about shards, their folders and the forecast of --plan."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mixbench.api.command_line import command_line
from mixbench.api.common import frame
from mixbench.api.machines import tell_machines
from mixbench.api.shared_options import Study
from mixbench.errors import FolderBusyError, RequestError, StorageError
from mixbench.studies.balance import Balance, balance
from mixbench.studies.progress import Silent, duration
from mixbench.studies.shards import Shard, Unit, spread
from mixbench.tables.columns import FAILURES
from mixbench.tables.manifest import Manifest, plan_digest, read_manifest, shard_folder, write_manifest
from mixbench.tables.merged_source import row_counts
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow
from mixbench.verdicts.words import counted

if TYPE_CHECKING:
    import pandas

Cell = TypeVar("Cell")
AnyRow = TypeVar("AnyRow", bound=SpeedRow | TrainingRow | AttentionMapRow)
Given = TypeVar("Given", bound=Study)

USUAL = 8
"""Shards that a plan is looked at for where none are asked for."""
NOT_OF_THE_PLAN = ("shard", "plan", "fresh", "retry_failed")
"""Options that say how a plan is carried out, and not which."""


@dataclass(frozen=True)
class Work(Generic[Cell, AnyRow]):
    """A study that is planned and can be carried out, whole or in part."""

    study: str
    """The command, such as speed."""
    table: str
    cell: str
    """What one of its cells is called: cell, run, trial or model."""
    cells: Sequence[Cell]
    units: Sequence[Unit]
    carry_out: Callable[[ResultsFolder, Sequence[Cell]], tuple[list[AnyRow], str]]
    """Carry out what a folder lacks of some cells; returns their rows in order, and the hash of the environment."""
    cell_of: Callable[[AnyRow], Hashable]
    at_once: int = 1
    """How many cells are carried out side by side on this machine."""
    start: float = 0.0
    """Seconds that any part takes besides its cells."""
    rows_of: Callable[[Sequence[Cell]], int | None] = lambda cells: None
    """How many rows of the table some cells will have, where that is known."""
    touches: Callable[[Sequence[Any]], Iterable[Hashable]] = lambda cells: [cell.identity("") for cell in cells]
    """What some cells make, equal for equal rows and files of other works: that is made in one shard."""

    def seconds(self, units: Sequence[Unit]) -> float:
        """How long some units are expected to take on a machine like this one."""
        return self.start + sum(unit.seconds for unit in units) / self.at_once if units else 0.0

    def even(self, count: int) -> Balance:
        """How many shards of the plan can be even, where `count` are asked for."""
        return balance(self.units, count, self.start * self.at_once)


@dataclass(frozen=True)
class Part(Generic[AnyRow]):
    """What was carried out: the rows in the order of the plan, and the folder that they are in."""

    work: Work[Any, AnyRow]
    folder: Path
    rows: list[AnyRow]
    environment: str
    shard: Shard | None
    cells: int
    units: int
    results: Path
    """The folder that --results names; a shard's own folder is below it."""

    @property
    def failed(self) -> int:
        """Cells that failed: out of memory, timed out, killed or raised."""
        return len({self.work.cell_of(row) for row in self.rows if row.status in FAILURES})

    @property
    def merge(self) -> str:
        """The command that unites all shards."""
        name = str(self.results)
        results = shlex.quote(f"./{name}" if name.startswith("-") else name)  # an argument, not an option
        return f"mixbench merge {results}/shard-* --into {results}"

    def as_json(self) -> dict[str, Any]:
        """What a shard has, as plain values."""
        shard = {"shard": self.shard.number, "of": self.shard.count} if self.shard else {}
        return {
            "results": str(self.folder),
            **shard,
            "units": self.units,
            "cells": self.cells,
            "rows": len(self.rows),
            "failed": self.failed,
        }


def shard_of(options: Study) -> Shard | None:
    """The shard that --shard means; None for all of the plan. Raises RequestError."""
    return None if options.shard is None else Shard.parse(options.shard)


def folder_of(options: Study) -> ResultsFolder:
    """The folder that rows are written to: a shard has one of its own. Raises RequestError."""
    shard, results = shard_of(options), Path(options.results)
    return ResultsFolder(results / shard_folder(shard.number, shard.count) if shard else results)


def carry_out(work: Work[Cell, AnyRow], options: Study) -> Part[AnyRow]:
    """Carry out what is missing of a plan, or of the shard that is asked for. Raises MixbenchError.

    Raises RequestError also for a shard whose folder has another plan.
    """
    shard, folder, results = shard_of(options), folder_of(options), Path(options.results)
    if shard is None:
        rows, digest = work.carry_out(folder, work.cells)
        tell_machines(folder, rows)
        return Part(work, folder.path, rows, digest, None, len(work.cells), len(work.units), results)
    numbers = spread(work.units, shard.count)
    units = [unit for unit, number in zip(work.units, numbers, strict=True) if number == shard.number]
    cells = [work.cells[place] for place in sorted(place for unit in units for place in unit.places)]
    known = work.rows_of(cells)
    manifest = Manifest(
        shard=shard.number,
        of=shard.count,
        study=work.study,
        command=command_line(work.study, options, without=NOT_OF_THE_PLAN),
        plan=_digest(work),
        units=len(units),
        rows={} if known is None else {work.table: known},
    )
    progress = options.progress or Silent()
    with _marked(folder, manifest):
        for text in _other_counts(results, manifest):
            progress.remark(text)
        named = f"{len(cells):,} of {counted(len(work.cells), work.cell)}"
        progress.remark(f"{shard.words.capitalize()}: {named}, about {duration(work.seconds(units))}, in {folder.path}.")
        for text in work.even(shard.count).advice:
            progress.remark(text)
        rows, digest = work.carry_out(folder, cells)
    return Part(work, folder.path, rows, digest, shard, len(cells), len(units), results)


@contextmanager
def _marked(folder: ResultsFolder, manifest: Manifest) -> Iterator[None]:
    """Say in a folder which shard it has, before its rows are written and when all of them are. Raises RequestError."""
    with folder.writing():
        stored = read_manifest(folder.path)
        if stored and (stored.plan, stored.shard, stored.of) != (manifest.plan, manifest.shard, manifest.of):
            which, why = f"shard {stored.shard} of {stored.of}", stored.command
            if stored.command == manifest.command:
                why = "the options are the same, but mixers, data or the version of mixbench have changed since"
            raise RequestError(
                f"{folder.path} has {which} of another plan: {why}",
                "Give each plan a folder of its own with --results; `mixbench merge` unites them.",
            )
        write_manifest(folder.path, manifest)
    yield
    with suppress(FolderBusyError), folder.writing():  # another process with the same shard will say it
        write_manifest(folder.path, replace(manifest, rows={**manifest.rows, **row_counts(folder.path)}, finished=True))


def _other_counts(results: Path, manifest: Manifest) -> Iterator[str]:
    """Say if the same plan was also shared out in another way: a job array that is submitted in part has another count."""
    for other in sorted(results.glob("shard-*-of-*")):
        with suppress(StorageError):
            found = read_manifest(other)
            if found and found.plan == manifest.plan and found.of != manifest.of:
                yield (
                    f"{other} has a shard of the same plan in {found.of} shards; this is shard {manifest.shard} of"
                    f" {manifest.of}. To repeat one of the {found.of}, give its number: --shard NUMBER/{found.of}."
                )
                return


def _digest(work: Work[Any, Any]) -> str:
    """Equal where every machine shares out the same units in the same way."""
    return plan_digest(f"{unit.key} {unit.seconds:g}" for unit in work.units)


@dataclass(frozen=True)
class ShardForecast:
    """What one shard has to do, and for how long on a machine like this one."""

    shard: int
    units: int
    cells: int
    seconds: float


@dataclass(frozen=True)
class Forecast:
    """What a plan has to do, by shard."""

    study: str
    command: str
    plan: str
    cell: str
    cells: int
    units: int
    at_once: int
    even: Balance
    """How many shards can be even."""
    shards: tuple[ShardForecast, ...]
    own: int | None
    """The shard that --shard names."""

    @property
    def seconds(self) -> float:
        """Of all shards together."""
        return sum(shard.seconds for shard in self.shards)

    @property
    def balance(self) -> float:
        """How much longer than the mean the longest shard takes, as a ratio."""
        mean = self.seconds / len(self.shards)
        return max(shard.seconds for shard in self.shards) / mean if mean else 1.0

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        names = ("study", "command", "plan", "cells", "units", "at_once", "seconds", "balance", "own")
        longest = {"longest_unit": self.even.longest.key, "longest_unit_seconds": self.even.longest.seconds}
        even = {"most_even": self.even.most, "suggested": self.even.suggested}
        shards = [dataclasses.asdict(shard) for shard in self.shards]
        return {**{name: getattr(self, name) for name in names}, **longest, **even, "of": len(shards), "shards": shards}


def forecast(work: Work[Any, Any], options: Study) -> Forecast:
    """What --plan prints: nothing is carried out."""
    shard = shard_of(options)
    count = shard.count if shard else 1
    of_shard: list[list[Unit]] = [[] for _ in range(count)]
    for unit, number in zip(work.units, spread(work.units, count), strict=True):
        of_shard[number - 1].append(unit)
    shards = tuple(
        ShardForecast(number, len(units), sum(len(unit.places) for unit in units), work.seconds(units))
        for number, units in enumerate(of_shard, 1)
    )
    return Forecast(
        study=work.study,
        command=command_line(work.study, options, without=NOT_OF_THE_PLAN),
        plan=_digest(work),
        cell=work.cell,
        cells=len(work.cells),
        units=len(work.units),
        at_once=work.at_once,
        even=work.even(shard.count if shard else USUAL),
        shards=shards,
        own=shard.number if shard else None,
    )


def study_frame(plan: Callable[[Given], Work[Any, Any]], options: Given) -> pandas.DataFrame:
    """For Python: the rows of a study or of its shard, or with `plan` what is expected of each shard."""
    import pandas

    shard_of(options)  # what is no shard is refused before any data are prepared
    work = plan(options)
    if not options.plan:
        return frame(carry_out(work, options).rows)
    return pandas.DataFrame([dataclasses.asdict(shard) for shard in forecast(work, options).shards])
