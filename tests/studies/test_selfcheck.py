"""Recording pairs of equal code: what is measured, and what is told of a workload that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mixbench.execution.lockstep import Fault
from mixbench.studies import selfcheck
from mixbench.studies.progress import Silent
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import PairRow
from mixbench.worker.calls import build_mixer
from mixbench.worker.loading import load_class


class Remarks(Silent):
    def __init__(self) -> None:
        self.told: list[str] = []

    def remark(self, text: str) -> None:
        self.told.append(text)


def test_every_workload_can_be_built() -> None:
    contests = [contest for _, contest in selfcheck._contests("cpu")]
    assert len(contests) == 1 + len(selfcheck.MIXERS) * len(selfcheck.PLANTED)
    for workload in (workload for contest in contests for workload in contest.workloads):
        build_mixer(load_class(workload["target"]), workload["arguments"])


def test_a_workload_that_fails_is_told_once_and_the_import_path_is_the_users(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    paths: list[tuple[str, ...]] = []

    def run_pair(versions: Any, contests: dict[int, Any], **settings: Any) -> dict[int, Fault]:
        paths.extend(version.pythonpath for version in versions)
        return {number: Fault((True, True), "no such class") for number in contests}

    monkeypatch.setattr(selfcheck, "run_pair", run_pair)
    progress, folder, clock = Remarks(), ResultsFolder(tmp_path / "pairs"), iter(range(100))
    selfcheck.record_pairs(folder, progress, seconds=10, now=lambda: next(clock))
    assert {row.pair for row in folder.read(PairRow)} > {1, 2}
    assert len(progress.told) == 1 + len(selfcheck.MIXERS)
    assert progress.told[0] == "calibration could not be measured: no such class"
    assert set(paths) == {(str(tmp_path),)}
