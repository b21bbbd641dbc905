"""Charts of the cost: the factors of each mixer end to end on a logarithmic axis, and the product with its interval."""

from __future__ import annotations

import math
from collections.abc import Iterator

from mixbench.reports.charts.axes import log_axis, names_axis
from mixbench.reports.charts.chart import chart
from mixbench.reports.charts.looks import Look, Looks, grouped, literal
from mixbench.reports.charts.traces import Trace, bars, hover, numbers
from mixbench.reports.contents import Chart
from mixbench.verdicts.brackets import ratio
from mixbench.verdicts.cost.evidence import TaskCost
from mixbench.verdicts.cost.product import PRODUCT, Known, MixerCost
from mixbench.verdicts.cost.tables import score_words
from mixbench.verdicts.entries import DISTURBED
from mixbench.verdicts.speed.blocks import DISTURBED as DISTURBED_WORDS
from mixbench.verdicts.words import COUNTED_OPERATIONS

_FACTORS = {"example": "#56b4e9", "data": "#e69f00", "trials": "#009e73"}
_FAINT = 0.45
"""Opacity of a factor of which only a bound is known."""
_LANES = {"example": -0.3, "data": -0.12, "trials": 0.06}
_PRODUCT = 0.28
"""Where bars and the product are, from the middle of a mixer's row."""
_FAR = 1e12
"""A logarithmic axis has no place for an open end: its line ends here."""
_ROW = 48


def cost_charts(name: str, cost: TaskCost, looks: Looks, about: str) -> Iterator[Chart]:
    """A chart per target score, with what makes a mixer more expensive than the baseline right of 1 and what saves left."""
    named = {"example": f"{cost.measure} per example", "data": "training examples", "trials": "tuning trials"}
    for place, target in enumerate(cost.targets, start=1):
        own = [mixer for mixer in cost.costs if mixer.target == target and mixer.ratios]
        if not own:
            continue
        traces: list[Trace] = [
            *(_sample(words, {"color": _FACTORS[factor], "width": 9}) for factor, words in named.items()),
            _line_at_1(len(own)),
        ]
        for row, mixer in enumerate(own):
            traces += _bars(looks[cost.mixers[mixer.label]], row, mixer, named, cost)
            traces += _product(looks[cost.mixers[mixer.label]], row, mixer, cost, about)
        known = [value for trace in traces for value in _reach(trace)]
        weak = {
            "only a bound is known": any(_bound(ratio) for mixer in own for ratio in mixer.ratios.values()),
            DISTURBED_WORDS: any(mixer.label in cost.disturbed_ratios for mixer in own),
        }
        why = " or ".join(words for words, there in weak.items() if there)
        yield chart(
            f"{name}-{place}",
            f"Cost of {score_words(cost, target)} on {cost.subject.task}, relative to {cost.baseline}",
            [
                cost.subject.words,
                "The first bar begins at 1, and each further one where the one before it ends: the last one ends at the cost",
                "Markers: the cost with its 95 % interval",
                f"Pale bars and hollow markers: {why}" if why else "",
                f"FLOPs: {COUNTED_OPERATIONS}" if cost.unit == "FLOP" else "",
            ],
            traces,
            (log_axis(f"relative to {cost.baseline}", known), names_axis([mixer.label for mixer in own])),
            {"height": 90 + _ROW * len(own)},
        )


def _sample(words: str, line: dict[str, object]) -> Trace:
    """Only an entry of the legend."""
    return {
        "type": "scatter",
        "mode": "lines",
        "name": literal(words),
        "x": [None],
        "y": [None],
        "line": line,
        "hoverinfo": "skip",
    }


def _line_at_1(rows: int) -> Trace:
    line = {"color": "#999999", "width": 1.5}
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [1, 1],
        "y": [-0.5, rows - 0.5],
        "line": line,
        "hoverinfo": "skip",
        "showlegend": False,
    }


def _bound(known: Known) -> bool:
    """Whether only a bound is known."""
    return known.value.low != known.value.high


def _bars(look: Look, row: int, mixer: MixerCost, named: dict[str, str], cost: TaskCost) -> Iterator[Trace]:
    """The factors as bars, one below the other, each from where the last one ended."""
    start = 1.0
    for factor, color in _FACTORS.items():
        known = mixer.ratios[factor]
        value = shown(known)
        if value is None:
            continue
        disturbed = cost.is_disturbed(mixer.label, factor, relative=True)
        faint = {"opacity": _FAINT} if _bound(known) or disturbed else {}
        yield {
            "type": "scatter",
            "mode": "lines",
            **grouped(look),
            "x": numbers([start, start * value**0.5, start * value]),
            "y": [row + _LANES[factor]] * 3,
            "line": {"color": color, "width": 9},
            "customdata": [literal(f"{named[factor]}: {_text(known, disturbed)}")] * 3,
            "hovertemplate": hover("", ""),
            "showlegend": False,
            **faint,
        }
        start *= value


def _product(look: Look, row: int, mixer: MixerCost, cost: TaskCost, about: str) -> Iterator[Trace]:
    known = mixer.ratios[PRODUCT]
    point = shown(known)
    if point is None:
        return
    low, high = (known.interval.low, known.interval.high) if known.interval else (point, point)
    bounds = [(min(max(low, 1 / _FAR), point), max(min(high, _FAR), point))]
    disturbed = cost.is_disturbed(mixer.label, PRODUCT, relative=True)
    hollow = "-open" if _bound(known) or disturbed else ""
    yield {
        "type": "scatter",
        "mode": "markers",
        **grouped(look),
        "x": numbers([point]),
        "y": [row + _PRODUCT],
        "marker": {"color": look.color, "size": 10, "symbol": f"{look.symbol}{hollow}"},
        "customdata": [literal(f"cost relative to {cost.baseline}: {_text(known, disturbed)}")],
        "hovertemplate": hover("", about),
        "showlegend": False,
        **bars("x", [point], bounds, look.color),
    }


def _text(known: Known, disturbed: bool) -> str:
    entry = ratio(known.value, known.interval)
    times = f"{entry.number}{entry.tail} times" if entry else "unknown"
    return f"{times} ({DISTURBED.word})" if disturbed else times


def shown(known: Known) -> float | None:
    """The value, or the bound that is known; None without one."""
    low, high = known.value.low, known.value.high
    if low == high:
        return low
    return high if high < math.inf else low if low > 0 else None


def _reach(trace: Trace) -> Iterator[float]:
    """Where a trace begins and ends, with its bars where those do not go on for ever."""
    for place, x in enumerate(trace["x"]):
        if x is not None:
            more, less = ((trace["error_x"][side][place]) if "error_x" in trace else 0 for side in ("array", "arrayminus"))
            yield from (x, min(x + more, 1000 * x), max(x - less, x / 1000))
