"""Which rows of trained models are those of planned runs, whatever machine of the same code they are from."""

from __future__ import annotations

from collections.abc import Container, Iterable
from contextlib import suppress
from typing import TypeVar

from mixbench.errors import StorageError
from mixbench.execution.ray_cluster import differences
from mixbench.studies.training_plan import Key
from mixbench.tables.columns import Row, identity, replicate_columns
from mixbench.tables.results import ResultsFolder
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow

Trained = TypeVar("Trained", bound=TrainingRow | AttentionMapRow)


def key_of(row: Row) -> Key:
    """A key that is unique to a row: its identity and its replicate."""
    return (*identity(row), *(getattr(row, name) for name in replicate_columns(type(row))))


def key_as(environment: str, like: Container[str], row: TrainingRow | AttentionMapRow) -> Key:
    """The key of a row, as if it were of `environment` where its own is like that one."""
    key = key_of(row)
    if row.environment == environment or row.environment not in like:
        return key
    place = len(identity(row)) - 1  # of the environment
    return (*key[:place], environment, *key[place + 1 :])


def environments_like(folder: ResultsFolder, environment: str) -> set[str]:
    """The environments in a folder that may take part in one study: with the same mixbench and torch."""
    own, found = folder.environment(environment), set()
    for file in (folder.path / "environments").glob("*.json"):
        with suppress(StorageError):  # rows of an environment that nobody knows are not trusted
            if not differences(folder.environment(file.stem), own):
                found.add(file.stem)
    return found


def read_planned(folder: ResultsFolder, row_type: type[Trained], planned: Iterable[Key], environment: str) -> list[Trained]:
    """The rows with these keys, in their order, from whatever machine: scores do not depend on it. Raises StorageError."""
    rows = by_key(folder.read(row_type), environment, environments_like(folder, environment))
    return [rows[key] for key in planned if key in rows]


def by_key(rows: Iterable[Trained], environment: str, like: Container[str]) -> dict[Key, Trained]:
    """Rows by their `key_as`; where machines have repeated a run, that of this environment, else one that is ok."""
    found: dict[Key, Trained] = {}
    for row in rows:
        key = key_as(environment, like, row)
        other = found.get(key)
        if other is None or (row.environment == environment, row.status == "ok") >= (
            other.environment == environment,
            other.status == "ok",
        ):
            found[key] = row
    return found
