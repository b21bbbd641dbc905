"""Summaries as text: fitted to a terminal, or plain aligned lines where standard output is a pipe or a file."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from mixbench.stats import Interval
from mixbench.verdicts import context_words
from mixbench.verdicts.speed import CellSummary, Growth, SpeedSummary

if TYPE_CHECKING:
    from rich.text import Text

_GAP = "  "
_MISSING = "–"
_TELLS_NOTHING = 1000
_Segment = tuple[str, str]
"""Text and its style."""


@dataclass(frozen=True)
class _Entry:
    """A cell of a column: `number` is aligned to the right, the `tail` after it to the left."""

    number: str
    tail: str = ""
    style: str = ""


def speed_table(summary: SpeedSummary, width: int, terminal: bool) -> Text:
    """What `mixbench speed` prints: per context a table of cells and one of growth, then how to read them.

    On a terminal no line is wider than `width`: columns that do not fit move to a second table, long labels and reasons
    wrap. Otherwise every cell is one line of its natural length. Print it with `Console.print(text, soft_wrap=True)`.
    """
    from rich.text import Text

    room = width if terminal else None
    contexts = list(dict.fromkeys(cell.context for cell in summary.cells))
    lines: list[list[_Segment]] = []
    for context, words in zip(contexts, context_words(contexts), strict=True):
        lines += [[(line, "bold cyan")] for line in _wrapped(" · ".join(words.values()), room)]
        lines += _cell_tables([cell for cell in summary.cells if cell.context == context], summary.baseline, room)
        lines += _growth_table([growth for growth in summary.growths if growth.context == context], room)
        lines.append([])
    lines += [[(line, "dim")] for note in _notes(summary) for line in _wrapped(note, room)]
    texts = [Text.assemble(*line) for line in lines]
    for text in texts:
        text.rstrip()
    return Text("\n").join(texts)


def number(value: float) -> str:
    """Three significant digits, thousands spaced from 10 000 on: 0.0123, 1.23, 123, 1230, 12 300."""
    if value == 0:
        return "0"
    if abs(value) < 1e-4:
        return f"{value:.2e}"
    value = float(f"{value:.3g}")
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}" if abs(value) < 10_000 else f"{value:,.0f}".replace(",", " ")


def with_prefix(value: float) -> str:
    """Three significant digits with an SI prefix from 1000 on: 123, 1.23 k, 45.6 M."""
    value = float(f"{value:.3g}")
    power = min(4, int(math.log10(value) // 3)) if value >= 1000 else 0
    return f"{number(value / 1000**power)} {'kMGT'[power - 1]}" if power else number(value)


def interval_text(interval: Interval, shown: Callable[[float], str] = number) -> tuple[str, str]:
    """Point and bounds: `1.23`, ` (1.19–1.27)`; empty where there are none, `(any)` where they are a thousandfold apart."""
    if interval.low is None or interval.high is None:
        return shown(interval.point), ""
    if interval.low > 0 and interval.high / interval.low > _TELLS_NOTHING:
        return shown(interval.point), " (any)"
    between = "–" if interval.low >= 0 else " to "
    return shown(interval.point), f" ({shown(interval.low)}{between}{shown(interval.high)})"


def exponent_text(interval: Interval, base: str = "N") -> str:
    """`N^1.98 (1.93–2.02)`."""
    return "".join((f"{base}^", *interval_text(interval, lambda value: f"{round(value, 2) + 0.0:.2f}")))


@dataclass(frozen=True)
class _Column:
    heading: str
    entries: Sequence[_Entry | None]

    @property
    def width(self) -> int:
        numbers, tails = self._parts
        return max(len(self.heading), numbers + tails)

    def line(self, row: int) -> list[_Segment]:
        """The entry, padded to the width of the column."""
        _, tails = self._parts
        entry = self.entries[row] or _Entry(_MISSING)
        return [(f"{_GAP}{entry.number:>{self.width - tails}}", entry.style), (f"{entry.tail:<{tails}}", "dim")]

    @property
    def _parts(self) -> tuple[int, int]:
        shown = [entry for entry in self.entries if entry]
        return max(len(entry.number) for entry in shown), max(len(entry.tail) for entry in shown)


def _columns(cells: Sequence[CellSummary], baseline: str | None) -> list[_Column]:
    """The columns of which at least one cell has a value."""
    columns = [_Column(heading, [entry(cell, baseline) for cell in cells]) for heading, entry in _ENTRIES.items()]
    return [column for column in columns if any(column.entries)]


def _latency(cell: CellSummary, baseline: str | None) -> _Entry | None:
    return _Entry(*interval_text(cell.latency_ms)) if cell.latency_ms else None


def _ratio(cell: CellSummary, baseline: str | None) -> _Entry | None:
    if cell.ratio is None or cell.label == baseline:
        return _Entry("1") if cell.ratio else None
    point, bounds = interval_text(cell.ratio)
    low, high = cell.ratio.low, cell.ratio.high
    style = "green" if high is not None and high < 1 else "red" if low is not None and low > 1 else ""
    return _Entry(point, bounds + ("" if cell.paired else " *"), style)


def _flops(cell: CellSummary, baseline: str | None) -> _Entry | None:
    return None if cell.flops is None else _Entry(("≥ " if cell.flops_remark else "") + number(cell.flops / 1e9))


def _of(value: Callable[[CellSummary], float | None], shown: Callable[[float], str] = number) -> _EntryOf:
    def entry(cell: CellSummary, baseline: str | None) -> _Entry | None:
        return None if (found := value(cell)) is None else _Entry(shown(found))

    return entry


_EntryOf = Callable[[CellSummary, str | None], _Entry | None]
_ENTRIES: dict[str, _EntryOf] = {
    "latency ms": _latency,
    "ratio": _ratio,
    "tokens/s": _of(lambda cell: cell.tokens_per_s, with_prefix),
    "peak MiB": _of(lambda cell: cell.peak_memory_mib),
    "GFLOP": _flops,
    "% of peak": _of(lambda cell: cell.share_of_peak and 100 * cell.share_of_peak),
    "J": _of(lambda cell: cell.energy_j),
}


def _cell_tables(cells: Sequence[CellSummary], baseline: str | None, room: int | None) -> list[list[_Segment]]:
    columns = _columns(cells, baseline)
    tokens = max([len("tokens"), *(len(str(cell.tokens)) for cell in cells)])
    widest = max([len("unsupported"), *(column.width for column in columns)])
    label = _label_width([cell.label for cell in cells], room, room and room - tokens - widest - 2 * len(_GAP))
    left = tokens + len(_GAP) + label
    lines: list[list[_Segment]] = []
    for part in _packed(columns, room and room - left):
        header = "".join([f"{'tokens':>{tokens}}{_GAP}{'mixer':<{label}}", *(f"{_GAP}{c.heading:>{c.width}}" for c in part)])
        lines += [[], [(header, "bold")]] if lines else [[(header, "bold")]]
        lines += [[("─" * len(header), "dim")]] if room else []
        for row, cell in enumerate(cells):
            names = _wrapped(cell.label, label)
            if cell.status == "ok":
                texts = [[segment for column in part for segment in column.line(row)]]
            else:
                reason = ": ".join(filter(None, (cell.status, cell.detail))) if part[:1] == columns[:1] else cell.status
                texts = [[(_GAP + line, "yellow")] for line in _wrapped(reason, room and room - left - len(_GAP))]
            repeats = room and row and cells[row - 1].tokens == cell.tokens
            for step, (name, text) in enumerate(zip_longest(names, texts)):
                shown = "" if repeats or step else cell.tokens
                lines.append([(f"{shown:>{tokens}}{_GAP}{name or '':<{label}}", ""), *(text or [])])
    return lines


def _packed(columns: Sequence[_Column], room: int | None) -> list[list[_Column]]:
    """Columns in as few tables as fit beside each other; everything in one where the room is unlimited."""
    parts: list[list[_Column]] = [[]]
    for column in columns:
        used = sum(len(_GAP) + other.width for other in parts[-1])
        if room and parts[-1] and used + len(_GAP) + column.width > room:
            parts.append([])
        parts[-1].append(column)
    return parts


def _growth_table(growths: Sequence[Growth], room: int | None) -> list[list[_Segment]]:
    if not growths:
        return []
    shown = [exponent_text(growth.exponent) for growth in growths]
    lengths = [", ".join(map(str, growth.lengths)) for growth in growths]
    middle = max(len("time grows as"), *map(len, shown))
    last = max(len("over tokens"), *map(len, lengths))
    label = _label_width([growth.label for growth in growths], room, room and room - middle - last - 2 * len(_GAP))
    header = f"{'mixer':<{label}}{_GAP}{'time grows as':<{middle}}{_GAP}over tokens"
    lines: list[list[_Segment]] = [[], [(header, "bold")]]
    lines += [[("─" * (label + middle + last + 2 * len(_GAP)), "dim")]] if room else []
    for growth, exponent, over in zip(growths, shown, lengths, strict=True):
        first, *rest = _wrapped(growth.label, label)
        lines += [[(f"{first:<{label}}{_GAP}{exponent:<{middle}}{_GAP}", ""), (over, "dim")], *([(name, "")] for name in rest)]
    return lines


def _label_width(labels: Sequence[str], room: int | None, left: int | None) -> int:
    """Labels beyond a quarter of the room wrap, between words where `left`, what the other columns leave, allows it."""
    width = max(len("mixer"), *map(len, labels))
    if room is None or left is None:
        return width
    longest_word = max(len(word) for label in labels for word in label.split())
    return max(len("mixer"), min(width, left, max(room // 4, longest_word)))


def _notes(summary: SpeedSummary) -> Iterator[str]:
    """How to read the numbers, and what they lack."""
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


def _wrapped(text: str, room: int | None) -> list[str]:
    return (textwrap.wrap(text, max(room, 1)) if room else [text]) or [""]
