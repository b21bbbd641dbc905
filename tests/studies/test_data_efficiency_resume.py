from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest
from killing import kill_at_random, kill_when, start_helper
from running import Run

from mixbench.studies.data_efficiency_plan import LEARNING_RATES
from mixbench.studies.training import key_of
from mixbench.tables.results import ResultsFolder
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow, TrialRow


def start(folder: Path) -> subprocess.Popen[str]:
    return start_helper("run_fake_training.py", folder, FAKE_SECONDS="0.1")


def runs(folder: Path) -> Counter[tuple[object, ...]]:
    rows = [row for table in (TrainingRow, TrialRow, AttentionMapRow) for row in ResultsFolder(folder).read(table)]
    return Counter((type(row).__name__, *key_of(row), row.learning_rate, row.test_score) for row in rows)


@pytest.mark.slow
def test_studies_killed_at_twenty_random_moments_end_with_the_rows_of_one_never_interrupted(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    out, err = start(whole).communicate(timeout=60)
    assert out == "started\ncomplete\n", err
    expected = runs(whole)
    assert len(expected) == 12 + 2 * len(LEARNING_RATES) + 2 * 3 + 2 * 3
    assert set(expected.values()) == {1}
    for folder in kill_at_random(tmp_path, start, runs, kills=20, longest=1.0):
        assert runs(folder) == expected


@pytest.mark.slow
def test_killing_the_parent_of_a_real_study_leaves_no_process_and_no_lock_and_the_rest_is_trained(
    run_in: Run, tmp_path: Path
) -> None:
    results = tmp_path / "results"
    words = ["data-efficiency", "--task", "majority:train=60,dev=20,test=20,tokens=8,symbols=2", "--mixer", "none"]
    words += ["--mixer", "fnet", "--sizes", "20,1.0", "--seeds", "3", "--steps", "30", "--width", "8", "--json"]
    kill_when(lambda children: runs(results), "-m", "mixbench", *words, folder=tmp_path)
    before = runs(results)
    done = run_in(*words, "--jobs", "1", folder=tmp_path)
    assert done.exit_code == 0, done.stderr
    after = runs(results)
    assert before.keys() <= after.keys()
    assert set(after.values()) == {1}
    cells = {(row.mixer, row.train_size, row.seed) for row in ResultsFolder(results).read(TrainingRow)}
    assert cells == {(mixer, size, seed) for mixer in ("none", "fnet") for size in (20, 60) for seed in (0, 1, 2)}
    assert len(after) == 12
