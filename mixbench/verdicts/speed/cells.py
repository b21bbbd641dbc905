"""A cell of speed.csv as entries of tables: each number with its interval and its marks, which notes explain."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from mixbench.stats import Interval
from mixbench.tables.columns import columns
from mixbench.tables.fields import Heading
from mixbench.tables.speed_rows import SpeedRow
from mixbench.verdicts.entries import DISTURBED, LOWER_BOUND, Entry, Sign, interval_text, signed, with_prefix
from mixbench.verdicts.speed.cell_summary import SUMMARISED, CellSummary
from mixbench.verdicts.speed.times import DEVICE, TIME, WALL, time_column
from mixbench.verdicts.words import number

RATIO = "ratio"
HOST_BOUND_WORD = "host-bound"
Form = Callable[[Interval], tuple[str, str]]
"""A point and what stands behind it to say how sure it is."""
EntryOf = Callable[[CellSummary], Entry | None]
_WIDEST_MARGIN = 99


@dataclass(frozen=True)
class Mark:
    """The sign of some times or ratios; `of` is TIME, RATIO or both."""

    sign: Sign
    of: tuple[str, ...]
    marks: Callable[[CellSummary], bool]


_UNEVEN = Sign("^", "uneven", "some calls take much longer than others")
_NOT_PAIRED = Sign("*", "not paired", "measured in different processes from the baseline, so not paired")
_NEAR_1 = Sign("~", "", "cannot be told apart from 1")
MARKS = (
    Mark(DISTURBED, (TIME,), lambda cell: cell.disturbed),
    Mark(DISTURBED, (WALL,), lambda cell: cell.wall_disturbed),
    Mark(DISTURBED, (RATIO,), lambda cell: cell.ratio_disturbed),
    Mark(_UNEVEN, (TIME, RATIO), lambda cell: cell.uneven or cell.remembers),
    Mark(_NOT_PAIRED, (RATIO,), lambda cell: not cell.paired),
    Mark(_NEAR_1, (RATIO,), lambda cell: holds_1(cell.ratio)),
)
"""Every mark of a time or a ratio, in the order in which they stand."""


def holds_1(ratio: Interval | None) -> bool:
    """Whether an interval leaves open which side of 1 a ratio is on."""
    return ratio is not None and ratio.low is not None and ratio.high is not None and ratio.low <= 1 <= ratio.high


def timed(cell: CellSummary, quantity: str, form: Form = interval_text) -> Entry | None:
    """The time (TIME or WALL, in ms) or the ratio to the baseline (RATIO) of a cell, with its marks."""
    interval: Interval | None = getattr(cell, quantity)
    if interval is None:
        return None
    point, behind = form(interval)
    style = _style(interval) if quantity == RATIO else ""
    return signed(Entry(point, behind, style, value=interval.point), *_signs(cell, quantity))


def mark_words(cell: CellSummary, quantity: str) -> str:
    """Why a time or a ratio is not to be taken as it stands; empty if it is."""
    return ", ".join(sign.word for sign in _signs(cell, quantity) if sign.word)


def _signs(cell: CellSummary, quantity: str) -> list[Sign]:
    return [mark.sign for mark in MARKS if quantity in mark.of and mark.marks(cell)]


def mark_notes(shown: Iterable[tuple[CellSummary, str]]) -> Iterator[str]:
    """What the marks mean that stand in a table of these cells and quantities."""
    found = {sign for cell, quantity in shown if getattr(cell, quantity) for sign in _signs(cell, quantity)}
    return (sign.explained for sign in dict.fromkeys(mark.sign for mark in MARKS) if sign in found)


def metric_entries() -> dict[str, tuple[str, EntryOf]]:
    """For each metric but time that has a heading, the heading and what is shown of a cell."""
    headings = {metric: heading for metric in SUMMARISED if (heading := columns(SpeedRow)[metric].heading)}
    return {
        metric: (heading.text, partial(_value, metric, heading))
        for metric, heading in headings.items()
        if metric not in (WALL, DEVICE)
    }


def time_entry(on_device: bool, form: Form) -> tuple[str, EntryOf]:
    """Heading and entries of the time that is judged."""
    heading = time_column(on_device).heading
    return heading.text if heading else TIME, partial(timed, quantity=TIME, form=form)


def wall_entry(form: Form) -> tuple[str, EntryOf]:
    """Heading and entries of wall time beside device time, with a word where it is longer."""

    def entry(cell: CellSummary) -> Entry | None:
        shown = timed(cell, WALL, form)
        return replace(shown, tail=f"{shown.tail} {HOST_BOUND_WORD}") if shown and cell.host_bound else shown

    return "wall ms", entry


def share_entries(bound: bool) -> list[tuple[str, EntryOf]]:
    """Heading and entries of the shares of the machine's peaks, in percent; with `bound`, of what bounds a call, too."""
    shares: list[tuple[str, EntryOf]] = [("% of peak", _share_of_peak), ("% of bandwidth", _share_of_bandwidth)]
    return [*shares, ("bound by", _bound_by)] if bound else shares


def _share_of_peak(cell: CellSummary) -> Entry | None:
    share = cell.share_of_peak
    return None if share is None else _bounded(cell, number(100 * share), 100 * share)


def _share_of_bandwidth(cell: CellSummary) -> Entry | None:
    share = cell.share_of_bandwidth
    return None if share is None else Entry(number(100 * share), value=100 * share)


def _bound_by(cell: CellSummary) -> Entry | None:
    return None if cell.bound_by is None else Entry(cell.bound_by)


def point(interval: Interval) -> tuple[str, str]:
    """A point alone."""
    return short(interval.point), ""


def margin(interval: Interval) -> tuple[str, str]:
    """A point and how far the further end of its interval is, rounded up to whole percent: `0.905`, ` ±5%`."""
    if interval.low is None or interval.high is None or interval.low <= 0:
        return short(interval.point), ""
    percent = margin_percent(interval)
    return short(interval.point), f" ±{percent}%" if percent <= _WIDEST_MARGIN else f" ±>{_WIDEST_MARGIN}%"


def margin_percent(interval: Interval) -> int:
    """By what factor the further end of an interval differs from its point, in percent above 1, rounded up."""
    ends = (interval.low, interval.high)
    return max((math.ceil(100 * math.expm1(abs(math.log(end / interval.point))) - 1e-9) for end in ends if end), default=0)


def short(value: float) -> str:
    """A number in about six characters: three significant digits, two below 0.01 (0.905, 0.0025, 2.3e-5)."""
    if value == 0 or abs(value) >= 0.01:
        return number(value)
    return f"{value:.4f}" if abs(value) >= 0.001 else f"{value:.1e}".replace("e-0", "e-")


def _style(ratio: Interval) -> str:
    return "green" if ratio.high is not None and ratio.high < 1 else "red" if ratio.low is not None and ratio.low > 1 else ""


def _bounded(cell: CellSummary, text: str, value: float) -> Entry:
    """A number that comes from flops, with its mark."""
    return Entry(f"{cell.flops_mark} {text}", value=value, mark=LOWER_BOUND) if cell.flops_mark else Entry(text, value=value)


def _value(metric: str, heading: Heading, cell: CellSummary) -> Entry | None:
    value = cell.value(metric)
    if value is None:
        return Entry(cell.flops_mark) if metric == "flops" and cell.flops_mark else None
    shown = value if heading.per == 1 else value / heading.per
    text = _FORMS[heading.form](shown)
    return _bounded(cell, text, shown) if metric == "flops" else Entry(text, value=shown)


_FORMS: dict[str, Callable[[float], str]] = {
    "number": number,
    "whole": lambda value: number(round(value)),
    "prefix": with_prefix,
}


Forms = tuple[Form, Form]
BRACKETS: Forms = (interval_text, interval_text)
MARGINS: Forms = (margin, margin)
POINTS: Forms = (point, margin)
FORMS = (BRACKETS, MARGINS, POINTS)
"""How times are shown at most lengths and at the longest one; of several that fit, the first is the best."""
