"""`mixbench data-efficiency` as a user runs it: texts from files, built-in tasks, wrong requests."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from places import SAMPLES
from running import Run

from mixbench.studies.data_efficiency_request import LEARNING_RATES
from mixbench.tables.columns import columns
from mixbench.tables.training_rows import TrainingRow

STUDY = ["data-efficiency", "--steps", "6", "--width", "8", "--layers", "1", "--batch", "8"]
STUDY += ["--seeds", "2", "--sizes", "40,0.5"]
FILES = ["--task", "text", "--train", "train.tsv", "--test", "test.tsv", "--text", "sentence", "--label", "label"]


def write_texts(folder: Path) -> None:
    """Train.tsv and test.tsv: sentences that are positive where they say "good"."""
    random = np.random.default_rng(0)
    for part, count in (("train", 120), ("test", 60)):
        words = random.choice(["good", "bad", "a", "the", "film", "plot"], (count, 6))
        lines = [f"{' '.join(text)}\t{'pos' if (text == 'good').any() else 'neg'}" for text in words]
        (folder / f"{part}.tsv").write_text("\n".join(["sentence\tlabel", *lines]) + "\n")


def read_rows(results: Path) -> list[dict[str, str]]:
    with (results / "data_efficiency.csv").open() as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_text_from_files_is_trained_on_printed_and_a_mixer_that_dies_is_a_row(
    run_process: Run, run_in: Run, tmp_path: Path
) -> None:
    shutil.copy(SAMPLES, tmp_path / "mine.py")
    write_texts(tmp_path)
    words = [*STUDY, *FILES, "--mixer", "attention", "--mixer", "mine.py:Mean", "--mixer", "mine.py:Aborting"]
    done = run_process(*words, folder=tmp_path)
    assert done.exit_code == 1, done.stderr
    found = read_rows(tmp_path / "results")
    assert list(found[0]) == list(columns(TrainingRow))
    assert len(found) == 3 * 2 * 2
    assert {row["status"] for row in found if row["mixer"] == "mine.py:Aborting"} == {"killed"}
    good = [row for row in found if row["status"] == "ok"]
    assert {row["mixer"] for row in good} == {"attention", "mine.py:Mean"}
    assert {row["train_size"] for row in good} == {"40", "54"}  # 12 of 120 are the development set
    assert all(row["score"] == "accuracy" and 0 <= float(row["test_score"]) <= 1 for row in good)
    assert all(float(row["train_flops"]) > 0 for row in good)
    assert "4 runs failed; measure again with --retry-failed." in done.stderr
    assert "test accuracy by training examples" in done.stdout
    assert "killed" in done.stdout

    again = run_in(*words, "--json", folder=tmp_path)
    assert again.exit_code == 1
    assert read_rows(tmp_path / "results") == found
    assert json.loads(again.stdout)["tasks"][0]["score"] == "accuracy"
    drawn = run_in("plot", folder=tmp_path)
    assert drawn.exit_code == 0, drawn.stderr
    assert all((tmp_path / line).stat().st_size > 5000 for line in drawn.stdout.splitlines())


@pytest.mark.slow
def test_a_built_in_task_with_a_learning_rate_of_its_own_for_each_mixer(run: Run, tmp_path: Path) -> None:
    task = ["--task", "majority:train=100,dev=20,test=20,tokens=8,symbols=2"]
    done = run(*STUDY, *task, *task, "--learning-rate", "attention=auto", "--jobs", "1", "--results", tmp_path)
    assert done.exit_code == 0, done.stderr
    found = read_rows(tmp_path)
    chosen = {row["mixer"]: json.loads(row["settings"])["learning_rate"] for row in found[len(LEARNING_RATES) :]}
    assert chosen == {"attention": "auto", "hypermixer": 0.01, "none": 0.01}
    assert len(found) == 3 * 2 * 2 + len(LEARNING_RATES), "a task that is named twice is one task"
    assert "learning rate" in done.stdout.lower()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task", "shape"], "unknown task 'shape'\n  Did you mean 'shapes'?"),
        (
            ["--task", "txt"],
            "unknown task 'txt'\n  Did you mean 'text'? Known: hf:NAME, listops",
        ),
        (["--task", "mqar:tokens=3"], "8 pairs and as many queries need 24 tokens, not 3"),
        (["--task", "text"], "--task text needs --train"),
        (["--train", "x.tsv"], "--train belongs to a text task\n  Add --task text, or leave it out."),
        (["--sizes", "0"], "--sizes: '0' is not a positive whole number"),
        (
            ["--sizes", "51"],
            "cannot take 51 of the 50 training examples of shapes\n  Give shares up to 1.0 or counts up to 50.",
        ),
        (["--sizes", "0.001"], "cannot take 0.001 of the 50 training examples of shapes"),
        (["--learning-rate", "fast"], "--learning-rate: 'fast' is not a learning rate"),
        (["--learning-rate", "gmlp=0.1"], "unknown mixer 'gmlp' in --learning-rate"),
        (["--device", "tpu"], "unknown --device 'tpu'"),
        (["--dropout", "2"], "--dropout is 2"),
        (["--width", "6", "--sizes", "1.0"], "4 heads do not divide the width"),
        (["--mixer", "atention"], "Did you mean 'attention'?"),
    ],
)
def test_a_wrong_request_is_refused_with_what_to_do(words: list[str], message: str, run: Run, tmp_path: Path) -> None:
    task = [] if {"--task", "--train"} & set(words) else ["--task", "shapes:train=50,dev=10,test=10"]
    done = run("data-efficiency", *task, *words, "--results", tmp_path / "results")
    assert done.exit_code == 2, done.stderr
    assert message in done.stderr
    assert not (tmp_path / "results" / "data_efficiency.csv").exists()
