"""The section of speed.csv: time and its ratio to the baseline, memory, growth and the other costs, by context."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter

from mixbench.mixers import CONTROLS
from mixbench.plots.speed_sizes import QUANTITIES
from mixbench.reports.charts.looks import Looks
from mixbench.reports.contents import Chart, Download, Section, Table
from mixbench.reports.sections.as_tables import as_csv, as_table, failures_table
from mixbench.reports.sections.source import Source, Study
from mixbench.reports.sections.speed_charts import growth_charts, size_charts
from mixbench.reports.sections.speed_ratio_charts import ratio_charts
from mixbench.tables.columns import columns
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.verdicts.labels import MixerKey, context_words
from mixbench.verdicts.speed.cell_summary import CellSummary
from mixbench.verdicts.speed.cells import BRACKETS, mark_words
from mixbench.verdicts.speed.notes import long_notes
from mixbench.verdicts.speed.records import records
from mixbench.verdicts.speed.summary import SpeedSummary, summarise
from mixbench.verdicts.speed.tables import costs_table, times_table
from mixbench.verdicts.speed.times import DEVICE, TIME, WALL
from mixbench.verdicts.speed.view import View, standing_out, times_caption, views_of
from mixbench.verdicts.words import number, sized

_FROM_TIME = ("tokens_per_s", "gflops_per_s")
_MOST_ANSWERS = 36
"""Sentences of a section, shared by its contexts."""
_MOST_POINTS = 6000
"""Points of lines that a page has room for."""


def _judged(source: Source) -> SpeedSummary:
    return summarise(source.rows(SpeedRow), source.folder.selection(LaunchRow), source.baseline)


def _mixers(summary: SpeedSummary) -> dict[MixerKey, bool]:
    shown = standing_out(summary)
    labels = {(cell.mixer, cell.config): cell.label for cell in summary.cells}
    return {mixer: label in shown for mixer, label in labels.items()}


def _section(summary: SpeedSummary, source: Source, looks: Looks) -> Section | None:
    if not summary.cells:
        return None
    views = views_of(summary)
    return Section(
        "speed",
        "Speed",
        answers=_answers(summary, views),
        charts=[*_charts(summary, source, looks)],
        tables=[*_tables(summary, views)],
        notes=[*long_notes(summary)],
        downloads=[*_downloads(summary)],
    )


def _answers(summary: SpeedSummary, views: Sequence[View]) -> list[str]:
    """The verdicts on the mixers that stand out, on controls last; each says in which context where there are several."""
    shown = standing_out(summary)
    controls = {cell.label for cell in summary.cells if cell.mixer in CONTROLS}
    words = context_words([view.cells[0].context for view in views])
    varying = [name for name in words[0] if len({fields.get(name) for fields in words}) > 1]
    most = max(1, _MOST_ANSWERS // len(views))
    found: list[tuple[bool, str]] = []
    for view, fields in zip(views, words, strict=True):
        where = " · ".join(fields[name] for name in varying if name in fields)
        own = sorted((answer.mixer in controls, place) for place, answer in enumerate(view.answers) if answer.mixer in shown)
        found += [(control, ": ".join(filter(None, (where, view.answers[place].sentence)))) for control, place in own[:most]]
    return [sentence for _, sentence in sorted(found, key=itemgetter(0))]


def _charts(summary: SpeedSummary, source: Source, looks: Looks) -> Iterator[Chart]:
    metrics = [metric for metric in QUANTITIES if metric != DEVICE]
    contexts = len({cell.context for cell in summary.cells})
    drawn = len(metrics) + 1
    most = max(1, min(24, _MOST_POINTS * contexts // max(1, drawn * len(summary.cells))))
    yield from size_charts(summary, WALL, "tokens", looks, source.machine, most)
    yield from ratio_charts(summary, looks, source.machine, most)
    yield from growth_charts(summary, looks, source.machine, most)
    for metric in metrics:
        if metric != WALL:
            yield from size_charts(summary, metric, "tokens", looks, source.machine, most)
    for metric in metrics:
        yield from size_charts(summary, metric, "width", looks, source.machine, most)


def _tables(summary: SpeedSummary, views: Sequence[View]) -> Iterator[Table]:
    for place, view in enumerate(views, start=1):
        one = len(view.lengths) == 1
        title = f"{view.words} · {sized(view.lengths[0], 'token')}" if one else f"{view.words} · {times_caption(view)}"
        yield as_table(f"speed-times-{place}", title, times_table(view, BRACKETS))
        if not one:
            costs = costs_table(view)
            yield as_table(f"speed-costs-{place}", f"{view.words} · {costs.heading}", costs)
    yield from failures_table("speed-failures", [line for view in views for line in _wrong(view)])


def _wrong(view: View) -> Iterator[tuple[str, str, str]]:
    for cell in view.cells:
        where = f"{view.words} · {sized(cell.tokens, 'token')}"
        if cell.status != "ok":
            yield cell.label, where, ": ".join(filter(None, (cell.status, cell.detail)))
        elif cell.failed_launches:
            launches = f"{cell.failed_launches} of {cell.launches + cell.failed_launches} launches failed"
            yield cell.label, where, f"{launches}: {cell.detail}"
        if marks := _disturbed(cell):
            clean = "" if cell.clean_share is None else f": {number(100 * cell.clean_share)} % of its blocks are clean"
            yield cell.label, where, f"{marks}{clean}"


def _disturbed(cell: CellSummary) -> str:
    """Whether the time or the ratio of a cell is disturbed, in words."""
    found = [name for name, wrong in (("time", cell.disturbed), ("ratio", cell.ratio_disturbed)) if wrong]
    return f"disturbed {' and '.join(found)}" if found else ""


def _downloads(summary: SpeedSummary) -> Iterator[Download]:
    yield from filter(None, [as_csv("speed-summary.csv", records(summary)), as_csv("speed-launches.csv", _launches(summary))])


def _launches(summary: SpeedSummary) -> Iterator[Mapping[str, object]]:
    """A record per cell and launch that timed it: the medians of its rounds."""
    words = {view.cells[0].context: view.words for view in views_of(summary)}
    metrics = _timed(summary.cells)
    for cell in summary.cells:
        own = {metric: cell.by_launch[metric] for metric in metrics}
        for launch in sorted({launch for values in own.values() for launch in values}):
            yield {
                "context": words[cell.context],
                "mixer": cell.label,
                "tokens": cell.tokens,
                "launch": launch,
                "marks": mark_words(cell, TIME),
                **{metric: values.get(launch) for metric, values in own.items()},
                "ratio": cell.paired_ratios.get(launch),
            }


def _timed(cells: Iterable[CellSummary]) -> list[str]:
    """The metrics that differ from launch to launch and that any cell has, but for those that come from the time."""
    found = dict.fromkeys(name for cell in cells for name, values in cell.by_launch.items() if values)
    known = columns(SpeedRow)
    return [name for name in found if name == TIME or not (known[name].counted or name in _FROM_TIME)]


SPEED = Study("Speed", _judged, _mixers, _section)
