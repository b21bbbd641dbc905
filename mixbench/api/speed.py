"""The speed study as a function: parse, plan, run, append, summarise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.api.given_mixers import names_of
from mixbench.api.options import takes
from mixbench.api.scale import Part, Work, carry_out, study_frame
from mixbench.api.speed_options import SpeedOptions
from mixbench.errors import RequestError
from mixbench.execution.engine import ray_address
from mixbench.execution.ray_nodes import WholeNodes
from mixbench.machine.environment import physical_cores
from mixbench.mixers.choice import choose_mixers
from mixbench.parsing.spec import parse_names, parse_sizes, split_names
from mixbench.studies.progress import Silent
from mixbench.studies.speed import run_speed
from mixbench.studies.speed_elsewhere import run_speed_elsewhere
from mixbench.studies.speed_plan import PlannedCell, plan_speed
from mixbench.studies.speed_request import DTYPES, MODES, SCOPES, SpeedRequest
from mixbench.studies.speed_steps import starting
from mixbench.studies.units import speed_units
from mixbench.tables.columns import FAILURES, identity
from mixbench.tables.done import rows_in_order
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import EXECUTIONS, LaunchRow, SpeedRow

if TYPE_CHECKING:
    import pandas

    from mixbench.verdicts.speed.summary import SpeedSummary


@dataclass(frozen=True)
class SpeedOutcome:
    """Rows of the requested cells, in the order of the plan, and their summary: where several machines have measured, that of
    the environment with most rows, and those of the others `elsewhere`.
    """

    rows: list[SpeedRow]
    launches: list[LaunchRow]
    summary: SpeedSummary
    folder: Path
    elsewhere: tuple[SpeedSummary, ...] = ()

    @property
    def failed(self) -> int:
        """Cells that failed: out of memory, timed out, killed or raised."""
        return len({identity(row) for row in self.rows if row.status in FAILURES})

    def as_json(self) -> dict[str, Any]:
        """The summary as plain values."""
        from mixbench.verdicts.speed.records import to_json

        others = {"elsewhere": list(map(to_json, self.elsewhere))} if self.elsewhere else {}
        return {"results": str(self.folder), **to_json(self.summary), **others}


def measure_speed(options: SpeedOptions) -> SpeedOutcome:
    """Measure what the results folder does not hold yet, then summarise the requested cells. Raises MixbenchError."""
    part = carry_out(plan_of_speed(options), options)
    launches = ResultsFolder(part.folder).read(LaunchRow)
    summary, *others = _summaries(part, launches, options.baseline)
    return SpeedOutcome(part.rows, launches, summary, part.folder, tuple(others))


def plan_of_speed(options: SpeedOptions) -> Work[PlannedCell, SpeedRow]:
    """What is to be measured. Raises RequestError."""
    from mixbench.verdicts.labels import find_baseline

    address = ray_address(options.engine, planning=options.plan)
    mixers = choose_mixers(names_of(options.mixer), causal=options.causal, skip_unsupported=options.skip_unsupported)
    base = find_baseline(options.baseline, [(chosen.name, chosen.config) for chosen in mixers])
    request = SpeedRequest(
        mixers=mixers,
        tokens=parse_sizes(options.tokens, "--tokens"),
        width=parse_sizes(options.width, "--width"),
        batch=parse_sizes(options.batch, "--batch"),
        dtype=parse_names(options.dtype, DTYPES, "--dtype"),
        device=split_names(options.device),
        threads=options.threads or physical_cores(),
        mode=parse_names(options.mode, MODES, "--mode"),
        scope=parse_names(options.scope, SCOPES, "--scope"),
        execution=_executions(options),
        caches=options.caches,
        layers=options.layers,
        launches=options.launches,
        precision=options.precision,
        budget=options.budget,
        timeout=options.timeout,
        seed=options.seed,
        energy=options.energy,
        match=options.match,
        baseline=next(chosen for chosen in mixers if (chosen.name, chosen.config) == base),
    )
    cells = plan_speed(request)
    own_threads = options.threads is None
    progress = options.progress or Silent()

    def carry_out_here(folder: ResultsFolder, own: Sequence[PlannedCell]) -> list[tuple[Any, ...]]:
        digest = run_speed(request, folder, progress, cells=own, fresh=options.fresh, retry_failed=options.retry_failed)
        return [cell.identity(digest) for cell in own]

    def carry_out_elsewhere(folder: ResultsFolder, own: Sequence[PlannedCell]) -> list[tuple[Any, ...]]:
        return run_speed_elsewhere(
            WholeNodes(address or "", {}, gpu=request.device != ("cpu",)),
            request,
            folder,
            progress,
            cells=own,
            own_threads=own_threads,
            fresh=options.fresh,
            retry_failed=options.retry_failed,
        )

    def measure(folder: ResultsFolder, own: Sequence[PlannedCell]) -> tuple[list[SpeedRow], str]:
        wanted = carry_out_here(folder, own) if address is None else carry_out_elsewhere(folder, own)
        table = folder.table(SpeedRow)
        table = table.taken(table.where("launch", lambda launch: launch <= options.launches))
        most = Counter(environment for *_, environment in wanted).most_common(1)
        return rows_in_order(table, wanted, "launch", "round"), most[0][0] if most else ""

    return Work(
        study="speed",
        table="speed",
        cell="cell",
        cells=cells,
        units=speed_units(request, cells, own_threads=own_threads),
        carry_out=measure,
        cell_of=identity,
        start=starting(cells, options.launches),
        touches=lambda own: [tuple(value for name, value in cell.keys.items() if name != "threads") for cell in own],
    )


def _summaries(part: Part[SpeedRow], launches: Sequence[LaunchRow], baseline: str | None) -> Iterator[SpeedSummary]:
    """A summary for each environment, that with most cells first."""
    from mixbench.verdicts.environments import rows_of
    from mixbench.verdicts.speed.summary import summarise

    for name in dict.fromkeys([part.environment, *(row.environment for row in part.rows)]):
        yield summarise(rows_of(part.rows, name), launches, baseline, environment=name)


def _executions(options: SpeedOptions) -> tuple[str, ...]:
    """What --execution names; --compile is its short form for compiled. Raises RequestError where both disagree."""
    short = ("compiled",) if options.compile else None
    if options.execution is None:
        return short or EXECUTIONS[:1]
    named = parse_names(options.execution, EXECUTIONS, "--execution")
    if short and named != short:
        raise RequestError(
            f"--compile means --execution compiled, and --execution is {','.join(named)}", "Leave one of them out."
        )
    return named


@takes(SpeedOptions)
def speed(options: SpeedOptions) -> pandas.DataFrame:
    """Measure what the results folder does not hold yet; returns the requested rows, with the columns of speed.csv.

    Times in seconds. Raises MixbenchError.
    """
    return study_frame(plan_of_speed, options)
