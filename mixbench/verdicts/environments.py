"""Choose the environment of a summary: the requested one, else the newest, or the newest that several tables share.

Times depend on the machine: those of two environments are never combined. Training scores do not: with the same versions of
mixbench and torch, runs of several machines are united.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeVar

from mixbench.errors import UnknownNameError
from mixbench.machine.environment import version_part
from mixbench.parsing.canonical import canonical_json
from mixbench.tables.columns import Row, columns
from mixbench.tables.rows import AttentionMapRow, TrainingRow, TrialRow

Environments = Mapping[str, Mapping[str, Any]]
"""The content of environments by their hash."""
UNITED: tuple[type[Row], ...] = (TrainingRow, TrialRow, AttentionMapRow)
"""The tables of which rows of several machines are united."""
_PARTS_OF_A_RUN = "example"
"""The replicate of a table whose rows come from one run."""


class Measurement(Protocol):
    """A row of any table: every table says where and when a row was measured."""

    @property
    def environment(self) -> str: ...
    @property
    def measured_at(self) -> str: ...


Measured = TypeVar("Measured", bound=Measurement)
Name = TypeVar("Name")


def choose_environment(rows: Sequence[Measurement], wanted: str | None = None) -> str:
    """Hash of the wanted environment, by default that of the row measured last; "" without rows.

    Raises UnknownNameError for an environment that no row has.
    """
    if wanted is None:
        return max(rows, key=lambda row: row.measured_at).environment if rows else ""
    if rows and wanted not in (known := {row.environment for row in rows}):
        raise UnknownNameError("environment", wanted, known, "among the rows")
    return wanted


def rows_of(rows: Sequence[Measured], environment: str) -> list[Measured]:
    """The rows measured in one environment, in their order."""
    return [row for row in rows if row.environment == environment]


def of_newest(rows: Sequence[Measured]) -> list[Measured]:
    """The rows of the newest environment."""
    return rows_of(rows, choose_environment(rows))


UNKNOWN: Environments = {}
"""Where the content of no environment is known: then every one is kept apart."""


def united(rows: Sequence[Measured], contents: Environments, environment: str | None = None) -> list[Measured]:
    """The rows of every machine with the versions of an environment (default: the newest), in their order.

    A run that several machines repeated counts once: one that succeeded, the newest of these. Environments of which the
    content is not known are united with no other. Raises UnknownNameError as `choose_environment`.
    """
    wanted = versions_of(choose_environment(rows, environment), contents)
    alike = {other for other in {row.environment for row in rows} if versions_of(other, contents) == wanted}
    kept = [row for row in rows if row.environment in alike]
    if len(alike) < 2:
        return kept
    runs = [_run(row) for row in kept]
    best: dict[tuple[Any, ...], tuple[bool, str, str]] = {}
    for run, row in zip(runs, kept, strict=True):
        best[run] = max(
            best.get(run, (False, "", "")), (getattr(row, "status", "ok") == "ok", row.measured_at, row.environment)
        )
    return [row for run, row in zip(runs, kept, strict=True) if row.environment == best[run][-1]]


def _run(row: Any) -> tuple[Any, ...]:
    """What identifies a training run on any machine."""
    roles = columns(type(row))
    names = [name for name, column in roles.items() if column.role in ("key", "replicate") and name != _PARTS_OF_A_RUN]
    return tuple(getattr(row, name) for name in names)


def shared_environment(*tables: Sequence[Measurement]) -> str | None:
    """The newest environment that every table has rows of; None if there is none."""
    shared = set.intersection(*({row.environment for row in rows} for rows in tables))
    return choose_environment([row for rows in tables for row in rows if row.environment in shared]) if shared else None


def of_shared(tables: Mapping[Name, Sequence[Any]], contents: Environments = UNKNOWN) -> dict[Name, list[Any]]:
    """By name, the rows of the newest environment that all tables share; where they share none, of the newest of any table.

    Tables of training runs share an environment with the same versions, and are `united`.
    """
    environment = shared_environment(*tables.values()) or _alike_in_all(tables, contents)
    if environment is None:
        environment = choose_environment([row for rows in tables.values() for row in rows])
    return {name: _of_environment(rows, environment, contents) for name, rows in tables.items()}


def _alike_in_all(tables: Mapping[Name, Sequence[Any]], contents: Environments) -> str | None:
    """The newest environment of the tables of times of which the versions are in every table."""
    timed = [row for rows in tables.values() if not _unite(rows) for row in rows]
    versions = [[versions_of(name, contents) for name in {row.environment for row in rows}] for rows in tables.values()]
    alike = [row for row in timed if all(versions_of(row.environment, contents) in own for own in versions)]
    return choose_environment(alike) if alike else None


def _of_environment(rows: Sequence[Any], environment: str, contents: Environments) -> list[Any]:
    if not _unite(rows):
        return rows_of(rows, environment)
    alike = [row for row in rows if versions_of(row.environment, contents) == versions_of(environment, contents)]
    return united(alike, contents)


def _unite(rows: Sequence[Any]) -> bool:
    return bool(rows) and isinstance(rows[0], UNITED)


def versions_of(environment: str, contents: Environments) -> str:
    """The versions of an environment; where these are not known, its hash."""
    return canonical_json(version_part(contents[environment])) if contents.get(environment) else environment


def differences(there: Mapping[str, Any], here: Mapping[str, Any], most: int | None = None) -> str:
    """How an environment differs from another: `torch 2.11.0 instead of 2.13.0`; of several differences, `most` in full."""
    found = [f"{key} {there.get(key)} instead of {here.get(key)}" for key in here if there.get(key) != here.get(key)]
    further = [f"{len(found) - most} more"] if most is not None and len(found) > most else []
    return ", ".join([*found[:most], *further])
