"""Charts of speed.csv: a quantity or the ratio of times against tokens or width, and how time grows; one per context."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from mixbench.plots.notes import about_operations, not_drawn
from mixbench.plots.speed_panels import Size, grouped, panels_of, time_quantity, tokens_axis, without_flops
from mixbench.plots.speed_sizes import SIZES, quantity_of, values_of
from mixbench.reports.charts.axes import Axis, log_axis
from mixbench.reports.charts.chart import chart
from mixbench.reports.charts.looks import Look, Looks, literal
from mixbench.reports.charts.looks import grouped as of_mixer
from mixbench.reports.charts.rows import BARS, rows_chart
from mixbench.reports.charts.traces import Line, Point, Trace, crosses, hover, level, line_traces, numbers
from mixbench.reports.contents import Chart
from mixbench.stats import log_median_interval
from mixbench.tables.columns import columns
from mixbench.tables.fields import Quantity
from mixbench.tables.rows import SpeedRow
from mixbench.verdicts.entries import interval_text, with_prefix
from mixbench.verdicts.labels import context_words
from mixbench.verdicts.speed.cells import RATIO, mark_words
from mixbench.verdicts.speed.summary import CellSummary, Growth, SpeedSummary
from mixbench.verdicts.speed.tables import exponent_text
from mixbench.verdicts.speed.times import DEVICE, TIME, WALL
from mixbench.verdicts.speed.verdicts import Verdict, verdicts
from mixbench.verdicts.words import counted, number

_BANDS = "Bands: 95 % intervals of the median over launches, which are the dots"
_ONE_LAUNCH = "One launch: no intervals"
_HOLLOW = "Hollow markers: disturbed while they were timed"
_CROSSES = "Crosses above: cells that failed"
_PALE = "Grey: the other mixers, named where the pointer is"
_UNSUPPORTED = "unsupported"
_CONTROL = "none"


def size_charts(summary: SpeedSummary, metric: str, size: Size, looks: Looks, about: str, most: int) -> Iterator[Chart]:
    """A metric against tokens or width, log-log, a chart per context; none against a width that was not swept."""
    axis, _, size_of = SIZES[size]
    panels = panels_of(summary, size, lambda cell: bool(values_of(cell, metric)), most)
    for place, (words, cells) in enumerate(zip(panels.words, panels.cells, strict=True), start=1):
        quantity = quantity_of(metric, cells)
        own_axis, swept = tokens_axis(cells) if size == "tokens" else (axis, size)
        lines = grouped([cell for cell in cells if values_of(cell, metric)], _mixer)
        if len({size_of(cell) for own in lines.values() for cell in own}) == 1:
            rows = [(looks[mixer], _point(own[0], metric, quantity, size_of)) for mixer, own in lines.items()]
            yield _single(
                f"speed-{quantity.name}-by-{size}-{place}",
                _titled(f"{quantity.title} at {_of_one(swept, size_of(next(iter(lines.values()))[0]))}", words),
                [panels.common, *_as_rows(_caption(metric, cells, looks, [], summary)), panels.told],
                rows,
                quantity.axis,
                about,
                prefixed=quantity.prefixed,
            )
            continue
        traces = [
            trace
            for mixer, own in _behind_first(lines, looks)
            for points in [[_point(cell, metric, quantity, size_of) for cell in own]]
            for trace in line_traces(Line(looks[mixer], points, about, _at(swept)))
        ]
        sizes = [size_of(cell) for cell in cells if cell.status == "ok" or _is_near(size_of(cell), cells, size_of)]
        failed = [cell for cell in cells if cell.status not in ("ok", _UNSUPPORTED) and size_of(cell) in sizes]
        heights = [value for trace in traces for value in trace["y"] if value is not None]
        if not heights:
            continue
        above, top = _crosses(failed, size_of, looks, max(heights), max(heights) / min(heights), about)
        yield chart(
            f"speed-{quantity.name}-by-{size}-{place}",
            _titled(f"{quantity.title} by {swept}", words),
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
    for place, (words, cells) in enumerate(zip(panels.words, panels.cells, strict=True), start=1):
        own_axis, swept = tokens_axis(cells)
        time = time_quantity(cells).title.lower()
        own = [cell for cell in cells if id(cell) in shown]
        sizes = [cell.tokens for cell in own]
        baseline = next(_mixer(cell) for cell in summary.cells if cell.label == own[0].baseline)
        lines = grouped(own, _mixer)
        if len({*sizes}) == 1:
            yield _single(
                f"speed-ratio-by-tokens-{place}",
                _titled(f"{time.capitalize()} relative to {own[0].baseline} at {_of_one(swept, sizes[0])}", words),
                [panels.common, "Below 1: faster", *_as_rows(_about_ratios(own, without))],
                [(looks[mixer], _ratio_point(line[0])) for mixer, line in lines.items()],
                f"{time} relative to {own[0].baseline}",
                about,
                further=[1.0],
            )
            continue
        traces = [level(looks[baseline], 1.0, _ends(sizes), f"the baseline: its {time} is 1")]
        for mixer, line in _behind_first(lines, looks):
            traces += line_traces(Line(looks[mixer], [_ratio_point(cell) for cell in line], about, _at(swept)))
        heights = [value for trace in traces for value in trace["y"] if value is not None]
        crossed = [answer for answer in answers if answer.context == own[0].context and answer.crossovers]
        marks = [
            trace
            for mixer, line in lines.items()
            for answer in crossed
            if answer.mixer == line[0].label and not looks[mixer].pale
            for trace in _crossovers(looks[mixer], answer, _ends(sizes), swept)
        ]
        yield chart(
            f"speed-ratio-by-tokens-{place}",
            _titled(f"{time.capitalize()} relative to {own[0].baseline}", words),
            [
                panels.common,
                "Below 1: faster",
                *_about_ratios(own, without),
                "Diamonds: equally fast, with the 95 % interval of the length" if marks else "",
                _PALE if any(looks[mixer].pale for mixer in lines) else "",
                panels.told,
            ],
            [*traces, *marks],
            (log_axis(own_axis, sizes, at=sizes), log_axis(f"{time} relative to {own[0].baseline}", heights)),
        )


def _about_ratios(drawn: Sequence[CellSummary], without: Sequence[CellSummary]) -> list[str]:
    """How to read ratios; `without` are cells that are not drawn."""
    return [
        _BANDS if any(len(cell.paired_ratios) > 1 for cell in drawn) else _ONE_LAUNCH,
        _HOLLOW if any(cell.ratio_disturbed for cell in drawn) else "",
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
            "opacity": 0.55,
            "marker": {"color": look.color, "size": [0, 11, 0], "symbol": "diamond"},
            "customdata": [literal(text)] * 3,
            "hovertemplate": hover("", ""),
            "showlegend": False,
        }


def growth_charts(summary: SpeedSummary, looks: Looks, about: str, most: int) -> Iterator[Chart]:
    """The exponent of the growth of time with the tokens, a row per mixer, a chart per context."""
    contexts = list(dict.fromkeys(growth.context for growth in summary.growths))[:most]
    keys = {cell.label: _mixer(cell) for cell in summary.cells}
    words = context_words(contexts)
    varying = [name for name in (words[0] if words else ()) if len({fields[name] for fields in words}) > 1]
    for place, (context, own_words) in enumerate(zip(contexts, words, strict=True), start=1):
        growths = sorted(
            (growth for growth in summary.growths if growth.context == context), key=lambda growth: growth.exponent.point
        )
        rows = [(looks[keys[growth.label]], growth.exponent, _grown(growth), growth.disturbed) for growth in growths]
        yield rows_chart(
            f"speed-growth-{place}",
            _titled("How time grows with the tokens N", {name: own_words[name] for name in varying}),
            [
                " · ".join(text for name, text in own_words.items() if name not in varying),
                "The exponent of N over the three largest lengths: 1 is linear, 2 quadratic",
                BARS if any(growth.exponent.low is not None for growth in growths) else _ONE_LAUNCH,
                _HOLLOW if any(growth.disturbed for growth in growths) else "",
            ],
            rows,
            "time grows as N to the power",
            about,
        )


def _grown(growth: Growth) -> str:
    disturbed = " (disturbed)" if growth.disturbed else ""
    return f"{exponent_text(growth.exponent)} over {', '.join(map(str, growth.lengths))} tokens{disturbed}"


def _single(
    name: str,
    title: str,
    caption: Iterable[str],
    rows: Sequence[tuple[Look, Point]],
    axis: str,
    about: str,
    *,
    prefixed: bool = False,
    further: Sequence[float] = (),
) -> Chart:
    """Values at a single size: a row per mixer, the smallest first; the axis holds `further` values, too."""
    ordered = sorted(rows, key=lambda row: row[1].interval.point)

    def made(title: str, values: Iterable[float]) -> Axis:
        return log_axis(title, [*values, *further], prefixed=prefixed)

    return rows_chart(
        name, title, caption, [(look, point.interval, point.text, point.hollow) for look, point in ordered], axis, about, made
    )


def _as_rows(notes: Iterable[str]) -> Iterator[str]:
    """Notes on lines as those on a chart with a row per mixer, which has all names."""
    return (BARS if note == _BANDS else note for note in notes if note != _PALE)


def _of_one(swept: str, size: int) -> str:
    return f"{swept} {size}" if swept in ("width", "context") else counted(size, "token")


def _crosses(
    failed: Sequence[CellSummary], size_of: Callable[[CellSummary], int], looks: Looks, top: float, ratio: float, about: str
) -> tuple[list[Trace], float]:
    """A cross per failed cell above all lines, the mixers below each other; and how high they reach."""
    step = max(ratio, 2.0) ** 0.06
    found = []
    height = top
    for mixer, cells in grouped(failed, _mixer).items():
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
    lines = grouped(cells, _mixer)
    without = {
        line[0].label: without_flops(line) if metric == "flops" else "0 or not measured"
        for line in lines.values()
        if all(cell.status == "ok" and not values_of(cell, metric) for cell in line)
    }
    unsupported = {line[0].label: _UNSUPPORTED for line in lines.values() if all(cell.status == _UNSUPPORTED for cell in line)}
    per_token = metric in (WALL, DEVICE) and any(cell.decoding for cell in cells)
    marks = [cell.flops_mark for cell in summary.cells if cell.value("flops") is not None]
    return [
        "Counted, so the same in every launch" if counted_once else _BANDS if several else _ONE_LAUNCH,
        "Per token: one step of the whole batch, which gives a token of every sequence" if per_token else "",
        _HOLLOW if not counted_once and any(cell.disturbed for cell in cells) else "",
        _CROSSES if failed else "",
        _PALE if any(looks[mixer].pale for mixer in lines) else "",
        *not_drawn(without | unsupported),
        *(about_operations(marks)[:1] if metric == "flops" else []),
    ]


def _behind_first(
    lines: Mapping[tuple[str, str], Sequence[CellSummary]], looks: Looks
) -> list[tuple[tuple[str, str], Sequence[CellSummary]]]:
    """The lines of mixers, those in the background first."""
    return sorted(lines.items(), key=lambda line: not looks[line[0]].pale)


def _mixer(cell: CellSummary) -> tuple[str, str]:
    return cell.mixer, cell.config


def _at(swept: str) -> str:
    return f"{swept} %{{x}}"


def _ends(sizes: Sequence[int]) -> tuple[float, float]:
    low, high = min(sizes), max(sizes)
    return (low, high) if low < high else (low / 2, high * 2)


def _titled(title: str, words: Mapping[str, str]) -> str:
    """A title with what this chart differs in from others."""
    return " · ".join(filter(None, (title, *words.values())))
