"""Which part of which plan a folder has: the file `shard.json` in the folder of a shard.

It is written before the first row, and again when nothing is left to do. `merge` tells by it what is missing.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from mixbench.errors import StorageError
from mixbench.parsing.canonical import digest, read_object
from mixbench.tables.storage import storage_errors, write_atomically

FILE = "shard.json"
SCHEMA = 1
"""Version of the file. History: 1, the first."""
MOST_SHARDS = 100_000
"""The largest number of shards of a plan."""
_DIGITS = 16


@dataclass(frozen=True)
class Manifest:
    """Shard `shard` of the `of` shards of a plan. Raises ValueError for values that no shard has."""

    shard: int
    of: int
    study: str
    """The command, such as speed."""
    command: str
    """The whole command line without --shard."""
    plan: str
    """The digest of the whole plan, as from `plan_digest`."""
    units: int
    """The units of this shard: what is carried out together."""
    rows: Mapping[str, int] = field(default_factory=dict)
    """The rows that the shard has when it is whole, by table: of a finished one all, else what is known before."""
    finished: bool = False

    def __post_init__(self) -> None:
        for name, kind in (("shard", int), ("of", int), ("units", int), ("study", str), ("command", str), ("plan", str)):
            if type(getattr(self, name)) is not kind:
                raise ValueError(f"{name} is not {'a whole number' if kind is int else 'a text'}")
        check_plan(self.study, self.command, self.of)
        if not 1 <= self.shard <= self.of:
            raise ValueError(f"shard {self.shard} of {self.of} does not exist")
        if self.units < 0:
            raise ValueError(f"units is {self.units}")
        if not (isinstance(self.rows, dict) and all(type(count) is int and count >= 0 for count in self.rows.values())):
            raise ValueError("rows is not an object of whole numbers")
        if type(self.finished) is not bool:
            raise ValueError("finished is neither true nor false")


def check_plan(study: str, command: str, count: int) -> None:
    """Raise ValueError for a plan that no study has: the command is printed for users to run it, and the shards are counted."""
    if not 1 <= count <= MOST_SHARDS:
        raise ValueError(f"the number of shards is not from 1 to {MOST_SHARDS:,}")
    if not re.fullmatch("[a-z-]+", study) or shlex.split(command)[:2] != ["mixbench", study]:
        raise ValueError("command does not run the study")


def shard_folder(number: int, count: int) -> str:
    """The name of a shard's folder: `shard-03-of-16`, as wide as the count."""
    return f"shard-{number:0{len(str(count))}}-of-{count}"


def plan_digest(keys: Iterable[str]) -> str:
    """16 hexadecimal digits that are equal for plans with the same units, whatever their order."""
    return digest("\n".join(sorted(keys)), _DIGITS)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a folder, whole or not at all. The caller holds the folder's lock. Raises StorageError."""
    content = json.dumps({"schema": SCHEMA, **asdict(manifest)}, indent=2, ensure_ascii=False).encode() + b"\n"
    with storage_errors(f"cannot write {folder / FILE}"):
        write_atomically(folder / FILE, content)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder; None if it has none. Raises StorageError if it is damaged or of a newer version."""
    file = folder / FILE
    try:
        with storage_errors(f"cannot read {file}"), suppress(FileNotFoundError, NotADirectoryError):
            content = read_object(file.read_bytes())
            check_schema(file, content, SCHEMA)
            return _manifest(content)
    except ValueError as error:
        raise StorageError(f"{file} is damaged: {error}", "Delete it, and repeat the command of this shard.") from error
    return None


def check_schema(file: Path, content: Mapping[str, Any], known: int) -> None:
    """Raise StorageError for a file that a newer mixbench wrote, ValueError for one with a schema that there never was."""
    schema = content.get("schema")
    if type(schema) is int and schema > known:
        raise StorageError(f"{file} was written by a newer mixbench", "Upgrade this one.")
    if type(schema) is not int or schema < 1:
        raise ValueError(f"its schema is {schema!r}, and this version of mixbench knows {known}")


def _manifest(content: Mapping[str, Any]) -> Manifest:
    names = [each.name for each in fields(Manifest)]
    if missing := [name for name in names if name not in content]:
        raise ValueError(f"{', '.join(missing)} is missing")
    return Manifest(**{name: content[name] for name in names})
