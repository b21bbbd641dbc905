"""Tables in text files: TSV, CSV, and others like them. Separator and quoting are told from what the file holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from mixbench.errors import RequestError
from mixbench.tasks.reading.cells import Row, has_quoting, literal, names_of, quoted
from mixbench.tasks.reading.lines import TextFile
from mixbench.tasks.reading.rows import BadRowError, Columns, Found, Record
from mixbench.tasks.reading.words import listed, shown, unknown
from mixbench.tasks.reading.words import quoted as in_quotes

_SEPARATORS = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "vertical bars"}
_OWN = {".tsv": "\t", ".tab": "\t", ".csv": ","}
"""The separators of formats, by suffix: tried first."""
_ALWAYS_QUOTED = (",", ";")


def read_table(file: TextFile, suffix: str, columns: Columns, header: Sequence[str] = ()) -> Found:
    """The named columns of a table. `header` names its columns if its first line does not. Raises RequestError.

    The separator is the first one, that of the suffix before others, that makes the first line hold the named columns, or as
    many cells as there are in `header`.
    """
    first = file.first_line()
    if not (first.strip() or header):
        raise RequestError(f"{file.path} does not begin with the names of its columns", "Put them in the first line.")
    separator = _separator(first, suffix, columns, header)
    found = names_of(first, separator)
    titled = _is_header(found, header, file, columns) if header else True
    names = header or found
    wanted = [_place(name, names, file, columns, not header) for name in columns.names]
    quotes = True if separator in _ALWAYS_QUOTED else has_quoting(file, separator)
    rows = (quoted if quotes else literal)(file.lines(), separator)
    if titled:
        next(rows, None)
    naming = f"{'--columns' if header else 'the first line'} names {len(names)} columns"
    records = _records(rows, wanted, len(names), naming, f"Cells are separated by {_SEPARATORS[separator]}.")
    return Found("line", records, tuple(_remarks(separator, suffix, quotes)), file.encoding)


def _separator(first: str, suffix: str, columns: Columns, header: Sequence[str]) -> str:
    own = _OWN.get(suffix, "")
    for separator in sorted(_SEPARATORS, key=lambda each: each != own):
        names = names_of(first, separator)
        if len(names) == len(header) > 1 or (not header and set(columns.names) <= set(names)):
            return separator
    return own if own and own in first else max(_SEPARATORS, key=first.count)


def _place(name: str, names: Sequence[str], file: TextFile, columns: Columns, in_file: bool) -> int:
    if names.count(name) > 1:
        raise RequestError(
            f"{file.path} has {names.count(name)} columns named {in_quotes(name)}", "Rename all but one of them."
        )
    if name in names:
        return names.index(name)
    if not in_file:
        raise unknown("column", name, names, "in --columns")
    near = get_close_matches(name, list(map(shown, names)), n=1, cutoff=0.5)
    example = f"--columns {','.join(columns.names)}{',…' * (len(names) > len(columns.names))}"
    raise RequestError(
        f"unknown column {in_quotes(name)} in {file.path}, whose first line reads: {listed(names, in_quotes)}",
        f"{f'Did you mean {near[0]!r}? ' if near else ''}If that is an example, name the columns in their order: {example}.",
    )


def _is_header(found: Sequence[str], header: Sequence[str], file: TextFile, columns: Columns) -> bool:
    """Whether the first line only repeats the names of `header`. Raises RequestError if it gives others."""
    if found == list(header):
        return True
    if {name.casefold() for name in columns.names} & {name.casefold() for name in found}:
        fault = f"{file.path} begins with the names of its columns: {listed(found, in_quotes)}"
        raise RequestError(fault, "Leave out --columns, which is for files without such a line, or delete the line.")
    return False


def _remarks(separator: str, suffix: str, quotes: bool | None) -> Iterator[str]:
    if _OWN.get(suffix) != separator:
        yield f"cells are separated by {_SEPARATORS[separator]}"
    if separator not in _ALWAYS_QUOTED and quotes is not None:
        yield "cells in double quotes are read as in CSV" if quotes else "double quotes are read as ordinary characters"


def _records(rows: Iterator[Row], wanted: Sequence[int], width: int, naming: str, hint: str) -> Iterator[Record]:
    for number, cells in rows:
        if isinstance(cells, BadRowError):
            yield number, cells
        elif len(cells) != width:
            yield number, BadRowError(f"{len(cells)} cell{'s' * (len(cells) != 1)}, but {naming}", hint)
        else:
            yield number, [cells[place] for place in wanted]
