"""The speed study as a function: parse, plan, run, append, summarise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixbench.api.common import Names, Sizes, frame
from mixbench.machine.environment import physical_cores
from mixbench.mixers.choice import choose_mixers
from mixbench.parsing.spec import parse_names, parse_sizes
from mixbench.studies.progress import Progress, Silent
from mixbench.studies.speed import run_speed
from mixbench.studies.speed_plan import DTYPES, MODES, SCOPES, SpeedRequest, plan_speed
from mixbench.tables.columns import FAILURES, identity
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import LaunchRow, SpeedRow

if TYPE_CHECKING:
    import pandas

    from mixbench.verdicts.speed import SpeedSummary


@dataclass(frozen=True)
class SpeedOutcome:
    """Rows of the cells that were asked for, in the order of the plan, and what they say."""

    rows: list[SpeedRow]
    launches: list[LaunchRow]
    summary: SpeedSummary
    folder: Path

    @property
    def failed(self) -> int:
        """Cells that failed: out of memory, timed out, killed or raised."""
        return len({identity(row) for row in self.rows if row.status in FAILURES})

    def as_json(self) -> dict[str, Any]:
        """The summary as plain values."""
        from mixbench.verdicts.speed import to_json

        return {"results": str(self.folder), **to_json(self.summary)}


def measure_speed(
    *,
    mixer: str | Sequence[str] | None = None,
    tokens: Sizes = "64..2048",
    width: Sizes = 256,
    batch: Sizes = 1,
    mode: Names = "inference",
    scope: Names = "mixer",
    dtype: Names = "float32",
    device: Names = "cpu",
    threads: int | None = None,
    compile: bool = False,
    layers: int = 6,
    launches: int = 5,
    precision: float = 0.02,
    budget: float = 1.6,
    timeout: float = 300.0,
    seed: int = 0,
    baseline: str | None = None,
    results: str | Path = "results",
    fresh: bool = False,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> SpeedOutcome:
    """Measure what the results folder does not hold yet, then summarise what was asked for.

    Options are those of `mixbench speed`; times in seconds. Raises MixbenchError.
    """
    from mixbench.verdicts.labels import find_baseline
    from mixbench.verdicts.speed import summarise

    request = SpeedRequest(
        mixers=choose_mixers([mixer] if isinstance(mixer, str) else mixer),
        tokens=parse_sizes(tokens, "--tokens"),
        width=parse_sizes(width, "--width"),
        batch=parse_sizes(batch, "--batch"),
        dtype=parse_names(dtype, DTYPES, "--dtype"),
        device=tuple(dict.fromkeys(name.strip() for name in (device.split(",") if isinstance(device, str) else device))),
        threads=threads or physical_cores(),
        mode=parse_names(mode, MODES, "--mode"),
        scope=parse_names(scope, SCOPES, "--scope"),
        compiled=compile,
        layers=layers,
        launches=launches,
        precision=precision,
        budget=budget,
        timeout=timeout,
        seed=seed,
    )
    find_baseline(baseline, [(chosen.name, chosen.config) for chosen in request.mixers])
    folder = ResultsFolder(results)
    digest = run_speed(request, folder, progress or Silent(), fresh=fresh, retry_failed=retry_failed)
    wanted = {cell.identity(digest): order for order, cell in enumerate(plan_speed(request))}
    rows = [row for row in folder.read(SpeedRow) if identity(row) in wanted and row.launch <= launches]
    rows.sort(key=lambda row: (wanted[identity(row)], row.launch, row.round))
    launch_rows = folder.read(LaunchRow)
    return SpeedOutcome(rows, launch_rows, summarise(rows, launch_rows, baseline, environment=digest), folder.path)


def speed(**options: Any) -> pandas.DataFrame:
    """As `measure_speed`; returns the rows as a DataFrame with the columns of speed.csv."""
    return frame(measure_speed(**options).rows)
