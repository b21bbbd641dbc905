"""The commands that `mixbench cost` prints: they carry the settings of the rows that are there, and run as they stand."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from folders import fill_folder
from running import Run
from synthetic import MACHINE

from mixbench.api import data_efficiency, speed, tune
from mixbench.studies.data_efficiency_plan import plan_runs
from mixbench.studies.speed_plan import plan_speed
from mixbench.studies.tune_plan import plan_trials
from mixbench.tables.columns import Row, columns
from mixbench.tables.speed_rows import SpeedRow
from mixbench.tables.training_rows import TrainingRow, TrialRow

Keys = Mapping[str, Any]
TASK = "majority:train=60,dev=20,test=20,tokens=8,symbols=2"
OURS, THEIRS = "attention:heads=2", "hypermixer:heads=2,tied=true"


class Planned(Exception):  # noqa: N818 - carries what a command would have done
    def __init__(self, request: Any) -> None:
        self.request = request


@pytest.fixture
def plan(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Sequence[str]], list[Row]]:
    """The rows that a command would measure or train, with made-up scores and times."""

    def stop(request: Any, *_: Any, **__: Any) -> None:
        raise Planned(request)

    monkeypatch.setattr(speed, "run_speed", stop)
    monkeypatch.setattr(data_efficiency, "run_data_efficiency", stop)
    monkeypatch.setattr(tune, "run_tuning", stop)

    def planned(words: Sequence[str]) -> list[Row]:
        with pytest.raises(Planned) as caught:
            run(*words, "--results", tmp_path / "planned")
        return rows_of(words[0], caught.value.request)

    return planned


def rows_of(study: str, request: Any) -> list[Row]:
    common: dict[str, Any] = {"environment": "", "measured_at": "2025-01-01T00:00:00Z"}
    if study == "speed":
        cells = [cell for cell in plan_speed(request) if cell.job]
        return [
            SpeedRow(**cell.keys, launch=launch, round=1, latency_ms=1.0, flops=1, **common)
            for cell in cells
            for launch in range(1, request.launches + 1)
        ]
    scored: dict[str, Any] = {"score": "accuracy", "dev_score": 0.6, "test_score": 0.6, "fraction": 1.0, **common}
    if study == "data-efficiency":
        return [TrainingRow(**one.keys, seed=one.seed, learning_rate=one.rate, **scored) for one in plan_runs(request)]
    return [TrialRow(**one.keys, trial=one.trial, sampled="{}", **scored) for one in plan_trials(request)]


def identities(rows: Sequence[Row]) -> set[tuple[Any, ...]]:
    """Keys and replicates of rows, without mixer."""
    names = [name for name, column in columns(type(rows[0])).items() if column.role in ("key", "replicate")]
    return {tuple(getattr(row, name) for name in names if name not in ("mixer", "config")) for row in rows}


SMALL = ["--task", TASK, "--mixer", OURS]
SPEED = ["speed", "--mixer", OURS, "--tokens", "8", "--width", "32", "--scope", "block", "--mode", "training"]
STUDY = ["data-efficiency", *SMALL, "--sizes", "20,60"]
SEARCH = ["tune", *SMALL, "--size", "60"]
CHANGES: dict[str, tuple[list[str], list[list[str]]]] = {
    "speed": (
        SPEED,
        [
            ["--batch", "4"],
            ["--dtype", "bfloat16"],
            ["--threads", "1"],
            ["--launches", "7"],
            ["--seed", "3"],
            ["--mode", "inference"],
            ["--scope", "mixer"],
            ["--scope", "model", "--layers", "1"],
            ["--execution", "compiled"],
            ["--caches", "cold"],
        ],
    ),
    "data-efficiency": (
        STUDY,
        [
            ["--sizes", "1.0"],
            ["--seeds", "2"],
            ["--seed", "3"],
            ["--layers", "2"],
            ["--width", "16"],
            ["--batch", "4"],
            ["--steps", "90"],
            ["--dropout", "0.25"],
            ["--learning-rate", "auto"],
            ["--learning-rate", "0.003"],
            ["--score", "macro-f1"],
            ["--task", "majority:train=60,dev=20,test=20,tokens=8,symbols=3,draw=2"],
        ],
    ),
    "tune": (
        SEARCH,
        [
            ["--trials", "7"],
            ["--seed", "3"],
            ["--size", "0.5"],
            ["--layers", "2"],
            ["--width", "16"],
            ["--batch", "4"],
            ["--steps", "90"],
            ["--dropout", "0.25"],
            ["--learning-rate", "0.003"],
            ["--range", "learning_rate=0.001..0.01"],
            ["--range", "dropout=0.1..0.2"],
            ["--score", "macro-f1"],
            ["--task", "majority:train=60,dev=20,test=20,tokens=8,symbols=3,draw=2"],
        ],
    ),
}
CASES = [(study, change) for study, (_, changes) in CHANGES.items() for change in changes]
TABLES = {"speed": "speed.csv", "data-efficiency": "data_efficiency.csv", "tune": "tuning.csv"}


@pytest.mark.parametrize(("study", "change"), CASES, ids=[f"{study} {' '.join(change)}" for study, change in CASES])
def test_every_option_that_makes_rows_what_they_are_is_in_the_command_for_a_missing_mixer(
    study: str, change: list[str], run: Run, plan: Callable[[Sequence[str]], list[Row]], tmp_path: Path
) -> None:
    usual = {name: words for name, (words, _) in CHANGES.items()}
    ours = plan(changed(usual[study], change))
    assert identities(ours) != identities(plan(usual[study])), "the option does not matter"
    shared = change if study != "speed" and change[0] in ("--layers", "--width", "--task", "--score") else []
    others = [
        with_theirs(plan(changed(words, shared if name != "speed" or "--width" in shared else [])))
        for name, words in usual.items()
        if name != study
    ]
    results = fill_folder(tmp_path / "results", ours, *others)
    done = run("cost", "--results", results, "--target", "0.5")
    assert done.exit_code == 0, done.stderr
    command = shlex.split(next(line for line in done.stdout.splitlines() if line.startswith(f"  mixbench {study} ")))
    assert command[-2:] == ["--results", str(results)]
    assert command[2:4] == ["--mixer", THEIRS]
    assert identities(plan(command[1:-2])) == identities(ours), command


def changed(words: Sequence[str], change: Sequence[str]) -> list[str]:
    """The words of a command, with an option changed that may be given once, or a task in the place of another."""
    same = words.index("--task") if "--task" in change else len(words)
    return [*words[:same], *words[same + 2 :], *change]


def with_theirs(rows: Sequence[Row]) -> list[Row]:
    """The rows of our mixer and equal ones of theirs."""
    from mixbench.mixers.choice import choose_mixer

    theirs = choose_mixer(THEIRS)
    return [*rows, *(replace(row, mixer=theirs.name, config=theirs.config) for row in rows)]  # type: ignore[call-arg]


def test_a_range_of_a_mixer_of_its_own_is_in_the_command_for_that_mixer_only(
    plan: Callable[[Sequence[str]], list[Row]], run: Run, tmp_path: Path
) -> None:
    drawn = plan([*SEARCH, "--mixer", "hypermixer", "--range", "hypermixer.hidden=16,32", "--trials", "4"])
    study = plan([*STUDY, "--mixer", THEIRS, "--mixer", "hypermixer", "--mixer", "none"])
    results = fill_folder(tmp_path / "results", drawn, study)
    done = run("cost", "--results", results)
    (command,) = (line for line in done.stderr.splitlines() if line.startswith("  mixbench tune "))
    assert "--mixer none" in command
    assert f"--mixer {THEIRS}" in command
    assert "--range hypermixer.hidden=16,32" in command


def test_settings_are_taken_from_rows_of_another_environment_where_the_present_one_has_none(
    plan: Callable[[Sequence[str]], list[Row]], run: Run, tmp_path: Path
) -> None:
    earlier = [plan([*words, "--seed", "3"]) for words in (STUDY, SEARCH)]
    results = fill_folder(tmp_path / "results", *earlier)
    now = [replace(row, measured_at="2026-01-01T00:00:00Z") for row in plan([*SPEED, "--threads", "1"])]  # type: ignore[call-arg]
    fill_folder(results, now, machine={**MACHINE, "torch": "2.13.0"})
    done = run("cost", "--results", results)
    commands = [shlex.split(line)[1:-2] for line in done.stderr.splitlines() if line.startswith("  mixbench ")]
    assert [words[0] for words in commands] == ["data-efficiency", "tune"]
    assert [identities(plan(words)) for words in commands] == [identities(rows) for rows in earlier]


def test_a_baseline_that_lacks_a_table_is_told_with_its_command(
    plan: Callable[[Sequence[str]], list[Row]], run: Run, tmp_path: Path
) -> None:
    both = ["--mixer", "none"]
    rows = plan([*STUDY, *both]), plan(SEARCH), plan([*SPEED, *both])
    done = run("cost", "--results", fill_folder(tmp_path / "results", *rows), "--baseline", "none")
    assert done.exit_code == 2
    assert "tuning.csv has no rows for none with these settings" in done.stderr
    assert "  mixbench tune --mixer none --task " in done.stderr


def test_what_was_left_out_is_named(plan: Callable[[Sequence[str]], list[Row]], run: Run, tmp_path: Path) -> None:
    both = ["--mixer", "none"]
    speeds = [plan([*SPEED, *both, *more]) for more in ([], ["--threads", "1"], ["--mode", "inference"])]
    trained = [plan([*words, *both, *more]) for words in (STUDY, SEARCH) for more in (["--steps", "9"], ["--steps", "90"])]
    results = fill_folder(tmp_path / "results", *speeds, *trained)
    done = run("cost", "--results", results, "--target", "0.5", "--threads", "1")
    for line in (
        "Left out of data_efficiency.csv: 20 rows (steps 90).",
        "Left out of tuning.csv: 40 rows (steps 90).",
        "speed.csv, 10 rows: training, block, cpu, float32, 1 thread, width 32, batch 1, 5 launches.",
    ):
        assert line in done.stdout
    chosen = run("cost", "--results", results, "--target", "0.5").stdout
    assert re.search(r"Left out of speed.csv: 20 rows \((inference|1 thread), (inference|1 thread)\)\.", chosen)


def test_runs_that_all_failed_are_told_and_not_to_be_repeated(
    plan: Callable[[Sequence[str]], list[Row]], run: Run, tmp_path: Path
) -> None:
    lost: dict[str, Any] = {"status": "diverged", "detail": "the loss was not finite", "dev_score": None, "test_score": None}
    study = [
        replace(row, **lost) if row.mixer == "none" else row  # type: ignore[attr-defined, call-arg]
        for row in plan([*STUDY, "--mixer", "none"])
    ]
    rows = study, plan([*SEARCH, "--mixer", "none"]), plan([*SPEED, "--mixer", "none"])
    done = run("cost", "--results", fill_folder(tmp_path / "results", *rows), "--target", "0.5")
    assert "none is left out: all its runs ended as diverged." in done.stdout
    assert "mixbench data-efficiency" not in done.stdout


def test_the_texts_are_named_as_they_were_given(run: Run, plan: Callable[[Sequence[str]], list[Row]], tmp_path: Path) -> None:
    lines = [f"{word} {number}\t{label}" for number in range(8) for word, label in (("good", "yes"), ("bad", "no"))]
    (tmp_path / "my train.tsv").write_text("\n".join(["words\tanswer", *lines]))
    given = ["--task", "text", "--train", str(tmp_path / "my train.tsv"), "--test", "0.25", "--dev", "0.25"]
    given += ["--text", "words", "--label", "answer", "--vocabulary", "50", "--mixer", OURS, "--steps", "3"]
    rows = plan(["data-efficiency", *given])
    unknown = fill_folder(tmp_path / "unknown", rows)
    blank = run("cost", "--results", unknown)
    assert "--train FILE --test 0.25 --dev 0.25 --text words --label answer" in blank.stderr
    assert "FILE stands for files that the folder does not name" in blank.stderr
    results = fill_folder(tmp_path / "planned", rows)  # where the command that was planned has kept the names
    done = run("cost", "--results", results)
    assert "FILE" not in done.stderr
    command = shlex.split(next(line for line in done.stderr.splitlines() if line.startswith("  mixbench tune ")))
    trials = plan(command[1:-2])
    assert {json.loads(row.settings)["task"]["data"] for row in trials} == {  # type: ignore[attr-defined]
        json.loads(row.settings)["task"]["data"]
        for row in rows  # type: ignore[attr-defined]
    }


@pytest.mark.slow
def test_the_printed_commands_run_and_give_a_cost(run: Run, tmp_path: Path) -> None:
    results = tmp_path / "results"
    small = ["--steps", "20", "--width", "8", "--batch", "4", "--jobs", "1", "--results", results]
    done = run(
        "data-efficiency", "--task", TASK, "--mixer", OURS, "--mixer", THEIRS, "--sizes", "20,60", "--seeds", "1", *small
    )
    assert done.exit_code == 0, done.stderr
    lacking = run("cost", "--results", results)
    assert lacking.exit_code == 2
    commands = [shlex.split(line)[1:] for line in lacking.stderr.splitlines() if line.startswith("  mixbench ")]
    assert [words[0] for words in commands] == ["speed", "tune"]
    for words in commands:
        more = {"tune": ["--trials", "2", "--jobs", "1"], "speed": ["--launches", "1", "--budget", "0.1"]}[words[0]]
        ended = run(*words, *more)
        assert ended.exit_code == 0, ended.stderr
    whole = run("cost", "--results", results)
    assert whole.exit_code == 0, whole.stderr
    assert "To include" not in whole.stdout
    for warning in (
        "One launch: no intervals. More launches give them: --launches 5.",
        "One seed: no intervals.",
        "With 2 trials",
    ):
        assert warning in whole.stdout
