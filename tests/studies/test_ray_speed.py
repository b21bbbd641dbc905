"""The speed study on a Ray cluster of several nodes on this machine."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from killing import start_helper
from meeting import NEVER, Meeting, invite
from recorder import Recorder
from run_fake_speed import FAKE, fake_request

from mixbench.execution.ray_nodes import WholeNodes
from mixbench.studies.speed import run_speed
from mixbench.studies.speed_elsewhere import run_speed_elsewhere
from mixbench.studies.speed_plan import plan_speed
from mixbench.studies.speed_request import SpeedRequest
from mixbench.studies.speed_worker import Worker
from mixbench.tables.columns import identity
from mixbench.tables.results import ResultsFolder
from mixbench.tables.speed_rows import SpeedRow

pytest.importorskip("ray")
from ray_clusters import NodesHere, cluster_here, end_in_the_middle

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("children_find_helpers")]
REQUEST = fake_request(timeout=300.0)


class Together(Recorder):
    """Lets the jobs of a meeting go on as soon as it has heard of so many nodes at a time."""

    def __init__(self, nodes: int, folder: Path) -> None:
        super().__init__()
        self._nodes = nodes
        self.meeting = Meeting(folder / "meeting", NEVER)
        self.worker = replace(FAKE, watch=partial(invite, self.meeting.variables))

    def doing(self, text: str) -> None:
        super().doing(text)
        if len(text.split("; ")) == self._nodes:
            self.meeting.expect(0)


def measure(
    folder: Path,
    address: str,
    request: SpeedRequest = REQUEST,
    worker: Worker = FAKE,
    progress: Recorder | None = None,
) -> tuple[set[tuple[Any, ...]], list[SpeedRow], Recorder]:
    progress = progress or Recorder()
    results, cells = ResultsFolder(folder), plan_speed(request)
    engine = WholeNodes(address, {})
    found = run_speed_elsewhere(engine, request, results, progress, cells=cells, own_threads=False, worker=worker)
    return {*found}, results.read(SpeedRow), progress


@pytest.fixture(scope="module")
def nodes() -> Iterator[NodesHere]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FAKE_SECONDS", "0.1")
        with cluster_here() as cluster:
            cluster.add(num_cpus=2)
            yield cluster


def test_two_nodes_measure_what_one_machine_does_and_nothing_twice(nodes: NodesHere, tmp_path: Path) -> None:
    together = Together(2, tmp_path)
    found, rows, progress = measure(tmp_path, nodes.address, worker=together.worker, progress=together)
    cells = plan_speed(REQUEST)
    assert {identity(row) for row in rows} == found == {cell.identity(rows[0].environment) for cell in cells}
    run_speed(REQUEST, ResultsFolder(tmp_path / "local"), Recorder(), worker=FAKE)
    local = ResultsFolder(tmp_path / "local").read(SpeedRow)
    told = ("mixer", "mode", "tokens", "launch", "round", "status", "latency_ms", "flops", "detail", "environment")
    assert {tuple(getattr(row, name) for name in told) for row in rows} == {
        tuple(getattr(row, name) for name in told) for row in local
    }
    assert len({text.partition(":")[0] for text in progress.texts if text and ";" not in text}) == 2
    assert any(";" in text for text in progress.texts)  # both at a time
    again, _, idle = measure(tmp_path, "no address is needed")
    assert (again, idle.total) == (found, 0)


def test_a_node_that_dies_in_the_middle_loses_no_shape(nodes: NodesHere, tmp_path: Path) -> None:
    # with it, there is a node for each of three shapes; it stalls in its second launch of two groups
    doomed = nodes.add(num_cpus=4, variables={"FAKE_STALL": "2"})

    class Killing(Together):
        killed = False

        def doing(self, text: str) -> None:
            super().doing(text)
            own = next((part for part in text.split("; ") if f"/{doomed.node_id[:4]}" in part), "")
            if not self.killed and "launch 2" in own:
                self.killed = True
                nodes.kill(doomed)

    progress = Killing(3, tmp_path)
    _, rows, _ = measure(tmp_path, nodes.address, worker=progress.worker, progress=progress)
    assert progress.killed
    assert any("starts again: its node was lost" in text for text in progress.remarks)
    assert {row.status for row in rows} == {"ok"}
    assert len(rows) == len(plan_speed(REQUEST)) * 2 * 3


def test_a_node_that_joins_measures_a_shape_that_waits(nodes: NodesHere, tmp_path: Path) -> None:
    joined = []

    class Joining(Together):
        def doing(self, text: str) -> None:
            super().doing(text)
            if "; " in text and not joined:  # both nodes have a shape, and wait for a third one to have the last
                joined.append(nodes.add(num_cpus=1))

    progress = Joining(3, tmp_path)
    _, rows, _ = measure(tmp_path, nodes.address, worker=progress.worker, progress=progress)
    nodes.kill(joined[0])
    assert any(f"/{joined[0].node_id[:4]}: launch 2" in text for text in progress.texts)
    assert {row.status for row in rows} == {"ok"}
    assert len(rows) == len(plan_speed(REQUEST)) * 2 * 3


def test_a_shape_that_takes_every_node_with_it_is_a_failure(nodes: NodesHere, tmp_path: Path) -> None:
    request = replace(REQUEST, tokens=(8,))
    worker = replace(FAKE, watch=partial(os._exit, 1))
    found, rows, progress = measure(tmp_path, nodes.address, request, worker)
    assert {identity(row) for row in rows} == found
    assert {(row.status, row.launch, row.round) for row in rows} == {("killed", 1, 0)}
    assert all("its process was lost 3 times" in row.detail for row in rows)
    assert progress.finished == progress.total == 1


@pytest.mark.slow
def test_ctrl_c_leaves_the_rows_the_command_to_resume_and_nothing_else(nodes: NodesHere, tmp_path: Path) -> None:
    meeting, results = Meeting(tmp_path / "meeting", 2, stall=1), tmp_path / "results"
    options = ["--mixer", "none", "--tokens", "8,16", "--width", "8", "--launches", "2", "--results", str(results)]
    command = ["speed", *options, "--engine", f"ray:{nodes.address}"]
    process = start_helper("fake_command.py", *command, **meeting.variables)
    errors = end_in_the_middle(process, lambda: len(ResultsFolder(results).read(SpeedRow)) == 2 * 3, signal.SIGINT)
    assert (process.returncode, "Traceback" in errors) == (130, False)
    assert errors.endswith(f":\n  {shlex.join(['mixbench', *command])}\n")
    assert {(row.status, row.launch) for row in ResultsFolder(results).read(SpeedRow)} == {("ok", 1)}
