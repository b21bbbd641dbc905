"""The cost of an example, from the rows of speed.csv at a task's length and width that suit the comparison best."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from mixbench.stats import launch_medians
from mixbench.tables.remarks import bound_in, unknown_in
from mixbench.tables.rows import SpeedRow
from mixbench.verdicts.cost.subject import Subject, Wish
from mixbench.verdicts.labels import Context, MixerKey, context_of, unpacked
from mixbench.verdicts.speed.blocks import choose_rows
from mixbench.verdicts.speed.ratio import compared

MEASURES: dict[str, tuple[Callable[[SpeedRow], float | None], str]] = {
    "time": (lambda row: row.latency_ms and row.latency_ms / 1000, "s"),
    "energy": (attrgetter("energy_j"), "J"),
    "flops": (attrgetter("flops"), "FLOP"),
}
"""The ways to measure the cost of an example: the value per call and its unit."""
PER_EXAMPLE = {"s": "time per example", "J": "energy per example", "FLOP": "operations per example"}
"""Its name in tables and figures, by unit."""
TIMED, COUNTED = "time", "flops"
_PREFERRED: dict[str, tuple[Any, ...]] = {
    "mode": ("training", "inference"),
    "scope": ("block", "model", "mixer"),
    "compiled": (False, True),
    "dtype": ("float32", "bfloat16", "float16"),
}
"""Preferred values of columns of speed.csv, best first, before all others; the first column weighs most."""


def rows_of_examples(
    rows: Iterable[SpeedRow], subject: Subject, mixers: Sequence[MixerKey], wish: Wish
) -> dict[MixerKey, list[SpeedRow]]:
    """By mixer, rows at the subject's length and width that have the measure, from the context with most of the mixers."""
    value = MEASURES[wish.measure][0]
    contexts: dict[Context, dict[MixerKey, list[SpeedRow]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        mixer = row.mixer, row.config
        # no ratio to a cost of zero, such as the operations of no mixing
        if mixer in mixers and (value(row) or 0) > 0 and _fits(row, subject, wish.columns):
            contexts[context_of(row)][mixer].append(row)

    def rank(context: Context) -> tuple[Any, ...]:
        preferred = (-[*values, getattr(context, name)].index(getattr(context, name)) for name, values in _PREFERRED.items())
        newest = max(row.measured_at for own in contexts[context].values() for row in own)
        return len(contexts[context]), *preferred, -context.batch, newest

    return dict(contexts[max(contexts, key=rank)]) if contexts else {}


def _fits(row: SpeedRow, subject: Subject, wanted: Mapping[str, Any]) -> bool:
    if (row.tokens, row.width) != (subject.tokens, subject.width):
        return False
    if "device" not in wanted and row.device.partition(":")[0] != subject.device.partition(":")[0]:
        return False
    if row.scope == "model" and unpacked(row.settings).get("layers") != subject.layers:
        return False
    return all(getattr(row, name) == value for name, value in wanted.items())


def per_launch(timed: Mapping[MixerKey, Sequence[SpeedRow]], measure: str) -> dict[MixerKey, dict[int, float]]:
    """The cost of an example by launch, as the median over rounds; a count is equal in every launch and given once."""
    value = MEASURES[measure][0]
    found = {}
    for mixer, rows in timed.items():
        kept = [row for own in choose_rows(rows).by_process.values() for row in own] if measure == TIMED else rows
        medians = launch_medians((row.launch, value(row)) for row in kept)
        per_example = {launch: median / rows[0].batch for launch, median in medians.items()}
        found[mixer] = dict(list(per_example.items())[:1]) if measure == COUNTED else per_example
    return found


def beside(
    examples: Mapping[MixerKey, dict[int, float]], timed: Mapping[MixerKey, Sequence[SpeedRow]], baseline: MixerKey
) -> dict[MixerKey, dict[int, float]]:
    """Times of an example such that their ratios to the baseline's are those of `mixbench speed`, which are taken by round."""
    found = dict(examples)
    every = launch_medians((row.launch, row.latency_ms) for row in timed[baseline])
    base = {launch: median / 1000 / timed[baseline][0].batch for launch, median in every.items()} | examples[baseline]
    for mixer, rows in timed.items():
        ratios = {} if mixer == baseline else compared(rows, timed[baseline]).by_launch
        if ratios:
            found[mixer] = {launch: base[launch] * ratio for launch, ratio in ratios.items()}
    return found


def lower_bounds(counted: Mapping[MixerKey, Sequence[SpeedRow]], measure: str) -> dict[MixerKey, str]:
    """Why the cost of an example is only a lower bound, for the mixers where it is."""
    found = {mixer: next(filter(None, (bound_in(row.detail, measure) for row in rows)), "") for mixer, rows in counted.items()}
    return {mixer: remark for mixer, remark in found.items() if remark}


def without_ratio(rows: Iterable[SpeedRow], subject: Subject, mixers: Sequence[MixerKey], wish: Wish) -> dict[MixerKey, str]:
    """Why mixers that were measured at the subject's length and width have no operations to compare."""
    found = {}
    for row in rows:
        if wish.measure == COUNTED and row.status == "ok" and not row.flops and _fits(row, subject, wish.columns):
            known = "its FLOPs are unknown (≥ 0)" if bound_in(row.detail, COUNTED) else "its FLOPs are 0, so there is no ratio"
            found[row.mixer, row.config] = (
                known if row.flops == 0 else unknown_in(row.detail, COUNTED) or "its FLOPs are not counted"
            )
    return {mixer: reason for mixer, reason in found.items() if mixer in mixers}
