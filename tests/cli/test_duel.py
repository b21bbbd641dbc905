"""`mixbench duel` and `mixbench selfcheck`: what they say and with which exit code, for pairs whose ratios are known."""

from __future__ import annotations

import json
import math
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from places import REPOSITORY, SAMPLES
from repositories import Repository
from running import environment_in, search_path

from mixbench.execution.lockstep import Contest, Fault, Timed
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import PairRow

Outcome = Timed | Fault
Pairs = Callable[[Contest, int], Outcome]


def timed(change: float, noise: random.Random, *, operators: int = 3, sample: float = 1.0, share: float = 0.005) -> Timed:
    log_ratio = math.log1p(change) + noise.gauss(0, share)
    built = {"operators": 3, "params": 10, "sample": [1.0]}, {"operators": operators, "params": 10, "sample": [sample]}
    return Timed(log_ratio, log_ratio + 0.001, (0.001, 0.001 * math.exp(log_ratio)), 24, built)


@pytest.fixture
def pairs(monkeypatch) -> Callable[[Pairs], list[int]]:
    """Puts known outcomes in the place of processes; the list holds how many contests each pair had."""

    def put(outcome: Pairs) -> list[int]:
        asked: list[int] = []

        def run_pair(versions: Any, contests: Mapping[int, Contest], **options: Any) -> dict[int, Outcome]:
            asked.append(len(contests))
            return {number: outcome(contest, len(asked)) for number, contest in contests.items()}

        monkeypatch.setattr("mixbench.studies.duel.run_pair", run_pair)
        monkeypatch.setattr("mixbench.studies.selfcheck.run_pair", run_pair)
        return asked

    return put


def is_hypermixer(contest: Contest) -> bool:
    return "hypermixer" in contest.workloads[0]["target"]


def test_equal_code_passes_after_one_look(run, pairs):
    noise = random.Random(0)
    asked = pairs(lambda contest, pair: timed(0.0, noise))
    done = run("duel", ".", ".")
    assert done.exit_code == 0, done.stderr
    assert asked == [3] * 8
    assert "3 same" in done.stdout
    assert "mixbench selfcheck" in done.stdout


def test_a_slowdown_is_looked_at_twice_and_fails_with_its_cause(run, pairs):
    noise = random.Random(0)
    asked = pairs(lambda contest, pair: timed(0.06, noise, operators=5) if is_hypermixer(contest) else timed(0.0, noise))
    done = run("duel", ".", ".", "--mode", "inference,training")
    assert done.exit_code == 1
    assert asked == [6] * 8 + [2] * 8
    assert "2 slower, 4 same" in done.stdout
    assert "2 more operators" in done.stdout
    assert re.search(r"\+[56]\.\d \(\+\d\.\d to \+\d\.\d\)", done.stdout)
    assert "2 of 6 flagged" in done.stderr


def test_a_slowdown_that_only_one_look_saw_is_undecided(run, pairs):
    noise = random.Random(0)
    pairs(lambda contest, pair: timed(0.06 if pair <= 8 else 0.0, noise))
    done = run("duel", ".", ".", "--mixer", "attention", "--strict")
    assert done.exit_code == 3
    assert "the new ones do not agree" in done.stdout


def test_below_the_threshold_nothing_is_flagged(run, pairs):
    noise = random.Random(0)
    asked = pairs(lambda contest, pair: timed(0.06, noise))
    done = run("duel", ".", ".", "--threshold", "10%")
    assert done.exit_code == 0
    assert asked == [3] * 8
    assert "beyond 10 %" in done.stdout


def test_undecided_is_exit_code_3_only_where_strict(run, pairs):
    noise = random.Random(0)
    pairs(lambda contest, pair: timed(0.0, noise, share=0.2))
    assert run("duel", ".", ".").exit_code == 0
    assert run("duel", ".", ".", "--strict").exit_code == 3


@pytest.mark.parametrize(
    ("sides", "code", "word", "asked_for"),
    [((False, True), 1, "broken", [3] + [2] * 7), ((True, False), 0, "new", [3, 3] + [2] * 6)],
)
def test_a_workload_that_one_side_cannot_run_is_told(run, sides, code, word, asked_for, pairs):
    noise = random.Random(0)
    asked = pairs(lambda contest, pair: Fault(sides, "it died") if is_hypermixer(contest) else timed(0.0, noise))
    done = run("duel", ".", ".")
    assert done.exit_code == code
    assert asked == asked_for
    assert f"1 {word}, 2 same" in done.stdout
    assert "it died" in done.stdout


@pytest.mark.parametrize(
    ("failing", "lost", "count", "outcome", "told"),
    [
        ({16}, False, 17, "1 slower: fail", "the base failed in 1 of 17 pairs: it died"),
        ({7, 9}, False, 17, "1 slower: fail", "the base failed in 2 of 17 pairs: it died"),
        ({1}, True, 17, "1 slower: fail", "the base failed in 1 of 17 pairs: it died"),
        ({10, 12}, False, 12, "1 broken: fail", "the base failed in 2 of 12 pairs: it died"),
        ({1, 2}, True, 2, "1 broken: fail", "the base failed in 2 of 2 pairs: it died"),
        ({1, 2}, False, 2, "1 new: pass", "it died"),
    ],
)
def test_a_base_that_works_now_and_then_is_not_new(run, failing, lost, count, outcome, told, pairs):
    noise = random.Random(0)
    asked = pairs(lambda contest, pair: Fault((True, False), "it died", lost) if pair in failing else timed(0.06, noise))
    done = run("duel", ".", ".", "--mixer", "attention")
    assert len(asked) == count
    assert outcome in done.stdout
    assert told in done.stdout
    assert done.exit_code == (0 if "pass" in outcome else 1)


def test_where_neither_side_can_be_measured_the_request_is_wrong(run, pairs):
    pairs(lambda contest, pair: Fault((True, True), "no such class"))
    done = run("duel", ".", ".")
    assert done.exit_code == 2
    assert "no such class" in done.stderr


def test_outputs_that_differ_are_told_of_versions_and_not_of_mixers(run, pairs):
    noise = random.Random(0)
    pairs(lambda contest, pair: timed(0.0, noise, sample=1.1))
    assert "the outputs differ" in run("duel", ".", ".").stdout
    two = run("duel", "attention", "hypermixer", "--tokens", "64..256")
    assert "the outputs differ" not in two.stdout
    assert "3 same" in two.stdout


def test_every_format_of_the_gate_can_be_written(run, pairs, tmp_path):
    noise = random.Random(0)
    pairs(lambda contest, pair: timed(0.0, noise))
    formats = "markdown,json,junit,github-action-benchmark,bencher"
    done = run("duel", ".", ".", "--format", formats, "--output", tmp_path / "ci")
    assert done.exit_code == 0, done.stderr
    assert len(list((tmp_path / "ci").iterdir())) == 6
    bencher = json.loads((tmp_path / "ci" / "bencher.json").read_text())
    assert len(bencher) == 3
    assert all(set(measures) == {"cpu_ms"} for measures in bencher.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("duel", "attention", "hypermixer", "--mixer", "fnet"), "--mixer is for two versions"),
        (("duel", ".", ".", "--mixer", "hypermixer:heads=3", "--width", "64,63"), "measures all that is asked for, or nothing"),
        (("duel", ".", ".", "--device", "tpu"), "unknown --device 'tpu'"),
        (("duel", ".", ".", "--mixer", "hypermixer:heads=3"), "heads do not divide"),
        (("duel", ".", ".", "--threshold", "5"), "'5' is not a share"),
        (("duel", ".", "nowhere"), "'nowhere' is not a folder, an interpreter, a mixer or a git revision"),
    ],
)
def test_a_wrong_request_is_named(run, arguments, message, pairs):
    pairs(lambda contest, pair: Fault((True, True), "measured all the same"))
    done = run(*arguments)
    assert done.exit_code == 2
    assert message in done.stderr


def test_the_sample_in_the_docs_is_what_the_program_prints(run, pairs, tmp_path, monkeypatch):
    page = (REPOSITORY / "docs" / "gate.md").read_text()
    script, sample = re.findall(r"```(?:sh|text)\n(.*?)```", page, re.DOTALL)[:2]
    *making, command = script.strip().split("\n")
    subprocess.run(["bash", "-ec", "\n".join(making)], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    built = {"operators": 3, "params": 10, "sample": [1.0]}, {"operators": 4, "params": 10, "sample": [1.0]}
    wall = math.log1p(0.098)

    def outcome(contest: Contest, pair: int) -> Timed:
        file = contest.workloads[1]["target"].partition(":")[0]
        assert Path(file).read_text() == (tmp_path / "new" / "mine.py").read_text()
        return Timed(math.log1p(0.1) + (-1) ** pair * 0.01557, wall, (0.001, 0.0011), 24, built)

    pairs(outcome)
    done = run(*command.split()[1:])
    assert done.exit_code == 1, done.stderr
    printed = done.stdout.splitlines()
    shown = [line for line in sample.splitlines() if line != "…"]
    assert [line for line in shown if line not in printed] == []
    assert len(shown) == 5


def test_a_version_without_files_that_it_names_says_so(run, pairs, tmp_path, monkeypatch):
    noise = random.Random(0)
    pairs(lambda contest, pair: timed(0.0, noise))
    repository = Repository(tmp_path)
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    repository.commit("Large", {".gitattributes": "*.bin filter=lfs\n", "weights.bin": pointer, "mine.py": SAMPLES.read_text()})
    monkeypatch.chdir(tmp_path)
    done = run("duel", "HEAD", ".", "--mixer", "mine.py:Product")
    name = f"HEAD ({repository.commits[0][:9]})"
    assert (
        f"{name}: weights.bin is a pointer of Git LFS without its content. Run: git lfs fetch --all" in done.stderr.splitlines()
    )


def files_below(folder, pattern):
    """The files of a folder in which others come and go."""
    try:
        return [*folder.glob(pattern)]
    except FileNotFoundError:
        return []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_what_ends_a_duel_leaves_nothing_behind(number, tmp_path):
    """A closed terminal sends SIGHUP."""
    repository, temporary = tmp_path / "user", tmp_path / "temporary"
    for folder in (repository, temporary):
        folder.mkdir()
    made = Repository(repository)
    for text in ("Old", "New"):
        made.commit(text, {"mine.py": f"{SAMPLES.read_text()}\n# {text}\n"})
    before = made.state()
    command = [sys.executable, "-m", "mixbench", "duel", "HEAD~1", "HEAD", "--mixer", "mine.py:Product"]
    environment = environment_in(tmp_path, TMPDIR=str(temporary))
    process = subprocess.Popen(command, cwd=repository, env=environment, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while len(files_below(temporary, "*/*/mine.py")) < 2:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    assert "Interrupted. Nothing was stored" in process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert [*temporary.iterdir()] == []
    assert made.state() == before
    assert made.git("status", "--porcelain") == ""


REPEATED = """
from package import TIMES

class Repeated(Product):
    def forward(self, x):
        for _ in range(TIMES):
            y = super().forward(x)
        return y
"""


@pytest.mark.slow
def test_a_real_regression_between_two_commits_is_found(run, tmp_path, monkeypatch):
    """The whole way: git, two interpreters, pairs of processes; the import path leads to the working tree."""
    user = tmp_path / "user"
    user.mkdir()
    repository = Repository(user)
    repository.commit("Fast", {"mine.py": f"{SAMPLES.read_text()}{REPEATED}", "python/package.py": "TIMES = 1"})
    repository.commit("Slow", {"python/package.py": "TIMES = 8"})
    monkeypatch.chdir(user)
    monkeypatch.setenv("PYTHONPATH", search_path(user / "python"))
    monkeypatch.setattr("mixbench.api.duel.PAIRS", 2)
    options = ["--mixer", "mine.py:Repeated", "--width", "128", "--tokens", "128", "--json"]
    done = run("duel", "HEAD~1", ".", *options)
    assert done.exit_code == 1, done.stderr
    (cell,) = json.loads(done.stdout)["comparison"]["cells"]
    assert cell["verdict"] == "slower"
    assert "more operators" in cell["cause"]
    assert repository.git("status", "--porcelain") == ""


def test_selfcheck_needs_pairs_and_tells_what_they_say(run, pairs, tmp_path):
    noise = random.Random(0)
    pairs(lambda contest, pair: timed(contest.extra[1], noise))
    folder = tmp_path / "pairs"
    early = run("selfcheck", "--minutes", "0.0001", "--results", folder)
    assert early.exit_code == 2
    assert "there is 1, and 16 are needed" in early.stderr
    assert "They are kept, and the next run adds to them: mixbench selfcheck --minutes 10." in early.stderr
    for _ in range(19):
        run("selfcheck", "--minutes", "0.0001", "--results", folder)
    rows = ResultsFolder(folder).read(PairRow)
    assert {row.pair for row in rows} == set(range(1, 21))
    done = run("selfcheck", "--minutes", "0", "--results", folder)
    assert done.exit_code == 0, done.stderr
    assert "From 20 pairs of equal code and 3 workloads" in done.stdout
    blunt = run("selfcheck", "--minutes", "0", "--results", folder, "--threshold", "20%")
    assert "slower by more than 20 %" in blunt.stdout
    figures = json.loads(run("selfcheck", "--minutes", "0", "--results", folder, "--json").stdout)
    assert figures["false_alarms"]["point"] == 0
    assert figures["planted_ratio"]["0.05"] == pytest.approx(0.05, abs=0.01)


def test_a_duel_prints_what_is_known_of_the_machine(run, pairs, tmp_path):
    noise = random.Random(0)
    pairs(lambda contest, pair: timed(contest.extra[1], noise))
    for _ in range(16):
        run("selfcheck", "--minutes", "0.0001")
    assert Path(tmp_path / "cache" / "selfcheck" / "pairs.csv").exists()
    assert "false alarms in 0 % of cells" in run("duel", ".", ".").stdout
