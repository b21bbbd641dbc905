"""Mixers are held to their contract before they are timed, once per code and configuration.

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

from mixbench.errors import RequestError
from mixbench.execution import Died, Finished
from mixbench.machine.folders import cache_folder
from mixbench.mixers.choice import ChosenMixer
from mixbench.parsing.canonical import read_object
from mixbench.studies.contract_jobs import LONGER, contract_job

TOKENS = 9
_WIDTHS = (8, 16, 32, 64, 128)
_USUAL = 64
"""The width for mixers of which no constraint is known."""
DOUBTFUL = (
    "gives finite numbers",
    "is deterministic in evaluation mode",
    "does not depend on earlier calls",
    "keeps the sequences of a batch apart",
    "is causal",
    "steps equal forward",
    "continues after a prefill",
)
"""The checks for mixers that are not built in. That the shape and the dtype are kept is seen where a mixer is timed."""
_LIMIT = 20.0
"""Seconds that these checks may take; a mixer that takes longer is not checked again."""
Verify = Callable[[Mapping[str, Any], float], Finished | Died]
"""Makes a process call `verify_job`, for at most so many seconds."""


@dataclass
class Contract:
    """The first check that each mixer fails, "" for none, by its name and config; kept in the user's cache by environment."""

    environment: str
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """Where they are kept."""
        return cache_folder() / "verified" / f"{self.environment}.json"

    def read(self) -> None:
        """Read what is kept; nothing where that cannot be read."""
        with suppress(OSError, ValueError):
            self.faults = {name: str(fault) for name, fault in read_object(self.file.read_bytes()).items()}

    def unknown(self, mixers: Iterable[ChosenMixer]) -> list[ChosenMixer]:
        """The mixers that have not been verified, of those that a CPU can run."""
        return [m for m in mixers if not (m.unsupported or m.lacks("cpu") or key(m) in self.faults)]

    def verify(self, mixers: Iterable[ChosenMixer], verify: Verify, timeout: float) -> None:
        """Verify mixers at a small shape, and keep the result: the built-in ones in one process, each other in its own.

        A process that dies says nothing of its mixers.
        """
        jobs = [(mixer, job) for mixer in mixers for job in _small_job(mixer)]
        if built_in := [(mixer, job) for mixer, job in jobs if mixer.entry]:
            self._verify(built_in, verify, timeout)
        for mixer, job in jobs:
            if not mixer.entry:
                self.faults[key(mixer)] = ""
                self._verify([(mixer, job | {"checks": DOUBTFUL})], verify, min(timeout, _LIMIT))
        if jobs:
            self._keep()

    def _verify(self, jobs: Sequence[tuple[ChosenMixer, Mapping[str, Any]]], verify: Verify, timeout: float) -> None:
        outcome = verify({"mixers": [job for _, job in jobs]}, timeout)
        if isinstance(outcome, Died):
            return
        for mixer, job in jobs:
            checks = outcome.result[job["name"]]
            # one that is not built in may rightly refuse the small shape
            counted = [check for check in checks if mixer.entry or check["name"] in DOUBTFUL]
            failed = (f"{check['name']}: {check['detail']}" for check in counted if check["outcome"] == "fail")
            self.faults[key(mixer)] = next(failed, "")

    def _keep(self) -> None:
        with suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            written = self.file.with_suffix(f".{os.getpid()}")
            written.write_text(json.dumps(self.faults))
            written.replace(self.file)


def key(mixer: ChosenMixer) -> str:
    """The name and config of a mixer as one text."""
    return f"{mixer.name} {mixer.config}"


def _small_job(mixer: ChosenMixer) -> list[dict[str, Any]]:
    for width in _WIDTHS if mixer.entry else (_USUAL,):
        with suppress(RequestError):
            return [contract_job(mixer, tokens=TOKENS, width=width, device="cpu", longer=LONGER if mixer.entry else TOKENS)]
    return []
