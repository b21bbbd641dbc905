"""The results folder of a study: it belongs to one study at one scale, and says to which."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from mixbench.api.command_line import command_line
from mixbench.api.scale import NOT_OF_THE_PLAN
from mixbench.api.study_options import StudyOptions
from mixbench.api.study_source import StudySource
from mixbench.errors import RequestError
from mixbench.parsing.study_file import StudyFile
from mixbench.parsing.toml_lines import read_toml
from mixbench.tables.results import ResultsFolder
from mixbench.tables.study_record import StudyRecord, read_study, write_study


def study_command(options: StudyOptions) -> str:
    """What to type to carry out the study, without its shard."""
    return command_line("study", options, without=NOT_OF_THE_PLAN)


def record_of(source: StudySource, study: StudyFile, options: StudyOptions) -> StudyRecord:
    """What the results folder of a study says. Its command repeats the whole study, whichever parts are carried out now."""
    whole = command_line("study", options, without=(*NOT_OF_THE_PLAN, "only"))
    return StudyRecord(source.text, study.scale, source.file, whole)


def check_folder(folder: Path, record: StudyRecord) -> None:
    """Raise RequestError for a folder of another study, or of another scale; StorageError."""
    stored = read_study(folder)
    if stored is None:
        return
    if _title(stored) != _title(record):
        raise RequestError(f"{folder} belongs to another study: {_title(stored)}", _elsewhere(folder, record))
    if stored.scale != record.scale and stored.command:
        which = f"at scale {stored.scale}" if stored.scale else "without a scale"
        raise RequestError(f"{folder} has this study {which}: each scale needs its own folder", _elsewhere(folder, record))


def claim_folder(folder: ResultsFolder, record: StudyRecord, tell: Callable[[str], None]) -> None:
    """Write in a folder which study it has, and tell if the study has changed. Raises RequestError, StorageError."""
    stored = read_study(folder.path)
    if stored == record:
        return
    with folder.writing():
        check_folder(folder.path, record)
        write_study(folder.path, record)
    if stored is not None and stored.text != record.text:
        told = f"{record.file} has changed since {folder.path} was written: rows that it no longer asks for stay."
        tell(told)


def _title(record: StudyRecord) -> str:
    """What a study is known by: its title, or the name of its file."""
    try:
        title = read_toml(record.text)[0].get("title")
    except (ValueError, RecursionError):
        title = None
    return title if isinstance(title, str) and title else Path(record.file).name


def _elsewhere(folder: Path, record: StudyRecord) -> str:
    name = record.scale or Path(record.file).name.partition(".")[0]
    return f"Give it a folder of its own: --results {shlex.quote(str(folder / name))}"
