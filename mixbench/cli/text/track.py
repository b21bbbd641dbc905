"""The text of `mixbench track show`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mixbench.cli.text.page import Section
from mixbench.verdicts.entries import change_text as relative_text
from mixbench.verdicts.entries import with_prefix
from mixbench.verdicts.track.series import COUNTED, LEAST_COMMITS, NAMES, TRACKED, told_apart
from mixbench.verdicts.words import in_percent, number

if TYPE_CHECKING:
    from mixbench.api.track import Trends
    from mixbench.verdicts.track.change_points import Change


def sections(trends: Trends) -> Iterator[Section]:
    """The changes, most important first, then how to read them and which series could not be judged."""
    common, names = told_apart(trends.series)
    named = dict(zip(map(id, trends.series), names, strict=True))
    several = len(trends.machines) > 1
    first, last = (commit.time[:10] for commit in (trends.commits[0], trends.commits[-1]))
    span = f"{len(trends.commits)} commits, {first} to {last}" if len(trends.commits) > 1 else f"1 commit, {first}"
    lines = [
        (
            change.verdict,
            f"{named[id(change.series)]}{f' on {change.series.machine}' if several else ''}: {change_text(change)}",
        )
        for change in trends.changes
    ]
    yield Section(span, [*([("", common)] if common else []), *(lines or [("", "No change found.")])])
    yield Section("How to read it", [("", note) for note in _notes(trends)])
    if several:
        machines = [(digest, str(machine.get("cpu"))) for digest, machine in trends.machines.items()]
        yield Section("Machines", machines)


def change_text(change: Change) -> str:
    """`CPU time 0.12 → 0.15, +25 % (+20 to +30); suspect 0a1b2c3 of 2026-01-05 "Subject"; last good 1a2b3c4`."""
    metric = change.series.metric
    unit = TRACKED[metric].unit
    shown = with_prefix if unit == "FLOP" else number
    level = f"{NAMES.get(metric, metric)} {shown(change.before)} → {shown(change.after)}"
    level += f" {unit}" if unit in ("MiB", "ms") else ""
    if change.before:
        point, bounds = relative_text(change.change, lambda share: in_percent(share, ".1f", signed=True))
        level += f", {point} %{bounds}"
    suspect, good = change.suspect.commit, change.last_good.commit
    text = f'{level}; suspect {suspect.short} of {suspect.time[:10]} "{suspect.subject}"; last good {good.short}'
    also = [f"{name} {before} → {after}" for name, (before, after) in change.software.items()]
    return f"{text}; changed with it: {', '.join(also)}" if also else text


def _notes(trends: Trends) -> Iterator[str]:
    if any(change.change.low is not None for change in trends.changes):
        yield "In brackets: 95 % t-intervals over the commits before and after (log scale)."
    if any(series.metric == "cpu_per_calibration" for series in trends.series):
        yield "CPU time is relative to the calibration workload of the same process."
    noisy = [series for series in trends.series if series.metric not in COUNTED]
    judged = sum(not series.too_short and series.judgeable for series in noisy)
    if judged:
        chance = "at most 1 % of them show a change by chance."
        yield f"{judged:,} series of times and scores were judged; {chance}"
        yield f"A change of a time or score is shown once {LEAST_COMMITS} commits have followed it."
    short = Counter(len(series.points) for series in noisy if series.too_short)
    for commits, count in sorted(short.items()):
        found = "1 commit" if commits == 1 else f"{commits} commits"
        yield f"Too short to judge: {count:,} series of times and scores with {found}; {2 * LEAST_COMMITS} are needed."
    if alone := sum(series.too_short for series in trends.series if series.metric in COUNTED):
        yield f"Too short to judge: {alone} series of counts with 1 commit; 2 are needed."
    if unjudged := sum(not series.judgeable for series in trends.series):
        yield f"Not judged: {unjudged} series with a value of 0, for which no relative change exists."
