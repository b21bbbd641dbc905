"""The range of the scores that are possible, which the bands of an expected score depend on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mixbench.tables.scores import ERRORS, SCORES

USUAL = ((0.0, 1.0), (0.0, 100.0), (-1.0, 1.0), (-100.0, 100.0))
"""Ranges that scores may have: shares, shares in per cent, correlations and those in per cent."""


@dataclass(frozen=True)
class Bounds:
    """The smallest and the largest score that are possible, which the bands depend on."""

    low: float
    high: float
    origin: Literal["known", "guessed", "seen"] = "known"
    """Known from the user or the kind of score, guessed from the scores, or simply the extreme scores seen."""


def bounds_of(scores: Sequence[float], score: str) -> Bounds:
    """The range of a kind of score or, if that has none, the narrowest usual range of all scores, or else the scores' own.

    An error has no upper end: the largest one is taken for it.
    """
    low, high = min(scores), max(scores)
    if score in SCORES and (limits := SCORES[score].limits):
        return Bounds(*limits)
    if score in ERRORS:
        return Bounds(min(0.0, low), high, "seen")
    usual = (Bounds(*ends, "guessed") for ends in USUAL if ends[0] <= low and high <= ends[1])
    return next(usual, Bounds(low, high, "seen"))
