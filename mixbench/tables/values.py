"""Single values as tables hold them: what is refused, and how they are written to a CSV and read from it."""

from __future__ import annotations

import csv
import io
import math
import re
import reprlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from types import NoneType
from typing import Any

from mixbench.parsing.canonical import read_object

LARGEST = 1e30
"""No number of a row is larger: nothing that can be measured or counted is, and ratios and products stay finite."""
SMALLEST = 1 / LARGEST
"""No number that has to be above 0 is smaller: nor does a ratio become infinite, or a quotient 0."""
_UNWRITABLE = re.compile("[\n\r\0\ud800-\udfff]")


def check_type(name: str, value: Any, kinds: tuple[type, ...]) -> None:
    """Raise ValueError for a value that is of none of these types, or that no line or ratio can hold."""
    if type(value) not in kinds and (isinstance(value, bool) or not isinstance(value, kinds)):
        raise ValueError(f"{name} is {reprlib.repr(value)}, not {' or '.join(kind.__name__ for kind in kinds)}")
    if isinstance(value, str):
        if not value.isprintable() and _UNWRITABLE.search(value):
            raise ValueError(f"{name} holds a line break, a NUL or half a surrogate pair: {reprlib.repr(value)}")
    elif value is not None and not -LARGEST <= value <= LARGEST:
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{name} is {value}, not a finite number")
        raise ValueError(f"{name} is {reprlib.repr(value)}, beyond {LARGEST:g}")


def check_positive(name: str, value: float | None) -> None:
    """Raise ValueError for a number that is not above 0."""
    if value is not None and value <= 0:
        raise ValueError(f"{name} is {value}, not above 0")
    if value is not None and value < SMALLEST:
        raise ValueError(f"{name} is {value}, below {SMALLEST:g}")


@lru_cache(maxsize=4096)
def check_object(text: str, inner: tuple[str, ...]) -> str:
    """The text of a JSON object in which the members `inner`, such as `task.options`, are objects. Raises ValueError."""
    values = read_object(text)
    for path in inner:
        value: Any = values
        for name in path.split("."):
            value = value.get(name, {})
            if not isinstance(value, dict):
                raise ValueError(f"{path} is {reprlib.repr(value)}, not an object")
    return text


def to_text(value: Any) -> str:
    """A value as text for the CSV."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return format(value, ".9g") if isinstance(value, float) else str(value)


def csv_lines(lines: Iterable[Iterable[str]]) -> bytes:
    """Lines of a CSV, each given by its texts."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(lines)
    return text.getvalue().encode()


def _optional(read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: read(text) if text else None


def _read_flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("not true or false")
    return text.lower() == "true"


def _read_whole(text: str) -> int:
    """Also `64.0`: pandas writes whole numbers like this where one of the column is missing."""
    whole, _, decimals = text.partition(".")
    return int(text if decimals.strip("0") else whole)


_READERS: dict[type, Callable[[str], Any]] = {str: str, int: int, float: float, bool: _read_flag}


def reader_of(kinds: tuple[type, ...], inner: tuple[str, ...] | None) -> Callable[[str], Any]:
    """Reads values of these types from their texts, or JSON objects with `inner` members. Raises ValueError."""
    if NoneType in kinds:
        return _optional(_read_whole if int in kinds else _READERS[kinds[0]])
    return _READERS[kinds[0]] if inner is None else lambda text: check_object(text, inner)
