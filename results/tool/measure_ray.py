"""Training runs per minute on Ray and in local slots, on the same cores: `python results/tool/measure_ray.py [--seeds 8]`.

Starts a Ray cluster of one node with as many CPUs as there are local slots. Then `mixbench data-efficiency` trains the same
runs in turns, local, Ray, Ray, local, each time in a new folder, from its start to its last row. Checks that the scores are
equal to the last digit. Prints Markdown.
"""

from __future__ import annotations

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import mixbench

MIXERS = ("attention", "hypermixer", "none")
TURNS = ("local", "ray", "ray", "local")


def main() -> None:
    options = arguments()
    runs = len(MIXERS) * options.seeds
    with tempfile.TemporaryDirectory(prefix="ray-") as place:  # a short name: paths of sockets must not be long
        os.environ |= {"RAY_TMPDIR": place, "RAY_USAGE_STATS_ENABLED": "0", "MIXBENCH_CACHE": str(Path(place, "cache"))}
        found = [str(Path(mixbench.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, found))  # nodes have the mixbench of this script
        from ray.cluster_utils import Cluster

        given = {"num_cpus": options.slots, "object_store_memory": 100_000_000, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=given)
        try:
            engines = {"local": "local", "ray": f"ray:{cluster.address}"}
            train(engines["local"], Path(place, "first"), options, seeds=1)  # makes the data
            taken: dict[str, list[float]] = {"local": [], "ray": []}
            scores = set()
            for number, engine in enumerate(TURNS):
                folder = Path(place, f"{number}")
                begun = time.perf_counter()
                train(engines[engine], folder, options, options.seeds)
                taken[engine].append(time.perf_counter() - begun)
                scores.add(scores_in(folder))
        finally:
            cluster.shutdown()
    if len(scores) > 1:
        sys.exit("the scores differ")
    rates = {engine: 60 * runs * len(seconds) / sum(seconds) for engine, seconds in taken.items()}
    print(f"{runs} runs of {options.steps} steps, {options.slots} at a time, each engine twice\n")
    print("| engine | seconds | runs per minute |\n| --- | --- | --- |")
    for engine, seconds in taken.items():
        print(f"| `{engine}` | {' and '.join(f'{each:.1f}' for each in seconds)} | {rates[engine]:.1f} |")
    print(f"\nRay trains {rates['ray'] / rates['local']:.2f} times as many runs per minute, with equal scores.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--slots", type=int, default=2)
    return parser.parse_args()


def train(engine: str, folder: Path, options: argparse.Namespace, seeds: int) -> None:
    """Train all mixers with so many seeds."""
    named = [part for mixer in MIXERS for part in ("--mixer", mixer)]
    sizes = ["--sizes", "800", "--steps", str(options.steps), "--jobs", str(options.slots), "--seeds", str(seeds)]
    command = ["data-efficiency", "--task", "majority", *named, *sizes, "--engine", engine, "--results", str(folder)]
    ended = subprocess.run([sys.executable, "-m", "mixbench", *command], capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.exit(ended.stderr)


def scores_in(folder: Path) -> frozenset[tuple[str, ...]]:
    """What the runs of a folder have reached."""
    with (folder / "data_efficiency.csv").open(newline="") as file:
        return frozenset((row["mixer"], row["seed"], row["test_score"], row["dev_scores"]) for row in csv.DictReader(file))


if __name__ == "__main__":
    main()
