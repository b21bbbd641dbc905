from __future__ import annotations

import os
import sys

import pytest
from fake_nvml import NVMLError, fake_nvml, process

from mixbench.machine.gpu import gpu_environment, gpu_snapshots, nvml


@pytest.fixture
def install(monkeypatch):
    def install(**answers):
        library = fake_nvml(**answers)
        monkeypatch.setitem(sys.modules, "pynvml", library)
        return library

    return install


def test_without_the_library_there_are_no_gpus(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert gpu_snapshots() == ()
    assert gpu_environment() == {"gpus": [], "gpu_driver": None, "cuda": None}


def test_without_a_driver_there_are_no_gpus(install):
    library = install()
    library.nvmlInit = lambda: (_ for _ in ()).throw(NVMLError("Library Not Found"))
    assert gpu_snapshots() == ()


def test_models_driver_and_cuda_are_named(install):
    install(gpus=2, nvmlDeviceGetName="H100", nvmlSystemGetDriverVersion="580.1", nvmlSystemGetCudaDriverVersion_v2=12080)
    assert gpu_environment() == {"gpus": ["H100", "H100"], "gpu_driver": "580.1", "cuda": "12.8"}


def test_what_a_gpu_does_not_support_is_none(install):
    install(nvmlDeviceGetName="GeForce")
    (gpu,) = gpu_snapshots()
    assert (gpu.name, gpu.index) == ("GeForce", 0)
    assert (gpu.processes, gpu.persistence, gpu.power_limit_w, gpu.temperature_c) == (None, None, None, None)


def test_this_process_is_not_among_the_others(install):
    install(nvmlDeviceGetComputeRunningProcesses=[process(os.getpid()), process(1)])
    assert gpu_snapshots()[0].processes == 1


def test_power_is_in_watts_and_persistence_a_flag(install):
    install(
        nvmlDeviceGetPowerManagementLimit=300_000,
        nvmlDeviceGetPowerManagementDefaultLimit=700_000,
        nvmlDeviceGetPersistenceMode=0,
        nvmlDeviceGetTemperature=45,
        nvmlDeviceGetClockInfo=1980,
    )
    (gpu,) = gpu_snapshots()
    assert (gpu.power_limit_w, gpu.default_power_limit_w) == (300, 700)
    assert gpu.persistence is False
    assert (gpu.temperature_c, gpu.sm_clock_mhz) == (45, 1980)


def test_the_library_is_closed_again_even_after_an_error(install):
    library = install()
    opened = []

    def fail():
        with nvml() as found:
            opened.append(found.open)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert opened == [1]
    assert library.open == 0
