"""JSON that is equal for equal values, short names made from it, and the one reader of JSON that others may have touched."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
DEEPEST = 32
"""Lists and objects within each other that are still read; what mixbench writes has four."""


def canonical_json(values: Mapping[str, Any]) -> str:
    """JSON that is equal for equal values: sorted keys, no spaces. Raises ValueError for a number that is not finite."""
    return _ENCODER.encode(values)


def digest(text: str, digits: int) -> str:
    """The first hexadecimal digits of the SHA-256 of a text, used as a file name."""
    return hashlib.sha256(text.encode()).hexdigest()[:digits]


def read_json(text: str | bytes) -> Any:
    """The plain values of a JSON text, which `canonical_json` can write again.

    Raises ValueError also for what other readers let through or stumble over: NaN and Infinity, numbers beyond those of a
    float, a name that an object has twice, half a surrogate pair, more than DEEPEST levels.
    """
    plain = isinstance(text, str) and text.isascii() and "\\u" not in text
    try:  # `loads` makes a decoder every time
        values = _DECODER.decode(text) if isinstance(text, str) and plain else json.loads(text, **_HOOKS)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    level = _nested([values])
    for _ in range(DEEPEST):
        if not level:
            break
        level = _nested(inner for outer in level for inner in (outer.values() if isinstance(outer, dict) else outer))
    if level:
        raise ValueError(_TOO_DEEP)
    if not plain:
        json.dumps(values, ensure_ascii=False).encode()
    return values


def read_object(text: str | bytes) -> dict[str, Any]:
    """The members of a JSON object. Raises ValueError as `read_json` does, and for any other value."""
    values = read_json(text)
    if not isinstance(values, dict):
        raise ValueError("it is not a JSON object")
    return values


_TOO_DEEP = f"more than {DEEPEST} levels of lists and objects"


def _nested(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, (dict, list))]


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in pairs:
        if name in values:
            raise ValueError(f"{name!r} is given twice")
        values[name] = value
    return values


def _number(text: str) -> float:
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text[:20]} is not a finite number")
    return number


def _whole_number(text: str) -> int:
    _number(text)
    return int(text)


_HOOKS: Any = {
    "object_pairs_hook": _distinct,
    "parse_constant": _number,
    "parse_float": _number,
    "parse_int": _whole_number,
}
_DECODER = json.JSONDecoder(**_HOOKS)
