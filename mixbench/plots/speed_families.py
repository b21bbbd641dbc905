"""Figure of the ratio of times against tokens with a panel per family of mixers, for runs of more mixers than stand out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mixbench.mixers import CONTROLS, FAMILIES
from mixbench.plots import style
from mixbench.plots.ends import End
from mixbench.plots.page import PLAIN, Page
from mixbench.plots.panels import panel_sheet
from mixbench.plots.speed_panels import HOLLOW, MOST_PANELS, grouped, in_words, panels_of, time_quantity, tokens_axis
from mixbench.verdicts.prominent import MANY
from mixbench.verdicts.speed.baseline import baselines_of
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.speed.summary import SpeedSummary
from mixbench.verdicts.speed.view import by_speed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_OWN = "Other mixers"
_MOST = 8
"""Mixers whose names have room in a panel; a larger family has several."""
_COLUMNS, _PANEL, _LEAST_WIDTH = 2, (5.6, 2.3), 4.5
"""Panels next to each other, the inches of one with the names beside it, and the least width of one."""


def families_figure(summary: SpeedSummary, page: Page = PLAIN) -> Figure | None:
    """Ratio of times to the baseline's against tokens, log-log, a panel per context and family of mixers.

    The other families are in the background; the control without mixing is left out. None where all mixers stand out in the
    figure with one panel per context, and on a page without room for it.
    """
    compared = (cell for cell in summary.cells if cell.label != cell.baseline and cell.mixer not in CONTROLS)
    drawn = [cell for cell in compared if cell.paired_ratios]
    wide = page.width or _COLUMNS * _PANEL[0]
    if len(summary.mixers) <= MANY or not drawn or page.height is not None or wide < _LEAST_WIDTH * page.scale:
        return None
    shown = {id(cell) for cell in drawn}
    families = _by_family(drawn)
    contexts = panels_of(summary, "tokens", lambda cell: id(cell) in shown, max(1, MOST_PANELS // len(families)))
    titles = list(families)
    panels = [
        ({"family": title, **words}, [cell for cell in cells if id(cell) in shown], [cell for cell in cells if id(cell) in own])
        for words, cells in zip(contexts.words, contexts.cells, strict=True)
        for title, own in families.items()
    ]
    panels = [(words, cells, own) for words, cells, own in panels if own]
    panels.sort(key=lambda panel: titles.index(panel[0]["family"]))
    columns = min(_COLUMNS, len(panels), int(wide / (_LEAST_WIDTH * page.scale)))
    with page.look():
        times = [time_quantity(cells) for _, cells, _ in panels]
        sheet = panel_sheet(
            page,
            f"{in_words(times)} relative to {' or '.join(baselines_of(drawn))}, by family",
            contexts.common,
            [words for words, _, _ in panels],
            (tokens_axis(contexts.every)[0], [f"relative {time.title.lower()}" for time in times]),
            natural=(_PANEL[0] * columns, _PANEL[1] * math.ceil(len(panels) / columns) + 1),
            columns=columns,
        )
        entries: list[list[style.Entry]] = []
        ends: list[list[End]] = []
        looks = [_looks(own) for _, _, own in panels]
        for axes, (_, cells, own), look in zip(sheet.axes, panels, looks, strict=True):
            axes.axhline(1, color="black", linewidth=1, zorder=2)
            mine = {cell.label for cell in own}
            others = grouped([cell for cell in cells if cell.label not in mine], lambda cell: cell.label).values()
            style.draw_in_background(
                axes, *([(cell.tokens, cell.ratio.point) for cell in line if cell.ratio] for line in others)
            )
            entries.append([])
            drawings: list[style.Line] = []
            for label, line in grouped(own, lambda cell: cell.label).items():
                hollow = [cell.ratio_disturbed for cell in line]
                places, ratios = [cell.tokens for cell in line], [cell.paired_ratios for cell in line]
                drawings.append(style.Line(places, ratios, look[label], hollow))
                ratio = line[-1].ratio
                entries[-1].append((ratio.point if ratio else 0.0, label, f"{ratio.point:.3g}" if ratio else ""))
            ends.append(style.draw_lines(axes, drawings))
        sheet.names_beside(entries, looks)
        sheet.unite()
        style.size_ticks(sheet.axes[0], [cell.tokens for cell in drawn], sheet.ticks())
        for leader in dict.fromkeys(sheet.leaders):
            style.value_ticks(leader.yaxis, prefixed=False)
        return sheet.finish(
            "below 1: faster; numbers: at the longest length; bands: 95 % intervals of the median over launches",
            contexts.told,
            sheet.mark(ends),
            HOLLOW if any(cell.ratio_disturbed for cell in drawn) else "",
        )


def _by_family(cells: Sequence[CellSummary]) -> dict[str, set[int]]:
    """The cells by the title of their mixer's family, by identity; mixers not built in come last.

    A family of too many for one panel is divided, the fastest first.
    """
    families = {mixer.name: family.title for family in FAMILIES.values() for mixer in family.mixers}
    found: dict[str, list[CellSummary]] = {title: [] for title in (*families.values(), _OWN)}
    for cell in cells:
        found[families.get(cell.mixer, _OWN)].append(cell)
    divided: dict[str, set[int]] = {}
    for title, own in found.items():
        labels = by_speed(own)
        parts = math.ceil(len(labels) / _MOST)
        for part in range(parts):
            there = labels[part * len(labels) // parts : (part + 1) * len(labels) // parts]
            words = f", part {part + 1} of {parts}" if parts > 1 else ""
            divided[f"{title}{words}"] = {id(cell) for cell in own if cell.label in there}
    return divided


def _looks(cells: Sequence[CellSummary]) -> dict[str, style.LineStyle]:
    return style.line_styles(dict.fromkeys((cell.mixer, cell.config) for cell in cells))
