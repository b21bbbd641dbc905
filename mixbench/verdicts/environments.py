"""Choose the environment of a summary: the requested one, else the newest, or the newest that several tables share.

Times depend on the machine: those of two environments are never combined. Training scores do not: with the same versions of
mixbench and torch, runs of several machines are united.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, Protocol, TypeVar

from mixbench.errors import UnknownNameError
from mixbench.machine.environment import version_part
from mixbench.parsing.canonical import canonical_json
from mixbench.tables.columns import Row, columns
from mixbench.tables.selection import distinct, type_of, where, where_together
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow, TrialRow

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
        return newest_environment([rows])
    if rows and wanted not in (known := distinct(rows, "environment")):
        raise UnknownNameError("environment", wanted, known, "among the rows")
    return wanted


def newest_environment(tables: Iterable[Sequence[Measurement]], among: Container[str] | None = None) -> str:
    """The environment of the row measured last, of all or of those `among` which it is to be; "" without rows."""
    times = (found for rows in tables for found in distinct(rows, "environment", "measured_at"))
    return str(max((found for found in times if among is None or found[0] in among), key=itemgetter(1), default=("", ""))[0])


def rows_of(rows: Sequence[Measured], environment: str) -> Sequence[Measured]:
    """The rows measured in one environment, in their order."""
    return where(rows, "environment", environment.__eq__)


def of_newest(rows: Sequence[Measured]) -> Sequence[Measured]:
    """The rows of the newest environment."""
    return rows_of(rows, choose_environment(rows))


UNKNOWN: Environments = {}
"""Where the content of no environment is known: then every one is kept apart."""


def united(rows: Sequence[Measured], contents: Environments, environment: str | None = None) -> Sequence[Measured]:
    """The rows of every machine with the versions of an environment (default: the newest), in their order.

    A run that several machines repeated counts once: one that succeeded, the newest of these. Environments of which the
    content is not known are united with no other. Raises UnknownNameError as `choose_environment`.
    """
    wanted = versions_of(choose_environment(rows, environment), contents)
    alike = {other for other in distinct(rows, "environment") if versions_of(other, contents) == wanted}
    kept = where(rows, "environment", alike.__contains__)
    if len(alike) < 2:
        return kept
    run = _run_columns(type_of(kept))
    best: dict[tuple[Any, ...], tuple[bool, str, str]] = {}
    for *own, status, time, environment in distinct(kept, *run, "status", "measured_at", "environment"):
        best[tuple(own)] = max(best.get(tuple(own), (False, "", "")), (status == "ok", time, environment))
    return where_together(kept, [*run, "environment"], lambda own: own[-1] == best[own[:-1]][-1])


def _run_columns(row_type: type[Row]) -> list[str]:
    """The columns that identify a training run on any machine."""
    roles = columns(row_type)
    return [name for name, column in roles.items() if column.role in ("key", "replicate") and name != _PARTS_OF_A_RUN]


def shared_environment(*tables: Sequence[Measurement]) -> str | None:
    """The newest environment that every table has rows of; None if there is none."""
    shared = set.intersection(*(set(distinct(rows, "environment")) for rows in tables))
    return newest_environment(tables, shared) if shared else None


def of_shared(tables: Mapping[Name, Sequence[Any]], contents: Environments = UNKNOWN) -> dict[Name, Sequence[Any]]:
    """By name, the rows of the newest environment that all tables share; where they share none, of the newest of any table.

    Tables of training runs share an environment with the same versions, and are `united`.
    """
    environment = shared_environment(*tables.values()) or _alike_in_all(tables, contents)
    if environment is None:
        environment = newest_environment(tables.values())
    return {name: _of_environment(rows, environment, contents) for name, rows in tables.items()}


def _alike_in_all(tables: Mapping[Name, Sequence[Any]], contents: Environments) -> str | None:
    """The newest environment of the tables of times of which the versions are in every table."""
    timed = [rows for rows in tables.values() if not _unite(rows)]
    versions = [{versions_of(name, contents) for name in distinct(rows, "environment")} for rows in tables.values()]
    named = {name for rows in timed for name in distinct(rows, "environment")}
    alike = {name for name in named if all(versions_of(name, contents) in own for own in versions)}
    return newest_environment(timed, alike) if alike else None


def _of_environment(rows: Sequence[Any], environment: str, contents: Environments) -> Sequence[Any]:
    if not _unite(rows):
        return rows_of(rows, environment)
    wanted = versions_of(environment, contents)
    return united(where(rows, "environment", lambda own: versions_of(own, contents) == wanted), contents)


def _unite(rows: Sequence[Any]) -> bool:
    return bool(rows) and type_of(rows) in UNITED


def versions_of(environment: str, contents: Environments) -> str:
    """The versions of an environment; where these are not known, its hash."""
    return canonical_json(version_part(contents[environment])) if contents.get(environment) else environment


def differences(there: Mapping[str, Any], here: Mapping[str, Any], most: int | None = None) -> str:
    """How an environment differs from another: `torch 2.11.0 instead of 2.13.0`; of several differences, `most` in full."""
    found = [f"{key} {there.get(key)} instead of {here.get(key)}" for key in here if there.get(key) != here.get(key)]
    further = [f"{len(found) - most} more"] if most is not None and len(found) > most else []
    return ", ".join([*found[:most], *further])
