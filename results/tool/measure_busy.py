"""Whether a ratio beside busy processes is right or marked: `python results/tool/measure_busy.py` (half an hour).

Runs `mixbench speed` on a quiet machine, then beside one and two processes that never rest, and holds each ratio of
HyperMixer to attention against the quiet one. A run is right if the ratio is within 10 % of it or marked as disturbed.

Prints Markdown; docs/how-it-measures.md and results/tool/README.md have the figures of such a run. Exit code 1 if fewer than
19 of 20 runs are right, or if more than one in ten on the quiet machine is marked.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

BUSY = """
import array, os
parent, numbers = os.getppid(), array.array("d", range(100_000))
while os.getppid() == parent:
    numbers = array.array("d", [2 * number for number in numbers[:50_000]]) * 2
"""
"""A process that computes and moves memory without rest, as long as the one that started it lives."""
TOLERANCE = 0.10
NEIGHBOURS = (0, 1, 2)


@dataclass(frozen=True)
class Ratio:
    """HyperMixer's latency relative to attention's in one run."""

    point: float
    low: float
    high: float
    marked: bool
    announced: bool
    """Whether the first line named a neighbour."""

    def right(self, quiet: float) -> bool:
        """Whether it misleads nobody."""
        return self.marked or abs(self.point / quiet - 1) <= TOLERANCE


@contextmanager
def neighbours(count: int) -> Iterator[None]:
    """So many busy processes."""
    with ExitStack() as stack:
        for _ in range(count):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", BUSY], start_new_session=True))
            stack.callback(process.kill)
        yield


def run(tokens: int, launches: int) -> Ratio:
    """One `mixbench speed` in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        mixers = ["--mixer", "attention", "--mixer", "hypermixer"]
        shape = ["--tokens", str(tokens), "--launches", str(launches)]
        command = [sys.executable, "-m", "mixbench", "speed", *mixers, *shape, "--results", folder, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    cell: Mapping[str, Any] = next(cell for cell in json.loads(done.stdout)["cells"] if cell["mixer"] == "hypermixer")
    ratio = cell["ratio"]
    return Ratio(ratio["point"], ratio["low"], ratio["high"], cell["ratio_disturbed"], "BUSY MACHINE" in done.stderr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="Runs beside each number of busy processes.")
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--launches", type=int, default=5)
    given = parser.parse_args()
    found: dict[int, list[Ratio]] = {count: [] for count in NEIGHBOURS}
    for number in range(given.runs):
        for count, ratios in found.items():
            with neighbours(count):
                ratios.append(run(given.tokens, given.launches))
            print(f"run {number + 1}, {count} busy: {ratios[-1]}", file=sys.stderr)
    quiet = median(ratio.point for ratio in found[0])
    print(f"Ratio of HyperMixer to attention at {given.tokens} tokens, {given.launches} launches; quiet: {quiet:.3f}.\n")
    print("| busy processes | ratios | marked | within 10 % or marked | interval holds the quiet ratio | announced |")
    print("| --- | --- | --- | --- | --- | --- |")
    for count, ratios in found.items():
        points = sorted(ratio.point for ratio in ratios)
        marked = sum(ratio.marked for ratio in ratios)
        right = sum(ratio.right(quiet) for ratio in ratios)
        held = sum(ratio.low <= quiet <= ratio.high for ratio in ratios)
        announced = sum(ratio.announced for ratio in ratios)
        print(f"| {count} | {points[0]:.3f}–{points[-1]:.3f} | {marked} | {right} of {len(ratios)} | {held} | {announced} |")
    wrong = max(sum(not ratio.right(quiet) for ratio in ratios) / given.runs for ratios in found.values())
    called_busy = sum(ratio.marked for ratio in found[0]) / given.runs
    return int(wrong > 0.05 or called_busy > 0.1)


if __name__ == "__main__":
    sys.exit(main())
