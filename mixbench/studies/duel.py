"""The duel: both versions of every workload, measured in turns in fresh pairs of processes."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mixbench.errors import RequestError
from mixbench.execution.lockstep import Contest, Fault, Timed, run_pair
from mixbench.execution.version import Version
from mixbench.mixers.choice import ChosenMixer
from mixbench.studies.duel_versions import DuelSide
from mixbench.studies.progress import Progress, Step
from mixbench.studies.speed_plan import PlannedCell, describe, plan_speed
from mixbench.studies.speed_request import SpeedRequest

PAIRS = 8
"""Pairs of processes in one duel; four are too few for a t-interval."""

_LAPSES = 2
"""Failures of the base alone after which a workload is given up: one may be chance, and a failure of the head never is."""

_START = Step("start of a pair", seconds=1.5)

Outcome = Timed | Fault


@dataclass(frozen=True)
class DuelCell:
    """One workload: the base's mixer and row keys, what each side builds, and the workload in words."""

    mixer: ChosenMixer
    keys: Mapping[str, Any]
    contest: Contest
    words: str


def plan_duel(request: SpeedRequest, sides: tuple[DuelSide, DuelSide]) -> list[DuelCell]:
    """Every workload of the request, or every shape if the versions are two mixers. Raises RequestError."""
    own = [side.mixer for side in sides if side.mixer]
    if own:
        plans = [_possible(plan_speed(_with_mixer(request, mixer))) for mixer in own]
        pairs = list(zip(plans[0], plans[1], strict=True))
    else:
        pairs = [(cell, cell) for cell in _possible(plan_speed(request))]
    mixers = {(mixer.name, mixer.config): mixer for mixer in (*request.mixers, *own)}
    cells = []
    for cells_of_sides in pairs:
        jobs = [
            {**cell.job, "target": side.target(cell.job["target"])} for cell, side in zip(cells_of_sides, sides, strict=True)
        ]
        base = cells_of_sides[0]
        mixer = mixers[base.keys["mixer"], base.keys["config"]]
        cells.append(DuelCell(mixer, base.keys, Contest((jobs[0], jobs[1])), f"{mixer.label}, {describe(base)}"))
    return cells


def _with_mixer(request: SpeedRequest, mixer: ChosenMixer) -> SpeedRequest:
    return replace(request, mixers=(mixer,))


def _possible(cells: Sequence[PlannedCell]) -> list[PlannedCell]:
    for cell in cells:
        if cell.unsupported or not cell.job:
            raise RequestError(
                cell.unsupported, "Choose another shape or dtype; a duel measures all that is asked for, or nothing."
            )
    return list(cells)


def run_duel(
    versions: tuple[Version, Version],
    contests: Mapping[int, Contest],
    progress: Progress,
    *,
    device: str,
    timeout: float,
    seed: int,
    pairs: int = PAIRS,
    words: Callable[[int], str] = str,
) -> dict[int, list[Outcome]]:
    """Outcomes by number, from `pairs` fresh pairs of processes; a pair in which only the base failed is repeated once.

    A contest whose head has failed, or whose base has failed twice, is not measured again. Raises WorkerError if an
    interpreter cannot measure at all.
    """
    outcomes: dict[int, list[Outcome]] = {number: [] for number in contests}
    order = random.Random(seed)
    progress.begin(_steps(outcomes, pairs))
    while due := {number: contests[number] for number, seen in outcomes.items() if _missing(seen, pairs)}:
        pair = 1 + pairs - max(_missing(outcomes[number], pairs) for number in due)
        steps = [_START]

        def announce(number: int, pair: int = pair, steps: list[Step] = steps) -> None:
            progress.done(steps[-1])
            steps.append(_contest(number))
            progress.doing(f"pair {pair} of {pairs}: {words(number)}")

        measured = run_pair(versions, due, device=device, timeout=timeout, order=order, announce=announce)
        progress.done(steps[-1])
        for number, outcome in measured.items():
            outcomes[number].append(outcome)
        progress.remaining(_steps(outcomes, pairs))
    return outcomes


def _steps(outcomes: Mapping[int, Sequence[Outcome]], pairs: int) -> list[Step]:
    """What is left to do."""
    missing = {number: _missing(seen, pairs) for number, seen in outcomes.items()}
    starts = [_START] * max(missing.values(), default=0)
    return [*starts, *(_contest(number) for number, times in missing.items() for _ in range(times))]


def _contest(number: int) -> Step:
    return Step("contest", number, seconds=1.2)


def _missing(seen: Sequence[Outcome], pairs: int) -> int:
    """How many pairs are still to be measured."""
    faults = [outcome for outcome in seen if isinstance(outcome, Fault)]
    if len(faults) >= _LAPSES or any(fault.sides[1] for fault in faults):
        return 0
    return pairs - len(seen) + len(faults)
