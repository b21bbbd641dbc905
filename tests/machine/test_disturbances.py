from __future__ import annotations

from dataclasses import replace

import pytest

from mixbench.machine.disturbances import disturbances
from mixbench.machine.environment import Snapshot
from mixbench.machine.gpu import GpuSnapshot

QUIET_GPU = GpuSnapshot(0, "H100", 0, 1980, 1980, True, 700.0, 700.0, 40)
QUIET = Snapshot(
    load=0.1,
    available_mib=64_000.0,
    swap_used_mib=0.0,
    cpu_mhz=3000.0,
    governor="performance",
    turbo=False,
    smt=False,
    virtual=False,
    steal_share=0.0,
    usable_cpus=8,
    logical_cpus=8,
    gpus=(QUIET_GPU,),
)


def test_a_quiet_machine_has_no_disturbances():
    assert disturbances(QUIET) == []


def test_what_is_not_known_is_not_reported():
    assert disturbances(Snapshot(gpus=(GpuSnapshot(0, "GeForce"),))) == []


@pytest.mark.parametrize(
    ("change", "what", "mend"),
    [
        ({"load": 3.21}, "load is 3.2", "top"),
        ({"steal_share": 0.034}, "3.4% of the time", "ratios"),
        ({"virtual": True}, "virtual machine", "physical machine"),
        ({"governor": "powersave"}, "powersave", "cpupower frequency-set --governor performance"),
        ({"turbo": True}, "turbo", "no_turbo"),
        ({"smt": True}, "hyper-threading", "smt/control"),
        ({"cpu_quota": 1.5}, "1.5 CPUs", "--threads"),
        ({"usable_cpus": 4}, "4 of 8 CPUs", "taskset"),
        ({"thread_variables": (("OMP_NUM_THREADS", "1"),)}, "OMP_NUM_THREADS=1", "Unset"),
        ({"swap_used_mib": 12.0}, "12 MiB of swap", "swapoff"),
        ({"available_mib": 300.0}, "300 MiB of memory", "smaller shapes"),
    ],
)
def test_each_disturbance_of_the_machine_is_named_with_its_mend(change, what, mend):
    (found,) = disturbances(replace(QUIET, **change))
    assert what in found.what
    assert mend in found.mend
    assert found.why


@pytest.mark.parametrize(
    ("change", "what", "mend"),
    [
        ({"processes": 1}, "GPU 1 runs 1 other process", "CUDA_VISIBLE_DEVICES"),
        ({"processes": 2}, "GPU 1 runs 2 other processes", "nvidia-smi"),
        ({"persistence": False}, "GPU 1 has persistence mode off", "--id 1 --persistence-mode 1"),
        ({"power_limit_w": 350.0}, "GPU 1 is limited to 350 W, by default 700 W", "--id 1 --power-limit 700"),
        ({"temperature_c": 88}, "GPU 1 is at 88 °C", "cool"),
    ],
)
def test_each_disturbance_of_a_gpu_is_named_with_its_mend(change, what, mend):
    (found,) = disturbances(replace(QUIET, gpus=(QUIET_GPU, replace(QUIET_GPU, index=1, **change))))
    assert found.what == what
    assert mend in found.mend
