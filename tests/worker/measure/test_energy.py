from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from fake_nvml import NVMLError, fake_nvml

from mixbench.worker.measure.energy import Meter, energy_per_call, find_meter

UUID = "6e5d2a52-0000-4711-0815-000000000001"


class Machine:
    """Calls of a fixed length at a fixed power; the counter rises once per `step` seconds."""

    def __init__(self, seconds: float, watts: float, step: float = 0.001) -> None:
        self.now, self.calls, self.synchronized = 0.0, 0, 0
        self.seconds, self.watts, self.step = seconds, watts, step

    def call(self) -> None:
        self.calls += 1
        self.now += self.seconds

    def clock(self) -> float:
        return self.now

    def synchronize(self) -> None:
        self.synchronized += 1

    def meter(self, window: float = 1.0) -> Meter:
        def read() -> tuple[int]:
            return (round(self.now // self.step * self.step * self.watts * 1e6),)

        return Meter("fake", read, 1e-6, (None,), window, self.synchronize)


def package(root: Path, domain: str, name: str, energy: str = "5", wrap: str = "1000") -> Path:
    folder = root / "sys/class/powercap" / domain
    folder.mkdir(parents=True)
    for file, text in {"name": name, "energy_uj": energy, "max_energy_range_uj": wrap}.items():
        (folder / file).write_text(f"{text}\n")
    return folder / "energy_uj"


def found(device: str, root: Path) -> Meter:
    meter = find_meter(device, root=root)
    assert isinstance(meter, Meter), meter
    return meter


def test_energy_per_call_is_power_times_time():
    machine = Machine(seconds=0.004, watts=50)
    assert energy_per_call(machine.call, machine.meter(), clock=machine.clock) == pytest.approx(0.2, rel=0.01)


def test_the_window_of_the_meter_is_filled():
    machine = Machine(seconds=0.3, watts=50, step=0.1)
    energy_per_call(machine.call, machine.meter(window=5.0), clock=machine.clock)
    assert 5.3 <= machine.now < 5.3 + 2 * machine.seconds


def test_fast_calls_run_in_blocks_that_wait_for_the_device_once():
    machine = Machine(seconds=0.0001, watts=50)
    assert energy_per_call(machine.call, machine.meter(), clock=machine.clock) == pytest.approx(0.005, rel=0.01)
    assert machine.synchronized < machine.calls / 50


def test_a_window_under_a_second_is_refused():
    machine = Machine(seconds=0.1, watts=50)
    with pytest.raises(ValueError, match=r"0\.9 s is too short"):
        energy_per_call(machine.call, machine.meter(), clock=machine.clock, window=0.9)
    assert machine.calls == 0


def test_a_counter_that_does_not_move_gives_no_energy():
    machine = Machine(seconds=0.1, watts=0)
    assert energy_per_call(machine.call, machine.meter(), clock=machine.clock) is None


def test_all_packages_are_summed_and_other_domains_left_out(tmp_path):
    first = package(tmp_path, "intel-rapl:0", "package-0")
    second = package(tmp_path, "intel-rapl:1", "package-1")
    package(tmp_path, "intel-rapl:0:0", "core")
    package(tmp_path, "intel-rapl:2", "psys")
    package(tmp_path, "intel-rapl-mmio:0", "package-0")
    meter = found("cpu", tmp_path)
    before = meter.read()
    first.write_text("105\n")
    second.write_text("35\n")
    assert meter.joules(before, meter.read()) == pytest.approx(130e-6)
    assert (meter.name, meter.window) == ("RAPL, 2 packages", 1.0)


def test_a_counter_that_wrapped_is_read_on(tmp_path):
    counter = package(tmp_path, "intel-rapl:0", "package-0", energy="990", wrap="1000")
    meter = found("cpu", tmp_path)
    before = meter.read()
    counter.write_text("20\n")
    assert meter.joules(before, meter.read()) == pytest.approx(30e-6)


def test_a_forbidden_counter_names_the_file_and_the_permission(tmp_path, monkeypatch):
    counter = package(tmp_path, "intel-rapl:0", "package-0")
    read_text = Path.read_text

    def refuse(path: Path) -> str:
        if path == counter:
            raise PermissionError(13, "Permission denied", str(path))
        return read_text(path)

    monkeypatch.setattr(Path, "read_text", refuse)
    assert find_meter("cpu", root=tmp_path) == f"{counter} is readable by root only; allow it with: sudo chmod a+r {counter}"


def test_a_counter_that_is_no_number_is_named(tmp_path):
    counter = package(tmp_path, "intel-rapl:0", "package-0", energy="busy")
    assert str(find_meter("cpu", root=tmp_path)).startswith(f"{counter} cannot be read")


def test_a_machine_without_counters_says_where_it_looked(tmp_path):
    assert f"{tmp_path}/sys/class/powercap/intel-rapl:*" in str(find_meter("cpu", root=tmp_path))


@pytest.fixture
def gpus(monkeypatch) -> Callable[[str], None]:
    """torch sees one GPU, whatever its index, with this UUID."""
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=UUID))


@pytest.mark.usefixtures("gpus")
def test_a_gpu_is_found_by_its_uuid_and_counts_millijoules():
    readings = iter([0, 4_000, 9_000])
    library = fake_nvml(
        nvmlDeviceGetHandleByUUID=lambda uuid: f"handle of {uuid}",
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: next(readings),
    )
    meter = find_meter("cuda:0", library=library)
    assert isinstance(meter, Meter)
    assert meter.joules(meter.read(), meter.read()) == pytest.approx(5.0)
    assert meter.window == 5.0
    assert ("nvmlDeviceGetTotalEnergyConsumption", f"handle of GPU-{UUID}") in library.asked


@pytest.mark.usefixtures("gpus")
def test_an_old_gpu_has_no_meter_and_says_so():
    library = fake_nvml(nvmlDeviceGetHandleByUUID="handle", nvmlDeviceGetTotalEnergyConsumption=NVMLError("Not Supported"))
    assert find_meter("cuda", library=library) == "NVML has no energy counter for cuda: Not Supported"


def test_without_a_gpu_there_is_no_meter_but_a_reason(monkeypatch):
    def missing(device):
        raise RuntimeError("no GPU")

    monkeypatch.setattr(torch.cuda, "get_device_properties", missing)
    assert str(find_meter("cuda", library=fake_nvml())).startswith("NVML has no energy counter for cuda: ")
