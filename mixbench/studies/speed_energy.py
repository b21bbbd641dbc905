"""Energy per call: seconds for each cell, so it is measured on request, and added to cells that have been timed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mixbench.errors import one_line
from mixbench.execution import Died, Finished
from mixbench.studies.batches import batches, settle
from mixbench.studies.outcomes import Outcome, failure_of
from mixbench.studies.progress import Progress, Step, duration
from mixbench.studies.speed_counting import Ask
from mixbench.studies.speed_plan import PlannedCell, describe
from mixbench.tables.columns import identity
from mixbench.tables.remarks import SEPARATOR, notes_in, remark
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import SpeedRow

Energy = Mapping[str, Any]
"""`energy_j`, or None, and as `detail` the remark on it."""

_METRIC = "energy_j"
_MOST = 4
"""Cells of one process: what was measured is stored when it ends."""
_AROUND = 0.3


@dataclass
class Energies:
    """The energy of the cells of an environment: what its rows say, and what is added to them."""

    folder: ResultsFolder
    environment: str
    known: dict[tuple[Any, ...], Energy] = field(default_factory=dict)
    meters: dict[str, Outcome] = field(default_factory=dict)
    """By device, the `seconds` for which a call is repeated there, or why energy is `missing`."""

    def read(self, rows: Iterable[SpeedRow]) -> None:
        """Take the energy that rows have."""
        self.known = {identity(row): _energy_of(row.energy_j, row.detail) for row in rows if row.status == "ok"}

    def lacking(self, cells: Iterable[PlannedCell]) -> list[PlannedCell]:
        """The cells whose energy is not known."""
        return [cell for cell in cells if self._known(cell).get(_METRIC) is None]

    def find_meters(self, cells: Sequence[PlannedCell], ask: Ask) -> Iterator[str]:
        """Look for the meters of these cells; what measuring their energy will take, in words, or why it is not measured."""
        for device in dict.fromkeys(cell.keys["device"] for cell in cells):
            answer = ask("find_meter", {"device": device})
            meter: Outcome = {"missing": answer.detail} if isinstance(answer, Died) else answer.result
            self.meters[device] = meter
            count = len([cell for cell in cells if cell.keys["device"] == device])
            if "seconds" in meter:
                each, total = meter["seconds"], count * meter["seconds"]
                yield f"Energy: {count:,} cell{'s' if count > 1 else ''} × {each:g} s, about {duration(total)}"
            else:
                yield f"Energy is not measured: {one_line(meter.get('missing'))}"

    def steps(self, cells: Sequence[PlannedCell]) -> list[Step]:
        """What measuring the energy of these cells takes."""
        return [self._step(batch) for batch in self._batches(cells)]

    def add(self, cells: Sequence[PlannedCell], ask: Ask, progress: Progress) -> None:
        """Measure the energy of cells with a meter, and add it to their rows whenever a process has ended."""

        def measure(items: Sequence[PlannedCell]) -> Finished | Died:
            return ask("measure_energy", {"cells": [cell.job for cell in items], "threads": items[0].keys["threads"]})

        for batch in self._batches(cells):
            words = f"{len(batch)} cells" if len(batch) > 1 else batch[0].label
            progress.doing(f"energy of {words}, {describe(batch[0])}")
            self._store([(cell, _energy(outcome)) for cell, outcome in settle(batch, measure, lambda cell: cell.job["target"])])
            progress.done(self._step(batch))

    def add_reasons(self, cells: Sequence[PlannedCell]) -> None:
        """Add to the rows of cells without a meter why there is none."""
        missing = {device: meter.get("missing") for device, meter in self.meters.items() if "seconds" not in meter}
        self._store([(cell, _none(missing[device])) for cell in cells if (device := cell.keys["device"]) in missing])

    def values(self, cell: PlannedCell, counts: Outcome) -> Outcome:
        """What is found once for a cell: its counts, and its energy where it is known."""
        return _with_energy(counts, self._known(cell))

    def _known(self, cell: PlannedCell) -> Energy:
        return self.known.get(cell.identity(self.environment), {})

    def _batches(self, cells: Sequence[PlannedCell]) -> list[list[PlannedCell]]:
        return batches([cell for cell in cells if "seconds" in self.meters.get(cell.keys["device"], {})], _MOST)

    def _step(self, batch: Sequence[PlannedCell]) -> Step:
        return Step("energy", len(batch), len(batch) * (self.meters[batch[0].keys["device"]]["seconds"] + _AROUND))

    def _store(self, found: Iterable[tuple[PlannedCell, Energy]]) -> None:
        new = {cell.identity(self.environment): energy for cell, energy in found if self._known(cell) != energy}
        self.known |= new

        def changed(row: SpeedRow) -> SpeedRow:
            energy = new.get(identity(row)) if row.status == "ok" else None
            return replace(row, **_with_energy({"detail": row.detail}, energy)) if energy else row

        if new:
            self.folder.change(SpeedRow, changed)


def without_energy(counts: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row that are found once, but for those on energy."""
    detail = counts.get("detail", "")
    others = [text for text in detail.split(SEPARATOR) if text not in notes_in(detail, _METRIC)]
    return {name: value for name, value in counts.items() if name != _METRIC} | {"detail": SEPARATOR.join(others)}


def _with_energy(values: Mapping[str, Any], energy: Energy) -> dict[str, Any]:
    plain = without_energy(values)
    detail = SEPARATOR.join(filter(None, (plain["detail"], energy.get("detail"))))
    return {**plain, _METRIC: energy.get(_METRIC), "detail": detail}


def _energy_of(joules: float | None, detail: str) -> Energy:
    return {_METRIC: joules, "detail": SEPARATOR.join(notes_in(detail, _METRIC))}


def _energy(outcome: Outcome | Died) -> Energy:
    """What a child says of a cell; a failure is a remark, for the cell has been timed."""
    if isinstance(outcome, Died):
        outcome = failure_of(outcome)
    joules = outcome.get(_METRIC)
    if outcome.get("status") != "ok":
        return _none(f"{outcome.get('status')}: {outcome.get('detail')}")
    return {_METRIC: joules, "detail": ""} if isinstance(joules, float) and joules > 0 else _none(outcome.get("missing"))


def _none(reason: Any) -> Energy:
    return {_METRIC: None, "detail": remark(_METRIC, one_line(reason))}
