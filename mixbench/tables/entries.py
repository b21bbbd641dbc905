"""The file of one run in a history: what was measured at a commit on a machine, as JSON that is written and read here.

Equal content gives equal bytes, and whatever others wrote into a file is checked before it is used, as the rows of tables are.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from mixbench.parsing.canonical import canonical_json, digest, read_object
from mixbench.tables.columns import Row, check_value, columns, complete, default_values
from mixbench.tables.rows import TABLES
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import TrainingRow, TrialRow
from mixbench.tables.values import LARGEST, SMALLEST

SCHEMA = 1
"""Version of the files. History: 1, the first."""
ONCE = 0
"""Used instead of a replicate if the value is the same for all replicates."""
Values = Mapping[int, float]
"""Values by launch or seed."""
_OF_CELLS: dict[str, type[Row]] = {name: kind for name, kind in TABLES.items() if kind in (SpeedRow, TrainingRow, TrialRow)}
_WORDS: dict[type[Any], str] = {str: "a text", int: "a whole number", dict: "an object", list: "a list"}
_MOST_DIGITS = 9
"""Digits of the largest launch, seed or trial."""
_LARGEST_WHOLE = 2**53
"""Up to this, a float holds every whole number."""

Kind = TypeVar("Kind")


class NewerEntryError(ValueError):
    """A file of a schema that this version does not know."""


@dataclass(frozen=True)
class Commit:
    """A git commit; `time` is the committer's, ISO 8601 with an offset."""

    sha: str
    time: str
    subject: str

    @property
    def short(self) -> str:
        """The first digits of its hash, as git prints them."""
        return self.sha[:7]

    @property
    def moment(self) -> datetime:
        """Its time, for sorting."""
        return datetime.fromisoformat(self.time)


@dataclass(frozen=True)
class TrackedCell:
    """One cell of a table: its key columns, and for each metric the values by replicate, or one value under ONCE."""

    table: str
    key: Mapping[str, Any]
    metrics: Mapping[str, Values]
    score: str = ""
    """The kind of test_score, as in the table."""


@dataclass(frozen=True)
class Entry:
    """One run: the cells measured at a commit, with a machine and its software."""

    commit: Commit
    added_at: str
    machine: Mapping[str, Any]
    software: Mapping[str, Any]
    cells: tuple[TrackedCell, ...]

    @property
    def machine_hash(self) -> str:
        """12 hexadecimal digits that identify the machine."""
        return digest(canonical_json(self.machine), 12)

    @property
    def file_name(self) -> str:
        """The name of this run's file, unique to commit and machine."""
        return f"{self.commit.sha}-{self.machine_hash}.json"


def to_bytes(entry: Entry) -> bytes:
    """The file of a run, with one line per cell, so that diffs are readable."""
    content: dict[str, Any] = {
        "added_at": entry.added_at,
        "commit": entry.commit.sha,
        "commit_time": entry.commit.time,
        "machine": entry.machine,
        "machine_hash": entry.machine_hash,
        "schema": SCHEMA,
        "software": entry.software,
        "subject": entry.commit.subject,
    }
    shared = {table: _shared([cell.key for cell in entry.cells if cell.table == table]) for table in TABLES}
    content["shared"] = {table: key for table, key in shared.items() if key}
    cells = sorted(canonical_json(_plain(cell, shared[cell.table])) for cell in entry.cells)
    lines = [f'"{name}":{json.dumps(value, sort_keys=True, ensure_ascii=False)}' for name, value in content.items()]
    return ("{\n" + ",\n".join(lines) + ',\n"cells":[\n' + ",\n".join(cells) + "\n]}\n").encode()


def _shared(keys: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The part of the key that all cells of a table share, which is written once."""
    return {name: value for key in keys[:1] for name, value in key.items() if all(other[name] == value for other in keys)}


def _plain(cell: TrackedCell, shared: Mapping[str, Any]) -> dict[str, Any]:
    metrics = {
        name: values[ONCE] if list(values) == [ONCE] else {str(replicate): value for replicate, value in values.items()}
        for name, values in cell.metrics.items()
    }
    key = {name: value for name, value in cell.key.items() if name not in shared}
    return {"key": key, "metrics": metrics, "table": cell.table} | ({"score": cell.score} if cell.score else {})


def from_bytes(content: bytes) -> Entry:
    """The run in a file. Raises ValueError for a file that is damaged or not of a run, NewerEntryError."""
    read = read_object(content)
    if _member(read, "schema", int) > SCHEMA:
        raise NewerEntryError
    commit = Commit(*(_member(read, name, str) for name in ("commit", "commit_time", "subject")))
    if commit.moment.tzinfo is None:
        raise ValueError(f"commit_time is {commit.time}, without a UTC offset")
    shared = _member(read, "shared", dict)
    cells = tuple(_cell(cell, shared) for cell in _member(read, "cells", list))
    return Entry(commit, _member(read, "added_at", str), _member(read, "machine", dict), _member(read, "software", dict), cells)


def _member(values: Mapping[str, Any], name: str, kind: type[Kind], default: Kind | None = None) -> Kind:
    """The member of an object that has this name and type; `default` where it is missing. Raises ValueError."""
    if name not in values and default is None:
        raise ValueError(f"{name} is missing")
    value = values.get(name, default)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{name} is {reprlib.repr(value)}, not {_WORDS[kind]}")
    return value


def _cell(plain: Any, shared: Mapping[str, Any]) -> TrackedCell:
    """Raises ValueError for an unknown table, a key that its column cannot hold, or a value that is not a finite number."""
    if not isinstance(plain, dict):
        raise ValueError(f"a cell is {reprlib.repr(plain)}, not an object")
    table = _member(plain, "table", str)
    if table not in _OF_CELLS:
        raise ValueError(f"{reprlib.repr(table)} is not a table of cells")
    row_type = _OF_CELLS[table]
    known = default_values(row_type) | _member(shared, table, dict, {}) | _member(plain, "key", dict)
    key = {}
    for name, column in columns(row_type).items():
        if column.role == "key":
            if name not in known:
                raise ValueError(f"a cell of {table} has no {name}")
            key[name] = check_value(row_type, name, known[name])
    complete(row_type, key)
    metrics = {name: _values(name, value) for name, value in _member(plain, "metrics", dict).items()}
    return TrackedCell(table, key, metrics, _member(plain, "score", str, ""))


def _values(metric: str, plain: Any) -> dict[int, float]:
    """A number, or an object of numbers by replicate, in the form of `_number`."""
    values = plain if isinstance(plain, dict) else {str(ONCE): plain}
    for replicate, value in values.items():
        if not (replicate.isascii() and replicate.isdigit() and len(replicate) <= _MOST_DIGITS):
            raise ValueError(f"{metric} has a value for {reprlib.repr(replicate)}, which is not a launch, seed or trial number")
        if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST <= value <= LARGEST:
            raise ValueError(f"{metric} is {reprlib.repr(value)}, not a number up to {LARGEST:g}")
    return {int(replicate): _number(value) for replicate, value in values.items()}


def _number(value: float) -> float:
    """A number with which every ratio can be computed: counts stay whole as far as floats tell them apart."""
    if abs(value) < SMALLEST:  # as nothing that can be measured is: so ratios stay finite, and none of two numbers is 0
        return 0
    return value if abs(value) <= _LARGEST_WHOLE else float(value)
