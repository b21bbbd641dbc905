"""Sections of labelled text: wrapped to the width of a terminal, or one line per entry in a pipe."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import typer

from mixbench.cli.terminal import terminal_width
from mixbench.cli.text.layout import LONGEST_TEXT, seen
from mixbench.errors import shortened

_WIDEST_LABEL = 24
_NARROWEST_TEXT = 20


@dataclass(frozen=True)
class Section:
    """A title over pairs of label and text; an empty pair is a blank line."""

    title: str
    lines: Sequence[tuple[str, str]]


def show(sections: Sequence[Section]) -> None:
    """Print sections to standard output."""
    width = terminal_width()
    for number, section in enumerate(sections):
        typer.echo(("\n" if number else "") + typer.style(section.title, bold=True))
        for line in layout(section.lines, width):
            typer.echo(line)


def layout(lines: Sequence[tuple[str, str]], width: int | None) -> list[str]:
    """Labels in one column and wrapped texts in another, at most `width` characters together; None: texts do not wrap."""
    column = min(_WIDEST_LABEL, max((len(label) for label, _ in lines), default=0)) + 4
    laid: list[str] = []
    for label, text in ((seen(label), shortened(seen(text), LONGEST_TEXT)) for label, text in lines):
        first = f"  {label}".ljust(column)
        if len(first) > column and width is not None:  # a label too long for the column gets its own line
            laid.append(first)
            first = " " * column
        elif len(first) > column:
            first += "  "
        wrapped = textwrap.wrap(
            text,
            10**6 if width is None else max(width, column + _NARROWEST_TEXT),
            initial_indent=first,
            subsequent_indent=" " * column,
            break_long_words=False,
            break_on_hyphens=False,
        )
        laid.extend(wrapped or [first.rstrip()])
    return laid
