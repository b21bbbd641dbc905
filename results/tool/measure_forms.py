"""How long every mixer takes beside attention: `python results/tool/measure_forms.py [MIXER …]` (about five minutes).

Without mixers, all that are built in, and the causal form of those that have one. Other ways of writing a mixer can be given as
`path/to/file.py:Class`. In each round, the layers of a group are called in turns, attention among them, in one process and on
one thread; what counts is the median over rounds of the ratio to attention in the same round. Times are CPU times, which other
processes disturb less. Prints Markdown.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from functools import partial
from statistics import median

import torch

from mixbench.mixers import FAMILIES
from mixbench.mixers.choice import choose_mixer
from mixbench.worker.calls import Call, build_mixer, training_call
from mixbench.worker.loading import load_class
from mixbench.worker.measure.peak import wall_stopwatch
from mixbench.worker.speed import pin

BASELINE = "attention"
WARM_UP = 2
COLUMNS = ("mixer", f"inference / {BASELINE}", f"training / {BASELINE}")


def main() -> None:
    options = arguments()
    pin(threads=1)
    shape = (options.batch, options.tokens, options.width)
    print(f"torch {torch.__version__}, 1 thread, batch {shape[0]}, {shape[1]} tokens, width {shape[2]}\n")
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
    for mixers in [options.mixers] if options.mixers else groups(options.family):
        inference, training = (ratios(mixers, shape, options.rounds, mode == "training") for mode in ("inference", "training"))
        for mixer in mixers:
            print(f"| {mixer} | {inference[mixer]:.2f} | {training[mixer]:.2f} |", flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("mixers", nargs="*")
    parser.add_argument("--family", choices=FAMILIES, action="append")
    for name, default in {"tokens": 1024, "width": 256, "batch": 8, "rounds": 9}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    return parser.parse_args()


def groups(families: list[str] | None) -> Iterator[list[str]]:
    """The mixers of each family, then their causal forms."""
    for family in families or FAMILIES:
        mixers = FAMILIES[family].mixers
        yield [mixer.name for mixer in mixers]
        if forms := [f"{mixer.name}:causal=true" for mixer in mixers if mixer.causality == "option"]:
            yield forms


def ratios(mixers: list[str], shape: tuple[int, int, int], rounds: int, training: bool) -> dict[str, float]:
    """The time of each mixer's call, divided by that of the baseline."""
    torch.set_grad_enabled(training)
    calls = {mixer: call_of(mixer, shape, training) for mixer in dict.fromkeys((BASELINE, *mixers))}
    stopwatch = wall_stopwatch(time.process_time)
    for call in calls.values():
        stopwatch(call, WARM_UP)
    turns = [{mixer: stopwatch(call, 1) for mixer, call in calls.items()} for _ in range(rounds)]
    return {mixer: median(turn[mixer] / turn[BASELINE] for turn in turns) for mixer in calls}


def call_of(mixer: str, shape: tuple[int, int, int], training: bool) -> Call:
    torch.manual_seed(0)
    chosen = choose_mixer(mixer)
    layer = build_mixer(load_class(chosen.target), chosen.arguments(*shape[1:]))
    x = torch.randn(shape, requires_grad=training)
    return training_call(layer, x, layer, torch.randn(shape)) if training else partial(layer, x)


if __name__ == "__main__":
    main()
