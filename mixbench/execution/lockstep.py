"""The parent's side of a duel: two fresh worker processes that take turns, so that any disturbance affects both alike."""

from __future__ import annotations

import contextlib
import math
import os
import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import psutil

from mixbench.execution.duel_worker import DeadError, FaultError, Worker
from mixbench.execution.version import Version, lacks
from mixbench.machine.facts import affinity, core_of

BLOCK = 0.008
"""Seconds per block: short compared with the machine's drift, long compared with two clock reads and two messages."""
ROUNDS = 24
FEWEST_ROUNDS = 12
_LONGEST_BLOCK = 4 * BLOCK
"""Both sides make equally many calls per block, unless the blocks of the slower one would become longer than this."""
_SECONDS_PER_CELL = 0.8
_AS_IDLE = 5.0
"""Percent of a CPU: one tick of the kernel's clock in the time that is watched."""


@dataclass(frozen=True)
class Contest:
    """One comparison: the workload of each side, and the share of extra work added to each."""

    workloads: tuple[Mapping[str, Any], Mapping[str, Any]]
    extra: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Timed:
    """The times of one contest in one pair of processes: seconds per call of each side, and log ratios of head to base."""

    log_ratio: float
    """The median over rounds of the ratio of CPU times, or of device times on a GPU."""
    wall_log_ratio: float
    seconds: tuple[float, float]
    rounds: int
    built: tuple[Mapping[str, Any], Mapping[str, Any]]


@dataclass(frozen=True)
class Fault:
    """Why a contest could not be timed; `sides` says for base and head whether it failed.

    One is `lost` whose process ended or gave no answer although its first calls had succeeded.
    """

    sides: tuple[bool, bool]
    detail: str
    lost: bool = False


def run_pair(
    versions: tuple[Version, Version],
    contests: Mapping[int, Contest],
    *,
    device: str,
    timeout: float,
    order: random.Random,
    announce: Callable[[int], None] = lambda number: None,
) -> dict[int, Timed | Fault]:
    """Measure every contest once in a fresh pair of processes, in a random order. Raises WorkerError, RequestError.

    Both processes are pinned to the core that is idlest at that moment, and take turns timing blocks: A B B A in each round.
    A contest that ends a process becomes a Fault. The contests after it are measured in a new pair, as they are after one that
    changes what mixers share in a process.
    """
    waiting = order.sample(list(contests), len(contests))
    outcome: dict[int, Timed | Fault] = {}
    while waiting:
        workers: list[Worker] = []
        try:
            for version in versions:
                workers.append(Worker(version, timeout))
            for worker in workers:
                worker.wait_until_ready()
            core = _idlest_core() if device == "cpu" else None  # now that the workers themselves are idle
            for worker in workers:
                worker.prepare(core=core, device=device)
            while waiting:
                number = waiting.pop()
                announce(number)
                outcome[number] = _contest(workers, number, contests[number], order)
                if not all(worker.usable for worker in workers):
                    break
        finally:
            for worker in workers:
                worker.close()
    return outcome


def _contest(workers: Sequence[Worker], number: int, contest: Contest, order: random.Random) -> Timed | Fault:
    built: list[dict[str, Any]] = [{}, {}]
    faults, lost = ["", ""], False
    first = order.randrange(2)  # the side built first gets other memory addresses
    for side in (first, 1 - first):
        worker, workload = workers[side], contest.workloads[side]
        faults[side] = lacks(worker.version, workload)
        try:
            if not faults[side]:
                built[side] = worker.ask("build", number=number, workload=dict(workload), extra=contest.extra[side])
                built[side] |= worker.ask("warm_up", number=number)
        except FaultError as fault:
            faults[side] = _in_words(fault)
    if not any(faults):
        try:
            timed = _rounds(workers, number, built)
        except FaultError as fault:
            lost = isinstance(fault, DeadError)
            faults[workers.index(fault.worker)] = _in_words(fault)
        for side, worker in enumerate(workers):
            try:
                if not faults[side]:
                    worker.ask("finish", number=number)
            except FaultError as fault:
                faults[side] = _in_words(fault)
    if any(faults):
        _discard(workers, number)
        return Fault((bool(faults[0]), bool(faults[1])), "; ".join(dict.fromkeys(filter(None, faults))), lost)
    return timed


def _discard(workers: Sequence[Worker], number: int) -> None:
    """Free the memory of a workload for those after it."""
    with contextlib.suppress(FaultError):  # a pair of which one has ended measures nothing more
        for worker in workers:
            worker.ask("discard", number=number)


def _in_words(fault: FaultError) -> str:
    """A fault with files as the user knows them, not where the tree of a version is at the moment."""
    tree = fault.worker.version.tree
    return str(fault).replace(f"{tree.root}{os.sep}", "") if tree else str(fault)


def _rounds(workers: Sequence[Worker], number: int, built: list[dict[str, Any]]) -> Timed:
    latencies = [side["latency"] for side in built]
    most = _calls_in(BLOCK, min(latencies))
    repeats = [min(most, _calls_in(_LONGEST_BLOCK, latency)) for latency in latencies]
    seconds_per_round = 2 * sum(calls * latency for calls, latency in zip(repeats, latencies, strict=True))
    rounds = max(FEWEST_ROUNDS, min(ROUNDS, int(_SECONDS_PER_CELL / seconds_per_round)))
    blocks: list[list[dict[str, Any]]] = []
    for _ in range(rounds):
        blocks.append([workers[side].ask("block", number=number, repeats=repeats[side]) for side in (0, 1, 1, 0)])
    clock = "device" if "device" in blocks[0][0] else "cpu"
    calls = math.log(repeats[0] / repeats[1])

    def log_ratio(clock: str) -> float:
        return calls + median(math.log((b1[clock] + b2[clock]) / (a1[clock] + a2[clock])) for a1, b1, b2, a2 in blocks)

    base, head = (
        median(timed[place][clock] for timed in blocks for place in places) / repeats[side]
        for side, places in enumerate(((0, 3), (1, 2)))
    )
    return Timed(log_ratio(clock), log_ratio("wall"), (base, head), rounds, (built[0], built[1]))


def _calls_in(seconds: float, latency: float) -> int:
    return max(1, math.ceil(seconds / latency))


def _idlest_core() -> int | None:
    """A CPU whose physical core is least busy, over a fifth of a second, of those that this process may use; None if unknown.

    Of several that are equally idle, one is taken at random, so that duels at the same time rarely share a core.
    """
    busy = dict(enumerate(psutil.cpu_percent(interval=0.2, percpu=True)))
    usable = [cpu for cpu in affinity() or () if cpu in busy]
    load: defaultdict[str, float] = defaultdict(float)
    for cpu, percent in busy.items():
        load[core_of(cpu)] += percent
    loads = {cpu: load[core_of(cpu)] for cpu in usable}
    return random.choice([cpu for cpu in usable if loads[cpu] <= min(loads.values()) + _AS_IDLE]) if usable else None
