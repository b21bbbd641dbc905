"""A claim as a study file states it, and what the rows say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Verdict = Literal["supported", "contradicted", "undecided"]


@dataclass(frozen=True)
class Claim:
    """A claim: its `rule` is a name in `RULES`, whose `options` say which mixers, against which, and with what margin."""

    name: str
    text: str
    """The claim as the study file states it."""
    rule: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """A number that a rule looked at, with its 95 % interval (after the correction for several, where there is one)."""

    label: str
    """What it is of, such as `hypermixer against gmlp`."""
    quantity: str
    """What it is, with its unit: `difference of test accuracy, points`."""
    point: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    detail: str = ""
    """Why there is no number, or how it is marked: an open end, a lower bound, rows that were left out."""
    smallest: float | None = None
    """The smallest effect that these rows would have shown, in the same unit."""
    at_least: float | None = None
    """The lower bound of a number of which only that is known."""
    at_most: float | None = None
    """The upper bound of a number of which only that is known."""
    unknown: str = ""
    """Why the interval says nothing and is not given, where it does."""
    disturbed: bool = False
    """Whether other work disturbed the times that it is of, so that it decides nothing."""


@dataclass(frozen=True)
class Judged:
    """What the rows say of a claim."""

    claim: Claim
    rule: str
    """How it is decided, with the numbers of this claim, in a sentence or two."""
    verdict: Verdict
    sentence: str
    """The verdict in words, with the numbers that decide it."""
    findings: Sequence[Finding]
    notes: Sequence[str] = ()
    """What was left out (failed or disturbed rows), and what would be needed to decide."""
