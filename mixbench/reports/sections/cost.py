"""The section of the cost: three factors and their product, by mixer and target score."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mixbench.reports.charts.looks import Looks
from mixbench.reports.contents import Chart, Section, Table
from mixbench.reports.sections.as_tables import as_csv, as_table, notes_of
from mixbench.reports.sections.cost_charts import cost_charts
from mixbench.reports.sections.source import Source, Study
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.texts import read_texts
from mixbench.tables.training_rows import TrainingRow, TrialRow
from mixbench.verdicts.cost.evidence import TaskCost, task_costs
from mixbench.verdicts.cost.records import records
from mixbench.verdicts.cost.subject import Wish
from mixbench.verdicts.cost.tables import cost_notes, score_words, sentence, target_tables
from mixbench.verdicts.labels import MixerKey

Costs = Sequence[TaskCost]


def _judged(source: Source) -> Costs:
    wish = Wish(baseline=source.baseline, texts=read_texts(source.folder.path))
    speed, training, trials = source.rows(SpeedRow), source.rows(TrainingRow), source.rows(TrialRow)
    if not (speed and training and trials):
        return ()
    return [cost for cost in task_costs(speed, training, trials, wish) if cost.costs]


def _mixers(costs: Costs) -> dict[MixerKey, bool]:
    return {mixer: True for cost in costs for mixer in cost.mixers.values()}


def _section(costs: Costs, source: Source, looks: Looks) -> Section | None:
    if not costs:
        return None
    downloads = [as_csv("cost.csv", [record for cost in costs for record in records(cost)])]
    return Section(
        "cost",
        "Cost of reaching a score",
        answers=[*_answers(costs)],
        charts=[*_charts(costs, source, looks)],
        tables=[*_tables(costs)],
        notes=notes_of([cost.subject.words for cost in costs], [[*_notes(cost)] for cost in costs]),
        downloads=[download for download in downloads if download],
    )


def _answers(costs: Costs) -> Iterator[str]:
    for cost in costs:
        yield from (f"{cost.subject.task}: {sentence(cost, label)}" for label in cost.mixers if label != cost.baseline)


def _charts(costs: Costs, source: Source, looks: Looks) -> Iterator[Chart]:
    for place, cost in enumerate(costs, start=1):
        yield from cost_charts(f"cost-{place}", cost, looks, source.machine)


def _tables(costs: Costs) -> Iterator[Table]:
    for place, cost in enumerate(costs, start=1):
        for target_place, target in enumerate(cost.targets, start=1):
            goal = f"for {score_words(cost, target)}"
            for part, (title, table) in enumerate(target_tables(cost, target), start=1):
                words = dict.fromkeys((cost.subject.words, goal, title))
                yield as_table(f"cost-{place}-{target_place}-{part}", " · ".join(words), table)


def _notes(cost: TaskCost) -> Iterator[str]:
    yield from cost_notes(cost)
    for lack in cost.lacks:
        yield f"Left out: {lack.words}."


COST: Study[Costs] = Study("Cost of reaching a score", _judged, _mixers, _section)
