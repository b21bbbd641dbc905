"""What the functions share: types of options, rows as a DataFrame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mixbench.tables.columns import Row

if TYPE_CHECKING:
    import pandas

Sizes = str | int | Iterable[int]
Names = str | Sequence[str]


def frame(rows: Sequence[Row]) -> pandas.DataFrame:
    """Rows of one table as a DataFrame with its columns."""
    import pandas

    return pandas.DataFrame([vars(row) for row in rows], columns=list(vars(rows[0])) if rows else None)


def several(names: Names | None) -> list[str]:
    """One name or several, as a list."""
    return [names] if isinstance(names, str) else list(names or ())
