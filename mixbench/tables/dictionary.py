"""The data dictionary: every column of every table, described once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from mixbench.tables.columns import Row, columns, extended_by
from mixbench.tables.fields import Column

Described = tuple[str, Column]
"""Name and column: tables may have different columns of one name."""


def dictionary(tables: Mapping[str, type[Row]]) -> str:
    """The data dictionary as Markdown: first the columns that several tables share, then each table with its own.

    A table that extends another one is described by what it adds.
    """
    entries = {table: dict.fromkeys(columns(row_type).items()) for table, row_type in tables.items()}
    users: dict[Described, list[str]] = defaultdict(list)
    for table, described in entries.items():
        for entry in described:
            users[entry].append(table)
    extensions = {table: extended_by(row_type) for table, row_type in tables.items()}
    shared = {entry for entry, names in users.items() if sum(extensions[name] is None for name in names) > 1}

    rows = [[*_texts(entry), ", ".join(names)] for entry, names in users.items() if entry in shared]
    lines = ["## Shared columns", "", *_table([*_HEAD, "tables"], rows)]
    for table, described in entries.items():
        extended = next((name for name, row_type in tables.items() if row_type is extensions[table]), None)
        known = entries[extended].keys() if extended else shared
        names = ", ".join(f"`{name}`" for name, column in described if (name, column) in shared)
        contents = f"The columns of {extended}.csv and these:" if extended else f"Shared: {names}. Its own:"
        own = [_texts(entry) for entry in described if entry not in known]
        lines += ["", f"## {table}.csv", "", contents, "", *_table(_HEAD, own)]
    return "\n".join(lines) + "\n"


_HEAD = ["column", "role", "unit", "better", "meaning"]


def _texts(entry: Described) -> list[str]:
    name, column = entry
    return [f"`{name}`", column.role, column.unit, column.better, column.meaning]


def _table(head: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(texts)} |" for texts in (head, ["---"] * len(head), *rows)]
