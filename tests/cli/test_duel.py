"""`mixbench duel` and `mixbench selfcheck`: what they say and with which exit code, for pairs whose ratios are known."""

from __future__ import annotations

import json
import math
import random
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from mixbench.cli import app
from mixbench.execution.lockstep import Contest, Fault, Timed
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import PairRow

Outcome = Timed | Fault
Pairs = Callable[[Contest, int], Outcome]


def timed(change: float, noise: random.Random, *, operators: int = 3, sample: float = 1.0, share: float = 0.005) -> Timed:
    log_ratio = math.log1p(change) + noise.gauss(0, share)
    built = {"operators": 3, "params": 10, "sample": [1.0]}, {"operators": operators, "params": 10, "sample": [sample]}
    return Timed(log_ratio, log_ratio + 0.001, (0.001, 0.001 * math.exp(log_ratio)), 24, built)


@pytest.fixture
def pairs(monkeypatch, tmp_path) -> Callable[[Pairs], list[int]]:
    """Puts known outcomes in the place of processes; the list holds how many contests each pair had."""
    monkeypatch.setenv("MIXBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def put(outcome: Pairs) -> list[int]:
        asked: list[int] = []

        def run_pair(versions: Any, contests: Mapping[int, Contest], **options: Any) -> dict[int, Outcome]:
            asked.append(len(contests))
            return {number: outcome(contest, len(asked)) for number, contest in contests.items()}

        monkeypatch.setattr("mixbench.studies.duel.run_pair", run_pair)
        monkeypatch.setattr("mixbench.studies.selfcheck.run_pair", run_pair)
        return asked

    return put


def mixbench(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def is_hypermixer(contest: Contest) -> bool:
    return "hypermixer" in contest.workloads[0]["target"]


def test_equal_code_passes_after_one_look(pairs):
    noise = random.Random(0)
    asked = pairs(lambda contest, pair: timed(0.0, noise))
    done = mixbench("duel", ".", ".")
    assert done.exit_code == 0, done.output
    assert asked == [3] * 8
    assert "3 same" in done.stdout
    assert "mixbench selfcheck" in done.stdout


def test_a_slowdown_is_looked_at_twice_and_fails_with_its_cause(pairs):
    noise = random.Random(0)
    asked = pairs(lambda contest, pair: timed(0.06, noise, operators=5) if is_hypermixer(contest) else timed(0.0, noise))
    done = mixbench("duel", ".", ".", "--mode", "inference,training")
    assert done.exit_code == 1
    assert asked == [6] * 8 + [2] * 8
    assert "2 slower, 4 same" in done.stdout
    assert "2 more operators" in done.stdout
    assert re.search(r"\+[56]\.\d \(\+\d\.\d to \+\d\.\d\)", done.stdout)
    assert "2 of 6 flagged" in done.stderr


def test_a_slowdown_that_only_one_look_saw_is_undecided(pairs):
    noise = random.Random(0)
    pairs(lambda contest, pair: timed(0.06 if pair <= 8 else 0.0, noise))
    done = mixbench("duel", ".", ".", "--mixer", "attention", "--strict")
    assert done.exit_code == 3
    assert "a second one did not agree" in done.stdout


def test_below_the_threshold_nothing_is_flagged(pairs):
    noise = random.Random(0)
    asked = pairs(lambda contest, pair: timed(0.06, noise))
    done = mixbench("duel", ".", ".", "--threshold", "10%")
    assert done.exit_code == 0
    assert asked == [3] * 8
    assert "beyond 10 %" in done.stdout


def test_undecided_is_exit_code_3_only_where_strict(pairs):
    noise = random.Random(0)
    pairs(lambda contest, pair: timed(0.0, noise, share=0.2))
    assert mixbench("duel", ".", ".").exit_code == 0
    assert mixbench("duel", ".", ".", "--strict").exit_code == 3


@pytest.mark.parametrize(("sides", "code", "word"), [((False, True), 1, "broken"), ((True, False), 0, "new")])
def test_a_workload_that_one_side_cannot_run_is_told(sides, code, word, pairs):
    noise = random.Random(0)
    asked = pairs(lambda contest, pair: Fault(sides, "it died") if is_hypermixer(contest) else timed(0.0, noise))
    done = mixbench("duel", ".", ".")
    assert done.exit_code == code
    assert asked == [3] + [2] * 7
    assert f"1 {word}, 2 same" in done.stdout
    assert "it died" in done.stdout


def test_where_neither_side_can_be_measured_the_request_is_wrong(pairs):
    pairs(lambda contest, pair: Fault((True, True), "no such class"))
    done = mixbench("duel", ".", ".")
    assert done.exit_code == 2
    assert "no such class" in done.stderr


def test_outputs_that_differ_are_told_of_versions_and_not_of_mixers(pairs):
    noise = random.Random(0)
    pairs(lambda contest, pair: timed(0.0, noise, sample=1.1))
    assert "the outputs differ" in mixbench("duel", ".", ".").stdout
    two = mixbench("duel", "attention", "hypermixer", "--tokens", "64..256")
    assert "the outputs differ" not in two.stdout
    assert "3 same" in two.stdout


def test_every_format_of_the_gate_can_be_written(pairs, tmp_path):
    noise = random.Random(0)
    pairs(lambda contest, pair: timed(0.0, noise))
    formats = "markdown,json,junit,github-action-benchmark,bencher"
    done = mixbench("duel", ".", ".", "--format", formats, "--output", str(tmp_path / "ci"))
    assert done.exit_code == 0, done.output
    assert len(list((tmp_path / "ci").iterdir())) == 6
    bencher = json.loads((tmp_path / "ci" / "bencher.json").read_text())
    assert len(bencher) == 3
    assert all(set(measures) == {"cpu_ms"} for measures in bencher.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("duel", "attention", "hypermixer", "--mixer", "fnet"), "--mixer is for two versions"),
        (("duel", ".", ".", "--mixer", "fnet", "--dtype", "bfloat16"), "fnet has no bfloat16 kernel"),
        (("duel", ".", ".", "--device", "tpu"), "'tpu' is not known"),
        (("duel", ".", ".", "--mixer", "hypermixer:heads=3"), "heads do not divide"),
        (("duel", ".", ".", "--threshold", "5"), "'5' is not a share"),
        (("duel", ".", "nowhere"), "'nowhere' is nothing that can be measured"),
    ],
)
def test_a_wrong_request_is_named(arguments, message, pairs):
    pairs(lambda contest, pair: Fault((True, True), "measured all the same"))
    done = mixbench(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_real_regression_between_two_commits_is_found(tmp_path, monkeypatch):
    """The whole way: git, two interpreters, pairs of processes."""
    source = "import torch\nclass Mine(torch.nn.Module):\n    def __init__(self, width, tokens):\n        super().__init__()\n"
    source += "        self.weight = torch.nn.Parameter(torch.ones(width, width))\n    def forward(self, x):\n"
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    for body in ("return x @ self.weight", "return (x @ self.weight + x @ self.weight) / 2"):
        (tmp_path / "mine.py").write_text(f"{source}        {body}\n")
        subprocess.run(["git", "add", "-A"], cwd=tmp_path, check=True)
        subprocess.run(["git", *identity, "commit", "-qm", body], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MIXBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("mixbench.api.duel.PAIRS", 3)
    options = ["--mixer", "mine.py:Mine", "--width", "128", "--tokens", "128", "--json"]
    done = mixbench("duel", "HEAD~1", ".", *options)
    assert done.exit_code == 1, done.output
    (cell,) = json.loads(done.stdout)["comparison"]["cells"]
    assert cell["verdict"] == "slower"
    assert "more operators" in cell["cause"]


def test_selfcheck_needs_pairs_and_tells_what_they_say(pairs, tmp_path):
    noise = random.Random(0)
    pairs(lambda contest, pair: timed(contest.extra[1], noise))
    folder = tmp_path / "pairs"
    early = mixbench("selfcheck", "--minutes", "0.0001", "--results", str(folder))
    assert early.exit_code == 2
    assert "16 are needed" in early.stderr
    for _ in range(19):
        mixbench("selfcheck", "--minutes", "0.0001", "--results", str(folder))
    rows = ResultsFolder(folder).read(PairRow)
    assert {row.pair for row in rows} == set(range(1, 21))
    done = mixbench("selfcheck", "--minutes", "0", "--results", str(folder))
    assert done.exit_code == 0, done.output
    assert "From 20 pairs of equal code and 3 workloads" in done.stdout
    blunt = mixbench("selfcheck", "--minutes", "0", "--results", str(folder), "--threshold", "20%")
    assert "beyond 20 %" in blunt.stdout
    figures = json.loads(mixbench("selfcheck", "--minutes", "0", "--results", str(folder), "--json").stdout)
    assert figures["false_alarms"]["point"] == 0
    assert figures["planted_ratio"]["0.05"] == pytest.approx(0.05, abs=0.01)


def test_a_duel_prints_what_is_known_of_the_machine(pairs, tmp_path):
    noise = random.Random(0)
    pairs(lambda contest, pair: timed(contest.extra[1], noise))
    for _ in range(16):
        mixbench("selfcheck", "--minutes", "0.0001")
    assert Path(tmp_path / "cache" / "selfcheck" / "pairs.csv").exists()
    assert "false alarms in 0 % of cells" in mixbench("duel", ".", ".").stdout
