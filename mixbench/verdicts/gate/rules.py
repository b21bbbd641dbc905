"""The rules of the gate: each takes two samples of one metric and returns a judgement; none knows of cells or files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from statistics import fmean, geometric_mean

from mixbench.stats import Interval, t_interval, unpaired_ratio_interval
from mixbench.verdicts.gate.comparison import Judgement
from mixbench.verdicts.gate.metrics import metric_words
from mixbench.verdicts.records import AT_LEAST
from mixbench.verdicts.words import percent

FAMILY_LEVEL = 0.95
"""Chance that all intervals of a comparison hold at once."""
NEEDS_LAUNCHES = 2
WALL_BEYOND = 0.25
"""A wall time that has grown by this much more than the time that is judged gets a note."""
EQUAL_SCORE = 0.01
"""Scores within this share of each other are the same."""


def simultaneous_level(cells: int) -> float:
    """The level of each of `cells` intervals at which all of them hold at once with FAMILY_LEVEL (Bonferroni).

    Welch's degrees of freedom are an approximation: where one version scatters five times as much as the other, all intervals
    of 84 cells with 5 launches hold in 88 % of comparisons (simulated). Besides, only changes beyond the threshold are slower.
    """
    return 1 - (1 - FAMILY_LEVEL) / max(1, cells)


def judge_count(
    metric: str,
    base: Mapping[int, float],
    head: Mapping[int, float],
    tolerance: float = 0.0,
    *,
    higher_is_better: bool = False,
    bounds: tuple[str, str] = ("", ""),
) -> Judgement:
    """Judge a deterministic metric by replicate: any change beyond the relative `tolerance` counts.

    The largest change of a replicate that both versions have decides; without a common one, that of the means. `bounds` says
    why a version's count is only a lower bound: what both count can be compared only if both lack the same.
    """
    judged = _judge_count(metric, base, head, tolerance, higher_is_better, bounds)
    base_mark, head_mark = (AT_LEAST if bound else "" for bound in bounds)
    return replace(judged, base_mark=base_mark, head_mark=head_mark)


def _judge_count(
    metric: str,
    base: Mapping[int, float],
    head: Mapping[int, float],
    tolerance: float,
    higher_is_better: bool,
    bounds: tuple[str, str],
) -> Judgement:
    if lone := _lone(metric, base, head):
        return lone
    if bounds[0] != bounds[1]:
        sides = " and ".join(f"in the {side}, {bound}" for side, bound in zip(("base", "head"), bounds, strict=True) if bound)
        remark = f"not comparable: {sides}"
        return Judgement(metric, "undecided", fmean(base.values()), fmean(head.values()), remark=remark)
    shared = [(base[replicate], head[replicate]) for replicate in base if replicate in head]
    means = fmean(base.values()), fmean(head.values())
    below, above = max(shared or [means], key=lambda pair: abs(_relative(*pair)))
    change = _relative(below, above)
    # files hold nine digits, so that 1 % more may be read as a little more than 1 %
    within = abs(change) <= tolerance or math.isclose(abs(change), tolerance, rel_tol=1e-6)
    verdict = "same" if within else "faster" if (change > 0) == higher_is_better else "slower"
    remark = f"from 0 to {above:g}" if above and not below else ""
    remark = "; ".join(filter(None, (remark, f"in both, {bounds[0]}" if bounds[0] and verdict != "same" else "")))
    return Judgement(metric, verdict, below, above, Interval(change), remark=remark)


def _relative(base: float, head: float) -> float:
    """Change relative to the base; 1 or -1 for any change from zero."""
    if base == head:
        return 0.0
    return head / base - 1 if base else math.copysign(1.0, head)


def _lone(metric: str, base: Mapping[int, float], head: Mapping[int, float]) -> Judgement | None:
    """The judgement on a metric that only one version has."""
    if base and head:
        return None
    if base:
        return Judgement(metric, "missing", base=fmean(base.values()), remark=f"{metric_words(metric)} is no longer measured")
    return Judgement(metric, "new", head=fmean(head.values()))


_TOO_FAR_APART = "the launches differ too much to judge; measure with --launches 5 or more"
_MOST_TOLD = 10.0
"""The largest relative change of which it is told that it would be detected."""


def judge_time(
    metric: str, base: Mapping[int, float], head: Mapping[int, float], *, threshold: float, level: float
) -> Judgement:
    """Judge a positive time by launch, where lower is better; the samples are not paired and may differ in size and spread.

    slower only if the whole interval of the ratio lies above 1 + threshold, faster likewise; same if it lies between the two.
    """
    if lone := _lone(metric, base, head):
        return lone
    below, above = geometric_mean(base.values()), geometric_mean(head.values())
    if min(len(base), len(head)) < NEEDS_LAUNCHES:
        remark = f"{min(len(base), len(head))} launch: no interval; measure with --launches 5"
        return Judgement(metric, "undecided", below, above, Interval(above / below - 1), remark=remark)
    ratio = _ratio(head, base, level)
    if not ratio.low or ratio.high is None:
        return Judgement(metric, "undecided", below, above, Interval(above / below - 1), remark=_TOO_FAR_APART)
    change = Interval(ratio.point - 1, ratio.low - 1, ratio.high - 1)
    detectable = (1 + threshold) * ratio.point / ratio.low - 1
    least = 1 + threshold
    remark = ""
    if ratio.low > least:
        verdict = "slower"
    elif ratio.high < 1 / least:
        verdict = "faster"
    elif ratio.low >= 1 / least and ratio.high <= least:
        verdict = "same"
    else:
        verdict = "undecided"
        known = detectable <= _MOST_TOLD
        remark = f"{percent(detectable, '.0f', signed=True)} would be detected" if known else _TOO_FAR_APART
    if verdict in ("same", "undecided") and ratio.low > 1:
        remark = "slower, but not certainly by more than the threshold: run mixbench duel"
    return Judgement(metric, verdict, below, above, change, detectable, remark)


def far_wall(wall: float, judged: float, metric: str, beyond: float = WALL_BEYOND) -> str:
    """The change of wall time, and why it may differ, if it is far above the change that is judged; both are logarithms."""
    if wall - judged <= math.log1p(beyond):
        return ""
    why = "the GPU waits" if metric == "device_ms" else "waiting, or other processes"
    return f"{wall_words(wall)}, which is not judged ({why})"


def wall_words(wall: float) -> str:
    """The change of wall time, given as a logarithm: `wall +7.0 %`."""
    return f"wall {percent(math.expm1(wall), '.1f', signed=True)}"


def _ratio(head: Mapping[int, float], base: Mapping[int, float], level: float) -> Interval:
    """The ratio, without bounds if no float can hold them: a few launches that differ wildly, among a thousand cells."""
    try:
        return unpaired_ratio_interval(list(head.values()), list(base.values()), level)
    except OverflowError:
        return Interval(0.0)


def judge_score(
    metric: str, base: Mapping[int, float], head: Mapping[int, float], *, higher_is_better: bool, level: float
) -> Judgement:
    """Judge a test score by seed, paired over the seeds that both versions trained.

    same if the interval of the paired difference lies within EQUAL_SCORE of the base's score, slower (worse) or faster (better)
    if it excludes 0.
    """
    if lone := _lone(metric, base, head):
        return lone
    shared = sorted(base.keys() & head.keys())
    if not shared:
        return Judgement(metric, "undecided", fmean(base.values()), fmean(head.values()), remark="no seed in common")
    below, above = (fmean(side[seed] for seed in shared) for side in (base, head))
    unit = abs(below) or 1.0
    differences = [(head[seed] - base[seed]) / unit for seed in shared]
    if not any(differences):
        return Judgement(metric, "same", below, above, Interval(0.0))
    change = t_interval(differences, level)
    if change.low is None or change.high is None:
        return Judgement(metric, "undecided", below, above, change, remark="one seed: no interval; train with --seeds 5")
    detectable = change.point - change.low
    if max(-change.low, change.high) <= EQUAL_SCORE:
        return Judgement(metric, "same", below, above, change, detectable)
    if change.low > 0 or change.high < 0:
        verdict = "faster" if (change.low > 0) == higher_is_better else "slower"
        return Judgement(metric, verdict, below, above, change, detectable)
    remark = f"a change of {percent(detectable, '.1f')} would be detected"
    return Judgement(metric, "undecided", below, above, change, detectable, remark)
