from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest
from killing import kill_at_random, kill_when, start_helper
from run_fake_speed import fake_request
from running import Run

from mixbench.studies.speed_plan import plan_speed
from mixbench.tables.columns import identity
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import LaunchRow, SpeedRow

LAUNCHES = 4


def start(folder: Path) -> subprocess.Popen[str]:
    return start_helper("run_fake_speed.py", folder, LAUNCHES, FAKE_SECONDS="0.03")


def blocks(folder: Path) -> Counter[tuple[object, ...]]:
    return Counter((*identity(row), row.launch, row.round) for row in ResultsFolder(folder).read(SpeedRow))


@pytest.mark.slow
def test_a_sweep_killed_at_twenty_random_moments_ends_with_the_rows_of_one_never_interrupted(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    out, err = start(whole).communicate(timeout=60)
    assert out == "started\ncomplete\n", err
    expected = set(blocks(whole))
    assert len(expected) == len(plan_speed(fake_request())) * LAUNCHES * 3

    for folder in kill_at_random(tmp_path, start, blocks, kills=20, longest=1.2):
        assert set(blocks(folder)) == expected
        assert set(blocks(folder).values()) == {1}
        launches = Counter((row.tokens, row.mode, row.launch) for row in ResultsFolder(folder).read(LaunchRow))
        assert set(launches.values()) == {1}
        assert len(launches) == 6 * LAUNCHES


@pytest.mark.slow
def test_killing_the_parent_of_a_real_sweep_leaves_no_process_and_no_lock_and_the_rest_is_measured(
    run_in: Run, tmp_path: Path
) -> None:
    words = ["speed", "--mixer", "none", "--mixer", "fnet", "--tokens", "16,32", "--width", "16", "--threads", "1"]
    words += ["--launches", "2", "--budget", "0.3", "--results", str(tmp_path), "--json"]
    kill_when(lambda children: blocks(tmp_path), "-m", "mixbench", *words, folder=tmp_path)
    before = blocks(tmp_path)
    done = run_in(*words, folder=tmp_path)
    assert done.exit_code == 0, done.stderr
    after = blocks(tmp_path)
    assert before.keys() <= after.keys()
    assert set(after.values()) == {1}
    cells = {(row.mixer, row.tokens, row.launch) for row in ResultsFolder(tmp_path).read(SpeedRow)}
    assert cells == {(mixer, tokens, launch) for mixer in ("none", "fnet") for tokens in (16, 32) for launch in (1, 2)}
