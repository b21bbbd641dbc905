"""Tables of text: columns fitted to a terminal, or plain aligned lines where standard output is a pipe or a file."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from mixbench.stats import Interval

if TYPE_CHECKING:
    from rich.text import Text

GAP = "  "
_MISSING = "–"
TELLS_NOTHING = 1000
Segment = tuple[str, str]
"""Text and its style."""


@dataclass(frozen=True)
class Entry:
    """A cell of a column: `number` is aligned to the right, the `tail` after it to the left."""

    number: str
    tail: str = ""
    style: str = ""


@dataclass(frozen=True)
class Column:
    """One heading and one entry per row, None where there is nothing to show."""

    heading: str
    entries: Sequence[Entry | None]

    @property
    def width(self) -> int:
        """Characters of the widest entry or the heading."""
        numbers, tails = self._parts
        return max(len(self.heading), numbers + tails)

    def line(self, row: int) -> list[Segment]:
        """The entry, padded to the width of the column."""
        _, tails = self._parts
        entry = self.entries[row] or Entry(_MISSING)
        return [(f"{GAP}{entry.number:>{self.width - tails}}", entry.style), (f"{entry.tail:<{tails}}", "dim")]

    @property
    def _parts(self) -> tuple[int, int]:
        shown = [entry or Entry(_MISSING) for entry in self.entries]
        return max(len(entry.number) for entry in shown), max(len(entry.tail) for entry in shown)


def as_text(lines: Sequence[Sequence[Segment]]) -> Text:
    """Lines as rich text, without blanks at their ends."""
    from rich.text import Text

    texts = [Text.assemble(*line) for line in lines]
    for text in texts:
        text.rstrip()
    return Text("\n").join(texts)


def packed(columns: Sequence[Column], room: int | None) -> list[list[Column]]:
    """Columns in as few tables as fit beside each other; everything in one where the room is unlimited."""
    parts: list[list[Column]] = [[]]
    for column in columns:
        used = sum(len(GAP) + other.width for other in parts[-1])
        if room and parts[-1] and used + len(GAP) + column.width > room:
            parts.append([])
        parts[-1].append(column)
    return parts


def label_width(labels: Sequence[str], room: int | None, left: int | None) -> int:
    """Labels beyond a quarter of the room wrap, between words where `left`, what the other columns leave, allows it."""
    width = max(len("mixer"), *map(len, labels))
    if room is None or left is None:
        return width
    longest_word = max(len(word) for label in labels for word in label.split())
    return max(len("mixer"), min(width, left, max(room // 4, longest_word)))


def matrix(labels: Sequence[str], columns: Sequence[Column], room: int | None) -> list[list[Segment]]:
    """A line per label and its entries, in as many tables below each other as the room needs."""
    label = label_width(labels, room, room and room - max(column.width for column in columns) - len(GAP))
    lines: list[list[Segment]] = []
    for part in packed(columns, room and room - label):
        header = "".join([f"{'mixer':<{label}}", *(f"{GAP}{column.heading:>{column.width}}" for column in part)])
        lines += [[(header, "bold")]] + ([[("─" * len(header), "dim")]] if room else [])
        for row, name in enumerate(labels):
            entries = [segment for column in part for segment in column.line(row)]
            for text, segments in zip_longest(wrapped(name, room and label), [entries]):
                lines.append([(f"{text or '':<{label}}", ""), *(segments or [])])
    return lines


def wrapped(text: str, room: int | None) -> list[str]:
    """Lines of at most `room` characters, never between a number and its %; a single one where the room is unlimited."""
    if not room:
        return [text]
    lines = textwrap.wrap(text.replace(" %", "\N{NO-BREAK SPACE}%"), max(room, 1))
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines] or [""]


def number(value: float) -> str:
    """Three significant digits, thousands spaced from 10 000 on: 0.0123, 1.23, 123, 1230, 12 300; whole numbers in full."""
    if isinstance(value, int) and abs(value) < 10_000:
        return str(value)
    if value == 0:
        return "0"
    if abs(value) < 1e-4:
        return f"{value:.2e}"
    value = float(f"{value:.3g}")
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}" if abs(value) < 10_000 else f"{value:,.0f}".replace(",", " ")


def with_prefix(value: float) -> str:
    """Three significant digits with an SI prefix from 1000 on: 123, 1.23 k, 45.6 M."""
    value = float(f"{value:.3g}")
    power = min(4, int(math.log10(value) // 3)) if value >= 1000 else 0
    return f"{number(value / 1000**power)} {'kMGT'[power - 1]}" if power else number(value)


def interval_text(interval: Interval, shown: Callable[[float], str] = number) -> tuple[str, str]:
    """Point and bounds: `1.23`, ` (1.19–1.27)`; empty where there are none, `(any)` where they are a thousandfold apart."""
    if interval.low is None or interval.high is None:
        return shown(interval.point), ""
    if interval.low > 0 and interval.high / interval.low > TELLS_NOTHING:
        return shown(interval.point), " (any)"
    low, high = shown(interval.low), shown(interval.high)
    between = " to " if low[0] in "+-" else "–"
    return shown(interval.point), f" ({low}{between}{high})"
