"""The speed study on the nodes of a Ray cluster: each measures whole shapes, one at a time, and the driver writes all rows.

All mixers and launches of a shape are measured on one node, so that ratios stay paired. A shape that is whole in the
environment of any node is not measured again. One that was begun goes on where its environment is; without such a node, it is
measured from the beginning on another.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mixbench.execution import Died
from mixbench.execution.cargo import Cargo
from mixbench.execution.ray_nodes import RayNodes, WholeNodes
from mixbench.machine.environment import environment, timestamp
from mixbench.mixers.choice import code_of
from mixbench.parsing.canonical import canonical_json
from mixbench.studies.outcomes import failure_of
from mixbench.studies.progress import Progress, Step
from mixbench.studies.shards import Unit
from mixbench.studies.speed_energy import Energies
from mixbench.studies.speed_plan import PlannedCell
from mixbench.studies.speed_portion import News, Portion, SpeedNode, only
from mixbench.studies.speed_request import SpeedRequest
from mixbench.studies.speed_rows import Origin, failure_row
from mixbench.studies.speed_worker import Worker
from mixbench.studies.training_rows import environments_like, key_of
from mixbench.studies.units import speed_units
from mixbench.tables.columns import columns, identity
from mixbench.tables.origins import write_origins
from mixbench.tables.removal import drop
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import LaunchRow, SpeedRow

_SHAPE = ("tokens", "width", "batch")
_THREADS = [name for name, column in columns(SpeedRow).items() if column.role == "key"].index("threads")
_Key = tuple[Any, ...]
_Place = tuple[str, int]
"""An environment, and a number of threads in it."""


def run_speed_elsewhere(
    engine: WholeNodes,
    request: SpeedRequest,
    folder: ResultsFolder,
    progress: Progress,
    *,
    cells: Sequence[PlannedCell],
    own_threads: bool,
    fresh: bool = False,
    retry_failed: bool = False,
    worker: Worker | None = None,
) -> list[_Key]:
    """Measure what is missing of some cells, and return the identities that their rows have, in the order of the cells.

    With `own_threads`, every node uses as many threads as it has cores. Raises RequestError, StorageError, WorkerError.
    """
    with folder.writing():
        here = environment()
        digest = folder.save_environment(here)
        write_origins(folder.path, code_of(request.mixers))
        units = speed_units(request, cells, own_threads=own_threads)
        units.sort(key=lambda unit: (-unit.seconds, unit.key))
        like = environments_like(folder, digest)
        study = _Elsewhere(request, folder, progress, worker or Worker(), list(cells), units, own_threads, like)
        if fresh or retry_failed:
            study.drop(fresh=fresh)
        study.read()
        if missing := study.missing():
            study.measure(engine, missing)
        return study.identities()


@dataclass
class _Elsewhere:
    request: SpeedRequest
    folder: ResultsFolder
    progress: Progress
    worker: Worker
    cells: list[PlannedCell]
    units: list[Unit]
    """The shapes, those that take longest first."""
    own_threads: bool
    like: set[str]
    """The environments whose rows count: with the same mixbench and torch as here."""
    rows: dict[_Key, list[SpeedRow]] = field(default_factory=lambda: defaultdict(list))
    """By shape."""
    launches: dict[_Key, list[LaunchRow]] = field(default_factory=lambda: defaultdict(list))
    digests: dict[str, str] = field(default_factory=dict)
    """The hashes of the environments of nodes, by their content."""
    threads: dict[str, int] = field(default_factory=dict)
    """How many threads an environment uses."""
    doing: dict[int, str] = field(default_factory=dict)
    todo: list[Unit] = field(default_factory=list)
    said: set[str] = field(default_factory=set)
    held: dict[int, list[LaunchRow]] = field(default_factory=lambda: defaultdict(list))
    """Rows of launches whose rows of speed.csv have not come yet, by the place of the unit."""

    def drop(self, *, fresh: bool) -> None:
        """Drop the rows of the cells, or those that are not ok."""
        wanted = {self._anywhere(cell.identity("")) for cell in self.cells}

        def keep(row: SpeedRow) -> bool:
            own = row.environment in self.like and self._anywhere(identity(row)) in wanted
            return not own or not (fresh or row.status != "ok")

        drop(self.folder, SpeedRow, keep)

    def _anywhere(self, key: _Key) -> _Key:
        """An identity without what may differ between nodes."""
        threads = None if self.own_threads else key[_THREADS]
        return (*key[:_THREADS], threads, *key[_THREADS + 1 : -1])

    def read(self) -> None:
        """Load the rows of the cells that any node may have measured."""
        wanted = {self._anywhere(cell.identity("")) for cell in self.cells}
        every = [row for row in self.folder.read(SpeedRow) if row.environment in self.like]
        processes = {(row.environment, row.measured_at) for row in every}
        self.folder.set_aside(
            LaunchRow,
            lambda row: row.environment not in self.like or (row.environment, row.measured_at) in processes,
            "a launch without rows in speed.csv",
        )
        self._learn(row for row in every if self._anywhere(identity(row)) in wanted)
        for launch in self.folder.read(LaunchRow):
            if launch.environment in self.like:
                self.launches[_shape(launch)].append(launch)

    def _learn(self, rows: Iterable[SpeedRow]) -> None:
        for row in rows:
            self.rows[_shape(row)].append(row)

    def _of(self, unit: Unit) -> list[PlannedCell]:
        return [self.cells[place] for place in unit.places]

    def _shape(self, unit: Unit) -> _Key:
        return tuple(self.cells[unit.places[0]].keys[name] for name in _SHAPE)

    def missing(self) -> list[Unit]:
        """The shapes that are whole nowhere."""
        return [unit for unit in self.units if not any(self._lacking(unit, place) == [] for place in self._places(unit))]

    def _places(self, unit: Unit) -> list[_Place]:
        """Where rows of a shape were measured, the last one first."""
        rows = sorted(self.rows[self._shape(unit)], key=lambda row: row.measured_at, reverse=True)
        return list(dict.fromkeys((row.environment, row.threads) for row in rows))

    def _lacking(self, unit: Unit, place: _Place) -> list[PlannedCell]:
        """The cells of a shape that are not whole at a place."""
        own = [row for row in self.rows[self._shape(unit)] if (row.environment, row.threads) == place]
        failed = {identity(row) for row in own if row.status != "ok"}
        launches: dict[_Key, set[int]] = defaultdict(set)
        for row in own:
            launches[identity(row)].add(row.launch)
        energies = Energies(self.folder, place[0])
        energies.read(own)
        wanted = {*range(1, self.request.launches + 1)}

        def is_whole(cell: PlannedCell) -> bool:
            key = _at(cell, place)
            metered = not self.request.energy or any(energies.known.get(key, {}).values())
            return key in failed or (launches[key] >= wanted and metered)

        return [cell for cell in self._of(unit) if not is_whole(cell)]

    def measure(self, engine: WholeNodes, units: Sequence[Unit]) -> None:
        """Have nodes measure some shapes, in this order."""
        self.todo = list(units)
        code = dict(code_of(self.request.mixers))
        cargo = Cargo(self.folder.path.resolve(), code=code)
        self.progress.begin(map(_step, units), engine.at_once)
        with RayNodes(engine, SpeedNode, (self.worker,), len(units), cargo, self.progress.remark) as nodes:
            self.progress.begin(map(_step, units), nodes.at_once)  # only now it is known how many there are
            for index, outcome in nodes.measure(self, len(units)):
                if isinstance(outcome, Died):
                    self._fail(index, outcome)
                self.doing.pop(index, None)
                self.progress.done(_step(units[index]))
                self._say()

    def job(self, index: int, environment: Mapping[str, Any]) -> Portion:
        """A shape, with what is known of it in the environment of the node that is to measure it."""
        if index not in self.doing:
            self.progress.begun(_step(self.todo[index]))
        self.doing[index] = ""
        self.held.pop(index, None)
        shape, digest = self._shape(self.todo[index]), self._digest(environment)
        rows = [row for row in self.rows[shape] if row.environment == digest]
        processes = {row.measured_at for row in rows}
        launches = [row for row in self.launches[shape] if row.environment == digest and row.measured_at in processes]
        return Portion(only(self.request, shape), self.own_threads, rows, launches)

    def prefers(self, index: int, environment: Mapping[str, Any]) -> bool:
        """Whether rows of the shape are from this environment."""
        digest = self._digest(environment)
        return any(row.environment == digest for row in self.rows[self._shape(self.todo[index])])

    def heard(self, index: int, node: str, environment: Mapping[str, Any], news: News) -> None:
        """Store the rows that a node has measured, and say what it does."""
        if news.kind == "threads":
            self.threads[self._digest(environment)] = news.content
        elif news.kind == "doing":
            self.doing[index] = f"{node}: {news.content}"
            self._say()
        elif news.kind == "remark":
            if (text := f"{node}: {news.content}") not in self.said:
                self.said.add(text)
                self.progress.remark(text)
        elif news.kind == "changed":
            self._change(news.content)
        elif isinstance(news.content[0], LaunchRow):
            self.held[index] += news.content
        else:
            self._store(self.held.pop(index, []), news.content)

    def _say(self) -> None:
        self.progress.doing("; ".join(filter(None, self.doing.values())))

    def _digest(self, environment: Mapping[str, Any]) -> str:
        content = canonical_json(environment)
        if content not in self.digests:
            self.digests[content] = self.folder.save_environment(environment)
        return self.digests[content]

    def _store(self, launches: Sequence[LaunchRow], rows: Sequence[SpeedRow]) -> None:
        self.folder.append(launches)
        self.folder.append(rows)
        self._learn(rows)
        for launch in launches:
            self.launches[_shape(launch)].append(launch)

    def _change(self, rows: Sequence[SpeedRow]) -> None:
        new = {key_of(row): row for row in rows}
        self.folder.change(SpeedRow, lambda row: new.get(key_of(row), row))
        for shape in {_shape(row) for row in rows}:
            self.rows[shape] = [new.get(key_of(row), row) for row in self.rows[shape]]

    def _fail(self, index: int, outcome: Died) -> None:
        """Fail what a shape lacks whose nodes were lost."""
        assert outcome.environment is not None
        unit, digest = self.todo[index], self._digest(outcome.environment)
        place = digest, self.threads.get(digest, self.request.threads)
        origin = Origin(digest, 1, timestamp())
        rows = []
        for cell in self._lacking(unit, place):
            there = replace(cell, keys=cell.keys | {"threads": place[1]})
            rows.append(failure_row(there, failure_of(outcome), origin))
        self._store((), rows)
        self.progress.remark(f"{unit.key.rpartition(' [')[0]}: {outcome.cause}: {outcome.detail}")

    def identities(self) -> list[_Key]:
        """The identities that the cells have where their shape is whole, and else where it was last measured."""
        found: dict[int, _Key] = {}
        for unit in self.units:
            places = self._places(unit)
            for place in [*(place for place in places if not self._lacking(unit, place)), *places][:1]:
                found |= {index: _at(self.cells[index], place) for index in unit.places}
        return [found[index] for index in sorted(found)]


def _at(cell: PlannedCell, place: _Place) -> _Key:
    """The identity of a cell at a place."""
    return replace(cell, keys=cell.keys | {"threads": place[1]}).identity(place[0])


def _shape(row: SpeedRow | LaunchRow) -> _Key:
    return tuple(getattr(row, name) for name in _SHAPE)


def _step(unit: Unit) -> Step:
    return Step("node time", unit.key, unit.seconds)
