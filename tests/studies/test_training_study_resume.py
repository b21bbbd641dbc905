from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from killing import kill_at_random

from mixbench.columns import identity
from mixbench.results import ResultsFolder
from mixbench.rows import TrainingRow

TESTS = Path(__file__).parents[1]


def start(folder: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(TESTS), "FAKE_SECONDS": "0.1"}
    command = [sys.executable, str(TESTS / "run_fake_training.py"), str(folder)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def runs(folder: Path) -> Counter[tuple[object, ...]]:
    rows = ResultsFolder(folder).read(TrainingRow)
    return Counter((*identity(row), row.seed, row.learning_rate, row.test_score) for row in rows)


def test_a_study_killed_at_twenty_random_moments_ends_with_the_rows_of_one_never_interrupted(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    out, err = start(whole).communicate(timeout=60)
    assert out == "complete\n", err
    expected = runs(whole)
    assert len(expected) == 12 + 2 * 3
    assert set(expected.values()) == {1}
    for folder in kill_at_random(tmp_path, start, runs, kills=20, longest=1.0):
        assert runs(folder) == expected
