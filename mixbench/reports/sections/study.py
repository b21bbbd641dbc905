"""The study that a folder belongs to, if it has the file of one: its title and question, its claims, and its command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mixbench.errors import MixbenchError
from mixbench.parsing.study_file import StudyFile, parse_study
from mixbench.tables.results import ResultsFolder
from mixbench.tables.study_record import FILE, read_study
from mixbench.verdicts.claims.claim import Judged
from mixbench.verdicts.claims.judging import judge
from mixbench.verdicts.claims.rules import claims_of


@dataclass(frozen=True)
class FolderStudy:
    """What a page says of the study; all empty for a folder without one."""

    title: str = ""
    question: str = ""
    command: str = ""
    judged: tuple[Judged, ...] = ()


def study_of(folder: ResultsFolder, path: Path, baseline: str | None, told: list[str]) -> FolderStudy:
    """The study of a folder at `path`, and what its rows say of the claims; what cannot be read is `told`."""
    try:
        record = read_study(path)
    except MixbenchError as error:
        told.append(f"{FILE} is not shown: {error}")
        return FolderStudy()
    if record is None:
        return FolderStudy()
    try:
        study = parse_study(record.text, str(path / FILE), record.scale)
    except MixbenchError as error:
        told.append(f"{FILE} is not shown: {error}")
        return FolderStudy(command=record.command)
    return FolderStudy(_title(study), _question(study), record.command, tuple(_judged(study, folder, baseline, told)))


def _title(study: StudyFile) -> str:
    return f"{study.title} · {study.scale}" if study.title and study.scale else study.title


def _question(study: StudyFile) -> str:
    return " · ".join(filter(None, (study.question, study.source)))


def _judged(study: StudyFile, folder: ResultsFolder, baseline: str | None, told: list[str]) -> list[Judged]:
    given = study.shared.get("baseline")
    chosen = baseline or (str(given.value) if given else None)
    raw = {name: {key: own.value for key, own in claim.items()} for name, claim in study.claims.items() if "rule" in claim}
    try:
        return judge(claims_of(raw, installed=False), folder, baseline=chosen)
    except MixbenchError as error:
        told.append(f"Claims are not shown: {error}")
        return []
