"""Values from Python callers, checked against the types of options: what the command line refuses is refused here, too."""

from __future__ import annotations

import collections.abc
import numbers
import os
import reprlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from mixbench.errors import RequestError, UnknownNameError
from mixbench.parsing.spec import LARGEST_SIZE


class _Kind(NamedTuple):
    words: str
    fits: Callable[[Any], bool]
    convert: Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


_KINDS: dict[Any, _Kind] = {
    bool: _Kind("True or False", lambda value: isinstance(value, bool), bool),
    int: _Kind("a whole number", lambda value: isinstance(value, numbers.Integral) and not isinstance(value, bool), int),
    float: _Kind("a number", lambda value: isinstance(value, numbers.Real) and not isinstance(value, bool), float),
    str: _Kind("a text", lambda value: isinstance(value, str), _same),
    Path: _Kind("a path", lambda value: isinstance(value, os.PathLike), Path),
    collections.abc.Callable: _Kind("a class", callable, _same),
}
"""Types of options, with what callers may give for them: numbers of numpy are numbers, too."""
LARGEST: Mapping[Any, float] = {bool: 1, int: LARGEST_SIZE, float: 1e9}
"""The largest numbers, by type, that an option takes unless it says otherwise: 1e9 seconds are 30 years."""
_LONGEST_PATH, _LONGEST_NAME = 4095, 255
"""Bytes of a path and of each name in it, as on Linux."""
_SEVERAL = (collections.abc.Sequence, collections.abc.Iterable)


def checked(
    flag: str,
    annotation: Any,
    value: Any,
    *,
    least: float | None = None,
    most: float | None = None,
    may_be_empty: bool = False,
) -> Any:
    """The value as the type of an option that is called `flag` on the command line; a list of values as a tuple.

    `least` and `most` are the smallest and the largest number allowed. Raises RequestError, UnknownNameError.
    """
    members = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    if value is None and NoneType in members:
        return None
    if choices := [choice for kind in members if get_origin(kind) is Literal for choice in get_args(kind)]:
        if value not in choices:
            raise UnknownNameError("value", str(value), choices, f"for {flag}")
        return value
    words = []
    for member in members:
        kind = _KINDS.get(get_origin(member) or member)
        if kind and kind.fits(value):
            if isinstance(value, str | os.PathLike):
                _check_text(flag, value)
            elif isinstance(value, numbers.Real):
                _check_number(flag, value, least, LARGEST[kind.convert] if most is None else most)
            return kind.convert(value)
        words += [kind.words] if kind else []
    for member in members:
        origin, inner = get_origin(member), get_args(member)
        if origin is collections.abc.Mapping:
            if isinstance(value, Mapping):
                return {checked(flag, inner[0], key): checked(flag, inner[1], held) for key, held in value.items()}
            words.append("a mapping")
        elif origin in _SEVERAL:
            if (several := _several(value)) is not None:
                if not (several or may_be_empty):
                    what_next = "Leave it out for the default." if flag.startswith("-") else "Give at least one."
                    raise RequestError(f"{flag} is empty", what_next)
                return tuple(checked(flag, inner[0], part) for part in several)
            words.append("a list of them")
    expected = " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
    raise RequestError(f"{flag} is {reprlib.repr(value)}, not {expected}")


def _check_text(flag: str, value: str | os.PathLike[Any]) -> None:
    text = os.fspath(value)
    if "\0" in str(text):
        raise RequestError(f"{flag} holds a null character: {reprlib.repr(text)}")
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise RequestError(f"{flag} is not UTF-8: {reprlib.repr(value)}") from None


def _check_number(flag: str, value: Any, least: float | None, most: float) -> None:
    if least is not None and value < least:
        raise RequestError(f"{flag} is {reprlib.repr(value)}; it must be at least {least:g}")
    if value != value:
        raise RequestError(f"{flag} is nan, not a number")
    if value > most:
        raise RequestError(f"{flag} is {reprlib.repr(value)}; it must be at most {round(most):,}")


def check_path(flag: str, value: str | os.PathLike[str]) -> None:
    """Raise RequestError for a path that no file can have."""
    try:
        path = os.fsencode(value)
    except UnicodeEncodeError:
        raise RequestError(f"{flag} is not a path: {reprlib.repr(os.fspath(value))}") from None
    if len(path) > _LONGEST_PATH:
        raise RequestError(f"{flag} has {len(path):,} bytes; a path has at most {_LONGEST_PATH:,}")
    if (longest := max(map(len, path.split(b"/")))) > _LONGEST_NAME:
        raise RequestError(f"{flag} has a name of {longest:,} bytes; a file or folder has at most {_LONGEST_NAME}")


def _several(value: Any) -> tuple[Any, ...] | None:
    """The parts of what can be iterated, but for a text or a mapping."""
    if isinstance(value, str | bytes | Mapping):
        return None
    try:
        return tuple(value)
    except TypeError:
        return None
