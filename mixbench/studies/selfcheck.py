"""The self-check: pairs of processes with equal code, with and without real extra work, until the time is up."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable
from typing import Any

from mixbench.execution.lockstep import Contest, Fault, run_pair
from mixbench.execution.version import Version
from mixbench.machine.environment import environment, snapshot, timestamp
from mixbench.mixers.choice import choose_mixer
from mixbench.studies.duel_versions import user_pythonpath
from mixbench.studies.progress import Progress, Step
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import PairRow

MIXERS = ("attention", "hypermixer", "mlp-mixer")
PLANTED = (0, 3, 5, 10)
"""Extra work of the second process, in percent."""
CALIBRATION = "calibration"
_PAIR = Step("pair", seconds=20.0)
_SIZE = 256
_TIMEOUT = 120.0


def record_pairs(
    folder: ResultsFolder,
    progress: Progress,
    *,
    seconds: float,
    device: str = "cpu",
    now: Callable[[], float] = time.monotonic,
    fresh: bool = False,
) -> str:
    """Measure at least one pair, then more for `seconds`, and return the environment's hash.

    Pairs are added to those in the folder, unless `fresh` discards them. A workload that fails is told once. Raises
    StorageError, WorkerError.
    """
    contests = {number: (keys, contest) for number, (keys, contest) in enumerate(_contests(device))}
    version = Version("this installation", sys.executable, pythonpath=user_pythonpath())
    deadline = now() + seconds
    failed: set[str] = set()
    progress.begin([_PAIR] * max(1, int(seconds / _PAIR.seconds)))
    with folder.writing():
        digest = folder.save_environment(environment())
        if fresh:
            folder.replace(PairRow, lambda row: False)
        pair = max((row.pair for row in folder.read(PairRow)), default=0)
        while True:
            pair += 1
            start, measured_at, load = now(), timestamp(), snapshot().load
            progress.doing(f"pair {pair}")
            outcomes = run_pair(
                (version, version),
                {number: contest for number, (_, contest) in contests.items()},
                device=device,
                timeout=_TIMEOUT,
                order=random.Random(pair),
            )
            rows = []
            for number, outcome in outcomes.items():
                keys = contests[number][0]
                if isinstance(outcome, Fault) and keys["mixer"] not in failed:
                    failed.add(keys["mixer"])
                    progress.remark(f"{keys['mixer']} could not be measured: {outcome.detail}")
                shared = {**keys, "pair": pair, "load": load, "environment": digest, "measured_at": measured_at}
                rows.append(_row(shared, outcome))
            folder.append(rows)
            taken = now() - start
            progress.done(_PAIR)
            progress.remaining([_PAIR] * int((deadline - now()) / taken))
            if now() + taken > deadline:
                return digest


def _row(shared: dict[str, Any], outcome: Any) -> PairRow:
    if isinstance(outcome, Fault):
        return PairRow(**shared, status="error", detail=outcome.detail)
    base, head = (1e3 * side for side in outcome.seconds)
    ratios = {"log_ratio": outcome.log_ratio, "wall_log_ratio": outcome.wall_log_ratio}
    return PairRow(**shared, base_ms=base, head_ms=head, **ratios, rounds=outcome.rounds)


def _contests(device: str) -> list[tuple[dict[str, Any], Contest]]:
    keys = {"scope": "mixer", "mode": "inference", "tokens": _SIZE, "width": _SIZE, "batch": 1, "dtype": "float32"}
    common = keys | {"seed": 0}
    calibration = common | {"target": "mixbench.worker.calls:Calibration", "arguments": {}}
    every = [
        (
            {"mixer": CALIBRATION, "config": "{}", **keys, "device": device, "planted_percent": 0},
            Contest((calibration, calibration)),
        )
    ]
    for mixer in map(choose_mixer, MIXERS):
        workload = common | {"target": mixer.target, "arguments": mixer.arguments(_SIZE, _SIZE)}
        for percent in PLANTED:
            named = {"mixer": mixer.name, "config": mixer.config, **keys, "device": device}
            every.append((named | {"planted_percent": percent}, Contest((workload, workload), (0.0, percent / 100))))
    return every
