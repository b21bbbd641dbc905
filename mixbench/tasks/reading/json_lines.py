"""JSON: an object per line, or a list of objects; nested fields are named by their path, `data.text`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mixbench.errors import RequestError
from mixbench.tasks.reading.lines import TextFile, first_character
from mixbench.tasks.reading.rows import BadRowError, Columns, Found, Record
from mixbench.tasks.reading.words import quoted, shown, unknown

_FORM = "Each line is one object with a value for each column, or the file is one list of such objects."


def read_json(file: TextFile, columns: Columns) -> Found:
    """The named fields of the objects in a file. Raises RequestError."""
    in_list = first_character(file) == "["
    numbered = _entries(file) if in_list else _lines(file)
    return Found("object" if in_list else "line", _records(file, numbered, columns.names), encoding=file.encoding)


def _lines(file: TextFile) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(file.lines(), 1):
        if line and not line.isspace():
            try:
                yield number, json.loads(line)
            except (ValueError, RecursionError) as error:
                yield number, BadRowError(f"not JSON: {_reason(error)}", _FORM)


def _entries(file: TextFile) -> Iterator[tuple[int, Any]]:
    try:
        entries = json.loads("".join(file.lines()))
    except (ValueError, RecursionError) as error:
        raise RequestError(f"{file.path} is not JSON: {_reason(error)}", _FORM) from error
    yield from enumerate(entries, 1)


def _reason(error: Exception) -> str:
    """Without the place in the line, so that faults of one kind have one reason."""
    return error.msg if isinstance(error, json.JSONDecodeError) else shown(str(error))


def _records(file: TextFile, numbered: Iterator[tuple[int, Any]], names: Sequence[str]) -> Iterator[Record]:
    first: Mapping[str, Any] | None = None
    lacking = set(names)
    for number, value in numbered:
        if isinstance(value, BadRowError):
            yield number, value
        elif not isinstance(value, dict):
            yield number, BadRowError("not a JSON object", _FORM)
        else:
            first = value if first is None else first
            there = {name: _field(value, name) for name in names}
            lacking -= {name for name, found in there.items() if found}
            missing = [name for name, found in there.items() if not found]
            cells = [found[0] for found in there.values() if found]
            yield number, BadRowError(f"there is no field {quoted(missing[0])}") if missing else cells
    if first is not None and lacking:
        raise unknown("column", next(name for name in names if name in lacking), _paths(first), f"in {file.path}")


def _field(value: Any, name: str) -> tuple[Any] | None:
    """The value at a path of keys and places in lists, if it is there; a key that holds dots itself comes first."""
    if isinstance(value, dict) and name in value:
        return (value[name],)
    for part in name.split("."):
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and len(part) < 9 and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return (value,)


def _paths(value: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for name, below in value.items():
        if isinstance(below, dict) and below and above.count(".") < 4:
            yield from _paths(below, f"{above}{name}.")
        else:
            yield f"{above}{name}"
