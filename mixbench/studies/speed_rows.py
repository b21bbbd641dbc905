"""The rows of the speed study, made from what measuring processes answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mixbench.errors import one_line
from mixbench.execution import Died, Finished
from mixbench.machine.environment import Snapshot
from mixbench.studies.outcomes import UNUSABLE, Outcome, failure_of, unusable
from mixbench.studies.speed_plan import GROUP_KEYS, PlannedCell
from mixbench.tables.columns import STATUSES, columns
from mixbench.tables.remarks import OF_A_PROCESS, SEPARATOR, alone
from mixbench.tables.speed_rows import LaunchRow, SpeedRow

COUNTED = (*(name for name, column in columns(SpeedRow).items() if column.counted), "detail")
"""The values that are found once per cell, before anything is timed."""

_EXECUTION = [name for name, column in columns(SpeedRow).items() if column.role == "key"].index("execution")

UNSEEN = Snapshot()


@dataclass(frozen=True)
class Origin:
    """The process that rows come from: environment, launch, when it began, and the state of the machine then."""

    environment: str
    launch: int
    measured_at: str
    seen: Snapshot = UNSEEN


def failure_row(cell: PlannedCell, outcome: Outcome, origin: Origin) -> SpeedRow:
    """The row of a cell that was not measured, with the status and the detail of its outcome."""
    status = outcome.get("status")
    return SpeedRow(
        **cell.keys,
        launch=origin.launch,
        round=0,
        status=status if status in STATUSES and status != "ok" else "error",
        detail=one_line(outcome.get("detail")),
        environment=origin.environment,
        measured_at=origin.measured_at,
    )


@dataclass(frozen=True)
class Measured:
    """What became of the cells that one process was to measure, by their index: rows, a failure, or what it does to others."""

    rows: Mapping[int, list[SpeedRow]] = field(default_factory=dict)
    failed: Mapping[int, Outcome] = field(default_factory=dict)
    disturbing: Mapping[int, str] = field(default_factory=dict)
    launch: LaunchRow | None = None
    highest_mhz: float | None = None


def read_group(
    cells: Sequence[PlannedCell],
    outcome: Finished | Died,
    counts: Sequence[Outcome],
    peaks: Outcome,
    origin: Origin,
    remark: str,
) -> Measured:
    """The rows of a process that was to measure some cells, with a remark that holds for all of them.

    A process that died before it came to a cell, or gave an answer of which no row can be made, has failed for all.
    """
    every = range(len(cells))
    if isinstance(outcome, Died):
        guilty = [outcome.step] if outcome.step in every else every
        return Measured(failed=dict.fromkeys(guilty, failure_of(outcome)))
    result = outcome.result
    try:
        if result.get("disturbing"):
            return Measured(disturbing={int(index): _disturbs(what) for index, what in result["disturbing"].items()})
        if result.get("disturbed"):
            return Measured(disturbing=dict.fromkeys(every, _is_disturbed(result["disturbed"])))
        failures = result.get("abandoned") or result["failed"]
        failed = {int(index): failure for index, failure in failures.items() if int(index) in every}
        if result.get("abandoned"):
            return Measured(failed=failed or dict.fromkeys(every, unusable(LookupError("no cell failed"))))
        blocks = {int(index): measured for index, measured in result["blocks"].items()}
        remarks = {int(index): said for index, said in result.get("remarks", {}).items()}
        launch = _launch_row(cells[0], peaks, result["launch"], origin)
        highest = result.get("highest_mhz")
        highest_mhz = None if highest is None else float(highest)
    except UNUSABLE as error:
        return Measured(failed=dict.fromkeys(every, unusable(error)))
    rows: dict[int, list[SpeedRow]] = {}
    for index in every:
        if index not in failed:
            try:
                said = [remark, remarks.get(index, "")]
                rows[index] = _block_rows(cells[index], blocks[index], counts[index], origin, result["stopped_by"], said)
            except UNUSABLE as error:
                failed[index] = unusable(error)
    return Measured(rows, failed, launch=launch, highest_mhz=highest_mhz)


def beside_others(failure: Outcome) -> str:
    """The remark on a cell that failed in a process with others, and is measured in one of its own."""
    return alone(f"it failed in a process with other mixers: {one_line(failure.get('detail'))}")


def _disturbs(what: str) -> str:
    return alone(f"it changes what other mixers share: {what}")


def _is_disturbed(what: str) -> str:
    return alone(f"one of the mixers in its process changed what they share: {what}")


def _block_rows(
    cell: PlannedCell, blocks: Sequence[Outcome], counts: Outcome, origin: Origin, stopped_by: str, remarks: Sequence[str]
) -> list[SpeedRow]:
    said = (*counts.get("detail", "").split(SEPARATOR), cell.remark, *map(one_line, remarks))
    rows = [
        SpeedRow(
            **cell.keys,
            launch=origin.launch,
            round=number,
            **block,
            **{**counts, "detail": SEPARATOR.join(filter(None, dict.fromkeys(said)))},
            rounds=len(blocks),
            stopped_by=stopped_by,
            environment=origin.environment,
            measured_at=origin.measured_at,
        )
        for number, block in enumerate(blocks, start=1)
    ]
    return [_with_rates(row) for row in rows]


def _with_rates(row: SpeedRow) -> SpeedRow:
    """With the rates that follow from the time of a call. Raises ValueError for a block without wall time."""
    if row.latency_ms is None:
        raise ValueError("a block of calls has no wall time")
    if row.time_ms is None:
        return row
    return replace(
        row,
        tokens_per_s=row.tokens_per_call / row.time_ms * 1e3,
        gflops_per_s=row.flops / row.time_ms / 1e6 if row.flops else None,
    )


def _launch_row(cell: PlannedCell, peaks: Outcome, observed: Outcome, origin: Origin) -> LaunchRow:
    known = columns(LaunchRow)
    return LaunchRow(
        **{name: cell.keys[name] for name in GROUP_KEYS},
        launch=origin.launch,
        **{name: value for name, value in {**peaks, **observed}.items() if name in known},
        load=origin.seen.load,
        available_mib=origin.seen.available_mib,
        cpu_mhz=origin.seen.cpu_mhz,
        commit=origin.seen.commit,
        environment=origin.environment,
        measured_at=origin.measured_at,
    )


def counted_as(cell: tuple[Any, ...]) -> tuple[Any, ...]:
    """The identity whose counts a cell of this identity has: a graph replays what eager calls do."""
    execution = "eager" if cell[_EXECUTION] == "graph" else cell[_EXECUTION]
    return (*cell[:_EXECUTION], execution, *cell[_EXECUTION + 1 :])


def counts_of(row: SpeedRow) -> dict[str, Any]:
    """The values of a row that are found once per cell, with the remarks that are not those of its process."""
    remarks = (remark for remark in row.detail.split(SEPARATOR) if not remark.startswith(OF_A_PROCESS))
    return {name: getattr(row, name) for name in COUNTED} | {"detail": SEPARATOR.join(remarks)}
