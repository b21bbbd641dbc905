"""Unite results folders: check that they can be, then merge them."""

from __future__ import annotations

import dataclasses
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.api.merge_options import MergeOptions
from mixbench.api.options import takes
from mixbench.errors import RequestError, StorageError
from mixbench.parsing.command import repeated_in, with_folder
from mixbench.studies.progress import Progress, Silent, Step
from mixbench.tables.manifest import FILE as MANIFEST
from mixbench.tables.merging import Merged, merge_folders
from mixbench.tables.pending import current
from mixbench.tables.rejected import rejected
from mixbench.tables.rows import TABLES
from mixbench.tables.study_record import read_study

if TYPE_CHECKING:
    import pandas

_SHARDS = "shard-*-of-*"
_STUDY = "study"
"""What the plan of all parts of a study is called."""
_READING, _SECONDS_PER_BYTE = "reading", 1e-7
"""What a step of the progress is called, and a first guess of how long it takes."""


def merge_all(options: MergeOptions) -> Merged:
    """Add what the given folders hold to another.

    Raises RequestError for a folder that is missing, is no results folder, or is or holds the target; FolderBusyError;
    StorageError.
    """
    given = [options.folders] if isinstance(options.folders, str | Path) else options.folders
    into = Path(options.into)
    folders = list({os.path.realpath(folder): Path(folder) for folder in reversed(given)}.values())[::-1]
    for folder in folders:
        _check(folder, into)
    return merge_folders(_told(folders, options.progress or Silent()), into)


@takes(MergeOptions)
def merge(options: MergeOptions) -> pandas.DataFrame:
    """Unite results folders in one; returns a row per table: how many rows the target has now, and what became of those given.

    `added` rows are new, `present` ones were there; `replaced` rows of the target and `superseded` ones of the folders had
    failed and another folder has measured them; `conflicting` rows have other values than the target; `left_out` lines are
    torn or damaged. `failed` runs of the target have failed.

    Raises RequestError for a folder that is missing, is no results folder, or is or holds the target; FolderBusyError;
    StorageError.
    """
    import pandas

    return pandas.DataFrame([dataclasses.asdict(table) for table in merge_all(options).tables])


def as_plain(merged: Merged) -> dict[str, Any]:
    """Everything about a merge as plain values."""
    return {
        "into": str(merged.folder),
        "complete": merged.is_complete,
        "tables": [dataclasses.asdict(table) for table in merged.tables],
        "conflicts": [
            {"table": each.table, "folder": each.folder, "kept": dict(each.kept), "other": dict(each.other)}
            for each in merged.conflicts
        ],
        "untrusted": [dataclasses.asdict(each) for each in merged.untrusted],
        "busy": [{"folder": folder, "by": writer} for folder, writer in merged.busy],
        "unreadable": list(map(str, merged.unreadable)),
        "missing_files": [{"folder": folder, "file": name} for folder, name in merged.missing_files],
        "differing_files": [{"folder": folder, "file": name} for folder, name in merged.differing_files],
        "shards": [
            {
                "plan": gap.plan.plan,
                "study": gap.plan.study,
                "of": gap.plan.of,
                "missing": list(gap.missing),
                "unfinished": list(gap.unfinished),
                "failed": list(gap.failed),
                "running": list(gap.running),
                "commands": gap.commands,
            }
            for gap in merged.shards
        ],
    }


def next_command(merged: Merged) -> str:
    """What to type after a merge: the study whose shards were merged, which does what needs all rows, or else `plot`.

    Empty if nothing was added, or if shards of the study are lacking.
    """
    if not (merged.changed and any(table.rows for table in merged.tables)):
        return ""
    try:
        study = read_study(merged.folder)
    except StorageError:  # it is damaged, and what was merged is not
        study = None
    if study is None or not study.command:
        return with_folder("mixbench plot", merged.folder)
    lacking = any(gap.is_open for gap in merged.shards if gap.plan.study == _STUDY)
    return "" if lacking else repeated_in(study.command, merged.folder)


def _told(folders: Sequence[Path], progress: Progress) -> Iterator[Path]:
    """The folders, with a step of the progress for each from when it is taken to when the next one is."""
    steps = [Step(_READING, folder, _SECONDS_PER_BYTE * _bytes(folder)) for folder in folders]
    progress.begin(steps)
    for number, (folder, step) in enumerate(zip(folders, steps, strict=True), 1):
        progress.doing(f"folder {number:,} of {len(folders):,}: {folder}")
        yield folder
        progress.done(step)
    progress.doing("writing what was added")


def _bytes(folder: Path) -> int:
    """The size of its tables; 0 for those that cannot be looked at."""
    tables = [current(folder, f"{name}.csv") for name in TABLES]
    return sum(table.stat().st_size for table in tables if os.access(table, os.R_OK))


def _check(folder: Path, into: Path) -> None:
    """Raise RequestError for a folder that cannot be merged into the target."""
    if not folder.is_dir():
        if any(letter in str(folder) for letter in "*?["):
            raise RequestError(f"no folder matches {folder}", "Check the pattern, and where the command runs.")
        what = "is not a folder" if folder.exists() else "does not exist"
        raise RequestError(f"{folder} {what}", "Give results folders, such as results/shard-*.")
    source, target = Path(os.path.realpath(folder)), Path(os.path.realpath(into))
    if source == target:
        raise RequestError(f"{folder} is the folder to merge into", "Leave it out: its rows stay in it anyway.")
    if target.is_relative_to(source):
        raise RequestError(f"{into} is inside {folder}, which is to be merged into it", "Give another folder with --into.")
    if not any(map(os.path.lexists, _own_files(folder))):
        shards = sorted(folder.glob(_SHARDS))
        hint = f"Its shards are: {shlex.quote(str(folder))}/{_SHARDS}" if shards else "Give folders that a study has written."
        raise RequestError(f"{folder} is no results folder: it has no tables", hint)


def _own_files(folder: Path) -> Iterator[Path]:
    tables = [current(folder, f"{name}.csv") for name in TABLES]
    yield from (*tables, *map(rejected, tables), folder / MANIFEST)
