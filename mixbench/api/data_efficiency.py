"""The data-efficiency study as a function: parse, prepare the data, plan, train, summarise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.api.common import several
from mixbench.api.data_efficiency_options import DataEfficiencyOptions
from mixbench.api.given_mixers import names_of
from mixbench.api.options import takes
from mixbench.api.preparing import (
    choose_tasks,
    model_of,
    prepare_tasks,
    remember_texts,
    say_what_is_not_causal,
    say_what_parts_lack,
)
from mixbench.api.scale import Work, carry_out, study_frame
from mixbench.mixers.choice import choose_mixers
from mixbench.parsing.spec import parse_learning_rates, parse_shares
from mixbench.studies.data_efficiency import run_data_efficiency
from mixbench.studies.data_efficiency_plan import PlannedRun, plan_runs, plan_trials
from mixbench.studies.data_efficiency_request import DataRequest
from mixbench.studies.progress import Silent
from mixbench.studies.training_plan import first_of_each
from mixbench.studies.training_rows import key_of, read_planned
from mixbench.studies.training_slots import engine_for, place_for
from mixbench.studies.training_steps import COUNTING
from mixbench.studies.units import run_units
from mixbench.tables.columns import FAILURES
from mixbench.tables.results import ResultsFolder
from mixbench.tables.training_rows import TrainingRow
from mixbench.tasks import ChosenTask

if TYPE_CHECKING:
    import pandas

    from mixbench.verdicts.learning.scores import DataSummary

SIZES = "50,200,800,3200"
TEXT_SIZES = "0.1,0.3,1.0"
MIXERS = ("attention", "hypermixer", "none")


@dataclass(frozen=True)
class DataOutcome:
    """Rows of the requested runs, in the order of the plan, and their summary."""

    rows: list[TrainingRow]
    summary: DataSummary
    folder: Path

    @property
    def failed(self) -> int:
        """Runs that failed: out of memory, timed out, killed or raised. One that diverged did not."""
        return sum(row.status in FAILURES for row in self.rows)

    def as_json(self) -> dict[str, Any]:
        """The summary as plain values."""
        from mixbench.verdicts.learning.scores import to_json

        return {"results": str(self.folder), **to_json(self.summary)}


def train_data_efficiency(options: DataEfficiencyOptions) -> DataOutcome:
    """Train what the results folder does not hold yet, then summarise the requested runs. Raises MixbenchError."""
    from mixbench.verdicts.learning.scores import summarise

    part = carry_out(plan_of_training(options), options)
    rows = part.rows
    own = None if rows else part.environment  # None: the newest of all that share its versions
    contents = ResultsFolder(part.folder).environments_of(rows)
    return DataOutcome(rows, summarise(rows, options.baseline, environment=own, contents=contents), part.folder)


def plan_of_training(options: DataEfficiencyOptions, *, download: bool = True) -> Work[PlannedRun, TrainingRow]:
    """What is to be trained, on data that are prepared. Raises MixbenchError.

    Without `download`, texts of the hub are taken to have the longest length: a plan to be looked at, not to be carried out.
    """
    from mixbench.verdicts.labels import find_baseline

    progress = options.progress or Silent()
    mixers = choose_mixers(names_of(options.mixer) or MIXERS, causal=options.causal, skip_unsupported=options.skip_unsupported)
    find_baseline(options.baseline, [(chosen.name, chosen.config) for chosen in mixers])
    learning_rates = parse_learning_rates(options.learning_rate)
    tasks = choose_tasks(several(options.task), options, download=download)
    say_what_is_not_causal(tasks, mixers, progress)
    built_in = all(isinstance(chosen, ChosenTask) for chosen in tasks)
    default = SIZES if built_in else TEXT_SIZES
    sizes = parse_shares(default if options.sizes is None else options.sizes, "--sizes")
    place = place_for(options.engine, options.device, planning=options.plan)
    request = DataRequest(
        tasks=prepare_tasks(tasks, progress),
        mixers=mixers,
        sizes=sizes,
        seeds=tuple(range(options.seed, options.seed + options.seeds)),
        dropout=options.dropout,
        learning_rates=learning_rates,
        score=options.score,
        **model_of(options),
    )
    runs = plan_runs(request)
    trials = plan_trials(request)
    engine = engine_for(place, request, options.jobs, options.per_gpu)

    def train(folder: ResultsFolder, own: Sequence[PlannedRun]) -> tuple[list[TrainingRow], str]:
        say_what_parts_lack(request.tasks, own, progress)
        remember_texts(folder, request.tasks, options)
        digest = run_data_efficiency(
            request,
            folder,
            progress,
            engine=engine,
            runs=own,
            fresh=options.fresh,
            retry_failed=options.retry_failed,
            save=options.save,
        )
        planned = (run.identity(digest) for run in own)
        return read_planned(folder, TrainingRow, planned, digest), digest

    def all_of(own: Sequence[PlannedRun]) -> list[PlannedRun]:
        return [*own, *(trial for run in first_of_each(own) for trial in trials.get(run.subject, ()))]

    return Work(
        study="data-efficiency",
        table="data_efficiency",
        cell="run",
        cells=runs,
        units=run_units(runs, trials),
        carry_out=train,
        cell_of=key_of,
        at_once=engine.at_once,
        start=COUNTING.seconds,
        rows_of=lambda own: len(all_of(own)),
        touches=lambda own: [run.identity("") for run in all_of(own)],
    )


@takes(DataEfficiencyOptions)
def data_efficiency(options: DataEfficiencyOptions) -> pandas.DataFrame:
    """Train what the results folder does not hold yet; returns the requested rows, with the columns of data_efficiency.csv.

    Times in seconds. Raises MixbenchError.
    """
    return study_frame(plan_of_training, options)
