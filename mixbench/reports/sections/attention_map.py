"""The section of attention_map.csv: how much of each mixer's sensitivity falls on needed inputs, and some maps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mixbench.mixers import CONTROLS
from mixbench.reports.charts.looks import Looks
from mixbench.reports.charts.rows import rows_chart
from mixbench.reports.contents import Chart, Section
from mixbench.reports.sections.as_tables import as_csv, as_table, failures_table
from mixbench.reports.sections.map_charts import map_charts
from mixbench.reports.sections.source import Source, Study
from mixbench.stats import Interval
from mixbench.tables.training_rows import AttentionMapRow
from mixbench.verdicts.attention_map import ON_NEEDED, MixerMaps, TaskMaps, records, share_sentence, summarise
from mixbench.verdicts.attention_table import maps_notes, maps_table
from mixbench.verdicts.labels import MixerKey
from mixbench.verdicts.words import percent

Tasks = Sequence[TaskMaps]


def _judged(source: Source) -> Tasks:
    return summarise(source.rows(AttentionMapRow), source.contents)


def _mixers(tasks: Tasks) -> dict[MixerKey, bool]:
    return {line.mixer: True for task in tasks for line in task.lines}


def _section(tasks: Tasks, source: Source, looks: Looks) -> Section | None:
    if not tasks:
        return None
    titles = [" · ".join([task.task, *task.words]) for task in tasks]
    failed = [
        (line.label, title, line.detail)
        for task, title in zip(tasks, titles, strict=True)
        for line in task.lines
        if line.detail and line.mixer[0] not in CONTROLS
    ]
    rows = source.rows(AttentionMapRow)
    downloads = [as_csv("attention-map-summary.csv", records(tasks)), as_csv("attention-map-examples.csv", _examples(rows))]
    return Section(
        "attention-map",
        "What outputs depend on",
        answers=[f"{task.task}: {sentence}" for task in tasks for line in _ranked(task) if (sentence := share_sentence(line))],
        charts=[*_charts(tasks, source, looks)],
        tables=[
            *(as_table(f"maps-{place}", titles[place - 1], maps_table(task)) for place, task in enumerate(tasks, start=1)),
            *failures_table("maps-failures", failed),
        ],
        notes=[*dict.fromkeys(note for task in tasks for note in maps_notes(task))],
        downloads=[download for download in downloads if download],
    )


def _ranked(task: TaskMaps) -> list[MixerMaps]:
    """The mixers with a share, the largest first."""
    known = [(line.right.point, place, line) for place, line in enumerate(task.lines) if line.right]
    return [line for _, _, line in sorted(known, key=lambda own: (-own[0], own[1]))]


def _charts(tasks: Tasks, source: Source, looks: Looks) -> Iterator[Chart]:
    for place, task in enumerate(tasks, start=1):
        ranked = _ranked(task)
        if ranked:
            chance = next((line.chance for line in ranked if line.chance is not None), None)
            yield rows_chart(
                f"maps-share-{place}",
                f"Share of the sensitivity that falls {ON_NEEDED}: {task.task}",
                [
                    " · ".join(task.words),
                    f"Grey line: an even map, {percent(chance, '.1f')}" if chance is not None else "",
                    "Bars: 95 % t-intervals" if any(line.right and line.right.low is not None for line in ranked) else "",
                ],
                [(looks[line.mixer], _in_percent(line.right), share_sentence(line), False) for line in ranked if line.right],
                f"share {ON_NEEDED}, %",
                source.machine,
                names=[line.label for line in ranked],
                reference=None if chance is None else (100 * chance, f"an even map: {percent(chance, '.1f')}"),
            )
        yield from map_charts(f"maps-{place}", task, source.folder.path)


def _in_percent(share: Interval) -> Interval:
    low, high = (None if end is None else 100 * end for end in (share.low, share.high))
    return Interval(100 * share.point, low, high)


def _examples(rows: Sequence[AttentionMapRow]) -> Iterator[dict[str, object]]:
    names = (
        "task",
        "mixer",
        "config",
        "seed",
        "example",
        "status",
        "right_share",
        "chance_share",
        "distant_share",
        "test_score",
    )
    for row in rows:
        yield {name: getattr(row, name) for name in names}


ATTENTION_MAP: Study[Tasks] = Study("What outputs depend on", _judged, _mixers, _section, compares=False)
