"""What a study does: read its file, check all of it, carry out its parts in order, judge its claims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mixbench.api.common import several
from mixbench.api.scale import folder_of
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

if TYPE_CHECKING:
    pass


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
    claims, unjudged = study_claims(study, source.folder)
    if faults := [*faults, *wrong, *unjudged]:
        raise StudyFileError(source.file, faults)
    chosen = [part for part in parts if not asked or part.command in asked]
    if asked and not chosen and CLAIMS not in asked:
        known = ", ".join(dict.fromkeys(part.command for part in parts))
        raise RequestError(f"{source.file} has no part {', '.join(asked)}", f"It has {known}.")
    record = record_of(source, study, options)
    if not options.plan:
        check_folder(folder_of(options).path, record)
    judged = tuple(claims if not asked or CLAIMS in asked else ())
    return PreparedStudy(study, record, tuple(chosen), judged, options, source.folder)


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
