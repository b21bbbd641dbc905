from __future__ import annotations

import json
from dataclasses import replace

import pytest
import typer

from mixbench.api import doctor as diagnosis
from mixbench.cli.doctor import doctor
from mixbench.cli.text import doctor as text
from mixbench.cli.text.page import layout
from mixbench.errors import WorkerError
from mixbench.machine.environment import Snapshot
from mixbench.machine.gpu import GpuSnapshot

PEAKS = {
    "name": None,
    "threads": 2,
    "gflops_per_s": {"float32": 182.04, "bfloat16": 48.2, "float16": None},
    "bandwidth_gb_per_s": 21.2,
    "meter": None,
    "remarks": {"float16": "not implemented for 'Half'", "energy": "no counter here"},
}
NOISY = Snapshot(load=3.0, available_mib=9000.0, cpu_mhz=2500.0, virtual=True)


@pytest.fixture
def jobs(monkeypatch):
    """What was asked of the measuring process, which answers without measuring."""
    jobs = []

    def run_alone(function, job, *, threads, timeout):
        jobs.append((function, job, threads))
        return {**PEAKS, "device": job["device"], "threads": threads}

    monkeypatch.setattr(diagnosis, "run_alone", run_alone)
    monkeypatch.setattr(diagnosis, "snapshot", lambda: NOISY)
    return jobs


def test_the_findings_go_to_stdout_and_remarks_to_stderr(jobs, capsys):
    doctor()
    out, err = capsys.readouterr()
    for expected in ("182 GFLOP/s", "21.2 GB/s, read and written", "none: no counter here", "not measured: not implemented"):
        assert expected in out
    assert "Measuring" in err
    assert "Measuring" not in out


def test_every_disturbance_stands_with_its_mend(jobs, capsys):
    doctor()
    out = capsys.readouterr().out
    assert "1.  load is 3.0." in out
    assert "2.  this is a virtual machine." in out
    assert out.count("→") == 2


def test_a_quiet_machine_is_said_to_be_quiet(jobs, monkeypatch, capsys):
    monkeypatch.setattr(diagnosis, "snapshot", Snapshot)
    doctor()
    assert "nothing  that could be seen" in capsys.readouterr().out


def test_the_peaks_are_measured_elsewhere_with_the_threads_that_were_asked_for(jobs):
    diagnosis.examine(threads=3)
    assert jobs == [("mixbench.worker.measure.peak:measure_peaks", {"device": "cpu"}, 3)]


def test_threads_are_the_physical_cores_by_default(jobs, monkeypatch):
    monkeypatch.setattr(diagnosis, "physical_cores", lambda: 7)
    assert diagnosis.examine()["threads"] == 7
    assert jobs[0][2] == 7


def test_a_gpu_is_measured_where_one_is(jobs, monkeypatch):
    monkeypatch.setattr(diagnosis, "snapshot", lambda: replace(NOISY, gpus=(GpuSnapshot(0, "H100"),)))
    assert [peak["device"] for peak in diagnosis.examine()["peaks"]] == ["cpu", "cuda"]


def test_only_the_device_that_was_asked_for_is_measured(jobs):
    assert [peak["device"] for peak in diagnosis.examine("cuda:1")["peaks"]] == ["cuda:1"]


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cpu:0", "cuda:x", ""])
def test_an_unknown_device_is_a_wrong_request(device, jobs, capsys):
    with pytest.raises(typer.Exit) as stopped:
        doctor(device)
    assert stopped.value.exit_code == 2
    assert f"--device: {device!r} is not a device" in capsys.readouterr().err


def test_a_process_that_fails_is_a_finding(jobs, monkeypatch, capsys):
    def fail(*arguments, **options):
        raise WorkerError("the measuring process stopped")

    monkeypatch.setattr(diagnosis, "run_alone", fail)
    doctor()
    assert "not measured  the measuring process stopped" in capsys.readouterr().out


def test_json_holds_everything_and_nothing_else_is_on_stdout(jobs, capsys):
    doctor(as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"environment", "libraries", "snapshot", "threads", "peaks", "disturbances"}
    assert found["peaks"][0]["gflops_per_s"]["float32"] == 182.04
    assert found["snapshot"]["load"] == 3.0
    assert found["libraries"]["torch"] == found["environment"]["torch"]
    assert len(found["disturbances"]) == 2


@pytest.mark.parametrize("width", [80, 120])
def test_the_findings_fit_a_terminal(width, jobs):
    for section in text.sections(diagnosis.examine()):
        assert max(map(len, layout(section.lines, width))) <= width


def test_an_unreadable_machine_is_described_without_gaps(jobs, monkeypatch, capsys):
    unknown = dict.fromkeys(diagnosis.environment()) | {"gpus": [], "os": "Plan 9", "architecture": "mips", "python": "3.11.7"}
    monkeypatch.setattr(diagnosis, "environment", lambda: unknown)
    monkeypatch.setattr(diagnosis, "snapshot", Snapshot)
    doctor()
    machine = capsys.readouterr().out.partition("Software")[0]
    assert "unknown physical, unknown logical" in machine
    assert "None" not in machine
