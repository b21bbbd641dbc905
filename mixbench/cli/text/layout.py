"""Layout of printed text: paragraphs and tables fitted to a terminal, or as plain aligned lines for a pipe or a file."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING, Protocol

from mixbench.errors import shortened
from mixbench.verdicts import table as plain
from mixbench.verdicts.entries import Entry

if TYPE_CHECKING:
    from rich.text import Text

GAP = "  "
WIDEST_LABEL, LONGEST_TEXT = 200, 2000
"""Characters of a name and of a text that are shown; of longer ones, the beginning and the end."""
_UNSEEN = dict.fromkeys(
    [*range(32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\N{REPLACEMENT CHARACTER}"
)
"""Characters that would move the cursor, colour the terminal or turn the writing around."""
_MISSING = "–"
Segment = tuple[str, str]
"""A text and its style."""
Line = list[Segment]


@dataclass(frozen=True)
class Column(plain.Column):
    """A column that is laid out: with `words`, entries are aligned to the left.

    In a column of numbers, an entry without a digit (`not reached`) may reach into the room of the tails; in a `narrow` one its
    own tail is on the line below.
    """

    narrow: bool = False

    @cached_property
    def width(self) -> int:
        """Characters of the widest entry or of the heading."""
        texts = (text for row, entry in enumerate(self._shown) for text in self._texts(row, entry))
        return max(len(self.heading), sum(self._parts), *map(len, texts))

    @property
    def header(self) -> str:
        """The heading, with the gap before it and padded to the width of the column."""
        return f"{GAP}{self.heading:{'<' if self.words else '>'}{self.width}}"

    def line(self, row: int) -> Line:
        """The entry, with the gap before it and padded to the width of the column."""
        numbers, tails = self._parts
        entry = self._shown[row]
        before = f"{entry.number:<{numbers}}" if self.words else f"{entry.number:>{self.width - tails}}"
        tail = "" if self.breaks(row) else entry.tail
        return [(f"{GAP}{before}", entry.style), (f"{tail:<{self.width - len(before)}}", "dim")]

    def breaks(self, row: int) -> bool:
        """Whether the tail of an entry is on the line below."""
        entry = self._shown[row]
        return self.narrow and bool(entry.tail) and not self._is_number(entry)

    def below(self, row: int) -> Line:
        """The line below the entry, with the gap before it and padded to the width of the column."""
        tail = self._shown[row].tail.strip() if self.breaks(row) else ""
        return [(f"{GAP}{tail:>{self.width}}", "dim")]

    @cached_property
    def _shown(self) -> list[Entry]:
        return [entry or Entry(_MISSING) for entry in self.entries]

    @cached_property
    def _parts(self) -> tuple[int, int]:
        numbers = max((len(entry.number) for entry in self._shown if self._is_number(entry)), default=0)
        return numbers, max((len(entry.tail) for row, entry in enumerate(self._shown) if not self.breaks(row)), default=0)

    def _is_number(self, entry: Entry) -> bool:
        return self.words or any(map(str.isdigit, entry.number))

    def _texts(self, row: int, entry: Entry) -> list[str]:
        return [entry.number, entry.tail.strip()] if self.breaks(row) else [entry.number + entry.tail]


class Part(Protocol):
    """A part of what a command prints, as lines of at most `room` characters (None: unlimited)."""

    def lines(self, room: int | None) -> list[Line]: ...


@dataclass(frozen=True)
class Paragraph:
    """Text that wraps where the room is limited, unless it must stay on one line, as a command must."""

    text: str
    style: str = ""
    wraps: bool = True

    def lines(self, room: int | None) -> list[Line]:
        """The lines of the text."""
        return [[(line, self.style)] for line in (wrapped(self.text, room) if self.wraps else [self.text])]


BLANK = Paragraph("")


def heading(text: str) -> Paragraph:
    """The title of one or several tables."""
    return Paragraph(text, "bold cyan")


def caption(text: str) -> Paragraph:
    """A line that says what the table below it shows."""
    return Paragraph(text, "italic")


def notes(texts: Iterable[str]) -> Iterator[Paragraph]:
    """Notes below a table on how to read it."""
    return (Paragraph(text, "dim") for text in texts)


@dataclass(frozen=True)
class Table(plain.Table):
    """A table that is laid out. Where the room is limited labels wrap, and columns that do not fit move to another one below.

    A terminal shows repeated values of `first` once. Another table below repeats only the part of `instead` before the colon.
    """

    columns: Sequence[Column]
    first: Column | None = None

    def lines(self, room: int | None) -> list[Line]:
        """The lines of the table, or of the tables that it takes."""
        labels, before, label = self._labels, self._before, self._label(room)
        lines: list[Line] = []
        for place, part in enumerate(self._parts(room)):
            first = f"{self.first.heading:>{self.first.width}}{GAP}" if self.first else ""
            header = "".join([first, f"{self.heading:<{label}}", *(column.header for column in part)])
            lines += [*([[]] if lines else []), [(header, "bold")], *([[("─" * len(header), "dim")]] if room else [])]
            for row, name in enumerate(labels):
                if row in self.instead:
                    text = self.instead[row] if place == 0 else _kind(self.instead[row])
                    entries = [[(GAP + line, "yellow")] for line in wrapped(text, room and room - before - label - len(GAP))]
                else:
                    entries = [[segment for column in part for segment in column.line(row)]]
                    if any(column.breaks(row) for column in part):
                        entries.append([segment for column in part for segment in column.below(row)])
                for step, (own, segments) in enumerate(zip_longest(wrapped(name, room and label), entries)):
                    start = self._first(row, step, bool(room))
                    lines.append([(f"{start}{own or '':<{label}}", ""), *(segments or [])])
        return lines

    def tables(self, room: int | None) -> int:
        """How many tables it takes."""
        return len(self._parts(room))

    @property
    def _labels(self) -> list[str]:
        return [shortened(label, WIDEST_LABEL) for label in self.labels]

    @property
    def _before(self) -> int:
        return self.first.width + len(GAP) if self.first else 0

    def _label(self, room: int | None) -> int:
        """The width of the labels."""
        widest = [*(column.width for column in self.columns), *(len(_kind(text)) for text in self.instead.values())]
        left = room and room - self._before - max(widest, default=0) - len(GAP)
        return label_width([self.heading, *self._labels], room, left)

    def _parts(self, room: int | None) -> list[list[Column]]:
        left = None if room is None else room - self._before - self._label(room)
        parts = packed(self.columns, left)
        narrow = packed([replace(column, narrow=True) for column in self.columns], left)
        return min(parts, narrow, key=lambda parts: (len(parts), sum(len(part) == 1 for part in parts)))

    def _first(self, row: int, step: int, terminal: bool) -> str:
        if self.first is None:
            return ""
        entry = self.first.entries[row]
        repeats = terminal and row > 0 and self.first.entries[row - 1] == entry
        return f"{entry.number if entry and not step and not repeats else '':>{self.first.width}}{GAP}"


def printed(table: plain.Table) -> Table:
    """A table as it is printed."""

    def laid_out(column: plain.Column) -> Column:
        return Column(column.heading, column.entries, column.words)

    first = laid_out(table.first) if table.first else None
    return Table(table.labels, [*map(laid_out, table.columns)], table.heading, first, table.instead)


def _kind(text: str) -> str:
    return text.partition(": ")[0]


def fitted(parts: Iterable[Part], room: int | None) -> Text:
    """Parts below each other, without blank lines at the end; `room` as in `Part`."""
    lines = [line for part in parts for line in part.lines(room)]
    while lines and not any(text for text, _ in lines[-1]):
        lines.pop()
    return as_text(lines)


def as_text(lines: Sequence[Sequence[Segment]]) -> Text:
    """Lines as rich text, without blanks at their ends."""
    from rich.text import Text

    texts = [Text.assemble(*((seen(text), style) for text, style in line)) for line in lines]
    for text in texts:
        text.rstrip()
    return Text("\n").join(texts)


def seen(text: str) -> str:
    """A line of text in which nothing controls the terminal."""
    return text.translate(_UNSEEN)


def packed(columns: Sequence[Column], room: int | None) -> list[list[Column]]:
    """Columns in as few tables as fit the room, as narrow as possible, none with a single column if that can be avoided."""
    widths = [len(GAP) + column.width for column in columns]
    if room is None or sum(widths) <= room:
        return [list(columns)]
    best = [(0, 0, 0, 0)] * (len(columns) + 1)
    """Of the columns from each on: tables, lone columns, greatest width, and where the second table begins, negative."""
    for start in reversed(range(len(columns))):
        ends = [end for end in range(start + 1, len(columns) + 1) if end == start + 1 or sum(widths[start:end]) <= room]
        choices = ((*best[end][:3], sum(widths[start:end]), end) for end in ends)
        best[start] = min(
            (tables + 1, alone + (end == start + 1), max(widest, width), -end) for tables, alone, widest, width, end in choices
        )
    parts, start = [], 0
    while start < len(columns):
        parts.append(list(columns[start : -best[start][3]]))
        start = -best[start][3]
    return parts


def label_width(labels: Sequence[str], room: int | None, left: int | None) -> int:
    """The width of labels: those wider than a quarter of the room wrap, between words if `left`, the remaining room, allows."""
    width = max(len("mixer"), *map(len, labels))
    if room is None or left is None:
        return width
    longest_word = max(len(word) for label in labels for word in label.split())
    return max(len("mixer"), min(width, left, max(room // 4, longest_word)))


def wrapped(text: str, room: int | None) -> list[str]:
    """Lines of at most `room` characters, never broken between a number and its %; one line where the room is unlimited."""
    text = shortened(text, LONGEST_TEXT)
    if not room:
        return [text]
    lines = textwrap.wrap(text.replace(" %", "\N{NO-BREAK SPACE}%"), max(room, 1))
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines] or [""]
