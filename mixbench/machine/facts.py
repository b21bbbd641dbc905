"""Single facts about this machine from /proc, /sys and the kernel; None if a fact cannot be read.

`root` is the folder that holds /proc and /sys.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

ROOT = Path("/")
_CPUS = "sys/devices/system/cpu"

T = TypeVar("T")


def attempt(read: Callable[[], T]) -> T | None:
    """The result of `read`, or None if it raises: drivers and virtual file systems raise errors of every kind."""
    with suppress(Exception):
        return read()
    return None


def output(*command: str) -> str:
    """What a command prints, stripped; "" if it fails or does not exist."""
    run = attempt(
        lambda: subprocess.run(
            command, capture_output=True, text=True, timeout=10, check=True, env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"}
        )
    )
    return run.stdout.strip() if run else ""


def affinity() -> set[int] | None:
    """The CPUs that this process may run on."""
    return attempt(lambda: os.sched_getaffinity(0))


def commit() -> str:
    """The git commit of the working directory, with "-dirty" if tracked files have changed; "" outside git."""
    # Excluding all tags gives a hash. Untracked files are as likely to be results as code, so they do not count.
    return output("git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def cpu_model(root: Path = ROOT) -> str | None:
    """The name of the processor; on ARM, which gives none, the numbers of implementer and part."""
    facts = {key: value for key, value in reversed(_cpuinfo(root)) if value}
    if "model name" in facts:
        return facts["model name"]
    if "CPU part" in facts:
        return f"implementer {facts.get('CPU implementer')} part {facts['CPU part']}"
    brand = output("sysctl", "-n", "machdep.cpu.brand_string") if platform.system() == "Darwin" else ""
    return brand or platform.processor() or None


def cpu_mhz(root: Path = ROOT) -> float | None:
    """The mean clock of the CPUs."""
    megahertz = [_number(value) for key, value in _cpuinfo(root) if key == "cpu MHz"]
    if not megahertz:
        kilohertz = [_number(_read(file)) for file in (root / _CPUS).glob("cpu[0-9]*/cpufreq/scaling_cur_freq")]
        megahertz = [None if clock is None else clock / 1000 for clock in kilohertz]
    known = [clock for clock in megahertz if clock is not None]
    return sum(known) / len(known) if known else None


def governor(root: Path = ROOT) -> str | None:
    """The frequency governor of the first CPU."""
    return _read(root / _CPUS / "cpu0/cpufreq/scaling_governor")


def turbo(root: Path = ROOT) -> bool | None:
    """Whether the clock may rise above its nominal rate."""
    no_turbo = _flag(_read(root / _CPUS / "intel_pstate/no_turbo"))
    return _flag(_read(root / _CPUS / "cpufreq/boost")) if no_turbo is None else not no_turbo


def smt(root: Path = ROOT) -> bool | None:
    """Whether each physical core runs two or more hardware threads."""
    return _flag(_read(root / _CPUS / "smt/active"))


def core_of(cpu: int, root: Path = ROOT) -> str:
    """A name for the physical core of a CPU, shared by its hardware threads; the CPU's own if the kernel does not say."""
    return _read(root / _CPUS / f"cpu{cpu}/topology/thread_siblings_list") or str(cpu)


def last_level_cache_bytes(root: Path = ROOT) -> int | None:
    """The total size of the last-level caches: only a larger copy goes from memory to memory."""
    caches: dict[tuple[int, str], int] = {}
    for folder in (root / _CPUS).glob("cpu[0-9]*/cache/index[0-9]*"):
        level, size, shared = (_read(folder / name) for name in ("level", "size", "shared_cpu_list"))
        if level and size and size.endswith("K") and shared:
            caches[int(level), shared] = int(size[:-1]) * 1024
    last = max((level for level, _ in caches), default=0)
    return sum(size for (level, _), size in caches.items() if level == last) or None


def virtual(root: Path = ROOT) -> bool | None:
    """Whether this is a virtual machine."""
    if _read(root / "sys/hypervisor/type"):
        return True
    flags = [value.split() for key, value in _cpuinfo(root) if key == "flags"]
    return "hypervisor" in flags[0] if flags else None


def steal_share(root: Path = ROOT) -> float | None:
    """Share of the time since boot, 0 to 1, in which the hypervisor ran other guests while a CPU here had work."""

    def share() -> float:
        # cpu  user nice system idle iowait irq softirq steal guest guest_nice; the guest times are part of user and nice
        ticks = [int(field) for field in (_read(root / "proc/stat") or "").splitlines()[0].split()[1:9]]
        return ticks[7] / sum(ticks)

    return attempt(share)


def cpu_quota(root: Path = ROOT) -> float | None:
    """The CPUs that the tightest control group around this process allows (version 1 or 2); None without a limit."""
    quotas = []
    for line in (_read(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = [*line.split(":", 2), "", ""][:3]
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
        own = mount / path.lstrip("/")
        # inside a container this may be the host's path, of which only parents up to the mount exist here
        for folder in (folder for folder in (own, *own.parents) if folder.is_relative_to(mount)):
            quotas.append(_quota_v1(folder) if controllers else _quota_v2(folder))
    return min((quota for quota in quotas if quota is not None), default=None)


def _quota_v1(folder: Path) -> float | None:
    quota, period = _number(_read(folder / "cpu.cfs_quota_us")), _number(_read(folder / "cpu.cfs_period_us"))
    return quota / period if quota and period and quota > 0 else None


def _quota_v2(folder: Path) -> float | None:
    quota, period = (_number(text) for text in [*(_read(folder / "cpu.max") or "").split(), "", ""][:2])
    return quota / period if quota and period else None


def _cpuinfo(root: Path) -> list[tuple[str, str]]:
    lines = (_read(root / "proc/cpuinfo") or "").splitlines()
    return [(key.strip(), value.strip()) for key, _, value in (line.partition(":") for line in lines)]


def _read(path: Path) -> str | None:
    return attempt(lambda: path.read_text(errors="replace").strip())


def _number(text: str | None) -> float | None:
    return attempt(lambda: float(text or ""))


def _flag(text: str | None) -> bool | None:
    return None if text is None else text == "1"
