"""Results as the files that CI services read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mixbench.api.export_options import ExportOptions
from mixbench.api.loading import load
from mixbench.api.options import takes
from mixbench.api.shared_options import Names
from mixbench.errors import RequestError
from mixbench.parsing.spec import parse_names
from mixbench.tables.storage import storage_errors, write_atomically

if TYPE_CHECKING:
    from mixbench.verdicts.gate.report import Report

_ELSEWHERE = "Give another folder with --output."


def export_results(options: ExportOptions) -> list[Path]:
    """Carry out `export` with an options object."""
    from mixbench.verdicts.gate.exports import FORMATS, report

    formats = parse_names(options.format, tuple(FORMATS), "--format")
    output = Path(options.results) / "exports" if options.output is None else options.output
    return write_exports(report(load(options.results)), formats, output)


@takes(ExportOptions)
def export(options: ExportOptions) -> list[Path]:
    """Write a results folder as files of these formats into the folder `output` (default: its `exports`); returns the files.

    Raises RequestError if there is nothing to export or a format is unknown, StorageError.
    """
    return export_results(options)


def write_exports(report: Report, formats: Names, output: str | Path) -> list[Path]:
    """Write a report as files of these formats into the folder `output`; returns the files.

    Raises RequestError if the folder cannot be created or a format is unknown, StorageError.
    """
    from mixbench.verdicts.gate.exports import FORMATS

    texts = [text for name in parse_names(formats, tuple(FORMATS), "--format") for text in FORMATS[name](report).items()]
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"cannot write to the folder {folder}: {error.strerror}", _ELSEWHERE) from error
    for name, text in texts:
        with storage_errors(f"cannot write {folder / name}", _ELSEWHERE):
            # a path may contain bytes that are not text
            write_atomically(folder / name, text.encode(errors="backslashreplace"))
    return [folder / name for name, _ in texts]
