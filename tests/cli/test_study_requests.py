"""What `mixbench study` refuses and what it says before it begins: wrong requests at once, what it prepares only once."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from run_fake_study import with_fakes
from running import Run

from mixbench.api.study_parts import PlannedPart
from mixbench.errors import FolderBusyError

STUDY = """\
title = "A small study"
[model]
width = 8
[[data-efficiency]]
mixer = ["none"]
task = "majority:train=60,dev=20,test=20,tokens=8,symbols=2"
sizes = 20
seeds = 1
[tune]
mixer = ["none"]
task = "majority:train=60,dev=20,test=20,tokens=8,symbols=2"
trials = 1
size = 1.0
[speed]
mixer = ["none"]
tokens = 8
launches = 1
"""
CLAIM = """\
[claims.slower]
claim = "It takes more time."
rule = "faster"
mixer = "none"
against = ["attention"]
"""
PREPARING = "Preparing the data of majority"


@pytest.fixture(autouse=True)
def study(monkeypatch: pytest.MonkeyPatch, children_find_helpers: None, tmp_path: Path) -> Path:
    """A study whose cells take milliseconds, in the folder where commands run."""
    with_fakes(monkeypatch)
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda figure, path, **how: Path(path).write_bytes(b""))
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "small.toml"
    file.write_text(STUDY)
    return file


def parts_of(run: Run, *words: str) -> list[str]:
    told = run("study", "small.toml", "--dry-run", *words)
    assert told.exit_code == 0, told.stderr
    return [line.split()[2] for line in told.stdout.splitlines() if line.startswith("[")]


def test_parts_are_asked_for_as_a_list_or_one_by_one(run: Run) -> None:
    for words in (("--only", "tune,speed"), ("--only", "speed", "--only", "tune"), ("--only", " tune , speed,tune")):
        assert parts_of(run, *words) == ["tune", "speed"]


@pytest.mark.parametrize(
    ("only", "told"),
    [
        ("tunes", "unknown part 'tunes' for --only\n  Did you mean 'tune'? Known: data-efficiency, tune, speed.\n"),
        ("tune,", "unknown part '' for --only\n  Known: data-efficiency, tune, speed.\n"),
        ("tune,cost", "--only: small.toml has no part cost\n  It has: data-efficiency, tune, speed.\n"),
        ("claims", "--only: small.toml has no claims\n"),
    ],
)
def test_a_part_that_the_file_does_not_have_is_refused_with_those_that_it_has(run: Run, only: str, told: str) -> None:
    done = run("study", "small.toml", "--only", only)
    assert done.exit_code == 2
    assert done.stderr.startswith(f"mixbench: {told}")


@pytest.mark.parametrize(
    "words",
    [
        ("nosuch",),
        ("small.toml", "--scale", "nosuch"),
        ("small.toml", "--only", "nosuch"),
        ("small.toml", "--shard", "5/4"),
        ("small.toml", "--engine", "ray:"),
        ("small.toml", "--engine", "slurm"),
        ("small.toml", "--device", "gpu"),
        ("small.toml", "--shard", "1/2", "--device", "gpu"),
        ("faulty.toml",),
        ("small.toml", "--results", "other"),
    ],
)
def test_what_is_refused_at_once_is_the_only_thing_that_is_told(run: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "faulty.toml").write_text(STUDY.replace("launches = 1", "lanches = 1"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "study.toml").write_text('title = "Another"\n[cost]\n')
    done = run("study", *words)
    assert done.exit_code == 2
    assert done.stderr.startswith("mixbench: ")


def test_what_is_prepared_for_several_parts_is_told_once(run: Run) -> None:
    for words in (("--dry-run",), ("--shard", "1/1"), ()):
        done = run("study", "small.toml", *words)
        assert done.exit_code == 0, done.stderr
        assert done.stderr.count(PREPARING) == 1, words


def test_a_task_that_is_named_twice_is_prepared_once(run: Run) -> None:
    task = ("--task", "majority:train=60,dev=20,test=20,tokens=8,symbols=2")
    told = run("tune", *task, *task, "--size", "1.0", "--plan")
    assert told.exit_code == 0, told.stderr
    assert told.stderr.count(PREPARING) == 1


def test_what_a_cost_will_lack_is_told_in_the_plan_and_before_it_is_carried_out(run: Run, study: Path) -> None:
    told = "For cost, no part measures the time of an example of none (majority · 1 layer · width 8 · 8 tokens · cpu)."
    lacking = STUDY.replace("tokens = 8\nlaunches", "tokens = 16\nlaunches")
    for text, count in ((STUDY, 0), (lacking, 1)):
        study.write_text(f"{text}[cost]\n")
        plan = run("study", "small.toml", "--dry-run")
        assert plan.exit_code == 0, plan.stderr
        assert plan.stderr.count(told) == count
        as_json = json.loads(run("study", "small.toml", "--dry-run", "--json").stdout)
        assert [warning.startswith(told) for warning in as_json["warnings"]] == [True] * count
    begun = run("study", "small.toml", "--only", "speed,cost")
    assert begun.stderr.count(told) == 1
    assert begun.exit_code == 2, "what else is asked for is measured, and the cost says what it lacks"


def test_a_folder_that_became_busy_between_two_parts_is_told_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    carry_out = PlannedPart.run

    def busy_later(part: PlannedPart, options: object) -> object:
        if part.command == "tune":
            raise FolderBusyError("results is being written")
        return carry_out(part, options)

    monkeypatch.setattr(PlannedPart, "run", busy_later)
    refused = run("study", "small.toml")
    assert (refused.exit_code, "data-efficiency" in refused.stdout) == (2, True)
    assert refused.stderr.count("results is being written") == 1


def test_claims_alone_are_judged_in_a_copy_of_the_folder_without_writing_there(run: Run, tmp_path: Path) -> None:
    two = STUDY.replace('[speed]\nmixer = ["none"]', '[speed]\nmixer = ["none", "attention"]')
    (tmp_path / "small.toml").write_text(f"{two}{CLAIM}")
    assert run("study", "small.toml", "--only", "speed").exit_code == 0
    copy = shutil.copytree(tmp_path / "results", tmp_path / "copy")
    before = {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in (copy, *copy.rglob("*"))}
    judged = run("study", "small.toml", "--only", "claims", "--results", "copy")
    assert judged.exit_code == 0, judged.stderr
    assert "UNDECIDED: slower" in judged.stdout
    assert {path: (path.stat().st_mtime_ns, path.stat().st_ino) for path in (copy, *copy.rglob("*"))} == before
