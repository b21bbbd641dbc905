"""Numbers as entries of tables: a point, then its interval in brackets and its marks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from mixbench.stats import Interval
from mixbench.verdicts.words import far_apart, number

UNKNOWN = " (unknown)"
"""Printed instead of bounds that say nothing."""
LOWER_BOUND, UPPER_BOUND = "a lower bound", "an upper bound"
"""Marks of numbers of which only a bound is known."""


@dataclass(frozen=True)
class Entry:
    """A cell of a column: `number` is aligned to the right, the `tail` after it to the left."""

    number: str
    tail: str = ""
    style: str = ""
    value: float | None = field(default=None, compare=False)
    """What the text says as a number, for sorting: the point, or the bound that is known."""
    mark: str = field(default="", compare=False)
    """Why the number is not to be taken as it stands, in a word or two; empty if it is."""


@dataclass(frozen=True)
class Sign:
    """What stands behind a number in a table, the word for it, if it weakens the number, and the note that explains it."""

    sign: str
    word: str
    note: str

    @property
    def explained(self) -> str:
        """The note below a table with this sign."""
        return f"{self.sign}: {self.note}."


DISTURBED = Sign("!", "disturbed", "disturbed for too much of the time, by other processes or a throttled GPU")


def signed(entry: Entry, *signs: Sign) -> Entry:
    """An entry with signs behind it, and their words after those that it is marked with."""
    text = "".join(sign.sign for sign in signs)
    tail = f"{entry.tail} {text}" if entry.tail and text else entry.tail + text
    return replace(entry, tail=tail, mark=", ".join(filter(None, (entry.mark, *(sign.word for sign in signs)))))


def with_prefix(value: float) -> str:
    """Three significant digits with an SI prefix from 1000 on: 1.20, 123, 1.23 k, 45.6 M; smaller whole numbers in full: 72."""
    if value < 1000 and float(value).is_integer():
        return str(int(value))
    value = float(f"{value:.3g}")
    power = min(4, int(math.log10(value) // 3)) if value >= 1000 else 0
    return f"{number(value / 1000**power)} {'kMGT'[power - 1]}" if power else number(value)


def interval_text(interval: Interval, shown: Callable[[float], str] = number) -> tuple[str, str]:
    """Point and bounds, `1.23` and ` (1.19–1.27)`: empty without bounds, `(unknown)` where they are a thousandfold apart."""
    return (shown(interval.point), UNKNOWN) if is_unknown(interval) else difference_text(interval, shown)


def difference_text(difference: Interval, shown: Callable[[float], str]) -> tuple[str, str]:
    """Like `interval_text`, for a number that may be near 0: its bounds are never too far apart."""
    if difference.low is None or difference.high is None:
        return shown(difference.point), ""
    low, high = shown(difference.low), shown(difference.high)
    between = " to " if low[0] in "+-" else "–"
    return shown(difference.point), f" ({low}{between}{high})"


def change_text(change: Interval, shown: Callable[[float], str]) -> tuple[str, str]:
    """Like `interval_text`, for a relative change: `(unknown)` where the ratios that it stands for are a thousandfold apart."""
    return (shown(change.point), UNKNOWN) if is_unknown_change(change) else difference_text(change, shown)


def is_unknown(interval: Interval) -> bool:
    """Whether the bounds of a number above 0 say nothing."""
    low, high = interval.low, interval.high
    return low is not None and high is not None and low > 0 and far_apart(low, high)


def is_unknown_change(change: Interval) -> bool:
    """Whether the bounds of a relative change say nothing."""
    return change.low is not None and change.high is not None and far_apart(1 + change.low, 1 + change.high)
