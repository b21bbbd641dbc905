"""The notes below the tables of `mixbench speed`: how to read the numbers and their marks, and what is missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from mixbench.machine.roofline import NEAR
from mixbench.tables.remarks import REMEMBERS, notes_in, special_in
from mixbench.verdicts.labels import unpacked
from mixbench.verdicts.speed.baseline import baselines_of
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.speed.cells import BRACKETS, HOST_BOUND_WORD, POINTS, RATIO, Forms, margin_percent, mark_notes
from mixbench.verdicts.speed.summary import SpeedSummary
from mixbench.verdicts.speed.times import TIME, WALL, time_column
from mixbench.verdicts.speed.view import View, views_of
from mixbench.verdicts.words import COUNTED_OPERATIONS, counted, number, span

_COSTS = {"params": "parameters", "flops": "FLOPs of a forward pass"}
_ADVICE = " More launches give them: --launches 5."


def long_notes(summary: SpeedSummary) -> Iterator[str]:
    """The notes on tables with a line per cell."""
    on_device = any(cell.on_device for cell in summary.cells)
    yield from _intervals(summary.cells, "± and in brackets" if on_device else "In brackets")
    yield from _ratio(summary.cells)
    yield from _decoding(summary.cells)
    yield from _shares(summary.cells, bound=True)
    yield from _host_bound(views_of(summary))
    yield from mark_notes([(cell, quantity) for cell in summary.cells for quantity in _quantities(cell)])
    yield from _counts(summary.cells)
    yield from _matched(summary.cells)
    yield from _cells(summary)


def brief_notes(summary: SpeedSummary, views: Sequence[View], form: Forms) -> Iterator[str]:
    """The notes on tables by length; where a context has one length, on a table with a line per cell."""
    lines = [cell for view in views if len(view.lengths) == 1 for cell in view.cells]
    by_length = [(view, cell) for view in views if len(view.lengths) > 1 for cell in view.cells]
    signs = ["±"] if form != BRACKETS or any(cell.on_device for cell in lines) else []
    signs += ["in brackets"] if form == BRACKETS or summary.growths else []
    yield from _intervals(summary.cells, " and ".join(signs).capitalize())
    at_the_end = [(view, cell) for view, cell in by_length if cell.tokens == view.lengths[-1]]
    yield from _ratio(lines)
    yield from _decoding(summary.cells)
    yield from _shares([*lines, *(cell for view, cell in at_the_end if view.on_device)], bound=False)
    yield from _host_bound(views)
    yield from mark_notes(
        [(cell, view.quantity(cell)) for view, cell in by_length]
        + [(cell, WALL) for _, cell in at_the_end if cell.on_device]
        + [(cell, quantity) for cell in lines for quantity in _quantities(cell)]
    )
    yield from _counts([*lines, *(cell for _, cell in at_the_end)])
    yield from _matched(summary.cells)
    yield from _failures([cell for _, cell in by_length])
    yield from _cells(summary)
    if by_length:
        rest = [(view, cell) for view, cell in by_length if cell.tokens != view.lengths[-1]] if form == POINTS else []
        yield _hidden(rest) or "--details shows every cell with throughput and share of peak."


def caption_notes(view: View) -> Iterator[str]:
    """What a reader of the table of a context, mixers × lengths, must know of its numbers."""
    yield from _intervals(view.cells, "In brackets", advice="")
    yield from _decoding(view.cells)
    one = len(view.lengths) == 1
    shown = [(cell, quantity) for cell in view.cells for quantity in ((TIME, RATIO) if one else (view.quantity(cell),))]
    yield from mark_notes((cell, quantity) for cell, quantity in shown if cell.label != view.baseline or quantity == TIME)
    yield from _host_bound([view], advice="")
    yield from _uneven(view.cells)
    yield from _remarks([(cell, [REMEMBERS] * cell.remembers) for cell in view.cells if cell.time_ms])
    yield from _failures(view.cells)
    yield from _lost_launches(view.cells)


def _quantities(cell: CellSummary) -> list[str]:
    times = [TIME, WALL] if cell.on_device else [TIME]
    return times if cell.label == cell.baseline else [*times, RATIO]


def _intervals(cells: Sequence[CellSummary], signs: str, advice: str = _ADVICE) -> Iterator[str]:
    counts = [cell.launches for cell in cells if cell.time_ms]
    if counts and max(counts) > 1:
        yield f"{signs}: 95 % intervals of the median over {span(counts)} launches."
    elif counts:
        yield f"One launch: no intervals.{advice}"


def _decoding(cells: Iterable[CellSummary]) -> Iterator[str]:
    """What a call is in decode."""
    if any(cell.decoding and cell.time_ms for cell in cells):
        yield (
            "decode: a call is one step, the next token of every sequence after the context; time and state are those of the"
            " whole batch."
        )


def _matched(cells: Iterable[CellSummary]) -> Iterator[str]:
    """What was changed to match mixers, and how near they came."""
    for matched in sorted({str(unpacked(cell.context.settings).get("match", "")) for cell in cells if cell.matched}):
        what, _, baseline = matched.partition(" of ")
        yield (
            f"matched by: the size at which a mixer has the {_COSTS.get(what, what)} of {baseline}, within 2 % unless stated;"
            " in brackets the size before."
        )


def _hidden(cells: Sequence[tuple[View, CellSummary]]) -> str:
    """How wide the intervals are that had no room."""
    intervals = [getattr(cell, view.quantity(cell)) for view, cell in cells]
    margins = sorted(margin_percent(interval) for interval in intervals if interval and interval.low is not None)
    if not margins:
        return ""
    middle = margins[len(margins) // 2]
    return f"Intervals at fewer tokens: median ±{middle}%, at most ±{margins[-1]}%; all of them: --details."


def _ratio(cells: Sequence[CellSummary]) -> Iterator[str]:
    """What the ratio is of, in tables with a line per cell."""
    if baselines := baselines_of(cells):
        named = " or ".join(baselines) + (", whichever has 1" if len(baselines) > 1 else "")
        yield f"ratio: {_times(cells)} relative to {named}, paired within launches; below 1 is faster."


def _shares(cells: Sequence[CellSummary], *, bound: bool) -> Iterator[str]:
    """What shares of peaks are of; with `bound`, how they tell what bounds a call on the CPU, too."""
    if any(cell.share_of_peak is not None for cell in cells):
        yield "% of peak: FLOP/s relative to a large matrix product in the same launch."
    if any(cell.share_of_bandwidth is not None for cell in cells):
        yield (
            "% of bandwidth: bytes that operators read and write, each operand once, relative to a large copy in the same"
            " launch; above 100, caches serve them."
        )
    if any(cell.bound_by and (bound or cell.on_device) for cell in cells):
        yield (
            f"bound by: the larger of both shares, if it is at least {100 * NEAR:.0f} %: compute (% of peak) or memory (% of"
            " bandwidth); neither: both are smaller, as with many small kernels."
        )


def _host_bound(views: Sequence[View], advice: str = " --execution graph removes the gap.") -> Iterator[str]:
    """Which mixers are host-bound up to which length, by how much, and what it means."""
    cells = [cell for view in views for own in view.host_bound.values() for cell in own]
    if not cells:
        return
    ends: dict[int, list[str]] = defaultdict(list)
    for label in dict.fromkeys(cell.label for cell in cells):
        own = [cell for cell in cells if cell.label == label]
        times = max(cell.latency_ms.point / cell.time_ms.point for cell in own if cell.latency_ms and cell.time_ms)
        ends[max(cell.tokens for cell in own)].append(f"{label} ({number(times)})")
    word = "up to" if any(len(view.lengths) > 1 for view in views) else "at"
    found = "; ".join(f"{word} {tokens} tokens: {', '.join(named)}" for tokens, named in sorted(ends.items()))
    advice = "" if any(cell.context.execution == "graph" for view in views for cell in view.cells) else advice
    yield (
        f"{HOST_BOUND_WORD}: the GPU waits for Python to launch its work, so wall time is longer than device time (in brackets:"
        f" how many times, at most); {found}.{advice}"
    )


def _times(cells: Sequence[CellSummary]) -> str:
    """The times that are judged, in words."""
    return " or ".join(dict.fromkeys(time_column(cell.on_device).words for cell in cells if cell.time_ms))


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
    timed = [cell for cell in summary.cells if cell.time_ms]
    marked = [cell for cell in timed if cell.disturbed or cell.ratio_disturbed]
    if not marked:
        return ""
    return (
        f"DISTURBED for too much of the time: {len(marked):,} of {counted(len(timed), 'cell')}, marked !."
        " Stop other processes (`mixbench doctor` names them, and a throttled GPU), then measure again with --fresh."
    )


def _cells(summary: SpeedSummary) -> Iterator[str]:
    """What is special about cells, how the measurement went, and what is left out."""
    cells = [cell for cell in summary.cells if cell.time_ms]
    yield from _remarks([(cell, special_in(cell.remarks)) for cell in cells])
    yield from _uneven(cells)
    idle = dict.fromkeys(cell.label for cell in summary.cells if cell.on_device and cell.latency_ms and not cell.time_ms)
    if idle:
        yield f"{', '.join(idle)}: the GPU has nothing to do, so there is no device time."
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
        if cell.uneven and cell.mean_ms and cell.time_ms:
            yield (
                f"{cell.label} at {cell.tokens} tokens: the mean call takes {number(cell.mean_ms)} ms, the median call"
                f" {number(cell.time_ms.point)} ms; {_times([cell])} and ratio are of medians."
            )


def _lost_launches(cells: Sequence[CellSummary]) -> Iterator[str]:
    """Where only some launches failed."""
    for cell in cells:
        if cell.time_ms and cell.failed_launches:
            yield (
                f"{cell.label} at {cell.tokens} tokens: {cell.failed_launches} of {cell.launches + cell.failed_launches}"
                f" launches failed: {cell.detail}"
            )
