from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from killing import children, kill_at_random, wait_until_gone
from run_fake_speed import fake_request

from mixbench.studies.speed_plan import plan_speed
from mixbench.tables.columns import identity
from mixbench.tables.results import ResultsFolder
from mixbench.tables.rows import LaunchRow, SpeedRow

HELPERS = Path(__file__).parents[1] / "helpers"
LAUNCHES = 4
KILLS = 20


def start(folder: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(HELPERS), "FAKE_SECONDS": "0.03"}
    command = [sys.executable, str(HELPERS / "run_fake_speed.py"), str(folder), str(LAUNCHES)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def blocks(folder: Path) -> Counter[tuple[object, ...]]:
    return Counter((*identity(row), row.launch, row.round) for row in ResultsFolder(folder).read(SpeedRow))


def test_a_sweep_killed_at_twenty_random_moments_ends_with_the_rows_of_one_never_interrupted(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    out, err = start(whole).communicate(timeout=60)
    assert out == "complete\n", err
    expected = set(blocks(whole))
    assert len(expected) == len(plan_speed(fake_request())) * LAUNCHES * 3

    for folder in kill_at_random(tmp_path, start, blocks, kills=KILLS, longest=1.2):
        assert set(blocks(folder)) == expected
        assert set(blocks(folder).values()) == {1}
        launches = Counter((row.tokens, row.mode, row.launch) for row in ResultsFolder(folder).read(LaunchRow))
        assert set(launches.values()) == {1}
        assert len(launches) == 6 * LAUNCHES


def test_killing_the_parent_of_a_real_sweep_leaves_no_process_and_no_lock_and_the_rest_is_measured(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mixbench", "speed", "--mixer", "none", "--mixer", "fnet", "--tokens", "16,32"]
    command += ["--width", "16", "--launches", "2", "--budget", "0.3", "--results", str(tmp_path), "--threads", "1", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not ResultsFolder(tmp_path).read(SpeedRow) and time.monotonic() < deadline:
        time.sleep(0.02)
    started = children(process)
    process.kill()
    process.wait()
    before = blocks(tmp_path)
    assert started
    assert before
    assert wait_until_gone(started) == []

    done = subprocess.run(command, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    after = blocks(tmp_path)
    assert before.keys() <= after.keys()
    assert set(after.values()) == {1}
    cells = {(row.mixer, row.tokens, row.launch) for row in ResultsFolder(tmp_path).read(SpeedRow)}
    assert cells == {(mixer, tokens, launch) for mixer in ("none", "fnet") for tokens in (16, 32) for launch in (1, 2)}
