"""Helpers that several API functions share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mixbench.api.shared_options import Names
from mixbench.errors import RequestError
from mixbench.parsing.spec import split_names
from mixbench.tables.columns import Row

if TYPE_CHECKING:
    import pandas


def frame(rows: Sequence[Row]) -> pandas.DataFrame:
    """Rows of one table as a DataFrame with the columns of that table."""
    import pandas

    return pandas.DataFrame([vars(row) for row in rows], columns=list(vars(rows[0])) if rows else None)


def check_device(device: str) -> None:
    """Raise RequestError for a text that names no device."""
    if not re.fullmatch(r"cpu|cuda(:[0-9]{1,4})?", device):
        raise RequestError(f"--device: {device!r} is not a device", "Give cpu, cuda or cuda:INDEX.")


def several(names: Names | None) -> list[str]:
    """One name or several, as a list."""
    return [names] if isinstance(names, str) else list(names or ())


def separated(names: Names | None) -> list[str]:
    """The same for names without commas, which may also be separated by commas: each once."""
    return list(dict.fromkeys(name for text in several(names) for name in split_names(text)))
