"""Runs of a history without measuring anything: known levels, noise by commit and by launch."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from synthetic import MACHINE

from mixbench.tables.entries import ONCE, Commit, Entry, TrackedCell, Values

SOFTWARE = {"python": "3.11.7", "torch": "2.13.0", "mixbench": "0.1.0", "sources": "0f"}
KEY: dict[str, Any] = {
    "mixer": "attention",
    "config": "{}",
    "scope": "mixer",
    "mode": "inference",
    "tokens": 64,
    "width": 256,
    "batch": 1,
    "dtype": "float32",
    "device": "cpu",
    "threads": 2,
    "compiled": False,
    "execution": "eager",
    "settings": "{}",
}


def commit(number: int) -> Commit:
    """The commits of a history in order, a day apart."""
    sha = hashlib.sha1(str(number).encode()).hexdigest()
    time = datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=number)
    return Commit(sha, time.isoformat(), f"Commit number {number}")


def cell(metrics: dict[str, Values], **key: Any) -> TrackedCell:
    """A cell of speed.csv."""
    return TrackedCell("speed", KEY | key, metrics)


def entry(number: int, *cells: TrackedCell, machine: object = MACHINE["cpu"], **software: str) -> Entry:
    """One run."""
    added = "2026-03-01T00:00:00.000Z"
    return Entry(commit(number), added, MACHINE | {"cpu": machine}, SOFTWARE | software, cells)


def times(
    level: float, rng: random.Random, *, launches: int = 5, launch_noise: float = 0.05, commit_noise: float = 0.03
) -> dict[int, float]:
    """CPU times of the launches of one commit."""
    level *= rng.lognormvariate(0, commit_noise)
    return {launch: level * rng.lognormvariate(0, launch_noise) for launch in range(1, launches + 1)}


def history(
    commits: int,
    level: Callable[[str, int, int], float],
    flops: Callable[[str, int, int], int] = lambda mixer, tokens, number: 1000 * tokens,
    mixers: Sequence[str] = ("attention", "hypermixer"),
    tokens: Sequence[int] = (64, 256),
    seed: int = 0,
) -> list[Entry]:
    """Runs in which `level` and `flops` give the true time and count of (mixer, tokens, number of the commit)."""
    rng = random.Random(seed)
    return [
        entry(
            number,
            *(
                cell(
                    {
                        "cpu_per_calibration": times(level(mixer, length, number), rng),
                        "flops": {ONCE: flops(mixer, length, number)},
                        "failed": {ONCE: 0.0},
                    },
                    mixer=mixer,
                    tokens=length,
                )
                for mixer in mixers
                for length in tokens
            ),
        )
        for number in range(commits)
    ]
