"""The text of `mixbench tune`: expected best scores by trials, alone and against the baseline, and trials needed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import count, takewhile
from typing import TYPE_CHECKING

from mixbench.cli.text.layout import BLANK, Column, Paragraph, Table, caption, fitted, heading, notes
from mixbench.verdicts.entries import Entry, interval_text
from mixbench.verdicts.labels import unpacked
from mixbench.verdicts.learning.bounds import Bounds
from mixbench.verdicts.learning.tune import Curve, Search, interval_of
from mixbench.verdicts.words import in_percent, number, span

if TYPE_CHECKING:
    from rich.text import Text

Needed = tuple[float | None, float | None, float | None]


def tuning_table(searches: Sequence[Search], width: int, terminal: bool) -> Text:
    """Tables per search, then how to read them; `width` and `terminal` as for `data_efficiency_table`."""
    return fitted((part for search in searches for part in _search(search)), width if terminal else None)


def _search(search: Search) -> Iterator[Paragraph | Table]:
    settings = unpacked(search.settings)
    ranges = [f"{name} {settings[name]}" for name in ("learning_rate", "dropout") if ".." in str(settings.get(name))]
    yield heading(" · ".join([search.task, *ranges, *([] if search.seed is None else [f"seed {search.seed}"])]))
    for title, table in _tables(search):
        yield from (caption(title), table, BLANK)
    yield from notes(_notes(search))
    yield BLANK


def _tables(search: Search) -> Iterator[tuple[str, Table]]:
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
        Column(f"{sign} {number(target.score)}", [_needed(target.trials[label]) for label in labels])
        for target in search.targets
    ]
    if columns:
        yield f"trials needed to expect a development {search.score} of", Table(labels, columns)


def _expected(curve: Curve, trials: int) -> Entry | None:
    return Entry(*interval_text(interval_of(curve, trials))) if trials <= len(curve.expected) else None


def _relative(search: Search, curve: Curve, trials: int) -> Entry | None:
    changes = search.relative(curve)
    # relative to an expected score of 0 there is no change to give
    known = trials <= len(changes) and not math.isnan(changes[trials - 1])
    return Entry(in_percent(changes[trials - 1], ".1f", signed=True)) if known else None


def _needed(needed: Needed) -> Entry:
    point, earliest, latest = needed
    if point is None:
        return Entry("not reached", f" (from {number(earliest)} on)" if earliest is not None else "")
    ends = f"{number(earliest or 1.0)}–{number(latest)}" if latest is not None else f"from {number(earliest or 1.0)} on"
    return Entry(number(point), f" ({ends})")


def _notes(search: Search) -> Iterator[str]:
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
