"""The tables of `mixbench tune` and the notes below them: expected best scores by trials, and trials needed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count, takewhile

from mixbench.verdicts.entries import LOWER_BOUND, Entry, interval_text
from mixbench.verdicts.labels import unpacked
from mixbench.verdicts.learning.bounds import Bounds
from mixbench.verdicts.learning.tune import Curve, Search, interval_of
from mixbench.verdicts.table import Column, Table
from mixbench.verdicts.words import in_percent, number, span

Needed = tuple[float | None, float | None, float | None]


def search_words(search: Search) -> str:
    """A search in words: its task, what was drawn, and its seed."""
    settings = unpacked(search.settings)
    ranges = [f"{name} {settings[name]}" for name in ("learning_rate", "dropout") if ".." in str(settings.get(name))]
    return " · ".join([search.task, *ranges, *([] if search.seed is None else [f"seed {search.seed}"])])


def search_tables(search: Search) -> Iterator[tuple[str, Table]]:
    """Captions and tables, where there is anything to show."""
    curves = search.curves
    if not curves:
        return
    labels = [curve.label for curve in curves]
    longest = max(len(curve.expected) for curve in curves)
    shown = [*takewhile(lambda trials: trials < longest, (2**k for k in count())), longest]
    numbers = list(map(number, shown))
    better = "lower is better" if search.is_error else "higher is better"
    columns = [Column(curve.label, [_expected(curve, trials) for trials in shown]) for curve in curves]
    yield f"expected best development {search.score} by number of trials, {better}", Table(numbers, columns, "trials")
    others = [curve for curve in curves if curve.label != search.baseline]
    if others and len(others) < len(curves):
        columns = [Column(curve.label, [_relative(search, curve, trials) for trials in shown]) for curve in others]
        yield f"relative change against {search.baseline}, %", Table(numbers, columns, "trials")
    sign = "≤" if search.is_error else "≥"
    columns = [
        Column(f"{sign} {number(target.score)}", [needed_entry(target.trials[label]) for label in labels])
        for target in search.targets
    ]
    if columns:
        yield f"trials needed to expect a development {search.score} of", Table(labels, columns)


def _expected(curve: Curve, trials: int) -> Entry | None:
    if trials > len(curve.expected):
        return None
    interval = interval_of(curve, trials)
    return Entry(*interval_text(interval), value=interval.point)


def _relative(search: Search, curve: Curve, trials: int) -> Entry | None:
    changes = search.relative(curve)
    # relative to an expected score of 0 there is no change to give
    known = trials <= len(changes) and not math.isnan(changes[trials - 1])
    return Entry(in_percent(changes[trials - 1], ".1f", signed=True), value=100 * changes[trials - 1]) if known else None


def needed_entry(needed: Needed) -> Entry:
    """The trials until a score is expected, with the band's ends."""
    point, earliest, latest = needed
    if point is None:
        return Entry("not reached", f" (from {number(earliest)} on)" if earliest is not None else "", mark=LOWER_BOUND)
    ends = f"{number(earliest or 1.0)}–{number(latest)}" if latest is not None else f"from {number(earliest or 1.0)} on"
    return Entry(number(point), f" ({ends})", value=point)


def search_notes(search: Search) -> Iterator[str]:
    """How to read the numbers, and what they do not include."""
    for label, reason in search.unsupported.items():
        yield f"{label}: not searched, unsupported: {reason}"
    trials = {len(curve.scores) for curve in search.curves}
    if not trials:
        yield "Every trial diverged or failed: no score can be expected."
        return
    yield f"From {span(trials)} independent random trials; unbiased estimate, up to half the trials. In brackets: 95 % bands."
    if search.bounds and search.bounds.origin != "known":
        yield _about_bounds(search, search.bounds)
    if search.seed is not None:
        yield "Trial k draws the same values for every mixer."
    for curve in search.curves:
        if curve.lost:
            lost = f"{curve.lost} of {len(curve.scores)} trials diverged or failed"
            yield f"{curve.label}: {lost} and count as the worst score seen."


def _about_bounds(search: Search, bounds: Bounds) -> str:
    hint = " Set the range with --bounds." if search.seed is None else ""
    if bounds.origin == "guessed":
        return f"The bands assume that all scores lie between {bounds.low:g} and {bounds.high:g} (guessed).{hint}"
    if search.is_error:
        return f"The bands assume that no trial can have a larger error than the largest seen, {number(bounds.high)}.{hint}"
    return f"The bands assume that all scores lie in the range seen, {number(bounds.low)} to {number(bounds.high)}.{hint}"
