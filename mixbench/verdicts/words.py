"""Numbers as text, the same in tables, figures and messages: shares in per cent, counts with their noun, ranges."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

_TELLS_NOTHING = 1000
"""Bounds that are this many times apart say nothing."""


def far_apart(low: float, high: float) -> bool:
    """Whether the bounds of a time, a ratio or another number above 0 are so far apart that they say nothing."""
    return low <= 0 or high / low > _TELLS_NOTHING


def percent(share: float, form: str = ".3g", *, signed: bool = False) -> str:
    """A share with its unit: `12.3 %`; `form` is a format such as `.1f`, `signed` writes a plus, too: `+12.3 %`."""
    return f"{in_percent(share, form, signed=signed)} %"


def in_percent(share: float, form: str = ".3g", *, signed: bool = False) -> str:
    """Like `percent`, without the unit, for use under a heading that has it; a value that rounds to zero has no minus."""
    return f"{100 * share:{'+' if signed else ''}z{form}}"


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


def counted(count: int, noun: str) -> str:
    """A count with its noun: `1 seed`, `5 seeds`, `2 launches`, `100,000 rows`."""
    return f"{count:,} {agreeing(noun, count)}"


def sized(size: int, noun: str) -> str:
    """A size of what was measured with its noun, as it stands on axes, in columns and in the names of cells: `4096 tokens`."""
    return f"{size} {agreeing(noun, size)}"


def agreeing(noun: str, count: float) -> str:
    """A noun as it follows a number: `1 launch`, `2 launches`, `2.56 trials`."""
    plural = f"{noun}es" if noun.endswith(("s", "x", "ch", "sh")) else f"{noun}s"
    return noun if count == 1 else plural


def span(numbers: Collection[Any]) -> str:
    """The range of some numbers: `3 to 5`, or `5` where all are equal."""
    return str(min(numbers)) if len(set(numbers)) == 1 else f"{min(numbers)} to {max(numbers)}"


COUNTED_OPERATIONS = "products, convolutions and FFTs; elementwise work and cumulative sums: 0"
"""What a count of FLOPs is of, said where it is read."""
