from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from mixbench.cli import app
from mixbench.tables.columns import columns
from mixbench.tables.rows import TrainingRow

SOURCE = """
import torch

class Mean(torch.nn.Module):
    def __init__(self, width, tokens):
        super().__init__()
        self.linear = torch.nn.Linear(width, width)

    def forward(self, x, mask=None):
        return self.linear(x.mean(1, keepdim=True)).expand_as(x)

class Dying(Mean):
    def forward(self, x, mask=None):
        import os
        if x.device.type == "cpu":
            os.abort()
        return x
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli")
    (path / "mine.py").write_text(SOURCE)
    random = np.random.default_rng(0)
    for part, count in (("train", 120), ("test", 60)):
        words = random.choice(["good", "bad", "a", "the", "film", "plot"], (count, 6))
        lines = [f"{' '.join(text)}\t{'pos' if (text == 'good').any() else 'neg'}" for text in words]
        (path / f"{part}.tsv").write_text("\n".join(["sentence\tlabel", *lines]) + "\n")
    return path


def mixbench(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mixbench", *words]
    environment = os.environ | {"MIXBENCH_CACHE": str(folder / "cache")}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder, check=False, env=environment)


STUDY = [
    "data-efficiency",
    "--steps",
    "6",
    "--width",
    "8",
    "--layers",
    "1",
    "--batch",
    "8",
    "--seeds",
    "2",
    "--sizes",
    "40,0.5",
]
FILES = ["--task", "text", "--train", "train.tsv", "--test", "test.tsv", "--text", "sentence", "--label", "label"]


def rows(folder: Path, results: str) -> list[dict[str, str]]:
    with (folder / results / "data_efficiency.csv").open() as file:
        return list(csv.DictReader(file))


def test_text_from_files_is_trained_on_printed_and_a_mixer_that_dies_is_a_row(folder: Path) -> None:
    words = [*STUDY, *FILES, "--mixer", "attention", "--mixer", "mine.py:Mean", "--mixer", "mine.py:Dying", "--results", "own"]
    done = mixbench(folder, *words)
    assert done.returncode == 1, done.stderr
    found = rows(folder, "own")
    assert list(found[0]) == list(columns(TrainingRow))
    assert len(found) == 3 * 2 * 2
    assert {row["status"] for row in found if row["mixer"] == "mine.py:Dying"} == {"killed"}
    good = [row for row in found if row["status"] == "ok"]
    assert {row["mixer"] for row in good} == {"attention", "mine.py:Mean"}
    assert {row["train_size"] for row in good} == {"40", "54"}  # 12 of 120 are the development set
    assert all(row["score"] == "accuracy" and 0 <= float(row["test_score"]) <= 1 for row in good)
    assert all(float(row["train_flops"]) > 0 for row in good)
    assert "4 runs failed; measure again with --retry-failed." in done.stderr
    assert "test accuracy by training examples" in done.stdout
    assert "killed" in done.stdout

    again = mixbench(folder, *words, "--json")
    assert again.returncode == 1
    assert len(rows(folder, "own")) == len(found)
    assert json.loads(again.stdout)["tasks"][0]["score"] == "accuracy"
    drawn = mixbench(folder, "plot", "--results", "own")
    assert drawn.returncode == 0, drawn.stderr
    assert all((folder / line).stat().st_size > 5000 for line in drawn.stdout.splitlines())


def test_a_built_in_task_with_a_learning_rate_of_its_own_for_each_mixer(folder: Path) -> None:
    task = ["--task", "majority:train=100,dev=20,test=20,tokens=8,symbols=2", "--results", "built-in"]
    done = mixbench(folder, *STUDY, *task, "--task", task[1], "--learning-rate", "attention=auto")
    assert done.returncode == 0, done.stderr
    found = rows(folder, "built-in")
    chosen = {row["mixer"]: json.loads(row["settings"])["learning_rate"] for row in found[4:]}
    assert chosen == {"attention": "auto", "hypermixer": 0.01, "none": 0.01}
    assert len(found) == 3 * 2 * 2 + 4, "a task that is named twice is one task"
    assert "learning rate" in done.stdout.lower()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--task", "shape"], "unknown task 'shape'\n  Did you mean 'shapes'?"),
        (["--task", "mqar:tokens=3"], "8 pairs and as many queries need 24 tokens, not 3"),
        (["--task", "text"], "--task text needs --train"),
        (["--train", "x.tsv"], "--train, --dev and --test belong to a text task\n  Add --task text."),
        (["--sizes", "0"], "--sizes: '0' is not a positive whole number"),
        (["--sizes", "51"], "shapes has 50 training examples\n  Give shares up to 1.0 or counts up to 50."),
        (["--sizes", "0.001"], "--sizes 0.001: shapes has 50 training examples"),
        (["--learning-rate", "fast"], "--learning-rate: 'fast' is not a learning rate"),
        (["--learning-rate", "gmlp=0.1"], "unknown mixer 'gmlp' in --learning-rate"),
        (["--device", "tpu"], "--device 'tpu' is not known"),
        (["--dropout", "2"], "--dropout is 2"),
        (["--width", "6", "--sizes", "1.0"], "4 heads do not divide the width"),
        (["--mixer", "atention"], "Did you mean 'attention'?"),
    ],
)
def test_a_wrong_request_is_refused_with_what_to_do(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIXBENCH_CACHE", str(tmp_path / "cache"))
    task = [] if {"--task", "--train"} & set(words) else ["--task", "shapes:train=50,dev=10,test=10"]
    done = CliRunner().invoke(app, ["data-efficiency", *task, *words, "--results", str(tmp_path / "results")])
    assert done.exit_code == 2, done.output
    assert message in done.stderr
    assert not (tmp_path / "results" / "data_efficiency.csv").exists()
