"""Facts are read from trees like /proc and /sys that the tests write themselves."""

from __future__ import annotations

from pathlib import Path

import pytest
from repositories import Repository

from mixbench.machine import facts as machine

CPU = "sys/devices/system/cpu"


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    "read",
    [
        machine.cpu_mhz,
        machine.governor,
        machine.turbo,
        machine.smt,
        machine.last_level_cache_bytes,
        machine.virtual,
        machine.steal_share,
        machine.cpu_quota,
    ],
)
def test_what_cannot_be_read_is_none(read, tmp_path):
    assert read(tmp_path / "absent") is None


def test_the_model_is_that_of_the_first_processor(tmp_path):
    write(tmp_path, {"proc/cpuinfo": "processor\t: 0\nmodel name\t: Fast 9000\n\nprocessor\t: 1\nmodel name\t: Slow 1\n"})
    assert machine.cpu_model(tmp_path) == "Fast 9000"


def test_an_arm_processor_is_named_by_its_numbers(tmp_path):
    write(tmp_path, {"proc/cpuinfo": "processor: 0\nCPU implementer: 0x41\nCPU part: 0xd40\n"})
    assert machine.cpu_model(tmp_path) == "implementer 0x41 part 0xd40"


def test_the_clock_is_the_mean_over_cpus(tmp_path):
    write(tmp_path, {"proc/cpuinfo": "cpu MHz : 1000.0\ncpu MHz : 3000.0\n"})
    assert machine.cpu_mhz(tmp_path) == 2000


def test_the_clock_comes_from_cpufreq_where_cpuinfo_has_none(tmp_path):
    write(tmp_path, {f"{CPU}/cpu0/cpufreq/scaling_cur_freq": "2000000\n", f"{CPU}/cpu1/cpufreq/scaling_cur_freq": "1000000\n"})
    assert machine.cpu_mhz(tmp_path) == 1500


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [("intel_pstate/no_turbo", "0", True), ("intel_pstate/no_turbo", "1", False), ("cpufreq/boost", "1", True)],
)
def test_turbo_is_read_from_either_driver(file, text, expected, tmp_path):
    assert machine.turbo(write(tmp_path, {f"{CPU}/{file}": f"{text}\n"})) is expected


@pytest.mark.parametrize(("flags", "expected"), [("fpu hypervisor sse", True), ("fpu sse", False)])
def test_a_virtual_machine_is_known_by_its_flag(flags, expected, tmp_path):
    assert machine.virtual(write(tmp_path, {"proc/cpuinfo": f"flags : {flags}\n"})) is expected


def test_the_steal_share_leaves_guests_out_because_user_time_holds_them(tmp_path):
    write(tmp_path, {"proc/stat": "cpu  40 0 10 40 0 0 0 10 999 999\ncpu0 1 1 1 1 1 1 1 1 1 1\n"})
    assert machine.steal_share(tmp_path) == pytest.approx(0.1)


def test_last_level_caches_are_summed_and_shared_ones_counted_once(tmp_path):
    def cache(cpu: int, index: int, level: int, size: str, shared: str) -> dict[str, str]:
        folder = f"{CPU}/cpu{cpu}/cache/index{index}"
        return {f"{folder}/level": str(level), f"{folder}/size": size, f"{folder}/shared_cpu_list": shared}

    for cpu, shared in ((0, "0-1"), (1, "0-1"), (2, "2-3"), (3, "2-3")):
        write(tmp_path, cache(cpu, 0, 1, "48K", str(cpu)) | cache(cpu, 3, 3, "1024K", shared))
    assert machine.last_level_cache_bytes(tmp_path) == 2 * 2**20


def test_version_2_quota_is_the_tightest_on_the_way_up(tmp_path):
    limits = {"": "400000 100000\n", "outer/": "150000 100000\n", "outer/inner/": "max 100000\n"}
    write(tmp_path, {f"sys/fs/cgroup/{group}cpu.max": limit for group, limit in limits.items()})
    write(tmp_path, {"proc/self/cgroup": "0::/outer/inner\n"})
    assert machine.cpu_quota(tmp_path) == 1.5


def test_version_1_quota_is_found_where_the_path_is_the_hosts(tmp_path):
    cpu = "sys/fs/cgroup/cpu"
    write(
        tmp_path,
        {
            "proc/self/cgroup": "5:memory:/x\n2:cpu,cpuacct:/docker/0815\n",
            f"{cpu}/cpu.cfs_quota_us": "50000",
            f"{cpu}/cpu.cfs_period_us": "100000",
        },
    )
    assert machine.cpu_quota(tmp_path) == 0.5


def test_an_unlimited_version_1_group_has_no_quota(tmp_path):
    cpu = "sys/fs/cgroup/cpu"
    write(tmp_path, {"proc/self/cgroup": "2:cpu:/\n", f"{cpu}/cpu.cfs_quota_us": "-1", f"{cpu}/cpu.cfs_period_us": "100000"})
    assert machine.cpu_quota(tmp_path) is None


@pytest.fixture
def repository(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    made = Repository(tmp_path)
    made.commit("First", {"tracked": "one"})
    made.git("tag", "v1")
    return made


def test_the_commit_is_a_hash_even_at_a_tag(repository):
    assert [machine.commit()] == repository.commits


def test_changed_tracked_files_make_the_commit_dirty_and_new_ones_do_not(repository):
    (repository.path / "results.csv").write_text("new")
    assert not machine.commit().endswith("-dirty")
    (repository.path / "tracked").write_text("two")
    assert machine.commit().endswith("-dirty")


def test_there_is_no_commit_outside_git(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert machine.commit() == ""


def test_a_command_that_does_not_exist_prints_nothing():
    assert machine.output("no-such-command-here") == ""
