"""Descriptions of this machine and its software: what is stable (`environment`), and their present state (`snapshot`).

Whatever cannot be read is None; nothing here raises. `root` is the folder that holds /proc and /sys.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from mixbench.machine import facts as machine
from mixbench.machine.facts import ROOT, attempt
from mixbench.machine.gpu import GpuSnapshot, gpu_environment, gpu_snapshots
from mixbench.version import __version__

PACKAGE = Path(__file__).parents[1]
MACHINE_KEYS = ("cpu", "physical_cores", "logical_cores", "memory_gib", "architecture", "gpus")
"""The keys of an environment that describe the machine; all others describe the software."""
VERSION_KEYS = ("mixbench", "sources", "torch")
"""The keys of an environment that training scores depend on; they do not depend on the machine."""
_INSTALLED = ("site-packages", "dist-packages")
_THREAD_VARIABLE = re.compile(r"(OMP|GOMP|KMP|MKL|OPENBLAS)_")


@dataclass(frozen=True)
class Snapshot:
    """What varies from run to run. `load` is over one minute, `steal_share` (0 to 1) since boot, `cpu_quota` in CPUs.

    This process may use `usable_cpus` of the `logical_cpus`. `commit` is "" outside a git repository.
    """

    load: float | None = None
    available_mib: float | None = None
    swap_used_mib: float | None = None
    cpu_mhz: float | None = None
    governor: str | None = None
    turbo: bool | None = None
    smt: bool | None = None
    virtual: bool | None = None
    steal_share: float | None = None
    cpu_quota: float | None = None
    usable_cpus: int | None = None
    logical_cpus: int | None = None
    thread_variables: tuple[tuple[str, str], ...] = ()
    commit: str = ""
    gpus: tuple[GpuSnapshot, ...] = ()


def environment(root: Path = ROOT, package: Path = PACKAGE) -> dict[str, Any]:
    """The stable facts: measurements in equal environments may be pooled.

    `sources` is a hash of the package's code if it runs from a checkout, so that changed code is always measured again.
    """
    memory = attempt(lambda: psutil.virtual_memory().total)
    return {
        "cpu": machine.cpu_model(root),
        "physical_cores": attempt(lambda: psutil.cpu_count(logical=False)),
        "logical_cores": os.cpu_count(),
        "memory_gib": None if memory is None else round(memory / 2**30),
        "os": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "torch": _version("torch"),
        "numpy": _version("numpy"),
        "mixbench": __version__,
        "sources": None if package.parent.name in _INSTALLED else sources_hash(package),
        **gpu_environment(),
    }


def machine_part(content: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an environment that describes the machine: times are compared only if it is equal."""
    return {name: content.get(name) for name in MACHINE_KEYS}


def version_part(content: Mapping[str, Any]) -> dict[str, Any]:
    """The part of an environment that training scores depend on: scores are united only if it is equal."""
    return {name: content.get(name) for name in VERSION_KEYS}


def snapshot(root: Path = ROOT) -> Snapshot:
    """The present state of the machine."""
    swap, available = attempt(lambda: psutil.swap_memory().used), attempt(lambda: psutil.virtual_memory().available)
    usable = machine.affinity()
    return Snapshot(
        load=attempt(lambda: os.getloadavg()[0]),
        available_mib=None if available is None else available / 2**20,
        swap_used_mib=None if swap is None else swap / 2**20,
        cpu_mhz=machine.cpu_mhz(root),
        governor=machine.governor(root),
        turbo=machine.turbo(root),
        smt=machine.smt(root),
        virtual=machine.virtual(root),
        steal_share=machine.steal_share(root),
        cpu_quota=machine.cpu_quota(root),
        usable_cpus=None if usable is None else len(usable),
        logical_cpus=os.cpu_count(),
        thread_variables=tuple(sorted(item for item in os.environ.items() if _THREAD_VARIABLE.match(item[0]))),
        commit=machine.commit(),
        gpus=gpu_snapshots(),
    )


def physical_cores(root: Path = ROOT) -> int:
    """Physical cores that this process may use at once, given its affinity and its cgroup's quota; at least 1."""
    usable = machine.affinity()
    if usable is None:
        cores = attempt(lambda: psutil.cpu_count(logical=False)) or os.cpu_count() or 1
    else:
        cores = len({machine.core_of(cpu, root) for cpu in usable})
    return max(1, min(cores, int(machine.cpu_quota(root) or cores)))


def sources_hash(package: Path) -> str | None:
    """A hash of the path and content of every Python file of a package; None if one cannot be read."""

    def digest() -> str:
        total = hashlib.sha256()
        for path in sorted(package.rglob("*.py")):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            total.update(f"{path.relative_to(package).as_posix()} {content}\n".encode())
        return total.hexdigest()[:16]

    return attempt(digest)


def _version(package: str) -> str | None:
    return attempt(lambda: metadata.version(package))


def timestamp() -> str:
    """The time now: UTC, ISO 8601, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
