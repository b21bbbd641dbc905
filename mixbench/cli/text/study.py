"""A study as text: its title, the command of each part, and what --dry-run expects of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mixbench.cli.text.layout import BLANK, Column, Paragraph, Part, Table, fitted, heading
from mixbench.cli.text.plan import plan_parts
from mixbench.studies.progress import duration
from mixbench.verdicts.entries import Entry
from mixbench.verdicts.words import counted

if TYPE_CHECKING:
    from rich.text import Text

    from mixbench.api.scale import Forecast
    from mixbench.api.scale import Part as ShardPart
    from mixbench.api.study_parts import PlannedPart
    from mixbench.parsing.study_file import StudyFile


def study_title(study: StudyFile, parts: Sequence[PlannedPart], width: int | None) -> Text:
    """The title with the scale, and the question."""
    return fitted(_title(study, parts), width)


def part_heading(place: int, parts: Sequence[PlannedPart], width: int | None) -> Text:
    """The place of a part and the command that it stands for, on one line, so that it can be copied."""
    return fitted([_command(place, parts)], width)


def plan_of_study(study: StudyFile, parts: Sequence[PlannedPart], expected: Forecast | None, width: int | None) -> Text:
    """What each part has to do, and the whole; then the commands."""
    return fitted(_plan(study, parts, expected), width)


def _plan(study: StudyFile, parts: Sequence[PlannedPart], expected: Forecast | None) -> Iterator[Part]:
    yield from _title(study, parts)
    yield BLANK
    works = [part.work for part in parts]
    yield Table(
        [f"{place}. {part.command}" for place, part in enumerate(parts, 1)],
        [
            Column("cells", [Entry(f"{len(work.cells):,}") if work else None for work in works]),
            Column("units", [Entry(f"{len(work.units):,}") if work else None for work in works]),
            Column("at a time", [Entry(f"{work.at_once:,}") if work else None for work in works]),
            Column("expected", [Entry(duration(work.seconds(work.units))) if work else None for work in works]),
        ],
        heading="part",
    )
    yield BLANK
    if expected is not None:
        yield from plan_parts(expected)
        yield BLANK
    for place in range(len(parts)):
        yield _command(place, parts)


def _title(study: StudyFile, parts: Sequence[PlannedPart]) -> Iterator[Part]:
    scale = f" ({study.scale})" if study.scale else ""
    several = f": {counted(len(parts), 'part')}" if parts else ""
    yield heading(f"{study.title or study.file}{scale}{several}")
    if study.question:
        yield Paragraph(study.question, "italic")


def _command(place: int, parts: Sequence[PlannedPart]) -> Paragraph:
    return Paragraph(f"[{place + 1}/{len(parts)}] {parts[place].command_line}", "bold", wraps=False)


def shard_line(part: ShardPart[Any]) -> Text:
    """What a shard has, in one line."""
    from rich.text import Text

    assert part.shard is not None
    if not part.cells:
        return Text(f"{part.shard.words}: empty, nothing to do: the plan has fewer units than shards")
    return Text(f"{part.shard.words}: {counted(part.cells, 'cell')}, {counted(len(part.rows), 'row')} in {part.folder}")
