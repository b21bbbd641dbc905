"""The command that does what options say, so that others can be told to type it."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from pathlib import Path
from typing import Any, get_args, get_origin

from mixbench.api.given_mixers import names_of
from mixbench.api.options import Described, Options, options_of


def command_line(name: str, options: Options, *, without: Collection[str] = ()) -> str:
    """`mixbench NAME` with every option that is not at its default, but for those named in `without`; quoted for a shell."""
    words = ["mixbench", name]
    for option in options_of(type(options)):
        value = getattr(options, option.name)
        if option.name not in without and str(value) != str(option.default):  # "256" from the command line is 256
            words += _words(option, names_of(value) if option.name == "mixer" else value)
    return shlex.join(words)


def as_argument(folder: str | Path) -> str:
    """A results folder as the argument of a command that takes `results` if there is none; quoted for a shell."""
    name = str(folder)
    if Path(name) == Path("results"):
        return ""
    return shlex.quote(f"./{name}" if name.startswith("-") else name)  # an argument, not an option


def _words(option: Described, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [option.flag] if value else []
    if option.positional:
        return [f"./{value}" if str(value).startswith("-") else str(value)]
    values = [value] if isinstance(value, str) or not isinstance(value, list | tuple) else value
    if not _is_repeatable(option):
        values = [",".join(map(_text, values))]
    return [word for each in values for word in (option.flag, _text(each))]


def _text(value: Any) -> str:
    """A value as it is typed: counts that were given as numbers with a point are whole numbers."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() and 1 < value < 1e15 else str(value)


def _is_repeatable(option: Described) -> bool:
    return any(get_origin(kind) is list for kind in (option.kind, *get_args(option.kind)))
