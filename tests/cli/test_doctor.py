"""`mixbench doctor`: what is printed of the findings, on a machine whose findings are known."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mixbench.api import doctor
from mixbench.api.doctor_options import DoctorOptions
from mixbench.cli.text import doctor as text
from mixbench.cli.text.page import layout
from mixbench.errors import WorkerError
from mixbench.machine.environment import Snapshot
from mixbench.machine.gpu import GpuSnapshot
from mixbench.machine.neighbours import Neighbour

PEAKS = {
    "name": None,
    "threads": 2,
    "gflops_per_s": {"float32": 182.04, "bfloat16": 48.2, "float16": None},
    "bandwidth_gb_per_s": 21.2,
    "standing": {
        "shape": [1, 1024, 256],
        "dtype": "float32",
        "ridge_flop_per_byte": 8.587,
        "kernels": [
            {"name": "attention", "ms": 12.4, "compute": 0.712, "memory": 0.03, "bound": "compute"},
            {"name": "XᵀH per sequence", "ms": 0.31, "compute": 0.4, "memory": 0.2, "bound": "neither"},
            {"name": "GELU", "ms": 0.1, "compute": 0.0, "memory": 0.93, "bound": "memory"},
            {"name": "LayerNorm", "unavailable": "no kernel"},
        ],
    },
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

    monkeypatch.setattr(doctor, "run_alone", run_alone)
    monkeypatch.setattr(doctor, "snapshot", lambda: NOISY)
    monkeypatch.setattr(doctor, "neighbours", list)
    return jobs


def test_the_findings_go_to_stdout_and_remarks_to_stderr(run, jobs):
    done = run("doctor")
    for expected in ("182 GFLOP/s", "21.2 GB/s, read and written", "none: no counter here", "not measured: not implemented"):
        assert expected in done.stdout
    assert "Measuring" in done.stderr
    assert "Measuring" not in done.stdout


def test_kernels_are_shown_with_their_shares_and_what_bounds_them(run, jobs):
    part = run("doctor").stdout.partition("What bounds kernels on cpu")[2].partition("\n\n")[0]
    lines = [line.split(maxsplit=1) for line in part.splitlines() if line]
    assert "(1, 1024, 256) in float32" in part
    assert "8.59 FLOP per byte" in part
    assert ["attention", "71 % of FLOP/s,   3 % of bandwidth: bound by compute, 12.4 ms"] in lines
    assert ["GELU", "0 % of FLOP/s,  93 % of bandwidth: bound by memory, 0.1 ms"] in lines
    assert ["LayerNorm", "not measured: no kernel"] in lines


def test_every_disturbance_stands_with_its_mend(run, jobs):
    out = run("doctor").stdout
    assert "1.  load is 3.0." in out
    assert "2.  this is a virtual machine." in out
    assert out.count("→") == 2


def test_neighbours_are_named_first(run, jobs, monkeypatch):
    monkeypatch.setattr(doctor, "neighbours", lambda: [Neighbour(7, "python busy.py", 1.0)])
    assert "1.  other work keeps 1.0 cores busy: `python busy.py` (process 7) 1.00." in run("doctor").stdout


def test_a_quiet_machine_is_said_to_be_quiet(run, jobs, monkeypatch):
    monkeypatch.setattr(doctor, "snapshot", Snapshot)
    assert "nothing  that could be seen" in run("doctor").stdout


def test_the_peaks_are_measured_elsewhere_with_the_threads_that_were_asked_for(jobs):
    doctor.examine(DoctorOptions(threads=3))
    assert jobs == [("mixbench.worker.doctor:measure_peaks", {"device": "cpu"}, 3)]


def test_threads_are_the_physical_cores_by_default(jobs, monkeypatch):
    monkeypatch.setattr(doctor, "physical_cores", lambda: 7)
    assert doctor.examine(DoctorOptions())["threads"] == 7
    assert jobs[0][2] == 7


def test_a_gpu_is_measured_where_one_is(jobs, monkeypatch):
    monkeypatch.setattr(doctor, "snapshot", lambda: replace(NOISY, gpus=(GpuSnapshot(0, "H100"),)))
    assert [peak["device"] for peak in doctor.examine(DoctorOptions())["peaks"]] == ["cpu", "cuda"]


def test_only_the_device_that_was_asked_for_is_measured(jobs):
    assert [peak["device"] for peak in doctor.examine(DoctorOptions(device="cuda:1"))["peaks"]] == ["cuda:1"]


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cpu:0", "cuda:x", ""])
def test_an_unknown_device_is_a_wrong_request(device, run, jobs):
    done = run("doctor", "--device", device)
    assert done.exit_code == 2
    assert f"--device: {device!r} is not a device" in done.stderr


def test_a_process_that_fails_is_a_finding(run, jobs, monkeypatch):
    def fail(*arguments, **options):
        raise WorkerError("the measuring process stopped")

    monkeypatch.setattr(doctor, "run_alone", fail)
    assert "not measured  the measuring process stopped" in run("doctor").stdout


def test_json_holds_everything_and_nothing_else_is_on_stdout(run, jobs):
    found = json.loads(run("doctor", "--json").stdout)
    assert set(found) == {"environment", "libraries", "snapshot", "threads", "peaks", "disturbances"}
    assert found["peaks"][0]["gflops_per_s"]["float32"] == 182.04
    assert found["peaks"][0]["standing"]["kernels"][2]["bound"] == "memory"
    assert found["snapshot"]["load"] == 3.0
    assert found["libraries"]["torch"] == found["environment"]["torch"]
    assert len(found["disturbances"]) == 2


@pytest.mark.parametrize("width", [80, 120])
def test_the_findings_fit_a_terminal(width, jobs):
    for section in text.sections(doctor.examine(DoctorOptions())):
        assert max(map(len, layout(section.lines, width))) <= width


def test_an_unreadable_machine_is_described_without_gaps(run, jobs, monkeypatch):
    unknown = dict.fromkeys(doctor.environment()) | {"gpus": [], "os": "Plan 9", "architecture": "mips", "python": "3.11.7"}
    monkeypatch.setattr(doctor, "environment", lambda: unknown)
    monkeypatch.setattr(doctor, "snapshot", Snapshot)
    machine = run("doctor").stdout.partition("Software")[0]
    assert "unknown physical, unknown logical" in machine
    assert "None" not in machine
