from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from killing import children, kill_at_random, wait_until_gone

from mixbench.studies.data_efficiency_plan import LEARNING_RATES
from mixbench.studies.training import key_of
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import AttentionMapRow, TrainingRow, TrialRow

HELPERS = Path(__file__).parents[1] / "helpers"


def start(folder: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(HELPERS), "FAKE_SECONDS": "0.1"}
    command = [sys.executable, str(HELPERS / "run_fake_training.py"), str(folder)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def runs(folder: Path) -> Counter[tuple[object, ...]]:
    rows = [row for table in (TrainingRow, TrialRow, AttentionMapRow) for row in ResultsFolder(folder).read(table)]
    return Counter((type(row).__name__, *key_of(row), row.learning_rate, row.test_score) for row in rows)


def test_studies_killed_at_twenty_random_moments_end_with_the_rows_of_one_never_interrupted(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    out, err = start(whole).communicate(timeout=60)
    assert out == "complete\n", err
    expected = runs(whole)
    assert len(expected) == 12 + 2 * len(LEARNING_RATES) + 2 * 3 + 2 * 3
    assert set(expected.values()) == {1}
    for folder in kill_at_random(tmp_path, start, runs, kills=20, longest=1.0):
        assert runs(folder) == expected


def test_killing_the_parent_of_a_real_study_leaves_no_process_and_no_lock_and_the_rest_is_trained(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "mixbench",
        "data-efficiency",
        "--task",
        "majority:train=60,dev=20,test=20,tokens=8,symbols=2",
    ]
    command += ["--mixer", "none", "--mixer", "fnet", "--sizes", "20,1.0", "--seeds", "3", "--steps", "30", "--width", "8"]
    command += ["--results", str(tmp_path / "results"), "--json"]
    environment = os.environ | {"MIXBENCH_CACHE": str(tmp_path / "cache")}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    deadline = time.monotonic() + 60
    while not runs(tmp_path / "results") and time.monotonic() < deadline:
        time.sleep(0.01)
    started = children(process)
    process.kill()
    process.wait()
    before = runs(tmp_path / "results")
    assert started
    assert before
    assert wait_until_gone(started) == []

    done = subprocess.run(command, capture_output=True, text=True, timeout=90, env=environment)
    assert done.returncode == 0, done.stderr
    after = runs(tmp_path / "results")
    assert before.keys() <= after.keys()
    assert set(after.values()) == {1}
    cells = {(row.mixer, row.train_size, row.seed) for row in ResultsFolder(tmp_path / "results").read(TrainingRow)}
    assert cells == {(mixer, size, seed) for mixer in ("none", "fnet") for size in (20, 60) for seed in (0, 1, 2)}
    assert len(after) == 12
