"""What `mixbench merge` did, as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mixbench.cli.text.layout import Column, Part, Table, fitted, heading
from mixbench.tables.merged_shards import FILE as SHARDS
from mixbench.tables.merged_shards import in_rows
from mixbench.tables.rejected import in_words
from mixbench.verdicts.entries import Entry
from mixbench.verdicts.words import counted

if TYPE_CHECKING:
    from rich.text import Text

    from mixbench.tables.merged_shards import ShardGaps
    from mixbench.tables.merged_table import Conflict
    from mixbench.tables.merging import Merged

_MOST = 5
"""Conflicts, files and folders that are named one by one."""
_SIZES = {"tokens": "tokens", "train_size": "training examples"}
_PLACES = ("learning_rate", "launch", "seed", "trial", "example")
_COUNTS = {
    "rows": "rows",
    "added": "added",
    "present": "there before",
    "replaced": "replaced",
    "superseded": "superseded",
    "conflicting": "conflicting",
    "left_out": "left out",
    "failed": "failed",
}
_ALWAYS = ("rows", "added", "present")


def merge_table(merged: Merged, width: int, terminal: bool) -> Text:
    """A line per table that has rows: how many, and what became of those that were given."""
    return fitted(_parts(merged), width if terminal else None)


def _parts(merged: Merged) -> Iterator[Part]:
    tables = [table for table in merged.tables if any(getattr(table, name) for name in _COUNTS)]
    if not tables:
        yield heading(f"{merged.folder} holds no rows")
        return
    shown = [name for name in _COUNTS if name in _ALWAYS or any(getattr(table, name) for table in tables)]
    columns = [Column(_COUNTS[name], [Entry(f"{getattr(table, name):,}") for table in tables]) for name in shown]
    yield Table([f"{table.table}.csv" for table in tables], columns, heading="table")


def merge_remarks(merged: Merged) -> Iterator[str]:
    """What kept rows out, and what is missing."""
    yield from _told([f"{error}. {error.hint}".strip() for error in merged.unreadable], "folders", "Left out: ")
    yield from _told([f"{folder} is being written by {who}" for folder, who in merged.busy], "folders", "Left out: ")
    yield from _told(
        [
            f"{each.folder}: {counted(each.rows, 'row')} of environment {each.environment}: {each.reason}"
            for each in merged.untrusted
        ],
        "folders",
        "Not added: ",
    )
    damaged = [f"{folder}/{table}.csv: {in_words(lines)}" for folder, table, lines in merged.damaged]
    yield from _told(damaged, "tables", "Not added, kept in TABLE.csv.rejected: ")
    yield from _told(list(map(_conflict, merged.conflicts)), "conflicts", "Conflict: ")
    yield from _told(list(map(_file, merged.differing_files)), "files", "Two folders have different files of this name: ")
    yield from _told(list(map(_file, merged.missing_files)), "files", "Named by rows but missing: ")
    if merged.failed:
        yield f"{counted(merged.failed, 'run')} failed."
    for gap in merged.shards:
        yield from _gaps(gap)
    plans = {(gap.plan.plan, gap.plan.command) for gap in merged.shards}
    several = Counter(command for _, command in plans)
    if any(gap.is_open and several[gap.plan.command] > 1 for gap in merged.shards):
        yield (
            "Several plans have the same command: mixers, data or the version of mixbench changed in between. To forget"
            f" those that do not count, delete {merged.folder / SHARDS}, and merge the shards of the others again."
        )


def _told(texts: list[str], what: str, beginning: str) -> Iterator[str]:
    yield from (beginning + text for text in texts[:_MOST])
    if len(texts) > _MOST:
        yield f"{beginning}{len(texts) - _MOST} further {what}"


def _file(named: tuple[str, str]) -> str:
    folder, name = named
    return f"{name} of {folder}"


def _conflict(conflict: Conflict) -> str:
    keys = [conflict.kept[name] for name in ("task", "mixer", "mode") if conflict.kept.get(name)]
    sizes = [f"{conflict.kept[name]} {noun}" for name, noun in _SIZES.items() if name in conflict.kept]
    places = [f"{name.replace('_', ' ')} {conflict.kept[name]}" for name in _PLACES if conflict.kept.get(name)]
    values = [
        f"{name} {conflict.kept[name] or 'empty'} stays, {conflict.other[name] or 'empty'} does not count"
        for name in conflict.differing[:1]
    ]
    return f"{conflict.table}.csv, {', '.join([*keys, *sizes, *places])}: {'; '.join(values)} ({conflict.folder})"


def _gaps(gap: ShardGaps) -> Iterator[str]:
    plan = gap.plan
    named = {"missing": gap.missing, "unfinished": gap.unfinished, "with failures": gap.failed, "being written": gap.running}
    told = [
        f"{'shard' if len(numbers) == 1 else 'shards'} {', '.join(in_rows(numbers, '{} to {}'))} {what}"
        for what, numbers in named.items()
        if numbers
    ]
    if not told:
        yield f"{plan.study}: complete, {plan.of} of {counted(plan.of, 'shard')}."
        return
    yield f"{plan.study}, {counted(plan.of, 'shard')}: {'; '.join(told)}."
    if gap.commands:
        yield "\n".join(["Run just those:", *(f"  {command}" for command in gap.commands)])
