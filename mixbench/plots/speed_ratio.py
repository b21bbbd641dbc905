"""Figure of time relative to the baseline against tokens, with the lengths at which both are equally fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mixbench.plots import style
from mixbench.plots.ends import End
from mixbench.plots.notes import not_drawn
from mixbench.plots.page import PLAIN, Page
from mixbench.plots.panels import panel_sheet
from mixbench.plots.speed_panels import HOLLOW, factors_apart, grouped, in_words, panels_of, time_quantity, tokens_axis
from mixbench.verdicts.speed.baseline import baselines_of
from mixbench.verdicts.speed.summary import SpeedSummary
from mixbench.verdicts.speed.verdicts import Verdict, verdicts
from mixbench.verdicts.speed.view import standing_out

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_CONTROL = "none"


def ratio_figure(summary: SpeedSummary, page: Page = PLAIN) -> Figure | None:
    """Ratio of times against tokens, log-log, a panel per context; None where no mixer was timed beside the baseline.

    Ratios are paired within launches; a diamond on the line at 1 is a crossover, with its interval. The control without mixing,
    which is faster by decades, is left out beside others.
    """
    beside = [cell for cell in summary.cells if cell.paired_ratios and cell.label != cell.baseline]
    drawn = [cell for cell in beside if cell.mixer != _CONTROL] or beside
    if not drawn:
        return None
    shown = {id(cell) for cell in drawn}
    panels = panels_of(summary, "tokens", lambda cell: id(cell) in shown)
    looks = style.line_styles(summary.mixers, standing_out(summary, page.highlight))
    answers = [answer for answer in verdicts(summary) if not looks[answer.mixer].pale]
    with page.look():
        times = [time_quantity(cells) for cells in panels.cells]
        sheet = panel_sheet(
            page,
            f"{in_words(times)} relative to {' or '.join(baselines_of(drawn))}",
            panels.common,
            panels.words,
            (tokens_axis(panels.every)[0], [f"relative {time.title.lower()}" for time in times]),
        )
        entries: list[list[style.Entry]] = []
        ends: list[list[End]] = []
        for axes, cells in zip(sheet.axes, panels.cells, strict=True):
            baseline = cells[0].baseline or ""
            axes.axhline(1, color=looks[baseline].color, linewidth=1, zorder=2)
            entries.append([] if sheet.alone and sheet.beside else [(1.0, baseline, "")])
            drawings: list[style.Line] = []
            lines = grouped([cell for cell in cells if id(cell) in shown], lambda cell: cell.label)
            apart = factors_apart([*lines], [cell.tokens for line in lines.values() for cell in line])
            for label, line in lines.items():
                places = [cell.tokens * apart[label] for cell in line]
                hollow = [cell.ratio_disturbed for cell in line]
                drawings.append(style.Line(places, [cell.paired_ratios for cell in line], looks[label], hollow))
                ratio = line[-1].ratio
                entries[-1].append((ratio.point if ratio else 0.0, label, f"{ratio.point:.3g}" if ratio else ""))
            ends.append(style.draw_lines(axes, drawings))
        sheet.legends(entries, looks)
        sheet.unite()
        style.size_ticks(sheet.axes[0], [cell.tokens for cell in drawn], sheet.ticks())
        for leader in dict.fromkeys(sheet.leaders):
            style.value_ticks(leader.yaxis, prefixed=False)
        beyond = sheet.mark(ends)
        for axes, cells in zip(sheet.axes, panels.cells, strict=True):
            _mark_crossovers(axes, [answer for answer in answers if answer.context == cells[0].context], looks)
        told = "numbers: at the longest length; " if sheet.alone or sheet.beside else ""
        return sheet.finish(
            f"below 1: faster; {told}bands: 95 % intervals of the median over launches",
            "diamonds: equally fast, with the 95 % interval of the length" if any(a.crossovers for a in answers) else "",
            panels.told,
            beyond,
            HOLLOW if any(cell.ratio_disturbed for cell in drawn) else "",
            *not_drawn({_CONTROL: "no mixing"} if len(drawn) < len(beside) else {}),
        )


def _mark_crossovers(axes: Axes, answers: Sequence[Verdict], looks: Mapping[str, style.LineStyle]) -> None:
    left, right = axes.get_xlim()
    for answer in answers:
        color = looks[answer.mixer].color
        for found in answer.crossovers:
            axes.hlines(1, found.low or left, found.high or right, color=color, linewidth=4, alpha=0.5, zorder=4)
            axes.plot([found.tokens], [1], "D", color=color, markersize=5, markeredgecolor="white", zorder=5)
    axes.set_xlim(left, right)
