"""`--shard` and `--plan` as a user types them: every part once, each in its own folder, and what comes next."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas
import pytest
from run_fake_training import FAKE, FAKE_MAPPER
from running import Run

import mixbench
from mixbench.errors import RequestError
from mixbench.tables.manifest import read_manifest

TASK = "majority:train=60,dev=20,test=20,tokens=8,symbols=2"
SHAPES = "shapes:train=60,dev=20,test=20"
TRAINING = ("data-efficiency", "--task", TASK, "--sizes", "20,40", "--seeds", "3", "--mixer", "attention", "--mixer", "none")
SEARCH = ("tune", "--task", TASK, "--mixer", "attention", "--mixer", "none", "--trials", "3", "--size", "1.0")
MAPS = ("attention-map", "--task", SHAPES, "--mixer", "attention", "--mixer", "none", "--examples", "2", "--draw", "")
SPEED = (
    "speed",
    "--mixer",
    "attention",
    "--mixer",
    "none",
    "--tokens",
    "8..64",
    "--width",
    "8",
    "--mode",
    "inference,training",
)


@pytest.fixture(autouse=True)
def _fakes(monkeypatch: pytest.MonkeyPatch, children_find_helpers: None) -> None:
    """Runs take milliseconds."""
    monkeypatch.setattr("mixbench.studies.data_efficiency.Trainer", lambda: FAKE)
    monkeypatch.setattr("mixbench.studies.tune.Trainer", lambda: FAKE)
    monkeypatch.setattr("mixbench.studies.attention_map.MAPPER", FAKE_MAPPER)
    for name in ("SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"):
        monkeypatch.delenv(name, raising=False)


KEYS = ("mixer", "config", "settings", "train_size", "seed", "trial", "example")


def rows_of(file: Path) -> list[tuple[str, ...]]:
    """The keys of the rows of a table; none if there is no table, as in an empty shard."""
    if not file.exists():
        return []
    with file.open() as stream:
        return sorted(tuple(row[name] for name in KEYS if name in row) for row in csv.DictReader(stream))


@pytest.mark.parametrize(
    ("words", "table"),
    [(TRAINING, "data_efficiency"), (SEARCH, "tuning"), (MAPS, "attention_map")],
    ids=("train", "tune", "map"),
)
def test_the_shards_of_a_plan_have_every_row_of_it_once(run: Run, tmp_path: Path, words: tuple[str, ...], table: str) -> None:
    whole = run(*words, "--results", tmp_path / "whole")
    assert whole.exit_code == 0, whole.stderr
    results, parts = tmp_path / "my results", []
    for number in (1, 2, 3):
        done = run(*words, "--results", results, "--shard", f"{number}/3")
        assert done.exit_code == 0, done.stderr
        folder = results / f"shard-{number}-of-3"
        assert f"in {folder}" in done.stderr
        assert done.stderr.endswith(f"mixbench merge '{results}'/shard-* --into '{results}'\n")
        manifest = read_manifest(folder)
        assert manifest is not None
        assert (manifest.shard, manifest.of, manifest.study, manifest.finished) == (number, 3, words[0], True)
        assert "--shard" not in manifest.command
        part = rows_of(folder / f"{table}.csv")
        assert manifest.rows.get(table, 0) == len(part)
        parts += part
    assert sorted(parts) == rows_of(tmp_path / "whole" / f"{table}.csv")
    merged = run("merge", *sorted(results.glob("shard-*")), "--into", results)
    assert merged.exit_code == 0, merged.stderr
    united = (results / f"{table}.csv").read_bytes()
    again = run(*words, "--results", results)
    assert again.exit_code == 0, again.stderr
    assert (results / f"{table}.csv").read_bytes() == united
    assert rows_of(results / f"{table}.csv") == sorted(parts)
    assert f"Next: mixbench plot --results '{results}'\n" in again.stderr
    (results / "shard-1-of-3" / f"{table}.csv").unlink()
    lost = run("merge", *sorted(results.glob("shard-*")), "--into", tmp_path / "copied in part")
    assert lost.exit_code == 1
    assert "3 shards: shard 1 unfinished" in lost.stderr


def test_a_shard_continues_where_it_stopped_and_refuses_another_plan(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = (*TRAINING, "--results", tmp_path, "--shard", "2/3")
    table = tmp_path / "shard-2-of-3" / "data_efficiency.csv"
    run(*words)
    lines = table.read_bytes().splitlines(keepends=True)
    table.write_bytes(b"".join(lines[:-1]))
    again = run(*words)
    assert again.exit_code == 0, again.stderr
    assert table.read_bytes().splitlines()[:-1] == [line.rstrip() for line in lines[:-1]]
    assert len(table.read_bytes().splitlines()) == len(lines)
    other = run(*words, "--steps", "9")
    assert other.exit_code == 2
    assert "shard-2-of-3 has shard 2 of 3 of another plan: mixbench data-efficiency --task" in other.stderr
    assert len(table.read_bytes().splitlines()) == len(lines)
    with monkeypatch.context() as changing:
        changing.setattr("mixbench.api.scale._digest", lambda work: "0f")
        changed = run(*words)
    assert changed.exit_code == 2
    assert "the options are the same, but mixers, data or the version of mixbench have changed since" in changed.stderr
    fourths = run(*TRAINING, "--results", tmp_path, "--shard", "2/4")
    assert "shard-2-of-3 has a shard of the same plan in 3 shards; this is shard 2 of 4" in fourths.stderr


def test_a_plan_with_fewer_units_than_shards_says_so(run: Run, tmp_path: Path) -> None:
    done = run("speed", "--tokens", "16", "--results", tmp_path, "--plan", "--shard", "1/4")
    assert "3 of 4 shards are empty: the plan has 1 unit." in done.stderr.splitlines()


def test_the_command_that_merges_runs_wherever_the_results_are(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*TRAINING, "--results", "-r 1", "--shard", "1/1")
    assert done.stderr.endswith("mixbench merge './-r 1'/shard-* --into './-r 1'\n")
    assert run("merge", "./-r 1/shard-1-of-1", "--into", "./-r 1").exit_code == 0


def test_a_choice_of_rate_is_made_in_the_shard_that_needs_it(run: Run, tmp_path: Path) -> None:
    words = (*TRAINING, "--learning-rate", "auto", "--results", tmp_path, "--shard")
    for number in (1, 2, 3):
        done = run(*words, f"{number}/3")
        assert done.exit_code == 0, done.stderr
    sizes = [len(rows_of(tmp_path / f"shard-{number}-of-3" / "data_efficiency.csv")) for number in (1, 2)]
    assert sizes == [6 + 5] * 2
    limit = "At most 2 shards can be even: units are never divided, and the longest of 2 takes "
    assert limit in done.stderr
    assert "With 2 shards, the longest takes 1." in done.stderr
    told = run(*words[:-1], "--plan")
    assert limit in told.stderr
    assert " --plan --shard 1/2\n" in told.stderr
    told = run(*words[:-1], "--plan", "--shard", "1/3")
    assert "1 of 3 shards is empty: the plan has 2 units.\n" + limit in told.stderr
    assert "With 2 shards, the longest takes 1." in told.stderr
    plan = json.loads(run(*words[:-1], "--plan", "--json").stdout)
    assert (plan["most_even"], plan["suggested"]) == (2, 2)
    manifest = read_manifest(tmp_path / "shard-1-of-3")
    assert manifest is not None
    assert (manifest.units, manifest.rows) == (1, {"data_efficiency": 11})
    assert "shard 3 of 3: empty" in done.stdout
    empty = read_manifest(tmp_path / "shard-3-of-3")
    assert empty is not None
    assert (empty.units, empty.rows, empty.finished) == (0, {"data_efficiency": 0}, True)


def test_a_shard_with_a_failed_run_ends_with_1_and_says_so_as_json(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_RUNS", json.dumps({"Attention": "raise"}))
    done = run(*TRAINING, "--results", tmp_path, "--shard", "1/1", "--json")
    assert done.exit_code == 1
    assert "6 runs failed; measure again with --retry-failed.\n" in done.stderr
    expected = {"shard": 1, "of": 1, "units": 12, "cells": 12, "rows": 12, "failed": 6}
    assert json.loads(done.stdout) == {"results": str(tmp_path / "shard-1-of-1"), **expected}


def test_a_task_of_an_array_takes_its_shard(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ID": 30, "COUNT": 4, "MIN": 10, "MAX": 40, "STEP": 10}.items():
        monkeypatch.setenv(f"SLURM_ARRAY_TASK_{name}", str(value))
    assert run(*TRAINING, "--results", tmp_path, "--shard", "auto").exit_code == 0
    assert [folder.name for folder in tmp_path.glob("shard-*")] == ["shard-3-of-4"]
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID")
    monkeypatch.setenv("JOB_COMPLETION_INDEX", "3")
    refused = run(*TRAINING, "--results", tmp_path, "--shard", "auto")
    assert refused.exit_code == 2
    assert "Preparing" not in refused.stderr
    assert run(*TRAINING, "--results", tmp_path, "--shard", "auto/4").exit_code == 0
    assert (tmp_path / "shard-4-of-4" / "data_efficiency.csv").exists()


@pytest.mark.parametrize("words", [SPEED, TRAINING, SEARCH, MAPS], ids=lambda words: str(words[0]))
def test_a_plan_is_printed_and_nothing_is_written(run: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    results = tmp_path / "results"
    told = run(*words, "--results", results, "--plan", "--shard", "1/2", "--json")
    assert told.exit_code == 0, told.stderr
    plan = json.loads(told.stdout)
    assert [shard["shard"] for shard in plan["shards"]] == [1, 2]
    assert sum(shard["cells"] for shard in plan["shards"]) == plan["cells"]
    assert sum(shard["units"] for shard in plan["shards"]) == plan["units"]
    assert sum(shard["seconds"] for shard in plan["shards"]) == pytest.approx(plan["seconds"])
    text = run(*words, "--results", results, "--plan", "--shard", "1/2")
    assert text.stdout.startswith(f"{words[0]}: {plan['cells']} ")
    assert "times the mean.\n" in text.stdout
    assert f"Next: mixbench {words[0]} " in text.stderr
    assert " --shard 1/2, and so on to 2/2" in text.stderr
    assert run(*words, "--results", results, "--plan").stdout.count("\n") == 1
    assert not results.exists()


def test_a_plan_for_gpus_can_be_made_where_there_is_none(run: Run) -> None:
    told = run(*TRAINING, "--device", "cuda", "--plan")
    assert told.exit_code == 0, told.stderr


def test_shards_and_plans_from_python(tmp_path: Path, run: Run) -> None:
    options = {"task": TASK, "mixer": ["attention", "none"], "sizes": [20, 40], "seeds": 2, "results": tmp_path}
    plan = mixbench.data_efficiency(**options, shard="1/2", plan=True)  # type: ignore[arg-type]
    assert list(plan.columns) == ["shard", "units", "cells", "seconds"]
    assert plan.cells.sum() == 8
    rows = mixbench.data_efficiency(**options, shard="1/2")  # type: ignore[arg-type]
    assert len(rows) == plan.cells[0]
    assert len(pandas.read_csv(tmp_path / "shard-1-of-2" / "data_efficiency.csv")) == len(rows)
    with pytest.raises(RequestError, match="'3'"):
        mixbench.data_efficiency(**options, shard="3")  # type: ignore[arg-type]


def test_trials_made_elsewhere_have_no_shards(run: Run) -> None:
    for option in (("--plan",), ("--shard", "1/2")):
        refused = run("tune", "--from", "sweep.csv", *option)
        assert refused.exit_code == 2
        assert "no plan" in refused.stderr
