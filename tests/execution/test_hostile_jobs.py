"""Jobs that attack the processes around them: each is an outcome with its reason, and the next job runs as if nothing was."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from left_behind import new_mark, with_mark
from places import HELPERS
from running import search_path

from mixbench.errors import WorkerError
from mixbench.execution import Died, Finished, Launch, launch

TIMEOUT = 0.8
OUTLIVED = ("timeout", f"no progress for {TIMEOUT:g} s")
COPIED = ("error", "it called os.fork, and the child process returned, too")
ENDED = ("error", "the measuring process exited with code 0")
UNSENT = ("error", "the measuring process closed the pipe for its answer")
UNUSABLE = "the measuring process returned an invalid answer: "
SERVER_KILLED = ("killed", "the parent of the measuring process was ended, by SIGKILL")
ANSWERED = "answered"

EXPECTED: dict[str, Any] = {
    "leave_a_daemon": ANSWERED,
    "leave_children": ANSWERED,
    "write_to_every_descriptor": ANSWERED,
    "forbid_files": ANSWERED,
    "break_the_library": ANSWERED,
    "loop_without_descriptors": OUTLIVED,
    "loop_deaf": OUTLIVED,
    "stop_itself": OUTLIVED,
    "stop_server": OUTLIVED,
    "print_without_end": OUTLIVED,
    "return_without_descriptors": UNSENT,
    "reopen_descriptors": UNSENT,
    "return_twice": COPIED,
    "return_from_a_daemon": [COPIED, ENDED],  # whichever the server sees first
    "kill_server": SERVER_KILLED,
    "kill_group_of_server": SERVER_KILLED,
    "kill_own_group": ("killed", "the measuring process was killed by SIGKILL"),
    "die_of_a_nameless_signal": ("killed", "the measuring process was killed by signal 37"),
    "exit_at_once": ENDED,
    "exit_politely": ("error", "SystemExit: 0"),
    "raise_interrupt": ("error", "KeyboardInterrupt"),
    "raise_unspeakable": ("error", "hostile_jobs.raise_unspeakable.<locals>.UnspeakableError: <exception str() failed>"),
    "answer_not_a_number": ("error", f"{UNUSABLE}NaN is not a finite number"),
    "answer_beyond_all_numbers": ("error", f"{UNUSABLE}10000000000000000000 is not a finite number"),
    "answer_nested": ("error", f"{UNUSABLE}more than 32 levels of lists and objects"),
    "answer_no_object": ("error", f"{UNUSABLE}it is a list"),
    "answer_of_objects": ("error", "TypeError: Object of type object is not JSON serializable"),
}
STEPS = {"stop_itself": 5, "stop_server": 6, "kill_server": 7, "return_twice": 8}


@pytest.fixture(scope="module")
def server() -> Iterator[Launch]:
    with (
        pytest.MonkeyPatch.context() as patch,
        Launch(["hostile_jobs"], environment={"PYTHONPATH": search_path(HELPERS)}) as opened,
    ):
        patch.setattr(launch, "_GRACE", 0.5)
        yield opened


@pytest.mark.parametrize("name", EXPECTED)
def test_a_hostile_job_has_an_outcome_and_leaves_the_next_one_alone(name: str, server: Launch, tmp_path: Path) -> None:
    file = tmp_path / "of the user"
    mark = new_mark()
    timeout = TIMEOUT if EXPECTED[name] == OUTLIVED else 20.0
    start = time.monotonic()
    outcome = server.run(f"hostile_jobs:{name}", {"mark": mark, "file": str(file)}, timeout)
    assert time.monotonic() - start < timeout + 5
    if EXPECTED[name] == ANSWERED:
        assert outcome == Finished({"answer": 42})
    else:
        causes = EXPECTED[name] if isinstance(EXPECTED[name], list) else [EXPECTED[name]]
        assert outcome in [Died(STEPS.get(name, 0), *cause) for cause in causes]
    assert with_mark(mark) == []
    assert not file.exists() or file.read_bytes() == b""
    assert server.run("hostile_jobs:honest", {}, 20.0) == Finished({"answer": 42})


def test_much_output_is_no_fault(server: Launch) -> None:
    assert server.run("hostile_jobs:print_much", {}, 60.0) == Finished({"answer": 42})


def test_closing_ends_what_a_running_job_has_started() -> None:
    mark = new_mark()
    job = {"mark": mark}
    with Launch(["hostile_jobs"], environment={"PYTHONPATH": search_path(HELPERS)}) as opened:
        running = threading.Thread(target=suppressing(opened.run), args=("hostile_jobs:leave_a_daemon_and_loop", job, 60.0))
        running.start()
        deadline = time.monotonic() + 10
        while not with_mark(mark) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert with_mark(mark)
        opened.close()
        assert with_mark(mark) == []
        running.join(timeout=5)
        assert not running.is_alive()


def suppressing(run: Callable[..., object]) -> Callable[..., None]:
    """The function, without the error that its server was ended."""

    def call(*arguments: object) -> None:
        with contextlib.suppress(WorkerError):
            run(*arguments)

    return call
