"""The data dictionary: every column of every table, described once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

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

    lines = [
        "## Shared columns",
        "",
        *_table("tables", [(entry, ", ".join(users[entry])) for entry in users if entry in shared]),
    ]
    for table, described in entries.items():
        extended = next((name for name, row_type in tables.items() if row_type is extensions[table]), None)
        known = entries[extended].keys() if extended else shared
        names = ", ".join(f"`{entry[0]}`" for entry in described if entry in shared)
        contents = f"The columns of {extended}.csv and these:" if extended else f"Shared: {names}. Its own:"
        lines += [
            "",
            f"## {table}.csv",
            "",
            contents,
            "",
            *_table("", [(entry, "") for entry in described if entry not in known]),
        ]
    return "\n".join(lines) + "\n"


def _table(last: str, rows: Iterable[tuple[Described, str]]) -> list[str]:
    """A Markdown table of columns with one more text each under the heading `last`, which may be empty."""
    head = ["column", "role", "unit", "better", "meaning", *filter(None, [last])]
    texts = [
        [f"`{name}`", column.role, column.unit, column.better, column.meaning, *([text] if last else [])]
        for (name, column), text in rows
    ]
    return [f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *texts)]
