"""The cost of reaching a score as a function: read the three tables, take the rows of one environment, judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.api.cost_options import CostOptions
from mixbench.api.machines import Told, of_environments, shown_and_left_out
from mixbench.api.options import takes
from mixbench.errors import RequestError
from mixbench.mixers.choice import choose_mixers
from mixbench.parsing.command import with_folder
from mixbench.parsing.spec import parse_scores
from mixbench.tables.columns import Row
from mixbench.tables.results import ResultsFolder
from mixbench.tables.selection import distinct
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.texts import Given, read_texts
from mixbench.tables.training_rows import TrainingRow, TrialRow
from mixbench.tasks import TASKS
from mixbench.verdicts.cost.commands import first_commands
from mixbench.verdicts.cost.evidence import TaskCost, task_costs
from mixbench.verdicts.cost.lacks import TABLES
from mixbench.verdicts.cost.per_example import METERED, TIMED
from mixbench.verdicts.cost.records import records, to_json
from mixbench.verdicts.cost.subject import Wish
from mixbench.verdicts.environments import choose_environment, differences, of_shared, versions_of
from mixbench.verdicts.labels import mixer_order

if TYPE_CHECKING:
    import pandas

Tables = Mapping[str, Sequence[Any]]
_READ: dict[str, type[Row]] = {
    "speed.csv": SpeedRow,
    "data_efficiency.csv": TrainingRow,
    "tuning.csv": TrialRow,
}


@dataclass(frozen=True)
class CostOutcome:
    """The cost of reaching a score in every task."""

    costs: tuple[TaskCost, ...]
    machines: Told
    """Notes on the machines, where the rows come from several."""
    mixed: bool
    """Whether times and training runs are of different versions, which the user allowed."""
    results: ResultsFolder

    @property
    def folder(self) -> Path:
        """The results folder with the tables."""
        return self.results.path

    @cached_property
    def figures(self) -> tuple[Path, ...]:
        """The figures, drawn below the results folder on first use."""
        from mixbench.plots.cost import draw_costs
        from mixbench.plots.page import Page

        page = Page(machine="; ".join(self.machines.shown))
        return tuple(draw_costs(self.costs, self.results.figures, page=page))

    def as_json(self) -> dict[str, Any]:
        """The costs as plain values, infinite ends as "not reached"."""
        return {
            "results": str(self.folder),
            "tasks": [to_json(cost) for cost in self.costs],
            "machines": list(self.machines.notes),
            "figures": [*map(str, self.figures)],
        }


def cost_of(options: CostOptions, chosen: ResultsFolder | None = None) -> CostOutcome:
    """What reaching a score costs every mixer, by the three tables of a results folder, or of `chosen` in its place.

    Raises RequestError where a table or a part of it is missing, with the command that makes it, and where the tables come
    from different environments; UnknownNameError, StorageError.
    """
    folder = chosen or ResultsFolder(options.results)
    wish = wish_of(options, read_texts(folder.path))
    read = {row_type: folder.selection(row_type) for row_type in _READ.values()}
    contents = folder.environments_of(*read.values())
    by_type = of_environments(read, options.environment)
    every: Tables = {name: by_type[row_type] for name, row_type in _READ.items()}
    mixed = {name: of_shared({name: rows}, contents)[name] for name, rows in every.items()}
    tables = mixed if options.mix_environments else of_shared(every, contents)
    speed, data, tuning = TABLES.values()
    models = mixed[speed], mixed[data], mixed[tuning]
    found = task_costs(tables[speed], tables[data], tables[tuning], wish, models)
    whole = tuple(cost for cost in found if cost.costs)
    if not whole:
        raise _incomplete(found, tables, every, folder, wish.measure)
    shown = {row_type: tables[name] for name, row_type in _READ.items()}
    told = shown_and_left_out(read, by_type, shown, contents, "--environment {}")
    versions = {versions_of(name, contents) for rows in tables.values() for name in distinct(rows, "environment")}
    return CostOutcome(whole, told, len(versions) > 1, folder)


def wish_of(options: CostOptions, texts: Mapping[str, Given]) -> Wish:
    """What is asked for; `texts` is how the user named the texts of data sets. Raises RequestError."""
    asked = {name: getattr(options, name) for name in ("mode", "scope", "device", "dtype", "execution", "batch", "threads")}
    columns = {name: value for name, value in asked.items() if value is not None}
    return Wish(options.task, options.measure, columns, parse_scores(options.target, "--target"), options.baseline, texts)


@takes(CostOptions)
def cost(options: CostOptions) -> pandas.DataFrame:
    """What reaching a score costs: a row per task, target, mixer and factor, alone and relative to the baseline.

    Values come with 95 % intervals. Nothing is drawn or written.
    Raises RequestError where a table or a part of it is missing, with the command that makes it.
    """
    import pandas

    return pandas.DataFrame([record for cost in cost_of(options).costs for record in records(cost)])


def _incomplete(found: Sequence[TaskCost], tables: Tables, every: Tables, folder: ResultsFolder, measure: str) -> RequestError:
    """The error that says what the most complete task still lacks, and the commands that make it."""
    if found:
        nearest = min(found, key=lambda cost: (len({lack.factor for lack in cost.lacks}), len(cost.lacks)))
        fault = f"{nearest.subject.words}: {'; '.join(lack.words for lack in nearest.lacks)}"
        commands = [lack.command for lack in nearest.lacks if lack.command]
        blanks = dict.fromkeys(lack.blanks for lack in nearest.lacks if lack.blanks)
    else:
        missing = [name for name in TABLES.values() if not tables[name]]
        fault = f"{folder.path} has no {', no '.join(missing)}: the cost is time per example × examples × trials"
        commands, blanks = _first_commands(tables["speed.csv"], measure), {}
    elsewhere = [name for name in every if every[name] and not tables[name]]
    if elsewhere:
        fault += f" in the newest environment ({_differences(elsewhere, tables, every, folder)})"
    runs = "\n  ".join(with_folder(command, folder.path) for command in commands)
    other = "\n  Or combine rows from different environments: --mix-environments" if elsewhere else ""
    hint = f"Run first:\n  {runs}" if runs else "No command can add what is missing."
    if measure != TIMED and not runs:
        hint = f"Use the time of an example instead: --measure {TIMED}."
    hint = "\n".join([hint, *blanks])
    return RequestError(fault, f"{hint}{other}")


def _first_commands(speed: Sequence[SpeedRow], measure: str) -> list[str]:
    """The commands that train the mixers of speed.csv at its newest width, if it has the length of the default task.

    Otherwise the default mixers are trained at the default width, and timed, too.
    """
    from mixbench.api.tune import MIXERS
    from mixbench.api.tune_options import TuneOptions

    tokens = TASKS["shapes"].tokens
    timed = [row for row in speed if row.tokens == tokens and row.status == "ok"]
    if not timed:
        chosen = [(mixer.name, mixer.config) for mixer in choose_mixers(MIXERS)]
        return first_commands(chosen, None, (tokens, TuneOptions.width), energy=measure == METERED)
    width = max(timed, key=lambda row: row.measured_at).width
    mixers = mixer_order((row.mixer, row.config) for row in timed if row.width == width)
    return first_commands(mixers, width, None)


def _differences(elsewhere: Sequence[str], tables: Tables, every: Tables, folder: ResultsFolder) -> str:
    """How the environments of tables differ from the newest: `tuning.csv: torch 2.11.0 instead of 2.13.0`."""
    here = folder.environment(next(row.environment for rows in tables.values() for row in rows))
    found = []
    for name in elsewhere:
        there = folder.environment(choose_environment(every[name]))
        found.append(f"{name}: {differences(there, here)}")
    return "; ".join(found)
