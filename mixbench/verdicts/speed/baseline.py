"""The baseline of each context: the mixer that its ratios are relative to, where that of all contexts was not timed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from mixbench.mixers import CONTROLS
from mixbench.tables.selection import Selection, distinct, joined
from mixbench.tables.speed_rows import SpeedRow
from mixbench.verdicts.labels import CONTEXT_COLUMNS, MixerKey, mixer_order
from mixbench.verdicts.speed.cell_summary import CellSummary


def baselines_by_context(
    rows: Selection[SpeedRow], timed: Selection[SpeedRow], wanted: str | None, base: MixerKey | None
) -> dict[tuple[Any, ...], MixerKey | None]:
    """The baseline of each context of some rows, by its CONTEXT_COLUMNS: `base` as far as it can be, as `_baseline_of` says.

    `timed` are those of the rows that have a time, and `wanted` is what the user named.
    """
    return {context: _baseline_of(mixers, wanted, base) for context, mixers in _timed_in(rows, timed, base).items()}


def _timed_in(
    rows: Selection[SpeedRow], timed: Selection[SpeedRow], base: MixerKey | None
) -> dict[tuple[Any, ...], list[MixerKey]]:
    """The mixers that were timed in each context, in the order of their rows, and the baseline if it was at least tried."""
    if not rows:
        return {}
    assert base is not None
    own = rows.test("mixer", base[0].__eq__) & rows.test("config", base[1].__eq__)
    tried = rows.at(own & rows.test("status", "unsupported".__ne__))
    found: dict[tuple[Any, ...], list[MixerKey]] = defaultdict(list)
    for mixer, config, *context in distinct(joined([timed, tried]), "mixer", "config", *CONTEXT_COLUMNS):
        found[tuple(context)].append((mixer, config))
    return found


def _baseline_of(timed: Sequence[MixerKey], wanted: str | None, base: MixerKey | None) -> MixerKey | None:
    """The baseline of a context in which these mixers were timed, where `base` is that of all; there it may also have failed.

    Without that, a mixer of the same name with other options stands in for it, as attention that is causal does in
    decode, unless a mixer with its options was wanted. By default, the first other mixer does, but for the control.
    """
    if base is None or base in timed or wanted not in (None, base[0]):
        return base
    same = [mixer for mixer in mixer_order(timed) if mixer[0] == base[0]]
    others = [] if wanted or len({*timed}) == 1 else [mixer for mixer in timed if mixer[0] not in CONTROLS]
    return next(iter([*same, *others]), base)


def baselines_of(cells: Iterable[CellSummary]) -> list[str]:
    """The labels of the mixers that ratios of these cells are relative to."""
    return list(dict.fromkeys(cell.baseline for cell in cells if cell.baseline and cell.ratio))
