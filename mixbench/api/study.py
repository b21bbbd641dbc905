"""A study as a function: its tables and claims for Python, and as plain values for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.api.common import frame
from mixbench.api.options import takes
from mixbench.api.scale import Forecast, carry_out, folder_of, forecast
from mixbench.api.study_options import StudyOptions
from mixbench.api.study_run import PartOutcome, PreparedStudy, carry_out_parts, prepare_study
from mixbench.studies.progress import Silent
from mixbench.verdicts.claims.claim import Judged
from mixbench.verdicts.claims.judging import records as records_of_claims

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class StudyResult:
    """What `mixbench.study` returns.

    `parts` has a row per part: `part`, `command`, the number of its `cells` and `units`, the predicted `seconds`, how many
    cells have `failed`, and the `error` that stopped it, or an empty text. `tables` has the rows of the parts by command,
    with the columns of its table; those of `cost` are the factors. `claims` has a row per claim, with its `verdict` and the
    `sentence` that says why; `judged` has the same with every number.
    """

    title: str
    question: str
    scale: str | None
    results: Path
    parts: pandas.DataFrame
    tables: dict[str, pandas.DataFrame]
    claims: pandas.DataFrame
    judged: tuple[Judged, ...] = ()


@takes(StudyOptions)
def study(options: StudyOptions) -> StudyResult:
    """Carry out a study, or one shard of it; with `plan`, nothing is carried out, and only `parts` has rows.

    Errors of a part stand in `parts`, and the other parts are carried out. Raises StudyFileError with every fault of the file,
    RequestError for a wrong request or the folder of another study, FolderBusyError, StorageError, WorkerError; all of them are
    MixbenchErrors.
    """
    import pandas

    prepared = prepare_study(options)
    options = prepared.options
    outcomes: Sequence[PartOutcome] = [PartOutcome(part) for part in prepared.parts]
    tables: dict[str, pandas.DataFrame] = {}
    judged: list[Judged] = []
    folder = folder_of(options).path
    if options.shard and not options.plan:
        if (work := prepared.work) is not None:
            tables = _tables_of_shard(carry_out(work, options).rows)
    elif not options.plan:
        tell = (options.progress or Silent()).remark
        for text in prepared.warnings:
            tell(text)
        outcomes = carry_out_parts(prepared, lambda part: part.run(part.options), tell)
        tables = _tables(outcomes)
        judged = prepared.judged()
    return StudyResult(
        prepared.study.title,
        prepared.study.question,
        prepared.study.scale,
        folder,
        pandas.DataFrame([_told(outcome) for outcome in outcomes]),
        tables,
        pandas.DataFrame(records_of_claims(judged), columns=["name", "claim", "rule", "verdict", "sentence"]),
        tuple(judged),
    )


def _told(outcome: PartOutcome) -> dict[str, Any]:
    part, work = outcome.part, outcome.part.work
    planned = {"cells": 0, "units": 0, "seconds": 0.0}
    if work is not None:
        planned = {"cells": len(work.cells), "units": len(work.units), "seconds": work.seconds(work.units)}
    error = "" if outcome.error is None else str(outcome.error)
    return {"part": part.command, "command": part.command_line, **planned, "failed": outcome.failed, "error": error}


def _tables(outcomes: Sequence[PartOutcome]) -> dict[str, pandas.DataFrame]:
    import pandas

    from mixbench.verdicts.cost.records import records

    found: dict[str, list[pandas.DataFrame]] = {}
    for outcome in outcomes:
        if outcome.error is None:
            rows = outcome.outcome
            costs = outcome.part.command == "cost"
            made = pandas.DataFrame([each for cost in rows.costs for each in records(cost)]) if costs else frame(rows.rows)
            found.setdefault(outcome.part.command, []).append(made)
    return {command: pandas.concat(several_frames, ignore_index=True) for command, several_frames in found.items()}


def _tables_of_shard(rows: Sequence[Any]) -> dict[str, pandas.DataFrame]:
    from mixbench.tables.rows import TABLES

    names = {"data_efficiency": "data-efficiency", "tuning": "tune", "attention_map": "attention-map"}
    own = {name: [row for row in rows if type(row) is row_type] for name, row_type in TABLES.items()}
    return {names.get(name, name): frame(found) for name, found in own.items() if found}


def study_forecast(prepared: PreparedStudy) -> Forecast | None:
    """What is expected of all parts together, by shard; None if they only read."""
    work = prepared.work
    return None if work is None else forecast(work, prepared.options)


def planned_as_json(prepared: PreparedStudy, expected: Forecast | None) -> dict[str, Any]:
    """A plan as plain values."""
    parts = [_told(PartOutcome(part)) for part in prepared.parts]
    plan = None if expected is None else expected.as_json()
    return {**_named(prepared), "parts": parts, "plan": plan}


def outcomes_as_json(prepared: PreparedStudy, outcomes: Sequence[PartOutcome], judged: Sequence[Judged]) -> dict[str, Any]:
    """What became of all parts as plain values, with what their commands print as JSON, and the claims."""
    parts = [
        {**_told(outcome), "outcome": outcome.outcome.as_json() if outcome.outcome else None, "hint": _hint(outcome)}
        for outcome in outcomes
    ]
    results = {"results": str(prepared.options.results)}
    return {**_named(prepared), **results, "parts": parts, "claims": records_of_claims(judged)}


def _named(prepared: PreparedStudy) -> dict[str, Any]:
    study = prepared.study
    return {
        "title": study.title,
        "question": study.question,
        "scale": study.scale,
        "command": prepared.command,
        "warnings": list(prepared.warnings),
    }


def _hint(outcome: PartOutcome) -> str:
    return outcome.error.hint if outcome.error else ""
