"""The measuring loop of one launch: warm up until steady, choose block sizes, interleave all calls in a random order."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from mixbench.stats import median_precision
from mixbench.worker.calls import Call
from mixbench.worker.measure.clock import Block, Clock

Name = TypeVar("Name", bound=Hashable)

SHORTEST_BLOCK = 0.010
"""Seconds. Two clock reads take 0.2 µs, so they add 0.002 % to a block of 10 ms."""

FEWEST_ROUNDS = 3
_STEADY = 0.10
_MARGIN = 1.25
_WARM_UP_SHARE = 0.5


@dataclass
class Rounds(Generic[Name]):
    """The blocks of every call that succeeded, in the order of the rounds, and the exceptions of the others."""

    blocks: dict[Name, list[Block]] = field(default_factory=dict)
    raised: dict[Name, Exception] = field(default_factory=dict)
    stopped_by: str = "budget"


def interleave(
    calls: Mapping[Name, Call],
    clock: Clock,
    *,
    precision: float,
    budget: float,
    order: random.Random,
    announce: Callable[[Name], None] = lambda name: None,
) -> Rounds[Name]:
    """Measure every call once per round, in a random order, until all medians are within `precision` or `budget` runs out.

    `precision` is the half-width of the 95 % interval of the median time that counts, relative to it. `budget`, in seconds,
    includes the warm-up, which lasts at least the clock's settling time in all; at least three rounds are measured. A call that
    raises is dropped.
    """
    rounds: Rounds[Name] = Rounds()
    start = clock.now()
    repeats: dict[Name, int] = {}

    def attempt(name: Name, times: Callable[[], int]) -> None:
        announce(name)
        try:
            repeats[name] = times()
        except Exception as error:
            rounds.raised[name] = error
            repeats.pop(name, None)
            rounds.blocks.pop(name, None)

    def measure(name: Name) -> int:
        rounds.blocks.setdefault(name, []).append(clock.block(calls[name], repeats[name]))
        return repeats[name]

    shortest = clock.settling / max(1, len(calls))
    longest = max(shortest, _WARM_UP_SHARE * budget / max(1, len(calls)))
    for name in calls:
        attempt(name, lambda name=name: _warm_up(calls[name], clock, shortest, longest))  # type: ignore[misc]
    done = 0
    while repeats:
        names = list(repeats)
        order.shuffle(names)
        for name in names:
            attempt(name, lambda name=name: measure(name))  # type: ignore[misc]
        done += 1
        if all(median_precision([block.time for block in rounds.blocks[name]]) <= precision for name in repeats):
            rounds.stopped_by = "precision"
            break
        if done >= FEWEST_ROUNDS and clock.now() - start >= budget:
            break
    return rounds


def _warm_up(call: Call, clock: Clock, shortest: float, longest: float) -> int:
    """Call until two windows agree within 10 %, for `shortest` to `longest` seconds, at least two windows and a full block.

    Returns how many calls fill a block, with what flushes the caches between them, going by the fastest window: a disturbed one
    would make blocks too short.
    """
    start = clock.now()
    repeats = 1
    times: list[float] = []
    fastest = math.inf
    while True:
        block = clock.block(call, repeats)
        times.append(block.time)
        lasted = block.wall + block.flushing
        fastest = min(fastest, lasted / repeats)
        fill = max(1, -int(-_MARGIN * SHORTEST_BLOCK // max(fastest, 1e-9)))
        spent = clock.now() - start
        steady = len(times) > 1 and abs(times[-1] / times[-2] - 1) <= _STEADY and spent >= shortest
        late = len(times) > 1 and spent >= longest
        if lasted >= SHORTEST_BLOCK and (steady or late):
            return fill
        repeats = min(fill, 8 * repeats)
