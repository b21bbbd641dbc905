"""Rows of tables, checked when they are made, and everything derived from their fields: the columns, the records of the CSV."""

from __future__ import annotations

import dataclasses
import reprlib
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass
from typing import Any, TypeVar

from mixbench.tables.fields import ROLES, Column, Refines, Rule
from mixbench.tables.values import check_object, check_positive, check_type, reader_of, to_text

STATUSES = ("ok", "unsupported", "diverged", "oom", "timeout", "killed", "error")
FAILURES = ("oom", "timeout", "killed", "error")

RowType = TypeVar("RowType", bound="Row")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a table, checked when it is made: a bad number never reaches a file. Raises ValueError."""

    def __post_init__(self) -> None:
        status = getattr(self, "status", "ok")
        _check_status(status)
        layout = _layout(type(self))
        for name, value in vars(self).items():
            check_type(name, value, layout.kinds[name])
        complete(type(self), vars(self))
        for name in layout.positive:
            check_positive(name, getattr(self, name))
        if status != "ok":
            for name in layout.metrics:
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} has a value, but the status is {status}")


def _check_status(status: Any) -> None:
    if status not in STATUSES:
        raise ValueError(f"status is {reprlib.repr(status)}, not one of {', '.join(STATUSES)}")


def complete(row_type: type[Row], values: dict[str, Any]) -> None:
    """Fill in columns that say more than older ones, where they are empty. Raises ValueError where the two disagree."""
    for name, refines in _layout(row_type).refining.items():
        values[name] = completed(name, refines, values[name], values[refines.older])


def completed(name: str, refines: Refines, value: str, older: Any) -> str:
    """The value of a column that says more than an older one. Raises ValueError where the two disagree."""
    allowed = refines.allowed(older)
    value = value or allowed[0]
    if value not in allowed:
        raise ValueError(f"{name} is {reprlib.repr(value)}, but {refines.older} is {to_text(older)}")
    return value


def check_value(row_type: type[Row], name: str, value: Any) -> Any:
    """A value as a column of a table can hold it. Raises ValueError."""
    layout = _layout(row_type)
    check_type(name, value, layout.kinds[name])
    if name in layout.positive:
        check_positive(name, value)
    if name == "status":
        _check_status(value)
    inner = layout.columns[name].json
    return value if inner is None else check_object(value, inner)


def read_value(row_type: type[Row], name: str, text: str) -> Any:
    """A value as a column of a table can hold it, from its text in the CSV. Raises ValueError."""
    return check_value(row_type, name, _layout(row_type).readers[name](text))


def kinds(row_type: type[Row], name: str) -> tuple[type, ...]:
    """The types of the values that a column may have."""
    return _layout(row_type).kinds[name]


def extended_by(row_type: type[Row]) -> type[Row] | None:
    """The table to which a table adds columns; None if it adds to no other."""
    return next((base for base in row_type.__bases__ if base is not Row and issubclass(base, Row)), None)


def columns(row_type: type[Row]) -> dict[str, Column]:
    """Columns of a table in the order of the CSV: by role; those that a table adds to the one it extends come last."""
    return _layout(row_type).columns


def required(row_type: type[Row]) -> tuple[str, ...]:
    """Columns without a default."""
    layout = _layout(row_type)
    return tuple(name for name in layout.columns if name not in layout.defaults)


def default_values(row_type: type[Row]) -> dict[str, Any]:
    """The values of the columns that may be missing."""
    return dict(_layout(row_type).defaults)


def with_rule(row_type: type[Row], rule: Rule) -> tuple[str, ...]:
    """Metrics of a table that the gate judges by a rule."""
    return tuple(name for name, column in columns(row_type).items() if column.rule == rule)


def identity_columns(row_type: type[Row]) -> tuple[str, ...]:
    """The keys and the environment."""
    return _layout(row_type).identity


def replicate_columns(row_type: type[Row]) -> tuple[str, ...]:
    """The columns that tell repetitions of one cell apart."""
    return _layout(row_type).replicates


def identity(row: Row) -> tuple[Any, ...]:
    """The keys and the environment: rows with equal identities are repetitions of one cell."""
    return tuple(getattr(row, name) for name in _layout(type(row)).identity)


def to_record(row: Row) -> dict[str, str]:
    """The row as text for the CSV: empty for None, true or false, floats to nine digits."""
    return {name: to_text(getattr(row, name)) for name in _layout(type(row)).kinds}


def from_record(row_type: type[RowType], record: Mapping[str, str]) -> RowType:
    """A row from its CSV record; a column that is missing takes its default. Raises ValueError naming the column."""
    layout = _layout(row_type)
    values: dict[str, Any] = {}
    name = ""
    try:
        for name, read in layout.readers.items():
            if name in record:
                values[name] = read(record[name])
            elif name in layout.defaults:
                values[name] = layout.defaults[name]
    except ValueError as error:
        raise ValueError(f"column {name}: cannot read {reprlib.repr(record[name])}") from error
    if len(values) < len(layout.kinds):
        raise ValueError(f"columns are missing: {', '.join(name for name in layout.kinds if name not in values)}")
    # a third faster than row_type(**values), which sets every frozen field on its own
    row = object.__new__(row_type)
    vars(row).update(values)
    row.__post_init__()
    return row


def new_rows(row_type: type[RowType], values: Mapping[str, Sequence[Any]]) -> list[RowType]:
    """Rows of values that were checked, given by column."""
    rows, names = [], tuple(values)
    for own in zip(*values.values(), strict=True):
        row = object.__new__(row_type)
        vars(row).update(zip(names, own, strict=True))
        rows.append(row)
    return rows


@dataclass(frozen=True)
class _Layout:
    """Facts derived from the columns of a row type, everywhere in the order of the CSV."""

    columns: dict[str, Column]
    kinds: dict[str, tuple[type, ...]]
    readers: dict[str, Callable[[str], Any]]
    defaults: dict[str, Any]
    metrics: tuple[str, ...]
    positive: tuple[str, ...]
    identity: tuple[str, ...]
    replicates: tuple[str, ...]
    refining: dict[str, Refines]


_LAYOUTS: dict[type[Row], _Layout] = {}


def _in_order(row_type: type[Row]) -> dict[str, Column]:
    extended = extended_by(row_type)
    inherited = columns(extended) if extended else {}
    table: dict[str, Column] = {field.name: field.metadata["column"] for field in dataclasses.fields(row_type)}
    added = sorted((name for name in table if name not in inherited), key=lambda name: ROLES.index(table[name].role))
    return {name: table[name] for name in (*inherited, *added)}


def _layout(row_type: type[Row]) -> _Layout:
    """Derived once per row type: thousands of rows are read and checked at a time."""
    if row_type not in _LAYOUTS:
        hints = typing.get_type_hints(row_type)
        table = _in_order(row_type)
        kinds: dict[str, tuple[type, ...]] = {name: typing.get_args(hints[name]) or (hints[name],) for name in table}
        _LAYOUTS[row_type] = _Layout(
            columns=table,
            kinds={name: (*types, int) if float in types else types for name, types in kinds.items()},
            readers={name: reader_of(kinds[name], column.json) for name, column in table.items()},
            defaults={field.name: field.default for field in dataclasses.fields(row_type) if field.default is not MISSING},
            metrics=tuple(name for name, column in table.items() if column.role == "metric"),
            positive=tuple(name for name, column in table.items() if column.positive),
            replicates=tuple(name for name, column in table.items() if column.role == "replicate"),
            identity=(*(name for name, column in table.items() if column.role == "key"), "environment"),
            refining={name: column.refines for name, column in table.items() if column.refines},
        )
    return _LAYOUTS[row_type]
