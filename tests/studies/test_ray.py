"""Studies on Ray clusters of several nodes, all of them on this machine."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import shlex
import signal
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from killing import start_helper
from launch_jobs import __name__ as JOBS
from meeting import NEVER, Meeting
from ray_clusters import NodesHere, cluster_here, end_in_the_middle
from recorder import Recorder
from run_fake_training import FAKE, FAKE_MAPPER, fake_maps, fake_request, fake_search

import mixbench
from mixbench.errors import RequestError
from mixbench.execution import Finished, ray_actors
from mixbench.execution.cargo import Cargo, Packed, pack
from mixbench.execution.engine import Engine, Local
from mixbench.execution.ray_actors import RERUNS
from mixbench.execution.ray_slots import RayEngine
from mixbench.machine.environment import environment
from mixbench.studies.attention_map import run_attention_map
from mixbench.studies.data_efficiency import run_data_efficiency
from mixbench.studies.training_rows import key_of
from mixbench.studies.tune import run_tuning
from mixbench.tables.results import ResultsFolder
from mixbench.tables.training_rows import AttentionMapRow, TrainingRow, TrialRow

pytestmark = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")
TASK = "majority:train=60,dev=20,test=20,tokens=8,symbols=2"
MEASURED = ("train_seconds", "peak_memory_mib", "measured_at")
OWN = {
    "mine.py": """
from pathlib import Path
import torch
from helper import average

class Mean(torch.nn.Module):
    def __init__(self, width, tokens):
        super().__init__()
        self.project = torch.nn.Linear(width, width)
        self.scale = float((Path(__file__).parent / "scale.txt").read_text())

    def forward(self, x):
        return self.scale * average(self.project(x))
""",
    "helper.py": "def average(x):\n    return x.mean(1, keepdim=True).expand_as(x)\n",
    "scale.txt": "0.5",
}
"""A user's mixer, with a module and a file beside it."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[NodesHere]:
    """Two nodes with a CPU each, and one with two GPUs, as it says."""
    with cluster_here() as nodes:
        nodes.add(num_cpus=1)
        nodes.add(num_cpus=0, num_gpus=2)
        yield nodes


class At(Recorder):
    """Does something as soon as so many runs have finished."""

    def __init__(self, runs: int, act: Callable[[], object]) -> None:
        super().__init__()
        self._runs, self._act = runs, act

    def doing(self, text: str) -> None:
        super().doing(text)
        if len([text for text in self.texts if text.endswith(" done")]) == self._runs:
            self._runs = -1
            self._act()


def train(folder: Path, cluster: NodesHere, progress: Recorder | None = None, **variables: str) -> list[TrainingRow]:
    """Twelve runs of the fake trainer."""
    results = ResultsFolder(folder)
    engine = RayEngine(cluster.address, variables)
    run_data_efficiency(fake_request(timeout=300.0), results, progress or Recorder(), engine=engine, trainer=FAKE)
    return results.read(TrainingRow)


def whole(rows: list[TrainingRow]) -> bool:
    """Whether there is one good row for each of the twelve runs."""
    return len({key_of(row) for row in rows}) == len(rows) == 12 and {row.status for row in rows} == {"ok"}


def contents(folder: Path) -> list[dict[str, Any]]:
    """All rows of a folder without what is measured, in an order of their own, and the names of its other files."""
    tables = (TrainingRow, TrialRow, AttentionMapRow)
    rows = [dataclasses.asdict(row) for table in tables for row in ResultsFolder(folder).read(table)]
    plain = [{name: value for name, value in row.items() if name not in MEASURED} for row in rows]
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.suffix in (".pt", ".npz", ".json"))
    return [{"files": files}, *sorted(plain, key=lambda row: json.dumps(row, default=str))]


@pytest.mark.slow
def test_every_study_has_the_rows_and_files_that_it_has_without_ray(cluster: NodesHere, tmp_path: Path) -> None:
    engines: dict[str, Engine] = {"here": Local([{}, {}]), "ray": RayEngine(cluster.address, {})}
    for name, engine in engines.items():
        folder, progress = ResultsFolder(tmp_path / name), Recorder()
        request = fake_request(seeds=(0,), learning_rates={"": "auto"})
        run_data_efficiency(request, folder, progress, engine=engine, trainer=FAKE, save=True)
        run_tuning(fake_search(), folder, progress, engine=engine, trainer=FAKE)
        run_attention_map(fake_maps(), folder, progress, engine=engine, trainer=FAKE_MAPPER)
        run_attention_map(fake_maps(examples=4), folder, progress, engine=engine, trainer=FAKE_MAPPER)
        assert progress.remarks == []
    assert contents(tmp_path / "ray") == contents(tmp_path / "here")
    assert len(contents(tmp_path / "here")[0]["files"]) > 10


@pytest.mark.slow
def test_scores_are_those_of_a_local_run_where_data_and_mixer_have_to_travel(
    cluster: NodesHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def from_elsewhere(cargo: Cargo, *others: Any) -> Packed:
        packed = pack(cargo, *others)
        data = {name: dataclasses.replace(folder, source="/nowhere") for name, folder in packed.data.items()}
        return Packed(packed.results, data, tuple(dataclasses.replace(code, source="/nowhere") for code in packed.code))

    monkeypatch.setenv("MIXBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(ray_actors, "pack", from_elsewhere)
    (tmp_path / "own").mkdir()
    for name, content in OWN.items():
        (tmp_path / "own" / name).write_text(content)
    mixer = f"{tmp_path}/own/mine.py:Mean"
    options: dict[str, Any] = {"task": TASK, "mixer": mixer, "sizes": "60", "seeds": 2, "steps": 20, "width": 8}
    for name, engine in {"here": "local", "ray": f"ray:{cluster.address}"}.items():
        rows = mixbench.data_efficiency(**options, engine=engine, save=True, results=tmp_path / name)
        assert [*rows.status] == ["ok", "ok"], [*rows.detail]
    assert contents(tmp_path / "ray") == contents(tmp_path / "here")
    assert [*(tmp_path / "ray" / "checkpoints").glob("*.pt")]


@pytest.mark.slow
def test_a_job_whose_worker_is_killed_runs_again_and_ray_prints_nothing(
    cluster: NodesHere, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    progress, meeting = Recorder(), Meeting(tmp_path / "meeting", 2)
    assert whole(train(tmp_path, cluster, progress, **meeting.variables, FAKE_RUNS='{"NoMixing": "lose-slot-once"}'))
    (remark,) = progress.remarks
    assert remark.endswith("was lost and starts again: its process ended")
    assert "1 running" in progress.texts[2]
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_job_that_always_loses_its_worker_is_a_row_and_the_others_go_on(cluster: NodesHere, tmp_path: Path) -> None:
    progress, meeting = Recorder(), Meeting(tmp_path / "meeting", 2)
    request = fake_request(seeds=(0,), sizes=(100,), timeout=300.0)
    engine = RayEngine(cluster.address, {"FAKE_RUNS": '{"NoMixing": "lose-slot"}', **meeting.variables})
    run_data_efficiency(request, ResultsFolder(tmp_path), progress, engine=engine, trainer=FAKE)
    status = {row.mixer: (row.status, row.detail) for row in ResultsFolder(tmp_path).read(TrainingRow)}
    assert status["attention"][0] == "ok"
    assert status["none"][0] == "killed"
    assert status["none"][1].startswith(f"its process was lost {RERUNS + 1} times, the last time on ")
    nodes = {remark.split()[3] for remark in progress.remarks if "starts again" in remark}
    assert len(nodes) == 2


@pytest.mark.slow
def test_a_node_that_joins_is_used_and_the_jobs_of_one_that_is_lost_run_elsewhere(cluster: NodesHere, tmp_path: Path) -> None:
    lost = cluster.add(num_cpus=2, variables={"FAKE_STALL": "0"})  # it has a job when the first ones go on
    meeting, joined = Meeting(tmp_path / "meeting", 3), []

    def change() -> None:
        meeting.expect(4)  # whatever starts from now on waits for a job on the new node
        cluster.kill(lost)
        joined.append(cluster.add(num_cpus=1))

    progress = At(2, change)
    try:
        assert whole(train(tmp_path, cluster, progress, **meeting.variables))
    finally:
        for node in joined:  # other tests count on the nodes that there are
            cluster.kill(node)
    assert any(remark.endswith("was lost and starts again: its node was lost") for remark in progress.remarks)
    assert any(remark.startswith("node ") and remark.endswith(" is gone") for remark in progress.remarks)
    assert progress.texts[-1].count(" done,") == 2


@pytest.mark.slow
def test_a_driver_that_is_killed_leaves_nothing_and_the_next_one_goes_on(cluster: NodesHere, tmp_path: Path) -> None:
    meeting = Meeting(tmp_path / "meeting", 2, stall=2)  # on each of two nodes
    first = start_helper("run_fake_training.py", tmp_path, cluster.address, **meeting.variables)
    before: list[TrainingRow] = []

    def has_stalled() -> bool:
        before[:] = ResultsFolder(tmp_path).read(TrainingRow)
        return len(before) >= 4

    end_in_the_middle(first, has_stalled, signal.SIGKILL)
    run_data_efficiency(
        fake_request(learning_rates={"": "auto"}),
        ResultsFolder(tmp_path),
        Recorder(),
        engine=RayEngine(cluster.address, {}),
        trainer=FAKE,
    )
    rows = ResultsFolder(tmp_path).read(TrainingRow)
    assert rows[: len(before)] == before
    assert len({(*key_of(row), row.learning_rate) for row in rows}) == len(rows) == 12 + 2 * 5


@pytest.mark.slow
def test_sigterm_leaves_the_rows_the_command_to_resume_and_nothing_else(cluster: NodesHere, tmp_path: Path) -> None:
    meeting, results = Meeting(tmp_path / "meeting", 2, stall=1), tmp_path / "results"
    options = ["--task", TASK, "--mixer", "none", "--sizes", "60", "--seeds", "4", "--results", str(results)]
    command = ["data-efficiency", *options, "--engine", f"ray:{cluster.address}"]
    process = start_helper("fake_command.py", *command, **meeting.variables)
    # each node stalls in its second job
    errors = end_in_the_middle(process, lambda: len(ResultsFolder(results).read(TrainingRow)) >= 2, signal.SIGTERM)
    assert (process.returncode, "Traceback" in errors) == (130, False)
    assert errors.endswith(f":\n  {shlex.join(['mixbench', *command])}\n")
    rows = ResultsFolder(results).read(TrainingRow)
    assert {row.status for row in rows} == {"ok"}
    assert len(rows) < 4
    with ResultsFolder(results).writing():
        pass  # nobody holds it


@pytest.mark.slow
def test_a_node_that_other_jobs_of_ray_keep_busy_is_named_and_used_once_it_is_free(
    cluster: NodesHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ray

    monkeypatch.setattr(ray_actors, "_BUSY", 1.0)
    node, meeting = cluster.add(num_cpus=1, resources={"theirs": 1}), Meeting(tmp_path / "meeting", 3)

    class Theirs:
        pass

    class Releasing(Recorder):
        def remark(self, text: str) -> None:
            super().remark(text)
            if f"/{node.node_id[:4]} has no free CPU" in text:
                ray.kill(theirs)

    ray.init(address=cluster.address, log_to_driver=False, logging_level=logging.CRITICAL)
    try:
        theirs = ray.remote(Theirs).options(num_cpus=1, resources={"theirs": 1}).remote()
        ray.get(theirs.__ray_ready__.remote())
        progress = Releasing()
        assert whole(train(tmp_path / "results", cluster, progress, **meeting.variables))
    finally:
        ray.shutdown()
        cluster.kill(node)
    assert any("which waits; other Ray jobs may use them" in text for text in progress.remarks)


@pytest.mark.slow
def test_slots_share_the_gpus_of_a_node(cluster: NodesHere, tmp_path: Path) -> None:
    engine = RayEngine(cluster.address, {}, gpu=True, per_gpu=2)
    jobs = [{"names": ["CUDA_VISIBLE_DEVICES"]}] * 12
    with engine.open([JOBS], [], 12, Cargo(tmp_path), print) as opened:
        assert opened.at_once == 4
        while len([slot for slot in opened._slots if slot.ready]) < 4:
            opened._step()
        outcomes = [outcome for _, outcome in opened.run(f"{JOBS}:variables", jobs, 20.0)]
        assert {outcome.result["CUDA_VISIBLE_DEVICES"] for outcome in outcomes if isinstance(outcome, Finished)} == {"0", "1"}
        assert all(outcome.environment for outcome in outcomes)


@pytest.mark.slow
def test_a_node_with_another_torch_is_left_out_with_both_versions(cluster: NodesHere, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "from importlib import metadata\n"
        "own = metadata.version\n"
        "metadata.version = lambda name: '1.0' if name == 'torch' else own(name)\n"
    )
    other = cluster.add(num_cpus=1, variables={"PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}"})
    meeting = Meeting(tmp_path / "meeting", NEVER)

    class Told(Recorder):
        def remark(self, text: str) -> None:
            super().remark(text)
            meeting.expect(0)

    progress = Told()
    try:
        assert whole(train(tmp_path / "results", cluster, progress, **meeting.variables))
    finally:
        cluster.kill(other)
    (remark,) = progress.remarks
    assert remark.startswith("node ")
    assert " is left out: torch 1.0 there, 2." in remark


@pytest.mark.slow
def test_a_driver_with_another_torch_than_all_nodes_trains_nothing(
    cluster: NodesHere, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_actors, "environment", lambda: environment() | {"torch": "1.0"})
    with pytest.raises(RequestError, match=r"no node of the Ray cluster can be used: .*: torch 2\S+ there, 1.0 here"):
        train(tmp_path, cluster)
    assert ResultsFolder(tmp_path).read(TrainingRow) == []
