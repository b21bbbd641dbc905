"""`mixbench merge` says what it did and what is missing, and ends with a meaning; the folder is then as any other."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from damaging import Files, contents, damaged, sound_results, write_files
from folders import fill_folder
from fuzzing import CASES, run_command
from hypothesis import given, settings
from recorder import Recorder
from run_fake_speed import FAKE, fake_request
from run_fake_training import FAKE as TRAINER
from run_fake_training import fake_request as fake_training
from running import Run, environment_in
from synthetic import MACHINE, speed_rows
from synthetic_training import training_rows, trial_rows

import mixbench
from mixbench.errors import RequestError
from mixbench.execution.engine import Local
from mixbench.mixers.choice import choose_mixers
from mixbench.studies.data_efficiency import run_data_efficiency
from mixbench.studies.progress import Silent
from mixbench.studies.speed import run_speed
from mixbench.tables.manifest import Manifest, write_manifest
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.tables.training_rows import TrainingRow


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    """Two of three shards of a study; the second has a failure."""
    lost = {("fnet", 128): ("oom", "needs 9 TiB")}
    folders = [
        fill_folder(tmp_path / "r" / "shard-1-of-3", *speed_rows(("attention", "fnet"), (64,), launches=2, rounds=2)),
        fill_folder(
            tmp_path / "r" / "shard-2-of-3", *speed_rows(("attention", "fnet"), (128,), launches=2, rounds=2, failures=lost)
        ),
    ]
    for number, folder in enumerate(folders, 1):
        write_manifest(folder, Manifest(number, 3, "speed", "mixbench speed --results r", "0f", 1, finished=True))
    return folders


def test_what_was_added_and_what_is_missing_is_told(shards: list[Path], run: Run) -> None:
    into = shards[0].parent
    done = run("merge", *shards, "--into", into)
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "table         rows  added  there before  failed",
        "speed.csv       14     14             0       2",
        "launches.csv     4      4             0       0",
    ]
    assert done.stderr.splitlines() == [
        "2 runs failed.",
        "speed, 3 shards: shard 3 missing; shard 2 with failures.",
        "Run just those:",
        "  mixbench speed --results r --shard 3/3",
        "  mixbench speed --results r --retry-failed --shard 2/3",
        f"Next: mixbench plot --results {into}",
    ]
    again = run("merge", *shards, "--into", into)
    assert again.stdout.splitlines()[1].split() == ["speed.csv", "14", "0", "14", "2"]
    assert "Next" not in again.stderr


def test_plans_with_one_command_and_shards_in_a_row_are_told(shards: list[Path], tmp_path: Path, run: Run) -> None:
    for number, (folder, plan) in enumerate(zip(shards, ("0f", "1f"), strict=True), 1):
        write_manifest(folder, Manifest(number, 9, "speed", "mixbench speed --results r", plan, 1, finished=True))
    done = run("merge", *shards, "--into", tmp_path / "all")
    told = done.stderr.splitlines()
    assert "speed, 9 shards: shards 2 to 9 missing." in told
    assert any(line.startswith("Several plans have the same command") for line in told)
    assert "shards.json" in done.stderr
    alone = run("merge", shards[0], "--into", tmp_path / "one")
    assert "Several" not in alone.stderr


def test_a_folder_that_cannot_be_read_is_to_be_merged_later(shards: list[Path], tmp_path: Path, run: Run) -> None:
    (shards[0] / "shard.json").unlink()
    (shards[0] / "shard.json").mkdir()
    done = run("merge", *shards, "--into", tmp_path / "all")
    assert f"Left out: cannot read {shards[0]}/shard.json: Is a directory. Merge it again when it can be read." in done.stderr


def test_a_whole_study_ends_with_0(shards: list[Path], tmp_path: Path, run: Run) -> None:
    for folder in shards:
        (folder / "shard.json").unlink()
    done = run("merge", shards[0], shards[0], tmp_path / "r" / ".." / "r" / shards[0].name, "--into", tmp_path / "all")
    assert (done.exit_code, done.stdout.splitlines()[1].split()) == (0, ["speed.csv", "8", "8", "0"]), (
        "one folder, given thrice"
    )


def test_json_and_python_tell_the_same(shards: list[Path], tmp_path: Path, run: Run) -> None:
    told = json.loads(run("merge", *shards, "--into", tmp_path / "all", "--json").stdout)
    assert told["complete"] is False
    assert told["shards"][0]["missing"] == [3]
    frame = mixbench.merge(shards, into=tmp_path / "other")
    assert frame.to_dict("records") == told["tables"]
    assert frame.set_index("table").added["speed"] == 14
    assert len(mixbench.merge(str(shards[0]), into=tmp_path / "other")) == len(frame)
    with pytest.raises(RequestError, match="FOLDERS is empty") as caught:
        mixbench.merge([], into=tmp_path / "other")
    assert caught.value.hint == "Give at least one."


def test_the_progress_of_a_merge_has_a_step_for_each_folder(shards: list[Path], tmp_path: Path) -> None:
    progress = Recorder()
    mixbench.merge(shards, into=tmp_path / "all", progress=progress)
    assert progress.finished == progress.total == 2
    assert progress.texts == [*(f"folder {number} of 2: {shards[number - 1]}" for number in (1, 2)), "writing what was added"]


def test_a_conflict_is_named_with_both_values(shards: list[Path], tmp_path: Path, run: Run) -> None:
    other = tmp_path / "again"
    shutil.copytree(shards[0], other)
    table = other / "speed.csv"
    table.write_text("".join(line.replace("0.1", "0.9") for line in table.read_text().splitlines(keepends=True)))
    assert table.read_bytes() != (shards[0] / "speed.csv").read_bytes()
    done = run("merge", shards[0], other, "--into", tmp_path / "all")
    assert done.exit_code == 1
    told = [line for line in done.stderr.splitlines() if line.startswith("Conflict: ")]
    assert told
    assert "64 tokens" in told[0]
    assert all("speed.csv, " in line and " stays, " in line and str(other) in line for line in told[:-1])


@pytest.mark.parametrize(
    ("folders", "into", "message"),
    [
        ("nowhere", "all", "nowhere does not exist"),
        ("one nowhere", "all", "nowhere does not exist"),
        ("shard-*", "all", "no folder matches shard-*"),
        ("one/data_efficiency.csv", "all", "one/data_efficiency.csv is not a folder"),
        ("one two", "one", "one is the folder to merge into"),
        ("one link", "one", "one is the folder to merge into"),
        ("link", "one", "link is the folder to merge into"),
        ("one", "one/all", "one/all is inside one, which is to be merged into it"),
        ("link", "one/all", "one/all is inside link, which is to be merged into it"),
        ("one bare", "all", "bare is no results folder: it has no tables"),
        ("one", "one/speed.csv/all", "is inside one"),
        ("one", "two/data_efficiency.csv/all", "cannot write to the results folder two/data_efficiency.csv/all"),
    ],
)
def test_a_request_that_cannot_be_is_refused_and_nothing_is_written(
    folders: str, into: str, message: str, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "two"):
        fill_folder(tmp_path / name, training_rows(("fnet",), (250,), seeds=(0,)))
    (tmp_path / "bare").mkdir()
    (tmp_path / "link").symlink_to("one")
    before = contents(tmp_path)
    done = run("merge", *folders.split(), "--into", into)
    assert (done.exit_code, message in done.stderr) == (2, True), done.stderr
    assert contents(tmp_path) == before


def test_a_folder_that_only_holds_shards_says_so(shards: list[Path], tmp_path: Path, run: Run) -> None:
    done = run("merge", tmp_path / "r", "--into", tmp_path / "all")
    assert done.exit_code == 2
    assert f"Its shards are: {tmp_path}/r/shard-*-of-*" in done.stderr


def test_a_link_to_a_folder_is_the_folder(shards: list[Path], tmp_path: Path, run: Run) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "into").symlink_to("there")
    (tmp_path / "given").symlink_to(shards[0])
    run("merge", tmp_path / "given", shards[1], "--into", tmp_path / "into")
    assert len(ResultsFolder(tmp_path / "there").read(SpeedRow)) == 14


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_target_that_is_read_only_is_told(shards: list[Path], tmp_path: Path, run: Run) -> None:
    (tmp_path / "all").mkdir(mode=0o500)
    done = run("merge", *shards, "--into", tmp_path / "all")
    assert (done.exit_code, "--into" in done.stderr) == (1, True)


def test_a_target_that_cannot_be_written_is_told(
    shards: list[Path], tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(folder: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mixbench.tables.pending.begin", refused)
    done = run("merge", *shards, "--into", tmp_path / "all")
    assert (done.exit_code, done.stderr.splitlines()) == (
        1,
        [f"mixbench: cannot merge into {tmp_path}/all: Permission denied", "  Give another folder with --into."],
    )


def test_every_command_works_on_the_folder_afterwards(tmp_path: Path, run: Run) -> None:
    one = fill_folder(
        tmp_path / "one", *speed_rows(("attention", "hypermixer"), (100,), modes=("training",), launches=3, rounds=2)
    )
    mixers = ("attention", "hypermixer")
    two = fill_folder(tmp_path / "two", training_rows(mixers, (100, 400), seeds=range(3)), trial_rows(mixers, trials=4))
    whole = fill_folder(
        tmp_path / "whole",
        *speed_rows(mixers, (100,), modes=("training",), launches=3, rounds=2),
        training_rows(mixers, (100, 400), seeds=range(3)),
        trial_rows(mixers, trials=4),
    )
    into = tmp_path / "all"
    assert run("merge", one, two, "--into", into).exit_code == 0
    for words in (["cost", "--results"], ["export", "--format", "json"], ["plot", "--study", "tune", "--results"]):
        done, expected = (run(*words, folder) for folder in (into, whole))
        assert done.exit_code == expected.exit_code == 0
        assert done.stdout.replace(str(into), "") == expected.stdout.replace(str(whole), "")
    assert run("compare", whole, into).exit_code == 0


def test_nothing_is_left_to_do_on_the_machine_that_measured(
    tmp_path: Path, run: Run, children_find_helpers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIXBENCH_CACHE", str(tmp_path / "cache"))
    for number, mixer in enumerate(("attention", "none")):
        folder = ResultsFolder(tmp_path / f"shard-{number}")
        run_speed(fake_request(launches=1, mixers=(mixer,)), folder, Silent(), worker=FAKE)
        training = fake_training(mixers=choose_mixers((mixer,)), seeds=(0,))
        run_data_efficiency(training, folder, Silent(), engine=Local([{}]), trainer=TRAINER, save=True)
    into = tmp_path / "all"
    assert run("merge", tmp_path / "shard-0", tmp_path / "shard-1", "--into", into).exit_code == 0
    before = contents(into)
    run_speed(fake_request(launches=1, mixers=("attention", "none")), ResultsFolder(into), Silent(), worker=FAKE)
    training = fake_training(mixers=choose_mixers(("attention", "none")), seeds=(0,))
    run_data_efficiency(training, ResultsFolder(into), Silent(), engine=Local([{}]), trainer=TRAINER, save=True)
    assert contents(into) == before
    assert len(ResultsFolder(into).read(TrainingRow)) == 4
    assert len(ResultsFolder(into).read(LaunchRow)) == 12


@pytest.mark.slow
def test_a_merge_that_is_killed_leaves_all_or_nothing(tmp_path: Path) -> None:
    lengths = [2**n for n in range(4, 13)]
    folders = [
        fill_folder(tmp_path / f"s{number}", *speed_rows(("attention", "fnet"), lengths, launches=5, rounds=10),
                    machine={**MACHINE, "cpu": f"Example {number}"})
        for number in range(6)
    ]  # fmt: skip
    rows = sum(len(ResultsFolder(folder).read(SpeedRow)) for folder in folders)
    moments, into, sizes = random.Random(1), tmp_path / "all", set()
    command = [sys.executable, "-m", "mixbench", "merge", *map(str, folders), "--into", str(into)]
    for _ in range(6):
        shutil.rmtree(into, ignore_errors=True)
        process = subprocess.Popen(command, env=environment_in(tmp_path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not (into / ".merging").exists():
            time.sleep(0.001)
        time.sleep(moments.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        process.wait()
        stored = ResultsFolder(into)
        sizes.add((len(stored.read(SpeedRow)), len(stored.read(LaunchRow))))
    assert sizes <= {(0, 0), (rows, rows // 20)}
    subprocess.run(command, env=environment_in(tmp_path), check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert len(ResultsFolder(into).read(SpeedRow)) == rows


@pytest.mark.slow
@given(damaged(sound_results()))
@settings(CASES, max_examples=12)
def test_a_damaged_folder_is_merged_as_far_as_it_can_be(tmp_path_factory: pytest.TempPathFactory, files: Files) -> None:
    place = tmp_path_factory.mktemp("damaged")
    write_files(place / "R", files)
    write_files(place / "S", sound_results())
    words = ["merge", str(place / "R"), str(place / "S"), "--into", str(place / "T")]
    assert run_command(words) in (0, 1, 2)
    after = contents(place / "T") if (place / "T").exists() else {}
    assert contents(place / "R") == files
    assert run_command(words) in (0, 1, 2)
    assert (contents(place / "T") if (place / "T").exists() else {}) == after
    if after:
        assert run_command(["plot", "--study", "tune", "--results", str(place / "T")]) in (0, 2)
    shutil.rmtree(place)
