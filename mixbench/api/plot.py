"""Figures of a results folder."""

from __future__ import annotations

from pathlib import Path

from mixbench.api.common import Names
from mixbench.errors import RequestError, UnknownNameError
from mixbench.parsing.spec import parse_names
from mixbench.tables.results import ResultsFolder


def plot(
    *,
    results: str | Path = "results",
    study: str | None = None,
    format: Names = "png",
    baseline: str | None = None,
) -> list[Path]:
    """Draw every figure that the tables of a results folder allow, below its `figures`; returns the files.

    Raises RequestError where there is nothing to draw.
    """
    from mixbench.plots import FIGURES

    formats = parse_names(format, ("png", "svg", "pdf"), "--format")
    if study is not None and study not in FIGURES:
        raise UnknownNameError("study", study, FIGURES)
    folder = ResultsFolder(results)
    drawn = [path for name, draw in FIGURES.items() if study in (None, name) for path in draw(folder, formats, baseline)]
    if not drawn:
        raise RequestError(
            f"{folder.path} holds no table to draw",
            "Measure first: mixbench speed. Or train: mixbench data-efficiency. What failed is not drawn.",
        )
    return drawn
