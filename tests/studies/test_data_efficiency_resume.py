from __future__ import annotations

import subprocess
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from killing import kill_at_stops, kill_when, start_helper
from running import Run
from stopping import STORING

from mixbench.studies.data_efficiency_request import LEARNING_RATES
from mixbench.studies.training_rows import key_of
from mixbench.tables.results import ResultsFolder
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow, TrialRow

PLACES = {
    *STORING,
    "trainer: imported",
    "a step is done",
    "trainer: count",
    "trainer: train",
    "trainer: weights written",
    "data_efficiency.csv: half of a row",
    "data_efficiency.csv: all rows",
    "tuning.csv: half of a row",
    "tuning.csv: all rows",
    "mapper: map",
    "mapper: maps written",
    "attention_map.csv: a row of several",
    "attention_map.csv: half of a row",
    "attention_map.csv: all rows",
}


def start(folder: Path, **variables: str) -> subprocess.Popen[str]:
    return start_helper("run_fake_training.py", folder, **variables)


def rows_in(folder: Path) -> list[TrainingRow | TrialRow | AttentionMapRow]:
    return [row for table in (TrainingRow, TrialRow, AttentionMapRow) for row in ResultsFolder(folder).read(table)]


def runs(folder: Path) -> Counter[tuple[object, ...]]:
    return Counter((type(row).__name__, *key_of(row), row.learning_rate, row.test_score) for row in rows_in(folder))


def stored(folder: Path) -> Counter[tuple[object, ...]]:
    """Rows by what they would lose if they were trained again."""
    return Counter((type(row).__name__, *key_of(row), row.measured_at) for row in rows_in(folder))


@pytest.mark.slow
def test_studies_killed_wherever_it_matters_end_with_the_rows_of_ones_never_interrupted(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start(whole).communicate(timeout=60) == ("complete\n", "")
    expected = runs(whole)
    assert len(expected) == 12 + 2 * len(LEARNING_RATES) + 2 * 3 + 2 * 3
    assert set(expected.values()) == {1}

    places = kill_at_stops(tmp_path / "stops", partial(start, killed), partial(stored, killed))
    assert places == PLACES
    assert runs(killed) == expected


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
