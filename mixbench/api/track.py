"""A history of runs over commits: add the run of a results folder; show what changed, and with which commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from os.path import exists
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.api.loading import load
from mixbench.api.options import takes
from mixbench.api.track_options import TrackAddOptions, TrackShowOptions
from mixbench.errors import RequestError
from mixbench.machine import facts as machine
from mixbench.machine.environment import MACHINE_KEYS, timestamp
from mixbench.parsing.spec import parse_names
from mixbench.stats import launch_medians
from mixbench.tables.entries import ONCE, Commit, Entry, TrackedCell, Values
from mixbench.tables.history import find_commit, read_history, write_entry
from mixbench.tables.rows import TABLE_NAMES
from mixbench.tables.selection import distinct, selection
from mixbench.tables.speed_rows import LaunchRow, SpeedRow

if TYPE_CHECKING:
    from mixbench.tables.columns import Row
    from mixbench.verdicts.gate.cells import Measured
    from mixbench.verdicts.track.change_points import Change
    from mixbench.verdicts.track.series import Series

DRAWN = ("cpu_per_calibration", "device_ms", "test_score")
"""The metrics drawn by default."""
_DIGITS = 5
"""Significant digits of measured values: finer than their noise."""


@dataclass(frozen=True)
class Added:
    """The files that were written, one per machine."""

    commit: Commit
    files: tuple[Path, ...]
    cells: int
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Trends:
    """The series and changes of a history: `commits` by time, `machines` by the hash in the series, important changes first."""

    folder: Path
    commits: tuple[Commit, ...]
    machines: Mapping[str, Mapping[str, Any]]
    series: tuple[Series, ...]
    changes: tuple[Change, ...]
    figures: tuple[Path, ...]

    @property
    def too_short(self) -> tuple[Series, ...]:
        """Series in which no change could be seen."""
        return tuple(series for series in self.series if series.too_short)

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "history": str(self.folder),
            "commits": [vars(commit) for commit in self.commits],
            "machines": dict(self.machines),
            "changes": [_plain(change) for change in self.changes],
            "series": len(self.series),
            "too_short": [
                {"cell": short.name, "metric": short.metric, "machine": short.machine, "commits": len(short.points)}
                for short in self.too_short
            ],
            "not_positive": [{"cell": series.name, "metric": series.metric} for series in self.series if not series.judgeable],
            "figures": [str(path) for path in self.figures],
        }


def add_run(options: TrackAddOptions) -> Added:
    """Carry out `track_add` with an options object."""
    from mixbench.verdicts.gate.cells import earlier_code, of_present_code, process_columns, rows_by_machine
    from mixbench.verdicts.gate.judging import COUNTS
    from mixbench.verdicts.gate.same_mixers import names_of

    measured = load(options.results)
    remarks: list[str] = []
    by_machine: dict[str, dict[type[Row], Sequence[Any]]] = {}
    for row_type in COUNTS:
        for name, rows in rows_by_machine(measured, row_type, False, remarks).items():
            names = names_of(rows, measured.sources)
            remarks += [f"{measured.name}: {remark}" for remark in earlier_code(rows, names)]
            if present := of_present_code(rows, names):
                by_machine.setdefault(name, {})[row_type] = present
    if not by_machine:
        raise RequestError(f"{measured.name} holds no measurement of the present code", "Measure again: mixbench speed.")
    chosen = find_commit(options.commit or "HEAD")
    if options.commit is None:
        columns = process_columns()
        processes = {process for tables in by_machine.values() for process in distinct(tables.get(SpeedRow, ()), *columns)}
        launches = distinct(measured.of(LaunchRow), "commit", *columns)
        _refuse_other_code(measured.name, chosen, {commit for commit, *process in launches if tuple(process) in processes})
    entries = [_entry(measured, chosen, tables) for tables in by_machine.values()]
    history = Path(options.history)
    if there := [entry for entry in entries if exists(history / entry.file_name) and not options.replace]:
        write_entry(history, there[0])  # says so, before anything is written
    files = tuple(write_entry(history, entry, replace=options.replace) for entry in entries)
    return Added(chosen, files, sum(len(entry.cells) for entry in entries), tuple(remarks))


def _refuse_other_code(results: str, head: Commit, measured: set[str]) -> None:
    """Refuse results unless they were measured with the code of the commit, as far as can be known."""
    if machine.commit().endswith("-dirty"):
        raise RequestError(
            "the working tree has changes, so the code that was measured may not be in any commit",
            f"Commit them and measure again. If the code of {head.short} was measured anyway: --commit {head.short}.",
        )
    if others := sorted(commit for commit in measured if commit not in ("", head.sha)):
        raise RequestError(
            f"{results} was measured at {', '.join(others)}, but {head.sha} is checked out",
            f"Name the commit that was measured: --commit {others[0][:7]}. Or measure again: mixbench speed --fresh.",
        )


def _entry(measured: Measured, commit: Commit, tables: Mapping[type[Row], Sequence[Any]]) -> Entry:
    from mixbench.machine.environment import machine_part
    from mixbench.verdicts.environments import newest_environment

    environment = measured.environments[newest_environment(tables.values())]
    software = {name: value for name, value in environment.items() if name not in MACHINE_KEYS}
    cells = tuple(cell for row_type, rows in tables.items() for cell in _cells(row_type, rows, measured))
    return Entry(commit, timestamp(), machine_part(environment), software, cells)


def _cells(row_type: type[Row], rows: Sequence[Any], measured: Measured) -> Iterable[TrackedCell]:
    """Cells with counts once, times by launch, scores by seed, and the share of replicates that failed."""
    from mixbench.verdicts.gate.cells import (
        by_cell,
        by_replicate,
        good_rows,
        keys_of,
        relative_times,
        share_failed,
        with_launches,
    )
    from mixbench.verdicts.gate.judging import COUNTS
    from mixbench.verdicts.gate.metrics import name_of
    from mixbench.verdicts.gate.same_mixers import names_of
    from mixbench.verdicts.speed.times import device_times, with_times

    if row_type is SpeedRow:
        rows = with_times(with_launches(selection(rows), measured.of(LaunchRow)))
    for key, of_cell in by_cell(rows, names_of(rows, measured.sources, with_places=True)).items():
        good = good_rows(of_cell)
        metrics: dict[str, Values] = {"failed": {ONCE: share_failed(of_cell)}}
        for metric in COUNTS[row_type]:
            counts = by_replicate(good, metric)
            metrics[name_of(metric, good)] = {ONCE: next(iter(counts.values()))} if len(set(counts.values())) == 1 else counts
        if row_type is SpeedRow:
            on_gpu = of_cell.first("device") != "cpu"  # then the CPU's time is that of launches, which is not judged
            judged = "device_ms" if on_gpu else "cpu_per_calibration"
            launches, times = good.values("launch"), device_times(good) if on_gpu else relative_times(good)
            metrics[judged] = launch_medians(zip(launches, times, strict=True))
            metrics["latency_ms"] = launch_medians(zip(launches, good.values("latency_ms"), strict=True))
        else:
            metrics["test_score"] = by_replicate(good, "test_score")
        score = good.first("score") if good and row_type is not SpeedRow else ""
        yield TrackedCell(
            TABLE_NAMES[row_type],
            dict(zip(keys_of(row_type), key, strict=True)),
            {metric: _rounded(values) for metric, values in metrics.items() if values},
            score,
        )


def _rounded(values: Values) -> Values:
    return {
        replicate: value if isinstance(value, int) else float(f"{value:.{_DIGITS}g}") for replicate, value in values.items()
    }


@takes(TrackAddOptions)
def track_add(options: TrackAddOptions) -> Added:
    """Append the newest run of a results folder to a history, as one file per machine that it was measured on.

    `commit` is by default the one checked out here; then the working tree must be clean, and the launches must have been
    measured at that commit. Raises RequestError, StorageError.
    """
    return add_run(options)


def find_trends(options: TrackShowOptions) -> Trends:
    """Carry out `track_show` with an options object."""
    from mixbench.plots.style import FORMATS
    from mixbench.plots.track import draw_trends
    from mixbench.verdicts.track.change_points import find_changes
    from mixbench.verdicts.track.series import FOR_PEOPLE, series_of

    folder = Path(options.history)
    formats = parse_names(options.format, FORMATS, "--format")
    entries = read_history(folder)
    if not entries:
        raise RequestError(f"{folder} holds no runs", "Measure and add one per commit: mixbench speed, mixbench track add.")
    every = series_of(entries)
    if not every:
        raise RequestError(
            f"the runs in {folder} have no cell with a metric that is known here",
            "Measure and add them again, with --replace: mixbench speed, mixbench track add.",
        )
    known = dict.fromkeys(series.metric for series in every)
    asked = options.metric
    chosen = parse_names(asked, list(known), "--metric") if asked else [name for name in known if name not in FOR_PEOPLE]
    wanted = " ".join((options.cell or "").lower().split())
    judged = [series for series in every if series.metric in chosen]
    if not judged:
        raise RequestError(f"{folder} has only metrics that are not judged", f"Name one: --metric {','.join(known)}.")
    found = [series for series in judged if wanted in series.name.replace(" · ", " ").lower()]
    if not found:
        names = sorted({series.name for series in judged})
        raise RequestError(
            f"no cell of {folder} has {options.cell!r} in its name", f"There are {len(names):,} cells, for example: {names[0]}"
        )
    changes = sorted((change for series in found for change in find_changes(series)), key=lambda change: change.importance)
    drawn = [series for series in found if series.metric in (chosen if asked else DRAWN)]
    return Trends(
        folder,
        tuple(dict.fromkeys(entry.commit for entry in entries)),
        {entry.machine_hash: entry.machine for entry in entries},
        tuple(found),
        tuple(changes),
        tuple(draw_trends(drawn, changes, folder / "figures", formats)),
    )


@takes(TrackShowOptions)
def track_show(options: TrackShowOptions) -> Trends:
    """Find the change points of every series in a history and draw the trends below its `figures`.

    `metric` is one name, or several separated by commas (default: all are judged, DRAWN is drawn); `cell` is a part of the
    names of the cells. Raises RequestError if there is nothing to show, StorageError naming a damaged file.
    """
    return find_trends(options)


def _plain(change: Change) -> dict[str, Any]:
    series = change.series
    return {
        "verdict": change.verdict,
        "cell": series.name,
        "metric": series.metric,
        "machine": series.machine,
        "before": change.before,
        "after": change.after,
        "change": vars(change.change),
        "suspect": vars(change.suspect.commit),
        "last_good": vars(change.last_good.commit),
        "software": {name: list(pair) for name, pair in change.software.items()},
    }
