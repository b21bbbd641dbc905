"""What a speed study on the nodes of a Ray cluster leaves out, as it has been measured: without any cluster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recorder import Recorder
from run_fake_speed import FAKE, fake_request

from mixbench.execution.ray_nodes import WholeNodes
from mixbench.machine.environment import environment
from mixbench.studies.speed import run_speed
from mixbench.studies.speed_elsewhere import run_speed_elsewhere
from mixbench.studies.speed_plan import plan_speed
from mixbench.studies.speed_request import SpeedRequest
from mixbench.studies.speed_worker import Worker
from mixbench.tables.removal import drop
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import LaunchRow, SpeedRow

pytestmark = pytest.mark.usefixtures("children_find_helpers")
REQUEST = fake_request()
NOWHERE = WholeNodes("192.0.2.1:1", {})
"""Where no cluster answers: a study that has nothing to do does not ask."""


def measure(
    folder: Path, engine: WholeNodes, request: SpeedRequest = REQUEST, worker: Worker = FAKE, **given: Any
) -> tuple[list[tuple[Any, ...]], Recorder]:
    progress = Recorder()
    cells = plan_speed(request)
    given = {"own_threads": False, **given}
    found = run_speed_elsewhere(engine, request, ResultsFolder(folder), progress, cells=cells, worker=worker, **given)
    return found, progress


def on_another_machine(folder: Path, **changed: Any) -> str:
    """Make all rows of a folder those of another environment."""
    results = ResultsFolder(folder)
    with results.writing():
        other = results.save_environment(environment() | changed)
        results.change(SpeedRow, lambda row: replace(row, environment=other))
        results.change(LaunchRow, lambda row: replace(row, environment=other))
    return other


def test_what_another_machine_has_measured_is_not_measured_again(tmp_path: Path) -> None:
    run_speed(REQUEST, ResultsFolder(tmp_path), Recorder(), worker=FAKE)
    other = on_another_machine(tmp_path, cpu="another")
    found, progress = measure(tmp_path, NOWHERE)
    assert found == [cell.identity(other) for cell in plan_speed(REQUEST)]
    assert progress.total == 0


def test_with_threads_of_their_own_nodes_may_differ_in_them(tmp_path: Path) -> None:
    run_speed(replace(REQUEST, threads=3), ResultsFolder(tmp_path), Recorder(), worker=FAKE)
    other = on_another_machine(tmp_path, cpu="another")
    found, _ = measure(tmp_path, NOWHERE, own_threads=True)
    assert found == [cell.identity(other) for cell in plan_speed(replace(REQUEST, threads=3))]


@pytest.mark.parametrize("changed", [{"torch": "0"}, {"sources": "0"}])
def test_rows_of_other_code_do_not_count(tmp_path: Path, changed: dict[str, str]) -> None:
    run_speed(REQUEST, ResultsFolder(tmp_path), Recorder(), worker=FAKE)
    on_another_machine(tmp_path, **changed)
    with pytest.raises(Exception, match="no Ray cluster answers"):
        measure(tmp_path, NOWHERE)


@pytest.mark.parametrize("lacking", [{"launch": 2}, {"mode": "training"}])
def test_a_shape_that_is_not_whole_is_measured(tmp_path: Path, lacking: dict[str, Any]) -> None:
    run_speed(REQUEST, ResultsFolder(tmp_path), Recorder(), worker=FAKE)
    on_another_machine(tmp_path, cpu="another")
    folder = ResultsFolder(tmp_path)
    with folder.writing():
        drop(folder, SpeedRow, lambda row: row.tokens != 8 or any(getattr(row, k) != v for k, v in lacking.items()))
    with pytest.raises(Exception, match="no Ray cluster answers"):
        measure(tmp_path, NOWHERE)
