"""What figures leave out, in words: rows of other environments, and failures where there is nothing to draw beside them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mixbench.machine.environment import machine_part
from mixbench.tables.columns import Row, columns, identity
from mixbench.tables.rows import TABLE_FILES
from mixbench.tables.selection import distinct, grouped
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow, TrialRow
from mixbench.verdicts.environments import differences
from mixbench.verdicts.filters import Tables
from mixbench.verdicts.labels import CONTEXT_COLUMNS, UNSAID, in_words
from mixbench.verdicts.learning.context import by_context
from mixbench.verdicts.learning.tune import by_search
from mixbench.verdicts.machines import machine_words
from mixbench.verdicts.words import counted

_MOST = 3
"""Places and environments that are named; others are counted."""


def other_environments(
    tables: Tables,
    drawn: Mapping[type[Row], set[str]],
    content: Callable[[str], Mapping[str, Any]],
    words: tuple[str, str] = ("not drawn", "to draw them: --environment {}"),
) -> list[str]:
    """What tables hold of environments that are not drawn, each with the option that draws it, the newest first.

    `content` gives an environment by its hash, {} if it is unknown. `words` say the same of what is not a figure.
    """
    lacking, how = words
    counts: dict[str, Counter[type[Row]]] = defaultdict(Counter)
    newest: dict[str, str] = {}
    for row_type, rows in tables.items():
        for (environment,), own in grouped(rows, "environment").items():
            if environment not in drawn[row_type]:
                counts[environment][row_type] = len(own)
                newest[environment] = max(*distinct(own, "measured_at"), newest.get(environment, ""))
    here = next((environment for own in drawn.values() for environment in own), "")
    ordered = sorted(counts, key=lambda environment: newest[environment], reverse=True)
    told = []
    for environment in ordered[:_MOST]:
        tables_of = [f"{counted(count, 'row')} of {TABLE_FILES[row_type]}" for row_type, count in counts[environment].items()]
        about = _about(content(environment), content(here))
        told.append(f"{lacking}: {' and '.join(tables_of)} from {about}; {how.format(environment)}")
    if further := ordered[_MOST:]:
        total = sum(sum(counts[environment].values()) for environment in further)
        told.append(f"{lacking}: {counted(total, 'row')} from {counted(len(further), 'older environment')}")
    return told


def _about(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """Another machine, or how an environment of the same machine differs."""
    if machine_part(there) != machine_part(here):
        return f"another machine ({machine_words(there)})"
    differing = differences(there, here, _MOST)
    return f"another environment ({differing})" if differing else "another environment"


def failures(tables: Tables) -> list[str]:
    """The cells, runs and trials that failed in contexts without any that succeeded: no figure has a panel for them."""
    return [
        f"not drawn: {counted(len(cells), noun)} of {TABLE_FILES[row_type]} without a result: {_listed(places)}"
        for row_type, (noun, groups) in _GROUPS.items()
        if (lost := [group for group in groups(tables.get(row_type, ())) if "ok" not in distinct(group, "status")])
        for cells in [{(identity(row), getattr(row, _REPLICATE.get(row_type, ""), 0)) for group in lost for row in group}]
        for places in [[_place(group) for group in lost]]
    ]


_GROUPS: dict[type[Row], tuple[str, Callable[[Any], Iterable[Sequence[Any]]]]] = {
    SpeedRow: ("cell", lambda rows: grouped(rows, *CONTEXT_COLUMNS).values()),
    TrainingRow: ("run", lambda rows: [runs for runs, _ in by_context(rows).values()]),
    TrialRow: ("trial", by_search),
    AttentionMapRow: ("run", lambda rows: grouped(rows, "task", "tokens", "mixer", "config").values()),
}
"""What is counted of a table, and its rows by what they share that are drawn in one panel: maps have one each."""
_REPLICATE = {TrainingRow: "seed", TrialRow: "trial", AttentionMapRow: "seed"}


def _place(rows: Sequence[Any]) -> str:
    """What the rows share, in words, and how they ended: `training · mixer · 2 threads (oom)`."""
    keys = [name for name, column in columns(type(rows[0])).items() if column.role == "key"]
    shared = {name: {getattr(row, name) for row in rows} for name in keys}
    alike = {name: next(iter(values)) for name, values in shared.items() if len(values) == 1}
    said = {name: value for name, value in alike.items() if value != UNSAID.get(name)}
    words = [value if name == "mixer" else in_words(name, value) for name, value in said.items()]
    return f"{' · '.join(filter(None, words))} ({', '.join(dict.fromkeys(row.status for row in rows))})"


def _listed(places: Sequence[str]) -> str:
    further = [f"{len(places) - _MOST:,} other places"] if len(places) > _MOST else []
    return "; ".join([*places[:_MOST], *further])
