from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import mixbench
from mixbench.machine import facts as machine
from mixbench.machine.environment import environment, physical_cores, snapshot, sources_hash

CPU = "sys/devices/system/cpu"


def siblings(root: Path, *groups: str) -> Path:
    """A topology in which the CPUs of a group like "0,2" are hardware threads of one core."""
    for group in groups:
        for cpu in group.split(","):
            path = root / CPU / f"cpu{cpu}/topology/thread_siblings_list"
            path.parent.mkdir(parents=True)
            path.write_text(f"{group}\n")
    return root


@pytest.fixture
def package(tmp_path):
    package = tmp_path / "checkout" / "mixbench"
    (package / "mixers").mkdir(parents=True)
    (package / "rows.py").write_text("A = 1\n")
    (package / "mixers" / "none.py").write_text("B = 1\n")
    return package


def test_the_environment_is_json_and_the_same_twice():
    assert json.loads(json.dumps(environment())) == environment()


def test_the_environment_holds_the_versions_that_run():
    found = environment()
    assert found["mixbench"] == mixbench.__version__
    assert found["torch"]
    assert found["numpy"]


def test_only_what_is_stable_is_in_the_environment():
    machine = {"cpu", "physical_cores", "logical_cores", "memory_gib", "os", "architecture", "gpus", "gpu_driver", "cuda"}
    assert set(environment()) == machine | {"python", "torch", "numpy", "mixbench", "sources"}


def test_the_environment_of_an_unreadable_machine_still_stands(tmp_path):
    assert environment(tmp_path / "absent")["architecture"]


def test_changed_code_is_another_environment(package):
    before = environment(package=package)["sources"]
    (package / "mixers" / "none.py").write_text("B = 2\n")
    assert environment(package=package)["sources"] != before


def test_moved_code_is_another_environment(package):
    before = sources_hash(package)
    (package / "mixers" / "none.py").rename(package / "none.py")
    assert sources_hash(package) != before


def test_touching_files_and_writing_others_changes_nothing(package):
    before = sources_hash(package)
    os.utime(package / "rows.py", (0, 0))
    (package / "notes.txt").write_text("irrelevant")
    assert sources_hash(package) == before


def test_an_installed_release_is_known_by_its_version_alone(package):
    installed = package.parent.rename(package.parent.with_name("site-packages")) / "mixbench"
    assert environment(package=installed)["sources"] is None


def test_the_snapshot_of_an_unreadable_machine_is_empty_where_it_must_be(tmp_path):
    seen = snapshot(tmp_path / "absent")
    assert (seen.cpu_mhz, seen.governor, seen.turbo, seen.virtual, seen.steal_share, seen.cpu_quota) == (None,) * 6


def test_without_load_memory_or_affinity_the_snapshot_still_stands(monkeypatch):
    def refuse(*arguments):
        raise OSError

    monkeypatch.setattr("os.getloadavg", refuse)
    monkeypatch.setattr("psutil.virtual_memory", refuse)
    monkeypatch.setattr("psutil.swap_memory", refuse)
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    seen = snapshot()
    assert (seen.load, seen.available_mib, seen.swap_used_mib, seen.usable_cpus) == (None,) * 4
    assert physical_cores() >= 1


def test_thread_settings_are_listed_and_others_are_not(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("OMP_", "MKL_", "KMP_", "GOMP_", "OPENBLAS_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("MKL_DYNAMIC", "FALSE")
    monkeypatch.setenv("COMP_WORDS", "3")
    assert snapshot().thread_variables == (("MKL_DYNAMIC", "FALSE"), ("OMP_NUM_THREADS", "1"))


def test_hardware_threads_of_a_core_count_once(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "affinity", lambda: {0, 1, 2, 3})
    assert physical_cores(siblings(tmp_path, "0,2", "1,3")) == 2


def test_cores_outside_the_affinity_do_not_count(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "affinity", lambda: {0, 2})
    assert physical_cores(siblings(tmp_path, "0,2", "1,3")) == 1


def test_every_cpu_is_a_core_where_the_topology_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "affinity", lambda: {0, 1, 2})
    assert physical_cores(tmp_path) == 3


@pytest.mark.parametrize(("quota", "expected"), [(None, 4), (2.5, 2), (0.5, 1), (64.0, 4)])
def test_the_quota_limits_the_cores_to_at_least_one(quota, expected, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "affinity", lambda: {0, 1, 2, 3})
    monkeypatch.setattr(machine, "cpu_quota", lambda root: quota)
    assert physical_cores(tmp_path) == expected
