"""Texts in figures, and the names of their files."""

from __future__ import annotations

import re
from itertools import count

from mixbench.errors import shortened

LONGEST_NAME = 60
"""Characters of a task in the name of a file."""
LONGEST_LINE = 300
"""Characters of a line: to draw a longer one takes for ever, or leaves no room for anything else."""


def power(symbol: str, exponent: float) -> str:
    """A power of one letter, as mathematics: `$N^\\text{1.50}$`, which matplotlib reads in less than half the time of
    `$N^{1.50}$`.
    """
    value = f"{round(exponent, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")
    return f"${symbol}^\\text{{{value}}}$"


def literal(text: str) -> str:
    """Lines in which matplotlib reads no mathematics but that of `power`; of a long one, the beginning and the end.

    `save` makes every text of a figure literal, but for the labels of ticks, which are made when it is drawn.
    """
    lines = "\n".join(shortened(line, LONGEST_LINE) for line in text.split("\n"))
    return re.sub(r"(\$[A-Za-z]\^\\text\{\N{MINUS SIGN}?\d+\.\d\d\}\$)|(?<!\\)\$", lambda found: found[1] or r"\$", lines)


def file_name(task: str) -> str:
    """The name of a task as part of a file name."""
    return re.sub(r"[^\w.+-]+", "-", task[:LONGEST_NAME]).strip("-.") or "task"


def distinct_name(name: str, taken: set[str]) -> str:
    """The name, with a number appended if it is `taken`; adds it to these."""
    found = next(free for number in count(1) if (free := name if number == 1 else f"{name}-{number}") not in taken)
    taken.add(found)
    return found
