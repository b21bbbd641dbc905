"""Lines cut into cells: as they stand, or with cells in double quotes as in RFC 4180."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator
from itertools import islice

from mixbench.tasks.reading.lines import TextFile
from mixbench.tasks.reading.rows import BadRowError

csv.field_size_limit(2**31 - 1)

Row = tuple[int, list[str] | BadRowError]
"""The number of its first line, from 1, and the cells."""

_WHOLE = re.compile(r'"(?:[^"]|"")*"')
_FAULTS = {
    "unexpected end": "a quote is never closed",
    "expected after": "text after the closing quote of a cell",
    "new-line character": "a line break in a cell without quotes",
}
"""What the csv module says, and what that means."""
_HINT = 'Put a cell with a comma, a quote or a line break in double quotes, and double the quotes in it: "so ""quoted"", yes".'


def literal(lines: Iterator[str], separator: str) -> Iterator[tuple[int, list[str]]]:
    """Cells in which quotes have no special meaning; no empty lines."""
    rows = ((number, line.rstrip("\r\n").split(separator)) for number, line in enumerate(lines, 1))
    return ((number, cells) for number, cells in rows if not _blank(cells))


def quoted(lines: Iterator[str], separator: str) -> Iterator[Row]:
    """Cells that may be quoted; no empty lines. After a row that breaks the rules, reading goes on with its second line."""
    taken: list[str] = []
    again: deque[str] = deque()

    def feed() -> Iterator[str]:
        for line in _replayed(again, lines):
            taken.append(line)
            yield line

    reader, number = csv.reader(feed(), delimiter=separator, strict=True), 1
    while True:
        taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            again.extendleft(reversed(taken[1:]))
            del taken[1:]
            reader = csv.reader(feed(), delimiter=separator, strict=True)
            yield number, BadRowError(next((told for said, told in _FAULTS.items() if said in str(error)), str(error)), _HINT)
        else:
            if not _blank(cells):
                yield number, cells
        number += len(taken)


def _replayed(again: deque[str], lines: Iterator[str]) -> Iterator[str]:
    """The lines that are to be read again, whenever there are any, before all others."""
    while True:
        while again:
            yield again.popleft()
        try:
            yield next(lines)
        except StopIteration:
            return


def _blank(cells: list[str]) -> bool:
    return not cells or (len(cells) == 1 and not cells[0].strip())


def names_of(line: str, separator: str) -> list[str]:
    """The cells of a header, without quotes and surrounding spaces."""
    cells = next(islice(quoted(iter([line]), separator), 1), (1, []))[1]
    found = line.split(separator) if isinstance(cells, BadRowError) else cells
    return [name.strip() for name in found]


def has_quoting(file: TextFile, separator: str) -> bool | None:
    """Whether cells in double quotes are quoted as in RFC 4180; None where no cell begins with a quote.

    The reading that leaves fewer rows of another length than the first decides. Where both leave as many, cells are quoted
    if every cell that holds a quote is written so, and one needs it or all of the first line are.
    """
    width = ragged = 0
    begins, regular, needed = False, True, False
    for _, cells in literal(file.lines(), separator):
        if not width:
            width = len(cells)
            needed = all(map(_WHOLE.fullmatch, cells))
        ragged += len(cells) != width
        for cell in cells:
            if '"' in cell:
                begins = begins or cell[0] == '"'
                whole = _WHOLE.fullmatch(cell) is not None
                regular = regular and whole
                needed = needed or (whole and '""' in cell[1:-1])
    if not begins:
        return None
    by_cells = regular and needed
    if not ragged:
        return by_cells
    width, faults = 0, 0
    for _, row in quoted(file.lines(), separator):
        if isinstance(row, list):
            width = width or len(row)
        faults += isinstance(row, BadRowError) or len(row) != width
    return faults < ragged or (faults == ragged and by_cells)
