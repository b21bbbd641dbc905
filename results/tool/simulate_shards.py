"""How evenly 64 shards end: `python results/tool/simulate_shards.py [--shards 64] [--runs 20]` (about ten seconds).

Real plans of about 10,000 cells, shared out as `--shard` does, are carried out by workers that only let time pass: a cell takes
its predicted time, times how wrong the prediction is for its mixer (a factor of 1.5 up or down is usual), times a disturbance
of its own (20 %). All workers are equally fast. Prints a line per plan: by how much the last shard ends later than the mean
one, as predicted, then in the simulated runs (their median and the worst).
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean, median

from mixbench.mixers.choice import choose_mixers
from mixbench.parsing.ranges import parse_ranges
from mixbench.studies.data_efficiency_plan import PlannedRun, plan_runs, plan_trials
from mixbench.studies.data_efficiency_request import DataRequest, PreparedTask
from mixbench.studies.shards import Unit, spread
from mixbench.studies.speed_plan import PlannedCell, plan_speed
from mixbench.studies.speed_request import SpeedRequest
from mixbench.studies.tune_plan import PlannedTrial, TuneRequest
from mixbench.studies.tune_plan import plan_trials as plan_search
from mixbench.studies.units import run_units, speed_units, trial_units
from mixbench.tasks.dataset import Form

USUAL_ERROR, DISTURBANCE = math.log(1.5), 0.2
FORM = Form(tokens=64, vocabulary=64, channels=0, output="class", classes=64, score="accuracy")
TASK = PreparedTask("recall", Path("nowhere"), FORM, examples=100_000, settings={})
Mixer = str


def training(**changes: object) -> DataRequest:
    """Every mixer that can be causal, in a model of two layers."""
    values: dict[str, object] = {
        "tasks": (TASK,),
        "mixers": choose_mixers(["all"]),
        "sizes": (1000, 4000, 16000, 64000),
        "seeds": tuple(range(16)),
        "layers": 2,
        "widths": (16, 32, 64, 128),
        "batch": 32,
        "steps": 2000,
        "dropout": 0.0,
        "learning_rates": {"": 1e-3},
        "device": "cpu",
        "timeout": 300.0,
    }
    return DataRequest(**{**values, **changes})  # type: ignore[arg-type]


def speed() -> SpeedRequest:
    """The default mixers at 720 shapes, for inference and training."""
    return SpeedRequest(
        mixers=choose_mixers(None),
        tokens=tuple(range(64, 2049, 64))[:30],
        width=(32, 64, 96, 128, 192, 256),
        batch=(1, 2, 3, 4),
        dtype=("float32",),
        device=("cpu",),
        threads=1,
        mode=("inference", "training"),
        scope=("mixer",),
        execution=("eager",),
        caches="warm",
        layers=1,
        launches=5,
        precision=0.02,
        budget=1.6,
        timeout=300.0,
        seed=0,
    )


def last_over_mean(seconds: Sequence[float], numbers: Sequence[int], count: int) -> float:
    """How much longer than the mean shard the last one takes, as a share."""
    loads = [0.0] * count
    for each, number in zip(seconds, numbers, strict=True):
        loads[number - 1] += each
    return max(loads) / fmean(loads) - 1


def simulate(units: Sequence[Unit], mixers_of: Callable[[int], Mixer], count: int, runs: int) -> tuple[float, list[float]]:
    """The share by which the last shard is late, as predicted and in each simulated run."""
    numbers = spread(units, count)
    found = []
    for run in range(runs):
        chance = random.Random(run)
        wrong: dict[Mixer, float] = {}
        seconds = []
        for unit in units:
            factors = []
            for place in unit.places:
                mixer = mixers_of(place)
                if mixer not in wrong:
                    wrong[mixer] = chance.lognormvariate(0, USUAL_ERROR)
                factors.append(wrong[mixer] * chance.lognormvariate(0, DISTURBANCE))
            seconds.append(unit.seconds * fmean(factors))
        found.append(last_over_mean(seconds, numbers, count))
    return last_over_mean([unit.seconds for unit in units], numbers, count), found


def main() -> None:
    """Simulate a plan of each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shards", type=int, default=64)
    parser.add_argument("--runs", type=int, default=20)
    given = parser.parse_args()

    cells: list[PlannedCell] = plan_speed(speed())
    runs: list[PlannedRun] = plan_runs(training())
    auto = training(learning_rates={"": "auto"})
    chosen: list[PlannedRun] = plan_runs(auto)
    base = training(sizes=(16000,), seeds=(0,), widths=(64,))
    trials: list[PlannedTrial] = plan_search(TuneRequest(base, parse_ranges(["learning_rate=1e-4..1e-2:log"], ()), 256))
    plans = {
        "data-efficiency": (len(runs), run_units(runs, {}), lambda place: runs[place].label),
        "data-efficiency --learning-rate auto": (len(chosen), run_units(chosen, plan_trials(auto)), lambda p: chosen[p].label),
        "tune": (len(trials), trial_units(trials), lambda place: trials[place].run.label),
        "speed": (len(cells), speed_units(speed(), cells, own_threads=True), lambda place: cells[place].label),
    }
    print(
        f"| plan | cells | units | longest unit / mean shard | predicted | {given.runs} runs, median | worst |\n{'| --- ' * 7}|"
    )
    for name, (count, units, mixers_of) in plans.items():
        predicted, found = simulate(units, mixers_of, given.shards, given.runs)
        shares = " | ".join(f"{100 * share:.1f} %" for share in (predicted, median(found), max(found)))
        longest = max(unit.seconds for unit in units) / (sum(unit.seconds for unit in units) / given.shards)
        print(f"| {name} | {count:,} | {len(units):,} | {longest:.2f} | {shares} |")


if __name__ == "__main__":
    main()
