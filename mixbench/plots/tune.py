"""Figures of tuning.csv: the expected best score by number of trials, alone and relative to the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from mixbench.plots import style, texts
from mixbench.plots.page import PLAIN, Page
from mixbench.plots.panels import panel_sheet
from mixbench.tables.training_rows import TrialRow
from mixbench.verdicts.environments import UNKNOWN, Environments
from mixbench.verdicts.learning.tune import Curve, Search, summarise
from mixbench.verdicts.prominent import prominent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRIALS = "trials"
_NATURAL = (8.6, 4.4)
"""Inches of a figure where the page does not say otherwise."""
_MARGIN = 0.05
"""Share of the axis beyond the first and the last trial."""


def draw_tuning(
    rows: Sequence[TrialRow],
    folder: Path,
    formats: Sequence[str] = ("png",),
    baseline: str | None = None,
    *,
    page: Page = PLAIN,
    contents: Environments = UNKNOWN,
) -> list[Path]:
    """Write a figure per search to `folder`; none for a search without scores.

    Raises UnknownNameError for an unknown format or baseline, StorageError if a file cannot be written, RequestError if the
    page is too small.
    """
    taken: set[str] = set()
    return [
        path
        for search in summarise(rows, baseline, contents=contents)
        if search.curves
        for name in [texts.distinct_name(f"tune-{texts.file_name(search.task)}", taken)]
        for path in style.save(tuning_figure(search, page), folder, name, formats, page)
    ]


def tuning_figure(search: Search, page: Page = PLAIN) -> Figure:
    """First the expected best score with its band, then its ratio to the baseline's for errors, else the change in per cent."""
    ranked = sorted(search.curves, key=lambda curve: curve.expected[-1] if search.is_error else -curve.expected[-1])
    mixers = [curve.mixer for curve in search.curves]
    looks = style.line_styles(mixers, prominent(mixers, [curve.label for curve in ranked], search.baseline, page.highlight))
    direction = "lower" if search.is_error else "higher"
    base = str(search.baseline)
    logarithmic = search.is_error and all(min(curve.low) > 0 for curve in search.curves)
    with page.look():
        sheet = panel_sheet(
            page,
            f"Random search on {search.task}",
            "",
            [{}, {}],
            (
                TRIALS,
                (
                    f"expected best development {search.score} ({direction} is better)",
                    f"relative to {base}" if logarithmic else f"change against {base}, %",
                ),
            ),
            ("log", "log" if logarithmic else "linear"),
            beside=False,
            natural=_NATURAL,
        )
        expected, relative = sheet.axes
        for curve in search.curves:
            _draw_curve(expected, curve, looks[curve.label])
            changes, look = search.relative(curve), looks[curve.label]
            shown = [1 + change if logarithmic else 100 * change for change in changes]
            if look.pale:
                style.draw_in_background(relative, [*zip(_places(changes), shown, strict=True)])
            else:
                relative.plot(_places(changes), shown, color=look.color, linestyle=look.line)
        sheet.unite()
        for axes in sheet.axes if logarithmic else ():
            style.value_ticks(axes.yaxis, prefixed=False)
        longest = max(len(curve.expected) for curve in search.curves)
        style.size_ticks(expected, [*takewhile(longest.__gt__, (2**power for power in count())), longest], sheet.ticks(0.4))
        margin = max(2, longest) ** _MARGIN
        expected.set_xlim(1 / margin, max(2, longest) * margin)
        sheet.mark()
        sheet.below(style.named_in_legend(looks, looks), {})
        return sheet.finish("unbiased estimate, up to half the trials · bands: 95 %, simultaneous")


def _draw_curve(axes: Axes, curve: Curve, look: style.LineStyle) -> None:
    places = _places(curve.expected)
    if look.pale:
        style.draw_in_background(axes, [*zip(places, curve.expected, strict=True)])
        return
    marked = [place - 1 for place in places if place.bit_count() == 1 or place == len(places)]  # a doubling apart
    line = {"color": look.color, "marker": look.marker, "markersize": 4, "linestyle": look.line, "markevery": marked}
    axes.plot(places, curve.expected, zorder=3, **line)  # type: ignore[arg-type]
    axes.fill_between(places, curve.low, curve.high, color=look.color, alpha=0.13, linewidth=0, zorder=1)


def _places(values: Sequence[float]) -> list[int]:
    return list(range(1, len(values) + 1))
