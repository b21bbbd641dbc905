"""The summary of speed.csv as text: fitted to a terminal, or plain aligned lines for a pipe or a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from mixbench.cli.text.layout import BLANK, Column, Entry, Paragraph, Table, fitted, heading, interval_text, notes, with_prefix
from mixbench.stats import Interval
from mixbench.tables.columns import columns
from mixbench.tables.fields import Heading
from mixbench.tables.remarks import notes_in, special_in
from mixbench.tables.rows import SpeedRow
from mixbench.verdicts.labels import context_words
from mixbench.verdicts.speed.summary import LATENCY, SUMMARISED, CellSummary, Growth, SpeedSummary
from mixbench.verdicts.speed.verdicts import verdicts
from mixbench.verdicts.words import COUNTED_OPERATIONS, counted, number, span

if TYPE_CHECKING:
    from rich.text import Text


def speed_table(summary: SpeedSummary, width: int, terminal: bool) -> Text:
    """For each context a table of cells, one of growth and the verdicts in words, then how to read them.

    On a terminal no line is wider than `width`: columns that do not fit move to a second table, long labels and reasons
    wrap. Elsewhere every cell is one line of its natural length. Print it with `Console.print(text, soft_wrap=True)`.
    """
    return fitted(_parts(summary), width if terminal else None)


def _parts(summary: SpeedSummary) -> Iterator[Paragraph | Table]:
    contexts = list(dict.fromkeys(cell.context for cell in summary.cells))
    answers = verdicts(summary)
    for context, words in zip(contexts, context_words(contexts), strict=True):
        yield heading(" · ".join(words.values()))
        yield _cell_table([cell for cell in summary.cells if cell.context == context], summary.baseline)
        if growths := [growth for growth in summary.growths if growth.context == context]:
            yield from (BLANK, _growth_table(growths))
        yield BLANK
        if own := [answer for answer in answers if answer.context == context]:
            yield from (Paragraph(answer.sentence) for answer in own)
            yield BLANK
    yield from notes(_notes(summary))


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
    return None if cell.share_of_peak is None else Entry(_marked(cell, number(100 * cell.share_of_peak)))


def _marked(cell: CellSummary, text: str) -> str:
    """A number that comes from flops, with its mark."""
    return f"{cell.flops_mark} {text}" if cell.flops_mark else text


def _value(metric: str, heading: Heading, cell: CellSummary, baseline: str | None) -> Entry | None:
    value = cell.value(metric)
    if value is None:
        return Entry(cell.flops_mark) if metric == "flops" and cell.flops_mark else None
    text = _FORMS[heading.form](value if heading.per == 1 else value / heading.per)
    return Entry(_marked(cell, text) if metric == "flops" else text)


_EntryOf = Callable[[CellSummary, str | None], Entry | None]
_BESIDE: dict[str, tuple[str, _EntryOf]] = {LATENCY: ("ratio", _ratio), "flops": ("% of peak", _share_of_peak)}
"""Heading and entries of values derived from several rows, by the metric that they are shown next to."""
_FORMS: dict[str, Callable[[float], str]] = {
    "number": number,
    "whole": lambda value: number(round(value)),
    "prefix": with_prefix,
}


def _cell_table(cells: Sequence[CellSummary], baseline: str | None) -> Table:
    reasons = {
        row: ": ".join(filter(None, (cell.status, cell.detail))) for row, cell in enumerate(cells) if cell.status != "ok"
    }
    tokens = Column("tokens", [Entry(str(cell.tokens)) for cell in cells])
    return Table([cell.label for cell in cells], _columns(cells, baseline), first=tokens, instead=reasons)


def _growth_table(growths: Sequence[Growth]) -> Table:
    exponents = Column("time grows as", [Entry(exponent_text(growth.exponent)) for growth in growths], words=True)
    lengths = [", ".join(map(str, growth.lengths)) for growth in growths]
    over = Column("over tokens", [Entry(text, style="dim") for text in lengths], words=True)
    return Table([growth.label for growth in growths], [exponents, over])


def _notes(summary: SpeedSummary) -> Iterator[str]:
    """How to read the numbers, and what is missing."""
    cells = [cell for cell in summary.cells if cell.latency_ms]
    counts = [cell.launches for cell in cells]
    if counts and max(counts) > 1:
        yield f"In brackets: 95 % t-intervals over {span(counts)} launches (log scale; growth: linear scale)."
    elif counts:
        yield "One launch: no intervals. More launches give them: --launches 5."
    if any(cell.ratio for cell in cells):
        yield f"ratio: latency relative to {summary.baseline}, paired within launches; below 1 is faster."
    if any(cell.ratio and not cell.paired for cell in cells):
        yield "*: measured in different processes from the baseline, so not paired."
    if any(cell.share_of_peak is not None for cell in cells):
        yield "% of peak: FLOP/s relative to a large matrix product in the same launch."
    if any(cell.flops_mark is not None for cell in cells):
        yield f"FLOPs: {COUNTED_OPERATIONS}."
    for mark, remark in sorted({(cell.flops_mark or "", cell.flops_remark) for cell in cells if cell.flops_remark}):
        yield f"{mark}: {remark}."
    for label, remark in dict.fromkeys((cell.label, remark) for cell in cells for remark in notes_in(cell.remarks, "flops")):
        yield f"{label}: {remark}."
    special = [(cell.label, special_in(cell.remarks)) for cell in cells]
    for remark in dict.fromkeys(remark for _, remarks in special for remark in remarks):
        yield f"{', '.join(dict.fromkeys(label for label, remarks in special if remark in remarks))}: {remark}."
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
        yield f"Left out: {counted(summary.left_out, 'row')} from other environments."
