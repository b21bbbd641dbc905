"""What files contain, in a few words: messages stay one short line, whatever a cell holds."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Collection, Iterable
from itertools import islice
from typing import Any

from mixbench.errors import UnknownNameError

LONGEST = 60
"""The most characters that are quoted of a cell or a name."""
_NAMES = 12
_PLACES = 3


def shown(value: Any, longest: int = LONGEST) -> str:
    """A value on one line, cut to `longest` characters."""
    text = (value if isinstance(value, str) else reprlib.repr(value))[: longest + 1]
    text = text if text.isprintable() else repr(text)[1:-1]
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def quoted(value: Any) -> str:
    """The same in quotes."""
    return f"'{shown(value)}'"


def listed(values: Collection[Any], form: Callable[[Any], str] = shown) -> str:
    """Values separated by commas; of many the first, and how many more there are."""
    more = len(values) - _NAMES
    return ", ".join([*map(form, islice(values, _NAMES)), *([f"{more:,} more"] if more > 0 else [])])


def places(unit: str, numbers: Collection[int | str]) -> str:
    """`line 5`, or `lines 5, 9, 12 and 497 more`."""
    more = len(numbers) - _PLACES
    first = ", ".join(shown(str(number)) for number in islice(numbers, _PLACES))
    return f"{unit}{'s' * (len(numbers) > 1)} {first}{f' and {more:,} more' if more > 0 else ''}"


def unknown(kind: str, name: str, known: Iterable[str], where: str = "") -> UnknownNameError:
    """The error for an unknown name, with names from a file cut to a readable length."""
    return UnknownNameError(kind, shown(name), map(shown, islice(known, 3 * _NAMES)), where)
