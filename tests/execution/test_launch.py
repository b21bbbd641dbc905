from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import psutil
import pytest
from running import run_python, search_path

from mixbench.errors import WorkerError
from mixbench.execution import Died, Finished, Launch
from mixbench.execution.launch import PACKAGE

pytestmark = pytest.mark.usefixtures("children_find_helpers")


def test_one_server_runs_jobs_in_isolated_children_and_survives_those_that_die() -> None:
    with Launch(["launch_jobs"]) as launch:
        first = launch.run("launch_jobs:echo", {"text": "ü" * 100_000}, 10)
        assert isinstance(first, Finished)
        assert first.result["text"] == "ü" * 100_000
        killed = launch.run("launch_jobs:kill_itself", {"step": 3}, 10)
        assert killed == Died(3, "killed", "the measuring process was killed by SIGKILL")
        raised = launch.run("launch_jobs:raise_error", {}, 10)
        assert raised == Died(0, "error", "ValueError: planted")
        segfault = launch.run("launch_jobs:segfault", {}, 10)
        assert isinstance(segfault, Died)
        assert segfault.cause == "killed"
        assert "SIGSEGV" in segfault.detail
        second = launch.run("launch_jobs:echo", {"text": "again"}, 10)
        assert isinstance(second, Finished)
        assert second.result["pid"] != first.result["pid"]


def test_a_hanging_job_is_killed_and_one_that_announces_progress_is_not() -> None:
    with Launch(["launch_jobs"]) as launch:
        start = time.monotonic()
        assert launch.run("launch_jobs:sleep", {"steps": 1, "seconds": 30}, 0.2) == Died(0, "timeout", "no progress for 0.2 s")
        assert time.monotonic() - start < 10
        assert isinstance(launch.run("launch_jobs:sleep", {"steps": 6, "seconds": 0.1}, 0.4), Finished)


def test_what_a_job_prints_does_not_reach_the_protocol() -> None:
    with Launch(["launch_jobs"]) as launch:
        outcome = launch.run("launch_jobs:print_noise", {}, 10)
        assert outcome == Finished({"done": True})


def test_modules_in_the_working_directory_take_no_other_modules_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("random", "typing", "json", "mixbench", "torch"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('this is the wrong one')\n")
    monkeypatch.chdir(tmp_path)
    with Launch(["launch_jobs"]) as launch:
        assert launch.run("launch_jobs:print_noise", {}, 10) == Finished({"done": True})


FOUND_BY_A_SCRIPT = """
import sys
sys.path.insert(0, sys.argv[1])
from mixbench.execution import Launch
if __name__ == "__main__":
    with Launch(["launch_jobs"]) as launch:
        print(json.dumps(launch.run("launch_jobs:package", {}, 20).result))
"""


@pytest.mark.slow
def test_jobs_use_the_mixbench_of_their_parent_wherever_that_was_found(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.mkdir()
    (place / "mixbench").symlink_to(PACKAGE)
    (place / "json.py").write_text("raise RuntimeError('this is the wrong one')\n")
    (tmp_path / "script.py").write_text(f"import json{FOUND_BY_A_SCRIPT}")
    done = run_python("script.py", place, folder=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert set(json.loads(done.stdout).values()) == {str(place / "mixbench" / "errors.py")}


def test_the_child_dies_with_its_server_and_the_server_with_its_launch(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with Launch(["launch_jobs"]) as launch:
        launch.run("launch_jobs:report_server", {"file": str(pids)}, 10)
    (server,) = json.loads(pids.read_text())
    deadline = time.monotonic() + 5
    while psutil.pid_exists(server) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not psutil.pid_exists(server)


def test_the_server_does_not_inherit_foreign_thread_and_allocator_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "7")
    with Launch(["launch_jobs"], environment={"MALLOC_TRIM_THRESHOLD_": "9"}) as launch:
        outcome = launch.run("launch_jobs:variables", {"names": ["OMP_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_"]}, 10)
    assert outcome == Finished({"OMP_NUM_THREADS": None, "MALLOC_TRIM_THRESHOLD_": "9"})


def test_a_server_imports_nothing_of_its_parents_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "looking.py").write_text("import sys\ndef modules(job, announce):\n    return {'names': [*sys.modules]}\n")
    monkeypatch.setenv("PYTHONPATH", search_path(tmp_path))
    with Launch([]) as launch:
        outcome = launch.run("looking:modules", {}, 10)
    assert isinstance(outcome, Finished)
    own = {name.removeprefix("mixbench.execution.") for name in outcome.result["names"] if "mixbench.execution." in name}
    assert own == {"announcements", "answers", "child", "preloading", "processes"}


def test_a_server_that_cannot_start_is_a_clear_error() -> None:
    with pytest.raises(WorkerError, match="No module named 'no_such_module'"), Launch(["no_such_module"]):
        pass


def test_a_launch_that_another_thread_ended_is_an_error_of_the_worker() -> None:
    with Launch(["launch_jobs"]) as launch:
        launch.close()
        with pytest.raises(WorkerError, match="was stopped"):
            launch.run("launch_jobs:echo", {"text": "too late"}, 10)


def test_a_launch_that_is_closed_while_it_asks_is_an_error_of_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    with Launch(["launch_jobs"]) as launch:
        announce, closing = launch._board.announce, threading.Thread(target=launch.close)

        def close_meanwhile(step: int) -> None:
            closing.start()
            while not launch._process.stdin.closed:  # type: ignore[union-attr]
                time.sleep(0.001)
            announce(step)

        monkeypatch.setattr(launch._board, "announce", close_meanwhile)
        with pytest.raises(WorkerError, match="was stopped"):
            launch.run("launch_jobs:echo", {"text": "too late"}, 10)
        closing.join()
