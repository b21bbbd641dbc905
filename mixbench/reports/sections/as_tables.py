"""Tables of verdicts as those of a page, and rows as CSV to save."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from mixbench.reports.contents import Cell, Download, Section, Table
from mixbench.verdicts import table as plain
from mixbench.verdicts.entries import Entry

MISSING = "–"
_BETWEEN = " · "
FAILURES = "What failed or was disturbed"


def as_table(name: str, title: str, table: plain.Table, notes: Sequence[str] = ()) -> Table:
    """What the command line prints, as a table that is sorted by a click."""
    headings = [*([table.first.heading] if table.first else []), table.heading, *(column.heading for column in table.columns)]
    rows = []
    for place, label in enumerate(table.labels):
        first = [_cell(table.first.entries[place])] if table.first else []
        reason = table.instead.get(place)
        if reason is None:
            own = [_cell(column.entries[place]) for column in table.columns]
        else:
            empty = [Cell(MISSING)] * (len(table.columns) - 1)
            own = [Cell(reason, mark=f"failed: {reason.partition(':')[0]}"), *empty][: len(table.columns)]
        rows.append([*first, Cell(label), *own])
    return Table(name, title, headings, rows, tuple(notes))


def _cell(entry: Entry | None) -> Cell:
    if entry is None:
        return Cell(MISSING)
    return Cell(f"{entry.number}{entry.tail}".strip(), entry.value, entry.mark)


def as_csv(file: str, records: Iterable[Mapping[str, Any]], columns: Sequence[str] | None = None) -> Download | None:
    """Records as a CSV to save, with all their columns or these; None without any."""
    every = list(records)
    if not every:
        return None
    names = list(columns or dict.fromkeys(name for record in every for name in record))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_value(record.get(name)) for name in names] for record in every)
    return Download(file, text.getvalue())


def _value(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value


def failures_table(name: str, lines: Iterable[tuple[str, str, str]]) -> list[Table]:
    """Mixer, where and why of each cell or run that failed or was disturbed; no table without any."""
    rows = [[Cell(mixer), Cell(where), Cell(why, mark=why.partition(":")[0])] for mixer, where, why in lines]
    return [Table(name, FAILURES, ("mixer", "where", "why"), rows)] if rows else []


def failures_sentence(section: Section) -> str:
    """How much of a section failed or was disturbed, by what it was; empty if nothing."""
    rows = [row for table in section.tables if table.title == FAILURES for row in table.rows]
    if not rows:
        return ""
    kinds = Counter(row[-1].mark for row in rows)
    words = "; ".join(f"{kind} ({count})" for kind, count in kinds.most_common())
    return f"{section.title}: {words}. Each is in the section's table “{FAILURES}”."


def notes_of(contexts: Sequence[str], notes: Sequence[Sequence[str]]) -> list[str]:
    """The notes of several contexts: what is noted of all of them once, the others with what their context differs in."""
    shared = [note for note in dict.fromkeys(chain(*notes)) if all(note in own for own in notes)]
    words = [context.split(_BETWEEN) for context in contexts]
    differing = [_BETWEEN.join(part for part in own if not all(part in other for other in words)) for own in words]
    own_notes = [(context, note) for context, own in zip(differing, notes, strict=True) for note in own if note not in shared]
    return shared + [f"{context}: {note}" for context, note in own_notes]
