"""Claims judged by tables in memory."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from documents import parse
from synthetic import MACHINE

from mixbench.tables.columns import columns
from mixbench.tables.results import ResultsFolder
from mixbench.tables.selection import Selection, selection
from mixbench.verdicts.claims.claim import Judged
from mixbench.verdicts.claims.judging import judge
from mixbench.verdicts.claims.rules import claims_of


class Tables:
    """What claims ask of a results folder, for tables of rows; `machines` are environments by the name that rows give them."""

    path = Path("results")

    def __init__(self, *tables: Sequence[Any], machines: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self._rows = {type(table[0]): list(table) for table in tables if table}
        self._machines = machines or {"abc123": MACHINE}

    def selection(self, row_type: type[Any]) -> Selection[Any]:
        return selection(self._rows.get(row_type, []))

    def environments_of(self, *tables: Sequence[Any]) -> Mapping[str, Mapping[str, Any]]:
        names = {row.environment for table in tables for row in table}
        return {name: content for name, content in self._machines.items() if name in names}


def judged(
    rule: str, *tables: Sequence[Any], machines: Mapping[str, Mapping[str, Any]] | None = None, **options: Any
) -> Judged:
    """One claim of hypermixer, unless another mixer is given; underscores in options stand for hyphens."""
    given = {name.replace("_", "-"): value for name, value in options.items()}
    claims = claims_of({"one": {"claim": "As the paper says.", "rule": rule, "mixer": "hypermixer", **given}})
    (found,) = judge(claims, cast(ResultsFolder, Tables(*tables, machines=machines)))
    return found


def lost(row: Any, status: str) -> Any:
    """The row of a run that failed."""
    metrics = [name for name, column in columns(type(row)).items() if column.role == "metric"]
    return replace(row, **dict.fromkeys(metrics), status=status, detail="it ended")


def commands(found: Judged) -> list[str]:
    """The commands that a claim tells to type next; the command line takes each of them."""
    told = [f"mixbench{note.partition(': mixbench')[2]}" for note in found.notes if ": mixbench " in note]
    for command in told:
        parse(shlex.split(command))
    return told
