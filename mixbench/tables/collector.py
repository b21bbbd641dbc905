"""Columns that grow by the fields of lines: texts become values, with the checks of `Row` on whole columns.

A text is read and checked once, however many rows have it; only numbers that differ from row to row are read one by one. What
is refused here is read again line by line, by `mixbench.tables.lines`, which finds the line and says what is wrong with it.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from types import NoneType
from typing import TYPE_CHECKING, Any, Generic

from mixbench.tables.by_column import Columns, Distinct, Numbers
from mixbench.tables.columns import RowType, columns, completed, default_values, kinds, read_value
from mixbench.tables.values import LARGEST, SMALLEST

if TYPE_CHECKING:
    from mixbench.tables.by_column import Codes

Reader = Callable[[type[Any], str, str], Any]
"""Reads the text of a column of a table. Raises ValueError."""
_STATUS = "status"


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
