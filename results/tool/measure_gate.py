"""How well the live gate gates: false alarms of equal code and detection of planted slowdowns, in real duels.

    python results/tool/measure_gate.py [--cells 40] [--slower 20] [--busy]

Every duel is `mixbench duel`'s own: eight fresh pairs of processes, eight more for what a first look flagged. `--cells`
workloads of equal code are judged, and `--slower` each with 5 and 10 % of real extra work. `--busy` keeps one core busy
meanwhile. About 8 s per cell, 16 s per planted one.
"""

from __future__ import annotations

import argparse
import atexit
import itertools
import os
import random
import subprocess
import sys
import time
from collections import Counter

from mixbench.api.duel import log_ratios, two_looks
from mixbench.execution.lockstep import Contest, Version
from mixbench.mixers.choice import choose_mixer
from mixbench.studies.progress import Silent
from mixbench.verdicts.gate.duel import judge_pairs
from mixbench.verdicts.gate.selfcheck import clopper_pearson

MIXERS = ("attention", "hypermixer", "mlp-mixer", "gmlp", "linear-attention", "fnet", "none")
SHAPES = ((64, 256), (256, 64), (256, 256), (1024, 128))
MODES = ("inference", "training")
PER_DUEL = 20
"""Cells of one duel: its processes are shared by them."""


def workloads(seed: int) -> list[dict[str, object]]:
    """Every mixer, shape and mode in a random order; what has nothing to train is left out."""
    found = []
    for name, (tokens, width), mode in itertools.product(MIXERS, SHAPES, MODES):
        if name == "none":
            continue
        mixer = choose_mixer(name)
        shape = {"tokens": tokens, "width": width, "mode": mode, "scope": "mixer", "batch": 1, "dtype": "float32", "seed": 0}
        found.append({**shape, "target": mixer.target, "arguments": mixer.arguments(tokens, width)})
    return random.Random(seed).sample(found, len(found))


BUSY = """
import numpy as np
x = np.random.default_rng(0).normal(size=(400, 400))
while True:
    np.tanh(x @ x)
"""
"""One core's worth of work that is none of ours."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=40)
    parser.add_argument("--slower", type=int, default=20)
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.busy:
        one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        neighbour = subprocess.Popen([sys.executable, "-c", BUSY], env=os.environ | one_thread)
        atexit.register(neighbour.kill)
    every = itertools.cycle(workloads(options.seed))
    wanted = [0.0] * options.cells + [share for share in (0.05, 0.10) for _ in range(options.slower)]
    random.Random(options.seed).shuffle(wanted)
    version = Version("this", sys.executable)
    verdicts: Counter[tuple[float, str]] = Counter()
    start = time.monotonic()
    for number, first in enumerate(range(0, len(wanted), PER_DUEL)):
        shares = wanted[first : first + PER_DUEL]
        drawn = [next(every) for _ in shares]
        contests = {place: Contest((drawn[place], drawn[place]), (0.0, share)) for place, share in enumerate(shares)}
        looks, again = two_looks((version, version), contests, Silent(), seed=1000 * options.seed + number)
        for place, seen in looks.items():
            judgement = judge_pairs("cpu_ms", (1.0, 1.0), log_ratios(seen), log_ratios(again.get(place, ())))
            verdicts[shares[place], judgement.verdict] += 1
            if judgement.verdict in ("slower", "faster") or (shares[place] and judgement.verdict != "slower"):
                what = " ".join(str(drawn[place][name]) for name in ("target", "tokens", "width", "mode"))
                print(f"  {shares[place]:.0%} {judgement.verdict}: {what}: {judgement.change} {judgement.remark}", flush=True)
        spent = time.monotonic() - start
        print(f"{first + len(shares)} of {len(wanted)} cells after {spent:.0f} s: {dict(verdicts)}", flush=True)
    for share in sorted({share for share, _ in verdicts}):
        total = sum(count for (one, _), count in verdicts.items() if one == share)
        slower = verdicts[share, "slower"]
        low, high = clopper_pearson(slower, total)
        print(f"{share:.0%} slower: {slower} of {total} cells flagged, {slower / total:.1%} ({low:.1%}–{high:.1%})")


if __name__ == "__main__":
    main()
