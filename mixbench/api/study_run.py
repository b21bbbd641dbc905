"""What a study does: read its file, check all of it, carry out its parts in order, judge its claims."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mixbench.api.common import separated
from mixbench.api.scale import folder_of
from mixbench.api.study_claims import baseline_of, judged_claims, study_claims
from mixbench.api.study_folder import check_folder, claim_folder, record_of, study_command
from mixbench.api.study_foresight import planned_rows, unmatched_claims, warnings
from mixbench.api.study_options import StudyOptions
from mixbench.api.study_parts import PlannedPart, planned_parts
from mixbench.api.study_source import read_source
from mixbench.api.study_work import StudyWork, study_work
from mixbench.errors import FolderBusyError, MixbenchError, RequestError, UnknownNameError
from mixbench.execution.engine import ray_address
from mixbench.parsing.study_file import CLAIMS, PARTS, StudyFile, StudyFileError, read_study_text
from mixbench.studies.progress import Once, Progress, Silent
from mixbench.tables.results import ResultsFolder
from mixbench.tables.study_record import StudyRecord
from mixbench.verdicts.claims.claim import Claim, Judged


@dataclass(frozen=True)
class PreparedStudy:
    """A study whose file is checked, with the parts that are asked for."""

    study: StudyFile
    record: StudyRecord
    parts: tuple[PlannedPart, ...]
    claims: tuple[Claim, ...]
    """Those that are asked for."""
    options: StudyOptions
    folder: str = ""
    """That the paths of the file are relative to."""
    told: set[str] = field(default_factory=set)
    """Remarks that were told while it was prepared, and since."""
    warnings: tuple[str, ...] = ()
    """What its costs and claims will lack, whatever is measured."""

    def once(self, progress: Progress) -> Once:
        """A progress that does not repeat what was told."""
        return Once(progress, self.told)

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
        return judged_claims(self.study, self.claims, ResultsFolder(self.options.results), self.folder)

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

    What is wrong with the command line, with the folder or with the form of the file is told before any data are prepared.
    Raises StudyFileError with every fault, RequestError for a file that cannot be read and for a folder of another study,
    StorageError, WorkerError.
    """
    told: set[str] = set()
    if options.progress:
        options = replace(options, progress=Once(options.progress, told))
    source = read_source(options.file)
    asked = separated(options.only)
    ray_address(options.engine, planning=options.plan)
    folder = folder_of(options).path
    study, faults = read_study_text(source.text, source.file, options.scale)
    record = record_of(source, study, options)
    if not faults:
        _check_parts(asked, study)
        if not options.plan:
            check_folder(folder, record)
    claims, unjudged = study_claims(study, source.folder)
    parts, wrong = planned_parts(study, options, source.folder, faulty=bool(faults or unjudged))
    if faults := [*faults, *wrong, *unjudged]:
        raise StudyFileError(source.file, faults)
    chosen = tuple(part for part in parts if not asked or part.command in asked)
    judged = tuple(claims if not asked or CLAIMS in asked else ())
    rows = planned_rows(parts)
    baseline = baseline_of(study, source.folder)
    if faults := unmatched_claims(study, claims, rows, baseline):
        raise StudyFileError(source.file, faults)
    lacking = warnings(chosen, judged, rows, baseline, ResultsFolder(options.results))
    return PreparedStudy(study, record, chosen, judged, options, source.folder, told, lacking)


def _check_parts(asked: Sequence[str], study: StudyFile) -> None:
    """Raise RequestError, UnknownNameError for a part that a study does not have."""
    there = [*dict.fromkeys(part.command for part in study.parts), *([CLAIMS] if study.claims else [])]
    for name in asked:
        if name not in (*PARTS, CLAIMS):
            raise UnknownNameError("part", name, there, "for --only", in_order=True)
        if name not in there:
            what = "claims" if name == CLAIMS else f"part {name}"
            raise RequestError(f"--only: {study.file} has no {what}", f"It has: {', '.join(there)}.")


def carry_out_parts(
    prepared: PreparedStudy, run: Callable[[PlannedPart], Any], tell: Callable[[str], None]
) -> list[PartOutcome]:
    """Carry out the parts in order by `run`; an error of one does not stop the others. `tell` is given remarks.

    Raises FolderBusyError, RequestError for a folder of another study, StorageError where it cannot be written.
    """
    if any(part.work is not None for part in prepared.parts):  # what only reads also has its answer from a folder of others
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
