"""The tuning study as a function: parse, prepare the data, plan, train the trials, summarise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.api.common import several
from mixbench.api.given_mixers import names_of
from mixbench.api.options import takes
from mixbench.api.preparing import choose_tasks, model_of, prepare_tasks, remember_texts, say_what_parts_lack
from mixbench.api.scale import Work, carry_out, study_frame
from mixbench.api.tune_options import TuneOptions
from mixbench.errors import RequestError
from mixbench.mixers.choice import ChosenMixer, choose_mixers
from mixbench.parsing.names import writable
from mixbench.parsing.ranges import TRAINING_OPTIONS, Range, parse_ranges
from mixbench.parsing.spec import parse_learning_rates, parse_scores, parse_shares
from mixbench.studies.data_efficiency_request import AUTO, DataRequest
from mixbench.studies.progress import Silent, Step
from mixbench.studies.training_rows import key_of, read_planned
from mixbench.studies.training_slots import engine_for, place_for
from mixbench.studies.training_steps import COUNTING
from mixbench.studies.tune import run_tuning
from mixbench.studies.tune_plan import PlannedTrial, TuneRequest, plan_trials
from mixbench.studies.units import trial_units
from mixbench.tables.columns import FAILURES
from mixbench.tables.foreign_trials import read_trials
from mixbench.tables.results import ResultsFolder
from mixbench.tables.training_rows import TrialRow
from mixbench.tasks import ChosenTask

if TYPE_CHECKING:
    import pandas

    from mixbench.verdicts.learning.bounds import Bounds
    from mixbench.verdicts.learning.tune import Search

MIXERS = ("attention", "hypermixer", "mlp-mixer")
RANGES = ("learning_rate=3e-4..3e-2:log", "dropout=0..0.5")
"""The default ranges: as in the HyperMixer study, with learning rates that suit small models."""
_CURVE = Step("curve")
SIZE = 800
"""The default number of training examples for built-in tasks that have at least as many; other tasks use all."""


@dataclass(frozen=True)
class TuneOutcome:
    """Rows of the requested trials, in the order of the plan, and their summary."""

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


def run_search(options: TuneOptions) -> TuneOutcome:
    """Train the trials that the results folder does not hold yet, then summarise the requested ones; or read a file.

    Raises MixbenchError.
    """
    from mixbench.verdicts.learning.tune import summarise

    if options.from_file is not None:
        return _read_search(options, Path(options.from_file))
    targets = parse_scores(options.target, "--target")
    part = carry_out(plan_of_search(options), options)
    contents = ResultsFolder(part.folder).environments_of(part.rows)
    return TuneOutcome(part.rows, summarise(part.rows, options.baseline, targets, contents), part.folder)


def plan_of_search(options: TuneOptions, *, download: bool = True) -> Work[PlannedTrial, TrialRow]:
    """What is to be trained, on data that are prepared. Raises MixbenchError.

    Without `download`, texts of the hub are taken to have the longest length: a plan to be looked at, not to be carried out.
    """
    from mixbench.verdicts.labels import find_baseline

    if options.from_file is not None:
        raise RequestError("with --from nothing is trained, so there is no plan to share out", "Leave out --shard and --plan.")
    given = {"--take": options.take, "--bounds": options.bounds, "--lower-is-better": options.lower_is_better}
    if alone := [flag for flag, value in given.items() if value]:
        raise RequestError(f"{alone[0]} needs a file of trials made elsewhere", "Give it with --from, or leave out the option.")
    progress = options.progress or Silent()
    mixers = choose_mixers(names_of(options.mixer) or MIXERS, causal=options.causal, skip_unsupported=options.skip_unsupported)
    find_baseline(options.baseline, [(chosen.name, chosen.config) for chosen in mixers])
    rates = parse_learning_rates(options.learning_rate)
    ranges = _ranges(options, mixers)
    chosen_tasks = choose_tasks(several(options.task), options, download=download)
    _refuse_rates(rates, mixers)
    place = place_for(options.engine, options.device, planning=options.plan)
    tasks = prepare_tasks(chosen_tasks, progress)
    enough = all(isinstance(task, ChosenTask) for task in chosen_tasks) and min(task.examples for task in tasks) >= SIZE
    default = str(SIZE) if enough else "1.0"
    base = DataRequest(
        tasks=tasks,
        mixers=mixers,
        sizes=parse_shares(default if options.size is None else options.size, "--size"),
        seeds=(options.seed,),
        dropout=options.dropout or 0.0,
        learning_rates=rates,
        score=options.score,
        **model_of(options),
    )
    request = TuneRequest(base, ranges, options.trials)
    trials = plan_trials(request)
    engine = engine_for(place, base, options.jobs, options.per_gpu)

    def train(folder: ResultsFolder, own: Sequence[PlannedTrial]) -> tuple[list[TrialRow], str]:
        say_what_parts_lack(tasks, (trial.run for trial in own), progress)
        remember_texts(folder, tasks, options)
        digest = run_tuning(
            request,
            folder,
            progress,
            engine=engine,
            trials=own,
            fresh=options.fresh,
            retry_failed=options.retry_failed,
            save=options.save,
        )
        planned = (trial.identity(digest) for trial in own)
        return read_planned(folder, TrialRow, planned, digest), digest

    return Work(
        study="tune",
        table="tuning",
        cell="trial",
        cells=trials,
        units=trial_units(trials),
        carry_out=train,
        cell_of=key_of,
        at_once=engine.at_once,
        start=COUNTING.seconds,
        rows_of=len,
    )


def _ranges(options: TuneOptions, mixers: Sequence[ChosenMixer]) -> tuple[Range, ...]:
    """The given ranges, and the default ranges of options that are neither drawn nor fixed. Raises RequestError."""
    fixed = {"learning_rate": options.learning_rate is not None, "dropout": options.dropout is not None}
    ranges = parse_ranges(several(options.range), {chosen.name for chosen in mixers})
    drawn = {asked.name for asked in ranges}
    if twice := [name for name in TRAINING_OPTIONS if name in drawn and fixed[name]]:
        raise RequestError(f"--{twice[0].replace('_', '-')} fixes what --range {twice[0]} draws", "Give one of them.")
    defaults = parse_ranges(RANGES, ())
    return ranges + tuple(default for default in defaults if default.name not in drawn and not fixed[default.name])


def _refuse_rates(rates: Mapping[str, float | str], mixers: Sequence[ChosenMixer]) -> None:
    if AUTO in rates.values():
        raise RequestError("tune does not take --learning-rate auto: the search itself chooses among rates", "Leave it out.")
    if lacking := [chosen.name for chosen in mixers if rates and not rates.keys() & {"", chosen.name}]:
        raise RequestError(f"--learning-rate gives no rate for {', '.join(lacking)}", "Give one for all mixers, or a range.")


def _read_search(options: TuneOptions, file: Path) -> TuneOutcome:
    """Summarise trials made elsewhere, and draw them below the figures of the results folder.

    Raises RequestError naming file and line, UnknownNameError, StorageError.
    """
    from mixbench.plots.style import save
    from mixbench.plots.texts import file_name
    from mixbench.plots.tune import tuning_figure
    from mixbench.verdicts.learning.tune import search_of

    progress = options.progress or Silent()
    trials = read_trials(file, options.take, lower_is_better=options.lower_is_better)
    for remark in trials.remarks:
        progress.remark(remark)
    scores = {(mixer, "{}"): values for mixer, values in trials.scores.items()}
    known = [score for values in trials.scores.values() for score in values if score is not None]
    progress.begin([_CURVE] * len(scores))

    def step(done: int, label: str) -> None:
        if done:
            progress.done(_CURVE)
        progress.doing(label)

    search = search_of(
        scores,
        "error" if options.lower_is_better else "score",
        options.baseline,
        parse_scores(options.target, "--target"),
        task=writable(file.stem),
        bounds=_bounds(options, file, min(known), max(known)),
        step=step,
    )
    folder = ResultsFolder(options.results)
    figures = save(tuning_figure(search), folder.figures, f"tune-{file_name(file.stem)}", ("png",))
    return TuneOutcome([], (search,), folder.path, tuple(figures))


def _bounds(options: TuneOptions, file: Path, smallest: float, largest: float) -> Bounds | None:
    """The given bounds of the scores. Raises RequestError if they are not two numbers in order, or if a score lies outside."""
    from mixbench.verdicts.learning.bounds import Bounds

    ends = parse_scores(options.bounds, "--bounds")
    if not ends:
        return None
    if len(ends) != 2 or ends[0] >= ends[1]:
        raise RequestError(f"--bounds is {','.join(f'{end:g}' for end in ends)}", "Give two numbers, the smaller first: 0,100.")
    for score in (smallest, largest):
        if not ends[0] <= score <= ends[1]:
            raise RequestError(
                f"{file} has the score {score:g}, outside --bounds {ends[0]:g},{ends[1]:g}", "Give wider bounds."
            )
    return Bounds(*ends)


@takes(TuneOptions)
def tune(options: TuneOptions) -> pandas.DataFrame:
    """Train the trials that the results folder does not hold yet; returns the requested ones, with the columns of tuning.csv.

    With `from_file` nothing is trained and a row per line of what `mixbench tune --from` prints is returned instead.
    Times in seconds. Raises MixbenchError.
    """
    if options.from_file is None or options.shard or options.plan:
        return study_frame(plan_of_search, options)
    outcome = run_search(options)
    import pandas

    from mixbench.verdicts.learning.tune import records

    return pandas.DataFrame(records(outcome.searches))
