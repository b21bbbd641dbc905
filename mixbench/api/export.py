"""Results as the files that CI services read, and as tables for papers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.api.export_options import ExportOptions
from mixbench.api.filters import filter_of, tell_left_out
from mixbench.api.loading import load
from mixbench.api.options import takes
from mixbench.api.shared_options import Names
from mixbench.errors import RequestError
from mixbench.parsing.spec import parse_names
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.tables.storage import storage_errors, write_atomically

if TYPE_CHECKING:
    from mixbench.verdicts.gate.cells import Measured
    from mixbench.verdicts.gate.report import Report
    from mixbench.verdicts.speed.summary import SpeedSummary

_ELSEWHERE = "Give another folder with --output."


def export_results(options: ExportOptions) -> list[Path]:
    """Carry out `export` with an options object."""
    from mixbench.verdicts.gate.exports import FORMATS, report
    from mixbench.verdicts.speed.paper import PAPER

    formats = parse_names(options.format, tuple({**FORMATS, **PAPER}), "--format")
    output = Path(options.results) / "exports" if options.output is None else options.output
    measured = _chosen(load(options.results), options)
    whole = report(measured)
    tell_left_out(whole.remarks)
    texts: dict[str, str] = {}
    for name in formats:
        if name in FORMATS:
            texts |= FORMATS[name](whole)
        if name in PAPER and (measured.rows[SpeedRow] or name not in FORMATS):
            texts |= PAPER[name](*_speed(measured, options))
    return _write(texts, output)


@takes(ExportOptions)
def export(options: ExportOptions) -> list[Path]:
    """Write a results folder as files of these formats into the folder `output` (default: its `exports`); returns the files.

    Raises RequestError if there is nothing to export, nothing is chosen or a format is unknown, StorageError.
    """
    return export_results(options)


def _chosen(measured: Measured, options: ExportOptions) -> Measured:
    """The rows that the options choose; warns of values that no row has."""
    from mixbench.verdicts.filters import sift
    from mixbench.verdicts.gate.judging import COUNTS

    wanted = filter_of(options)
    if not wanted.wanted:
        return measured
    sifted = sift({row_type: measured.rows[row_type] for row_type in COUNTS}, wanted)
    tell_left_out(sifted.remarks)
    return replace(measured, rows={**measured.rows, **sifted.tables})


def _speed(measured: Measured, options: ExportOptions) -> tuple[SpeedSummary, Mapping[str, Any]]:
    """The summary of speed.csv, and its environment. Raises RequestError if there are no rows of it."""
    from mixbench.verdicts.speed.summary import summarise

    rows = measured.rows[SpeedRow]
    if not rows:
        raise RequestError(f"{measured.name} holds no rows of speed to export", "Measure first: mixbench speed")
    summary = summarise(rows, measured.rows[LaunchRow], options.baseline)
    return summary, measured.environments[summary.environment]


def write_exports(report: Report, formats: Names, output: str | Path) -> list[Path]:
    """Write a report as files of these formats into the folder `output`; returns the files.

    Raises RequestError if the folder cannot be created or a format is unknown, StorageError.
    """
    from mixbench.verdicts.gate.exports import FORMATS

    names = parse_names(formats, tuple(FORMATS), "--format")
    return _write({file: text for name in names for file, text in FORMATS[name](report).items()}, output)


def _write(texts: Mapping[str, str], output: str | Path) -> list[Path]:
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"cannot write to the folder {folder}: {error.strerror}", _ELSEWHERE) from error
    for name, text in texts.items():
        with storage_errors(f"cannot write {folder / name}", _ELSEWHERE):
            # a path may contain bytes that are not text
            write_atomically(folder / name, text.encode(errors="backslashreplace"))
    return [folder / name for name in texts]
