from __future__ import annotations

from mixbench.tables.columns import columns
from mixbench.tables.dictionary import dictionary
from mixbench.tables.fields import Column
from mixbench.tables.rows import TABLES
from mixbench.tables.training_rows import TrialRow


def described(markdown: str) -> dict[str, list[list[str]]]:
    """The cells of every line of the data dictionary by the heading of its section."""
    sections: dict[str, list[list[str]]] = {}
    for line in markdown.split("\n"):
        if line.startswith("## "):
            sections[line[3:]] = []
        elif line.startswith("| `"):
            list(sections.values())[-1].append([cell.strip() for cell in line.strip("|").split("|")])
    return sections


def line_of(name: str, column: Column) -> list[str]:
    return [f"`{name}`", column.role, column.unit, column.better, column.meaning]


def test_the_data_dictionary_describes_every_column_once() -> None:
    sections = described(dictionary(TABLES))
    shared = sections.pop("Shared columns")
    assert list(sections) == [f"{table}.csv" for table in TABLES]
    for table, row_type in TABLES.items():
        lines = [line[:5] for line in shared if table in line[5].split(", ")] + sections[f"{table}.csv"]
        if row_type is TrialRow:
            lines += [line for line in sections["data_efficiency.csv"] if line[0] != "`seed`"]
        expected = [line_of(name, column) for name, column in columns(row_type).items()]
        assert sorted(lines) == sorted(expected), table
    lines = [line[:5] for line in shared] + [line for own in sections.values() for line in own]
    assert len({tuple(line) for line in lines}) == len(lines)


def test_a_table_names_the_columns_that_it_shares() -> None:
    (line,) = [line for line in dictionary(TABLES).split("\n") if line.startswith("Shared: `config`")]
    assert line.startswith("Shared: `config`, `scope`, `mode`, `tokens`, `width`, `batch`, `dtype`, `device`, `load`")
