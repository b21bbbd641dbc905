from __future__ import annotations

import subprocess
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from killing import kill_at_stops, kill_when, start_helper
from run_fake_speed import fake_request
from running import Run
from stopping import STORING

from mixbench.studies.speed_plan import plan_speed
from mixbench.tables.columns import identity
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import LaunchRow, SpeedRow

LAUNCHES = 2
PLACES = {
    *STORING,
    "worker: imported",
    "a step is done",
    "worker: check",
    "worker: foresee",
    "worker: count",
    "worker: peak",
    "worker: measure",
    "launches.csv: half of a row",
    "launches.csv: all rows",
    "speed.csv: a row of several",
    "speed.csv: half of a row",
    "speed.csv: all rows",
}


def start(folder: Path, **variables: str) -> subprocess.Popen[str]:
    return start_helper("run_fake_speed.py", folder, LAUNCHES, **variables)


def blocks(folder: Path) -> Counter[tuple[object, ...]]:
    return Counter((*identity(row), row.launch, row.round) for row in ResultsFolder(folder).read(SpeedRow))


def stored(folder: Path) -> Counter[tuple[object, ...]]:
    """Rows by what they would lose if they were measured again."""
    return Counter((*identity(row), row.launch, row.round, row.measured_at) for row in ResultsFolder(folder).read(SpeedRow))


@pytest.mark.slow
def test_a_sweep_killed_wherever_it_matters_ends_with_the_rows_of_one_never_interrupted(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert start(whole).communicate(timeout=60) == ("complete\n", "")
    expected = set(blocks(whole))
    assert len(expected) == len(plan_speed(fake_request())) * LAUNCHES * 3

    places = kill_at_stops(tmp_path / "stops", partial(start, killed), partial(stored, killed))
    assert places == PLACES
    assert set(blocks(killed)) == expected
    assert set(blocks(killed).values()) == {1}
    launches, rows = (
        Counter((row.tokens, row.mode, row.launch, row.measured_at) for row in ResultsFolder(killed).read(row_type))
        for row_type in (LaunchRow, SpeedRow)
    )
    assert set(launches) == set(rows)  # the mixers of a group that was killed in its rows are of two processes
    assert set(launches.values()) == {1}
    assert len({launch[:3] for launch in launches}) == 6 * LAUNCHES


@pytest.mark.slow
def test_killing_the_parent_of_a_real_sweep_leaves_no_process_and_no_lock_and_the_rest_is_measured(
    run_in: Run, tmp_path: Path
) -> None:
    words = ["speed", "--mixer", "none", "--mixer", "fnet", "--tokens", "16,32", "--width", "16", "--threads", "1"]
    words += ["--launches", "1", "--budget", "0.3", "--results", str(tmp_path), "--json"]
    kill_when(lambda children: blocks(tmp_path), "-m", "mixbench", *words, folder=tmp_path)
    before = blocks(tmp_path)
    done = run_in(*words, folder=tmp_path)
    assert done.exit_code == 0, done.stderr
    after = blocks(tmp_path)
    assert before.keys() <= after.keys()
    assert set(after.values()) == {1}
    cells = {(row.mixer, row.tokens) for row in ResultsFolder(tmp_path).read(SpeedRow)}
    assert cells == {(mixer, tokens) for mixer in ("none", "fnet") for tokens in (16, 32)}
