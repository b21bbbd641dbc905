"""The lengths at which a mixer and the baseline are equally fast: where the ratio of their times crosses 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, Generic, TypeVar

from mixbench.stats import Interval, median_interval
from mixbench.verdicts.speed.blocks import ENOUGH

Known = TypeVar("Known")
_GRID = 32
_HALVINGS = 40


@dataclass(frozen=True)
class Crossover:
    """A length with its 95 % interval. A bound is None with one launch, and where it lies outside the measured lengths."""

    tokens: float
    low: float | None
    high: float | None
    faster_beyond: bool
    """Whether the mixer is faster than the baseline with more tokens; else with fewer."""


def crossovers(ratios: Mapping[int, Mapping[int, float]]) -> tuple[Crossover, ...]:
    """Every crossing of 1, from the ratio to the baseline's time by launch, by number of tokens.

    A launch that has all lengths is a line, straight between lengths on log axes; the crossing is that of the median. Its
    interval holds the lengths at which the interval of the ratio holds 1 (as Fieller's does), and so is as reliable as those.
    If too few launches have all lengths, because others were left out at some, the median at each length and the ends of its
    interval are joined instead: between two lengths, that interval is too wide rather than too narrow.
    A crossing after which the ratio is not known to be on another side than before is none.
    """
    logs = {math.log(n): {launch: math.log(ratio) for launch, ratio in own.items()} for n, own in sorted(ratios.items()) if own}
    most = max(map(len, logs.values()), default=0)
    shared = sorted(set.intersection(*map(set, logs.values()))) if logs else []
    lines: list[_Segment[Any]]
    if most and len(shared) >= min(ENOUGH, most):
        ends = [(place, [own[launch] for launch in shared]) for place, own in logs.items()]
        lines = [_Segment(*between, _median_of_lines) for between in pairwise(ends)]
    else:
        known = [(place, median_interval(list(own.values()))) for place, own in logs.items()]
        lines = [_Segment(*between, _between_intervals) for between in pairwise(known)]
    crossed = [place for line in lines for place in line.crossing()]
    if most < 2:
        return tuple(Crossover(math.exp(place), None, None, line.falls) for line in lines for place in line.crossing())
    runs = _runs(lines)
    found = []
    for at, (sign, start, end) in enumerate(runs):
        before, after = (runs[place][0] if 0 <= place < len(runs) else 0 for place in (at - 1, at + 1))
        inside = [place for place in crossed if start <= place <= end] or [(start + end) / 2] * bool(before and after)
        if sign == 0 and before != after and len(inside) % 2:
            low, high = (math.exp(place) if side else None for side, place in ((before, start), (after, end)))
            found.append(Crossover(math.exp(inside[len(inside) // 2]), low, high, before > after))
    return tuple(found)


def _median_of_lines(left: Sequence[float], right: Sequence[float], share: float) -> Interval:
    """The median over launches, at a share of the way from `left` to `right`, which have one number per launch."""
    return median_interval([_between(*ends, share) for ends in zip(left, right, strict=True)])


def _between_intervals(left: Interval, right: Interval, share: float) -> Interval:
    bounds = ((left.low, right.low), (left.high, right.high))
    low, high = (None if a is None or b is None else _between(a, b, share) for a, b in bounds)
    return Interval(_between(left.point, right.point, share), low, high)


def _between(start: float, end: float, share: float) -> float:
    return start + share * (end - start)


class _Segment(Generic[Known]):
    """The logarithm of the ratio between two lengths, of which something is known at each."""

    def __init__(
        self, left: tuple[float, Known], right: tuple[float, Known], interpolated: Callable[[Known, Known, float], Interval]
    ) -> None:
        (self.start, self._left), (self.end, self._right), self._interpolated = left, right, interpolated

    @property
    def falls(self) -> bool:
        return self._at(self.start).point > self._at(self.end).point

    def _at(self, place: float) -> Interval:
        return self._interpolated(self._left, self._right, (place - self.start) / (self.end - self.start))

    def crossing(self) -> list[float]:
        """Where the median crosses 0; 0 itself counts as above."""
        return self._changes(lambda place: self._at(place).point < 0)

    def sign(self, place: float) -> int:
        """1 or -1 where the median is known to be above or below 0, else 0."""
        interval = self._at(place)
        return int((interval.low or 0.0) > 0) - int((interval.high or 0.0) < 0)

    def bounds(self) -> list[float]:
        """Where the median begins or ceases to be known to differ from 0: there, its interval ends at 0."""
        return self._changes(self.sign)

    def _changes(self, state: Callable[[float], int]) -> list[float]:
        """Where a state changes, found between the points of a grid."""
        grid = [self.start + step / _GRID * (self.end - self.start) for step in range(_GRID + 1)]
        states = list(map(state, grid))
        return [
            _changed(state, *ends)
            for ends, (before, after) in zip(pairwise(grid), pairwise(states), strict=True)
            if before != after
        ]


def _changed(state: Callable[[float], int], low: float, high: float) -> float:
    """Where a state changes between two places at which it differs, by bisection."""
    before = state(low)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if state(middle) == before else (low, middle)
    return (low + high) / 2


def _runs(lines: Sequence[_Segment[Any]]) -> list[tuple[int, float, float]]:
    """Stretches with one sign; between two that follow each other at once, one of no length at which the sign is 0."""
    runs: list[tuple[int, float, float]] = []
    for sign, pieces in groupby(_pieces(lines), key=lambda piece: piece[0]):
        (_, start, _), *_ = own = list(pieces)
        if runs and sign * runs[-1][0] == -1:
            runs.append((0, start, start))
        runs.append((sign, start, own[-1][2]))
    return runs


def _pieces(lines: Sequence[_Segment[Any]]) -> Iterator[tuple[int, float, float]]:
    for line in lines:
        for start, end in pairwise([line.start, *line.bounds(), line.end]):
            yield line.sign((start + end) / 2), start, end
