"""Which machine a table shows where the rows of a folder come from several, and what it leaves out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mixbench.api.filters import tell_left_out
from mixbench.api.shared_options import Names
from mixbench.parsing.command import with_folder
from mixbench.parsing.spec import split_names
from mixbench.tables.columns import Row, columns
from mixbench.tables.results import ResultsFolder
from mixbench.tables.selection import distinct

if TYPE_CHECKING:
    from mixbench.verdicts.environments import Environments

Tables = Mapping[type[Row], Sequence[Any]]


@dataclass(frozen=True)
class Told:
    """The environment that times come from, "" without rows; notes on what is shown and left out, none for one environment."""

    environment: str = ""
    shown: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """All notes."""
        return (*self.shown, *self.left_out)


def of_environments(tables: Tables, wanted: Names | None) -> Tables:
    """The rows of the wanted environments, by default all. Raises RequestError where there are none."""
    from mixbench.verdicts.filters import Filter, sift

    return tables if wanted is None else sift(tables, Filter(values={"environment": split_names(wanted)})).tables


def tell_machines(folder: ResultsFolder, rows: Sequence[Row]) -> None:
    """Warn of rows of the same cells from other machines or versions, which a command that measures does not show.

    Raises StorageError.
    """
    if not rows or len(list((folder.path / "environments").glob("*.json"))) < 2:
        return
    row_type, cells = type(rows[0]), {_cell(row) for row in rows}
    every = {row_type: [row for row in folder.read(row_type) if _cell(row) in cells]}
    contents = folder.environments_of(every[row_type])
    plot = with_folder("mixbench plot", folder.path).replace("{", "{{").replace("}", "}}")
    tell_left_out(shown_and_left_out(every, every, {row_type: rows}, contents, f"{plot} --environment {{}}").notes)


def _cell(row: Row) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name, column in columns(type(row)).items() if column.role == "key")


def shown_and_left_out(every: Tables, chosen: Tables, shown: Tables, contents: Environments, how: str) -> Told:
    """What is said of a table that shows some of the `chosen` rows; `how` shows those of another environment."""
    from mixbench.verdicts.environments import choose_environment
    from mixbench.verdicts.machines import shown_machines
    from mixbench.verdicts.undrawn import other_environments

    taken = {row_type: {*distinct(rows, "environment")} for row_type, rows in shown.items()}
    others = other_environments(chosen, taken, lambda name: contents.get(name, {}), ("not shown", f"to see them: {how}"))
    timed = next(filter(None, shown.values()), [])
    return Told(choose_environment(timed), tuple(shown_machines(every, shown, contents)), tuple(others))
