"""Where the tables and keys of a TOML text stand, which `tomllib` does not tell: an error names the line of what is wrong."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

Path = tuple[str | int, ...]
"""Names of tables and keys; an entry of an array of tables has its place, counted from 0."""

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY_PART = re.compile(r"""[ \t]*("(?:\\.|[^"\\\n])*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*""")
_VALUE_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|' r"'''.*?'{3,5}|" r'"(?:\\.|[^"\\\n])*"|' r"'[^'\n]*'|#[^\n]*|[\[\]{}\n]|[^\"'#\[\]{}\n]+",
    re.DOTALL,
)


def read_toml(text: str) -> tuple[dict[str, Any], Mapping[Path, int]]:
    """The content of a TOML text, and the line of every table and key, counted from 1; lines of inline tables are not told.

    Raises ValueError, whose message is that of `tomllib`, and RecursionError for arrays that are nested too deeply.
    """
    content = tomllib.loads(text)
    return content, _lines(text.replace("\r\n", "\n"))


def line_of_error(error: Exception, text: str) -> int:
    """The line that an error of `tomllib` about a text names; the last one if the end of the text was not expected."""
    found = re.search(r"\(at line ([0-9]+), column [0-9]+\)", str(error))
    return int(found[1]) if found else text.rstrip().count("\n") + 1 if "(at end of document)" in str(error) else 0


def _lines(text: str) -> dict[Path, int]:
    """The lines of a text that is valid TOML."""
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    table: Path = ()
    place, line = 0, 1
    while True:
        space = _end(_SPACE, text, place)
        line += text.count("\n", place, space)
        place = space
        if place >= len(text):
            return lines
        brackets = 2 if text.startswith("[[", place) else int(text[place] == "[")
        names, end = _key(text, place + brackets)
        if brackets:
            table = _inside(names if brackets == 1 else names[:-1], counts)
            if brackets == 2:
                array = (*table, names[-1])
                lines.setdefault(array, line)
                counts[array] = counts.get(array, -1) + 1
                table = (*array, counts[array])
            lines.setdefault(table, line)
            place = end + brackets
        else:
            for depth in range(1, len(names) + 1):
                lines.setdefault((*table, *names[:depth]), line)
            place = _after_value(text, end + 1)
            line += text.count("\n", end, place)


def _inside(names: tuple[str, ...], counts: Mapping[Path, int]) -> Path:
    """The path of a table, in the last entry of every array of tables on the way."""
    path: Path = ()
    for name in names:
        path = (*path, name)
        if path in counts:
            path = (*path, counts[path])
    return path


def _key(text: str, place: int) -> tuple[tuple[str, ...], int]:
    """The names of a dotted key, and where it ends."""
    names = []
    while found := _KEY_PART.match(text, place):
        quoted = found[1][0] in "\"'"
        names.append(tomllib.loads(f"key = {found[1]}")["key"] if quoted else found[1])
        place = found.end()
        if not text.startswith(".", place):
            break
        place += 1
    return tuple(names), place


def _after_value(text: str, place: int) -> int:
    """The place of the newline that ends a value, or the end of the text."""
    depth = 0
    while found := _VALUE_TOKEN.match(text, place):
        token = found[0]
        if token == "\n" and not depth:
            return place
        depth += (token in ("[", "{")) - (token in ("]", "}"))
        place = found.end()
    return len(text)


def _end(pattern: re.Pattern[str], text: str, place: int) -> int:
    found = pattern.match(text, place)
    return found.end() if found else place
