"""The notes below the tables of `mixbench speed`: how to read the numbers and their marks, and what is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from mixbench.tables.remarks import REMEMBERS, notes_in, special_in
from mixbench.verdicts.speed.cells import BRACKETS, POINTS, RATIO, Forms, margin_percent, mark_notes
from mixbench.verdicts.speed.summary import LATENCY, CellSummary, SpeedSummary
from mixbench.verdicts.speed.view import View
from mixbench.verdicts.words import COUNTED_OPERATIONS, counted, number, span

Shown = tuple[CellSummary, str]
"""A cell and what a table shows of it: LATENCY or RATIO."""
_ADVICE = " More launches give them: --launches 5."


def long_notes(summary: SpeedSummary) -> Iterator[str]:
    """The notes on tables with a line per cell."""
    yield from _intervals(summary.cells, "In brackets")
    yield from _of_lines(summary, summary.cells)
    yield from mark_notes([(cell, quantity) for cell in summary.cells for quantity in _quantities(summary, cell)])
    yield from _counts(summary.cells)
    yield from _cells(summary)


def brief_notes(summary: SpeedSummary, views: Sequence[View], form: Forms) -> Iterator[str]:
    """The notes on tables by length; where a context has one length, on a table with a line per cell."""
    lines = [cell for view in views if len(view.lengths) == 1 for cell in view.cells]
    by_length = [(view, cell) for view in views if len(view.lengths) > 1 for cell in view.cells]
    signs = ["±"] if form != BRACKETS else []
    signs += ["in brackets"] if form == BRACKETS or summary.growths else []
    yield from _intervals(summary.cells, " and ".join(signs).capitalize())
    yield from _of_lines(summary, lines)
    yield from mark_notes(
        [(cell, view.quantity(cell)) for view, cell in by_length]
        + [(cell, quantity) for cell in lines for quantity in _quantities(summary, cell)]
    )
    yield from _counts([*lines, *(cell for view, cell in by_length if cell.tokens == view.lengths[-1])])
    yield from _failures([cell for _, cell in by_length])
    yield from _cells(summary)
    if by_length:
        rest = [(view, cell) for view, cell in by_length if cell.tokens != view.lengths[-1]] if form == POINTS else []
        yield _hidden(rest) or "--details shows every cell with throughput and share of peak."


def caption_notes(view: View) -> Iterator[str]:
    """What a reader of the table of a context, mixers × lengths, must know of its numbers."""
    yield from _intervals(view.cells, "In brackets", advice="")
    one = len(view.lengths) == 1
    shown = [(cell, quantity) for cell in view.cells for quantity in ((LATENCY, RATIO) if one else (view.quantity(cell),))]
    yield from mark_notes((cell, quantity) for cell, quantity in shown if cell.label != view.baseline or quantity == LATENCY)
    yield from _uneven(view.cells)
    yield from _remarks([(cell, [REMEMBERS] * cell.remembers) for cell in view.cells if cell.latency_ms])
    yield from _failures(view.cells)
    yield from _lost_launches(view.cells)


def _quantities(summary: SpeedSummary, cell: CellSummary) -> list[str]:
    return [LATENCY] if cell.label == summary.baseline else [LATENCY, RATIO]


def _intervals(cells: Sequence[CellSummary], signs: str, advice: str = _ADVICE) -> Iterator[str]:
    counts = [cell.launches for cell in cells if cell.latency_ms]
    if counts and max(counts) > 1:
        yield f"{signs}: 95 % intervals of the median over {span(counts)} launches."
    elif counts:
        yield f"One launch: no intervals.{advice}"


def _hidden(cells: Sequence[tuple[View, CellSummary]]) -> str:
    """How wide the intervals are that had no room."""
    intervals = [getattr(cell, view.quantity(cell)) for view, cell in cells]
    margins = sorted(margin_percent(interval) for interval in intervals if interval and interval.low is not None)
    if not margins:
        return ""
    middle = margins[len(margins) // 2]
    return f"Intervals at fewer tokens: median ±{middle}%, at most ±{margins[-1]}%; all of them: --details."


def _of_lines(summary: SpeedSummary, cells: Sequence[CellSummary]) -> Iterator[str]:
    """What the columns of tables with a line per cell mean."""
    if any(cell.ratio for cell in cells):
        yield f"ratio: latency relative to {summary.baseline}, paired within launches; below 1 is faster."
    if any(cell.share_of_peak is not None for cell in cells):
        yield "% of peak: FLOP/s relative to a large matrix product in the same launch."


def _counts(cells: Sequence[CellSummary]) -> Iterator[str]:
    """What counts of operations leave out."""
    if any(cell.flops_mark is not None for cell in cells):
        yield f"FLOPs: {COUNTED_OPERATIONS}."
    for mark, remark in sorted({(cell.flops_mark or "", cell.flops_remark) for cell in cells if cell.flops_remark}):
        yield f"{mark}: {remark}."
    for label, remark in dict.fromkeys((cell.label, remark) for cell in cells for remark in notes_in(cell.remarks, "flops")):
        yield f"{label}: {remark}."


def _failures(cells: Sequence[CellSummary]) -> Iterator[str]:
    """Why cells failed, which tables by length only name."""
    lengths: dict[tuple[str, str], list[int]] = defaultdict(list)
    for cell in cells:
        if cell.status != "ok":
            lengths[cell.label, ": ".join(filter(None, (cell.status, cell.detail)))].append(cell.tokens)
    for (label, reason), tokens in lengths.items():
        yield f"{label} at {', '.join(map(str, dict.fromkeys(tokens)))} tokens: {reason}"


def disturbed_cells(summary: SpeedSummary) -> str:
    """One line that says how many cells are marked as disturbed, and what to do; empty where none are."""
    timed = [cell for cell in summary.cells if cell.latency_ms]
    marked = [cell for cell in timed if cell.disturbed or cell.ratio_disturbed]
    if not marked:
        return ""
    return (
        f"DISTURBED for too much of the time: {len(marked)} of {counted(len(timed), 'cell')}, marked !."
        " Stop other processes (`mixbench doctor` names them, and a throttled GPU), then measure again with --fresh."
    )


def _cells(summary: SpeedSummary) -> Iterator[str]:
    """What is special about cells, how the measurement went, and what is left out."""
    cells = [cell for cell in summary.cells if cell.latency_ms]
    yield from _remarks([(cell, special_in(cell.remarks)) for cell in cells])
    yield from _uneven(cells)
    unclean = {
        "contended (held up by other work)": summary.contended_blocks,
        "throttled (the GPU lowered its clock)": summary.throttled_blocks,
    }
    for name, blocks in unclean.items():
        if blocks:
            yield f"{number(100 * blocks / summary.blocks)} % of {summary.blocks} blocks of calls were {name}."
    yield from _lost_launches(cells)
    if summary.left_out:
        yield f"Left out: {counted(summary.left_out, 'row')} from other environments."


def _remarks(remarked: Sequence[tuple[CellSummary, Sequence[str]]]) -> Iterator[str]:
    """Each remark once, with the mixers that have it."""
    for remark in dict.fromkeys(remark for _, remarks in remarked for remark in remarks):
        yield f"{', '.join(dict.fromkeys(cell.label for cell, remarks in remarked if remark in remarks))}: {remark}."


def _uneven(cells: Sequence[CellSummary]) -> Iterator[str]:
    """How much longer a call takes in the mean, where a few calls are slow."""
    for cell in cells:
        if cell.uneven and cell.mean_ms and cell.latency_ms:
            yield (
                f"{cell.label} at {cell.tokens} tokens: the mean call takes {number(cell.mean_ms)} ms, the median call"
                f" {number(cell.latency_ms.point)} ms; latency and ratio are of medians."
            )


def _lost_launches(cells: Sequence[CellSummary]) -> Iterator[str]:
    """Where only some launches failed."""
    for cell in cells:
        if cell.latency_ms and cell.failed_launches:
            yield (
                f"{cell.label} at {cell.tokens} tokens: {cell.failed_launches} of {cell.launches + cell.failed_launches}"
                f" launches failed: {cell.detail}"
            )
