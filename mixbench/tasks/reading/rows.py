"""Rows of labelled text, gathered and checked; what is wrong with the rows of a file is told at once."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mixbench.errors import RequestError
from mixbench.tasks.reading.words import places, shown

EXTRA_HINT = "Install it with: pip install 'mixbench[hf]'."
SKIP = "--skip-bad-rows"
_KINDS = 5
_HINTS = 2
"""The most kinds of faults that a message lists, and the most ways to mend them."""

Place = int | str
"""The number of a row in its file, from 1, or the name of its file in a folder."""


class BadRowError(ValueError):
    """What is wrong with one row; `hint` says how such rows are mended."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.hint = hint


Record = tuple[Place, Sequence[Any] | BadRowError]
"""The place of a row, and its cells or what is wrong with it."""


@dataclass(frozen=True)
class Columns:
    """The names of the columns: one or two for texts and one for the label."""

    text: str
    text_pair: str | None
    label: str

    def __post_init__(self) -> None:
        if len(set(self.names)) < len(self.names):
            raise RequestError(
                f"a column is named twice: {', '.join(map(shown, self.names))}", "Name different columns for texts and label."
            )

    @property
    def names(self) -> tuple[str, ...]:
        return (self.text, self.label) if self.text_pair is None else (self.text, self.text_pair, self.label)


@dataclass(frozen=True)
class Found:
    """What a reader finds in a file: records with cells in the order of `Columns.names`, and what their places count.

    `remarks` say how the file was understood; `encoding` is that of its bytes.
    """

    unit: str
    records: Iterator[Record]
    remarks: tuple[str, ...] = ()
    encoding: str = "UTF-8"


@dataclass(frozen=True)
class Rows:
    """Texts and labels of one split; `pairs`, the second texts, are empty if there is only one text per row.

    `places` are those of the rows in their source, in `unit`: "line", "row", "file". `remarks` say how the source was read.
    """

    source: str
    unit: str
    places: Sequence[Place]
    texts: Sequence[str]
    pairs: Sequence[str]
    labels: Sequence[str]
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Iterable[int]) -> Rows:
        """Some of the rows, in the order of `indices`."""
        kept = list(indices)
        return dataclasses.replace(
            self,
            places=[self.places[i] for i in kept],
            texts=[self.texts[i] for i in kept],
            pairs=[self.pairs[i] for i in kept] if self.pairs else [],
            labels=[self.labels[i] for i in kept],
        )


def collect(source: str, found: Found, columns: Columns, *, skip: bool = False) -> Rows:
    """Check and gather records. Bad rows are left out with `skip`, and counted in the remarks.

    Raises RequestError for bad rows, all of them at once, and where no rows are left.
    """
    kept: list[Place] = []
    texts: list[list[str]] = [[] for _ in columns.names[:-1]]
    labels: list[str] = []
    faults: dict[str, list[Place]] = {}
    hints: dict[str, None] = {}
    for place, cells in found.records:
        try:
            *row, label = _checked(cells, columns, found.encoding)
        except BadRowError as fault:
            faults.setdefault(str(fault), []).append(place)
            hints[fault.hint] = None
            continue
        for column, text in zip(texts, row, strict=True):
            column.append(text)
        labels.append(label)
        kept.append(place)
    bad = sum(map(len, faults.values()))
    if faults and not (skip and kept):
        mend = list(filter(None, hints))[:_HINTS] or ["Correct them."]
        way_out = [f"Or leave them out: {SKIP}."] if kept else []
        raise RequestError(_told(source, found.unit, faults, bad + len(kept)), " ".join([*mend, *way_out]))
    if not kept:
        raise RequestError(f"{source} has no rows", "Give a file with examples.")
    left_out = [f"{bad:,} of {bad + len(kept):,} rows are left out: {_kinds(found.unit, faults)}"] if faults else []
    second = texts[1] if len(texts) > 1 else []
    return Rows(source, found.unit, kept, texts[0], second, labels, (*found.remarks, *left_out))


def _told(source: str, unit: str, faults: Mapping[str, Sequence[Place]], total: int) -> str:
    bad = sum(map(len, faults.values()))
    if bad == 1:
        ((reason, (place,)),) = faults.items()
        return f"{source}, {unit} {place}: {reason}"
    return f"{source}: {bad:,} of {total:,} rows cannot be used: {_kinds(unit, faults)}"


def _kinds(unit: str, faults: Mapping[str, Sequence[Place]]) -> str:
    ordered = sorted(faults.items(), key=lambda fault: -len(fault[1]))
    kinds = [f"{reason} ({places(unit, where)})" for reason, where in ordered[:_KINDS]]
    if others := sum(len(where) for _, where in ordered[_KINDS:]):
        kinds.append(f"{others:,} with other errors")
    return "; ".join(kinds)


def _checked(cells: Sequence[Any] | BadRowError, columns: Columns, encoding: str) -> list[str]:
    """The texts and the label of a row. Raises BadRowError."""
    if isinstance(cells, BadRowError):
        raise cells
    *texts, label = zip(columns.names, cells, strict=True)
    return [*(_text(name, cell, encoding) for name, cell in texts), _label(*label, encoding)]


def _text(column: str, cell: Any, encoding: str) -> str:
    if cell is None:
        raise BadRowError(f"{column} is missing")
    if not isinstance(cell, str):
        raise BadRowError(f"{column} is {shown(cell)}, not text")
    if not cell or cell.isspace():
        raise BadRowError(f"{column} is empty")
    if "\0" in cell:
        raise BadRowError(f"{column} holds a null character")
    try:
        cell.encode()
    except UnicodeEncodeError as error:  # a byte that could not be decoded, or half a pair that JSON spells out
        if 0xDC00 <= ord(cell[error.start]) <= 0xDCFF:
            raise BadRowError(f"{column} is not {encoding}", "Name the encoding, e.g. --encoding latin-1.") from None
        raise BadRowError(f"{column} contains an incomplete character (half a surrogate pair)") from None
    return cell


def _label(column: str, cell: Any, encoding: str) -> str:
    """A class as text; equal numbers give equal classes: 1.0 is 1."""
    if isinstance(cell, float) and math.isfinite(cell):
        if not cell.is_integer():
            raise BadRowError(f"{column} is {cell:g}; a class is text or a whole number")
        cell = int(cell)
    if isinstance(cell, bool):
        cell = str(cell).lower()
    if isinstance(cell, int):
        return str(cell)
    if cell is None or cell != cell or (isinstance(cell, str) and cell.strip().lower() in ("", "nan")):
        raise BadRowError(f"{column} is missing")
    return _text(column, cell, encoding).strip()
