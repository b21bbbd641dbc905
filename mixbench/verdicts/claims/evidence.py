"""The rows of a results folder that claims are decided by: those that the tables show, narrowed by the options of a claim."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from mixbench.tables.columns import Row
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import TABLE_FILES
from mixbench.tables.selection import distinct, where
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.texts import Given, read_texts
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow, TrialRow
from mixbench.tasks import TASKS
from mixbench.verdicts.claims.claim import Claim
from mixbench.verdicts.environments import Environments
from mixbench.verdicts.labels import MixerKey, find_baseline, find_mixers, mixer_labels, mixer_string
from mixbench.verdicts.machines import shown_machines


class NoEvidenceError(Exception):
    """Nothing can be said of a claim: why, and the command that gives rows; empty where none does."""

    def __init__(self, reason: str, command: str = "") -> None:
        super().__init__(reason)
        self.reason, self.command = reason, command


@dataclass
class Evidence:
    """The tables of a folder, each read once."""

    folder: ResultsFolder
    environment: str | None = None
    """The only one of which rows count; None: as each table chooses."""
    baseline: str | None = None
    """What a claim without `against` compares with; None: attention, else the first mixer of the rows."""
    _read: dict[type[Row], Sequence[Any]] = field(default_factory=dict)

    def rows(self, row_type: type[Row]) -> Sequence[Any]:
        """The rows of a table. Raises StorageError, and NoEvidenceError where it has none of the wanted environment."""
        if row_type not in self._read:
            rows: Sequence[Any] = self.folder.selection(row_type)
            if self.environment is not None and rows:
                rows = where(rows, "environment", self.environment.__eq__)
            self._read[row_type] = rows
        return self._read[row_type]

    def contents(self, *tables: Sequence[Any]) -> Environments:
        """The environments that rows name, by hash."""
        return self.folder.environments_of(*tables)

    @cached_property
    def texts(self) -> Mapping[str, Given]:
        """How the user named the texts of data sets."""
        return read_texts(self.folder.path)

    @cached_property
    def mixers(self) -> list[MixerKey]:
        """The mixers of all tables."""
        tables = (SpeedRow, TrainingRow, TrialRow, AttentionMapRow)
        return list({key: None for table in tables for key in distinct(self.folder.selection(table), "mixer", "config")})

    def named(self, text: str) -> str:
        """A built-in mixer with its options, where the folder has one alone that a text means; else the text.

        A table that lacks the mixer cannot tell its options, and commands must not propose the mixer without them.
        """
        found = find_mixers(text, self.mixers)
        return mixer_string(found[0]) if len(found) == 1 and ":" not in found[0][0] else text

    def machines(self, row_type: type[Row], shown: Sequence[Any]) -> list[str]:
        """Which machine the rows come from, where the table has several."""
        every = self.folder.selection(row_type)
        return [f"{told}." for told in shown_machines({row_type: every}, {row_type: shown}, self.contents(every))]


def no_table(row_type: type[Row], command: str) -> NoEvidenceError:
    """What is said where a table has no rows."""
    return NoEvidenceError(f"there is no {TABLE_FILES[row_type]}", command)


@dataclass(frozen=True)
class Column:
    """A column that an option chooses rows by."""

    name: str
    fits: Callable[..., bool] = lambda value, wanted: bool(value == wanted)
    """Whether a value of the column is what the option says: `wanted`."""


def _is_task(value: str, wanted: str) -> bool:
    """A task as typed may have options, and one of files or of the hub has a source behind its name."""
    kind = wanted.partition(":")[0]
    return value == wanted or value.startswith(f"{wanted}:") or (kind in TASKS and value == kind)


COLUMNS = {
    "task": Column("task", _is_task),
    "layers": Column("layers"),
    "width": Column("width"),
    "tokens": Column("tokens"),
    "from-tokens": Column("tokens", lambda value, wanted: value >= wanted),
    "size": Column("train_size"),
    "device": Column("device", lambda value, wanted: value == wanted or value.partition(":")[0] == wanted),
    "mode": Column("mode"),
    "scope": Column("scope"),
    "batch": Column("batch"),
    "dtype": Column("dtype"),
    "execution": Column("execution"),
    "threads": Column("threads"),
}
"""The options that choose rows, by the column of a table."""


def narrowed(rows: Sequence[Any], claim: Claim, names: Sequence[str], table: type[Row], command: str) -> Sequence[Any]:
    """The rows that the options of a claim choose. Raises NoEvidenceError with the command that adds some, without any."""
    asked = []
    for name in names:
        if (wanted := claim.options.get(name)) is not None:
            asked.append(f"{name} {wanted}")
            rows = where(rows, COLUMNS[name].name, partial(COLUMNS[name].fits, wanted=wanted))
            if not rows:
                raise NoEvidenceError(f"{TABLE_FILES[table]} has no row with {', '.join(asked)}", command)
    return rows


@dataclass(frozen=True)
class Named:
    """The mixers of a claim among those of the rows."""

    mixer: MixerKey
    against: tuple[MixerKey, ...]
    labels: Mapping[MixerKey, str]
    lacking: Mapping[str, str]
    """What was to be compared with, as it was named, and why there is nothing of it."""

    @property
    def label(self) -> str:
        """The label of the mixer."""
        return self.labels[self.mixer]

    @property
    def others(self) -> str:
        """What it is compared with, in words."""
        return " or ".join([*(self.labels[mixer] for mixer in self.against), *self.lacking])

    @property
    def against_each(self) -> str:
        """What a rule says where the mixer is compared with several; empty for one."""
        return " against each of them" if len(self.against) + len(self.lacking) > 1 else ""

    @property
    def against_any(self) -> str:
        """The same for what contradicts a claim."""
        return " against any of them" if self.against_each else ""

    @property
    def all(self) -> tuple[MixerKey, ...]:
        """The mixer and those it is compared with."""
        return (self.mixer, *self.against)


def named(claim: Claim, mixers: Sequence[MixerKey], baseline: str | None, table: type[Row]) -> Named:
    """The mixers that a claim names. Raises NoEvidenceError where there is nothing of the mixer."""
    labels = mixer_labels(mixers)
    own, why = _find(claim.options["mixer"], labels, table)
    if own is None:
        raise NoEvidenceError(why)
    wanted = claim.options["against"]
    if wanted is None:
        base = find_baseline(baseline, mixers) if baseline is None or find_mixers(baseline, mixers) else None
        if base is None:
            raise NoEvidenceError(f"{baseline} is not in {TABLE_FILES[table]}")
        wanted = (labels[base],)
    found = {text: _find(text, labels, table) for text in wanted}
    if any(mixer == own for mixer, _ in found.values()):
        raise NoEvidenceError(f"{labels[own]} would be compared with itself: name another mixer with against")
    there = tuple(dict.fromkeys(mixer for mixer, _ in found.values() if mixer is not None))
    return Named(own, there, labels, {text: why for text, (mixer, why) in found.items() if mixer is None})


def _find(text: str, labels: Mapping[MixerKey, str], table: type[Row]) -> tuple[MixerKey | None, str]:
    """The mixer that a text means, or why it means none."""
    found = find_mixers(text, labels)
    if len(found) > 1:
        return None, f"{text} could be {' or '.join(labels[mixer] for mixer in found)} in {TABLE_FILES[table]}: name one"
    return (found[0], "") if found else (None, f"{text} is not in {TABLE_FILES[table]}")
