"""A comparison as text: a line per cell, most important first, then how to read it and the outcome."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mixbench.cli.text.layout import BLANK, GAP, Column, Line, Paragraph, Part, fitted, heading, notes, wrapped
from mixbench.verdicts.entries import Entry, change_text
from mixbench.verdicts.gate.cells import split_places
from mixbench.verdicts.gate.comparison import ADVICE, DUEL, VERDICTS, ComparedCell, Comparison
from mixbench.verdicts.gate.metrics import METRICS, metric_words
from mixbench.verdicts.words import counted, in_percent, number, percent

if TYPE_CHECKING:
    from rich.text import Text

_STYLES = {"broken": "red", "missing": "red", "slower": "red", "undecided": "yellow", "faster": "green", "new": "green"}
_OUTCOMES = {0: ("pass", "bold green"), 1: ("fail", "bold red"), 3: ("undecided", "bold yellow"), 4: ("not comparable", "bold")}
_NARROWEST = 10
_GLUE = "\N{NO-BREAK SPACE}"
_TENTHS_BELOW = 0.05


def comparison_table(comparison: Comparison, code: int, width: int, terminal: bool) -> Text:
    """The text of `mixbench compare`; `code` is the exit code of the comparison.

    On a terminal of at least 60 columns no line is wider than it: names wrap, and a note that does not fit moves below its
    cell. Elsewhere every cell is one line of its natural length. Print it with `Console.print(text, soft_wrap=True)`.
    """
    shared, names = _names(comparison.cells)
    titles = [f"{comparison.base} → {comparison.head}", *filter(None, [" · ".join(shared)])]
    cells: list[Part] = [_Cells(comparison.cells, names)] if comparison.cells else []
    text, style = _outcome(comparison, code)
    parts = [*map(heading, titles), *cells, BLANK, *_advice(comparison), *notes(_notes(comparison)), Paragraph(text, style)]
    return fitted(parts, width if terminal else None)


def _advice(comparison: Comparison) -> Iterator[Part]:
    """The times relative to the baseline that were measured on different machines."""
    if comparison.advice:
        shared, names = _names(comparison.advice)
        yield heading("between machines, as advice")
        yield from (heading(text) for text in [" · ".join(shared)] if text)
        yield from (_Cells(comparison.advice, names), BLANK)


def _names(cells: Sequence[ComparedCell]) -> tuple[list[str], list[str]]:
    """The key columns that all cells share, and the name of each cell: its mixer and the remaining key columns."""
    shared, rests = split_places([{"study": cell.study, **cell.place} for cell in cells])
    names = [
        " · ".join([cell.mixer, *(part.replace(" ", _GLUE) for part in own)]) for cell, own in zip(cells, rests, strict=True)
    ]
    return shared, names


@dataclass(frozen=True)
class _Cells:
    """A line per cell; whatever does not fit goes below it."""

    cells: Sequence[ComparedCell]
    names: Sequence[str]

    def lines(self, room: int | None) -> list[Line]:
        """See `Part`."""
        metrics = [cell.leading.words if cell.leading.change else "" for cell in self.cells]
        changes = Column("change, %", [_change(cell) for cell in self.cells])
        verdict, metric = max(map(len, ("verdict", *VERDICTS))), max(map(len, ("metric", *metrics)))
        indent, rest = verdict + len(GAP), verdict + metric + changes.width + 3 * len(GAP)
        name = max(map(len, ("cell", *self.names)))
        name = min(name, max(room - rest, _NARROWEST)) if room else name
        header = f"{'verdict':<{verdict}}{GAP}{'cell':<{name}}{GAP}{'metric':<{metric}}{changes.header}"
        lines: list[Line] = [[(header, "bold")], *([[("─" * len(header), "dim")]] if room else [])]
        for row, cell in enumerate(self.cells):
            # where there is no change to show, the note takes its place
            used, left = (rest + name, name) if metrics[row] else (indent + name, room and room - indent)
            first, *others = (line.replace(_GLUE, " ") for line in wrapped(self.names[row], room and left))
            line = [(f"{cell.verdict:<{verdict}}", _STYLES.get(cell.verdict, "dim")), (f"{GAP}{first:<{name}}", "")]
            line += [(f"{GAP}{metrics[row]:<{metric}}", ""), *changes.line(row)] if metrics[row] else []
            below = [(indent * " " + other, "") for other in others]
            note = _note(cell)
            if room is None or (max(used, indent + len(first)) + len(GAP) + len(note) <= room and not others):
                line.append((GAP + note, "dim"))
            else:
                below += [(indent * " " + GAP + text, "dim") for text in wrapped(note, room - indent - len(GAP))]
            lines += [line, *([segment] for segment in below)]
        return lines


def _change(cell: ComparedCell) -> Entry:
    change = cell.leading.change
    if change is None:
        return Entry("")
    if change.low is None or change.high is None:
        return Entry(_signed(change.point), style=_STYLES.get(cell.verdict, ""))
    decimals = int(max(-change.low, change.high) < _TENTHS_BELOW or change.high - change.low < _TENTHS_BELOW)
    shown = change_text(change, lambda share: in_percent(share, f".{decimals}f", signed=True))
    return Entry(*shown, _STYLES.get(cell.verdict, ""))


def _signed(share: float) -> str:
    return f"{'+' if share > 0 else ''}{number(100 * share)}"


def _note(cell: ComparedCell) -> str:
    """The reason for a verdict, and what to do about it."""
    return "; ".join(filter(None, (cell.detail, cell.cause, cell.leading.remark)))


def _notes(comparison: Comparison) -> Iterator[str]:
    """How to read the lines, and what is missing."""
    live = any(cell.study == DUEL for cell in comparison.cells)
    yield from _reading_of_a_duel(comparison) if live else _reading_of_stored_runs(comparison)
    if comparison.advice:
        yield ADVICE
    yield from comparison.remarks


def _reading_of_a_duel(comparison: Comparison) -> Iterator[str]:
    yield "In brackets: 98 % intervals over pairs of processes, in turns on one core and thread. wall: the change of wall time."
    beyond = percent(comparison.thresholds[DUEL], "g")
    yield f"slower and faster: eight pairs and eight new ones both show a change beyond {beyond}."


def _reading_of_stored_runs(comparison: Comparison) -> Iterator[str]:
    leading = [cell.leading for cell in (*comparison.cells, *comparison.advice)]
    if any(judged.change and judged.change.low is not None for judged in leading):
        yield "In brackets: simultaneous 95 % intervals over launches (scores: over seeds)."
    limits = [
        f"{'times' if name == 'time' else metric_words(name)} beyond {percent(share, 'g')}"
        for name, share in comparison.thresholds.items()
    ]
    yield f"Judged as changed: {', '.join([*limits, 'other counts at any change' if limits else 'counts at any change'])}."
    if any(judged.verdict in ("slower", "faster") and not _is_time(judged.metric) for judged in leading):
        yield "slower and faster apply to every metric: it costs more or less, or scores worse or better."
    if any(judged.verdict == "undecided" and judged.change for judged in leading):
        yield "Undecided: more launches or seeds narrow the interval (--launches 10)."


def _is_time(metric: str) -> bool:
    return metric in METRICS and METRICS[metric].rule == "time"


def _outcome(comparison: Comparison, code: int) -> tuple[str, str]:
    """The last line and its style: how many cells have each verdict, and the outcome."""
    counts = [f"{count:,} {verdict}" for verdict in VERDICTS if (count := comparison.count(verdict))]
    word, style = _OUTCOMES[code]
    if comparison.advice:
        counts.append(f"advice on {counted(len(comparison.advice), 'cell')}")
    why = " (cells are faster or new: measure the base again)" if code == 1 and not comparison.failing else ""
    return f"{', '.join(counts) or 'no cells'}: {word}{why}", style
