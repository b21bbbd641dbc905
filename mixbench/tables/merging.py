"""Unite results folders: every row once, and what belongs to the rows; all of it, or nothing where something stops it.

A run (the rows of one replicate of a cell from one process) is added if the target has none with its key. If it has the same
one, nothing is done. If it has another, the one that did not fail counts, else the one that the target has; the other is kept
beside the table, among the rejected lines.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from mixbench.errors import StorageError
from mixbench.tables import pending
from mixbench.tables.columns import Row
from mixbench.tables.lines import LeftOut
from mixbench.tables.lock import kept_still
from mixbench.tables.manifest import Manifest, read_manifest
from mixbench.tables.merged_files import MergedFiles
from mixbench.tables.merged_shards import FILE as SHARDS
from mixbench.tables.merged_shards import ShardGaps, ShardState, add_shard, gaps, plans_as_json, read_plans, unite_plans
from mixbench.tables.merged_source import Source, Untrusted, read_source
from mixbench.tables.merged_table import Conflict, MergedTable, Process, TableCounts, process_of
from mixbench.tables.origins import FILE as ORIGINS
from mixbench.tables.origins import set_damaged_aside, united_origins
from mixbench.tables.pending import current, read_current
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import TABLES
from mixbench.tables.runs import Run
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.tables.storage import ELSEWHERE, storage_errors
from mixbench.tables.study_record import FILE as STUDY
from mixbench.tables.study_record import united_study
from mixbench.tables.texts import FILE as TEXTS
from mixbench.tables.texts import united_texts

INTO = "Give another folder with --into."
_LATER = "Merge it again when it can be read."
_ALONE = "a launch without rows in speed.csv"


@dataclass(frozen=True)
class Merged:
    """What became of some folders that were merged into `folder`."""

    folder: Path
    tables: tuple[TableCounts, ...]
    conflicts: tuple[Conflict, ...] = ()
    untrusted: tuple[Untrusted, ...] = ()
    busy: tuple[tuple[str, str], ...] = ()
    """Folders that are being written, and by whom."""
    unreadable: tuple[StorageError, ...] = ()
    """Why folders were left out."""
    missing_files: tuple[tuple[str, str], ...] = ()
    differing_files: tuple[tuple[str, str], ...] = ()
    damaged: tuple[tuple[str, str, tuple[LeftOut, ...]], ...] = ()
    """Folder, table and lines that were to count but do not."""
    shards: tuple[ShardGaps, ...] = ()
    changed: bool = False

    @property
    def failed(self) -> int:
        """Runs in the target that failed."""
        return sum(table.failed for table in self.tables)

    @property
    def is_complete(self) -> bool:
        """Whether every row of the folders is in the target, with its files, and nothing is missing or failed."""
        kept_out = (self.conflicts, self.untrusted, self.busy, self.unreadable, self.damaged)
        files = (*self.missing_files, *self.differing_files)
        return not (self.failed or any(kept_out) or files or any(gap.is_open for gap in self.shards))


def merge_folders(folders: Iterable[Path], into: Path) -> Merged:
    """Add what `folders` hold to the folder `into`, the first of them first, each taken when the one before it was added.

    Raises FolderBusyError or StorageError for the target, which is then as it was; what is wrong with a folder is told in the
    result, and the others are merged.
    """
    target = ResultsFolder(into, option="--into")
    with target.writing(), storage_errors(f"cannot merge into {into}", INTO):
        try:
            union = _Union(target, pending.begin(target.path))
            for folder in folders:
                union.add(folder)
            merged = union.finish()
            if merged.changed:
                pending.commit(target.path)
        finally:
            pending.give_up(target.path)
    return merged


@dataclass
class _Union:
    target: ResultsFolder
    staging: Path
    tables: dict[type[Row], MergedTable] = field(init=False)
    files: MergedFiles = field(init=False)
    busy: list[tuple[str, str]] = field(default_factory=list)
    running: list[Manifest] = field(default_factory=list)
    unreadable: list[StorageError] = field(default_factory=list)
    untrusted: list[Untrusted] = field(default_factory=list)
    damaged: list[tuple[str, str, tuple[LeftOut, ...]]] = field(default_factory=list)
    read: list[Path] = field(default_factory=list)
    launches: list[tuple[Run, Path]] = field(default_factory=list)
    """Runs of launches.csv of which it is not decided whether their rows of speed.csv count."""

    def __post_init__(self) -> None:
        set_damaged_aside(self.target.path)
        self.files = MergedFiles(self.target.path, self.staging)
        self.tables = {row_type: MergedTable(name, row_type, self.target.path, self.files) for name, row_type in TABLES.items()}
        self.plans = self.stored_plans = read_plans(self.target.path)
        self.environments = {name for table in self.tables.values() for name in table.environments}
        for name in sorted(self.environments):
            self._check(name)

    def add(self, folder: Path) -> None:
        """Add what a folder holds, or note why it is left out."""
        with kept_still(folder) as writer:
            try:
                if writer:
                    self.busy.append((str(folder), writer))
                    self.running += filter(None, [read_manifest(folder)])
                    return
                source = read_source(folder, {row_type: table.texts for row_type, table in self.tables.items()})
                merged_before = read_plans(folder)
            except StorageError as error:
                self.unreadable.append(StorageError(str(error), error.hint.replace(ELSEWHERE, _LATER)))
                return
            self._add(source)
            if not source.untrusted:
                self.plans = unite_plans(self.plans, merged_before)

    def finish(self) -> Merged:
        """Decide what was left open, and write what is left to write."""
        for row_type, table in self.tables.items():
            if row_type is not LaunchRow:
                table.resolve()
        self._add_launches(self.launches, self.tables[SpeedRow].processes, [])
        self.tables[LaunchRow].resolve()
        for table in self.tables.values():
            table.finish()
        self.plans = {name: plan.still_failed(self._has_failed) for name, plan in self.plans.items()}
        contents = {
            ORIGINS: united_origins(self.target.path, self.read),
            TEXTS: united_texts(self.target.path, self.read),
            STUDY: united_study(self.target.path, self.read),
            SHARDS: None if self.plans == self.stored_plans else plans_as_json(self.plans.values()),
        }
        for name, content in contents.items():
            if content is not None:
                self.files.write(name, content)
        return Merged(
            self.target.path,
            tuple(table.counts for table in self.tables.values()),
            conflicts=tuple(conflict for table in self.tables.values() for conflict in table.conflicts),
            untrusted=tuple(self.untrusted),
            busy=tuple(self.busy),
            unreadable=tuple(self.unreadable),
            missing_files=tuple(self.files.missing),
            differing_files=tuple(self.files.differing),
            damaged=tuple(self.damaged),
            shards=self._shards(),
            changed=self.files.written > 0,
        )

    def _shards(self) -> tuple[ShardGaps, ...]:
        """What is lacking of each plan; of one that was shared out in several ways, only of one way if that is whole."""
        every = [gaps(plan, self.running) for plan in self.plans.values()]
        whole = {gap.plan.plan for gap in every if not gap.is_open}
        return tuple(gap for gap in every if not gap.is_open or gap.plan.plan not in whole)

    def _add(self, source: Source) -> None:
        self.read.append(source.path)
        self.untrusted += source.untrusted
        self.damaged += [(str(source.path), self.tables[row_type].name, lines) for row_type, lines in source.damaged.items()]
        for name in sorted(source.environments):
            self._bring(source.path, name)
        undecided: set[Process] = set()
        for row_type, runs in source.runs.items():
            table = self.tables[row_type]
            if row_type is not LaunchRow:
                undecided |= {process_of(run) for run in runs if not table.add(run, source.path)}
            table.keep_rejected(source.path, source.left_out[row_type], source.rejected[row_type])
        launches = [(run, source.path) for run in source.runs[LaunchRow]]
        self._add_launches(launches, self.tables[SpeedRow].processes, undecided)
        if source.manifest and not source.untrusted:
            self.plans = add_shard(self.plans, source.manifest, ShardState(source.is_finished, source.failed))

    def _add_launches(self, launches: list[tuple[Run, Path]], known: set[Process], undecided: Collection[Process]) -> None:
        """Add runs of launches.csv to which rows of speed.csv belong; put those off of which it is not decided."""
        table = self.tables[LaunchRow]
        later = []
        for run, path in launches:
            if process_of(run) in known:
                table.add(run, path)
            elif process_of(run) in undecided:
                later.append((run, path))
            else:
                table.set_aside(run, path, _ALONE)
        self.launches = [*self.launches, *later] if undecided else self.launches

    def _bring(self, source: Path, name: str) -> None:
        """Add an environment of a folder, whose file is known to be sound, unless the target has it."""
        if name in self.environments:
            return
        self.environments.add(name)
        try:
            self.target.environment(name)
        except StorageError:  # it is missing, or damaged, but no row needs it
            file = f"environments/{name}.json"
            self.files.write(file, read_current(current(source, file)))

    def _check(self, name: str) -> None:
        """Refuse to give rows of the target an environment that they have lost."""
        try:
            self.target.environment(name)
        except StorageError as error:
            raise StorageError(
                f"{self.target.path} has rows of the environment {name}, but {error}",
                f"Restore the file, or remove the rows: mixbench remove --results {shlex.quote(str(self.target.path))}"
                f" --environment {name}",
            ) from error

    def _has_failed(self, key: bytes) -> bool:
        return any(table.has_failed(key) for table in self.tables.values())
