"""Run a speed study on the fake worker: `python run_fake_speed.py FOLDER LAUNCHES`; the kill tests start and kill it."""

from __future__ import annotations

import sys
from pathlib import Path

from recorder import Stopping
from stopping import again_when_killed, stop_while_writing

from mixbench.mixers.choice import choose_mixers
from mixbench.studies.speed import run_speed
from mixbench.studies.speed_request import SpeedRequest
from mixbench.studies.speed_worker import Worker
from mixbench.tables.results import ResultsFolder

FAKE = Worker("fake_worker", "fake_worker", (), (), verifier="", watch=list)


MIXERS = ("attention", "hypermixer")


def fake_request(launches: int = 2, mixers: tuple[str, ...] = MIXERS, timeout: float = 20.0) -> SpeedRequest:
    """Three lengths, two modes."""
    return SpeedRequest(
        mixers=choose_mixers(mixers),
        tokens=(8, 16, 32),
        width=(8,),
        batch=(1,),
        dtype=("float32",),
        device=("cpu",),
        threads=1,
        mode=("inference", "training"),
        scope=("mixer",),
        execution=("eager",),
        caches="warm",
        layers=1,
        launches=launches,
        precision=0.02,
        budget=0.1,
        timeout=timeout,
        seed=0,
    )


def main() -> None:
    """Run the study into the folder of the first argument."""
    results = ResultsFolder(Path(sys.argv[1]))
    stop_while_writing(results.path)
    run_speed(fake_request(int(sys.argv[2])), results, Stopping(), worker=FAKE)
    print("complete")


if __name__ == "__main__":
    again_when_killed(main)
