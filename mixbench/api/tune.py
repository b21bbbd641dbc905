"""The tuning study as a function: parse, prepare the data, plan, train the trials, summarise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.api.common import Names, frame, several
from mixbench.api.preparing import TextFiles, choose_tasks, prepare_tasks
from mixbench.errors import RequestError
from mixbench.machine.environment import physical_cores
from mixbench.mixers.choice import choose_mixers
from mixbench.parsing.ranges import TRAINING_OPTIONS, parse_ranges
from mixbench.parsing.spec import parse_learning_rates, parse_scores, parse_shares
from mixbench.studies.data_efficiency_plan import AUTO, DataRequest
from mixbench.studies.progress import Progress, Silent
from mixbench.studies.training import key_of, slots_for
from mixbench.studies.tune import run_tuning
from mixbench.studies.tune_plan import TuneRequest, plan_trials
from mixbench.tables.columns import FAILURES
from mixbench.tables.foreign_trials import read_trials
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import TrialRow
from mixbench.tasks import ChosenTask

if TYPE_CHECKING:
    import pandas

    from mixbench.verdicts.learning.tune import Search

MIXERS = ("attention", "hypermixer", "mlp-mixer")
RANGES = ("learning_rate=3e-4..3e-2:log", "dropout=0..0.5")
"""What is drawn unless ranges are given: as in the HyperMixer study, with rates that small models learn at."""
SIZE = 800
"""Training examples of built-in tasks that have so many; of others all."""


@dataclass(frozen=True)
class TuneOutcome:
    """Rows of the trials that were asked for, in the order of the plan, and what they say."""

    rows: list[TrialRow]
    searches: tuple[Search, ...]
    folder: Path
    figures: tuple[Path, ...] = ()

    @property
    def failed(self) -> int:
        """Trials that failed: out of memory, timed out, killed or raised. One that diverged did not."""
        return sum(row.status in FAILURES for row in self.rows)

    def as_json(self) -> dict[str, Any]:
        """The summary as plain values."""
        import dataclasses

        return {"results": str(self.folder), "searches": [dataclasses.asdict(search) for search in self.searches]}


def run_search(
    *,
    task: str | Sequence[str] | None = None,
    mixer: str | Sequence[str] | None = None,
    range: str | Sequence[str] | None = None,
    trials: int = 20,
    seed: int = 0,
    size: str | float | None = None,
    layers: int = 1,
    width: int = 32,
    batch: int = 8,
    steps: int = 700,
    dropout: float | None = None,
    learning_rate: Names | float | None = None,
    device: str = "cpu",
    jobs: int | None = None,
    per_gpu: int = 1,
    files: TextFiles | None = None,
    timeout: float = 300.0,
    baseline: str | None = None,
    target: str | Sequence[float] = (),
    results: str | Path = "results",
    fresh: bool = False,
    retry_failed: bool = False,
    save: bool = False,
    progress: Progress | None = None,
) -> TuneOutcome:
    """Train the trials that the results folder does not hold yet, then summarise what was asked for.

    Options are those of `mixbench tune`; times in seconds. Raises MixbenchError.
    """
    from mixbench.verdicts.labels import find_baseline
    from mixbench.verdicts.learning.tune import summarise

    progress = progress or Silent()
    if seed < 0:
        raise RequestError(f"--seed is {seed}; it must be at least 0")
    mixers = choose_mixers(several(mixer) or MIXERS)
    find_baseline(baseline, [(chosen.name, chosen.config) for chosen in mixers])
    parse_scores(target, "--target")  # what is wrong is said before anything is trained
    fixed = {"learning_rate": learning_rate is not None, "dropout": dropout is not None}
    ranges = parse_ranges(several(range), {chosen.name for chosen in mixers})
    drawn = {one.name for one in ranges}
    if twice := [name for name in TRAINING_OPTIONS if name in drawn and fixed[name]]:
        raise RequestError(f"--{twice[0].replace('_', '-')} fixes what --range {twice[0]} draws", "Give one of them.")
    ranges += tuple(one for one in parse_ranges(RANGES, ()) if one.name not in drawn and not fixed[one.name])
    chosen_tasks = choose_tasks(several(task), files or TextFiles())
    rates = parse_learning_rates(several(str(learning_rate) if isinstance(learning_rate, float) else learning_rate))
    if AUTO in rates.values():
        raise RequestError("--learning-rate auto chooses among rates, which is what the search does", "Leave it out.")
    if lacking := [chosen.name for chosen in mixers if rates and not rates.keys() & {"", chosen.name}]:
        raise RequestError(f"--learning-rate fixes none for {', '.join(lacking)}", "Give one for all mixers, or a range.")
    slots = slots_for(device, jobs or physical_cores(), per_gpu)
    tasks = prepare_tasks(chosen_tasks, progress)
    enough = all(isinstance(one, ChosenTask) for one in chosen_tasks) and min(one.examples for one in tasks) >= SIZE
    base = DataRequest(
        tasks=tasks,
        mixers=mixers,
        sizes=parse_shares(size or (str(SIZE) if enough else "1.0"), "--size"),
        seeds=(seed,),
        layers=layers,
        width=width,
        batch=batch,
        steps=steps,
        dropout=dropout or 0.0,
        learning_rates=rates,
        device=device,
        timeout=timeout,
    )
    request = TuneRequest(base, ranges, trials)
    folder = ResultsFolder(results)
    digest = run_tuning(request, folder, progress, slots=slots, fresh=fresh, retry_failed=retry_failed, save=save)
    wanted = {trial.identity(digest): order for order, trial in enumerate(plan_trials(request))}
    rows = [row for row in folder.read(TrialRow) if key_of(row) in wanted]
    rows.sort(key=lambda row: wanted[key_of(row)])
    return TuneOutcome(rows, summarise(rows, baseline, parse_scores(target, "--target")), folder.path)


def read_search(
    file: str | Path,
    *,
    lower_is_better: bool = False,
    baseline: str | None = None,
    target: str | Sequence[float] = (),
    results: str | Path = "results",
) -> TuneOutcome:
    """Summarise trials made elsewhere, and draw them below the figures of a results folder.

    Raises RequestError naming file and line, UnknownNameError, StorageError.
    """
    from mixbench.plots.style import file_name, save
    from mixbench.plots.tune import tuning_figure
    from mixbench.verdicts.learning.tune import search_of

    path = Path(file)
    scores = {(mixer, "{}"): values for mixer, values in read_trials(path).items()}
    search = search_of(
        scores, "error" if lower_is_better else "score", baseline, parse_scores(target, "--target"), task=path.stem
    )
    folder = ResultsFolder(results)
    figures = save(tuning_figure(search), folder.figures, f"tune-{file_name(path.stem)}", ("png",))
    return TuneOutcome([], (search,), folder.path, tuple(figures))


def tune(**options: Any) -> pandas.DataFrame:
    """As `run_search`; returns the rows as a DataFrame with the columns of tuning.csv."""
    return frame(run_search(**options).rows)
