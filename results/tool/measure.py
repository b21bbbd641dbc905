"""How well mixbench measures and what it costs: `python results/tool/measure.py` (about twenty minutes on two cores).

1. The latency of the same layer by mixbench and by torch.utils.benchmark, block by block in turns, in fresh processes.
2. The wall time of the default sweep against a plain script of torch.utils.benchmark with one process per cell, for the
   same width of interval.
3. `mixbench --help`: its time, and that it does not import torch.

Prints Markdown; the figures in docs/how-it-measures.md are from such a run.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mixbench.execution import Finished, Launch
from mixbench.execution.launch import MEASURING
from mixbench.machine.environment import physical_cores
from mixbench.mixers.choice import choose_mixer
from mixbench.stats import launch_medians, log_t_interval
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import SpeedRow

LAYERS = (("attention", 256), ("hypermixer", 1024), ("fnet", 512), ("mlp-mixer", 128))
PLAIN_PROCESSES = 5
PLAIN_SECONDS = 0.2  # the default of blocked_autorange
WIDTH = 256


def job(mixer: str, tokens: int) -> dict[str, Any]:
    """A cell as the measuring process receives it."""
    chosen = choose_mixer(mixer)
    return {
        "target": chosen.target,
        "arguments": chosen.arguments(tokens, WIDTH),
        "scope": "mixer",
        "mode": "inference",
        "tokens": tokens,
        "width": WIDTH,
        "batch": 1,
        "dtype": "float32",
        "device": "cpu",
        "execution": "eager",
        "caches": "warm",
        "seed": 0,
        "honours_mask": False,
        "layers": 1,
        "feature_hidden": WIDTH,
        "vocabulary": 1,
        "classes": 1,
    }


def compare_blocks(job: Mapping[str, Any]) -> dict[str, Any]:
    """In the child: the same call timed in turns by mixbench's clock and by torch.utils.benchmark; median of the ratios."""
    from torch.utils.benchmark import Timer

    from mixbench.worker.measure.clock import CpuClock
    from mixbench.worker.measure.subject import Cell, build_subject

    call = build_subject(Cell(**job["cell"])).call
    clock = CpuClock()
    timer = Timer("call()", globals={"call": call}, num_threads=job["threads"])
    repeats = max(1, round(0.01 / statistics.median(timer.timeit(3).times * 3)))
    ratios = []
    for turn in range(job["turns"]):
        if turn % 2:
            ours, theirs = clock.block(call, repeats).latency, timer.timeit(repeats).mean
        else:
            theirs, ours = timer.timeit(repeats).mean, clock.block(call, repeats).latency
        ratios.append(ours / theirs)
    return {"ratio": statistics.median(ratios)}


def time_plainly(job: Mapping[str, Any]) -> dict[str, Any]:
    """In the child: what a plain script does for one cell."""
    from torch.utils.benchmark import Timer

    from mixbench.worker.measure.subject import Cell, build_subject

    call = build_subject(Cell(**job["cell"])).call
    timer = Timer("call()", globals={"call": call}, num_threads=job["threads"])
    return {"median": timer.blocked_autorange(min_run_time=job["seconds"]).median}


def in_fresh_process(function: str, work: Mapping[str, Any]) -> dict[str, Any]:
    """Run a function of this file in a process of its own, pinned as mixbench pins its own."""
    search = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])}
    with Launch(["mixbench.worker.speed"], environment=MEASURING | search) as launch:
        wrapped = {"function": f"measure:{function}", "job": work, "threads": work["threads"]}
        outcome = launch.run("mixbench.worker.speed:run_alone", wrapped, 300)
    if not isinstance(outcome, Finished):
        raise SystemExit(f"{function} failed: {outcome.detail}")
    return outcome.result


def width(values: Sequence[float]) -> float:
    """Half-width of the 95 % interval over processes on the log scale."""
    interval = log_t_interval(list(values))
    assert interval.low is not None
    assert interval.high is not None
    return math.log(interval.high / interval.low) / 2


def report_agreement(threads: int, processes: int) -> None:
    print("| layer | mixbench / torch.utils.benchmark | 95 % interval over processes |\n| --- | --- | --- |")
    for mixer, tokens in LAYERS:
        work = {"cell": job(mixer, tokens), "threads": threads, "turns": 150}
        interval = log_t_interval([in_fresh_process("compare_blocks", work)["ratio"] for _ in range(processes)])
        print(f"| {mixer}, {tokens} tokens | {interval.point:.4f} | {interval.low:.4f} to {interval.high:.4f} |", flush=True)


def report_sweep(threads: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        command = [sys.executable, "-m", "mixbench", "speed", "--results", folder, "--threads", str(threads), "--json"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        ours = time.monotonic() - start
        rows = ResultsFolder(folder).read(SpeedRow)
    measured: dict[tuple[str, int], list[tuple[int, float | None]]] = defaultdict(list)
    for row in rows:
        measured[row.mixer, row.tokens].append((row.launch, row.latency_ms))

    plain: dict[tuple[str, int], list[float]] = defaultdict(list)
    order = [cell for cell in measured for _ in range(PLAIN_PROCESSES)]
    random.Random(0).shuffle(order)
    start = time.monotonic()
    for cell in order:
        work = {"cell": job(*cell), "threads": threads, "seconds": PLAIN_SECONDS}
        plain[cell].append(in_fresh_process("time_plainly", work)["median"])
    theirs = time.monotonic() - start

    our_width = statistics.median(width(list(launch_medians(blocks).values())) for blocks in measured.values())
    their_width = statistics.median(width(values) for values in plain.values())
    print("| | wall time | half-width of the interval, median over cells |\n| --- | --- | --- |")
    print(f"| `mixbench speed`, {len(measured)} cells, with memory and FLOPs | {ours:.0f} s | {our_width:.1%} |")
    print(f"| plain script, {PLAIN_PROCESSES} processes per cell, time only | {theirs:.0f} s | {their_width:.1%} |")
    same_width = theirs * (their_width / our_width) ** 2
    print(f"\nThe sweep takes {ours / theirs:.2f} of the plain script's time; {ours / same_width:.2f} at the same width,")
    print("as the width falls with the square root of the number of processes.")


def report_help() -> None:
    times = []
    for _ in range(10):
        start = time.monotonic()
        subprocess.run([sys.executable, "-m", "mixbench", "--help"], check=True, capture_output=True)
        times.append(time.monotonic() - start)
    seen = subprocess.run([sys.executable, "-X", "importtime", "-m", "mixbench", "--help"], check=True, capture_output=True)
    modules = {line.rpartition(b"|")[2].strip() for line in seen.stderr.splitlines()}
    imported = ", ".join(f"{name} imported: {'yes' if name.encode() in modules else 'no'}" for name in ("torch", "pandas"))
    print(f"`mixbench --help`: median {statistics.median(times):.2f} s of 10; {imported}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=physical_cores())
    parser.add_argument("--processes", type=int, default=6, help="fresh processes per layer of the first comparison")
    options = parser.parse_args()
    print(f"Threads: {options.threads}\n\n## The same layer, two tools\n")
    report_agreement(options.threads, options.processes)
    print("\n## The default sweep\n")
    report_sweep(options.threads)
    print("\n## Start-up\n")
    report_help()


if __name__ == "__main__":
    main()
