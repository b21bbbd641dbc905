"""The section of data_efficiency.csv: learning curves, examples needed, scores by mixer and size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mixbench.plots.task_panels import TaskFigures, task_figures
from mixbench.reports.charts.looks import Looks
from mixbench.reports.contents import Chart, Download, Section, Table
from mixbench.reports.sections.as_tables import as_csv, as_table, failures_table, notes_of
from mixbench.reports.sections.score_charts import curve_charts, need_charts
from mixbench.reports.sections.source import Source, Study
from mixbench.tables.training_rows import TrainingRow
from mixbench.verdicts.labels import MixerKey
from mixbench.verdicts.learning.context import task_words
from mixbench.verdicts.learning.score_notes import score_notes
from mixbench.verdicts.learning.score_tables import score_tables
from mixbench.verdicts.learning.scores import DataSummary, TaskSummary, records, summarise
from mixbench.verdicts.learning.sentences import score_sentences
from mixbench.verdicts.words import number


@dataclass(frozen=True)
class _Judged:
    summary: DataSummary
    figures: Mapping[str, TaskFigures]


def _judged(source: Source) -> _Judged:
    summary = summarise(source.rows(TrainingRow), source.baseline, contents=source.contents)
    return _Judged(summary, task_figures(summary))


def _mixers(judged: _Judged) -> dict[MixerKey, bool]:
    shown = {label for drawn in judged.figures.values() for label, look in drawn.looks.items() if not look.pale}
    return {(cell.mixer, cell.config): cell.label in shown for task in judged.summary.tasks for cell in task.cells}


def _section(judged: _Judged, source: Source, looks: Looks) -> Section | None:
    tasks = judged.summary.tasks
    if not tasks:
        return None
    words = [" · ".join([task.context.task, *own.values()]) for task, own in _in_words(judged.summary)]
    return Section(
        "data-efficiency",
        "Training data",
        answers=[*_answers(judged)],
        charts=[*_charts(judged, source, looks)],
        tables=[*_tables(judged.summary, words)],
        notes=notes_of(words, [[*score_notes(task, judged.summary.baseline)] for task in tasks]),
        downloads=[*_downloads(judged.summary, words)],
    )


def _in_words(summary: DataSummary) -> list[tuple[TaskSummary, dict[str, str]]]:
    return [*zip(summary.tasks, task_words([task.context for task in summary.tasks]), strict=True)]


def _answers(judged: _Judged) -> Iterator[str]:
    """A sentence on each mixer that stands out; with several tasks or contexts, it says which."""
    several = len(judged.summary.tasks) > 1
    for name, drawn in judged.figures.items():
        for words, task in drawn.panels:
            where = " · ".join([name, *words.values()])
            for label, sentence in score_sentences(task, judged.summary.baseline):
                if not drawn.looks[label].pale:
                    yield f"{where}: {sentence}" if several else f"{name}: {sentence}"


def _charts(judged: _Judged, source: Source, looks: Looks) -> Iterator[Chart]:
    for place, (name, drawn) in enumerate(judged.figures.items(), start=1):
        yield from curve_charts(f"data-curves-{place}", name, drawn, looks, source.machine)
        yield from need_charts(f"data-needed-{place}", name, drawn, looks)


def _tables(summary: DataSummary, words: list[str]) -> Iterator[Table]:
    for place, (task, where) in enumerate(zip(summary.tasks, words, strict=True), start=1):
        for part, (title, table) in enumerate(score_tables(task, summary.baseline), start=1):
            yield as_table(f"data-{place}-{part}", f"{where} · {title}", table)
    yield from failures_table(
        "data-failures",
        [
            (cell.label, f"{where} · {number(cell.train_size)} examples · seed {seed}", _why(status, cell.detail))
            for task, where in zip(summary.tasks, words, strict=True)
            for cell in task.cells
            for seed, status in cell.failed.items()
        ],
    )


def _why(status: str, detail: str) -> str:
    return f"{status}: {detail}" if detail else status


def _downloads(summary: DataSummary, words: list[str]) -> Iterator[Download]:
    runs = [
        {
            "context": where,
            "mixer": cell.label,
            "train_size": cell.train_size,
            "seed": seed,
            "status": "ok",
            "test_score": score,
        }
        for task, where in zip(summary.tasks, words, strict=True)
        for cell in task.cells
        for seed, score in cell.scores.items()
    ]
    yield from filter(
        None, [as_csv("data-efficiency-summary.csv", records(summary)), as_csv("data-efficiency-seeds.csv", runs)]
    )


DATA_EFFICIENCY = Study("Training data", _judged, _mixers, _section)
