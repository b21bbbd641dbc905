"""The lengths at which a mixer and the baseline are equally fast: where the ratio of their latencies crosses 1."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import fmean

import numpy as np

from mixbench.stats import t_interval, t_quantile

_LEVEL = 0.95


@dataclass(frozen=True)
class Crossover:
    """A length with its 95 % interval. A bound is None with one launch, and where it lies outside the measured lengths."""

    tokens: float
    low: float | None
    high: float | None
    faster_beyond: bool
    """Whether the mixer is faster than the baseline with more tokens; else with fewer."""


def crossovers(ratios: Mapping[int, Mapping[int, float]]) -> tuple[Crossover, ...]:
    """Every crossing of 1, from the ratio to the baseline's latency by launch, by number of tokens.

    A launch that has all lengths is a line, straight between lengths on log axes; the crossing is that of the mean line. Its
    interval holds the lengths at which the t-interval of the ratio holds 1 (Fieller, 1954), and so is as reliable as those.
    A crossing after which the ratio is not known to be on another side than before is none.
    """
    sizes = sorted(size for size, own in ratios.items() if own)
    shared = sorted(set.intersection(*(set(ratios[size]) for size in sizes))) if sizes else []
    if not shared:
        return ()
    lines = [_Segment(*ends) for ends in pairwise((math.log(n), [math.log(ratios[n][k]) for k in shared]) for n in sizes)]
    crossed = [place for line in lines for place in line.crossing()]
    if len(shared) < 2:
        return tuple(Crossover(math.exp(place), None, None, line.falls) for line in lines for place in line.crossing())
    runs = _runs(lines)
    found = []
    for at, (sign, start, end) in enumerate(runs):
        before, after = (runs[place][0] if 0 <= place < len(runs) else 0 for place in (at - 1, at + 1))
        inside = [place for place in crossed if start <= place <= end] or [(start + end) / 2]
        if sign == 0 and before != after and len(inside) % 2:
            low, high = (math.exp(place) if side else None for side, place in ((before, start), (after, end)))
            found.append(Crossover(math.exp(inside[len(inside) // 2]), low, high, before > after))
    return tuple(found)


class _Segment:
    """The logarithms of the ratios between two lengths, a straight line per launch."""

    def __init__(self, left: tuple[float, list[float]], right: tuple[float, list[float]]) -> None:
        (self.start, self.left), (self.end, self.right) = left, right

    @property
    def falls(self) -> bool:
        return fmean(self.left) > fmean(self.right)

    def crossing(self) -> list[float]:
        """Where the mean crosses 0; 0 itself counts as above."""
        a, b = fmean(self.left), fmean(self.right)
        return [self.start + a / (a - b) * (self.end - self.start)] if (a < 0) != (b < 0) else []

    def sign(self, place: float) -> int:
        """1 or -1 where the mean is known to be above or below 0, else 0."""
        share = (place - self.start) / (self.end - self.start)
        interval = t_interval([a + share * (b - a) for a, b in zip(self.left, self.right, strict=True)], _LEVEL)
        return int((interval.low or 0.0) > 0) - int((interval.high or 0.0) < 0)

    def bounds(self) -> list[float]:
        """Where the mean begins or ceases to be known to differ from 0: there, its t-interval ends at 0."""
        slopes = np.subtract(self.right, self.left)
        count = len(slopes)
        spread = np.cov(np.stack([self.left, slopes])) * t_quantile(count - 1, (1 + _LEVEL) / 2) ** 2 / count
        mean, slope = fmean(self.left), float(slopes.mean())
        roots = np.roots([slope**2 - spread[1, 1], 2 * (mean * slope - spread[0, 1]), mean**2 - spread[0, 0]])
        shares = [float(root.real) for root in roots if abs(root.imag) < 1e-6 and 0 < root.real < 1]
        return [self.start + share * (self.end - self.start) for share in sorted(shares)]


def _runs(lines: Sequence[_Segment]) -> list[tuple[int, float, float]]:
    """Stretches with one sign; between two that follow each other at once, one of no length at which the sign is 0."""
    runs: list[tuple[int, float, float]] = []
    for sign, pieces in groupby(_pieces(lines), key=lambda piece: piece[0]):
        (_, start, _), *_ = own = list(pieces)
        if runs and sign * runs[-1][0] == -1:
            runs.append((0, start, start))
        runs.append((sign, start, own[-1][2]))
    return runs


def _pieces(lines: Sequence[_Segment]) -> Iterator[tuple[int, float, float]]:
    for line in lines:
        for start, end in pairwise([line.start, *line.bounds(), line.end]):
            yield line.sign((start + end) / 2), start, end
