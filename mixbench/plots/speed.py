"""All figures of speed.csv."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mixbench.plots import style
from mixbench.plots.page import PLAIN, Page
from mixbench.plots.side_by_side import side_by_side
from mixbench.plots.speed_families import families_figure
from mixbench.plots.speed_ratio import ratio_figure
from mixbench.plots.speed_sizes import QUANTITIES, SIZES, size_figure
from mixbench.plots.time_by_flops import flops_figure
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.verdicts.speed.summary import summarise
from mixbench.verdicts.speed.times import DEVICE

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_speed(
    rows: Sequence[SpeedRow],
    launches: Sequence[LaunchRow],
    folder: Path,
    formats: Sequence[str] = ("png",),
    baseline: str | None = None,
    *,
    page: Page = PLAIN,
    metrics: Sequence[str] = (),
) -> list[Path]:
    """Draw every figure that the rows allow and write it to `folder`; returns the files in the order of the figures.

    With `metrics`, which are names of QUANTITIES, only these, all in one figure. Raises UnknownNameError for an unknown format
    or baseline, StorageError where a file cannot be written, RequestError if the page is too small.
    """
    summary = summarise(rows, launches, baseline)
    figures: dict[str, Callable[[], Figure | None]] = {
        f"speed-{'-'.join(QUANTITIES[metric].name for metric in group)}-by-{size}": partial(
            size_figure, summary, group, size, page
        )
        for size in SIZES
        for group in ([metrics] if metrics else [(metric,) for metric in QUANTITIES if metric != DEVICE])
    }
    if not metrics:
        figures = {
            "speed-ratio-by-tokens": partial(ratio_figure, summary, page),
            "speed-ratio-by-family": partial(families_figure, summary, page),
            **figures,
            "speed-time-by-flops": partial(flops_figure, summary, page),
        }

    def written(name: str, draw: Callable[[], Figure | None]) -> list[Path]:
        figure = draw()
        return style.save(figure, folder, name, formats, page) if figure else []

    made = side_by_side([partial(written, *each) for each in figures.items()], len(summary.cells))
    return [path for paths in made for path in paths]
