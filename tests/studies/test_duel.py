"""What a duel says of its progress, with pairs of processes that are made up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from recorder import Recorder

from mixbench.execution.lockstep import Contest, Fault, Timed
from mixbench.execution.version import Version
from mixbench.studies import duel
from mixbench.studies.duel import PAIRS, run_duel

TIMED = Timed(0.0, 0.0, (1.0, 1.0), 24, ({}, {}))
BASE_FAILED, HEAD_FAILED = Fault((True, False), "planted"), Fault((False, True), "planted")
Outcomes = Callable[[int, int], Timed | Fault]


class Watched(Recorder):
    """Also keeps what is left whenever it is announced anew."""

    def __init__(self) -> None:
        super().__init__()
        self.left: list[int] = []

    def remaining(self, steps: Any) -> None:
        steps = list(steps)
        super().remaining(steps)
        self.left.append(self.total - self.finished)


def duelled(monkeypatch: pytest.MonkeyPatch, outcome: Outcomes) -> Watched:
    """A duel of two workloads, whose outcomes are given by pair and number."""
    pair = 0

    def run_pair(versions: Any, due: Mapping[int, Contest], *, announce: Callable[[int], None], **others: Any) -> Any:
        nonlocal pair
        pair += 1
        for number in due:
            announce(number)
        return {number: outcome(pair, number) for number in due}

    monkeypatch.setattr(duel, "run_pair", run_pair)
    progress, version = Watched(), Version("none", "python")
    contests = dict.fromkeys(range(2), Contest(({}, {})))
    run_duel((version, version), contests, progress, device="cpu", timeout=1.0, seed=0)
    return progress


def test_every_pair_and_workload_is_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    progress = duelled(monkeypatch, lambda pair, number: TIMED)
    assert progress.finished == progress.total == 2 * PAIRS
    assert progress.texts[0] == f"pair 1 of {PAIRS}: 0"
    assert progress.left == [2 * count for count in range(PAIRS, -1, -1)]


def test_a_pair_that_is_repeated_is_announced_and_so_is_a_workload_that_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    repeated = duelled(monkeypatch, lambda pair, number: BASE_FAILED if (pair, number) == (3, 0) else TIMED)
    assert repeated.finished == repeated.total == 2 * PAIRS + 1
    assert repeated.left[2:5] == [12, 11, 9]
    given_up = duelled(monkeypatch, lambda pair, number: HEAD_FAILED if (pair, number) == (1, 0) else TIMED)
    assert given_up.left[:3] == [16, 7, 6]
    assert given_up.finished == given_up.total
