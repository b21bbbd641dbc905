"""Figures of a results folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mixbench.api.filters import filter_of, tell_left_out
from mixbench.api.options import takes
from mixbench.api.plot_options import PlotOptions
from mixbench.errors import RequestError, UnknownNameError
from mixbench.parsing.paper import parse_figure_size
from mixbench.parsing.spec import parse_names, split_names
from mixbench.tables.chosen_rows import ChosenRows
from mixbench.tables.columns import Row
from mixbench.tables.results import ResultsFolder
from mixbench.tables.selection import distinct, where

if TYPE_CHECKING:
    from mixbench.verdicts.environments import Environments
    from mixbench.verdicts.filters import Tables


def draw(options: PlotOptions) -> list[Path]:
    """Carry out `plot` with an options object."""
    from mixbench.plots import FIGURES, READS, of_one_environment
    from mixbench.plots.page import Page
    from mixbench.plots.style import FORMATS
    from mixbench.verdicts.machines import shown_machines

    formats = parse_names(options.format, FORMATS, "--format")
    width, height = (None, None) if options.size is None else parse_figure_size(options.size)
    page = Page(width, height, titled=not options.no_title, highlight=tuple(options.highlight or ()))
    how = {} if options.metric is None else {"metrics": _metrics(split_names(options.metric), options.study)}
    folder = ResultsFolder(options.results)
    studies = ["speed"] if how else [options.study] if options.study else list(FIGURES)
    every = {
        row_type: folder.selection(row_type) for row_type in dict.fromkeys(kind for study in studies for kind in READS[study])
    }
    contents = folder.environments_of(*every.values())
    tables = _chosen(options, every)
    _demand_mixers(page.highlight, tables)
    paths: list[Path] = []
    unknown: list[UnknownNameError] = []
    shown: list[Tables] = []
    for study in studies:
        rows = of_one_environment(study, tables, contents)
        drawn: list[Path] = []
        own = replace(page, machine="; ".join(shown_machines(every, rows, contents)))
        try:
            if any(rows.values()):
                drawn = FIGURES[study](ChosenRows(folder, rows), formats, options.baseline, own, **how)
                paths += drawn
        except UnknownNameError as error:  # the table of one study may hold a baseline that another has not
            unknown.append(error)
            tell_left_out([f"not drawn: {study}: {error}"])
        else:
            if drawn or len(READS[study]) == 1:  # rows of the cost are drawn only if it is
                shown.append(rows)
    if unknown and not paths:
        raise unknown[0]
    tell_left_out(_left_out(tables, shown, contents))
    if not paths and how and any(tables.values()):
        raise RequestError(
            f"the chosen rows of speed have no {' and no '.join(how['metrics'])} to draw",
            "Name another quantity, or choose other rows.",
        )
    if not paths:
        raise RequestError(
            f"{folder.path} holds no table to draw",
            "Measure first: mixbench speed. Or train: mixbench data-efficiency. Failed cells and runs are not drawn.",
        )
    return paths


@takes(PlotOptions)
def plot(options: PlotOptions) -> list[Path]:
    """Draw every figure that the tables of a results folder allow, below its `figures`; returns the files.

    Warns of what is not drawn (LeftOutWarning). Raises RequestError if there is nothing to draw.
    """
    return draw(options)


def _metrics(names: tuple[str, ...], study: str | None) -> tuple[str, ...]:
    """The quantities to draw in one figure. Raises UnknownNameError, and RequestError for another study."""
    from mixbench.plots.speed_sizes import QUANTITIES

    if study not in (None, "speed"):
        raise RequestError(f"--metric chooses quantities of speed, not of --study {study}", "Leave one of them out.")
    if unknown := [name for name in names if name not in QUANTITIES]:
        raise UnknownNameError("quantity", unknown[0], QUANTITIES, "for --metric")
    return names


def _chosen(options: PlotOptions, tables: Tables) -> Tables:
    """The rows that the options choose. Raises RequestError."""
    from mixbench.verdicts.filters import sift

    wanted = filter_of(options)
    if not any(tables.values()):
        return tables
    sifted = sift(tables, wanted)
    tell_left_out(sifted.remarks)
    return sifted.tables


def _demand_mixers(names: Iterable[str], tables: Tables) -> None:
    """Raise UnknownNameError for a name that no row has."""
    from mixbench.verdicts.labels import find_mixers, mixer_labels

    mixers = list(dict.fromkeys(mixer for rows in tables.values() for mixer in distinct(rows, "mixer", "config")))
    for name in names:
        if not find_mixers(name, mixers):
            raise UnknownNameError("mixer", name, mixer_labels(mixers).values(), "among the measured mixers")


def _left_out(tables: Tables, shown: Iterable[Tables], contents: Environments) -> list[str]:
    from mixbench.verdicts.undrawn import failures, other_environments

    drawn: dict[type[Row], set[str]] = {row_type: set() for row_type in tables}
    for rows in shown:
        for row_type, own in rows.items():
            drawn[row_type].update(distinct(own, "environment"))

    present = {row_type: where(rows, "environment", drawn[row_type].__contains__) for row_type, rows in tables.items()}
    return [*other_environments(tables, drawn, lambda name: contents.get(name, {})), *failures(present)]
