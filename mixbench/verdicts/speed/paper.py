"""The table that `mixbench speed` prints, for a paper or a page: mixers × lengths as LaTeX and as Markdown."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mixbench.verdicts.entries import Entry, interval_text
from mixbench.verdicts.labels import Context
from mixbench.verdicts.markup import latex, markdown, markdown_row
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.speed.cells import RATIO, time_entry, timed, wall_entry
from mixbench.verdicts.speed.notes import caption_notes
from mixbench.verdicts.speed.summary import SpeedSummary
from mixbench.verdicts.speed.view import View, shown_entry, times_caption, views_of
from mixbench.version import __version__

_MISSING = Entry("–")
_Show = Callable[[CellSummary], Entry | None]
_PACKAGES = r"% needs \usepackage{booktabs} and \usepackage{graphicx}"
_FIT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
"""Shrinks a table that is wider than the page."""


@dataclass(frozen=True)
class PaperTable:
    """Mixers × lengths in one context, or their time and ratio at a single length."""

    caption: Sequence[str]
    """Sentences."""
    over: str
    """What the headings are; empty where each says it."""
    headings: Sequence[str]
    labels: Sequence[str]
    rows: Sequence[Sequence[Entry]]


def paper_tables(summary: SpeedSummary, environment: Mapping[str, Any]) -> list[PaperTable]:
    """A table per context; `environment` are the stable facts about the machine and its software, for the captions."""
    return [_table(view, _machine(environment, view.cells[0].context)) for view in views_of(summary)]


def _table(view: View, machine: str) -> PaperTable:
    labels = [f"{label}, ms" if view.relative and label == view.baseline else label for label in view.labels]
    if len(view.lengths) == 1:
        time = view.time_words
        columns: dict[str, _Show] = {f"{time}, ms": time_entry(view.on_device, interval_text)[1]}
        columns |= {"ratio": partial(_ratio, baseline=view.baseline)} if view.relative else {}
        columns |= {"wall time, ms": wall_entry(interval_text)[1]} if view.on_device else {}
        cells = view.at(view.lengths[0])
        entries = [[_entry(cell, column) for column in columns.values()] for cell in cells]
        what = f"{time[0].upper()}{time[1:]} {'after' if view.decoding else 'at'} {view.lengths[0]} tokens"
        what += f"; ratio: relative to {view.baseline} (below 1: faster)" if view.relative else ""
        return PaperTable(_caption(view, what, machine), "", list(columns), view.labels, entries)
    by_length = [view.at(tokens) for tokens in view.lengths]
    entries = [
        [_entry(cell, partial(shown_entry, view, form=interval_text)) for cell in row] for row in zip(*by_length, strict=True)
    ]
    what = times_caption(view)
    return PaperTable(
        _caption(view, what[0].upper() + what[1:], machine), "tokens", list(map(str, view.lengths)), labels, entries
    )


def _caption(view: View, what: str, machine: str) -> list[str]:
    sentences = [what, " · ".join(filter(None, (view.words, machine))), *caption_notes(view)]
    return [f"{sentence.removesuffix('.')}." for sentence in sentences]


def _entry(cell: CellSummary | None, show: _Show) -> Entry:
    if cell is None:
        return _MISSING
    return (Entry(cell.status) if cell.status != "ok" else show(cell)) or _MISSING


def _ratio(cell: CellSummary, baseline: str | None) -> Entry | None:
    return Entry("1") if cell.ratio and cell.label == baseline else timed(cell, RATIO)


def _machine(environment: Mapping[str, Any], context: Context) -> str:
    """The processor that measured, and the version of torch."""
    gpus = ", ".join(dict.fromkeys(environment.get("gpus") or ()))
    processor = gpus if context.device.startswith("cuda") else environment.get("cpu")
    torch = environment.get("torch")
    return " · ".join(str(part) for part in (processor, torch and f"torch {torch}") if part)


def to_latex(tables: Sequence[PaperTable]) -> str:
    """Floats for a document that loads booktabs and graphicx; below each number, its interval and marks."""
    header = [f"% written by mixbench {__version__}", _PACKAGES]
    return "\n".join([*header, *(line for number, table in enumerate(tables, 1) for line in _float(number, table))]) + "\n"


def _float(number: int, table: PaperTable) -> list[str]:
    width = len(table.headings)
    over = [rf"    & \multicolumn{{{width}}}{{c}}{{{table.over}}} \\ \cmidrule(lr){{2-{width + 1}}}"] if table.over else []
    lines = [_latex_row("mixer", list(map(latex, table.headings))), r"    \midrule"]
    for place, (label, row) in enumerate(zip(table.labels, table.rows, strict=True)):
        lines += [r"    \addlinespace"] if place else []
        lines.append(_latex_row(latex(label), [_in_latex(entry.number) for entry in row]))
        if any(entry.tail for entry in row):
            small = [rf"{{\scriptsize {_in_latex(entry.tail.strip())}}}" if entry.tail else "" for entry in row]
            lines.append(_latex_row("", small))
    return [
        "",
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{latex(' '.join(table.caption))}}}",
        r"  \medskip",
        rf"  \label{{tab:mixbench-speed-{number}}}",
        f"  {_FIT}",
        rf"  \begin{{tabular}}{{l{'r' * width}}}",
        r"    \toprule",
        *over,
        *lines,
        r"    \bottomrule",
        r"  \end{tabular}}",
        r"\end{table}",
    ]


def _latex_row(label: str, entries: Sequence[str]) -> str:
    return f"    {' & '.join((label, *entries))} \\\\"


def _in_latex(number: str) -> str:
    """A number, or an interval, with powers of ten as mathematics."""
    return re.sub(r"(?<=\d)e([+-])0*(\d+)", lambda found: rf"$\times10^{{{found[1].strip('+')}{found[2]}}}$", latex(number))


def to_markdown(tables: Sequence[PaperTable]) -> str:
    """Pipe tables, each below its caption."""
    return "\n".join(line for table in tables for line in _pipes(table))


def _pipes(table: PaperTable) -> list[str]:
    what, *others = map(markdown, table.caption)
    headings = [f"{heading} {table.over}".strip() for heading in table.headings]
    return [
        f"**{what}** {' '.join(others)}",
        "",
        markdown_row("mixer", *headings),
        f"| --- |{' ---: |' * len(headings)}",
        *(
            markdown_row(label, *(entry.number + entry.tail for entry in row))
            for label, row in zip(table.labels, table.rows, strict=True)
        ),
        "",
    ]


PAPER: dict[str, Callable[[SpeedSummary, Mapping[str, Any]], dict[str, str]]] = {
    "latex": lambda summary, environment: {"speed.tex": to_latex(paper_tables(summary, environment))},
    "markdown": lambda summary, environment: {"speed.md": to_markdown(paper_tables(summary, environment))},
}
"""The formats by name: functions that make texts by file name from a summary and its environment."""
