"""What a command says of a table in which lines do not count."""

from __future__ import annotations

from pathlib import Path

import pytest
from folders import fill_folder
from running import Run
from synthetic import speed_rows

import mixbench
from mixbench.errors import StorageWarning
from mixbench.tables.columns import columns
from mixbench.tables.speed_rows import SpeedRow

COLUMNS = len(columns(SpeedRow))


@pytest.fixture
def torn(tmp_path: Path) -> Path:
    """A folder whose speed.csv ends in the middle of a row."""
    folder = fill_folder(tmp_path / "results", *speed_rows(("attention", "none"), (64, 128), launches=3, rounds=3))
    table = folder / "speed.csv"
    table.write_bytes(table.read_bytes()[:-30])
    return folder


READERS = {
    "plot": ["plot", "--study", "speed", "--results"],
    "export": ["export"],
    "compare": ["compare", "--tier", "counts"],
    "cost": ["cost", "--results"],
}


@pytest.mark.parametrize("command", READERS)
def test_a_reader_says_once_what_it_leaves_out_and_changes_nothing(command: str, torn: Path, run: Run) -> None:
    content = (torn / "speed.csv").read_bytes()
    done = run(*READERS[command], torn, *([torn] if command == "compare" else []))
    told = [line for line in done.stderr.splitlines() if "left out" in line]
    assert told == [
        f"{torn / 'speed.csv'}: left out 2 lines from line 35 on (from a launch with only 2 of 3 rounds), "
        f"line 37 (incomplete line: {COLUMNS - 2} columns instead of {COLUMNS}); "
        "the next measurement into this folder moves them to speed.csv.rejected"
    ]
    assert done.exit_code == (2 if command == "cost" else 0)
    assert (torn / "speed.csv").read_bytes() == content
    assert not (torn / "speed.csv.rejected").exists()


def test_what_is_left_out_does_not_disturb_json(torn: Path, run: Run) -> None:
    assert run("compare", torn, torn, "--tier", "counts", "--json").stdout.startswith("{")


def test_python_is_warned(torn: Path) -> None:
    with pytest.warns(StorageWarning, match="left out 2 lines from line 35"):
        assert set(mixbench.summary(torn, study="speed")["mixer"]) == {"attention", "none"}


def test_the_same_is_said_again_by_the_next_command(torn: Path, run: Run) -> None:
    said = [run("export", torn).stderr.count("left out") for _ in range(2)]
    assert said == [1, 1]
