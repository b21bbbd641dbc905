"""What commands take on large results folders: `python results/tool/measure_folders.py [--rows 10000,100000,1000000]`.

Makes folders such as a cluster brings: 40 mixers at many shapes, in five launches of ten rounds, with runs that were trained
and tuned. Runs every command on them in a process of its own, and prints Markdown: its CPU seconds, which other work on the
machine hardly changes, its wall time, and its largest resident memory. With `--only make --into DIR` the folders are kept.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import mixbench.studies.speed as study
from mixbench.machine.environment import environment
from mixbench.mixers import MIXERS
from mixbench.mixers.choice import ChosenMixer, choose_mixers
from mixbench.parsing.canonical import canonical_json
from mixbench.studies.progress import Silent
from mixbench.studies.speed_plan import PlannedCell, groups, plan_speed
from mixbench.studies.speed_request import SpeedRequest
from mixbench.tables.columns import Row, columns, to_record
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import TABLES
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.tables.training_rows import TrainingRow, TrialRow

MIXER_COUNT, LENGTHS, LAUNCHES, ROUNDS = 40, (64, 128, 256, 512, 1024), 5, 10
PER_WIDTH = MIXER_COUNT * len(LENGTHS) * LAUNCHES * ROUNDS
SHARE_TRAINED = 0.05
"""Rows of data_efficiency.csv and of tuning.csv for each row of speed.csv."""
DETAIL = "energy_j: there is no package counter under /sys/class/powercap/intel-rapl:* (RAPL needs Linux on a physical machine)"
TASK = {"task": {"data": "0f" * 8, "options": {"classes": 4}}, "steps": 800, "optimiser": "adamw", "allocator": "retained"}

COMMANDS = {
    "compare with itself": "compare {0} {0}",
    "plot --study speed": "plot --study speed --results {0}",
    "plot --study data-efficiency": "plot --study data-efficiency --results {0}",
    "export": "export {0}",
    "cost": "cost --results {0}",
}
CALLS = {
    "columns": lambda folder: folder.columns(SpeedRow),
    "read": lambda folder: folder.read(SpeedRow),
    "read data_efficiency.csv": lambda folder: folder.read(TrainingRow),
    "resume's look": lambda folder: resume(folder),
    "summary": lambda folder: summary(folder),
}


def main() -> None:
    options = arguments()
    if options.call:
        CALLS[options.call](ResultsFolder(options.into))
        return
    names = options.only or [*CALLS, *COMMANDS]
    print("| rows | what | CPU s | wall s | MiB |\n| ---: | --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory(dir=options.into) as path:
        for rows in options.rows:
            folder = (options.into or Path(path)) / f"rows-{rows}"
            if not folder.exists():
                make(folder, rows)
            for name in names if names != ["make"] else []:
                print(f"| {rows:,} | {name} | {' | '.join(run(name, folder, options.timeout))} |", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default=[10_000, 100_000, 1_000_000], type=lambda text: [*map(int, text.split(","))])
    parser.add_argument("--only", action="append", choices=[*CALLS, *COMMANDS, "make"], help="repeatable")
    parser.add_argument("--into", type=Path, help="where folders are made, or found from an earlier run; they are kept")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds that a command may take")
    parser.add_argument("--call", choices=list(CALLS), help=argparse.SUPPRESS)
    return parser.parse_args()


def run(name: str, folder: Path, timeout: float) -> Iterator[str]:
    """CPU seconds, wall seconds and MiB of a command in a process of its own."""
    own = [__file__, "--call", name, "--into", str(folder)]
    command = own if name in CALLS else ["-m", "mixbench", *COMMANDS[name].format(folder).split()]
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL, stderr=said)
        while (found := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            if time.perf_counter() - begun > timeout:
                process.kill()
                return iter((f"not done after {timeout:.0f} s", "", ""))
            time.sleep(0.01)
        _, status, used = found
        wall = time.perf_counter() - begun
        said.seek(0)
        failed = "" if os.waitstatus_to_exitcode(status) == 0 else f" (failed: {said.read().decode()[-300:]})"
    return iter((f"{used.ru_utime + used.ru_stime:.1f}{failed}", f"{wall:.1f}", f"{used.ru_maxrss / 1024:.0f}"))


def resume(folder: ResultsFolder) -> None:
    """`mixbench speed` with nothing left to do, without its tables: in the environment that the folder was made in."""
    (stored,) = (folder.path / "environments").glob("*.json")
    study.environment = lambda: folder.environment(stored.stem)
    study.run_speed(request(folder), folder, Silent())


def summary(folder: ResultsFolder) -> None:
    import mixbench

    mixbench.summary(results=folder.path, study="speed")


def request(folder: ResultsFolder) -> SpeedRequest:
    """The request that a folder answers, from its number of rows."""
    return SpeedRequest(
        mixers=mixers(),
        tokens=LENGTHS,
        width=tuple(64 * number for number in range(1, 1 + max(1, int(folder.path.name.rpartition("-")[2]) // PER_WIDTH))),
        batch=(1,),
        dtype=("float32",),
        device=("cpu",),
        threads=2,
        mode=("inference",),
        scope=("mixer",),
        execution=("eager",),
        caches="warm",
        layers=2,
        launches=LAUNCHES,
        precision=0.02,
        budget=5.0,
        timeout=60.0,
        seed=0,
    )


def mixers() -> tuple[ChosenMixer, ...]:
    """Built-in mixers with their defaults, and HyperMixer tied."""
    return choose_mixers([*MIXERS, "hypermixer:tied=true"][:MIXER_COUNT])


def make(path: Path, rows: int) -> None:
    """A folder with about so many rows of speed.csv, and fewer of the tables of training."""
    folder = ResultsFolder(path)
    with folder.writing():
        digest = folder.save_environment(environment())
    random.seed(0)
    cells = [cell for cell in plan_speed(request(folder)) if not cell.unsupported]
    write(path, SpeedRow, speed_records(cells, digest))
    write(path, LaunchRow, (to_record(row) for row in launch_rows(cells, digest)))
    write(path, TrainingRow, training_records(TrainingRow, int(rows * SHARE_TRAINED), digest))
    write(path, TrialRow, training_records(TrialRow, int(rows * SHARE_TRAINED), digest))


def write(path: Path, row_type: type[Row], records: Iterable[dict[str, str]]) -> None:
    names = {known: name for name, known in TABLES.items()}
    with (path / f"{names[row_type]}.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(columns(row_type)), lineterminator="\n")
        table.writeheader()
        table.writerows(records)


def moment(launch: int, group: int) -> str:
    return f"2026-01-{launch:02}T{group // 3600:02}:{group // 60 % 60:02}:{group % 60:02}.000Z"


def speed_records(cells: Sequence[PlannedCell], digest: str) -> Iterator[dict[str, str]]:
    """As a study writes them: launch by launch, group by group, the rounds of each mixer together."""
    for launch in range(1, LAUNCHES + 1):
        for place, group in enumerate(groups(cells)):
            for cell in group:
                record = to_record(speed_row(cell, digest, launch, moment(launch, place)))
                typical = 1e-4 * cell.keys["tokens"] * random.lognormvariate(0, 0.05)
                for number in range(1, ROUNDS + 1):
                    yield record | measured(number, typical * random.lognormvariate(0, 0.1), cell.keys["tokens"])


def speed_row(cell: PlannedCell, digest: str, launch: int, began: str) -> SpeedRow:
    width, tokens = cell.keys["width"], cell.keys["tokens"]
    return SpeedRow(
        **cell.keys,
        launch=launch,
        round=1,
        flops=8 * tokens * width**2,
        params=4 * width**2,
        peak_memory_mib=(16 * width**2 + 8 * tokens * width) / 2**20,
        peak_rss_mib=27.7851562,
        operators=9,
        moved_mib=40 * tokens * width / 2**20,
        allocated_mib=24 * tokens * width / 2**20,
        variant="kernel=flash",
        uncounted_operators="add gelu native_layer_norm",
        rounds=ROUNDS,
        stopped_by="precision",
        detail=DETAIL,
        environment=digest,
        measured_at=began,
    )


def measured(number: int, latency: float, tokens: int) -> dict[str, str]:
    """What differs from round to round."""
    return {
        "round": str(number),
        "latency_ms": f"{latency:.9g}",
        "cpu_ms": f"{1.9 * latency:.9g}",
        "tokens_per_s": f"{tokens * 1e3 / latency:.9g}",
        "gflops_per_s": f"{1e3 / latency:.9g}",
        "page_faults": f"{random.randrange(9) / 7:.9g}",
        "context_switches": str(random.choice((0, 0, 0, 1, 2))),
        "steal_ms": "0",
        "core_wait_ms": f"{random.choice((0, 0, random.random())):.9g}",
        "quality": random.choice(("clean",) * 9 + ("contended",)),
    }


def launch_rows(cells: Sequence[PlannedCell], digest: str) -> Iterator[LaunchRow]:
    for launch in range(1, LAUNCHES + 1):
        for place, group in enumerate(groups(cells)):
            shared = {name: value for name, value in group[0].keys.items() if name in columns(LaunchRow)}
            yield LaunchRow(
                **shared,
                launch=launch,
                calibration_ms=random.lognormvariate(2, 0.05),
                calibration_cpu_ms=1.9 * random.lognormvariate(2, 0.05),
                peak_gflops_per_s=80.0,
                bandwidth_gb_per_s=20.0,
                environment=digest,
                measured_at=moment(launch, place),
            )


def training_records(row_type: type[TrainingRow], rows: int, digest: str) -> Iterator[dict[str, str]]:
    """Five sizes of five seeds (or 25 trials) of each mixer, then the same in another width."""
    chosen = mixers()
    for place in range(rows):
        repetition, mixer, settings = place % 25, chosen[place // 25 % MIXER_COUNT], place // 25 // MIXER_COUNT
        trial: dict[str, Any] = {"trial": repetition + 1, "seed": 0} if row_type is TrialRow else {"seed": repetition % 5}
        row = row_type(
            task="shapes",
            mixer=mixer.name,
            config=mixer.config,
            layers=2,
            width=64 * (1 + settings),
            tokens=64,
            train_size=4000 if row_type is TrialRow else 250 * 2 ** (repetition // 5),
            device="cpu",
            settings=canonical_json(TASK),
            dev_score=(score := round(random.uniform(0.6, 0.9), 4)),
            test_score=score - 0.01,
            test_standard_error=0.012,
            train_seconds=random.uniform(5, 9),
            train_flops=10**12 + settings,
            steps=800,
            examples_seen=25600,
            best_step=100 * random.randrange(1, 9),
            params=10**5,
            peak_memory_mib=random.uniform(80, 90),
            score="accuracy",
            learning_rate=0.001,
            dropout=0.1,
            test_examples=1000,
            constant_score=0.25,
            classes=4,
            dev_scores=canonical_json({str(100 * step): round(random.random(), 4) for step in range(1, 9)}),
            environment=digest,
            measured_at=moment(1 + place // 86400, place % 86400),
            **trial,
        )
        yield to_record(row)


if __name__ == "__main__":
    main()
