"""A speed study in a folder that hands and editors changed: what it can, it measures again; nothing is lost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from folders import fill_folder
from recorder import Recorder
from run_fake_speed import FAKE, fake_request
from synthetic import MACHINE, speed_rows

from mixbench.errors import StorageWarning
from mixbench.studies.speed import run_speed
from mixbench.tables.columns import identity
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import LaunchRow, SpeedRow

pytestmark = pytest.mark.usefixtures("children_find_helpers")


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mixbench.studies.speed.environment", lambda: MACHINE | {"cpu": "Here 1"})


def run(folder: Path, *, fresh: bool = False) -> list[SpeedRow]:
    run_speed(fake_request(1), ResultsFolder(folder), Recorder(), fresh=fresh, worker=FAKE)
    return ResultsFolder(folder).read(SpeedRow)


def blocks(rows: list[SpeedRow]) -> Counter[tuple[object, ...]]:
    return Counter((*identity(row), row.launch, row.round) for row in rows)


def test_rows_of_another_machine_without_a_last_line_break_stay(tmp_path: Path) -> None:
    fill_folder(tmp_path, *speed_rows(("attention", "none"), (64,), launches=2, rounds=2))
    theirs = ResultsFolder(tmp_path).read(SpeedRow)
    table = tmp_path / "speed.csv"
    table.write_bytes(table.read_bytes().rstrip(b"\n"))
    rows = run(tmp_path)
    assert rows[: len(theirs)] == theirs
    assert len(rows) == len(theirs) + 2 * 3 * 2 * 3
    assert not list(tmp_path.glob("*.rejected"))


def test_a_damaged_launch_of_this_machine_is_measured_again_and_kept(tmp_path: Path) -> None:
    before = run(tmp_path)
    table = tmp_path / "speed.csv"
    lines = table.read_text().splitlines(keepends=True)
    lines[5] = lines[5].replace(",ok,", ",okay,")
    table.write_text("".join(lines))
    with pytest.warns(StorageWarning, match=r"moved to speed\.csv\.rejected: .*launch with only 2 of 3 rounds"):
        after = run(tmp_path)
    assert blocks(after) == blocks(before)
    assert lines[5] in (tmp_path / "speed.csv.rejected").read_text()


def test_a_launch_without_any_row_is_set_aside_but_for_fresh(tmp_path: Path) -> None:
    run(tmp_path)
    launches = ResultsFolder(tmp_path).read(LaunchRow)
    run(tmp_path, fresh=True)
    assert not (tmp_path / "launches.csv.rejected").exists()
    assert len(ResultsFolder(tmp_path).read(LaunchRow)) == len(launches)
    (tmp_path / "speed.csv").unlink()
    with pytest.warns(StorageWarning, match=r"launches\.csv: moved to .* \(a launch without rows in speed\.csv\)"):
        run(tmp_path)
    assert len(ResultsFolder(tmp_path).read(LaunchRow)) == len(launches)
    kept = (tmp_path / "launches.csv.rejected").read_text().splitlines()
    assert len([line for line in kept if not line.startswith("#")]) == len(launches) + 1
