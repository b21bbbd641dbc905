"""Mixers are held to their contract before they are timed, once per code, configuration and device.

A built-in one must pass every check, also over several chunks. Of others, those checks are made whose failure makes a
measurement doubtful.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mixbench.errors import RequestError, one_line
from mixbench.execution import Died, Finished
from mixbench.machine.folders import cache_folder
from mixbench.mixers.choice import ChosenMixer
from mixbench.parsing.canonical import read_object
from mixbench.studies.contract_jobs import LONGER, at_once, contract_job

TOKENS = 9
_WIDTHS = (8, 16, 32, 64, 128)
_USUAL = 64
"""The width for mixers of which no constraint is known."""
_HALF = "computes about the same in "
DOUBTFUL = (
    "gives finite numbers",
    "is deterministic in evaluation mode",
    "does not depend on earlier calls",
    "keeps the sequences of a batch apart",
    "is causal",
    "steps equal forward",
    "continues after a prefill",
    *(f"{_HALF}{dtype}" for dtype in ("bfloat16", "float16")),
)
"""The checks for mixers that are not built in. That the shape and the dtype are kept is seen where a mixer is timed."""
_LIMITS = {True: 20.0, False: 60.0}
"""Seconds that these checks may take, on a CPU and on a GPU, where processes start side by side."""
Subject = tuple[ChosenMixer, str]
"""A mixer and the device that it is timed on."""
Verify = Callable[[Sequence[Mapping[str, Any]], float, int], Iterable[Finished | Died]]
"""Makes a process call `verify_job` for each of some jobs, for at most so many seconds each, and so many at once."""
_Jobs = list[tuple[ChosenMixer, str, dict[str, Any]]]
"""Those of one process."""


@dataclass
class Contract:
    """The first check that each mixer fails, "" for none, by `key`; kept in the user's cache by environment."""

    environment: str
    faults: dict[str, str] = field(default_factory=dict)
    unverified: set[str] = field(default_factory=set)
    """Those whose process ended without a verdict; they are not kept."""

    @property
    def file(self) -> Path:
        """Where they are kept."""
        return cache_folder() / "verified" / f"{self.environment}.json"

    def read(self) -> None:
        """Read what is kept; nothing where that cannot be read."""
        with suppress(OSError, ValueError):
            self.faults = {name: str(fault) for name, fault in read_object(self.file.read_bytes()).items()}

    def unknown(self, subjects: Iterable[Subject]) -> list[Subject]:
        """Those that have not been verified, of the mixers that their device can run."""
        known = {*self.faults, *self.unverified}
        return [(m, device) for m, device in subjects if not (m.unsupported or m.lacks(device) or key(m, device) in known)]

    def verify(self, subjects: Iterable[Subject], verify: Verify, timeout: float) -> list[str]:
        """Verify mixers at a small shape, and keep the result; returns a line for each process that gave none.

        On a CPU the built-in mixers share a process, and each other mixer has its own. On a GPU each mixer has its own, several
        at a time; one that fails is verified again, alone: beside others, memory may be short.
        """
        jobs = [(mixer, device, job) for mixer, device in subjects for job in _small_job(mixer, device)]
        told: list[str] = []
        for device in dict.fromkeys(device for _, device, _ in jobs):
            on_cpu = device == "cpu"
            built_in = [each for each in jobs if each[1] == device and each[0].entry]
            own = [[(m, on, job | {"checks": DOUBTFUL})] for m, on, job in jobs if on == device and not m.entry]
            together = [built_in] if on_cpu else [[each] for each in built_in]
            side_by_side = 1 if on_cpu else at_once(device)
            told += self._verify([each for each in together if each], verify, timeout, side_by_side)
            told += self._verify(own, verify, min(timeout, _LIMITS[on_cpu]), side_by_side)
        if jobs:
            self._keep()
        return told

    def _verify(self, processes: list[_Jobs], verify: Verify, timeout: float, side_by_side: int) -> list[str]:
        told, again = [], []
        asked = [{"mixers": [job for *_, job in jobs]} for jobs in processes]
        for jobs, outcome in zip(processes, verify(asked, timeout, side_by_side) if asked else (), strict=True):
            result = None if isinstance(outcome, Died) else outcome.result
            faults = {key(m, device): _fault(m, result[job["name"]]) for m, device, job in jobs} if result else {}
            ended_early = isinstance(outcome, Died) and outcome.cause != "timeout"
            if side_by_side > 1 and (ended_early or any(faults.values())):
                again.append(jobs)
            elif isinstance(outcome, Died):
                self.unverified |= {key(mixer, device) for mixer, device, _ in jobs}
                told.append(_not_verified(jobs, outcome))
            else:
                self.faults |= faults
        return told + (self._verify(again, verify, timeout, 1) if again else [])

    def _keep(self) -> None:
        with suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            written = self.file.with_suffix(f".{os.getpid()}")
            lasting = {name: fault for name, fault in self.faults.items() if not fault.startswith("runs:")}
            written.write_text(json.dumps(lasting))
            written.replace(self.file)


def key(mixer: ChosenMixer, device: str = "cpu") -> str:
    """The name and config of a mixer as one text, and the device unless it is the CPU."""
    return " ".join([mixer.name, mixer.config, *([device] if device != "cpu" else [])])


def concerns(fault: str, dtype: str) -> bool:
    """Whether what a mixer fails makes a measurement in a dtype doubtful: a fault in half precision only there."""
    return not fault.startswith(_HALF) or fault.startswith(f"{_HALF}{dtype}:")


def _fault(mixer: ChosenMixer, checks: Iterable[Mapping[str, str]]) -> str:
    """The first check that fails, or ""; a mixer that is not built in may rightly refuse the small shape."""
    counted = (check for check in checks if mixer.entry or check["name"] in DOUBTFUL)
    return next((f"{check['name']}: {check['detail']}" for check in counted if check["outcome"] == "fail"), "")


def _not_verified(jobs: _Jobs, outcome: Died) -> str:
    names, device = ", ".join(mixer.label for mixer, *_ in jobs), jobs[0][1]
    return f"not verified{'' if device == 'cpu' else f' on {device}'}: {names} ({one_line(outcome.detail)}): timed all the same"


def _small_job(mixer: ChosenMixer, device: str) -> list[dict[str, Any]]:
    for width in _WIDTHS if mixer.entry else (_USUAL,):
        with suppress(RequestError):
            return [contract_job(mixer, tokens=TOKENS, width=width, device=device, longer=LONGER if mixer.entry else TOKENS)]
    return []
