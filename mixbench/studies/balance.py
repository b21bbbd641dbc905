"""How many shards of a plan can end together: units are never divided, so the longest one sets the limit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mixbench.studies.progress import duration
from mixbench.studies.shards import Unit, spread
from mixbench.tables.manifest import MOST_SHARDS

EVEN = 1.1
"""Shards are even if the longest takes at most this many times their mean."""
_STEP = 1.03
"""Ratio of the numbers of shards that are tried, where it is more than one shard."""


@dataclass(frozen=True)
class Balance:
    """How many shards of a plan can be even, and how many of about as many as were asked for are."""

    units: int
    longest: Unit
    """No shard that has it can be shorter."""
    asked: int
    most: int
    """More shards than this are uneven, however the units are shared out."""
    suggested: int
    """The number of even shards that is closest to the one asked for; that one if these are even."""
    ratio: float = 1.0
    """What the longest of the suggested shards takes, in times of their mean; may be left out for those asked for."""

    @property
    def limit(self) -> str:
        """How many shards can be even, and why no more."""
        can = f"At most {self.most:,} shards can be even" if self.most > 1 else "Several shards cannot be even"
        which = f"the longest of {self.units:,}" if self.units > 1 else "the only one"
        return f"{can}: units are never divided, and {which} takes {duration(self.longest.seconds)}: {self.longest.key}."

    @property
    def advice(self) -> list[str]:
        """What to know about the shards asked for if they are uneven; nothing if they are even."""
        if self.suggested == self.asked:
            return []
        better = f"With {self.suggested:,} shards, the longest takes {self.ratio:.2f} times the mean."
        return [self.limit, better] if self.suggested > 1 else [self.limit]


def balance(units: Sequence[Unit], count: int, start: float = 0.0) -> Balance:
    """How many shards can be even where `count` are asked for; `start` is what each takes besides its units, in seconds."""
    longest = max(units, key=lambda unit: unit.seconds)
    most = _most(units, longest.seconds, start)
    if count <= most and _surely_even(units, count, start, longest.seconds):
        return Balance(len(units), longest, count, most, count)
    for tried in sorted({*_numbers(most), min(count, most)}, key=lambda number: (abs(math.log(number / count)), number)):
        if (ratio := longest_over_mean(units, tried, start)) <= EVEN:
            return Balance(len(units), longest, count, most, tried, ratio)
    raise AssertionError("one shard is always even")


def longest_over_mean(units: Sequence[Unit], count: int, start: float = 0.0) -> float:
    """What the longest of `count` shards, of which none is empty, takes in times of their mean."""
    loads = [start] * count
    for unit, number in zip(units, spread(units, count), strict=True):
        loads[number - 1] += unit.seconds
    mean = sum(loads) / count
    return max(loads) / mean if mean else 1.0


def _surely_even(units: Sequence[Unit], count: int, start: float, longest: float) -> bool:
    """Whether that is known without sharing units out: no shard is longer than the mean by more than the longest unit."""
    mean = start + sum(unit.seconds for unit in units) / count
    return mean + longest <= EVEN * mean


def _most(units: Sequence[Unit], longest: float, start: float) -> int:
    """The largest n with start + longest <= EVEN * (start + total / n): at more, the mean is too short for the longest unit."""
    most = min(len(units), MOST_SHARDS)
    needed = longest - (EVEN - 1) * start
    total = sum(unit.seconds for unit in units)
    return max(1, min(most, math.floor(EVEN * total / needed + 1e-9))) if needed > 0 else most


def _numbers(most: int) -> Iterator[int]:
    """Numbers of shards from the most down to 1: all of them below 34, then fewer."""
    number = most
    while number >= 1:
        yield number
        number = min(number - 1, int(number / _STEP))
