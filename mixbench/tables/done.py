"""What of a study is in a table already: cells with their launches and failures, found by column."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mixbench.tables.by_column import Columns
from mixbench.tables.columns import RowType, identity_columns
from mixbench.tables.speed_rows import SpeedRow

if TYPE_CHECKING:
    import numpy as np

Identity = tuple[Any, ...]


def identities(table: Columns[Any], *others: str) -> tuple[np.ndarray[Any, Any], list[Identity]]:
    """For each row the place of its identity in the list of all, which `others` of its columns are part of."""
    import numpy as np

    if not len(table):
        return np.zeros(0, dtype=np.int64), []
    names = [*identity_columns(table.row_type), *others]
    groups = table.groups(names)
    first = table.taken(np.unique(groups, return_index=True)[1])
    return groups, list(zip(*(first.cells[name].objects() for name in names), strict=True))


@dataclass(frozen=True)
class Done:
    """What there is of cells, by their identities."""

    finished: dict[Identity, set[int]]
    """The launches that succeeded."""
    failed: set[Identity]
    """Cells with rows that are not ok, also unsupported or diverged."""
    latest: dict[Identity, SpeedRow]
    """The last row of each cell that has one that is ok, in the order of the table."""


def done(table: Columns[SpeedRow]) -> Done:
    """What there is of cells in rows that count."""
    import numpy as np

    places, cells = identities(table)
    good = table.where("status", "ok".__eq__)
    launch = table.distinct("launch")
    pairs = np.unique(places[good] * len(launch.values) + launch.codes[good])
    finished: dict[Identity, set[int]] = {}
    for cell, number in zip(*(part.tolist() for part in np.divmod(pairs, max(1, len(launch.values)))), strict=True):
        finished.setdefault(cells[cell], set()).add(launch.values[number])
    last = np.flatnonzero(good)
    last = last[len(last) - 1 - np.unique(places[last][::-1], return_index=True)[1]]
    last.sort()
    latest = dict(zip((cells[place] for place in places[last].tolist()), table.taken(last).rows(), strict=True))
    return Done(finished, {cells[place] for place in np.unique(places[~good]).tolist()}, latest)


def rows_in_order(table: Columns[RowType], planned: Iterable[Identity], *then: str) -> list[RowType]:
    """The rows of the planned cells, in the order of the plan, and those of a cell in the order of these columns."""
    import numpy as np

    order = {cell: place for place, cell in enumerate(planned)}
    places, cells = identities(table)
    by_plan = np.array([order.get(cell, -1) for cell in cells], dtype=np.int64)[places]
    sorted_places = np.lexsort((*(table.ranks(name) for name in reversed(then)), by_plan))
    return table.taken(sorted_places[np.count_nonzero(by_plan < 0) :]).rows()
