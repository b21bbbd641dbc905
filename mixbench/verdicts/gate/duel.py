"""The rule of the live gate, and its verdict on every workload, from pairs of processes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, geometric_mean, median, stdev
from typing import Any, Protocol

from mixbench.stats import Interval, t_interval, t_quantile
from mixbench.verdicts.gate.cells import place_of
from mixbench.verdicts.gate.compare import importance
from mixbench.verdicts.gate.comparison import DUEL, STATUS, ComparedCell, Judgement
from mixbench.verdicts.gate.rules import far_wall, wall_words
from mixbench.verdicts.labels import MixerKey, mixer_labels
from mixbench.verdicts.words import percent

FLOOR = 0.01
"""Relative changes up to this are never flagged: memory layout alone can cause them with equal code."""
ONE_SIDED = 0.99
SAME_WITHIN = 0.05
"""Both versions are the same where the interval lies within this, or within the floor where that is wider."""
FEWEST_PAIRS = 6
"""Pairs that a look must have where the base failed in the others."""
SAMPLES_DIFFER = 1e-3
"""Outputs that differ by more than this, relative to their norm, come from different functions."""


class TimedPair(Protocol):
    """One workload in one pair of processes; ratios are head to base."""

    @property
    def log_ratio(self) -> float:
        """Logarithm of the ratio of CPU times, on a GPU of device times."""

    @property
    def wall_log_ratio(self) -> float:
        """Logarithm of the ratio of wall times."""

    @property
    def seconds(self) -> tuple[float, float]:
        """Seconds per call of base and head."""

    @property
    def built(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Facts about what base and head built: `operators`, `params`, a `sample` of the output."""


@dataclass(frozen=True)
class Workload:
    """The pairs in which one workload was measured: the first ones and, if they flagged it, the new ones."""

    mixer: MixerKey
    keys: Mapping[str, Any]
    first: Sequence[TimedPair]
    second: Sequence[TimedPair] = ()
    status: str = ""
    """The verdict where no times can be judged: "broken" or "new"."""
    fault: str = ""
    """What failed. A base that failed in a few of the pairs is judged by the others."""


def judge_duel(
    names: tuple[str, str], workloads: Sequence[Workload], *, threshold: float, same_mixer: bool
) -> tuple[ComparedCell, ...]:
    """Judge every workload of the versions with these names; the most important comes first.

    `same_mixer`: both versions are of one mixer, so their outputs should agree; else two mixers were named as versions.
    """
    labels = mixer_labels(workload.mixer for workload in workloads)
    compared = [
        ComparedCell(
            DUEL,
            labels[workload.mixer] if same_mixer else f"{names[1]} against {names[0]}",
            place_of(workload.keys),
            **_verdict(workload, threshold=threshold, same_mixer=same_mixer),
        )
        for workload in workloads
    ]
    return tuple(sorted(compared, key=importance))


def _verdict(workload: Workload, *, threshold: float, same_mixer: bool) -> dict[str, Any]:
    """Judgements, detail and cause of one workload."""
    if workload.status:
        return {"judgements": (Judgement(STATUS, workload.status),), "detail": workload.fault}
    timed = [*workload.first, *workload.second]
    first, second = ([pair.log_ratio for pair in look] for look in (workload.first, workload.second))
    seconds = geometric_mean(pair.seconds[0] for pair in timed), geometric_mean(pair.seconds[1] for pair in timed)
    wall = math.expm1(median(pair.wall_log_ratio for pair in timed))
    metric = "cpu_ms" if workload.keys["device"] == "cpu" else "device_ms"
    judgement = judge_pairs(metric, seconds, first, second, floor=threshold, wall=wall)
    base, head = timed[0].built
    more = head["operators"] - base["operators"]
    causes = [f"{abs(more)} {'more' if more > 0 else 'fewer'} operator{'s' if abs(more) > 1 else ''}"] if more else []
    if base["params"] != head["params"]:
        causes.append(f"{head['params'] - base['params']:+d} parameters")
    differs = same_mixer and _differ(base["sample"], head["sample"])
    details = (workload.fault, "the outputs differ: not the same function" if differs else "")
    return {"judgements": (judgement,), "detail": "; ".join(filter(None, details)), "cause": ", ".join(causes)}


def _differ(base: Sequence[float], head: Sequence[float]) -> bool:
    norm = sum(value**2 for value in base) ** 0.5
    return len(base) != len(head) or sum((a - b) ** 2 for a, b in zip(base, head, strict=True)) ** 0.5 > SAMPLES_DIFFER * norm


def looks(log_ratios: Sequence[float], floor: float = FLOOR) -> int:
    """The finding of one set of pairs: 1 if head is slower than base beyond the floor, -1 if it is faster, else 0.

    One-sided t-tests over pairs at 1 %, head to base.
    """
    middle, half = fmean(log_ratios), _half(log_ratios)
    edge = math.log1p(floor)
    return 1 if middle - half > edge else -1 if middle + half < -edge else 0


def judge_pairs(
    metric: str,
    seconds: tuple[float, float],
    log_ratios: Sequence[float],
    again: Sequence[float] = (),
    *,
    floor: float = FLOOR,
    wall: float | None = None,
) -> Judgement:
    """The verdict from the first pairs and, if they flagged the cell, from as many new pairs.

    For slower and faster, both sets of pairs must agree. The interval is over all pairs, two-sided at 98 %; seconds per call.
    """
    first, second = looks(log_ratios, floor), looks(again, floor) if again else 0
    every = [*log_ratios, *again]
    interval = t_interval(every, 2 * ONE_SIDED - 1)
    assert interval.low is not None
    assert interval.high is not None
    change = Interval(*(math.expm1(bound) for bound in (interval.point, interval.low, interval.high)))
    detectable = math.exp(math.log1p(floor) + _half(every)) - 1
    base, head = (1e3 * side for side in seconds)
    remark = ""
    if wall is not None:
        remark = far_wall(math.log1p(wall), interval.point, metric) or wall_words(math.log1p(wall))
    if first and first == second:
        verdict = "slower" if first > 0 else "faster"
    elif first:
        verdict = "undecided"
        remark = f"the first pairs say {'slower' if first > 0 else 'faster'}, the new ones do not agree; {remark}".strip("; ")
    elif max(abs(change.low or 0), abs(change.high or 0)) <= max(SAME_WITHIN, floor):
        verdict = "same"
    else:
        verdict = "undecided"
        remark = f"a change of {percent(detectable, '.1f')} would have been detected; {remark}".strip("; ")
    return Judgement(metric, verdict, base, head, change, detectable, remark)


def _half(log_ratios: Sequence[float]) -> float:
    """Half the width of the interval whose ends are one-sided bounds at 99 %."""
    count = len(log_ratios)
    return t_quantile(count - 1, ONE_SIDED) * stdev(log_ratios) / math.sqrt(count)
