"""Rows of a table by column: texts are read into distinct values and numbers, with the checks of `Row` on whole columns.

A text is read and checked once, however many rows have it; only numbers that differ from row to row are read one by one. What
is refused here is read again line by line, by `mixbench.tables.lines`, which finds the line and says what is wrong with it.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import NoneType
from typing import TYPE_CHECKING, Any, Generic

from mixbench.tables.columns import (
    LARGEST,
    SMALLEST,
    RowType,
    columns,
    completed,
    default_values,
    kinds,
    new_rows,
    read_value,
    to_text,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas

    Codes = np.ndarray[Any, np.dtype[Any]]
    Places = Codes | list[int]
    """Places of rows, or for every row whether it is meant."""

Reader = Callable[[type[Any], str, str], Any]
"""Reads the text of a column of a table. Raises ValueError."""
_STATUS = "status"
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


class _Texts:
    """Texts that become the codes of their values."""

    def __init__(self, read: Callable[[str], Any]) -> None:
        self.values: list[Any] = []
        self.codes = array("i")
        self.new = array("i")
        self._read = read
        self._of_text: dict[str, int] = {}
        self._of_value: dict[Any, int] = {}

    def add(self, texts: Sequence[str]) -> None:
        first = texts[0]
        if texts.count(first) == len(texts):
            self.new.extend(array("i", (self._code(first),)) * len(texts))
            return
        known = self._of_text
        try:
            self.new.extend(list(map(known.__getitem__, texts)))
        except KeyError:
            for text in dict.fromkeys(texts):
                self._code(text)
            self.new.extend(list(map(known.__getitem__, texts)))

    def _code(self, text: str) -> int:
        code = self._of_text.get(text)
        if code is None:
            self._of_text[text] = code = self.code_of(self._read(text))
        return code

    def code_of(self, value: Any) -> int:
        if value not in self._of_value:
            self._of_value[value] = len(self.values)
            self.values.append(value)
        return self._of_value[value]

    def empty(self) -> Any:
        """For each of the new rows, whether it has no value."""
        return _as_codes(self.new) == self._of_value.get(None, -1)

    def fill(self, value: Any, count: int) -> None:
        self.new.extend(array("i", (self.code_of(value),)) * count)

    def check(self) -> None:
        """All is checked when a text is read."""

    def keep(self) -> None:
        self.codes.extend(self.new)
        self.forget()

    def forget(self) -> None:
        self.new = array("i")

    def finished(self) -> Distinct:
        import numpy as np

        column = Distinct(_as_codes(self.codes), self.values)
        return column.taken(np.arange(len(self.codes)))


class _Floats:
    """Texts that become numbers, NaN where they are empty."""

    def __init__(self, name: str, *, optional: bool, positive: bool) -> None:
        self.name, self.optional, self.least = name, optional, SMALLEST if positive else -LARGEST
        self.values = array("d")
        self.new = array("d")
        self._empty = 0  # of the new ones

    def add(self, texts: Sequence[str]) -> None:
        if self.optional and (empty := texts.count("")):
            self._empty += empty
            self.new.extend([float(text) if text else math.nan for text in texts])
        else:
            self.new.extend(list(map(float, texts)))

    def empty(self) -> Any:
        """For each of the new rows, whether it has no value."""
        import numpy as np

        return np.isnan(np.frombuffer(self.new))

    def fill(self, value: float | None, count: int) -> None:
        self._empty += count if value is None else 0
        self.new.extend(array("d", (math.nan if value is None else value,)) * count)

    def check(self) -> None:
        import numpy as np

        values = np.frombuffer(self.new)
        if np.count_nonzero((values >= self.least) & (values <= LARGEST)) + self._empty != len(values):
            raise ValueError(f"{self.name} is beyond what it may be")

    def keep(self) -> None:
        self.values.extend(self.new)
        self.forget()

    def forget(self) -> None:
        self.new = array("d")
        self._empty = 0

    def finished(self) -> Numbers:
        import numpy as np

        return Numbers(np.frombuffer(self.values))


class Collector(Generic[RowType]):
    """Columns that grow by the fields of lines: what was added since the last `keep` stays only if that finds nothing wrong."""

    def __init__(self, row_type: type[RowType], read: Reader = read_value) -> None:
        self.row_type = row_type
        table = columns(row_type)
        self._columns: dict[str, _Texts | _Floats] = {
            name: _Floats(name, optional=NoneType in types, positive=column.positive)
            if float in (types := kinds(row_type, name))
            else _Texts(partial(read, row_type, name))
            for name, column in table.items()
        }
        self._defaults = default_values(row_type)
        self._metrics = [name for name, column in table.items() if column.role == "metric"]
        self._refining = {name: column.refines for name, column in table.items() if column.refines}

    def add(self, names: Sequence[str], records: Sequence[Sequence[str]]) -> None:
        """Add fields of lines, in the order of `names`; what has no name is skipped. Raises ValueError."""
        for name, texts in zip(names, zip(*records, strict=True), strict=True):
            if name:
                self._columns[name].add(texts)

    def keep(self, names: Sequence[str], count: int) -> None:
        """Check the added rows as `check` does, and keep them. Raises ValueError."""
        self.check(names, count)
        for column in self._columns.values():
            column.keep()

    def check(self, names: Sequence[str], count: int) -> None:
        """Check the `count` added rows, which have these columns, as `Row` does. Raises ValueError."""
        for name in self._columns.keys() - set(names):
            self._columns[name].fill(self._defaults[name], count)
        for column in self._columns.values():
            column.check()
        self._check_status()
        self._complete()

    def known_values(self, name: str) -> Sequence[Any]:
        """The values that a column of texts, whole numbers or flags has somewhere; [] if there is no such column."""
        column = self._columns.get(name)
        return column.values if isinstance(column, _Texts) else []

    def forget(self) -> None:
        """Leave out what was added and not kept."""
        for column in self._columns.values():
            column.forget()

    def finished(self) -> Columns[RowType]:
        """All rows that were kept."""
        return Columns(self.row_type, {name: column.finished() for name, column in self._columns.items()})

    def _check_status(self) -> None:
        status = self._columns.get(_STATUS)
        if not isinstance(status, _Texts):
            return
        bad = _as_codes(status.new) != status.code_of("ok")
        if bad.any() and not all(self._columns[name].empty()[bad].all() for name in self._metrics):
            raise ValueError("a metric has a value, but the status is not ok")

    def _complete(self) -> None:
        import numpy as np

        for name, refines in self._refining.items():
            own, older = self._columns[name], self._columns[refines.older]
            assert isinstance(own, _Texts)
            assert isinstance(older, _Texts)
            pairs = _as_codes(older.new).astype(np.int64) * len(own.values) + _as_codes(own.new)
            found, places = np.unique(pairs, return_inverse=True)
            there, here = np.divmod(found, len(own.values))
            new = [
                own.code_of(completed(name, refines, own.values[value], older.values[before]))
                for before, value in zip(there.tolist(), here.tolist(), strict=True)
            ]
            own.new = array("i", np.array(new, dtype=np.int32)[places].tobytes())


def _as_codes(codes: array[int]) -> Codes:
    import numpy as np

    return np.frombuffer(codes, dtype=np.int32)
