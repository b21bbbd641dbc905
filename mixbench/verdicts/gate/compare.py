"""Compare two results folders: cells are matched by key and machine, and each metric is judged by its rule."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mixbench.tables.columns import Row
from mixbench.tables.rows import TABLE_FILES, TABLE_NAMES
from mixbench.tables.selection import NOTHING, Selection, type_of
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.verdicts.environments import UNITED
from mixbench.verdicts.gate.across import Advice, advise, apart, as_cells, how_to_compare
from mixbench.verdicts.gate.cells import (
    CellKey,
    Measured,
    by_cell,
    cell_labels,
    cell_places,
    differing,
    earlier_code,
    flattened,
    names_in_both,
    rows_by_machine,
    united_rows,
    with_launches,
)
from mixbench.verdicts.gate.comparison import VERDICTS, ComparedCell, Comparison
from mixbench.verdicts.gate.judging import COUNTS, Judge, Pair
from mixbench.verdicts.gate.rules import simultaneous_level
from mixbench.verdicts.labels import unpacked
from mixbench.verdicts.machines import machine_words
from mixbench.verdicts.speed.times import with_times

DEFAULT_THRESHOLD = 0.30
"""Stored times fail the gate only beyond this: measured at different times, they differ by this much without any change."""


def compare(
    base: Measured,
    head: Measured,
    *,
    threshold: float = DEFAULT_THRESHOLD,
    tolerances: Mapping[str, float] | None = None,
    counts_only: bool = False,
    across_machines: bool = False,
) -> Comparison:
    """Every cell of either version, judged. Times are compared on one machine only; with `counts_only`, any machine will do.

    `threshold` is the relative change of a stored time that gates, `tolerances` those of counts (default 0). Where a version
    has several environments of one machine, the newest counts. Training runs of several machines are united. With
    `across_machines`, there is advice on the cells that were not measured on any common machine; they are never judged.
    """
    remarks: list[str] = []
    pairs: list[Pair] = []
    advice: list[Advice] = []
    for row_type in COUNTS:
        below, above = (_by_machine(side, row_type, counts_only, remarks) for side in (base, head))
        # if a version has no row of the table at all, the table is lost or new on any machine
        machines = [name for name in below | above if (name in below or not below) and (name in above or not above)]
        told = _machine_words(machines)
        names = names_in_both(base, head, row_type)
        for side, by_machine, own in ((base, below, names[0]), (head, above, names[1])):
            for machine in machines:
                remarks += [f"{side.name}: {remark}" for remark in earlier_code(by_machine.get(machine, ()), own)]
        cells = [
            {machine: by_cell(_timed(rows, side), own) for machine, rows in by_machine.items()}
            for side, by_machine, own in zip((base, head), (below, above), names, strict=True)
        ]
        everywhere = _by_key(cells[0]), _by_key(cells[1])
        far = apart(*everywhere) if row_type is SpeedRow and not counts_only else []
        lone = [{keys[side] for keys in far} for side in (0, 1)]
        for machine in machines:
            old, new = (side.get(machine, {}) for side in cells)
            keys = [key for key in old if key in new or key not in lone[0]]
            keys += [key for key in new if key not in old and key not in lone[1]]
            pairs += [Pair(row_type, told[machine], key, old.get(key, NOTHING), new.get(key, NOTHING)) for key in keys]
        for side, others in ((base, below.keys() - machines), (head, above.keys() - machines)):
            remarks += _alone(side.name, others, row_type)
        if far and across_machines:
            advice = advise(*everywhere, threshold)
        elif far:
            remarks.append(how_to_compare(len(far)))
    cells_of = {row_type: [pair.key for pair in pairs if pair.row_type is row_type] for row_type in COUNTS}
    labels = {row_type: cell_labels(keys, row_type) for row_type, keys in cells_of.items()}
    places = {row_type: cell_places(keys, labels[row_type], row_type) for row_type, keys in cells_of.items()}
    intervals = sum(all(pair.good) for pair in pairs)
    judge = Judge(threshold, tolerances or {}, counts_only, simultaneous_level(intervals))
    compared = [
        ComparedCell(
            study=TABLE_NAMES[pair.row_type],
            mixer=labels[pair.row_type][pair.key],
            place=places[pair.row_type][pair.key] | pair.machine,
            **judge.cell(pair),
        )
        for pair in pairs
    ]
    compared = _renamed(compared)
    compared.sort(key=importance)
    limits = ({} if counts_only else {"time": threshold}) | dict(tolerances or {})
    advised = tuple(sorted(as_cells(advice), key=importance))
    return Comparison(base.name, head.name, tuple(compared), tuple(remarks), limits, advised)


def _by_machine(side: Measured, row_type: type[Row], counts_only: bool, remarks: list[str]) -> dict[str, Selection[Any]]:
    """The rows to compare by machine; under "" where the machine does not matter."""
    return united_rows(side, row_type, remarks) if row_type in UNITED else rows_by_machine(side, row_type, counts_only, remarks)


def _timed(rows: Selection[Any], side: Measured) -> Selection[Any]:
    """Rows of speed.csv with the columns that times are compared by; others as they are."""
    return with_times(with_launches(rows, side.of(LaunchRow))) if type_of(rows) is SpeedRow else rows


def _by_key(machines: Mapping[str, Mapping[CellKey, Selection[Any]]]) -> dict[CellKey, dict[str, Selection[Any]]]:
    found: dict[CellKey, dict[str, Selection[Any]]] = defaultdict(dict)
    for machine, cells in machines.items():
        for key, rows in cells.items():
            found[key][machine] = rows
    return found


def _alone(name: str, machines: Iterable[str], row_type: type[Row]) -> list[str]:
    return [
        f"{name} has {TABLE_FILES[row_type]} from a machine that the other folder lacks ({machine}): not compared"
        for machine in sorted(machine_words(unpacked(machine)) for machine in machines)
    ]


def _machine_words(machines: Sequence[str]) -> dict[str, dict[str, str]]:
    """What distinguishes each machine from the others; {} for a single one."""
    return dict(zip(machines, differing([flattened(machine) for machine in machines]), strict=True))


def _renamed(cells: Sequence[ComparedCell]) -> list[ComparedCell]:
    """Suggest a new name where a mixer that only the base has is missing and one that only the head has took its place."""
    verdicts: dict[str, set[str]] = defaultdict(set)
    for cell in cells:
        verdicts[cell.mixer].add("" if cell.in_both else cell.verdict)
    new: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for cell in cells:
        if verdicts[cell.mixer] == {"new"}:
            new[cell.study, *cell.place.values()].append(cell.mixer)
    return [
        replace(cell, detail=f"{cell.detail}; renamed to {others[0]}?")
        if verdicts[cell.mixer] == {"missing"} and len(others := new[cell.study, *cell.place.values()]) == 1
        else cell
        for cell in cells
    ]


def importance(cell: ComparedCell) -> tuple[int, float]:
    """Sorts by verdict, then by the size of the change; equal cells stay in the order in which they were measured."""
    change = cell.leading.change
    return VERDICTS.index(cell.verdict), -abs(change.point) if change else 0.0
