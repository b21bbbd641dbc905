"""What the functions share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mixbench.api.shared_options import Names
from mixbench.tables.columns import Row

if TYPE_CHECKING:
    import pandas


def frame(rows: Sequence[Row]) -> pandas.DataFrame:
    """Rows of one table as a DataFrame with its columns."""
    import pandas

    return pandas.DataFrame([vars(row) for row in rows], columns=list(vars(rows[0])) if rows else None)


def several(names: Names | None) -> list[str]:
    """One name or several, as a list."""
    return [names] if isinstance(names, str) else list(names or ())
