"""Columns of plain records for numbers with their intervals, which `mixbench.summary` returns as a DataFrame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mixbench.stats import Interval
from mixbench.tables.remarks import bound_in, unknown_in

if TYPE_CHECKING:
    from mixbench.verdicts.learning.data_needed import Bracket


AT_LEAST = "≥"
"""Before a number of which only a lower bound is known."""


def count_mark(value: float | None, remark: str) -> str | None:
    """The mark of a count with this remark: `≥` for a lower bound, empty for an exact number; `unknown` or None without one.

    It is `unknown` where the remark says why.
    """
    if value is None:
        return "unknown" if remark else None
    return AT_LEAST if remark else ""


def count_remark(metric: str, counted: Sequence[tuple[float | None, str]]) -> str:
    """The remark on a count in rows, each given by its value and `detail`: a lower bound in any, or why all have none."""
    find = bound_in if any(value is not None for value, _ in counted) else unknown_in
    return next((remark for _, detail in counted if (remark := find(detail, metric))), "")


def interval_columns(name: str, interval: Interval | None, scale: float = 1.0) -> dict[str, float | None]:
    """`name`, `name_low` and `name_high`; None for a bound that does not exist, and everywhere without an interval."""
    ends = (interval.point, interval.low, interval.high) if interval else (None, None, None)
    return {
        f"{name}{suffix}": None if end is None else scale * end for suffix, end in zip(("", "_low", "_high"), ends, strict=True)
    }


def bracket_columns(
    prefix: str, value: Bracket | None, interval: Bracket | None, beyond: str = AT_LEAST
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
        f"{prefix}mark": beyond if mark == AT_LEAST else mark,
        f"{prefix}interval_low": interval_low,
        f"{prefix}interval_high": interval_high,
    }
