"""The data-efficiency study as a function: parse, prepare the data, plan, train, summarise."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.api.common import frame, several
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
from mixbench.mixers.choice import choose_mixers
from mixbench.parsing.spec import parse_learning_rates, parse_shares
from mixbench.studies.data_efficiency import run_data_efficiency
from mixbench.studies.data_efficiency_plan import DataRequest, plan_runs
from mixbench.studies.progress import Silent
from mixbench.studies.training import read_planned
from mixbench.studies.training_slots import engine_for, place_for
from mixbench.tables.columns import FAILURES
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import TrainingRow
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
    from mixbench.verdicts.labels import find_baseline
    from mixbench.verdicts.learning.scores import summarise

    progress = options.progress or Silent()
    mixers = choose_mixers(names_of(options.mixer) or MIXERS, causal=options.causal, skip_unsupported=options.skip_unsupported)
    find_baseline(options.baseline, [(chosen.name, chosen.config) for chosen in mixers])
    learning_rates = parse_learning_rates(options.learning_rate)
    tasks = choose_tasks(several(options.task), options)
    say_what_is_not_causal(tasks, mixers, progress)
    built_in = all(isinstance(chosen, ChosenTask) for chosen in tasks)
    default = SIZES if built_in else TEXT_SIZES
    sizes = parse_shares(default if options.sizes is None else options.sizes, "--sizes")
    place = place_for(options.engine, options.device)
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
    say_what_parts_lack(request.tasks, runs, progress)
    folder = ResultsFolder(options.results)
    remember_texts(folder, request.tasks, options)
    digest = run_data_efficiency(
        request,
        folder,
        progress,
        engine=engine_for(place, request, options.jobs, options.per_gpu),
        fresh=options.fresh,
        retry_failed=options.retry_failed,
        save=options.save,
    )
    planned = (run.identity(digest) for run in runs)
    rows = read_planned(folder, TrainingRow, planned, digest, elsewhere=place.elsewhere)
    own = digest if not rows or any(row.environment == digest for row in rows) else None  # None: the newest
    return DataOutcome(rows, summarise(rows, options.baseline, environment=own), folder.path)


@takes(DataEfficiencyOptions)
def data_efficiency(options: DataEfficiencyOptions) -> pandas.DataFrame:
    """Train what the results folder does not hold yet; returns the requested rows, with the columns of data_efficiency.csv.

    Times in seconds. Raises MixbenchError.
    """
    return frame(train_data_efficiency(options).rows)
