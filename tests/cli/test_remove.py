"""`mixbench remove` shows what it would remove, asks, and removes exactly that."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from folders import fill_folder
from running import Run
from synthetic import MACHINE, speed_rows
from synthetic_training import training_rows

import mixbench
from mixbench.api import remove as removing
from mixbench.api.remove_options import RemoveOptions
from mixbench.errors import FolderBusyError, RequestError
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import LaunchRow, SpeedRow
from mixbench.tables.training_rows import TrainingRow

LOST = {("fnet", 9_999_999): ("oom", "needs 9 TiB")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a typo that failed, and a training study."""
    speed = speed_rows(("attention", "fnet"), (64, 128), modes=("inference", "training"), launches=2, rounds=1)
    typo = speed_rows(("fnet",), (9_999_999,), launches=1, failures=LOST)
    return fill_folder(tmp_path / "results", *speed, typo[0], training_rows(("fnet", "none"), (250, 500), seeds=(0, 1)))


def answering(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr("mixbench.cli.terminal.sys", Terminal(answer))


class Terminal:
    """Stands for `sys` where someone answers."""

    def __init__(self, answer: str) -> None:
        self.stdin, self.stdout, self.stderr, self.argv = self, sys.stdout, sys.stderr, sys.argv
        self.answer = answer

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self.answer


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.glob("*.csv")}


def test_the_rows_are_shown_by_mixer_and_context_and_removed_with_yes(folder: Path, run: Run) -> None:
    done = run("remove", "--results", folder, "--mixer", "fnet", "--tokens", "64,9999999", "--yes")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "speed.csv: 5 of 17 rows",
        "mixer · width 64 · batch 1 · float32 · cpu · 2 threads",
        "mixer  rows  tokens       context    status",
        "fnet      3  64, 9999999  inference  ok, oom",
        "fnet      2  64           training   ok",
    ]
    assert done.stderr == "Removed 5 rows.\n"
    stored = ResultsFolder(folder)
    assert {(row.mixer, row.tokens) for row in stored.read(SpeedRow)} == {("attention", 64), ("attention", 128), ("fnet", 128)}
    assert len(stored.read(LaunchRow)) == 8, "attention was measured in the same processes"
    assert len(stored.read(TrainingRow)) == 8


def test_a_table_without_a_column_that_is_asked_for_is_left_alone(folder: Path, run: Run) -> None:
    assert run("remove", "--results", folder, "--mixer", "fnet", "--mode", "training", "--yes").exit_code == 0
    assert len(ResultsFolder(folder).read(TrainingRow)) == 8
    done = run("remove", "--results", folder, "--study", "data-efficiency", "--mode", "training", "--yes")
    assert (done.exit_code, done.stderr.splitlines()[0]) == (2, "mixbench: data-efficiency: no table has all of --mode")


def test_failures_are_removed_by_their_status(folder: Path, run: Run) -> None:
    assert run("remove", "--results", folder, "--status", "failed", "--yes").stderr == "Removed 1 row.\n"
    assert all(row.status == "ok" for row in ResultsFolder(folder).read(SpeedRow))
    done = run("remove", "--results", folder, "--status", "failed", "--yes")
    assert (done.exit_code, done.stderr.splitlines()[1]) == (2, "  Available: --status ok")


@pytest.mark.parametrize("words", ["", "--mixer nothing", "--tokens 7", "--status bad", "--study tune"])
def test_a_request_that_names_no_row_is_refused(words: str, folder: Path, run: Run) -> None:
    before = contents(folder)
    assert run("remove", "--results", folder, "--yes", *words.split()).exit_code == 2
    assert contents(folder) == before


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path, run: Run) -> None:
    assert run("remove", "--results", tmp_path / "typo", "--everything", "--yes").exit_code == 2
    assert not (tmp_path / "typo").exists()


def test_without_a_terminal_nothing_is_removed_unless_yes_is_given(folder: Path, run: Run) -> None:
    before = contents(folder)
    done = run("remove", "--results", folder, "--everything")
    assert (done.exit_code, contents(folder)) == (2, before)
    assert "data_efficiency.csv: 8 of 8 rows" in done.stdout
    assert "Add --yes" in done.stderr


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("Yes\n", 0), ("\n", 17), ("n\n", 17), ("", 17), ("yess\n", 17)])
def test_a_terminal_is_asked_and_the_default_is_no(
    answer: str, left: int, folder: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(monkeypatch, answer)
    done = run("remove", "--results", folder, "--study", "speed")
    assert done.exit_code == 0
    assert len(ResultsFolder(folder).read(SpeedRow)) == left
    assert f"Remove 17 rows from {folder}? [y/N] " in done.stderr
    assert ("Nothing was removed." in done.stderr) == bool(left)


def test_rows_that_were_added_since_they_were_shown_stay(folder: Path) -> None:
    removal = removing.plan_removal(RemoveOptions(results=folder, study="speed"))
    later, _ = speed_rows(("none",), (64,), launches=1, rounds=2)
    fill_folder(folder, later)
    removing.carry_out(removal)
    assert {row.mixer for row in ResultsFolder(folder).read(SpeedRow)} == {"none"}


def test_a_folder_that_another_process_writes_is_not_touched(folder: Path) -> None:
    before = contents(folder)
    with ResultsFolder(folder).writing(), pytest.raises(FolderBusyError):
        mixbench.remove(results=folder, everything=True, yes=True)
    assert contents(folder) == before


def test_what_cannot_be_written_leaves_the_table_as_it_was(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(folder)

    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mixbench.tables.storage.os.replace", full)
    with pytest.raises(mixbench.errors.StorageError):
        mixbench.remove(results=folder, study="speed", yes=True)
    assert contents(folder) == before


def test_python_gets_what_is_removed_and_without_yes_what_would_be(folder: Path) -> None:
    before = contents(folder)
    asked = mixbench.remove(results=folder, mixer="fnet", study="data-efficiency")
    assert contents(folder) == before
    assert asked[["table", "mixer", "sizes", "status", "rows"]].to_dict("records") == [
        {"table": "data_efficiency", "mixer": "fnet", "sizes": "250, 500", "status": "ok", "rows": 4}
    ]
    assert mixbench.remove(results=folder, mixer="fnet", study="data-efficiency", yes=True).equals(asked)
    assert {row.mixer for row in ResultsFolder(folder).read(TrainingRow)} == {"none"}
    with pytest.raises(RequestError, match="no rows are chosen"):
        mixbench.remove(results=folder, yes=True)


def test_every_machine_is_meant_unless_one_is_named(folder: Path, run: Run) -> None:
    rows, launches = speed_rows(("attention",), (64,), launches=1, rounds=1)
    fill_folder(folder, rows, launches, machine={**MACHINE, "cpu": "Example 1"})
    other = ResultsFolder(folder).read(SpeedRow)[-1].environment
    done = run("remove", "--results", folder, "--study", "speed", "--tokens", "64")
    assert done.stdout.splitlines()[2].endswith("environment")
    assert run("remove", "--results", folder, "--environment", other, "--yes").stderr == "Removed 1 row.\n"
    assert other not in {row.environment for row in ResultsFolder(folder).read(LaunchRow)}
