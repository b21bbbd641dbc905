"""Numbers, or bounds where only those are known, as table entries: `1310 (1170–1560)`, `not reached`, `≥ 2.94`."""

from __future__ import annotations

import math

from mixbench.verdicts.entries import LOWER_BOUND, UPPER_BOUND, Entry
from mixbench.verdicts.entries import UNKNOWN as UNKNOWN_INTERVAL
from mixbench.verdicts.learning.data_needed import UNKNOWN, Bracket
from mixbench.verdicts.words import far_apart, number

_MARKS = {"≥": LOWER_BOUND, "≤": UPPER_BOUND, "–": "between bounds"}


def needed(value: Bracket, interval: Bracket | None, least: float, most: float) -> Entry | None:
    """The need of a score: `≤ 250` at or below `least`; beyond `most`, `not reached` or, as the end of an interval, `> 20`."""
    if value == UNKNOWN:
        return None

    def end(known: float) -> str:
        return low if known <= least else high if known == math.inf else number(known)

    low, high = f"≤ {number(least)}", f"> {number(most)}"
    point = "not reached" if value.high == math.inf else end(value.high)
    ends = [end(interval.low), end(interval.high)] if interval else []
    open_end = value.high == math.inf
    known = value.low if open_end else value.high
    mark = LOWER_BOUND if open_end else UPPER_BOUND if known <= least else ""
    if not ends or ends == [low, low] or (interval and interval.low >= most and ends[1] == high):
        return Entry(point, value=known, mark=mark)
    tail = f" ({' to '.join(ends)})" if {low, high} & set(ends) else f" ({'–'.join(ends)})"
    return Entry(point, tail, value=known, mark=mark)


def ratio(value: Bracket | None, interval: Bracket | None) -> Entry | None:
    """`4.80 (4.42–5.31)`, or `≥ 2.94` or `≤ 0.91 (≤ 1.07)` where only a bound is known; green below 1, red above."""
    if value is None or value == UNKNOWN:
        return None
    point, mark = bounded(value), _MARKS.get(value.mark, "")
    known = value.low if value.high == math.inf else value.high
    if interval is None:
        return Entry(point, value=known, mark=mark)
    if says_nothing(interval):
        return Entry(point, UNKNOWN_INTERVAL, value=known, mark=mark)
    style = "green" if interval.high < 1 else "red" if interval.low > 1 else ""
    if interval.low <= 0:  # no ratio is 0: this end is open
        return Entry(point, f" (≤ {number(interval.high)})", style, value=known, mark=mark)
    high = "∞" if interval.high == math.inf else number(interval.high)
    return Entry(point, f" ({number(interval.low)}–{high})", style, value=known, mark=mark)


def says_nothing(interval: Bracket) -> bool:
    """Whether the ends of a ratio's interval are both open, or too far apart."""
    return interval == UNKNOWN or (interval.low > 0 and interval.high < math.inf and far_apart(interval.low, interval.high))


def bounded(value: Bracket) -> str:
    """`2.94`, `≥ 2.94`, `≤ 0.91`, or both bounds."""
    match value.mark:
        case "":
            return number(value.low)
        case "≥":
            return f"≥ {number(value.low)}"
        case "≤":
            return f"≤ {number(value.high)}"
        case _:
            return f"{number(value.low)}–{number(value.high)}"
