"""Figures of a results folder."""

from __future__ import annotations

from pathlib import Path

from mixbench.api.options import takes
from mixbench.api.plot_options import PlotOptions
from mixbench.errors import RequestError
from mixbench.parsing.spec import parse_names
from mixbench.tables.results import ResultsFolder


def draw(options: PlotOptions) -> list[Path]:
    """Carry out `plot` with an options object."""
    from mixbench.plots import FIGURES
    from mixbench.plots.style import FORMATS

    formats = parse_names(options.format, FORMATS, "--format")
    folder = ResultsFolder(options.results)
    studies = [options.study] if options.study else list(FIGURES)
    drawn = [path for study in studies for path in FIGURES[study](folder, formats, options.baseline)]
    if not drawn:
        raise RequestError(
            f"{folder.path} holds no table to draw",
            "Measure first: mixbench speed. Or train: mixbench data-efficiency. Failed cells and runs are not drawn.",
        )
    return drawn


@takes(PlotOptions)
def plot(options: PlotOptions) -> list[Path]:
    """Draw every figure that the tables of a results folder allow, below its `figures`; returns the files.

    Raises RequestError if there is nothing to draw.
    """
    return draw(options)
