"""The summary of speed.csv as text: fitted to a terminal, or plain aligned lines for a pipe or a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import zip_longest
from typing import TYPE_CHECKING

from mixbench.cli.text.layout import (
    GAP,
    Column,
    Entry,
    Segment,
    as_text,
    interval_text,
    label_width,
    number,
    packed,
    with_prefix,
    wrapped,
)
from mixbench.stats import Interval
from mixbench.tables.columns import columns
from mixbench.tables.fields import Heading
from mixbench.tables.rows import SpeedRow
from mixbench.verdicts.labels import context_words
from mixbench.verdicts.speed import LATENCY, SUMMARISED, CellSummary, Growth, SpeedSummary

if TYPE_CHECKING:
    from rich.text import Text


def speed_table(summary: SpeedSummary, width: int, terminal: bool) -> Text:
    """What `mixbench speed` prints: for each context a table of cells and one of growth, then how to read them.

    On a terminal no line is wider than `width`: columns that do not fit move to a second table, long labels and reasons
    wrap. Elsewhere every cell is one line of its natural length. Print it with `Console.print(text, soft_wrap=True)`.
    """
    room = width if terminal else None
    contexts = list(dict.fromkeys(cell.context for cell in summary.cells))
    lines: list[list[Segment]] = []
    for context, words in zip(contexts, context_words(contexts), strict=True):
        lines += [[(line, "bold cyan")] for line in wrapped(" · ".join(words.values()), room)]
        lines += _cell_tables([cell for cell in summary.cells if cell.context == context], summary.baseline, room)
        lines += _growth_table([growth for growth in summary.growths if growth.context == context], room)
        lines.append([])
    lines += [[(line, "dim")] for note in _notes(summary) for line in wrapped(note, room)]
    return as_text(lines)


def exponent_text(interval: Interval, base: str = "N") -> str:
    """`N^1.98 (1.93–2.02)`."""
    return "".join((f"{base}^", *interval_text(interval, lambda value: f"{round(value, 2) + 0.0:.2f}")))


def _columns(cells: Sequence[CellSummary], baseline: str | None) -> list[Column]:
    """The columns that have a value in at least one cell."""
    shown = [Column(heading, [entry(cell, baseline) for cell in cells]) for heading, entry in _entries()]
    return [column for column in shown if any(column.entries)]


def _entries() -> Iterator[tuple[str, _EntryOf]]:
    """Heading and entries of every column: the metrics that have a heading, and what is shown next to some of them."""
    for metric in SUMMARISED:
        if heading := columns(SpeedRow)[metric].heading:
            yield heading.text, _latency if metric == LATENCY else partial(_value, metric, heading)
        if metric in _BESIDE:
            yield _BESIDE[metric]


def _latency(cell: CellSummary, baseline: str | None) -> Entry | None:
    return Entry(*interval_text(cell.latency_ms)) if cell.latency_ms else None


def _ratio(cell: CellSummary, baseline: str | None) -> Entry | None:
    if cell.ratio is None or cell.label == baseline:
        return Entry("1") if cell.ratio else None
    point, bounds = interval_text(cell.ratio)
    low, high = cell.ratio.low, cell.ratio.high
    style = "green" if high is not None and high < 1 else "red" if low is not None and low > 1 else ""
    return Entry(point, bounds + ("" if cell.paired else " *"), style)


def _share_of_peak(cell: CellSummary, baseline: str | None) -> Entry | None:
    return None if cell.share_of_peak is None else Entry(number(100 * cell.share_of_peak))


def _value(metric: str, heading: Heading, cell: CellSummary, baseline: str | None) -> Entry | None:
    value = cell.value(metric)
    if value is None:
        return None
    bound = "≥ " if metric == "flops" and cell.flops_remark else ""
    return Entry(bound + _FORMS[heading.form](value if heading.per == 1 else value / heading.per))


_EntryOf = Callable[[CellSummary, str | None], Entry | None]
_BESIDE: dict[str, tuple[str, _EntryOf]] = {LATENCY: ("ratio", _ratio), "flops": ("% of peak", _share_of_peak)}
"""Heading and entries of what is derived from several rows, by the metric that it is shown next to."""
_FORMS: dict[str, Callable[[float], str]] = {
    "number": number,
    "whole": lambda value: number(round(value)),
    "prefix": with_prefix,
}


def _cell_tables(cells: Sequence[CellSummary], baseline: str | None, room: int | None) -> list[list[Segment]]:
    every = _columns(cells, baseline)
    tokens = max([len("tokens"), *(len(str(cell.tokens)) for cell in cells)])
    widest = max([len("unsupported"), *(column.width for column in every)])
    label = label_width([cell.label for cell in cells], room, room and room - tokens - widest - 2 * len(GAP))
    left = tokens + len(GAP) + label
    lines: list[list[Segment]] = []
    for part in packed(every, room and room - left):
        header = "".join([f"{'tokens':>{tokens}}{GAP}{'mixer':<{label}}", *(f"{GAP}{c.heading:>{c.width}}" for c in part)])
        lines += [[], [(header, "bold")]] if lines else [[(header, "bold")]]
        lines += [[("─" * len(header), "dim")]] if room else []
        for row, cell in enumerate(cells):
            names = wrapped(cell.label, label)
            if cell.status == "ok":
                texts = [[segment for column in part for segment in column.line(row)]]
            else:
                reason = ": ".join(filter(None, (cell.status, cell.detail))) if part[:1] == every[:1] else cell.status
                texts = [[(GAP + line, "yellow")] for line in wrapped(reason, room and room - left - len(GAP))]
            repeats = room and row and cells[row - 1].tokens == cell.tokens
            for step, (name, text) in enumerate(zip_longest(names, texts)):
                shown = "" if repeats or step else cell.tokens
                lines.append([(f"{shown:>{tokens}}{GAP}{name or '':<{label}}", ""), *(text or [])])
    return lines


def _growth_table(growths: Sequence[Growth], room: int | None) -> list[list[Segment]]:
    if not growths:
        return []
    shown = [exponent_text(growth.exponent) for growth in growths]
    lengths = [", ".join(map(str, growth.lengths)) for growth in growths]
    middle = max(len("time grows as"), *map(len, shown))
    last = max(len("over tokens"), *map(len, lengths))
    label = label_width([growth.label for growth in growths], room, room and room - middle - last - 2 * len(GAP))
    header = f"{'mixer':<{label}}{GAP}{'time grows as':<{middle}}{GAP}over tokens"
    lines: list[list[Segment]] = [[], [(header, "bold")]]
    lines += [[("─" * (label + middle + last + 2 * len(GAP)), "dim")]] if room else []
    for growth, exponent, over in zip(growths, shown, lengths, strict=True):
        first, *rest = wrapped(growth.label, label)
        lines += [[(f"{first:<{label}}{GAP}{exponent:<{middle}}{GAP}", ""), (over, "dim")], *([(name, "")] for name in rest)]
    return lines


def _notes(summary: SpeedSummary) -> Iterator[str]:
    """How to read the numbers, and what is missing."""
    cells = [cell for cell in summary.cells if cell.latency_ms]
    counts = sorted({cell.launches for cell in cells})
    if counts and counts[-1] > 1:
        span = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        yield f"In brackets: 95 % t-intervals over {span} launches (log scale; growth: linear scale)."
    elif counts:
        yield "One launch: no intervals. More launches give them: --launches 5."
    if any(cell.ratio for cell in cells):
        yield f"ratio: latency relative to {summary.baseline}, paired within launches; below 1 is faster."
    if any(cell.ratio and not cell.paired for cell in cells):
        yield "*: measured in other processes than the baseline, so not paired."
    if any(cell.share_of_peak is not None for cell in cells):
        yield "% of peak: FLOP/s relative to a large matrix product in the same launch."
    for remark in sorted({cell.flops_remark for cell in cells} - {""}):
        yield f"≥: {remark}."
    for name, blocks in (("contended", summary.contended_blocks), ("throttled", summary.throttled_blocks)):
        if blocks:
            yield f"{number(100 * blocks / summary.blocks)} % of {summary.blocks} blocks were {name}."
    for cell in cells:
        if cell.failed_launches:
            yield (
                f"{cell.label} at {cell.tokens} tokens: {cell.failed_launches} of {cell.launches + cell.failed_launches}"
                f" launches failed: {cell.detail}"
            )
    if summary.left_out:
        yield f"{summary.left_out} rows from other environments are left out."
