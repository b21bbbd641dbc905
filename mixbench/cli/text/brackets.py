"""Numbers of which only one side may be known, as entries of a table: `1310 (1170–1560)`, `not reached`, `≥ 2.94`."""

from __future__ import annotations

import math

from mixbench.cli.text.layout import Entry, number
from mixbench.verdicts.learning.data_needed import UNKNOWN, Bracket


def needed(value: Bracket, interval: Bracket | None, least: float, most: float) -> Entry | None:
    """What is needed for a score; at or below `least` it is `≤ 250`, beyond `most` `not reached` and, as an end, `> 2000`."""
    if value == UNKNOWN:
        return None

    def end(known: float) -> str:
        return low if known <= least else high if known == math.inf else number(known)

    low, high = f"≤ {number(least)}", f"> {number(most)}"
    point = "not reached" if value.high == math.inf else end(value.high)
    ends = [end(interval.low), end(interval.high)] if interval else []
    if not ends or ends == [low, low] or (interval and interval.low >= most and ends[1] == high):
        return Entry(point)
    return Entry(point, f" ({' to '.join(ends)})" if {low, high} & set(ends) else f" ({'–'.join(ends)})")


def ratio(value: Bracket | None, interval: Bracket | None) -> Entry | None:
    """`4.80 (4.42–5.31)`; where one side alone is known `≥ 2.94` or `≤ 0.91`; green below 1, red above."""
    if value is None or value == UNKNOWN:
        return None
    point = number(value.low) if value.low == value.high else one_side(value)
    if interval is None:
        return Entry(point)
    if interval == UNKNOWN:
        return Entry(point, " (any)")
    high = "∞" if interval.high == math.inf else number(interval.high)
    style = "green" if interval.high < 1 else "red" if interval.low > 1 else ""
    return Entry(point, f" ({number(interval.low)}–{high})", style)


def one_side(value: Bracket) -> str:
    """`≥ 2.94`, `≤ 0.91`, or both ends of what is known between them."""
    if value.high == math.inf:
        return f"≥ {number(value.low)}"
    return f"≤ {number(value.high)}" if value.low <= 0 else f"{number(value.low)}–{number(value.high)}"
