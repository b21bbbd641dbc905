"""What a page holds, as plain values: the sections make it, the page writes it as HTML. Texts are plain, never markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Chart:
    """A figure: `traces` and `layout` as plotly draws them, and a static SVG for readers without JavaScript and for print.

    Traces of a mixer have its label as `name` and `legendgroup`, so that a click hides it in every chart of the page.
    """

    name: str
    """Unique on the page; lower case, with hyphens."""
    title: str
    caption: str
    """What is drawn, what bands and markers mean, in one or two sentences."""
    traces: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any]
    svg: str = ""


@dataclass(frozen=True)
class Cell:
    """An entry of a table: its text with all its marks (≥, disturbed, open end), and the number that it is sorted by."""

    text: str
    value: float | None = None
    mark: str = ""
    """Why the number is not to be taken as it stands, such as disturbed, failed: oom, or a lower bound; empty if it is."""


@dataclass(frozen=True)
class Table:
    """A table that a reader can sort by a click on a heading."""

    name: str
    title: str
    headings: Sequence[str]
    """With units."""
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Download:
    """A table as a CSV to save: launch-level aggregates, never blocks."""

    file: str
    text: str


@dataclass(frozen=True)
class Section:
    """A part of the page: what was found first, then figures, tables and notes."""

    anchor: str
    title: str
    answers: Sequence[str] = ()
    """Verdict sentences."""
    charts: Sequence[Chart] = ()
    tables: Sequence[Table] = ()
    notes: Sequence[str] = ()
    downloads: Sequence[Download] = ()


@dataclass(frozen=True)
class Contents:
    """A whole page."""

    title: str
    question: str
    answers: Sequence[str]
    """The most important verdict sentences of all sections, the first ones first."""
    sections: Sequence[Section]
    looks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Colour, marker (`symbol`) and `dash` of every mixer, by its label, the same in every chart."""
    commands: Sequence[str] = ()
    """What to type to repeat the study."""
    machines: Sequence[str] = ()
    """The environments, in words."""
    warnings: Sequence[str] = ()
    """What of the folder failed, was disturbed or was left out."""
