"""Figure of latency relative to the baseline against tokens, with the lengths at which both are equally fast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mixbench.plots import style
from mixbench.plots.notes import add_caption
from mixbench.plots.speed_panels import grouped, panels_of
from mixbench.verdicts.labels import Context
from mixbench.verdicts.speed.summary import SpeedSummary
from mixbench.verdicts.speed.verdicts import Verdict, verdicts

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_CONTROL = "none"


def ratio_figure(summary: SpeedSummary) -> Figure | None:
    """Ratio of latencies against tokens, log-log, a panel per context; None where no mixer was timed beside the baseline.

    Ratios are paired within launches; a diamond on the line at 1 is a crossover, with its interval. The control without mixing,
    which is faster by decades, is left out beside others.
    """
    from matplotlib import rc_context

    beside = [cell for cell in summary.cells if cell.paired_ratios and cell.label != summary.baseline]
    drawn = [cell for cell in beside if cell.mixer != _CONTROL] or beside
    common, panels = panels_of(summary, "tokens", lambda cell: cell in drawn)
    if not panels:
        return None
    looks = style.line_styles((cell.mixer, cell.config) for cell in summary.cells)
    answers = verdicts(summary)
    apart = len({cell.tokens for cell in drawn}) == 1
    with rc_context(style.RC):
        figure, grid = style.panel_figure(
            f"Latency relative to {summary.baseline}",
            common,
            [title for title, _ in panels],
            ("tokens", "relative latency"),
        )
        for axes, (_, cells) in zip(grid, panels, strict=True):
            axes.axhline(1, color=looks[summary.baseline or ""].color, linewidth=1, zorder=2)
            entries = []
            for place, (label, line) in enumerate(
                grouped([cell for cell in cells if cell in drawn], lambda c: c.label).items()
            ):
                shift = 1.05**place if apart else 1.0
                style.draw_line(
                    axes, [cell.tokens * shift for cell in line], [cell.paired_ratios for cell in line], looks[label]
                )
                ratio = line[-1].ratio
                entries.append((ratio.point if ratio else 0.0, label, f"{ratio.point:.3g}" if ratio else ""))
            context: Context | None = cells[0].context if cells else None
            _mark_crossovers(axes, [answer for answer in answers if answer.context == context], looks)
            style.legend_beside(axes, entries, looks, alone=len(grid) == 1)
        style.size_ticks(grid[0], [cell.tokens for cell in drawn], most=8 if len(grid) == 1 else 5)
        style.value_ticks(grid[0].yaxis, prefixed=False)
        if len(grid) > 1:
            shown = {summary.baseline, *(cell.label for cell in drawn)}
            style.legend_below(
                figure, {label: look for label, look in looks.items() if label in shown}, {label: label for label in looks}
            )
        notes = ["below 1: faster; numbers: at the longest length; bands: 95 % intervals of the median over launches"]
        if any(answer.crossovers for answer in answers):
            notes.append("diamonds: equally fast, with the 95 % interval of the length")
        if len(drawn) < len(beside):
            notes.append(f"{_CONTROL}, without mixing, is not drawn")
        add_caption(figure, "\n".join(notes))
    return figure


def _mark_crossovers(axes: Axes, answers: Sequence[Verdict], looks: dict[str, style.LineStyle]) -> None:
    left, right = axes.get_xlim()
    for answer in answers:
        color = looks[answer.mixer].color
        for found in answer.crossovers:
            axes.hlines(1, found.low or left, found.high or right, color=color, linewidth=4, alpha=0.5, zorder=4)
            axes.plot([found.tokens], [1], "D", color=color, markersize=5, markeredgecolor="white", zorder=5)
    axes.set_xlim(left, right)
