"""The slow twin of `mixbench.tables.reading`: every line by itself, every launch by itself, and nothing by column."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mixbench.tables.columns import Row, columns, from_record
from mixbench.tables.lines import Fields, Header, LeftOut, Line, begins_header, first_header, read_lines, split
from mixbench.tables.speed_rows import LaunchRow, PairRow, SpeedRow

Found = tuple[list[tuple[int, Any]], list[LeftOut], list[LeftOut], bool]
"""Rows that count with the numbers of their lines, damaged and incomplete lines, and whether lines may be added."""


def read_slowly(file: Path, row_type: type[Row]) -> Found:
    """What `read_table` finds in a file, and the same errors."""
    content = file.read_bytes() if file.exists() else b""
    texts = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    lines, known = split(content), list(columns(row_type))
    if not lines:
        return [], [], [], not content
    if len(lines) == 1 and texts[-1] and begins_header(texts[-1], known):
        return [], [], [LeftOut(Line(*lines[0], b""), "incomplete header")], False
    header = first = first_header(file, lines, row_type)
    whole = not texts[-1] and b"\r" not in content.replace(b"\r\n", b"\n")
    appendable = whole and [*header.names] == known and header.separator == "," and lines[0][0] == header.number
    stored: list[tuple[Line, Any]] = []
    damaged: list[LeftOut] = []
    torn: list[LeftOut] = []
    contents = dict(lines)
    for line in read_lines(file, lines, header, row_type, None if not texts[-1] else len(texts)):
        if isinstance(line, Header):
            appendable &= line.number == first.number
            header = line
        elif isinstance(line, Fields):
            record = {name: text for name, text in zip(header.names, line.texts, strict=True) if name}
            row = from_record(row_type, record)
            stored.append((Line(line.number, contents[line.number], header.content), row))
        else:
            (torn if texts[-1] and line.line.number == len(texts) else damaged).append(line)
    reasons = left_out_slowly([row for _, row in stored])
    incomplete = [LeftOut(line, reasons[place]) for place, (line, _) in enumerate(stored) if place in reasons]
    kept = [(line.number, row) for place, (line, row) in enumerate(stored) if place not in reasons]
    return kept, damaged, [*incomplete, *torn], appendable


def left_out_slowly(rows: Sequence[Any]) -> dict[int, str]:
    """What `mixbench.tables.sifting.left_out` finds."""
    runs: dict[tuple[Any, ...], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for place, row in enumerate(rows):
        names = [name for name, column in columns(type(row)).items() if column.role in ("key", "replicate") and name != "round"]
        every_time = (row.measured_at,) if isinstance(row, LaunchRow | PairRow) else ()
        run = (*(getattr(row, name) for name in names), row.environment, getattr(row, "status", ""), *every_time)
        runs[run][row.measured_at].append(place)
    reasons: dict[int, str] = {}
    for measured in runs.values():
        whole = ""
        for time in sorted(measured, reverse=True):
            found = _judge(rows, measured[time])
            reasons |= found
            if len(found) < len(measured[time]):
                reasons |= dict.fromkeys(measured[time], "measured again later") if whole else {}
                whole = whole or time
    return reasons


def _judge(rows: Sequence[Any], places: Sequence[int]) -> dict[int, str]:
    last = {getattr(rows[place], "round", 0): place for place in places}
    if isinstance(rows[places[0]], SpeedRow):
        rounds = max(rows[place].rounds for place in places)
        if len(last) < rounds:
            return dict.fromkeys(places, f"from a launch with only {len(last)} of {rounds} rounds")
    return {place: "repeated below" for place in places if place not in last.values()}
