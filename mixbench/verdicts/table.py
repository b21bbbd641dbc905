"""A table of entries: what the command line prints and a page shows, before either lays it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mixbench.verdicts.entries import Entry


@dataclass(frozen=True)
class Column:
    """A heading and one entry per row, None where there is nothing to show; with `words`, entries are not numbers."""

    heading: str
    entries: Sequence[Entry | None]
    words: bool = False


@dataclass(frozen=True)
class Table:
    """A row per label, below the heading of the labels.

    `first` is a column before the labels. `instead` has, by row, a text that replaces all entries (`oom: needs 12 GiB`).
    """

    labels: Sequence[str]
    columns: Sequence[Column]
    heading: str = "mixer"
    first: Column | None = None
    instead: Mapping[int, str] = field(default_factory=dict)
