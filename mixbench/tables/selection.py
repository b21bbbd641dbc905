"""Rows of a table that was read by columns: a sequence like any other, of which a row becomes an object only where asked for.

The functions take lists of row objects, too. What asks for columns and groups by them does in a second what takes minutes from
row to row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from mixbench.tables.by_column import Columns, Distinct, Numbers, of_rows
from mixbench.tables.columns import Row, RowType, columns, new_rows

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

Item = TypeVar("Item")

_BATCH = 4096
"""Rows that are made at once where all are asked for."""
_FEW, _MOST = 2**22, 2**62
"""Groups that may be counted in an array, and numbers that 64 bits have room for."""


@dataclass(frozen=True, eq=False)
class Selection(Sequence[RowType], Generic[RowType]):
    """The rows of a table at some places, in their order."""

    table: Columns[RowType]
    places: Array

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, place: int) -> RowType: ...
    @overload
    def __getitem__(self, place: slice) -> Selection[RowType]: ...
    def __getitem__(self, place: int | slice) -> RowType | Selection[RowType]:
        if isinstance(place, slice):
            return self.at(place)
        return self._rows(self.places[[place]])[0]

    def __iter__(self) -> Iterator[RowType]:
        for start in range(0, len(self), _BATCH):
            yield from self._rows(self.places[start : start + _BATCH])

    def at(self, places: Any) -> Selection[RowType]:
        """The rows at these of its places: numbers, a slice, or an array that says for every row whether it is meant."""
        return Selection(self.table, self.places[places])

    def values(self, name: str) -> list[Any]:
        """The value of each row in a column."""
        return _objects(self.table.cells[name], self.places) if len(self) else []

    def array(self, name: str) -> Array:
        """A column of floats, NaN for None."""
        column = self.table.cells[name]
        assert isinstance(column, Numbers), f"{name} has no floats"
        return column.values[self.places]

    def first(self, name: str) -> Any:
        """The value of the first row in a column."""
        return _objects(self.table.cells[name], self.places[:1])[0]

    def test(self, name: str, wanted: Callable[[Any], object]) -> Array:
        """For each row whether its value is wanted, of a column without floats; asked once for each value of the table."""
        import numpy as np

        column = self.table.distinct(name)
        return np.array([bool(wanted(value)) for value in column.values], dtype=bool)[column.codes[self.places]]

    def with_floats(self, **added: Array) -> Selection[RowType]:
        """The same rows, which have these columns of floats, too, or instead of their own."""
        import numpy as np

        cells: dict[str, Distinct | Numbers] = {**self.table.cells}
        for name, own in added.items():
            whole = np.full(len(self.table), np.nan)
            whole[self.places] = own
            cells[name] = Numbers(whole)
        return Selection(replace(self.table, cells=cells), self.places)

    def groups(self, names: Sequence[str]) -> tuple[Array, Selection[RowType]]:
        """A number from 0 on for each row, the same for those that agree in these columns, and the first row of each number.

        Numbers are in the order in which they first occur; the columns are not of floats.
        """
        import numpy as np

        found, size = np.zeros(len(self), dtype=np.int64), 1
        for column in map(self.table.distinct, names):
            if size * len(column.values) >= _MOST:
                known, found = np.unique(found, return_inverse=True)
                size = len(known)
            found = found * len(column.values) + column.codes[self.places]
            size *= len(column.values)
        if size > _FEW:
            known, found = np.unique(found, return_inverse=True)
            size = len(known)
        firsts = np.full(size, -1)
        firsts[found[::-1]] = np.arange(len(self))[::-1]  # of several, the last one stays
        order = np.argsort(firsts, kind="stable")
        order = order[np.count_nonzero(firsts < 0) :]
        ranks = np.zeros(size, dtype=np.int64)
        ranks[order] = np.arange(len(order))
        return ranks[found], self.at(firsts[order])

    def _rows(self, places: Array) -> list[RowType]:
        cells = self.table.cells
        return new_rows(self.table.row_type, {name: _objects(cells[name], places) for name in columns(self.table.row_type)})


def _objects(column: Distinct | Numbers, places: Array) -> list[Any]:
    if isinstance(column, Distinct):
        return list(map(column.values.__getitem__, column.codes[places].tolist()))
    return [None if value != value else value for value in column.values[places].tolist()]


NOTHING: Selection[Any] = Selection(Columns(Row, {}), ())  # type: ignore[arg-type] # numpy takes time to import
"""No rows, of no table."""


def selection(rows: Columns[RowType] | Sequence[RowType]) -> Selection[RowType]:
    """Rows as a selection; without rows, `NOTHING`."""
    import numpy as np

    if isinstance(rows, Selection):
        return rows
    if not len(rows):
        return NOTHING
    table = rows if isinstance(rows, Columns) else of_rows(type(rows[0]), rows)
    return Selection(table, np.arange(len(rows)))


def type_of(rows: Sequence[Any]) -> type[Any]:
    """The type of rows, of which there is at least one."""
    return rows.table.row_type if isinstance(rows, Selection) else type(rows[0])


def values(rows: Sequence[Any], name: str) -> list[Any]:
    """The value of each row in a column."""
    return rows.values(name) if isinstance(rows, Selection) else list(map(attrgetter(name), rows))


def where(rows: Sequence[Item], name: str, wanted: Callable[[Any], object]) -> Sequence[Item]:
    """The rows with a value that is wanted, of a column without floats."""
    if isinstance(rows, Selection):
        return rows.at(rows.test(name, wanted)) if rows else rows
    return [row for row in rows if wanted(getattr(row, name))]


def where_together(rows: Sequence[Item], names: Sequence[str], wanted: Callable[[tuple[Any, ...]], object]) -> Sequence[Item]:
    """The rows with values in these columns, which are not of floats, that are wanted together."""
    if not isinstance(rows, Selection):
        return [row for row in rows if wanted(tuple([getattr(row, name) for name in names]))]
    if not rows:
        return rows
    import numpy as np

    numbers, firsts = rows.groups(names)
    return rows.at(np.array([bool(wanted(key)) for key in zip(*map(firsts.values, names), strict=True)])[numbers])


def distinct(rows: Sequence[Any], *names: str) -> list[Any]:
    """The values of a column, or the tuples of those of several, which are not of floats: each once, as they first occur."""
    if not isinstance(rows, Selection):
        return list(dict.fromkeys(map(attrgetter(*names), rows)))
    if not rows:
        return []
    firsts = rows.groups(names)[1]
    return firsts.values(names[0]) if len(names) == 1 else list(zip(*map(firsts.values, names), strict=True))


def grouped(rows: Sequence[RowType], *names: str) -> dict[tuple[Any, ...], Sequence[RowType]]:
    """The rows by their values in these columns, which are not of floats, as they first occur."""
    if not rows:
        return {}
    if isinstance(rows, Selection):
        return dict(parted(rows, names))
    groups: dict[tuple[Any, ...], list[RowType]] = defaultdict(list)
    for row in rows:
        groups[tuple([getattr(row, name) for name in names])].append(row)
    return dict(groups)


def parted(rows: Selection[RowType], names: Sequence[str]) -> Iterator[tuple[tuple[Any, ...], Selection[RowType]]]:
    """The same of a selection, as pairs."""
    import numpy as np

    if not rows:
        return iter(())
    numbers, firsts = rows.groups(names)
    order = np.argsort(numbers, kind="stable")
    parts = np.split(rows.places[order], np.flatnonzero(np.diff(numbers[order])) + 1)
    keys = zip(*map(firsts.values, names), strict=True)
    return ((key, Selection(rows.table, part)) for key, part in zip(keys, parts, strict=True))


def joined(parts: Sequence[Selection[RowType]]) -> Selection[RowType]:
    """Some rows of one table together, in its order."""
    import numpy as np

    first, *others = parts
    return Selection(first.table, np.sort(np.concatenate([part.places for part in parts]))) if others else first


def beside(rows: Selection[RowType], others: Selection[Any], names: Sequence[str], added: Sequence[str]) -> Selection[RowType]:
    """The rows with further columns of floats, from the last of the others with which a row agrees in the columns `names`."""
    import numpy as np

    numbers, firsts = rows.groups(names)
    there: Mapping[tuple[Any, ...], int] = (
        {key: place for place, key in enumerate(zip(*map(others.values, names), strict=True))} if others else {}
    )
    found = [there.get(key, len(others)) for key in zip(*map(firsts.values, names), strict=True)]
    return rows.with_floats(**{name: np.append(others.array(name) if others else [], np.nan)[found][numbers] for name in added})
