"""The section of tuning.csv: the best score to expect after a number of random trials, and the trials needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count, takewhile

from mixbench.reports.charts.axes import linear_axis, log_axis
from mixbench.reports.charts.chart import chart
from mixbench.reports.charts.looks import Looks
from mixbench.reports.charts.traces import Line, Point, Trace, line_traces
from mixbench.reports.contents import Chart, Download, Section, Table
from mixbench.reports.sections.as_tables import as_csv, as_table, failures_table, notes_of
from mixbench.reports.sections.source import Source, Study
from mixbench.tables.training_rows import TrialRow
from mixbench.verdicts.entries import interval_text
from mixbench.verdicts.labels import MixerKey
from mixbench.verdicts.learning.sentences import search_sentences
from mixbench.verdicts.learning.tune import Curve, Search, interval_of, records, summarise
from mixbench.verdicts.learning.tune_tables import search_notes, search_tables, search_words
from mixbench.verdicts.prominent import prominent
from mixbench.verdicts.words import counted

_MOST_POINTS = 24
"""Points of a curve: more trials are drawn at some of them, ever farther apart."""
Searches = Sequence[Search]


def _judged(source: Source) -> Searches:
    return summarise(source.rows(TrialRow), source.baseline, contents=source.contents)


def _mixers(searches: Searches) -> dict[MixerKey, bool]:
    found: dict[MixerKey, bool] = {}
    for search in searches:
        ranked = sorted(search.curves, key=lambda curve: curve.expected[-1] if search.is_error else -curve.expected[-1])
        shown = prominent([curve.mixer for curve in search.curves], [curve.label for curve in ranked], search.baseline)
        for curve in search.curves:
            found[curve.mixer] = found.get(curve.mixer, False) or curve.label in shown
    return found


def _section(searches: Searches, source: Source, looks: Looks) -> Section | None:
    if not searches:
        return None
    several = len(searches) > 1
    return Section(
        "tune",
        "Tuning",
        answers=[
            f"{search_words(search) if several else search.task}: {sentence}"
            for search in searches
            for label, sentence in search_sentences(search)
            if not looks[next(curve.mixer for curve in search.curves if curve.label == label)].pale
        ],
        charts=[found for place, search in enumerate(searches, start=1) for found in _charts(place, search, looks)],
        tables=[*_tables(searches)],
        notes=notes_of([*map(search_words, searches)], [[*search_notes(search)] for search in searches]),
        downloads=[*_downloads(searches, source)],
    )


def _charts(place: int, search: Search, looks: Looks) -> Iterator[Chart]:
    if not search.curves:
        return
    traces: list[Trace] = []
    for curve in sorted(search.curves, key=lambda curve: not looks[curve.mixer].pale):
        points = [_point(search, curve, trials) for trials in _shown(len(curve.expected))]
        traces += line_traces(Line(looks[curve.mixer], points, "", ""), logarithmic=False)
    longest = max(len(curve.expected) for curve in search.curves)
    direction = "lower" if search.is_error else "higher"
    axis = f"expected best development {search.score} ({direction} is better)"
    ends = [end for curve in search.curves if not looks[curve.mixer].pale for end in (*curve.low, *curve.high, *curve.expected)]
    ticks = [*takewhile(longest.__gt__, (2**power for power in count())), longest]
    yield chart(
        f"tune-{place}",
        f"Random search on {search_words(search)}",
        ["Unbiased estimate, up to half the trials", "Bands: 95 %, simultaneous"],
        traces,
        (
            log_axis("trials", ticks, at=ticks),
            log_axis(axis, ends) if search.is_error and min(ends) > 0 else linear_axis(axis, ends),
        ),
    )


def _shown(trials: int) -> list[int]:
    """Numbers of trials from 1 on: all, or of many about equally far apart on a logarithmic axis."""
    if trials <= _MOST_POINTS:
        return [*range(1, trials + 1)]
    return sorted({round(trials ** (step / (_MOST_POINTS - 1))) for step in range(_MOST_POINTS)})


def _point(search: Search, curve: Curve, trials: int) -> Point:
    interval = interval_of(curve, trials)
    lost = f", {curve.lost} of {len(curve.scores)} trials without a score" if curve.lost else ""
    return Point(trials, interval, f"{search.score} {''.join(interval_text(interval))} after {counted(trials, 'trial')}{lost}")


def _tables(searches: Searches) -> Iterator[Table]:
    for place, search in enumerate(searches, start=1):
        for part, (title, table) in enumerate(search_tables(search), start=1):
            yield as_table(f"tune-{place}-{part}", f"{search_words(search)} · {title}", table)
    lost = [
        (curve.label, search_words(search), f"failed: {curve.lost} of {len(curve.scores)} trials diverged or failed")
        for search in searches
        for curve in search.curves
        if curve.lost
    ]
    without = [
        (label, search_words(search), f"unsupported: {reason}")
        for search in searches
        for label, reason in search.unsupported.items()
    ]
    yield from failures_table("tune-failures", [*lost, *without])


def _downloads(searches: Searches, source: Source) -> Iterator[Download]:
    labels = {curve.mixer: curve.label for search in searches for curve in search.curves}
    trials = [
        {
            "task": row.task,
            "mixer": labels.get((row.mixer, row.config), row.mixer),
            "seed": row.seed,
            "trial": row.trial,
            "status": row.status,
            "dev_score": row.dev_score,
            "values": row.sampled,
        }
        for row in source.rows(TrialRow)
    ]
    yield from filter(None, [as_csv("tuning-summary.csv", records(searches)), as_csv("tuning-trials.csv", trials)])


TUNE: Study[Searches] = Study("Tuning", _judged, _mixers, _section)
