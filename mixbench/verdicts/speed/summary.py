"""The summary of speed.csv: the cells of one environment by context and length, and how the mixers grow."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import numpy as np

from mixbench.tables.selection import Selection, distinct, parted, selection
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.verdicts.environments import choose_environment, rows_of
from mixbench.verdicts.gate.cells import with_launches
from mixbench.verdicts.labels import CONTEXT_COLUMNS, Context, MixerKey, find_baseline, mixer_labels, mixer_order
from mixbench.verdicts.speed.baseline import baselines_by_context
from mixbench.verdicts.speed.cell_summary import CellSummary, cells_of
from mixbench.verdicts.speed.growth import Growth, growths_of
from mixbench.verdicts.speed.times import TIME, of_one_kind, with_times


@dataclass(frozen=True)
class SpeedSummary:
    """All cells of one environment, ordered by context, tokens and mixer."""

    environment: str
    baseline: str | None
    """Label of the mixer that ratios are relative to, except where a cell names another; None where there are no rows."""
    cells: tuple[CellSummary, ...]
    growths: tuple[Growth, ...]
    blocks: int
    """Timed rounds."""
    contended_blocks: int
    throttled_blocks: int
    left_out: int
    """Rows of other environments."""

    @property
    def mixers(self) -> list[MixerKey]:
        """The mixers that have a cell."""
        return list(dict.fromkeys((cell.mixer, cell.config) for cell in self.cells))


def summarise(
    rows: Sequence[SpeedRow], launches: Sequence[LaunchRow], baseline: str | None = None, environment: str | None = None
) -> SpeedSummary:
    """The rows of one environment (default: the newest), summarised.

    `baseline` is a name or a label; default: attention if there are rows of it, else the first mixer of the rows. In a
    context without it, or in which it is unsupported at every length, `baselines_by_context` finds another one.
    Raises UnknownNameError for a baseline or an environment that the rows do not have.
    """
    environment = choose_environment(rows, environment)
    every = selection(rows_of(rows, environment))
    kept = with_times(of_one_kind(with_launches(every, rows_of(launches, environment))))
    mixers: list[MixerKey] = distinct(kept, "mixer", "config")
    base = find_baseline(baseline, mixers)
    labels, order = mixer_labels(mixers), mixer_order(mixers)

    by_cell: dict[tuple[Context, int], dict[MixerKey, Selection[SpeedRow]]] = defaultdict(dict)
    contexts: dict[tuple[Any, ...], Context] = {}
    for (mixer, config, tokens, *own), rows_of_cell in parted(kept, ["mixer", "config", "tokens", *CONTEXT_COLUMNS]):
        context = contexts.setdefault(tuple(own), Context(*own))
        by_cell[context, tokens][mixer, config] = rows_of_cell
    timed = kept.at(~np.isnan(kept.array(TIME))) if kept else kept
    bases = {contexts[own]: found for own, found in baselines_by_context(kept, timed, baseline, base).items()}
    cells = tuple(
        cell
        for (context, _), group in sorted(by_cell.items(), key=itemgetter(0))
        for cell in cells_of(context, group, bases.get(context, base), labels, order)
    )
    qualities = Counter(timed.values("quality") if timed else ())
    return SpeedSummary(
        environment=environment,
        baseline=labels[base] if base else None,
        cells=cells,
        growths=growths_of(cells),
        blocks=len(timed),
        contended_blocks=qualities["contended"],
        throttled_blocks=qualities["throttled"],
        left_out=len(rows) - len(kept),
    )
