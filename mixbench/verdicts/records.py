"""Columns of plain records for numbers with their intervals, which `mixbench.summary` returns as a DataFrame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mixbench.stats import Interval

if TYPE_CHECKING:
    from mixbench.verdicts.learning.data_needed import Bracket


def interval_columns(name: str, interval: Interval | None, scale: float = 1.0) -> dict[str, float | None]:
    """`name`, `name_low` and `name_high`; None for a bound that does not exist, and everywhere without an interval."""
    ends = (interval.point, interval.low, interval.high) if interval else (None, None, None)
    return {
        f"{name}{suffix}": None if end is None else scale * end for suffix, end in zip(("", "_low", "_high"), ends, strict=True)
    }


def bracket_columns(
    prefix: str, value: Bracket | None, interval: Bracket | None, beyond: str = "≥"
) -> dict[str, float | str | None]:
    """Both ends of a number, its mark, and both ends of its 95 % interval.

    An open end is 0 or infinite, an end that does not exist is None. The mark is empty for an exact number, else `≤`, `≥`
    (or what `beyond` says instead) or `unknown`; None without a number.
    """
    low, high, mark = (value.low, value.high, value.mark) if value else (None, None, None)
    interval_low, interval_high = (interval.low, interval.high) if interval else (None, None)
    return {
        f"{prefix}low": low,
        f"{prefix}high": high,
        f"{prefix}mark": beyond if mark == "≥" else mark,
        f"{prefix}interval_low": interval_low,
        f"{prefix}interval_high": interval_high,
    }
