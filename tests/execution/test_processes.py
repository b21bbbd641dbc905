"""The guard: a command ends with all that it has started, however it, the guard or the one that started the guard ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from killing import kill_when
from left_behind import new_mark, with_mark
from places import HELPERS

from mixbench.execution.processes import end, guarded, killed_by

DAEMON = """
import sys, time
sys.path.insert(0, {helpers!r})
import hostile_jobs
hostile_jobs.leave_a_daemon({{"mark": {mark!r}}}, None)
{then}
"""


@pytest.fixture
def mark() -> str:
    return new_mark()


def command(mark: str, then: str) -> list[str]:
    """Leaves a daemon with a mark, then goes on."""
    return [sys.executable, "-c", DAEMON.format(helpers=str(HELPERS), mark=mark, then=then)]


def wait_for(mark: str) -> None:
    deadline = time.monotonic() + 10
    while not with_mark(mark) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert with_mark(mark)


@pytest.mark.parametrize(
    ("then", "code"), [("sys.exit(5)", 5), ("import os; os.kill(os.getpid(), 11)", 139), ("assert False", 1)]
)
def test_a_command_ends_with_what_it_started_and_its_exit_code_is_known(mark: str, then: str, code: int) -> None:
    done = subprocess.run(guarded(command(mark, then)), stderr=subprocess.DEVNULL, timeout=20)
    assert done.returncode == code
    assert with_mark(mark) == []


@pytest.mark.parametrize(
    ("code", "killer"), [(3, ""), (128, ""), (139, "SIGSEGV"), (160, "signal 32"), (255, ""), (-9, "SIGKILL")]
)
def test_an_exit_code_of_the_guard_says_what_killed(code: int, killer: str) -> None:
    assert killed_by(code) == killer


def test_a_command_that_cannot_be_started_is_said() -> None:
    done = subprocess.run(guarded(["/nowhere/python"]), capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stderr) == (127, "/nowhere/python: No such file or directory\n")


def test_a_command_gets_variables_and_its_path_may_hold_an_equals_sign(tmp_path: Path) -> None:
    python = tmp_path / "lr=0.1"
    python.symlink_to(sys.executable)
    command = guarded([str(python), "-c", "import os; print(os.environ['PLANTED'])"], PLANTED="a=b -- c")
    assert subprocess.run(command, capture_output=True, text=True, timeout=20).stdout == "a=b -- c\n"


def test_ending_the_guard_ends_all(mark: str) -> None:
    guard = subprocess.Popen(guarded(command(mark, "time.sleep(600)")), start_new_session=True)
    wait_for(mark)
    end(guard)
    assert with_mark(mark) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
def test_the_death_of_whoever_started_the_guard_ends_all(mark: str, tmp_path: Path) -> None:
    code = f"""
import subprocess, time
from mixbench.execution.processes import guarded
subprocess.Popen(guarded({command(mark, "time.sleep(600)")!r}), start_new_session=True)
time.sleep(600)
"""
    kill_when(lambda children: with_mark(mark), "-c", code, folder=tmp_path)
    deadline = time.monotonic() + 5
    while with_mark(mark) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert with_mark(mark) == []


def test_a_stopped_command_is_ended_as_well(mark: str) -> None:
    guard = subprocess.Popen(guarded(command(mark, "import os; os.kill(os.getpid(), 19)")), start_new_session=True)
    wait_for(mark)
    end(guard)
    assert guard.returncode == 128 + signal.SIGTERM
    assert with_mark(mark) == []
