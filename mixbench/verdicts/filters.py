"""Choose rows of any table by the values of their columns, and a mixer by its name, label or mixer string."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mixbench.errors import RequestError, UnknownNameError
from mixbench.tables.columns import Row, columns
from mixbench.tables.rows import TABLES, TrialRow
from mixbench.verdicts.labels import MixerKey, find_mixers, mixer_labels
from mixbench.verdicts.learning.tune import searched_mixer

Tables = Mapping[type[Row], Sequence[Any]]
"""Rows by their type."""
_NAMES = {row_type: name for name, row_type in TABLES.items()}


@dataclass(frozen=True)
class Filter:
    """What rows must have: one of these values in each of these columns, one of these mixers. Without anything: every row."""

    mixers: tuple[str, ...] = ()
    values: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)

    @property
    def wanted(self) -> dict[str, tuple[Any, ...]]:
        """The wanted values by column, the mixers first."""
        return ({"mixer": self.mixers} if self.mixers else {}) | dict(self.values)


@dataclass(frozen=True)
class Sifted:
    """The rows of each table that have what is wanted, and in words the values and the tables without any."""

    tables: dict[type[Row], list[Any]]
    remarks: tuple[str, ...] = ()


def sift(tables: Tables, wanted: Filter) -> Sifted:
    """The rows that have all wanted values; a table without a column is not narrowed by it.

    Raises RequestError where one of the columns leaves no row of the tables that have it, with the values that there are;
    UnknownNameError for a mixer that no table has.
    """
    found = {row_type: list(rows) for row_type, rows in tables.items()}
    remarks: list[str] = []
    before: list[str] = []
    for column, values in wanted.wanted.items():
        known = _by_value(found, column, values)
        chosen = [value for value in values if value in known]
        option = f"{flag(column)} {','.join(map(str, values))}"
        others = [value for value in values if value not in chosen]
        if column == "mixer" and others:
            raise UnknownNameError("mixer", others[0], known, "among the rows")
        if not chosen:
            raise _nothing(option, before, column, known, found)
        remarks += [f"no row has {flag(column)} {','.join(map(str, others))}"] if others else []
        kept = {id(row) for value in chosen for row in known[value]}
        for row_type in found:
            if column in columns(row_type):
                found[row_type] = [row for row in found[row_type] if id(row) in kept]
        before.append(option)
    emptied = [row_type for row_type, rows in found.items() if tables[row_type] and not rows]
    remarks += [f"no row of {_NAMES[row_type]}.csv has {' '.join(before)}" for row_type in emptied]
    return Sifted(found, tuple(remarks))


def flag(column: str) -> str:
    """The option that chooses by a column."""
    return f"--{column.replace('_', '-')}"


def _by_value(tables: Tables, column: str, wanted: Sequence[Any]) -> dict[Any, list[Any]]:
    """The rows of the tables with a column by its value; by the wanted text, where it is the mixer."""
    found: dict[Any, list[Any]] = {}
    for row_type, rows in tables.items():
        if column in columns(row_type):
            for value, own in _mixers(row_type, rows, wanted) if column == "mixer" else _values(rows, column):
                found.setdefault(value, []).extend(own)
    return {value: rows for value, rows in found.items() if rows}


def _values(rows: Sequence[Any], column: str) -> Iterator[tuple[Any, list[Any]]]:
    return ((getattr(row, column), [row]) for row in rows)


def _mixers(row_type: type[Row], rows: Sequence[Any], wanted: Sequence[str]) -> Iterator[tuple[str, list[Any]]]:
    """The rows of each wanted mixer, and under their labels those of any other."""
    key_of: Callable[[Any], MixerKey] = searched_mixer if row_type is TrialRow else lambda row: (row.mixer, row.config)
    keys = [key_of(row) for row in rows]
    labels = mixer_labels(keys)
    for text in wanted:
        meant = set(find_mixers(text, labels))
        yield text, [row for row, key in zip(rows, keys, strict=True) if key in meant]
    yield from ((labels[key], [row]) for row, key in zip(rows, keys, strict=True) if labels[key] not in wanted)


def _nothing(option: str, before: Sequence[str], column: str, there: Iterable[Any], tables: Tables) -> RequestError:
    """The error for a choice that leaves nothing, with what could be chosen."""
    if not any(column in columns(row_type) for row_type in tables):
        names = " and ".join(f"{_NAMES[row_type]}.csv" for row_type in tables)
        return RequestError(f"{option}: {names} {'has' if len(tables) == 1 else 'have'} no column {column}", "Leave it out.")
    rows = f"row with {' '.join(before)}" if before else "row"
    values = ",".join(map(str, sorted(there)))
    return RequestError(
        f"no {rows} has {option}", f"Available: {flag(column)} {values}" if values else "Leave one of them out."
    )
