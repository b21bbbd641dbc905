"""The script that checks everything about a GPU: its commands, its verdicts and what it reads from results, without a GPU."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from documents import parse
from folders import fill_folder
from places import REPOSITORY
from running import Completed, run_python, search_path
from sample_rows import speed_row

from mixbench.tables.speed_rows import SpeedRow

TOOL = REPOSITORY / "results" / "tool"
STAND_IN = r"""#!/bin/sh
case "$*" in
*gpu_figures.py\ training*eager*) echo "FAIL not so good"; exit 1;;
*gpu_figures.py\ doctor*) exit 1;;
*gpu_figures.py*) echo "figures of $*";;
*doctor*) echo "no GPU here"; echo "---"; exit 3;;
*) echo "$PYTHONPATH"; echo "╰──╯";;
esac
"""


def check(folder: Path, **variables: str) -> Completed:
    """Run the script, with an interpreter that is PYTHON."""
    command = ["bash", str(TOOL / "gpu_check.sh"), str(folder)]
    environment = os.environ | {"PYTHON": sys.executable, "PYTHONPATH": "/of/the/user"} | variables
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    return Completed(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_the_program_takes_every_command(device: str, tmp_path: Path) -> None:
    lines = check(tmp_path, DRY_RUN="1", DEVICE=device).stdout.splitlines()
    words = [shlex.split(line) for line in lines]
    named = [("mixbench", *line[line.index("mixbench") + 1 :]) for line in words if "mixbench" in line]
    named += [
        ("mixbench", "data-efficiency", *line[line.index("train-eagerly") + 1 :]) for line in words if "train-eagerly" in line
    ]
    assert {line[1] for line in named} == {"doctor", "speed", "data-efficiency", "duel", "verify"}
    for command in named:
        parse([*command])


def test_each_step_has_a_line_and_one_that_fails_does_not_stop_the_rest(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(STAND_IN)
    python.chmod(0o755)
    done = check(tmp_path / "out", PYTHON=str(python))
    assert done.exit_code == 1
    *steps, last = done.stdout.splitlines()
    assert (tmp_path / "out" / "summary.txt").read_text().splitlines() == steps
    verdicts = {line.split()[1]: line.split()[0] for line in steps}
    assert [name for name, verdict in verdicts.items() if verdict == "fail"] == ["doctor", "eager"]
    told = {line.split()[1]: line.split(maxsplit=4)[4] for line in steps}
    assert told["doctor"].startswith("exit code 3: no GPU here")
    assert told["eager"] == "FAIL not so good"
    assert told["caches"].startswith("figures of ")
    assert re.search(r"gpu_figures\.py caches sweep caches \d+$", told["caches"])  # the seconds depend on who else is busy
    assert told["duel"] == f"{REPOSITORY}:/of/the/user"
    assert last == f"{len(steps) - 2} passed, 2 did not: {tmp_path / 'out' / 'summary.txt'}"


def test_what_no_time_is_left_for_is_not_passed(tmp_path: Path) -> None:
    done = check(tmp_path, LIMIT="5")
    assert done.exit_code == 1
    *steps, last = done.stdout.splitlines()
    assert all(line.startswith("not run ") for line in steps)
    assert last.startswith(f"0 passed, {len(steps)} did not: ")


def figures(kind: str, *rows: Sequence[SpeedRow], folder: Path, seconds: float = 1) -> Completed:
    names = []
    for number, table in enumerate(rows):
        fill_folder(folder / str(number), table)
        names.append(str(number))
    return run_python(TOOL / "gpu_figures.py", kind, *names, seconds, folder=folder, PYTHONPATH=search_path())


def on_gpu(milliseconds: float, *, quality: str = "clean", settings: str = "{}", **changes: object) -> SpeedRow:
    sound = {"device": "cuda", "latency_ms": 9.0, "device_ms": milliseconds, "quality": quality, "settings": settings}
    return speed_row(**sound, **changes)


def test_a_sweep_fails_by_its_time_or_by_a_cell(tmp_path: Path) -> None:
    rows = [on_gpu(1.0), on_gpu(1.0, round=2, quality="throttled"), on_gpu(2.0, tokens=128)]
    done = figures("sweep", rows, folder=tmp_path)
    assert (done.exit_code, done.stdout) == (0, "2 cells, 3 blocks, 1 of them throttled, 0 contended\n")
    assert figures("sweep", (), folder=tmp_path, seconds=181).stdout.startswith("FAIL more than 180 s; ")
    failed = speed_row(device="cuda", mixer="fnet", status="error", detail="no kernel")
    assert figures("sweep", [failed], folder=tmp_path).exit_code == 1


def test_queued_calls_must_take_as_long_as_replayed_ones(tmp_path: Path) -> None:
    replayed = on_gpu(1.0, execution="graph", operators=7)
    near = figures("executions", [on_gpu(1.04), replayed], folder=tmp_path / "near")
    assert (near.exit_code, near.stdout) == (0, "attention at 64: 1.0400 ms (+4.0%, 7 operators), graph 1.0000\n")
    far = figures("executions", [on_gpu(1.18), replayed], folder=tmp_path / "far")
    assert (far.exit_code, far.stdout) == (1, "FAIL attention at 64: 1.1800 ms (+18.0%, 7 operators), graph 1.0000\n")
    # 2 µs between two kernels are no fault
    short = [replace(row, device_ms=row.device_ms * 0.06) for row in (on_gpu(1.18), replayed) if row.device_ms]
    assert figures("executions", short, folder=tmp_path / "short").exit_code == 0
    faster = [replace(short[0], device_ms=0.05), short[1]]
    assert figures("executions", faster, folder=tmp_path / "faster").exit_code == 1


def test_cold_caches_must_not_be_faster(tmp_path: Path) -> None:
    warm, cold = [on_gpu(1.0)], [on_gpu(1.5, settings='{"caches":"cold"}')]
    assert figures("caches", warm, cold, folder=tmp_path / "a").stdout == "attention at 64: 1.50 × warm\n"
    assert figures("caches", cold, warm, folder=tmp_path / "b").stdout == "FAIL attention at 64: 0.67 × warm\n"


def test_what_is_called_fused_must_be_that(tmp_path: Path) -> None:
    auto = on_gpu(0.5, mixer="hypermixer", variant="grouping=regrouped")
    own = on_gpu(0.25, mixer="hypermixer", config='{"grouping":"fused"}', variant="grouping=fused")
    done = figures("fused", [auto, own], folder=tmp_path / "a")
    assert (done.exit_code, done.stdout) == (0, "64 tokens: 0.2500 ms, auto 0.5000\n")
    assert figures("fused", [auto, replace(own, variant="grouping=regrouped")], folder=tmp_path / "b").exit_code == 1
