"""One HTML page of a results folder."""

from __future__ import annotations

from pathlib import Path

from mixbench.api.options import takes
from mixbench.api.report_options import ReportOptions
from mixbench.errors import RequestError
from mixbench.studies.progress import Silent, Step
from mixbench.tables.results import ResultsFolder
from mixbench.tables.storage import storage_errors, write_atomically

NAME = "report.html"
_ELSEWHERE = "Give another file with --output."
_START = b"<!doctype html"
"""What a page begins with, in small letters."""


def write_report(options: ReportOptions) -> Path:
    """Carry out `report` with an options object."""
    from mixbench.reports.page import page_of, require_packages
    from mixbench.reports.sections import contents_of

    require_packages()
    folder = ResultsFolder(options.results)
    if not folder.path.exists():
        raise RequestError(f"there is no folder {folder.path}", "Give a results folder. Measure first: mixbench speed.")
    output = folder.path / NAME if options.output is None else Path(options.output)
    _demand_place(output, folder.path)
    progress = options.progress or Silent()
    progress.begin([Step("figures and tables", seconds=3.0), Step("page")])
    progress.doing(f"reading {folder.path}")
    contents = contents_of(folder, options.baseline, progress.doing)
    progress.done(Step("figures and tables", seconds=3.0))
    progress.doing(f"writing {output}")
    text = page_of(contents)
    with storage_errors(f"cannot write {output}", _ELSEWHERE):
        write_atomically(output, text.encode(errors="backslashreplace"))
    progress.done(Step("page"))
    return output


@takes(ReportOptions)
def report(options: ReportOptions) -> Path:
    """Make one HTML page of a results folder (default file: its `report.html`); returns the file.

    Raises RequestError if there is nothing to show, the file cannot be written there, or the extra `report` is missing;
    StorageError.
    """
    return write_report(options)


def _demand_place(output: Path, results: Path) -> None:
    """Raise RequestError if there is no place for the file, before anything takes time."""
    if output.is_dir():
        raise RequestError(f"{output} is a folder, not a file for the page", f"Give a file: --output {output / NAME}")
    if output != results / NAME and output.exists() and not _may_be_replaced(output):
        raise RequestError(f"{output} exists and is not a page: it would be lost", _ELSEWHERE)
    if output.parent != results and not output.parent.is_dir():
        raise RequestError(f"cannot write {output}: there is no folder {output.parent}", "Create it, or " + _ELSEWHERE.lower())


def _may_be_replaced(output: Path) -> bool:
    """Whether what is there is a page or an empty file; not a table, a study, or a device. Raises StorageError."""
    if not output.is_file():
        return False
    with storage_errors(f"cannot read {output}", _ELSEWHERE), output.open("rb") as stream:
        start = stream.read(len(_START))
    return start.lower() == _START or not start
