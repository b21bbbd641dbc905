"""What is said of the machines that rows come from: which one a table or figure shows, and what it leaves out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mixbench.tables.columns import Row
from mixbench.tables.rows import TABLE_FILES
from mixbench.tables.selection import distinct, where
from mixbench.verdicts.environments import UNITED, Environments, choose_environment
from mixbench.verdicts.words import counted

"""The file of each table, by the type of its rows."""


def machine_words(content: Mapping[str, Any]) -> str:
    """The machine of an environment: `AMD EPYC 7763, 4 cores, 16 GiB, 2 × NVIDIA H100`."""
    cores, memory = content.get("logical_cores"), content.get("memory_gib")
    gpus = [name if count == 1 else f"{count} × {name}" for name, count in Counter(content.get("gpus") or ()).items()]
    known = [
        str(content.get("cpu") or content.get("architecture") or "unknown machine"),
        *([f"{cores} cores"] if cores else []),
        *([f"{memory} GiB"] if memory else []),
        *gpus,
    ]
    return ", ".join(known)


def shown_machines(
    tables: Mapping[type[Row], Sequence[Any]], shown: Mapping[type[Row], Sequence[Any]], contents: Environments
) -> list[str]:
    """Which machine the `shown` rows of each table come from, in words; [] for tables of one environment."""
    told: dict[str, list[str]] = {}
    for row_type, rows in shown.items():
        if rows and len(distinct(tables[row_type], "environment")) > 1:
            words = machine_words(contents.get(choose_environment(rows), {}))
            if row_type in UNITED:
                words = _united(tables[row_type], rows, words)
            told.setdefault(words, []).append(TABLE_FILES[row_type])
    return [f"{' and '.join(names)}: {words}" for words, names in told.items()]


def _united(rows: Sequence[Any], shown: Sequence[Any], newest: str) -> str:
    """The machines of training runs: `scores of runs in 3 environments, times of AMD EPYC …`."""
    environments = {*distinct(shown, "environment")}
    repeated = len(where(rows, "environment", environments.__contains__)) - len(shown)
    again = f"; {counted(repeated, 'row')} of repeated runs left out" if repeated else ""
    if len(environments) == 1:
        return newest + again
    return f"scores of runs in {counted(len(environments), 'environment')}, times of {newest}{again}"
