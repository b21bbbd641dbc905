"""The data-efficiency study as a function: parse, prepare the data, plan, train, summarise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.api.common import Names, frame, several
from mixbench.api.preparing import TextFiles, choose_tasks, prepare_tasks
from mixbench.errors import RequestError
from mixbench.machine.environment import physical_cores
from mixbench.mixers.choice import choose_mixers
from mixbench.parsing.spec import parse_learning_rates, parse_shares
from mixbench.studies.data_efficiency import run_data_efficiency
from mixbench.studies.data_efficiency_plan import DataRequest, plan_runs
from mixbench.studies.progress import Progress, Silent
from mixbench.studies.training import key_of, slots_for
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
    """Rows of the runs that were asked for, in the order of the plan, and what they say."""

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


def train_data_efficiency(
    *,
    task: str | Sequence[str] | None = None,
    mixer: str | Sequence[str] | None = None,
    sizes: str | float | Iterable[float] | None = None,
    seeds: int = 5,
    seed: int = 0,
    layers: int = 1,
    width: int = 32,
    batch: int = 8,
    steps: int = 700,
    dropout: float = 0.0,
    learning_rate: Names | float | None = None,
    device: str = "cpu",
    jobs: int | None = None,
    per_gpu: int = 1,
    files: TextFiles | None = None,
    timeout: float = 300.0,
    baseline: str | None = None,
    results: str | Path = "results",
    fresh: bool = False,
    retry_failed: bool = False,
    save: bool = False,
    progress: Progress | None = None,
) -> DataOutcome:
    """Train what the results folder does not hold yet, then summarise what was asked for.

    Options are those of `mixbench data-efficiency`; times in seconds. Raises MixbenchError.
    """
    from mixbench.verdicts.labels import find_baseline
    from mixbench.verdicts.learning.scores import summarise

    progress = progress or Silent()
    if seeds < 1 or seed < 0:
        raise RequestError(f"--seeds is {seeds} and --seed {seed}: at least one seed, from 0 on")
    mixers = choose_mixers(several(mixer) or MIXERS)
    find_baseline(baseline, [(chosen.name, chosen.config) for chosen in mixers])
    learning_rates = parse_learning_rates(several(str(learning_rate) if isinstance(learning_rate, float) else learning_rate))
    tasks = choose_tasks(several(task), files or TextFiles())
    built_in = all(isinstance(chosen, ChosenTask) for chosen in tasks)
    shares = parse_shares(sizes or (SIZES if built_in else TEXT_SIZES), "--sizes")
    slots = slots_for(device, jobs or physical_cores(), per_gpu)
    request = DataRequest(
        tasks=prepare_tasks(tasks, progress),
        mixers=mixers,
        sizes=shares,
        seeds=tuple(range(seed, seed + seeds)),
        layers=layers,
        width=width,
        batch=batch,
        steps=steps,
        dropout=dropout,
        learning_rates=learning_rates,
        device=device,
        timeout=timeout,
    )
    folder = ResultsFolder(results)
    digest = run_data_efficiency(request, folder, progress, slots=slots, fresh=fresh, retry_failed=retry_failed, save=save)
    wanted = {run.identity(digest): order for order, run in enumerate(plan_runs(request))}
    rows = [row for row in folder.read(TrainingRow) if key_of(row) in wanted]
    rows.sort(key=lambda row: wanted[key_of(row)])
    return DataOutcome(rows, summarise(rows, baseline, environment=digest), folder.path)


def data_efficiency(**options: Any) -> pandas.DataFrame:
    """As `train_data_efficiency`; returns the rows as a DataFrame with the columns of data_efficiency.csv."""
    return frame(train_data_efficiency(**options).rows)
