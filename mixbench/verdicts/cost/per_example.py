"""The cost of an example, from the rows of speed.csv at a task's length and width that suit the comparison best."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

from mixbench.stats import launch_medians
from mixbench.tables.remarks import bound_in, notes_in, unknown_in
from mixbench.tables.selection import selection, where
from mixbench.tables.speed_rows import EXECUTIONS, SpeedRow
from mixbench.verdicts.cost.subject import Subject, Wish
from mixbench.verdicts.labels import Context, MixerKey, context_of, context_words, find_mixers, unpacked
from mixbench.verdicts.speed.blocks import choose_rows
from mixbench.verdicts.speed.ratio import compared
from mixbench.verdicts.speed.times import of_one_kind, time_column
from mixbench.verdicts.words import counted

MEASURES: dict[str, tuple[Callable[[SpeedRow], float | None], str]] = {
    "time": (lambda row: row.time_ms and row.time_ms / 1000, "s"),
    "energy": (attrgetter("energy_j"), "J"),
    "flops": (attrgetter("flops"), "FLOP"),
}
"""The ways to measure the cost of an example: the value per call and its unit."""
_WORDS = {"time": "time", "energy": "energy", "flops": "operations"}
TIMED, METERED, COUNTED = "time", "energy", "flops"
_PREFERRED: dict[str, tuple[Any, ...]] = {
    "mode": ("training", "inference"),
    "scope": ("block", "model", "mixer"),
    "execution": EXECUTIONS,
    "dtype": ("float32", "bfloat16", "float16"),
}
"""Preferred values of columns of speed.csv, best first, before all others; the first column weighs most."""


Rows = dict[MixerKey, list[SpeedRow]]


def of_whole_sequences(rows: Sequence[SpeedRow]) -> Sequence[SpeedRow]:
    """The rows whose calls take examples as a whole: a step of decode is no example."""
    return where(rows, "mode", _PREFERRED["mode"].__contains__)


def contexts_of_examples(rows: Sequence[SpeedRow], subject: Subject, mixers: Sequence[MixerKey], wish: Wish) -> list[Rows]:
    """Rows at the subject's length and width that have the measure, by context and mixer, the context to take first.

    That is the one with the wanted baseline, then with most of the mixers, then with preferred values, then the newest.
    """
    value = MEASURES[wish.measure][0]
    contexts: dict[Context, Rows] = defaultdict(lambda: defaultdict(list))
    for row in _of_shape(of_one_kind(selection(rows)), subject):
        mixer = row.mixer, row.config
        # no ratio to a cost of zero, such as the operations of no mixing
        if mixer in mixers and (value(row) or 0) > 0 and _fits(row, subject, wish.columns):
            contexts[context_of(row)][mixer].append(row)

    def rank(context: Context) -> tuple[Any, ...]:
        own = contexts[context]
        based = wish.baseline is None or bool(find_mixers(wish.baseline, own))
        preferred = (-[*values, getattr(context, name)].index(getattr(context, name)) for name, values in _PREFERRED.items())
        return based, len(own), *preferred, -context.batch, max(row.measured_at for every in own.values() for row in every)

    return [dict(contexts[context]) for context in sorted(contexts, key=rank, reverse=True)]


def _of_shape(rows: Sequence[SpeedRow], subject: Subject) -> Sequence[SpeedRow]:
    return where(where(rows, "tokens", subject.tokens.__eq__), "width", subject.width.__eq__)


def other_contexts(contexts: Sequence[Rows]) -> str:
    """The line on rows of contexts that were not taken: how many, and what they differ in."""
    firsts = [context_of(next(iter(own.values()))[0]) for own in contexts]
    words = context_words(firsts)
    differing = dict.fromkeys(text for own in words[1:] for name, text in own.items() if words[0].get(name) != text)
    count = sum(len(every) for own in contexts[1:] for every in own.values())
    return f"Left out of speed.csv: {counted(count, 'row')} ({', '.join(differing)})." if count else ""


def _fits(row: SpeedRow, subject: Subject, wanted: Mapping[str, Any]) -> bool:
    """Whether a row of the subject's shape suits it."""
    if "device" not in wanted and row.device.partition(":")[0] != subject.device.partition(":")[0]:
        return False
    if row.scope == "model" and unpacked(row.settings).get("layers") != subject.layers:
        return False
    return all(getattr(row, name) == value for name, value in wanted.items())


def in_words(measure: str, timed: Mapping[MixerKey, Sequence[SpeedRow]]) -> str:
    """What an example costs: `time`, which is the `device time` of a GPU, `energy` or `operations`."""
    on_device = any(row.device_ms is not None for rows in timed.values() for row in rows)
    return time_column(on_device).words if measure == TIMED and on_device else _WORDS[measure]


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
    every = launch_medians((row.launch, row.time_ms) for row in timed[baseline])
    base = {launch: median / 1000 / timed[baseline][0].batch for launch, median in every.items()} | examples[baseline]
    for mixer, rows in timed.items():
        ratios = {} if mixer == baseline else compared(rows, timed[baseline]).by_launch
        if ratios:
            found[mixer] = {launch: base[launch] * ratio for launch, ratio in ratios.items()}
    return found


def disturbed(
    timed: Mapping[MixerKey, Sequence[SpeedRow]], labels: Mapping[MixerKey, str], baseline: MixerKey | None, measure: str
) -> tuple[list[str], list[str]]:
    """The labels of the mixers whose times, and of those whose ratios of times to the baseline's, `mixbench speed` marks."""
    if measure != TIMED or baseline is None:
        return [], []
    own = {label: timed[mixer] for mixer, label in labels.items()}
    times = [label for label, rows in own.items() if choose_rows(rows).disturbed]
    others = [label for mixer, label in labels.items() if mixer != baseline]
    return times, [label for label in others if compared(own[label], timed[baseline]).disturbed]


def disturbed_words(times: Sequence[str], ratios: Sequence[str], baseline: str | None) -> list[str]:
    """Sentences that name disturbed mixers; those of ratios only where both times are not."""
    only = [label for label in ratios if not {label, baseline} & {*times}]
    return [
        f"Disturbed while it was timed{how}: {', '.join(named)}. Measure again on a quiet machine, with --fresh."
        for how, named in (("", times), (f" relative to {baseline}", only))
        if named
    ]


def lower_bounds(counted: Mapping[MixerKey, Sequence[SpeedRow]], measure: str) -> dict[MixerKey, str]:
    """Why the cost of an example is only a lower bound, for the mixers where it is."""
    found = {mixer: next(filter(None, (bound_in(row.detail, measure) for row in rows)), "") for mixer, rows in counted.items()}
    return {mixer: remark for mixer, remark in found.items() if remark}


def without_value(
    rows: Sequence[SpeedRow], subject: Subject, mixers: Sequence[MixerKey], wish: Wish, taken: Context | None
) -> dict[MixerKey, str]:
    """Why mixers that were measured, in the context that is `taken` if there is one, have no cost of an example to compare.

    Those whose energy can still be added to their rows are left out.
    """
    value = MEASURES[wish.measure][0]
    found: dict[MixerKey, str] = {}
    for row in _of_shape(rows, subject):
        mixer = row.mixer, row.config
        there = _fits(row, subject, wish.columns) and taken in (None, context_of(row))
        if mixer in mixers and there and not (value(row) or 0) > 0:
            reason = _why_none(row, wish.measure) if row.status == "ok" else f"{row.status}: {row.detail}".removesuffix(": ")
            found[mixer] = found.get(mixer) or reason
    return {mixer: reason for mixer, reason in found.items() if reason}


def _why_none(row: SpeedRow, measure: str) -> str:
    if measure == TIMED:
        return "time was not measured" if row.device_ms is None else "it gives the GPU nothing to do"
    if measure == METERED:  # without a remark, nobody has asked for it
        return next(iter(notes_in(row.detail, "energy_j")), "")
    if row.flops == 0:
        return "its FLOPs are unknown (≥ 0)" if bound_in(row.detail, COUNTED) else "its FLOPs are 0, so there is no ratio"
    return unknown_in(row.detail, COUNTED) or "its FLOPs are not counted"
