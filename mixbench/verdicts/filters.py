"""Choose rows of any table by the values of their columns, and a mixer by its name, label or mixer string."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mixbench.errors import RequestError, UnknownNameError
from mixbench.tables.columns import Row, columns
from mixbench.tables.rows import TABLE_FILES
from mixbench.tables.selection import distinct, where_together
from mixbench.tables.training_rows import TrialRow
from mixbench.verdicts.labels import MixerKey, find_mixers, mixer_labels
from mixbench.verdicts.learning.tune import searched_mixer

Tables = Mapping[type[Row], Sequence[Any]]
"""Rows by their type."""


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

    tables: dict[type[Row], Sequence[Any]]
    remarks: tuple[str, ...] = ()


def sift(tables: Tables, wanted: Filter) -> Sifted:
    """The rows that have all wanted values; a table without a column is not narrowed by it.

    Raises RequestError where one of the columns leaves no row of the tables that have it, with the values that there are;
    UnknownNameError for a mixer that no table has.
    """
    found = dict(tables)
    remarks: list[str] = []
    before: list[str] = []
    for column, values in wanted.wanted.items():
        there = {row_type: rows for row_type, rows in found.items() if column in columns(row_type)}
        named = {row_type: _named(row_type, rows, column, values) for row_type, rows in there.items()}
        known = dict.fromkeys(name for own in named.values() for names in own.values() for name in names)
        chosen = [value for value in values if value in known]
        option = f"{flag(column)} {','.join(map(str, values))}"
        others = [value for value in values if value not in chosen]
        if column == "mixer" and others:
            raise UnknownNameError("mixer", others[0], known, "among the rows")
        if not chosen:
            raise _nothing(option, before, column, known, found)
        remarks += [f"no row has {flag(column)} {','.join(map(str, others))}"] if others else []
        wanted_names = set(chosen)
        for row_type, own in named.items():
            kept = {key for key, names in own.items() if not wanted_names.isdisjoint(names)}
            found[row_type] = where_together(found[row_type], _told_by(row_type, column), kept.__contains__)
        before.append(option)
    emptied = [row_type for row_type, rows in found.items() if tables[row_type] and not rows]
    remarks += [f"no row of {TABLE_FILES[row_type]} has {' '.join(before)}" for row_type in emptied]
    return Sifted(found, tuple(remarks))


def flag(column: str) -> str:
    """The option that chooses by a column."""
    return f"--{column.replace('_', '-')}"


def _named(row_type: type[Row], rows: Sequence[Any], column: str, wanted: Sequence[Any]) -> dict[tuple[Any, ...], list[Any]]:
    """What can be chosen by: the values of a column; of the mixer, the wanted texts that mean it, or else its label."""
    if column != "mixer":
        return {(value,): [value] for value in distinct(rows, column)}
    found = distinct(rows, *_told_by(row_type, column))
    mixers: dict[Any, MixerKey] = {key: searched_mixer(*key) if row_type is TrialRow else key for key in found}
    labels = mixer_labels(mixers.values())
    meant = {text: set(find_mixers(text, labels)) for text in wanted}
    return {key: [text for text in wanted if mixer in meant[text]] or [labels[mixer]] for key, mixer in mixers.items()}


def _told_by(row_type: type[Row], column: str) -> tuple[str, ...]:
    """The columns that tell values of a column apart."""
    if column != "mixer":
        return (column,)
    return ("mixer", "config", "settings") if row_type is TrialRow else ("mixer", "config")


def _nothing(option: str, before: Sequence[str], column: str, there: Iterable[Any], tables: Tables) -> RequestError:
    """The error for a choice that leaves nothing, with what could be chosen."""
    if not any(column in columns(row_type) for row_type in tables):
        names = " and ".join(f"{TABLE_FILES[row_type]}" for row_type in tables)
        return RequestError(f"{option}: {names} {'has' if len(tables) == 1 else 'have'} no column {column}", "Leave it out.")
    rows = f"row with {' '.join(before)}" if before else "row"
    values = ",".join(map(str, sorted(there)))
    return RequestError(
        f"no {rows} has {option}", f"Available: {flag(column)} {values}" if values else "Leave one of them out."
    )
