"""What planning 100,000 cells takes: `python results/tool/measure_planning.py` (about half a minute).

Each plan is made and shared out by `mixbench … --plan --shard 1/64`, in a process of its own, with the data prepared before.
Prints a line per plan in Markdown: wall time, CPU time and the largest resident memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TOKENS = ",".join(map(str, [*range(64, 1025, 64), *range(2048, 4096, 128)]))
FIVE = [word for name in ("attention", "hypermixer", "none", "mamba2", "fnet") for word in ("--mixer", name)]
PLANS = {
    "speed": ["--mixer", "all", "--tokens", TOKENS, "--width", "64..512", "--batch", "1..512", "--mode", "inference,training"],
    "data-efficiency": ["--task", "mqar", *FIVE, "--seeds", "5000", "--sizes", "100,200,400,800"],
    "tune": ["--task", "mqar", *FIVE, "--trials", "20000"],
    "attention-map": ["--mixer", "all", "--mixer", "attention:heads=2", "--seeds", "2500"],
}
MORE = {"speed": ["--launches", "1"]}


def measure(words: list[str], folder: Path) -> tuple[float, float, float, int]:
    """Seconds, CPU seconds and MiB of a command, and how many cells its plan has."""
    told = folder / "told"
    start = time.perf_counter()
    with told.open("w") as stream:
        command = subprocess.Popen([sys.executable, "-m", "mixbench", *words], stdout=stream, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(command.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        raise SystemExit(f"{' '.join(words)} failed")
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, json.loads(told.read_text())["cells"]


def main() -> None:
    """Measure every plan."""
    print("| plan | cells | wall, s | CPU, s | MiB |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for study, words in PLANS.items():
            plan = ["--plan", "--shard", "1/64", "--json", "--results", folder]
            if study != "speed":  # the data are prepared
                subprocess.run([sys.executable, "-m", "mixbench", study, *words[:2], "--plan"], check=True, capture_output=True)
            wall, cpu, memory, cells = measure([study, *words, *MORE.get(study, []), *plan], Path(folder))
            print(f"| {study} | {cells:,} | {wall:.1f} | {cpu:.1f} | {memory:.0f} |")


if __name__ == "__main__":
    main()
