"""What will disturb a measurement on this machine, why, and what to do about it: rules applied to a snapshot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mixbench.machine.environment import Snapshot
from mixbench.machine.gpu import GpuSnapshot
from mixbench.machine.neighbours import Neighbour, in_words

BUSY_LOAD = 0.5
"""Load average over one minute from which the machine counts as busy."""
LITTLE_MEMORY_MIB = 2048
NOTICEABLE_STEAL = 0.005
HOT_C = 80

Seen = TypeVar("Seen", Snapshot, GpuSnapshot)


_TAKE = "Other processes take cores, cache and memory bandwidth."


@dataclass(frozen=True)
class Disturbance:
    """What was found, why it disturbs measurements, and what to do about it."""

    what: str
    why: str
    mend: str


@dataclass(frozen=True)
class _Rule(Generic[Seen]):
    """`seen` says in words what was found, or "" if nothing is wrong or nothing is known."""

    seen: Callable[[Seen], str]
    why: str
    mend: str


def disturbances(snapshot: Snapshot, others: Sequence[Neighbour] = ()) -> list[Disturbance]:
    """Everything in the snapshot, and of the neighbours, that is known to disturb measurements."""
    busy = [Disturbance(in_words(others, snapshot.logical_cpus), _TAKE, "Stop it, or leave cores free for it with --threads.")]
    machine = busy if others else []
    machine += [Disturbance(seen, rule.why, rule.mend) for rule in _RULES if (seen := rule.seen(snapshot))]
    gpus = [
        Disturbance(f"GPU {gpu.index} {seen}", rule.why, rule.mend.format(index=gpu.index, limit=gpu.default_power_limit_w))
        for gpu in snapshot.gpus
        for rule in _GPU_RULES
        if (seen := rule.seen(gpu))
    ]
    return machine + gpus


def _variables(s: Snapshot) -> str:
    return ", ".join(f"{name}={value}" for name, value in s.thread_variables)


def _affinity(s: Snapshot) -> str:
    if s.usable_cpus is None or s.logical_cpus is None or s.usable_cpus >= s.logical_cpus:
        return ""
    return f"this process may use {s.usable_cpus} of {s.logical_cpus} CPUs"


def _little_memory(s: Snapshot) -> str:
    if s.available_mib is None or s.available_mib >= LITTLE_MEMORY_MIB:
        return ""
    return f"only {s.available_mib:.0f} MiB of memory is available"


def _power_limit(gpu: GpuSnapshot) -> str:
    if gpu.power_limit_w is None or gpu.default_power_limit_w is None or gpu.power_limit_w >= gpu.default_power_limit_w:
        return ""
    return f"is limited to {gpu.power_limit_w:.0f} W, by default {gpu.default_power_limit_w:.0f} W"


_RULES: tuple[_Rule[Snapshot], ...] = (
    _Rule(
        lambda s: f"load is {s.load:.1f}" if s.load is not None and s.load >= BUSY_LOAD else "",
        _TAKE,
        "Stop them (`top` shows them), or wait a minute if they have just ended.",
    ),
    _Rule(
        lambda s: f"the hypervisor took {s.steal_share:.1%} of the time" if (s.steal_share or 0) >= NOTICEABLE_STEAL else "",
        "Stolen time counts as wall time.",
        "Compare CPU times and ratios within a launch; raise --launches; use a dedicated machine for wall times.",
    ),
    _Rule(
        lambda s: "this is a virtual machine" if s.virtual else "",
        "Caches, memory bandwidth and clocks are shared with other guests, which cannot be seen from here.",
        "Trust ratios more than times; measure times for publication on a physical machine.",
    ),
    _Rule(
        lambda s: f"the clock governor is {s.governor}" if s.governor not in (None, "performance") else "",
        "The clock follows the load, so short measurements start slowly.",
        "sudo cpupower frequency-set --governor performance",
    ),
    _Rule(
        lambda s: "turbo is on" if s.turbo else "",
        "The clock depends on heat and on how many cores are busy.",
        "echo 1 | sudo tee /sys/devices/system/cpu/intel_pstate/no_turbo, elsewhere echo 0 | sudo tee "
        "/sys/devices/system/cpu/cpufreq/boost",
    ),
    _Rule(
        lambda s: "hyper-threading is on" if s.smt else "",
        "Two threads on one core slow each other down.",
        "Keep --threads at the number of physical cores; echo off | sudo tee /sys/devices/system/cpu/smt/control",
    ),
    _Rule(
        lambda s: f"a control group limits this process to {s.cpu_quota:g} CPUs" if s.cpu_quota is not None else "",
        "When threads use up the quota, they are stopped until the scheduler's next period.",
        "Keep --threads at or below the quota, or raise it (docker run --cpus, Kubernetes limits.cpu).",
    ),
    _Rule(
        _affinity,
        "More threads than usable CPUs wait for each other.",
        "Keep --threads at or below that number, or lift the limit (taskset, Slurm's --cpus-per-task).",
    ),
    _Rule(
        lambda s: f"thread settings are in the environment: {_variables(s)}" if s.thread_variables else "",
        "They change how operators use threads, and may be missing in another shell.",
        "Unset them and give --threads.",
    ),
    _Rule(
        lambda s: f"{s.swap_used_mib:.0f} MiB of swap is in use" if s.swap_used_mib else "",
        "Swapped memory is read back from the disk in the middle of a measurement.",
        "Close what fills the memory, then sudo swapoff -a && sudo swapon -a",
    ),
    _Rule(
        _little_memory,
        "Large shapes run out of memory or are swapped out.",
        "Close what fills the memory, or measure smaller shapes.",
    ),
)

_GPU_RULES: tuple[_Rule[GpuSnapshot], ...] = (
    _Rule(
        lambda gpu: f"runs {gpu.processes} other process{'es' if gpu.processes > 1 else ''}" if gpu.processes else "",
        "They use the GPU's time, memory and power.",
        "Stop them (`nvidia-smi` shows them), or choose another GPU with CUDA_VISIBLE_DEVICES.",
    ),
    _Rule(
        lambda gpu: "has persistence mode off" if gpu.persistence is False else "",
        "The driver unloads between launches, and each first call waits for it.",
        "sudo nvidia-smi --id {index} --persistence-mode 1",
    ),
    _Rule(
        _power_limit,
        "Under load the clock drops to stay below the limit.",
        "sudo nvidia-smi --id {index} --power-limit {limit:.0f}",
    ),
    _Rule(
        lambda gpu: f"is at {gpu.temperature_c} °C" if (gpu.temperature_c or 0) >= HOT_C else "",
        "A hot GPU lowers its clock.",
        "Let it cool down; check its fans and the room's ventilation.",
    ),
)
