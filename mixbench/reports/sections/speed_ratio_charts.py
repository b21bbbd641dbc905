"""Charts of the ratio of times to the baseline's against tokens, with the crossovers marked; one per context."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mixbench.plots.speed_panels import grouped, panels_of, time_quantity, tokens_axis
from mixbench.reports.charts.axes import log_axis
from mixbench.reports.charts.chart import chart
from mixbench.reports.charts.looks import Look, Looks, literal
from mixbench.reports.charts.looks import grouped as of_mixer
from mixbench.reports.charts.traces import Line, Point, Trace, hover, level, line_traces, numbers
from mixbench.reports.contents import Chart
from mixbench.reports.sections.speed_parts import (
    BANDS,
    HOLLOW,
    ONE_LAUNCH,
    PALE,
    as_rows,
    at_one,
    behind_first,
    ends_of,
    mixer_of,
    place,
    single,
    titled,
)
from mixbench.stats import log_median_interval
from mixbench.verdicts.entries import interval_text
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.speed.cells import RATIO, mark_words
from mixbench.verdicts.speed.summary import SpeedSummary
from mixbench.verdicts.speed.verdicts import Verdict, verdicts

_CONTROL = "none"


def ratio_charts(summary: SpeedSummary, looks: Looks, about: str, most: int) -> Iterator[Chart]:
    """The ratio to the baseline's time against tokens, log-log, a chart per context, with the crossovers marked.

    The control without mixing, which is faster by decades, is left out beside others.
    """
    beside = [cell for cell in summary.cells if cell.paired_ratios and cell.label != cell.baseline]
    drawn = [cell for cell in beside if cell.mixer != _CONTROL] or beside
    shown = {id(cell) for cell in drawn}
    without = [cell for cell in beside if id(cell) not in shown]
    panels = panels_of(summary, "tokens", lambda cell: id(cell) in shown, most)
    answers = verdicts(summary)
    for part, (words, cells) in enumerate(zip(panels.words, panels.cells, strict=True), start=1):
        own_axis, swept = tokens_axis(cells)
        time = time_quantity(cells).title.lower()
        own = [cell for cell in cells if id(cell) in shown]
        sizes = [cell.tokens for cell in own]
        baseline = next(mixer_of(cell) for cell in summary.cells if cell.label == own[0].baseline)
        lines = grouped(own, mixer_of)
        if len({*sizes}) == 1:
            yield single(
                f"speed-ratio-by-tokens-{part}",
                titled(f"{time.capitalize()} relative to {own[0].baseline} at {at_one(swept, sizes[0])}", words),
                [panels.common, "Below 1: faster", *as_rows(_about_ratios(own, without))],
                [(looks[mixer], _ratio_point(line[0])) for mixer, line in lines.items()],
                f"{time} relative to {own[0].baseline}",
                about,
                reference=(1.0, f"{own[0].baseline}: 1"),
            )
            continue
        traces = [level(looks[baseline], 1.0, ends_of(sizes), f"the baseline: its {time} is 1")]
        for mixer, line in behind_first(lines, looks):
            traces += line_traces(Line(looks[mixer], [_ratio_point(cell) for cell in line], about, place(swept)))
        heights = [value for trace in traces for value in trace["y"] if value is not None]
        crossed = [answer for answer in answers if answer.context == own[0].context and answer.crossovers]
        marks = [
            trace
            for mixer, line in lines.items()
            for answer in crossed
            if answer.mixer == line[0].label and not looks[mixer].pale
            for trace in _crossovers(looks[mixer], answer, ends_of(sizes), swept)
        ]
        yield chart(
            f"speed-ratio-by-tokens-{part}",
            titled(f"{time.capitalize()} relative to {own[0].baseline}", words),
            [
                panels.common,
                "Below 1: faster",
                *_about_ratios(own, without),
                "Upright strokes: equally fast, with the 95 % interval of the length" if marks else "",
                PALE if any(looks[mixer].pale for mixer in lines) else "",
                panels.told,
            ],
            [*traces, *marks],
            (log_axis(own_axis, sizes, at=sizes), log_axis(f"{time} relative to {own[0].baseline}", heights)),
        )


def _about_ratios(drawn: Sequence[CellSummary], without: Sequence[CellSummary]) -> list[str]:
    """How to read ratios; `without` are cells that are not drawn."""
    return [
        BANDS if any(len(cell.paired_ratios) > 1 for cell in drawn) else ONE_LAUNCH,
        HOLLOW if any(cell.ratio_disturbed for cell in drawn) else "",
        f"Left out: {_CONTROL}, which does not mix" if any(cell.context == drawn[0].context for cell in without) else "",
    ]


def _ratio_point(cell: CellSummary) -> Point:
    interval = log_median_interval(list(cell.paired_ratios.values()))
    marks = mark_words(cell, RATIO)
    text = f"{''.join(interval_text(interval))} times {cell.baseline}{f' ({marks})' if marks else ''}"
    return Point(cell.tokens, interval, text, list(cell.paired_ratios.values()), cell.ratio_disturbed)


def _crossovers(look: Look, answer: Verdict, ends: tuple[float, float], swept: str) -> Iterator[Trace]:
    for found in answer.crossovers:
        low, high = found.low or ends[0], found.high or ends[1]
        side = "faster" if found.faster_beyond else "slower"
        bounds = f" ({'below ' if found.low is None else ''}{low:.3g} to {'beyond ' if found.high is None else ''}{high:.3g})"
        text = f"equally fast at about {found.tokens:.3g} {swept}{bounds}, {side} beyond"
        yield {
            "type": "scatter",
            "mode": "lines+markers",
            **of_mixer(look),
            "x": numbers([low, found.tokens, high]),
            "y": [1, 1, 1],
            "line": {"color": look.color, "width": 5},
            "opacity": 0.8,
            "marker": {"color": look.color, "size": [0, 24, 0], "symbol": "line-ns-open", "line": {"width": 3}},
            "customdata": [literal(text)] * 3,
            "hovertemplate": hover("", ""),
            "showlegend": False,
        }
