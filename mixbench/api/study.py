"""A study as a function: read its file, check all of it, carry out its parts in order, judge its claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.api.common import frame, several
from mixbench.api.options import takes
from mixbench.api.scale import Forecast, carry_out, folder_of, forecast
from mixbench.api.study_claims import judged_claims, study_claims
from mixbench.api.study_folder import check_folder, claim_folder, record_of, study_command
from mixbench.api.study_options import StudyOptions
from mixbench.api.study_parts import PlannedPart, planned_parts
from mixbench.api.study_source import read_source
from mixbench.api.study_work import StudyWork, study_work
from mixbench.errors import FolderBusyError, MixbenchError, RequestError, UnknownNameError
from mixbench.parsing.study_file import CLAIMS, PARTS, StudyFile, StudyFileError, read_study_text
from mixbench.studies.progress import Silent
from mixbench.tables.results import ResultsFolder
from mixbench.tables.study_record import StudyRecord
from mixbench.verdicts.claims.claim import Claim, Judged
from mixbench.verdicts.claims.judging import records as records_of_claims

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class PreparedStudy:
    """A study whose file is checked, with the parts that are asked for."""

    study: StudyFile
    record: StudyRecord
    parts: tuple[PlannedPart, ...]
    claims: tuple[Claim, ...]
    """Those that are asked for."""
    options: StudyOptions

    @property
    def command(self) -> str:
        """What to type to carry it out, without its shard."""
        return study_command(self.options)

    @property
    def after_shards(self) -> list[str]:
        """What shards leave to the command without --shard: parts that only read, and claims."""
        reading = [part.command for part in self.parts if part.work is None]
        return [*dict.fromkeys(reading), *(["claims"] if self.claims else [])]

    def judged(self) -> list[Judged]:
        """What the rows of the results folder say of the claims. Raises StorageError."""
        return judged_claims(self.study, self.claims, ResultsFolder(self.options.results))

    @property
    def work(self) -> StudyWork | None:
        """All its parts as one plan; None if they only read."""
        tell = (self.options.progress or Silent()).remark
        return study_work(self.parts, lambda folder: claim_folder(folder, self.record, tell))


@dataclass(frozen=True)
class PartOutcome:
    """What became of a part: what its command returns, or why it could not be carried out."""

    part: PlannedPart
    outcome: Any = None
    error: MixbenchError | None = None

    @property
    def failed(self) -> int:
        """Cells that failed."""
        return getattr(self.outcome, "failed", 0)


def prepare_study(options: StudyOptions) -> PreparedStudy:
    """Read a file and check all of it; data sets are prepared, and downloaded unless the plan is only to be looked at.

    Raises StudyFileError with every fault, RequestError for a file that cannot be read and for a folder of another study,
    StorageError, WorkerError.
    """
    if options.plan and options.progress:
        options = replace(options, progress=_Once(options.progress.remark))
    source = read_source(options.file)
    asked = several(options.only)
    for name in asked:
        if name not in (*PARTS, CLAIMS):
            raise UnknownNameError("part", name, (*PARTS, CLAIMS), "for --only")
    study, faults = read_study_text(source.text, source.file, options.scale)
    parts, wrong = planned_parts(study, options, source.folder)
    claims, unjudged = study_claims(study)
    if faults := [*faults, *wrong, *unjudged]:
        raise StudyFileError(source.file, faults)
    chosen = [part for part in parts if not asked or part.command in asked]
    if asked and not chosen and CLAIMS not in asked:
        known = ", ".join(dict.fromkeys(part.command for part in parts))
        raise RequestError(f"{source.file} has no part {', '.join(asked)}", f"It has {known}.")
    record = record_of(source, study, options)
    if not options.plan:
        check_folder(folder_of(options).path, record)
    return PreparedStudy(study, record, tuple(chosen), tuple(claims if not asked or CLAIMS in asked else ()), options)


class _Once(Silent):
    """Passes on each remark once: several parts may have the same data."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.tell, self.told = tell, set[str]()

    def remark(self, text: str) -> None:
        """Something the user should know, in one line."""
        if text not in self.told:
            self.told.add(text)
            self.tell(text)


def carry_out_parts(
    prepared: PreparedStudy, run: Callable[[PlannedPart], Any], tell: Callable[[str], None]
) -> list[PartOutcome]:
    """Carry out the parts in order by `run`; an error of one does not stop the others. `tell` is given remarks.

    Raises FolderBusyError, RequestError for a folder of another study, StorageError where it cannot be written.
    """
    claim_folder(ResultsFolder(prepared.options.results), prepared.record, tell)
    found = []
    for part in prepared.parts:
        try:
            found.append(PartOutcome(part, run(part)))
        except FolderBusyError:
            raise
        except MixbenchError as error:
            found.append(PartOutcome(part, error=error))
    return found


@dataclass(frozen=True)
class StudyResult:
    """What `mixbench.study` returns.

    `parts` has a row per part: `part`, `command`, the number of its `cells` and `units`, the `seconds` that were predicted,
    how many cells have `failed`, and the `error` that stopped it. `tables` has the rows of the parts by command, with the
    columns of its table; those of `cost` are the factors. `claims` has a row per claim, with its `verdict` and the `sentence`
    that says why; `judged` has the same with every number.
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

    Errors of a part stand in `parts`, and the other parts are carried out. Raises MixbenchError for a file or a request that is
    wrong.
    """
    import pandas

    silent = prepare_study(options if options.shard or options.plan else replace(options, progress=None))
    outcomes: Sequence[PartOutcome] = [PartOutcome(part) for part in silent.parts]
    tables: dict[str, pandas.DataFrame] = {}
    judged: list[Judged] = []
    folder = folder_of(options).path
    if options.shard and not options.plan:
        if (work := silent.work) is not None:
            tables = _tables_of_shard(carry_out(work, options).rows)
    elif not options.plan:
        tell = (options.progress or Silent()).remark
        outcomes = carry_out_parts(silent, lambda part: part.run(_with_progress(part, options)), tell)
        tables = _tables(outcomes)
        judged = silent.judged()
    return StudyResult(
        silent.study.title,
        silent.study.question,
        silent.study.scale,
        folder,
        pandas.DataFrame([_told(outcome) for outcome in outcomes]),
        tables,
        pandas.DataFrame(records_of_claims(judged), columns=["name", "claim", "rule", "verdict", "sentence"]),
        tuple(judged),
    )


def _with_progress(part: PlannedPart, options: StudyOptions) -> Any:
    return part.options if part.command == "cost" else replace(part.options, progress=options.progress)


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
    return {**_named(prepared), "parts": parts, "plan": None if expected is None else expected.as_json()}


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
    return {"title": study.title, "question": study.question, "scale": study.scale, "command": prepared.command}


def _hint(outcome: PartOutcome) -> str:
    return outcome.error.hint if outcome.error else ""
