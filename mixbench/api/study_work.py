"""The parts of a study as one plan: what shards share out together, and what --dry-run forecasts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mixbench.api.scale import Work
from mixbench.api.study_parts import PlannedPart
from mixbench.errors import FolderBusyError, MixbenchError
from mixbench.studies.balance import Balance, balance
from mixbench.studies.shards import Unit
from mixbench.tables.results import ResultsFolder

Cell = tuple[int, Any]
"""The number of a part, and a cell of its plan."""


@dataclass(frozen=True)
class StudyWork(Work[Cell, Any]):
    """All parts that measure or train. `loads` are, by the key of a unit, the seconds that it takes of each part."""

    works: Sequence[Work[Any, Any]] = ()
    loads: Mapping[str, Mapping[int, float]] = field(default_factory=dict)

    def seconds(self, units: Sequence[Unit]) -> float:
        """How long some units are expected to take on a machine like this one."""
        of_part: dict[int, float] = defaultdict(float)
        for unit in units:
            for number, seconds in self.loads[unit.key].items():
                of_part[number] += seconds
        return sum(self.works[number].start + seconds / self.works[number].at_once for number, seconds in of_part.items())

    def even(self, count: int) -> Balance:
        """How many shards of the plan can be even, where `count` are asked for."""
        return balance(self.units, count, sum(work.start * work.at_once for work in self.works))


def study_work(parts: Sequence[PlannedPart], begin: Callable[[ResultsFolder], None]) -> StudyWork | None:
    """One plan of all parts that have one; None if none has. `begin` is called with the folder before anything is done.

    Units of several parts that make the same row or file are one unit, so that it is made once.
    """
    works = [part.work for part in parts if part.work is not None]
    if not works:
        return None
    cells = [(number, cell) for number, work in enumerate(works) for cell in work.cells]
    units, loads = _units(works)

    def carry_out(folder: ResultsFolder, own: Sequence[Cell]) -> tuple[list[Any], str]:
        begin(folder)
        rows, environment, errors = [], "", list[MixbenchError]()
        for number, work in enumerate(works):
            if not (mine := [cell for place, cell in own if place == number]):
                continue
            try:
                made, environment = work.carry_out(folder, mine)
            except FolderBusyError:
                raise
            except MixbenchError as error:  # the other parts are carried out, and the shard stays unfinished
                errors.append(error)
            else:
                rows += made
        if errors:
            raise errors[0]
        return rows, environment

    of_table = {work.table: work for work in works}
    tables = {type_: of_table[name] for name, type_ in _types().items() if name in of_table}
    return StudyWork(
        study="study",
        table="*",
        cell="cell",
        cells=cells,
        units=units,
        carry_out=carry_out,
        cell_of=lambda row: (type(row), tables[type(row)].cell_of(row)),
        works=works,
        loads=loads,
    )


def _types() -> Mapping[str, type[Any]]:
    from mixbench.tables.rows import TABLES

    return TABLES


def _units(works: Sequence[Work[Any, Any]]) -> tuple[list[Unit], dict[str, dict[int, float]]]:
    """The units of all works, those that share something united; and the seconds of each by the number of the work."""
    own = list(_numbered(works))
    groups = _groups([touched for _, _, touched in own])
    units, loads = [], {}
    for members in groups:
        several = [own[place] for place in members]
        key = " + ".join(f"{number + 1}. {works[number].study}: {unit.key}" for number, unit, _ in several)
        load: dict[int, float] = defaultdict(float)
        places: list[int] = []
        for number, unit, _ in several:
            load[number] += unit.seconds
            before = sum(len(work.cells) for work in works[:number])
            places += [before + place for place in unit.places]
        units.append(Unit(key, float(f"{sum(load.values()):.3g}"), places))
        loads[key] = load
    return units, loads


def _numbered(works: Sequence[Work[Any, Any]]) -> Iterator[tuple[int, Unit, set[Hashable]]]:
    for number, work in enumerate(works):
        for unit in work.units:
            yield number, unit, {*work.touches([work.cells[place] for place in unit.places])}


def _groups(touched: Sequence[set[Hashable]]) -> list[list[int]]:
    """The places of sets that have something in common, directly or through others, in order of the first."""
    parent = list(range(len(touched)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = place = parent[parent[place]]
        return place

    first: dict[Hashable, int] = {}
    for place, things in enumerate(touched):
        for thing in things:
            roots = root(place), root(first.setdefault(thing, place))
            parent[max(roots)] = min(roots)
    groups: dict[int, list[int]] = defaultdict(list)
    for place in range(len(touched)):
        groups[root(place)].append(place)
    return list(groups.values())
