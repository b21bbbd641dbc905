"""Rows of a table by column: a column of few values as a code for each row, a column of floats as an array.

Rows become objects only where they are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any, Generic

from mixbench.tables.columns import RowType, columns, kinds, new_rows
from mixbench.tables.values import to_text

if TYPE_CHECKING:
    import numpy as np
    import pandas

    Codes = np.ndarray[Any, np.dtype[Any]]
    Places = Codes | list[int]
    """Places of rows, or for every row whether it is meant."""

_AT_ONCE = 4096
"""Rows that are made into texts at once."""
_BEYOND = 2**63
"""No whole number of 64 bits is so large."""


@dataclass(frozen=True)
class Distinct:
    """A column of few values: a code for each row, and the value of each code."""

    codes: Codes
    values: Sequence[Any]

    def taken(self, places: Places) -> Distinct:
        """These rows of it, with the values that they have."""
        import numpy as np

        codes = self.codes[places]
        used = np.flatnonzero(np.bincount(codes, minlength=len(self.values)))
        new = np.zeros(len(self.values), dtype=np.int32)
        new[used] = np.arange(len(used), dtype=np.int32)
        return Distinct(new[codes], [self.values[code] for code in used.tolist()])

    def texts(self, part: slice) -> list[str]:
        """The texts of some rows for the CSV."""
        codes = self.codes[part].tolist()
        known = {code: to_text(self.values[code]) for code in set(codes)}
        return list(map(known.__getitem__, codes))

    def objects(self) -> list[Any]:
        """The value of each row."""
        return list(map(self.values.__getitem__, self.codes.tolist()))


@dataclass(frozen=True)
class Numbers:
    """A column of floats, NaN for None."""

    values: np.ndarray[Any, np.dtype[np.float64]]

    def taken(self, places: Places) -> Numbers:
        """These rows of it."""
        return Numbers(self.values[places])

    def texts(self, part: slice) -> list[str]:
        """The texts of some rows for the CSV."""
        return ["" if value != value else to_text(value) for value in self.values[part].tolist()]

    def objects(self) -> list[Any]:
        """The value of each row."""
        import numpy as np

        found = self.values.tolist()
        return [None if value != value else value for value in found] if np.isnan(self.values).any() else found


@dataclass(frozen=True)
class Columns(Generic[RowType]):
    """Rows of a table by column, in the order of the CSV."""

    row_type: type[RowType]
    cells: Mapping[str, Distinct | Numbers]

    def __len__(self) -> int:
        column = next(iter(self.cells.values()))
        return len(column.codes if isinstance(column, Distinct) else column.values)

    def distinct(self, name: str) -> Distinct:
        """A column of texts, whole numbers or flags."""
        column = self.cells[name]
        assert isinstance(column, Distinct), f"{name} has floats"
        return column

    def groups(self, names: Iterable[str]) -> Codes:
        """A number from 0 on for each row: the same for those that agree in these columns, which are not of floats."""
        import numpy as np

        numbers, size = np.zeros(len(self), dtype=np.int64), 1
        for column in map(self.distinct, names):
            if size * len(column.values) >= _BEYOND:
                numbers = np.unique(numbers, return_inverse=True)[1]
                size = len(self)
            numbers = numbers * len(column.values) + column.codes
            size *= len(column.values)
        return np.unique(numbers, return_inverse=True)[1]

    def ranks(self, name: str) -> Codes:
        """For each row the place of its value among the sorted values of a column, which is not of floats."""
        import numpy as np

        column = self.distinct(name)
        ranks = np.zeros(len(column.values), dtype=np.int64)
        ranks[sorted(range(len(column.values)), key=column.values.__getitem__)] = np.arange(len(column.values))
        return ranks[column.codes]

    def where(self, name: str, holds: Callable[[Any], bool]) -> Codes:
        """For every row whether something holds of its value in a column, which is not of floats."""
        import numpy as np

        column = self.distinct(name)
        return np.array(list(map(holds, column.values)), dtype=bool)[column.codes]

    def taken(self, places: Places) -> Columns[RowType]:
        """These rows alone."""
        return Columns(self.row_type, {name: column.taken(places) for name, column in self.cells.items()})

    def rows(self) -> list[RowType]:
        """The rows as objects, which share their values."""
        return new_rows(self.row_type, {name: column.objects() for name, column in self.cells.items()})

    def records(self) -> Iterator[tuple[str, ...]]:
        """The texts of each row for the CSV."""
        for start in range(0, len(self), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            yield from zip(*(column.texts(part) for column in self.cells.values()), strict=True)

    def frame(self) -> pandas.DataFrame:
        """A DataFrame with a column of its type for each: categories, bool, int64, Int64 and float64 where None is possible.

        Whole numbers beyond 64 bits are objects.
        """
        import pandas

        series = {name: _series(column, kinds(self.row_type, name)) for name, column in self.cells.items()}
        return pandas.DataFrame(series, copy=False)


def _series(column: Distinct | Numbers, types: tuple[type, ...]) -> Any:
    import numpy as np
    import pandas

    if isinstance(column, Numbers):
        return column.values
    values, codes = column.values, column.codes
    if str in types:
        return pandas.Categorical.from_codes(codes, categories=pandas.Index(values, dtype=object))
    if bool in types:
        return np.array(values, dtype=bool)[codes]
    if any(value is not None and abs(value) >= _BEYOND for value in values):
        return np.array([*values, None], dtype=object)[codes]
    return pandas.array(values, dtype="Int64").take(codes) if NoneType in types else np.array(values, dtype=np.int64)[codes]


def of_rows(row_type: type[RowType], rows: Sequence[RowType]) -> Columns[RowType]:
    """Rows as columns."""
    import numpy as np

    cells: dict[str, Distinct | Numbers] = {}
    for name in columns(row_type):
        values = [getattr(row, name) for row in rows]
        if float in kinds(row_type, name):
            cells[name] = Numbers(np.array([math.nan if value is None else value for value in values], dtype=np.float64))
        else:
            places = {value: place for place, value in enumerate(dict.fromkeys(values))}
            cells[name] = Distinct(np.array([places[value] for value in values], dtype=np.int32), list(places))
    return Columns(row_type, cells)
