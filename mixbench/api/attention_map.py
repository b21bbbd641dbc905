"""The attention-map study as a function: parse, prepare the data or read the checkpoints, train, map, summarise, draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.api.attention_map_options import AttentionMapOptions
from mixbench.api.common import frame, several
from mixbench.api.given_mixers import names_of
from mixbench.api.options import takes
from mixbench.api.preparing import model_of, prepare_task, prepare_tasks
from mixbench.api.scale import Work, carry_out, folder_of, study_frame
from mixbench.api.shared_options import Sizes
from mixbench.errors import RequestError
from mixbench.mixers.choice import choose_mixers
from mixbench.parsing.canonical import read_object
from mixbench.parsing.option import typed_options
from mixbench.parsing.spec import parse_learning_rates, parse_shares
from mixbench.studies.attention_map import run_attention_map
from mixbench.studies.attention_map_plan import Key, LoadedRun, MapRequest, PlannedMap, check_task, map_keys, plan_maps
from mixbench.studies.data_efficiency_plan import plan_trials
from mixbench.studies.data_efficiency_request import DataRequest
from mixbench.studies.progress import Progress, Silent
from mixbench.studies.speed_steps import START
from mixbench.studies.training_rows import key_of, read_planned
from mixbench.studies.training_slots import engine_for, place_for
from mixbench.studies.units import map_units
from mixbench.tables.columns import FAILURES, check_value
from mixbench.tables.results import ResultsFolder
from mixbench.tables.training_rows import AttentionMapRow
from mixbench.tasks import TASKS, ChosenTask, choose_task

if TYPE_CHECKING:
    import pandas

    from mixbench.verdicts.attention_map import TaskMaps

MIXERS = ("attention", "hypermixer", "mlp-mixer")
LEARNING_RATE = 3e-3
_AGAIN = "Train it again with --save."
_DESCRIBE = "mixbench.worker.attention_map:describe"


@dataclass(frozen=True)
class MapOutcome:
    """Rows of the requested examples, their summary, and the figures drawn."""

    rows: list[AttentionMapRow]
    tasks: tuple[TaskMaps, ...]
    folder: Path
    figures: tuple[Path, ...]

    @property
    def failed(self) -> int:
        """Runs that failed: out of memory, timed out, killed or raised. One that diverged did not."""
        return len({model_of_row(row) for row in self.rows if row.status in FAILURES})

    def as_json(self) -> dict[str, Any]:
        """The summary as plain values."""
        import dataclasses

        tasks = [dataclasses.asdict(task) for task in self.tasks]
        return {"results": str(self.folder), "figures": list(map(str, self.figures)), "tasks": tasks}


def map_attention(options: AttentionMapOptions) -> MapOutcome:
    """Train and map what the results folder does not hold yet, then summarise and draw the requested examples.

    Raises MixbenchError.
    """
    from mixbench.plots.attention_map import draw_attention_maps
    from mixbench.verdicts.attention_map import summarise

    part = carry_out(plan_of_maps(options), options)
    contents = ResultsFolder(part.folder).environments_of(part.rows)
    figures = draw_attention_maps(part.rows, part.folder, examples=parse_examples(options.draw), contents=contents)
    return MapOutcome(part.rows, summarise(part.rows, contents), part.folder, tuple(figures))


def plan_of_maps(options: AttentionMapOptions) -> Work[PlannedMap, AttentionMapRow]:
    """What is to be trained and mapped, on data that are prepared. Raises MixbenchError."""
    progress = options.progress or Silent()
    drawn = parse_examples(options.draw)
    files = [options.checkpoint] if isinstance(options.checkpoint, str | Path) else list(options.checkpoint or ())
    if files and (options.task or options.mixer or options.causal):
        hint = "Leave out --mixer, --task and --causal."
        raise RequestError("--checkpoint already determines the mixer and the task", hint)
    names = several(options.task) or ["shapes"]
    for kind in (name.partition(":")[0] for name in names):
        if kind in (*TASKS, "text", "hf"):
            check_task(kind)
    chosen = [] if files else [choose_task(name) for name in names]
    mixers = choose_mixers(names_of(options.mixer) or MIXERS, causal=options.causal)
    place = place_for(options.engine, options.device, planning=options.plan)
    base = DataRequest(
        tasks=prepare_tasks(chosen, progress),
        mixers=mixers,
        sizes=parse_shares(options.size, "--size"),
        seeds=tuple(range(options.seed, options.seed + options.seeds)),
        dropout=0.0,
        learning_rates={"": LEARNING_RATE, **parse_learning_rates(options.learning_rate)},
        **model_of(options),
    )
    request = MapRequest(base, load_runs(files, folder_of(options), progress, options.timeout), options.examples, drawn)
    maps = plan_maps(request)
    trials = plan_trials(base)
    engine = engine_for(place, base, options.jobs, options.per_gpu)

    def map_all(folder: ResultsFolder, own: Sequence[PlannedMap]) -> tuple[list[AttentionMapRow], str]:
        digest = run_attention_map(
            request, folder, progress, engine=engine, maps=own, fresh=options.fresh, retry_failed=options.retry_failed
        )
        planned = (key for run in own for key in run.row_keys(digest))
        return read_planned(folder, AttentionMapRow, planned, digest), digest

    return Work(
        study="attention-map",
        table="attention_map",
        cell="model",
        cells=maps,
        units=map_units(maps, trials),
        carry_out=map_all,
        cell_of=model_of_row,
        at_once=engine.at_once,
        start=START.seconds,
    )


def model_of_row(row: AttentionMapRow) -> Key:
    """What the rows of one model share: all but the example."""
    return key_of(row)[:-1]


@takes(AttentionMapOptions)
def attention_map(options: AttentionMapOptions) -> pandas.DataFrame:
    """Train and map what the results folder does not hold yet; returns the requested rows, as in attention_map.csv.

    Times in seconds. Raises MixbenchError.
    """
    return study_frame(plan_of_maps, options) if options.shard or options.plan else frame(map_attention(options).rows)


def parse_examples(text: Sizes) -> tuple[int, ...]:
    """`"0,3"` or numbers as distinct examples counted from 0; () for nothing. Raises RequestError."""
    parts = [text] if isinstance(text, int) else text.split(",") if isinstance(text, str) else list(text)
    try:
        examples = tuple(dict.fromkeys(int(part) for part in parts if str(part).strip()))
    except ValueError:
        examples = (-1,)
    if examples and min(examples) < 0:
        raise RequestError(
            f"--draw: {text!r} is not a list of examples", "Give numbers from 0, separated by commas: --draw 0,3."
        )
    return examples


def load_runs(files: Iterable[str | Path], folder: ResultsFolder, progress: Progress, timeout: float) -> tuple[LoadedRun, ...]:
    """The runs in checkpoints, with their data generated or from the cache. Raises RequestError for an unusable file."""
    from mixbench.execution import Died, run_each

    paths = list(dict.fromkeys(Path(file).resolve() for file in files))
    if not paths:
        return ()
    jobs = ({"files": [str(path)]} for path in paths)
    described: list[Mapping[str, Any]] = []
    for path, outcome in zip(paths, run_each(_DESCRIBE, jobs, threads=1, timeout=timeout), strict=True):
        if isinstance(outcome, Died):
            raise RequestError(f"{path} cannot be loaded: {outcome.detail}")
        described += outcome.result["checkpoints"]
        if "fault" in described[-1]:
            raise RequestError(described[-1]["fault"], described[-1]["hint"])
    runs: dict[tuple[Any, ...], LoadedRun] = {}
    for path, content in zip(paths, described, strict=True):
        run = _loaded(path, content, folder, progress)
        other = runs.setdefault((*run.keys.values(), run.seed), run)
        if other is not run:
            raise RequestError(f"{other.file} and {run.file} hold the same run", "Give one of them.")
    return tuple(runs.values())


def _loaded(path: Path, described: Mapping[str, Any], folder: ResultsFolder, progress: Progress) -> LoadedRun:
    row = described["row"]
    if lacking := [name for name in (*map_keys(), "seed") if name not in row]:
        raise RequestError(f"{path} lacks {', '.join(lacking)} of its training run", _AGAIN)
    home = folder.path.resolve()
    file = str(path.relative_to(home) if path.is_relative_to(home) else path)
    try:
        kept = {name: row[name] for name in (*map_keys(), "seed")}
        kept |= {"learning_rate": described["learning_rate"], "checkpoint": file}
        for name, value in kept.items():
            check_value(AttentionMapRow, name, value)
    except ValueError as error:
        raise RequestError(f"{path} holds no training run: {error}", _AGAIN) from error
    check_task(row["task"])
    made = read_object(row["settings"]).get("task", {})
    entry = TASKS[row["task"]]
    options = {name: str(value) for name, value in made.get("options", {}).items()}
    task = prepare_task(ChosenTask(entry, typed_options(entry.options, options, entry.name)), progress)
    if task.settings["data"] != made.get("data"):
        fault = f"{path} was trained on different data from what the task {row['task']} gives here"
        raise RequestError(fault, _AGAIN)
    keys = {name: row[name] for name in map_keys()}
    return LoadedRun(file, task, keys, row["seed"], described["learning_rate"], str(described["target"]))
