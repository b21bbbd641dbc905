"""What `mixbench remove` is about to remove, as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from mixbench.cli.text.layout import BLANK, Column, Part, Table, fitted, heading, notes
from mixbench.tables.columns import columns
from mixbench.verdicts.entries import Entry
from mixbench.verdicts.gate.cells import split_places
from mixbench.verdicts.row_groups import RowGroup
from mixbench.verdicts.words import counted

if TYPE_CHECKING:
    from rich.text import Text

    from mixbench.api.remove import Removal

_OK = ("ok",)


def removal_table(removal: Removal, width: int, terminal: bool) -> Text:
    """For each table a line per mixer and context, then what goes with the rows; widths as for the other tables."""
    return fitted(_parts(removal), width if terminal else None)


def _parts(removal: Removal) -> Iterator[Part]:
    for row_type in removal.rows:
        groups = [group for group in removal.groups if group.row_type is row_type]
        shared, rests = split_places([group.place for group in groups])
        count = sum(group.rows for group in groups)
        yield heading(f"{groups[0].table}.csv: {count:,} of {counted(removal.total[row_type], 'row')}")
        if shared:
            yield heading(" · ".join(shared))
        yield Table([group.mixer for group in groups], list(_columns(groups, rests)))
        yield BLANK
    yield from notes(_notes(removal))


def _columns(groups: list[RowGroup], rests: list[list[str]]) -> Iterator[Column]:
    yield Column("rows", [Entry(str(group.rows)) for group in groups])
    if size := groups[0].size:
        sizes = [_words(map(str, group.sizes)) for group in groups]
        yield Column(columns(groups[0].row_type)[size].unit, sizes, words=True)
    if any(rests):
        yield Column("context", [Entry(" · ".join(rest)) for rest in rests], words=True)
    if any(group.statuses != _OK for group in groups):
        yield Column("status", [_words(group.statuses) for group in groups], words=True)
    if len({group.environment for group in groups}) > 1:
        yield Column("environment", [Entry(group.environment) for group in groups], words=True)


def _words(texts: Iterable[str]) -> Entry:
    return Entry(", ".join(texts))


def _notes(removal: Removal) -> Iterator[str]:
    if removal.launches:
        yield f"With them: {counted(removal.launches, 'row')} of launches.csv that belong to no other row."
    if removal.files:
        yield f"With them: {counted(len(removal.files), 'file')} of weights and maps that no other row names."
