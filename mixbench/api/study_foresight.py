"""What can be said of a study before anything runs, by a row for each planned cell: claims and costs that will lack rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mixbench.api.cost import wish_of
from mixbench.api.preparing import is_assumed
from mixbench.api.study_claims import line_of
from mixbench.api.study_parts import PlannedPart
from mixbench.errors import StorageError
from mixbench.parsing.study_file import Fault, StudyFile
from mixbench.tables.columns import Row, columns, required
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import TABLES
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow, TrialRow
from mixbench.verdicts.claims.claim import Claim
from mixbench.verdicts.claims.foresight import chosen, tables_without_rows, unmatched
from mixbench.verdicts.claims.product import wish_of_claim
from mixbench.verdicts.cost.foresight import is_whole, untimed
from mixbench.verdicts.cost.subject import Wish

Rows = Mapping[type[Row], Sequence[Any]]
_MADE: Mapping[type[Row], Mapping[str, Any]] = {
    SpeedRow: {"latency_ms": 1.0, "flops": 1},
    TrainingRow: {"dev_score": 1.0, "test_score": 1.0},
    TrialRow: {"dev_score": 1.0, "test_score": 1.0},
    AttentionMapRow: {},
}
"""By table, what stands for the numbers that a cell gives where it does not fail."""
_OF_DATA = ("size", "tokens")
"""Options of claims whose columns are not known before a data set is loaded."""


def planned_rows(parts: Sequence[PlannedPart]) -> Rows:
    """A row for each cell that parts will carry out, replicates only once, with 1 for what is measured.

    The table of trials is empty where a part reads some that were made elsewhere: what they are of is not known.
    """
    found: dict[type[Row], dict[Any, Row]] = defaultdict(dict)
    unknown: dict[type[Row], list[Any]] = {}
    for part in parts:
        if part.work is None:
            unknown |= {TrialRow: []} if part.command == "tune" else {}
            continue
        row_type = TABLES[part.work.table]
        for cell in part.work.cells:
            key = tuple(cell.keys.values())
            if key not in found[row_type]:
                found[row_type][key] = _row(row_type, part, cell)
    return {row_type: [*rows.values()] for row_type, rows in found.items()} | unknown


def _row(row_type: type[Any], part: PlannedPart, cell: Any) -> Any:
    values = {name: "" if name in ("environment", "measured_at") else 1 for name in required(row_type)} | dict(cell.keys)
    if row_type is SpeedRow:
        values["launch"] = part.options.launches
    if cell.unsupported:
        return row_type(**values, status="unsupported")
    made = dict(_MADE[row_type])
    if row_type is SpeedRow and part.options.energy:
        made["energy_j"] = 1.0
    if "score" in columns(row_type):
        made["score"] = str(cell.job.get("score", ""))
    return row_type(**values, **made)


def unmatched_claims(study: StudyFile, claims: Sequence[Claim], rows: Rows, baseline: str | None) -> list[Fault]:
    """What claims ask of tables that parts of the file make, and that none of their rows will have."""
    runs: tuple[type[Row], ...] = (TrainingRow, TrialRow, AttentionMapRow)
    unknown: Mapping[type[Row], Sequence[str]] = {
        table: _OF_DATA for table in runs if any(is_assumed(row) for row in rows.get(table, ()))
    }
    faults = []
    for claim in claims:
        own = study.claims[claim.name]
        for wrong in unmatched(claim, rows, baseline, unknown):
            faults.append(Fault(line_of(own, wrong.key), f"claim {claim.name}: {wrong.message}", wrong.hint))
    return faults


def warnings(
    parts: Sequence[PlannedPart], claims: Sequence[Claim], rows: Rows, baseline: str | None, folder: ResultsFolder
) -> tuple[str, ...]:
    """What claims and costs will lack, a sentence each with what to add to the file.

    What the results folder has already is not lacking.
    """
    found = tuple(_warnings(parts, claims, rows, baseline))
    if not found:
        return ()
    try:
        there = {table: folder.read(table) for table in _MADE}
    except StorageError:  # which is told where the folder is used
        return found
    both = {table: [*rows.get(table, ()), *own] for table, own in there.items() if table in rows or own}
    return tuple(_warnings(parts, claims, both, baseline)) if any(there.values()) else found


def _warnings(parts: Sequence[PlannedPart], claims: Sequence[Claim], rows: Rows, baseline: str | None) -> Iterator[str]:
    for claim in claims:
        if lacking := tables_without_rows(claim, rows):
            yield f"The claim {claim.name} needs {' and '.join(lacking)}, which no part of the file makes."
    for part in parts:
        if part.command == "cost":
            yield from _of_cost("cost", wish_of(part.options, {}), rows)
    for claim in claims:
        if claim.rule == "cheaper" and not tables_without_rows(claim, rows):
            among = [claim.options["mixer"], *(claim.options["against"] or [baseline or "attention"])]
            yield from _of_cost(f"the claim {claim.name}", wish_of_claim(claim), chosen(claim, rows), among)


def _of_cost(who: str, wish: Wish, rows: Rows, among: Sequence[str] = ()) -> Iterator[str]:
    tables = rows.get(SpeedRow, ()), rows.get(TrainingRow, ()), rows.get(TrialRow, ())
    if TrialRow in rows and not tables[2]:
        return
    if not is_whole(tables[1], tables[2], wish):
        alike = "on one task, with the same layers, width and tokens"
        yield f"For {who}, data-efficiency and tune must train the same mixers {alike}: no parts of the file do."
    for own in untimed(*tables, wish, among):
        yield (
            f"For {who}, no part measures the {wish.measure} of an example of {', '.join(own.mixers)} ({own.subject.words})."
            f" Add a speed part with the options of this command:\n  {own.command}"
        )
