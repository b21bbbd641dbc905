"""What a random search says as text: expected performance by trials, against the baseline, trials needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mixbench.cli.text.layout import Column, Entry, Segment, as_text, interval_text, matrix, number, wrapped
from mixbench.verdicts.labels import unpacked
from mixbench.verdicts.learning.tune import Curve, Search, interval_of

if TYPE_CHECKING:
    from rich.text import Text

_SHOWN = (1, 2, 5, 10, 20, 50, 100)
Needed = tuple[float | None, float | None, float | None]


def tuning_table(searches: Sequence[Search], width: int, terminal: bool) -> Text:
    """What `mixbench tune` prints: tables per search, then how to read them; as `data_efficiency_table`."""
    room = width if terminal else None
    lines: list[list[Segment]] = []
    for search in searches:
        lines += [[(line, "bold cyan")] for line in wrapped(_heading(search), room)]
        for caption, labels, columns in _tables(search):
            lines += [[(line, "italic")] for line in wrapped(caption, room)] + matrix(labels, columns, room) + [[]]
        lines += [[(line, "dim")] for note in _notes(search) for line in wrapped(note, room)] + [[]]
    return as_text(lines)


def _heading(search: Search) -> str:
    settings = unpacked(search.settings)
    drawn = [f"{name} {settings[name]}" for name in ("learning_rate", "dropout") if ".." in str(settings.get(name))]
    return " · ".join([search.task, *drawn, *([] if search.seed is None else [f"seed {search.seed}"])])


def _tables(search: Search) -> Iterator[tuple[str, list[str], list[Column]]]:
    curves = search.curves
    if not curves:
        return
    labels = [curve.label for curve in curves]
    longest = max((len(curve.expected) for curve in curves), default=0)
    shown = [trials for trials in _SHOWN if trials <= longest]
    better = "less is better" if search.is_error else "more is better"
    columns = [Column(_trials(trials), [_expected(curve, trials) for curve in curves]) for trials in shown]
    yield f"best dev {search.score} to be expected after so many trials, {better}", labels, columns
    others = [curve for curve in curves if curve.label != search.baseline]
    if others and len(others) < len(curves):
        columns = [Column(_trials(trials), [_relative(search, curve, trials) for curve in others]) for trials in shown]
        yield f"relative change against {search.baseline}, %", [curve.label for curve in others], columns
    sign = "≤" if search.is_error else "≥"
    columns = [
        Column(f"{sign} {number(target.score)}", [_needed(target.trials[label]) for label in labels])
        for target in search.targets
    ]
    if columns:
        yield f"trials needed to expect a dev {search.score} of", labels, columns


def _trials(trials: int) -> str:
    return f"{trials} trial{'s' if trials > 1 else ''}"


def _expected(curve: Curve, trials: int) -> Entry | None:
    return Entry(*interval_text(interval_of(curve, trials))) if trials <= len(curve.expected) else None


def _relative(search: Search, curve: Curve, trials: int) -> Entry | None:
    changes = search.relative(curve)
    return Entry(f"{100 * changes[trials - 1]:+.1f}") if trials <= len(changes) else None


def _needed(needed: Needed) -> Entry:
    point, sooner, later = needed
    if point is None:
        return Entry("not reached", f" (from {number(sooner)} on)" if sooner is not None else "")
    ends = f"{number(sooner or 1.0)}–{number(later)}" if later is not None else f"from {number(sooner or 1.0)} on"
    return Entry(number(point), f" ({ends})")


def _notes(search: Search) -> Iterator[str]:
    trials = sorted({len(curve.scores) for curve in search.curves})
    if not trials:
        yield "Every trial diverged or failed: there is nothing to expect."
        return
    span = str(trials[0]) if len(trials) == 1 else f"{trials[0]} to {trials[-1]}"
    yield f"From {span} independent random trials; unbiased estimator, as far as half of them. In brackets: 95 % bands."
    if search.seed is not None:
        yield "Trial k draws the same values for every mixer."
    for curve in search.curves:
        if curve.lost:
            lost = f"{curve.lost} of {len(curve.scores)} trials"
            yield f"{curve.label}: {lost} diverged or failed; they count with the worst score."
