"""Charts of speed.csv: a quantity against tokens or width, and how time grows; one per context."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mixbench.plots.notes import about_operations, not_drawn
from mixbench.plots.speed_panels import Size, grouped, panels_of, tokens_axis, without_flops
from mixbench.plots.speed_sizes import SIZES, quantity_of, values_of
from mixbench.reports.charts.axes import log_axis
from mixbench.reports.charts.chart import chart
from mixbench.reports.charts.looks import Looks
from mixbench.reports.charts.rows import BARS, rows_chart
from mixbench.reports.charts.traces import Line, Point, Trace, crosses, line_traces
from mixbench.reports.contents import Chart
from mixbench.reports.sections.speed_parts import (
    BANDS,
    HOLLOW,
    ONE_LAUNCH,
    PALE,
    as_rows,
    at_one,
    behind_first,
    mixer_of,
    place,
    single,
    titled,
)
from mixbench.stats import log_median_interval
from mixbench.tables.columns import columns
from mixbench.tables.fields import Quantity
from mixbench.tables.speed_rows import SpeedRow
from mixbench.verdicts.entries import interval_text, with_prefix
from mixbench.verdicts.labels import context_words
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.speed.cells import mark_words
from mixbench.verdicts.speed.growth import Growth
from mixbench.verdicts.speed.summary import SpeedSummary
from mixbench.verdicts.speed.tables import exponent_text
from mixbench.verdicts.speed.times import DEVICE, TIME, WALL
from mixbench.verdicts.words import counted, number

_CROSSES = "Crosses above: cells that failed"
_UNSUPPORTED = "unsupported"


def size_charts(summary: SpeedSummary, metric: str, size: Size, looks: Looks, about: str, most: int) -> Iterator[Chart]:
    """A metric against tokens or width, log-log, a chart per context; none against a width that was not swept."""
    axis, _, size_of = SIZES[size]
    panels = panels_of(summary, size, lambda cell: bool(values_of(cell, metric)), most)
    for part, (words, cells) in enumerate(zip(panels.words, panels.cells, strict=True), start=1):
        quantity = quantity_of(metric, cells)
        own_axis, swept = tokens_axis(cells) if size == "tokens" else (axis, size)
        lines = grouped([cell for cell in cells if values_of(cell, metric)], mixer_of)
        if len({size_of(cell) for own in lines.values() for cell in own}) == 1:
            rows = [(looks[mixer], _point(own[0], metric, quantity, size_of)) for mixer, own in lines.items()]
            yield single(
                f"speed-{quantity.name}-by-{size}-{part}",
                titled(f"{quantity.title} at {at_one(swept, size_of(next(iter(lines.values()))[0]))}", words),
                [panels.common, *as_rows(_caption(metric, cells, looks, [], summary)), panels.told],
                rows,
                quantity.axis,
                about,
                prefixed=quantity.prefixed,
            )
            continue
        traces = [
            trace
            for mixer, own in behind_first(lines, looks)
            for points in [[_point(cell, metric, quantity, size_of) for cell in own]]
            for trace in line_traces(Line(looks[mixer], points, about, place(swept)))
        ]
        sizes = [size_of(cell) for cell in cells if cell.status == "ok" or _is_near(size_of(cell), cells, size_of)]
        failed = [cell for cell in cells if cell.status not in ("ok", _UNSUPPORTED) and size_of(cell) in sizes]
        heights = [value for trace in traces for value in trace["y"] if value is not None]
        if not heights:
            continue
        above, top = _crosses(failed, size_of, looks, max(heights), max(heights) / min(heights), about)
        yield chart(
            f"speed-{quantity.name}-by-{size}-{part}",
            titled(f"{quantity.title} by {swept}", words),
            [panels.common, *_caption(metric, cells, looks, failed, summary), panels.told],
            [*traces, *above],
            (
                log_axis(own_axis, sizes, at=sizes),
                log_axis(quantity.axis, [*heights, *([top] if above else [])], prefixed=quantity.prefixed),
            ),
        )


def _point(cell: CellSummary, metric: str, quantity: Quantity, size_of: Callable[[CellSummary], int]) -> Point:
    values = list(values_of(cell, metric).values())
    counted_once = columns(SpeedRow)[metric].counted
    interval = log_median_interval(values)
    unit = quantity.axis.rpartition("(")[2].rstrip(")")
    shown = "".join(interval_text(interval, with_prefix if quantity.prefixed else number))
    marks = mark_words(cell, TIME) if not counted_once else ""
    bound = f"{cell.flops_mark} " if metric == "flops" and cell.flops_mark else ""
    launches = "" if counted_once else f", {counted(len(values), 'launch')}"
    text = f"{bound}{shown} {unit}{launches}{f' ({marks})' if marks else ''}"
    return Point(size_of(cell), interval, text, () if counted_once else values, cell.disturbed and not counted_once)


def growth_charts(summary: SpeedSummary, looks: Looks, about: str, most: int) -> Iterator[Chart]:
    """The exponent of the growth of time with the tokens, a row per mixer, a chart per context."""
    contexts = list(dict.fromkeys(growth.context for growth in summary.growths))[:most]
    keys = {cell.label: mixer_of(cell) for cell in summary.cells}
    words = context_words(contexts)
    varying = [name for name in (words[0] if words else ()) if len({fields[name] for fields in words}) > 1]
    for part, (context, own_words) in enumerate(zip(contexts, words, strict=True), start=1):
        growths = sorted(
            (growth for growth in summary.growths if growth.context == context), key=lambda growth: growth.exponent.point
        )
        rows = [(looks[keys[growth.label]], growth.exponent, _grown(growth), growth.disturbed) for growth in growths]
        yield rows_chart(
            f"speed-growth-{part}",
            titled("How time grows with the tokens N", {name: own_words[name] for name in varying}),
            [
                " · ".join(text for name, text in own_words.items() if name not in varying),
                "The exponent of N over the three largest lengths: 1 is linear, 2 quadratic",
                BARS if any(growth.exponent.low is not None for growth in growths) else ONE_LAUNCH,
                HOLLOW if any(growth.disturbed for growth in growths) else "",
            ],
            rows,
            "time grows as N to the power",
            about,
        )


def _grown(growth: Growth) -> str:
    disturbed = " (disturbed)" if growth.disturbed else ""
    return f"{exponent_text(growth.exponent)} over {', '.join(map(str, growth.lengths))} tokens{disturbed}"


def _crosses(
    failed: Sequence[CellSummary], size_of: Callable[[CellSummary], int], looks: Looks, top: float, ratio: float, about: str
) -> tuple[list[Trace], float]:
    """A cross per failed cell above all lines, the mixers below each other; and how high they reach."""
    step = max(ratio, 2.0) ** 0.06
    found = []
    height = top
    for mixer, cells in grouped(failed, mixer_of).items():
        height = min(height * step, 1e300)
        texts = [": ".join(filter(None, (cell.status, cell.detail))) for cell in cells]
        found.append(crosses(looks[mixer], [size_of(cell) for cell in cells], height, texts, about))
    return found, height


def _is_near(size: int, cells: Sequence[CellSummary], size_of: Callable[[CellSummary], int]) -> bool:
    """Whether a size is not far beyond those that were measured: it would stretch the axis."""
    measured = [size_of(cell) for cell in cells if cell.status == "ok"]
    return bool(measured) and min(measured) / 8 <= size <= max(measured) * 8


def _caption(
    metric: str, cells: Sequence[CellSummary], looks: Looks, failed: Sequence[CellSummary], summary: SpeedSummary
) -> list[str]:
    counted_once = columns(SpeedRow)[metric].counted
    several = any(cell.launches > 1 for cell in cells)
    lines = grouped(cells, mixer_of)
    without = {
        line[0].label: without_flops(line) if metric == "flops" else "0 or not measured"
        for line in lines.values()
        if all(cell.status == "ok" and not values_of(cell, metric) for cell in line)
    }
    unsupported = {line[0].label: _UNSUPPORTED for line in lines.values() if all(cell.status == _UNSUPPORTED for cell in line)}
    per_token = metric in (WALL, DEVICE) and any(cell.decoding for cell in cells)
    marks = [cell.flops_mark for cell in summary.cells if cell.value("flops") is not None]
    return [
        "Counted, so the same in every launch" if counted_once else BANDS if several else ONE_LAUNCH,
        "Per token: one step of the whole batch, which gives a token of every sequence" if per_token else "",
        HOLLOW if not counted_once and any(cell.disturbed for cell in cells) else "",
        _CROSSES if failed else "",
        PALE if any(looks[mixer].pale for mixer in lines) else "",
        *not_drawn(without | unsupported),
        *(about_operations(marks)[:1] if metric == "flops" else []),
    ]
