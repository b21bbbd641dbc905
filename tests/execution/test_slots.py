from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from mixbench.errors import WorkerError
from mixbench.execution import Died, Finished, run_each
from mixbench.execution.slots import Slots

JOBS = "launch_jobs"
ECHO = {"function": "echo", "text": "x"}
pytestmark = pytest.mark.usefixtures("children_find_helpers")


def outcomes(jobs: list[Mapping[str, Any]], slots: int = 2, timeout: float = 20.0) -> dict[int, Finished | Died]:
    with Slots([JOBS], [{}] * slots) as opened:
        return dict(opened.run(f"{JOBS}:one_of", jobs, timeout))


def test_jobs_run_side_by_side_and_each_in_a_process_of_its_own() -> None:
    naps = [{"function": "sleep", "steps": 1, "seconds": 1.0}] * 2
    with Slots([JOBS], [{}, {}]) as slots:
        start = time.monotonic()
        assert [outcome for _, outcome in slots.run(f"{JOBS}:one_of", naps, 20.0)] == [Finished({})] * 2
        assert time.monotonic() - start < 1.8
        found = dict(slots.run(f"{JOBS}:one_of", [{**ECHO, "text": str(n)} for n in range(5)], 20.0))
    results = [found[index].result for index in range(5) if isinstance(found[index], Finished)]  # type: ignore[union-attr]
    assert [result["text"] for result in results] == ["0", "1", "2", "3", "4"]
    assert len({result["pid"] for result in results}) == 5


def test_each_slot_has_its_own_environment() -> None:
    environments = [{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}]
    jobs = [{"function": "variables", "names": ["CUDA_VISIBLE_DEVICES"]}, {"function": "sleep", "steps": 1, "seconds": 0.1}] * 4
    with Slots([JOBS], environments) as slots:
        found = [outcome.result for _, outcome in slots.run(f"{JOBS}:one_of", jobs, 20.0) if isinstance(outcome, Finished)]
    assert {result["CUDA_VISIBLE_DEVICES"] for result in found if result} == {"0", "1"}


def test_a_job_that_dies_hangs_or_raises_takes_no_other_with_it() -> None:
    bad = [
        {"function": "kill_itself", "step": 3},
        {"function": "raise_error"},
        {"function": "sleep", "steps": 1, "seconds": 30.0},
    ]
    found = outcomes([*bad, *[ECHO] * 4], timeout=1.0)
    assert [found[index].cause for index in range(3) if isinstance(found[index], Died)] == ["killed", "error", "timeout"]  # type: ignore[union-attr]
    assert all(isinstance(found[index], Finished) for index in range(3, 7))


def test_a_server_that_dies_takes_only_its_job_with_it() -> None:
    found = outcomes([{"function": "kill_server"}, *[ECHO] * 3, {"function": "kill_server"}, *[ECHO] * 3], slots=1)
    assert [isinstance(found[index], Died) for index in range(8)] == [True, False, False, False, True, False, False, False]


def test_a_server_that_was_started_again_serves_later_jobs_too() -> None:
    with Slots([JOBS], [{}]) as slots:
        for _ in range(3):
            found = dict(slots.run(f"{JOBS}:one_of", [{"function": "kill_server"}, ECHO], 20.0))
            assert isinstance(found[0], Died)
            assert isinstance(found[1], Finished)
            again = dict(slots.run(f"{JOBS}:one_of", [{"function": "sleep", "steps": 1, "seconds": 0.3}], 20.0))
            assert again == {0: Finished({})}


def test_servers_that_cannot_start_again_are_an_error_and_not_a_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    with Slots([JOBS], [{}]) as slots:
        slots._launches[0]._modules = ["no_such_module"]
        with pytest.raises(WorkerError, match="no_such_module"):
            list(slots.run(f"{JOBS}:one_of", [{"function": "kill_server"}, ECHO], 20.0))


def test_leaving_ends_servers_and_children(tmp_path: Path) -> None:
    before = threading.active_count()
    with Slots([JOBS], [{}, {}]) as slots:
        said = tmp_path / "servers"
        jobs = [{"function": "report_server", "file": str(said)}, *[{"function": "sleep", "steps": 1, "seconds": 60.0}] * 2]
        next(slots.run(f"{JOBS}:one_of", jobs, 90.0))
        servers = [launch._process.pid for launch in slots._launches]
        family = [child.pid for server in servers for child in psutil.Process(server).children(recursive=True)]
        assert json.loads(said.read_text())[0] in family
    deadline = time.monotonic() + 5
    while any(map(psutil.pid_exists, [*servers, *family])) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(psutil.pid_exists, [*servers, *family]))
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() == before


def test_outcomes_come_in_the_order_of_the_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    class Backwards:
        def __init__(self, modules: Sequence[str], environments: Sequence[Mapping[str, str]]) -> None:
            opened.extend(environments)

        def __enter__(self) -> Backwards:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def run(self, function: str, jobs: Sequence[Mapping[str, Any]], timeout: float) -> Iterator[tuple[int, Finished]]:
            yield from ((index, Finished(jobs[index]["job"])) for index in reversed(range(len(jobs))))

    opened: list[Mapping[str, str]] = []
    monkeypatch.setattr("mixbench.execution.slots.Slots", Backwards)
    given = [{"n": 1}, {"n": 2}, {"n": 3}]
    found = list(run_each("module:name", given, threads=1, timeout=9.0, at_once=2))
    assert found == [Finished(job) for job in given]
    assert len(opened) == 2
    assert "OMP_PROC_BIND" not in opened[0]  # both would be bound to the first core
